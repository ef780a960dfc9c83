"""Speech under other conditions, made on log mel energies so that every batch differs at next to no cost."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

FLOOR = -15.9424
"""What Kaldi's front end gives for digital silence (the logarithm of the smallest float step)."""

FRAMES_A_SECOND = 100


def augment(energies: Tensor, draw: torch.Generator, masks: bool = False) -> Tensor:
    """One random mixture of conditions for each item.

    Room: the power of earlier frames lingers and decays. Noise: of any colour, with the scatter of a mel band, or the
    other items' speech on top of each other (babble), 0 to 35 dB below the speech. Band: telephone edges or a tilt.
    Level: any. Warp: mel bands shifted by up to 8 per cent, another vocal tract. Then, on some items, gaps of
    digital silence as a noise gate leaves them, and, with `masks`, hidden bands and times (SpecAugment).

    Parameters
    ----------
    energies : tensor of shape (batch, frames, 40)
        Log mel energies of clean speech.
    """
    batch, frames, bands = energies.shape

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(batch, 1, 1, generator=draw)

    def some(share: float) -> Tensor:
        return torch.rand(batch, 1, 1, generator=draw) < share

    energies = _warped(energies, torch.where(some(0.5), uniform(-0.08, 0.08), torch.zeros(batch, 1, 1)))
    power = energies.exp()
    power = torch.where(some(0.35), _reverberant(power, uniform(0.15, 0.7), uniform(0.05, 0.6)), power)
    speech = power.mean((1, 2), keepdim=True)
    noise = torch.where(some(0.25), _babble(power, draw), _coloured(batch, frames, bands, draw))
    noise = noise / noise.mean((1, 2), keepdim=True)
    power = torch.where(some(0.6), power + speech * noise * 10 ** (-uniform(0, 35) / 10), power)
    energies = power.clamp_min(1e-7).log()
    places = torch.linspace(-1, 1, bands)
    energies = energies + torch.where(some(0.5), uniform(-2, 2) * places + uniform(-1, 1) * places**2, 0 * places)
    low, high = uniform(0, 9), uniform(29, 40)
    band = torch.arange(bands)
    outside = functional.relu(low - band) + functional.relu(band - high)
    energies = torch.where(some(0.25), energies - 1.5 * outside, energies)
    energies = energies + uniform(-5, 3)
    quiet = 10 ** uniform(-4, 1.5) * (0.5 + torch.rand(batch, frames, bands, generator=draw))
    energies = torch.where(some(0.9), torch.logaddexp(energies, quiet.log()), energies)
    loudness = energies.mean(2, keepdim=True)
    gate = loudness.quantile(0.12, dim=1, keepdim=True)
    energies = torch.where(some(0.08) & (loudness < gate), torch.tensor(FLOOR), energies)
    return (_masked(energies, draw) if masks else energies).clamp_min(FLOOR)


def _warped(energies: Tensor, by: Tensor) -> Tensor:
    bands = energies.shape[2]
    at = (torch.arange(bands) * (1 + by[:, :, 0])).clamp(0, bands - 1.001)
    below = at.floor().long()
    part = (at - below)[:, None, :]
    index = below[:, None, :].expand_as(energies)
    return (1 - part) * energies.gather(2, index) + part * energies.gather(2, index + 1)


def _reverberant(power: Tensor, seconds: Tensor, share: Tensor) -> Tensor:
    batch, length = len(power), 40
    decay = 10 ** (-6 / (seconds[:, :, 0] * FRAMES_A_SECOND))
    kernel = decay ** torch.arange(length) * (1 - decay) * share[:, :, 0] * 3
    kernel[:, 0] = 1
    padded = functional.pad(power.permute(2, 0, 1), (length - 1, 0))
    return functional.conv1d(padded, kernel.flip(1)[:, None], groups=batch).permute(1, 2, 0)


def _babble(power: Tensor, draw: torch.Generator) -> Tensor:
    total = torch.zeros_like(power)
    for _ in range(4):
        other = power[torch.randperm(len(power), generator=draw)]
        total += other / other.mean((1, 2), keepdim=True) * torch.rand(len(power), 1, 1, generator=draw)
    return total


def _coloured(batch: int, frames: int, bands: int, draw: torch.Generator) -> Tensor:
    coarse = torch.randn(batch, 1, 5, generator=draw) * 1.5
    colour = functional.interpolate(coarse, bands, mode="linear", align_corners=True)
    colour = colour + (torch.rand(batch, 1, 1, generator=draw) * 6 - 4) * torch.linspace(-1, 1, bands)
    waver = functional.interpolate(torch.randn(batch, 1, 8, generator=draw), frames, mode="linear", align_corners=True)
    waver = waver.transpose(1, 2) * torch.rand(batch, 1, 1, generator=draw)
    # The power in a mel band is a mean over 1 to 10 bins of an exponential variable: about log-normal.
    width = torch.linspace(1.2, 0.3, bands)
    scatter = torch.randn(batch, frames, bands, generator=draw) * width
    return (colour + waver + scatter - width**2 / 2).exp()


def _masked(energies: Tensor, draw: torch.Generator) -> Tensor:
    batch, frames, bands = energies.shape
    mean = energies.mean((1, 2), keepdim=True)

    def mask(size: int, widest: int, share: float) -> Tensor:
        width = torch.rand(batch, 1, generator=draw) * widest
        begin = torch.rand(batch, 1, generator=draw) * (size - widest)
        chosen = torch.rand(batch, 1, generator=draw) < share
        at = torch.arange(size)
        return (at >= begin) & (at < begin + width) & chosen

    hidden = mask(bands, 8, 0.4)[:, None, :] | mask(frames, 20, 0.4)[:, :, None]
    return torch.where(hidden, mean, energies)
