"""How the decisions of a call become points: one rule for each criterion of the rubric.

A rule begins with the points that a call earns in which nothing speaks for or against it, and goes through what it
looks at, part by part: each part says in words what was found, adds or takes points, and brings the evidence. So every
score can be added up by hand. What earns 1, 3 and 5 in words is in `rubric`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from voicetrainer.roleplay import language, timing
from voicetrainer.roleplay.events import (
    WINS,
    Decision,
    Ended,
    Fact,
    Heard,
    MoodChanged,
    Noticed,
    Say,
    SpeechStarted,
    StageReached,
    Steadiness,
)
from voicetrainer.roleplay.scenario import Scenario
from voicetrainer.roleplay.techniques import SHORT, TECHNIQUES

CONTEMPT = 0.6
"""How sure an insult must be to count as one."""

HOT = 5.0
"""Anger from which a customer still counts as angry after a good answer."""

TOO_MUCH = 0.65
"""Share of the talking above which a learner leaves an upset customer too little room."""

ENOUGH = 30.0
"""Seconds of talk on both sides from which a share tells something."""

_SHOWN = 10
"""The most pieces of evidence for one criterion."""
_HELPS = frozenset(TECHNIQUES) - {"greeting", "closing", "backchannel"}
_LOST_PATIENCE = frozenset(("defensive", "blame", "dismissive", "rude", "passing", "interrupting", "raised_voice"))


@dataclass(frozen=True)
class Evidence:
    """One thing heard that a score rests on."""

    t: float
    """Seconds on the call clock."""
    turn: int
    """Learner's utterance, from 1; 0 for a silence."""
    quote: str
    note: str
    good: bool


@dataclass(frozen=True)
class Part:
    """One of the things that a criterion looks at; the first says where it begins."""

    found: str
    """What was found, in words."""
    points: int
    """What it added to the score or took from it."""


@dataclass(frozen=True)
class Judgement:
    """What a rule makes of a call."""

    score: int | None
    """1 to 5; None when there was nothing to judge."""
    why: str
    """What the score rests on, or why there is none."""
    parts: tuple[Part, ...] = ()
    evidence: tuple[Evidence, ...] = ()


@dataclass
class Call:
    """The events of a call, sorted for judging."""

    scenario: Scenario
    events: Sequence[Fact | Decision]
    heard: dict[int, Heard] = field(default_factory=dict)
    """The learner's utterances by number, from 1."""
    noticed: list[Noticed] = field(default_factory=list)
    """Techniques that counted, and mistakes."""
    untimely: list[Noticed] = field(default_factory=list)
    """Techniques that came too early or too late."""
    voice: list[Steadiness] = field(default_factory=list)
    moods: list[MoodChanged] = field(default_factory=list)
    lines: list[Say] = field(default_factory=list)
    before: dict[int, str] = field(default_factory=dict)
    """The customer's line that each utterance answered."""
    after: dict[int, str] = field(default_factory=dict)
    """The customer's line that answered each utterance."""
    stage: dict[int, str] = field(default_factory=dict)
    """The stage in which each utterance was spoken."""
    stages: list[StageReached] = field(default_factory=list)
    ended: Ended | None = None

    def __post_init__(self) -> None:
        noticed: list[Noticed] = []
        answered = ""
        for e in self.events:
            if isinstance(e, SpeechStarted):
                answered = self.lines[-1].text if self.lines else ""  # a customer may break in before it is complete
            elif isinstance(e, Heard):
                number = len(self.heard) + 1
                self.heard[number] = e
                self.before[number] = answered or (self.lines[-1].text if self.lines else "")
                self.stage[number] = self.stages[-1].stage if self.stages else ""
                answered = ""
            elif isinstance(e, Noticed):
                noticed.append(e)
            elif isinstance(e, Steadiness):
                self.voice.append(e)
            elif isinstance(e, MoodChanged):
                self.moods.append(e)
            elif isinstance(e, Say):
                self.lines.append(e)
                if self.heard:
                    self.after.setdefault(len(self.heard), e.text)
            elif isinstance(e, StageReached):
                self.stages.append(e)
            elif isinstance(e, Ended):
                self.ended = e
        flat = {(m.turn, m.rule) for m in self.moods if m.before == m.after and m.because.startswith("too ")}
        self.noticed = [n for n in noticed if n.counted and (n.turn, n.label) not in flat]
        self.untimely = [n for n in noticed if (n.turn, n.label) in flat]

    @property
    def turns(self) -> list[tuple[int, Heard]]:
        """Utterances that took the turn, by number."""
        return [(n, h) for n, h in self.heard.items() if h.role != "aside"]

    @property
    def outcome(self) -> str:
        """How it ended; empty for a call that was cut off."""
        return self.ended.outcome if self.ended else ""

    def at(self, turn: int) -> float:
        """When an utterance began, seconds on the call clock."""
        return self.heard[turn].start if turn in self.heard else 0.0

    def some(self, *labels: str) -> list[Noticed]:
        """What was noticed of some labels, in order."""
        return [n for n in self.noticed if n.label in labels]

    def mistakes(self, turn: int) -> list[Noticed]:
        """The mistakes of one utterance."""
        return [n for n in self.noticed if n.turn == turn and n.mistake]

    def helps(self, turn: int) -> list[Noticed]:
        """The techniques of one utterance that do more than open, close or nod."""
        return [n for n in self.noticed if n.turn == turn and n.label in _HELPS]


