#!/usr/bin/env python3
"""Teach turn-taking which words end a turn: ``models/turns/weights.npz``.

    scripts/train_turns.py            train and write
    scripts/train_turns.py --check    only measure: every fifth business left out, in turn

Each place between two words of our own utterances is an example, the end of a turn against all places before it; from
``models/techniques/data``, the same as a recogniser heard them (``heard``), the customers' lines in ``scenarios``, and
short answers. About a minute.
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
from voicetrainer.speech.endings import SIZE, traits

ROOT = Path(__file__).resolve().parent.parent
FOLDS = 5
INSIDE, SENTENCE, TURN = 0, 1, 2
# Turns that the data lack, because they show nothing: whole answers of a word or a few.
ALONE = """
yes; no; okay; right; sure; of course; thank you; thanks; thank you very much; i see; i understand; yes please;
no thank you; absolutely; certainly; all right; exactly; i know; i agree; hello; good morning; goodbye;
one moment please; pardon; sorry; i'm sorry; i am so sorry; no problem; you're welcome; go ahead; i don't know;
not yet; not at all
"""
OFTEN = 3  # times that each of them counts


@dataclass(frozen=True)
class Said:
    """An utterance and what is at the end of each of its words."""

    source: str
    """Business, or "scenario"."""
    form: str
    """*said*, *heard* or *line*."""
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
    for text in ALONE.split(";"):
        yield from OFTEN * [Said("alone", "line", *marked(text))]
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


def table(rows: list[Said]) -> tuple[Any, np.ndarray[Any, Any]]:
    """Traits of every place, sparse of shape (places, SIZE), and what is there."""
    columns: list[int] = []
    ends = [0]
    for row in rows:
        for i in range(len(row.words)):
            columns += traits(row.words[: i + 1])
            ends.append(len(columns))
    ones = np.ones(len(columns), np.float32)
    return sp.csr_matrix((ones, columns, ends), shape=(len(ends) - 1, SIZE)), np.array(
        [m for r in rows for m in r.marks]
    )


def fit(rows: list[Said]) -> dict[str, Any]:
    """Weights in 8 bits; the bias makes 0 mean "as likely as not"."""
    places, marks = table(rows)
    matters = np.where(marks == SENTENCE, 2.0, 1.0)  # there are few of them, and people do pause there
    model = LogisticRegression(C=0.12, max_iter=100, tol=1e-3).fit(places, marks == TURN, sample_weight=matters)
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
            places, here = table([r for r, left in zip(rows, out, strict=True) if left and r.form == form])
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
