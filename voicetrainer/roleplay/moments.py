"""The moments of a call that mattered: what helped most, what hurt most, and the chances that were missed.

All of it comes from the ledger: how far each turn of the learner moved the customer's anger. What would have been
better is taken from the scenario's own examples for the stage in which it happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from voicetrainer.roleplay.advice import ADVICE, INSTEAD
from voicetrainer.roleplay.events import MoodChanged
from voicetrainer.roleplay.judging import Call, Evidence
from voicetrainer.roleplay.scenario import Stage
from voicetrainer.roleplay.techniques import SHORT


@dataclass(frozen=True)
class Moment:
    """One turn of the learner that mattered, with what was said on both sides."""

    t: float
    """Seconds on the call clock."""
    turn: int
    """Learner's utterance, from 1; 0 for a silence."""
    change: float
    """What it did to the customer's anger in all; below zero it calmed."""
    they_said: str
    """The customer's line that it answered; empty when there was none."""
    you_said: str
    """What the learner said; empty for a silence."""
    reply: str
    """The customer's line after it; empty when there was none."""
    what: str
    """What the learner did, by name: ``empathy and apology``, ``10 seconds of silence``."""
    why: str
    """Why it mattered, from the customer's side."""
    better: str = ""
    """What would have been better: the scenario's own example; empty when it helped, or there is none."""
    advice: str = ""
    """What to do instead; empty when it helped."""


@dataclass(frozen=True)
class MissedChance:
    """A moment at which something would have helped and was not done."""

    t: float
    turn: int
    label: str
    name: str
    why: str
    could_have_said: str


def moments(call: Call) -> tuple[Moment | None, Moment | None]:
    """The turn that helped most and the one that hurt most; None where none did."""
    entries: dict[tuple[int, float], list[MoodChanged]] = {}
    for m in call.moods:
        turn = _answered(call, m.turn) if m.rule == "sinking_in" else m.turn
        entries.setdefault((turn, m.t if turn == 0 else 0.0), []).append(m)
    moved = [(sum(m.after - m.before for m in group), key, group) for key, group in entries.items()]
    helped = min(moved, key=lambda x: (round(x[0], 6), x[1]), default=None)
    hurt = max(moved, key=lambda x: (round(x[0], 6), *(-k for k in x[1])), default=None)
    return (
        _moment(call, helped[1], helped[2]) if helped and helped[0] < 0 else None,
        _moment(call, hurt[1], hurt[2]) if hurt and hurt[0] > 0 else None,
    )


def _answered(call: Call, turn: int) -> int:
    """The turn before another: the one whose good work sinks in later."""
    return max((n for n, _ in call.turns if n < turn), default=turn)


def _moment(call: Call, key: tuple[int, float], group: list[MoodChanged]) -> Moment:
    turn, t = key
    change = sum(m.after - m.before for m in group)
    good = change < 0
    first = min(group, key=lambda m: m.t)
    weight: dict[str, float] = {}
    because: dict[str, str] = {}
    for m in group:
        if (m.after < m.before) is good and m.after != m.before and m.rule != "sinking_in":
            weight[m.rule] = weight.get(m.rule, 0.0) + abs(m.after - m.before)
            because.setdefault(m.rule, m.because.split("; ")[0].split(", for the ")[0])
    worst = sorted(weight, key=lambda rule: -weight[rule])[:3]
    heard = call.heard.get(turn)
    before = call.before.get(turn, "") if turn else _line_before(call, t)
    after = call.after.get(turn, "") if turn else next((x.text for x in call.lines if x.t >= t), "")
    rule = worst[0] if worst else first.rule
    return Moment(
        t=heard.start if heard else t,
        turn=turn,
        change=round(change, 2) + 0.0,
        they_said=before,
        you_said=heard.text if heard else "",
        reply=after,
        what=first.quote if turn == 0 else _and([SHORT.get(x, x.replace("_", " ")) for x in worst]),
        why=_and([because[x] for x in worst]) or first.because,
        better="" if good else example(call, turn or _turn_at(call, t), rule),
        advice="" if good else ADVICE.get(rule, ""),
    )


