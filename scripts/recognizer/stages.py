"""The stages from corpora to a model, one command each; what a stage has done already is not done again."""

from __future__ import annotations

import csv
import itertools
import json
import random
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Train the recognition model that ships with voicetrainer."
)

Work = Annotated[Path, typer.Option(help="Folder for everything that is made on the way.")]
WORK = Path("recognizer-work")
REPOSITORY = Path(__file__).resolve().parents[2]
SPEEDS = {"100": 1.0, "90": 0.9, "110": 1.1}


@app.command()
def corpora(
    work: Work = WORK,
    librispeech: Annotated[list[Path] | None, typer.Option(help="Folder in LibriSpeech's layout; repeatable.")] = None,
    an4: Annotated[Path | None, typer.Option(help="CMU AN4.")] = None,
    speechocean: Annotated[Path | None, typer.Option(help="speechocean762.")] = None,
    ljspeech: Annotated[Path | None, typer.Option(help="LJSpeech, whole or in part.")] = None,
    without: Annotated[
        Path | None, typer.Option(help="CSV whose column `speaker` names speakers to leave out.")
    ] = None,
) -> None:
    """List the utterances of the corpora that you have, training parts only."""
    from . import corpora as layouts

    left_out: set[str] = set()
    if without is not None:
        with without.open(encoding="utf-8", newline="") as file:
            left_out = {row["speaker"] for row in csv.DictReader(file)}
    sources = [layouts.librispeech(folder, folder.name) for folder in librispeech or []]
    if an4 is not None:
        sources.append(layouts.an4(an4, "train"))
    if speechocean is not None:
        sources.append(layouts.speechocean(speechocean, left_out))
    if ljspeech is not None:
        sources.append(layouts.ljspeech(ljspeech))
    work.mkdir(parents=True, exist_ok=True)
    kept = (each for each in itertools.chain(*sources) if each.speaker.split("-")[-1] not in left_out)
    print(layouts.write(kept, work / "real.jsonl"), "utterances")


@app.command()
def synthesize(work: Work = WORK, count: int = 2720, seed: int = 1) -> None:
    """Let synthetic voices speak calls, the template grammar and random words."""
    import wordfreq

    from . import corpora as layouts
    from . import synthesis, text
    from .lexicon import Lexicon

    draw, lexicon = random.Random(seed), Lexicon()
    calls = [line for line in text.calls(REPOSITORY) if 2 <= len(line.split()) <= 20]
    draw.shuffle(calls)
    grammar = (line for line in text.sentences(seed) if len(line.split()) <= 20)
    common = [word for word in wordfreq.top_n_list("en", 12000) if word in lexicon and len(word) > 2 and word.isalpha()]
    lines = []
    for number in range(count):
        kind = draw.random()
        if kind < 0.4:
            lines.append(calls[number % len(calls)])
        elif kind < 0.65:
            lines.append(next(grammar))
        else:
            lines.append(" ".join(draw.choice(common) for _ in range(draw.randint(3, 9))))
    print(layouts.write(synthesis.speak(lines, work / "synthetic", seed), work / "synthetic.jsonl"), "utterances")


@app.command()
def energies(work: Work = WORK) -> None:
    """Compute log mel energies of everything, real speech at three speeds."""
    from . import corpora as layouts
    from .features import cache

    for name, speed in SPEEDS.items():
        cache(layouts.read(work / "real.jsonl"), speed, work / f"real-{name}")
    cache(layouts.read(work / "synthetic.jsonl"), 1.0, work / "synthetic-100")