class _Sheet:
    """Adds up the parts of one criterion."""

    def __init__(self, call: Call, begin: int) -> None:
        self.call, self.total = call, begin
        self.parts: list[Part] = [Part("to begin with", begin)]
        self.evidence: list[Evidence] = []

    def mark(self, found: str, points: int = 0, items: Iterable[Noticed | Evidence] = ()) -> None:
        """Enter a part with what it does to the score and what it rests on."""
        self.parts.append(Part(found, points))
        self.total += points
        self.evidence += [
            e
            if isinstance(e, Evidence)
            else Evidence(
                self.call.at(e.turn), e.turn, e.quote, e.why or SHORT.get(e.label, e.label), good=not e.mistake
            )
            for e in items
        ]

    def judged(self) -> Judgement:
        """The score, in bounds, and its evidence in the order of the call, mistakes first where there is too much."""
        kept = sorted(dict.fromkeys(self.evidence), key=lambda e: (e.good, e.t))[:_SHOWN]
        return Judgement(
            max(1, min(5, self.total)),
            ", ".join(p.found for p in self.parts[1:]),
            tuple(self.parts),
            tuple(sorted(kept, key=lambda e: (e.t, e.good))),
        )


def _listening(call: Call) -> Judgement:
    if not call.turns:
        return Judgement(None, "nothing was said")
    cuts, small, back = call.some("interrupting"), call.some("listening_words", "backchannel"), call.some("reflect")
    wrong, waited = call.some("wrong_summary"), call.some("letting_finish")
    times = timing.measure(call.events)
    sheet = _Sheet(call, 3)
    sheet.mark(f"{_count(cuts, 'interruption')} in {_count(call.turns, 'turn')}", -min(2, len(cuts)), [*cuts, *waited])
    again = len(back) > 1 and not cuts and not small  # who sums up again and again needs no small words
    sheet.mark(_count(back, "summary", "summaries"), int(bool(back)) + again, back)
    if wrong:
        sheet.mark(f"{_count(wrong, 'summary', 'summaries')} with a wrong fact", -len(wrong), wrong)
    sheet.mark(_count(small, "listening word"), int(bool(small) and not cuts), small)
    quiet = [
        Evidence(p.start, 0, f"{p.seconds:.0f} seconds of silence", "The customer waited for an answer.", good=False)
        for p in times.dead_air
    ]
    if quiet:
        sheet.mark(f"left in silence {_times(len(quiet))}", -int(len(quiet) > 1), quiet)
    if times.count("barged"):
        sheet.mark(f"went on until the customer broke in, {_times(times.count('barged'))}", -times.count("barged"))
    share = talk_share(call, times)
    if share is not None and share > TOO_MUCH:
        sheet.mark(f"{share:.0%} of the talking was yours", -1)
    return sheet.judged()


def _empathy(call: Call) -> Judgement:
    named, small = call.some("empathy"), call.some("dismissive")
    early = [n for n in named if n.turn <= 2]
    sheet = _Sheet(call, 1)
    sheet.mark(_often(named, "the feeling was named", "the feeling was never named"), 2 * bool(named), named)
    if named:
        sheet.mark(f"the first in turn {named[0].turn}", int(bool(early)))
    if len(named) > 1:
        sheet.mark("and again", 1)
    sheet.mark(_often(small, "brushed off", "nothing brushed off"), -len(small), small)
    return sheet.judged()


def _ownership(call: Call) -> Judgement:
    sorry, mine = call.some("apology"), call.some("ownership")
    away, worn = call.some("passing", "false_apology"), call.some("overdone")
    sheet = _Sheet(call, 1)
    sheet.mark(_count(sorry, "real apology", "real apologies"), 2 * bool(sorry), sorry)
    sheet.mark(_count(mine, "personal commitment"), int(bool(mine)), mine)
    sheet.mark(_count(away, "push away", "pushes away"), -len(away) or int(bool(sorry and mine)), away)
    if worn:
        sheet.mark(f"the same kind words without a deed {_times(len(worn))}", -1, worn)
    return sheet.judged()


