from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from voicetrainer.errors import ModelError
from voicetrainer.models import SUMS, at
from voicetrainer.places import shipped
from voicetrainer.roleplay.events import Word
from voicetrainer.speech import recognizer as module
from voicetrainer.speech.audio import RATE, Samples, read
from voicetrainer.speech.recognizer import Recognizer

FOLDER = shipped("models") / "vosk-voicetrainer-starter-0.1"
RECORDINGS = Path(__file__).parents[2] / "scenarios" / "recordings" / "late-parcel"
SAID = "can you give me your order number please"


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(FOLDER)


@pytest.fixture(scope="module")
def speech() -> Samples:
    return read(RECORDINGS / "calm" / "4-order.flac")


def hear(recognizer: Recognizer, *parts: Samples, offset: float = 0.0) -> tuple[Word, ...]:
    hearing = recognizer.utterance()
    for part in parts:
        hearing.feed(part)
    return hearing.finish(offset)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * 16_000), np.float32)


def text(words: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in words)


def test_a_known_sentence(recognizer: Recognizer, speech: Samples) -> None:
    words = hear(recognizer, speech)
    assert text(words) == SAID
    assert all(a.start < a.end <= b.start for a, b in pairwise(words))
    assert 0 <= words[0].start < 0.5
    assert words[-1].end <= len(speech) / 16_000
    assert all(word.confidence is None for word in words), "this model's confidence says nothing"


def test_names_what_listens(recognizer: Recognizer) -> None:
    assert (recognizer.name, recognizer.checksum) == (FOLDER.name, at(FOLDER).sha256)


@pytest.mark.parametrize("size", [1, 7, 320, 1600, 1601, 100_000])
def test_words_do_not_depend_on_how_audio_comes_in(recognizer: Recognizer, speech: Samples, size: int) -> None:
    speech = speech[: 5000 if size == 1 else None]
    parts = [speech[i : i + size] for i in range(0, len(speech), size)]
    assert hear(recognizer, *parts) == hear(recognizer, speech)


def test_times_are_on_the_call_clock(recognizer: Recognizer, speech: Samples) -> None:
    at_zero, later = hear(recognizer, speech), hear(recognizer, speech, offset=100.0004)
    assert [round(b.start - a.start, 3) for a, b in zip(at_zero, later, strict=True)] == [100.0] * len(at_zero)
    padded = hear(recognizer, silence(1.0), speech)
    assert text(padded) == SAID
    assert padded[-1].end == pytest.approx(at_zero[-1].end + 1, abs=0.05)


def test_all_results_of_a_turn_with_pauses(recognizer: Recognizer, speech: Samples) -> None:
    hearing = recognizer.utterance()
    for part in (speech, silence(1.5), speech, silence(1.5), speech):
        hearing.feed(part)
    assert hearing.partial().startswith(f"{SAID} {SAID}"), "a partial holds what was settled before"
    words = hearing.finish(0.0)
    assert text(words) == " ".join([SAID] * 3)
    ends = [word.end for word in words if word.text == "please"]
    assert np.diff(ends) == pytest.approx([len(speech) / 16_000 + 1.5] * 2, abs=0.1)


def test_words_are_settled_soon_after_the_last_sound_and_it_goes_on(recognizer: Recognizer, speech: Samples) -> None:
    loud = np.flatnonzero(np.abs(speech) > 0.01)[-1]
    hearing = recognizer.utterance()
    hearing.feed(np.concatenate((silence(0.3), speech[:loud], silence(0.2))))
    assert hearing.settle() == SAID
    hearing.feed(np.concatenate((silence(0.5), speech, silence(0.2))))
    words = hearing.finish(0.0)
    assert text(words) == f"{SAID} {SAID}"
    assert words[len(SAID.split())].start > loud / RATE + 0.8  # times go on


def test_nothing_is_left_to_do_after_a_settled_pause(recognizer: Recognizer, speech: Samples) -> None:
    heard = []
    for settled in (False, True):
        hearing = recognizer.utterance()
        hearing.feed(np.concatenate((speech, silence(0.2))))
        hearing.settle()
        hearing.feed(silence(0.16))
        heard.append(hearing.finish(0.0, settled))
    assert heard[0] == heard[1]
    assert text(heard[0]) == SAID


def test_what_else_the_words_may_have_been(speech: Samples) -> None:
    hearing = Recognizer(shipped("models") / "vosk-voicetrainer-0.5").utterance(readings=True)
    assert list(hearing.readings) == []
    noise = np.random.default_rng(1).normal(0, 0.01, len(speech)).astype(np.float32)
    hearing.feed(np.concatenate((speech, silence(0.3))))
    said = hearing.settle()
    assert hearing.readings[0][0] == said == SAID
    hearing.feed(np.concatenate((speech + noise, silence(0.3))))
    said = hearing.settle()
    texts = [text for text, _ in hearing.readings]
    chances = [chance for _, chance in hearing.readings]
    assert len(set(texts)) == len(texts) > 1
    assert sum(chances) == pytest.approx(1)
    assert chances == sorted(chances, reverse=True)
    assert all(text.startswith(f"{SAID} ") for text in texts), "what was settled before stays"
    assert said in texts
    before = list(hearing.readings)
    hearing.feed(silence(0.5))
    assert hearing.settle() == said
    assert list(hearing.readings) == before, "a pause without a word changes nothing"


