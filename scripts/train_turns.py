#!/usr/bin/env python3
"""Teach turn-taking which words end a turn: ``models/turns/weights.npz``.

    scripts/train_turns.py            train and write
    scripts/train_turns.py --check    only measure: every fifth business left out, in turn

Each place between two words of our own utterances is an example, the end of a turn against all places before it; from
``models/techniques/data``, the same as a recogniser heard them (``heard``), the customers' lines in ``scenarios``, and
ordinary short turns, which those lack because they show nothing (``models/turns/ordinary.txt``).
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import scipy.sparse as sp  # type: ignore[import-untyped]
import yaml
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from voicetrainer.evaluate.words import align
from voicetrainer.roleplay.spoken import spoken
from voicetrainer.speech.endings import SIZE, UNKNOWN, is_small, traits

ROOT = Path(__file__).resolve().parent.parent
FOLDS = 5
INSIDE, SENTENCE, TURN = 0, 1, 2
OFTEN = 3  # times that each ordinary turn counts
EVERY = 3  # each so manieth place is shown as it may be misheard, too
SLURRED = 2.0  # by how much the small words are oftener misheard before a pause
# What recognisers make of some small words before a pause, where they prefer what ends a sentence, and how often.
TAKEN_FOR = {"the": ("that", "them", "it"), "your": ("you",), "a": ("it",), "and": ("in", "him"), "that": ("day",)}
UM = "them"  # what the shipped one makes of most of its "um"
OFTEN_TAKEN = 0.03


@dataclass(frozen=True)
class Said:
    """An utterance and what is at the end of each of its words."""

    source: str
    """Business, or "scenario"."""
    form: str
    """*said*, *heard*, *line*, or *alone*: a sentence of a longer one, as a turn of its own."""
    words: list[str]
    marks: list[int]


def marked(text: str) -> tuple[list[str], list[int]]:
    """The words of a text as a recogniser would write them, with what is at the end of each."""
    words: list[str] = []
    marks: list[int] = []
    for sentence in re.split(r"(?<=[.?!…])[\"')]*\s+", text):
        here = spoken(sentence).split()
        words += here
        marks += [INSIDE] * (len(here) - 1) + [SENTENCE] * bool(here)
    return words, [*marks[:-1], TURN] if marks else []


def heard_as(words: list[str], marks: list[int], heard: list[str]) -> list[int]:
    """The marks carried over to the words that were heard instead."""
    out: list[int] = []
    place = 0
    for said, got in align(words, heard):
        mark = INSIDE
        if said is not None:
            mark, place = marks[place], place + 1
        if got is not None:
            out.append(mark)
        elif mark and out:
            out[-1] = max(out[-1], mark)
    return [*(min(mark, SENTENCE) for mark in out[:-1]), TURN]


def utterances() -> Iterator[Said]:
    """All that there is to learn from."""
    for row in whole():
        yield row
        ends = [i + 1 for i, mark in enumerate(row.marks) if mark]
        if len(ends) > 1 and row.form != "heard":
            for start, end in zip([0, *ends], ends, strict=False):
                if end - start > 1:
                    yield Said(row.source, "alone", row.words[start:end], [INSIDE] * (end - start - 1) + [TURN])


def whole() -> Iterator[Said]:
    """Utterances as they were said, heard or written."""
    folder = ROOT / "models" / "techniques"
    for file in sorted((folder / "data").glob("*.jsonl")):
        beside = folder / "heard" / file.name
        lines = beside.read_text(encoding="utf-8").splitlines() if beside.exists() else []
        heard = {row["id"]: row["heard"].split() for row in map(json.loads, lines)}
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            words, marks = marked(row["text"])
            if words:
                yield Said(file.stem, "said", words, marks)
                if got := heard.get(row["id"]):
                    yield Said(file.stem, "heard", got, heard_as(words, marks, got))
    for text in (ROOT / "models" / "turns" / "ordinary.txt").read_text(encoding="utf-8").splitlines():
        yield from OFTEN * [Said("ordinary", "line", *marked(text))]
    known: set[str] = set()
    for file in sorted((ROOT / "scenarios").glob("*.yaml")):
        parsed = yaml.safe_load(file.read_text(encoding="utf-8"))
        for text in strings([parsed.get(k) for k in ("stages", "reactions", "answers", "endings", "rehearsals")]):
            if " " in text and text.strip()[-1:] in tuple(".?!") and len(text) <= 300 and text not in known:
                known.add(text)
                words, marks = marked(text)
                if len(words) > 1:
                    yield Said("scenario", "line", words, marks)


def strings(of: Any) -> Iterator[str]:
    """All texts in a parsed file."""
    if isinstance(of, str):
        yield of
    elif isinstance(of, dict | list):
        for part in of.values() if isinstance(of, dict) else of:
            yield from strings(part)


def table(rows: list[Said], every: int = 0) -> tuple[Any, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Traits of every place, sparse of shape (places, SIZE), what is there, and how much it matters.

    With `every`, each so manieth place is there once more as it may be misheard: its last word not understood at all,
    or as another one.
    """
    columns: list[int] = []
    ends = [0]
    marks: list[int] = []
    matters: list[float] = []

    def add(words: list[str], mark: int, much: float) -> None:
        columns.extend(traits(words))
        ends.append(len(columns))
        marks.append(mark)
        matters.append(much)

    for number, (row, i) in enumerate((said, i) for said in rows for i in range(len(said.words))):
        words, mark = row.words[: i + 1], row.marks[i]
        # People pause between sentences, and within them after the small words more than after others.
        small = is_small(words[-1])
        much = 2.0 if mark == SENTENCE else 0.5 if mark == INSIDE and not small else 1.0
        add(words, mark, much)
        if every and number % every == 0:
            add([*words[:-1], UNKNOWN], mark, much * (SLURRED if mark == INSIDE and small else 1.0))
            if mark == INSIDE:
                for misheard in ([*words, UM], *([*words[:-1], w] for w in TAKEN_FOR.get(words[-1], ()))):
                    add(misheard, mark, much * every * OFTEN_TAKEN)
    ones = np.ones(len(columns), np.float32)
    places = sp.csr_matrix((ones, columns, ends), shape=(len(ends) - 1, SIZE))
    return places, np.array(marks), np.array(matters)


