"""Aligned speech as one long row of frames, from which training takes pieces at random."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .contexts import NUMBER, STEP, Contexts

Segments = list[tuple[int, int]]
"""Phone numbers and the first 10 ms frame of each, in order; the first begins at frame 0."""


@dataclass
class Stream:
    """Utterances in a row, those of a speaker one after another.

    Attributes
    ----------
    energies : array of shape (frames, 40), half precision
        Log mel energies.
    segment : array of shape (frames,)
        The number of the phone's segment that a frame belongs to.
    phone, before : arrays of shape (segments,)
        Its phone, and the phone before it.
    start : array of shape (segments + 1,)
        Its first frame; the last element is `frames`.
    """

    energies: NDArray[np.float16]
    segment: NDArray[np.int32]
    phone: NDArray[np.int16]
    before: NDArray[np.int16]
    start: NDArray[np.int64]

    def sequences(self) -> NDArray[np.int16]:
        """All phones in a row."""
        return self.phone


def stretch(segments: Segments, speed: float, frames: int) -> Segments:
    """Segments of the sound played `speed` times as fast; none is lost, each keeps a frame."""
    result: Segments = []
    for phone, first in segments:
        at = max(round(first / speed), result[-1][1] + 1 if result else 0)
        if at >= frames:
            break
        result.append((phone, at))
    return result


def build(caches: Mapping[Path, float], aligned: Mapping[str, Segments]) -> Stream:
    """Join cached utterances that are aligned.

    Parameters
    ----------
    caches : mapping of Path to float
        Stems of files that `features.cache` wrote, and the speed of each.
    aligned : mapping
        Segments at speed 1 by utterance's name; an utterance that is not there is left out.
    """
    energies, phones, starts, total = [], [], [], 0
    for stem, speed in caches.items():
        matrix = np.load(stem.with_suffix(".npy"), mmap_mode="r")
        at = 0
        for name, frames in json.loads(stem.with_suffix(".json").read_text()):
            if name in aligned:
                segments = stretch(aligned[name], speed, frames)
                energies.append(np.asarray(matrix[at : at + frames]))
                phones += [phone for phone, _ in segments]
                starts += [total + first for _, first in segments]
                total += frames
            at += frames
    start = np.array([*starts, total])
    phone = np.array(phones, np.int16)
    return Stream(
        np.concatenate(energies),
        np.repeat(np.arange(len(phone), dtype=np.int32), np.diff(start)),
        phone,
        np.concatenate([[0], phone[:-1]]).astype(np.int16),
        start,
    )


@dataclass
class Piece:
    """A batch of pieces of the stream.

    Attributes
    ----------
    energies : array of shape (batch, frames with context, 40)
    outputs : array of shape (batch, steps)
        The network output that the alignment asks for at every step.
    segments : array of shape (batch, most)
        Outputs of the phones in a piece, in order: the pair number of each, -1 after the last.
    first, last : arrays of shape (batch, most)
        The steps between which the alignment, give or take the tolerance, allows the phone.
    """

    energies: NDArray[np.float32]
    outputs: NDArray[np.int64]
    segments: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


def pieces(
    stream: Stream, contexts: Contexts, context: int, steps: int, batch: int, seed: int, tolerance: int = 5
) -> Iterator[Piece]:
    """Pieces without end, each drawn anywhere in the stream.

    Parameters
    ----------
    context : int
        Frames before the first step and after the last one.
    tolerance : int
        10 ms frames by which a phone may begin earlier or end later than the alignment says.
    """
    random = np.random.default_rng(seed)
    table = np.array(contexts.table)
    pair = table[stream.before, stream.phone].astype(np.int64)
    span = STEP * steps
    while True:
        at = random.integers(context + STEP, len(stream.energies) - span - context, batch)
        energies = stream.energies[at[:, None] + np.arange(-context, span - STEP + context + 1)].astype(np.float32)
        _open_ends(energies, context, random)
        inside = stream.segment[at[:, None] + STEP * np.arange(steps)]
        earlier = stream.segment[at[:, None] + STEP * np.arange(-1, steps - 1)]
        outputs = 2 * pair[inside] + (inside == earlier)
        begin, end = inside[:, 0], inside[:, -1]
        most = int((end - begin).max()) + 1
        numbers = np.minimum(begin[:, None] + np.arange(most), end[:, None])
        first = (stream.start[numbers] - tolerance - at[:, None] + STEP - 1) // STEP
        last = (stream.start[numbers + 1] - 1 + tolerance - at[:, None]) // STEP
        there = begin[:, None] + np.arange(most) <= end[:, None]
        yield Piece(energies, outputs, np.where(there, pair[numbers], -1), first, last)


def _open_ends(energies: NDArray[np.float32], context: int, random: np.random.Generator) -> None:
    """Let some pieces begin or end as a recording does: the frame at its edge stands for what is not there."""
    for row in np.nonzero(random.random(len(energies)) < 0.1)[0]:
        edge = int(random.integers(0, context))
        energies[row, :edge] = energies[row, edge]
    for row in np.nonzero(random.random(len(energies)) < 0.1)[0]:
        edge = int(random.integers(1, context))
        energies[row, -edge:] = energies[row, -edge - 1]


def from_pocketsphinx(
    entries: Iterable[tuple[str, list[list[object]] | None]],
    pronounce: Callable[[str], list[list[str]]],
    texts: Mapping[str, str],
) -> dict[str, Segments]:
    """Segments from `align.read`; AH becomes AX where the dictionary says that it is unstressed."""
    aligned: dict[str, Segments] = {}
    for name, phones in entries:
        if phones is None or name not in texts:
            continue
        segments: Segments = []
        words = iter(texts[name].split())
        word: list[tuple[str, int]] = []
        for phone, first, _ in phones:
            if phone == "|":
                if word and word[0][0] != "SIL":
                    sounds = [sound for sound, _ in word]
                    for known in pronounce(next(words, "")):
                        if ["AH" if sound == "AX" else sound for sound in known] == sounds:
                            word = [(sound, at) for sound, (_, at) in zip(known, word, strict=True)]
                            break
                segments += [(NUMBER[sound], at) for sound, at in word]
                word = []
            else:
                word.append((str(phone), int(first)))  # type: ignore[call-overload]
        if segments:
            segments[0] = (segments[0][0], 0)
            aligned[name] = segments
    return aligned
