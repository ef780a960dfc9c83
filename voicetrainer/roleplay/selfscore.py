"""How the learner sees the call, asked before the card is shown, and how far that is from the card.

A few plain statements stand for all criteria of the rubric, each criterion in exactly one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass as plain
from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

if TYPE_CHECKING:
    from voicetrainer.roleplay.scorecard import Scorecard


@plain(frozen=True, slots=True)
class Statement:
    """Something the learner may find true of the call, 1 (not at all) to 5 (all the way through)."""

    id: str
    text: str
    criteria: tuple[str, ...]
    """Ids of the criteria it stands for."""


STATEMENTS = (
    Statement("heard", "I let the customer finish and showed that I had understood.", ("listening", "understanding")),
    Statement("felt", "I put into words how it felt for them, and said sorry plainly.", ("empathy", "ownership")),
    Statement("helped", "I offered something definite and said what happens next.", ("solution", "closing")),
    Statement("plain", "I spoke plainly and kept it short.", ("language",)),
    Statement("calm", "I stayed calm and took nothing personally.", ("respect", "composure", "patience", "limits")),
)
"""What is asked, in this order."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SelfScore:
    """What the learner answered."""

    answers: Mapping[str, Annotated[int, Field(ge=1, le=5)]]
    """1 to 5 by id of the statement; a statement that was skipped is not in it."""
    note: Annotated[str, Field(max_length=2000)] = ""
    """One sentence of their own; empty when there is none."""

    def of(self, criterion: str) -> int | None:
        """What the learner gave themselves for a criterion; None when the statement was skipped."""
        return next((self.answers.get(s.id) for s in STATEMENTS if criterion in s.criteria), None)


@plain(frozen=True, slots=True)
class Gap:
    """A statement as the learner and as the card see it."""

    statement: str
    own: int
    """1 to 5, as the learner said."""
    card: float | None
    """1 to 5, the mean of its criteria by weight; None when none of them could be judged."""
    criteria: tuple[str, ...]
    """Names of the criteria that were judged."""

    @property
    def difference(self) -> float | None:
        """Above zero where the learner sees it brighter than the card; None when it was not judged."""
        return None if self.card is None else round(self.own - self.card, 1) + 0.0

    @property
    def says(self) -> str:
        """The difference in words."""
        d = self.difference
        if d is None:
            return "not judged in this call"
        if abs(d) < 1:
            return "you and the card agree"
        return "you saw it brighter than the card" if d > 0 else "you were harder on yourself than the card"


def gaps(card: Scorecard, own: SelfScore) -> tuple[Gap, ...]:
    """Set the learner's answers against the card, statement by statement; skipped ones are left out."""
    found = []
    for s in STATEMENTS:
        answer = own.answers.get(s.id)
        if answer is None:
            continue
        judged = [(c.weight, c.score, c.name) for c in card.criteria if c.id in s.criteria and c.score is not None]
        weight = sum(w for w, _, _ in judged)
        mean = round(sum(w * p for w, p, _ in judged) / weight, 1) if weight else None
        found.append(Gap(s.text, answer, mean, tuple(name for _, _, name in judged)))
    return tuple(found)
