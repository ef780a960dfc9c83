"""Kinds of learners for simulated calls: what each says next, drawn from a bank of utterances and the scenario's own.

A learner sees what a real one sees (the customer's lines) and, if they are a good one, what a coach would see: the
stage and what it still needs. Nothing here draws chance of its own; the caller gives a seeded generator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from voicetrainer.roleplay.events import Decision, Fact, MoodChanged, Noticed, Say, StageReached
from voicetrainer.roleplay.mood import TEMPERAMENTS
from voicetrainer.roleplay.reply import meets
from voicetrainer.roleplay.scenario import Scenario
from voicetrainer.roleplay.techniques import LABELS

if TYPE_CHECKING:
    from random import Random

SILENCE = "..."
"""What a learner types who says nothing."""

Bank = Mapping[str, Sequence[str]]
"""Utterances by what they show."""


@dataclass
class Seen:
    """What a learner has seen of the call so far."""

    scenario: Scenario
    bank: Bank
    random: Random
    plan: str = "resolved"
    """How a model agent means to end the call."""
    stage: int = 0
    anger: float = 0.0
    turn: int = 0
    """Turns the learner has taken."""
    met: set[str] = field(default_factory=set)
    """Techniques that counted and were sure, as a stage needs them."""
    last: frozenset[str] = frozenset()
    """What the learner meant to show in the turn before."""
    limits: int = 0
    used: list[str] = field(default_factory=list)
    """Utterances of the bank that were said, oldest first."""
    _limited: int = 0

    def watch(self, event: Fact | Decision) -> None:
        """Take in what happens."""
        if isinstance(event, StageReached):
            self.stage = [s.id for s in self.scenario.stages].index(event.stage)
        elif isinstance(event, MoodChanged):
            self.anger = event.after
        elif isinstance(event, Say):
            self.anger = event.anger
        elif isinstance(event, Noticed) and not event.mistake and event.counted:
            if meets(self.scenario.stages[self.stage], event.label, event.score):
                self.met.add(event.label)
            if event.label == "boundary" and event.turn != self._limited:
                self._limited, self.limits = event.turn, self.limits + 1

    def needed(self) -> list[tuple[str, ...]]:
        """What the stage still needs; nothing once all is done."""
        return [need for need in self.scenario.stages[self.stage].needs if not self.met & set(need)]

    def early(self, label: str) -> bool:
        """Whether a technique does not work in this stage."""
        if label == "escalate":
            return not self.may_escalate()
        return label in self.scenario.stages[self.stage].too_early

    def may_escalate(self) -> bool:
        """Whether a supervisor is right now."""
        escalated, ids = self.scenario.endings.escalated, [s.id for s in self.scenario.stages]
        if escalated is None or "escalate" in self.scenario.stages[self.stage].too_early:
            return False
        return ids.index(escalated.from_stage) <= self.stage <= ids.index(escalated.until_stage or ids[-1])

    def may_close(self) -> bool:
        """Whether somebody abusive may be said goodbye to now."""
        endings = self.scenario.endings
        abusive = self.anger > endings.resolved.anger_at_most
        return endings.closed is not None and abusive and self.limits >= endings.closed.after_boundaries

    def words(self, label: str) -> str:
        """An utterance that shows a label, not one of the last that were said."""
        lately = self.used[-12:]
        choices = [text for text in self.bank[label] if text not in lately] or list(self.bank[label])
        text = self.random.choice(choices)
        self.used.append(text)
        return text

    def good_words(self, label: str) -> str:
        """The scenario's own example for this stage or the nearest one, as often as not; else from the bank."""
        own = [s.could_say[label] for s in (self.scenario.stages[self.stage], *self.scenario.stages)
               if label in s.could_say]  # fmt: skip
        text = self.scenario.fill(own[0]) if own else ""
        if text and text not in self.used and (label == "reflect" or self.random.random() < 0.7):
            self.used.append(text)
            return text
        return self.words(label)


Kind = Callable[[Seen], str]
"""What a learner says next, given what they have seen; as typed, see `voicetrainer.call.TypedLine`."""


def _said(seen: Seen, *labels: str, good: bool = False) -> str:
    seen.last = frozenset(labels)
    return " ".join((seen.good_words if good else seen.words)(label) for label in labels)


