"""Reading a scenario. What must fail and how it is told: ``tests/data/broken-scenarios`` (`tests.test_scenarios`)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.roleplay.scripted import SMALL, TEXT
from voicetrainer.errors import ScenarioError
from voicetrainer.roleplay.events import Band
from voicetrainer.roleplay.scenario import MAX_BYTES, REACTIONS, Scenario, Stage, parse
from voicetrainer.roleplay.techniques import DELIVERY, LABELS, MISTAKES, TECHNIQUES


def test_what_is_left_out_has_its_default() -> None:
    assert SMALL.customer.voice == "woman-1"
    assert SMALL.mood == {}
    assert SMALL.rehearsals == ()
    text = TEXT.replace("{anger_at_most: 3, lines:", "{lines:").replace("{at_anger: 9.5, lines:", "{lines:")
    plain = parse(text.replace("minutes: 5\n", ""))
    assert (plain.minutes, plain.endings.resolved.anger_at_most, plain.endings.hung_up.at_anger) == (6, 4, 10)


def test_escalation_and_reactions_may_be_left_out() -> None:
    lines = TEXT.splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("  escalated:"))
    assert parse(text).endings.escalated is None
    start, end = text.index("reactions:"), text.index("endings:")
    assert parse(text[:start] + text[end:]).reactions == {}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("[empathy]", (("empathy",),)),
        ("[empathy, apology]", (("empathy",), ("apology",))),
        ("[empathy or reflect, apology]", (("empathy", "reflect"), ("apology",))),
        ("[empathy or reflect or probe]", (("empathy", "reflect", "probe"),)),
        ("[ empathy  or   reflect ]", (("empathy", "reflect"),)),
        ("[[empathy, reflect], apology]", (("empathy", "reflect"), ("apology",))),
    ],
)
def test_needs(written: str, meant: tuple[tuple[str, ...], ...]) -> None:
    assert parse(TEXT.replace("[empathy or reflect]", written)).stages[0].needs == meant


@pytest.mark.parametrize(
    ("has", "asked", "given"),
    [
        ("calm furious", "calm", "calm"),
        ("calm furious", "furious", "furious"),
        ("calm furious", "annoyed", "calm"),
        ("calm furious", "angry", "furious"),
        ("angry", "calm", "angry"),
        ("calm angry", "annoyed", "calm"),  # of two as near, the calmer
        ("annoyed furious", "angry", "annoyed"),
    ],
)
def test_a_mood_without_lines_borrows_the_nearest(has: str, asked: str, given: str) -> None:
    lines = {Band(band): (band,) for band in has.split()}
    stage = Stage(id="heard", about="x", needs=(("empathy",),), lines=lines)
    assert [line.say for line in stage.lines_for(Band(asked))] == [given]


def test_slots_are_filled_from_the_facts() -> None:
    assert SMALL.fill("It's {order}. Yes, {order}!") == "It's four four one seven. Yes, four four one seven!"
    assert SMALL.fill("No slot.") == "No slot."


def test_every_line_is_told_with_its_place() -> None:
    lines = dict(SMALL.spoken_lines())
    assert lines["stages", 0, "lines", "angry", 1].say == "heard angry 2"
    assert lines["reactions", "blame", 0].say == "my fault"
    assert lines["answers", 0, "say", 1].say == "still {order}"
    assert lines["endings", "escalated", "lines", 0].say == "put them on"
    in_file = TEXT[TEXT.index("lines:") :]
    assert all(line.say in in_file for line in lines.values())
    assert len(lines) == 35


def test_a_scenario_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        SMALL.title = "Another"  # type: ignore[misc]


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    text = TEXT.replace("anger: 6", "anger: 60").replace("title: A", "titel: A").replace("[apology,", "[apologie,")
    with pytest.raises(ScenarioError) as caught:
        parse(text, "mine.yaml")
    assert caught.value.message.splitlines() == [
        "mine.yaml:1: title: is missing",
        "mine.yaml:3: titel: there is no such key; did you mean 'title'?",
        "mine.yaml:13: customer.anger: should be at most 10",
    ]
    assert caught.value.hint


def test_what_shapes_alone_cannot_tell_is_told_at_once_too() -> None:
    text = TEXT.replace("[apology,", "[apologie,").replace("it is {order}", "it is {number}")
    with pytest.raises(ScenarioError) as caught:
        parse(text, "mine.yaml")
    rows = text.splitlines()
    wrong = [i for i, row in enumerate(rows, 1) if "apologie" in row or "{number}" in row]
    assert [int(m.split(":")[1]) for m in caught.value.message.splitlines()] == wrong


@pytest.mark.parametrize("size", [MAX_BYTES - len(TEXT), MAX_BYTES])
def test_a_file_is_bounded(size: int) -> None:
    text = TEXT + "#" * (size - 1) + "\n"
    if len(text) <= MAX_BYTES:
        assert parse(text) == SMALL
    else:
        with pytest.raises(ScenarioError, match="scenario:1: scenario: longer than 256 kB"):
            parse(text)


def test_size_counts_bytes() -> None:
    with pytest.raises(ScenarioError, match="longer than"):
        parse("# " + "ü" * (MAX_BYTES // 2))


@pytest.mark.parametrize("text", ["[" * 5000, "a: " * 5000, "- " * 5000, "{a: " * 3000])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError):
        parse(text)


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_line_ends_of_other_systems_are_fine(line_end: str) -> None:
    assert parse(TEXT.replace("\n", line_end)) == SMALL


def test_a_byte_order_mark_is_fine() -> None:
    assert parse("\ufeff" + TEXT) == SMALL


def test_every_mistake_has_a_reaction_name() -> None:
    assert set(MISTAKES) < set(REACTIONS)
    assert not set(LABELS) & set(DELIVERY)
    assert not set(TECHNIQUES) & set(MISTAKES)


@pytest.mark.parametrize("label", [*TECHNIQUES, *MISTAKES, *DELIVERY, "stalling"])
def test_the_mood_may_name_whatever_moves_it(label: str) -> None:
    assert parse(TEXT + f"mood: {{{label}: 1.5}}\n").mood == {label: 1.5}
    assert parse(TEXT + f"mood: {{{label}: 0}}\n").mood == {label: 0}


@given(st.text(max_size=200))
@settings(derandomize=True, deadline=None)
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with pytest.raises(ScenarioError, match=r"^mine\.yaml:\d+: "):
        parse(text, "mine.yaml")


ROWS = TEXT.splitlines()
DAMAGE = ["", "  ", "x: y", "- z", "\tq", '"', "{", "[1, 2", "? k", "!t v", "&a *a", "null", "id: id", "0x1f"]


@given(st.integers(0, 10**9))
@settings(derandomize=True, deadline=None, max_examples=150)
def test_no_damage_does_more_than_be_refused(seed: int) -> None:
    rng = random.Random(seed)
    rows = list(ROWS)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(rows))
        match rng.randrange(5):
            case 0:
                del rows[at]
            case 1:
                rows.insert(at, rng.choice(rows))
            case 2:
                rows[at] = " " * rng.randrange(9) + rows[at].lstrip()
            case 3:
                key = rows[at].split(":")[0]
                rows[at] = f"{key}: {rng.choice(DAMAGE)}"
            case _:
                rows[at] = rng.choice(DAMAGE)
    try:
        scenario = parse("\n".join(rows), "mine.yaml")
    except ScenarioError as error:
        for message in error.message.splitlines():
            name, line, rest = message.split(":", 2)
            assert name == "mine.yaml"
            assert 1 <= int(line) <= len(rows) + 1
            assert rest.strip()
            assert "pydantic" not in rest
            assert "valid" not in rest  # the library's own words
    else:
        assert isinstance(scenario, Scenario)
        for _, said in scenario.spoken_lines():
            assert scenario.fill(said.say)
