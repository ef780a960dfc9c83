"""A scenario: one angry customer, the facts of the case, and what it takes to win them back. Coaches write it in YAML.

`parse` is strict: an unknown key, a missing line or a stage that does not exist is an error that names file, line and
key, and all errors of a file are told at once. The format is described in ``scenarios/README.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from voicetrainer.errors import ScenarioError
from voicetrainer.roleplay.events import Anger, Band, Outcome
from voicetrainer.roleplay.mood import RULES
from voicetrainer.roleplay.reading import Path, broken, dotted, line_of, load, meant, told
from voicetrainer.roleplay.rubric import Rubric
from voicetrainer.roleplay.rubric import problems as rubric_problems
from voicetrainer.roleplay.techniques import DELIVERY, MISTAKES, TECHNIQUES

MAX_BYTES = 256_000
"""Longest scenario file that is read."""

LADDER = ("heard", "acknowledged", "owned", "offered", "agreed", "confirmed")
"""The steps by which an angry person comes down; a scenario's stages are some of them, in this order."""

REACTIONS: Mapping[str, str] = {
    "interrupting": "the learner spoke over them",
    "wrong_summary": "the learner said a fact of the case back wrongly; `{right}` is the right one",
    "calm_down": "the learner told them to calm down",
    "rude": "an insult, sarcasm, a threat",
    "blame": "the learner made it their fault",
    "dismissive": "the learner brushed them off",
    "false_apology": "a sorry that was none",
    "passing": "the learner sent them elsewhere",
    "defensive": "the learner argued or excused",
    "jargon": "a term they do not know",
    "hedging": "nothing definite",
    "overpromise": "a promise too big to believe",
    "raised_voice": "the learner's voice rose",
    "unheard": "nothing was understood",
    "overdone": "the same kind words for the third turn in a row",
    "asked_again": "the learner asked what they have already told",
    "question": "the learner asked for something that they have no answer to",
    "escalate_early": "a supervisor before it is time",
    "escalate_late": "a supervisor when it is too late for one",
    "boundary": "the learner set a limit",
    "choice": "the learner offered a choice at the right time; they take one",
    "too_early": "something good came too early",
    "backchannel": "a mere “I see” or “go on”",
    "greeting": "a mere greeting",
    "steady_voice": "the learner's voice has settled again",
    "softened": "something did them good",
    "still_cross": "all is done, and they are not calm enough yet to say goodbye",
    "stalling": "a turn that did not help",
    "silence": "nobody answers",
    "barging_in": "they have heard enough and cut in while the learner talks",
}
"""What a customer may react to with a line of their own, besides following the stages."""

SKILLS: Mapping[str, str] = {
    "calm_voice": "staying calm in the voice",
    "listening": "letting them finish",
    "listening_words": "small listening words",
    "reflect": "summarising back",
    "probe": "finding out",
    "empathy": "empathy and naming the feeling",
    "apology": "an apology that takes responsibility",
    "ownership": "taking it on",
    "solution": "concrete solutions",
    "choice": "choices that give back control",
    "plain_language": "plain, short language",
    "not_personal": "not taking it personally",
    "patience": "patience when a good answer does not calm at once",
    "boundary": "calm limits with abuse",
    "escalate": "bringing in a supervisor without passing the buck",
    "follow_up": "following up",
    "appreciation": "appreciation",
    "reset": "resetting after a hard call",
    "reflection": "learning from each call",
}
"""What a scenario can be the training ground for."""

_SLOT = re.compile(r"\{(\w*)\}")
_HAPPENED = frozenset((*TECHNIQUES, *MISTAKES, *DELIVERY))

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z_]+$")]


