from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from voicetrainer.cli.evaluate import app
from voicetrainer.errors import AudioError, ManifestError, ModelError
from voicetrainer.evaluate import words
from voicetrainer.evaluate.words import Errors, align, normalise, word_errors
from voicetrainer.speech import audio

RECORDINGS = Path(__file__).parents[1] / "scenarios" / "recordings" / "late-parcel"
STARTER = "vosk-voicetrainer-starter-0.1"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("It's £20, well-known!", "it's twenty well known"),
        ("", ""),
        ("  — … ?! ' _ ", ""),
        ("I’ve ‘quoted’ 'this'", "i've quoted this"),
        ("the drivers' van", "the drivers van"),
        ("0 7 13 20 21 99 100 101 342", "zero seven thirteen twenty twenty one ninety nine one hundred one hundred one "
         "three hundred forty two"),
        ("1,250 or 999999", "one thousand two hundred fifty or nine hundred ninety nine thousand nine hundred "
         "ninety nine"),
        ("2nd 1234567", "2nd 1234567"),
        ("R&D at 50%", "r and d at fifty percent"),
        ("Größe ＡＢＣ", "größe abc"),
        ("snake_case", "snake_case"),
    ],
)  # fmt: skip
def test_one_form_to_compare(text: str, same: str) -> None:
    assert " ".join(normalise(text)) == same
    assert normalise(same) == normalise(text), "it is a fixed point"


@pytest.mark.parametrize(
    ("said", "heard", "pairs"),
    [
        ("", "", []),
        ("a b", "a b", ["aa", "bb"]),
        ("a b", "", ["a-", "b-"]),
        ("", "a b", ["-a", "-b"]),
        ("a b c d", "a x c d e", ["aa", "bx", "cc", "dd", "-e"]),
        ("a b c", "a c", ["aa", "b-", "cc"]),
        ("a c", "a b c", ["aa", "-b", "cc"]),
        ("a b c d", "c d", ["a-", "b-", "cc", "dd"]),
        ("a a a", "a", ["a-", "a-", "aa"]),
    ],
)
def test_pairs(said: str, heard: str, pairs: list[str]) -> None:
    assert [f"{a or '-'}{b or '-'}" for a, b in align(said.split(), heard.split())] == pairs


def slow_distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Levenshtein's distance by its definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(slow_distance(a[1:], b[1:]) + (a[0] != b[0]), slow_distance(a[1:], b) + 1, slow_distance(a, b[1:]) + 1)


def test_pairs_are_in_order_and_as_few_errors_as_can_be() -> None:
    rng = np.random.default_rng(1)
    for _ in range(60):
        a, b = ([str(w) for w in rng.choice(list("abc"), rng.integers(0, 6))] for _ in range(2))
        pairs = align(a, b)
        assert [x for x, _ in pairs if x is not None] == a
        assert [y for _, y in pairs if y is not None] == b
        assert sum(x != y for x, y in pairs) == slow_distance(a, b)


def test_errors() -> None:
    assert word_errors("I am so sorry", "i'm so sorry sir") == Errors(1, 1, 1, 4)
    assert word_errors("Twenty-five pounds.", "25 pounds") == Errors(0, 0, 0, 3)
    assert word_errors("a b", "").total == 2


