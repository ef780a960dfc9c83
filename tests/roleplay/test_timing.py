from __future__ import annotations

from dataclasses import replace

import pytest

from voicetrainer.roleplay.events import (
    Fact,
    Heard,
    LearnerLeft,
    LineStarted,
    LineStopped,
    Silence,
    SpeechStarted,
    Word,
)
from voicetrainer.roleplay.timing import DEAD_AIR, Pause, measure


def line(number: int, start: float, end: float, *, cut: bool = False) -> list[Fact]:
    return [LineStarted(start, number), LineStopped(end, number, cut)]


def heard(start: float, end: float, **more: object) -> Heard:
    return replace(Heard(end + 0.5, start, end, (Word("yes", start, end),)), **more)  # type: ignore[arg-type]


def in_order(*facts: Fact | list[Fact]) -> list[Fact]:
    flat = [f for part in facts for f in (part if isinstance(part, list) else [part])]
    return sorted(flat, key=lambda f: f.t)


POLITE = in_order(
    line(1, 0, 5),
    SpeechStarted(5.4),
    heard(5.4, 9.4),
    line(2, 9.9, 12),
    SpeechStarted(11.9),
    heard(11.9, 14, overlap=0.1),
    line(3, 14.6, 20.6),
    heard(16, 16.3, role="aside", listening=True, overlap=0.3),
    heard(21.6, 23),
    LearnerLeft(24.0, "done"),
)


def test_a_polite_call() -> None:
    timing = measure(POLITE)
    assert timing.learner == pytest.approx(4 + 2.1 + 1.4)
    assert timing.customer == pytest.approx(5 + 2.1 + 6)
    assert timing.share == pytest.approx(7.5 / 20.6, abs=1e-3)
    assert [(r.turn, r.line, r.seconds) for r in timing.reactions] == [(1, 1, 0.4), (2, 2, -0.1), (4, 3, 1.0)]
    assert timing.reaction == 0.4
    assert [(r.turn, r.line, r.seconds) for r in timing.answers] == [(1, 2, 0.5), (2, 3, 0.6)]
    assert [(o.turn, o.kind) for o in timing.overlaps] == [(2, "clash"), (3, "listening")]
    assert timing.overlap == 0.1
    assert timing.dead_air == ()
    assert timing.let_finish == (1, 3)


def test_an_interrupted_line_has_no_reaction_and_was_not_heard_out() -> None:
    timing = measure(
        in_order(
            line(1, 0, 5),
            heard(5.5, 8),
            line(2, 8.5, 13.5, cut=True),
            heard(12.8, 15, role="interruption", overlap=0.7),
        )
    )
    assert [r.line for r in timing.reactions] == [1]
    assert timing.count("interruption") == 1
    assert timing.let_finish == (1,)


def test_dead_air_is_the_wait_for_the_learner() -> None:
    timing = measure(in_order(line(1, 0, 4), heard(4 + DEAD_AIR - 0.1, 9), line(2, 9.5, 12), heard(15.5, 17)))
    assert timing.dead_air == (Pause(12, 3.5),)


def test_dead_air_until_the_customer_asks_and_until_the_call_ends() -> None:
    timing = measure(
        in_order(line(1, 0, 4), Silence(10, 6.0), line(2, 10.1, 11), Silence(17, 6.0), LearnerLeft(18, ""))
    )
    assert timing.dead_air == (Pause(4, 6.1), Pause(11, 6.0))


def test_a_customer_who_hangs_up_leaves_no_dead_air() -> None:
    assert measure(in_order(line(1, 0, 4), heard(4.5, 6), line(2, 6.5, 9), LearnerLeft(20, ""))).dead_air == ()


def test_a_customer_who_broke_in() -> None:
    speech = heard(1, 10, barged=True, yielded=0.4, overlap=0.4)
    timing = measure(in_order(line(1, 0, 0.8), line(2, 9.6, 11), speech))
    assert [(o.kind, o.yielded) for o in timing.overlaps] == [("barged", 0.4)]


def test_a_log_cut_off_in_a_line() -> None:
    timing = measure(in_order(line(1, 0, 4), heard(4.5, 6), [LineStarted(6.5, 2)], [SpeechStarted(8.0)]))
    assert timing.customer == pytest.approx(5.5)


def test_nothing_happened() -> None:
    timing = measure([])
    assert (timing.share, timing.reaction, timing.overlap) == (None, None, 0)
