"""The moments that mattered, missed chances and what went well."""

from __future__ import annotations

import pytest

from tests.roleplay.scripted import SMALL, customer, play
from voicetrainer.roleplay.advice import ADVICE, INSTEAD
from voicetrainer.roleplay.events import Decision, Fact, MoodChanged
from voicetrainer.roleplay.judging import Call
from voicetrainer.roleplay.moments import Moment, costliest, example, missed, moments, strengths
from voicetrainer.roleplay.mood import RULES
from voicetrainer.roleplay.techniques import LABELS


def call(*lines: str, anger: float = 6) -> Call:
    return Call(SMALL, play(lines, customer(anger=anger)))


def the(moment: Moment | None) -> Moment:
    assert moment is not None
    return moment


def test_the_two_moments_say_who_said_what_and_why() -> None:
    helped, hurt = moments(call("defensive", "empathy reflect", "apology ownership"))
    helped, hurt = the(helped), the(hurt)
    assert (hurt.turn, hurt.you_said, hurt.they_said, hurt.reply) == (1, "defensive", "heard angry 1", "no excuses")
    assert hurt.change > 0
    assert (hurt.what, hurt.why) == ("being defensive", "was argued with")
    assert hurt.better == "Two days for nothing, for order four four one seven."
    assert hurt.advice == ADVICE["defensive"]
    assert (helped.turn, helped.you_said, helped.they_said) == (2, "empathy reflect", "no excuses")
    assert helped.change < 0
    assert helped.what == "empathy and reflecting back"
    assert helped.why == "felt understood and heard the problem said back"
    assert (helped.better, helped.advice) == ("", "")
    assert 0 < hurt.t < helped.t


def test_where_nothing_helped_or_hurt_there_is_no_moment() -> None:
    helped, hurt = moments(call("empathy"))
    assert helped is not None and hurt is None
    helped, hurt = moments(call("blame"))
    assert helped is None and hurt is not None
    assert moments(call("hm")) == (None, None)
    assert moments(Call(SMALL, [])) == (None, None)


def test_a_silence_can_be_what_hurt_most() -> None:
    hurt = the(moments(call("probe", "..."))[1])
    assert (hurt.turn, hurt.you_said, hurt.what) == (0, "", "6 seconds of silence")
    assert (hurt.they_said, hurt.reply) == ("heard angry 2", "hello 1")
    assert hurt.better == "Two days for nothing, for order four four one seven."
    assert hurt.advice == ADVICE["dead_air"]


def test_what_sinks_in_later_is_owed_to_the_turn_before() -> None:
    events: list[Fact | Decision] = list(play(["empathy", "probe"]))
    at = next(i for i, e in enumerate(events) if isinstance(e, MoodChanged) and e.turn == 2)
    sunk = MoodChanged(events[at].t, 2, 4.7, 3.7, "sinking_in", "took in what was said before")
    plain = the(moments(Call(SMALL, events))[0])
    helped = the(moments(Call(SMALL, [*events[:at], sunk, *events[at:]]))[0])
    assert (plain.turn, helped.turn) == (1, 1)
    assert helped.change == pytest.approx(plain.change - 1)
    assert helped.what == plain.what == "empathy"


def test_the_worse_of_two_turns_counts_as_a_whole() -> None:
    hurt = the(moments(call("jargon", "hedging overpromise defensive", "empathy"))[1])
    assert hurt.turn == 2
    assert hurt.what.startswith("being defensive")


@pytest.mark.parametrize(
    ("before", "rule", "says"),
    [
        ([], "blame", "Two days for nothing, for order four four one seven."),
        (["empathy"], "passing", ""),  # this stage has no examples
        (["empathy", "apology ownership"], "hedging", "A new pair or the money. Which would you like?"),
        (["empathy", "apology ownership"], "rude", "A new pair or the money. Which would you like?"),
    ],
)
def test_better_words_are_those_of_the_stage_then(before: list[str], rule: str, says: str) -> None:
    held = call(*before, "hm")
    assert example(held, len(before) + 1, rule) == says


def test_whatever_makes_it_worse_has_advice_and_something_better() -> None:
    costly = {rule for rule, r in RULES.items() if r.anger > 0}
    assert costly <= set(ADVICE)
    assert costly <= set(INSTEAD)
    assert {label for labels in INSTEAD.values() for label in labels} <= set(LABELS)


def test_the_rule_that_cost_most_all_in_all() -> None:
    assert costliest(call("jargon", "jargon", "jargon", "jargon", "defensive@0.9")) == "jargon"
    assert costliest(call("empathy")) == ""


# --------------------------------------------------------------------------------------------------- missed chances


def test_a_missed_chance_names_the_example_of_its_stage() -> None:
    late = missed(call("hm", "probe", "empathy", "apology ownership", "solution"))
    assert [(m.turn, m.label, m.could_have_said) for m in late] == [
        (1, "empathy", "Two days for nothing, for order four four one seven."),
    ]
    assert late[0].why == "She needs to be heard. It came only in turn 3."
    assert late[0].t > 0


def test_a_stage_without_an_example_is_missed_all_the_same() -> None:
    found = missed(call("empathy", "hm", "apology", "hm"))
    assert [(m.turn, m.label, m.could_have_said) for m in found] == [(2, "apology", ""), (2, "ownership", "")]
    assert [m.why.split(". ")[1] for m in found] == ["It came only in turn 3.", "It never came."]


def test_what_came_too_early_was_missed() -> None:
    found = missed(call("solution", "empathy", "apology ownership", "hm", "hm"))
    assert [(m.label, m.why) for m in found] == [
        ("empathy", "She needs to be heard. It came only in turn 2."),
        ("choice", "She needs something definite. It never came."),
    ]
    assert found[1].could_have_said == "A new pair or the money. Which would you like?"


@pytest.mark.parametrize("lines", [["empathy", "apology ownership", "choice"], ["empathy"], [], ["hm"]])
def test_nothing_is_missed_at_the_first_try(lines: list[str]) -> None:
    assert missed(call(*lines)) == ()


def test_who_listens_first_has_missed_nothing_yet() -> None:
    assert missed(call("greeting probe", "empathy", "apology ownership")) == ()
    assert missed(call("backchannel", "empathy", "probe", "apology ownership", "solution")) == ()
    found = missed(call("backchannel", "backchannel", "empathy", "apology ownership"))
    assert [(m.turn, m.why) for m in found] == [(2, "She needs to be heard. It came only in turn 3.")]


def test_missed_chances_are_bounded() -> None:
    assert len(missed(call(*["hm"] * 30))) <= 6


# -------------------------------------------------------------------------------------------------------- strengths


def test_the_strongest_moments_in_the_order_of_the_call() -> None:
    strong = strengths(call("probe", "empathy", "backchannel", "apology", "ownership", anger=9))
    assert [s.quote for s in strong] == ["empathy", "apology", "ownership"]
    assert strong[0].note.startswith("empathy: 8.7 → ")
    assert strengths(call("blame")) == ()