def _understanding(call: Call) -> Judgement:
    asked, back, again = call.some("probe"), call.some("reflect"), call.some("asked_again")
    sheet = _Sheet(call, 1)
    sheet.mark(f"{_count(asked, 'question')} about the problem", min(2, len(asked)), asked)
    sheet.mark(_often(back, "said back", "nothing said back"), 2 * bool(back), back)
    if again:
        sheet.mark(f"asked {_times(len(again))} for what had been told", -len(again), again)
    return sheet.judged()


def _solution(call: Call) -> Judgement:
    step, choice = call.some("solution"), call.some("choice")
    vague, back = call.some("hedging", "overpromise"), call.some("went_back")
    sheet = _Sheet(call, 1)
    sheet.mark(_count(step, "concrete step"), 2 * bool(step) - int(bool(step and choice)), step)
    sheet.mark(_count(choice, "choice"), 3 * bool(choice), choice)
    sheet.mark(_count(vague, "vague or empty promise"), -min(1, len(vague)), vague)
    if back:
        sheet.mark(f"went back on an offer {_times(len(back))}", -len(back), back)
    return sheet.judged()


def _language(call: Call) -> Judgement:
    figures = language.measure(list(call.heard.values()), call.noticed)
    if figures.grade is None:
        return Judgement(None, figures.reasons[0] if figures.reasons else "too little was said to judge")
    sheet = _Sheet(call, 5)
    found = [Evidence(f.t, f.turn, f.quote, f.note, good=False) for f in figures.findings]
    sheet.mark(", ".join(figures.reasons), figures.grade - 5, found)
    return sheet.judged()


def _respect(call: Call) -> Judgement:
    sheet = _Sheet(call, 5)
    for label in ("defensive", "blame", "rude"):
        bad = call.some(label)
        if bad:
            contempt = sum(n.label == "rude" and n.score >= CONTEMPT for n in bad)
            sheet.mark(f"{SHORT[label]} {_times(len(bad))}", -len(bad) - 2 * contempt, bad)
    turns = {n.turn for n in call.some("defensive", "blame", "rude")}
    if len(turns) > 1 and 2 * len(turns) >= len(call.turns):
        sheet.mark("in half of the turns or more", -1)
    if not turns:
        sheet.mark("nothing argued, blamed or paid back")
    return sheet.judged()


def _composure(call: Call) -> Judgement:
    judged = [v for v in call.voice if v.level != "unknown"]
    if not judged:
        return Judgement(None, "there was no voice to judge by")
    raised = [v for v in judged if v.level == "raised"]
    tense = [v for v in judged if v.level == "tense"]
    share = (len(raised) + 0.4 * len(tense)) / len(judged)
    found = [Evidence(call.at(v.turn), v.turn, "", "; ".join(v.reasons), good=False) for v in raised[:4]]
    sheet = _Sheet(call, 5)
    sheet.mark(
        f"{_count(judged, 'utterance')} judged: {len(raised)} raised, {len(tense)} tense",
        -sum(share >= step for step in (0.1, 0.25, 0.45, 0.7)),
        [*found, *call.some("steady_voice")],
    )
    return sheet.judged()


def _patience(call: Call) -> Judgement:
    """Look at each turn after one that should have helped, while the customer was still angry."""
    turns = [n for n, _ in call.turns]
    mood = {m.turn: m.after for m in call.moods}  # the last entry of each turn
    tests = [
        (n, follows)
        for n, follows in pairwise(turns)
        if call.helps(n) and not call.mistakes(n) and mood.get(n, _anger(call, n)) >= HOT
    ]
    if not tests:
        return Judgement(None, "the customer was never still angry after a good answer")
    kept, lost = [], []
    for _, n in tests:
        bad = [x for x in call.mistakes(n) if x.label in _LOST_PATIENCE]
        if bad:
            lost.append(bad[0])
        elif call.helps(n):
            kept.append(call.helps(n)[0])
    idle = len(tests) - len(kept) - len(lost)
    sheet = _Sheet(call, 5)
    sheet.mark(f"still angry after a good answer {_times(len(tests))}")
    sheet.mark(_often(kept, "stayed helpful", "never stayed helpful"), 0, kept)
    if lost:
        sheet.mark(f"lost patience {_times(len(lost))}", -_points(4 * len(lost) / len(tests)), lost)
    if idle:
        sheet.mark(f"had nothing to offer {_times(idle)}", -_points(2 * idle / len(tests)))
    return sheet.judged()


