"""The rubric: what a call is marked by, as data.

A rubric is a list of criteria, each with a weight (weights sum to 100) and anchors that say what earns 1, 3 and 5; a
list of auto-fail items, which fail a call whatever the total; and a pass mark. `STANDARD` holds for every scenario
that says nothing else. A scenario may override parts of it under its key ``rubric`` (`Rubric`); `resolve` puts the two
together. How a call's decisions become points is told in `judging`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from voicetrainer.errors import ScenarioError

POINTS = (1, 3, 5)
"""The points that have an anchor; 2 and 4 lie between."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that a call is marked by."""

    id: str
    name: str
    weight: int
    """Its share of the total, 0 to 100; 0 leaves it out."""
    about: str
    """What it looks at, for a coach."""
    anchors: Mapping[int, str]
    """What earns 1, 3 and 5."""
    skills: tuple[str, ...]
    """What to practise to get better at it, as in a scenario's ``trains``."""
    only: str = ""
    """When it is judged, where that is not always; its weight goes to the others otherwise."""


@dataclass(frozen=True, slots=True)
class AutoFail:
    """Something that fails a call whatever the total."""

    id: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Marking:
    """A whole rubric, ready to mark with."""

    criteria: tuple[Criterion, ...]
    auto_fail: tuple[AutoFail, ...]
    pass_mark: int
    """Total from which a call passes, 0 to 100."""


AUTO_FAIL = (
    AutoFail("contempt", "The customer was insulted or spoken to with contempt."),
    AutoFail("threat", "The customer was threatened."),
    AutoFail("hung_up", "The customer hung up."),
    AutoFail("left", "The call was ended on the customer without need."),
)
"""Every auto-fail item there is; all of them hold unless a scenario names its own."""

STANDARD = Marking(
    criteria=(
        Criterion(
            "listening",
            "Listening",
            14,
            "Lets the customer finish, gives small signs of listening, sums up rightly, leaves no dead air.",
            {
                1: "Cuts the customer off again and again; nothing is said back.",
                3: "Lets the customer finish, but shows little of having listened.",
                5: "Never interrupts, says back what was heard, and uses small listening words or sums up again.",
            },
            ("listening", "listening_words", "reflect"),
        ),
        Criterion(
            "empathy",
            "Empathy",
            14,
            "Puts into words what this is like for the customer, and makes nothing small.",
            {
                1: "The feeling is never named, or it is played down.",
                3: "The feeling is named once, and late.",
                5: "The feeling is named early and again when it matters; nothing is brushed off.",
            },
            ("empathy",),
        ),
        Criterion(
            "ownership",
            "Apology and ownership",
            13,
            "Says sorry plainly and once, takes the matter on, and sends nobody elsewhere.",
            {
                1: "No real apology, or one that takes itself back; the matter goes to somebody else.",
                3: "One real apology, and nobody who takes the matter on.",
                5: "A real apology, a personal commitment, and no pushing away.",
            },
            ("apology", "ownership"),
        ),
        Criterion(
            "understanding",
            "Finding out",
            8,
            "Asks about the problem, checks the answer, and asks nothing twice.",
            {
                1: "No question about the problem and nothing said back.",
                3: "Two questions, or the problem said back.",
                5: "Open questions, and the answers said back to check.",
            },
            ("probe", "reflect"),
        ),
        Criterion(
            "solution",
            "Solution and choice",
            14,
            "Offers something definite and a say in it, promises what can be kept, and stands by it.",
            {
                1: "Nothing definite is offered.",
                3: "One concrete step, and no choice.",
                5: "A choice and a concrete step; nothing vague, nothing taken back.",
            },
            ("solution", "choice"),
        ),
        Criterion(
            "language",
            "Plain, short language",
            8,
            "Says it in plain, definite words and in turns that an upset listener can follow.",
            {
                1: "Terms nobody outside would know, vague words, long speeches.",
                3: "A few terms, vague phrases or fillers, or turns that are too long to follow.",
                5: "Plain words, definite statements, short turns.",
            },
            ("plain_language",),
            "judged when enough was said, about twenty words",
        ),
        Criterion(
            "respect",
            "Nothing taken personally",
            9,
            "Does not argue, justify, blame or hit back, whatever the customer says.",
            {
                1: "Argues again and again, blames or insults.",
                3: "Argues or blames twice.",
                5: "Never argues, blames or hits back.",
            },
            ("not_personal",),
        ),
        Criterion(
            "composure",
            "Steady voice",
            6,
            "Stays close to the learner's own calm voice, or comes back to it.",
            {
                1: "Raised most of the time.",
                3: "Raised now and then.",
                5: "Close to the calm baseline throughout.",
            },
            ("calm_voice",),
            "judged when there was a voice and a calm one to compare it with",
        ),
        Criterion(
            "patience",
            "Patience",
            4,
            "Stays calm and helpful when a good answer does not calm the customer at once.",
            {
                1: "Loses patience each time: argues, brushes off or cuts in.",
                3: "Stays helpful about half of the time.",
                5: "Stays calm and helpful each time.",
            },
            ("patience",),
            "judged when the customer stayed angry after a good answer",
        ),
        Criterion(
            "limits",
            "Limits and escalation",
            5,
            "Answers abuse with a calm limit; brings in a supervisor in time and without passing the buck.",
            {
                1: "Abuse is borne or paid back; a supervisor is a way to get rid of the customer.",
                3: "The limit comes with an edge to it, or the supervisor before anybody has listened.",
                5: "A calm limit with an offer to help; a supervisor at the right moment, with the learner at hand.",
            },
            ("boundary", "escalate"),
            "judged when there was abuse or the scenario trains limits, and when a supervisor came up",
        ),
        Criterion(
            "closing",
            "Follow-up and close",
            5,
            "Promises to check, thanks the customer, and asks whether that was all.",
            {
                1: "The call just stops.",
                3: "A promise to check, and no more; or thanks and a proper goodbye without one.",
                5: "A promise to check, thanks, and the question whether that was all.",
            },
            ("follow_up", "appreciation"),
            "judged when the talk got that far",
        ),
    ),
    auto_fail=AUTO_FAIL,
    pass_mark=60,
)
"""The rubric of every scenario that says nothing else. Weights sum to 100."""

