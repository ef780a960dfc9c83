"""How an utterance sounds: pitch, loudness, rate, pauses and spectral tilt, as it is spoken. The door to librosa.

librosa gives the scales: the frequencies of the bins, the weighting of the ear, semitones. The pitch tracker (`pitch`)
and the streaming are ours, because librosa's want the whole utterance at once (pyin: 99 ms of CPU per second of audio,
against 3 to 4 for everything here). Of librosa only the converters are used: they compile nothing, while ``util``,
``stft``, ``rms``, ``power_to_db`` and ``yin`` come with functions that numba compiles when they are imported, 13 to
20 s on a fresh install, in which other threads stall (and which NUMBA_DISABLE_JIT makes fail). What is left is 0.8 s
of imports in each process; `warm_up` can take them early.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from voicetrainer.roleplay.events import Prosody, Track, Word, q
from voicetrainer.speech.pitch import PitchTracker

RATE = 16_000
HOP = 160
"""Samples between two frames: 10 ms."""
TRACK_STEP = 0.1
"""Seconds between two values of a `Track`."""

_WINDOW = 640  # 40 ms: two and a half periods of the lowest pitch
_N_FFT = 1024
_BLOCK = 5  # frames analysed together: with half a window and the look-ahead, pitch is known within 100 ms
_FRAMES = np.arange(_BLOCK)[:, None] * HOP + np.arange(_WINDOW)  # which samples make up a block's frames
_PAUSE = 0.25  # seconds
_SMOOTH = np.hanning(7)[1:-1]  # over 50 ms
_CLOSURE = 0.12  # seconds: shorter gaps belong to the sounds (p, t, k), longer ones do not count as speaking time
_FULL_SCALE = 0.999
_DIGITAL_SILENCE = 1e-11  # mean square below which nothing was recorded, -110 dBFS
_DIP = 1.5  # dB between two syllables: more loses some of fast speech, less adds some in noise

Floats = NDArray[np.floating]


class _Analysis(NamedTuple):
    window: Floats
    """Shape (_WINDOW,)."""
    bands: Floats
    """Power spectrum to mean squares, shape (bins, 6); columns as in `_ALL` and so on."""


_ALL, _HEARD, _LOW, _HIGH, _BODY, _VOWELS = range(6)
"""Columns: all above 50 Hz, the same as weighted by the ear, 60-1000 Hz, 1-5 kHz, 220-460 Hz, 300-3000 Hz."""


@cache
def _analysis() -> _Analysis:
    import librosa

    f = librosa.fft_frequencies(sr=RATE, n_fft=_N_FFT)
    ear = np.where(f >= 50, 10 ** (librosa.A_weighting(np.maximum(f, 1)) / 10), 0)
    edges = ((50, 8001), (60, 1000), (1000, 5000), (220, 460), (300, 3000))
    everything, low, high, body, vowels = (((f >= a) & (f < b)).astype(np.float64) for a, b in edges)
    window = np.hanning(_WINDOW + 1)[:-1]
    # Parseval: a one-sided power spectrum of a windowed frame as the mean square of its samples.
    scale = 2 / (_N_FFT * np.sum(window**2))
    bands = np.stack((everything, ear, low, high, body, vowels), axis=1) * scale
    return _Analysis(window.astype(np.float32), bands.astype(np.float32))


def warm_up() -> None:
    """Load librosa and run every step once; takes about a second the first time in a process, nothing later."""
    measure(np.zeros(RATE, np.float32))


class ProsodyTracker:
    """Measures one utterance while it arrives.

    What is kept per second of audio is constant (about 2.4 kB), and little is left to do when the utterance ends. The
    values do not depend on how the samples were cut into pieces.
    """

    def __init__(self) -> None:
        self._setup = _analysis()
        self._pitch = PitchTracker(RATE, self._setup.window, _N_FFT)
        self._waiting = np.zeros(_WINDOW // 2, np.float32)  # the first frame is centred on the first sample
        self._samples = 0
        self._clipped = 0
        self._loudest = -200.0
        self._pitches: list[Floats] = []
        self._bands: list[Floats] = []

    def feed(self, samples: Floats) -> None:
        """Add audio.

        Parameters
        ----------
        samples
            Mono at 16 kHz, -1 to 1, shape (n,), any n.
        """
        self._samples += len(samples)
        self._clipped += int(np.count_nonzero(np.abs(samples) >= _FULL_SCALE))
        self._waiting = np.concatenate((self._waiting, samples.astype(np.float32, copy=False)))
        at, need = 0, _WINDOW + (_BLOCK - 1) * HOP
        while len(self._waiting) - at >= need:
            self._analyse(self._waiting[at : at + need])
            at += _BLOCK * HOP
        self._waiting = self._waiting[at:]

    def _analyse(self, samples: Floats) -> None:
        frames = samples[_FRAMES[: (len(samples) - _WINDOW) // HOP + 1]]
        frames = (frames - frames.mean(axis=1, keepdims=True)) * self._setup.window  # many microphones have an offset
        spectrum = np.fft.rfft(frames, _N_FFT, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        bands = power @ self._setup.bands
        low = _db(bands[:, _LOW])
        # The voice's own level so far, forgotten at 3 dB a second: 30 dB below it there is only room.
        self._loudest = max(self._loudest - 0.03 * len(low), float(low.max()))
        self._pitches.append(self._pitch.push(power, np.maximum(self._loudest - 30 - low, 0)))
        self._bands.append(bands)

    def finish(self, words: Sequence[Word] = (), start: float = 0.0) -> Prosody:
        """The measurements of the whole utterance; the tracker is used up.

        Parameters
        ----------
        words
            What was said, on the call clock; only for the word rate.
        start
            Call clock of the first sample fed, seconds; words outside the utterance do not count.
        """
        self._waiting = np.concatenate((self._waiting, np.zeros(_WINDOW // 2, np.float32)))
        count = (len(self._waiting) - _WINDOW) // HOP + 1 if self._samples else 0
        if count > 0:
            self._analyse(self._waiting[: _WINDOW + (count - 1) * HOP])
        self._pitches.append(self._pitch.finish())
        seconds = self._samples / RATE
        inside = sum(1 for w in words if w.end > start and w.start < start + seconds)
        clipped = self._clipped / max(self._samples, 1)
        if not self._bands:
            return Prosody(seconds=q(seconds), voiced=0.0, clipped=q(clipped, 5))
        return _summary(seconds, np.concatenate(self._pitches), np.concatenate(self._bands), inside, clipped)


def measure(samples: Floats, words: Sequence[Word] = ()) -> Prosody:
    """Measure a whole utterance at once: the same code, the same values.

    Parameters
    ----------
    samples
        Mono at 16 kHz, -1 to 1, shape (n,).
    words
        What was said, timed from the first sample.
    """
    tracker = ProsodyTracker()
    tracker.feed(samples)
    return tracker.finish(words)


def _summary(seconds: float, pitch: Floats, bands: Floats, words: int, clipped: float) -> Prosody:
    power = bands[:, _ALL].astype(np.float64)
    alive = power > _DIGITAL_SILENCE
    if not alive.any():
        return Prosody(
            seconds=q(seconds), voiced=0.0, clipped=q(clipped, 5), track=_track(seconds, pitch, power, bands)
        )
    level = _db(bands[:, _HEARD])
    quietest = alive & (level <= np.percentile(level[alive], 10))
    room = np.median(bands[quietest], axis=0)  # the background's bands
    floor, top = float(_db(room[_HEARD])), float(np.percentile(level[alive], 95))
    # Speech is what rises well above the room, and in a quiet room what is not 30 dB below the loudest.
    speech = alive & (level > floor + max(min(0.35 * (top - floor), 15.0), top - floor - 30))
    pitch = np.where(speech, pitch, 0)
    voiced = pitch > 0
    pauses, spoken = _pauses(speech)
    syllables = _nuclei(_db(bands[:, _VOWELS]), voiced)
    loud = float(np.mean(power[speech]) - room[_ALL]) if speech.any() else 0.0
    hertz = spread = tilt = body = lilt = None
    if voiced.any():
        hertz = float(np.median(pitch[voiced]))
        semitones = _semitones(pitch[voiced]) - _semitones(np.array(hertz))
        spread = float(np.std(semitones[np.abs(semitones) < 12]))
        tilt, body = _colour(bands[voiced], room)
        lilt = _lilt(pitch)
    return Prosody(
        seconds=q(seconds),
        voiced=q(voiced.sum() * HOP / RATE),
        pitch=_q(hertz, 1),
        pitch_spread=_q(spread, 2),
        loudness=q(_db(loud), 1) if loud > 0 else None,
        noise=q(_db(room[_ALL]), 1),
        tilt=_q(tilt, 2),
        body=_q(body, 2),
        lilt=_q(lilt, 3),
        syllable_rate=q(syllables / spoken, 2) if spoken > 0 and syllables else None,
        word_rate=q(60 * words / spoken, 1) if spoken > 0 and words else None,
        pauses=len(pauses),
        pause_seconds=q(sum(pauses), 2),
        clipped=q(clipped, 5),
        track=_track(seconds, pitch, power, np.maximum(bands - room, 0.1 * room)),
    )


def _db(power: Any) -> Any:
    """Mean square as dB relative to full scale."""
    return 10 * np.log10(np.maximum(power, _DIGITAL_SILENCE))


def _semitones(pitch: Floats) -> Any:
    import librosa

    return librosa.hz_to_midi(pitch)


def _colour(voiced: Floats, room: Floats) -> tuple[float, float]:
    """Tilt and body, the room's share taken out of each band.

    The brightest fifth of the frames tells a pressed voice better than their mean, and is least touched by noise.
    """
    clean = np.maximum(voiced - room, 0.1 * room + _DIGITAL_SILENCE)
    tilt = np.percentile(_db(clean[:, _HIGH]) - _db(clean[:, _LOW]), 80)
    mean = np.maximum(voiced.mean(axis=0) - room, 0.05 * room + _DIGITAL_SILENCE)
    return float(tilt), float(_db(mean[_BODY]) - _db(mean[_LOW] + mean[_HIGH]))


def _lilt(pitch: Floats) -> float | None:
    """Rising less falling share of 20 ms steps within voice; None with fewer than six."""
    both = (pitch[:-2] > 0) & (pitch[2:] > 0)
    steps = _semitones(pitch[2:][both]) - _semitones(pitch[:-2][both])
    steps = steps[np.abs(steps) < 6]  # not a slip of the octave
    return float(np.mean(steps > 0.1) - np.mean(steps < -0.1)) if len(steps) >= 6 else None


def _q(value: float | None, digits: int) -> float | None:
    return None if value is None else q(value, digits)


def _pauses(speech: NDArray[np.bool_]) -> tuple[list[float], float]:
    """Lengths of the silences inside, and the speaking time without them, seconds."""
    at = np.flatnonzero(speech)
    if not len(at):
        return [], 0.0
    gaps = (np.diff(at) - 1) * HOP / RATE
    spoken = (at[-1] - at[0] + 1) * HOP / RATE - float(gaps[gaps > _CLOSURE].sum())
    return [float(gap) for gap in gaps if gap >= _PAUSE], spoken


def _nuclei(level: Floats, voiced: NDArray[np.bool_]) -> int:
    """Syllables: voiced peaks of the vowels' band with a dip between them.

    After N. de Jong and T. Wempe, "Praat script to detect syllable nuclei and measure speech rate automatically",
    Behavior Research Methods 41, 2009.
    """
    if len(level) < len(_SMOOTH):
        return 0
    smooth = np.convolve(level, _SMOOTH / _SMOOTH.sum(), "same")
    count = 0
    high, low, peak_voiced, rising = -np.inf, np.inf, False, True
    for value, voice in zip(smooth.tolist(), voiced.tolist(), strict=True):
        if rising:
            if value > high:
                high, peak_voiced = value, voice
            elif value < high - _DIP:
                count += peak_voiced
                rising, low = False, value
        elif value < low:
            low = value
        elif value > low + _DIP:
            rising, high, peak_voiced = True, value, voice
    return count + (rising and peak_voiced)


def _track(seconds: float, pitch: Floats, power: NDArray[np.float64], clean: Floats) -> Track:
    """Median pitch, level and tilt of the 0.1 s around each step; `clean` are the bands without the room's share."""
    per = round(TRACK_STEP * RATE / HOP)
    steps = int(np.ceil(round(seconds / TRACK_STEP, 6)))
    pitches: list[float | None] = []
    levels: list[float | None] = []
    tilts: list[float | None] = []
    for i in range(steps):
        part = slice(max(i * per - per // 2, 0), i * per + per // 2)
        voiced = pitch[part] > 0
        enough = voiced.sum() >= 3
        pitches.append(q(float(np.median(pitch[part][voiced])), 1) if enough else None)
        high, low = clean[part][voiced][:, (_HIGH, _LOW)].mean(axis=0) if enough else (0.0, 0.0)
        tilts.append(q(float(_db(high) - _db(low)), 1) if enough else None)
        mean = float(np.mean(power[part])) if len(power[part]) else 0.0
        levels.append(q(10 * np.log10(mean), 1) if mean > _DIGITAL_SILENCE else None)
    return Track(TRACK_STEP, tuple(pitches), tuple(levels), tuple(tilts))
