"""How well techniques and mistakes are noticed, on labelled utterances of your own."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicetrainer.errors import ManifestError
from voicetrainer.roleplay.techniques import LABELS, MISTAKES, TECHNIQUES, Detector, tone

MAX_LINES = 100_000
"""More lines than this are taken for a mistake."""
_MAX_BYTES = 100_000_000
_RESAMPLES = 1_000
_SEED = 7


@dataclass(frozen=True, slots=True)
class Utterance:
    """One labelled line."""

    line: int
    id: str
    text: str
    context: str
    labels: frozenset[str]


def read(path: Path, field: str = "text") -> list[Utterance]:
    """Read labelled utterances, one JSON object a line.

    Parameters
    ----------
    path
        Each line has the field to be judged, ``labels`` (a list) and perhaps ``context`` and ``id``.
    field
        Which field to judge.

    Raises
    ------
    ManifestError
        Naming file, line and key.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ManifestError(f"{path}: larger than {_MAX_BYTES // 1_000_000} MB", "split it into smaller files")
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise ManifestError(
            f"{path}: {error.strerror or 'cannot be read'}", "give the path of a JSONL file that you may read"
        ) from None
    if len(lines) > MAX_LINES + 1:
        raise ManifestError(f"{path}: more than {MAX_LINES:,} lines", "split it into smaller files")
    found = [_utterance(f"{path}:{n}", n, line, field) for n, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise ManifestError(f"{path}: no utterances in it", "give one JSON object a line, with text and labels")
    return found


def _utterance(where: str, line: int, raw: bytes, field: str) -> Utterance:
    try:
        row = json.loads(raw)
    except UnicodeDecodeError:
        raise ManifestError(f"{where}: not UTF-8 text", "save the file with UTF-8 encoding") from None
    except (ValueError, RecursionError):
        raise ManifestError(
            f"{where}: not JSON", 'each line is one JSON object, such as {"text": ..., "labels": []}'
        ) from None
    if not isinstance(row, dict):
        raise ManifestError(f"{where}: not a JSON object", "each line is one object with text and labels")
    for key in (field, "labels"):
        if key not in row:
            raise ManifestError(f"{where}: no {key}", f"this line has {', '.join(map(str, row)) or 'nothing'}")
    context = row.get("context") or ""
    for key, value in ((field, row[field]), ("context", context)):
        if not isinstance(value, str):
            raise ManifestError(f"{where}: {key} is not text", "put it between double quotes")
    labels = row["labels"]
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ManifestError(f"{where}: labels is not a list of names", 'write it as ["empathy", "apology"], or []')
    unknown = [label for label in labels if label not in LABELS]
    if unknown:
        raise ManifestError(f"{where}: labels: no label {unknown[0]!r}", f"the labels are {', '.join(LABELS)}")
    return Utterance(line, str(row.get("id", line)), row[field], context, frozenset(labels))


def evaluate(file: Path, field: str = "text", errors: bool = False, detector: Detector | None = None) -> dict[str, Any]:
    """Judge labelled utterances and compare.

    Parameters
    ----------
    file
        See `read`.
    field
        Which field to judge: what was typed, spoken or recognised.
    errors
        Also list every utterance judged wrong.
    detector
        The shipped one when None.

    Returns
    -------
    dict
        ``macro_f1`` (mean over the labels that occur) and ``micro_f1`` with their 95 % intervals; ``sign_accuracy``:
        over the utterances that are purely techniques or purely mistakes, how often the sum of the graded scores has
        the right sign; ``quiet``: share of utterances without a label in which nothing was noticed;
        ``ms_per_utterance``; ``labels``. Intervals are from 1,000 bootstrap resamples of the utterances, with a fixed
        seed. What there is nothing to measure on is None.

    Raises
    ------
    ManifestError
        When the file cannot be used.
    ModelError
        When the shipped weights are missing.
    """
    utterances = read(file, field)
    if detector is None:
        from voicetrainer.detector import load_shipped

        detector = load_shipped()
    detector.detect(utterances[0].text, utterances[0].context)  # the first call pays for warming up
    began = time.process_time()
    evidence = [detector.detect(u.text, u.context) for u in utterances]
    spent = time.process_time() - began
    scores = [detector.scores(u.text, u.context) for u in utterances]

    gold = np.array([[label in u.labels for label in LABELS] for u in utterances])
    said = np.array([[label in {e.label for e in found} for label in LABELS] for found in evidence])
    rows = np.random.default_rng(_SEED).integers(len(utterances), size=(_RESAMPLES, len(utterances)))
    counts = np.stack([gold & said, ~gold & said, gold & ~said]).astype(np.int64)  # (3, utterances, labels)
    sums = counts.sum(axis=1)
    resampled = np.stack([counts[:, row].sum(axis=1) for row in rows])  # (resamples, 3, labels)
    present: NDArray[np.bool_] = np.asarray(gold.any(axis=0))

    signs: list[bool] = []
    for u, graded in zip(utterances, scores, strict=True):
        if u.labels and (u.labels <= set(TECHNIQUES) or u.labels <= set(MISTAKES)):
            signs.append((tone(graded) > 0) == (u.labels <= set(TECHNIQUES)))
    silent = [not found for u, found in zip(utterances, evidence, strict=True) if not u.labels]
    result: dict[str, Any] = {
        "file": str(file),
        "field": field,
        "utterances": len(utterances),
        "macro_f1": _number(_f1(sums, axis=0)[present].mean()) if present.any() else None,
        "macro_f1_interval": _interval(_f1(resampled, axis=1)[:, present].mean(axis=1)) if present.any() else None,
        "micro_f1": _number(_f1(sums.sum(axis=1))),
        "micro_f1_interval": _interval(_f1(resampled.sum(axis=2))),
        "sign_accuracy": _number(np.mean(signs)) if signs else None,
        "sign_utterances": len(signs),
        "quiet": _number(np.mean(silent)) if silent else None,
        "quiet_utterances": len(silent),
        "ms_per_utterance": round(1000 * spent / len(utterances), 2),
        "labels": {
            label: _of_label(sums[:, i], resampled[:, :, i], int(gold[:, i].sum()))
            for i, label in enumerate(LABELS)
            if present[i] or said[:, i].any()
        },
    }
    if errors:
        result["errors"] = _errors(utterances, gold, said)
        result["confusions"] = _confusions(gold, said)
    return result


def _f1(counts: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
    """F1 from hits, false alarms and misses, which lie along an axis."""
    hits, alarms, misses = np.moveaxis(counts, axis, 0)
    return np.asarray(2 * hits / np.maximum(1, 2 * hits + alarms + misses))


def _number(value: Any) -> float:
    return round(float(value), 4)


def _interval(values: NDArray[np.float64]) -> list[float]:
    return [_number(v) for v in np.quantile(values, (0.025, 0.975))]


def _of_label(sums: NDArray[np.int64], resampled: NDArray[np.int64], support: int) -> dict[str, Any]:
    hits, alarms, misses = sums.tolist()
    return {
        "precision": _number(hits / (hits + alarms)) if hits + alarms else None,
        "recall": _number(hits / (hits + misses)) if hits + misses else None,
        "f1": _number(_f1(sums)),
        "interval": _interval(_f1(resampled)),
        "support": support,
    }


def _errors(utterances: list[Utterance], gold: NDArray[np.bool_], said: NDArray[np.bool_]) -> list[dict[str, Any]]:
    return [
        {
            "line": u.line,
            "id": u.id,
            "text": u.text,
            "context": u.context,
            "missed": [label for label, m in zip(LABELS, gold[i] & ~said[i], strict=True) if m],
            "wrong": [label for label, m in zip(LABELS, said[i] & ~gold[i], strict=True) if m],
        }
        for i, u in enumerate(utterances)
        if (gold[i] != said[i]).any()
    ]


def _confusions(gold: NDArray[np.bool_], said: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """How often one label was missed where another was wrongly noticed, the commonest first."""
    pairs: Counter[tuple[str, str]] = Counter()
    for meant, heard in zip(gold & ~said, said & ~gold, strict=True):
        pairs.update((LABELS[i], LABELS[j]) for i in np.flatnonzero(meant) for j in np.flatnonzero(heard))
    return [
        {"label": a, "taken_for": b, "times": n} for (a, b), n in sorted(pairs.items(), key=lambda p: (-p[1], p[0]))
    ]


def render(result: dict[str, Any]) -> str:
    """The result of `evaluate` as plain text."""
    lines = [
        f"{result['file']}, field {result['field']}: {result['utterances']} utterances",
        "",
        f"macro F1       {_shown(result['macro_f1'])}  {_range(result['macro_f1_interval'])}",
        f"micro F1       {_shown(result['micro_f1'])}  {_range(result['micro_f1_interval'])}",
        f"sign right     {_shown(result['sign_accuracy'])}  of {result['sign_utterances']} purely good or bad",
        f"quiet          {_shown(result['quiet'])}  of {result['quiet_utterances']} without a label",
        f"time           {result['ms_per_utterance']:.1f} ms an utterance",
        "",
        f"{'':<14} precision  recall  F1    95 %         utterances",
    ]
    for label, of in result["labels"].items():
        lines.append(
            f"{label:<14} {_shown(of['precision']):<9}  {_shown(of['recall']):<6}  {_shown(of['f1'])}  "
            f"{_range(of['interval'])}  {of['support']:>4}"
        )
    if "errors" in result:
        lines += ["", f"{len(result['errors'])} judged wrong"]
        lines += [f"{c['times']:>4}  {c['label']} taken for {c['taken_for']}" for c in result["confusions"]]
        for error in result["errors"]:
            missed, wrong = ", ".join(error["missed"]) or "-", ", ".join(error["wrong"]) or "-"
            lines += ["", f"{error['id']}: missed {missed}; wrongly {wrong}"]
            lines += [f"  customer: {error['context']}"] * bool(error["context"])
            lines.append(f"  learner:  {error['text']}")
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "-   " if value is None else f"{value:.2f}"


def _range(interval: list[float] | None) -> str:
    return "-          " if interval is None else f"({interval[0]:.2f}-{interval[1]:.2f})"