CRITERIA = tuple(c.id for c in STANDARD.criteria)
"""Ids of all criteria, in the order of the card."""


# ------------------------------------------------------------------------------------------- what a scenario may say

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]


class Rubric(BaseModel):
    """What a scenario changes of the rubric; whatever is left out stays as it is in `STANDARD`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    pass_mark: Annotated[int, Field(ge=1, le=100)] | None = None
    """Total from which a call passes."""
    weights: dict[str, Annotated[int, Field(ge=0, le=100)]] = Field(default_factory=dict)
    """New weights by criterion. They replace the standard ones, and all weights together must still sum to 100; 0
    leaves a criterion out."""
    anchors: dict[str, dict[Annotated[int, Field(ge=1, le=5)], _Text]] = Field(default_factory=dict)
    """New words for what earns 1, 3 or 5, by criterion."""
    auto_fail: tuple[str, ...] | None = None
    """The auto-fail items that hold, all others do not; an empty list lets none hold."""


Path = tuple[str | int, ...]


def problems(rubric: Rubric) -> Iterator[tuple[Path, str]]:
    """What does not hold together in a scenario's rubric: path below ``rubric``, and what is wrong, in plain words."""
    for key, given in (("weights", rubric.weights), ("anchors", rubric.anchors)):
        for name in given:
            if name not in CRITERIA:
                yield (key, name), f"there is no criterion of this name{_meant(name, CRITERIA)}"
    for name, anchors in rubric.anchors.items():
        for points in anchors:
            if points not in POINTS:
                yield ("anchors", name, str(points)), "anchors are for 1, 3 and 5"
    weights = {c.id: rubric.weights.get(c.id, c.weight) for c in STANDARD.criteria}
    if rubric.weights and sum(weights.values()) != 100 and set(rubric.weights) <= set(CRITERIA):
        told = ", ".join(f"{name} {weight}" for name, weight in weights.items())
        yield ("weights",), f"all weights together must be 100, and these make {sum(weights.values())}: {told}"
    ids = [item.id for item in AUTO_FAIL]
    for i, name in enumerate(rubric.auto_fail or ()):
        if name not in ids:
            yield ("auto_fail", i), f"there is no auto-fail item of this name{_meant(name, ids)}"


def resolve(override: Rubric | None) -> Marking:
    """Put a scenario's changes on top of the standard rubric.

    Parameters
    ----------
    override
        What the scenario says; None for the standard rubric.

    Raises
    ------
    ScenarioError
        When the changes do not hold together, with every problem, one a line.
    """
    if override is None:
        return STANDARD
    found = [f"rubric.{'.'.join(map(str, path))}: {what}" for path, what in problems(override)]
    if found:
        raise ScenarioError("\n".join(found), "scenarios/README.md describes the rubric")
    criteria = tuple(
        replace(c, weight=override.weights.get(c.id, c.weight), anchors={**c.anchors, **override.anchors.get(c.id, {})})
        for c in STANDARD.criteria
    )
    return Marking(
        criteria=tuple(c for c in criteria if c.weight),
        auto_fail=AUTO_FAIL
        if override.auto_fail is None
        else tuple(item for item in AUTO_FAIL if item.id in override.auto_fail),
        pass_mark=STANDARD.pass_mark if override.pass_mark is None else override.pass_mark,
    )


def _meant(word: str, known: Iterable[str]) -> str:
    """', did you mean X?' when something known is close."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(known)}"
