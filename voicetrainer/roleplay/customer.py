"""The customer: facts in, decisions out.

`Customer.respond` is a pure function of the scenario, the state and one fact. Each change of anger is an entry of the
ledger with its rule, its reason and the words or sound that caused it; nothing else moves anger. The rules, in the
order in which they apply to one utterance:

1. *Timing*: an interruption costs; listening words while the customer talks earn a little.
2. *Words*, in the order spoken: each technique or mistake moves anger by its weight (`MOOD`, or the scenario's own),
   times how sure the detector is, times `FADING` for repeats. What comes too early for the stage earns nothing. When
   the stage has all it needs the talk moves on at once, so that in one breath empathy can come first and a fix second.
3. *Voice*: a raised voice costs, one steadied again earns.
4. *Nothing said*: an utterance without any technique earns nothing, and a second one in a row costs; a question that
   the customer can answer, or an utterance that was not understood, is let pass.
5. One turn soothes by `PATIENCE` at most, for anger needs more than one good sentence, and enrages by `TEMPER` at most,
   for a learner must be able to notice and mend what went wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from voicetrainer.roleplay import steadiness, techniques
from voicetrainer.roleplay.events import (
    Band,
    Baseline,
    Decision,
    Ended,
    Fact,
    Heard,
    LearnerLeft,
    LineStopped,
    MoodChanged,
    Noticed,
    Say,
    Silence,
    StageReached,
    Steadiness,
    q,
)
from voicetrainer.roleplay.scenario import Scenario, Stage
from voicetrainer.roleplay.spoken import spoken

MOOD: Mapping[str, float] = {
    "empathy": -1.3,
    "reflect": -1.2,
    "apology": -1.0,
    "solution": -1.3,
    "choice": -1.2,
    "probe": -0.3,
    "backchannel": -0.2,
    "boundary": 0.0,
    "escalate": -0.6,
    "follow_up": -0.8,
    "appreciation": -0.4,
    "ownership": -1.0,
    "greeting": 0.0,
    "closing": 0.0,
    "defensive": 1.3,
    "blame": 1.7,
    "dismissive": 1.7,
    "rude": 2.5,
    "jargon": 0.5,
    "hedging": 0.4,
    "false_apology": 1.2,
    "overpromise": 0.3,
    "passing": 1.4,
    "interrupting": 1.1,
    "listening_words": -0.3,
    "dead_air": 0.6,
    "raised_voice": 0.8,
    "steady_voice": -0.4,
    "stalling": 0.4,
}
"""What each technique, mistake or manner does to anger, where the scenario says nothing else."""

FADING = (1.0, 0.5, 0.25, 0.0)
"""What the first, second, third and every later use of the same technique is worth."""

PATIENCE = 2.5
"""The most by which one turn can soothe."""

TEMPER = 1.8
"""The most by which one turn can enrage."""

SETTLED = 0.25
"""Steadiness score down to which a voice must come before it counts as settled again."""

SILENCES = 3
"""Unbroken silences after which the customer hangs up."""

SURE = 0.5
"""How sure it must be before the customer answers to a mistake, or goes to the supervisor, which ends the call."""

BECAUSE: Mapping[str, str] = {
    "empathy": "felt understood",
    "reflect": "heard the problem said back",
    "apology": "got a real apology",
    "solution": "got something concrete",
    "choice": "was given a say in it",
    "probe": "was asked about it",
    "backchannel": "was listened to",
    "boundary": "was told the limit calmly",
    "escalate": "was taken further up",
    "follow_up": "knows somebody will check",
    "appreciation": "felt valued",
    "ownership": "has somebody who takes it on",
    "greeting": "was greeted",
    "closing": "was asked whether that was all",
    "defensive": "was argued with",
    "blame": "was made the guilty one",
    "dismissive": "was brushed off",
    "rude": "was insulted",
    "jargon": "did not follow the terms",
    "hedging": "got nothing definite",
    "false_apology": "got an apology that was none",
    "overpromise": "does not believe big promises",
    "passing": "was sent elsewhere",
    "interrupting": "was cut off",
    "listening_words": "noticed somebody listening",
    "dead_air": "was left in silence",
    "raised_voice": "was spoken to in a raised voice",
    "steady_voice": "heard the voice settle again",
    "stalling": "still has no answer to what was said",
}
"""The customer's side of each rule."""

_REACTS_FIRST = (
    "rude",
    "blame",
    "dismissive",
    "false_apology",
    "passing",
    "defensive",
    "jargon",
    "hedging",
    "overpromise",
)
"""Mistakes by how much they call for an answer of their own."""


