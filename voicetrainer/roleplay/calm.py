"""A calm sample over many calls: what it learns from them, and when it no longer fits. Pure.

A sample of two or three sentences is short; the steady parts of later calls make it longer. They must not teach it that
anger is calm. So an utterance counts only when it is surely steady against the sample as it was first given, each moves
it by little, and all together never further than `FURTHEST` from where it began, however many calls there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log
from statistics import median

from voicetrainer.roleplay.events import Baseline, Prosody, q
from voicetrainer.roleplay.steadiness import judge

FURTHEST: dict[str, float] = {
    "pitch": 0.7, "pitch_spread": 0.4, "loudness": 2.0, "tilt": 1.0, "body": 0.6, "lilt": 0.04, "ending": 1.5,
    "unison": 0.06, "climb": 0.1, "syllable_rate": 0.1, "word_rate": 0.1, "word_syllables": 0.1,
    "thinning": 1.0,
}  # fmt: skip
"""How far each figure of a sample may move in all: semitones for the pitch, shares for the rates, else its own unit."""

_ALIKE = (0.025, 0.2)  # score of an utterance that teaches: as far below the calm sample's own (0.06) as above
_SURE = 0.15  # its uncertainty at most
_SLOW = 40.0  # seconds of voice that would move a figure half of its way at once
_LONGEST = 60.0  # seconds a sample counts for at most, and so how sure it makes
_LOG = {"pitch": 12 / log(2), "syllable_rate": 1.0, "word_rate": 1.0, "word_syllables": 1.0}  # compared as ratios
_DIGITS = {"pitch": 1, "loudness": 1, "word_rate": 1, "lilt": 3, "unison": 3, "climb": 3}

_LEAST = 4  # utterances that must agree before the sample is called into question
_SAME_PITCH = 2.0  # semitones around the calm pitch within which people do not shout
_GAIN, _COLOUR = 8.0, 5.0  # dB


def refine(original: Baseline, current: Baseline, call: Sequence[Prosody]) -> Baseline:
    """A sample after a call.

    Parameters
    ----------
    original
        The sample as it was given.
    current
        What it has become since.
    call
        Measurements of the learner's utterances, in order. When they say that the sample no longer fits (`outgrown`)
        nothing is learnt from them.
    """
    if outgrown(original, call):
        return current
    for said in call:
        if _sure(said, original) and _sure(said, current):
            current = _moved(original, current, said)
    return current


def outgrown(original: Baseline, call: Sequence[Prosody]) -> str:
    """Why a call asks for a new sample, in words for the learner; empty when the sample fits.

    Where the pitch is that of the calm voice but all of it is much louder or brighter, it is not the voice that
    changed but the microphone, its gain or its distance. One or two utterances never say so.
    """
    verdicts = [(said, judge(said, original, 0.0, 0)) for said in call]
    if sum("another voice" in v.reasons[0] for _, v in verdicts) >= max(_LEAST, len(call) / 2):
        return "most of what was said is not in the voice of your calm sample"
    near = [v for _, v in verdicts if v.pitch is not None and abs(v.pitch) <= _SAME_PITCH]
    loudness = [v.loudness for v in near if v.loudness is not None and v.level != "raised"]
    tilt = [v.tilt for v in near if v.tilt is not None]
    if len(loudness) >= _LEAST and abs(louder := median(loudness)) > _GAIN:
        way = "louder" if louder > 0 else "quieter"
        return f"at your calm pitch you are {abs(louder):.0f} dB {way} than in your calm sample"
    if len(tilt) >= _LEAST and abs(brighter := median(tilt)) > _COLOUR:
        way = "brighter" if brighter > 0 else "darker"
        return f"at your calm pitch you sound {way} than in your calm sample ({abs(brighter):.0f} dB at 1-5 kHz)"
    return ""


def _sure(said: Prosody, baseline: Baseline) -> bool:
    verdict = judge(said, baseline, 0.0, 0)
    if verdict.level != "steady" or verdict.score is None or verdict.uncertainty is None:
        return False
    return _ALIKE[0] <= verdict.score <= _ALIKE[1] and verdict.uncertainty <= _SURE and verdict.rise is None


def _moved(original: Baseline, current: Baseline, said: Prosody) -> Baseline:
    share = said.voiced / (said.voiced + _SLOW)
    moved = {name: _step(name, original, current, said, share) for name in FURTHEST}
    seconds = q(min(current.seconds + said.voiced, max(_LONGEST, current.seconds)))
    return replace(current, utterances=current.utterances + 1, seconds=seconds, **moved)


def _step(name: str, original: Baseline, current: Baseline, said: Prosody, share: float) -> float | None:
    first, now, new = (getattr(source, name) for source in (original, current, said))
    if first is None or now is None or new is None:
        return now if now is None else float(now)
    scale = _LOG.get(name)
    if scale is not None:
        first, now, new = (scale * log(value) for value in (first, now, new))
    far = FURTHEST[name]
    value = min(max(now + share * min(max(new - now, -4 * far), 4 * far), first - far), first + far)
    return q(exp(value / scale) if scale is not None else value, _DIGITS.get(name, 2))
