"""What ships and what must fail: the scenarios and their rehearsals, broken files, and the format's description."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from tests.roleplay.scripted import PATIENCE, TEMPER, TEXT
from voicetrainer import schema
from voicetrainer.cli.content import examine, read_scenario, rehearse, shipped_scenarios
from voicetrainer.detector import load_shipped
from voicetrainer.errors import ScenarioError
from voicetrainer.roleplay.customer import SILENCES
from voicetrainer.roleplay.events import Band
from voicetrainer.roleplay.learners import KINDS
from voicetrainer.roleplay.mood import FADING, INTENSITIES, RULES, TEMPERAMENTS
from voicetrainer.roleplay.reading import dotted, load
from voicetrainer.roleplay.reply import FRESH
from voicetrainer.roleplay.scenario import LADDER, MAX_BYTES, REACTIONS, SKILLS, Scenario, Spoken, parse
from voicetrainer.roleplay.techniques import DESCRIPTIONS, Detector
from voicetrainer.simulate import GOALS, Remembering
from voicetrainer.speech.voice import available, sayable

SHIPPED = [path.stem for path in shipped_scenarios()]
BROKEN = sorted((Path(__file__).parent / "data" / "broken-scenarios").glob("*.yaml"))


@cache
def scenario(name: str) -> Scenario:
    return read_scenario(name)[1]


@cache
def detector() -> Detector:
    return load_shipped()


# ------------------------------------------------------------------------------------------------------ what ships


def test_there_is_something_to_choose_from() -> None:
    assert len(SHIPPED) >= 14
    assert {scenario(name).difficulty for name in SHIPPED} == {1, 2, 3, 4, 5}
    assert len({scenario(name).business for name in SHIPPED}) == len(SHIPPED)
    assert {scenario(name).customer.temperament for name in SHIPPED} == set(TEMPERAMENTS)
    assert {scenario(name).customer.voice for name in SHIPPED} == {voice.name for voice in available()}


def test_every_skill_is_the_key_to_two_scenarios() -> None:
    training = {skill: [name for name in SHIPPED if skill in scenario(name).trains] for skill in SKILLS}
    assert {skill: names for skill, names in training.items() if len(names) < 2} == {}


@pytest.mark.parametrize("name", SHIPPED)
def test_it_is_called_as_its_file(name: str) -> None:
    assert scenario(name).id == name


@pytest.mark.parametrize("name", SHIPPED)
def test_its_voice_exists(name: str) -> None:
    assert scenario(name).customer.voice in {voice.name for voice in available()}


REHEARSALS = [(name, r.name) for name in SHIPPED for r in scenario(name).rehearsals]


@pytest.mark.parametrize(("name", "rehearsal"), REHEARSALS)
def test_its_rehearsals_take_their_course(name: str, rehearsal: str) -> None:
    tried = next(r for r in scenario(name).rehearsals if r.name == rehearsal)
    assert rehearse(scenario(name), tried, detector()) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_it_rehearses_a_win_a_loss_and_a_draw(name: str) -> None:
    rehearsals = scenario(name).rehearsals
    assert len(rehearsals) >= 5
    assert len({r.name for r in rehearsals}) == len(rehearsals)
    endings = scenario(name).endings
    wins = {"resolved", *(e for e in ("escalated", "closed") if getattr(endings, e) is not None)}
    assert {r.expect.outcome for r in rehearsals} >= {*wins, "hung_up", "left"}


def small_letter(line: str) -> bool:
    """Whether a sentence of a line begins with a small letter (a slot may)."""
    return any(sentence[0].islower() for sentence in re.split(r"(?<=[.!?])\s", line))


@pytest.mark.parametrize("name", SHIPPED)
def test_its_lines_can_be_said_in_a_breath(name: str) -> None:
    lines = {path: scenario(name).fill(line.say, "Monday") for path, line in scenario(name).spoken_lines()}
    assert all(sayable(line) for line in lines.values())
    assert {path: line.say for path, line in scenario(name).spoken_lines() if small_letter(line.say)} == {}


@pytest.mark.parametrize("name", SHIPPED)
def test_it_has_lines_for_every_mood_and_whatever_happens(name: str) -> None:
    it = scenario(name)
    for stage in it.stages:
        assert set(stage.lines) == set(Band)
        assert stage.could_say
        assert all(len(lines) >= 2 for lines in stage.lines.values())
    start = Band.of(it.customer.anger)
    assert len(it.stages[0].lines[start]) >= 4  # where they stay longest
    assert len(it.reactions) >= 15  # which of them it needs is told by `check`


@pytest.mark.parametrize("name", SHIPPED)
def test_it_says_nothing_twice(name: str) -> None:
    lines = [line.say for _, line in scenario(name).spoken_lines()]
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_fact_is_worth_knowing(name: str) -> None:
    """Each is in a line, or in the briefing's own words: nothing on the note pad is idle."""
    it = scenario(name)
    spoken = " ".join(line.say for _, line in it.spoken_lines())
    shown = " ".join(text for stage in it.stages for text in stage.could_say.values())
    used = [fact for fact in it.facts if f"{{{fact}}}" in spoken + shown]
    assert len(used) >= 4


