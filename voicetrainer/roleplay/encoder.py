"""Meaning beyond phrases: a small transformer that reads the customer's line and the learner's words together.

The network is the lower half of a published sentence encoder (the data card says whose), taught further
by ``scripts/train_encoder.py`` to tell techniques from mistakes. Here it only runs, in plain numpy: word pieces, layers
of attention, and for every label a sum over the spoken words, so that each word knows what it carried. No file is read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

CONTEXT_PIECES = 40
"""Of the customer's line only so many word pieces are read: what was said first of it is lost, not last."""
TEXT_PIECES = 72
"""The learner's words are read in windows of at most so many pieces."""
STEP_PIECES = 48
"""A window begins so many pieces after the one before."""
UNKNOWN, BEGIN, END = "[UNK]", "[CLS]", "[SEP]"
_LONGEST_WORD = 40

_WHOLE = {
    "can't": "can not", "won't": "will not", "shan't": "shall not", "let's": "let us", "ain't": "is not",
    "y'all": "you all", "ma'am": "madam",
}  # fmt: skip
_ENDINGS = (("n't", " not"), ("'ll", " will"), ("'ve", " have"), ("'re", " are"), ("'d", " would"), ("'m", " am"))
_IS = frozenset("it that what there here who how he she where".split())


def full(word: str) -> str:
    """A spoken word written out: "i'm" is "i am". Accents and other marks go, an owner's "'s" stays as "s"."""
    if word in _WHOLE:
        return _WHOLE[word]
    for ending, out in _ENDINGS:
        if word.endswith(ending):
            word = word[: -len(ending)] + out
            break
    else:
        if word.endswith("'s"):
            word = word[:-2] + (" is" if word[:-2] in _IS else " s")
    if word.isascii():
        return word.replace("'", "")
    apart = unicodedata.normalize("NFD", word)
    return "".join(c for c in apart if c == " " or c.isalnum())


def pieces(word: str, vocabulary: Mapping[str, int]) -> list[int]:
    """The pieces of one written-out word, longest first from the left; the unknown piece where that fails.

    Parameters
    ----------
    word
        Without spaces.
    vocabulary
        Piece to its row; a piece within a word begins with ``##``.
    """
    found: list[int] = []
    at = 0
    while at < len(word) <= _LONGEST_WORD:
        for end in range(len(word), at, -1):
            row = vocabulary.get(word[at:end] if at == 0 else f"##{word[at:end]}")
            if row is not None:
                found.append(row)
                at = end
                break
        else:
            return [vocabulary[UNKNOWN]]
    return found or [vocabulary[UNKNOWN]] if word else []


