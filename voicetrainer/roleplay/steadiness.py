"""Whether the learner kept a steady voice: their own calm voice against how they sound now. Pure.

We report acoustic facts about a voice and not somebody's emotion, and say when there was too little voice to judge.

The score is a small logistic, fitted on acted speech of 19 speakers in English, German and Polish (RAVDESS, EmoDB,
nEMO, TESS; each against two to four calm sentences of their own, half of it at a uniform level with noise 20 dB below),
angry against calm, neutral, happy, sad, fearful and surprised, each corpus with the same weight (in it angry 1, calm
and neutral 0.75 together, happy 0.25, the others 0.1 each; ridge 0.02). With the speaker left out of the fit, angry
against calm and neutral reaches an AUC of .974, against everything else .895. Each part is limited:

- *tilt* and *body* (a harder, brighter sound with less around its fundamental) carry most, because they are what
  tells an angry from a happy voice;
- *lilt*, more rising melody than usual, speaks for a lively voice and against a raised one;
- *pitch* counts up to two semitones, so that it can never call a voice raised by itself: a lively voice is high too;
- *loudness* and *rate* are reported but weigh nothing: a happy voice is as loud, and a microphone moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, log2
from typing import Literal

from voicetrainer.errors import AudioError
from voicetrainer.roleplay.events import Baseline, Prosody, Steadiness, q

RAISED = 0.6
"""Score from which a voice is *raised*: about three in four angry voices of the corpora above, and no calm one."""
TENSE = 0.35
"""Score from which a voice is *tense*."""

_BIAS = -2.5
_TILT = (0.35, -6.0, 10.0)  # weight per dB, and the range that counts
_BODY = (-0.25, -6.0, 6.0)  # the same
_PITCH = (0.48, 0.0, 2.0)  # per semitone
_LILT = (-5.0, -0.15, 0.3)  # per unit
_ENOUGH = 0.6  # seconds of voice
_CLIPPED = 0.01
_NOISY = 6.0  # dB between voice and background


def calibrate(utterances: Sequence[Prosody]) -> Baseline:
    """The learner's calm voice from two or three calm sentences.

    Parameters
    ----------
    utterances
        Measurements of calm sentences; those that cannot be judged (too short, clipped, too noisy) are left out.

    Raises
    ------
    AudioError
        When none is left.
    """
    good = [u for u in utterances if not _unfit(u)]
    if not good:
        why = _unfit(utterances[0]) if utterances else "nothing was recorded"
        raise AudioError(
            f"no calm voice to compare with: {why}", "say two or three calm sentences, about as loud as in a call"
        )
    pitches = [log(u.pitch) for u in good if u.pitch is not None]
    return Baseline(
        utterances=len(good),
        seconds=q(sum(u.seconds for u in good)),
        pitch=q(exp(sum(pitches) / len(pitches)), 1) if pitches else None,
        pitch_spread=_mean([u.pitch_spread for u in good], 2),
        loudness=_mean([u.loudness for u in good], 1),
        tilt=_mean([u.tilt for u in good], 2),
        syllable_rate=_mean([u.syllable_rate for u in good], 2),
        word_rate=_mean([u.word_rate for u in good], 1),
        body=_mean([u.body for u in good], 2),
        lilt=_mean([u.lilt for u in good], 3),
    )


def judge(prosody: Prosody | None, baseline: Baseline | None, t: float, turn: int) -> Steadiness:
    """Judge one utterance against the learner's baseline.

    Parameters
    ----------
    prosody
        Measurements of the utterance; None when it was typed.
    baseline
        The learner's calm voice; None when they have not been calibrated.
    t, turn
        Time of the decision and number of the utterance.
    """
    why = "typed, so there is no voice to judge" if prosody is None else _unfit(prosody)
    if not why and (baseline is None or baseline.pitch is None or baseline.tilt is None):
        why = "no calm voice of yours to compare with yet"
    if why or prosody is None or baseline is None:
        return Steadiness(t=t, turn=turn, level="unknown", score=None, reasons=(why,))
    pitch = _difference(_semitones(prosody.pitch), _semitones(baseline.pitch))
    loudness = _difference(prosody.loudness, baseline.loudness)
    tilt = _difference(prosody.tilt, baseline.tilt)
    rate = _rate(prosody, baseline)
    body, lilt = _difference(prosody.body, baseline.body), _difference(prosody.lilt, baseline.lilt)
    parts = ((pitch, _PITCH), (tilt, _TILT), (body, _BODY), (lilt, _LILT))
    score = 1 / (1 + exp(-_BIAS - sum(_part(value, scale) for value, scale in parts)))
    level: Literal["steady", "tense", "raised"] = (
        "raised" if score >= RAISED else "tense" if score >= TENSE else "steady"
    )
    return Steadiness(
        t=t,
        turn=turn,
        level=level,
        score=q(score),
        reasons=_reasons(level, pitch, loudness, tilt, rate),
        pitch=None if pitch is None else q(pitch, 1),
        loudness=None if loudness is None else q(loudness, 1),
        tilt=None if tilt is None else q(tilt, 1),
        rate=None if rate is None else q(rate, 2),
    )


def _unfit(prosody: Prosody) -> str:
    """Why an utterance cannot be judged; empty when it can."""
    if prosody.voiced < _ENOUGH or prosody.pitch is None or prosody.tilt is None:
        return f"too little voice to judge ({prosody.voiced:.1f} seconds)"
    if prosody.clipped > _CLIPPED:
        return f"too loud for the microphone: {100 * prosody.clipped:.0f} % of the sound is cut off"
    if prosody.loudness is not None and prosody.noise is not None and prosody.loudness - prosody.noise < _NOISY:
        return f"too noisy to judge: the voice is {prosody.loudness - prosody.noise:.0f} dB above the background"
    return ""


def _reasons(
    level: str, pitch: float | None, loudness: float | None, tilt: float | None, rate: float | None
) -> tuple[str, ...]:
    found: list[tuple[float, str]] = []
    if pitch is not None and abs(pitch) >= 2:
        side = "above" if pitch > 0 else "below"
        found.append((abs(pitch) / 4, f"{abs(pitch):.1f} semitones {side} your calm pitch"))
    if loudness is not None and abs(loudness) >= 3:
        found.append((abs(loudness) / 6, f"{abs(loudness):.0f} dB {'louder' if loudness > 0 else 'quieter'}"))
    if tilt is not None and abs(tilt) >= 3:
        sound = "a harder, brighter sound" if tilt > 0 else "a softer, darker sound"
        found.append((abs(tilt) / 3, f"{sound} ({tilt:+.0f} dB at 1-5 kHz)"))
    if rate is not None and (rate >= 1.2 or rate <= 1 / 1.2):
        found.append(
            (abs(log(rate)) / 0.25, f"{abs(rate - 1):.0%} {'faster' if rate > 1 else 'slower'}".replace("%", " %"))
        )
    words = [text for _, text in sorted(found, key=lambda x: -x[0])]
    if level == "steady" and pitch is not None and pitch >= 3:
        words.append("lively, and not pressed")
    return tuple(words) or ("close to your calm voice",)


def _part(value: float | None, scale: tuple[float, float, float]) -> float:
    weight, low, high = scale
    return 0.0 if value is None else weight * min(max(value, low), high)


def _semitones(pitch: float | None) -> float | None:
    return None if pitch is None else 12 * log2(pitch)


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _rate(prosody: Prosody, baseline: Baseline) -> float | None:
    """Speaking rate against the baseline's: words where both were heard, else syllables."""
    for now, calm in ((prosody.word_rate, baseline.word_rate), (prosody.syllable_rate, baseline.syllable_rate)):
        if now and calm:
            return now / calm
    return None


def _mean(values: Sequence[float | None], digits: int) -> float | None:
    known = [v for v in values if v is not None]
    return q(sum(known) / len(known), digits) if known else None