# ---------------------------------------------------------------------------------------------------- what must fail


def expected(path: Path, kind: str = "expect") -> list[str]:
    """What a broken file's first lines say of it: *expect* (it is no scenario), *error* and *warn* (see `lint`)."""
    lines = path.read_bytes().decode("latin-1" if kind == "expect" else "utf-8").splitlines()
    return [line.removeprefix(f"# {kind}: ") for line in lines if line.startswith(f"# {kind}: ")]


NO_SCENARIO = [path for path in BROKEN if expected(path)]
DOUBTFUL = [path for path in BROKEN if path not in NO_SCENARIO]


def test_there_are_enough_broken_files() -> None:
    assert len(BROKEN) >= 100
    assert len(DOUBTFUL) >= 40


@pytest.mark.parametrize("path", NO_SCENARIO, ids=lambda p: p.stem)
def test_a_broken_file_is_told_with_line_key_and_reason(path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_scenario(str(path))
    told = caught.value.message.splitlines()
    wanted = expected(path)
    assert len(told) == len(wanted)
    for message in wanted:
        place = re.match(r"\d+: [^:]+: ", message)
        prefix = f"{path}:{place[0]}" if place else f"{path}: "
        reason = message.removeprefix(place[0]) if place else message
        assert any(line.startswith(prefix) and reason in line.removeprefix(prefix) for line in told), told
    assert caught.value.hint


@cache
def listener() -> Remembering:
    return Remembering(detector())


@pytest.mark.parametrize("path", DOUBTFUL, ids=lambda p: p.stem)
def test_what_is_likely_to_go_wrong_is_told_with_line_key_and_cure(path: Path) -> None:
    _, found = examine(str(path), listener())
    for kind, error in (("error", True), ("warn", False)):
        told = [f"{line}: {dotted(f.path)}: {f.what}" for line, f in found if f.error == error]
        assert told == expected(path, kind)


def test_a_sound_file_is_told_nothing() -> None:
    assert examine(str(BROKEN[0].parent.parent / "sound-scenario.yaml"), listener())[1] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_check_has_nothing_to_say_of_what_ships(name: str) -> None:
    _, found = examine(name, listener())
    assert [f"{line}: {dotted(f.path)}: {f.what}" for line, f in found] == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "1: scenario: is empty"),
        (b"\n\n", "1: scenario: is empty"),
        (TEXT.encode() + b"#" * MAX_BYTES, " longer than 256 kB"),
        (TEXT.encode("utf-16"), " not a text file"),
        (b"\x7fELF\x00\x00", "1: not YAML: a character that cannot be read"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        read_scenario(str(path))
    assert caught.value.message == f"{path}:{told}"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("late-parcle", "there is no scenario 'late-parcle'; did you mean 'late-parcel'?"),
        ("zzz", "there is no scenario 'zzz'"),
        ("mine.yaml", "mine.yaml: no such file or directory"),
        (".", ".: a folder, not a scenario"),
    ],
)
def test_a_file_that_is_not_there(name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError) as caught:
        read_scenario(name)
    assert caught.value.message == told


# ------------------------------------------------------------------------------------------ the format's description

