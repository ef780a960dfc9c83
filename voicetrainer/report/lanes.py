"""Drawings over time: both voices, the customer's anger, and the learner's pitch, loudness and pace.

Everything is placed in shares of the plot, so that one drawing fits a phone, a desk and a sheet of paper: ``x`` and
``w`` are per cent of the call's length, ``y`` and ``h`` per cent of the lane's height from its top. Curves are paths
in a box of `WIDTH` by `HEIGHT` that is stretched to the plot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log2
from typing import TYPE_CHECKING

from voicetrainer.report.story import Line, clock, sentence, signed, spoken_lines, way
from voicetrainer.roleplay.events import Baseline, Heard, MoodChanged, Say, Steadiness, Track
from voicetrainer.roleplay.steadiness import RAISED, TENSE

if TYPE_CHECKING:
    from voicetrainer.recording import Session

WIDTH, HEIGHT = 20_000, 200
_POINTS = 4000
"""About so many points are drawn of a curve, however long the call."""

# How far up and down a lane goes at most, and at least.
_PITCH = ((-12, 24), (-6, 6))
_LOUDNESS = ((-18, 24), (-12, 6))
_RATE = ((0.25, 2.5), (0.5, 1.5))

Point = tuple[float, float]


# ------------------------------------------------------------------------------------------------------- the shapes


@dataclass(frozen=True, slots=True)
class Tick:
    """A label on an axis, at a share of its length."""

    at: float
    text: str
    minor: bool = False
    """Left out where there is little room."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of one voice, or of both."""

    x: float
    w: float
    kind: str
    """``learner``, ``interruption``, ``aside``, ``customer`` or ``both``."""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """One utterance's figure in a lane."""

    x: float
    w: float
    y: float
    level: str
    """Steadiness of the utterance, which gives the colour."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A lane of the learner's voice against the baseline."""

    name: str
    unit: str
    about: str
    """What zero stands for, with the learner's own figure."""
    says: str
    """The drawing in words, for those who do not see it."""
    ticks: tuple[Tick, ...]
    calm: float
    """Where the baseline lies, per cent from the top."""
    path: str
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A moment at which the anger moved, with all that moved it."""

    t: float
    x: float
    y: float
    way: str
    """``rose``, ``fell`` or ``flat``."""
    says: str
    entry: int
    """The first of its entries in the ledger."""


@dataclass(frozen=True, slots=True)
class Anger:
    """The anger lane."""

    area: str
    line: str
    changes: tuple[Change, ...]
    says: str
    trust: str
    """The customer's trust as a line of its own; empty where the log tells none."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """All drawings of a call."""

    ticks: tuple[Tick, ...]
    voices: tuple[Block, ...]
    """Empty when nothing sounded."""
    voices_say: str
    anger: Anger | None
    curves: tuple[Curve, ...]
    missing: str
    """Why there are no curves; empty when there are."""


# ------------------------------------------------------------------------------------------------------ the drawing


def draw(session: Session, customer: str) -> Lanes:
    """Draw a session's lanes; those that its facts do not carry are left out, with a reason.

    Parameters
    ----------
    session
        Any session, also an empty or interrupted one.
    customer
        The customer's name, for the descriptions.
    """
    seconds = max(session.duration, 0.001)

    def x(t: float) -> float:
        return round(min(max(t / seconds, 0), 1) * 100, 3)

    heard = [e for e in session.events if isinstance(e, Heard)]
    typed = session.header.transport == "typed"
    lines = [] if typed else [line for line in spoken_lines(session) if line.played]
    curves, missing = _curves(session, heard, x)
    mine = sum(h.end - h.start for h in heard)
    theirs = sum(line.end - line.start for line in lines)
    return Lanes(
        ticks=tuple(_time_ticks(session.duration)),
        voices=() if typed else tuple(_voices(heard, lines, x)),
        voices_say=f"You spoke for {mine:.0f} seconds in {len(heard)} utterances, {customer} for {theirs:.0f} seconds",
        anger=_anger(session, x, customer),
        curves=curves,
        missing=missing,
    )


def _voices(heard: Sequence[Heard], lines: Sequence[Line], x: Callable[[float], float]) -> Iterable[Block]:
    def block(start: float, end: float, kind: str, cut: bool = False) -> Block:
        return Block(x(start), max(round(x(end) - x(start), 3), 0.05), kind, cut)

    for line in lines:
        yield block(line.start, line.end, "customer", line.cut)
    for h in heard:
        yield block(h.start, h.end, "learner" if h.role == "turn" else h.role)
    for h in heard:
        for line in lines:
            start, end = max(h.start, line.start), min(h.end, line.end)
            if start < end:
                yield block(start, end, "both")


