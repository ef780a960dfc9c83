"""Where the talk stands: its stage, whether it is over and how, and the customer's next line."""

from __future__ import annotations

from dataclasses import replace

from voicetrainer.roleplay import reply, techniques
from voicetrainer.roleplay.events import Band, Outcome, Say, StageReached
from voicetrainer.roleplay.ledger import Ledger
from voicetrainer.roleplay.mood import State
from voicetrainer.roleplay.scenario import Scenario, Spoken, Stage, slots

_NO_HANDING_ON = frozenset(("passing", "rude", "blame", "dismissive"))


class Talk(Ledger):
    """One turn's place in the talk; the parameters are as in `Ledger`, and `variation` as in `Customer`."""

    def __init__(self, scenario: Scenario, intensity: str, variation: int, state: State, t: float, number: int) -> None:
        super().__init__(scenario, intensity, state, t, number)
        self.variation = variation
        self.moment = reply.Moment()
        self.counted: set[str] = set()
        """Techniques that counted in this turn."""

    @property
    def stage(self) -> Stage:
        """The stage the talk is in; the last one when all are done."""
        return self.scenario.stages[min(self.state.stage, len(self.scenario.stages) - 1)]

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
        """End the call if they have had enough."""
        hung_up = self.scenario.endings.hung_up
        if self.state.anger < hung_up.at_anger:
            return False
        self.end("hung_up", f"anger reached {self.state.anger:g}", hung_up.lines)
        return True

    def may_close(self) -> bool:
        """Whether ending the call would be right: somebody goes on abusing after clear limits."""
        closed = self.scenario.endings.closed
        limits = self.state.limits + ("boundary" in self.counted)
        abusive = self.state.anger > self.scenario.endings.resolved.anger_at_most
        return closed is not None and abusive and limits >= closed.after_boundaries

    def closes(self) -> bool:
        """End the call if the learner has rightly ended it."""
        closed = self.scenario.endings.closed
        if closed is None or "closing" not in self.moment.sure or self.moment.sure & _NO_HANDING_ON:
            return False
        if "closing" not in self.counted or not self.moment.may_close:
            return False
        self.end("closed", "the limit was clear, and the call was ended calmly", closed.lines)
        return True

    def escalates(self) -> bool:
        """End the call if it was rightly handed on."""
        escalated = self.scenario.endings.escalated
        if escalated is None or not self.moment.handed_on or self.moment.labels & _NO_HANDING_ON:
            return False
        self.end("escalated", "a supervisor was brought in at the right moment", escalated.lines)
        return True

    def won(self) -> bool:
        """End the call if all is done and they are calm enough."""
        resolved = self.scenario.endings.resolved
        if self.state.stage < len(self.scenario.stages) or self.state.anger > resolved.anger_at_most:
            return False
        self.end("resolved", "every need was met and the anger is gone", resolved.lines)
        return True

    def too_late(self) -> bool:
        """End the call if their patience is over."""
        if self.t < self.scenario.minutes * 60:
            return False
        because = f"{self.scenario.minutes:g} minutes were over"
        self.end("out_of_time", because, self.scenario.endings.out_of_time.lines)
        return True

    def end(self, outcome: Outcome, because: str, lines: tuple[Spoken, ...]) -> None:
        """Say the last word; the call is over once it has been said."""
        self.state = replace(self.state, ending=(outcome, because))
        self.say(lines, outcome.replace("_", " "), final=True)

    # ----------------------------------------------------------------------------------------------- the next line

    def here(self) -> tuple[Spoken, ...]:
        """What they say where the talk stands, as angry as they are."""
        if self.state.stage >= len(self.scenario.stages) and "still_cross" in self.scenario.reactions:
            return self.scenario.reactions["still_cross"]
        return self.stage.lines_for(Band.of(self.state.anger))

    def say(self, pool: tuple[Spoken, ...], because: str, *, final: bool = False) -> None:
        """Say a line that fits and was not said lately: from this list, else from what the stage has."""
        stalling = () if self.moment.softened or self.moment.moved else self.scenario.reactions.get("stalling", ())
        near, *far = self.stage.all_lines(Band.of(self.state.anger))
        rest = (near, *far[:2], stalling, *far[2:])
        chosen, place = reply.pick(
            (pool, *(() if final else rest)),
            self.state.happened,
            self.state.used,
            self.state.line,
            self.variation,
            first=self.moment.moved or not self.state.line,
        )
        number = self.state.line + 1
        text = self.scenario.fill(chosen.say, self.moment.wrong)
        self.state = replace(
            self.state,
            line=number,
            used={**self.state.used, chosen.say: number},
            said=(*self.state.said, text),
            told=self.state.told | set(slots(chosen.say)),
        )
        because = because if place == 0 else f"stage {self.stage.id}"
        self.decisions.append(Say(self.t, number, text, self.stage.id, self.state.anger, because, final))
