"""What lies between a voice and the program: a room, a telephone, another gain, noise. To try them on recordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from voicetrainer.errors import ManifestError

if TYPE_CHECKING:
    from voicetrainer.speech.audio import Samples

_RATE = 16_000
_REFERENCE = 0.05  # RMS of `level="rms"`, -26 dBFS
_TELEPHONE = (300.0, 3400.0)  # hertz
_SLOPE = 100.0  # hertz over which the telephone's band opens and closes
_FIRST = 0.005  # seconds till the echo begins


@dataclass(frozen=True)
class Way:
    """How a recording reaches the program; as it is, unless told otherwise.

    Raises
    ------
    ManifestError
        For a noise or a room out of range.
    """

    level: Literal["rms"] | None = None
    """``rms`` brings every recording to the same level, to see what gain alone does."""
    noise: float | None = None
    """White noise so many dB below the recording, -20 to 100."""
    room: float | None = None
    """Seconds in which the room's echo falls by 60 dB, 0.1 to 5; it is as loud as the voice, as a few metres away."""
    telephone: bool = False
    """Only 300 to 3400 Hz."""

    def __post_init__(self) -> None:
        if self.noise is not None and not -20 <= self.noise <= 100:  # NaN is out of range too
            raise ManifestError(f"noise of {self.noise:g} dB below the recording", "give -20 to 100 dB")
        if self.room is not None and not 0.1 <= self.room <= 5:
            raise ManifestError(f"a room that echoes for {self.room:g} seconds", "give 0.1 to 5 seconds")

    def __call__(self, samples: Samples, seed: int) -> Samples:
        """What the program gets to hear.

        Parameters
        ----------
        samples
            Mono at 16 kHz, shape (n,).
        seed
            Of the echo and the noise.

        Returns
        -------
        samples
            As many, and those of the echo's end.
        """
        rng = np.random.default_rng(seed)
        if self.room is not None:
            samples = _echoing(samples, self.room, rng)
        if self.telephone:
            samples = _filtered(samples)
        if self.level == "rms" and (size := _size(samples)) > 0:
            samples = samples * np.float32(_REFERENCE / size)
        if self.noise is not None:
            hiss = rng.standard_normal(len(samples), np.float32)
            samples = samples + hiss * np.float32(_size(samples) * 10 ** (-self.noise / 20))
        return samples


def _size(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if len(samples) else 0.0


def _echoing(samples: Samples, seconds: float, rng: np.random.Generator) -> Samples:
    time = np.arange(round(seconds * _RATE)) / _RATE
    echo = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds) * (time >= _FIRST)
    echo /= np.sqrt(np.sum(echo**2))
    echo[0] = 1.0  # the voice itself
    count = len(samples) + len(echo) - 1
    return np.fft.irfft(np.fft.rfft(samples, count) * np.fft.rfft(echo, count), count).astype(np.float32)


def _filtered(samples: Samples) -> Samples:
    spectrum, hertz = np.fft.rfft(samples), np.fft.rfftfreq(len(samples), 1 / _RATE)
    low, high = _TELEPHONE
    gain = np.clip((hertz - low) / _SLOPE + 1, 0, 1) * np.clip((high - hertz) / _SLOPE + 1, 0, 1)
    return np.fft.irfft(spectrum * gain, len(samples)).astype(np.float32)