README = (shipped_scenarios()[0].parent / "README.md").read_text(encoding="utf-8")
EXAMPLE = "\n".join(re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
ROW = re.compile(r"^\| `([\w.]+)` \| *(.*?) *\| *(.*?) *\|$", re.MULTILINE)


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def keys(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Every key of the format, dotted, with its field."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        found[prefix + name] = field
        for inner in parts(field.annotation):
            found |= keys(inner, "LINE." if inner is Spoken else f"{prefix}{name}.")
    return found


def parts(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for arg in get_args(annotation) for model in parts(arg)]


def test_every_key_is_described_and_no_other() -> None:
    described = {key: bool(mark) for key, mark, _ in ROW.findall(section("Every key"))}
    assert described == {key: field.is_required() for key, field in keys(Scenario).items()}


def test_defaults_are_as_described() -> None:
    fields = keys(Scenario)
    told = re.findall(r"^\| `([\w.]+)` .*?`?([\w.-]+)`? if it is left out \|$", section("Every key"), re.MULTILINE)
    assert len(told) == 7
    for key, default in told:
        value = fields[key].default
        assert default == (value if isinstance(value, str) else f"{value:g}")


def rows(title: str) -> list[list[str]]:
    """The table under a heading, without its head."""
    found = [row.strip("|").split("|") for row in section(title).splitlines() if row.startswith("| `")]
    return [[cell.strip().strip("`") for cell in row] for row in found]


def test_every_weight_is_as_described() -> None:
    table = {label: (text, float(anger), float(trust)) for label, text, anger, trust in rows("How anger moves")}
    assert {label: (a, t) for label, (_, a, t) in table.items()} == {n: (r.anger, r.trust) for n, r in RULES.items()}
    assert {label: text for label, (text, _, _) in table.items() if label in DESCRIPTIONS} == {
        label: text for label, text in DESCRIPTIONS.items() if label in RULES
    }


def test_the_rules_numbers_are_as_described() -> None:
    anger = " ".join(section("How anger moves").split())
    assert f"calms by {PATIENCE:g} at most, and angers by {TEMPER:g} at most" in anger
    assert FADING == (1, 0.5, 0.25, 0)
    assert "counts half, the third a quarter, every later one nothing" in anger
    assert SILENCES == 3
    assert "three silences in a row" in README
    assert f"within {('', 'one', 'two', 'three', 'four', 'five', 'six')[FRESH]} lines" in " ".join(README.split())
    for anger_below, band in ((2.5, "calm"), (5, "annoyed"), (8, "angry")):
        assert f"`{band}` below {anger_below:g}" in anger
        assert Band.of(anger_below - 0.01) == band


def test_every_reaction_temperament_skill_and_setting_is_named() -> None:
    assert dict(rows("Reactions")) == dict(REACTIONS)
    assert dict(rows("Temperaments")) == {n: t.about for n, t in TEMPERAMENTS.items()}
    assert dict(rows("Skills")) == dict(SKILLS)
    dial = {name: tuple(map(float, numbers)) for name, *numbers in rows("Intensity")}
    assert dial == {n: (i.anger, i.soothed, i.provoked) for n, i in INTENSITIES.items()}
    assert [name for name, _ in rows("The ladder")] == list(LADDER)


def test_every_shipped_scenario_is_in_the_table() -> None:
    rows = re.findall(r"^\| `([\w-]+)\.yaml` .* (\d) \|$", README, re.MULTILINE)
    assert sorted((name, int(level)) for name, level in rows) == [(n, scenario(n).difficulty) for n in SHIPPED]


def test_the_worked_example_works() -> None:
    example = parse(EXAMPLE, "wrong-cake.yaml")
    assert example.id == "wrong-cake"
    assert [p for r in example.rehearsals for p in rehearse(example, r, detector())] == []


def test_what_check_says_is_what_it_says() -> None:
    """The messages shown belong to the example with one thing changed on each of their lines."""
    shown = section("Checking").split("```text\n")[1].split("```")[0].splitlines()
    changed = {"anger: 6": "anger: 60", "or reflect]": "or reflekt]", "{party}": "{pary}"}
    assert len(shown) == len(changed)
    for message, (old, new) in zip(shown, changed.items(), strict=True):
        rows = EXAMPLE.split("\n")
        at = next(i for i, row in enumerate(rows) if old in row and not row.startswith("#"))
        rows[at] = rows[at].replace(old, new)
        with pytest.raises(ScenarioError) as caught:
            parse("\n".join(rows), "wrong-cake.yaml")
        assert caught.value.message == message


def test_what_check_warns_of_is_what_it_warns_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = section("Checking").split("```text\n")[2].split("```")[0].splitlines()
    assert len(shown) == 2
    monkeypatch.chdir(tmp_path)
    Path("wrong-cake.yaml").write_text(EXAMPLE, encoding="utf-8")
    _, found = examine("wrong-cake.yaml", listener())
    told = [f"wrong-cake.yaml:{line}: warning: {dotted(f.path)}: {f.what}" for line, f in found]
    assert [message for message in told if message in shown] == shown
    assert not [f for _, f in found if f.error]


def test_every_kind_of_learner_is_described_with_its_goal() -> None:
    assert dict(rows("Simulating")) == {name: (kind.__doc__ or "") for name, kind in KINDS.items()}
    told = " ".join(section("Simulating").split())
    assert GOALS["model"] == (95, 100)
    assert "`model` wins at least 95 calls" in told
    assert {GOALS[name] for name in ("defensive", "silent", "abusive")} == {(0, 2)}
    assert "`defensive`, `silent` and `abusive` at most 2, and `apologetic` at most 15" in told
    assert GOALS["apologetic"] == (0, 15)


def test_an_editor_finds_the_schema() -> None:
    assert f"```text\n{schema.FIRST_LINE}\n```" in section("In an editor")
    for path in shipped_scenarios():
        assert path.read_text(encoding="utf-8").splitlines()[0] == schema.FIRST_LINE


# ------------------------------------------------------------------------------------------------------- the schema

SCHEMA = json.loads((shipped_scenarios()[0].parent / schema.NAME).read_text(encoding="utf-8"))


def faults(value: Any, part: dict[str, Any], at: str = "") -> list[str]:
    """What a value breaks of a part of the schema: the keywords that it uses, and no other."""
    known = {"$schema", "title", "definitions", "description", "default", "$ref", "allOf", "anyOf", "oneOf", "const"}
    known |= {"enum", "type", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "items"}
    known |= {"minItems", "maxItems", "properties", "patternProperties", "additionalProperties", "required"}
    assert set(part) <= known
    if "$ref" in part:
        return faults(value, SCHEMA["definitions"][part["$ref"].removeprefix("#/definitions/")], at)
    found = [f for inner in part.get("allOf", ()) for f in faults(value, inner, at)]
    for several in (part.get("anyOf"), part.get("oneOf")):
        if several and all(faults(value, inner, at) for inner in several):
            found.append(f"{at}: none fits")
    types: dict[str, Any] = {
        "string": str,
        "object": dict,
        "array": list,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
    }
    if "type" in part and not isinstance(value, types[part["type"]]):
        return [*found, f"{at}: not {part['type']}"]
    if ("const" in part and value != part["const"]) or ("enum" in part and value not in part["enum"]):
        found.append(f"{at}: {value!r} is not known")
    if isinstance(value, str):
        short, long = part.get("minLength", 0), part.get("maxLength", 10**6)
        if not (short <= len(value) <= long) or not re.search(part.get("pattern", ""), value):
            found.append(f"{at}: not such a text")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = part.get("minimum", part.get("exclusiveMinimum", value)), part.get("maximum", value)
        found += [f"{at}: out of range"] * (not low <= value <= high)
    if isinstance(value, list):
        found += [f"{at}: too few or many"] * (not part.get("minItems", 0) <= len(value) <= part.get("maxItems", 999))
        found += [f for i, v in enumerate(value) for f in faults(v, part.get("items", {}), f"{at}.{i}")]
    if isinstance(value, dict):
        found += [f"{at}.{key}: missing" for key in part.get("required", ()) if key not in value]
        for key, inner in value.items():
            patterns = [p for name, p in part.get("patternProperties", {}).items() if re.search(name, key)]
            fitting = part.get("properties", {}).get(key) or next(iter(patterns), None)
            if fitting is None:
                fitting = part.get("additionalProperties", True)
            if fitting is False:
                found.append(f"{at}.{key}: unknown")
            elif isinstance(fitting, dict):
                found += faults(inner, fitting, f"{at}.{key}")
    return found


def test_the_schema_is_that_of_the_models() -> None:
    """`voicetrainer schema -o scenarios/scenario.schema.json` writes it anew."""
    assert (shipped_scenarios()[0].parent / schema.NAME).read_text(encoding="utf-8") == schema.text()


@pytest.mark.parametrize("name", SHIPPED)
def test_the_schema_holds_for_what_ships(name: str) -> None:
    data, _ = load(read_scenario(name)[0], name)
    assert faults(data, SCHEMA) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"difficulty": 9}, [".difficulty: out of range"]),
        ({"titel": "x"}, [".titel: unknown"]),
        ({"trains": ["choises"]}, [".trains.0: none fits"]),
        ({"mood": {"blame": 7}}, [".mood.blame: out of range"]),
        ({"reactions": {"interupting": ["Oi!"]}}, [".reactions.interupting: unknown"]),
        ({"facts": {"Order": "two"}}, [".facts.Order: unknown"]),
        ({"rubric": {"weights": {"empthy": 5}}}, [".rubric.weights.empthy: unknown"]),
        ({"format": 2}, [".format: 2 is not known"]),
        ({"reactions": {"rude": [{"say": "Oi!", "unless": "apology or nothing"}]}}, [".reactions.rude.0: none fits"]),
        ({"reactions": {"rude": [{"say": "Oi!", "unless": "apology or ownership"}]}}, []),
    ],
)  # fmt: skip
def test_the_schema_finds_what_is_wrong(change: dict[str, Any], told: list[str]) -> None:
    data, _ = load(EXAMPLE, "wrong-cake.yaml")
    assert faults({**data, **change}, SCHEMA) == told


def test_every_key_of_the_schema_is_explained() -> None:
    models = {"": SCHEMA, **SCHEMA["definitions"]}
    fields = [(name, key, f) for name, model in models.items() for key, f in model.get("properties", {}).items()]
    assert len(fields) > 50
    assert [(name, key) for name, key, field in fields if not field.get("description")] == []
