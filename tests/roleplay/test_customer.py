"""The customer, rule by rule, with a detector that notices what is written (`tests.roleplay.scripted`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.roleplay.scripted import (
    BECAUSE,
    MOOD,
    PATIENCE,
    SMALL,
    TEMPER,
    customer,
    heard,
    moods,
    outcome,
    play,
    respond,
    said,
    stages,
)
from voicetrainer.roleplay.customer import SETTLED, SILENCES, Customer
from voicetrainer.roleplay.events import (
    Band,
    Baseline,
    Decision,
    Ended,
    Fact,
    LearnerLeft,
    LineStarted,
    LineStopped,
    MoodChanged,
    Noted,
    Noticed,
    Prosody,
    RepeatAsked,
    Say,
    Silence,
    SpeechStarted,
    StageReached,
    Steadiness,
    StillSpeaking,
    q,
)
from voicetrainer.roleplay.mood import FADING, INTENSITIES, RULES, STUCK, TEMPERAMENTS
from voicetrainer.roleplay.reply import FRESH
from voicetrainer.roleplay.scenario import Closed, Resolved, Spoken
from voicetrainer.roleplay.steadiness import judge
from voicetrainer.roleplay.techniques import LABELS, MISTAKES, TECHNIQUES


def one(label: str, **changes: object) -> float:
    """What one utterance does to the small customer's anger."""
    state, _ = respond(customer(**changes), heard(label))
    return q(state.anger - 6, 2)


# ----------------------------------------------------------------------------------------------------- the opening


@pytest.mark.parametrize(
    ("anger", "line"), [(6, "heard angry 1"), (8, "heard furious 1"), (3, "heard annoyed 1"), (1, "heard annoyed 1")]
)
def test_the_first_line_is_the_first_of_the_mood(anger: float, line: str) -> None:
    state, decisions = customer(anger=anger).begin()
    assert [type(d) for d in decisions] == [StageReached, Say]
    assert said(decisions) == [line]
    assert (state.anger, state.turn, state.line, state.over) == (anger, 0, 1, False)


# ---------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize("label", LABELS)
def test_each_label_moves_anger_by_its_weight(label: str) -> None:
    if label == "solution":
        assert one("empathy solution", mood={"empathy": 0}, trust=4.6) == MOOD[label]  # too early otherwise
    elif label == "escalate":
        free = {"empathy": 0, "apology": 0, "ownership": 0}
        assert one("empathy apology ownership escalate", mood=free, trust=3.5) == MOOD[label]
    else:
        assert one(label) == max(-PATIENCE, min(TEMPER, MOOD[label]))


def test_every_weight_has_its_reason() -> None:
    assert set(BECAUSE) == set(MOOD) >= set(LABELS)
    assert all(MOOD[m] > 0 for m in MISTAKES)
    assert all(MOOD[t] <= 0 for t in TECHNIQUES)


@pytest.mark.parametrize(
    ("text", "changes", "moved"),
    [
        ("empathy@0.5", {}, MOOD["empathy"] / 2),
        ("blame@0.5", {}, MOOD["blame"] / 2),
        ("empathy", {"mood": {"empathy": -0.4}}, -0.4),
        ("appreciation", {"mood": {"appreciation": 0.6}}, 0.6),
        ("empathy", {"mood": {"apology": -0.4}}, MOOD["empathy"]),
        ("jargon", {"mood": {"jargon": 0}}, 0),
        ("jargon hedging", {}, MOOD["jargon"] + MOOD["hedging"]),
        ("nothing of the sort", {}, 0),
    ],
)
def test_a_weight_counts_as_far_as_it_is_sure(text: str, changes: dict[str, object], moved: float) -> None:
    assert one(text, **changes) == q(moved, 2)


def test_an_entry_of_the_ledger_says_why() -> None:
    _, decisions = respond(customer(), heard("well empathy"))
    entry = next(d for d in decisions if isinstance(d, MoodChanged))
    assert (entry.turn, entry.before, entry.rule, entry.quote) == (1, 6, "empathy", "empathy")
    assert entry.because == BECAUSE["empathy"]
    noticed = next(d for d in decisions if isinstance(d, Noticed))
    assert (noticed.label, noticed.mistake, noticed.first, noticed.last) == ("empathy", False, 1, 1)


