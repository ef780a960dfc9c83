"""A pen to write calls by hand with: `Call` writes events down while time goes by."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import sin
from pathlib import Path

from voicetrainer.recording import Session
from voicetrainer.report import View
from voicetrainer.roleplay.events import (
    Baseline,
    Decision,
    Ended,
    Fact,
    Header,
    Heard,
    LearnerLeft,
    LineStarted,
    LineStopped,
    ModelUsed,
    MoodChanged,
    Noticed,
    Prosody,
    Say,
    Silence,
    SpeechStarted,
    StageReached,
    Steadiness,
    Track,
    Word,
    q,
)
from voicetrainer.roleplay.scorecard import Scorecard
from voicetrainer.roleplay.techniques import DESCRIPTIONS, MISTAKES, SHORT

BASELINE = Baseline(
    utterances=4,
    seconds=14.2,
    pitch=182.0,
    pitch_spread=2.1,
    loudness=-27.5,
    tilt=-14.0,
    syllable_rate=4.4,
    word_rate=168.0,
)
SPOKEN = Header(
    scenario="late-parcel",
    scenario_text="format: 1\n",
    transport="fixture",
    voicetrainer="0.1.0",
    recognizer=ModelUsed("vosk-voicetrainer-starter-0.1", "0" * 64),
    voice=ModelUsed("espeak-ng"),
    baseline=BASELINE,
    channels=("learner", "customer"),
)
TYPED = replace(SPOKEN, transport="typed", recognizer=None, voice=None, baseline=None, channels=())
LABELS = {label: (SHORT[label], DESCRIPTIONS[label]) for label in SHORT}
FOLDER = Path("nowhere")


@dataclass
class Call:
    """Writes a call's events down while time goes by."""

    anger: float = 7.5
    t: float = 0.4
    typed: bool = False
    events: list[Fact | Decision] = field(default_factory=list)
    lines: int = 0
    turns: int = 0

    def customer(self, text: str, stage: str = "heard", cut: float | None = None, *, stops: bool = True) -> None:
        """Let the customer speak, perhaps cut off after some seconds."""
        self.lines += 1
        self.events.append(Say(q(self.t), self.lines, text, stage, q(self.anger, 2), "the stage"))
        seconds = len(text) / 14.5
        self.events.append(LineStarted(q(self.t), self.lines))
        if not stops:
            return
        self.t += seconds if cut is None else cut
        self.events.append(LineStopped(q(self.t), self.lines, cut=cut is not None))
        self.t += 0.5

    def learner(
        self,
        text: str,
        noticed: tuple[tuple[str, str, str], ...] = (),
        moods: tuple[tuple[str, float, str], ...] = (),
        pitch: float = 0.0,
        loud: float = 0.0,
        rate: float = 1.0,
        role: str = "turn",
        overlap: float = 0.0,
        unsure: str = "",
    ) -> None:
        """Let the learner speak: techniques as (label, quote, why), moods as (rule, change, because)."""
        self.turns += 1
        words, start = text.split(), self.t - (overlap + 0.5 if overlap else 0)
        each = 0.36 / rate
        timed = tuple(
            Word(w, q(start + i * each), q(start + (i + 1) * each), 0.31 if w == unsure else 0.93)
            for i, w in enumerate(words)
        )
        end = q(start + len(words) * each)
        prosody = None if self.typed else _prosody(q(end - start), pitch, loud, rate)
        self.t = end + 0.7
        self.events.append(SpeechStarted(q(start)))
        self.events.append(Heard(q(self.t), q(start), end, timed, prosody, q(overlap), role))  # type: ignore[arg-type]
        for label, quote, why in noticed:
            first = last = None
            if quote:
                length = len(quote.split())
                first = next(i for i in range(len(words)) if words[i : i + length] == quote.split())
                last = first + length - 1
            mistake = label in MISTAKES or label in ("interrupting", "raised_voice")
            self.events.append(Noticed(q(self.t), self.turns, label, mistake, 0.86, quote, first, last, why))
        if not self.typed:
            self.events.append(_voice(q(self.t), self.turns, pitch, loud, rate))
        for rule, change, because in moods:
            self.mood(rule, change, because, self.turns, next((quote for x, quote, _ in noticed if x == rule), ""))
        self.t += 0.4

    def mood(self, rule: str, change: float, because: str, turn: int, quote: str = "") -> None:
        """Enter a change of anger."""
        after = q(min(10, max(0, self.anger + change)), 2)
        self.events.append(MoodChanged(q(self.t), turn, q(self.anger, 2), after, rule, because, quote))
        self.anger = after

    def stage(self, stage: str, because: str) -> None:
        """Move the talk on."""
        self.events.append(StageReached(q(self.t), stage, because))

    def silence(self, seconds: float) -> None:
        """Let nobody speak."""
        self.t += seconds
        self.events.append(Silence(q(self.t), seconds))
        self.mood("dead_air", 0.6, "was left in silence", 0, f"{seconds:.0f} seconds of silence")

    def end(self, outcome: str, because: str) -> None:
        """End the call."""
        self.events.append(LearnerLeft(q(self.t), "the call was over"))
        self.events.append(Ended(q(self.t), outcome, because))  # type: ignore[arg-type]

    def view(self, card: Scorecard, *, audio: bool = True) -> View:
        """Wrap the call up as the report takes it."""
        ended = any(isinstance(e, Ended) for e in self.events)
        session = Session(
            folder=FOLDER,
            header=TYPED if self.typed else SPOKEN,
            events=tuple(self.events),
            audio=FOLDER / "call.flac" if audio and not self.typed else None,
            interrupted=not ended,
        )
        return View(
            session=session,
            scorecard=card,
            title="The parcel that never came",
            business="Northway Parcels, customer line",
            customer="Maria Keller",
            briefing="A birthday present was promised for Tuesday. It is Thursday, and the tracking page has said "
            "“out for delivery” ever since. The customer has called twice already and was cut off once.",
            goals=("Let her feel that somebody listens", "Find out what she needs now", "Agree on one definite step"),
            labels=LABELS,
        )


