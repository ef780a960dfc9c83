"""Whether summaries are told right from wrong, and whether what a learner offers is left alone.

``tests/data/summaries.jsonl`` holds summaries written by hand for three scenarios, what the shipped recogniser heard of
each from a synthetic voice, and the facts that each says rightly and wrongly.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from voicetrainer.places import shipped
from voicetrainer.roleplay.scenario import Scenario, parse
from voicetrainer.roleplay.spoken import spoken, tokens
from voicetrainer.roleplay.summary import Summary, check
from voicetrainer.roleplay.values import find, near

ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data" / "summaries.jsonl").read_text(encoding="utf-8").splitlines()
]


@cache
def scenario(name: str) -> Scenario:
    return parse((shipped("scenarios") / f"{name}.yaml").read_text(encoding="utf-8"), name)


@cache
def told(name: str) -> tuple[str, ...]:
    """What the customer says in their first stage."""
    case = scenario(name)
    return tuple(case.fill(line.say) for lines in case.stages[0].lines.values() for line in lines)


def judge(name: str, text: str) -> Summary:
    return check(scenario(name), told(name), text)


def counts(field: str, *, plain: bool = False) -> dict[str, int]:
    """How many facts were found, rightly and not, over all rows."""
    n = dict.fromkeys(("right", "right_extra", "right_all", "wrong", "wrong_extra", "wrong_all"), 0)
    for row in ROWS:
        found = judge(row["scenario"], spoken(row[field]) if plain else row[field])
        for kind, facts in (("right", found.right), ("wrong", found.wrong)):
            names = {f.fact or f.value for f in facts}
            n[kind] += len(names & set(row[kind]))
            n[f"{kind}_extra"] += len(names - set(row[kind]))
            n[f"{kind}_all"] += len(row[kind])
    return n


def test_there_are_enough_summaries() -> None:
    assert len(ROWS) >= 120
    assert sum(bool(r["wrong"]) for r in ROWS) >= 60
    assert sum(not r["wrong"] and not r["right"] for r in ROWS) >= 30
    for row in ROWS:
        assert set(row["right"]) <= set(scenario(row["scenario"]).facts)


def test_nobody_is_told_wrongly_that_a_fact_was_wrong() -> None:
    for field in ("text", "heard"):
        assert counts(field)["wrong_extra"] == 0
    assert counts("text", plain=True)["wrong_extra"] == 0


def test_wrong_facts_are_noticed() -> None:
    said, plain, heard = counts("text"), counts("text", plain=True), counts("heard")
    assert said["wrong"] >= 0.9 * said["wrong_all"]
    assert plain["wrong"] >= 0.85 * plain["wrong_all"]
    assert heard["wrong"] >= 0.33 * heard["wrong_all"]


def test_right_facts_are_noticed() -> None:
    said, heard = counts("text"), counts("heard")
    assert said["right"] >= 0.95 * said["right_all"]
    assert said["right_extra"] <= 2
    assert heard["right"] >= 0.65 * heard["right_all"]
    assert heard["right_extra"] <= 2


@pytest.mark.parametrize(
    "text",
    [
        "I'll ring you on Wednesday.",
        "We can have it with you by Wednesday.",
        "Did you order on Wednesday?",
        "If you had ordered on Wednesday it would be here.",
        "I ordered one myself on Wednesday.",
        "You need to ring us by Wednesday.",
        "You ordered on Wednesday, sorry, you ordered on Monday.",
        "Order the next one on a Wednesday.",
        "Would Wednesday suit you, or Thursday?",
        "The courier comes on Wednesdays.",
        "See you Wednesday, bye.",
        "",
        "...",
    ],
)
def test_a_day_of_ones_own_is_no_mistake(text: str) -> None:
    assert judge("late-parcel", text).wrong == ()


def test_a_wrong_day_is_quoted_with_the_right_one() -> None:
    text = "I'm so sorry about that. So you ordered on Wednesday, and nobody came?"
    (wrong,) = judge("late-parcel", text).wrong
    assert (wrong.fact, wrong.value, wrong.kind, wrong.right) == ("ordered", "Monday", "day", False)
    assert wrong.quote == "you ordered on Wednesday,"
    assert " ".join(text.split()[wrong.first : wrong.last + 1]) == wrong.quote
    assert "Monday" in wrong.why


@pytest.mark.parametrize(
    "text",
    ["you ordered on monday", "So, you ordered it on Monday.", "you bought the boots on monday didn't you"],
)
def test_the_right_day_is_right(text: str) -> None:
    found = judge("late-parcel", text)
    assert "ordered" in {f.fact for f in found.right}
    assert found.wrong == ()


def test_what_the_customer_has_said_counts_once_it_was_said() -> None:
    text = "So you stayed at home for three days."
    assert [w.value for w in check(scenario("late-parcel"), ["I stayed at home two whole days for this."], text).wrong]
    assert check(scenario("late-parcel"), (), text).wrong == ()


def test_every_quote_stands_in_the_text() -> None:
    for row in ROWS:
        for field in ("text", "heard"):
            words = row[field].split()
            found = judge(row["scenario"], row[field])
            for fact in (*found.right, *found.wrong):
                assert fact.quote == " ".join(words[fact.first : fact.last + 1]) != ""


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("£90 or ninety pounds", ["money 9000", "money 9000"]),
        ("ninety pounds fifty", ["money 9050"]),
        ("hundred and twelve quid", ["money 11200"]),
        ("order 4417", ["digits 4417"]),
        ("four four one seven", ["digits 4417"]),
        ("double four one seven", ["digits 4417"]),
        ("forty four seventeen", ["digits 4417"]),
        ("two nine oh six", ["digits 2906"]),
        ("the ninth to the twelfth of May", ["date 9", "date 12", "month may"]),
        ("it may come in march", ["month march"]),
        ("F22", ["code f22"]),
        ("between eight and one", ["span 8-1"]),
        ("eight whole days", ["amount of days 8"]),
        ("twice, on Tuesdays", ["amount of times 2", "day tuesday"]),
        ("she is eighty-three", ["number 83"]),
        ("in Deal, what a good deal", ["town deal"]),
        ("boots with next day delivery", ["thing boots", "delivery next day"]),
        ("for you to go on too", []),
    ],
)
def test_values_in_spoken_words(text: str, values: list[str]) -> None:
    assert [f"{v.kind} {v.value}" for v in find([t.text for t in tokens(text)])] == values


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        ("ninety pounds", "nineteen pounds", True),  # misheard
        ("a hundred pounds", "a hundred and twelve pounds", True),  # rounded
        ("ninety pounds", "seventy pounds", False),
        ("eight days", "nine days", False),
        ("four four one five", "four four one nine", True),  # misheard
        ("four four one seven", "four four seven one", False),
        ("boots", "boot", True),
        ("boots", "a tent", False),
        ("in france", "in spain", False),
        ("monday", "tuesday", False),
    ],
)
def test_values_that_may_be_the_same(a: str, b: str, alike: bool) -> None:
    (x,), (y,) = find(a.split()), find(b.split())
    assert near(x, y) == near(y, x) == alike
