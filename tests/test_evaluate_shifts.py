from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.voices import noisy, voice
from voicetrainer.errors import ManifestError
from voicetrainer.evaluate import shifts
from voicetrainer.roleplay import steadiness
from voicetrainer.speech import audio


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two voices and a word, too short to be judged."""
    folder = tmp_path_factory.mktemp("shifts")
    for name, pitch in (("low", 110.0), ("high", 210.0)):
        audio.write(folder / f"{name}.wav", noisy(voice(5, pitch=pitch, seed=3).samples, 30))
    audio.write(folder / "word.wav", voice(0.3, seed=3).samples)
    path = folder / "manifest.csv"
    path.write_text("path\nlow.wav\nhigh.wav\nword.wav\n", encoding="utf-8")
    return path


def test_what_is_shifted_is_compared_with_what_is_told(manifest: Path) -> None:
    found = shifts.evaluate(manifest, pitch=(-2, 3), gain=(-6, 5), shifters=("resample",))
    assert (found["recordings"], found["not_judged"]) == (3, 1)
    right = {(s["what"], s["by"]): s["right"] for s in found["shifts"]}
    assert right["pitch", -2] == right["pitch", 3] == right["gain", -6] == right["gain", 5] == 1.0
    assert {by for what, by in right if what == "tempo"} == {0.891, 1.189}  # resampled sound is faster as well
    text = shifts.render(found)
    assert "3 recordings, 1 of them not fit to be judged" in text and "+5 exact" in text


def test_what_is_told_wrongly_counts_as_wrong(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(shifts.WITHIN, "pitch", 0.0)
    monkeypatch.setattr(audio, "resample", lambda samples, rate, to: samples)
    found = shifts.evaluate(manifest, pitch=(2,), gain=(), shifters=("resample",))
    assert {s["what"]: (s["right"], s["median_size"]) for s in found["shifts"]} == {
        "pitch": (0.0, 2.0),
        "tempo": (0.0, pytest.approx(1 - 2 ** (-2 / 12), abs=1e-4)),
    }


def test_what_is_not_told_is_neither_right_nor_an_error(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steadiness, "_rate", lambda prosody, baseline: (None, ()))
    found = shifts.evaluate(manifest, pitch=(2,), gain=(), shifters=("resample",))
    pitch, tempo = found["shifts"]
    assert (pitch["told"], pitch["right"]) == (1.0, 1.0)
    assert (tempo["told"], tempo["right"], tempo["median_error"]) == (0.0, 0.0, None)
    assert "0.0%    0.0%" in shifts.render(found)


def test_librosa_shifts_pitch_or_tempo(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def resampled(ratio: float, samples: audio.Samples) -> audio.Samples:
        return audio.resample(samples, round(audio.RATE * ratio), audio.RATE)

    # Its own effects take 20 s to compile, and what they do to speech is not ours to test.
    effects = SimpleNamespace(
        pitch_shift=lambda samples, *, sr, n_steps: resampled(2 ** (n_steps * sr / audio.RATE / 12), samples),
        time_stretch=lambda samples, *, rate: resampled(rate, samples),
    )
    monkeypatch.setattr("librosa.effects", effects)
    found = shifts.evaluate(manifest, pitch=(2,), gain=(), tempo=(1.2,), shifters=("librosa",))
    pitch, tempo = found["shifts"]
    assert (pitch["what"], pitch["by"], pitch["right"]) == ("pitch", 2, 1.0)
    assert (tempo["what"], tempo["by"]) == ("tempo", 1.2)
    assert abs(tempo["median_error"]) < 0.1


@pytest.mark.parametrize("name", ["tape", "sox"])
def test_shifters_that_are_not_there_are_named(manifest: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ManifestError, match=name):
        shifts.evaluate(manifest, shifters=(name,))
    assert all(s["shifter"] in ("exact", "resample") for s in shifts.evaluate(manifest, pitch=(1,), gain=())["shifts"])