@app.command()
def align(work: Work = WORK, share: Annotated[float, typer.Option(help="Of the utterances.")] = 0.5) -> None:
    """Align a share of the real and all synthetic speech with PocketSphinx; decide which phones get own outputs."""
    from . import align as first
    from . import corpora as layouts
    from .contexts import Contexts
    from .lexicon import Lexicon
    from .stream import from_pocketsphinx

    utterances, lexicon = layouts.read(work / "real.jsonl"), Lexicon()
    random.Random(1).shuffle(utterances)
    chosen = utterances[: round(share * len(utterances))]
    if (work / "synthetic.jsonl").is_file():  # a network that never heard these voices aligns them badly
        chosen += layouts.read(work / "synthetic.jsonl")
    first.align(chosen, lexicon, work / "pocketsphinx.jsonl")
    texts = {each.name: each.text for each in chosen}
    aligned = from_pocketsphinx(first.read(work / "pocketsphinx.jsonl"), lexicon.pronounce, texts)
    _keep(work / "aligned.json", aligned)
    Contexts.count([[phone for phone, _ in each] for each in aligned.values()], 100).write(work / "contexts.json")


@app.command()
def reopen(
    model: Annotated[Path, typer.Argument(help="Folder of a model that this program made.")],
    out: Annotated[Path, typer.Argument(help="Where its network goes.")],
    work: Work = WORK,
) -> None:
    """Begin with a finished model, in place of `align` and the first training: its contexts, network and alignments."""
    import numpy as np
    import torch

    from . import corpora as layouts
    from . import reopen as again
    from .lexicon import Lexicon
    from .network import save
    from .realign import realign as aligning

    torch.set_num_threads(1)
    contexts, lexicon = again.contexts(model), Lexicon()
    contexts.write(work / "contexts.json")
    network = again.network(model / "am/final.mdl", np.load(work / "real-100.npy", mmap_mode="r"))
    save(network, str(out))
    aligned: dict[str, list[tuple[int, int]]] = {}
    for part, stem in (("synthetic", "synthetic-100"), ("real", "real-100")):  # some, to know how common outputs are
        texts = {each.name: each.text for each in layouts.read(work / f"{part}.jsonl")[::6]}
        aligned |= aligning(network, contexts, lexicon, work / stem, texts)[0]
    _keep(work / "aligned.json", aligned)


def _keep(path: Path, aligned: object) -> None:
    path.write_text(json.dumps(aligned), encoding="utf-8")


class Part(StrEnum):
    """What can be left out of training, to see what it is worth."""

    SPEEDS = "speeds"
    SYNTHETIC = "synthetic"
    CONDITIONS = "conditions"


def _stream(work: Path, share: float = 1.0, without: Sequence[Part] = ()):  # type: ignore[no-untyped-def]
    from . import corpora as layouts
    from .stream import build

    names = [each.name for each in layouts.read(work / "real.jsonl")]
    random.Random(1).shuffle(names)
    left_out = set(names[round(share * len(names)) :])
    aligned = {
        name: [tuple(each) for each in segments]
        for name, segments in json.loads((work / "aligned.json").read_text(encoding="utf-8")).items()
        if name not in left_out
    }
    speeds = {"100": 1.0} if Part.SPEEDS in without else SPEEDS
    caches = {work / f"real-{name}": speed for name, speed in speeds.items()}
    if Part.SYNTHETIC not in without:
        caches[work / "synthetic-100"] = 1.0
    return build({stem: speed for stem, speed in caches.items() if stem.with_suffix(".npy").is_file()}, aligned)


@app.command()
def realign(
    network: Annotated[Path, typer.Argument(help="A trained network.")],
    work: Work = WORK,
    everything: Annotated[bool, typer.Option(help="Also what is aligned already.")] = False,
) -> None:
    """Align the rest of the speech, or all of it, with a network that names outputs."""
    import numpy as np
    import torch

    from . import corpora as layouts
    from .contexts import Contexts
    from .lexicon import Lexicon
    from .network import load
    from .realign import realign as again

    torch.set_num_threads(1)
    contexts, lexicon = Contexts.read(work / "contexts.json"), Lexicon()
    priors = np.log(_priors(work, contexts)).astype(np.float32)
    aligned = json.loads((work / "aligned.json").read_text(encoding="utf-8"))
    for part, stem in (("synthetic", "synthetic-100"), ("real", "real-100")):
        texts = {
            each.name: each.text
            for each in layouts.read(work / f"{part}.jsonl")
            if everything or each.name not in aligned
        }
        found, _ = again(load(str(network))[0], contexts, lexicon, work / stem, texts, priors, 0.6)
        aligned |= found
        _keep(work / "aligned.json", aligned)