def fit(rows: list[Said]) -> dict[str, Any]:
    """Weights in 8 bits; the bias makes 0 mean "as likely as not"."""
    places, marks, matters = table(rows, EVERY)
    model = LogisticRegression(C=0.12, max_iter=300, tol=2e-4).fit(places, marks == TURN, sample_weight=matters)
    scale = float(np.abs(model.coef_).max() / 127)
    prior = matters[marks == TURN].sum() / matters.sum()
    bias = float(model.intercept_[0] - np.log(prior / (1 - prior)))
    weights = np.round(model.coef_[0] / scale).astype(np.int8)
    return {"weights": weights, "scale": np.float64(scale), "bias": np.float64(bias)}


def check(rows: list[Said]) -> None:
    """What shares of the places within sentences, and between two, are taken for ends where so many ends are told."""
    found: dict[str, list[tuple[Any, Any]]] = {"said": [], "heard": []}
    for fold in range(FOLDS):
        out = [crc32(row.source.encode()) % FOLDS == fold for row in rows]
        model = fit([row for row, left in zip(rows, out, strict=True) if not left])
        for form, pairs in found.items():
            places, here, _ = table([r for r, left in zip(rows, out, strict=True) if left and r.form == form])
            pairs.append((places @ model["weights"].astype(np.float64) * model["scale"] + model["bias"], here))
    for form, pairs in found.items():
        score, mark = (np.concatenate(side) for side in zip(*pairs, strict=True))
        ends, inside, between = (score[mark == kind] for kind in (TURN, INSIDE, SENTENCE))
        print(f"{form}: {len(ends)} ends of turns, {len(inside)} places within sentences, {len(between)} between two")
        for share in (0.5, 0.75, 0.9, 0.95):
            line = np.quantile(ends, 1 - share)
            wrong = f"{np.mean(inside > line):.1%} and {np.mean(between > line):.1%}"
            print(f"  {share:.0%} of ends told: {wrong} of the others")


def main() -> None:
    """Run what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only measure, businesses left out")
    rows = list(utterances())
    if parser.parse_args().check:
        check(rows)
        return
    file = ROOT / "models" / "turns" / "weights.npz"
    file.parent.mkdir(exist_ok=True)
    np.savez_compressed(file, **fit(rows))
    print(f"{len(rows)} utterances; {file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
