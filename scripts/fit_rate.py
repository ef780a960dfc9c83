#!/usr/bin/env python
"""Fit the rate of syllables to sentences with known words, as they were spoken and played faster and slower by sox.

::

    python scripts/fit_rate.py MANIFEST DICTIONARY    # columns path,text,speaker; a pronouncing dictionary like CMU's

Prints the power and the scale for `voicetrainer.speech.prosody`, and how well the rate agrees with the syllables of
the words, over all and within each speaker. The power makes the rate follow the tempo, the scale makes it syllables.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import typer

from voicetrainer.errors import VoicetrainerError
from voicetrainer.evaluate import manifest as table
from voicetrainer.evaluate import shifts, steadiness
from voicetrainer.roleplay.events import Prosody, Word
from voicetrainer.speech import audio, prosody

TEMPI = (0.8, 1.25)


def syllables(text: str, dictionary: dict[str, int]) -> int | None:
    """Syllables of a text; None when a word is not in the dictionary."""
    counts = [dictionary.get(word.strip("'")) for word in re.findall(r"[a-z']+", text.lower())]
    return None if None in counts or not counts else sum(c for c in counts if c)


def load(path: Path) -> dict[str, int]:
    """Syllables of each word: its phones that carry a stress mark; of the first of several pronunciations."""
    found: dict[str, int] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        word, *phones = line.split("#")[0].split() or [""]
        found.setdefault(word.lower(), sum(phone[-1].isdigit() for phone in phones))
    return found


def way(found: Prosody) -> float:
    """What the rate was made of."""
    assert found.syllable_rate
    return float((found.syllable_rate / prosody._SYLLABLES) ** (1 / prosody._POWER))


def main(
    manifest: Path = typer.Argument(..., help="CSV with columns path,text,speaker."),
    dictionary: Path = typer.Argument(..., help="Lines of a word and its phones, vowels with 0, 1 or 2."),
    limit: int = typer.Option(None, "--limit", min=1, help="Only the first so many rows."),
) -> None:
    """Fit the rate of syllables."""
    known = load(dictionary)
    moved, tempo, ways, rates, speakers = [], [], [], [], []
    for row in steadiness._progress(table.read(manifest, ("path", "text", "speaker"))[:limit]):
        count = syllables(row["text"], known)
        samples = audio.read(table.audio(manifest, row))
        # As many words as syllables, so that the word rate is theirs.
        plain = prosody.measure(samples, [Word("a", 0.0, 0.1)] * (count or 0))
        if count is None or not plain.syllable_rate or not plain.word_rate:
            continue
        ways.append(np.log(way(plain)))
        rates.append(np.log(plain.word_rate / 60))
        speakers.append(row["speaker"])
        for times in TEMPI:
            other = prosody.measure(shifts._by_program("sox", samples, 0.0, times))
            if other.syllable_rate:
                moved.append(np.log(way(other)) - ways[-1])
                tempo.append(np.log(times))
    x, y = np.array(moved), np.array(tempo)
    power = float(x @ y / (x @ x))
    error = np.array(rates) - power * np.array(ways)
    scale = float(np.exp(error.mean()))
    print(f"{len(rates)} sentences of {len(set(speakers))} speakers")
    print(f"power {power:.2f} (shipped {prosody._POWER}), scale {scale:.0f} (shipped {prosody._SYLLABLES:g})")
    print(f"tempo followed within 5 %: {np.mean(np.abs(np.exp(power * x - y) - 1) <= 0.05):.1%}")
    at: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(speakers):
        at[name].append(i)
    within = np.concatenate([error[i] - error[i].mean() for i in at.values() if len(i) > 1])
    print(
        f"against the syllables of the words: correlation {np.corrcoef(power * np.array(ways), rates)[0, 1]:.2f}, "
        f"off by {np.std(error):.0%} (one standard deviation), {np.std(within):.0%} within a speaker"
    )


if __name__ == "__main__":
    try:
        typer.run(main)
    except VoicetrainerError as error:
        print(f"error: {error.message}\n  try: {error.hint}", file=sys.stderr)
        sys.exit(2)
