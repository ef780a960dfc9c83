"""The scorecard: what the learner did, criterion by criterion, each score with its evidence.

A criterion has a weight (weights sum to 100) and anchors that say what earns 1, 3 and 5. Rules below turn the decisions
of a call into a score and the evidence for it; a criterion that could not be judged (no voice, nothing asked) leaves
its weight to the others. Auto-fail items fail the call whatever the total.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from voicetrainer.roleplay.advice import ADVICE, QUESTIONS
from voicetrainer.roleplay.events import (
    Decision,
    Ended,
    Fact,
    Heard,
    MoodChanged,
    Noticed,
    Say,
    StageReached,
    Steadiness,
)
from voicetrainer.roleplay.scenario import Scenario
from voicetrainer.roleplay.techniques import SHORT

PASS_MARK = 60
"""Total from which a call passes, 0 to 100."""

LONG_TURN = 70
"""Words in one turn above which an upset listener is lost; about 25 seconds of speech."""


@dataclass(frozen=True)
class Evidence:
    """One thing heard that a score rests on."""

    t: float
    """Seconds on the call clock."""
    turn: int
    """Learner's utterance, from 1."""
    quote: str
    note: str
    good: bool


@dataclass(frozen=True)
class CriterionScore:
    """One line of the scorecard."""

    id: str
    name: str
    weight: int
    score: int | None
    """1 to 5; None when there was nothing to judge."""
    why: str
    """What the score rests on, or why there is none."""
    anchors: dict[int, str]
    """What earns 1, 3 and 5."""
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class MissedChance:
    """A moment at which something would have helped and was not done."""

    t: float
    turn: int
    label: str
    name: str
    why: str
    could_have_said: str


@dataclass(frozen=True)
class Scorecard:
    """The whole card."""

    total: int
    """0 to 100."""
    passed: bool
    pass_mark: int
    auto_fail: str
    """Why the call fails whatever the total; empty when it does not."""
    criteria: tuple[CriterionScore, ...]
    missed: tuple[MissedChance, ...]
    strengths: tuple[Evidence, ...]
    """The moments that soothed most."""
    next_time: str
    """One thing to try."""
    questions: tuple[str, ...]
    """For the learner to reflect on."""


@dataclass
class _Call:
    """The events of a call, sorted for judging."""

    scenario: Scenario
    events: Sequence[Fact | Decision]
    heard: dict[int, Heard] = field(default_factory=dict)
    noticed: list[Noticed] = field(default_factory=list)
    voice: list[Steadiness] = field(default_factory=list)
    moods: list[MoodChanged] = field(default_factory=list)
    ended: Ended | None = None

    def __post_init__(self) -> None:
        for e in self.events:
            if isinstance(e, Heard):
                self.heard[len(self.heard) + 1] = e
            elif isinstance(e, Noticed):
                self.noticed.append(e)
            elif isinstance(e, Steadiness):
                self.voice.append(e)
            elif isinstance(e, MoodChanged):
                self.moods.append(e)
            elif isinstance(e, Ended):
                self.ended = e
        early = {(m.turn, m.rule) for m in self.moods if m.before == m.after}  # what came too early moved nothing
        self.noticed = [n for n in self.noticed if (n.turn, n.label) not in early]

    @property
    def turns(self) -> list[tuple[int, Heard]]:
        """Utterances that took the turn, by number."""
        return [(n, h) for n, h in self.heard.items() if h.role != "aside"]

    def at(self, turn: int) -> float:
        return self.heard[turn].start if turn in self.heard else 0.0

    def some(self, *labels: str) -> list[Noticed]:
        return [n for n in self.noticed if n.label in labels]

    def evidence(self, items: Iterable[Noticed], limit: int = 6) -> tuple[Evidence, ...]:
        found = [
            Evidence(self.at(n.turn), n.turn, n.quote, n.why or SHORT.get(n.label, n.label), not n.mistake)
            for n in items
        ]
        return tuple(found[:limit])


Judge = Callable[[_Call], tuple[int | None, str, tuple[Evidence, ...]]]


@dataclass(frozen=True)
class _Criterion:
    id: str
    name: str
    weight: int
    anchors: dict[int, str]
    judge: Judge


def _count(n: int, thing: str, plural: str = "") -> str:
    return f"{'no' if n == 0 else n} {thing if n == 1 else plural or thing + 's'}"


