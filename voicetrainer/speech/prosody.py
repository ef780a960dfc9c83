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
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from voicetrainer.roleplay.events import Prosody, Track, Word, q
from voicetrainer.speech.pitch import PitchTracker
from voicetrainer.speech.syllables import syllables

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
_CLOSURE = 0.1  # seconds of a gap that belong to the sounds (p, t, k); what is longer is no speaking time
_FULL_SCALE = 0.999
_DIGITAL_SILENCE = 1e-11  # mean square below which nothing was recorded, -110 dBFS
_VOICE = (20.0, 10.0)  # dB below the loud frames at which voice begins to count for its pitch, and till it counts whole
_SEMITONES = 2.0  # width of what counts as the same pitch
_SOUNDS = 16  # bands in which speech is followed from sound to sound
_DEPTH = 30.0  # dB below the loudest sounds: what is quieter is room
_ALIKE = 0.4  # correlation of the sound with itself at which it has given way to another
_STILL = 2.0  # dB: bands that spread by no more hold one sound, and the unrest of noise
_HELD = 40  # frames: a sound that has not given way by then is none of speech
_SYLLABLES, _POWER = 28.0, 1.09  # from frames to syllables a second: fitted, see `_syllable_rate`
_PHRASE = 20  # voiced frames: shorter ones have no course
_ENDING, _THIN = 10, 20  # voiced frames: the last tenth, and the last fifth, of a second of a phrase
_CHAPTER = 6000  # frames (60 s) kept in detail: the longest turn that turn-taking lets pass
_DRAWN = 10  # chapters whose track is kept: what is longer is no utterance to draw

Floats = NDArray[np.floating]


class _Analysis(NamedTuple):
    window: Floats
    """Shape (_WINDOW,)."""
    bands: Floats
    """Power spectrum to mean squares, shape (bins, 21); columns as in `_ALL` and so on."""


_ALL, _HEARD, _LOW, _HIGH, _BODY = range(5)
"""Columns: all above 50 Hz, the same as weighted by the ear, 60-1000 Hz, 1-5 kHz, 220-460 Hz."""
_SOUND = slice(5, 5 + _SOUNDS)
"""Columns of equal width on the mel scale, 60-7500 Hz."""


@cache
def _analysis() -> _Analysis:
    import librosa

    f = librosa.fft_frequencies(sr=RATE, n_fft=_N_FFT)
    ear = np.where(f >= 50, 10 ** (librosa.A_weighting(np.maximum(f, 1)) / 10), 0)
    mel = librosa.mel_frequencies(_SOUNDS + 1, fmin=60, fmax=7500)
    edges = ((50, 8001), (60, 1000), (1000, 5000), (220, 460), *pairwise(mel))
    everything, low, high, body, *sounds = (((f >= a) & (f < b)).astype(np.float64) for a, b in edges)
    window = np.hanning(_WINDOW + 1)[:-1]
    # Parseval: a one-sided power spectrum of a windowed frame as the mean square of its samples.
    scale = 2 / (_N_FFT * np.sum(window**2))
    bands = np.stack((everything, ear, low, high, body, *sounds), axis=1) * scale
    return _Analysis(window.astype(np.float32), bands.astype(np.float32))


def warm_up() -> None:
    """Load librosa and run every step once; takes about a second the first time in a process, nothing later."""
    measure(np.zeros(RATE, np.float32))


