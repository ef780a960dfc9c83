"""Training of the network: first to name the aligned output of every step, then whole sequences."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, multiprocessing, nn
from torch.nn import functional

from .augment import augment
from .contexts import Contexts
from .features import cosines
from .network import SCALE, Network, Shape, load, save
from .objective import Competition, sequence_log_probability
from .stream import Piece, Stream, pieces

BATCH, STEPS = 16, 100
TELL_EVERY, KEEP_EVERY = 20.0, 60.0


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes
    ----------
    total : int
        Batches of 48 s of speech, those of an interrupted run counted in.
    rate, last_rate : float
        Learning rate at the beginning and at the end; it falls along half a cosine.
    warm : int
        Batches in which the rate rises from nothing.
    sequences : bool
        Maximise the share of the right sequence (with a tenth of the frame objective), not the right outputs alone.
    dropout : float
        Share by which whole hidden units vary from piece to piece.
    conditions : bool
        Put noise, rooms, telephone bands, levels and other vocal tracts on the speech.
    masks : bool
        With them: hide some bands and times, as SpecAugment does.
    workers : int
        Processes that improve one network in shared memory, each with batches of its own (Recht et al., "Hogwild!",
        NIPS 2011). With one, the same data and seed give the same network.
    minutes : float, optional
        End then, on the same falling schedule.
    log_priors : array of shape (outputs,), optional
        With `sequences`: added to the scores for the frame objective.
    """

    total: int
    rate: float = 1.5e-3
    last_rate: float = 5e-5
    warm: int = 0
    sequences: bool = False
    dropout: float = 0.0
    conditions: bool = True
    masks: bool = False
    workers: int = 1
    seed: int = 1
    minutes: float | None = None
    log_priors: NDArray[np.float32] | None = None


def fresh(stream: Stream, shape: Shape, seed: int = 1) -> Network:
    """A network with random weights that knows the mean and spread of the stream's MFCC."""
    torch.manual_seed(seed)
    network = Network(shape)
    sample = np.array(stream.energies[:: max(1, len(stream.energies) // 100000)], np.float32) @ cosines()
    network.mean.data = torch.from_numpy(sample.mean(0))
    network.scale.data = torch.from_numpy(1 / sample.std(0))
    return network


def train(stream: Stream, contexts: Contexts, network: Network, plan: Plan, out: Path) -> None:
    """Train and save to `out`; `<out>.part` is kept meanwhile, and a run that was interrupted goes on from it."""
    part = Path(f"{out}.part")
    done = 0
    if part.is_file():
        network, saved = load(str(part))
        done = int(saved["done"])  # type: ignore[call-overload]
    network.dropout = plan.dropout
    size = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    print(f"{size / 1e6:.2f} M parameters, {len(stream.energies) / 360000:.1f} h, from batch {done}", flush=True)
    network.share_memory()
    context = multiprocessing.get_context("fork")
    counter = context.Value("i", done)
    results = context.Queue()
    began = time.time()
    workers = [
        context.Process(
            target=_work, args=(number, stream, contexts, network, plan, counter, results, began), daemon=True
        )
        for number in range(plan.workers)
    ]
    for worker in workers:
        worker.start()
    kept = told = time.time()
    sums: list[list[float]] = []
    while any(worker.is_alive() for worker in workers) or not results.empty():
        time.sleep(0.5)
        while not results.empty():
            sums.append(results.get())
        now = time.time()
        if sums and now - told > TELL_EVERY:
            frame, right, sequence = np.mean(sums, 0)
            print(
                f"{counter.value}/{plan.total} {now - began:.0f} s, {len(sums) / (now - told):.2f} batches/s, "
                f"frame loss {frame:.3f}, right {right:.3f}, sequence {sequence:.3f}",
                flush=True,
            )
            sums, told = [], now
        if now - kept > KEEP_EVERY:
            save(network, str(part), done=counter.value)
            kept = now
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a training process failed")
    save(network, str(out))
    part.unlink(missing_ok=True)


def _work(number, stream, contexts, network, plan, counter, results, began) -> None:  # type: ignore[no-untyped-def]
    torch.set_num_threads(1)
    seed = plan.seed * 1000 + number * 100 + counter.value
    torch.manual_seed(seed)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=plan.rate, weight_decay=1e-2, betas=(0.9, 0.98))
    competition = Competition(contexts, stream.sequences()) if plan.sequences else None
    source = pieces(stream, contexts, network.context, STEPS, BATCH, seed)
    draw = torch.Generator().manual_seed(seed)
    transform = torch.from_numpy(cosines())
    log_priors = None if plan.log_priors is None else torch.from_numpy(plan.log_priors)
    network.train()
    mine = 0
    parent = os.getppid()
    while os.getppid() == parent:  # an interrupted run leaves nobody behind
        with counter.get_lock():
            done = counter.value
            if done >= plan.total:
                return
            counter.value += 1
        passed = done / plan.total
        if plan.minutes is not None:
            passed = max(passed, (time.time() - began) / 60 / plan.minutes)
            if passed >= 1:
                return
        warm = min(1.0, (done + 1) / max(plan.warm, 1), (mine + 1) / 30)
        for group in optimizer.param_groups:
            group["lr"] = warm * (
                plan.last_rate + (plan.rate - plan.last_rate) * 0.5 * (1 + math.cos(math.pi * passed))
            )
        piece = next(source)
        energies = torch.from_numpy(piece.energies)
        mfcc = (augment(energies, draw, plan.masks) if plan.conditions else energies) @ transform
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = network(mfcc)
        loss, values = _loss(scores.float(), piece, competition, log_priors)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 5.0)
        optimizer.step()
        if mine % 4 == 0:
            network.orthogonal()
        mine += 1
        results.put(values)


def _loss(
    scores: Tensor, piece: Piece, competition: Competition | None, log_priors: Tensor | None
) -> tuple[Tensor, list[float]]:
    asked = torch.from_numpy(piece.outputs)
    named = scores if log_priors is None else scores / SCALE + log_priors
    frame = functional.cross_entropy(named.transpose(1, 2), asked)
    right = float((named.detach().argmax(2) == asked).float().mean())
    if competition is None:
        return frame, [float(frame.detach()), right, 0.0]
    ours = sequence_log_probability(
        scores, torch.from_numpy(piece.segments), torch.from_numpy(piece.first), torch.from_numpy(piece.last)
    )
    ours, all_ = ours / scores.shape[1], competition.log_probability(scores) / scores.shape[1]
    possible = ours.detach() > all_.detach() - 50
    sequence = (all_ - ours)[possible].mean()
    loss = sequence + 0.1 * frame + 5e-5 * (scores**2).sum(2).mean()
    return loss, [float(frame.detach()), right, float(sequence.detach())]
