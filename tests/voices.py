"""Synthetic voices with known answers: a harmonic source through formants, with chosen pitch, level, tilt and tempo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
HOP = 160

_VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))


@dataclass(frozen=True)
class Voice:
    """What is said, and the truth about it on a 10 ms grid."""

    samples: NDArray[np.float32]
    """Shape (n,), at 16 kHz."""
    pitch: NDArray[np.float64]
    """Hertz at each 10 ms, 0 where there is no voice; shape (n // 160,)."""
    syllables: int


def voice(
    seconds: float = 4.0,
    *,
    pitch: float = 130.0,
    spread: float = 2.0,
    gain_db: float = 0.0,
    tilt_db: float = 0.0,
    tempo: float = 1.0,
    pause_every: int = 6,
    seed: int = 0,
) -> Voice:
    """Babble: syllables of vowels with gliding pitch, fricatives between some of them, and pauses.

    Parameters
    ----------
    seconds
        Length at tempo 1; a faster tempo says the same in less time.
    pitch, spread
        Centre (Hz) of the pitch and its movement (semitones, one standard deviation or so).
    gain_db
        Level against the quiet default (about -26 dBFS).
    tilt_db
        More (or less) energy at 1-5 kHz against below 1 kHz.
    tempo
        2 is twice as fast.
    pause_every
        Syllables between two pauses of 0.35 s (at tempo 1).
    seed
        Same seed, same words.
    """
    rng = np.random.default_rng(seed)
    plan: list[tuple[str, float, int, float, float]] = []
    total = 0.0
    syllables = 0
    while total < seconds:
        if syllables and syllables % pause_every == 0 and plan[-1][0] != "pause":
            plan.append(("pause", 0.35, 0, 0, 0))
        elif rng.random() < 0.35 and plan and plan[-1][0] == "vowel":
            plan.append(("hiss", float(rng.uniform(0.06, 0.11)), 0, 0, 0))
        else:
            glide = rng.normal(0, spread, 2)
            plan.append(("vowel", float(rng.uniform(0.14, 0.24)), int(rng.integers(5)), glide[0], glide[1]))
            syllables += 1
        total += plan[-1][1]
    spans = [max(round(p[1] / tempo * RATE), HOP) for p in plan]
    n = sum(spans)
    f0 = np.zeros(n)
    vowel = np.zeros((n, 3))
    loud = np.zeros(n)
    hiss = np.zeros(n)
    at = 0
    for (what, _, which, a, b), span in zip(plan, spans, strict=True):
        part = slice(at, at + span)
        ramp = np.sin(np.linspace(0, np.pi, span)) ** 0.5
        if what == "vowel":
            f0[part] = pitch * 2 ** (np.linspace(a, b, span) / 12)
            vowel[part] = _VOWELS[which]
            loud[part] = 0.25 + 0.75 * ramp
        elif what == "hiss":
            hiss[part] = ramp
        at += span
    out = _sing(f0, vowel, tilt_db) * loud
    noise = rng.standard_normal(n) * hiss
    out += 0.10 * np.diff(noise, prepend=0.0) * np.std(out[f0 > 0])
    out *= 10 ** ((-26 + gain_db) / 20) / np.sqrt(np.mean(out[loud > 0] ** 2))
    return Voice(out.astype(np.float32), f0[: n // HOP * HOP : HOP], syllables)


def _sing(f0: NDArray[np.float64], formants: NDArray[np.float64], tilt_db: float) -> NDArray[np.float64]:
    """Harmonics of a glottal source (-12 dB an octave, +6 from the lips) under three formants."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    out = np.zeros(len(f0))
    voiced = f0 > 0
    lowest = f0[voiced].min()
    for k in range(1, int(7000 / lowest) + 1):
        f = k * f0
        live = voiced & (f < 7000)
        gain = np.zeros(len(f0))
        fl = f[live]
        gain[live] = sum(
            a / (1 + ((fl - formants[live, i]) / w) ** 2)
            for i, (a, w) in enumerate(((1.0, 90.0), (0.5, 120.0), (0.25, 180.0)))
        )
        gain[live] = (gain[live] + 0.03) / k**0.5 * np.where(fl > 1000, 10 ** (tilt_db / 20), 1.0)
        out += gain * np.sin(k * phase)
    return out


def noisy(samples: NDArray[np.float32], snr_db: float, *, colour: float = 0.0, seed: int = 1) -> NDArray[np.float32]:
    """Room noise under a voice at a signal to noise ratio over the whole; colour 0 is white, 1 pink."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    f = np.fft.rfftfreq(len(samples), 1 / RATE)
    noise = np.fft.irfft(spectrum / np.maximum(f, 40) ** (colour / 2), len(samples))
    power = np.mean(samples.astype(np.float64) ** 2) / 10 ** (snr_db / 10)
    return np.asarray(samples + noise * np.sqrt(power / np.mean(noise**2)), np.float32)


def silence(seconds: float) -> NDArray[np.float32]:
    """Digital silence."""
    return np.zeros(round(seconds * RATE), np.float32)


def joined(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """One after the other."""
    return np.concatenate(parts).astype(np.float32)
