"""Whether there is speech in a frame: energy in the speech band against an adaptive background.

Numpy alone, about half a millisecond of CPU per second of audio. How long speech or silence must last to mean something
is not decided here but in turn-taking.
"""

from __future__ import annotations

from collections import deque
from math import log10

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
FRAME = 320
"""Samples in a frame: 20 ms."""

_SILENT = -90.0  # dBFS; below one bit of 16: nothing was connected, or a file was padded
_MEMORY = 100  # frames (2 s) in which speech is sure to leave a gap that shows the background
_STILL = 20  # frames (0.4 s; fewer when a room has just come on) that change so little ...
_STILL_SPREAD = 1.6  # ... (dB, standard deviation) are background, however loud: speech is never that even
_FIRST = 6  # frames (0.12 s) that only teach what this room is like
_EVEN = 1.5  # dB; the quietest frame of two seconds of noise lies so far under its mean
_EXIT_FRAMES = 5


class Activity:
    """Speech or not, frame by frame; the same frames give the same answers."""

    def __init__(self) -> None:
        f = np.fft.rfftfreq(FRAME, 1 / RATE)
        # Hum and rumble lie below, hiss above; most of speech's energy lies between.
        self._band = ((f >= 150) & (f <= 3800)).astype(np.float32) * (2 / FRAME**2)
        self._levels: deque[float] = deque(maxlen=_MEMORY)
        self._floor = -60.0
        self._peak = -40.0
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
            Whether the learner is speaking in it, known 20-40 ms after the sound begins and 100 ms after it ends.
        """
        spectrum = np.fft.rfft(frame)
        power = float((spectrum.real**2 + spectrum.imag**2) @ self._band)
        level = 10 * log10(power + 1e-12)
        if level > _SILENT:  # digital silence tells nothing about the room, so it must not pull the background down
            self._listen(level)
        # Two thresholds: speech fades at its edges and in its consonants, and noise crosses any single line up and
        # down. So it takes more to begin than to go on, and both grow with the distance between voice and room: in a
        # quiet room a breath or a chair is far above the background but far below the voice.
        room = self._peak - self._floor
        enter = self._floor + min(max(0.35 * room, 6.0), 18.0)
        leave = self._floor + min(max(0.22 * room, 4.0), 12.0)
        self._above = self._above + 1 if level > enter else 0
        self._below = self._below + 1 if level < leave else 0
        if not self._speaking:
            self._speaking = self._above >= 2 and len(self._levels) >= _FIRST  # one frame alone is a click
        elif self._below >= _EXIT_FRAMES:
            self._speaking = False
        return self._speaking

    def _listen(self, level: float) -> None:
        self._levels.append(level)
        levels = self._levels
        still = False
        if len(levels) >= _FIRST:
            recent = list(levels)[-_STILL:]
            mean = sum(recent) / len(recent)
            still = sum((x - mean) ** 2 for x in recent) < len(recent) * _STILL_SPREAD**2
            if still:
                levels.clear()
                levels.extend(recent)
        floor = min(levels) + _EVEN
        self._floor = floor if still or len(levels) >= _STILL else min(self._floor, floor)
        self._peak = max(self._peak - 0.02, level, self._floor + 12.0)
