"""The scorecard: what earns 1, 3 and 5, and what fails a call whatever the total."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.roleplay.scripted import SMALL, customer, play
from voicetrainer.roleplay.advice import ADVICE, QUESTIONS
from voicetrainer.roleplay.customer import MOOD
from voicetrainer.roleplay.events import Decision, Ended, Fact, MoodChanged, Noticed, Steadiness
from voicetrainer.roleplay.scorecard import LONG_TURN, PASS_MARK, RUBRIC, Scorecard, score
from voicetrainer.roleplay.techniques import DELIVERY, LABELS, MISTAKES

LONG = "word " * (LONG_TURN + 1)
GOOD = ["empathy reflect", "probe", "empathy reflect probe apology ownership", "choice follow_up"]


def card(*lines: str, anger: float = 6) -> Scorecard:
    return score(SMALL, play(lines, customer(anger=anger)))


def scores(card: Scorecard) -> dict[str, int | None]:
    return {c.id: c.score for c in card.criteria}


# ---------------------------------------------------------------------------------------------------------- rubric


def test_weights_sum_to_a_hundred() -> None:
    assert sum(c.weight for c in RUBRIC) == 100
    assert len({c.id for c in RUBRIC}) == len(RUBRIC)


def test_each_criterion_says_what_earns_1_3_and_5() -> None:
    for criterion in RUBRIC:
        assert list(criterion.anchors) == [1, 3, 5]
        assert all(text.endswith(".") for text in criterion.anchors.values())
        assert len(set(criterion.anchors.values())) == 3


ANCHORS: list[tuple[str, int, list[str]]] = [
    ("listening", 1, ["!hm", "!hm"]),
    ("listening", 3, ["probe"]),
    ("listening", 3, ["!hm", "reflect"]),
    ("listening", 5, ["reflect", "reflect"]),
    ("empathy", 1, ["probe"]),
    ("empathy", 1, ["dismissive"]),
    ("empathy", 3, ["probe", "probe", "empathy"]),
    ("empathy", 3, ["empathy dismissive"]),
    ("empathy", 5, ["empathy", "probe", "empathy"]),
    ("ownership", 1, ["probe"]),
    ("ownership", 1, ["apology passing passing false_apology"]),
    ("ownership", 3, ["apology"]),
    ("ownership", 5, ["apology", "ownership"]),
    ("understanding", 1, ["empathy"]),
    ("understanding", 3, ["probe", "probe"]),
    ("understanding", 3, ["reflect"]),
    ("understanding", 5, ["probe", "probe", "reflect"]),
    ("solution", 1, ["empathy"]),
    ("solution", 1, ["solution"]),  # before she has been heard
    ("solution", 3, ["empathy", "solution"]),
    ("solution", 5, ["empathy", "choice", "follow_up"]),
    ("solution", 5, ["empathy", "solution choice follow_up"]),
    ("language", 1, ["jargon", "jargon"]),
    ("language", 3, ["jargon"]),
    ("language", 3, [LONG, LONG]),
    ("language", 5, ["probe"]),
    ("respect", 1, ["defensive", "dismissive defensive", "passing"]),
    ("respect", 1, ["rude", "blame"]),
    ("respect", 3, ["defensive", "dismissive"]),
    ("respect", 5, ["probe"]),
    ("outcome", 1, ["blame", "blame", "blame"]),
    ("outcome", 3, ["empathy reflect", "apology"]),  # left, but much calmer
    ("outcome", 4, ["empathy", "apology ownership", "escalate"]),
    ("outcome", 5, GOOD),
]


BETWEEN: list[tuple[str, int, list[str]]] = [
    ("listening", 2, ["!hm"]),
    ("listening", 4, ["reflect"]),
    ("empathy", 4, ["probe", "empathy"]),
    ("empathy", 4, ["probe", "probe", "empathy", "empathy"]),
    ("empathy", 4, ["empathy", "empathy dismissive"]),
    ("ownership", 2, ["ownership"]),
    ("ownership", 2, ["apology passing"]),
    ("ownership", 3, ["apology ownership passing"]),
    ("understanding", 2, ["probe"]),
    ("understanding", 4, ["probe", "reflect"]),
    ("solution", 2, ["empathy", "solution hedging overpromise"]),
    ("solution", 4, ["empathy", "choice"]),
    ("solution", 4, ["empathy", "solution follow_up"]),
    ("language", 4, ["hedging"]),
    ("language", 4, [LONG]),
    ("language", 5, ["word " * LONG_TURN]),
    ("respect", 4, ["passing"]),
    ("outcome", 2, ["empathy"]),
]


@pytest.mark.parametrize(("criterion", "earned", "lines"), [*ANCHORS, *BETWEEN])
def test_anchors(criterion: str, earned: int, lines: list[str]) -> None:
    assert scores(card(*lines))[criterion] == earned


def test_each_anchor_but_those_of_the_voice_is_tried() -> None:
    tried = {(criterion, earned) for criterion, earned, _ in ANCHORS}
    assert {(c.id, n) for c in RUBRIC for n in (1, 3, 5)} - tried == {("composure", n) for n in (1, 3, 5)}


Level = Literal["steady", "tense", "raised", "unknown"]


@pytest.mark.parametrize(
    ("levels", "earned"),
    [
        (["steady"] * 4, 5),
        (["tense"] + ["steady"] * 4, 5),
        (["raised"] + ["steady"] * 4, 4),
        (["raised"] * 2 + ["steady"] * 4, 3),
        (["raised"] * 2 + ["steady"] * 2, 2),
        (["raised"] * 3 + ["steady"], 1),
        (["unknown", "steady"], 5),
        (["unknown"] * 3, None),
        ([], None),
    ],
)
def test_a_steady_voice(levels: list[Level], earned: int | None) -> None:
    events: list[Fact | Decision] = [e for e in play(["probe"] * len(levels)) if not isinstance(e, Steadiness)]
    events += [Steadiness(1.0, n, level, 0.5, ("louder",)) for n, level in enumerate(levels, 1)]
    composure = next(c for c in score(SMALL, events).criteria if c.id == "composure")
    assert composure.score == earned
    assert [e.good for e in composure.evidence] == [False] * min(4, levels.count("raised"))


@pytest.mark.parametrize(("lines", "asides", "earned"), [(["probe"], 1, 4), (["reflect"], 1, 5), (["!hm"], 1, 2)])
def test_small_listening_words_count_as_listening(lines: list[str], asides: int, earned: int) -> None:
    events = [*play(lines), *(Noticed(1.0, 1, "listening_words", False, 1.0, "mm hmm") for _ in range(asides))]
    assert scores(score(SMALL, events))["listening"] == earned


# ----------------------------------------------------------------------------------------------------------- total


def test_a_good_call_passes() -> None:
    good = card(*GOOD)
    assert {k: v for k, v in scores(good).items() if v != 5} == {"composure": None}
    assert (good.total, good.passed, good.auto_fail) == (100, True, "")


def test_a_bad_call_does_not() -> None:
    bad = card("!jargon rude", "!blame passing dismissive jargon")
    assert {k: v for k, v in scores(bad).items() if v != 1} == {"composure": None}
    assert (bad.total, bad.passed) == (0, False)


def test_the_total_is_the_weighted_mean_of_what_was_judged() -> None:
    middle = card("empathy", "apology", "hm")
    judged = [(c.weight, c.score) for c in middle.criteria if c.score is not None]
    expected = sum(w * (s - 1) / 4 for w, s in judged) / sum(w for w, _ in judged) * 100
    assert middle.total == round(expected)
    assert sum(w for w, _ in judged) == 100 - 7  # a typed call has no voice


def test_a_call_without_a_word_is_worth_nothing() -> None:
    assert card("...", "...", "...").total == 0
    assert card().total == 0


def test_contempt_fails_the_best_call() -> None:
    rude = card(GOOD[0], "rude@0.7", *GOOD[1:])
    assert rude.total >= PASS_MARK
    assert not rude.passed
    assert "rude@0.7" in rude.auto_fail


def test_contempt_must_be_sure_to_fail_a_call() -> None:
    assert card(GOOD[0], "rude@0.5", *GOOD[1:]).auto_fail == ""


def test_a_customer_who_hangs_up_fails_the_call() -> None:
    lost = card(*GOOD[:3], "...", "...", "...")
    assert lost.auto_fail == "the customer hung up"
    assert not lost.passed


@pytest.mark.parametrize("lines", [["probe"], ["reflect", "jargon"], GOOD])
def test_passing_is_a_matter_of_the_mark(lines: list[str]) -> None:
    judged = card(*lines)
    assert judged.passed == (judged.total >= judged.pass_mark)


# -------------------------------------------------------------------------------------------------------- evidence


def test_each_score_names_its_evidence() -> None:
    judged = {c.id: c for c in card("empathy", "probe", "jargon dismissive", LONG).criteria}
    assert [(e.turn, e.quote, e.good) for e in judged["empathy"].evidence] == [
        (1, "empathy", True),
        (3, "dismissive", False),
    ]
    assert judged["empathy"].why == "the feeling was named once, the first in turn 1; brushed off once"
    assert [e.turn for e in judged["language"].evidence] == [3, 4]
    assert judged["composure"].why == "there was no voice to judge by"
    times = [e.t for e in judged["empathy"].evidence]
    assert times == sorted(times)
    assert times[0] > 0


def test_evidence_is_bounded() -> None:
    many = card(*["empathy"] * 30)
    assert all(len(c.evidence) <= 10 for c in many.criteria)
    assert len(many.missed) <= 6


def test_the_strongest_moments_in_the_order_of_the_call() -> None:
    strong = card("probe", "empathy", "backchannel", "apology", "ownership", anger=9).strengths
    assert [s.quote for s in strong] == ["empathy", "apology", "ownership"]
    assert strong[0].note == "empathy: 8.7 → 7.4"
    assert card("blame").strengths == ()


# --------------------------------------------------------------------------------------------------- missed chances


def test_a_missed_chance_names_the_example_of_its_stage() -> None:
    late = card("hm", "probe", "empathy", "apology ownership", "solution").missed
    assert [(m.turn, m.label, m.could_have_said) for m in late] == [
        (1, "empathy", "Two days for nothing, for order four four one seven."),
    ]
    assert late[0].why == "She needs to be heard. It came only in turn 3."
    assert late[0].t > 0


def test_a_stage_without_an_example_is_missed_all_the_same() -> None:
    missed = card("empathy", "hm", "apology", "hm").missed
    assert [(m.turn, m.label, m.could_have_said) for m in missed] == [(2, "apology", ""), (2, "ownership", "")]
    assert [m.why.split(". ")[1] for m in missed] == ["It came only in turn 3.", "It never came."]


def test_what_came_too_early_was_missed() -> None:
    missed = card("solution", "empathy", "apology ownership", "hm", "hm").missed
    assert [(m.label, m.why) for m in missed] == [
        ("empathy", "She needs to be heard. It came only in turn 2."),
        ("choice", "She needs something definite. It never came."),
    ]
    assert missed[1].could_have_said == "A new pair or the money. Which would you like?"


@pytest.mark.parametrize("lines", [["empathy", "apology ownership", "choice"], ["empathy"], [], ["hm"]])
def test_nothing_is_missed_at_the_first_try(lines: list[str]) -> None:
    assert card(*lines).missed == ()


# ----------------------------------------------------------------------------------------------------- what is next


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        (["!hm", "!hm"], "Let the customer finish"),
        (["defensive", "defensive", "blame@0.3"], "Leave out the explanation"),
        (["...", "probe"], "Say what you are doing"),
        (["probe"], "Name the feeling"),
        (GOOD, "more difficult customer"),
    ],
)
def test_one_thing_to_try(lines: list[str], part: str) -> None:
    assert part in card(*lines).next_time


def test_there_is_advice_for_whatever_makes_it_worse() -> None:
    costly = {rule for rule, weight in MOOD.items() if weight > 0}
    assert costly <= set(ADVICE)
    # nothing is left to say about an outcome itself
    assert {c.id for c in RUBRIC} - set(ADVICE) == {"outcome"}
    assert set(QUESTIONS) <= {*MISTAKES, *DELIVERY}


def test_questions_to_reflect_on() -> None:
    asked = card("blame", "probe").questions
    assert "your own fault" in asked[0]
    assert "my fault" in asked[1]  # the customer's line at the height of the anger
    assert len(asked) == 4
    assert len(card("probe").questions) == 3


# ------------------------------------------------------------------------------------------------------ cut-off calls

CALLS = (GOOD, ["!blame", "empathy", "...", "apology", LONG], ["rude", "rude", "rude"], ["solution", "escalate"])


@pytest.mark.parametrize("lines", CALLS)
def test_a_call_that_was_cut_off_is_scored_as_far_as_it_went(lines: list[str]) -> None:
    events = play(lines)
    assert isinstance(events[-1], Ended)
    for end in range(len(events)):
        outcome = next(c for c in score(SMALL, events[:end]).criteria if c.id == "outcome")
        assert (outcome.score, outcome.why) == (None, "the call was cut short")


def test_a_call_that_never_began() -> None:
    assert score(SMALL, []).total == 0


labels = st.sampled_from([*LABELS, "hm"])
turns = st.one_of(st.lists(labels, max_size=5).map(" ".join), labels.map("!{}".format), st.just("..."))


@given(st.lists(turns, max_size=20), st.integers(0, 200))
@settings(derandomize=True, deadline=None, max_examples=150)
def test_any_call_can_be_scored(lines: Sequence[str], cut: int) -> None:
    events = play(lines)[:cut]
    judged = score(SMALL, events)
    assert 0 <= judged.total <= 100
    assert judged.passed == (judged.total >= judged.pass_mark and not judged.auto_fail)
    assert score(SMALL, events) == judged
    for criterion in judged.criteria:
        assert criterion.score is None or 1 <= criterion.score <= 5
        assert criterion.why
    assert judged.next_time
    assert judged.questions
    soothed = [e for e in events if isinstance(e, MoodChanged) and e.after < e.before]
    assert len(judged.strengths) == min(3, len(soothed))
