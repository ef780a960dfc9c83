#!/usr/bin/env python3
"""Speak the labelled utterances with synthetic voices and write down what the shipped recognisers hear.

    .venv/bin/python scripts/make_heard.py

The detector of techniques is trained on these texts too, so that it has met real recognition errors. Each utterance is
spoken once, by a voice that its id decides (three of flite's and seven of espeak-ng's), partly with noise, and heard by
one of the two shipped models, which its id decides as well (the slower one hears an eighth). What Vosk makes of it goes
to models/techniques/heard/BUSINESS.jsonl, one object a line: id, the checksum of what was said, who heard it, and what.
What is there already is kept, so that new utterances cost only themselves. Needs the programs flite and espeak-ng; a
few minutes of CPU for a thousand.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from voicetrainer.speech.audio import Samples
    from voicetrainer.speech.recognizer import Recognizer

TECHNIQUES = Path(__file__).resolve().parent.parent / "models" / "techniques"
VOICES = (
    "flite:rms", "flite:slt", "flite:awb", "espeak-ng:en-us", "espeak-ng:en-us+f3", "espeak-ng:en+m3",
    "espeak-ng:en-gb-scotland+f2", "espeak-ng:en-us+m7", "espeak-ng:en-gb+f5", "espeak-ng:en-gb-x-rp+m1",
)  # fmt: skip
NOISES = (None, None, None, 20.0)
"""Signal-to-noise ratios, dB."""
MODELS = ("vosk-voicetrainer-starter-0.1", "vosk-voicetrainer-0.3")
SLOW_HEARS = 32
"""So many utterances of 256 are heard by the second of them, which takes ten times as long."""


@cache
def recognizer(name: str) -> Recognizer:
    """A shipped model, loaded once a process."""
    from voicetrainer import models
    from voicetrainer.speech.recognizer import Recognizer

    return Recognizer(models.choose(name).path)


def speak(text: str, voice: str) -> Samples:
    """Speak a text: mono, 16 kHz."""
    from voicetrainer.speech.audio import read

    program, _, name = voice.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "x.wav")
        line = [program, "-voice", name, "-t", text, "-o", file]
        if program == "espeak-ng":
            line = [program, "-v", name, "-w", file, "--", text]
        subprocess.run(line, check=True, timeout=60)
        return read(Path(file))


def hear(item: tuple[str, str]) -> tuple[str, str, str]:
    """Speak and recognise one utterance: its id, who heard it and what."""
    from voicetrainer.roleplay.spoken import spoken

    name, text = item
    dice = hashlib.sha256(name.encode()).digest()
    samples = speak(spoken(text), VOICES[dice[0] % len(VOICES)])
    snr = NOISES[dice[1] % len(NOISES)]
    if snr is not None:
        random = np.random.default_rng(dice[2])
        level = np.sqrt(np.mean(samples**2)) * 10 ** (-snr / 20)
        samples = (samples + level * random.standard_normal(len(samples))).astype(np.float32)
    padded = np.concatenate([np.zeros(4800, np.float32), samples, np.zeros(16000, np.float32)])
    model = MODELS[dice[3] < SLOW_HEARS]
    hearing = recognizer(model).utterance()
    hearing.feed(padded)
    return name, model, " ".join(word.text for word in hearing.finish(0.0))


def main() -> None:
    """Hear every utterance that has not been heard yet."""
    (TECHNIQUES / "heard").mkdir(exist_ok=True)
    with ProcessPoolExecutor(1) as pool:
        for file in sorted((TECHNIQUES / "data").glob("*.jsonl")):
            rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
            target = TECHNIQUES / "heard" / file.name
            lines = target.read_text(encoding="utf-8").splitlines() if target.exists() else []
            known = {row["id"]: row for row in map(json.loads, lines)}
            stamp = {row["id"]: hashlib.sha256(row["text"].encode()).hexdigest()[:8] for row in rows}
            todo = [(r["id"], r["text"]) for r in rows if known.get(r["id"], {}).get("said") != stamp[r["id"]]]
            for name, model, heard in pool.map(hear, todo, chunksize=4):
                known[name] = {"id": name, "said": stamp[name], "by": model, "heard": heard}
            target.write_text("".join(json.dumps(known[r["id"]]) + "\n" for r in rows), encoding="utf-8")
            print(f"{file.stem}: {len(todo)} of {len(rows)}", file=sys.stderr)


if __name__ == "__main__":
    main()
