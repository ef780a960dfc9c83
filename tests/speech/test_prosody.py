from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soxr

from tests.voices import RATE, joined, noisy, silence, voice
from voicetrainer.places import shipped
from voicetrainer.roleplay.events import Prosody, Word
from voicetrainer.roleplay.steadiness import calibrate, judge, read
from voicetrainer.speech import prosody
from voicetrainer.speech.audio import read as read_audio
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


@pytest.fixture(scope="module")
def spoken() -> list[np.ndarray]:
    """Sentences of the synthetic voice that comes with the program."""
    folder = shipped("scenarios") / "recordings" / "late-parcel" / "calm"
    found = [read_audio(path) for path in sorted(folder.glob("*.flac"))]
    return [samples for samples in found if len(samples) > 4 * RATE]


@pytest.mark.parametrize("semitones", [-3.0, -1.5, 2.0, 3.0])
def test_speech_played_faster_is_higher_and_faster_by_as_much(spoken: list[np.ndarray], semitones: float) -> None:
    ratio, rates = 2 ** (semitones / 12), []
    for samples in spoken:
        played = soxr.resample(samples, RATE * ratio, RATE).astype(np.float32)
        verdict = judge(measure(played), calibrate([measure(samples)]), 0, 1)
        assert verdict.pitch == pytest.approx(semitones, abs=0.3)
        rates.append(verdict.rate or 0)
    assert len(rates) >= 4
    assert rates == pytest.approx([ratio] * len(rates), rel=0.08)
    assert np.mean(rates) == pytest.approx(ratio, rel=0.04)


@pytest.mark.parametrize("gain_db", [-15, 8])
def test_speech_played_louder_is_louder_by_as_much(spoken: list[np.ndarray], gain_db: float) -> None:
    for samples in spoken:
        verdict = judge(measure(samples * np.float32(10 ** (gain_db / 20))), calibrate([measure(samples)]), 0, 1)
        assert verdict.loudness == pytest.approx(gain_db, abs=1)
        assert verdict.pitch == pytest.approx(0, abs=0.3)
        assert verdict.rate == pytest.approx(1, rel=0.05)


def test_silence_around_speech_does_not_slow_it(spoken: list[np.ndarray]) -> None:
    room = (1e-4 * np.random.default_rng(0).standard_normal(9600)).astype(np.float32)
    for samples in spoken:
        alone, within = measure(samples).syllable_rate, measure(np.concatenate((room, samples, room))).syllable_rate
        assert alone is not None
        assert within == pytest.approx(alone, rel=0.05)


def test_words_tell_the_rate_where_there_are_some() -> None:
    words = [Word("word", i * 0.3, i * 0.3 + 0.2) for i in range(15)]
    outside = [Word("late", 60.0, 60.4)]
    found = measure(SAID.samples, words + outside)
    spoken = found.seconds - found.pause_seconds
    assert found.word_rate == pytest.approx(60 * 15 / spoken, rel=0.1)
    assert CALM.word_rate is None
    assert found.word_syllables == pytest.approx(5.0)  # one in each word's 0.2 s, whatever lies between
    assert CALM.word_syllables is None
    assert measure(SAID.samples, [Word("hello", 1.0, 1.0)]).word_syllables is None  # a word of no length


@pytest.mark.parametrize(
    ("file", "syllables"),
    [("1-heard.flac", 28), ("3-mistake.flac", 35)],  # "I am so sorry to hear ...", "You paid for next day delivery ..."
)
def test_the_rate_is_that_of_the_syllables_of_the_words(file: str, syllables: int) -> None:
    samples = read_audio(shipped("scenarios") / "recordings" / "late-parcel" / "calm" / file)
    found = measure(samples, [Word("syllable", 0.0, 0.1)] * syllables)
    assert found.syllable_rate is not None and found.word_rate is not None
    assert found.syllable_rate == pytest.approx(found.word_rate / 60, rel=0.15)


@pytest.mark.parametrize("snr", [40, 25])
def test_babble_twice_as_fast_is_much_faster_and_a_held_vowel_has_no_rate_to_speak_of(snr: float) -> None:
    slow, fast = (measure(noisy(voice(6, seed=4, tempo=t).samples, snr)).syllable_rate for t in (0.9, 1.8))
    assert slow is not None and fast is not None and fast > 1.5 * slow
    held = measure(noisy(buzz(np.full(3 * RATE, 140.0), np.zeros(3 * RATE)), snr)).syllable_rate
    assert held is None or held < 0.5 * slow


