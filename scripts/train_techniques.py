#!/usr/bin/env python
"""Check the labelled utterances; the half of the detector that knows phrases, and how far it gets alone.

::

    python scripts/train_techniques.py check      # labels, ids, near-duplicates, counts
    python scripts/train_techniques.py measure    # each business judged by phrases of the others; no torch

The model is one logistic regression a label over the features of `voicetrainer.roleplay.features`, then a logistic
calibration and a threshold a label, both fitted on the judgements of the businesses left out. It is trained for use,
together with the encoder, by ``scripts/train_encoder.py``.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from technique_data import SEED, Utterance, heard, misheard, problems, read, turns

from voicetrainer.roleplay.features import Feature, features
from voicetrainer.roleplay.spoken import spoken
from voicetrainer.roleplay.techniques import LABELS, TECHNIQUES, normalised, said

LEAST_SURE = 0.3
"""No threshold is lower: a learner is not told what is most likely wrong."""
FOLDS = 10
COUNT_WEIGHT = 0.5
"""What a count (kind ``x``) counts beside a whole kind of features, which counts one."""
STRENGTH = 30.0
"""Inverse of the regularisation."""
TOLERANCE = 0.1
"""Where the fit stops: the weights are then those of the exact fit to six figures, for a quarter of the time."""
NOISY_WEIGHT = 0.5
"""What a misheard copy counts beside the utterance as it was said."""
HEARD_WEIGHT = 0.3
"""What the utterance counts as a recogniser heard it."""
TURN_WEIGHT = 0.2
"""What a turn put together from several utterances counts."""
MIN_SEEN = 2
"""Features seen in fewer utterances are left out."""

Matrix = NDArray[np.float64]
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)


# ------------------------------------------------------------------------------------------------------------ the model


def features_of(text: str, context: str) -> tuple[Feature, ...]:
    """The features of an utterance after a customer's line."""
    return features([t.text for t in said(text)], [t.text for t in said(context)])


@dataclass(frozen=True)
class Seen:
    """Utterances as the model sees them."""

    features: list[tuple[Feature, ...]]
    labels: NDArray[np.bool_]
    """Shape (utterances, labels)."""
    weights: Matrix
    """Shape (utterances,): what each counts in training."""
    businesses: NDArray[np.str_]
    """Shape (utterances,)."""
    kinds: NDArray[np.str_]
    """Shape (utterances,): *said*, *heard*, *misheard* or *turn*."""

    def of(self, chosen: NDArray[np.bool_]) -> Seen:
        """Only some of them, shape (utterances,)."""
        kept = [f for f, c in zip(self.features, chosen, strict=True) if c]
        return Seen(kept, self.labels[chosen], self.weights[chosen], self.businesses[chosen], self.kinds[chosen])


def see(utterances: Sequence[Utterance], without: str = "") -> Seen:
    """Every utterance as it was said, as it was heard, a misheard copy, and misheard turns made of several.

    Parameters
    ----------
    utterances
        What to look at.
    without
        What is left out: *heard*, *misheard*, *turns* or *context*.
    """
    rows = [(u, u.text, 1.0, "said") for u in utterances]
    rows += [(u, text, HEARD_WEIGHT, "heard") for u, text, _ in heard(utterances) if without != "heard"]
    simulated = [] if without == "misheard" else utterances
    longer = [] if without == "turns" else turns(utterances)
    for weight, kind, some in ((NOISY_WEIGHT, "misheard", simulated), (TURN_WEIGHT, "turn", longer)):
        rows += [(u, misheard(u.text, random.Random(f"{SEED} {kind} {u.id}")), weight, kind) for u in some]
    return Seen(
        features=[features_of(text, "" if without == "context" else u.context) for u, text, _, _ in rows],
        labels=np.array([[label in u.labels for label in LABELS] for u, _, _, _ in rows]),
        weights=np.array([weight for _, _, weight, _ in rows]),
        businesses=np.array([u.business for u, _, _, _ in rows]),
        kinds=np.array([kind for _, _, _, kind in rows]),
    )


