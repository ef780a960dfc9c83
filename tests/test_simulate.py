"""Simulated calls: what learners say, what comes of it, and that the customer keeps their promises in every one."""

from __future__ import annotations

import time
from functools import cache
from random import Random

import pytest

from tests.roleplay.scripted import SMALL
from voicetrainer.cli.content import read_scenario, shipped_scenarios
from voicetrainer.detector import load_shipped
from voicetrainer.roleplay.events import Band, LearnerLeft, MoodChanged, Noticed, Say, StageReached
from voicetrainer.roleplay.learners import KINDS, SILENCE, Seen, plans
from voicetrainer.roleplay.reply import FRESH
from voicetrainer.roleplay.scenario import Scenario, Spoken
from voicetrainer.roleplay.techniques import LABELS, MISTAKES, Detector, Evidence
from voicetrainer.simulate import (
    GOALS,
    MOST_TURNS,
    SHARE,
    Course,
    Remembering,
    Simulated,
    bank,
    bars,
    broken,
    events,
    play,
    simulate,
    simulate_shared,
)

SHIPPED = [path.stem for path in shipped_scenarios()]


class Known:
    """Notices what an utterance of the bank, or an example of the scenario, is there to show: no model, no waiting."""

    def __init__(self, scenario: Scenario) -> None:
        self.shows = {text: label for label, texts in bank().items() for text in texts}
        for stage in scenario.stages:
            self.shows |= {scenario.fill(text): label for label, text in stage.could_say.items()}

    def detect(self, text: str, context: str = "") -> tuple[Evidence, ...]:
        del context
        found = ((text.index(said), label) for said, label in self.shows.items() if said in text)
        return tuple(Evidence(label, label in MISTAKES, 0.9, 0, 0, text, "") for _, label in sorted(found))


@cache
def scenario(name: str) -> Scenario:
    return read_scenario(name)[1]


@cache
def detector() -> Detector:
    return load_shipped()


# --------------------------------------------------------------------------------------------------------- the bank


def test_the_bank_has_enough_of_everything() -> None:
    assert set(bank()) == set(LABELS)
    assert all(len(set(texts)) >= 15 for texts in bank().values())
    texts = [text for texts in bank().values() for text in texts]
    assert len(set(texts)) == len(texts)
    assert not [text for text in texts if text.startswith("!") or SILENCE in text]


@pytest.mark.slow
@pytest.mark.parametrize("label", LABELS)
def test_the_detector_hears_the_bank_as_it_is_meant(label: str) -> None:
    """Each utterance as its label, and no mistake beside a technique or the other way round."""
    for text in bank()[label]:
        heard = {e.label for e in detector().detect(text, "So what are you going to do about it?")}
        assert label in heard, text
        assert {other for other in heard if (other in MISTAKES) != (label in MISTAKES)} == set(), text


# ------------------------------------------------------------------------------------------------------ what is said


def seen(seed: int = 1, **more: object) -> Seen:
    return Seen(SMALL, bank(), Random(seed), **more)  # type: ignore[arg-type]


def test_a_model_agent_gives_what_the_stage_needs() -> None:
    learner = seen()
    assert learner.needed() == [("empathy", "reflect")]
    KINDS["model"](learner)
    assert learner.last & {"empathy", "reflect"}
    learner.watch(Noticed(1.0, 1, "empathy", False, 0.9, "so sorry to hear"))
    learner.watch(StageReached(1.0, "owned", "after empathy"))
    KINDS["model"](learner)
    assert learner.last & {"apology"}
    assert learner.last & {"ownership", "follow_up"}


def test_what_was_half_heard_is_still_needed() -> None:
    learner = seen()
    learner.watch(Noticed(1.0, 1, "empathy", False, 0.4, "so sorry to hear"))
    assert learner.needed() == [("empathy", "reflect")]


def test_what_was_half_heard_before_its_stage_is_still_needed_in_it() -> None:
    learner = seen()
    learner.watch(Noticed(1.0, 1, "apology", False, 0.6, "take full responsibility"))
    learner.watch(StageReached(1.0, "owned", "after empathy"))
    assert learner.needed() == [("apology",), ("ownership", "follow_up")]
    learner.watch(Noticed(2.0, 2, "apology", False, 0.6, "sorry"))
    assert learner.needed() == [("ownership", "follow_up")]