def _prosody(seconds: float, pitch: float, loud: float, rate: float) -> Prosody:
    """Make up a voice: swings of two semitones and 6 dB around its level, with a pause in each second and a half."""
    step = 0.02
    hertz: list[float | None] = []
    level: list[float | None] = []
    for i in range(int(seconds / step)):
        t = i * step
        pause = t % 1.5 > 1.32
        swing = 1.4 * sin(2.1 * t) + 0.7 * sin(9.7 * t + 1) - 0.5 * t / max(seconds, 1)
        hertz.append(None if pause or sin(13 * t) < -0.75 else q(182 * 2 ** ((pitch + swing) / 12), 1))
        level.append(q(-62 if pause else -27.5 + loud + 3 * sin(5.3 * t) + 2 * sin(17 * t), 1))
    return Prosody(
        seconds=seconds,
        voiced=q(seconds * 0.6),
        pitch=q(182 * 2 ** (pitch / 12), 1),
        loudness=q(-27.5 + loud, 1),
        word_rate=q(168 * rate, 1),
        track=Track(step, tuple(hertz), tuple(level)),
    )


def _voice(t: float, turn: int, pitch: float, loud: float, rate: float) -> Steadiness:
    far = max(pitch / 5, loud / 9)
    level = "raised" if far > 0.8 else "tense" if far > 0.45 else "steady"
    reasons = []
    if abs(pitch) >= 1.5:
        reasons.append(f"{abs(pitch):.0f} semitones {'above' if pitch > 0 else 'below'} your calm pitch")
    if loud >= 3:
        reasons.append(f"{loud:.0f} dB louder than your calm voice")
    if rate > 1.15:
        reasons.append(f"{(rate - 1) * 100:.0f} % faster")
    calm = tuple(reasons) or ("close to your calm voice",)
    return Steadiness(t, turn, level, q(min(1, far), 2), calm, q(pitch), q(loud), 1.0, rate)  # type: ignore[arg-type]
