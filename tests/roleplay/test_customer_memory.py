"""What the customer remembers: what was told, asked, offered, said too often or too early, and which lines were said.

The detector notices what is written (`tests.roleplay.scripted`).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.roleplay.scripted import MOOD, SMALL, customer, heard, moods, outcome, play, respond, said, stages
from voicetrainer.roleplay.customer import Customer
from voicetrainer.roleplay.events import Band, MoodChanged, Noticed
from voicetrainer.roleplay.mood import STUCK
from voicetrainer.roleplay.reply import FRESH
from voicetrainer.roleplay.scenario import Spoken


def test_kind_words_for_the_third_turn_in_a_row_irritate() -> None:
    def irritates(*texts: str) -> list[str]:
        _, decisions = respond(customer(anger=8), *(heard(text, t) for t, text in enumerate(texts, 1)))
        return [rule for rule, _ in moods(decisions) if rule == "overdone"]

    assert irritates("apology", "apology") == []
    assert irritates("apology", "apology", "apology") == ["overdone"]
    assert irritates("apology", "apology", "apology", "apology") == ["overdone"] * 2
    assert irritates("apology", "apology", "apology ownership") == []  # something new beside it
    assert irritates("apology empathy", "apology empathy", "apology empathy") == ["overdone"]
    assert irritates("apology", "probe", "apology", "apology") == []
    assert irritates("apology", "apology", "probe apology") == []
    assert irritates("reflect", "reflect", "reflect") == []


def test_an_offer_that_fades_away_costs_trust() -> None:
    _, decisions = respond(customer(), heard("empathy solution"), heard("hedging", 12))
    assert "went_back" in dict(moods(decisions))
    for texts in (("empathy solution hedging",), ("empathy", "hedging"), ("empathy solution", "hedging@0.4")):
        _, decisions = respond(customer(), *(heard(text, t) for t, text in enumerate(texts, 1)))
        assert "went_back" not in dict(moods(decisions))


def test_asking_for_what_was_told_annoys() -> None:
    number = "what is your order number"
    _, decisions = respond(customer(), heard(number), heard(number, 12))
    assert [rule for rule, _ in moods(decisions)] == ["asked_again"]
    assert said(decisions)[:2] == ["it is four four one seven", "still four four one seven"]
    answer = SMALL.answers[0].model_copy(update={"open": True})
    _, decisions = respond(customer(answers=(answer,)), heard(number), heard(number, 12))
    assert moods(decisions) == []


def test_an_answer_that_was_not_given_may_be_asked_for_again() -> None:
    number = "what is your order number"
    _, decisions = respond(customer(), heard(f"blame {number}"), heard(number, 12))
    assert [rule for rule, _ in moods(decisions)] == ["blame"]
    assert said(decisions) == ["my fault", "it is four four one seven"]


def test_a_question_without_an_answer_has_its_own_line() -> None:
    who = customer(reactions={**SMALL.reactions, "question": (Spoken(say="does that matter"),)})
    assert said(respond(who, heard("what colour are the stairs"))[1]) == ["does that matter"]
    assert said(respond(who, heard("solution what colour are they"))[1]) == ["hold on 1"]  # it belongs to the offer
    for other in ("what would you like", "solution what colour would you prefer", "what is your order number"):
        assert said(respond(who, heard(other))[1]) != ["does that matter"]


FACTS = {"order": "four four one seven", "ordered": "Monday", "paid": "ninety pounds"}


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("You ordered it on Monday and you paid ninety pounds.", True),
        ("You ordered it on Monday.", False),  # one fact is a start
        ("You ordered it on Wednesday and you paid ninety pounds.", False),
        ("I'll bring it on Monday, and it costs ninety pounds.", False),  # an offer
    ],
)
@pytest.mark.parametrize("told", [True, False])
def test_two_facts_said_back_rightly_are_a_summary(text: str, counts: bool, told: bool) -> None:
    who = customer(facts=FACTS)
    state = replace(who.begin()[0], told=frozenset({"ordered"} if told else ()))
    _, decisions = respond(who, heard(text), state=state)
    noticed = [d for d in decisions if isinstance(d, Noticed) and d.label == "reflect"]
    assert bool(noticed) == (counts and told)
    assert all("Monday" in d.why for d in noticed)


def test_when_all_is_done_nothing_is_asked_for_again() -> None:
    done = ("empathy", "apology ownership", "solution")
    reactions = {**SMALL.reactions, "still_cross": (Spoken(say="still cross"),)}
    who = customer(anger=9, reactions=reactions, mood=dict.fromkeys(("empathy", "apology", "ownership", "solution"), 0))
    _, decisions = respond(who, *(heard(text, t) for t, text in enumerate((*done, "probe@0.1"), 1)))
    assert said(decisions)[2] == "still cross"


def test_lines_wait_for_what_they_rely_on() -> None:
    lines = (
        Spoken(say="always"),
        Spoken(say="nobody is sorry", unless=("apology",)),
        Spoken(say="you said sorry", after=("apology", "ownership")),
    )
    stage = SMALL.stages[0].model_copy(update={"lines": {Band.ANGRY: lines}})
    who = customer(stages=(stage, *SMALL.stages[1:]), reactions={})
    _, decisions = respond(who, heard("jargon@0.1"), heard("jargon@0.1", 12))
    assert said(decisions) == ["nobody is sorry", "always"]
    _, decisions = respond(who, heard("apology@0.1"), heard("jargon@0.1", 12))
    assert said(decisions) == ["you said sorry", "always"]


def test_another_variation_says_other_lines_but_opens_alike() -> None:
    calls = [said(play(["jargon@0.1"] * 2, Customer(SMALL, customer().detector, variation=v))) for v in (0, 1, 2, 3)]
    assert {lines[0] for lines in calls} == {"heard angry 1"}
    assert len({lines[1] for lines in calls}) > 1
    assert calls[0] == calls[3]  # three lines to choose from


def test_too_early_earns_nothing_and_does_not_count_later() -> None:
    state, decisions = respond(customer(), heard("solution", 1))
    assert state.anger == 6
    entry = next(d for d in decisions if isinstance(d, MoodChanged))
    assert (entry.before, entry.after, entry.because) == (6, 6, "too early: nobody has listened yet")
    assert said(decisions) == ["hold on 1"]
    state, decisions = respond(customer(), heard("empathy apology ownership", 2), state=state)
    assert stages(decisions) == ["owned", "offered"]
    state, decisions = respond(customer(), heard("solution", 3), state=state)
    assert [rule for rule, _ in moods(decisions)] == ["sinking_in", "solution"]
    assert outcome(play(["solution", "empathy", "apology ownership"])) == "left"


@pytest.mark.parametrize(
    ("lines", "reached"),
    [
        (["empathy@0.5"], ["owned"]),
        (["empathy@0.49"], []),
        (["ownership@0.7", "empathy", "apology@0.5"], ["owned"]),  # not sure enough so far ahead of its time
        (["ownership@0.75", "empathy", "apology@0.5"], ["owned", "offered"]),
    ],
)
def test_needs_are_met_by_what_is_sure(lines: list[str], reached: list[str]) -> None:
    assert stages(play(lines)) == ["heard", *reached]


def test_a_question_that_draws_an_answer_is_finding_out() -> None:
    asks = SMALL.stages[0].model_copy(update={"needs": (("probe",),)})
    assert stages(play(["your order number"], customer(stages=(asks, *SMALL.stages[1:])))) == ["heard", "owned"]


@pytest.mark.parametrize(
    ("lines", "entries"),
    [
        (["hm"], 0),
        (["hm", "hm"], 1),
        (["hm", "hm", "hm"], 2),
        (["hm", "greeting"], 1),  # good manners are not help
        (["hm", "probe", "hm"], 0),
        (["hm", "jargon", "hm"], 0),  # that has its own price
        (["hm", "solution", "hm"], 0),  # too early, but not nothing
        (["your order number", "your order number", "your order number"], 0),  # the customer can answer that
        (["hm", "your order number", "hm"], 0),  # and has been of use
        (["hm", "what colour were the stairs", "hm"], 1),  # a question is let pass, and is no more than that
    ],
)
def test_a_second_turn_without_anything_costs(lines: list[str], entries: int) -> None:
    found = [change for rule, change in moods(play(lines)) if rule == "stalling"]
    assert found == [MOOD["stalling"]] * entries


def test_the_same_thing_again_before_its_time_annoys() -> None:
    _, decisions = respond(customer(), heard("solution"), heard("solution", 12))
    assert [rule for rule, _ in moods(decisions)] == ["solution", "solution", "pushed"]


def test_a_talk_that_does_not_get_on_wears_patience_out() -> None:
    _, decisions = respond(customer(), *(heard("probe", t) for t in range(1, STUCK + 3)))
    assert [rule for rule, _ in moods(decisions)].count("dragging") == 2


def test_stalling_has_its_own_line_from_the_second_time() -> None:
    assert said(play(["hm", "hm", "hm"]))[1:] == ["heard angry 2", "that does not help", "heard angry 3"]


def test_a_line_comes_again_only_when_nothing_else_fits() -> None:
    lines = said(play(["probe@0.1", "hm"] * 6, customer(mood={"probe": 0, "stalling": 0}, reactions={})))
    assert len(lines) == 13
    assert all(len(set(lines[i : i + FRESH])) == FRESH for i in range(len(lines) - FRESH))
    assert lines[:3] == [f"heard angry {n}" for n in (1, 2, 3)]
