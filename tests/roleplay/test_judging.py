"""The rules of the criteria: what earns 1, 3 and 5, and what each score rests on."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.roleplay.scripted import SMALL, customer, heard, play
from voicetrainer.roleplay.events import (
    Decision,
    Ended,
    Fact,
    Heard,
    LineStarted,
    LineStopped,
    MoodChanged,
    Noticed,
    Prosody,
    Say,
    SpeechStarted,
    StageReached,
    Steadiness,
)
from voicetrainer.roleplay.judging import JUDGES, Call, Judgement, talk_share
from voicetrainer.roleplay.judging import judge as rule
from voicetrainer.roleplay.rubric import CRITERIA
from voicetrainer.roleplay.scenario import Scenario
from voicetrainer.roleplay.techniques import LABELS, MISTAKES
from voicetrainer.roleplay.timing import measure

ANGER = 9.0
"""High enough for nobody to be won over or lost too soon."""


def judge(criterion: str, *lines: str, anger: float = 6.0) -> Judgement:
    return JUDGES[criterion](Call(SMALL, play(lines, customer(anger=anger))))


def noticed(label: str, turn: int = 1, **more: object) -> Noticed:
    mistake = label in (*MISTAKES, "wrong_summary", "asked_again", "overdone", "went_back", "interrupting")
    return Noticed(10.0 * turn, turn, label, mistake, 1.0, label, **more)  # type: ignore[arg-type]


def turn(number: int, text: str = "well") -> Heard:
    return heard(text, 10.0 * number)


def written(*events: Fact | Decision, scenario: Scenario = SMALL) -> Call:
    """A call from its decisions alone, for what the scripted customer does not do."""
    return Call(scenario, [StageReached(0.0, "heard", "the call begins"), *events])


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
    ("solution", 5, ["empathy", "solution choice"]),
    ("respect", 1, ["defensive", "blame", "defensive"]),
    ("respect", 1, ["rude", "blame"]),
    ("respect", 3, ["defensive", "probe", "probe", "probe", "defensive"]),
    ("respect", 5, ["probe"]),
    ("closing", 1, ["empathy", "apology ownership", "hm"]),
    ("closing", 3, ["empathy", "apology ownership", "appreciation closing"]),
    ("closing", 3, ["empathy", "apology follow_up"]),
    ("closing", 5, ["empathy", "apology follow_up", "appreciation closing"]),
]

BETWEEN: list[tuple[str, int, list[str]]] = [
    ("listening", 2, ["!hm"]),
    ("listening", 4, ["reflect"]),
    ("listening", 2, ["...", "...", "hm"]),
    ("listening", 3, ["...", "hm"]),
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
    ("solution", 3, ["empathy", "solution follow_up"]),
    ("respect", 4, ["defensive"]),
    ("respect", 2, ["rude"]),
    ("respect", 4, ["rude@0.5"]),
    ("closing", 4, ["empathy", "apology follow_up", "closing"]),
]


@pytest.mark.parametrize(("criterion", "earned", "lines"), [*ANCHORS, *BETWEEN])
def test_anchors(criterion: str, earned: int, lines: list[str]) -> None:
    assert judge(criterion, *lines).score == earned


def test_each_anchor_of_what_words_show_is_tried() -> None:
    tried = {(criterion, earned) for criterion, earned, _ in ANCHORS}
    elsewhere = {"language", "composure", "patience", "limits"}  # in tests of their own
    assert {(c, n) for c in CRITERIA for n in (1, 3, 5)} - tried == {(c, n) for c in elsewhere for n in (1, 3, 5)}


def test_the_parts_add_up_to_the_score() -> None:
    judged = judge("ownership", "apology ownership passing")
    assert [(p.found, p.points) for p in judged.parts] == [
        ("to begin with", 1),
        ("1 real apology", 2),
        ("1 personal commitment", 1),
        ("1 push away", -1),
    ]
    assert judged.score == 3
    assert judged.why == "1 real apology, 1 personal commitment, 1 push away"


# ------------------------------------------------------------------------------------------ what the customer recalls


@pytest.mark.parametrize(
    ("criterion", "label", "without", "with_it"),
    [
        ("listening", "wrong_summary", 4, 3),
        ("understanding", "asked_again", 3, 2),
        ("ownership", "overdone", 3, 2),
        ("solution", "went_back", 3, 2),
    ],
)
def test_what_the_customer_remembers_costs(criterion: str, label: str, without: int, with_it: int) -> None:
    good: list[Fact | Decision] = [turn(1), *(noticed(x) for x in ("reflect", "apology", "solution"))]
    assert JUDGES[criterion](written(*good)).score == without
    judged = JUDGES[criterion](written(*good, turn(2), noticed(label, 2)))
    assert judged.score == with_it
    assert (2, label, False) in [(e.turn, e.quote, e.good) for e in judged.evidence]


def test_a_summary_that_did_not_count_is_none() -> None:
    call = written(turn(1), noticed("reflect", counted=False), noticed("wrong_summary"))
    assert JUDGES["listening"](call).score == 2
    assert JUDGES["understanding"](call).score == 1


@pytest.mark.parametrize(("lines", "asides", "earned"), [(["probe"], 1, 4), (["reflect"], 1, 5), (["!hm"], 1, 2)])
def test_small_listening_words_count_as_listening(lines: list[str], asides: int, earned: int) -> None:
    events = [*play(lines), *(noticed("listening_words") for _ in range(asides))]
    assert JUDGES["listening"](Call(SMALL, events)).score == earned


def spoken(seconds: float, theirs: float) -> Call:
    """A call in which the learner talked and the customer talked, for so many seconds."""
    said = Heard(seconds, 0.0, seconds, (), Prosody(seconds, seconds))
    return written(LineStarted(0.0, 1), LineStopped(theirs, 1, cut=False), said)


@pytest.mark.parametrize(
    ("mine", "theirs", "share", "score"),
    [(30, 30, 0.5, 3), (65, 35, 0.65, 3), (70, 30, 0.7, 2), (20, 5, None, 3), (40, 0, None, 3)],
)
def test_who_talks_most_of_the_time_does_not_listen(mine: float, theirs: float, share: float, score: int) -> None:
    call = spoken(mine, theirs)
    assert talk_share(call, measure(call.events)) == share
    judged = JUDGES["listening"](call)
    assert judged.score == score
    assert ("70% of the talking was yours" in judged.why) == (share == 0.7)


def test_a_typed_call_has_no_share_of_the_talk() -> None:
    call = Call(SMALL, play(["probe " * 100, "probe " * 100]))
    assert talk_share(call, measure(call.events)) is None


def test_a_customer_who_has_to_break_in_was_not_listened_to() -> None:
    said = replace(heard("well " * 80, 30.0), barged=True, overlap=1.0)
    assert JUDGES["listening"](written(said)).score == 2
    assert "the customer broke in, once" in JUDGES["listening"](written(said)).why


# ----------------------------------------------------------------------------------------------------------- language

PLAIN = "I am sorry about this. I will send you a new pair today. It is there tomorrow at noon, and I will ring you."
JARGON = [(5, []), (4, ["jargon"]), (3, ["jargon", "jargon"])]


@pytest.mark.parametrize(("earned", "terms"), JARGON)
def test_plain_language(earned: int, terms: list[str]) -> None:
    call = written(turn(1, PLAIN), *(noticed(x, first=i, last=i) for i, x in enumerate(terms)))
    judged = JUDGES["language"](call)
    assert judged.score == earned
    assert [e.good for e in judged.evidence] == [False] * len(terms)


def test_long_speeches_are_hard_to_follow() -> None:
    long = written(*(turn(n, " ".join([PLAIN] * 6)) for n in (1, 2)))
    judged = JUDGES["language"](long)
    assert judged.score is not None and judged.score <= 2
    assert "more than" in judged.why


def test_a_few_words_are_too_few_to_judge_language_by() -> None:
    judged = JUDGES["language"](written(turn(1, "hello there")))
    assert (judged.score, judged.why) == (None, "too little was said to judge")


# ---------------------------------------------------------------------------------------------------------- the voice

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
    judged = JUDGES["composure"](Call(SMALL, events))
    assert judged.score == earned
    assert [e.good for e in judged.evidence] == [False] * min(4, levels.count("raised"))


# ----------------------------------------------------------------------------------------------------------- patience


@pytest.mark.parametrize(
    ("lines", "earned", "why"),
    [
        (["empathy", "reflect"], 5, "still angry after a good answer once, stayed helpful once"),
        (["empathy", "defensive", "reflect", "blame"], 1, "never stayed helpful, lost patience twice"),
        (["empathy", "reflect", "!probe"], 3, "stayed helpful once, lost patience once"),
        (["empathy", "hm"], 3, "had nothing to offer once"),
        (["hm", "probe"], None, "never still angry after a good answer"),
        (["greeting", "blame"], None, "never still angry after a good answer"),
    ],
)
def test_patience_is_what_comes_after_a_good_answer(lines: list[str], earned: int | None, why: str) -> None:
    judged = judge("patience", *lines, anger=ANGER)
    assert judged.score == earned
    assert why in judged.why


def test_patience_is_not_judged_where_the_customer_calmed_at_once() -> None:
    assert judge("patience", "empathy", "defensive", anger=5.5).score is None


# ------------------------------------------------------------------------------------------------- limits, escalation

ABUSIVE = SMALL.model_copy(update={"customer": SMALL.customer.model_copy(update={"temperament": "abusive"})})
TRAINS = SMALL.model_copy(update={"trains": ("boundary", "escalate")})


@pytest.mark.parametrize(
    ("found", "earned"),
    [([], 1), (["boundary", "rude"], 3), (["boundary"], 5), (["boundary", "boundary"], 5), (["rude"], 1)],
)
def test_abuse_wants_a_calm_limit(found: list[str], earned: int) -> None:
    call = written(turn(1), *(noticed(x) for x in found), scenario=ABUSIVE)
    assert JUDGES["limits"](call).score == earned


def test_abuse_shows_in_the_ledger_too() -> None:
    went_on = MoodChanged(20.0, 2, 6, 6.3, "unchecked", "went on, because nobody set a limit")
    assert JUDGES["limits"](written(turn(1), turn(2), went_on)).score == 1


@pytest.mark.parametrize(
    ("lines", "earned", "why"),
    [
        (["empathy", "apology ownership", "escalate"], 5, "when it was time"),
        (["escalate"], 2, "at the wrong time"),
        (["escalate passing"], 1, "to get rid of the customer"),
        (["empathy", "apology ownership", "escalate passing"], 3, "to get rid of the customer"),
        (["empathy", "boundary"], None, "neither abuse nor a supervisor came up"),
    ],
)
def test_a_supervisor_in_time_and_not_to_pass_the_buck(lines: list[str], earned: int | None, why: str) -> None:
    judged = judge("limits", *lines)
    assert judged.score == earned
    assert why in judged.why


def test_a_scenario_that_trains_limits_wants_one_and_a_supervisor_only_where_one_came_up() -> None:
    nothing = written(turn(1), scenario=TRAINS)
    one = written(turn(1), noticed("boundary"), scenario=TRAINS)
    rude = [noticed("boundary"), noticed("rude")]
    both = written(turn(1), *rude, turn(2), noticed("escalate", 2), scenario=TRAINS)
    assert [JUDGES["limits"](call).score for call in (nothing, one, both)] == [1, 5, 4]
    assert "; " in JUDGES["limits"](both).why


@pytest.mark.parametrize(
    ("outcome", "criterion", "score"),
    [
        ("escalated", "solution", None),
        ("escalated", "closing", None),
        ("escalated", "empathy", 1),
        ("closed", "empathy", None),
        ("closed", "ownership", None),
        ("closed", "listening", 3),
        ("resolved", "solution", 1),
        ("hung_up", "solution", 1),
    ],
)
def test_a_call_that_ended_well_by_another_road_need_not_have_come_to_all(
    outcome: Literal["escalated", "closed", "resolved", "hung_up"], criterion: str, score: int | None
) -> None:
    call = written(turn(1), Ended(20.0, outcome, "so it went"))
    assert rule(call, criterion).score == score
    vague = written(turn(1), noticed("hedging"), Ended(20.0, outcome, "so it went"))
    assert rule(vague, "solution").score == 1, "what was there is judged all the same"


# -------------------------------------------------------------------------------------------------------- the closing


def test_the_closing_is_judged_when_the_talk_got_that_far() -> None:
    assert judge("closing", "empathy").score is None
    assert judge("closing", "empathy", "apology ownership").score is not None
    won = written(turn(1), Ended(20.0, "escalated", "a supervisor was brought in"))
    assert JUDGES["closing"](won).score == 1


# ----------------------------------------------------------------------------------------------------------- evidence


def test_each_score_names_its_evidence() -> None:
    empathy = judge("empathy", "empathy", "probe", "jargon dismissive")
    assert [(e.turn, e.quote, e.good) for e in empathy.evidence] == [(1, "empathy", True), (3, "dismissive", False)]
    assert empathy.why == "the feeling was named once, the first in turn 1, brushed off once"
    assert 0 < empathy.evidence[0].t < empathy.evidence[1].t
    assert judge("composure", "probe").why == "there was no voice to judge by"


def test_evidence_is_bounded_and_keeps_the_mistakes() -> None:
    many = judge("empathy", *["empathy"] * 20, "dismissive", anger=3)
    assert len(many.evidence) <= 10
    events: list[Fact | Decision] = [
        turn(1),
        *(noticed("empathy") for _ in range(20)),
        *(noticed("dismissive") for _ in range(3)),
    ]
    kept = JUDGES["empathy"](written(*events)).evidence
    assert len(kept) <= 10 and sum(not e.good for e in kept) >= 1


def test_a_turn_answers_the_line_before_it_began_even_if_the_customer_broke_in() -> None:
    def line(n: int, text: str) -> Say:
        return Say(10.0 * n, n, text, "heard", 6.0)

    call = written(line(1, "One."), SpeechStarted(11.0), line(2, "Enough!"), replace(turn(2), barged=True))
    assert call.before == {1: "One."}


labels = st.sampled_from([*LABELS, "hm"])
turns = st.one_of(st.lists(labels, max_size=5).map(" ".join), labels.map("!{}".format), st.just("..."))


@given(st.lists(turns, max_size=15), st.integers(0, 200), st.sampled_from([SMALL, ABUSIVE, TRAINS]))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_every_rule_takes_any_call(lines: list[str], cut: int, scenario: Scenario) -> None:
    call = Call(scenario, play(lines)[:cut])
    for name, by in JUDGES.items():
        judged = by(call)
        assert judged.why, name
        assert (judged.score is None) == (not judged.parts), name
        if judged.score is not None:
            added = sum(p.points for p in judged.parts)
            assert 1 <= judged.score <= 5
            assert judged.score == max(1, min(5, added)) or name == "limits", name