class Detector(Protocol):
    """What notices techniques and mistakes in an utterance."""

    def detect(self, text: str, context: str = "") -> tuple[techniques.Evidence, ...]:
        """Evidence in the order spoken; `context` is the customer's line before it."""


@dataclass(frozen=True)
class State:
    """All that the customer knows of the call so far."""

    anger: float
    stage: int = 0
    turn: int = 0
    """Utterances heard."""
    line: int = 0
    """Lines said."""
    met: frozenset[str] = frozenset()
    """Techniques that counted."""
    times: Mapping[str, int] = field(default_factory=dict)
    """How often each technique was noticed."""
    used: Mapping[str, int] = field(default_factory=dict)
    """When each line was last said, as the number of the line."""
    last_line: str = ""
    silences: int = 0
    stalled: int = 0
    """Turns in a row without any technique."""
    raised: bool = False
    """The voice was raised and has not settled since."""
    ending: tuple[Literal["resolved", "escalated", "hung_up", "out_of_time", "left"], str] | None = None
    over: bool = False


@dataclass(frozen=True)
class Customer:
    """One customer on the line.

    Parameters
    ----------
    scenario
        Who they are.
    detector
        What notices techniques and mistakes.
    baseline
        The learner's calm voice; None when it is not known.
    """

    scenario: Scenario
    detector: Detector
    baseline: Baseline | None = None

    def begin(self) -> tuple[State, tuple[Decision, ...]]:
        """Begin the call: the state at its start and the customer's first line."""
        turn = _Turn(self, State(anger=q(self.scenario.customer.anger)), t=0.0, number=0)
        turn.decisions.append(StageReached(0.0, turn.stage.id, "the call begins"))
        turn.say(turn.stage.lines_for(Band.of(turn.state.anger)), "opening")
        return turn.state, tuple(turn.decisions)

    def respond(self, state: State, fact: Fact) -> tuple[State, tuple[Decision, ...]]:
        """Answer one fact: the state after it, and what was decided, in order."""
        if state.over:
            return state, ()
        turn = _Turn(self, state, fact.t, state.turn)
        if isinstance(fact, LearnerLeft):
            turn.state = replace(state, over=True)
            outcome, because = state.ending or ("left", fact.why)
            turn.decisions.append(Ended(fact.t, outcome, because))
        elif isinstance(fact, LineStopped):
            if state.ending is not None and fact.line == state.line:
                turn.state = replace(state, over=True)
                turn.decisions.append(Ended(fact.t, *state.ending))
        elif isinstance(fact, Heard):
            turn.heard(fact)
        elif isinstance(fact, Silence) and state.ending is None:
            turn.silent(fact)
        return turn.state, tuple(turn.decisions)


