"""The ledger: what was noticed in one turn, and every change of anger and trust with its rule and reason."""

from __future__ import annotations

from dataclasses import replace

from voicetrainer.roleplay.events import Decision, MoodChanged, Noticed, q
from voicetrainer.roleplay.mood import INTENSITIES, RULES, SINKING, TEMPERAMENTS, State, change
from voicetrainer.roleplay.reply import SURE
from voicetrainer.roleplay.scenario import Scenario
from voicetrainer.roleplay.techniques import Evidence


class Ledger:
    """Notes and entries of one turn, and the state they lead to.

    Parameters
    ----------
    scenario, intensity
        Whose mood it is, and on what kind of day.
    state
        Before the turn.
    t
        Seconds on the call clock.
    number
        The learner's utterance, from 1.
    """

    def __init__(self, scenario: Scenario, intensity: str, state: State, t: float, number: int) -> None:
        self.scenario = scenario
        self.temperament = TEMPERAMENTS[scenario.customer.temperament]
        self.dial = INTENSITIES[intensity]
        self.state, self.t, self.number = state, t, number
        self.start = state.anger
        """Anger that the most by which a turn can move it counts from."""
        self.decisions: list[Decision] = []

    def notice(self, e: Evidence, *, counted: bool = True) -> None:
        """Note what the words showed."""
        self.decisions.append(
            Noticed(self.t, self.number, e.label, e.mistake, e.score, e.quote, e.first, e.last, e.why, counted=counted)
        )
        if e.mistake and e.score >= SURE:
            self.state = replace(self.state, happened=self.state.happened | {e.label})

    def manner(
        self,
        label: str,
        quote: str,
        why: str,
        *,
        mistake: bool = False,
        score: float = 1.0,
        words: tuple[int | None, int | None] = (None, None),
    ) -> None:
        """Notice what timing, sound or memory tells."""
        self.decisions.append(Noticed(self.t, self.number, label, mistake, score, quote, *words, why=why))
        self.state = replace(self.state, happened=self.state.happened | {label})

    def move(self, rule: str, quote: str, *, weight: float = 1.0, suffix: str = "", turn: int | None = None) -> None:
        """Enter a change of anger and trust by the weight of a rule."""
        own = self.scenario.mood.get(rule)
        anger = change(rule, weight, self.state.anger, self.state.trust, self.temperament, self.dial, own)
        because = RULES[rule].because + suffix
        most, least = self.start + self.temperament.temper, self.start - self.temperament.patience
        if anger < 0 and self.state.anger + anger < least:
            left = min(0.0, least - self.state.anger)
            sinking = min(SINKING, self.state.sinking + left - anger)
            self.state = replace(self.state, sinking=q(sinking, 2))
            anger = left
            because += "; the rest has to sink in"
        elif anger > 0 and self.state.anger + anger > most:
            anger = max(0.0, most - self.state.anger)
        self.log(anger, rule, because, quote, turn, trust=RULES[rule].trust * weight)

    def log(
        self, change: float, rule: str, because: str, quote: str, turn: int | None = None, *, trust: float = 0.0
    ) -> None:
        """Enter a change, and what nothing came of for a reason worth telling."""
        anger, trusted = self.state.anger, self.state.trust
        after = q(min(10.0, max(0.0, anger + change)), 2)
        trusts = q(min(10.0, max(0.0, trusted + trust)), 2)
        if after == anger and trusts == trusted and not because.startswith("too "):
            return
        number = self.number if turn is None else turn
        self.decisions.append(
            MoodChanged(self.t, number, anger, after, rule, because, quote, trust_before=trusted, trust_after=trusts)
        )
        self.state = replace(self.state, anger=after, trust=trusts)
