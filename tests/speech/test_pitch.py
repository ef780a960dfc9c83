from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voices import RATE, Voice, noisy, voice
from voicetrainer.speech.pitch import HIGHEST, LOWEST, PitchTracker

WINDOW = np.hanning(641)[:640].astype(np.float32)
VOICES = [
    voice(3, pitch=pitch, spread=spread, tilt_db=tilt, seed=seed)
    for seed, (pitch, spread, tilt) in enumerate([(88, 2, 0), (118, 3, -6), (150, 2, 6), (205, 3, 0), (310, 2, -3)])
]


def track(samples: NDArray[np.float32], block: int = 5) -> NDArray[np.floating]:
    tracker = PitchTracker(RATE, WINDOW, 1024)
    padded = np.pad(samples, 320)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 640)[::160] * WINDOW
    found = []
    for i in range(0, len(frames), block):
        spectrum = np.fft.rfft(frames[i : i + block], 1024)
        power = spectrum.real**2 + spectrum.imag**2
        found.append(tracker.push(power, np.zeros(len(power), np.float32)))
    return np.concatenate([*found, tracker.finish()])


def frame_errors(samples: NDArray[np.float32], said: Voice) -> float:
    """Share of frames with the wrong voicing, or more than 20 % off, percent."""
    found = track(samples)[: len(said.pitch)]
    voicing = (found > 0) != (said.pitch > 0)
    gross = (found > 0) & (said.pitch > 0) & (np.abs(found - said.pitch) > 0.2 * said.pitch)
    return float(100 * np.mean(voicing | gross))


@pytest.mark.parametrize(
    ("snr", "colour", "limit"),
    [(20, 0, 2.0), (20, 1, 2.0), (10, 0, 2.0), (10, 1, 2.0), (5, 0, 4.0), (5, 1, 4.0)],
    ids=str,
)
def test_frame_errors_of_known_pitch_in_noise(snr: float, colour: float, limit: float) -> None:
    errors = [frame_errors(noisy(v.samples, snr, colour=colour, seed=i), v) for i, v in enumerate(VOICES)]
    assert np.mean(errors) <= limit


def test_fine_pitch_is_right_where_voiced() -> None:
    for said in VOICES:
        found = track(said.samples)[: len(said.pitch)]
        both = (found > 0) & (said.pitch > 0)
        cents = 1200 * np.log2(found[both] / said.pitch[both])
        assert abs(np.median(cents)) < 5


@pytest.mark.parametrize("hertz", [65.0, 480.0])
def test_the_ends_of_the_range(hertz: float) -> None:
    time = np.arange(RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, int(4000 / hertz)))
    found = track((0.1 * np.asarray(buzz)).astype(np.float32))[5:-5]
    assert found.min() >= LOWEST and found.max() <= HIGHEST * 1.02
    assert np.abs(found / hertz - 1).max() < 0.02


@pytest.mark.parametrize("colour", [0, 1])
def test_noise_has_no_pitch(colour: float) -> None:
    nothing = np.zeros(4 * RATE, np.float32)
    nothing[0] = 0.01
    assert np.mean(track(noisy(nothing, -20, colour=colour)) > 0) < 0.01


def test_silence_has_no_pitch() -> None:
    assert not track(np.zeros(RATE, np.float32)).any()


def test_every_frame_is_answered_once_and_late_by_the_look_ahead_alone() -> None:
    samples = VOICES[1].samples
    one, many = track(samples, block=10_000), track(samples, block=3)
    assert len(one) == len(many) == len(samples) // 160 + 1
    assert np.mean(one != many) < 0.01
