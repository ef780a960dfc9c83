"""Echoes with known delay and level, in rooms, under noise and under the learner's own voice; and none at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from voicetrainer.places import shipped
from voicetrainer.roleplay.events import Noted
from voicetrainer.speech.activity import Activity
from voicetrainer.speech.audio import RATE, Samples, read
from voicetrainer.speech.echo import TAIL, Guard
from voicetrainer.speech.voice import Voice

FRAME = 320
LINES = (
    ("I ordered boots on Monday. I paid for next day delivery. It's been days, and nothing has come!", 6.0),
    ("Okay. So how do I get boots before Saturday morning?", 4.0),
    ("You people always say that. I stayed at home for two days!", 9.0),
)


@dataclass
class Frame:
    t: float
    learner: Samples
    customer: Samples


@pytest.fixture(scope="module")
def customer() -> Samples:
    """Three lines of a customer's with 2.5 s after each."""
    with Voice("woman-1") as voice:
        return np.concatenate([x for line in LINES for x in (voice.render(*line), np.zeros(40_000, np.float32))])


@pytest.fixture(scope="module")
def learner(customer: Samples) -> Samples:
    """The shipped learner, who never stops talking."""
    folder = shipped("scenarios") / "recordings" / "late-parcel" / "calm"
    clips = [read(folder / name) for name in ("1-heard.flac", "5-choice.flac", "4-order.flac", "6-follow-up.flac")]
    return np.resize(np.concatenate(clips), len(customer))


def room(level_db: float = -65.0, count: int = 1_000_000, seed: int = 0) -> Samples:
    return (np.random.default_rng(seed).standard_normal(count) * 10 ** (level_db / 20)).astype(np.float32)


def echo(sound: Samples, delay: float, level_db: float, reverberation: float = 0.0) -> Samples:
    """A sound as it comes back: later, weaker, and with a room's decay (seconds to -60 dB) behind it."""
    at, tail = round(delay * RATE), round(reverberation * RATE)
    path = np.zeros(at + tail + 1)
    if tail:
        path[at : at + tail] = 0.25 * room(0, tail, 3) * np.exp(-6.9 * np.arange(tail) / tail)
    path[at] += 1
    size = 1 << (len(sound) + len(path)).bit_length()
    back = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(path, size), size)[: len(sound)]
    return np.asarray(back * 10 ** (level_db / 20) * np.sqrt((sound**2).mean() / (back**2).mean()), np.float32)


def through(guard: Guard, customer: Samples, microphone: Samples) -> tuple[Samples, list[Noted]]:
    """What the ears get of it all, and what is noted."""
    ears: list[Samples] = []
    notes: list[Noted] = []
    for at in range(0, len(customer) - FRAME + 1, FRAME):
        heard, noted = guard.hear(Frame(at / RATE, microphone[at : at + FRAME], customer[at : at + FRAME]))
        ears.append(heard)
        notes += noted
    return np.concatenate(ears), notes


@pytest.mark.parametrize("reverberation", [0.0, 0.3])
@pytest.mark.parametrize("level", [-10, -30])
@pytest.mark.parametrize("delay", [0.0, 0.02, 0.08, 0.25, 0.5])
def test_an_echo_is_found(customer: Samples, delay: float, level: float, reverberation: float) -> None:
    guard = Guard()
    _, notes = through(guard, customer, echo(customer, delay, level, reverberation) + room()[: len(customer)])
    assert guard.found is not None
    assert guard.found.delay == pytest.approx(delay, abs=0.03 if reverberation else 0.002)
    assert guard.found.level == pytest.approx(level, abs=6 if reverberation else 2)
    assert [n.what for n in notes] == ["echo"], "told once"
    assert notes[0].t < 3.5
    assert "wear a headset" in notes[0].text


def test_an_echo_that_comes_earlier_than_the_sound_system_says(customer: Samples) -> None:
    guard = Guard()
    early = np.concatenate((customer[800:], np.zeros(800, np.float32)))
    through(guard, customer, echo(early, 0.0, -20) + room()[: len(customer)])
    assert guard.found is not None and guard.found.delay == pytest.approx(-0.05, abs=0.002)


@pytest.mark.parametrize("level", [-15, -20])
def test_an_echo_is_found_under_the_learners_voice(customer: Samples, learner: Samples, level: float) -> None:
    guard = Guard()
    _, notes = through(guard, customer, echo(customer, 0.08, level, 0.3) + learner + room()[: len(customer)])
    assert guard.found is not None and guard.found.delay == pytest.approx(0.08, abs=0.03)
    assert len(notes) == 1


@pytest.mark.parametrize("shift", range(5))
def test_a_learner_who_talks_over_the_customer_is_no_echo(customer: Samples, learner: Samples, shift: int) -> None:
    guard = Guard()
    _, notes = through(guard, customer, np.roll(learner, shift * 11_000) + room()[: len(customer)])
    assert guard.found is None and not notes


def test_the_same_voice_with_other_words_is_no_echo(customer: Samples) -> None:
    with Voice("woman-1") as voice:
        other = voice.render("This is another thing that I would like to say to you right now, please listen.", 6.0)
    guard = Guard()
    _, notes = through(guard, customer, np.resize(other, len(customer)) + room()[: len(customer)])
    assert guard.found is None and not notes


@pytest.mark.parametrize("microphone", [room(-65), room(-30), np.zeros(1_000_000, np.float32)])
def test_a_headset_is_no_echo(customer: Samples, microphone: Samples) -> None:
    guard = Guard()
    ears, notes = through(guard, customer, microphone[: len(customer)])
    assert guard.found is None and not notes
    assert np.array_equal(ears, microphone[: len(ears)])


def test_an_echo_below_the_rooms_noise_is_not_worth_a_word(customer: Samples) -> None:
    guard = Guard()
    _, notes = through(guard, customer, echo(customer, 0.05, -30) + room(-45)[: len(customer)])
    assert guard.found is not None and not guard.found.audible
    assert not notes


@pytest.mark.parametrize(("delay", "level", "reverberation"), [(0.02, -10, 0.3), (0.15, -20, 0.4), (0.3, -10, 0.3)])
def test_half_duplex_keeps_the_customer_out_of_the_ears(
    customer: Samples, delay: float, level: float, reverberation: float
) -> None:
    microphone = echo(customer, delay, level, reverberation) + room()[: len(customer)]

    def voiced(sound: Samples) -> float:
        activity = Activity()
        return sum(activity.step(sound[i : i + FRAME]) for i in range(0, len(sound) - FRAME + 1, FRAME)) * 0.02

    open_ears, _ = through(Guard(), customer, microphone)
    ears, notes = through(Guard(half_duplex=True), customer, microphone)
    assert voiced(open_ears) > 5
    assert voiced(ears[2 * RATE :]) < 0.1, "once the delay is known"
    assert "you are not listened to" in notes[0].text


def test_half_duplex_listens_when_the_customer_is_silent() -> None:
    guard = Guard(half_duplex=True)
    line = np.concatenate((np.full(RATE, 0.1, np.float32), np.zeros(RATE, np.float32)))
    learner = np.full(2 * RATE, 0.2, np.float32)
    ears, _ = through(guard, line, learner)
    closed = np.flatnonzero(ears == 0)
    assert closed[0] == 0 and closed[-1] / RATE == pytest.approx(1 + TAIL, abs=0.021)
    guard.half_duplex = False
    ears, _ = through(guard, line, learner)
    assert ears.all()
