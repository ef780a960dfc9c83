#!/usr/bin/env python3
"""Speak the labelled utterances with synthetic voices and write down what the shipped recognisers hear.

    .venv/bin/python scripts/make_heard.py

The detector of techniques is trained on these texts too, so that it has met real recognition errors. Each utterance is
spoken once, by a voice that its id decides (three of flite's and seven of espeak-ng's), partly with noise, and heard by
one of the two shipped models, which its id decides as well: the good one hears three quarters, the starter the rest, as
the errors of a recogniser that understands people badly. What Vosk makes of it goes to
models/techniques/heard/BUSINESS.jsonl, one object a line: id, the checksum of what was said, who heard it, and what.

What is there already is kept, also when a model heard it that ships no more; only what the starter heard in the good
one's place is heard again. It may be stopped at any time and goes on from there: those come first that nobody has
heard, then in the order of chance, so that what is done is always a fair sample. Needs the programs flite and
espeak-ng; about ten minutes of one core for a thousand utterances by the good model.
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
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from voicetrainer.speech.audio import Samples
    from voicetrainer.speech.recognizer import Recognizer

TECHNIQUES = Path(__file__).resolve().parent.parent / "models" / "techniques"
VOICES = (
    "flite:rms", "flite:slt", "flite:awb", "espeak-ng:en-us", "espeak-ng:en-us+f3", "espeak-ng:en+m3",
    "espeak-ng:en-gb-scotland+f2", "espeak-ng:en-us+m7", "espeak-ng:en-gb+f5", "espeak-ng:en-gb-x-rp+m1",
)  # fmt: skip
STARTER = "vosk-voicetrainer-starter-0.1"
GOOD = "vosk-voicetrainer-0.5"
NOISES = {STARTER: (None, None, None, 20.0), GOOD: (None, None, 20.0, 15.0, 10.0)}
"""Signal-to-noise ratios, dB."""
GOOD_HEARS = 192
"""So many utterances of 256 are heard by the good model."""
OFTEN = 50
"""After so many utterances what was heard is written down."""


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


def dice(name: str) -> bytes:
    """What an utterance's id decides: voice, noise, the noise's seed, who hears it."""
    return hashlib.sha256(name.encode()).digest()


def hearer(name: str) -> str:
    """The model that hears an utterance."""
    return GOOD if dice(name)[3] < GOOD_HEARS else STARTER


def hear(item: tuple[str, str]) -> tuple[str, str, str]:
    """Speak and recognise one utterance: its id, who heard it and what."""
    from voicetrainer.roleplay.spoken import spoken

    name, text = item
    voice, noise, seed = dice(name)[:3]
    samples = speak(spoken(text), VOICES[voice % len(VOICES)])
    model = hearer(name)
    snr = NOISES[model][noise % len(NOISES[model])]
    padded = np.concatenate([np.zeros(4800, np.float32), samples, np.zeros(8000, np.float32)])
    if snr is not None:
        level = np.sqrt(np.mean(samples**2)) * 10 ** (-snr / 20)
        random = np.random.default_rng(seed)
        padded = (padded + level * random.standard_normal(len(padded))).astype(np.float32)
    hearing = recognizer(model).utterance()
    hearing.feed(padded)
    return name, model, " ".join(word.text for word in hearing.finish(0.0))


def lines(folder: str) -> dict[str, dict[str, Any]]:
    """All lines of the files in a folder beside each other, by id, in order."""
    rows: dict[str, dict[str, Any]] = {}
    for file in sorted((TECHNIQUES / folder).glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            rows[row["id"]] = {**row, "file": file.name}
    return rows


def write(data: dict[str, dict[str, Any]], known: dict[str, dict[str, Any]]) -> None:
    """Write what was heard, in the order of the data; each file as a whole or not at all."""
    texts: dict[str, str] = {}
    for name, row in data.items():
        heard = {key: known[name][key] for key in ("id", "said", "by", "heard")} if name in known else None
        texts[row["file"]] = texts.get(row["file"], "") + (json.dumps(heard) + "\n" if heard else "")
    for file, text in texts.items():
        target = TECHNIQUES / "heard" / file
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.with_suffix(".part").write_text(text, encoding="utf-8")
            target.with_suffix(".part").replace(target)


def main() -> None:
    """Hear every utterance that has not been heard yet, or not by the model that should."""
    (TECHNIQUES / "heard").mkdir(exist_ok=True)
    data, known = lines("data"), lines("heard")
    stamp = {name: hashlib.sha256(row["text"].encode()).hexdigest()[:8] for name, row in data.items()}
    fresh = {name for name in data if known.get(name, {}).get("said") != stamp[name]}
    again = {name for name in data if name not in fresh and known[name]["by"] == STARTER != hearer(name)}
    todo = sorted(fresh | again, key=lambda name: (name in again, dice(name)[4:]))
    with ProcessPoolExecutor(1) as pool:
        for done, (name, model, heard) in enumerate(pool.map(hear, [(n, data[n]["text"]) for n in todo], chunksize=4)):
            known[name] = {"id": name, "said": stamp[name], "by": model, "heard": heard}
            if done % OFTEN == OFTEN - 1:
                write(data, known)
                print(f"{done + 1} of {len(todo)}", file=sys.stderr)
    write(data, known)


if __name__ == "__main__":
    main()
