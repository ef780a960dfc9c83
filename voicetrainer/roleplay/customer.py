"""The customer: facts in, decisions out.

`Customer.respond` is a pure function of the scenario, the state and one fact. Each change of anger or trust is an entry
of the ledger with its rule, its reason and the words or sound that caused it; nothing else moves them. The numbers are
in ``roleplay.mood``. The rules, in the order in which they apply to one utterance:

1. *Sinking in*: what the last good turn left over works now, unless this turn spoils it.
2. *Timing*: an interruption costs; listening words while the customer talks earn a little.
3. *Memory*: two facts said back rightly are a summary, whatever the words are called. A fact said back wrongly costs
   and is no summary; so does asking for what was told, and going back on an offer.
4. *Words*, in the order spoken: each technique or mistake moves by its weight, times how sure the detector is, times
   `FADING` for repeats; a mistake that is in doubt counts half, and the same words are one mistake, not two. What comes
   too early for the stage earns nothing. When the stage has all it needs the talk moves on at once, so that in one
   breath empathy can come first and a fix second. Kind words alone for the third turn in a row irritate.
5. *Voice*: a raised voice costs, one steadied again earns.
6. *Nothing said*: an utterance without any technique earns nothing, and a second one in a row costs; a question about
   the case, or an utterance that was not understood, is let pass.
7. One turn soothes by the temperament's `patience` at most, for anger needs more than one good sentence, and enrages by
   its `temper` at most, for a learner must be able to notice and mend what went wrong.

Where the talk stands, how it ends and what is said next is in ``roleplay.talk`` and ``roleplay.reply``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from voicetrainer.roleplay import questions, reply, steadiness, summary, techniques
from voicetrainer.roleplay.events import (
    Band,
    Baseline,
    Decision,
    Ended,
    Fact,
    Header,
    Heard,
    LearnerLeft,
    LineStarted,
    LineStopped,
    RepeatAsked,
    Say,
    Silence,
    StageReached,
    Steadiness,
    StillSpeaking,
    q,
)
from voicetrainer.roleplay.mood import (
    FADING,
    INTENSITIES,
    KIND_WORDS,
    RULES,
    STUCK,
    State,
    begins,
)
from voicetrainer.roleplay.reply import AHEAD, SURE
from voicetrainer.roleplay.scenario import Scenario, slots
from voicetrainer.roleplay.talk import Talk
from voicetrainer.roleplay.timing import LONG_LINE

SETTLED = 0.25
"""Steadiness score down to which a voice must come before it counts as settled again."""

BARGES = 6.5
"""Anger from which the customer breaks into a long speech, as a drill in giving way."""

GAVE_WAY = 1.5
"""Seconds within which falling silent counts as giving way."""

DOUBT = 0.5
"""What a mistake counts that is less than `SURE`: she does not answer to it either."""

SAID_BACK = 0.8
"""How sure a summary is that is known by its facts."""

SILENCES = 3
"""Unbroken silences after which the customer hangs up."""

_SORRY = frozenset(("apology", "false_apology"))
_OFFERS = frozenset(("solution", "choice", "follow_up"))
_BACKS_OUT = frozenset(("hedging", "dismissive", "passing"))


class Detector(Protocol):
    """What notices techniques and mistakes in an utterance."""

    def detect(self, text: str, context: str = "") -> tuple[techniques.Evidence, ...]:
        """Evidence in the order spoken; `context` is the customer's line before it."""


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
    intensity
        A better or a worse day: one of `mood.INTENSITIES`.
    variation
        Which of equally good lines comes first; the same number gives the same call.
    """

    scenario: Scenario
    detector: Detector
    baseline: Baseline | None = None
    intensity: str = "normal"
    variation: int = 0

    @classmethod
    def of(cls, header: Header, scenario: Scenario, detector: Detector) -> Customer:
        """The customer of a call, as its header tells."""
        intensity, variation = header.settings.get("intensity", "normal"), header.settings.get("variation", 0)
        return cls(scenario, detector, header.baseline, str(intensity), int(variation))

    def begin(self) -> tuple[State, tuple[Decision, ...]]:
        """Begin the call: the state at its start and the customer's first line."""
        person, dial = self.scenario.customer, INTENSITIES[self.intensity]
        anger = begins(person.anger, dial, self.scenario.endings.hung_up.at_anger)
        turn = _Turn(self, State(anger=q(anger, 2), trust=q(person.trust, 2)), t=0.0, number=0)
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
        elif isinstance(fact, LineStarted):
            turn.state = replace(state, line_began=fact.t, listened=0.0)
        elif isinstance(fact, LineStopped):
            turn.state = replace(state, listened=0.0 if fact.cut else q(fact.t - state.line_began))
            if state.ending is not None and fact.line == state.line:
                turn.state = replace(turn.state, over=True)
                turn.decisions.append(Ended(fact.t, *state.ending))
        elif isinstance(fact, Heard):
            turn.heard(fact)
        elif isinstance(fact, StillSpeaking) and state.ending is None:
            turn.barge_in()
        elif isinstance(fact, RepeatAsked) and state.said:
            turn.say_again()
        elif isinstance(fact, Silence) and state.ending is None:
            turn.silent(fact)
        return turn.state, tuple(turn.decisions)


