from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.roleplay.test_steadiness import CALM, semitones
from tests.voices import RATE, joined, noisy, silence, voice
from voicetrainer import places
from voicetrainer.baselines import Sample, after, everyone, forget, frames, load, new, save, sentences
from voicetrainer.errors import AudioError, LearnerError
from voicetrainer.roleplay.events import Heard, Prosody, Silence, Word
from voicetrainer.speech.prosody import measure

DAY = date(2026, 3, 1)


def sample(learner: str = "Anna", microphone: str = "default", said: Prosody = CALM) -> Sample:
    return new(learner, microphone, [said, said], today=DAY)


def test_what_is_kept_is_what_is_loaded(tmp_path: Path) -> None:
    kept = sample("Anna Ó", "head set")
    path = save(kept, tmp_path / "new")
    assert load("  anna  ó ", "HEAD set", tmp_path / "new") == kept
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert json.loads(path.read_text(encoding="utf-8"))["made"] == "2026-03-01"
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing half-written is left


def test_names_that_look_alike_are_kept_apart(tmp_path: Path) -> None:
    for learner, microphone in (("Ann A", "x"), ("ann-a", "x"), ("Ann A", "X!"), ("安娜", "x"), ("安妮", "x")):
        save(sample(learner, microphone), tmp_path)
    assert len(everyone(tmp_path)) == 5
    assert forget("ann a", root=tmp_path) == 2
    assert forget("安娜", "x", tmp_path) == 1
    assert forget("安娜", "x", tmp_path) == 0
    assert {s.learner for s in everyone(tmp_path)} == {"ann-a", "安妮"}


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\x00b", "a\x1bb"])
def test_a_name_is_a_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(LearnerError, match="is no name of a learner"):
        load(name, root=tmp_path)
    with pytest.raises(LearnerError, match="is no name of a microphone"):
        new("Anna", name, [CALM])


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "..", "CON", "*"])
def test_a_name_never_leaves_the_folder(name: str, tmp_path: Path) -> None:
    path = save(sample(name, name), tmp_path / "in")
    assert path.parent == tmp_path / "in"
    assert load(name, name, tmp_path / "in").learner == name
    assert forget(name, root=tmp_path / "in") == 1


def test_a_missing_sample_says_how_to_give_it(tmp_path: Path) -> None:
    with pytest.raises(LearnerError, match="there is no calm sample of 'Bob B' on microphone 'desk'") as caught:
        load("Bob B", "desk", tmp_path)
    assert caught.value.hint == "voicetrainer calibrate FILES --learner 'Bob B' --mic desk"
    assert everyone(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Invalid JSON"),
        ("{}", "learner: Field required"),
        ('{"learner": "Anna", "format": 2}', "Field required"),
        ("[" * 70_000, "too large"),
    ],
)
def test_a_broken_file_is_named(text: str, why: str, tmp_path: Path) -> None:
    path = save(sample(), tmp_path)
    path.write_text(text, encoding="utf-8")
    for read in (lambda: load("Anna", root=tmp_path), lambda: everyone(tmp_path)):
        with pytest.raises(LearnerError, match=why) as caught:
            read()
        assert str(path) in caught.value.message


def test_a_sample_with_nan_is_refused(tmp_path: Path) -> None:
    path = save(sample(), tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("-26.0", "NaN"), encoding="utf-8")
    with pytest.raises(LearnerError):
        load("Anna", root=tmp_path)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LearnerError, match="cannot be written"):
        save(sample(), tmp_path / "file")


