"""A Vosk model that `assemble` made, read back: its contexts, its language model, and a network that training can go on
from.
"""

from __future__ import annotations

import struct
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .augment import augment
from .contexts import ALL, GROUP, STEP, Contexts
from .features import cosines
from .graph import BASE, openfst
from .kaldi_files import Machine, Tuple, read_fst
from .language import BEGIN, END, Model
from .network import Network, Shape

Array = NDArray[Any]
Affine = tuple[Array, Array]


def _integer(data: bytes, at: int) -> tuple[int, int]:
    return struct.unpack_from("<i", data, at + 1)[0], at + 5


def tuples(model: Path) -> list[Tuple]:
    """Phones with their outputs, from a `final.mdl`."""
    data = model.read_bytes()
    at = data.index(b"<Tuples> ") + len("<Tuples> ")
    count, at = _integer(data, at)
    found = []
    for _ in range(count):
        row = []
        for _ in range(4):
            value, at = _integer(data, at)
            row.append(value)
        found.append(Tuple(row[0], row[2], row[3]))
    return found


def affine(model: Path, name: str) -> Affine:
    """Matrix and bias of a component of a `final.mdl`."""
    data = model.read_bytes()
    at = data.index(b"CM2 ", data.index(f"<ComponentName> {name} ".encode())) + len("CM2 ")
    low, spread, rows, columns = struct.unpack_from("<ffii", data, at)
    at += 16
    matrix = np.frombuffer(data, "<u2", rows * columns, at).reshape(rows, columns) / 65535 * spread + low
    count, at = _integer(data, data.index(b"FV ", at + 2 * rows * columns) + len("FV "))
    return matrix, np.frombuffer(data, "<f4", count, at).astype(float)


def contexts(model: Path) -> Contexts:
    """The contexts of a model folder, from the tuples on the arcs of its graph.

    A pair of phones that no word holds gets what its class shares, or else what most classes of its phone share.
    """
    known = tuples(model / "am/final.mdl")
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "hcl"
        openfst("fstconvert", "--fst_type=const", model / "graph/HCLr.fst", plain)
        pairs = _pairs(read_fst(plain), known)
    group = np.array([GROUP[phone] for phone in ALL])
    table = np.full((len(ALL), len(ALL)), -1)
    for (before, phone), pair in pairs.items():
        table[before, phone] = pair
    for phone in range(len(ALL)):
        there = table[:, phone] >= 0
        column = table[:, phone].copy()
        uses = Counter(column[there].tolist())
        default = max(uses, key=lambda pair: (len(set(group[column == pair])), uses[pair]))
        for before in np.nonzero(~there)[0].tolist():
            same = Counter(column[there & (group == group[before])].tolist())
            table[before, phone] = next((pair for pair, _ in same.most_common() if uses[pair] > 1), default)
    return Contexts(table.tolist())