def test_repeats_fade() -> None:
    _, decisions = respond(customer(anger=9), *(heard("reflect", t) for t in range(1, 7)))
    worths = [change / MOOD["reflect"] for _, change in moods(decisions)]
    assert worths == pytest.approx([f for f in FADING if f], abs=0.01)
    told = [d.because for d in decisions if isinstance(d, MoodChanged)]
    assert [t.removeprefix(BECAUSE["reflect"]) for t in told] == ["", ", for the second time", ", for the third time"]
    assert [d.counted for d in decisions if isinstance(d, Noticed)] == [True] * 3 + [False] * 3


def test_the_last_of_the_anger_goes_slowest() -> None:
    drops = [q(respond(customer(anger=a), heard("reflect"))[0].anger - a, 2) for a in (9, 6, 4, 2)]
    assert drops == [q(MOOD["reflect"] * e, 2) for e in (1, 1, 0.8, 0.6)]


def test_promises_are_worth_as_much_as_they_are_trusted() -> None:
    def told(label: str, trust: float) -> float:
        person = SMALL.customer.model_copy(update={"trust": trust})
        who = Customer(SMALL.model_copy(update={"customer": person}), customer().detector)
        return q(respond(who, heard(label))[0].anger - 6, 2)

    assert [told("ownership", t) for t in (0, 5, 10)] == [-0.6, -1.0, -1.4]
    assert [told("reflect", t) for t in (0, 5, 10)] == [-1.2] * 3
    assert [told("blame", t) for t in (0, 5, 10)] == [1.7] * 3


def test_trust_goes_with_what_is_done_and_is_in_the_ledger() -> None:
    state, decisions = respond(customer(), heard("reflect"), heard("passing@0.5", 12))
    entries = [(d.rule, d.trust_before, d.trust_after) for d in decisions if isinstance(d, MoodChanged)]
    assert entries == [("reflect", 5, 5.8), ("passing", 5.8, 5.2)]
    assert state.trust == 5.2


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


def test_what_is_too_much_for_one_turn_sinks_in_by_the_next() -> None:
    full = "empathy reflect apology ownership"
    state, decisions = respond(customer(anger=9), heard(full))
    assert state.anger == 6.5
    assert state.sinking == 1.5  # the most that is left over
    kept, decisions = respond(customer(), heard("probe", 12), state=state)
    assert moods(decisions)[0] == ("sinking_in", -1.5)
    assert kept.sinking == 0
    for spoiling in (heard("blame", 12), heard("probe", 12, role="interruption", overlap=0.6)):
        spoilt, decisions = respond(customer(), spoiling, state=state)
        assert "sinking_in" not in dict(moods(decisions))
        assert spoilt.sinking == 0


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


def test_a_sorry_is_real_or_it_is_not() -> None:
    for text, labels in (
        ("apology false_apology@0.6", ["apology"]),
        ("apology@0.5 false_apology", ["false_apology"]),
        ("apology false_apology@0.8", ["apology", "false_apology"]),  # "sorry if ..., and I'm sorry that we ..."
    ):
        assert [d.label for d in respond(customer(), heard(text))[1] if isinstance(d, Noticed)] == labels


def test_when_all_is_done_nothing_is_asked_for_again() -> None:
    done = ("empathy", "apology ownership", "solution")
    reactions = {**SMALL.reactions, "still_cross": (Spoken(say="still cross"),)}
    who = customer(anger=9, reactions=reactions, mood=dict.fromkeys(("empathy", "apology", "ownership", "solution"), 0))
    _, decisions = respond(who, *(heard(text, t) for t, text in enumerate((*done, "probe@0.1"), 1)))
    assert said(decisions)[2] == "still cross"


def test_nobody_is_handed_on_angrier_than_they_came() -> None:
    calm = {"mood": dict.fromkeys(("empathy", "apology", "ownership"), 0)}
    done = ("empathy", "apology ownership")
    for before, ending in (("probe", "escalated"), ("blame", None)):
        state, decisions = respond(
            customer(**calm), *(heard(x, t) for t, x in enumerate((before, *done, "escalate"), 1))
        )
        assert (state.ending and state.ending[0]) == ending
    assert "escalate" in [d.label for d in decisions if isinstance(d, Noticed) and not d.counted]


