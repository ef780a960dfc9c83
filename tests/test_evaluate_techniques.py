"""``evaluate techniques`` on utterances with known answers, and on files that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from voicetrainer.errors import ManifestError, ModelError
from voicetrainer.evaluate.techniques import evaluate, render
from voicetrainer.roleplay.techniques import LABELS, Detector


@pytest.fixture
def detector() -> Detector:
    """Notices an apology in "sorry", blame in "careless", and both in "hmm"."""
    words = {"sorry": ("apology",), "careless": ("blame",), "hmm": ("apology", "blame")}
    weights = np.zeros((3, len(LABELS)), np.int8)
    for i, labels in enumerate(words.values()):
        for label in labels:
            weights[i, LABELS.index(label)] = 9
    n = len(LABELS)
    return Detector.from_weights(
        {
            "labels": np.frombuffer("\n".join(LABELS).encode(), np.uint8),
            "vocabulary": np.frombuffer("\n".join(f"w:{word}" for word in words).encode(), np.uint8),
            "weights": weights, "scale": np.ones(n), "rarity": np.ones(3), "bias": np.full(n, -4.0),
            "calibration": np.vstack([np.ones(n), np.zeros(n)]), "thresholds": np.full(n, 0.5),
        }
    )  # fmt: skip


def table(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


ROWS: tuple[dict[str, object], ...] = (
    {"id": "one", "text": "Sorry!", "labels": ["apology"], "context": "Where is it?"},
    {"id": "two", "text": "I was sorry.", "labels": ["blame"]},
    {"id": "three", "text": "careless", "labels": ["blame"]},
    {"id": "four", "text": "we were wrong", "labels": ["apology"]},
    {"id": "five", "text": "one moment", "labels": []},
    {"id": "six", "text": "hmm", "labels": []},
    {"id": "seven", "text": "careless and sorry", "labels": ["apology", "blame"]},
)


def test_known_figures(tmp_path: Path, detector: Detector) -> None:
    result = evaluate(table(tmp_path / "u.jsonl", *ROWS), detector=detector, errors=True)
    apology, blame = result["labels"]["apology"], result["labels"]["blame"]
    assert (apology["precision"], apology["recall"], apology["f1"], apology["support"]) == (0.5, 0.6667, 0.5714, 3)
    assert (blame["precision"], blame["recall"], blame["f1"], blame["support"]) == (0.6667, 0.6667, 0.6667, 3)
    assert set(result["labels"]) == {"apology", "blame"}
    assert result["macro_f1"] == round((4 / 7 + 2 / 3) / 2, 4)
    assert result["micro_f1"] == round(8 / 13, 4)
    # One, three and four are on the right side, two is not; seven is both and does not count.
    assert (result["sign_accuracy"], result["sign_utterances"]) == (0.75, 4)
    assert (result["quiet"], result["quiet_utterances"]) == (0.5, 2)
    assert result["macro_f1_interval"][0] <= result["macro_f1"] <= result["macro_f1_interval"][1]
    assert result["ms_per_utterance"] < 10
    assert [(e["id"], e["missed"], e["wrong"]) for e in result["errors"]] == [
        ("two", ["blame"], ["apology"]),
        ("four", ["apology"], []),
        ("six", [], ["apology", "blame"]),
    ]
    assert result["confusions"] == [{"label": "blame", "taken_for": "apology", "times": 1}]
    json.dumps(result)


def test_rendered(tmp_path: Path, detector: Detector) -> None:
    text = render(evaluate(table(tmp_path / "u.jsonl", *ROWS), detector=detector, errors=True))
    assert "macro F1       0.62" in text
    assert "sign right     0.75  of 4" in text
    assert "   1  blame taken for apology" in text
    assert "two: missed blame; wrongly apology" in text
    assert "learner:  I was sorry." in text
    assert "judged wrong" not in render(evaluate(tmp_path / "u.jsonl", detector=detector))


def test_the_same_file_gives_the_same_intervals(tmp_path: Path, detector: Detector) -> None:
    path = table(tmp_path / "u.jsonl", *ROWS)
    one, two = evaluate(path, detector=detector), evaluate(path, detector=detector)
    assert {**one, "ms_per_utterance": 0} == {**two, "ms_per_utterance": 0}


def test_nothing_to_measure_on_is_none(tmp_path: Path, detector: Detector) -> None:
    result = evaluate(table(tmp_path / "u.jsonl", {"text": "one moment", "labels": []}), detector=detector)
    assert (result["macro_f1"], result["sign_accuracy"], result["quiet"]) == (None, None, 1.0)
    assert "macro F1       -" in render(result)


def test_another_field_is_judged(tmp_path: Path, detector: Detector) -> None:
    path = table(tmp_path / "u.jsonl", {"text": "x", "asr": "story", "spoken": "sorry", "labels": ["apology"]})
    assert evaluate(path, field="spoken", detector=detector)["macro_f1"] == 1
    assert evaluate(path, field="asr", detector=detector)["macro_f1"] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "u.jsonl: no utterances in it"),
        ("\n\n", "u.jsonl: no utterances in it"),
        ('{"text": "a", "labels": []}\nnonsense\n', "u.jsonl:2: not JSON"),
        ("[1]", "u.jsonl:1: not a JSON object"),
        ("[" * 100_000, "u.jsonl:1: not JSON"),
        ('{"labels": []}', "u.jsonl:1: no text"),
        ('{"text": "a"}', "u.jsonl:1: no labels"),
        ('{"text": null, "labels": []}', "u.jsonl:1: text is not text"),
        ('{"text": "a", "labels": [], "context": 3}', "u.jsonl:1: context is not text"),
        ('{"text": "a", "labels": "apology"}', "u.jsonl:1: labels is not a list of names"),
        ('{"text": "a", "labels": ["kindness"]}', "u.jsonl:1: labels: no label 'kindness'"),
        ('{"text": "caf\xe9", "labels": []}', "u.jsonl:1: not UTF-8 text"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, detector: Detector, content: str, message: str) -> None:
    path = tmp_path / "u.jsonl"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ManifestError) as caught:
        evaluate(path, detector=detector)
    assert caught.value.message.endswith(message)
    assert caught.value.hint


def test_a_file_that_is_not_there(tmp_path: Path, detector: Detector) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        evaluate(tmp_path / "none.jsonl", detector=detector)


def test_broken_weights_are_a_plain_error(tmp_path: Path) -> None:
    from voicetrainer.detector import load

    with pytest.raises(ModelError, match="No such file"):
        load(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"not an archive")
    with pytest.raises(ModelError, match="not the weights"):
        load(tmp_path / "bad.npz")
    np.savez(tmp_path / "other.npz", bias=np.zeros(3))
    with pytest.raises(ModelError, match="no calibration among the weights"):
        load(tmp_path / "other.npz")
    with pytest.raises(ModelError, match="not the weights"):
        (tmp_path / "number.npz").write_bytes(b"\x93NUMPY")
        load(tmp_path / "number.npz")
