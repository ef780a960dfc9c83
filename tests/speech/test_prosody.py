from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.voices import RATE, joined, noisy, silence, voice
from voicetrainer.roleplay.events import Prosody, Word
from voicetrainer.roleplay.steadiness import calibrate, judge
from voicetrainer.speech import prosody
from voicetrainer.speech.prosody import ProsodyTracker, measure

SAID = voice(6, seed=4)
CALM = measure(noisy(SAID.samples, 30))


def test_pieces_of_any_size_give_the_values_of_the_whole() -> None:
    samples = noisy(SAID.samples, 20)
    words = (Word("so", 10.5, 11.0), Word("then", 12.0, 12.5))
    found = []
    for size in (160, 320, 1001, 16_000, len(samples)):
        tracker = ProsodyTracker()
        for i in range(0, len(samples), size):
            tracker.feed(samples[i : i + size])
        found.append(tracker.finish(words, 10.0))
    assert all(other == found[0] for other in found)
    here = [Word(w.text, w.start - 10, w.end - 10) for w in words]
    assert measure(samples, here) == found[0]


@pytest.mark.parametrize("semitones", [-4, 3, 7])
def test_a_known_shift_of_pitch_is_reported(semitones: float) -> None:
    shifted = voice(6, seed=4, pitch=130 * 2 ** (semitones / 12))
    verdict = judge(measure(noisy(shifted.samples, 30)), calibrate([CALM]), 0, 1)
    assert verdict.pitch == pytest.approx(semitones, abs=0.3)


@pytest.mark.parametrize("gain_db", [-12, 6, 14])
@pytest.mark.parametrize("snr", [30, 15])
def test_a_known_gain_is_reported(gain_db: float, snr: float) -> None:
    calm = measure(noisy(SAID.samples, snr))
    louder = voice(6, seed=4, gain_db=gain_db)
    verdict = judge(measure(noisy(louder.samples, snr)), calibrate([calm]), 0, 1)
    assert verdict.loudness == pytest.approx(gain_db, abs=1)
    assert verdict.pitch == pytest.approx(0, abs=0.3)
    assert verdict.tilt == pytest.approx(0, abs=1)
    assert verdict.level == "steady"


@pytest.mark.parametrize("tilt_db", [-5, 5, 9])
def test_a_known_tilt_is_reported(tilt_db: float) -> None:
    harder = voice(6, seed=4, tilt_db=tilt_db)
    verdict = judge(measure(noisy(harder.samples, 40)), calibrate([CALM]), 0, 1)
    assert verdict.tilt == pytest.approx(tilt_db, abs=1)


def test_lilt_tells_rising_from_falling_pitch() -> None:
    def glide(*semitones: float) -> float:
        time = np.arange(3 * RATE) / RATE
        phase = np.cumsum(140 * 2 ** (np.interp(time % 1, np.linspace(0, 1, len(semitones)), semitones) / 12)) / RATE
        buzz = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 20))
        gate = (time % 1) < 0.8
        found = measure(noisy((0.05 * np.asarray(buzz) * gate).astype(np.float32), 30)).lilt
        assert found is not None
        return found

    assert glide(0, 6) > 0.9
    assert glide(6, 0) < -0.9
    assert abs(glide(0, 6, 0)) < 0.4
    assert abs(glide(0, 0)) < 0.1


def test_body_is_what_lies_around_the_fundamental() -> None:
    time = np.arange(2 * RATE) / RATE
    waves = [a * np.sin(2 * np.pi * f * time) for a, f in ((0.1, 150), (0.1, 300), (0.1, 750), (0.1, 1500))]
    found = measure(noisy(np.sum(waves, axis=0).astype(np.float32), 40)).body
    assert found == pytest.approx(-6.0, abs=0.3)  # one of four equal parts


@pytest.mark.parametrize("tempo", [0.8, 1.2, 1.4])
def test_a_known_tempo_is_reported(tempo: float) -> None:
    rates = []
    for seed in (4, 5):
        calm, other = (measure(noisy(voice(8, seed=seed, tempo=t).samples, 30)) for t in (1.0, tempo))
        rates.append(judge(other, calibrate([calm]), 0, 1).rate)
    assert np.mean([rate for rate in rates if rate]) == pytest.approx(tempo, rel=0.05)


def test_words_tell_the_rate_where_there_are_some() -> None:
    words = [Word("word", i * 0.3, i * 0.3 + 0.2) for i in range(15)]
    outside = [Word("late", 60.0, 60.4)]
    found = measure(SAID.samples, words + outside)
    spoken = found.seconds - found.pause_seconds
    assert found.word_rate == pytest.approx(60 * 15 / spoken, rel=0.1)
    assert CALM.word_rate is None


def test_syllables_and_pauses_are_counted() -> None:
    assert CALM.syllable_rate is not None
    spoken = CALM.seconds - CALM.pause_seconds
    assert CALM.syllable_rate * spoken == pytest.approx(SAID.syllables, rel=0.1)
    said = voice(2.4, seed=1, pause_every=99)
    gaps = joined([said.samples, silence(0.6), said.samples, silence(0.15), said.samples])
    found = measure(noisy(np.pad(gaps, 8000), 40))
    assert found.pauses == 1
    assert found.pause_seconds == pytest.approx(0.6, abs=0.1)