def test_words_are_the_same_with_readings_and_without(speech: Samples) -> None:
    recognizer = Recognizer(shipped("models") / "vosk-voicetrainer-0.5")
    heard = []
    for readings in (False, True):
        hearing = recognizer.utterance(readings)
        hearing.feed(np.concatenate((speech, silence(0.4), speech)))
        heard.append(hearing.finish(0.0))
    assert heard[0] == heard[1]


def test_only_the_words_themselves_where_confidence_says_nothing(recognizer: Recognizer, speech: Samples) -> None:
    hearing = recognizer.utterance(readings=True)
    hearing.feed(speech)
    hearing.settle()
    assert list(hearing.readings) == [(SAID, 1.0)]


def test_partial_words_come_while_the_learner_talks(recognizer: Recognizer, speech: Samples) -> None:
    hearing = recognizer.utterance()
    assert hearing.partial() == ""
    seen = []
    for i in range(0, len(speech), 8000):
        hearing.feed(speech[i : i + 8000])
        seen.append(hearing.partial())
    assert len(set(seen)) > 2
    assert any(part and SAID.startswith(part) and part != SAID for part in seen)


@pytest.mark.parametrize(
    "samples",
    [
        np.empty(0, np.float32),
        np.zeros(1, np.float32),
        np.zeros(32_000, np.float32),
        np.full(16_000, np.nan, np.float32),
        (np.random.default_rng(0).standard_normal(48_000) * 0.05).astype(np.float32),
    ],
    ids=["nothing", "one sample", "silence", "no numbers", "noise"],
)
def test_no_words_where_there_are_none(recognizer: Recognizer, samples: Samples) -> None:
    assert hear(recognizer, samples) == ()


def test_beyond_full_scale_is_clipped_not_wrapped(recognizer: Recognizer, speech: Samples) -> None:
    loud = speech * (1.2 / np.abs(speech).max())
    assert text(hear(recognizer, loud)) == SAID


def test_utterances_do_not_disturb_each_other(recognizer: Recognizer, speech: Samples) -> None:
    alone = hear(recognizer, speech)
    first, second = recognizer.utterance(), recognizer.utterance()
    for i in range(0, len(speech), 3200):
        first.feed(speech[i : i + 3200])
        second.feed(speech[::-1][i : i + 3200])
    second.finish(0)
    assert first.finish(0) == alone


def test_one_model_for_several_threads(recognizer: Recognizer, speech: Samples) -> None:
    found: list[tuple[Word, ...]] = []
    threads = [threading.Thread(target=lambda: found.append(hear(recognizer, speech))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [hear(recognizer, speech)] * 4


class _Scripted:
    """A Vosk recogniser that answers what it is told to."""

    def __init__(self, result: str) -> None:
        self.FinalResult = lambda: result


def test_signs_are_no_words_and_confidence_is_kept_where_it_says_something() -> None:
    result = (
        '{"result": [{"conf": 1.0000001, "end": 0.5, "start": 0.1, "word": "oh"},'
        ' {"conf": 0.5, "end": 0.6, "start": 0.5, "word": "[unk]"},'
        ' {"conf": 0.71249, "end": 1.0, "start": 0.6, "word": "no"}], "text": "oh [unk] no"}'
    )
    words = module.Hearing(_Scripted(result), confidence=True).finish(2.0)
    assert words == (Word("oh", 2.1, 2.5, 1.0), Word("no", 2.6, 3.0, 0.712))
    assert all(word.confidence is None for word in module.Hearing(_Scripted(result), confidence=False).finish(2.0))


def test_a_model_that_fails_while_it_listens() -> None:
    def fail(_: bytes) -> None:
        raise Exception("Failed to process waveform")

    scripted = _Scripted("{}")
    scripted.AcceptWaveform = fail  # type: ignore[attr-defined]
    hearing = module.Hearing(scripted, confidence=True)
    hearing.feed(silence(0.05))
    with pytest.raises(ModelError, match="failed while it listened"):
        hearing.feed(silence(0.05))


# ------------------------------------------------------------------------------------------------------ broken models


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """The shipped model under another name and without checksums, as a model of somebody's own."""
    folder = tmp_path / "own-model"
    shutil.copytree(FOLDER, folder)
    (folder / SUMS).unlink()
    yield folder
    shutil.rmtree(folder)


def test_a_model_of_ones_own_listens(copy: Path, speech: Samples) -> None:
    own = Recognizer(copy)
    words = hear(own, speech)
    assert text(words) == SAID
    assert {word.confidence for word in words} == {1.0}, "nothing says that its confidence is worthless"
    assert (own.name, own.checksum) == ("own-model", at(FOLDER).sha256), "same files, same checksum"


@pytest.mark.parametrize("file", ["am/final.mdl", "graph/HCLG.fst", "graph/phones/word_boundary.int"])
def test_a_truncated_file_is_an_error_and_nothing_is_printed(
    copy: Path, file: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = copy / file
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelError, match="libvosk cannot load this model") as caught:
        Recognizer(copy)
    assert "models verify own-model" in caught.value.hint
    assert capfd.readouterr() == ("", "")


def test_parts_that_do_not_fit_are_an_error(copy: Path) -> None:
    (copy / "conf" / "mfcc.conf").write_text("--num-ceps=13\n")
    with pytest.raises(ModelError, match="parts of this model do not fit"):
        Recognizer(copy).utterance()


def test_no_library_for_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vosk", None)
    with pytest.raises(ModelError, match="cannot be loaded on this platform"):
        Recognizer(FOLDER)


def test_vosk_is_not_imported_before_it_is_needed() -> None:
    program = "import sys, voicetrainer.speech.recognizer; sys.exit('vosk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
