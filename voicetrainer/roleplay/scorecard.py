"""The scorecard: what the learner did, criterion by criterion, each score with its evidence.

What is marked and how much it counts is data (`rubric`); how decisions become points are rules (`judging`). A
criterion that could not be judged (no voice, nothing asked) leaves its weight to the others. Auto-fail items fail the
call whatever the total.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from voicetrainer.roleplay.advice import ADVICE, QUESTIONS
from voicetrainer.roleplay.events import Decision, Fact
from voicetrainer.roleplay.judging import CONTEMPT, Call, Evidence, Part, judge
from voicetrainer.roleplay.moments import MissedChance, Moment, costliest, missed, moments, strengths
from voicetrainer.roleplay.rubric import AutoFail, Marking, resolve
from voicetrainer.roleplay.scenario import Scenario

__all__ = [
    "AutoFailed",
    "CriterionScore",
    "Evidence",
    "MissedChance",
    "Moment",
    "Part",
    "Scorecard",
    "marking",
    "score",
]

_THREAT = re.compile(
    r"\b(or else|watch (yourself|it|your mouth)|you(?:'ll| will) (regret|be sorry|see)|"
    r"(?:i(?:'ll| will)|we(?:'ll| will)|i can|we can|going to) (hang up on|cut you off|block|report|sue|blacklist|"
    r"close your account|cancel your|call the police|make sure you never)|last warning|teach you)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class CriterionScore:
    """One line of the scorecard."""

    id: str
    name: str
    weight: int
    score: int | None
    """1 to 5; None when there was nothing to judge."""
    why: str
    """What the score rests on, or why there is none."""
    anchors: Mapping[int, str]
    """What earns 1, 3 and 5."""
    evidence: tuple[Evidence, ...]
    parts: tuple[Part, ...] = ()
    """What it looked at, and what each of it added or took."""
    about: str = ""
    """What it looks at in general."""


@dataclass(frozen=True)
class AutoFailed:
    """An auto-fail item of the rubric, and whether it struck."""

    id: str
    sentence: str
    why: str
    """What shows it, with the words; empty when it did not strike."""


@dataclass(frozen=True)
class Scorecard:
    """The whole card."""

    total: int
    """0 to 100."""
    passed: bool
    pass_mark: int
    auto_fail: str
    """Why the call fails whatever the total; empty when it does not."""
    criteria: tuple[CriterionScore, ...]
    missed: tuple[MissedChance, ...]
    strengths: tuple[Evidence, ...]
    """The entries of the ledger that soothed most."""
    next_time: str
    """One thing to try."""
    questions: tuple[str, ...]
    """For the learner to reflect on."""
    helped: Moment | None = None
    """The turn that helped most."""
    hurt: Moment | None = None
    """The turn that hurt most."""
    auto_fails: tuple[AutoFailed, ...] = ()
    """Every auto-fail item that holds for this call."""


def marking(scenario: Scenario) -> Marking:
    """The rubric that holds for a scenario: the standard one with the scenario's own changes."""
    return resolve(scenario.rubric)


def score(scenario: Scenario, events: Sequence[Fact | Decision], by: Marking | None = None) -> Scorecard:
    """Score a call.

    Parameters
    ----------
    scenario
        The scenario it was held over.
    events
        Its facts and decisions in order, as in the log; a cut-off call is scored as far as it went.
    by
        The rubric to mark by; None for the scenario's own.
    """
    call = Call(scenario, events)
    rubric = by or marking(scenario)
    criteria = tuple(
        CriterionScore(c.id, c.name, c.weight, j.score, j.why, c.anchors, j.evidence, j.parts, c.about)
        for c in rubric.criteria
        for j in [judge(call, c.id)]
    )
    judged = [(c.weight, c.score) for c in criteria if c.score is not None] if call.turns else []
    total = round(sum(w * (s - 1) / 4 for w, s in judged) / max(1, sum(w for w, _ in judged)) * 100)
    fails = tuple(_struck(call, item) for item in rubric.auto_fail)
    auto_fail = next((f.why for f in fails if f.why), "")
    helped, hurt = moments(call)
    return Scorecard(
        total=total,
        passed=total >= rubric.pass_mark and not auto_fail,
        pass_mark=rubric.pass_mark,
        auto_fail=auto_fail,
        criteria=criteria,
        missed=missed(call),
        strengths=strengths(call),
        next_time=_next_time(call, criteria, fails),
        questions=_questions(call),
        helped=helped,
        hurt=hurt,
        auto_fails=fails,
    )


# ------------------------------------------------------------------------------------------------------- auto-fail


def _threat(call: Call) -> str:
    for n in call.some("rude", "blame", "dismissive"):
        said = call.heard[n.turn].text if n.turn in call.heard else n.quote
        if _THREAT.search(said):
            return f"the customer was threatened: “{n.quote}”"
    return ""


def _contempt(call: Call) -> str:
    rude = [n for n in call.some("rude") if n.score >= CONTEMPT]
    return f"contempt or insult: “{max(rude, key=lambda n: n.score).quote}”" if rude else ""


def _hung_up(call: Call) -> str:
    return "the customer hung up" if call.outcome == "hung_up" else ""


def _left(call: Call) -> str:
    # A call that merely ran out of the learner's prepared clips was not ended by anybody.
    if call.ended is None or call.outcome != "left" or "hung up" not in call.ended.because:
        return ""
    return "the call was ended on the customer" if call.turns else ""


_STRIKES: Mapping[str, Callable[[Call], str]] = {
    "contempt": _contempt,
    "threat": _threat,
    "hung_up": _hung_up,
    "left": _left,
}


def _struck(call: Call, item: AutoFail) -> AutoFailed:
    return AutoFailed(item.id, item.sentence, _STRIKES[item.id](call))


# ------------------------------------------------------------------------------------------------------ what is next


def _next_time(call: Call, criteria: tuple[CriterionScore, ...], fails: tuple[AutoFailed, ...]) -> str:
    insulted = any(f.why for f in fails if f.id in ("contempt", "threat"))
    rule = "rude" if insulted else costliest(call)
    if rule in ADVICE:
        return ADVICE[rule]
    weak = [c for c in criteria if c.score is not None and c.score < 4 and c.id in ADVICE]
    if weak:
        return ADVICE[max(weak, key=lambda c: c.weight * (5 - (c.score or 5))).id]
    return "Try the same call again with a more difficult customer, or with fewer words."


def _questions(call: Call) -> tuple[str, ...]:
    asked = [q for label, q in QUESTIONS.items() if call.some(label)][:2]
    hottest = max(call.lines, key=lambda e: e.anger, default=None)
    if hottest is not None:
        asked.append(f"The customer said “{hottest.text}” What lay behind it?")
    asked.append("Which sentence of yours would you keep for the next call, and which one would you say differently?")
    asked.append("What do you need now, before the next call?")
    return tuple(asked)
