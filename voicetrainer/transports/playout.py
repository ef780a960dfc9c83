"""What goes to the loudspeaker, and when it is heard: the pure half of a line of devices.

A sound card takes sound ahead of time and hears the room a little late, and the two do so by clocks of their own. So
`Player` counts what it handed out, `Clock` learns from the sound system's time stamps when which sample passes through
the air, and from both the line tells what was heard together.
"""

from __future__ import annotations

import threading
from collections import deque
from statistics import median
from typing import Literal

import numpy as np

from voicetrainer.speech.audio import RATE, Samples

FADE = RATE // 100
"""Samples over which a line fades that is cut or paused: 10 ms, so that it does not click."""
JUMP = 0.02
"""Seconds by which a clock must be off before sound is taken to be lost, and not a time stamp to be rough."""

_MEMORY = 100  # blocks (2 s): jitter averages out, and clocks that differ by 500 ppm move 0.5 ms meanwhile
_SURE = 10  # blocks that agree on a jump
_STEADY = 80  # blocks in a row that fit each other: PulseAudio's first time stamps are mended after a second
_STALE = 50
_RING = 20 * RATE
_RAMP = np.linspace(1, 0, FADE, endpoint=False, dtype=np.float32)


class Clock:
    """When each sample of a stream passes through the air, learnt from rough time stamps.

    Parameters
    ----------
    rate
        Nominal samples a second.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.offset = 0.0
        """Seconds at which sample 0 would have passed."""
        self._recent: deque[float] = deque(maxlen=_MEMORY)
        self._odd: deque[float] = deque(maxlen=_STALE)

    def observe(self, position: float, time: float) -> float:
        """Learn that the sample at `position` passes at `time`.

        Returns
        -------
        float
            Seconds by which the stream has jumped, when several time stamps agree that it did: above 0 when sound was
            lost or a pause crept in. Else 0.
        """
        off = time - position / self.rate
        if not self._recent or abs(off - self.offset) <= JUMP:
            self._odd.clear()
            self._recent.append(off)
            self.offset = median(self._recent)
            return 0.0
        self._odd.append(off)
        last = list(self._odd)[-_SURE:]
        if len(last) < _SURE or (max(last) - min(last) > JUMP / 2 and len(self._odd) < _STALE):
            return 0.0
        jump = median(last) - self.offset
        self._recent.clear()
        self._recent.extend(last)
        self.offset += jump
        self._odd.clear()
        return jump

    @property
    def steady(self) -> bool:
        """Whether 1.6 s of time stamps fit each other."""
        last = list(self._recent)[-_STEADY:]
        return len(last) == _STEADY and not self._odd and max(last) - min(last) < JUMP / 2

    def time_of(self, position: float) -> float:
        """When a sample passes, seconds."""
        return position / self.rate + self.offset

    def position_at(self, time: float) -> float:
        """Which sample passes at a time."""
        return (time - self.offset) * self.rate


class Player:
    """The customer's voice as an endless stream at `RATE`: one line at a time, perhaps in pieces, cut with a fade.

    `pull` belongs to the sound system's thread, everything else to the call's.
    """

    def __init__(self) -> None:
        self.position = 0
        """Samples handed out so far."""
        self.events: deque[tuple[Literal["started", "ended", "cut"], int]] = deque()
        """What happened to lines, with its position, in order; for the call to take out."""
        self._lock = threading.Lock()
        self._ring = np.zeros(_RING, np.float32)
        self._next: tuple[Samples, bool] | None = None
        self._line: Samples | None = None
        self._at = 0
        self._open = False
        self._stopping = False
        self._paused = False
        self._held = False

    def play(self, clip: Samples, *, whole: bool = True) -> None:
        """Begin a clip, or the first piece of one, with the next sample; what plays now is cut."""
        with self._lock:
            self._next = (np.asarray(clip, np.float32), not whole)
            self._stopping = self._line is not None

    def more(self, clip: Samples, *, whole: bool = True) -> None:
        """Add a piece to the clip, if it has not been cut."""
        piece = np.asarray(clip, np.float32)
        with self._lock:
            if self._next is not None:
                if self._next[1]:
                    self._next = (np.concatenate((self._next[0], piece)), not whole)
            elif self._line is not None and self._open and not self._stopping:
                self._line, self._at = np.concatenate((self._line[self._at :], piece)), 0
                self._open = not whole

    def stop(self) -> None:
        """Cut the line, and forget one that has not begun."""
        with self._lock:
            self._next = None
            self._stopping = self._line is not None

    def pause(self, paused: bool) -> None:
        """Hold the line where it is, or go on with it."""
        with self._lock:
            self._paused = paused

    @property
    def busy(self) -> bool:
        """Whether a line is on, or about to begin."""
        with self._lock:
            return self._line is not None or self._next is not None

    def pull(self, count: int) -> Samples:
        """Hand out the next samples, shape (count,)."""
        with self._lock:
            out = np.zeros(count, np.float32)
            if self._paused:
                self._hold(out)
            else:
                self._fill(out)
            index = (self.position + np.arange(count)) % _RING
            self._ring[index] = out
            self.position += count
            return out

    def pulled(self, start: int, count: int) -> Samples:
        """What was handed out from a position on, shape (count,); zeros where nothing was, or not yet, or long ago."""
        with self._lock:
            at = start + np.arange(count)
            out = self._ring[at % _RING]
            out[(at < max(0, self.position - _RING)) | (at >= self.position)] = 0
            return out

    def _hold(self, out: Samples) -> None:
        if not self._held and self._line is not None:
            piece = self._line[self._at :][: min(FADE, len(out))]
            out[: len(piece)] = piece * _RAMP[: len(piece)]
            self._held = True

    def _fill(self, out: Samples) -> None:
        done = 0
        while done < len(out):
            if self._line is None:
                if self._next is None:
                    break
                (self._line, self._open), self._next, self._at = self._next, None, 0
                self.events.append(("started", self.position + done))
            piece = self._line[self._at :][: len(out) - done]
            if self._stopping:
                piece = piece[:FADE]  # a block is longer than that, so that a fade is over within one
                out[done : done + len(piece)] = piece * _RAMP[: len(piece)]
            else:
                out[done : done + len(piece)] = piece
            self._at += len(piece)
            done += len(piece)
            if self._stopping or (self._at >= len(self._line) and not self._open):
                self.events.append(("cut" if self._stopping else "ended", self.position + done))
                self._line, self._stopping = None, False
            elif not len(piece):
                break  # the next piece of the line is late
        if self._held:
            self._held = False
            out[:FADE] *= _RAMP[::-1][: len(out)]