class ProsodyTracker:
    """Measures one utterance while it arrives.

    Little is left to do when the utterance ends, and the values do not depend on how the samples were cut into pieces.
    Memory is constant: about 9 kB a second for the first minute, and each minute is folded into the figures so far
    when it is over (from then on medians and percentiles are means over the minutes).
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
        self._decided = 0
        self._folded: _Chapter | None = None

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
        self._add(self._pitch.push(power, np.maximum(self._loudest - 30 - low, 0)))
        self._bands.append(bands)
        if self._decided >= _CHAPTER:
            pitch, bands = np.concatenate(self._pitches), np.concatenate(self._bands)
            chapter = _summary(_CHAPTER * HOP / RATE, pitch[:_CHAPTER], bands[:_CHAPTER])
            self._folded = _join(self._folded, chapter)
            self._pitches, self._bands = [pitch[_CHAPTER:]], [bands[_CHAPTER:]]
            self._decided -= _CHAPTER

    def _add(self, pitch: Floats) -> None:
        self._pitches.append(pitch)
        self._decided += len(pitch)

    def so_far(self, last: float | None = None) -> Prosody:
        """The measurements of what has been fed up to 100 ms ago, without a track; feeding may go on.

        After `finish` they are those of the whole utterance. Costs about 0.7 ms for ten seconds, so that a meter may
        ask a few times a second.

        Parameters
        ----------
        last
            Measure no more than so many seconds (of the minute that is being spoken), to see how the voice is now.
        """
        if not self._decided:
            return self._with(self._folded)
        pitch, bands = np.concatenate(self._pitches), np.concatenate(self._bands)
        self._pitches, self._bands = [pitch], [bands]  # fewer pieces for the next time
        bands = bands[: self._decided]
        if last is not None:
            count = max(round(last * RATE / HOP), 1)
            return self._with(_summary(last, pitch[-count:], bands[-count:], track=False))
        return self._with(_join(self._folded, _summary(len(bands) * HOP / RATE, pitch, bands, track=False)))

    def pitch(self) -> Floats:
        """Pitch of the last minute or less, up to 100 ms behind: hertz each 10 ms (0: no voice), shape (n,)."""
        return np.concatenate(self._pitches) if self._pitches else np.zeros(0, np.float32)

    def finish(self, words: Sequence[Word] = (), start: float = 0.0) -> Prosody:
        """The measurements of the whole utterance; the tracker is used up.

        Parameters
        ----------
        words
            What was said, on the call clock; only for the rates of words.
        start
            Call clock of the first sample fed, seconds; words outside the utterance do not count.
        """
        self._waiting = np.concatenate((self._waiting, np.zeros(_WINDOW // 2, np.float32)))
        count = (len(self._waiting) - _WINDOW) // HOP + 1 if self._samples else 0
        if count > 0:
            self._analyse(self._waiting[: _WINDOW + (count - 1) * HOP])
        self._add(self._pitch.finish())
        chapter = self._folded
        if self._bands and len(self._bands[-1]):
            seconds = self._samples / RATE - (chapter.prosody.seconds if chapter else 0.0)
            chapter = _join(chapter, _summary(seconds, np.concatenate(self._pitches), np.concatenate(self._bands)))
        return self._with(chapter, [w for w in words if w.end > start and w.start < start + self._samples / RATE])

    def _with(self, chapter: _Chapter | None, words: Sequence[Word] = ()) -> Prosody:
        """The figures, with what is counted over the whole utterance."""
        found = chapter.prosody if chapter else Prosody(seconds=0.0, voiced=0.0)
        spoken, long = chapter.spoken if chapter else 0.0, sum(word.end - word.start for word in words)
        return replace(
            found,
            seconds=q(self._samples / RATE),
            clipped=q(self._clipped / max(self._samples, 1), 5),
            word_rate=q(60 * len(words) / spoken, 1) if spoken > 0 and words else None,
            # By the length of the words alone: an echo or noise between them makes speech longer than it was.
            word_syllables=q(sum(syllables(word.text) for word in words) / long, 2) if long > 0 else None,
        )


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


class _Chapter(NamedTuple):
    """Up to a minute of an utterance, or several of them together."""

    prosody: Prosody
    spoken: float
    """Seconds of speech, pauses left out."""


def _summary(seconds: float, pitch: Floats, bands: Floats, *, track: bool = True) -> _Chapter:
    power = bands[:, _ALL].astype(np.float64)
    alive = power > _DIGITAL_SILENCE
    if not alive.any():
        silent = Prosody(seconds=q(seconds), voiced=0.0, track=_track(seconds, pitch, power, bands) if track else None)
        return _Chapter(silent, 0.0)
    level = _db(bands[:, _HEARD])
    quietest = alive & (level <= np.percentile(level[alive], 10))
    room = np.median(bands[quietest], axis=0)  # the background's bands
    floor, top = float(_db(room[_HEARD])), float(np.percentile(level[alive], 95))
    # Speech is what rises well above the room, and in a quiet room what is not 30 dB below the loudest.
    speech = alive & (level > floor + max(min(0.35 * (top - floor), 15.0), top - floor - 30))
    pitch = np.where(speech, pitch, 0)
    voiced = pitch > 0
    pauses, spoken = _pauses(speech)
    syllables = _syllable_rate(_db(bands[:, _SOUND]), level, floor, top)
    loud = float(np.mean(power[speech]) - room[_ALL]) if speech.any() else 0.0
    found: dict[str, float | None] = {}
    if voiced.any():
        semitones = _semitones(pitch[voiced])
        usual = _usual(semitones, _db(bands[voiced, _LOW]))
        hertz, semitones = float(_hertz(usual)), semitones - usual
        tilt, body = _colour(bands[voiced], room)
        phrases = _phrases(speech, voiced)
        found = {
            "pitch": q(hertz, 1),
            "pitch_spread": q(np.std(semitones[np.abs(semitones) < 12]), 2),
            "tilt": q(tilt, 2),
            "body": q(body, 2),
            "lilt": _q(_lilt(pitch), 3),
            "ending": _q(_close(level, phrases, _ENDING, -25.0), 2),
            "unison": _q(_unison(pitch[voiced], power[voiced]), 3),
            "climb": _q(_climb(pitch), 3),
            "thinning": _q(_close(_tilts(bands, room), phrases, _THIN, -20.0), 2),
        }
    prosody = Prosody(
        seconds=q(seconds),
        voiced=q(voiced.sum() * HOP / RATE),
        loudness=q(_db(loud), 1) if loud > 0 else None,
        noise=q(_db(room[_ALL]), 1),
        syllable_rate=_q(syllables, 2),
        pauses=len(pauses),
        pause_seconds=q(sum(pauses), 2),
        track=_track(seconds, pitch, power, np.maximum(bands - room, 0.1 * room)) if track else None,
        **found,  # type: ignore[arg-type]
    )
    return _Chapter(prosody, spoken)


def _join(a: _Chapter | None, b: _Chapter) -> _Chapter:
    """Two stretches of one utterance as one: means, each weighted by how long it was heard for."""
    if a is None:
        return b
    one, two, spoken = a.prosody, b.prosody, a.spoken + b.spoken

    def mean(name: str, digits: int, weights: tuple[float, float]) -> float | None:
        pairs = [(getattr(p, name), w) for p, w in zip((one, two), weights, strict=True)]
        known = [(value, weight) for value, weight in pairs if value is not None and weight > 0]
        return q(sum(v * w for v, w in known) / sum(w for _, w in known), digits) if known else None

    voiced, length = (one.voiced, two.voiced), (one.seconds, two.seconds)
    drawn = one.track is not None and two.track is not None and one.seconds < _DRAWN * _CHAPTER * HOP / RATE
    rough, fine = ("pitch_spread", "tilt", "body", "ending", "thinning"), ("lilt", "unison", "climb")
    joined = Prosody(
        seconds=q(sum(length)),
        voiced=q(sum(voiced)),
        pitch=mean("pitch", 1, voiced),
        loudness=mean("loudness", 1, (a.spoken, b.spoken)),
        noise=mean("noise", 1, length),
        syllable_rate=mean("syllable_rate", 2, (a.spoken, b.spoken)),
        pauses=one.pauses + two.pauses,
        pause_seconds=q(one.pause_seconds + two.pause_seconds, 2),
        track=_tracks(one.track, two.track) if drawn else None,
        **{name: mean(name, 2 if name in rough else 3, voiced) for name in (*rough, *fine)},  # type: ignore[arg-type]
    )
    return _Chapter(joined, spoken)


def _tracks(a: Track | None, b: Track | None) -> Track | None:
    if a is None or b is None:
        return None
    return Track(a.step, a.pitch + b.pitch, a.loudness + b.loudness, a.tilt + b.tilt)


def _db(power: Any) -> Any:
    """Mean square as dB relative to full scale."""
    return 10 * np.log10(np.maximum(power, _DIGITAL_SILENCE))


def _semitones(pitch: Floats) -> Any:
    import librosa

    return librosa.hz_to_midi(pitch)


def _hertz(semitones: float) -> Any:
    import librosa

    return librosa.midi_to_hz(semitones)


def _usual(semitones: Floats, level: Floats) -> float:
    """Where the pitch of loud voice is most of the time: the highest point of its smoothed distribution.

    A creaky end of a phrase that is taken an octave low, or a squeak an octave high, does not move it, as it would a
    mean or a median.

    Parameters
    ----------
    semitones, level
        Pitch and level (dB) of the voiced frames, shape (n,), n > 0.
    """
    below, rise = _VOICE
    weight = np.clip((level - np.percentile(level, 95) + below) / rise, 0, 1)
    step, reach = 0.1, 3 * _SEMITONES
    low = float(semitones.min()) - reach
    bins = np.bincount(((semitones - low) / step).astype(np.intp), weight, int((np.ptp(semitones) + 2 * reach) / step))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + step / 2, step) / _SEMITONES) ** 2)
    at = low + step * (int(np.convolve(bins, kernel, "same").argmax()) + 0.5)
    for _ in range(5):  # from the middle of the bin to the very top
        near = weight * np.exp(-0.5 * ((semitones - at) / _SEMITONES) ** 2)
        at = float(near @ semitones / near.sum())
    return at


def _colour(voiced: Floats, room: Floats) -> tuple[float, float]:
    """Tilt and body, the room's share taken out of each band.

    The brightest fifth of the frames tells a pressed voice better than their mean, and is least touched by noise.
    """
    tilt = np.percentile(_tilts(voiced, room), 80)
    mean = np.maximum(voiced.mean(axis=0) - room, 0.05 * room + _DIGITAL_SILENCE)
    return float(tilt), float(_db(mean[_BODY]) - _db(mean[_LOW] + mean[_HIGH]))


def _tilts(bands: Floats, room: Floats) -> Floats:
    """Tilt of each frame, the room's share taken out, dB, shape (n,)."""
    clean = np.maximum(bands - room, 0.1 * room + _DIGITAL_SILENCE)
    return np.asarray(_db(clean[:, _HIGH]) - _db(clean[:, _LOW]))


