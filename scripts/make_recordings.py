#!/usr/bin/env python3
"""Speak the learners' clips of a folder again: scripts/make_recordings.py scenarios/recordings/late-parcel/calm

Reads the folder's manifest.csv (path, text and how to say it) and writes its audio files with the synthetic voices of
flite, shaped by sox: a heated learner is faster (stretch below 1), higher (cents), louder (gain, dB) and brighter
(treble, dB). Needs the programs flite and sox; only for making recordings, never for using them.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from pathlib import Path


def speak(row: dict[str, str], target: Path) -> None:
    """Speak one row of the manifest into a file: 16 kHz, mono, FLAC, the calm level at about -25 dB RMS."""
    with tempfile.TemporaryDirectory() as folder:
        raw = str(Path(folder) / "raw.wav")
        stretch = f"duration_stretch={row['stretch']}"
        subprocess.run(["flite", "-voice", row["voice"], "--setf", stretch, "-t", row["text"], "-o", raw], check=True)
        effects = ["pitch", row["cents"], "gain", "-n", "-15", "gain", row["gain"], "treble", row["treble"], "1000"]
        subprocess.run(["sox", "-D", raw, "-r", "16000", "-b", "16", str(target), *effects], check=True)


def main() -> None:
    """Make every folder named on the command line."""
    for name in sys.argv[1:] or sys.exit(__doc__):
        folder = Path(name)
        with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                speak(row, folder / row["path"])
                print(folder / row["path"])


if __name__ == "__main__":
    main()
