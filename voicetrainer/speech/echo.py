"""Does the microphone hear the loudspeaker? Found out from what we know that we play; and half-duplex against it.

With loudspeakers instead of a headset the customer's own voice comes back and would be taken for the learner's. Two
voices have nothing to do with each other, but an echo is the same wave again: in the cross-correlation of both sides,
whitened so that every frequency counts alike (GCC-PHAT: Knapp and Carter, 1976), it stands up as one sharp peak at the
echo's delay, also under noise and under the learner's own voice. Peaks at the same delay add up from block to block.

Pure numpy; about three milliseconds of CPU for each second in which the customer speaks.

There is no cancellation, for none held up (``scripts/bench_echo.py``: echoes of -10 to -30 dB, 20 to 250 ms late, in a
small room). WebRTC's takes 14-34 dB off, but while both speak it takes the learner's words as well: 16-75 % of them are
misheard after it, 9-84 % without it. Speex's leaves enough of the customer for voice activity to hear her all the time,
and of a learner who speaks alone a third is misheard. Both are worse than to say plainly who is listened to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voicetrainer.roleplay.events import Noted, q

RATE = 16_000
FRAME = 320
TAIL = 0.25
"""Seconds after the customer's last sound in which half-duplex does not listen yet: a room goes on sounding."""

_BLOCK = 8192  # samples of the learner that are looked at together: 0.5 s
_EARLY, _LATE = 1600, 9600  # samples by which an echo may come before or after what we think was played when
_SIZE = 32_768
_KEEP = 0.75  # of what earlier blocks have shown
_SURE = 8.0  # standard deviations; two voices that talk over each other reach 7
_HITS = 3  # blocks in a row that must agree ...
_SAME = 160  # ... to so many samples (10 ms), since a room is no single path
_AUDIBLE = 6.0  # dB above the room: below that, voice activity does not take it for speech either
_SILENT = 10 ** (-50 / 20)


@dataclass(frozen=True, slots=True)
class Found:
    """An echo."""

    delay: float
    """Seconds from what was played to its echo."""
    level: float
    """dB relative to what was played."""
    audible: bool
    """Whether it stands out of the room's noise enough to be taken for speech."""


class Frame(Protocol):
    """What a line gives: see `voicetrainer.transports.Frame`."""

    @property
    def t(self) -> float:
        """Its start, seconds on the call clock."""

    @property
    def learner(self) -> NDArray[np.float32]:
        """What the microphone heard, shape (n,)."""

    @property
    def customer(self) -> NDArray[np.float32]:
        """What the loudspeaker played at the same time, shape (n,)."""


class Guard:
    """Stands between the line and the ears: frames of both sides in, the learner's frames out.

    Parameters
    ----------
    half_duplex
        Give silence to the ears while the customer is heard, and `TAIL` longer. May be changed at any time.
    """

    def __init__(self, half_duplex: bool = False) -> None:
        self.half_duplex = half_duplex
        self.found: Found | None = None
        """The latest echo; None until there is one."""
        self._learner = np.zeros(_BLOCK, np.float32)
        self._customer = np.zeros(_BLOCK + _EARLY + _LATE, np.float32)
        self._waiting = np.zeros(_EARLY, np.float32)  # the learner's side comes later, so that an echo can be early
        f = np.fft.rfftfreq(_SIZE, 1 / RATE)
        self._band = (f >= 250) & (f <= 4000)
        self._sum: NDArray[np.complex128] = np.zeros(len(f), np.complex128)
        self._room = 0.0
        self._filled = 0
        self._since = 1e9
        self._told = False
        self._best = self._hits = 0

    def hear(self, frame: Frame) -> tuple[NDArray[np.float32], tuple[Noted, ...]]:
        """Take one frame of both sides.

        Returns
        -------
        tuple
            What the ears may hear, shape (n,): the learner's side, or silence in its place; and what there is to note.
        """
        learner, customer = frame.learner, frame.customer
        loud = bool(np.abs(customer).max(initial=0.0) > _SILENT)
        self._since = 0.0 if loud else self._since + len(learner) / RATE
        noted = self._remember(frame.t, learner, customer)
        if self.half_duplex and self._since <= TAIL + (self.found.delay if self.found else 0.0):
            learner = np.zeros_like(learner)
        return learner, noted

    def _remember(self, t: float, learner: NDArray[np.float32], customer: NDArray[np.float32]) -> tuple[Noted, ...]:
        power = float(learner @ learner) / max(1, len(learner))
        if power > 1e-10:
            # The quietest of late is the room; it may grow louder again, by a decibel in four seconds.
            self._room = min(self._room * 1.0012, power) if self._room else power
        self._waiting = np.concatenate((self._waiting, learner))
        ready, self._waiting = self._waiting[: len(learner)], self._waiting[len(learner) :]
        self._learner = np.concatenate((self._learner[len(ready) :], ready))
        self._customer = np.concatenate((self._customer[len(customer) :], customer))
        self._filled += len(customer)
        if self._filled >= _BLOCK:
            self._filled = 0
            spoken = self._customer[_LATE : _LATE + _BLOCK]
            if float(spoken @ spoken) / _BLOCK > _SILENT**2 and self._learner.any():
                return self._look(t)
        return ()

    def _look(self, t: float) -> tuple[Noted, ...]:
        """Look for an echo in the latest block in which the customer spoke."""
        cross = np.fft.rfft(self._learner, _SIZE) * np.conj(np.fft.rfft(self._customer, _SIZE))
        size = np.abs(cross)
        self._sum *= _KEEP
        self._sum[self._band] += cross[self._band] / (size[self._band] + 1e-12)
        peaks = np.fft.irfft(self._sum, _SIZE)
        # The learner's block lies _LATE behind the beginning of the customer's: lag 0 is at -_LATE.
        lags = np.concatenate((peaks[_SIZE - _LATE - _EARLY :], peaks[:1]))
        best = int(np.argmax(np.abs(lags)))
        if abs(lags[best]) < _SURE * float(np.sqrt(np.mean(lags**2))) + 1e-12:
            self._hits = 0
            return ()
        self._hits = self._hits + 1 if abs(best - self._best) <= _SAME else 1
        self._best = best
        if self._hits < _HITS:
            return ()
        self.found = self._measure(best - _EARLY)
        if not self.found.audible or self._told:
            return ()
        self._told = True
        cure = (
            "you are not listened to while they speak" if self.half_duplex else "wear a headset, or use --half-duplex"
        )
        how = f"{abs(self.found.delay) * 1000:.0f} ms later and {-self.found.level:.0f} dB weaker"
        return (Noted(q(t), "echo", f"Your microphone hears the customer, {how}: {cure}."),)

    def _measure(self, delay: int) -> Found:
        """How loud the echo is where the customer is loud; a quarter of that is free of the learner's own voice."""
        whole = _BLOCK // FRAME * FRAME
        played, heard = (
            np.mean(side[:whole].reshape(-1, FRAME).astype(np.float64) ** 2, axis=1)
            for side in (self._customer[_LATE - delay :], self._learner)
        )
        loud = played >= 0.1 * float(played.max())
        source, echo = (float(np.quantile(side[loud], 0.25)) + 1e-12 for side in (played, heard))
        above = 10 * math.log10(echo / max(self._room, 1e-9))
        return Found(q(delay / RATE), q(10 * math.log10(echo / source), 1), above > _AUDIBLE)