def test_noise_and_level_are_those_of_the_signal() -> None:
    speech = np.pad(SAID.samples, 8000)
    found = measure(noisy(speech, 20))
    assert found.loudness == pytest.approx(-26, abs=1.5)
    power = 10 * np.log10(np.mean(speech.astype(float) ** 2)) - 20
    assert found.noise == pytest.approx(power, abs=1)


def test_an_offset_of_the_microphone_changes_nothing() -> None:
    samples = noisy(SAID.samples, 30)
    plain, offset = measure(samples), measure(samples + np.float32(0.05))
    for name in ("voiced", "pitch", "loudness", "noise", "tilt", "body", "syllable_rate"):
        assert getattr(offset, name) == pytest.approx(getattr(plain, name), rel=0.02), name


def test_the_track_covers_the_utterance_every_tenth_of_a_second() -> None:
    samples = joined([silence(1), voice(2, pitch=200, spread=0.1, seed=2).samples])
    found = measure(samples)
    assert found.track is not None
    assert found.track.step == 0.1
    assert len(found.track.pitch) == len(found.track.loudness) == np.ceil(len(samples) / 1600)
    assert found.track.pitch[:9] == (None,) * 9
    assert found.track.loudness[:9] == (None,) * 9
    heard = [hertz for hertz in found.track.pitch if hertz is not None]
    assert len(heard) > 8 and all(abs(hertz - 200) < 6 for hertz in heard)
    assert all(level is not None and -40 < level < -20 for level in found.track.loudness[12:15])


def test_the_track_follows_a_sound_that_grows_harder() -> None:
    soft, hard = voice(3.0, seed=5).samples, voice(3.0, seed=5, tilt_db=10).samples
    track = measure(noisy(joined([soft, hard]), 40)).track
    assert track is not None
    assert len(track.tilt) == len(track.pitch)
    assert [t is None for t in track.tilt] == [p is None for p in track.pitch]
    cut = round(len(soft) / 1600)
    before, after = ([t for t in part if t is not None] for part in (track.tilt[:cut], track.tilt[cut:]))
    assert np.median(after) - np.median(before) == pytest.approx(10, abs=1.5)
    louder = measure(2 * noisy(joined([soft, hard]), 40)).track
    assert louder is not None
    assert louder.tilt == track.tilt


@pytest.mark.parametrize("count", [0, 1, 100, 5000])
def test_nothing_to_measure_is_none_and_never_nan(count: int) -> None:
    found = measure(np.zeros(count, np.float32))
    assert found.voiced == 0
    assert (found.pitch, found.pitch_spread, found.loudness, found.noise, found.tilt) == (None,) * 5
    assert (found.syllable_rate, found.word_rate, found.pauses, found.clipped) == (None, None, 0, 0)
    assert found.seconds == round(count / RATE, 3)


def test_constant_and_noise_have_no_voice() -> None:
    rng = np.random.default_rng(0)
    assert measure(np.full(RATE, 0.3, np.float32)).voiced == 0
    assert measure((0.1 * rng.standard_normal(3 * RATE)).astype(np.float32)).voiced < 0.05


def test_clipped_samples_are_counted() -> None:
    loud = np.clip(SAID.samples * 30, -1, 1)
    share = np.mean(np.abs(loud) >= 1)
    assert measure(loud).clipped == pytest.approx(share, abs=1e-3)
    assert share > 0.01


def test_every_value_is_finite_for_odd_signals() -> None:
    impulse = np.zeros(RATE, np.float32)
    impulse[8000] = 1
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    for samples in (impulse, tone, -np.ones(RATE, np.float32), np.tile(np.array([1, -1], np.float32), RATE // 2)):
        assert isinstance(measure(samples), Prosody)  # it refuses NaN and infinity itself


def test_memory_per_second_is_constant() -> None:
    tracker = ProsodyTracker()
    samples = noisy(SAID.samples, 20)
    for _ in range(10):
        tracker.feed(samples)
    seconds = 10 * len(samples) / RATE
    kept = sum(a.nbytes for a in [*tracker._pitches, *tracker._bands, tracker._waiting])
    assert kept / seconds < 5000
    assert len(tracker._waiting) < 2000


def test_librosa_comes_without_its_compiler_stall() -> None:
    code = (
        "import sys; from voicetrainer.speech import prosody; assert 'librosa' not in sys.modules;"
        "prosody.warm_up(); assert 'librosa' in sys.modules;"
        "slow = {'librosa.util.utils', 'librosa.core.audio', 'librosa.core.spectrum', 'scipy.signal'};"
        "assert not slow & set(sys.modules), slow & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_warming_up_twice_costs_once() -> None:
    prosody.warm_up()
    assert prosody._analysis() is prosody._analysis()