def language(model: Path) -> tuple[Model, list[str]]:
    """The language model of a model folder, and its words by number, as `vocabulary.read` gives them."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "g"
        openfst("fstconvert", "--fst_type=const", model / "graph/Gr.fst", plain)
        machine = read_fst(plain)
    lines = (line.split() for line in (model / "graph/words.txt").read_text(encoding="utf-8").splitlines())
    words = {int(label): word for word, label in lines if word not in ("<eps>", "#0", "<s>", "</s>")}
    names = ["<s>", "</s>", "<unk>", *sorted(words.values())]
    number = {word: index for index, word in enumerate(names)}
    of_label = np.zeros(max(words) + 1, np.int64)
    for label, word in words.items():
        of_label[label] = number[word]
    many, states = len(names), np.arange(len(machine.final))
    back = machine.inputs == 0
    shorter, left = np.full(len(states), -1), np.ones(len(states))
    shorter[machine.source[back]] = machine.target[back]
    left[machine.source[back]] = np.exp(-machine.weight[back])
    root = int(np.flatnonzero(shorter < 0)[0])
    ends = np.isfinite(machine.final)

    def after(state: NDArray[np.bool_], history: NDArray[np.int64]) -> tuple[Array, Array, Array]:
        """What follows the histories of some states: codes, probabilities, and the states that they lead to."""
        arc, end = state[machine.source] & ~back, np.flatnonzero(state & ends)
        codes = np.concatenate(
            [history[machine.source[arc]] * many + of_label[machine.inputs[arc]], history[end] * many + END]
        )
        chances = np.exp(-np.concatenate([machine.weight[arc], machine.final[end]]))
        targets = np.concatenate([machine.target[arc], np.full(len(end), -1)])
        order = np.argsort(codes)
        return codes[order], chances[order], targets[order]

    history = np.zeros(len(states), np.int64)
    words_after, chances, targets = after(states == root, history)
    single = np.zeros(many)
    single[words_after] = chances
    history[targets[targets >= 0]] = words_after[targets >= 0]
    history[machine.start] = BEGIN
    of_word = shorter == root
    pairs, pair_p, targets = after(of_word, history)
    of_pair = (shorter >= 0) & ~of_word
    longer = (targets >= 0) & of_pair[targets]
    history[targets[longer]] = pairs[longer]
    triples, triple_p, _ = after(of_pair, history)
    word_left, pair_left = np.ones(many), np.ones(len(pairs))
    word_left[history[of_word]] = left[of_word]
    pair_left[np.searchsorted(pairs, history[of_pair])] = left[of_pair]
    return Model(many, single, pairs, pair_p, triples, triple_p, word_left, pair_left), names


def _pairs(machine: Machine, known: Sequence[Tuple]) -> dict[tuple[int, int], int]:
    """For each two phones in a row somewhere in the graph, the pair number of the second."""
    many = len(known)
    phone = np.array([0] + [BASE[each.phone] for each in known])
    pair = np.array([0] + [each.first // 2 for each in known])
    inward = (machine.inputs > 0) & (machine.inputs % 2 == 0) & (machine.inputs <= 2 * many)
    loop = (machine.inputs % 2 == 1) & (machine.inputs <= 2 * many)
    last: list[set[int]] = [set() for _ in machine.final]
    last[machine.start].add(0)
    for target, number in zip(machine.target[inward].tolist(), machine.inputs[inward].tolist(), strict=True):
        last[target].add(int(phone[number // 2]))
    silent = defaultdict(list)
    for source, target in zip(
        machine.source[~inward & ~loop].tolist(), machine.target[~inward & ~loop].tolist(), strict=True
    ):
        silent[source].append(target)
    queue = [state for state, phones in enumerate(last) if phones]
    while queue:
        state = queue.pop()
        for target in silent[state]:
            if not last[state] <= last[target]:
                last[target] |= last[state]
                queue.append(target)
    return {
        (before, int(phone[number // 2])): int(pair[number // 2])
        for source, number in zip(machine.source[inward].tolist(), machine.inputs[inward].tolist(), strict=True)
        for before in last[source]
    }


@torch.no_grad()
def network(model: Path, energies: NDArray[np.float16], seed: int = 0) -> Network:
    """The network of a `final.mdl`, its input's mean and spread and its batch norms taken from speech.

    Parameters
    ----------
    energies : array of shape (frames, 40)
        Log mel energies of training speech in a row.

    Notes
    -----
    The file holds no batch norms: they were folded into the matrices. New ones are set to the mean and variance that
    speech has there, and to undo themselves, so that the scores are those of the file.
    """
    data = model.read_bytes()
    first, bottom, last = (affine(model, name) for name in ("first.affine", "bottom", "last"))
    layers: list[tuple[Affine, Affine]] = []
    while f"<ComponentName> l{len(layers) + 1}.narrow ".encode() in data:
        name = f"l{len(layers) + 1}"
        layers.append((affine(model, f"{name}.narrow"), affine(model, f"{name}.wide")))
    splice = (first[0].shape[1] // 40 - 1) // 2
    made = Network(Shape(len(last[1]), len(first[1]), len(layers[0][0][1]), splice, bottom=len(bottom[1])))
    draw = np.random.default_rng(seed)
    transform = cosines()
    sample = np.asarray(energies[np.sort(draw.integers(0, len(energies), 50_000))], np.float32) @ transform
    mean, spread = sample.mean(0), sample.std(0)
    made.mean.data, made.scale.data = torch.from_numpy(mean), torch.from_numpy(1 / spread)
    splices = 2 * made.shape.splice + 1
    matrix = first[0] * np.tile(spread, splices)
    _set(made.first, matrix, first[1] + first[0] @ np.tile(mean, splices))
    for layer, (narrow, wide) in zip(made.layers, layers, strict=True):
        _set(layer.narrow, narrow[0])
        _set(layer.wide, *wide)
    _set(made.bottom, bottom[0])
    _set(made.last, *last)
    norms = [made.norm, *(layer.norm for layer in made.layers)]
    for norm in norms:
        norm.running_var.fill_(1 - norm.eps)
    _measure(made, norms, energies, transform, draw)
    return made


def _set(linear: torch.nn.Linear, weight: Array, bias: Array | None = None) -> None:
    linear.weight.data = torch.from_numpy(weight.astype(np.float32))
    if bias is not None:
        linear.bias.data = torch.from_numpy(bias.astype(np.float32))


def _measure(
    made: Network, norms: Sequence[torch.nn.BatchNorm1d], energies: NDArray[np.float16], transform: Array, draw: Any
) -> None:
    seen: list[list[tuple[torch.Tensor, torch.Tensor]]] = [[] for _ in norms]

    def keeper(place: int):  # type: ignore[no-untyped-def]
        return lambda _, given, __: seen[place].append((given[0].mean(0), (given[0] ** 2).mean(0)))

    hooks = [norm.register_forward_hook(keeper(place)) for place, norm in enumerate(norms)]
    made.eval()
    around, steps = made.context, 60
    for _ in range(8):
        at = draw.integers(around + STEP, len(energies) - STEP * steps - around, 64)
        pieces = energies[at[:, None] + np.arange(-around, STEP * (steps - 1) + around + 1)].astype(np.float32)
        generator = torch.Generator().manual_seed(int(draw.integers(2**31)))
        made(augment(torch.from_numpy(pieces), generator) @ torch.from_numpy(transform))
    for hook in hooks:
        hook.remove()
    for norm, values in zip(norms, seen, strict=True):
        mean = torch.stack([each for each, _ in values]).mean(0)
        variance = torch.stack([each for _, each in values]).mean(0) - mean**2
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(torch.sqrt(variance + norm.eps))
        norm.bias.copy_(mean)