def test_a_mistake_in_doubt_counts_half() -> None:
    assert one("blame@0.4") == q(MOOD["blame"] * 0.4 * 0.5, 2)
    assert one("blame@0.5") == q(MOOD["blame"] * 0.5, 2)


def test_the_dial_makes_the_same_customer_milder_or_worse() -> None:
    courses = {}
    for name in INTENSITIES:
        who = Customer(SMALL, customer().detector, intensity=name)
        begun, _ = who.begin()
        courses[name] = [
            begun.anger,
            *(q(respond(who, heard(x))[0].anger - begun.anger, 2) for x in ("reflect", "jargon")),
        ]
    assert courses == {"gentle": [4.5, -1.17, 0.4], "normal": [6, -1.2, 0.5], "fierce": [7, -1.08, 0.6]}


def test_every_rule_that_a_temperament_bends_exists() -> None:
    for temperament in TEMPERAMENTS.values():
        assert set(temperament.factors) <= set(RULES)


def test_somebody_abusive_goes_on_until_a_limit_is_set() -> None:
    person = SMALL.customer.model_copy(update={"temperament": "abusive"})
    who = Customer(SMALL.model_copy(update={"customer": person}), customer().detector)
    _, decisions = respond(who, *(heard(text, t) for t, text in enumerate(["probe", "probe", "boundary", "probe"], 1)))
    rules = [rule for rule, _ in moods(decisions)]
    assert rules == ["probe", "probe", "unchecked", "boundary", "probe"]
    assert dict(moods(decisions))["boundary"] < -0.5


def test_an_abusive_call_may_be_ended_after_clear_limits() -> None:
    closed = Closed(lines=(Spoken(say="you can't hang up on me"),))
    ends = SMALL.endings.model_copy(update={"closed": closed})
    for lines, end in (
        (["boundary", "boundary closing"], "closed"),
        (["boundary", "boundary", "closing"], "closed"),
        (["boundary closing"], "left"),
        (["closing", "closing"], "left"),
        (["boundary", "boundary rude closing"], "left"),
    ):
        assert outcome(play(lines, customer(endings=ends))) == end
    assert outcome(play(["boundary", "boundary closing"])) == "left"  # not a scenario for it


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


def test_mistakes_do_not_fade() -> None:
    _, decisions = respond(customer(anger=1), *(heard("passing", t) for t in range(1, 6)))
    assert moods(decisions) == [("passing", MOOD["passing"])] * 5


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
    ("text", "reached", "moved"),
    [
        (
            "empathy solution",
            ["owned"],
            -1.33,
        ),  # empathy made room and was trusted
        ("solution empathy", ["owned"], 0.0),
    ],
)
def test_words_count_in_the_order_in_which_they_are_said(text: str, reached: list[str], moved: float) -> None:
    # a customer whom empathy leaves cold, so that the limit of a turn stays out of it
    _, decisions = respond(customer(mood={"empathy": -0.1}), heard(text))
    assert stages(decisions) == reached
    assert dict(moods(decisions))["solution"] == moved


# --------------------------------------------------------------------------------------------------------- stages


@pytest.mark.parametrize(
    ("lines", "reached"),
    [
        (["probe"], []),
        (["empathy"], ["owned"]),
        (["reflect"], ["owned"]),
        (["empathy", "apology"], ["owned"]),
        (["empathy", "ownership"], ["owned"]),
        (["empathy", "ownership", "apology"], ["owned", "offered"]),
        (["empathy", "apology", "follow_up"], ["owned", "offered"]),
        (["apology", "ownership", "reflect"], ["owned", "offered"]),  # said before its stage, not too early: it counts
        (["apology ownership reflect"], ["owned", "offered"]),
        (["blame", "rude empathy"], ["owned"]),
    ],
)
def test_a_stage_is_left_when_every_need_is_met(lines: list[str], reached: list[str]) -> None:
    assert stages(play(lines)) == ["heard", *reached]


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


def test_a_new_stage_says_what_led_to_it() -> None:
    _, decisions = respond(customer(), heard("apology empathy"), heard("follow_up", 12))
    told = [d.because for d in decisions if isinstance(d, StageReached)]
    assert [("empathy" in t, "reflect" in t, "apology" in t, "following up" in t) for t in told] == [
        (True, False, False, False),
        (False, False, True, True),
    ]


# ---------------------------------------------------------------------------------------------------------- timing


