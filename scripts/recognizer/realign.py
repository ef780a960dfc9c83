"""Alignment of words to sound by a trained network: the likeliest pronunciations, silences and phone times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray
from tqdm import tqdm

from .contexts import NUMBER, SILENCE, STEP, Contexts
from .features import cosines
from .lexicon import Lexicon
from .network import Network
from .stream import Segments


def chain(words: Sequence[str], lexicon: Lexicon) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """All ways to say `words`: phones, the phones that may come before each, and those that may end the utterance.

    Returns
    -------
    phone : array of shape (n,)
    before : array of shape (n, most)
        Indices of earlier phones, -1 where there is none left; -2 for the beginning of the sound.
    last : array
        Indices.
    """
    phone, before = [NUMBER[SILENCE]], [[-2]]
    ends = [-2, 0]
    for word in words:
        new = []
        for sounds in lexicon.pronounce(word):
            for place, sound in enumerate(sounds):
                phone.append(NUMBER[sound])
                before.append(list(ends) if place == 0 else [len(phone) - 2])
            new.append(len(phone) - 1)
        phone.append(NUMBER[SILENCE])
        before.append(list(new))
        ends = [*new, len(phone) - 1]
    most = max(map(len, before))
    table = np.full((len(phone), most), -1, np.int32)
    for row, each in zip(table, before, strict=True):
        row[: len(each)] = each
    return np.array(phone, np.int32), table, np.array([end for end in ends if end >= 0], np.int32)


@njit(cache=True)
def best_path(scores, phone, before, last, table):  # type: ignore[no-untyped-def]
    """Viterbi: for each step the index into `phone` (none when the sound is too short), and the score a step."""
    steps, count, most = len(scores), len(phone), before.shape[1]
    low = -1e30
    state = np.full(count, low)
    # The network's outputs depend on the phone before: keep, for each state, the one on its best path.
    context = np.zeros(count, np.int32)
    came = np.full((steps, count), -1, np.int32)
    for i in range(count):
        for k in range(most):
            if before[i, k] == -2:
                state[i] = scores[0, 2 * table[0, phone[i]]]
                came[0, i] = -2
    for t in range(1, steps):
        new = np.full(count, low)
        new_context = np.zeros(count, np.int32)
        for i in range(count):
            best, origin, left = low, -1, 0
            if state[i] > low:
                best, origin, left = state[i] + scores[t, 2 * table[context[i], phone[i]] + 1], i, context[i]
            for k in range(most):
                j = before[i, k]
                if j == -1:
                    break
                if j >= 0 and state[j] > low:
                    value = state[j] + scores[t, 2 * table[phone[j], phone[i]]]
                    if value > best:
                        best, origin, left = value, j, phone[j]
            new[i] = best
            new_context[i] = left
            came[t, i] = origin
        state, context = new, new_context
    best, at = low, -1
    for i in last:
        if state[i] > best:
            best, at = state[i], i
    path = np.zeros(steps if at >= 0 else 0, np.int32)
    if at >= 0:
        for t in range(steps - 1, -1, -1):
            path[t] = at
            at = came[t, at] if came[t, at] >= 0 else at
    return path, best / steps


def realign(
    network: Network,
    contexts: Contexts,
    lexicon: Lexicon,
    stem: Path,
    texts: Mapping[str, str],
    priors: NDArray[np.float32] | None = None,
    scale: float = 1.0,
) -> tuple[dict[str, Segments], dict[str, float]]:
    """Segments of every cached utterance and how well it fits; those that cannot be aligned are left out.

    Parameters
    ----------
    priors : array of shape (outputs,), optional
        Logarithm of the share of each output, taken off the scores of a network that names outputs.
    """
    table = np.array(contexts.table, np.int32)
    matrix = np.load(stem.with_suffix(".npy"), mmap_mode="r")
    transform = cosines()
    aligned: dict[str, Segments] = {}
    fits: dict[str, float] = {}
    at = 0
    for name, frames in tqdm(json.loads(stem.with_suffix(".json").read_text()), desc=stem.name, mininterval=5):
        energies = np.asarray(matrix[at : at + frames], np.float32)
        at += frames
        if name not in texts or frames < STEP:
            continue
        scores = network.scores(energies @ transform)
        if priors is not None:
            scores = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True) - priors
        phone, before, last = chain(texts[name].split(), lexicon)
        path, fit = best_path(scores.astype(np.float64) * scale, phone, before, last, table)
        if len(path) == 0:
            continue
        changes = np.nonzero(np.diff(path, prepend=-1))[0]
        # Output k is for input frame 3 k: a phone begins half a step before it.
        aligned[name] = [(int(phone[path[k]]), max(0, STEP * int(k) - 1)) for k in changes]
        fits[name] = float(fit)
    return aligned, fits
