"""The acoustic network: a factored time-delay network, 30 ms a step."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .contexts import STEP


@dataclass(frozen=True)
class Shape:
    """Sizes of the network.

    Attributes
    ----------
    outputs : int
    width, narrow : int
        Of a layer, and of the bottleneck before it.
    splice : int
        Input frames seen by the first layer on either side.
    reach : list of int
        For each factored layer, how many 30 ms steps it looks back (in its bottleneck) and ahead (after it).
    bottom : int
        Of the bottleneck before the outputs.
    """

    outputs: int
    width: int = 640
    narrow: int = 128
    splice: int = 4
    reach: list[int] = field(default_factory=lambda: [1, 1, 1, 1, 1, 2, 2, 2])
    bottom: int = 192


class Factored(nn.Module):
    """A linear bottleneck over two steps, an affine layer over two steps, and a way past both."""

    def __init__(self, shape: Shape, reach: int) -> None:
        super().__init__()
        self.reach = reach
        self.narrow = nn.Linear(2 * shape.width, shape.narrow, bias=False)
        self.wide = nn.Linear(2 * shape.narrow, shape.width)
        self.norm = nn.BatchNorm1d(shape.width)

    def forward(self, x: Tensor, drop: Tensor | None) -> Tensor:
        """Steps get fewer by `reach` at either end."""
        low = self.narrow(torch.cat([x[:, : -self.reach], x[:, self.reach :]], 2))
        high = self.wide(torch.cat([low[:, : -self.reach], low[:, self.reach :]], 2))
        high = functional.relu(_normed(self.norm, high))
        if drop is not None:
            high = high * drop
        return high + PAST * x[:, self.reach : -self.reach]


PAST = 0.66
"""How much of a layer's input goes past it (Kaldi's TDNN-F recipes use this share)."""


def _normed(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    return norm(x.reshape(-1, x.shape[-1])).reshape(x.shape)


class Network(nn.Module):
    """MFCC to one score for each output every third frame."""

    def __init__(self, shape: Shape, dropout: float = 0.1) -> None:
        super().__init__()
        self.shape = shape
        self.dropout = dropout
        self.mean = nn.Parameter(torch.zeros(40), requires_grad=False)
        self.scale = nn.Parameter(torch.ones(40), requires_grad=False)
        self.first = nn.Linear(40 * (2 * shape.splice + 1), shape.width)
        self.norm = nn.BatchNorm1d(shape.width)
        self.layers = nn.ModuleList([Factored(shape, reach) for reach in shape.reach])
        self.bottom = nn.Linear(shape.width, shape.bottom, bias=False)
        self.last = nn.Linear(shape.bottom, shape.outputs)

    @property
    def context(self) -> int:
        """Input frames needed before the first output's frame and after the last one's."""
        return self.shape.splice + STEP * sum(self.shape.reach)

    def forward(self, x: Tensor) -> Tensor:
        """MFCC of shape (batch, 2 context + 3 (steps - 1) + 1, 40) to scores of shape (batch, steps, outputs)."""
        batch = x.shape[0]
        x = (x - self.mean) * self.scale
        x = x.unfold(1, 2 * self.shape.splice + 1, STEP).transpose(2, 3).flatten(2)
        x = functional.relu(_normed(self.norm, self.first(x)))
        for layer in self.layers:
            drop = None
            if self.training and self.dropout:
                drop = 1 + self.dropout * 2 * (torch.rand(batch, 1, x.shape[2], dtype=x.dtype) * 2 - 1)
            x = layer(x, drop)
        return self.last(self.bottom(x))

    @torch.no_grad()
    def scores(self, mfcc: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of a whole utterance's MFCC of shape (frames, 40): array of shape (ceil(frames / 3), outputs)."""
        self.eval()
        steps = (len(mfcc) + STEP - 1) // STEP
        places = np.clip(np.arange(-self.context, STEP * (steps - 1) + self.context + 1), 0, len(mfcc) - 1)
        return self(torch.from_numpy(mfcc[places])[None])[0].float().numpy()

    @torch.no_grad()
    def orthogonal(self) -> None:
        """Move every bottleneck a little towards a multiple of an orthonormal matrix (semi-orthogonal constraint).

        Notes
        -----
        Povey et al., "Semi-orthogonal low-rank matrix factorization for deep neural networks", Interspeech 2018,
        section 2.2, with the floating scale.
        """
        for layer in self.layers:
            weight = layer.narrow.weight
            product = weight @ weight.T
            scale = (product * product).trace() / product.trace()
            weight -= 0.5 / scale * (product - scale * torch.eye(len(product))) @ weight


SCALE = 0.35
"""What a logarithm of a likelihood, from a network that names outputs, counts beside one of a word or a phone model.

Neighbouring steps hold much the same, so their sum says too much; measured, not derived.
"""


@torch.no_grad()
def without_priors(network: Network, log_priors: NDArray[np.float32], scale: float = SCALE) -> None:
    """Turn scores of a network that names outputs into likelihoods, with which training on sequences begins.

    Parameters
    ----------
    log_priors : array of shape (outputs,)
        Logarithm of the share of each output.
    """
    network.last.bias -= torch.from_numpy(log_priors).to(network.last.bias.dtype)
    network.last.bias *= scale
    network.last.weight *= scale


def save(network: Network, path: str, **more: object) -> None:
    """Save the network with its shape."""
    torch.save({"shape": asdict(network.shape), "state": network.state_dict(), **more}, path)


def load(path: str) -> tuple[Network, dict[str, object]]:
    """Load a network and whatever else was saved with it."""
    saved = torch.load(path, weights_only=False)
    network = Network(Shape(**saved["shape"]))
    network.load_state_dict(saved["state"])
    return network, saved
