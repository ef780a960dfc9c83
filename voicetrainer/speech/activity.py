"""Whether there is speech in a frame: energy in two bands against an adaptive background.

Numpy alone, about half a millisecond of CPU per second of audio. How long speech or silence must last to mean something
is not decided here but in turn-taking.
"""

from __future__ import annotations

from collections import deque
from math import log10, sqrt

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
FRAME = 320
"""Samples in a frame: 20 ms."""
HANGOVER = 0.1
"""How long after a sound its end is known, seconds."""

# Hum and rumble lie below, hiss above. Vowels stand out of white noise most where their first formant is, and out of a
# room full of voices where all of speech is, so either band may tell.
_BANDS = ((150, 1000), (150, 3800))
_SILENT = -90.0  # dBFS; below one bit of 16: nothing was connected, or a file was padded
_FIRST = 6  # frames (0.12 s) that only teach what this room is like
_EXIT_FRAMES = round(HANGOVER * RATE / FRAME)
_MEMORY = 100  # frames (2 s) in which speech is sure to leave a gap that shows the background
# So many frames that change so little (dB, standard deviation) are background, however loud: speech is never that even.
_STILL = (50, 1.6)
_STILL_AT_FIRST = (15, 1.0)
_LEARNS = 0.04  # how much one frame changes what is known of the background: half of it is new after 0.35 s
_FADES = 0.02  # dB a frame by which the loudest voice is forgotten

# Two thresholds, each the highest of three: speech fades at its edges and in its consonants, and noise crosses any
# single line up and down. So it takes more to begin than to go on; both grow with the unrest of the background, and
# with the distance between voice and room, because in a quiet room a breath or a chair is far above the background but
# far below the voice.
_ENTER = (2.7, 0.30, 3.0, 18.0)  # deviations of the background; share of the distance; least and most dB above it
_LEAVE = (1.4, 0.15, 2.0, 12.0)

# Distances between voice and room (dB) at which the room begins to hide soft parts of words, and at which it hides the
# most of them; and how long those then are (seconds). A headset has 40 dB and more in a quiet room.
_HIDES, _HIDES_MOST, _HIDDEN = 22.0, 16.0, 0.2


class _Band:
    """What is known of the background and of the voice in one band; all in dB."""

    def __init__(self) -> None:
        self.levels: deque[float] = deque(maxlen=_MEMORY)
        self.mean, self.spread, self.peak = -60.0, 1.5, -45.0

    def threshold(self, deviations: float, share: float, least: float, most: float) -> float:
        spread = min(max(self.spread, 0.6), 4.0)
        return self.mean + min(max(deviations * spread, share * (self.peak - self.mean), least), most)

    def learn(self, level: float, background: bool) -> None:
        levels = self.levels
        levels.append(level)
        count = len(levels)
        if background or level < self.mean:
            much = max(_LEARNS, 1 / count)
            off = level - self.mean
            self.mean += much * off
            if count > _FIRST:  # one click must not make an unruly room
                self.spread = sqrt((1 - much) * self.spread**2 + much * min(off * off, 36.0))
        elif (
            count == _MEMORY
        ):  # in two seconds of speech there is a gap; where there is none, the room has grown louder
            lowest = min(levels)
            if lowest > self.mean + 1:
                self.mean = min(lowest + 1.5 * self.spread, self.mean + 0.5)
        self.peak = max(self.peak - _FADES, level, self.mean + 12)

    def still(self, frames: int, spread: float) -> bool:
        recent = list(self.levels)[-frames:]
        return len(recent) == frames and float(np.std(recent)) < spread

    def settle(self, frames: int) -> None:
        recent = list(self.levels)[-frames:]
        self.mean, self.spread = float(np.mean(recent)), float(np.std(recent))


class Activity:
    """Speech or not, frame by frame; the same frames give the same answers."""

    def __init__(self) -> None:
        f = np.fft.rfftfreq(FRAME, 1 / RATE)
        weights = [(f >= low) & (f <= high) for low, high in _BANDS]
        self._weights = np.stack(weights, axis=1).astype(np.float32) * (2 / FRAME**2)
        self._bands = [_Band() for _ in _BANDS]
        self._frames = 0
        self._padded = False  # it began with digital silence: what comes first may be speech
        self._speaking = False
        self._above = 0
        self._below = 0

    def step(self, frame: NDArray[np.float32]) -> bool:
        """Take the next frame.

        Parameters
        ----------
        frame
            20 ms at 16 kHz, shape (320,), -1 to 1.

        Returns
        -------
        bool
            Whether the learner is speaking in it, known 20-40 ms after the sound begins and `HANGOVER` after it ends.
        """
        spectrum = np.fft.rfft(frame)
        power = (spectrum.real**2 + spectrum.imag**2) @ self._weights
        levels = [10 * log10(float(p) + 1e-12) for p in power]
        if (
            levels[-1] <= _SILENT
        ):  # digital silence tells nothing about the room, so it must not pull the background down
            up, down = False, True
            self._padded = self._padded or not self._frames
        else:
            up = any(level > b.threshold(*_ENTER) for level, b in zip(levels, self._bands, strict=True))
            down = all(level < b.threshold(*_LEAVE) for level, b in zip(levels, self._bands, strict=True))
            self._listen(levels, not up and not self._speaking)
        self._above = self._above + 1 if up else 0
        self._below = self._below + 1 if down else 0
        if not self._speaking:
            self._speaking = self._above >= 2 and (self._padded or self._frames > _FIRST)  # one frame alone is a click
        elif self._below >= _EXIT_FRAMES:
            self._speaking = False
        return self._speaking

    @property
    def hidden(self) -> float:
        """How much longer than it was a pause may seem because the room hides soft sounds next to it, seconds."""
        distance = max(band.peak - band.mean for band in self._bands)
        return _HIDDEN * min(max((_HIDES - distance) / (_HIDES - _HIDES_MOST), 0.0), 1.0)

    def _listen(self, levels: list[float], background: bool) -> None:
        self._frames += 1
        first = self._frames <= _FIRST and not self._padded
        for level, band in zip(levels, self._bands, strict=True):
            if self._frames == 1 and first:
                band.mean = level
            band.learn(level, background or first)
        frames, spread = _STILL if self._frames > _STILL[0] else _STILL_AT_FIRST
        if self._frames % 5 == 0 and all(band.still(frames, spread) for band in self._bands):
            for band in self._bands:
                band.settle(frames)
