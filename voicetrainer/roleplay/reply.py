"""What the customer says next: which list of lines the moment calls for, and which line of it.

Lines are chosen so that none is said again within `FRESH` lines while there is any other that fits, and none whose
condition (`Spoken.after`, `Spoken.unless`) does not hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voicetrainer.roleplay.scenario import Scenario, Spoken, Stage
from voicetrainer.roleplay.spoken import spoken

SURE = 0.5
"""How sure it must be before the customer answers to a mistake, or goes to the supervisor, which ends the call."""

AHEAD = 0.75
"""How sure a technique must be to count for a later stage than this one."""

FRESH = 6
"""A line is not said again within this many lines."""

_CALM_DOWN = re.compile(r"\b(calm (yourself )?down|stay calm|keep calm|relax|settle down|chill)\b", re.IGNORECASE)

STOP_WORDS = ("stop the exercise", "stop exercise", "end the exercise", "stop the simulation", "stop the training")
"""What the learner says to end the call at once, whatever the customer does."""

_FIRST = (
    "rude", "blame", "dismissive", "false_apology", "passing", "defensive", "jargon", "hedging", "overpromise",
)  # fmt: skip
"""Mistakes by how much they call for an answer of their own."""


@dataclass(frozen=True)
class Moment:
    """What has just happened, as far as the next line depends on it."""

    interrupted: bool = False
    understood: bool = True
    labels: frozenset[str] = frozenset()
    """What the words showed."""
    sure: frozenset[str] = frozenset()
    """What they showed with a score of at least `SURE`."""
    counted: frozenset[str] = frozenset()
    """Techniques that came at the right time."""
    worn: frozenset[str] = frozenset()
    """Those of them that have been used up."""
    flat: frozenset[str] = frozenset()
    """Techniques that came at the wrong time."""
    late: bool = False
    """It was too late for one of them, and not too early."""
    calm_down: bool = False
    """They were told to calm down."""
    wrong: str = ""
    """The right value of a fact that was said back wrongly."""
    answer: tuple[Spoken, ...] = ()
    """What they tell, when they were asked something they know."""
    asked: int | None = None
    """Which of their answers that is."""
    again: bool = False
    """They have told it already."""
    inquired: bool = False
    """They were asked for a fact that they have no answer to."""
    overdone: bool = False
    handed_on: bool = False
    """A supervisor was brought in when it was right."""
    may_close: bool = False
    """Goodbye was right: limits had been set, and they went on."""
    raised: bool = False
    steadied: bool = False
    moved: bool = False
    """The talk has moved on to another stage."""
    softened: bool = False
    stalled: bool = False


def meets(stage: Stage, label: str, score: float) -> bool:
    """Whether a technique is sure enough to be what a stage needs; what only a later stage needs must be surer."""
    now = any(label in group for group in stage.needs)
    return score >= (SURE if now else AHEAD)


def tells_to_calm_down(words: str) -> bool:
    """Whether words that brushed the customer off were "calm down" or the like."""
    return bool(_CALM_DOWN.search(words))


def stops(text: str) -> bool:
    """Whether the learner says a stop word."""
    said = f" {spoken(text)} "
    return any(f" {words} " in said for words in STOP_WORDS)


def choose(scenario: Scenario, moment: Moment, here: tuple[Spoken, ...]) -> tuple[tuple[Spoken, ...], str]:
    """Lines to choose from, and why these; no reason where the stage simply goes on."""
    reactions = scenario.reactions
    for name, because in _reactions(moment):
        if name == "answer":
            return moment.answer, because
        if name == "here":
            return here, ""
        if name in reactions:
            return reactions[name], because
    return here, ""


def _reactions(m: Moment) -> list[tuple[str, str]]:
    """What the moment calls for, most pressing first."""
    told_again = m.answer and m.again
    calls = [
        (m.interrupted, "interrupting", "interrupted"),
        (m.calm_down, "calm_down", "told to calm down"),
        *((label in m.sure, label, label) for label in _FIRST[:6]),
        (bool(m.wrong), "wrong_summary", "said back wrongly"),
        *((label in m.sure, label, label) for label in _FIRST[6:]),
        (m.raised, "raised_voice", "raised voice"),
        (not m.understood, "unheard", "nothing was understood"),
        (told_again, "asked_again", "was asked again"),
        (bool(m.answer), "answer", "was asked"),
        (m.overdone, "overdone", "words without deeds"),
        ("escalate" in m.flat, "escalate_late" if m.late else "escalate_early", "a supervisor at the wrong time"),
        ("choice" in m.counted - m.worn, "choice", "was given a choice"),
        ("boundary" in m.counted - m.worn, "boundary", "a limit was set"),
        (m.inquired and not m.flat, "question", "was asked what they cannot tell"),
        (m.moved, "here", ""),
        (bool(m.flat), "too_early", "too early"),
        (m.labels == {"backchannel"}, "backchannel", "backchannel"),
        (m.labels == {"greeting"}, "greeting", "greeting"),
        (m.steadied, "steady_voice", "the voice settled"),
        (m.softened, "softened", "softened"),
        (m.stalled, "stalling", "stalling"),
    ]
    return [(name, because) for applies, name, because in calls if applies]


def pick(
    pools: Sequence[Sequence[Spoken]],
    happened: frozenset[str],
    used: Mapping[str, int],
    now: int,
    variation: int,
    *,
    first: bool,
) -> tuple[Spoken, int]:
    """Pick the next line.

    Parameters
    ----------
    pools
        Lists of lines, the most wanted first.
    happened
        What lines may depend on.
    used
        When each line was last said, as the number of the line.
    now
        Lines said so far.
    variation
        Shifts which of equally fresh lines comes first.
    first
        The first line of a list comes first: it is the one that opens a call or a stage.

    Returns
    -------
    The line, and the place of its list among `pools`.
    """
    fitting = [[(i, s) for i, s in enumerate(pool) if s.fits(happened)] for pool in pools]
    for place, lines in enumerate(fitting):
        fresh = [(i, s) for i, s in lines if s.say not in used or now - used[s.say] >= FRESH]
        if fresh:
            size = len(pools[place])

            def order(entry: tuple[int, Spoken], size: int = size) -> tuple[int, bool, int]:
                i, s = entry
                return used.get(s.say, 0), not (first and i == 0), (i + variation) % size

            return min(fresh, key=order)[1], place
    everything = [(used.get(s.say, 0), place, i, s) for place, lines in enumerate(fitting) for i, s in lines]
    _, place, _, chosen = min(everything, key=lambda e: e[:3])
    return chosen, place
