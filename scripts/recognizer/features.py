"""Sound to log mel energies, kept on disk; log mel energies to the MFCC that Vosk's front end computes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import kaldi_native_fbank
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from tqdm import tqdm

from .corpora import Utterance

RATE = 16000
BANDS = 40
LOW, HIGH = 40.0, -200.0
LIFTER = 22.0


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log mel energies of a sound.

    Parameters
    ----------
    samples : array of shape (n,)
        16 kHz, full scale 1.

    Returns
    -------
    array of shape (frames, 40)
        Natural logarithm of the power of 16-bit samples, 25 ms windows every 10 ms, as Kaldi computes it (dither 0).
    """
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.samp_freq = RATE
    options.mel_opts.num_bins = BANDS
    options.mel_opts.low_freq, options.mel_opts.high_freq = LOW, HIGH
    options.use_energy = False
    machine = kaldi_native_fbank.OnlineFbank(options)
    machine.accept_waveform(RATE, np.clip(np.round(samples * 32768), -32768, 32767).tolist())
    machine.input_finished()
    frames = [machine.get_frame(number) for number in range(machine.num_frames_ready)]
    return np.stack(frames) if frames else np.zeros((0, BANDS), np.float32)


def cosines() -> NDArray[np.float32]:
    """Matrix of shape (40, 40): log mel energies @ it = MFCC with Kaldi's scaling and liftering.

    Notes
    -----
    Kaldi's `ComputeDctMatrix` (orthonormal DCT-II) and `ComputeLifterCoeffs` (1 + 11 sin(pi i / 22)).
    """
    band, order = np.arange(BANDS)[:, None], np.arange(BANDS)[None]
    matrix = np.sqrt(2 / BANDS) * np.cos(np.pi / BANDS * (band + 0.5) * order)
    matrix[:, 0] = np.sqrt(1 / BANDS)
    return (matrix * (1 + LIFTER / 2 * np.sin(np.pi * order / LIFTER))).astype(np.float32)


def sound(path: str, speed: float = 1.0) -> NDArray[np.float32]:
    """Samples at 16 kHz, one channel, played `speed` times as fast (pitch and all)."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples[:, 0]
    return soxr.resample(mono, rate * speed, RATE).astype(np.float32) if rate * speed != RATE else mono


def cache(utterances: Sequence[Utterance], speed: float, stem: Path) -> None:
    """Write `<stem>.npy`, half-precision log mel energies in a row, and `<stem>.json`, names and frame counts."""
    if stem.with_suffix(".json").is_file():
        return
    frames, index = [], []
    for utterance in tqdm(utterances, desc=stem.name, mininterval=5):
        energies = log_mel(sound(utterance.path, speed))
        frames.append(energies.astype(np.float16))
        index.append((utterance.name, len(energies)))
    np.save(stem.with_suffix(".npy"), np.concatenate(frames))
    stem.with_suffix(".json").write_text(json.dumps(index), encoding="utf-8")
