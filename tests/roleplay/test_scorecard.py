"""The scorecard: the total, what fails a call whatever the total, and what is next."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.roleplay.scripted import MOOD, SMALL, customer, play
from voicetrainer.roleplay.advice import ADVICE, QUESTIONS
from voicetrainer.roleplay.events import Decision, Ended, Fact
from voicetrainer.roleplay.rubric import CRITERIA, STANDARD, Rubric, resolve
from voicetrainer.roleplay.scorecard import Scorecard, marking, score
from voicetrainer.roleplay.techniques import DELIVERY, LABELS, MISTAKES

GOOD = ["empathy reflect", "probe", "empathy reflect probe apology ownership", "solution choice follow_up appreciation"]


def card(*lines: str, anger: float = 6) -> Scorecard:
    return score(SMALL, play(lines, customer(anger=anger)))


def scores(card: Scorecard) -> dict[str, int | None]:
    return {c.id: c.score for c in card.criteria}


# ----------------------------------------------------------------------------------------------------------- total


def test_a_good_call_passes() -> None:
    good = card(*GOOD)
    judged = {k: v for k, v in scores(good).items() if v is not None}
    assert {k: v for k, v in judged.items() if v != 5} == {"closing": 4}
    assert (good.total, good.passed, good.auto_fail) == (98, True, "")


def test_a_bad_call_does_not() -> None:
    bad = card("!jargon rude", "!blame passing dismissive jargon")
    assert {k: v for k, v in scores(bad).items() if v not in (1, None)} == {}
    assert (bad.total, bad.passed) == (0, False)


def test_the_total_is_the_weighted_mean_of_what_was_judged() -> None:
    middle = card("empathy", "apology", "hm")
    judged = [(c.weight, c.score) for c in middle.criteria if c.score is not None]
    expected = sum(w * (s - 1) / 4 for w, s in judged) / sum(w for w, _ in judged) * 100
    assert middle.total == round(expected)
    assert sum(w for w, _ in judged) < 100  # a typed call has no voice


def test_a_call_without_a_word_is_worth_nothing() -> None:
    assert card("...", "...", "...").total == 0
    assert card().total == 0


def test_the_card_carries_its_rubric() -> None:
    judged = card("empathy")
    assert [(c.id, c.weight, c.anchors) for c in judged.criteria] == [
        (c.id, c.weight, c.anchors) for c in STANDARD.criteria
    ]
    assert judged.pass_mark == STANDARD.pass_mark
    assert all(c.about for c in judged.criteria)


def test_a_scenario_marks_by_its_own_rubric() -> None:
    events = play(["empathy", "empathy"])
    changed = Rubric(pass_mark=95, weights={"empathy": 86, "listening": 14, **NOUGHT}, auto_fail=())
    own = SMALL.model_copy(update={"rubric": changed})
    by_default, by_own = score(SMALL, events), score(own, events)
    assert [c.id for c in by_own.criteria] == ["listening", "empathy"]
    assert by_own.total == round((14 * 0.5 + 86 * 1) / 100 * 100) != by_default.total
    assert (by_own.pass_mark, by_own.passed, by_own.auto_fail) == (95, False, "")
    assert score(own, events, by=STANDARD) == by_default
    assert marking(own).pass_mark == 95


NOUGHT = {name: 0 for name in CRITERIA if name not in ("empathy", "listening")}


# ------------------------------------------------------------------------------------------------------- auto-fail


def test_contempt_fails_the_best_call() -> None:
    rude = card(GOOD[0], "rude@0.7", *GOOD[1:])
    assert rude.total >= rude.pass_mark
    assert not rude.passed
    assert "rude@0.7" in rude.auto_fail


def test_contempt_must_be_sure_to_fail_a_call() -> None:
    assert card(GOOD[0], "rude@0.5", *GOOD[1:]).auto_fail == ""


@pytest.mark.parametrize(
    ("said", "struck"),
    [
        ("rude@0.5 or else", True),
        ("rude@0.5 I will hang up on you", True),
        ("dismissive we can block your number", True),
        ("rude@0.5 I will cut the price", False),
        ("boundary if you go on like this I will hang up on you", False),  # a limit, set calmly
        ("I will block the card for you now", False),
    ],
)
def test_a_threat_fails_a_call_and_a_limit_does_not(said: str, struck: bool) -> None:
    judged = card(GOOD[0], said)
    assert [f.id for f in judged.auto_fails if f.why and f.id != "left"] == ["threat"] * struck


def test_a_customer_who_hangs_up_fails_the_call() -> None:
    lost = card(*GOOD[:3], "...", "...", "...")
    assert lost.auto_fail == "the customer hung up"
    assert not lost.passed


def test_hanging_up_on_the_customer_fails_the_call_but_running_out_of_clips_does_not() -> None:
    events = play(GOOD[:3])
    assert score(SMALL, events).auto_fail == "the call was ended on the customer"
    ran_out = [*events[:-1], Ended(events[-1].t, "left", "the learner had no more to say")]
    assert score(SMALL, ran_out).auto_fail == ""
    closed = [*events[:-1], Ended(events[-1].t, "closed", "the limit was clear, and the call was ended calmly")]
    assert score(SMALL, closed).auto_fail == ""


def test_only_the_items_that_hold_can_strike() -> None:
    events = play(["rude"])
    lenient = resolve(Rubric(auto_fail=("hung_up",)))
    judged = score(SMALL, events, lenient)
    assert [f.id for f in judged.auto_fails] == ["hung_up"]
    assert judged.auto_fail == ""
    assert [f.id for f in score(SMALL, events).auto_fails] == ["contempt", "threat", "hung_up", "left"]


@pytest.mark.parametrize("lines", [["probe"], ["reflect", "jargon"], GOOD])
def test_passing_is_a_matter_of_the_mark(lines: list[str]) -> None:
    judged = card(*lines)
    assert judged.passed == (judged.total >= judged.pass_mark and not judged.auto_fail)


# ----------------------------------------------------------------------------------------------------- what is next


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        (["!hm", "!hm"], "Let the customer finish"),
        (["defensive", "defensive", "blame@0.3"], "Leave out the explanation"),
        (["...", "probe"], "Say what you are doing"),
        (["probe"], "Name the feeling"),
        (["rude", "hm", "hm", "hm", "hm", "hm"], "name the problem instead of the person"),
        ([*GOOD[:3], "solution choice follow_up appreciation closing"], "more difficult customer"),
    ],
)
def test_one_thing_to_try(lines: list[str], part: str) -> None:
    assert part in card(*lines).next_time


def test_there_is_advice_for_whatever_makes_it_worse_and_for_every_criterion() -> None:
    costly = {rule for rule, weight in MOOD.items() if weight > 0}
    assert costly <= set(ADVICE)
    assert set(CRITERIA) <= set(ADVICE)
    assert set(QUESTIONS) <= {*MISTAKES, *DELIVERY}


def test_questions_to_reflect_on() -> None:
    asked = card("blame", "probe").questions
    assert "your own fault" in asked[0]
    assert "my fault" in asked[1]  # the customer's line at the height of the anger
    assert len(asked) == 4
    assert len(card("probe").questions) == 3


# ------------------------------------------------------------------------------------------------------ cut-off calls

CALLS = (
    GOOD,
    ["!blame", "empathy", "...", "apology", "word " * 80],
    ["rude", "rude", "rude"],
    ["solution", "escalate"],
)


@pytest.mark.parametrize("lines", CALLS)
def test_a_call_that_was_cut_off_is_scored_as_far_as_it_went(lines: list[str]) -> None:
    events = play(lines)
    assert isinstance(events[-1], Ended)
    for end in range(len(events)):
        cut = score(SMALL, events[:end])
        assert {"hung_up", "left"}.isdisjoint(f.id for f in cut.auto_fails if f.why)


def test_a_call_that_never_began() -> None:
    assert score(SMALL, []).total == 0


labels = st.sampled_from([*LABELS, "hm"])
turns = st.one_of(st.lists(labels, max_size=5).map(" ".join), labels.map("!{}".format), st.just("..."))


@given(st.lists(turns, max_size=20), st.integers(0, 200))
@settings(derandomize=True, deadline=None, max_examples=120)
def test_any_call_can_be_scored(lines: Sequence[str], cut: int) -> None:
    events: list[Fact | Decision] = play(lines)[:cut]
    judged = score(SMALL, events)
    assert 0 <= judged.total <= 100
    assert judged.passed == (judged.total >= judged.pass_mark and not judged.auto_fail)
    assert score(SMALL, events) == judged
    for criterion in judged.criteria:
        assert criterion.score is None or 1 <= criterion.score <= 5
        assert criterion.why
    assert judged.next_time
    assert judged.questions
    for moment in (judged.helped, judged.hurt):
        assert moment is None or (moment.what and moment.why and moment.change)
    assert judged.helped is None or judged.helped.change < 0
    assert judged.hurt is None or judged.hurt.change > 0
