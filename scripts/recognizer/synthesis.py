"""Synthetic voices: sentences spoken by flite and espeak-ng at many pitches and rates."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import soundfile
import soxr
from tqdm import tqdm

from .corpora import Utterance

FLITE = ("rms", "slt", "kal16")
ESPEAK = (*["en-us"] * 5, "en-gb", "en-gb", "en-gb-x-rp", "en-us-nyc", "en-gb-scotland", "en-029", "en-gb-x-gbclan")
VARIANTS = (
    "Alex Alicia Andrea Andy Annie Denis Gene Henrique Hugo Jacky Lee Marco Mario Michael Mike Nguyen adam "
    "anika antonio aunty belinda benjamin boris caleb david ed edward f1 f2 f3 f4 f5 grandma grandpa iven john "
    "linda m1 m2 m3 m4 m5 m6 m7 m8 max michel miguel pablo paul pedro quincy rob robert sandro shelby steph "
    "travis victor zac klatt klatt3"
).split()


def speak(texts: Sequence[str], folder: Path, seed: int = 1) -> list[Utterance]:
    """One sound file for each text; those that are there are not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    utterances = []
    for number, text in enumerate(tqdm(texts, desc="synthesis", mininterval=5)):
        draw = random.Random(seed * 1_000_003 + number)
        path = folder / f"{number:05d}.wav"
        voice = _flite(text, path, draw) if draw.random() < 0.5 else _espeak(text, path, draw)
        if path.is_file() and path.stat().st_size > 8000:
            utterances.append(Utterance(f"synthetic-{seed}-{number:05d}", "synthetic", voice, str(path), text))
    return utterances


def _flite(text: str, path: Path, draw: random.Random) -> str:
    voice, pitch = draw.choice(FLITE), draw.uniform(0.84, 1.2)
    stretch = draw.uniform(0.85, 1.2) * pitch
    if not path.is_file():
        command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}", "-t", text, "-o", str(path)]
        subprocess.run(command, check=True, timeout=60)
        samples, rate = soundfile.read(path, dtype="float32")
        soundfile.write(path, soxr.resample(samples, rate * pitch, 16000), 16000)
    return f"flite-{voice}"


def _espeak(text: str, path: Path, draw: random.Random) -> str:
    voice = f"{draw.choice(ESPEAK)}+{draw.choice(VARIANTS)}"
    rate, pitch = draw.randint(125, 205), draw.randint(25, 75)
    if not path.is_file():
        command = ["espeak-ng", "-v", voice, "-s", str(rate), "-p", str(pitch), "-w", str(path), text]
        subprocess.run(command, check=True, timeout=60)
        samples, rate = soundfile.read(path, dtype="float32")
        soundfile.write(path, soxr.resample(samples, rate, 16000), 16000)
    return f"espeak-{voice}"