def test_a_model_agent_waits_with_what_is_too_early() -> None:
    for seed in range(30):
        learner = seen(seed, anger=7.0)
        for _ in range(8):
            KINDS["model"](learner)
            learner.turn += 1
            assert "solution" not in learner.last


def test_a_model_agent_brings_a_supervisor_in_when_that_is_right() -> None:
    learner = seen(plan="escalated", turn=3)
    assert not learner.may_escalate()
    learner.watch(StageReached(1.0, "offered", ""))
    assert KINDS["model"](learner) in bank()["escalate"]


def test_the_ways_to_win() -> None:
    assert plans(SMALL) == ("resolved", "escalated")
    assert plans(scenario("night-cab")) == ("resolved", "escalated", "closed")


def test_nothing_of_the_bank_is_said_twice_in_a_short_while() -> None:
    learner = seen()
    said = [learner.words("apology") for _ in range(12)]
    assert len(set(said)) == 12


@pytest.mark.parametrize(
    ("kind", "shows"),
    [
        ("apologetic", {"apology", "empathy", "appreciation", "backchannel", "hedging"}),
        ("defensive", {"defensive", "blame", "dismissive", "passing"}),
        ("silent", {SILENCE, "backchannel", "greeting"}),
        ("abusive", {"rude", "blame", "dismissive"}),
        ("fixer", {"solution", "choice", "follow_up", "closing"}),
        ("expert", {"jargon", "defensive", "hedging", "solution"}),
    ],
)
def test_a_kind_of_learner_is_true_to_it(kind: str, shows: set[str]) -> None:
    learner = seen()
    found: set[str] = set()
    for _ in range(150):
        said = KINDS[kind](learner).removeprefix("!")
        found |= {SILENCE} if said == SILENCE else learner.last
    assert found == shows


def test_an_interrupter_interrupts_and_chance_does_anything() -> None:
    learner = seen()
    said = [KINDS["interrupter"](learner) for _ in range(100)]
    assert 50 < sum(text.startswith("!") for text in said) < 90
    labels: set[str] = set()
    for _ in range(300):
        KINDS["random"](learner)
        labels |= learner.last
    assert labels == set(LABELS)


# --------------------------------------------------------------------------------------------------- what comes of it


def test_the_same_seed_gives_the_same_calls() -> None:
    known = Known(SMALL)
    once = simulate(SMALL, known, ["model", "random"], calls=8)
    again = simulate(SMALL, known, ["model", "random"], calls=8)
    other = simulate(SMALL, known, ["model", "random"], calls=8, seed=2)
    assert once == again
    assert once != other
    assert play(SMALL, known, "random", 5) == once[1].calls[5]


def test_calls_may_be_played_in_parts() -> None:
    known = Known(SMALL)
    (whole,), (part,) = (simulate(SMALL, known, ["random"], calls=n, first=f) for n, f in ((8, 0), (3, 5)))
    assert whole.calls[5:] == part.calls


@pytest.mark.slow
def test_several_processes_play_the_same_calls_and_stop_when_told() -> None:
    both = [scenario("late-parcel"), scenario("cold-dinner")]
    ticks: list[int] = []
    shared = simulate_shared(both, ["silent", "model"], 2, calls=SHARE + 1, tick=lambda: ticks.append(1))
    remembering = Remembering(detector())
    assert shared == [simulate(s, remembering, ["silent", "model"], calls=SHARE + 1) for s in both]
    assert len(ticks) == 4 * (SHARE + 1)

    def enough() -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        simulate_shared(both, ["talker", "model"], 2, calls=10_000, tick=enough)
    assert time.monotonic() - began < 120  # all of them would take an hour


def test_every_call_is_told_to_whoever_counts_them() -> None:
    ticks: list[int] = []
    simulate(SMALL, Known(SMALL), ["silent"], calls=7, tick=lambda: ticks.append(1))
    assert len(ticks) == 7


def test_learners_end_as_they_deserve() -> None:
    courses = {c.learner: c for c in simulate(SMALL, Known(SMALL), calls=20)}
    assert courses["model"].won == 100
    assert set(courses["model"].outcomes) == {"resolved", "escalated"}
    assert courses["silent"].outcomes == {"hung_up": 100}
    assert courses["silent"].lost_by == "hung up: nobody answered"
    assert courses["abusive"].won == courses["defensive"].won == 0
    assert courses["apologetic"].won == 0
    assert courses["apologetic"].lost_by == "hung up: dragging"
    assert courses["talker"].outcomes == {"out_of_time": 100}
    assert courses["talker"].lost_by == "out of time: no apology and no ownership or follow_up in 'owned'"
    assert [c.missed for c in courses.values() if c.missed] == []


