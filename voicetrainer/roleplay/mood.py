"""The customer's mood and memory, and what moves them: anger and trust, by rule, and how much of it by temperament.

Anger (0-10) is what the customer feels; trust (0-10) is how far they believe the learner. Kind words work on anger
whatever the trust; promises (`PROMISES`) are worth as much as they are trusted. All numbers of the mood are here; the
customer (``roleplay.customer``) decides when a rule applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from voicetrainer.roleplay.events import Outcome


@dataclass(frozen=True)
class State:
    """All that the customer knows of the call so far."""

    anger: float
    trust: float = 4.0
    sinking: float = 0.0
    """Anger that the last good turn will still take away."""
    stage: int = 0
    turn: int = 0
    """Utterances heard."""
    line: int = 0
    """Lines said."""
    met: frozenset[str] = frozenset()
    """Techniques that counted and were sure: what a stage needs."""
    happened: frozenset[str] = frozenset()
    """Techniques that counted and mistakes that were sure: what lines may depend on."""
    times: Mapping[str, int] = field(default_factory=dict)
    """How often each technique was noticed."""
    running: Mapping[str, int] = field(default_factory=dict)
    """For how many turns in a row each kind of words has come."""
    offered: int = 0
    """Turn of the first offer that counted; 0 before it."""
    limits: int = 0
    """Turns in which a limit was set."""
    said: tuple[str, ...] = ()
    """The customer's lines so far, slots filled."""
    used: Mapping[str, int] = field(default_factory=dict)
    """When each line was last said, as the number of the line."""
    told: frozenset[str] = frozenset()
    """Facts that the customer has told."""
    given: frozenset[int] = frozenset()
    """Answers that the customer has given."""
    barged: int = -1
    """Turn after which the customer broke in last."""
    line_began: float = 0.0
    """When the customer's line began to play, seconds."""
    listened: float = 0.0
    """Length of the last line, if the learner heard it to its end, seconds."""
    silences: int = 0
    stuck: int = 0
    """Turns since the talk last moved on."""
    pushed: frozenset[str] = frozenset()
    """What came too early already."""
    stalled: int = 0
    """Turns in a row without any technique."""
    raised: bool = False
    """The voice was raised and has not settled since."""
    ending: tuple[Outcome, str] | None = None
    over: bool = False

    @property
    def last_line(self) -> str:
        """What the customer said last."""
        return self.said[-1] if self.said else ""


class Rule(NamedTuple):
    """One rule of the ledger."""

    anger: float
    """What it does to anger."""
    trust: float
    """What it does to trust."""
    because: str
    """Why, from the customer's side."""


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "empathy": Rule(-1.3, 0.4, "felt understood"),
        "reflect": Rule(-1.2, 0.8, "heard the problem said back"),
        "apology": Rule(-1.0, 0.5, "got a real apology"),
        "solution": Rule(-1.3, 0.5, "got something concrete"),
        "choice": Rule(-1.2, 0.6, "was given a say in it"),
        "probe": Rule(-0.3, 0.2, "was asked about it"),
        "backchannel": Rule(-0.2, 0.1, "was listened to"),
        "boundary": Rule(0.0, 0.2, "was told the limit calmly"),
        "escalate": Rule(-0.6, 0.3, "was taken further up"),
        "follow_up": Rule(-0.8, 0.7, "knows somebody will check"),
        "appreciation": Rule(-0.4, 0.2, "felt valued"),
        "ownership": Rule(-1.0, 0.6, "has somebody who takes it on"),
        "greeting": Rule(0.0, 0.0, "was greeted"),
        "closing": Rule(0.0, 0.0, "was asked whether that was all"),
        "defensive": Rule(1.3, -0.6, "was argued with"),
        "blame": Rule(1.7, -1.0, "was made the guilty one"),
        "dismissive": Rule(1.7, -1.0, "was brushed off"),
        "rude": Rule(2.5, -1.5, "was insulted"),
        "jargon": Rule(0.5, -0.4, "did not follow the terms"),
        "hedging": Rule(0.4, -0.6, "got nothing definite"),
        "false_apology": Rule(1.2, -1.0, "got an apology that was none"),
        "overpromise": Rule(0.3, -1.0, "does not believe big promises"),
        "passing": Rule(1.4, -1.2, "was sent elsewhere"),
        "interrupting": Rule(1.1, -0.4, "was cut off"),
        "letting_finish": Rule(-0.2, 0.2, "was allowed to finish"),
        "listening_words": Rule(-0.3, 0.1, "noticed somebody listening"),
        "dead_air": Rule(0.6, -0.3, "was left in silence"),
        "raised_voice": Rule(0.8, -0.4, "was spoken to in a raised voice"),
        "steady_voice": Rule(-0.4, 0.2, "heard the voice settle again"),
        "asked_again": Rule(0.5, -0.5, "had told that already"),
        "wrong_summary": Rule(0.7, -1.0, "heard it said back wrong"),
        "overdone": Rule(0.5, -0.3, "has heard those words before and sees nothing done"),
        "went_back": Rule(0.5, -1.5, "saw an offer fade away again"),
        "stalling": Rule(0.4, -0.2, "still has no answer to what was said"),
        "pushed": Rule(0.3, -0.3, "was pushed with the same thing again before its time"),
        "dragging": Rule(0.3, -0.2, "has been at the same point for too long"),
        "unchecked": Rule(0.3, 0.0, "went on, because nobody set a limit"),
        "sinking_in": Rule(0.0, 0.0, "took in what was said before"),
    }
)
"""What each technique, mistake or manner does, where the scenario says nothing else."""