def _likeliest(found: Sequence[techniques.Evidence]) -> Sequence[techniques.Evidence]:
    """Take words for what they are most likely to be, unless they are surely both.

    A sorry is a real one or none, and the same words are one mistake and not two.
    """
    return tuple(e for e in found if e.score >= AHEAD or not any(o.score > e.score and _rivals(e, o) for o in found))


def _rivals(a: techniques.Evidence, b: techniques.Evidence) -> bool:
    if {a.label, b.label} == _SORRY:
        return True
    shared = min(a.last, b.last) - max(a.first, b.first) + 1
    shorter = min(e.last - e.first + 1 for e in (a, b))
    return a.mistake and b.mistake and a.label != b.label and 2 * shared > shorter


class _Turn(Talk):
    """Working sheet for one answer."""

    def __init__(self, customer: Customer, state: State, t: float, number: int) -> None:
        super().__init__(customer.scenario, customer.intensity, customer.variation, state, t, number)
        self.customer = customer

    # -------------------------------------------------------------------------------------------------- the facts

    def silent(self, fact: Silence) -> None:
        silences = self.state.silences + 1
        self.state = replace(self.state, silences=silences, running={})
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
        if reply.stops(fact.text):
            self.state = replace(self.state, over=True)
            self.decisions.append(Ended(self.t, "left", "the learner said the stop word"))
            return
        if self.state.ending is not None:
            return  # the customer's last word stands
        judged = steadiness.judge(fact.prosody, self.customer.baseline, self.t, self.number)
        found: Sequence[techniques.Evidence] = self.customer.detector.detect(fact.text, self.state.last_line)
        if fact.role == "aside":
            self.decisions.append(judged)
            if fact.listening or (found and all(e.label == "backchannel" for e in found)):
                self.manner("listening_words", fact.text, "You showed that you were listening without taking over.")
                self.move("listening_words", fact.text)
            elif fact.yielded is not None and fact.yielded <= GAVE_WAY:
                self.give_way("When you both spoke you fell silent and let the customer finish.")
            return
        self.state = replace(self.state, silences=0)
        checked = summary.check(self.scenario, self.state.said, fact.text)
        found = self.said_back(_likeliest(found), checked)
        over = fact.role == "interruption"
        self.moment = reply.Moment(
            interrupted=over,
            understood=bool(fact.words),
            labels=frozenset(e.label for e in found),
            sure=frozenset(e.label for e in found if e.score >= SURE),
            calm_down=any(e.label == "dismissive" and reply.tells_to_calm_down(e.quote) for e in found),
            raised=judged.level == "raised",
        )
        self.sink(spoiled=over or any(e.mistake for e in found))
        if over:
            self.manner("interrupting", fact.text, "You spoke over the customer.", mistake=True)
            self.move("interrupting", "spoke over the customer")
        self.barged(fact)
        self.let_finish(fact)
        stage = self.state.stage
        self.remember(fact, checked)
        self.words(found, over=over, wrong=bool(checked.wrong))
        self.limits()
        self.overdone()
        self.stall(fact, found)
        self.voice(judged)
        self.progress()
        self.drag(moved=self.state.stage > stage)
        self.moment = replace(
            self.moment,
            moved=self.state.stage > stage,
            counted=frozenset(self.counted),
            softened=self.start - self.state.anger >= 0.5,
            stalled=self.state.stalled >= 2,
        )
        if self.lost() or self.closes() or self.escalates() or self.won() or self.too_late():
            return
        if fact.barged:
            return  # what they cut in with waits for its answer
        pool, because = reply.choose(self.scenario, self.moment, self.here())
        if pool is self.moment.answer and self.moment.asked is not None:
            self.state = replace(self.state, given=self.state.given | {self.moment.asked})
        self.say(pool, because or f"stage {self.stage.id}")

    def barge_in(self) -> None:
        """Break into a long speech: only when angry, and not twice in a row."""
        lines = self.scenario.reactions.get("barging_in", ())
        if not lines or self.state.anger < BARGES or self.state.barged == self.state.turn:
            return
        self.state = replace(self.state, barged=self.state.turn)
        self.say(lines, "cut in")

    def say_again(self) -> None:
        """Say the last line again, because the learner pressed the key for it; it costs nothing."""
        number = self.state.line + 1
        self.state = replace(self.state, line=number)
        final = self.state.ending is not None
        again = Say(self.t, number, self.state.last_line, self.stage.id, self.state.anger, "asked to repeat", final)
        self.decisions.append(again)

    # -------------------------------------------------------------------------------------------------- the rules

    def barged(self, fact: Heard) -> None:
        """Judge whether the learner gave way when the customer cut in."""
        if not fact.barged:
            return
        if fact.yielded is not None and fact.yielded <= GAVE_WAY:
            self.give_way("The customer cut in, and you let them speak.")
        else:
            self.manner("interrupting", "", "The customer cut in, and you talked on over them.", mistake=True)
            self.move("interrupting", "talked on over the customer")

    def let_finish(self, fact: Heard) -> None:
        """Credit a long line that was heard to its end; a learner who types cannot but wait."""
        length, self.state = self.state.listened, replace(self.state, listened=0.0)
        if fact.prosody is None or fact.role != "turn" or fact.barged or fact.overlap or length < LONG_LINE:
            return
        times = self.state.times.get("letting_finish", 0)
        worth = FADING[min(times, len(FADING) - 1)]
        self.state = replace(self.state, times={**self.state.times, "letting_finish": times + 1})
        if worth:
            self.manner("letting_finish", "", "You heard a long complaint to its end before you spoke.")
            self.move("letting_finish", f"{length:.0f} seconds without a word over them", weight=worth)

    def give_way(self, why: str) -> None:
        self.manner("letting_finish", "", why)
        self.move("letting_finish", "gave way")

    def sink(self, *, spoiled: bool) -> None:
        """Let what the last good turn left over work, or spoil it."""
        sinking = self.state.sinking
        if not sinking:
            return
        self.state = replace(self.state, sinking=0.0)
        if not spoiled:
            self.log(-sinking, "sinking_in", RULES["sinking_in"].because, "")
            self.start = self.state.anger

    def said_back(
        self, found: Sequence[techniques.Evidence], checked: summary.Summary
    ) -> Sequence[techniques.Evidence]:
        """Add the summary that its facts show where the words did not: two rightly, one of them told in this call."""
        facts = checked.right
        known = any(e.label == "reflect" and e.score >= SAID_BACK for e in found)
        if known or checked.wrong or len(facts) < 2 or not any(f.fact in self.state.told for f in facts):
            return found
        first, last = facts[0], facts[-1]
        why = f"You said back what happened: {'; '.join(f.value for f in facts)}."
        shown = techniques.Evidence("reflect", False, SAID_BACK, first.first, last.last, first.quote, why)
        return sorted((*(e for e in found if e.label != "reflect"), shown), key=lambda e: e.first)

    def remember(self, fact: Heard, checked: summary.Summary) -> None:
        """Hold what is said against what was told."""
        text = fact.text
        if checked.wrong:
            first = checked.wrong[0]
            self.manner("wrong_summary", first.quote, first.why, mistake=True, words=(first.first, first.last))
            self.move("wrong_summary", first.quote)
            self.moment = replace(self.moment, wrong=first.value)
        inquired = questions.about_the_case(text)
        summed_up = len(checked.right) >= 2 and not inquired
        asked = None if summed_up else questions.asked(self.scenario, text)
        if asked is None:
            self.moment = replace(self.moment, inquired=inquired)
        else:
            place, _ = asked
            answer = self.scenario.answers[place]
            tells = frozenset(slots(answer.say[0].say))
            back = {s.fact for s in (*checked.right, *checked.wrong)}
            known = place in self.state.given or (bool(tells) and tells <= self.state.told)
            known = known and not answer.open
            if known and not (tells & back):
                self.manner("asked_again", text, "The customer has already told you that.", mistake=True)
                self.move("asked_again", text)
            self.moment = replace(self.moment, answer=answer.say, asked=place, again=known)
            finds_out = set() if known else {"probe"}  # whatever the words are called: it was asked and will be told
            self.state = replace(self.state, met=self.state.met | finds_out)

    def words(self, found: Iterable[techniques.Evidence], *, over: bool, wrong: bool) -> None:
        """Move by what was said, in the order in which it was said."""
        for e in found:
            if e.mistake:
                self.notice(e)
                self.move(e.label, e.quote, weight=e.score if e.score >= SURE else e.score * DOUBT)
                self.back_out(e)
                continue
            if e.label == "reflect" and wrong:
                self.notice(e, counted=False)
                continue
            untimely = self.untimely(e.label)
            if untimely:
                self.notice(e, counted=False)
                late = untimely.startswith("too late")
                self.moment = replace(self.moment, flat=self.moment.flat | {e.label}, late=self.moment.late or late)
                self.log(0.0, e.label, untimely, e.quote)
                if e.label in self.state.pushed:
                    self.move("pushed", e.quote)
                self.state = replace(self.state, pushed=self.state.pushed | {e.label})
                continue
            times = self.state.times.get(e.label, 0)
            fading = FADING[min(times, len(FADING) - 1)]
            self.notice(e, counted=fading > 0)
            self.counted.add(e.label)
            if not fading:
                self.moment = replace(self.moment, worn=self.moment.worn | {e.label})
            self.state = replace(
                self.state,
                times={**self.state.times, e.label: times + 1},
                met=self.state.met | ({e.label} if reply.meets(self.stage, e.label, e.score) else set()),
                happened=self.state.happened | {e.label},
                offered=self.state.offered or (self.number if e.label in _OFFERS else 0),
            )
            again = (
                "" if times == 0 else f", for the {('second', 'third')[times - 1] if times < 3 else 'umpteenth'} time"
            )
            self.move(e.label, e.quote, weight=e.score * fading * (0.5 if over else 1.0), suffix=again)
            if e.label == "escalate" and e.score >= SURE:
                self.moment = replace(self.moment, handed_on=True)
            self.progress()

    def untimely(self, label: str) -> str:
        """Why a technique does not work at this stage; empty when it does."""
        early = self.stage.too_early.get(label, "")
        if label == "closing" and self.may_close():
            self.moment = replace(self.moment, may_close=True)
            return ""
        escalated = self.scenario.endings.escalated
        if label == "escalate" and escalated:
            ids = [s.id for s in self.scenario.stages]
            if self.state.stage < ids.index(escalated.from_stage):
                early = early or "a supervisor before being heard feels like being got rid of"
            elif escalated.until_stage and self.state.stage > ids.index(escalated.until_stage):
                return "too late: by now a supervisor is one more person to explain it to"
            elif self.state.anger > begins(
                self.scenario.customer.anger, self.dial, self.scenario.endings.hung_up.at_anger
            ):
                early = early or "somebody whom you have made angrier only feels passed on"
        return f"too early: {early}" if early else ""

    def back_out(self, e: techniques.Evidence) -> None:
        """Notice an offer that fades away again."""
        if e.label in _BACKS_OUT and e.score >= SURE and 0 < self.state.offered < self.number:
            why = "You had offered something definite; this took it away again."
            self.manner("went_back", e.quote, why, mistake=True, words=(e.first, e.last))
            self.move("went_back", e.quote)

    def limits(self) -> None:
        """Count limits that were set; without any, somebody abusive goes on and on."""
        if "boundary" in self.counted:
            self.state = replace(self.state, limits=self.state.limits + 1)
        elif self.temperament.unchecked and not self.state.limits and self.number >= 2:
            self.move("unchecked", "no limit yet")

    def overdone(self) -> None:
        """Lose patience with kind words that come for the third turn in a row and with nothing beside them."""
        running = {label: self.state.running.get(label, 0) + 1 for label in KIND_WORDS if label in self.moment.labels}
        self.state = replace(self.state, running=running)
        worn = [label for label in KIND_WORDS if running.get(label, 0) >= 3]
        if worn and not self.counted - set(worn):
            name = techniques.SHORT[worn[0]]
            why = f"It was {name} for the third turn in a row, and nothing was done."
            self.manner("overdone", "", why, mistake=True)
            self.move("overdone", name)
            self.moment = replace(self.moment, overdone=True)

    def stall(self, fact: Heard, found: Iterable[techniques.Evidence]) -> None:
        """Lose patience from the second turn in a row on that has nothing in it."""
        if self.moment.answer or any(e.label not in ("greeting", "closing") for e in found):
            self.state = replace(self.state, stalled=0)
        elif fact.words and not self.moment.inquired:
            self.state = replace(self.state, stalled=self.state.stalled + 1)
            if self.state.stalled >= 2:
                self.move("stalling", "nothing that helps")

    def drag(self, *, moved: bool) -> None:
        """Lose patience when the talk has not moved on for long."""
        self.state = replace(self.state, stuck=0 if moved else self.state.stuck + 1)
        if self.state.stuck > STUCK:
            self.move("dragging", f"{self.state.stuck} turns without getting on")

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
            self.moment = replace(self.moment, steadied=True)
