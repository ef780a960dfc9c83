"""Calls of labels instead of words, to ask the rules themselves what a scenario allows: a win, a loss, an easy ride."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from voicetrainer.roleplay.customer import Customer
from voicetrainer.roleplay.events import Heard, LineStopped, Word
from voicetrainer.roleplay.mood import FADING, RULES, TEMPERAMENTS, State
from voicetrainer.roleplay.scenario import Scenario
from voicetrainer.roleplay.techniques import LABELS, MISTAKES, TECHNIQUES, Evidence

TURN = 12.0
"""Seconds that a turn of both sides takes in these calls."""


def counts(scenario: Scenario, label: str, i: int) -> bool:
    """Whether a technique can count in a stage."""
    if label in scenario.stages[i].too_early:
        return False
    escalated = scenario.endings.escalated
    if label != "escalate" or escalated is None:
        return True
    ids = [stage.id for stage in scenario.stages]
    return ids.index(escalated.from_stage) <= i <= ids.index(escalated.until_stage or ids[-1])


class _Written:
    """Notices the labels that an utterance is made of."""

    def detect(self, text: str, context: str = "") -> tuple[Evidence, ...]:
        del context
        said = [(i, word) for i, word in enumerate(text.split()) if word in LABELS]
        return tuple(Evidence(label, label in MISTAKES, 1.0, i, i, label, "") for i, label in said)


Learner = Callable[[Scenario, State], Sequence[str]]
"""What a learner shows in the next turn: labels."""


def play(scenario: Scenario, learner: Learner, intensity: str = "normal", turns: int = 40) -> State:
    """Play a call whose learner says labels instead of words; the state at its end."""
    customer = Customer(scenario, _Written(), intensity=intensity)
    state, _ = customer.begin()
    for number in range(1, turns + 1):
        t = number * TURN
        labels = learner(scenario, state)
        words = tuple(Word(label, t - 2.0, t - 1.0) for label in labels)
        state, _ = customer.respond(state, Heard(t, t - 2.0, t - 1.0, words))
        if state.ending is not None:
            state, _ = customer.respond(state, LineStopped(t + 1.0, state.line, cut=False))
            return state
    return state


def perfect(scenario: Scenario, state: State) -> list[str]:
    """Show what the stage still needs, and three things in all that calm, the least worn first."""
    i = min(state.stage, len(scenario.stages) - 1)
    temperament = TEMPERAMENTS[scenario.customer.temperament]

    def gain(label: str) -> float:
        own = scenario.mood.get(label, RULES[label].anger) * temperament.factors.get(label, 1.0)
        return own * FADING[min(state.times.get(label, 0), len(FADING) - 1)]

    usable = [x for x in TECHNIQUES if x not in ("escalate", "closing") and counts(scenario, x, i)]
    needs = [[x for x in need if x in TECHNIQUES] for need in scenario.stages[i].needs]
    open_needs = [need for need in needs if not state.met & set(need)] if state.stage < len(scenario.stages) else []
    wanted = [min((x for x in need if counts(scenario, x, i)), key=gain, default="") for need in open_needs]
    if temperament.unchecked and not state.limits and counts(scenario, "boundary", i):
        wanted.append("boundary")
    rest = sorted((x for x in usable if x not in wanted and gain(x) < 0), key=gain)
    return [*filter(None, wanted), *rest[: max(0, 3 - len(wanted))]] or ["backchannel"]


def hopeless(scenario: Scenario, state: State) -> list[str]:
    """Make mistakes, two in every turn."""
    del scenario
    return [MISTAKES[state.turn % len(MISTAKES)], MISTAKES[(state.turn + 4) % len(MISTAKES)]]


def kind_only(scenario: Scenario, state: State) -> list[str]:
    """Be kind and do nothing."""
    del scenario
    turns = (("empathy",), ("apology", "appreciation"), ("backchannel",), ("empathy", "apology"))
    return list(turns[state.turn % len(turns)])