@dataclass(frozen=True)
class Model:
    """A detector before calibration."""

    vocabulary: dict[str, int]
    rarity: Matrix
    weights: Matrix
    """Shape (features, labels), log-odds."""
    bias: Matrix

    def log_odds(self, found: Sequence[Sequence[Feature]]) -> Matrix:
        """Shape (utterances, labels)."""
        return np.asarray(_table(found, self.vocabulary, self.rarity) @ self.weights + self.bias)


def _table(found: Sequence[Sequence[Feature]], vocabulary: dict[str, int], rarity: Matrix) -> Any:
    """Sparse values, shape (utterances, features), exactly as the detector computes them."""
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

    columns: list[int] = []
    values: list[float] = []
    ends = [0]
    for one in found:
        known = [f for f in one if f.name in vocabulary]
        rows = [vocabulary[f.name] for f in known]
        columns += rows
        values += normalised(known, rarity[rows]).tolist() if known else []
        ends.append(len(columns))
    return csr_matrix((values, columns, ends), shape=(len(found), len(vocabulary)))


def fit(seen: Seen) -> Model:
    """One logistic regression a label."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    said_alone = [f for f, kind in zip(seen.features, seen.kinds, strict=True) if kind == "said"]
    counts = Counter(f.name for one in said_alone for f in one)
    names = sorted(name for name, times in counts.items() if times >= MIN_SEEN)
    vocabulary = {name: i for i, name in enumerate(names)}
    n = len(said_alone)
    rarity = np.array([
        COUNT_WEIGHT if name.startswith("x:") else np.log((1 + n) / (1 + counts[name])) + 1 for name in names
    ]).round(4)  # fmt: skip
    table = _table(seen.features, vocabulary, rarity)
    weights, bias = np.zeros((len(names), len(LABELS))), np.full(len(LABELS), -6.0)
    for i in range(len(LABELS)):
        if seen.labels[:, i].any():
            one = LogisticRegression(
                C=STRENGTH,
                class_weight="balanced",
                solver="liblinear",
                dual=True,
                tol=TOLERANCE,
                max_iter=1_000,
                random_state=SEED,
            )
            one.fit(table, seen.labels[:, i], sample_weight=seen.weights)
            weights[:, i], bias[i] = one.coef_[0], one.intercept_[0]
    return Model(vocabulary, rarity, weights, bias)


def left_out(seen: Seen) -> Matrix:
    """Log-odds of everything by models that have not seen its business, shape (utterances, labels)."""
    names = sorted(set(seen.businesses.tolist()))
    out = np.zeros(seen.labels.shape)
    for fold in range(min(FOLDS, len(names))):
        mine = np.isin(seen.businesses, names[fold::FOLDS])
        out[mine] = fit(seen.of(~mine)).log_odds(seen.of(mine).features)
    return out


def calibrate(log_odds: Matrix, labels: NDArray[np.bool_]) -> Matrix:
    """Slope and offset that make the logistic of ``slope * log-odds + offset`` a probability, shape (2, labels)."""
    from sklearn.linear_model import LogisticRegression

    out = np.ones((2, len(LABELS)))
    for i in range(len(LABELS)):
        if labels[:, i].any():
            one = LogisticRegression(C=1.0, solver="lbfgs").fit(log_odds[:, [i]], labels[:, i])
            out[:, i] = one.coef_[0, 0], one.intercept_[0]
    return out.round(4)


def probabilities(log_odds: Matrix, calibration: Matrix) -> Matrix:
    """Shape (utterances, labels)."""
    return np.asarray(1 / (1 + np.exp(-np.clip(calibration[0] * log_odds + calibration[1], -30, 30))))


def choose_thresholds(chance: Matrix, labels: NDArray[np.bool_]) -> Matrix:
    """For each label the probability from which saying so gives the best F1, read off a smoothed curve."""
    grid = np.arange(LEAST_SURE, 0.71, 0.02)
    chosen = np.full(len(LABELS), 0.5)
    for i in range(len(LABELS)):
        said_so = chance[:, i, None] >= grid
        hits = (said_so & labels[:, i, None]).sum(axis=0)
        f1 = 2 * hits / np.maximum(1, said_so.sum(axis=0) + labels[:, i].sum())
        # A sharp peak on a few dozen positives is luck; the middle of a plateau is not.
        chosen[i] = grid[np.argmax(np.convolve(np.pad(f1, 4, mode="edge"), np.ones(9), "valid"))]
    return chosen.round(2)


def pack(model: Model, calibration: Matrix, thresholds: Matrix) -> dict[str, NDArray[Any]]:
    """Arrays as `voicetrainer.roleplay.techniques.Detector.from_weights` takes them: weights in eight bits."""
    scale = np.maximum(np.abs(model.weights).max(axis=0), 1e-9) / 127
    small = np.round(model.weights / scale).astype(np.int8)
    kept = np.flatnonzero(small.any(axis=1))
    names = sorted(model.vocabulary, key=model.vocabulary.__getitem__)
    return {
        "labels": _as_bytes(LABELS), "vocabulary": _as_bytes([names[i] for i in kept]), "weights": small[kept],
        "scale": scale, "rarity": model.rarity[kept].astype(np.float32), "bias": model.bias.round(6),
        "calibration": calibration, "thresholds": thresholds,
    }  # fmt: skip


def _as_bytes(lines: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


# ---------------------------------------------------------------------------------------------------- the command line


def _load() -> list[Utterance]:
    try:
        utterances = read()
    except ValueError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    found = problems(utterances)
    for line in found:
        typer.echo(f"error: {line}", err=True)
    if found or not utterances:
        raise typer.Exit(2)
    return utterances


@app.command()
def check() -> None:
    """Refuse bad lines and near-duplicates; print the counts that the data card gives."""
    utterances = _load()
    words = [len(spoken(u.text).split()) for u in utterances]
    none = sum(not u.labels for u in utterances)
    typer.echo(f"{len(utterances)} utterances, {len({u.business for u in utterances})} businesses, none alike")
    typer.echo(f"words: {min(words)} to {max(words)}, median {int(np.median(words))}")
    typer.echo(f"without a label: {none} ({none / len(utterances):.0%})")
    typer.echo(f"with two labels or more: {sum(len(u.labels) > 1 for u in utterances)}\n")
    for kind, counted in (
        ("label", Counter(label for u in utterances for label in u.labels)),
        ("business", Counter(u.business for u in utterances)),
    ):
        order = LABELS if kind == "label" else sorted(counted)
        typer.echo(
            "\n".join([f"| {kind} | utterances |", "|---|---|", *(f"| {k} | {counted[k]} |" for k in order), ""])
        )


@app.command()
def measure(share: float = typer.Option(1.0, min=0.1, max=1, help="Train on only this share of the data.")) -> None:
    """Judge each business by a model trained on the others: as said, heard, misheard, and in long turns.

    Thresholds are chosen on those same judgements, which flatters the F1 by about a point.
    """
    utterances = _load()
    seen = see(random.Random(SEED).sample(utterances, int(share * len(utterances))) if share < 1 else utterances)
    log_odds = left_out(seen)
    chance = probabilities(log_odds, calibrate(log_odds, seen.labels))
    noticed = chance >= choose_thresholds(chance, seen.labels)
    sides = np.array([1 if label in TECHNIQUES else -1 for label in LABELS])
    signs = seen.labels @ sides
    pure = (signs != 0) & (np.abs(signs) == seen.labels.sum(axis=1))
    for kind in ("said", "heard", "misheard", "turn"):
        mine = seen.kinds == kind
        if not mine.any():
            continue
        hits = (noticed & seen.labels)[mine].sum(axis=0)
        total = noticed[mine].sum(axis=0) + seen.labels[mine].sum(axis=0)
        f1 = 2 * hits / np.maximum(1, total)
        right = np.mean((chance[mine & pure] @ sides > 0) == (signs[mine & pure] > 0))
        present = seen.labels[mine].any(axis=0)
        typer.echo(
            f"{kind}: macro F1 {f1[present].mean():.3f}, micro F1 {2 * hits.sum() / total.sum():.3f}, sign {right:.3f}"
        )
        worst = sorted(
            (value, label) for value, label, there in zip(f1.tolist(), LABELS, present, strict=True) if there
        )
        typer.echo("  " + ", ".join(f"{label} {value:.2f}" for value, label in worst))


if __name__ == "__main__":
    app()
