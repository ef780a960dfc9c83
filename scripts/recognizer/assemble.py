"""A Vosk model folder from a network, its contexts and a language model."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import graph, reopen, vocabulary
from .contexts import Contexts
from .kaldi_files import Tuple, write_model
from .lexicon import Lexicon
from .network import load

MFCC = """--use-energy=false
--sample-frequency=16000
--num-mel-bins=40
--num-ceps=40
--low-freq=40
--high-freq=-200
--dither=0.0
"""
DECODING = """--min-active=200
--max-active=3000
--beam=12.0
--lattice-beam=8.0
--acoustic-scale={scale}
--frame-subsampling-factor=3
--endpoint.silence-phones=1
--endpoint.rule2.min-trailing-silence=0.5
--endpoint.rule3.min-trailing-silence=0.75
--endpoint.rule4.min-trailing-silence=1.0
"""
OTHER = 0.6
"""Share of a pronunciation that is not the word's first."""


def assemble(
    work: Path,
    network: Path,
    out: Path,
    scale: float,
    priors: Callable[..., object] | None,
    power: float,
    taken_over: Path | None = None,
) -> None:
    """Write the folder `out` with `am/`, `conf/`, `graph/` and `SHA256SUMS`.

    Parameters
    ----------
    taken_over : Path, optional
        A model folder with the same contexts, whose graph is copied in place of making one.
    """
    contexts = Contexts.read(work / "contexts.json")
    if taken_over is None:
        tuples = _graph(work, contexts, out)
    else:
        shutil.copytree(taken_over / "graph", out / "graph", dirs_exist_ok=True)
        tuples = reopen.tuples(taken_over / "am/final.mdl")
    (out / "am").mkdir(exist_ok=True)
    (out / "conf").mkdir(exist_ok=True)
    taken = None
    if priors is not None:
        taken = np.asarray(priors(work, contexts)) ** power
        taken = taken / taken.sum()
    write_model(out / "am/final.mdl", load(str(network))[0], len(graph.POSITIONED), tuples, taken)
    (out / "conf/mfcc.conf").write_text(MFCC, encoding="ascii")
    (out / "conf/model.conf").write_text(DECODING.format(scale=scale), encoding="ascii")
    sums(out)


def _graph(work: Path, contexts: Contexts, out: Path) -> list[Tuple]:
    lexicon = Lexicon()
    model, names = vocabulary.read(work)
    words = {
        word: [
            (OTHER if number else 1.0, graph.positioned(sounds))
            for number, sounds in enumerate(lexicon.pronounce(word))
        ]
        for word in names[3:]
    }
    return graph.build(out, words, contexts, model, names)


def sums(folder: Path) -> None:
    """Write `SHA256SUMS` of all files but cards, as voicetrainer expects it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in files
        if not (path.parent == folder and (path.name == "SHA256SUMS" or path.name.upper().startswith("README")))
    ]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
