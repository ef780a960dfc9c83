"""A call and its card as they stand on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from voicetrainer.cli.show import Show, hanging
from voicetrainer.roleplay.events import Ended, Fact, Heard, MoodChanged, Noticed, Say, Word


def shown(event: object, width: int = 44) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    Show("Mrs Carter", console=console)(event)  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def said(text: str) -> Fact:
    return Heard(9.0, 5.0, 9.0, tuple(Word(w, 5.0, 6.0) for w in text.split()))


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (
            Say(3.0, 1, "I ordered [boots] on Monday, and nothing has come!", "heard", 6.0),
            ["0:03  Mrs Carter  I ordered [boots] on", " " * 18 + "Monday, and nothing has", " " * 18 + "come!"],
        ),
        (
            said("so you have been waiting in for two whole days"),
            ["0:05  You  so you have been waiting in for", " " * 11 + "two whole days"],
        ),
        (
            Noticed(9.0, 1, "reflect", False, 0.9, "so you have been waiting"),
            ["        ✓ reflecting back  “so you have been", " " * 10 + "waiting”"],
        ),
        (Ended(9.0, "hung_up", "anger reached 10"), ["", "Lost: the customer hung up (anger reached", "10)"]),
    ],
)
def test_a_long_line_goes_on_below_where_it_began(event: object, lines: list[str]) -> None:
    assert shown(event) == lines


def test_an_entry_of_the_ledger_stays_in_its_column() -> None:
    entry = MoodChanged(
        9.0, 1, 6.0, 4.7, "empathy", "felt understood", "that must be", trust_before=4.0, trust_after=4.4
    )
    assert shown(entry, 60) == [
        "        anger    6 → 4.7  █████░░░░░ felt understood  trust",
        " " * 37 + "4 → 4.4",
    ]


def test_no_line_is_lost_on_a_narrow_terminal() -> None:
    console = Console(file=io.StringIO(), width=10, highlight=False)
    hanging(console, "a head that is too long  ", "and a body")
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().split() == "a head that is too long and a body".split()