def test_neither_creak_nor_squeak_moves_the_pitch() -> None:
    octave = np.full(3 * RATE, 180.0)
    rough = octave.copy()
    rough[: RATE // 2] /= 2  # as a tracker takes a creaky voice
    rough[-RATE // 2 :] *= 2
    flat = np.zeros(3 * RATE)
    assert measure(noisy(buzz(rough, flat), 40)).pitch == pytest.approx(180, rel=0.005)
    assert measure(noisy(buzz(octave, flat), 40)).pitch == pytest.approx(180, rel=0.005)


def test_mains_hum_is_no_voice() -> None:
    hum = (0.02 * np.sin(2 * np.pi * 60 * np.arange(len(SAID.samples)) / RATE)).astype(np.float32)
    clean, humming = CALM, measure(noisy(SAID.samples + hum, 30))
    assert humming.pitch == pytest.approx(clean.pitch, rel=0.01)


def test_pauses_are_counted() -> None:
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


def kept(tracker: ProsodyTracker) -> int:
    return sum(a.nbytes for a in [*tracker._pitches, *tracker._bands, tracker._waiting])


@pytest.fixture
def short_chapters(monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds after which an utterance is folded, made short for these tests."""
    monkeypatch.setattr(prosody, "_CHAPTER", 600)
    return 6.0


def test_memory_does_not_grow_after_the_first_chapter(short_chapters: float) -> None:
    tracker = ProsodyTracker()
    samples = noisy(SAID.samples, 20)
    sizes = []
    for _ in range(6):
        for part in np.array_split(samples, 6):
            tracker.feed(part)
            sizes.append(kept(tracker))
    assert max(sizes) < short_chapters * 10_000  # whatever was fed
    assert max(sizes) > 5 * min(sizes[6:])


def test_a_long_utterance_has_the_figures_of_its_chapters(short_chapters: float) -> None:
    samples = noisy(np.pad(voice(5, seed=4, pause_every=99).samples, 4000), 25)
    samples = np.resize(samples, round(short_chapters * RATE))
    long = np.concatenate([samples] * 3)
    one, whole = measure(samples), measure(long)
    assert whole.seconds == pytest.approx(3 * one.seconds)
    assert whole.voiced == pytest.approx(3 * one.voiced, rel=0.03)
    for name in ("pitch", "pitch_spread", "loudness", "noise", "tilt", "body", "syllable_rate"):
        assert getattr(whole, name) == pytest.approx(getattr(one, name), rel=0.05), name
    for name in ("lilt", "unison", "climb"):
        assert getattr(whole, name) == pytest.approx(getattr(one, name), abs=0.1), name
    assert whole.track is not None and len(whole.track.pitch) == np.ceil(len(long) / 1600)
    assert len(whole.track.tilt) == len(whole.track.loudness) == len(whole.track.pitch)
    pieces = ProsodyTracker()
    for i in range(0, len(long), 12_345):
        pieces.feed(long[i : i + 12_345])
    assert pieces.finish() == whole


def test_what_is_much_too_long_to_be_an_utterance_is_not_drawn(
    short_chapters: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prosody, "_DRAWN", 2)
    samples = np.resize(noisy(SAID.samples, 25), round(2.9 * short_chapters * RATE))
    assert measure(samples[: round(1.9 * short_chapters * RATE)]).track is not None
    long = measure(samples)
    assert long.track is None
    assert judge(long, calibrate([CALM]), 0, 1).level == "steady"


# ------------------------------------------------------------------------------------------------- while it is spoken


def test_so_far_is_what_the_whole_will_be_and_disturbs_nothing() -> None:
    samples = noisy(SAID.samples, 20)
    tracker = ProsodyTracker()
    for i in range(0, len(samples), 320):
        tracker.feed(samples[i : i + 320])
        if i % 3200 == 0:
            tracker.so_far()
            tracker.so_far(2.0)
    nearly, whole = tracker.so_far(), tracker.finish()
    assert whole == measure(samples)
    assert replace(tracker.so_far(), track=whole.track) == whole
    assert nearly.track is None
    for name in ("voiced", "pitch", "loudness", "tilt", "body", "syllable_rate"):
        assert getattr(nearly, name) == pytest.approx(getattr(whole, name), rel=0.05), name


def test_so_far_is_at_most_a_tenth_of_a_second_behind() -> None:
    tracker = ProsodyTracker()
    samples = noisy(np.pad(voice(3, seed=2, pause_every=99).samples, (RATE, 0)), 40)
    for i in range(0, len(samples), 320):
        tracker.feed(samples[i : i + 320])
        fed = min(i + 320, len(samples)) / RATE
        assert tracker._decided * 0.01 >= fed - 0.1
    assert ProsodyTracker().so_far() == Prosody(seconds=0.0, voiced=0.0)


def test_the_last_seconds_tell_how_the_voice_is_now() -> None:
    soft, hard = voice(5.0, seed=5).samples, voice(5.0, seed=5, tilt_db=10).samples
    tracker = ProsodyTracker()
    tracker.feed(noisy(joined([soft, hard]), 40))
    now, calm = tracker.so_far(4.0), calibrate([measure(noisy(soft, 40))])
    assert judge(now, calm, 0, 1).tilt == pytest.approx(10, abs=2)
    assert read(now, calm).level == "raised"


def test_a_meter_follows_a_voice_that_turns() -> None:
    soft, hard = voice(4.0, seed=5).samples, voice(6.0, seed=5, pitch=160, tilt_db=12).samples
    calm = calibrate([measure(noisy(soft, 40))])
    samples = noisy(joined([soft, hard]), 40)
    tracker, levels = ProsodyTracker(), []
    for i in range(0, len(samples), RATE // 4):
        tracker.feed(samples[i : i + RATE // 4])
        levels.append(read(tracker.so_far(3.0), calm).level)
    assert levels[0] == "unknown"
    assert levels[len(soft) * 4 // RATE - 1] == "steady"
    assert levels[-1] == "raised"
    whole = tracker.finish()
    assert read(tracker.so_far(), calm).score == judge(whole, calm, 0, 1).score


# --------------------------------------------------------------------------------------------- how the force is spent


def buzz(pitch: np.ndarray, level_db: np.ndarray, bright_db: np.ndarray | float = 0.0) -> np.ndarray:
    """A harmonic sound of given pitch (hertz), level and brightness (from the eighth harmonic on) at each sample."""
    phase, more = np.cumsum(pitch) / RATE, 10 ** (np.asarray(bright_db) / 20)
    waves = np.sum([(more if k > 7 else 1) * np.sin(2 * np.pi * k * phase) / k for k in range(1, 20)], axis=0)
    return np.asarray(0.03 * 10 ** (level_db / 20) * waves, np.float32)


@pytest.mark.parametrize("fall", [0.0, 6.0, 12.0])
def test_the_ends_of_phrases_are_measured(fall: float) -> None:
    time = np.arange(RATE) / RATE
    phrase = buzz(np.full(RATE, 140.0), np.where(time < 0.8, 0.0, -fall))
    found = measure(noisy(joined([silence(0.5), phrase, silence(0.5), phrase, silence(0.5)]), 40)).ending
    assert found == pytest.approx(-0.8 * fall, abs=1.0)


@pytest.mark.parametrize("brighter", [-8.0, 0.0, 8.0])
@pytest.mark.parametrize(("gain", "snr"), [(1.0, 40), (0.2, 20)])
def test_whether_phrases_thin_out_is_measured(brighter: float, gain: float, snr: float) -> None:
    time = np.arange(RATE) / RATE
    phrase = gain * buzz(np.full(RATE, 140.0), 0 * time, np.where(time < 0.8, 0.0, brighter))
    parts = [silence(0.5), phrase.astype(np.float32)] * 2
    found = measure(noisy(joined([*parts, silence(0.5)]), snr)).thinning
    assert found == pytest.approx(0.8 * brighter, abs=1.0)


@pytest.mark.parametrize(("way", "unison"), [(1.0, 1.0), (-1.0, -1.0)])
def test_pitch_and_level_go_together_or_apart(way: float, unison: float) -> None:
    wave = np.sin(2 * np.pi * 1.5 * np.arange(3 * RATE) / RATE)
    found = measure(noisy(buzz(140 * 2 ** (2 * wave / 12), way * 4 * wave), 50)).unison
    assert found == pytest.approx(unison, abs=0.15)


def test_a_melody_that_jumps_up_and_glides_down() -> None:
    time = np.arange(4 * RATE) / RATE
    up_fast = np.interp(time % 0.5, [0, 0.1, 0.5], [0, 3, 0])
    found = [measure(noisy(buzz(140 * 2 ** (x / 12), 0 * time), 50)).climb for x in (up_fast, -up_fast, 0 * time)]
    assert found[0] is not None and found[1] is not None
    assert found[0] > 0.8
    assert found[1] < -0.8
    assert found[2] is None or abs(found[2]) < 0.6


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
