"""A trigram model of what is said: several kinds of text mixed, then pruned to a size.

Each kind of text gets interpolated absolute discounting of its own; the kinds are mixed with fixed weights; n-grams
that say little more than a shorter history does are dropped (the weighted difference of Seymore and Rosenfeld,
"Scalable backoff language models", ICSLP 1996), and the rest becomes a back-off model whose probabilities sum to one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]

BEGIN, END, UNKNOWN = 0, 1, 2
FIRST_WORD = 3


def encode(lines: Iterable[Sequence[str]], number: dict[str, int]) -> NDArray[np.int32]:
    """All lines in a row as word numbers, each between BEGIN and END; words without a number are UNKNOWN."""
    row: list[int] = []
    for line in lines:
        row.append(BEGIN)
        row.extend(number.get(word, UNKNOWN) for word in line)
        row.append(END)
    return np.array(row, np.int32)


class Kind:
    """One kind of text: its n-gram counts, and interpolated probabilities from them."""

    def __init__(self, row: NDArray[np.int32], words: int, discounts: tuple[float, float] = (0.7, 0.8)) -> None:
        self.words = words
        self.discounts = discounts
        w1, w2 = row[1:].astype(np.int64), row[:-1].astype(np.int64)
        good = (w1 >= FIRST_WORD) | (w1 == END)
        self.single = np.bincount(w1[good], minlength=words) + 0.5
        self.single[[BEGIN, UNKNOWN]] = 0
        self.single = self.single / self.single.sum()
        pair_good = good & (w2 != UNKNOWN) & (w2 != END)
        self.pairs, self.pair_counts = np.unique((w2 * words + w1)[pair_good], return_counts=True)
        w3 = row[:-2].astype(np.int64)
        triple_good = pair_good[1:] & (w3 != UNKNOWN) & (w3 != END) & (w2[1:] != BEGIN)
        triples = ((w3 * words + w2[1:]) * words + w1[1:])[triple_good]
        self.triples, self.triple_counts = np.unique(triples, return_counts=True)
        self.pair_total, self.pair_kinds = self._totals(self.pairs // words, self.pair_counts, words)
        history = self.triples // words
        self.histories, begins = np.unique(history, return_index=True)
        self.history_total = np.add.reduceat(self.triple_counts, begins) if len(begins) else np.zeros(0)
        self.history_kinds = np.diff(np.append(begins, len(history)))

    @staticmethod
    def _totals(history: Codes, counts: Codes, words: int) -> tuple[Codes, Codes]:
        return (
            np.bincount(history, counts, minlength=words).astype(np.int64),
            np.bincount(history, minlength=words),
        )

    def two(self, pairs: Codes) -> Floats:
        """Probability of the second word of each pair after the first."""
        first, second = pairs // self.words, pairs % self.words
        count = _look_up(self.pairs, self.pair_counts, pairs)
        total = np.maximum(self.pair_total[first], 1)
        discount = self.discounts[0]
        left = np.where(self.pair_total[first] > 0, discount * self.pair_kinds[first] / total, 1.0)
        return np.maximum(count - discount, 0) / total + left * self.single[second]

    def three(self, triples: Codes) -> Floats:
        """Probability of the last word of each triple after the other two."""
        history, rest = triples // self.words, triples % (self.words * self.words)
        count = _look_up(self.triples, self.triple_counts, triples)
        total = _look_up(self.histories, self.history_total, history)
        kinds = _look_up(self.histories, self.history_kinds, history)
        discount = self.discounts[1]
        left = np.where(total > 0, discount * kinds / np.maximum(total, 1), 1.0)
        return np.maximum(count - discount, 0) / np.maximum(total, 1) + left * self.two(rest)


def _look_up(keys: Codes, values: NDArray[Any], wanted: Codes) -> Floats:
    if len(keys) == 0:
        return np.zeros(len(wanted))
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0).astype(float)


@dataclass
class Model:
    """A back-off trigram model.

    Attributes
    ----------
    words : int
        Word numbers are below it; BEGIN, END and UNKNOWN are the first three.
    single : array of shape (words,)
        Probabilities.
    pairs, triples : arrays
        Codes (first * words + second, and so on), sorted; a triple's first two and last two words are pairs.
    pair_p, triple_p : arrays
        Their probabilities.
    word_left, pair_left : arrays
        Back-off weights of words (shape (words,)) and of `pairs`.
    """

    words: int
    single: Floats
    pairs: Codes
    pair_p: Floats
    triples: Codes
    triple_p: Floats
    word_left: Floats
    pair_left: Floats

    @property
    def pair_counts(self) -> Codes:
        """As of a `Kind`, so that a finished model can be mixed with text: all were seen often enough."""
        return np.full(len(self.pairs), 2)

    @property
    def triple_counts(self) -> Codes:
        """As `pair_counts`."""
        return np.full(len(self.triples), 2)

    def renumbered(self, number: NDArray[np.int64], words: int) -> Model:
        """The same model among more words.

        Parameters
        ----------
        number : array of shape (self.words,)
            What each word's number becomes.
        words : int
            Word numbers will be below it.
        """
        single, word_left = np.zeros(words), np.ones(words)
        single[number], word_left[number] = self.single, self.word_left
        first, second = divmod(self.pairs, self.words)
        pairs = number[first] * words + number[second]
        history, third = divmod(self.triples, self.words)
        first, second = divmod(history, self.words)
        triples = (number[first] * words + number[second]) * words + number[third]
        of_pairs, of_triples = np.argsort(pairs), np.argsort(triples)
        return Model(
            words, single, pairs[of_pairs], self.pair_p[of_pairs], triples[of_triples], self.triple_p[of_triples],
            word_left, self.pair_left[of_pairs],
        )  # fmt: skip

    def two(self, pairs: Codes) -> Floats:
        """Probability of the second word after the first."""
        p = _look_up(self.pairs, self.pair_p, pairs)
        return np.where(p > 0, p, self.word_left[pairs // self.words] * self.single[pairs % self.words])

    def three(self, triples: Codes) -> Floats:
        """Probability of the last word after the other two."""
        p = _look_up(self.triples, self.triple_p, triples)
        left = _look_up(self.pairs, self.pair_left, triples // self.words)
        left = np.where(left > 0, left, 1.0)
        return np.where(p > 0, p, left * self.two(triples % (self.words * self.words)))

    def perplexity(self, row: NDArray[np.int32]) -> float:
        """Of text as `encode` gives it, unknown words left out."""
        w3, w2, w1 = (row[at : len(row) - 2 + at].astype(np.int64) for at in range(3))
        w3 = np.where(w2 == BEGIN, BEGIN, w3)
        ok = (w1 != UNKNOWN) & (w1 != BEGIN) & (w2 != UNKNOWN) & (w3 != UNKNOWN)
        p = np.where(
            (w2 == BEGIN) | (w3 == END),
            self.two(w2 * self.words + w1),
            self.three((w3 * self.words + w2) * self.words + w1),
        )
        return math.exp(-np.log(p[ok]).mean())


def mix(kinds: Sequence[Kind | Model], weights: Sequence[float], pairs: int, triples: int) -> Model:
    """Mix kinds of text, or finished models, and keep about so many pairs and triples."""
    words = kinds[0].words
    single: Floats = np.sum([weight * kind.single for kind, weight in zip(kinds, weights, strict=True)], axis=0)

    def mixed(name: str, codes: Codes) -> Floats:
        parts = [weight * getattr(kind, name)(codes) for kind, weight in zip(kinds, weights, strict=True)]
        return np.sum(parts, axis=0)

    seen = _seen([(kind.pairs, kind.pair_counts, weight) for kind, weight in zip(kinds, weights, strict=True)])
    pair_p = mixed("two", seen)
    first = single.copy()
    first[BEGIN] = single[END]  # as many lines begin as end
    joint = first[seen // words] * pair_p
    seen_3 = _seen([(kind.triples, kind.triple_counts, weight) for kind, weight in zip(kinds, weights, strict=True)])
    triple_p = mixed("three", seen_3)
    history = seen_3 // words
    history_joint = _look_up(seen, joint, history)
    shorter = mixed("two", seen_3 % (words * words))
    gain = history_joint * triple_p * np.log(triple_p / shorter)
    kept_3 = np.sort(np.argpartition(-gain, min(triples, len(gain) - 1))[:triples])
    kept_3 = kept_3[gain[kept_3] > 0]
    codes_3 = seen_3[kept_3]
    needed = np.unique(np.concatenate([codes_3 // words, codes_3 % (words * words)]))
    gain_2 = joint * np.log(np.maximum(pair_p, 1e-12) / single[seen % words])
    kept_2 = np.argpartition(-gain_2, min(pairs, len(gain_2) - 1))[:pairs]
    kept_2 = kept_2[gain_2[kept_2] > 0]
    codes_2 = np.unique(np.concatenate([seen[kept_2], needed]))
    model = Model(
        words, single, codes_2, mixed("two", codes_2), codes_3, triple_p[kept_3], np.ones(words), np.ones(len(codes_2))
    )
    used = np.bincount(codes_2 // words, model.pair_p, minlength=words)
    shorter_used = np.bincount(codes_2 // words, single[codes_2 % words], minlength=words)
    model.word_left = np.maximum(1 - used, 1e-6) / np.maximum(1 - shorter_used, 1e-6)
    at = np.searchsorted(codes_2, codes_3 // words)
    used = np.bincount(at, model.triple_p, minlength=len(codes_2))
    shorter_used = np.bincount(at, model.two(codes_3 % (words * words)), minlength=len(codes_2))
    model.pair_left = np.maximum(1 - used, 1e-6) / np.maximum(1 - shorter_used, 1e-6)
    return model


def _seen(parts: Sequence[tuple[Codes, Codes, float]]) -> Codes:
    """Codes seen more than once in big texts, or at all in small ones."""
    return np.unique(
        np.concatenate([codes[counts > (1 if len(codes) > 2_000_000 else 0)] for codes, counts, _ in parts])
    )


def write_arpa(model: Model, names: Sequence[str], path: Path) -> None:
    """Write the model in ARPA's format; `names[number]` is the word."""
    histories = set(np.unique(model.triples // model.words).tolist())
    ten = 1 / math.log(10)
    with path.open("w", encoding="utf-8") as file:
        uses = np.nonzero(model.single > 0)[0]
        file.write(f"\\data\\\nngram 1={len(uses) + 1}\nngram 2={len(model.pairs)}\nngram 3={len(model.triples)}\n")
        file.write(f"\n\\1-grams:\n-99\t<s>\t{math.log(model.word_left[BEGIN]) * ten:.4f}\n")
        for word in uses.tolist():
            left = f"\t{math.log(model.word_left[word]) * ten:.4f}" if word != END else ""
            file.write(f"{math.log(model.single[word]) * ten:.4f}\t{names[word]}{left}\n")
        file.write("\n\\2-grams:\n")
        for code, p, left in zip(model.pairs.tolist(), model.pair_p, model.pair_left, strict=True):
            tail = f"\t{math.log(left) * ten:.4f}" if code in histories else ""
            file.write(f"{math.log(p) * ten:.4f}\t{names[code // model.words]} {names[code % model.words]}{tail}\n")
        file.write("\n\\3-grams:\n")
        for code, p in zip(model.triples.tolist(), model.triple_p, strict=True):
            first, rest = divmod(code, model.words * model.words)
            second, third = divmod(rest, model.words)
            file.write(f"{math.log(p) * ten:.4f}\t{names[first]} {names[second]} {names[third]}\n")
        file.write("\n\\end\\\n")
