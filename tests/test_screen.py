"""The live call on a terminal: what is drawn, what is only ever added, and the keys."""

from __future__ import annotations

import io
import os
import pty
import sys
import time

import pytest
from rich.console import Console

from tests.roleplay.scripted import SMALL
from voicetrainer.cli.screen import Screen, keys
from voicetrainer.roleplay.events import (
    Decision,
    Ended,
    Fact,
    Heard,
    LineStarted,
    LineStopped,
    MoodChanged,
    Noted,
    Noticed,
    Say,
    Steadiness,
    Word,
)

LONG = "I ordered boots on Monday and paid for next day and stayed at home for two whole days for nothing at all!"


def call() -> list[Fact | Decision]:
    words = tuple(Word(w, 7.0, 8.0) for w in "that sounds frustrating".split())
    return [
        Say(0.0, 1, LONG, "heard", 6.0),
        LineStarted(0.02, 1),
        LineStopped(6.0, 1, cut=False),
        Heard(8.5, 7.0, 8.0, words),
        Noticed(8.5, 1, "empathy", mistake=False, score=0.9, quote="that sounds frustrating"),
        Steadiness(8.5, 1, "tense", 0.5, ("3 semitones above your calm pitch",)),
        MoodChanged(8.5, 1, 6.0, 4.7, "empathy", "felt understood", trust_before=4.0, trust_after=4.4),
        Noted(9.0, "xrun", "0.10 s of your voice were lost."),
        Say(9.0, 2, "Yes. Well.", "owned", 4.7, final=True),
        LineStarted(9.02, 2),
        LineStopped(10.0, 2, cut=True),
        Ended(10.0, "left", "the learner hung up"),
    ]


def console(width: int = 80, *, terminal: bool = True) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=width, height=24, force_terminal=terminal, highlight=False, color_system=None), out


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_lower_lines_fit_and_follow_the_call(width: int) -> None:
    screen = Screen(SMALL, console=console(width)[0])
    for event in call()[:2]:
        screen.event(event)
    with screen:
        screen.tick(3.0, lambda: "that sounds " * 20, played=0.5)
        lines = [line.plain for line in screen.lines()]
        assert all(len(line) <= width for line in lines)
        assert lines[0].startswith("Mrs Carter  ")
        assert len(lines[0].split()) <= 2 + len(LONG.split()) // 2 + 1
        assert lines[1].rstrip().endswith("that sounds")
        assert "6.0 angry" in lines[2]
        assert "0:03" in lines[2] or width < 60
        screen.turn_notes()
        assert any("four four one seven" in line.plain for line in screen.lines())
        screen.pause(True)
        assert width < 80 or "PAUSED" in screen.lines()[2].plain


def test_what_was_said_stays_above() -> None:
    shown, out = console()
    with Screen(SMALL, console=shown) as screen:
        for event in call():
            screen.event(event)
            screen.tick(event.t, lambda: "", played=1.0)
    told = out.getvalue()
    for text in ("boots on Monday", "that sounds frustrating", "✓ empathy", "voice tense", "trust 4 → 4.4", "were lost",
                 "is cut off", "Unfinished"):  # fmt: skip
        assert text in told


def test_plain_only_ever_adds_lines() -> None:
    shown, out = console()
    with Screen(SMALL, plain=True, console=shown) as screen:
        for event in call():
            screen.event(event)
            screen.tick(event.t, lambda: pytest.fail("words are asked for only to be drawn"), played=1.0)
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().count("boots on Monday") == 1


def test_plain_tells_a_pause_and_the_notes_in_words() -> None:
    shown, out = console()
    with Screen(SMALL, plain=True, console=shown) as screen:
        screen.pause(True)
        screen.pause(False)
        screen.turn_notes()
    told = out.getvalue()
    assert "Paused; the space bar goes on." in told and "The call goes on." in told
    assert all(value in told for value in SMALL.facts.values())
    assert "\x1b" not in told


def test_without_feedback_the_course_is_kept_for_the_report() -> None:
    shown, out = console(terminal=False)
    with Screen(SMALL, feedback=False, console=shown) as screen:
        for event in call():
            screen.event(event)
    assert "empathy" not in out.getvalue()
    assert "Mrs Carter is annoyed now." in out.getvalue()


def test_nothing_is_drawn_that_has_not_changed() -> None:
    shown, out = console()
    with Screen(SMALL, console=shown) as screen:
        screen.draw()
        once = len(out.getvalue())
        for _ in range(50):
            screen.draw()
        assert len(out.getvalue()) == once


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal is needed")
def test_keys_are_read_one_by_one_and_the_terminal_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    import termios

    outer, inner = pty.openpty()
    with os.fdopen(inner, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        before = termios.tcgetattr(inner)
        pressed: list[str] = []
        with keys(pressed.append) as works:
            assert works
            os.write(outer, b" rq")
            until = time.monotonic() + 5
            while len(pressed) < 3 and time.monotonic() < until:
                time.sleep(0.02)
        assert pressed == [" ", "r", "q"]
        assert termios.tcgetattr(inner) == before
    os.close(outer)


def test_without_a_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with keys(lambda _: pytest.fail("nothing was pressed")) as works:
        assert not works
