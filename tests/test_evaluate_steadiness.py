from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.voices import noisy, voice
from voicetrainer.cli import app
from voicetrainer.errors import AudioError, ManifestError
from voicetrainer.evaluate import manifest as table
from voicetrainer.evaluate import steadiness
from voicetrainer.evaluate.way import Way
from voicetrainer.speech import audio

HEADER = "corpus,speaker,emotion,path,calib"
VOICES = {  # semitones, dB, dB at 1-5 kHz
    "calm": (0, 0, 0), "neutral": (0.5, 1, 0.5), "happy": (6, 6, 0.5), "sad": (-1, -3, -2), "angry": (4, 8, 11),
}  # fmt: skip


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two corpora of two speakers, with one sentence of each emotion."""
    folder = tmp_path_factory.mktemp("emotions")
    rows = [HEADER]
    for number, (name, hertz) in enumerate([("a", 110), ("a", 210), ("b", 130), ("b", 190)]):
        for i, emotion in enumerate(["calm", *VOICES]):
            pitch, gain, tilt = VOICES[emotion]
            said = voice(2.5, pitch=hertz * 2 ** (pitch / 12), gain_db=gain, tilt_db=tilt, seed=number)
            path = folder / f"{number}-{i}.wav"
            audio.write(path, noisy(said.samples, 35, seed=i))
            rows.append(f"{name},s{number},{emotion},{path.name},{int(i == 0)}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "manifest.csv"


@pytest.fixture(scope="session")
def result(corpus: Path) -> dict[str, Any]:
    return steadiness.evaluate(corpus)


def test_a_pressed_voice_is_told_from_a_calm_and_from_a_lively_one(result: dict[str, Any]) -> None:
    assert result["utterances"] == result["judged"] == 20
    assert (result["calibration_utterances"], result["speakers"]) == (4, 4)
    assert result["auc_angry_vs_calm"] == 1.0
    assert result["auc_angry_vs_rest"] > 0.95
    assert result["auc_angry_vs_calm_ci"] == [1.0, 1.0]
    assert result["eer"] == 0.0
    assert set(result["called_raised"]) == set(VOICES)
    assert result["called_raised"]["happy"] == result["called_raised"]["calm"] == 0
    assert result["called_raised"]["angry"] >= 0.75
    assert result["levels"]["calm"]["steady"] == 1.0
    assert result["levels"]["angry"]["raised"] >= 0.75
    assert {name: figures["judged"] for name, figures in result["corpora"].items()} == {"a": 10, "b": 10}
    assert result["abstained"] == {}


def test_level_and_noise_change_little(corpus: Path) -> None:
    other = steadiness.evaluate(corpus, Way("rms", 20))
    assert other["auc_angry_vs_calm"] == 1.0
    assert other["auc_angry_vs_rest"] > 0.9


def test_the_text_says_what_the_numbers_say(result: dict[str, Any]) -> None:
    text = steadiness.render(result)
    assert "20 of 20 utterances judged, 4 speakers, 4 calibration sentences" in text
    assert f"{result['auc_angry_vs_rest']:.3f} ({result['auc_angry_vs_rest_ci'][0]:.3f}-" in text
    for word in (*VOICES, "a ", "b ", "all "):
        assert any(line.startswith(word) for line in text.splitlines())


def test_the_command_prints_json(corpus: Path) -> None:
    ran = CliRunner().invoke(app, ["evaluate", "steadiness", str(corpus), "--json"])
    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["auc_angry_vs_calm"] == 1.0


def test_the_command_normalises_level_and_adds_noise(corpus: Path) -> None:
    command = ["evaluate", "steadiness", str(corpus), "--json"]
    ran = CliRunner().invoke(app, [*command, "--level", "rms", "--noise", "20"])
    assert ran.exit_code == 0
    assert json.loads(ran.stdout) == json.loads(json.dumps(steadiness.evaluate(corpus, Way("rms", 20))))
    assert CliRunner().invoke(app, [*command, "--level", "lufs"]).exit_code == 2


def test_without_calm_samples_nothing_calm_is_called_raised(corpus: Path, result: dict[str, Any]) -> None:
    ran = CliRunner().invoke(app, ["evaluate", "steadiness", str(corpus), "--json", "--no-baseline"])
    general = json.loads(ran.stdout)
    assert (general["baseline"], result["baseline"]) == (False, True)
    assert general["judged"] == 20
    for emotion in ("calm", "neutral", "happy", "sad"):
        assert general["levels"][emotion]["raised"] == 0
    assert general["auc_angry_vs_calm"] > 0.8
    assert general["levels"]["angry"]["raised"] <= result["levels"]["angry"]["raised"]


def test_a_calm_sample_from_elsewhere_may_stay_as_it_was(corpus: Path) -> None:
    command = ["evaluate", "steadiness", str(corpus), "--json", "--room", "0.3", "--telephone", "--calls-only"]
    found = json.loads(CliRunner().invoke(app, command).stdout)
    assert (found["room"], found["telephone"], found["calls_only"]) == (0.3, True, True)
    assert found == json.loads(json.dumps(steadiness.evaluate(corpus, Way(room=0.3, telephone=True), calls_only=True)))
    everywhere = steadiness.evaluate(corpus, Way(room=0.3, telephone=True))
    assert everywhere["auc_angry_vs_calm"] >= 0.9
    assert found["threshold"] != everywhere["threshold"]


def test_utterances_with_too_little_voice_are_counted_and_not_scored(corpus: Path) -> None:
    audio.write(corpus.parent / "short.wav", voice(0.3, seed=1).samples)
    longer = corpus.with_name("longer.csv")
    longer.write_text(corpus.read_text(encoding="utf-8") + "a,s0,angry,short.wav,0\n", encoding="utf-8")
    found = steadiness.evaluate(longer)
    assert found["abstained"] == {"angry": 1}
    assert (found["utterances"], found["judged"]) == (21, 20)
    assert "not judged: 1 angry" in steadiness.render(found)


def test_people_at_work_need_not_be_angry(corpus: Path) -> None:
    found = steadiness.evaluate(bad(corpus, ["a,s0,calm,0-0.wav,1", "a,s0,work,0-2.wav,0"]))
    assert (found["auc_angry_vs_calm"], found["threshold"], found["called_raised"]) == (None, None, {})
    assert found["levels"] == {"work": {"steady": 1.0, "tense": 0.0, "raised": 0.0}}
    assert steadiness.render(found).splitlines()[-1].split() == "work steady 100% tense 0% raised 0% of 1".split()


def bad(corpus: Path, rows: Sequence[str]) -> Path:
    path = corpus.with_name("bad.csv")
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


GOOD = ("a,s0,calm,0-0.wav,1", "a,s0,neutral,0-2.wav,0", "a,s0,angry,0-5.wav,0")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((*GOOD, "a,s1,angry,1-5.wav,0"), "bad.csv:5: speaker a/s1 has no calibration row"),
        ((*GOOD, "b,s0,angry,1-5.wav,0"), "bad.csv:5: speaker b/s0 has no calibration row"),
        (GOOD[:1], "no rows to judge"),
        ((GOOD[0], GOOD[2]), "no calm or neutral rows beside calibration"),
        ((*GOOD, "a,s0,angry,none.wav,0"), "bad.csv:5: no file none.wav"),
        ((*GOOD, "a,s0,angry,,0"), "bad.csv:5: path is empty"),
        ((*GOOD, "a,s0,,0-5.wav,0"), "bad.csv:5: emotion is empty"),
        ((*GOOD, "a,,angry,0-5.wav,0"), "bad.csv:5: speaker is empty"),
        ((*GOOD, "a,s0,angry,0-5.wav,yes"), "bad.csv:5: calib is 'yes'"),
        (("a,s0,calm,short.wav,1", *GOOD[1:]), "speaker a/s0: no calm voice to compare with: too little voice"),
    ],
)
def test_bad_rows_are_named(corpus: Path, rows: Sequence[str], message: str) -> None:
    audio.write(corpus.parent / "short.wav", voice(0.3, seed=1).samples)
    with pytest.raises(ManifestError) as caught:
        steadiness.evaluate(bad(corpus, rows))
    assert message in caught.value.message
    assert caught.value.hint


def test_a_recording_that_is_no_sound_is_named(corpus: Path) -> None:
    (corpus.parent / "text.wav").write_text("hello", encoding="utf-8")
    with pytest.raises(AudioError, match=r"text\.wav"):
        steadiness.evaluate(bad(corpus, [*GOOD, "a,s0,angry,text.wav,0"]))


def test_auc_and_equal_error_rate_of_known_scores() -> None:
    high, low = np.array([0.2, 0.6, 0.8, 0.9]), np.array([0.1, 0.2, 0.3, 0.7])
    assert steadiness._auc(high, low) == pytest.approx((1.5 + 3 + 4 + 4) / 16, abs=1e-4)
    assert steadiness._auc(low, low) == 0.5
    assert steadiness._auc(high, low[:0]) is None
    assert steadiness._eer(high, low) == 0.25
    assert steadiness._eer(high + 1, low) == 0


# ---------------------------------------------------------------------------------------------------- the table itself


def test_a_manifest_is_read_with_its_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes('\ufeffpath, text ,more\r\na.wav," two, words ",\r\n\r\nb.wav,"line\nbreak",x\r\n'.encode())
    rows = table.read(path, ["path", "text"])
    assert rows == [
        {"path": "a.wav", "text": "two, words", "more": "", table.LINE: "2"},
        {"path": "b.wav", "text": "line\nbreak", "more": "x", table.LINE: "5"},
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header on the first line"),
        (b"\n\n", "no header on the first line"),
        (b"path,text\n", "no rows under the header"),
        (b"path\na.wav\n", ":1: no column text"),
        (b"path,text,path\na,b,c\n", ":1: column path appears twice"),
        (b"path,text\na.wav\n", ":2: 1 values where the header has 2"),
        (b"path,text\na.wav,b,c\n", ":2: 3 values where the header has 2"),
        (b"path,text\na.wav,ok\nb.wav,\xff\n", ":3: not UTF-8 text"),
        (b'path,text\na.wav,"open\n', "unexpected end of data"),
        (b"path,text\n" + b"a,b\n" * 100_001, "more than 100,000 rows"),
    ],
)
def test_a_bad_manifest_is_one_clear_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(ManifestError) as caught:
        table.read(path, ["path", "text"])
    assert message in caught.value.message
    assert str(path) in caught.value.message and "\n" not in caught.value.message
    assert caught.value.hint


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        table.read(tmp_path / "none.csv", ["path"])
    with pytest.raises(ManifestError, match="Is a directory"):
        table.read(tmp_path, ["path"])