def _by(value: float, *steps: float) -> int:
    """1 plus the number of steps reached."""
    return 1 + sum(value >= s for s in steps)


def _listening(call: _Call) -> tuple[int | None, str, tuple[Evidence, ...]]:
    if not call.turns:
        return None, "nothing was said", ()
    cuts, small, back = call.some("interrupting"), call.some("listening_words", "backchannel"), call.some("reflect")
    turns = len(call.turns)
    score = 3 - min(2, len(cuts)) + (1 if back else 0) + (1 if not cuts and (small or len(back) > 1) else 0)
    why = (
        f"{_count(len(cuts), 'interruption')} in {_count(turns, 'turn')}, "
        f"{_count(len(back), 'summary', 'summaries')}, {_count(len(small), 'listening word')}"
    )
    return max(1, min(5, score)), why, call.evidence([*cuts, *back, *small])


def _empathy(call: _Call) -> tuple[int | None, str, tuple[Evidence, ...]]:
    named, false = call.some("empathy"), call.some("false_apology", "dismissive")
    early = any(n.turn <= 2 for n in named)
    score = (1 if not named else 3 + (1 if early else 0) + (1 if len(named) > 1 else 0)) - len(false)
    when = f", the first in turn {named[0].turn}" if named else ""
    why = f"the feeling was named {_times(len(named))}{when}; brushed off {_times(len(false))}"
    return max(1, min(5, score)), why, call.evidence([*named, *false])


def _ownership(call: _Call) -> tuple[int | None, str, tuple[Evidence, ...]]:
    sorry, mine = call.some("apology"), call.some("ownership")
    away = call.some("passing", "false_apology", "blame")
    score = 1 + (2 if sorry else 0) + (1 if mine else 0) + (1 if sorry and mine and not away else 0) - len(away)
    why = (
        f"{_count(len(sorry), 'real apology', 'real apologies')}, {_count(len(mine), 'personal commitment')}, "
        f"{_count(len(away), 'push away', 'pushes away')}"
    )
    return max(1, min(5, score)), why, call.evidence([*sorry, *mine, *away])


def _understanding(call: _Call) -> tuple[int | None, str, tuple[Evidence, ...]]:
    asked, back = call.some("probe"), call.some("reflect")
    score = _by(len(asked) + 2 * len(back), 1, 2, 3, 4)
    why = f"{_count(len(asked), 'question')} about the problem, said back {_times(len(back))}"
    return score, why, call.evidence([*asked, *back])


def _solution(call: _Call) -> tuple[int | None, str, tuple[Evidence, ...]]:
    step, choice, vague = call.some("solution"), call.some("choice"), call.some("hedging", "overpromise")
    after = call.some("follow_up")
    score = 1 + (2 if step or choice else 0) + (1 if choice else 0) + (1 if after else 0) - min(1, len(vague))
    why = (
        f"{_count(len(step), 'concrete step')}, {_count(len(choice), 'choice')}, "
        f"{_count(len(after), 'follow-up')}, {_count(len(vague), 'vague or empty promise')}"
    )
    return max(1, min(5, score)), why, call.evidence([*step, *choice, *after, *vague])


def _language(call: _Call) -> tuple[int | None, str, tuple[Evidence, ...]]:
    if not call.turns:
        return None, "nothing was said", ()
    terms, vague = call.some("jargon"), call.some("hedging")
    long = [(n, h) for n, h in call.turns if len(h.words) > LONG_TURN]
    words = sorted(len(h.words) for _, h in call.turns)
    score = 5 - 2 * len(terms) - len(vague) - len(long)
    why = (
        f"{_count(len(terms), 'unexplained term')}, {_count(len(vague), 'vague phrase')}, "
        f"{_count(len(long), 'turn')} of more than {LONG_TURN} words (in the middle: {words[len(words) // 2]})"
    )
    speeches = tuple(Evidence(h.start, n, "", f"{len(h.words)} words in one go", good=False) for n, h in long)
    return max(1, min(5, score)), why, call.evidence([*terms, *vague]) + speeches


def _respect(call: _Call) -> tuple[int | None, str, tuple[Evidence, ...]]:
    bad = call.some("defensive", "blame", "dismissive", "rude", "passing", "false_apology")
    score = 5 - len(bad) - (2 if any(n.label == "rude" for n in bad) else 0)
    kinds = Counter(SHORT.get(n.label, n.label).lower() for n in bad)
    why = ", ".join(f"{k} {_times(n)}" for k, n in kinds.items()) or "nothing argued, blamed or brushed off"
    good = call.some("appreciation", "boundary")
    return max(1, min(5, score)), why, call.evidence([*bad, *good])


