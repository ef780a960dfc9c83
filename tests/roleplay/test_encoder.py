"""The small transformer, against a slow and plain one, and its word pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from voicetrainer.roleplay.encoder import CONTEXT_PIECES, TEXT_PIECES, Encoder, full, pieces, split

PIECES = [
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "i",
    "am",
    "un",
    "##aff",
    "##able",
    "not",
    "can",
    "sorry",
    "it",
    "is",
    "owner",
    "s",
]
LABELS = ["good", "bad", "none"]
WIDTH, HEADS, WIDE, LAYERS = 8, 2, 12, 2


def arrays(seed: int = 1) -> dict[str, Any]:
    dice = np.random.default_rng(seed)
    k = len(LABELS)

    def whole(*shape: int) -> Any:
        return dice.integers(-127, 128, shape).astype(np.int8)

    made: dict[str, Any] = {
        "labels": np.frombuffer("\n".join(LABELS).encode(), np.uint8),
        "pieces": np.frombuffer("\n".join(PIECES).encode(), np.uint8),
        "shape": np.array([LAYERS, HEADS]),
        "words": whole(len(PIECES), WIDTH), "words.scale": dice.uniform(0.001, 0.01, len(PIECES)),
        "places": dice.normal(size=(2, CONTEXT_PIECES + TEXT_PIECES + 3, WIDTH)),
        "first_norm": dice.normal(size=(2, WIDTH)),
        "attend": dice.normal(size=(WIDTH, k)), "judge": dice.normal(size=(WIDTH, 2 * k)), "bias": dice.normal(size=k),
    }  # fmt: skip
    for i in range(LAYERS):
        for name, rows, columns in (
            ("mix", 3 * WIDTH, WIDTH),
            ("out", WIDTH, WIDTH),
            ("widen", WIDE, WIDTH),
            ("narrow", WIDTH, WIDE),
        ):
            made |= {
                f"{i}.{name}": whole(rows, columns),
                f"{i}.{name}.scale": np.full(rows, 0.01),
                f"{i}.{name}.bias": dice.normal(size=rows),
            }
        made |= {f"{i}.norm": dice.normal(size=(2, WIDTH)), f"{i}.last_norm": dice.normal(size=(2, WIDTH))}
    return made


def slow(a: dict[str, Any], theirs: list[int], mine: list[int]) -> Any:
    """Log-odds, one piece and one head at a time, as the papers write it."""

    def normed(x: Any, norm: Any) -> Any:
        return (x - x.mean()) / np.sqrt(x.var() + 1e-12) * norm[0] + norm[1]

    def linear(name: str, x: Any) -> Any:
        return (a[name] * a[f"{name}.scale"][:, None]) @ x + a[f"{name}.bias"]

    rows = [1, *theirs, 2, *mine, 2]
    start = len(theirs) + 2
    xs = [
        normed(a["words"][r] * a["words.scale"][r] + a["places"][int(t >= start), t], a["first_norm"])
        for t, r in enumerate(rows)
    ]
    for i in range(LAYERS):
        mixed = [linear(f"{i}.mix", x) for x in xs]
        out = []
        for t, x in enumerate(xs):
            looked = []
            for h in range(HEADS):
                mine_ = slice(h * WIDTH // HEADS, (h + 1) * WIDTH // HEADS)
                q = mixed[t][:WIDTH][mine_]
                e = np.exp([q @ m[WIDTH : 2 * WIDTH][mine_] / np.sqrt(WIDTH / HEADS) for m in mixed])
                looked.append(sum(w * m[2 * WIDTH :][mine_] for w, m in zip(e / e.sum(), mixed, strict=True)))
            y = normed(x + linear(f"{i}.out", np.concatenate(looked)), a[f"{i}.norm"])
            wide = linear(f"{i}.widen", y)
            wide = wide / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3)))
            out.append(normed(y + linear(f"{i}.narrow", wide), a[f"{i}.last_norm"]))
        xs = out
    k = len(LABELS)
    last_ = np.array(xs[start : start + len(mine)])
    look = np.exp(last_ @ a["attend"])
    told = last_ @ a["judge"]
    return (look / look.sum(axis=0) * told[:, :k] + told[:, k:] / len(mine)).sum(axis=0) + a["bias"]


def test_is_the_transformer_of_the_papers() -> None:
    a = arrays()
    encoder = Encoder.from_arrays(a, LABELS)
    share = encoder.contributions(["i'm", "not", "unaffable"], ["sorry", "it's"])
    assert share.shape == (4, 3)
    assert share.sum(axis=0) == pytest.approx(slow(a, [10, 11, 12], [3, 4, 8, 5, 6, 7]), abs=2e-4)
    assert encoder.contributions(["sorry"], []).sum(axis=0) == pytest.approx(slow(a, [], [10]), abs=2e-4)


def test_long_talk_takes_for_each_label_the_window_that_speaks_most_for_it() -> None:
    encoder = Encoder.from_arrays(arrays(), LABELS)
    said = ["sorry"] * 50 + ["not"] * 60
    share = encoder.contributions(said, [])
    windows = [encoder.contributions(said[at : at + TEXT_PIECES], []).sum(axis=0) for at in (0, 48)]
    assert share.sum(axis=0) == pytest.approx(np.max(windows, axis=0), abs=1e-5)
    assert len(share) == 111


def test_only_the_end_of_a_long_customer_line_is_read() -> None:
    encoder = Encoder.from_arrays(arrays(), LABELS)
    long = ["not"] * 30 + ["sorry"] * CONTEXT_PIECES
    assert np.array_equal(encoder.contributions(["i"], long), encoder.contributions(["i"], long[-CONTEXT_PIECES:]))


def test_nothing_said_carries_nothing() -> None:
    a = arrays()
    assert Encoder.from_arrays(a, LABELS).contributions([], ["sorry"]) == pytest.approx(
        a["bias"][None].astype(np.float32)
    )


@pytest.mark.parametrize(
    ("word", "out"),
    [
        ("i'm", "i am"), ("can't", "can not"), ("won't", "will not"), ("it's", "it is"), ("owner's", "owner s"),
        ("didn't", "did not"), ("we'd", "we would"), ("café", "cafe"), ("o'clock", "oclock"), ("sorry", "sorry"),
    ],
)  # fmt: skip
def test_words_are_written_out(word: str, out: str) -> None:
    assert full(word) == out


def test_pieces_are_the_longest_that_fit() -> None:
    known = {name: i for i, name in enumerate(PIECES)}
    assert pieces("unaffable", known) == [5, 6, 7]
    assert pieces("unafraid", known) == pieces("日本", known) == pieces("i" * 99, known) == [0]
    assert split(["i'm", "xyz", "unaffable"], known) == ([3, 4, 0, 5, 6, 7], [0, 0, 1, 2, 2, 2])


@pytest.mark.parametrize("name", sorted(arrays()))
def test_every_array_is_wanted(name: str) -> None:
    with pytest.raises(ValueError, match=f"no {name} in the encoder"):
        Encoder.from_arrays({k: v for k, v in arrays().items() if k != name}, LABELS)


@pytest.mark.parametrize("name", ["words.scale", "places", "bias", "attend", "judge", "0.norm", "1.mix.bias"])
def test_a_wrong_shape_is_named(name: str) -> None:
    a = arrays()
    with pytest.raises(ValueError, match=f"{name} of the encoder has shape"):
        Encoder.from_arrays(a | {name: np.concatenate([a[name], a[name]])}, LABELS)


def test_other_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="other labels"):
        Encoder.from_arrays(arrays(), LABELS[::-1])
