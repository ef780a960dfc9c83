"""Speech under other conditions, made on log mel energies so that every batch differs at next to no cost."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .features import BANDS, HIGH, LOW, RATE, log_mel

FLOOR = -15.9424
"""What Kaldi's front end gives for digital silence (the logarithm of the smallest float step)."""

FRAMES_A_SECOND = 100


def augment(energies: Tensor, draw: torch.Generator, masks: bool = False) -> Tensor:
    """One random mixture of conditions for each item.

    Room: the power of earlier frames lingers and decays. Noise: white or of any colour, or the other items' speech on
    top of each other (babble), 2 to 32 dB below the speech. Band: telephone edges or a tilt.
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
    noise = torch.where(some(0.25), _babble(power, draw), _coloured(batch, frames, some(0.4), draw))
    noise = noise * (_level(power) / _level(noise)) * 10 ** (-uniform(2, 32) / 10)
    together = 2 * (power * noise).sqrt() * (torch.randn(power.shape, generator=draw) * _agreement()).clamp(-0.95, 0.95)
    power = torch.where(some(0.65), power + noise + together, power)
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


def _coloured(batch: int, frames: int, white: Tensor, draw: torch.Generator) -> Tensor:
    coarse = torch.randn(batch, 1, 5, generator=draw) * 1.5
    colour = functional.interpolate(coarse, BANDS, mode="linear", align_corners=True)
    colour = colour + (torch.rand(batch, 1, 1, generator=draw) * 4.5 - 4) * torch.linspace(-1, 1, BANDS)
    waver = functional.interpolate(torch.randn(batch, 1, 8, generator=draw), frames, mode="linear", align_corners=True)
    waver = waver.transpose(1, 2) * torch.rand(batch, 1, 1, generator=draw)
    at = torch.randint(0, len(_hiss()) - frames, (batch, 1), generator=draw) + torch.arange(frames)
    return _hiss()[at] * torch.where(white, torch.zeros(1), colour + waver).exp()


@cache
def _hiss() -> Tensor:
    """Mel energies of white noise, a minute of it: how it scatters, and hangs together from frame to frame."""
    noise = np.random.default_rng(1).standard_normal(60 * RATE) * 0.1
    return torch.from_numpy(log_mel(noise.astype(np.float32))).exp()


def _mel_centres() -> Tensor:
    low, high = (1127 * np.log1p(hertz / 700) for hertz in (LOW, RATE / 2 + HIGH))
    mel = low + (high - low) * (torch.arange(BANDS) + 1) / (BANDS + 1)
    return 700 * torch.expm1(mel / 1127)


@cache
def _flat() -> Tensor:
    """What undoes pre-emphasis (0.97) in each band, without which white noise counts for far more than it sounds."""
    return 1 / (1 + 0.97**2 - 2 * 0.97 * torch.cos(2 * torch.pi * _mel_centres() / RATE))


def _level(power: Tensor) -> Tensor:
    return (power * _flat()).mean((1, 2), keepdim=True)


@cache
def _agreement() -> Tensor:
    """Spread of how far the waves of two sounds add up or cancel in a band: less where it is a mean over more of them.

    A 25 ms window tells apart what is 60 Hz apart; a band of a width of n times that averages n phases.
    """
    width = torch.gradient(_mel_centres())[0]
    return (2 * (width / 60).clamp_min(1)) ** -0.5


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