def test_an_interruption_costs_and_halves_the_good() -> None:
    _, decisions = respond(customer(), heard("empathy", role="interruption", overlap=0.6))
    assert moods(decisions) == [("interrupting", MOOD["interrupting"]), ("empathy", q(MOOD["empathy"] / 2, 2))]
    assert next((d.label, d.mistake) for d in decisions if isinstance(d, Noticed)) == ("interrupting", True)
    assert said(decisions) == ["let me finish 1"]


def test_listening_words_earn_a_little_and_take_no_turn() -> None:
    _, decisions = respond(customer(), heard("backchannel", role="aside", overlap=0.3))
    assert moods(decisions) == [("listening_words", MOOD["listening_words"])]
    assert [(d.label, d.mistake) for d in decisions if isinstance(d, Noticed)] == [("listening_words", False)]
    assert said(decisions) == []


@pytest.mark.parametrize("text", ["blame", "backchannel empathy", "anything", ""])
def test_any_other_aside_is_let_pass(text: str) -> None:
    state, decisions = respond(customer(), heard(text, role="aside", overlap=0.3))
    assert [type(d) for d in decisions] == [Steadiness]
    assert state.anger == 6


# ----------------------------------------------------------------------------------------------------------- voice

CALM = Baseline(3, 12.0, 120.0, 2.5, -24.0, -8.0, 4.2, 160.0)


def voiced(pitch: float, tilt: float) -> Prosody:
    return Prosody(2.0, 1.5, pitch=pitch, loudness=-24.0, noise=-60.0, tilt=tilt)


def speak(*sounds: tuple[float, float]) -> list[Decision]:
    who = Customer(SMALL, customer().detector, CALM)
    return respond(who, *(heard("probe", t, prosody=voiced(*s)) for t, s in enumerate(sounds, 1)))[1]


CALM_SOUND, LOUD_SOUND = (120.0, -8.0), (190.0, 0.0)


def test_a_raised_voice_costs_once_a_turn() -> None:
    decisions = speak(LOUD_SOUND)
    judged = next(d for d in decisions if isinstance(d, Steadiness))
    assert judged.level == "raised"
    assert judged.score is not None
    assert dict(moods(decisions))["raised_voice"] == q(MOOD["raised_voice"] * judged.score, 2)
    noticed = next(d for d in decisions if isinstance(d, Noticed) and d.label == "raised_voice")
    assert (noticed.mistake, noticed.score) == (True, judged.score)
    assert said(decisions) == ["do not shout"]


def test_a_voice_that_settles_again_earns_once() -> None:
    rules = [rule for rule, _ in moods(speak(CALM_SOUND, LOUD_SOUND, CALM_SOUND, CALM_SOUND)) if "voice" in rule]
    assert rules == ["raised_voice", "steady_voice"]


def test_a_voice_must_come_all_the_way_down_to_have_settled() -> None:
    rising = [(120 * 2 ** (n / 48), -8 + n / 16) for n in range(60)]
    half_way = next(s for s in rising if (judge(voiced(*s), CALM, 1.0, 1).score or 0) > SETTLED)
    decisions = speak(LOUD_SOUND, half_way, CALM_SOUND)
    judged = [d for d in decisions if isinstance(d, Steadiness)]
    assert [d.level for d in judged] == ["raised", "steady", "steady"]
    assert judged[1].score is not None
    assert judged[1].score > SETTLED
    settled = [d.turn for d in decisions if isinstance(d, MoodChanged) and d.rule == "steady_voice"]
    assert settled == [3]


def test_a_voice_that_settles_within_its_turn_earns_too(monkeypatch: pytest.MonkeyPatch) -> None:
    raised = judge(voiced(*LOUD_SOUND), CALM, 1.0, 1)
    tense = replace(raised, level="tense", score=0.5, recovery=1.5)
    for course, rules in (
        ([raised], ["raised_voice"]),
        ([replace(raised, recovery=1.5)], ["raised_voice", "steady_voice"]),
        ([raised, tense], ["raised_voice", "steady_voice"]),
        ([raised, replace(tense, recovery=None)], ["raised_voice"]),
        ([tense, tense], []),  # what cost nothing earns nothing
    ):
        verdicts = iter(course)
        monkeypatch.setattr("voicetrainer.roleplay.steadiness.judge", lambda *_, v=verdicts: next(v))
        assert [rule for rule, _ in moods(speak(*[CALM_SOUND] * len(course))) if "voice" in rule] == rules