def manifest(folder: Path, rows: Sequence[dict[str, str]], name: str = "manifest.csv") -> Path:
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_the_shipped_model_on_the_shipped_recordings() -> None:
    path = RECORDINGS / "calm" / "manifest.csv"
    with path.open(encoding="utf-8", newline="") as file:
        said = [normalise(row["text"]) for row in csv.DictReader(file)]
    result = words.evaluate(path, model=STARTER)
    assert result["model"] == STARTER
    assert (result["files"], result["words"]) == (len(said), sum(map(len, said)))
    assert result["wer"] < 0.1
    total = sum(result[k] for k in ("substitutions", "insertions", "deletions"))
    assert result["wer"] == round(total / result["words"], 4)
    assert result["interval"][0] <= result["wer"] <= result["interval"][1]
    assert 0 < result["real_time_factor"] < 1
    assert result["groups"] == []
    assert result["worst"][0]["wer"] >= result["worst"][-1]["wer"] > 0
    json.dumps(result, allow_nan=False)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two right, one wrong in every word, one with one word of eight wrong."""
    rows = [
        ("one", "a", "adult", "1-heard.flac", "completely different"),
        ("one", "b", "adult", "4-order.flac", "Can you give me your order number, please?"),
        ("two", "c", "child", "4-order.flac", "can you give me your order number sir"),
        ("two", "c", "child", "2-listening.flac", "I see."),
    ]
    keys = ("corpus", "speaker", "group", "path", "text")
    return manifest(
        tmp_path,
        [{**dict(zip(keys, row, strict=True)), "path": str(RECORDINGS / "calm" / row[3]), "more": "x"} for row in rows],
    )


def test_groups_and_worst(table: Path) -> None:
    result = words.evaluate(table, model=STARTER)
    rates = {(row["column"], row["value"]): (row["files"], row["words"], row["wer"]) for row in result["groups"]}
    assert rates["corpus", "two"] == rates["group", "child"] == (2, 10, 0.1)
    assert rates["corpus", "one"][:2] == (2, 10)
    assert [Path(row["path"]).name for row in result["worst"]] == ["1-heard.flac", "4-order.flac"]
    assert result["worst"][1] == {
        "path": str(RECORDINGS / "calm" / "4-order.flac"),
        "wer": 0.125,
        "said": "can you give me your order number sir",
        "heard": "can you give me your order number please",
    }
    text = words.render(result)
    assert "  corpus two" in text
    assert " 10.0%     2 files      10 words" in text
    assert "real-time factor 0.0" in text
    assert "    heard  can you give me your order number please" in text


def test_limit_and_a_single_file(table: Path) -> None:
    result = words.evaluate(table, model=STARTER, limit=1)
    assert (result["files"], result["interval"], result["groups"]) == (1, None, [])
    assert "95 %" not in words.render(result)


def test_the_interval_is_wider_when_speakers_are_wrong_together() -> None:
    def heard(speaker: str, wrong: int) -> words._Heard:
        return words._Heard({"path": "x", "text": "", "speaker": speaker}, "", Errors(wrong, 0, 0, 10))

    together = [heard(str(i // 10), 10 * (i < 50)) for i in range(100)]  # 10 speakers, half of them all wrong
    alone = [heard(str(i), 10 * (i < 50)) for i in range(100)]
    (low, high), (lower, higher) = words._interval(alone) or [], words._interval(together) or []
    assert (low, high) == pytest.approx((0.4, 0.6), abs=0.02)  # 1.96 * sqrt(.25 / 100)
    assert (lower, higher) == pytest.approx((0.2, 0.8), abs=0.02)  # 1.96 * sqrt(.25 / 10)
    assert words._interval(alone) == [low, high], "same rows, same interval"


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        ({"path": "none.wav", "text": "a"}, ManifestError, r"manifest\.csv:2: no file none\.wav"),
        ({"path": "tone.wav", "text": "?!"}, ManifestError, r"manifest\.csv:2: text has no words"),
        ({"path": "manifest.csv", "text": "a"}, AudioError, r"manifest\.csv"),
        ({"path": "tone.wav"}, ManifestError, "no column text"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, row: dict[str, str], error: type[Exception], message: str) -> None:
    audio.write(tmp_path / "tone.wav", np.zeros(16_000, np.float32))
    with pytest.raises(error, match=message):
        words.evaluate(manifest(tmp_path, [row]), model=STARTER)


def test_a_model_that_is_not_there(table: Path) -> None:
    with pytest.raises(ModelError, match="there is no model 'none'"):
        words.evaluate(table, model="none")


def test_noise_is_all_deletions(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(16_000) * 0.01
    audio.write(tmp_path / "quiet.wav", noise.astype(np.float32))
    result = words.evaluate(manifest(tmp_path, [{"path": "quiet.wav", "text": "hello there"}]), model=STARTER)
    assert (result["wer"], result["deletions"], result["seconds"]) == (1.0, 2, 1.0)
    assert result["worst"][0]["heard"] == ""


def test_command(table: Path) -> None:
    run = CliRunner().invoke
    result = run(app, ["words", str(table), "--model", STARTER, "--limit", "2", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["files"] == 2
    result = run(app, ["words", str(table), "--model", STARTER])
    assert "of the words wrong (95 % between" in result.stdout
