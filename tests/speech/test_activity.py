from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voices import RATE, joined, noisy, silence, voice
from voicetrainer.speech.activity import FRAME, Activity

SAID = voice(4, seed=3)


def steps(samples: NDArray[np.float32]) -> NDArray[np.bool_]:
    activity = Activity()
    whole = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return np.array([activity.step(frame) for frame in whole])


def at(seconds: float) -> int:
    return round(seconds * RATE / FRAME)


CALL = joined([silence(1.5), SAID.samples, silence(1.5)])
SPEECH = slice(at(1.5), at(1.5 + len(SAID.samples) / RATE))
SOUNDS = np.abs(CALL[: len(CALL) // FRAME * FRAME].reshape(-1, FRAME)).max(axis=1) > 0.01


@pytest.mark.parametrize("gain_db", [-25, 0, 15])
@pytest.mark.parametrize(("snr", "colour"), [(60, 0), (20, 0), (20, 1), (10, 0), (10, 1)])
def test_speech_in_a_room_at_any_gain(gain_db: float, snr: float, colour: float) -> None:
    heard = steps((noisy(CALL, snr, colour=colour) * 10 ** (gain_db / 20)).astype(np.float32))
    assert heard[SOUNDS].mean() > 0.93
    assert not heard[: SPEECH.start - 1].any()
    assert not heard[SPEECH.stop + 6 :].any()
    assert heard[SPEECH.start : SPEECH.start + 6].any()


def test_the_same_frames_give_the_same_answers() -> None:
    noise = noisy(CALL, 10)
    assert (steps(noise) == steps(noise)).all()


def test_clips_with_digital_silence_between() -> None:
    clip = np.pad(SAID.samples, (3200, 3200))
    call = joined([silence(1), clip, silence(3), (0.1 * clip).astype(np.float32), silence(1)])
    heard = steps(call)
    second = at(1 + len(clip) / RATE + 3)
    assert not heard[: at(1)].any()
    assert heard[at(1.4) : at(1 + len(clip) / RATE - 0.4)].mean() > 0.7
    assert not heard[second - at(2.5) : second].any()
    assert heard[second + at(0.4) : second + at(len(clip) / RATE - 0.4)].mean() > 0.7


def test_a_room_that_sets_in_is_not_speech_for_long() -> None:
    rng = np.random.default_rng(5)
    hum = (0.02 * rng.standard_normal(4 * RATE)).astype(np.float32)
    heard = steps(joined([silence(1), hum]))
    assert heard.sum() <= at(0.6)
    louder = steps(joined([silence(1), (0.1 * hum).astype(np.float32), hum]))
    assert louder.sum() <= at(1.2)


def test_a_long_even_vowel_goes_on_being_speech() -> None:
    um = (0.1 * np.sin(2 * np.pi * 120 * np.arange(RATE * 3 // 4) / RATE)).astype(np.float32)
    um += (0.1 * np.sin(2 * np.pi * 480 * np.arange(len(um)) / RATE)).astype(np.float32)
    call = noisy(joined([silence(2), um, silence(1)]), 40)
    heard = steps(call)
    assert heard[at(2.1) : at(2.7)].all()
    assert not heard[: at(1.9)].any() and not heard[at(3) :].any()


def test_a_click_is_not_speech() -> None:
    quiet = noisy(CALL, 30)[: at(1.4) * FRAME]
    quiet[at(1) * FRAME + 100 : at(1) * FRAME + 140] += 0.5
    assert not steps(quiet).any()


def test_a_faint_breath_beside_a_voice_is_not_speech() -> None:
    rng = np.random.default_rng(2)
    breath = np.zeros(2 * RATE, np.float32)
    breath[RATE // 2 : RATE] = 0.0008 * rng.standard_normal(RATE // 2)
    call = noisy(joined([SAID.samples, breath, SAID.samples]), 60)
    start = at(len(SAID.samples) / RATE)
    assert not steps(call)[start + at(0.3) : start + at(1.9)].any()


@pytest.mark.parametrize(("snr", "least", "most"), [(60, 0, 0), (30, 0, 0), (6, 0.05, 0.2)])
def test_a_loud_room_may_hide_pieces_of_words(snr: float, least: float, most: float) -> None:
    activity = Activity()
    for frame in noisy(CALL, snr)[: len(CALL) // FRAME * FRAME].reshape(-1, FRAME):
        activity.step(frame)
    assert least <= activity.hidden <= most


def test_it_costs_little() -> None:
    """Under 1 ms of CPU per second of audio on an idle machine; ten times that must never happen."""
    import time

    noise = noisy(CALL, 20)
    before = time.process_time()
    steps(noise)
    assert (time.process_time() - before) / (len(noise) / RATE) < 0.010