PROMISES = frozenset(("ownership", "solution", "choice", "follow_up", "escalate", "appreciation"))
"""Rules whose worth depends on trust."""

STUCK = 6
"""Turns in one stage from which on each further one costs."""

FADING = (1.0, 0.5, 0.25, 0.0)
"""What the first, second, third and every later use of the same technique is worth."""

KIND_WORDS = ("empathy", "apology", "appreciation", "ownership")
"""Words that irritate when they come for the third turn in a row and nothing is done beside them."""

SINKING = 1.5
"""The most that one good turn leaves to sink in until the next."""


@dataclass(frozen=True)
class Temperament:
    """How somebody is when they are angry."""

    about: str
    """For coaches: one plain sentence."""
    patience: float = 2.5
    """The most by which one turn can soothe; what is beyond it sinks in by the next turn."""
    temper: float = 1.8
    """The most by which one turn can enrage."""
    factors: Mapping[str, float] = field(default_factory=dict)
    """How much more or less a rule moves their anger."""
    unchecked: bool = False
    """Gets worse with every turn until somebody sets a limit."""


TEMPERAMENTS: Mapping[str, Temperament] = MappingProxyType(
    {
        "even": Temperament("Angry for a reason, and fair when the reason is dealt with."),
        "short-fused": Temperament(
            "Up at once, and down again as fast.",
            patience=3.0,
            temper=2.6,
            factors={"interrupting": 1.3, "dead_air": 1.4, "hedging": 1.5, "stalling": 1.5, "asked_again": 1.5},
        ),
        "icy": Temperament(
            "Cold and exact. Kind words do little; facts, commitments and kept promises do more.",
            patience=1.8,
            temper=1.5,
            factors={"empathy": 0.7, "appreciation": 0.4, "backchannel": 0.5, "reflect": 1.2, "solution": 1.1,
                     "follow_up": 1.2, "jargon": 0.6, "hedging": 1.8, "overpromise": 2.0, "wrong_summary": 1.6},
        ),
        "weepy": Temperament(
            "Hurt more than angry. Wants to be seen first; a raised voice or a brush-off goes deep.",
            patience=2.2,
            factors={"empathy": 1.3, "backchannel": 2.0, "listening_words": 2.0, "solution": 0.8, "raised_voice": 1.6,
                     "dismissive": 1.2, "defensive": 1.2, "jargon": 1.5},
        ),
        "sarcastic": Temperament(
            "Hears every set phrase as a set phrase. Plain words and definite steps get through.",
            factors={"appreciation": 0.3, "empathy": 0.8, "apology": 0.9, "reflect": 1.2, "solution": 1.1,
                     "hedging": 2.0, "overpromise": 3.0, "overdone": 1.6, "false_apology": 1.2, "jargon": 1.4},
        ),
        "abusive": Temperament(
            "Goes for the person. Gets worse until a limit is set calmly; softness alone does not help.",
            temper=2.2,
            factors={"empathy": 0.7, "apology": 0.6, "appreciation": 0.5, "boundary": 1.0, "defensive": 1.2,
                     "raised_voice": 1.4, "rude": 1.2},
            unchecked=True,
        ),
        "rambling": Temperament(
            "Tells it all from the beginning. Listening words and a good summary do more than anything.",
            patience=2.8,
            factors={"backchannel": 2.0, "listening_words": 1.6, "reflect": 1.3, "probe": 1.3, "interrupting": 1.3,
                     "solution": 0.9, "asked_again": 1.4},
        ),
    }
)  # fmt: skip
"""Every temperament, by its name in the scenario."""

LIMIT = -0.9
"""What a calm limit does to the anger of somebody who goes on until one is set."""


@dataclass(frozen=True)
class Intensity:
    """The dial: the same customer on a better or worse day."""

    anger: float
    """Added to the anger at the start."""
    soothed: float
    """How much more or less good does."""
    provoked: float
    """How much more or less harm does."""


INTENSITIES: Mapping[str, Intensity] = MappingProxyType(
    {
        "gentle": Intensity(-1.5, 1.15, 0.8),
        "normal": Intensity(0.0, 1.0, 1.0),
        "fierce": Intensity(1.0, 0.9, 1.2),
    }
)
"""Every setting of the dial, by name."""


def begins(anger: float, dial: Intensity, hangs_up: float) -> float:
    """Anger at the start of a call, on the scale: somebody who would hang up at once does not ring."""
    return anger if dial.anger == 0 else min(hangs_up - 0.5, max(1.0, anger + dial.anger))


def ease(anger: float) -> float:
    """How much of a good word's worth is left at an anger: the last of it goes slowest."""
    return min(1.0, 0.4 + anger / 10)


def worth(trust: float) -> float:
    """What a promise is worth at a trust: 0.6 of its weight at none, all of it at 5, 1.4 at full trust."""
    return 0.6 + 0.08 * trust


def change(
    rule: str, weight: float, anger: float, trust: float, temperament: Temperament, dial: Intensity, own: float | None
) -> float:
    """What a rule does to anger.

    Parameters
    ----------
    rule
        One of `RULES`.
    weight
        How sure and how fresh it is, 0 to 1.
    anger, trust
        Before it.
    temperament, dial
        Whose anger it is, and on which day.
    own
        The scenario's own weight for the rule; None where it has none.
    """
    base = RULES[rule].anger if own is None else own
    if rule == "boundary" and temperament.unchecked and own is None:
        base = LIMIT
    base *= weight * temperament.factors.get(rule, 1.0)
    if base >= 0:
        return base * dial.provoked
    return base * dial.soothed * ease(anger) * (worth(trust) if rule in PROMISES else 1.0)