class _Turn:
    """Working sheet for one answer."""

    def __init__(self, customer: Customer, state: State, t: float, number: int) -> None:
        self.customer, self.scenario = customer, customer.scenario
        self.state, self.t, self.number = state, t, number
        self.start = state.anger
        self.decisions: list[Decision] = []
        self.flat: str = ""
        """Why something good came too early."""
        self.handed_on = False
        """A supervisor was brought in when it was right."""

    @property
    def stage(self) -> Stage:
        return self.scenario.stages[min(self.state.stage, len(self.scenario.stages) - 1)]

    # -------------------------------------------------------------------------------------------------- the facts

    def silent(self, fact: Silence) -> None:
        silences = self.state.silences + 1
        self.state = replace(self.state, silences=silences)
        self.move("dead_air", f"{fact.seconds:.0f} seconds of silence", turn=0)
        if self.too_late() or self.lost():
            return
        if silences >= SILENCES:
            self.end("hung_up", "nobody answered", self.scenario.endings.hung_up.lines)
            return
        self.say(self.scenario.reactions.get("silence", self.here()), "silence")

    def heard(self, fact: Heard) -> None:
        self.number = self.state.turn + 1
        self.state = replace(self.state, turn=self.number)
        if self.state.ending is not None:
            return  # the customer's last word stands
        judged = steadiness.judge(fact.prosody, self.customer.baseline, self.t, self.number)
        found = self.customer.detector.detect(fact.text, self.state.last_line)
        if fact.role == "aside":
            self.decisions.append(judged)
            if found and all(e.label == "backchannel" for e in found):
                self.manner("listening_words", fact.text, "You showed that you were listening without taking over.")
                self.move("listening_words", fact.text)
            return
        self.state = replace(self.state, silences=0)
        if fact.role == "interruption":
            self.manner("interrupting", fact.text, "You spoke over the customer.", mistake=True)
            self.move("interrupting", "spoke over the customer")
        before = self.state.stage
        self.words(found, over=fact.role == "interruption")
        self.stall(fact, found)
        self.voice(judged)
        self.progress()
        if self.lost() or self.escalates(found) or self.won() or self.too_late():
            return
        lines, because = self.answer(fact, found, judged, moved=self.state.stage > before)
        self.say(lines, because)

    # -------------------------------------------------------------------------------------------------- the rules

    def words(self, found: Iterable[techniques.Evidence], over: bool) -> None:
        """Move by what was said, in the order in which it was said."""
        for e in found:
            self.decisions.append(
                Noticed(self.t, self.number, e.label, e.mistake, e.score, e.quote, e.first, e.last, e.why)
            )
            if e.mistake:
                self.move(e.label, e.quote, weight=e.score)
                continue
            early = self.early(e.label)
            if early:
                self.flat = self.flat or early
                self.log(0.0, e.label, f"too early: {early}", e.quote)
                continue
            times = self.state.times.get(e.label, 0)
            fading = FADING[min(times, len(FADING) - 1)]
            self.state = replace(
                self.state, times={**self.state.times, e.label: times + 1}, met=self.state.met | {e.label}
            )
            again = (
                "" if times == 0 else f", for the {('second', 'third')[times - 1] if times < 3 else 'umpteenth'} time"
            )
            self.move(e.label, e.quote, weight=e.score * fading * (0.5 if over else 1.0), suffix=again)
            self.handed_on = self.handed_on or (e.label == "escalate" and e.score >= SURE)
            self.progress()

    def stall(self, fact: Heard, found: Iterable[techniques.Evidence]) -> None:
        """Lose patience from the second turn in a row on that has nothing in it."""
        if any(e.label not in ("greeting", "closing") for e in found):
            self.state = replace(self.state, stalled=0)
        elif fact.words and not self.knows(fact):
            self.state = replace(self.state, stalled=self.state.stalled + 1)
            if self.state.stalled >= 2:
                self.move("stalling", "nothing that helps")

    def early(self, label: str) -> str:
        """Why a technique does not work yet; empty when it does."""
        escalated = self.scenario.endings.escalated
        stages = [s.id for s in self.scenario.stages]
        if label == "escalate" and escalated and self.state.stage < stages.index(escalated.from_stage):
            return self.stage.too_early.get(label, "a supervisor before being heard feels like being got rid of")
        return self.stage.too_early.get(label, "")

    def voice(self, judged: Steadiness) -> None:
        self.decisions.append(judged)
        if judged.level == "unknown":
            return
        quote = "; ".join(judged.reasons)
        if judged.level == "raised":
            self.manner("raised_voice", "", f"Your voice rose: {quote}.", mistake=True, score=judged.score or 0.0)
            self.move("raised_voice", quote, weight=max(judged.score or 0.0, 0.5))
            self.state = replace(self.state, raised=True)
        settled = judged.level == "steady" and (judged.score or 0.0) <= SETTLED
        if self.state.raised and (settled or judged.recovery is not None):  # from turn to turn, or within this one
            self.manner("steady_voice", "", "You caught yourself: your voice settled again.")
            self.move("steady_voice", quote)
            self.state = replace(self.state, raised=False)

    def progress(self) -> None:
        """Leave every stage that has all it needs."""
        while self.state.stage < len(self.scenario.stages):
            stage = self.scenario.stages[self.state.stage]
            if not all(any(label in self.state.met for label in group) for group in stage.needs):
                return
            self.state = replace(self.state, stage=self.state.stage + 1)
            if self.state.stage < len(self.scenario.stages):
                got = " and ".join(
                    techniques.SHORT[x]
                    for x in techniques.TECHNIQUES
                    if x in self.state.met and x in sum(stage.needs, ())
                )
                self.decisions.append(StageReached(self.t, self.stage.id, f"after {got}"))

    # ------------------------------------------------------------------------------------------------ the endings

    def lost(self) -> bool:
        hung_up = self.scenario.endings.hung_up
        if self.state.anger < hung_up.at_anger:
            return False
        self.end("hung_up", f"anger reached {self.state.anger:g}", hung_up.lines)
        return True

    def escalates(self, found: Iterable[techniques.Evidence]) -> bool:
        escalated = self.scenario.endings.escalated
        if escalated is None or not self.handed_on:
            return False
        if any(e.mistake and e.label in ("passing", "rude", "blame", "dismissive") for e in found):
            return False
        self.end("escalated", "a supervisor was brought in at the right moment", escalated.lines)
        return True

    def won(self) -> bool:
        resolved = self.scenario.endings.resolved
        if self.state.stage < len(self.scenario.stages) or self.state.anger > resolved.anger_at_most:
            return False
        self.end("resolved", "every need was met and the anger is gone", resolved.lines)
        return True

    def too_late(self) -> bool:
        if self.t < self.scenario.minutes * 60:
            return False
        because = f"{self.scenario.minutes:g} minutes were over"
        self.end("out_of_time", because, self.scenario.endings.out_of_time.lines)
        return True

    def end(
        self,
        outcome: Literal["resolved", "escalated", "hung_up", "out_of_time"],
        because: str,
        lines: tuple[str, ...],
    ) -> None:
        self.state = replace(self.state, ending=(outcome, because))
        self.say(lines, outcome.replace("_", " "), final=True)

    # ----------------------------------------------------------------------------------------------- the next line

    def answer(
        self, fact: Heard, found: tuple[techniques.Evidence, ...], judged: Steadiness, *, moved: bool
    ) -> tuple[tuple[str, ...], str]:
        """Lines to choose from, and why these."""
        reactions = self.scenario.reactions
        labels = {e.label for e in found}
        if fact.role == "interruption" and "interrupting" in reactions:
            return reactions["interrupting"], "interrupted"
        sure = {e.label for e in found if e.score >= SURE}
        for label in _REACTS_FIRST:
            if label in sure and label in reactions:
                return reactions[label], label
        if judged.level == "raised" and "raised_voice" in reactions:
            return reactions["raised_voice"], "raised voice"
        if not fact.words and "unheard" in reactions:
            return reactions["unheard"], "nothing was understood"
        known = self.knows(fact)
        if known:
            return known, "was asked"
        if moved:
            return self.here(), f"stage {self.stage.id}"
        if self.flat and "too_early" in reactions:
            return reactions["too_early"], "too early"
        for label in ("backchannel", "greeting"):
            if labels == {label} and label in reactions:
                return reactions[label], label
        if self.start - self.state.anger >= 0.5 and "softened" in reactions:
            return reactions["softened"], "softened"
        if self.state.stalled >= 2 and "stalling" in reactions:
            return reactions["stalling"], "stalling"
        return self.here(), f"stage {self.stage.id}"

    def knows(self, fact: Heard) -> tuple[str, ...]:
        """Lines that answer what was asked."""
        said = f" {spoken(fact.text)} "
        for answer in self.scenario.answers:
            if any(f" {spoken(phrase)} " in said for phrase in answer.asked):
                return answer.say
        return ()

    def here(self) -> tuple[str, ...]:
        return self.stage.lines_for(Band.of(self.state.anger))

    def say(self, lines: tuple[str, ...], because: str, *, final: bool = False) -> None:
        """Say the line that was not said for the longest time."""
        chosen = min(lines, key=lambda text: self.state.used.get(text, 0))  # the first of equals
        number = self.state.line + 1
        text = self.scenario.fill(chosen)
        self.state = replace(self.state, line=number, used={**self.state.used, chosen: number}, last_line=text)
        self.decisions.append(Say(self.t, number, text, self.stage.id, self.state.anger, because, final))

    # -------------------------------------------------------------------------------------------------- the ledger

    def manner(self, label: str, quote: str, why: str, *, mistake: bool = False, score: float = 1.0) -> None:
        """Notice what timing or sound tells."""
        self.decisions.append(Noticed(self.t, self.number, label, mistake, score, quote, why=why))

    def move(self, rule: str, quote: str, *, weight: float = 1.0, suffix: str = "", turn: int | None = None) -> None:
        """Enter a change of anger by the weight of a rule."""
        change = self.scenario.mood.get(rule, MOOD.get(rule, 0.0)) * weight
        because = BECAUSE.get(rule, rule) + suffix
        if change < 0 and self.start - (self.state.anger + change) > PATIENCE:
            change = min(0.0, self.start - PATIENCE - self.state.anger)
            because += "; calming down takes more than one good answer"
        if change > 0 and self.state.anger + change - self.start > TEMPER:
            change = max(0.0, self.start + TEMPER - self.state.anger)
        self.log(change, rule, because, quote, turn)

    def log(self, change: float, rule: str, because: str, quote: str, turn: int | None = None) -> None:
        before = self.state.anger
        after = q(min(10.0, max(0.0, before + change)), 2)
        if after == before and not because.startswith("too early"):
            return
        number = self.number if turn is None else turn
        self.decisions.append(MoodChanged(self.t, number, before, after, rule, because, quote))
        self.state = replace(self.state, anger=after)
