#!/usr/bin/env python3
"""Speak the labelled utterances with synthetic voices and write down what the shipped recogniser hears.

    .venv/bin/python scripts/make_heard.py

The detector of techniques is trained on these texts too, so that it has met real recognition errors. Each utterance is
spoken once, by a voice that its id decides (three of flite's and three of espeak-ng's), partly with noise; what Vosk
makes of it goes to models/techniques/heard/BUSINESS.jsonl, one object with id and heard a line. What is there already
is kept, so that new utterances cost only themselves. Needs the program flite; a few minutes of CPU for a thousand.
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
VOICES = ("flite:rms", "flite:slt", "flite:awb", "espeak:en-us", "espeak:en-us+f3", "espeak:en+m3")
NOISES = (None, None, None, 20.0)
"""Signal-to-noise ratios, dB."""


@cache
def recognizer() -> Recognizer:
    """The shipped model, loaded once a process."""
    from voicetrainer import models
    from voicetrainer.speech.recognizer import Recognizer

    return Recognizer(models.choose("vosk-voicetrainer-starter-0.1").path)


def speak(text: str, voice: str) -> Samples:
    """Speak a text: mono, 16 kHz."""
    kind, _, name = voice.partition(":")
    if kind == "espeak":
        from voicetrainer.speech.voice import Voice

        with Voice(name) as speaker:
            return speaker.render(text, 1.0)
    from voicetrainer.speech.audio import read

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.wav"
        subprocess.run(["flite", "-voice", name, "-t", text, "-o", str(file)], check=True, timeout=60)
        return read(file)


def hear(item: tuple[str, str]) -> tuple[str, str]:
    """Speak and recognise one utterance: its id and what was heard."""
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
    hearing = recognizer().utterance()
    hearing.feed(padded)
    return name, " ".join(word.text for word in hearing.finish(0.0))


def main() -> None:
    """Hear every utterance that has not been heard yet."""
    (TECHNIQUES / "heard").mkdir(exist_ok=True)
    with ProcessPoolExecutor(2) as pool:
        for file in sorted((TECHNIQUES / "data").glob("*.jsonl")):
            rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
            target = TECHNIQUES / "heard" / file.name
            known: dict[str, tuple[str, str]] = {}
            if target.exists():
                old = (json.loads(line) for line in target.read_text(encoding="utf-8").splitlines())
                known = {row["id"]: (row["said"], row["heard"]) for row in old}
            stamp = {row["id"]: hashlib.sha256(row["text"].encode()).hexdigest()[:8] for row in rows}
            todo = [(row["id"], row["text"]) for row in rows if known.get(row["id"], ("", ""))[0] != stamp[row["id"]]]
            known |= {name: (stamp[name], heard) for name, heard in pool.map(hear, todo, chunksize=4)}
            lines = [json.dumps({"id": r["id"], "said": stamp[r["id"]], "heard": known[r["id"]][1]}) for r in rows]
            target.write_text("\n".join(lines) + "\n", encoding="utf-8")
            print(f"{file.stem}: {len(todo)} of {len(rows)}", file=sys.stderr)


if __name__ == "__main__":
    main()