def _curves(session: Session, heard: Sequence[Heard], x: Callable[[float], float]) -> tuple[tuple[Curve, ...], str]:
    base = session.header.baseline
    if session.header.transport == "typed":
        return (), "This call was typed, so there is no voice to draw: no pitch, no loudness, no pace."
    if not any(h.prosody for h in heard):
        return (), "No voice was measured in this call, so there is no pitch, loudness or pace to draw."
    if base is None:
        return (), (
            "Pitch, loudness and pace are drawn against your own calm voice. None was recorded for this call: "
            "read the calibration sentences before your next one."
        )
    voices = {e.turn: e for e in session.events if isinstance(e, Steadiness)}
    step = max(sum(h.end - h.start for h in heard) / _POINTS, 0.02)
    curves = [_pitch(base, heard, voices, x, step), _loudness(base, heard, voices, x, step)]
    curves += [_rate(base, heard, voices, x), _steadiness(heard, voices, x)]
    return tuple(c for c in curves if c), ""


def _pitch(
    base: Baseline, heard: Sequence[Heard], voices: dict[int, Steadiness], x: Callable[[float], float], step: float
) -> Curve | None:
    calm = base.pitch
    if not calm:
        return None

    def semitones(hertz: float) -> float:
        return 12 * log2(hertz / calm)

    return _curve(
        ("Pitch", "semitones", f"0 = your calm pitch, {calm:.0f} Hz"),
        [_points(h, lambda track: track.pitch, semitones, step) for h in heard],
        [_figure(h, v.pitch, v.level) for h, v in _with_voice(heard, voices)],
        _PITCH,
        x,
        lambda v: f"{signed(v)} semitones",
        scale=lambda v: signed(v, 0),
        grid=6,
    )


def _loudness(
    base: Baseline, heard: Sequence[Heard], voices: dict[int, Steadiness], x: Callable[[float], float], step: float
) -> Curve | None:
    calm = base.loudness
    if calm is None:
        return None
    return _curve(
        ("Loudness", "decibels", "0 = your calm loudness on this microphone"),
        [_points(h, lambda track: track.loudness, lambda db: db - calm, step) for h in heard],
        [_figure(h, v.loudness, v.level) for h, v in _with_voice(heard, voices)],
        _LOUDNESS,
        x,
        lambda v: f"{signed(v)} dB",
        scale=lambda v: signed(v, 0),
        grid=6,
    )


def _rate(
    base: Baseline, heard: Sequence[Heard], voices: dict[int, Steadiness], x: Callable[[float], float]
) -> Curve | None:
    figures = []
    for number, h in enumerate(heard, 1):
        voice = voices.get(number)
        figures.append(_figure(h, voice.rate if voice else None, voice.level if voice else "unknown"))
    pace = f", {base.word_rate:.0f} words a minute" if base.word_rate else ""
    return _curve(
        ("Pace", "times your own", f"1 = your calm pace{pace}"),
        [],
        figures,
        _RATE,
        x,
        lambda v: f"{v:.1f} times",
        scale=lambda v: f"{v:g}×",
        grid=0.5,
        calm=1,
    )


def _steadiness(heard: Sequence[Heard], voices: dict[int, Steadiness], x: Callable[[float], float]) -> Curve | None:
    """The judge's score of each utterance, how far it may be off, and where the voice rose or settled within it."""
    judged = [(h, v, v.score) for h, v in _with_voice(heard, voices) if v.score is not None]
    if not judged:
        return None

    def y(score: float) -> float:
        return round(100 - 100 * min(max(score, 0), 1), 2)

    def point(t: float, at: float) -> str:
        return f"{x(t) * WIDTH / 100:.0f} {at * HEIGHT / 100:.0f}"

    path: list[str] = []
    risen: list[str] = []
    settled: list[str] = []
    for h, v, score in judged:
        if v.uncertainty:
            middle = (h.start + h.end) / 2
            path.append(f"M{point(middle, y(score - v.uncertainty))}L{point(middle, y(score + v.uncertainty))}")
        for within, moments, tip, foot in ((v.rise, risen, 0, 12), (v.recovery, settled, 12, 0)):
            if within is not None:
                t = h.start + within
                moments.append(clock(t))
                side = (h.end - h.start) / 20
                path.append(f"M{point(t - side, foot)}L{point(t, tip)}L{point(t + side, foot)}")
    above = sum(v.level == "raised" for _, v, _ in judged)
    says = f"{len(judged)} utterance{'s'[: len(judged) > 1]} judged, {above} raised"
    says += f". It rose within an utterance at {', '.join(risen)}" if risen else ""
    says += f". It settled again at {', '.join(settled)}" if settled else ""
    return Curve(
        "Steadiness",
        "score",
        "0 = as your calm voice; a bar: how far it may be off; an arrow: rose or settled within",
        says=says,
        ticks=(Tick(y(0), "calm"), Tick(y(TENSE), "tense"), Tick(y(RAISED), "raised")),
        calm=y(0),
        path="".join(path),
        levels=tuple(Level(x(h.start), max(round(x(h.end) - x(h.start), 3), 0.1), y(s), v.level) for h, v, s in judged),
    )


_Figure = tuple[float, float, float, str]
"""Start and end in seconds, value, steadiness."""


def _with_voice(heard: Sequence[Heard], voices: dict[int, Steadiness]) -> Iterable[tuple[Heard, Steadiness]]:
    return ((h, voices[n]) for n, h in enumerate(heard, 1) if n in voices)