def _composure(call: _Call) -> tuple[int | None, str, tuple[Evidence, ...]]:
    judged = [v for v in call.voice if v.level != "unknown"]
    if not judged:
        return None, "there was no voice to judge by", ()
    raised = [v for v in judged if v.level == "raised"]
    tense = [v for v in judged if v.level == "tense"]
    share = (len(raised) + 0.4 * len(tense)) / len(judged)
    score = 6 - _by(share, 0.1, 0.25, 0.45, 0.7)
    why = f"{len(judged)} utterances judged: {len(raised)} raised, {len(tense)} tense"
    found = [Evidence(call.at(v.turn), v.turn, "", "; ".join(v.reasons), good=False) for v in raised[:4]]
    return score, why, (*found, *call.evidence(call.some("steady_voice")))


def _outcome(call: _Call) -> tuple[int | None, str, tuple[Evidence, ...]]:
    if call.ended is None:
        return None, "the call was cut short", ()
    calm = call.moods[-1].after if call.moods else call.scenario.customer.anger
    start = call.scenario.customer.anger
    scores = {"resolved": 5, "escalated": 4, "out_of_time": 2, "left": 2, "hung_up": 1}
    score = scores[call.ended.outcome] + (
        1 if call.ended.outcome in ("out_of_time", "left") and calm <= start - 3 else 0
    )
    why = f"{call.ended.because}; anger went from {start:g} to {calm:g}"
    return score, why, call.evidence(call.some("closing", "follow_up", "escalate"), limit=3)