def split(said: Sequence[str], vocabulary: Mapping[str, int]) -> tuple[list[int], list[int]]:
    """Pieces of spoken words, and for each the index of its word."""
    rows: list[int] = []
    owners: list[int] = []
    for i, word in enumerate(said):
        for part in full(word).split():
            mine = pieces(part, vocabulary)
            rows += mine
            owners += [i] * len(mine)
    return rows, owners


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of the transformer; matrices as they multiply a row of activations from the right."""

    mix: Array
    """Shape (width, 3 * width): queries (already over the root of a head's width), keys and values."""
    mix_bias: Array
    out: Array
    out_bias: Array
    norm: Array
    """Shape (2, width): gain and offset after the attention."""
    widen: Array
    widen_bias: Array
    narrow: Array
    narrow_bias: Array
    last_norm: Array
    """Shape (2, width): gain and offset at the end."""


@dataclass(frozen=True, eq=False)
class Encoder:
    """Log-odds of every label from the words of an utterance and the customer's line. Pure: same words, same answer."""

    vocabulary: Mapping[str, int]
    heads: int
    words: NDArray[np.int8]
    """Shape (pieces, width); times `words_scale` a row."""
    words_scale: Array
    places: Array
    """Shape (2, most places, width): what place and side (customer's, learner's) add to a piece."""
    first_norm: Array
    layers: tuple[Layer, ...]
    attend: Array
    """Shape (width, labels): how much each label looks at a piece."""
    judge: Array
    """Shape (width, 2 * labels): what a piece says for each label where the label looks, and on average."""
    bias: Array
    """Shape (labels,)."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], labels: Sequence[str]) -> Encoder:
        """Build from named arrays, as ``scripts/train_encoder.py`` writes them.

        Parameters
        ----------
        arrays
            ``pieces`` and ``labels`` (text, one a line, as bytes), ``shape`` (layers, heads), ``words`` (int8, with
            ``words.scale``), ``places``, ``first_norm``, ``attend``, ``judge``, ``bias``; and for layer i ``i.mix``,
            ``i.out``, ``i.widen``, ``i.narrow`` (int8, a row for each output, with ``.scale``), their ``.bias``,
            ``i.norm`` and ``i.last_norm``.
        labels
            The labels wanted, in order.

        Raises
        ------
        ValueError
            When a name is missing, shapes disagree or the labels are others.
        """
        try:
            if bytes(np.asarray(arrays["labels"], np.uint8)).decode().split("\n") != list(labels):
                raise ValueError("the encoder is for other labels")
            names = bytes(np.asarray(arrays["pieces"], np.uint8)).decode().split("\n")
            count, heads = np.asarray(arrays["shape"]).tolist()
            made = cls(
                vocabulary={name: i for i, name in enumerate(names)},
                heads=heads,
                words=np.asarray(arrays["words"], np.int8),
                words_scale=_plain(arrays["words.scale"]),
                places=_plain(arrays["places"]),
                first_norm=_plain(arrays["first_norm"]),
                layers=tuple(_layer(arrays, i, heads) for i in range(count)),
                attend=_plain(arrays["attend"]),
                judge=_plain(arrays["judge"]),
                bias=_plain(arrays["bias"]),
            )
        except KeyError as error:
            raise ValueError(f"no {error.args[0]} in the encoder") from None
        made._check(len(names), len(labels))
        return made

    def _check(self, n: int, k: int) -> None:
        d = self.words.shape[-1]
        wide = self.layers[0].widen.shape[-1] if self.layers else 0
        wanted: list[tuple[str, NDArray[Any], tuple[int, ...]]] = [
            ("words", self.words, (n, d)), ("words.scale", self.words_scale, (n,)),
            ("places", self.places, (2, CONTEXT_PIECES + TEXT_PIECES + 3, d)), ("first_norm", self.first_norm, (2, d)),
            ("attend", self.attend, (d, k)), ("judge", self.judge, (d, 2 * k)), ("bias", self.bias, (k,)),
        ]  # fmt: skip
        for i, layer in enumerate(self.layers):
            wanted += [
                (f"{i}.mix", layer.mix, (d, 3 * d)), (f"{i}.mix.bias", layer.mix_bias, (3 * d,)),
                (f"{i}.out", layer.out, (d, d)), (f"{i}.out.bias", layer.out_bias, (d,)),
                (f"{i}.widen", layer.widen, (d, wide)), (f"{i}.widen.bias", layer.widen_bias, (wide,)),
                (f"{i}.narrow", layer.narrow, (wide, d)), (f"{i}.narrow.bias", layer.narrow_bias, (d,)),
                (f"{i}.norm", layer.norm, (2, d)), (f"{i}.last_norm", layer.last_norm, (2, d)),
            ]  # fmt: skip
        for name, array, shape in wanted:
            if array.shape != shape:
                raise ValueError(f"{name} of the encoder has shape {array.shape}, not {shape}")
        if not self.layers or self.heads < 1 or d % self.heads:
            raise ValueError(f"the encoder has {len(self.layers)} layers of {self.heads} heads")
        for piece in (UNKNOWN, BEGIN, END):
            if piece not in self.vocabulary:
                raise ValueError(f"the encoder has no piece {piece}")

    def contributions(self, said: Sequence[str], context: Sequence[str]) -> NDArray[np.float64]:
        """Log-odds that each spoken word carries for each label.

        Parameters
        ----------
        said
            Spoken words of the learner, as from `voicetrainer.roleplay.techniques.said`.
        context
            Spoken words of the customer's line before.

        Returns
        -------
        ndarray, shape (words + 1, labels)
            The sum down the words is the log-odds of the labels; the last row is what no word carries. Talk longer than
            a window is judged window by window, and each label takes the window that speaks most for it.
        """
        rows, owners = split(said, self.vocabulary)
        theirs = split(context, self.vocabulary)[0][-CONTEXT_PIECES:]
        best: NDArray[np.float64] | None = None
        for at in range(0, max(1, len(rows) - (TEXT_PIECES - STEP_PIECES)), STEP_PIECES):
            share = np.zeros((len(said) + 1, len(self.bias)))
            share[-1] = self.bias
            window = slice(at, at + TEXT_PIECES)
            if rows:
                np.add.at(share, owners[window], self._judge(theirs, rows[window]))
            if best is None:
                best = share
            else:
                better = share.sum(axis=0) > best.sum(axis=0)
                best[:, better] = share[:, better]
        assert best is not None
        return best

    def _judge(self, theirs: list[int], mine: list[int]) -> NDArray[np.float64]:
        """What each of the learner's pieces carries, shape (pieces, labels)."""
        begin, end = self.vocabulary[BEGIN], self.vocabulary[END]
        rows = [begin, *theirs, end, *mine, end]
        start = len(theirs) + 2
        x: Array = self.words[rows] * self.words_scale[rows, None]
        x[:start] += self.places[0, :start]
        x[start:] += self.places[1, start : len(rows)]
        x = _normed(x, self.first_norm)
        for layer in self.layers[:-1]:
            x = self._pass(layer, x, 0, len(rows))
        x = self._pass(self.layers[-1], x, start, start + len(mine))
        k = len(self.bias)
        said = x @ self.judge
        look = _softmax((x @ self.attend).T).T
        return np.asarray(look * said[:, :k] + said[:, k:] / len(mine), np.float64)

    def _pass(self, layer: Layer, x: Array, first: int, last: int) -> Array:
        """One layer, for the pieces from `first` up to `last` only, which look at all."""
        d = x.shape[1]
        mixed = (x @ layer.mix + layer.mix_bias).reshape(len(x), 3, self.heads, d // self.heads)
        query, key, value = mixed.transpose(1, 2, 0, 3)
        looked = _softmax(query[:, first:last] @ key.transpose(0, 2, 1)) @ value
        seen: Array = looked.transpose(1, 0, 2).reshape(last - first, d)
        x = _normed(x[first:last] + seen @ layer.out + layer.out_bias, layer.norm)
        wide: Array = x @ layer.widen + layer.widen_bias
        return _normed(x + _gelu(wide) @ layer.narrow + layer.narrow_bias, layer.last_norm)


def _plain(array: Any) -> Array:
    return np.ascontiguousarray(array, np.float32)


def _layer(arrays: Mapping[str, Any], i: int, heads: int) -> Layer:
    def matrix(name: str) -> Array:
        small, scale = np.asarray(arrays[f"{i}.{name}"], np.int8), _plain(arrays[f"{i}.{name}.scale"])
        return np.ascontiguousarray(small.T * scale)

    def vector(name: str) -> Array:
        return _plain(arrays[f"{i}.{name}"])

    mix, mix_bias = matrix("mix"), vector("mix.bias").copy()
    d = mix.shape[0]
    root = np.float32((d / heads) ** -0.5)
    mix[:, :d] *= root
    mix_bias[:d] *= root
    return Layer(
        mix, mix_bias, matrix("out"), vector("out.bias"), vector("norm"), matrix("widen"), vector("widen.bias"),
        matrix("narrow"), vector("narrow.bias"), vector("last_norm"),
    )  # fmt: skip


def _normed(x: Array, norm: Array) -> Array:
    x = x - x.mean(axis=1, keepdims=True)
    x *= 1 / np.sqrt((x * x).mean(axis=1, keepdims=True) + np.float32(1e-12))
    return np.asarray(x * norm[0] + norm[1])


def _softmax(x: Array) -> Array:
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(x / x.sum(axis=-1, keepdims=True))


def _gelu(x: Array) -> Array:
    """The smooth ramp of this network, by its approximation with a hyperbolic tangent (Hendrycks and Gimpel, 2016)."""
    inner = x * x
    inner *= np.float32(0.044715 * 0.7978845608)
    inner += np.float32(0.7978845608)
    inner *= x
    np.tanh(inner, out=inner)
    inner += 1
    inner *= x
    inner *= np.float32(0.5)
    return inner
