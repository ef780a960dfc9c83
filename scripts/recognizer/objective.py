"""What training maximises: the share of the right phone sequence among all phone sequences (lattice-free MMI).

The sequences that compete are those of a trigram model of phones. A state of the competition is a pair (phone before,
phone), which is all that the outputs depend on, so one step forward is a product of dense matrices, and automatic
differentiation gives the gradient. After Povey et al., "Purely sequence-trained neural networks for ASR based on
lattice-free MMI", Interspeech 2016.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .contexts import ALL, Contexts

IMPOSSIBLE = -1e4


class Competition:
    """All phone sequences with their probabilities.

    Parameters
    ----------
    contexts : Contexts
    phones : array of shape (n,)
        Phones of training speech, in a row.
    """

    def __init__(self, contexts: Contexts, phones: NDArray[np.int16]) -> None:
        many = len(ALL)
        code = phones.astype(np.int64)
        triples = np.bincount((code[:-2] * many + code[1:-1]) * many + code[2:], minlength=many**3)
        triples = triples.reshape(many, many, many).astype(float)
        pairs = triples.sum(0)
        single = pairs.sum(0)
        after_one = (pairs + 5 * single / single.sum()) / (pairs.sum(1, keepdims=True) + 5)
        after_two = (triples + 10 * after_one[None]) / (triples.sum(2, keepdims=True) + 10)
        # For each phone b between: probability of c (rows) after a (columns) and b.
        self.after = torch.tensor(after_two.transpose(1, 2, 0).copy(), dtype=torch.float32)
        self.begin = torch.tensor(triples.sum(2) / triples.sum(), dtype=torch.float32)
        self.pair = torch.tensor(contexts.table).flatten()

    def log_probability(self, scores: Tensor) -> Tensor:
        """Logarithm of the summed score of all sequences, for each item of (batch, steps, outputs)."""
        many = len(ALL)
        batch, steps, _ = scores.shape
        top = scores.detach().amax(2, keepdim=True)
        likely = (scores - top).exp().permute(2, 1, 0)  # outputs, steps, batch: rows to pick from
        first = likely.index_select(0, 2 * self.pair).view(many, many, steps, batch).unbind(2)
        rest = likely.index_select(0, 2 * self.pair + 1).view(many, many, steps, batch).unbind(2)
        state = self.begin[:, :, None] * (first[0] + rest[0])  # phone before, phone, batch
        size = state.sum((0, 1))
        total = top.sum((1, 2)) + size.log()
        for step in range(1, steps):
            state = state / size
            entering = torch.bmm(self.after, state.transpose(0, 1))
            state = 0.5 * (entering * first[step] + state * rest[step])
            size = state.sum((0, 1))
            total = total + size.log()
        return total


def sequence_log_probability(scores: Tensor, segments: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """Logarithm of the summed score of one phone sequence, each phone within the steps that it is allowed.

    Parameters
    ----------
    scores : tensor of shape (batch, steps, outputs)
    segments, first, last : tensors of shape (batch, most)
        As in `stream.Piece`.
    """
    batch, steps, _ = scores.shape
    there = segments >= 0
    pair = segments.clamp_min(0)
    begin = scores.gather(2, (2 * pair)[:, None].expand(-1, steps, -1))
    rest = scores.gather(2, (2 * pair + 1)[:, None].expand(-1, steps, -1))
    step = torch.arange(steps)[None, :, None]
    allowed = (step >= first[:, None]) & (step <= last[:, None]) & there[:, None]
    barred = torch.where(allowed, 0.0, IMPOSSIBLE)
    begins, rests = (begin + barred).unbind(1), (rest + barred).unbind(1)
    half = float(np.log(0.5))
    state = torch.full(segments.shape, IMPOSSIBLE)
    state[:, 0] = 0.0
    state = state + torch.logaddexp(begins[0], rests[0])
    for number in range(1, steps):
        before = torch.cat([torch.full((batch, 1), IMPOSSIBLE), state[:, :-1]], 1)
        state = torch.logaddexp(before + begins[number], state + rests[number]) + half
    end = there.sum(1, keepdim=True) - 1
    return state.gather(1, end)[:, 0]