def _limits(call: Call) -> Judgement:
    if not call.turns:
        return Judgement(None, "nothing was said")
    abused = call.scenario.customer.temperament == "abusive" or any(m.rule == "unchecked" for m in call.moods)
    handed, early = call.some("escalate"), [n for n in call.untimely if n.label == "escalate"]
    sheets = []
    if abused or "boundary" in call.scenario.trains:
        limit = call.some("boundary")
        calm = [n for n in limit if not call.mistakes(n.turn)]
        sheet = _Sheet(call, 1)
        sheet.mark(_often(limit, "a limit was set", "no limit was set"), 2 * bool(limit), limit)
        if limit:
            sheet.mark("calmly" if calm else "but not calmly", 2 * bool(calm))
        sheets.append(sheet)
    if handed or early:
        sheet = _Sheet(call, 3)
        away = [x for n in (*handed, *early) for x in call.mistakes(n.turn) if x.label in ("passing", "dismissive")]
        if handed:
            sheet.mark("a supervisor was brought in when it was time", 2, handed)
        else:
            sheet.mark("a supervisor was offered at the wrong time", -1, early)
        if away:
            sheet.mark("to get rid of the customer", -2, away)
        sheets.append(sheet)
    if not sheets:
        return Judgement(None, "neither abuse nor a supervisor came up")
    if len(sheets) == 1:
        return sheets[0].judged()
    one, two = (sheet.judged() for sheet in sheets)
    both = ((one.score or 0) + (two.score or 0)) // 2  # a half goes down: both halves of firmness are wanted
    return Judgement(both, f"{one.why}; {two.why}", one.parts + two.parts, one.evidence + two.evidence)


def _closing(call: Call) -> Judgement:
    after, thanks, last = call.some("follow_up"), call.some("appreciation"), call.some("closing")
    last_stage = call.scenario.stages[-1].id
    far = call.outcome in WINS or any(s.stage == last_stage for s in call.stages) or bool(after or last)
    if not far:
        return Judgement(None, "the talk did not get that far")
    sheet = _Sheet(call, 1)
    sheet.mark(_count(after, "promise to check", "promises to check"), 2 * bool(after), after)
    sheet.mark(_often(thanks, "thanked", "no thanks"), int(bool(thanks)), thanks)
    sheet.mark("closed properly" if last else "did not ask whether that was all", int(bool(last)), last)
    return sheet.judged()


JUDGES: Mapping[str, Callable[[Call], Judgement]] = {
    "listening": _listening,
    "empathy": _empathy,
    "ownership": _ownership,
    "understanding": _understanding,
    "solution": _solution,
    "language": _language,
    "respect": _respect,
    "composure": _composure,
    "patience": _patience,
    "limits": _limits,
    "closing": _closing,
}
"""The rule of each criterion, by its id."""


_CUT_SHORT = {
    "escalated": frozenset(("solution", "closing")),
    "closed": frozenset(("empathy", "ownership", "understanding", "solution", "closing")),
}
"""What a call that ended well by another road need not have come to."""


def judge(call: Call, criterion: str) -> Judgement:
    """Judge a call by one criterion, an id of the rubric."""
    judged = JUDGES[criterion](call)
    if criterion in _CUT_SHORT.get(call.outcome, ()) and judged.score == 1 and not judged.evidence:
        return Judgement(None, "the call rightly ended before it came to that")
    return judged


def talk_share(call: Call, times: timing.Timing) -> float | None:
    """The learner's share of all speaking time, 0 to 1; None where it was typed or there was too little to tell."""
    spoken = any(h.prosody is not None for h in call.heard.values())
    enough = times.customer and times.learner + times.customer >= ENOUGH
    return times.share if spoken and enough else None


def _anger(call: Call, turn: int) -> float:
    """Anger after an utterance that did not move it."""
    last = [m.after for m in call.moods if 0 < m.turn <= turn]
    return last[-1] if last else call.scenario.customer.anger


def _points(value: float) -> int:
    """Points as a whole number, a half upwards, and one at least."""
    return max(1, int(value + 0.5))


def _count(items: Sequence[object], thing: str, plural: str = "") -> str:
    n = len(items)
    return f"{'no' if n == 0 else n} {thing if n == 1 else plural or thing + 's'}"


def _often(items: Sequence[object], thing: str, none: str) -> str:
    return f"{thing} {_times(len(items))}" if items else none


def _times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times")