def _figure(h: Heard, value: float | None, level: str) -> _Figure | None:
    return None if value is None else (h.start, h.end, value, level)


def _points(
    h: Heard,
    values: Callable[[Track], Sequence[float | None]],
    against: Callable[[float], float],
    step: float,
) -> list[list[Point]]:
    """One utterance's curve as runs of (seconds, value), thinned to one point every `step` seconds."""
    track = h.prosody.track if h.prosody else None
    if track is None:
        return []
    row = values(track)
    every = max(1, round(step / track.step)) if track.step > 0 else 1
    runs: list[list[Point]] = [[]]
    for i in range(0, len(row), every):
        some = [v for v in row[i : i + every] if v is not None]
        if some:
            middle = sorted(some)[len(some) // 2]
            runs[-1].append((h.start + (i + (every - 1) / 2) * track.step, against(middle)))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _curve(
    names: tuple[str, str, str],
    utterances: list[list[list[Point]]],
    figures: Sequence[_Figure | None],
    limits: tuple[tuple[float, float], tuple[float, float]],
    x: Callable[[float], float],
    say: Callable[[float], str],
    scale: Callable[[float], str],
    grid: float,
    calm: float = 0,
) -> Curve | None:
    known = [f for f in figures if f is not None]
    runs = [run for utterance in utterances for run in utterance]
    (lowest, highest), (low, high) = limits
    drawn = sorted(v for run in runs for _, v in run if v >= lowest) or sorted(f[2] for f in known)
    if not drawn:
        return None
    # The outermost per cent is left to octave errors and clicks.
    low = max(lowest, min(low, floor(drawn[len(drawn) // 100] / grid) * grid))
    high = min(highest, max(high, ceil(drawn[-1 - len(drawn) // 100] / grid) * grid))

    def y(value: float) -> float:
        return round((high - min(max(value, low), high)) / (high - low) * 100, 2)

    path = []
    for run in runs:
        inside = [(t, v) for t, v in run if v >= low]  # below the floor is a pause
        for i, (t, v) in enumerate(inside):
            path.append(f"{'L' if i else 'M'}{x(t) * WIDTH / 100:.0f} {y(v) * HEIGHT / 100:.0f}")
        if len(inside) == 1:
            path.append("h1")
    says = names[2]
    if known:
        top = max(known, key=lambda f: f[2])
        says += f". Highest utterance {say(top[2])} at {clock(top[0])}, lowest {say(min(f[2] for f in known))}"
    first, last = ceil(low / grid), floor(high / grid)
    return Curve(
        *names,
        says=says,
        ticks=tuple(Tick(y(i * grid), scale(i * grid)) for i in range(first, last + 1)),
        calm=y(calm),
        path="".join(path),
        levels=tuple(Level(x(a), max(round(x(b) - x(a), 3), 0.1), y(v), level) for a, b, v, level in known),
    )


def _anger(session: Session, x: Callable[[float], float], customer: str) -> Anger | None:
    moods = [e for e in session.events if isinstance(e, MoodChanged)]
    says = [e for e in session.events if isinstance(e, Say)]
    if not moods and not says:
        return None

    def y(anger: float) -> float:
        return round((10 - anger) * 10, 1)

    first = moods[0].before if moods else says[0].anger
    path, changes = [f"M0 {y(first) * HEIGHT / 100:g}"], []
    for i, mood in enumerate(moods):
        path.append(f"H{x(mood.t) * WIDTH / 100:.0f}V{y(mood.after) * HEIGHT / 100:g}")
        together = [m for m in moods if m.t == mood.t and m.turn == mood.turn]
        if together[-1] is not mood:
            continue
        before = together[0].before
        reasons = "; ".join(dict.fromkeys(f"{sentence(m.because)} ({signed(m.after - m.before)})" for m in together))
        told = f"{clock(mood.t)}: anger {before:.1f} → {mood.after:.1f}. {reasons}"
        changes.append(Change(mood.t, x(mood.t), y(mood.after), way(mood.after - before), told, i + 2 - len(together)))
    line = "".join([*path, f"H{WIDTH}"])
    last = moods[-1].after if moods else first
    trusted = [(e.t, e.trust_before, e.trust_after) for e in moods if e.trust_before is not None]
    trust = [f"M0 {y(trusted[0][1]) * HEIGHT / 100:g}"] if trusted else []
    trust += [f"H{x(t) * WIDTH / 100:.0f}V{y(after or 0.0) * HEIGHT / 100:g}" for t, _, after in trusted]
    return Anger(
        area=f"{line}V{HEIGHT}H0Z",
        line=line,
        changes=tuple(changes),
        says=f"{customer}'s anger from {first:.1f} to {last:.1f} of 10, in {len(changes)} changes",
        trust="".join([*trust, f"H{WIDTH}"]) if trust else "",
    )


def _time_ticks(seconds: float) -> Iterable[Tick]:
    """At most about twelve round times; every other one is minor."""
    if seconds <= 0:
        return
    step = next((s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900) if seconds / s <= 12), 1800)
    for i in range(int(seconds // step) + 1):
        yield Tick(round(i * step / seconds * 100, 3), clock(i * step), bool(i % 2))