def test_without_a_voice_or_strong_evidence_nothing_is_said_about_it() -> None:
    _, decisions = respond(customer(), heard("probe", prosody=voiced(*LOUD_SOUND)), heard("probe", 12))
    judged = [d for d in decisions if isinstance(d, Steadiness)]
    assert [d.level for d in judged] == ["steady", "unknown"]
    assert "people in general" in judged[0].reasons[-1]
    assert not [rule for rule, _ in moods(decisions) if "voice" in rule]


# ----------------------------------------------------------------------------------------------- nothing that helps


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


def test_what_was_not_understood_costs_nothing() -> None:
    state, decisions = respond(customer(), *(heard("", t) for t in range(1, 5)))
    assert state.anger == 6
    assert said(decisions) == ["say that again", "heard angry 2", "heard angry 3", "heard annoyed 1"]


def test_silence_costs_and_the_third_in_a_row_ends_the_call() -> None:
    events = play(["..."] * 5)
    assert moods(events) == [("dead_air", MOOD["dead_air"])] * SILENCES
    assert said(events)[1:] == ["hello 1", "hello 2", "that is enough"]
    assert outcome(events) == "hung_up"
    assert {e.turn for e in events if isinstance(e, MoodChanged)} == {0}


def test_a_word_breaks_the_silence() -> None:
    assert outcome(play(["...", "...", "probe", "...", "..."])) == "left"


# ------------------------------------------------------------------------------------------------ patience, temper


def test_one_turn_soothes_by_so_much_at_most() -> None:
    assert one("empathy reflect apology ownership solution choice follow_up") == -PATIENCE
    _, decisions = respond(customer(), heard("empathy reflect@0.5 apology"))
    assert [d for d in decisions if isinstance(d, MoodChanged)][-1].because.endswith("has to sink in")


def test_one_turn_enrages_by_so_much_at_most() -> None:
    assert one("rude blame dismissive passing defensive") == TEMPER
    state, _ = respond(customer(), heard("rude blame", role="interruption", overlap=1.0))
    assert state.anger == 6 + TEMPER


def test_good_and_bad_in_one_turn_are_set_off() -> None:
    assert one("empathy blame") == q(MOOD["empathy"] + MOOD["blame"], 2)


# -------------------------------------------------------------------------------------------------------- endings

GOOD = ["empathy reflect", "apology ownership", "choice solution"]


def test_won() -> None:
    events = play(GOOD)
    assert (outcome(events), said(events)[-1]) == ("resolved", "thank you and goodbye")
    last = [e for e in events if isinstance(e, Say)][-1]
    assert last.final
    assert last.anger <= 3


def test_not_won_while_too_cross() -> None:
    calm = Resolved(anger_at_most=1.5, lines=(Spoken(say="thank you and goodbye"),))
    cross = customer(anger=9, endings=SMALL.endings.model_copy(update={"resolved": calm}))
    events = play([*GOOD, "probe", "follow_up"], cross)
    assert stages(events) == ["heard", "owned", "offered"]
    assert said(events)[-3:] == ["offered annoyed 2", "offered furious 1", "thank you and goodbye"]
    assert [e.anger for e in events if isinstance(e, Say)][-3:] == [2.06, 1.88, 1.27]
    assert outcome(events) == "resolved"


@pytest.mark.parametrize("lines", [["blame"] * 4, ["rude", "dismissive", "jargon hedging"], ["!x"] * 5])
def test_lost(lines: list[str]) -> None:
    events = play(lines)
    assert (outcome(events), said(events)[-1]) == ("hung_up", "that is enough")


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        (["empathy", "apology ownership", "escalate"], "escalated"),
        (["empathy apology ownership escalate"], "escalated"),
        (["escalate"], "left"),
        (["empathy", "escalate", "apology ownership"], "left"),
        (["escalate empathy apology ownership"], "left"),  # it was too early when it was said
        (["empathy", "apology ownership", "escalate@0.4"], "left"),  # not sure enough to end a call
        (["empathy", "apology ownership", "escalate passing"], "left"),
        (["empathy", "apology ownership", "rude escalate"], "left"),
        (["empathy", "apology ownership", "escalate jargon"], "escalated"),
    ],
)
def test_a_supervisor_at_the_right_moment(lines: list[str], end: str) -> None:
    assert outcome(play(lines)) == end