def _priors(work: Path, contexts):  # type: ignore[no-untyped-def]
    import numpy as np

    from .contexts import STEP

    stream = _stream(work)
    pair = np.array(contexts.table)[stream.before, stream.phone]
    rest = np.maximum(np.diff(stream.start) / STEP - 1, 0)
    counts = np.bincount(2 * pair, minlength=contexts.outputs) + np.bincount(
        2 * pair + 1, rest, minlength=contexts.outputs
    )
    return (counts + 10) / (counts + 10).sum()


@app.command()
def train(
    out: Annotated[Path, typer.Argument(help="Where the network goes.")],
    work: Work = WORK,
    start: Annotated[Path | None, typer.Option(help="A network to begin with.")] = None,
    total: Annotated[int, typer.Option(help="Batches of 48 s of speech.")] = 4000,
    rate: float = 1.5e-3,
    last_rate: float = 1e-4,
    sequences: Annotated[bool, typer.Option(help="Train on whole sequences (lattice-free MMI).")] = False,
    from_names: Annotated[bool, typer.Option(help="The first network was trained to name outputs.")] = True,
    masks: Annotated[bool, typer.Option(help="SpecAugment; for long training.")] = False,
    share: Annotated[float, typer.Option(help="Of the real utterances: for a learning curve.")] = 1.0,
    without: Annotated[list[Part] | None, typer.Option(help="What to leave out: for ablations; repeatable.")] = None,
    width: int = 512,
    narrow: int = 96,
    workers: int = 1,
    seed: int = 1,
) -> None:
    """Train a network; run it again after an interruption and it goes on."""
    import numpy as np

    from .contexts import Contexts
    from .network import Shape, load, without_priors
    from .training import Plan, fresh
    from .training import train as run

    contexts, stream = Contexts.read(work / "contexts.json"), _stream(work, share, without or ())
    shape = Shape(contexts.outputs, width=width, narrow=narrow, bottom=160)
    network = load(str(start))[0] if start is not None else fresh(stream, shape, seed)
    log_priors = None
    if sequences:
        log_priors = np.log(_priors(work, contexts)).astype(np.float32)
        if from_names:
            without_priors(network, log_priors)
    warm = 0 if start is not None else 100
    plan = Plan(
        total,
        rate,
        last_rate,
        warm,
        sequences,
        conditions=Part.CONDITIONS not in (without or ()),
        masks=masks,
        workers=workers,
        seed=seed,
        log_priors=log_priors,
    )
    run(stream, contexts, network, plan, out)


@app.command()
def language(
    work: Work = WORK,
    prose: Annotated[list[Path] | None, typer.Option(help="Plain text of books, in public domain; repeatable.")] = None,
    dialogue: Annotated[list[Path] | None, typer.Option(help="Text, one utterance a line; repeatable.")] = None,
    start: Annotated[
        Path | None, typer.Option(help="A model to go on from: its language model in place of other text.")
    ] = None,
    pairs: int = 330_000,
    triples: int = 420_000,
) -> None:
    """Make the vocabulary and the language model."""
    from .vocabulary import go_on, make

    if start is not None:
        go_on(work, REPOSITORY, start, pairs, triples)
    else:
        make(work, REPOSITORY, prose or [], dialogue or [], pairs, triples)


@app.command()
def model(
    network: Annotated[Path, typer.Argument(help="A trained network.")],
    out: Annotated[Path, typer.Argument(help="Folder of the Vosk model.")],
    work: Work = WORK,
    scale: Annotated[float, typer.Option(help="Of the acoustic scores; 1 after training on sequences.")] = 1.0,
    priors: Annotated[float, typer.Option(help="Power of the outputs' priors to take off; 0 after sequences.")] = 0.0,
    graph: Annotated[
        Path | None, typer.Option(help="A model with the same contexts, whose graph is taken over.")
    ] = None,
) -> None:
    """Put graph, network and settings together as a Vosk model."""
    from .assemble import assemble

    assemble(work, network, out, scale, _priors if priors else None, priors, graph)