def _times(n: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(n, f"{n} times")


RUBRIC: tuple[_Criterion, ...] = (
    _Criterion(
        "listening",
        "Listening",
        15,
        {
            1: "Cuts the customer off again and again; nothing is said back.",
            3: "Lets the customer finish, or says the problem back once.",
            5: "Never interrupts, uses small listening words or sums up more than once.",
        },
        _listening,
    ),
    _Criterion(
        "empathy",
        "Empathy",
        15,
        {
            1: "The feeling is never named, or it is played down.",
            3: "The feeling is named once, and late.",
            5: "The feeling is named early and again when it matters; nothing is brushed off.",
        },
        _empathy,
    ),
    _Criterion(
        "ownership",
        "Apology and ownership",
        15,
        {
            1: "No real apology; the fault goes to the customer or to somebody else.",
            3: "One real apology.",
            5: "A real apology, a personal commitment, and no pushing away.",
        },
        _ownership,
    ),
    _Criterion(
        "understanding",
        "Finding out",
        10,
        {
            1: "No question about the problem and nothing said back.",
            3: "Two questions, or the problem said back once.",
            5: "Open questions, and the answers said back to check.",
        },
        _understanding,
    ),
    _Criterion(
        "solution",
        "Solution and choice",
        15,
        {
            1: "Nothing definite is offered.",
            3: "One concrete step, and no choice.",
            5: "A choice of concrete steps, and a promise to follow up.",
        },
        _solution,
    ),
    _Criterion(
        "language",
        "Plain, short language",
        8,
        {
            1: "Terms nobody outside would know, vague words, long speeches.",
            3: "One unexplained term, or two speeches that are too long.",
            5: "Plain words, definite statements, short turns.",
        },
        _language,
    ),
    _Criterion(
        "respect",
        "Respect, nothing taken personally",
        10,
        {
            1: "Argues, blames or insults.",
            3: "Argues or brushes off twice.",
            5: "Never argues, blames or brushes off.",
        },
        _respect,
    ),
    _Criterion(
        "composure",
        "Steady voice",
        7,
        {
            1: "Raised most of the time.",
            3: "Raised now and then.",
            5: "Close to the calm baseline throughout.",
        },
        _composure,
    ),
    _Criterion(
        "outcome",
        "Outcome",
        5,
        {
            1: "The customer hangs up.",
            3: "The call ends without a result, but the customer is much calmer.",
            5: "Everything is settled and the customer is calm.",
        },
        _outcome,
    ),
)
"""The default rubric. Weights sum to 100."""


def score(scenario: Scenario, events: Sequence[Fact | Decision]) -> Scorecard:
    """Score a call.

    Parameters
    ----------
    scenario
        The scenario it was held over.
    events
        Its facts and decisions in order, as in the log; a cut-off call is scored as far as it went.
    """
    call = _Call(scenario, events)
    criteria = tuple(
        CriterionScore(c.id, c.name, c.weight, points, why, c.anchors, evidence)
        for c in RUBRIC
        for points, why, evidence in [c.judge(call)]
    )
    judged = [(c.weight, c.score) for c in criteria if c.score is not None] if call.turns else []
    total = round(sum(w * (s - 1) / 4 for w, s in judged) / max(1, sum(w for w, _ in judged)) * 100)
    auto_fail = _auto_fail(call)
    return Scorecard(
        total,
        total >= PASS_MARK and not auto_fail,
        PASS_MARK,
        auto_fail,
        criteria,
        _missed(call),
        _strengths(call),
        _next_time(call, criteria),
        _questions(call),
    )


def _auto_fail(call: _Call) -> str:
    rude = call.some("rude")
    if rude and max(n.score for n in rude) >= 0.6:
        worst = max(rude, key=lambda n: n.score)
        return f"contempt or insult: “{worst.quote}”"
    if call.ended and call.ended.outcome == "hung_up":
        return "the customer hung up"
    return ""


def _missed(call: _Call) -> tuple[MissedChance, ...]:
    """What each stage needed and did not get in its first turns, at the turn where it would have fitted."""
    missed: list[MissedChance] = []
    stages = {s.id: s for s in call.scenario.stages}
    reached: list[tuple[float, str]] = [(e.t, e.stage) for e in call.events if isinstance(e, StageReached)]
    for i, (begin, stage_id) in enumerate(reached):
        stage = stages.get(stage_id)
        if stage is None:
            continue
        end = reached[i + 1][0] if i + 1 < len(reached) else float("inf")
        inside = [(n, h) for n, h in call.turns if begin < h.t <= end]
        got = {n.label for n in call.noticed if any(n.turn <= turn for turn, _ in inside)}
        if len(inside) < 2:
            continue  # it was met at the first try, or there was no try
        turn, heard = inside[0]
        first = {n.label for n in call.noticed if n.turn <= turn}
        for group in stage.needs:
            if first.isdisjoint(group):
                late = f"It came only in turn {_when(call, group)}." if not got.isdisjoint(group) else "It never came."
                label = next((g for g in group if g in stage.could_say), group[0])
                example = call.scenario.fill(stage.could_say[label]) if label in stage.could_say else ""
                name = SHORT.get(label, label)
                missed.append(MissedChance(heard.start, turn, label, name, f"{stage.about} {late}", example))
    return tuple(missed[:6])


def _when(call: _Call, group: tuple[str, ...]) -> int:
    return min(n.turn for n in call.noticed if n.label in group)


def _strengths(call: _Call) -> tuple[Evidence, ...]:
    best = sorted((m for m in call.moods if m.after < m.before), key=lambda m: (m.after - m.before, m.t))[:3]
    return tuple(
        Evidence(
            call.at(m.turn), m.turn, m.quote, f"{SHORT.get(m.rule, m.rule)}: {m.before:.1f} → {m.after:.1f}", good=True
        )
        for m in sorted(best, key=lambda m: m.t)
    )


def _next_time(call: _Call, criteria: tuple[CriterionScore, ...]) -> str:
    worst: dict[str, float] = {}
    for m in call.moods:
        if m.after > m.before:
            worst[m.rule] = worst.get(m.rule, 0.0) + m.after - m.before
    if worst:
        rule = max(worst, key=lambda r: worst[r])
        if rule in ADVICE:
            return ADVICE[rule]
    weak = [c for c in criteria if c.score is not None and c.score < 4 and c.id in ADVICE]
    if weak:
        return ADVICE[max(weak, key=lambda c: c.weight * (5 - (c.score or 5))).id]
    return "Try the same call again with a more difficult customer, or with fewer words."


def _questions(call: _Call) -> tuple[str, ...]:
    asked = [q for label, q in QUESTIONS.items() if call.some(label)][:2]
    lines = [e for e in call.events if isinstance(e, Say)]
    hottest = max(lines, key=lambda e: e.anger, default=None)
    if hottest is not None:
        asked.append(f"The customer said “{hottest.text}” What lay behind it?")
    asked.append("Which sentence of yours would you keep for the next call, and which one would you say differently?")
    asked.append("What do you need now, before the next call?")
    return tuple(asked)
