"""Calls set against each other: over time (*history*), and as branches of one call (*compare*).

All of them are marked by today's rubric and rules, so that two figures mean the same whenever the calls were held.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from voicetrainer.errors import ScenarioError, SessionError
from voicetrainer.recording import LOG, MAX_LINE, Session, load
from voicetrainer.roleplay import scenario as scenarios
from voicetrainer.roleplay.events import Branch, Ended, Header, Heard, MoodChanged, Noticed, Say, from_json
from voicetrainer.roleplay.rubric import STANDARD
from voicetrainer.roleplay.scenario import Scenario
from voicetrainer.roleplay.scorecard import Scorecard, score
from voicetrainer.roleplay.techniques import TECHNIQUES

LATEST = 200
"""Sessions that are looked at, the newest ones."""
RECENT = 5
"""Calls that count for how somebody does now."""

_DATE = re.compile(r"^(\d{4}-\d{2}-\d{2})-(\d{2})(\d{2})\d{2}-")


@dataclass(frozen=True)
class Step:
    """One turn of the learner, as two branches are held against each other."""

    turn: int
    """Learner's utterance, from 1."""
    said: str
    anger: float
    """The customer's anger after it."""


@dataclass(frozen=True)
class Attempt:
    """One recorded call, judged."""

    name: str
    """Of the session's folder."""
    when: str
    """Date and time as the folder's name tells; empty when it does not."""
    scenario: str
    title: str
    outcome: str
    """As in `Ended`; empty for a call that was cut off."""
    seconds: float
    anger: tuple[float, float]
    """At the start and at the end."""
    steps: tuple[Step, ...]
    card: Scorecard
    techniques: Mapping[str, int]
    """How often each technique was noticed."""
    branch: Branch | None
    """Where it was started anew, if it was."""
    intensity: str
    """How the customer's dial was set."""

    @property
    def scores(self) -> dict[str, int | None]:
        """Points by id of the criterion."""
        return {c.id: c.score for c in self.card.criteria}


def judge(session: Session) -> Attempt:
    """Judge a recorded call by today's rubric.

    Raises
    ------
    ScenarioError
        When this version does not read the scenario that the session holds.
    """
    scenario = _parsed(session.header.scenario_text)
    events = session.events
    anger = start = next((e.anger for e in events if isinstance(e, Say)), scenario.customer.anger)
    steps: list[Step] = []
    for e in events:
        if isinstance(e, Heard):
            steps.append(Step(len(steps) + 1, e.text, anger))
        elif isinstance(e, MoodChanged):
            anger = e.after
            if steps:
                steps[-1] = Step(steps[-1].turn, steps[-1].said, anger)
    name = session.folder.resolve().name
    stamp = _DATE.match(name)
    return Attempt(
        name=name,
        when=f"{stamp[1]} {stamp[2]}:{stamp[3]}" if stamp else "",
        scenario=scenario.id,
        title=scenario.title,
        outcome=next((e.outcome for e in events if isinstance(e, Ended)), ""),
        seconds=session.duration,
        anger=(start, anger),
        steps=tuple(steps),
        card=score(scenario, events),
        techniques=Counter(n.label for n in events if isinstance(n, Noticed) and n.label in TECHNIQUES and n.counted),
        branch=session.header.branch,
        intensity=str(session.header.settings.get("intensity", "normal")),
    )


@lru_cache(maxsize=64)
def _parsed(text: str) -> Scenario:
    return scenarios.parse(text, "the scenario in the session")


def folders(root: Path) -> list[Path]:
    """The session folders in a folder, the oldest first, at most `LATEST` of them (the newest)."""
    if not root.is_dir():
        return []
    return sorted(p.parent for p in root.glob(f"*/{LOG}"))[-LATEST:]


