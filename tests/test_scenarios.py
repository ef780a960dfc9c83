"""What ships and what must fail: the scenarios and their rehearsals, broken files, and the format's description."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from tests.roleplay.scripted import TEXT
from voicetrainer.cli.content import read_scenario, rehearse, shipped_scenarios
from voicetrainer.detector import load_shipped
from voicetrainer.errors import ScenarioError
from voicetrainer.roleplay.customer import FADING, MOOD, PATIENCE, SILENCES, TEMPER
from voicetrainer.roleplay.events import Band
from voicetrainer.roleplay.scenario import MAX_BYTES, REACTIONS, Scenario, parse
from voicetrainer.roleplay.techniques import DESCRIPTIONS, Detector
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
    assert len(SHIPPED) >= 3
    assert len({scenario(name).difficulty for name in SHIPPED}) >= 3
    assert len({scenario(name).business for name in SHIPPED}) == len(SHIPPED)
    assert len({scenario(name).customer.voice for name in SHIPPED}) == len(SHIPPED)


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
    assert {r.expect.outcome for r in rehearsals} >= {"resolved", "escalated", "hung_up", "left"}


def too_much(text: str) -> bool:
    """Whether a line is more than a synthetic voice, or an angry person, says in a breath."""
    sentences = re.split(r"(?<=[.!?])\s", text)
    return text[-1] not in ".!?" or any(len(s.split()) > 18 or not s[0].isupper() for s in sentences)


@pytest.mark.parametrize("name", SHIPPED)
def test_its_lines_can_be_said_in_a_breath(name: str) -> None:
    lines = {path: scenario(name).fill(line) for path, line in scenario(name).spoken_lines()}
    assert all(sayable(line) for line in lines.values())
    assert {path: line for path, line in lines.items() if too_much(line)} == {}


@pytest.mark.parametrize("name", SHIPPED)
def test_it_has_lines_for_every_mood_and_whatever_happens(name: str) -> None:
    it = scenario(name)
    for stage in it.stages:
        assert set(stage.lines) == set(Band)
        assert stage.could_say
        assert all(len(lines) >= 2 for lines in stage.lines.values())
    start = Band.of(it.customer.anger)
    assert len(it.stages[0].lines[start]) >= 4  # where they stay longest
    assert set(it.reactions) == set(REACTIONS)
    assert it.endings.escalated is not None


@pytest.mark.parametrize("name", SHIPPED)
def test_it_says_nothing_twice(name: str) -> None:
    lines = [line for _, line in scenario(name).spoken_lines()]
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_fact_is_worth_knowing(name: str) -> None:
    """Each is in a line, or in the briefing's own words: nothing on the note pad is idle."""
    it = scenario(name)
    spoken = " ".join(line for _, line in it.spoken_lines())
    shown = " ".join(text for stage in it.stages for text in stage.could_say.values())
    used = [fact for fact in it.facts if f"{{{fact}}}" in spoken + shown]
    assert len(used) >= 4


# ---------------------------------------------------------------------------------------------------- what must fail


def expected(path: Path) -> list[str]:
    lines = path.read_bytes().decode("latin-1").splitlines()
    return [line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: ")]


def test_there_are_enough_broken_files() -> None:
    assert len(BROKEN) >= 30


@pytest.mark.parametrize("path", BROKEN, ids=lambda p: p.stem)
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
            found |= keys(inner, f"{prefix}{name}.")
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
    assert len(told) == 4
    for key, default in told:
        value = fields[key].default
        assert default == (value if isinstance(value, str) else f"{value:g}")


def test_every_weight_is_as_described() -> None:
    rows = {label: (text, weight) for label, text, weight in ROW.findall(section("How anger moves"))}
    assert {label: float(weight) for label, (_, weight) in rows.items()} == dict(MOOD)
    assert {label: text for label, (text, _) in rows.items() if label in DESCRIPTIONS} == {
        label: text for label, text in DESCRIPTIONS.items() if label in MOOD
    }


def test_the_rules_numbers_are_as_described() -> None:
    anger = " ".join(section("How anger moves").split())
    assert f"calms by {PATIENCE:g} at most, and angers by {TEMPER:g} at most" in anger
    assert FADING == (1, 0.5, 0.25, 0)
    assert "counts half, the third a quarter, every later one nothing" in anger
    assert SILENCES == 3
    assert "three silences in a row" in README
    for anger_below, band in ((2.5, "calm"), (5, "annoyed"), (8, "angry")):
        assert f"`{band}` below {anger_below:g}" in anger
        assert Band.of(anger_below - 0.01) == band


def test_every_reaction_is_named() -> None:
    listed = section("Reactions").split("can have: ")[1]
    assert set(re.findall(r"`(\w+)`", listed)) == set(REACTIONS)


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