def test_a_supervisor_too_early_earns_nothing() -> None:
    _, decisions = respond(customer(), heard("escalate"))
    assert moods(decisions) == [("escalate", 0.0)]
    assert said(decisions) == ["hold on 1"]
    nobody = SMALL.endings.model_copy(update={"escalated": None})
    events = play(["escalate", *GOOD[:2], "escalate"], customer(endings=nobody))
    assert outcome(events) == "left"


@pytest.mark.parametrize("fact", [heard("empathy", 301.0), Silence(300.0, 6.0)])
def test_too_late(fact: Fact) -> None:
    state, decisions = respond(customer(), fact)
    assert said(decisions) == ["I have to go"]
    assert state.ending is not None
    assert state.ending[0] == "out_of_time"


def test_winning_in_the_last_second_is_winning() -> None:
    state, _ = respond(customer(anger=4), heard(" ".join(GOOD), 300.0))
    assert state.ending is not None
    assert state.ending[0] == "resolved"


def test_the_call_is_over_when_the_last_word_has_been_said() -> None:
    who = customer(anger=4)
    state, decisions = respond(who, heard(" ".join(GOOD)))
    final = next(d for d in decisions if isinstance(d, Say))
    assert final.final
    state, decisions = respond(who, LineStarted(11.0, final.line), heard("rude", 12.0), state=state)
    assert decisions == []  # the customer's last word stands
    assert not state.over
    state, decisions = respond(who, LineStopped(12.0, final.line - 1, cut=False), state=state)
    assert decisions == []
    state, decisions = respond(who, LineStopped(13.0, final.line, cut=False), state=state)
    assert [type(d) for d in decisions] == [Ended]
    assert state.over
    assert respond(who, heard("rude", 14.0), LearnerLeft(15.0, "x"), state=state) == (state, [])


@pytest.mark.parametrize(("lines", "end"), [([], "left"), (["empathy"], "left"), (GOOD, "resolved")])
def test_hanging_up(lines: list[str], end: str) -> None:
    who = customer()
    state, _ = respond(who, *(heard(line, t) for t, line in enumerate(lines, 1)))
    _, decisions = respond(who, LearnerLeft(60.0, "the learner hung up"), state=state)
    assert outcome(decisions) == end


@pytest.mark.parametrize(
    "fact",
    [SpeechStarted(1.0), LineStarted(1.0, 1), LineStopped(1.0, 1, cut=True), Noted(1.0, "xrun", "Some was lost.")],
)
def test_other_facts_decide_nothing(fact: Fact) -> None:
    who = customer()
    state, decisions = who.respond(who.begin()[0], fact)
    assert decisions == ()
    assert state.anger == 6


def test_a_long_line_heard_to_its_end_earns_a_little() -> None:
    def course(seconds: float, **more: object) -> list[tuple[str, float]]:
        line = (LineStarted(0.1, 1), LineStopped(0.1 + seconds, 1, cut=bool(more.pop("cut", False))))
        spoken: dict[str, Any] = {"prosody": voiced(*CALM_SOUND), **more}
        return moods(respond(customer(), *line, heard("greeting", 12, **spoken))[1])

    assert course(5.0) == [("letting_finish", MOOD["letting_finish"])]
    assert course(3.0) == course(5.0, cut=True) == course(5.0, overlap=0.4) == course(5.0, prosody=None) == []


def test_the_customer_cuts_into_a_long_speech_once_when_angry() -> None:
    lines = {"barging_in": (Spoken(say="get to the point"),)}
    who = customer(anger=8, reactions={**SMALL.reactions, **lines})
    state, decisions = respond(who, StillSpeaking(9.0, 8.0), StillSpeaking(13.0, 12.0))
    assert said(decisions) == ["get to the point"]
    for barged, rule in ((0.6, "letting_finish"), (None, "interrupting"), (2.5, "interrupting")):
        _, after = respond(who, heard("empathy", 15, barged=True, yielded=barged), state=state)
        assert [r for r, _ in moods(after)] == [rule, "empathy"]
        assert said(after) == []  # what the customer cut in with waits for its answer
    assert said(respond(customer(anger=5, reactions=lines), StillSpeaking(9.0, 8.0))[1]) == []
    assert said(respond(customer(anger=8), StillSpeaking(9.0, 8.0))[1]) == []  # no lines for it


