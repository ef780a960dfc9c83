"""A small customer and a detector that notices what is written: no model, no judgement, only the rules."""

from __future__ import annotations

from collections.abc import Sequence

from voicetrainer.call import TypedLine, hold
from voicetrainer.roleplay.customer import Customer
from voicetrainer.roleplay.events import (
    Decision,
    Ended,
    Fact,
    Heard,
    MoodChanged,
    Prosody,
    Say,
    StageReached,
    Word,
    q,
)
from voicetrainer.roleplay.mood import RULES, TEMPERAMENTS, State
from voicetrainer.roleplay.scenario import parse
from voicetrainer.roleplay.techniques import LABELS, MISTAKES, Evidence

TEXT = """\
format: 1
id: small
title: A small scenario
business: Shop
difficulty: 2
minutes: 5
briefing: You answer the phone.
goals: [Listen.]
facts:
  order: four four one seven
customer:
  name: Mrs Carter
  anger: 6
  trust: 5
  about: She waited in for two days.
stages:
  - id: heard
    about: She needs to be heard.
    needs: [empathy or reflect]
    too_early:
      solution: nobody has listened yet
    could_say:
      empathy: Two days for nothing, for order {order}.
    lines:
      furious: [heard furious 1, heard furious 2, heard furious 3]
      angry: [heard angry 1, heard angry 2, heard angry 3]
      annoyed: [heard annoyed 1, heard annoyed 2]
  - id: owned
    about: She needs somebody to take it on.
    needs: [apology, ownership or follow_up]
    lines:
      angry: [owned angry 1, owned angry 2]
      calm: [owned calm 1, owned calm 2]
  - id: offered
    about: She needs something definite.
    needs: [solution or choice]
    could_say:
      choice: A new pair or the money. Which would you like?
    lines:
      furious: [offered furious 1]
      annoyed: [offered annoyed 1, offered annoyed 2]
reactions:
  interrupting: [let me finish 1, let me finish 2]
  blame: [my fault]
  defensive: [no excuses]
  raised_voice: [do not shout]
  silence: [hello 1, hello 2]
  unheard: [say that again]
  too_early: [hold on 1, hold on 2]
  softened: [well thank you]
  stalling: [that does not help]
  backchannel: [and another thing]
  greeting: [hello yourself]
answers:
  - asked: [order number, number 12]
    say: ["it is {order}", "still {order}"]
endings:
  resolved: {anger_at_most: 3, lines: [thank you and goodbye]}
  escalated: {from_stage: offered, lines: [put them on]}
  hung_up: {at_anger: 9.5, lines: [that is enough]}
  out_of_time: {lines: [I have to go]}
"""

SMALL = parse(TEXT)
"""At anger 6 and trust 5, where it begins, every rule moves anger by just its weight."""

MOOD = {name: rule.anger for name, rule in RULES.items()}
BECAUSE = {name: rule.because for name, rule in RULES.items()}
PATIENCE, TEMPER = TEMPERAMENTS["even"].patience, TEMPERAMENTS["even"].temper


class Scripted:
    """Notices the labels that an utterance is made of; ``blame@0.5`` is half sure."""

    def detect(self, text: str, context: str = "") -> tuple[Evidence, ...]:
        del context
        found = []
        for i, word in enumerate(text.split()):
            label, _, score = word.partition("@")
            if label in LABELS:
                found.append(Evidence(label, label in MISTAKES, float(score or 1), i, i, word, f"You did {label}."))
        return tuple(found)


def customer(**changes: object) -> Customer:
    """The small customer, with keys of the scenario changed (``anger`` and ``trust`` are theirs)."""
    theirs = {key: changes.pop(key, getattr(SMALL.customer, key)) for key in ("anger", "trust")}
    person = SMALL.customer.model_copy(update=theirs)
    return Customer(SMALL.model_copy(update={"customer": person, **changes}), Scripted())


def heard(text: str, t: float = 10.0, **more: object) -> Heard:
    words = tuple(Word(w, t - 1, t - 0.5) for w in text.split())
    return Heard(t, t - 1, t - 0.5, words, **more)  # type: ignore[arg-type]


def voiced(pitch: float, tilt: float) -> Prosody:
    return Prosody(2.0, 1.5, pitch=pitch, loudness=-24.0, noise=-60.0, tilt=tilt)


CALM_SOUND, LOUD_SOUND = (120.0, -8.0), (190.0, 0.0)


def respond(who: Customer, *facts: Fact, state: State | None = None) -> tuple[State, list[Decision]]:
    """Give facts to a customer, from the beginning of the call or from a state; the decisions leave the opening out."""
    state = state or who.begin()[0]
    decisions: list[Decision] = []
    for fact in facts:
        state, more = who.respond(state, fact)
        decisions += more
    return state, decisions


def play(lines: Sequence[str], who: Customer | None = None) -> list[Fact | Decision]:
    """A whole typed call; ``!`` interrupts, ``...`` is silence."""
    left = iter(lines)
    events: list[Fact | Decision] = []
    hold(who or customer(), TypedLine(lambda: next(left, None)), events.append)
    return events


def moods(events: Sequence[Fact | Decision]) -> list[tuple[str, float]]:
    return [(e.rule, q(e.after - e.before, 2)) for e in events if isinstance(e, MoodChanged)]


def said(events: Sequence[Fact | Decision]) -> list[str]:
    return [e.text for e in events if isinstance(e, Say)]


def stages(events: Sequence[Fact | Decision]) -> list[str]:
    return [e.stage for e in events if isinstance(e, StageReached)]


def outcome(events: Sequence[Fact | Decision]) -> str:
    return next((e.outcome for e in events if isinstance(e, Ended)), "none")
