"""A scorecard as it was shown after the call, kept so that a changed rubric or rule can be told from a changed call."""

from __future__ import annotations

from dataclasses import dataclass as plain
from typing import TYPE_CHECKING

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

if TYPE_CHECKING:
    from voicetrainer.roleplay.scorecard import Scorecard

_strict = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, config=_strict)
class KeptCriterion:
    """One line of a kept card."""

    id: str
    name: str
    weight: int
    score: int | None
    why: str
    anchors: dict[int, str]


@dataclass(frozen=True, config=_strict)
class KeptCard:
    """A scorecard without its evidence, and the rubric that it was marked by."""

    voicetrainer: str
    """Version of the program that marked it."""
    total: int
    passed: bool
    pass_mark: int
    auto_fail: str
    criteria: tuple[KeptCriterion, ...]


@plain(frozen=True, slots=True)
class Difference:
    """A criterion then and now."""

    id: str
    name: str
    then: int | None
    now: int | None
    weight_then: int
    """0 when it was no part of the rubric."""
    weight_now: int
    reasons: tuple[str, ...]
    """What changed, in words; empty when nothing did."""


def keep(card: Scorecard, version: str) -> KeptCard:
    """Take from a card what is kept."""
    criteria = tuple(KeptCriterion(c.id, c.name, c.weight, c.score, c.why, dict(c.anchors)) for c in card.criteria)
    return KeptCard(version, card.total, card.passed, card.pass_mark, card.auto_fail, criteria)


def differences(then: KeptCard, now: KeptCard) -> tuple[Difference, ...]:
    """Set two cards of one call side by side, in the order of today's; criteria that are gone come last."""
    before, after = {c.id: c for c in then.criteria}, {c.id: c for c in now.criteria}
    return tuple(
        Difference(
            id=name,
            name=(new or old).name,  # type: ignore[union-attr]  # one of the two has it
            then=old.score if old else None,
            now=new.score if new else None,
            weight_then=old.weight if old else 0,
            weight_now=new.weight if new else 0,
            reasons=_reasons(old, new),
        )
        for name in dict.fromkeys((*after, *before))
        for old, new in [(before.get(name), after.get(name))]
    )


def _reasons(old: KeptCriterion | None, new: KeptCriterion | None) -> tuple[str, ...]:
    if old is None or new is None:
        return ("was not marked then",) if old is None else ("is no longer marked",)
    reasons = []
    if old.weight != new.weight:
        reasons.append(f"counts {new.weight} instead of {old.weight}")
    changed = [n for n in sorted({*old.anchors, *new.anchors}) if old.anchors.get(n) != new.anchors.get(n)]
    if changed:
        reasons.append(f"has new words for what earns {_and(changed)}")
    if old.score != new.score and old.why == new.why:
        reasons.append("the same was found, and today's rule marks it differently")
    elif old.why != new.why:
        reasons.append(f"found then: {old.why}; now: {new.why}")
    return tuple(reasons)


def _and(numbers: list[int]) -> str:
    words = [str(n) for n in numbers]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
