"""A scenario: one angry customer, the facts of the case, and what it takes to win them back. Coaches write it in YAML.

`parse` is strict: an unknown key, a missing line or a stage that does not exist is an error that names file, line and
key, and all errors of a file are told at once. The format is described in ``scenarios/README.md``.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from voicetrainer.errors import ScenarioError
from voicetrainer.roleplay.events import Anger, Band
from voicetrainer.roleplay.techniques import DELIVERY, MISTAKES, TECHNIQUES

MAX_BYTES = 256_000
"""Longest scenario file that is read."""

REACTIONS = (
    *MISTAKES,
    "interrupting",
    "raised_voice",
    "silence",
    "unheard",
    "too_early",
    "softened",
    "stalling",
    "backchannel",
    "greeting",
)
"""What a customer may react to with a line of their own, besides following the stages."""

_SLOT = re.compile(r"\{(\w*)\}")

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
Lines = Annotated[tuple[Line, ...], Field(min_length=1, max_length=40)]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z_]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Person(_Part):
    """The customer."""

    name: Text
    voice: Text = "woman-1"
    """A customer voice, as `voicetrainer doctor` lists them."""
    anger: Anger
    """At the start of the call."""
    about: Text
    """Who they are and why they are angry; shown after the call."""


class Stage(_Part):
    """A step of the talk: what the customer needs before they can move on."""

    id: Id
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
            groups = [tuple(re.split(r"\s+or\s+", g.strip())) if isinstance(g, str) else g for g in data["needs"]]
            return {**data, "needs": tuple(groups)}
        return data

    def lines_for(self, band: Band) -> tuple[str, ...]:
        """Lines for a band, or those of the band nearest to it (the calmer one of two)."""
        order = list(Band)
        near = min(self.lines, key=lambda b: (abs(order.index(b) - order.index(band)), order.index(b)))
        return self.lines[near]


class Answer(_Part):
    """What the customer knows and tells when asked."""

    asked: Annotated[tuple[Line, ...], Field(min_length=1)]
    """Words or phrases, one of which the learner's utterance must hold."""
    say: Lines


class Resolved(_Part):
    """A win: every stage left behind and the customer calm enough."""

    anger_at_most: Anger = 4.0
    lines: Lines


class Escalated(_Part):
    """A win by another road: a supervisor brought in at the right moment, without passing the buck."""

    from_stage: Id
    """The first stage in which it is right."""
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
    hung_up: HungUp
    out_of_time: OutOfTime


