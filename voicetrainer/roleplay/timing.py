"""Who spoke when: reaction times, overlaps, dead air and talk share, exactly, from a call's facts.

They are exact because the program knows what it played and when, and when the learner's sounds began and ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Literal

from voicetrainer.roleplay.events import Decision, Fact, Heard, LineStarted, LineStopped, Silence, is_fact, q

DEAD_AIR = 3.0
"""Seconds that the customer waits for an answer before it counts as dead air."""
LONG_LINE = 4.0
"""Seconds of a customer's line that give a learner the chance, and the temptation, to break in."""


@dataclass(frozen=True)
class Reaction:
    """One side took the turn when the other had ended it."""

    t: float
    """When, seconds."""
    turn: int
    """Number of the learner's utterance, from 1, in the order of `Heard`."""
    line: int
    """Number of the customer's line."""
    seconds: float
    """From the last sound of the one to the first of the other; below 0 when it began before that."""


@dataclass(frozen=True)
class Overlap:
    """Both spoke at once."""

    t: float
    """Start of the learner's utterance, seconds."""
    turn: int
    """Number of the learner's utterance."""
    seconds: float
    """Voice of the learner over the customer's."""
    kind: Literal["interruption", "listening", "barged", "clash"]
    """*interruption*: the learner cut the customer off. *listening*: words of listening. *barged*: the customer broke
    in. *clash*: both began at the same time, at the edge of a line, or the learner gave way."""
    yielded: float | None
    """Seconds until the learner gave way; None when there was nothing to yield, or the learner did not."""


@dataclass(frozen=True)
class Pause:
    """Nobody spoke although the learner was to."""

    start: float
    """End of the customer's line, seconds."""
    seconds: float


@dataclass(frozen=True)
class Timing:
    """A call's timing. All in seconds."""

    learner: float
    """Sum of the learner's utterances, pauses within them included, asides left out."""
    customer: float
    """Sum of the customer's lines as far as they were said."""
    reactions: tuple[Reaction, ...]
    """The learner's, to lines that were said to their end."""
    answers: tuple[Reaction, ...]
    """The customer's, to turns of the learner."""
    overlaps: tuple[Overlap, ...]
    dead_air: tuple[Pause, ...]
    """Each wait of `DEAD_AIR` and more for the learner."""
    let_finish: tuple[int, ...]
    """Numbers of the lines of `LONG_LINE` and more that the learner heard to the end without speaking over them, words
    of listening apart, and then answered."""

    @property
    def share(self) -> float | None:
        """The learner's share of all speech, 0 to 1; None when nobody spoke."""
        both = self.learner + self.customer
        return q(self.learner / both) if both else None

    @property
    def reaction(self) -> float | None:
        """Median of the learner's reactions; None without any."""
        return q(median(r.seconds for r in self.reactions)) if self.reactions else None

    @property
    def overlap(self) -> float:
        """Voice of both at once, words of listening left out."""
        return q(sum(o.seconds for o in self.overlaps if o.kind != "listening"))

    def count(self, kind: str) -> int:
        """How many overlaps of a kind there were."""
        return sum(o.kind == kind for o in self.overlaps)


def measure(events: Iterable[Fact | Decision]) -> Timing:
    """Measure a call.

    Parameters
    ----------
    events
        Its facts in order; decisions among them are left out.
    """
    facts = [e for e in events if is_fact(e)]
    lines: list[tuple[int, float, float, bool]] = []  # number, start, end, cut
    started: LineStarted | None = None
    for fact in facts:
        if isinstance(fact, LineStarted):
            started = fact
        elif isinstance(fact, LineStopped) and started is not None:
            lines.append((started.line, started.t, fact.t, fact.cut))
            started = None
    if started is not None:  # the log ends in the middle of it
        lines.append((started.line, started.t, max(f.t for f in facts), True))
    heard = list(enumerate((f for f in facts if isinstance(f, Heard)), start=1))
    taken = [(n, h) for n, h in heard if h.role != "aside"]
    reactions, answers, dead, finished = [], [], [], []
    for i, (number, begin, end, cut) in enumerate(lines):
        following = lines[i + 1][1] if i + 1 < len(lines) else inf
        turn, first = next(((n, h) for n, h in taken if begin < h.start < following and h.end > end), (0, None))
        if first is not None and not cut:
            reactions.append(Reaction(first.start, turn, number, q(first.start - end)))
        spoken_over = any(h.start < end and h.end > begin and not h.listening for _, h in heard)
        if first is not None and not cut and end - begin >= LONG_LINE and not spoken_over:
            finished.append(number)
        sounds = [h.start for _, h in heard if h.start >= end] + [b for _, b, _, _ in lines[i + 1 : i + 2]]
        until = min(sounds, default=max((f.t for f in facts if isinstance(f, Silence) and f.t > end), default=end))
        if until - end >= DEAD_AIR and not any(h.start < end < h.end for _, h in heard):
            dead.append(Pause(end, q(until - end)))
        before = [(n, h) for n, h in taken if h.end <= begin and (i == 0 or h.t > lines[i - 1][1])]
        if before:
            n, h = before[-1]
            answers.append(Reaction(begin, n, number, q(begin - h.end)))
    return Timing(
        learner=q(sum(h.end - h.start for _, h in taken)),
        customer=q(sum(end - begin for _, begin, end, _ in lines)),
        reactions=tuple(reactions),
        answers=tuple(answers),
        overlaps=tuple(Overlap(h.start, n, h.overlap, _kind(h), h.yielded) for n, h in heard if h.overlap > 0),
        dead_air=tuple(dead),
        let_finish=tuple(finished),
    )


def _kind(heard: Heard) -> Literal["interruption", "listening", "barged", "clash"]:
    if heard.barged:
        return "barged"
    if heard.role == "interruption":
        return "interruption"
    return "listening" if heard.listening else "clash"