def test_the_figures_of_a_course() -> None:
    calls = [
        Simulated(0, "resolved", (6.0, 4.0, 2.0), 2, ""),
        Simulated(1, "resolved", (6.0, 5.0, 4.0, 3.0), 3, ""),
        Simulated(2, "hung_up", (6.0, 10.0), 1, "hung up: rudeness", ("line 3 again",)),
        Simulated(3, "left", (6.0, 6.0, 6.0, 6.0, 6.0), 4, "left: still too angry"),
    ]
    course = Course("model", calls)
    assert course.outcomes == {"resolved": 50, "hung_up": 25, "left": 25}
    assert (course.won, course.turns, course.lost_by) == (50, 2.5, "hung up: rudeness")
    assert course.anger(0.5) == [6, 6, 6, 6, 6]
    assert course.anger(0.0) == [6, 4, 2, 2, 2]  # a call that is over keeps its last
    assert course.broken == ("line 3 again",)
    assert course.missed == "model wins 50 %, should be at least 95 %"
    assert Course("abusive", calls).missed == "abusive wins 50 %, should be at most 2 %"
    assert Course("random", calls).missed == ""
    assert set(GOALS) <= set(KINDS)


def test_anger_as_bars() -> None:
    assert bars([0, 1.25, 5, 9.9, 10]) == "▁▂▅██"


def test_a_detector_is_asked_once() -> None:
    asked: list[str] = []

    class Asked(Known):
        def detect(self, text: str, context: str = "") -> tuple[Evidence, ...]:
            asked.append(text)
            return super().detect(text, context)

    remembering = Remembering(Asked(SMALL))
    text = bank()["rude"][0]
    assert remembering.detect(text, "a") == remembering.detect(text, "a")
    remembering.detect(text, "b")
    assert asked == [text, text]


# ----------------------------------------------------------------------------------------------- the customer's word


def say(number: int, text: str) -> Say:
    return Say(float(number), number, text, "heard", 6.0)


def test_a_line_said_again_too_soon_is_found() -> None:
    lines = [say(i, text) for i, text in enumerate("abcdef" + "a", 1)]
    assert FRESH == 6
    assert list(broken(SMALL, lines)) == []
    assert list(broken(SMALL, [*lines[:5], say(6, "a")])) == ["line 6 in 'heard' is line 1 again: a"]


def test_a_line_out_of_place_is_found() -> None:
    stage = SMALL.stages[0]
    lines = {**stage.lines, Band.ANGRY: (Spoken(say="sorry, is it", after=("apology",)), *stage.lines[Band.ANGRY])}
    changed = SMALL.model_copy(update={"stages": (stage.model_copy(update={"lines": lines}), *SMALL.stages[1:])})
    apology = Noticed(1.0, 1, "apology", False, 0.9, "sorry")
    too_early = Noticed(1.0, 1, "apology", False, 0.9, "sorry", counted=False)
    assert list(broken(changed, [apology, say(1, "sorry, is it")])) == []
    told = ["line 1 in 'heard' is out of place: sorry, is it"]
    assert list(broken(changed, [say(1, "sorry, is it")])) == told
    assert list(broken(changed, [too_early, say(1, "sorry, is it")])) == told


@pytest.mark.parametrize("name", SHIPPED)
def test_no_line_comes_again_too_soon_or_out_of_place(name: str) -> None:
    courses = simulate(scenario(name), Known(scenario(name)), calls=3, seed=7)
    assert [(c.learner, what) for c in courses for what in c.broken] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_model_agents_win_and_hopeless_ones_lose(name: str) -> None:
    it = scenario(name)
    courses = {c.learner: c for c in simulate(it, Known(it), ["model", "abusive", "silent"], calls=6)}
    assert courses["model"].won == 100
    assert courses["abusive"].won == courses["silent"].won == 0


def test_a_learner_who_gets_nowhere_gives_up_in_the_end() -> None:
    patient = SMALL.model_copy(update={"minutes": 60.0})
    happened = events(patient, Known(patient), "fixer", 0)
    assert isinstance(happened[-2], LearnerLeft) or any(isinstance(e, MoodChanged) for e in happened)
    assert sum(isinstance(e, Say) for e in happened) <= MOST_TURNS + 2
