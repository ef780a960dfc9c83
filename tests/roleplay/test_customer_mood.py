"""The customer's mood, rule by rule: what words, voice, interruptions and temper do to anger and trust.

The detector notices what is written (`tests.roleplay.scripted`).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.roleplay.scripted import (
    BECAUSE,
    CALM_SOUND,
    LOUD_SOUND,
    MOOD,
    PATIENCE,
    SMALL,
    TEMPER,
    customer,
    heard,
    moods,
    respond,
    said,
    voiced,
)
from voicetrainer.roleplay.customer import SETTLED, Customer
from voicetrainer.roleplay.events import Baseline, Decision, MoodChanged, Noticed, Steadiness, q
from voicetrainer.roleplay.mood import FADING, INTENSITIES, RULES, TEMPERAMENTS
from voicetrainer.roleplay.steadiness import judge
from voicetrainer.roleplay.techniques import LABELS, MISTAKES, TECHNIQUES, Evidence


def one(label: str, **changes: object) -> float:
    """What one utterance does to the small customer's anger."""
    state, _ = respond(customer(**changes), heard(label))
    return q(state.anger - 6, 2)


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


def test_a_sorry_is_real_or_it_is_not() -> None:
    for text, labels in (
        ("apology false_apology@0.6", ["apology"]),
        ("apology@0.5 false_apology", ["false_apology"]),
        ("apology false_apology@0.8", ["apology", "false_apology"]),  # "sorry if ..., and I'm sorry that we ..."
    ):
        assert [d.label for d in respond(customer(), heard(text))[1] if isinstance(d, Noticed)] == labels


def test_the_same_words_are_one_mistake() -> None:
    class Both:
        def detect(self, text: str, context: str = "") -> tuple[Evidence, ...]:
            del context
            scores = [float(score) for score in text.split()]
            apart = [(0, 4), (2, 4), (4, 9)]
            return tuple(
                Evidence(label, True, score, *place, text, "")
                for label, score, place in zip(("blame", "rude", "hedging"), scores, apart, strict=False)
            )

    def noticed(scores: str) -> list[str]:
        return [d.label for d in respond(Customer(SMALL, Both()), heard(scores))[1] if isinstance(d, Noticed)]

    assert noticed("0.58 0.52") == ["blame"]
    assert noticed("0.4 0.7") == ["rude"]
    assert noticed("0.9 0.75") == ["blame", "rude"]  # surely both
    assert noticed("0.9 0.4 0.6") == ["blame", "hedging"]  # other words


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


def test_mistakes_do_not_fade() -> None:
    _, decisions = respond(customer(anger=1), *(heard("passing", t) for t in range(1, 6)))
    assert moods(decisions) == [("passing", MOOD["passing"])] * 5


def test_an_interruption_costs_and_halves_the_good() -> None:
    _, decisions = respond(customer(), heard("empathy", role="interruption", overlap=0.6))
    assert moods(decisions) == [("interrupting", MOOD["interrupting"]), ("empathy", q(MOOD["empathy"] / 2, 2))]
    assert next((d.label, d.mistake) for d in decisions if isinstance(d, Noticed)) == ("interrupting", True)
    assert said(decisions) == ["let me finish 1"]


CALM = Baseline(3, 12.0, 120.0, 2.5, -24.0, -8.0, 4.2, 160.0)


def speak(*sounds: tuple[float, float]) -> list[Decision]:
    who = Customer(SMALL, customer().detector, CALM)
    return respond(who, *(heard("probe", t, prosody=voiced(*s)) for t, s in enumerate(sounds, 1)))[1]


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