def _lilt(pitch: Floats) -> float | None:
    """Rising less falling share of 20 ms steps within voice; None with fewer than six."""
    both = (pitch[:-2] > 0) & (pitch[2:] > 0)
    steps = _semitones(pitch[2:][both]) - _semitones(pitch[:-2][both])
    steps = steps[np.abs(steps) < 6]  # not a slip of the octave
    return float(np.mean(steps > 0.1) - np.mean(steps < -0.1)) if len(steps) >= 6 else None


def _phrases(speech: NDArray[np.bool_], voiced: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """The voiced frames of each phrase that has enough of them."""
    at = np.flatnonzero(speech)
    parts = np.split(at, np.flatnonzero((np.diff(at) - 1) * HOP / RATE >= _PAUSE) + 1)
    return [phrase for part in parts if len(phrase := part[voiced[part]]) >= _PHRASE]


def _close(values: Floats, phrases: Sequence[NDArray[np.intp]], last: int, least: float) -> float | None:
    """Values (dB) in the last frames of phrases against their means, weighted by their length; None without a phrase.

    Each phrase counts between `least` and 10 dB, so that one slip does not make the figure.
    """
    if not phrases:
        return None
    moved = [min(max(float(values[p[-last:]].mean() - values[p].mean()), least), 10.0) for p in phrases]
    return float(np.average(moved, weights=[len(p) for p in phrases]))


def _unison(pitch: Floats, power: Floats) -> float | None:
    """Rank correlation of pitch and level over the voiced frames; None with too few or when either stays the same."""
    if len(pitch) < _PHRASE or np.ptp(pitch) == 0 or np.ptp(power) == 0:
        return None
    a, b = (np.argsort(np.argsort(x, kind="stable"), kind="stable") for x in (pitch, power))
    return float(np.corrcoef(a, b)[0, 1])


def _climb(pitch: Floats) -> float | None:
    """Logarithm of the quick rises (80th percentile of the steps up) over the quick falls; None with too few."""
    both = (pitch[:-1] > 0) & (pitch[1:] > 0)
    steps = _semitones(pitch[1:][both]) - _semitones(pitch[:-1][both])
    steps = steps[np.abs(steps) < 3]  # not a slip of the octave
    up, down = steps[steps > 0], -steps[steps < 0]
    if min(len(up), len(down)) < 5:
        return None
    return float(np.log((np.percentile(up, 80) + 0.02) / (np.percentile(down, 80) + 0.02)))


def _q(value: float | None, digits: int) -> float | None:
    return None if value is None else q(value, digits)


def _pauses(speech: NDArray[np.bool_]) -> tuple[list[float], float]:
    """Lengths of the silences inside, and the speaking time without them, seconds."""
    at = np.flatnonzero(speech)
    if not len(at):
        return [], 0.0
    gaps = (np.diff(at) - 1) * HOP / RATE
    # Shortened, and not left out from some length on: the same gap in slower speech would fall over the edge.
    spoken = len(at) * HOP / RATE + float(np.minimum(gaps, _CLOSURE).sum())
    return [float(gap) for gap in gaps if gap >= _PAUSE], spoken


def _syllable_rate(sounds: Floats, level: Floats, floor: float, top: float) -> float | None:
    """Syllables a second of speaking time, from how soon one sound gives way to the next; None without speech.

    The lag at which the spectrum's autocorrelation has fallen to `_ALIKE`: a length within the sound, which grows and
    shrinks with the tempo whatever was said. So a short sentence spoken faster or slower is told by a few percent,
    where a count of peaks of loudness (de Jong and Wempe 2009) gains or loses a whole syllable. The spectra are in dB,
    and their mean counts half, because loudness comes and goes with phrases too.

    The scale and the power, which makes up for the 40 ms that a frame takes in, are fitted to sentences with known
    syllables at known tempi (`scripts/fit_rate.py`).

    Parameters
    ----------
    sounds
        Levels of the bands, dB, shape (n, `_SOUNDS`).
    level
        Level of each frame as the ear weighs it, dB, shape (n,).
    floor, top
        That of the room, and that of the loudest frames.
    """
    # In a loud room the soft sounds drown, but those that are left must not be the loudest alone: they are held longer.
    quiet = min(max(floor + 6, top - 32), top - 20)
    weight = _running(np.clip((level - quiet) / 6, 0, 1), 8)
    if weight.sum() < _PHRASE:
        return None
    sounds = np.maximum(sounds, np.percentile(sounds, 95) - _DEPTH)
    sounds = sounds - 0.5 * sounds.mean(axis=1, keepdims=True)
    spread = np.average((sounds - np.average(sounds, axis=0, weights=weight)) ** 2, axis=0, weights=weight).sum()
    if spread < _SOUNDS * _STILL**2:
        return None
    root, before = np.sqrt(weight), 0.0
    for lag in range(1, min(_HELD, len(sounds) - _PHRASE)):
        change = np.sum((sounds[lag:] - sounds[:-lag]) ** 2, axis=1)
        apart = float(np.average(change, weights=root[lag:] * root[:-lag])) / (2 * spread)
        if apart >= 1 - _ALIKE:
            way = lag - (apart - 1 + _ALIKE) / (apart - before)
            return float(_SYLLABLES * way**-_POWER)
        before = apart
    return None


def _running(values: Floats, width: int) -> NDArray[np.float64]:
    """Mean over `width` frames, taken twice; the ends are held. Same shape, time along the first axis."""
    out, before = values.astype(np.float64), width // 2
    for _ in range(2):
        ends = [(before + 1, width - 1 - before), *[(0, 0)] * (out.ndim - 1)]
        sums = np.cumsum(np.pad(out, ends, "edge"), axis=0)
        out, before = (sums[width:] - sums[:-width]) / width, width - 1 - before
    return out


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