def _either(value: Any) -> Any:
    """``empathy or reflect`` is the written form of ``[empathy, reflect]``."""
    return tuple(re.split(r"\s+or\s+", value.strip())) if isinstance(value, str) else value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Spoken(_Part):
    """A line of the customer, and when it fits; written as mere text where it always does."""

    say: Line
    after: tuple[Label, ...] = ()
    """Only once one of these has happened in the call."""
    unless: tuple[Label, ...] = ()
    """Not once one of these has happened in the call."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.keys().isdisjoint(("say", "after", "unless")):
            return {"say": data}
        return {k: _either(v) if k in ("after", "unless") else v for k, v in data.items()}

    def fits(self, happened: Iterable[str]) -> bool:
        """Whether it may be said when these labels have happened."""
        known = frozenset(happened)
        return (not self.after or not known.isdisjoint(self.after)) and known.isdisjoint(self.unless)


Lines = Annotated[tuple[Spoken, ...], Field(min_length=1, max_length=40)]


class Person(_Part):
    """The customer."""

    name: Text
    voice: Text = "woman-1"
    """A customer voice, as `voicetrainer doctor` lists them."""
    anger: Anger
    """At the start of the call."""
    trust: Annotated[float, Field(ge=0, le=10)] = 4.0
    """At the start of the call, 0 (none) to 10; promises are worth as much as they are trusted."""
    temperament: Literal["even", "short-fused", "icy", "weepy", "sarcastic", "abusive", "rambling"] = "even"
    """How they are when they are angry (`mood.TEMPERAMENTS`)."""
    about: Text
    """Who they are and why they are angry; shown after the call."""


class Stage(_Part):
    """A step of the ladder: what the customer needs before they can move on."""

    id: Id
    """One of `LADDER`."""
    about: Text
    """What they need now, told to the learner after the call."""
    needs: Annotated[tuple[tuple[Label, ...], ...], Field(min_length=1)]
    """Groups of labels; the stage is left when every group has one label that was noticed."""
    too_early: dict[Label, Text] = Field(default_factory=dict)
    """Labels that do not work yet, with the reason."""
    lines: dict[Band, Lines]
    """What they say while here, by how angry they are; a band without lines borrows the nearest one's."""
    could_say: dict[Label, Text] = Field(default_factory=dict)
    """What the learner could have said here, by label, for the report."""

    @model_validator(mode="before")
    @classmethod
    def _groups(cls, data: Any) -> Any:
        """``needs: [empathy or reflect, apology]`` is the written form of ``[[empathy, reflect], [apology]]``."""
        if isinstance(data, dict) and isinstance(data.get("needs"), list):
            return {**data, "needs": tuple(_either(g) for g in data["needs"])}
        return data

    def lines_for(self, band: Band) -> tuple[Spoken, ...]:
        """Lines for a band, or those of the band nearest to it (the calmer one of two)."""
        return self.lines[self._near(band)[0]]

    def all_lines(self, band: Band) -> tuple[tuple[Spoken, ...], ...]:
        """Every list of lines, the nearest to a band first."""
        return tuple(self.lines[b] for b in self._near(band))

    def _near(self, band: Band) -> list[Band]:
        order = list(Band)
        return sorted(self.lines, key=lambda b: (abs(order.index(b) - order.index(band)), order.index(b)))


class Answer(_Part):
    """What the customer knows and tells when asked."""

    asked: Annotated[tuple[Line, ...], Field(min_length=1)]
    """Words or phrases, one of which the learner's utterance must hold."""
    say: Lines
    open: bool = False
    """An open question, welcome at any time; any other annoys once the customer has told it."""


class Resolved(_Part):
    """A win: every stage left behind and the customer calm enough."""

    anger_at_most: Anger = 4.0
    lines: Lines


class Escalated(_Part):
    """A win by another road: a supervisor brought in at the right moment, without passing the buck."""

    from_stage: Id
    """The first stage in which it is right."""
    until_stage: Id | None = None
    """The last stage in which it is right; None when it always is from then on."""
    lines: Lines


class Closed(_Part):
    """A win with a caller who goes on abusing: the limit set clearly, more than once, and then the call ended."""

    after_boundaries: Annotated[int, Field(ge=1, le=5)] = 2
    """Turns in which a limit must have been set before goodbye is right."""
    lines: Lines


class HungUp(_Part):
    """A loss: the customer has had enough."""

    at_anger: Anger = 10.0
    lines: Lines


class OutOfTime(_Part):
    """A loss: it took too long."""

    lines: Lines


class Endings(_Part):
    """How the call can end."""

    resolved: Resolved
    escalated: Escalated | None = None
    closed: Closed | None = None
    hung_up: HungUp
    out_of_time: OutOfTime


class Expected(_Part):
    """How a rehearsal must end."""

    outcome: Outcome
    anger_at_most: Anger | None = None
    anger_at_least: Anger | None = None
    notices: tuple[Label, ...] = ()


class Rehearsal(_Part):
    """Typed learner lines and the course they must take; every rehearsal is a test of its scenario."""

    name: Text
    learner: Annotated[tuple[Text, ...], Field(min_length=1)]
    """What the learner types: ``!`` at the start interrupts the customer, ``...`` is silence."""
    expect: Expected


