"""Calls over time, and branches side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.roleplay.scripted import SMALL, TEXT
from tests.sessions import record
from voicetrainer.progress import (
    LATEST,
    RECENT,
    Attempt,
    Line,
    attempts,
    bars,
    branches,
    folders,
    judge,
    lines,
    practise,
)
from voicetrainer.recording import LOG
from voicetrainer.roleplay.events import Branch

GOOD = ["empathy reflect", "apology ownership", "solution choice"]


def test_a_call_is_judged_by_todays_rubric(tmp_path: Path) -> None:
    attempt = judge(record(tmp_path / "2026-11-22-153012-small", GOOD))
    assert (attempt.name, attempt.when) == ("2026-11-22-153012-small", "2026-11-22 15:30")
    assert (attempt.scenario, attempt.title, attempt.outcome) == ("small", "A small scenario", "resolved")
    assert attempt.anger[0] == 6 and attempt.anger[1] < 3
    assert [s.turn for s in attempt.steps] == [1, 2, 3]
    assert [s.said for s in attempt.steps] == GOOD
    assert attempt.steps[-1].anger == attempt.anger[1] < attempt.steps[0].anger
    assert attempt.techniques["empathy"] == 1 and attempt.techniques["probe"] == 0
    assert attempt.scores["ownership"] == 5
    assert attempt.card.passed


def test_a_folder_with_another_name_has_no_date(tmp_path: Path) -> None:
    assert judge(record(tmp_path / "kept", ["empathy"])).when == ""


def test_what_cannot_be_read_is_skipped_with_its_reason(tmp_path: Path) -> None:
    record(tmp_path / "a", GOOD)
    record(tmp_path / "b", ["..."])  # not a word: no call of the learner's
    record(tmp_path / "c", GOOD, text=TEXT.replace("format: 1", "format: 7"))
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / LOG).write_bytes(b"{}\n")
    (tmp_path / "e").mkdir()  # no session at all
    ticks: list[int] = []
    judged, skipped = attempts(folders(tmp_path), lambda: ticks.append(1))
    assert [a.name for a in judged] == ["a"]
    assert [name for name, _ in skipped] == ["c", "d"]
    assert "reads format 1, not 7" in skipped[0][1]
    assert "not a session's log" in skipped[1][1]
    assert len(ticks) == 4


def test_only_the_newest_are_looked_at(tmp_path: Path) -> None:
    for i in range(LATEST + 3):
        (tmp_path / f"{i:04}").mkdir()
        (tmp_path / f"{i:04}" / LOG).write_bytes(b"{}\n")
    found = folders(tmp_path)
    assert len(found) == LATEST and found[-1].name == f"{LATEST + 2:04}"
    assert folders(tmp_path / "nowhere") == []


def test_branches_are_found_beside_their_call(tmp_path: Path) -> None:
    first = record(tmp_path / "first", GOOD)
    record(tmp_path / "second", GOOD, branch=Branch("first", 2))
    record(tmp_path / "third", GOOD, branch=Branch("second", 1))
    assert [p.name for p in branches(first)] == ["second"]
    assert judge(record(tmp_path / "fourth", GOOD, branch=Branch("first", 1))).branch == Branch("first", 1)


# --------------------------------------------------------------------------------------------------------- over time


@pytest.mark.parametrize(
    ("scores", "now", "trend"),
    [
        ((3,), 3.0, ""),
        ((3, 5, 3), 3.7, ""),
        ((1, 1, 3, 3), 2.0, "rising"),
        ((5, 5, 3, 3), 4.0, "falling"),
        ((3, 3, 3, 3), 3.0, "steady"),
        ((1,) * 20 + (5,) * RECENT, 5.0, "rising"),
    ],
)
def test_now_and_the_trend(scores: tuple[int, ...], now: float, trend: str) -> None:
    line = Line("empathy", "Empathy", scores)
    assert (line.now, line.trend) == (now, trend)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Attempt, ...]:
    record(tmp_path / "1", ["probe", "reflect"])
    record(tmp_path / "2", ["empathy", "apology ownership", "solution choice"])
    return attempts(folders(tmp_path))[0]


def test_each_criterion_over_the_calls_in_which_it_was_judged(two: tuple[Attempt, ...]) -> None:
    found = {line.id: line.scores for line in lines(two)}
    assert found["empathy"] == (1, 4)
    assert "composure" not in found, "there was no voice in either"


def test_what_would_gain_most_is_practised_where_it_is_trained(two: tuple[Attempt, ...]) -> None:
    def scenario(name: str, difficulty: int, *trains: str) -> object:
        return SMALL.model_copy(update={"id": name, "difficulty": difficulty, "trains": trains})

    offered = [
        scenario("hard", 5, "empathy", "probe"),
        scenario("easy", 1, "probe"),
        scenario("other", 1, "boundary"),
        scenario("small", 1, "empathy", "probe", "solution", "choice", "listening"),
    ]
    found = practise(two, offered)  # type: ignore[arg-type]
    assert found is not None
    weights = {c.id: c.weight for c in two[0].card.criteria}
    worst = max(lines(two), key=lambda line: weights[line.id] * (5 - line.now))
    assert (found.criterion, found.name, found.now) == (worst.id, worst.name, worst.now)
    assert found.scenarios[-1] == "small", "tried before, so it comes last"
    assert "other" not in found.scenarios
    assert practise((), offered) is None  # type: ignore[arg-type]


def test_bars() -> None:
    assert bars([1, 3, 5], 1, 5) == "▁▅█"
    assert bars([-5, 500], 0, 100) == "▁█"
    assert bars([], 0, 1) == ""