def _line_before(call: Call, t: float) -> str:
    return next((x.text for x in reversed(call.lines) if x.t < t), "")


def _turn_at(call: Call, t: float) -> int:
    """The number that an utterance at some time would have had."""
    return sum(h.t <= t for h in call.heard.values()) + 1


def example(call: Call, turn: int, rule: str) -> str:
    """What the learner could have said in a turn instead of something that hurt, in the scenario's own words.

    The example fits the mistake if there is one that does; otherwise it is for what the stage still needed, or else for
    anything that works in this stage.
    """
    stage = _stage(call, turn)
    if stage is None:
        return ""
    met = {n.label for n in call.noticed if n.turn < turn}
    needed = [label for group in stage.needs if met.isdisjoint(group) for label in group]
    label = next((x for x in (*INSTEAD.get(rule, ()), *needed, *stage.could_say) if x in stage.could_say), None)
    return call.scenario.fill(stage.could_say[label]) if label else ""


def _stage(call: Call, turn: int) -> Stage | None:
    stages: Mapping[str, Stage] = {s.id: s for s in call.scenario.stages}
    reached = call.stage.get(turn) or (call.stages[-1].stage if call.stages else "")
    return stages.get(reached)


_LISTENS = frozenset(("greeting", "backchannel", "probe", "listening_words", "letting_finish"))
"""What may well come first: a stage that is begun with a turn of it has not been missed yet."""


def missed(call: Call) -> tuple[MissedChance, ...]:
    """What each stage needed and did not get in its first turns, at the turn where it would have fitted."""
    chances: list[MissedChance] = []
    stages = {s.id: s for s in call.scenario.stages}
    for i, reached in enumerate(call.stages):
        stage = stages.get(reached.stage)
        if stage is None:
            continue
        end = call.stages[i + 1].t if i + 1 < len(call.stages) else float("inf")
        inside = [(n, h) for n, h in call.turns if reached.t < h.t <= end]
        if len(inside) < 2:
            continue  # it was met at the first try, or there was no try
        last = inside[-1][0]
        opening = {n.label for n in call.noticed if n.turn == inside[0][0]}
        turn, heard = inside[bool(opening) and opening <= _LISTENS]
        got = {n.label for n in call.noticed if n.turn <= last}
        first = {n.label for n in call.noticed if n.turn <= turn}
        for group in stage.needs:
            if first.isdisjoint(group):
                when = min((n.turn for n in call.noticed if n.label in group), default=0)
                late = "It never came." if got.isdisjoint(group) else f"It came only in turn {when}."
                label = next((g for g in group if g in stage.could_say), group[0])
                said = call.scenario.fill(stage.could_say[label]) if label in stage.could_say else ""
                name = SHORT.get(label, label)
                chances.append(MissedChance(heard.start, turn, label, name, f"{stage.about} {late}", said))
    return tuple(chances[:6])


def strengths(call: Call) -> tuple[Evidence, ...]:
    """The three entries of the ledger that soothed most, in the order of the call."""
    soothed = (m for m in call.moods if m.after < m.before and m.rule != "sinking_in")
    best = sorted(soothed, key=lambda m: (m.after - m.before, m.t))[:3]
    return tuple(
        Evidence(
            call.at(m.turn), m.turn, m.quote, f"{SHORT.get(m.rule, m.rule)}: {m.before:.1f} → {m.after:.1f}", good=True
        )
        for m in sorted(best, key=lambda m: m.t)
    )


def costliest(call: Call) -> str:
    """The rule that raised the customer's anger most, all in all; empty when none did."""
    cost: dict[str, float] = {}
    for m in call.moods:
        if m.after > m.before:
            cost[m.rule] = cost.get(m.rule, 0.0) + m.after - m.before
    return max(cost, key=lambda rule: cost[rule], default="")


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
