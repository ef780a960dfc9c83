from __future__ import annotations

import numpy as np
import pytest

from tests.voices import RATE, voice
from voicetrainer.errors import ManifestError
from voicetrainer.evaluate.way import Way

SAID = voice(2, seed=1).samples


def db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2)))


def test_a_plain_way_changes_nothing() -> None:
    assert Way()(SAID, 0) is SAID


def test_every_level_becomes_the_same() -> None:
    way = Way(level="rms")
    assert db(way(SAID, 0)) == pytest.approx(db(way(8 * SAID, 0))) == pytest.approx(-26, abs=0.1)
    assert not way(np.zeros(100, np.float32), 0).any()


@pytest.mark.parametrize("noise", [0, 20])
def test_noise_lies_so_far_below_and_is_the_seeds_own(noise: float) -> None:
    way = Way(noise=noise)
    assert db(SAID) - db(way(SAID, 3) - SAID) == pytest.approx(noise, abs=0.1)
    assert np.array_equal(way(SAID, 3), way(SAID, 3))
    assert not np.array_equal(way(SAID, 3), way(SAID, 4))


def test_a_room_echoes_as_loud_as_the_voice_and_falls_by_60_db_in_its_time() -> None:
    click = np.zeros(100, np.float32)
    click[0] = 1
    heard = Way(room=0.5)(click, 0)
    assert len(heard) == 99 + 0.5 * RATE
    assert heard[0] == pytest.approx(1)
    assert np.sum(heard[1:] ** 2) == pytest.approx(1, rel=0.01)
    assert db(heard[1600:2400]) - db(heard[5600:6400]) == pytest.approx(60 * 0.25 / 0.5, abs=1.5)


def test_a_telephone_passes_speech_and_little_else() -> None:
    time = np.arange(RATE) / RATE
    for hertz, passes in ((100, False), (350, True), (1000, True), (3300, True), (4000, False)):
        tone = np.sin(2 * np.pi * hertz * time).astype(np.float32)
        lost = db(tone) - db(Way(telephone=True)(tone, 0))
        assert lost < 0.1 if passes else lost > 60


@pytest.mark.parametrize("noise", [float("nan"), float("inf"), -21, 101])
def test_noise_out_of_range_is_refused(noise: float) -> None:
    with pytest.raises(ManifestError, match="dB below the recording"):
        Way(noise=noise)


@pytest.mark.parametrize("room", [float("nan"), 0.0, -1, 6])
def test_a_room_out_of_range_is_refused(room: float) -> None:
    with pytest.raises(ManifestError, match="echoes for"):
        Way(room=room)