def model(seen: Seen) -> str:
    """Give each stage what it needs, one or two things a turn, and go on caring until the anger is gone."""
    unchecked = TEMPERAMENTS[seen.scenario.customer.temperament].unchecked
    closed = seen.scenario.endings.closed
    if seen.plan == "closed" and closed is not None and seen.turn >= 2:
        if seen.may_close():
            return _said(seen, "closing", good=True)
        if seen.limits < closed.after_boundaries and not seen.early("boundary"):
            return _said(seen, "boundary", good=True)
    if seen.plan == "escalated" and seen.may_escalate() and seen.turn >= 2:
        return _said(seen, "escalate", good=True)
    if unchecked and not seen.limits and seen.turn and not seen.early("boundary"):
        return _said(seen, "boundary", good=True)
    wanted: list[str] = []
    for need in seen.needed()[:2]:
        own = seen.scenario.stages[seen.stage].could_say
        choices = [x for x in need if not seen.early(x) and (x != "escalate" or seen.plan == "escalated")]
        choices = choices or [x for x in need if not seen.early(x)]
        choices = [x for x in choices if x in own] or choices
        fresh = [x for x in choices if x not in seen.last] or choices
        if fresh and (label := seen.random.choice(fresh)) not in wanted:
            wanted.append(label)
    if not wanted:
        caring = [x for x in ("follow_up", "reflect", "ownership", "empathy", "solution", "appreciation", "choice")
                  if not seen.early(x) and x not in seen.last]  # fmt: skip
        wanted = seen.random.sample(caring, min(2, len(caring))) or ["backchannel"]
    elif len(wanted) == 1 and seen.anger >= 4:
        more = [x for x in ("empathy", "reflect", "apology", "ownership")
                if not seen.early(x) and x not in seen.last and x not in wanted and x not in seen.met]  # fmt: skip
        if more:
            wanted.insert(0, seen.random.choice(more))
    return _said(seen, *wanted, good=True)


def apologetic(seen: Seen) -> str:
    """Be sorry, be kind, and do nothing."""
    roll = seen.random.random()
    if roll < 0.45:
        return _said(seen, "apology")
    if roll < 0.7:
        return _said(seen, "empathy")
    return _said(seen, seen.random.choice(("appreciation", "backchannel", "hedging")))


def defensive(seen: Seen) -> str:
    """Explain why it is nobody's fault here."""
    return _said(seen, seen.random.choices(("defensive", "blame", "dismissive", "passing"), (5, 2, 2, 1))[0])


def silent(seen: Seen) -> str:
    """Say next to nothing."""
    if seen.random.random() < 0.75:
        seen.last = frozenset()
        return SILENCE
    return _said(seen, seen.random.choice(("backchannel", "greeting")))


def interrupter(seen: Seen) -> str:
    """Mean well and never let the customer finish."""
    cut = "!" if seen.random.random() < 0.7 else ""
    label = seen.random.choice(("probe", "solution", "backchannel", "defensive", "apology", "hedging"))
    return cut + _said(seen, label)


def chance(seen: Seen) -> str:
    """Say anything at all."""
    if seen.random.random() < 0.08:
        seen.last = frozenset()
        return SILENCE
    cut = "!" if seen.random.random() < 0.1 else ""
    return cut + _said(seen, seen.random.choice(LABELS))


def abusive(seen: Seen) -> str:
    """Insult the customer."""
    cut = "!" if seen.random.random() < 0.2 else ""
    return cut + _said(seen, seen.random.choices(("rude", "blame", "dismissive"), (6, 2, 2))[0])


def fixer(seen: Seen) -> str:
    """Offer a fix at once, and again, and hear nothing."""
    return _said(seen, seen.random.choices(("solution", "choice", "follow_up", "closing"), (5, 3, 1, 1))[0])


def expert(seen: Seen) -> str:
    """Explain it in the words of the trade."""
    return _said(seen, seen.random.choices(("jargon", "defensive", "hedging", "solution"), (6, 1, 1, 2))[0])


def talker(seen: Seen) -> str:
    """Mean well, and talk and talk while the clock runs."""
    gentle = ("greeting", "appreciation", "backchannel", "probe", "empathy")
    labels = [label for label in gentle if not seen.early(label)] * 2
    if TEMPERAMENTS[seen.scenario.customer.temperament].unchecked and not seen.limits:
        labels.insert(0, "boundary")
    seen.last = frozenset(labels)
    # The same few speeches again and again: every new one would have to be judged, and they are long.
    which = seen.random.randrange(8)
    return " ".join(seen.bank[label][(which + i) % len(seen.bank[label])] for i, label in enumerate(labels))


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "model": model,
        "apologetic": apologetic,
        "defensive": defensive,
        "silent": silent,
        "interrupter": interrupter,
        "random": chance,
        "abusive": abusive,
        "fixer": fixer,
        "expert": expert,
        "talker": talker,
    }
)
"""Every kind of learner, by name."""


def plans(scenario: Scenario) -> tuple[str, ...]:
    """The ways in which a model agent can win a scenario."""
    endings = scenario.endings
    more = (("escalated", endings.escalated), ("closed", endings.closed))
    return ("resolved", *(name for name, ending in more if ending is not None))
