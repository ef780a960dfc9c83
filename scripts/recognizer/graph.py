"""The decoding graph in two parts, joined as Vosk listens: words from sounds (HCLr), sentences from words (Gr)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import kaldifst
import numpy as np
from numpy.typing import NDArray

from .contexts import NUMBER, SILENCE, Contexts
from .kaldi_files import Machine, Tuple, read_fst, write_fst
from .language import BEGIN, END, FIRST_WORD, Model
from .lexicon import PHONES

PLACES = "BEIS"
POSITIONED = [SILENCE] + [f"{phone}_{place}" for phone in PHONES for place in PLACES]
"""Phones by the place in the word that they stand at; phone number is the index plus one."""

BASE = np.array([0] + [NUMBER[phone.split("_")[0]] for phone in POSITIONED])
"""Phone number of this list to phone of `contexts`."""

SILENCE_SHARE = 0.5


def positioned(sounds: Sequence[str]) -> list[int]:
    """Phone numbers of a pronunciation, with the place in the word."""
    places = "S" if len(sounds) == 1 else "B" + "I" * (len(sounds) - 2) + "E"
    return [2 + 4 * (NUMBER[sound] - 1) + PLACES.index(place) for sound, place in zip(sounds, places, strict=True)]


def word_boundaries() -> str:
    """Text of `word_boundary.int`."""
    names = {"B": "begin", "E": "end", "I": "internal", "S": "singleton"}
    return "".join(
        f"{number} {'nonword' if phone == SILENCE else names[phone[-1]]}\n"
        for number, phone in enumerate(POSITIONED, 1)
    )


def lexicon_fst(lexicon: Mapping[str, Sequence[tuple[float, list[int]]]], number: Mapping[str, int]):  # type: ignore[no-untyped-def]
    """Phones in, words out; marks above the phones keep words apart that sound the same."""
    fst = kaldifst.StdVectorFst()
    start, loop, quiet, after = (fst.add_state() for _ in range(4))
    fst.start = start
    yes, no = -np.log(SILENCE_SHARE), -np.log(1 - SILENCE_SHARE)
    mark = len(POSITIONED) + 1
    arc = kaldifst.StdArc
    fst.add_arc(start, arc(0, 0, no, loop))
    fst.add_arc(start, arc(0, 0, yes, quiet))
    fst.add_arc(quiet, arc(1, 0, 0.0, after))
    fst.add_arc(after, arc(mark, 0, 0.0, loop))
    used: Counter[tuple[int, ...]] = Counter()
    for word in sorted(lexicon):
        for share, sounds in lexicon[word]:
            sequence = list(sounds)
            if same := used[tuple(sounds)]:
                sequence.append(mark + same)
            used[tuple(sounds)] += 1
            at = loop
            for place, sound in enumerate(sequence[:-1]):
                to = fst.add_state()
                fst.add_arc(at, arc(sound, 0 if place else number[word], 0.0 if place else -np.log(share), to))
                at = to
            output, cost = (0, 0.0) if len(sequence) > 1 else (number[word], -np.log(share))
            fst.add_arc(at, arc(sequence[-1], output, cost + no, loop))
            fst.add_arc(at, arc(sequence[-1], output, cost + yes, quiet))
    fst.set_final(loop, 0.0)
    return fst


def _machine(fst) -> Machine:  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fst"
        kaldifst.StdConstFst(fst).write(str(path))
        return read_fst(path)


def _vector(machine: Machine):  # type: ignore[no-untyped-def]
    fst = kaldifst.StdVectorFst()
    for _ in machine.final:
        fst.add_state()
    fst.start = machine.start
    for state in np.nonzero(np.isfinite(machine.final))[0]:
        fst.set_final(int(state), float(machine.final[state]))
    for source, taken, given, weight, target in zip(
        machine.source.tolist(), machine.inputs.tolist(), machine.outputs.tolist(), machine.weight.tolist(),
        machine.target.tolist(), strict=True,
    ):  # fmt: skip
        fst.add_arc(source, kaldifst.StdArc(taken, given, weight, target))
    return fst


def with_context(machine: Machine, contexts: Contexts) -> tuple[Machine, list[Tuple]]:
    """Replace phones by tuples (see `kaldi_files.Tuple`), which depend on the phone before; marks stay above them.

    Returns
    -------
    machine : Machine
        Inputs are 1 + the tuple's number; marks follow after the last tuple.
    tuples : list of Tuple
    """
    table = np.array(contexts.table)
    tuples = sorted(
        {
            (phone, 2 * int(pair), 2 * int(pair) + 1)
            for phone in range(1, len(POSITIONED) + 1)
            for pair in table[:, BASE[phone]]
        }
    )
    tuple_number = {each: number for number, each in enumerate(tuples)}
    label = np.zeros((len(contexts.table), len(POSITIONED) + 1), np.int64)
    for before in range(len(contexts.table)):
        for phone in range(1, len(POSITIONED) + 1):
            pair = 2 * int(table[before, BASE[phone]])
            label[before, phone] = 1 + tuple_number[phone, pair, pair + 1]
    begins = np.searchsorted(machine.source, np.arange(len(machine.final) + 1))
    inputs, outputs = machine.inputs.tolist(), machine.outputs.tolist()
    weights, targets = machine.weight.tolist(), machine.target.tolist()
    states: dict[tuple[int, int], int] = {(machine.start, 0): 0}
    queue = deque(states)
    rows: list[tuple[int, int, int, float, int]] = []
    while queue:
        key = queue.popleft()
        state, before = key
        for at in range(begins[state], begins[state + 1]):
            taken = inputs[at]
            phone = 0 < taken <= len(POSITIONED)
            after = (targets[at], int(BASE[taken]) if phone else before)
            if after not in states:
                states[after] = len(states)
                queue.append(after)
            mark = taken - len(POSITIONED) + len(tuples) if taken else 0
            rows.append(
                (states[key], int(label[before, taken]) if phone else mark, outputs[at], weights[at], states[after])
            )
    source, taken_, given, weight, target = (np.array(column) for column in zip(*rows, strict=True))
    final = np.array([machine.final[state] for state, _ in states])
    return Machine(source, taken_, given, weight, target, final, 0), [Tuple(*each) for each in tuples]


def with_loops(machine: Machine, tuples: int) -> Machine:
    """Replace tuples by their transitions, the way in on the arc and the self-loop on the state that it leads to.

    A state that arcs of several tuples lead to gets a state before it for each of them. Marks are dropped.
    """
    many = len(machine.final)
    phone = np.where(machine.inputs <= tuples, machine.inputs, 0)
    key = machine.target * (tuples + 1) + phone
    kinds = np.unique(key)
    to, by = kinds // (tuples + 1), kinds % (tuples + 1)
    ways = np.bincount(to, minlength=many)
    alone = np.zeros(many, np.int64)
    single = (ways[to] == 1) & (by > 0) & (to != machine.start)
    alone[to[single]] = by[single]
    extra = (alone[to] == 0) & (by > 0)
    to, by = to[extra], by[extra]
    new = many + np.arange(len(to))
    target = machine.target.copy()
    moved = (alone[machine.target] == 0) & (phone > 0)
    target[moved] = new[np.searchsorted(kinds[extra], key[moved])]
    looped = np.nonzero(alone)[0]
    nothing, none = np.zeros(len(new), np.int64), np.zeros(len(looped), np.int64)
    return Machine(
        np.concatenate([machine.source, looped, new, new]),
        np.concatenate([2 * phone, 2 * alone[looped] - 1, 2 * by - 1, nothing]),
        np.concatenate([machine.outputs, none, nothing, nothing]),
        np.concatenate([machine.weight, none, nothing, nothing]).astype(float),
        np.concatenate([target, looped, new, to]),
        np.concatenate([machine.final, np.full(len(new), np.inf)]),
        machine.start,
    )


def sentences(model: Model, number: NDArray[np.int64]) -> Machine:
    """The language model as an acceptor of the word numbers `number[word of the model]`; backing off costs no input."""
    words = model.words
    begins_pair = np.zeros(words, bool)
    begins_pair[model.pairs // words] = True
    begins_pair[BEGIN] = True
    histories = np.unique(model.triples // words)
    state_of = np.zeros(words, np.int64)
    state_of[begins_pair] = 1 + np.arange(begins_pair.sum())
    many = 1 + int(begins_pair.sum()) + len(histories)

    def pair_state(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        at = np.minimum(np.searchsorted(histories, pairs), len(histories) - 1)
        return np.where(histories[at] == pairs, many - len(histories) + at, state_of[pairs % words])

    final = np.full(many, np.inf)
    used = np.nonzero((model.single > 0) & (np.arange(words) >= FIRST_WORD))[0]
    parts = [(np.zeros(len(used), np.int64), number[used], -np.log(model.single[used]), state_of[used])]
    final[0] = -np.log(model.single[END])
    ends = model.pairs % words == END
    final[state_of[model.pairs[ends] // words]] = -np.log(model.pair_p[ends])
    pairs = model.pairs[~ends]
    parts.append((state_of[pairs // words], number[pairs % words], -np.log(model.pair_p[~ends]), pair_state(pairs)))
    ends = model.triples % words == END
    final[pair_state(model.triples[ends] // words)] = -np.log(model.triple_p[ends])
    triples = model.triples[~ends]
    parts.append(
        (
            pair_state(triples // words), number[triples % words], -np.log(model.triple_p[~ends]),
            pair_state(triples % (words * words)),
        )
    )  # fmt: skip
    singles = np.nonzero(begins_pair)[0]
    nothing = np.zeros(len(singles), np.int64)
    parts.append((state_of[singles], nothing, -np.log(model.word_left[singles]), nothing))
    left = model.pair_left[np.searchsorted(model.pairs, histories)]
    nothing = np.zeros(len(histories), np.int64)
    parts.append((pair_state(histories), nothing, -np.log(left), state_of[histories % words]))
    source, label, weight, target = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Machine(source, label, label, weight, target, final, int(state_of[BEGIN]))


def build(
    folder: Path,
    lexicon: Mapping[str, Sequence[tuple[float, list[int]]]],
    contexts: Contexts,
    model: Model,
    names: Sequence[str],
) -> list[Tuple]:
    """Write `graph/` of a Vosk model.

    Parameters
    ----------
    lexicon : mapping
        For each word, shares and positioned phones of its pronunciations.
    names : sequence of str
        Words of `model` by number.

    Notes
    -----
    OpenFst's programs (Debian's `libfst-tools`) turn the two parts into the types that Vosk composes lazily:
    `olabel_lookahead`, which renumbers the words, and `ngram`, which takes a few bytes for each n-gram.
    """
    graph = folder / "graph"
    (graph / "phones").mkdir(parents=True, exist_ok=True)
    (graph / "phones/word_boundary.int").write_text(word_boundaries(), encoding="ascii")
    number = {word: index + 1 for index, word in enumerate(sorted(lexicon))}
    fst = lexicon_fst(lexicon, number)
    kaldifst.arcsort(fst, "olabel")
    kaldifst.determinize_star(fst, use_log=True)
    kaldifst.minimize_encoded(fst)
    machine, tuples = with_context(_machine(fst), contexts)
    fst = _vector(machine)
    kaldifst.minimize_encoded(fst)
    machine = with_loops(_machine(fst), len(tuples))
    with tempfile.TemporaryDirectory() as temporary:
        plain, relabel = Path(temporary) / "hcl", Path(temporary) / "relabel"
        write_fst(machine, plain)
        openfst(
            "fstconvert", "--fst_type=olabel_lookahead", f"--save_relabel_opairs={relabel}", plain, graph / "HCLr.fst"
        )
        relabelled = (line.split() for line in relabel.read_text().splitlines())
        pairs = {int(before): int(after) for before, after in relabelled}
        renumbered = np.zeros(model.words, np.int64)
        for index, name in enumerate(names):
            if index >= FIRST_WORD:
                renumbered[index] = pairs[number[name]]
        write_fst(sentences(model, renumbered), plain)
        openfst("fstconvert", "--fst_type=ngram", plain, graph / "Gr.fst")
    words = sorted((int(renumbered[index]), name) for index, name in enumerate(names) if index >= FIRST_WORD)
    last = max(pairs.values())
    lines = ["<eps> 0"] + [f"{name} {index}" for index, name in words]
    lines += [f"{name} {last + index}" for index, name in enumerate(("#0", "<s>", "</s>"), 1)]
    (graph / "words.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (graph / "disambig_tid.int").write_text(f"{2 * len(tuples) + 1}\n", encoding="ascii")
    return tuples


def openfst(program: str, *arguments: object) -> None:
    """Run one of OpenFst's programs."""
    if shutil.which(program) is None:
        raise SystemExit(f"{program} is missing: install OpenFst's programs (Debian: apt-get install libfst-tools)")
    libraries = " ".join(f"libfst{name}.so.22" for name in ("lookahead", "ngram", "const"))
    environment = {**os.environ, "LD_PRELOAD": libraries}
    subprocess.run([program, *map(str, arguments)], check=True, env=environment)