def test_a_write_that_fails_leaves_the_old_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = sample()
    path = save(old, tmp_path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(LearnerError, match="No space left"):
        save(replace(old, calls=3), tmp_path)
    assert load("Anna", root=tmp_path) == old
    assert list(tmp_path.iterdir()) == [path]


def test_too_little_voice_makes_no_sample() -> None:
    with pytest.raises(LearnerError, match=r"holds 1\.4 seconds of voice, 2 are needed"):
        new("Anna", "default", [replace(CALM, voiced=0.7)] * 2)
    with pytest.raises(AudioError, match="nothing was recorded"):
        new("Anna", "default", [])


def heard(prosody: Prosody | None, at: float) -> Heard:
    return Heard(at, at - 3, at, (), prosody)


def test_a_call_teaches_its_sample(tmp_path: Path) -> None:
    kept = sample()
    save(kept, tmp_path)
    other = replace(CALM, tilt=-11.0, loudness=-27.0)
    events = [Silence(1.0, 1.0), heard(None, 5.0), *(heard(other, 10.0 * i) for i in range(1, 6))]
    assert after(kept, events, tmp_path) == ""
    now = load("Anna", root=tmp_path)
    assert (now.original, now.calls) == (kept.original, 1)
    assert now.current.tilt is not None and -11.0 < now.current.tilt < -10.0
    angry = [heard(replace(CALM, tilt=2.0, pitch=semitones(5)), 10.0)] * 5
    assert after(now, angry, tmp_path) == ""
    assert load("Anna", root=tmp_path) == now


def test_a_call_on_a_changed_microphone_asks_for_a_new_sample(tmp_path: Path) -> None:
    kept = sample("Anna B", "desk")
    save(kept, tmp_path)
    why = after(kept, [heard(replace(CALM, loudness=-12.0, noise=-46.0), 5.0)] * 5, tmp_path)
    assert "14 dB louder than in your calm sample" in why
    assert "voicetrainer calibrate FILES --learner 'Anna B' --mic desk" in why
    assert load("Anna B", "desk", tmp_path) == kept


def test_sentences_are_told_apart_by_the_silence_between_them() -> None:
    parts = [voice(2.5, seed=s, pitch=120.0, pause_every=99).samples for s in range(3)]
    gap = silence(1.2)
    recording = noisy(joined([gap, parts[0], gap, parts[1], gap, parts[2], gap]), 40)
    found = list(sentences(frames(recording)))
    assert len(found) == 3
    for said, part in zip(found, parts, strict=True):
        assert said.voiced == pytest.approx(measure(noisy(part, 40)).voiced, abs=0.5)
        assert said.pitch == pytest.approx(measure(part).pitch, rel=0.02)
    made = new("Anna", "default", found)
    assert made.original.utterances == 3
    assert made.original.pitch == pytest.approx(120, rel=0.05)


def test_a_recognizer_tells_the_words_of_each_sentence() -> None:
    class Listening:
        """Hears a word of one syllable in each half second of what it is fed."""

        def __init__(self) -> None:
            self.seconds = 0.0

        def utterance(self) -> Listening:
            return Listening()

        def feed(self, samples: np.ndarray) -> None:
            self.seconds += len(samples) / RATE

        def finish(self, offset: float) -> tuple[Word, ...]:
            return tuple(Word("word", offset + i / 2, offset + i / 2 + 0.25) for i in range(int(2 * self.seconds)))

    parts = [voice(s, seed=1, pitch=120.0, pause_every=99).samples for s in (2.0, 3.0)]
    recording = noisy(joined([parts[0], silence(1.2), parts[1], silence(1.2)]), 40)
    found = list(sentences(frames(recording), Listening()))  # type: ignore[arg-type]
    assert [said.word_syllables for said in found] == [4.0, 4.0]
    assert new("Anna", "default", found).original.word_syllables == 4.0
    assert all(said.word_rate is not None and 80 < said.word_rate < 180 for said in found)


def test_only_as_much_is_listened_to_as_is_wanted() -> None:
    taken = 0

    def microphone() -> object:
        nonlocal taken
        said = np.concatenate((voice(2.0, seed=1, pause_every=99).samples, silence(1.0)))
        while True:
            for frame in frames(noisy(said, 40)):
                taken += 1
                yield frame

    first = next(sentences(microphone()))  # type: ignore[arg-type]
    assert first.voiced > 0.6
    assert taken < 4 * 50  # seconds of 20 ms
    taken = 0
    silent = (np.zeros(320, np.float32) for _ in iter(int, 1))
    assert list(sentences(silent)) == []  # a microphone that is switched off does not keep us for ever


def test_the_last_frame_is_filled_up() -> None:
    cut = list(frames(np.ones(RATE // 50 + 10, np.float32)))
    assert [len(f) for f in cut] == [320, 320]
    assert cut[1].sum() == 10


def test_the_place_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VOICETRAINER_LEARNERS", str(tmp_path / "here"))
    assert save(sample()).parent == tmp_path / "here"
    monkeypatch.delenv("VOICETRAINER_LEARNERS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    if os.name == "posix" and os.uname().sysname == "Linux":
        assert places.learners_dir() == tmp_path / "data/voicetrainer/learners"