class Scenario(_Part):
    """One customer to talk to."""

    format: Literal[1]
    id: Id
    title: Text
    business: Text
    difficulty: Annotated[int, Field(ge=1, le=5)]
    minutes: Annotated[float, Field(gt=0, le=60)] = 6.0
    """The customer's patience, minutes on the call clock."""
    trains: tuple[Label, ...] = ()
    """What it is the training ground for (`SKILLS`)."""
    briefing: Text
    """What the learner knows before picking up."""
    goals: Annotated[tuple[Text, ...], Field(min_length=1)]
    facts: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], Text]
    """The facts of the case: the learner's note pad, and slots for lines (``{order}``)."""
    customer: Person
    mood: dict[Label, Annotated[float, Field(ge=-3, le=3)]] = Field(default_factory=dict)
    """What a technique or mistake does to this customer's anger, where it differs from `mood.RULES`."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=6)]
    reactions: dict[Label, Lines] = Field(default_factory=dict)
    """Lines for what just happened, by name (`REACTIONS`)."""
    answers: tuple[Answer, ...] = ()
    endings: Endings
    rubric: Rubric = Field(default_factory=Rubric)
    """What the scorecard weighs otherwise than usual."""
    rehearsals: tuple[Rehearsal, ...] = ()

    def fill(self, line: str, right: str = "") -> str:
        """A line with its slots filled from the facts; `right` is the fact that was said back wrongly."""

        def fact(slot: re.Match[str]) -> str:
            told = self.facts.get(slot[1], right)
            begins = not slot.start() or bool(re.search(r"[.!?]\s+$", line[: slot.start()]))
            return told[:1].upper() + told[1:] if begins else told

        return _SLOT.sub(fact, line)

    def spoken_lines(self) -> Iterator[tuple[Path, Spoken]]:
        """Every line the customer can say, unfilled, with its path in the file."""
        for path, lines in self._lists():
            yield from (((*path, j), line) for j, line in enumerate(lines))

    def _lists(self) -> Iterator[tuple[Path, tuple[Spoken, ...]]]:
        for i, stage in enumerate(self.stages):
            yield from ((("stages", i, "lines", band.value), lines) for band, lines in stage.lines.items())
        yield from ((("reactions", name), lines) for name, lines in self.reactions.items())
        yield from ((("answers", i, "say"), answer.say) for i, answer in enumerate(self.answers))
        for name in type(self.endings).model_fields:
            ending = getattr(self.endings, name)
            if ending is not None:
                yield ("endings", name, "lines"), ending.lines


def slots(line: str) -> tuple[str, ...]:
    """Names of the facts that a line tells."""
    return tuple(_SLOT.findall(line))


# --------------------------------------------------------------------------------------------------------- reading


def parse(text: str, name: str = "scenario") -> Scenario:
    """Read a scenario.

    Parameters
    ----------
    text
        The YAML file, whole.
    name
        How messages name the file.

    Raises
    ------
    ScenarioError
        With every problem found, one a line, each as ``name:line: key: what is wrong``.
    """
    scenario, _ = parse_with_lines(text, name)
    return scenario


def parse_with_lines(text: str, name: str = "scenario") -> tuple[Scenario, Mapping[Path, int]]:
    """Read a scenario, and the line of the file on which each key begins; as `parse`."""
    if len(text.encode()) > MAX_BYTES:
        raise broken(name, 1, (), f"longer than {MAX_BYTES // 1000} kB", "a scenario holds one customer; split it")
    data, lines = load(text, name)
    try:
        scenario = Scenario.model_validate(data)
        problems = list(_inconsistent(scenario))
        if not problems:
            return scenario, lines
    except ValidationError as error:
        problems = list(told(error, data, Scenario))
    found = sorted((line_of(lines, path), dotted(path), what) for path, what in problems)
    raise ScenarioError(
        "\n".join(dict.fromkeys(f"{name}:{line}: {key}: {what}" for line, key, what in found)),
        "scenarios/README.md describes the format",
    )


Problem = tuple[Path, str]


def _inconsistent(scenario: Scenario) -> Iterator[Problem]:
    """Yield what the shapes alone cannot tell: labels, slots and stages that do not exist."""
    for label, weight in scenario.mood.items():
        if label not in RULES:
            yield ("mood", label), f"there is no technique or mistake of this name{meant(label, RULES)}"
        elif label in MISTAKES and weight < 0:
            yield ("mood", label), "a mistake cannot calm anybody; write 0 or more"
    for label in scenario.reactions:
        if label not in REACTIONS:
            yield ("reactions", label), f"there is no reaction of this name{meant(label, REACTIONS)}"
    for i, skill in enumerate(scenario.trains):
        if skill not in SKILLS:
            yield ("trains", i), f"there is no skill called '{skill}'{meant(skill, SKILLS)}"
    yield from ((("rubric", *path), what) for path, what in rubric_problems(scenario.rubric))
    yield from _stages(scenario)
    yield from _endings(scenario)
    if scenario.customer.anger >= scenario.endings.hung_up.at_anger:
        yield ("customer", "anger"), "the customer would hang up before the first word; lower it or raise at_anger"
    for i, rehearsal in enumerate(scenario.rehearsals):
        for label in rehearsal.expect.notices:
            if label not in _HAPPENED:
                yield ("rehearsals", i, "expect", "notices"), f"'{label}' is unknown{meant(label, _HAPPENED)}"
    yield from _said(scenario)


def _stages(scenario: Scenario) -> Iterator[Problem]:
    ids = [s.id for s in scenario.stages]
    for i, stage in enumerate(scenario.stages):
        if stage.id not in LADDER:
            yield ("stages", i, "id"), f"'{stage.id}' should be one of {', '.join(LADDER)}"
        elif stage.id in ids[:i]:
            yield ("stages", i, "id"), f"two stages are called '{stage.id}'"
        elif i and ids[i - 1] in LADDER and LADDER.index(stage.id) < LADDER.index(ids[i - 1]):
            yield ("stages", i, "id"), f"'{stage.id}' comes before '{ids[i - 1]}'; the order is {', '.join(LADDER)}"
        if not stage.lines:
            yield ("stages", i, "lines"), "a stage needs lines for at least one of " + ", ".join(Band)
        elif all(line.after or line.unless for lines in stage.lines.values() for line in lines):
            yield ("stages", i, "lines"), "every line has a condition; add one that always fits"
        for j, group in enumerate(stage.needs):
            for label in group:
                if label not in TECHNIQUES:
                    yield ("stages", i, "needs", j), f"'{label}' is not a technique{meant(label, TECHNIQUES)}"
            if all(label in stage.too_early for label in group):
                yield ("stages", i, "needs", j), "can never be met: all of it is 'too_early' in the same stage"
        for key, labels in (("too_early", stage.too_early), ("could_say", stage.could_say)):
            for label in labels:
                if label not in TECHNIQUES:
                    yield ("stages", i, key, label), f"'{label}' is not a technique{meant(label, TECHNIQUES)}"


def _endings(scenario: Scenario) -> Iterator[Problem]:
    ids = [s.id for s in scenario.stages]
    escalated = scenario.endings.escalated
    if escalated:
        for key in ("from_stage", "until_stage"):
            stage = getattr(escalated, key)
            if stage is not None and stage not in ids:
                yield ("endings", "escalated", key), f"there is no stage '{stage}'{meant(stage, ids)}"
        first, last = escalated.from_stage, escalated.until_stage
        if last in ids and first in ids and ids.index(last) < ids.index(first):
            yield ("endings", "escalated", "until_stage"), f"'{last}' comes before from_stage '{first}'"
    for name in type(scenario.endings).model_fields:
        ending = getattr(scenario.endings, name)
        if ending is not None and all(line.after or line.unless for line in ending.lines):
            yield ("endings", name, "lines"), "every line has a condition; add one that always fits"


def _said(scenario: Scenario) -> Iterator[Problem]:
    """Yield what is wrong with single lines."""
    said: set[tuple[Path, str]] = set()
    for path, spoken in scenario.spoken_lines():
        if (path[:-1], spoken.say) in said:
            yield path, "the same line twice in one list"
        said.add((path[:-1], spoken.say))
        for key, labels in (("after", spoken.after), ("unless", spoken.unless)):
            for label in labels:
                if label not in _HAPPENED:
                    yield (*path, key), f"'{label}' is no technique or mistake{meant(label, _HAPPENED)}"
    shown = [(("stages", i, "could_say", k), x) for i, s in enumerate(scenario.stages) for k, x in s.could_say.items()]
    for path, line in (*((p, s.say) for p, s in scenario.spoken_lines()), *shown):
        extra = {"right"} if path[:2] == ("reactions", "wrong_summary") else set()
        for slot in _SLOT.findall(line):
            if slot not in scenario.facts and slot not in extra:
                yield path, f"{{{slot}}} is not among the facts{meant(slot, scenario.facts)}"
        if "{" in _SLOT.sub("", line) or "}" in _SLOT.sub("", line):
            yield path, "a brace that is no slot; slots look like {order}"