class Expected(_Part):
    """How a rehearsal must end."""

    outcome: Literal["resolved", "escalated", "hung_up", "out_of_time", "left"]
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
    briefing: Text
    """What the learner knows before picking up."""
    goals: Annotated[tuple[Text, ...], Field(min_length=1)]
    facts: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], Text]
    """The facts of the case: the learner's note pad, and slots for lines (``{order}``)."""
    customer: Person
    mood: dict[Label, Annotated[float, Field(ge=-3, le=3)]] = Field(default_factory=dict)
    """What a technique or mistake does to this customer's anger, where it differs from `customer.MOOD`."""
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=12)]
    reactions: dict[Label, Lines] = Field(default_factory=dict)
    """Lines for what just happened, by name (`REACTIONS`)."""
    answers: tuple[Answer, ...] = ()
    endings: Endings
    rehearsals: tuple[Rehearsal, ...] = ()

    def fill(self, line: str) -> str:
        """A line with its slots filled from the facts."""
        return _SLOT.sub(lambda m: self.facts[m[1]], line)

    def spoken_lines(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every line the customer can say, unfilled, with its path in the file."""
        for i, stage in enumerate(self.stages):
            for band, lines in stage.lines.items():
                yield from ((("stages", i, "lines", band.value, j), line) for j, line in enumerate(lines))
        for name, lines in self.reactions.items():
            yield from ((("reactions", name, j), line) for j, line in enumerate(lines))
        for i, answer in enumerate(self.answers):
            yield from ((("answers", i, "say", j), line) for j, line in enumerate(answer.say))
        for name in type(self.endings).model_fields:
            ending = getattr(self.endings, name)
            if ending is not None:
                yield from ((("endings", name, "lines", j), line) for j, line in enumerate(ending.lines))


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
    if len(text.encode()) > MAX_BYTES:
        raise _broken(name, 1, (), f"longer than {MAX_BYTES // 1000} kB", "a scenario holds one customer; split it")
    data, lines = _load(text, name)
    problems: list[tuple[int, str, str]] = []
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        for e in error.errors(include_url=False):
            if e["type"] == "too_short" and e["input"]:
                continue  # what is in it is wrong, which is told anyway
            path = _known(tuple(e["loc"]), data)
            problems.append((_line(lines, path), _dotted(path), _plain(e, path)))
    else:
        problems = [(_line(lines, path), _dotted(path), what) for path, what in _inconsistent(scenario)]
        if not problems:
            return scenario
    told = list(dict.fromkeys(f"{name}:{line}: {key}: {what}" for line, key, what in sorted(problems)))
    raise ScenarioError("\n".join(told), "scenarios/README.md describes the format")


def _inconsistent(scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what the shapes alone cannot tell: labels, slots and stages that do not exist."""
    spoken = set(TECHNIQUES) | set(MISTAKES)
    known = spoken | set(DELIVERY)
    for label, weight in scenario.mood.items():
        if label not in known | {"stalling"}:
            yield ("mood", label), f"there is no technique or mistake of this name{_meant(label, known)}"
        elif label in MISTAKES and weight < 0:
            yield ("mood", label), "a mistake cannot calm anybody; write 0 or more"
    for label in scenario.reactions:
        if label not in REACTIONS:
            yield ("reactions", label), f"there is no reaction of this name{_meant(label, REACTIONS)}"
    ids = [s.id for s in scenario.stages]
    for i, stage in enumerate(scenario.stages):
        if stage.id in ids[:i]:
            yield ("stages", i, "id"), f"two stages are called '{stage.id}'"
        if not stage.lines:
            yield ("stages", i, "lines"), "a stage needs lines for at least one of " + ", ".join(Band)
        for j, group in enumerate(stage.needs):
            for label in group:
                if label not in TECHNIQUES:
                    yield ("stages", i, "needs", j), f"'{label}' is not a technique{_meant(label, TECHNIQUES)}"
            if all(label in stage.too_early for label in group):
                yield ("stages", i, "needs", j), "can never be met: all of it is 'too_early' in the same stage"
        for key, labels in (("too_early", stage.too_early), ("could_say", stage.could_say)):
            for label in labels:
                if label not in TECHNIQUES:
                    yield ("stages", i, key, label), f"'{label}' is not a technique{_meant(label, TECHNIQUES)}"
    escalated = scenario.endings.escalated
    if escalated and escalated.from_stage not in ids:
        yield (
            ("endings", "escalated", "from_stage"),
            f"there is no stage '{escalated.from_stage}'{_meant(escalated.from_stage, ids)}",
        )
    if scenario.customer.anger >= scenario.endings.hung_up.at_anger:
        yield ("customer", "anger"), "the customer would hang up before the first word; lower it or raise at_anger"
    for i, rehearsal in enumerate(scenario.rehearsals):
        for label in rehearsal.expect.notices:
            if label not in known:
                yield ("rehearsals", i, "expect", "notices"), f"'{label}' is unknown{_meant(label, known)}"
    said: set[tuple[Path, str]] = set()
    for path, line in scenario.spoken_lines():
        if (path[:-1], line) in said:
            yield path, "the same line twice in one list"
        said.add((path[:-1], line))
    shown = [(("stages", i, "could_say", k), x) for i, s in enumerate(scenario.stages) for k, x in s.could_say.items()]
    for path, line in (*scenario.spoken_lines(), *shown):
        for slot in _SLOT.findall(line):
            if slot not in scenario.facts:
                yield path, f"{{{slot}}} is not among the facts{_meant(slot, scenario.facts)}"
        if "{" in _SLOT.sub("", line) or "}" in _SLOT.sub("", line):
            yield path, "a brace that is no slot; slots look like {order}"


def _meant(word: str, known: Iterator[str] | Any) -> str:
    """', did you mean X?' when something known is close."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


# ------------------------------------------------------------------------------------------- YAML with line numbers

Path = tuple[str | int, ...]


def _load(text: str, name: str) -> tuple[Any, dict[Path, int]]:
    """YAML as plain data, and the line on which each path begins."""
    lines: dict[Path, int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            raise _broken(name, 1, (), "is empty", "scenarios/README.md shows a worked example")
        return _data(node, (), lines, name), lines
    except yaml.MarkedYAMLError as error:
        raise ScenarioError(*_not_yaml(error, text.splitlines(), name)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ScenarioError(
            f"{name}:{line}: not YAML: a character that cannot be read", "delete it, or type the line again"
        ) from None
    except RecursionError:
        raise _broken(name, 1, (), "nested too deeply", "scenarios/README.md shows the format") from None


def _not_yaml(error: yaml.MarkedYAMLError, rows: list[str], name: str) -> tuple[str, str]:
    """What keeps a file from being YAML, in a coach's words: the message and the hint."""
    problem = error.problem or ""
    unclosed = "end of stream" in problem or "expected ',' or" in problem
    begun = unclosed or "expected ':'" in problem  # noticed only further down than where it began
    mark = (error.context_mark if begun else None) or error.problem_mark
    line = mark.line if mark else 0
    for i, above in enumerate(rows[:line]):  # a quote left open goes on to the next one, however far down
        if _said(above).startswith('"') and above.count('"') % 2:
            unclosed, line = True, i
            break
    row = rows[line] if line < len(rows) else ""
    value = _said(row)[:1]
    hint = "put the whole line in double quotes"
    if "\\t" in problem or "\t" in row[: len(row) - len(row.lstrip())]:
        what, hint = "a tab", "indent with spaces"
    elif unclosed:
        what, hint = "a quote or bracket that is never closed", "close it, or take it away"
    elif "single document" in str(error):
        what, hint = "a line of three dashes begins a second scenario", "one file holds one scenario"
    elif "escape" in problem:
        what, hint = "a backslash inside double quotes", "take it away"
    elif value and value in "{[!*&%@`|>":
        what = f"a line that begins with {value}"
    elif value and value in "'\"":
        what, hint = "a quote inside the quotes", "put double quotes round the line and single ones in it"
    elif "mapping values" in problem:
        what = "a second colon, or an indent that does not fit the line above"
    else:
        what, hint = "a colon is missing, or the indent does not fit", "scenarios/README.md shows the format"
    return f"{name}:{line + 1}: not YAML: {what}", hint


def _said(row: str) -> str:
    """What a row of YAML holds after its dash or key."""
    return re.sub(r"^\s*(?:-\s+)*(?:\w+:\s+)?", "", row)


def _broken(name: str, line: int, path: Path, what: str, hint: str) -> ScenarioError:
    return ScenarioError(f"{name}:{line}: {_dotted(path)}: {what}", hint)


def _data(node: yaml.Node, path: Path, lines: dict[Path, int], name: str) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if len(lines) > 20_000:  # aliases of aliases multiply
        raise _broken(name, line, path[:1], "too many values", "a scenario holds one customer; split it")
    if isinstance(node, yaml.MappingNode):
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise _broken(
                    name, line, path, "a key must be a word", "a line of text that begins with { or [ needs quotes"
                )
            key = str(key_node.value)
            if key in out:
                raise _broken(name, line, (*path, key), "written twice", "keep one of the two")
            lines[(*path, key)] = line
            out[key] = _data(value_node, (*path, key), lines, name)
        return out
    if isinstance(node, yaml.SequenceNode):
        return [_data(child, (*path, i), lines, name) for i, child in enumerate(node.value)]
    try:
        value: Hashable = yaml.SafeLoader("").construct_object(node)
    except ValueError:  # the thirteenth month, a number of five thousand digits
        raise _broken(name, line, path, "should be text; put it in quotes", "YAML takes it for a number") from None
    return value


def _known(path: Path, data: Any) -> Path:
    """Cut pydantic's own additions (types of a union, '[key]') off a path, leaving what is in the file."""
    out: list[str | int] = []
    for part in path:
        if isinstance(data, Mapping) and part in data:
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif isinstance(data, Mapping) and isinstance(part, str) and part == path[-1]:
            return (*out, part)  # a missing key
        else:
            continue
        out.append(part)
    return tuple(out)


def _line(lines: Mapping[Path, int], path: Path) -> int:
    while path not in lines and path:
        path = path[:-1]
    return lines.get(path, 1)


def _dotted(path: Path) -> str:
    return ".".join(str(p + 1 if isinstance(p, int) else p) for p in path) or "scenario"


_PLAIN = {
    "missing": "is missing",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "tuple_type": "should be a list, each entry on a line of its own after a dash",
    "dict_type": "should have keys of its own, indented below it",
    "model_type": "should have keys of its own, indented below it",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "finite_number": "should be a number",
    "greater_than": "should be more than {gt:g}",
    "greater_than_equal": "should be at least {ge:g}",
    "less_than_equal": "should be at most {le:g}",
    "string_too_long": "longer than {max_length} characters; make two lines of it",
    "too_long": "more than {max_length} entries",
}
"""Pydantic's findings in a coach's words."""


def _plain(error: Any, path: Path) -> str:
    """Pydantic's finding in a coach's words."""
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"there is no such key{_meant(str(path[-1]), _fields(path))}"
    if given is None and kind != "missing":
        return "is empty"
    if kind == "string_type":
        if isinstance(given, dict):
            return "should be text; a line that has a colon in it or begins with { needs quotes"
        if isinstance(given, list):
            return "should be one text, not a list"
        return "should be text; put it in quotes" + " (yes and no mean true and false)" * isinstance(given, bool)
    if kind == "string_pattern_mismatch":
        joint = "hyphens" if path[-1:] == ("id",) or path[-1:] == ("from_stage",) else "underscores"
        return f"'{given}' must be lower-case letters and digits, joined by {joint}"
    if path == ("format",):
        return f"this version reads format 1, not {given}"
    if kind in ("literal_error", "enum"):
        return f"'{given}' should be {context.get('expected', '').replace(' or ', ', ').replace(', ', ' or ')}"
    if not path:
        return "should begin with keys such as format, id and title"
    if kind in _PLAIN:
        return _PLAIN[kind].format(**context)
    return str(error["msg"][0].lower() + error["msg"][1:])


def _fields(path: Path) -> list[str]:
    """Keys that the file may have where the unknown one stands."""
    model: Any = Scenario
    for part in path[:-1]:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part) if isinstance(model, type) and issubclass(model, BaseModel) else None
        if field is None:
            return []
        models = [m for m in _models(field.annotation) if isinstance(m, type) and issubclass(m, BaseModel)]
        if not models:
            return []
        model = models[0]
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[Any]:
    """Every type inside an annotation."""
    from typing import get_args

    yield annotation
    for arg in get_args(annotation):
        yield from _models(arg)