def attempts(
    found: Sequence[Path], tick: Callable[[], object] = lambda: None
) -> tuple[tuple[Attempt, ...], tuple[tuple[str, str], ...]]:
    """Judge the calls in some folders.

    Parameters
    ----------
    found
        Session folders, the oldest first.
    tick
        Called after each of them.

    Returns
    -------
    attempts
        In the same order; without those in which the learner did not say a word.
    skipped
        Name and reason of what could not be read.
    """
    judged, skipped = [], []
    for folder in found:
        try:
            attempt = judge(load(folder))
            if attempt.steps:
                judged.append(attempt)
        except (SessionError, ScenarioError) as error:
            skipped.append((folder.name, error.message.splitlines()[0]))
        tick()
    return tuple(judged), tuple(skipped)


def branches(session: Session) -> list[Path]:
    """The folders beside a session that hold calls started anew from it, the oldest first."""
    own = session.folder.resolve()
    beside = session.folder.parent if session.folder.name else own.parent
    found = []
    for folder in folders(beside):
        branch = _branch_of(folder)
        if branch is not None and branch.session == own.name:
            found.append(folder)
    return found


def _branch_of(folder: Path) -> Branch | None:
    """Where a session branched off, from the first line of its log alone."""
    try:
        with (folder / LOG).open("rb") as log:
            header = from_json(log.readline(MAX_LINE))
    except (OSError, ValueError):
        return None
    return header.branch if isinstance(header, Header) else None


# --------------------------------------------------------------------------------------------------------- over time


@dataclass(frozen=True)
class Line:
    """How one criterion went, over the calls in which it was judged."""

    id: str
    name: str
    scores: tuple[int, ...]
    """The oldest first."""

    @property
    def now(self) -> float:
        """Mean of the last `RECENT`."""
        recent = self.scores[-RECENT:]
        return round(sum(recent) / len(recent), 1)

    @property
    def trend(self) -> str:
        """``rising``, ``falling`` or ``steady``; empty with too few calls to tell."""
        half = min(RECENT, len(self.scores) // 2)
        if half < 2:
            return ""
        late, early = self.scores[-half:], self.scores[-2 * half : -half]
        change = (sum(late) - sum(early)) / half
        return "rising" if change >= 0.5 else "falling" if change <= -0.5 else "steady"


def lines(judged: Sequence[Attempt]) -> tuple[Line, ...]:
    """How each criterion of the standard rubric went; those that were never judged are left out."""
    found = [
        Line(c.id, c.name, tuple(s for a in judged for s in [a.scores.get(c.id)] if s is not None))
        for c in STANDARD.criteria
    ]
    return tuple(line for line in found if line.scores)


@dataclass(frozen=True)
class Practice:
    """What to practise next."""

    criterion: str
    """Its id."""
    name: str
    now: float
    """Mean of the last calls, 1 to 5."""
    scenarios: tuple[str, ...]
    """Ids of the scenarios that train it, the least tried first."""


def practise(judged: Sequence[Attempt], offered: Iterable[Scenario]) -> Practice | None:
    """The criterion that would gain most, by its weight and how it goes now, and which scenarios train it."""
    weights = {c.id: c.weight for c in STANDARD.criteria}
    weak = [line for line in lines(judged) if line.now < 5]
    if not weak:
        return None
    worst = max(weak, key=lambda line: weights[line.id] * (5 - line.now))
    skills = next(c.skills for c in STANDARD.criteria if c.id == worst.id)
    tried = Counter(a.scenario for a in judged)
    won = {a.scenario for a in judged if a.card.passed}
    fitting = [s for s in offered if set(skills) & set(s.trains)]
    fitting.sort(key=lambda s: (s.id in won, tried[s.id], s.difficulty, s.id))
    return Practice(worst.id, worst.name, worst.now, tuple(s.id for s in fitting[:3]))


def bars(values: Sequence[float], low: float, high: float) -> str:
    """A row of small bars, one for each value."""
    steps = "▁▂▃▄▅▆▇█"
    return "".join(steps[max(0, min(7, int((v - low) / (high - low) * 7 + 0.5)))] for v in values)