def test_giving_way_in_a_clash_is_noticed() -> None:
    aside: dict[str, Any] = {"role": "aside", "overlap": 0.3}
    assert moods(respond(customer(), heard("hm", yielded=0.5, **aside))[1]) == [
        ("letting_finish", MOOD["letting_finish"])
    ]
    assert moods(respond(customer(), heard("hm", yielded=2.0, **aside))[1]) == []
    assert moods(respond(customer(), heard("hm", listening=True, **aside))[1]) == [
        ("listening_words", MOOD["listening_words"])
    ]


def test_the_last_line_is_said_again_when_asked_for() -> None:
    state, decisions = respond(customer(), RepeatAsked(3.0))
    assert [(d.text, d.line) for d in decisions if isinstance(d, Say)] == [("heard angry 1", 2)]
    assert (state.anger, state.said) == (6, ("heard angry 1",))


def test_a_stop_word_ends_the_call_whatever_the_customer_does() -> None:
    state, decisions = respond(customer(), heard("oh stop the exercise please"))
    assert state.over
    assert [(type(d), d.outcome) for d in decisions if isinstance(d, Ended)] == [(Ended, "left")]


def test_the_same_thing_again_before_its_time_annoys() -> None:
    _, decisions = respond(customer(), heard("solution"), heard("solution", 12))
    assert [rule for rule, _ in moods(decisions)] == ["solution", "solution", "pushed"]


def test_a_talk_that_does_not_get_on_wears_patience_out() -> None:
    _, decisions = respond(customer(), *(heard("probe", t) for t in range(1, STUCK + 3)))
    assert [rule for rule, _ in moods(decisions)].count("dragging") == 2


# --------------------------------------------------------------------------------------------------- the next line


@pytest.mark.parametrize(
    ("text", "role", "line"),
    [
        ("hm", "turn", "heard angry 2"),
        ("probe", "turn", "heard angry 2"),
        ("empathy", "turn", "owned calm 1"),  # of the bands as near as annoyed, the calmer
        ("blame", "turn", "my fault"),
        ("defensive blame", "turn", "my fault"),  # the worse of two
        ("blame defensive", "turn", "my fault"),
        ("empathy defensive", "turn", "no excuses"),
        ("blame@0.4", "turn", "heard angry 2"),  # not sure enough to answer to it
        ("blame@0.4 defensive", "turn", "no excuses"),
        ("blame", "interruption", "let me finish 1"),
        ("dismissive", "turn", "heard angry 2"),  # no reaction of that name: on with the stage
        ("", "turn", "say that again"),
        ("what is your order number please", "turn", "it is four four one seven"),
        ("and number 12?", "turn", "it is four four one seven"),
        ("and number twelve", "turn", "it is four four one seven"),
        ("reorder numbers", "turn", "heard angry 2"),
        ("empathy and your order number", "turn", "it is four four one seven"),
        ("blame what is your order number", "turn", "my fault"),
        ("solution", "turn", "hold on 1"),
        ("greeting", "turn", "hello yourself"),
        ("backchannel", "turn", "and another thing"),
        ("greeting probe", "turn", "heard angry 2"),
        ("apology", "turn", "well thank you"),
    ],
)
def test_what_they_say_next(text: str, role: str, line: str) -> None:
    _, decisions = respond(customer(), heard(text, role=role))
    assert said(decisions) == [line]


def test_stalling_has_its_own_line_from_the_second_time() -> None:
    assert said(play(["hm", "hm", "hm"]))[1:] == ["heard angry 2", "that does not help", "heard angry 3"]


def test_a_scenario_without_reactions_goes_on_with_the_stage() -> None:
    lines = ["blame", "...", "!x", "solution", "greeting"]
    assert all(text.startswith(("heard", "that is")) for text in said(play(lines, customer(reactions={}, answers=()))))


def test_a_line_comes_again_only_when_nothing_else_fits() -> None:
    lines = said(play(["probe@0.1", "hm"] * 6, customer(mood={"probe": 0, "stalling": 0}, reactions={})))
    assert len(lines) == 13
    assert all(len(set(lines[i : i + FRESH])) == FRESH for i in range(len(lines) - FRESH))
    assert lines[:3] == [f"heard angry {n}" for n in (1, 2, 3)]
