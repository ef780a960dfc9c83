"""Back to the middle of a call, to hold it anew from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.roleplay.scripted import SMALL, Scripted, customer, heard, said
from tests.sessions import record
from voicetrainer.call import TypedLine, hold
from voicetrainer.errors import SessionError
from voicetrainer.recording import Session
from voicetrainer.replay import replay, rewind
from voicetrainer.roleplay.events import Decision, Fact, Heard, LineStarted, Say, SpeechStarted, StillSpeaking

LINES = ["defensive", "empathy", "!probe", "apology ownership", "...", "choice"]
DETECTOR = Scripted()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return record(tmp_path / "2026-11-22-153012-small", LINES)


def go_on(session: Session, turn: int, lines: list[str]) -> list[Fact | Decision]:
    """Hold a call anew from a turn."""
    again = rewind(session, turn, DETECTOR)
    events: list[Fact | Decision] = list(again.events)
    left = iter(lines)
    line = TypedLine(lambda: next(left, None))
    line.t = again.t
    line.say(again.line)
    hold(customer(), line, events.append, begun=again.state)
    return events


def course(events: Sequence[Fact | Decision]) -> list[tuple[object, ...]]:
    """What happens, without the times."""
    keys = ("kind", "text", "label", "rule", "before", "after", "stage", "outcome", "because", "cut", "role")
    return [tuple(getattr(e, key, None) for key in keys) for e in events]


SPOKEN = [x for x in LINES if x != "..."]


@pytest.mark.parametrize("turn", [1, 2, 3, 4, 5])
def test_saying_the_same_again_gives_the_same_call(session: Session, turn: int) -> None:
    kept = [i for i, x in enumerate(LINES) if x != "..."][turn - 1]
    if SPOKEN[turn - 1] == "choice":
        kept = LINES.index("choice")  # the silence before it has happened
    now = go_on(session, turn, LINES[kept:])
    assert course(now) == course(session.events)
    assert [e.t for e in now] == pytest.approx([e.t for e in session.events], abs=0.005)  # from rounded times on


@pytest.mark.parametrize("turn", [1, 2, 3, 4, 5])
def test_what_came_before_is_as_it_was(session: Session, turn: int) -> None:
    again = rewind(session, turn, DETECTOR)
    assert list(again.events) == list(session.events[: len(again.events)])
    assert sum(isinstance(e, Heard) for e in again.events) == turn - 1
    assert again.divergence is None
    assert again.events[-1] == again.line
    assert again.state.turn == turn - 1
    assert again.state.line == again.line.line
    assert again.t == again.line.t


def test_another_answer_leads_elsewhere_and_can_be_replayed(session: Session, tmp_path: Path) -> None:
    events = go_on(session, 1, ["empathy", "apology ownership", "choice"])
    branch = record(tmp_path / "branch", [], events=events)
    assert said(events)[0] == said(session.events)[0]
    assert said(events)[1] != said(session.events)[1]
    assert replay(branch, DETECTOR).divergence is None


def test_the_line_that_was_talked_over_is_said_again_whole(session: Session) -> None:
    again = rewind(session, 3, DETECTOR)
    assert not any(isinstance(e, LineStarted) and e.line == again.line.line for e in again.events)
    assert said(go_on(session, 3, ["probe"]))[2:3] == [again.line.text]


def test_a_turn_that_the_customer_broke_into_goes_back_to_before_it_began(tmp_path: Path) -> None:
    who = customer()
    state, decisions = who.begin()
    events: list[Fact | Decision] = [*decisions, LineStarted(0.1, 1)]
    for fact in (SpeechStarted(5.0), StillSpeaking(30.0, 25.0), replace(heard("probe", 40.0), barged=True)):
        events.append(fact)
        state, more = who.respond(state, fact)
        events += more
    session = record(tmp_path / "s", [], events=events)
    again = rewind(session, 1, DETECTOR)
    assert again.line == next(e for e in session.events if isinstance(e, Say))


@pytest.mark.parametrize(("turn", "words"), [(0, "no turn 0"), (6, "no turn 6, you spoke 5 times"), (99, "no turn 99")])
def test_there_must_be_such_a_turn(session: Session, turn: int, words: str) -> None:
    with pytest.raises(SessionError, match=words):
        rewind(session, turn, DETECTOR)


def test_a_call_without_a_word_has_no_turn(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="you said nothing in it"):
        rewind(record(tmp_path / "s", ["..."]), 1, DETECTOR)


def test_changed_rules_are_told(session: Session) -> None:
    class Deaf(Scripted):
        def detect(self, text: str, context: str = "") -> tuple[()]:
            return ()

    again = rewind(session, 4, Deaf())
    assert again.divergence is not None
    assert again.line.text in [line.say for _, line in SMALL.spoken_lines()]
