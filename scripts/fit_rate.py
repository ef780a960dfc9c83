#!/usr/bin/env python
"""Fit the rate of syllables to sentences with known words, and hold it against the words that are understood.

::

    python scripts/fit_rate.py MANIFEST DICTIONARY    # columns path,text,speaker; a pronouncing dictionary like CMU's
    python scripts/fit_rate.py MANIFEST DICTIONARY --agree    # the recogniser listens too; takes minutes

Prints the power and the scale for `voicetrainer.speech.prosody`, from the sentences as they were spoken and played
faster and slower by sox, and how well the rate agrees with the syllables of the words, over all and within each
speaker. The power makes the rate follow the tempo, the scale makes it syllables.

With ``--agree``: how far the rate by the sound and that by the words as they are understood lie apart, as recorded, in
an echoing room and in noise, and how often a pace is then told wrongly with and without what `steadiness` makes of it.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import typer

from voicetrainer import models
from voicetrainer.errors import VoicetrainerError
from voicetrainer.evaluate import manifest as table
from voicetrainer.evaluate import shifts
from voicetrainer.evaluate import steadiness as figures
from voicetrainer.evaluate.way import Way
from voicetrainer.roleplay import steadiness
from voicetrainer.roleplay.events import Prosody, Word
from voicetrainer.speech import audio, prosody, syllables
from voicetrainer.speech.audio import Samples
from voicetrainer.speech.recognizer import Recognizer

TEMPI = (0.8, 1.25)
WAYS = {"as recorded": Way(), "echoing room": Way(room=0.5), "noise 10 dB below": Way(noise=10.0)}
HIDDEN = {
    "by the sound alone": (True, True),
    "words in the call only": (False, True),
    "words in the sample too": (False, False),
}
"""Whose words are left out, for each rule: those of the call, those of the calm sample."""
ALIKE = 1.1
"""Times as fast: what is no other pace, and must not be told as one."""


@dataclass(frozen=True)
class Sentence:
    """One recording with known words."""

    speaker: str
    samples: Samples
    syllables: int
    """By the dictionary."""
    plain: Prosody
    """With as many words as syllables, so that the word rate is theirs."""

    @property
    def rate(self) -> float:
        """Syllables of the known words a second."""
        return (self.plain.word_rate or 0.0) / 60


def counted(text: str, dictionary: dict[str, int]) -> int | None:
    """Syllables of a text; None when a word is not in the dictionary."""
    counts = [dictionary.get(word) for word in words(text)]
    return None if None in counts or not counts else sum(c for c in counts if c)


def words(text: str) -> list[str]:
    """The words of a text as a dictionary has them."""
    return [word.strip("'") for word in re.findall(r"[a-z']+", text.lower())]


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


def heard(manifest: Path, rows: Sequence[dict[str, str]], known: dict[str, int]) -> list[Sentence]:
    """The sentences whose words are all known."""
    found = []
    for row in figures._progress(rows):
        count = counted(row["text"], known)
        samples = audio.read(table.audio(manifest, row))
        plain = prosody.measure(samples, [Word("a", 0.0, 0.1)] * (count or 0))
        if count is not None and plain.syllable_rate and plain.word_rate:
            found.append(Sentence(row["speaker"], samples, count, plain))
    return found


def fit(said: Sequence[Sentence]) -> Iterator[str]:
    """Power and scale, and how well they do."""
    moved, tempo = [], []
    for sentence in said:
        for times in TEMPI:
            other = prosody.measure(shifts._by_program("sox", sentence.samples, 0.0, times))
            if other.syllable_rate:
                moved.append(np.log(way(other) / way(sentence.plain)))
                tempo.append(np.log(times))
    x, y = np.array(moved), np.array(tempo)
    power = float(x @ y / (x @ x))
    by_sound, by_text = power * np.log([way(s.plain) for s in said]), np.log([s.rate for s in said])
    yield f"{len(said)} sentences of {len({s.speaker for s in said})} speakers"
    yield (
        f"power {power:.2f} (shipped {prosody._POWER}), scale {np.exp(np.mean(by_text - by_sound)):.0f} "
        f"(shipped {prosody._SYLLABLES:g})"
    )
    yield f"tempo followed within 5 %: {np.mean(np.abs(np.exp(power * x - y) - 1) <= 0.05):.1%}"
    yield "against the syllables of the words: " + apart(by_sound - by_text, by_sound, by_text, said)


def apart(error: object, one: object, two: object, said: Sequence[Sentence]) -> str:
    """How far two rates (logarithms) lie apart."""
    off = np.asarray(error) - np.mean(np.asarray(error))
    at: dict[str, list[int]] = defaultdict(list)
    for i, sentence in enumerate(said):
        at[sentence.speaker].append(i)
    within = np.concatenate([off[i] - off[i].mean() for i in at.values() if len(i) > 1] or [off])
    alike = np.corrcoef(np.asarray(one), np.asarray(two))[0, 1]
    return (
        f"correlation {alike:.2f}, off by {np.std(off):.0%} (one standard deviation; in the middle "
        f"{np.median(np.abs(off)):.0%}), {np.std(within):.0%} within a speaker"
    )


def agree(said: Sequence[Sentence]) -> Iterator[str]:
    """The rate by the sound against that by the words as they are understood, and what comes of it."""
    recognizer = Recognizer(models.choose(people=True).path)
    yield f"\nthe words as {recognizer.name} hears them"
    calm: list[Prosody] = []
    for name, between in WAYS.items():
        found = []
        for i, sentence in enumerate(said):
            samples = between(sentence.samples, i)
            found.append(replace(prosody.measure(samples, recognizer.hear(samples)), track=None))
        calm = calm or found  # the first way is how they were recorded
        both = [(s, p) for s, p in zip(said, found, strict=True) if p.syllable_rate and p.word_syllables]
        sound, told = (np.log([getattr(p, n) for _, p in both]) for n in ("syllable_rate", "word_syllables"))
        texts = [s for s, _ in both]
        far = np.mean(np.abs(told - sound) > np.log(steadiness._AGREE_AT_ALL))
        yield f"{name}: {len(both)} of {len(said)}; {apart(told - sound, sound, told, texts)}"
        true = np.log([s.rate for s in texts])
        slow = [float(np.exp(np.median(rate - true)) - 1) for rate in (sound, told)]
        yield f"  against the text, in the middle: the sound {slow[0]:+.0%}, the words {slow[1]:+.0%}"
        yield f"  further apart than {steadiness._AGREE_AT_ALL:g} times: {far:.0%}"
        for rule, hide in HIDDEN.items():
            yield f"  {rule:24} {paces(said, found, calm, *hide)}"


def paces(said: Sequence[Sentence], found: Sequence[Prosody], calm: Sequence[Prosody], now: bool, then: bool) -> str:
    """How often another pace than that of the speaker's other sentences is told, and wrongly.

    `now` and `then` hide the words of the sentence, and those of the others.
    """
    told = wrong = right = other = 0
    for i, sentence in enumerate(said):
        rest = [j for j, s in enumerate(said) if s.speaker == sentence.speaker and j != i]
        good = [j for j in rest if not steadiness._unfit(calm[j])]
        if not good:
            continue
        base = steadiness.calibrate([replace(calm[j], word_syllables=None) if then else calm[j] for j in good])
        prosodies = replace(found[i], word_syllables=None) if now else found[i]
        rate, _ = steadiness._rate(prosodies, base)
        true = sentence.rate / float(np.mean([said[j].rate for j in good]))
        far = steadiness._FASTER
        other += true >= far or true <= 1 / far
        if rate is not None and (rate >= far or rate <= 1 / far):
            told += 1
            wrong += true < ALIKE if rate > 1 else true > 1 / ALIKE
            right += true >= far if rate > 1 else true <= 1 / far
    count = len(said)
    return f"another pace told {told / count:.0%}, wrongly {wrong / count:.0%}; of {other} that are one {right} told"


def main(
    manifest: Path = typer.Argument(..., help="CSV with columns path,text,speaker."),
    dictionary: Path = typer.Argument(..., help="Lines of a word and its phones, vowels with 0, 1 or 2."),
    limit: int = typer.Option(None, "--limit", min=1, help="Only the first so many rows."),
    agreement: bool = typer.Option(False, "--agree", help="Hold the rate against the words that are understood."),
) -> None:
    """Fit the rate of syllables."""
    known = load(dictionary)
    rows = table.read(manifest, ("path", "text", "speaker"))[:limit]
    said = heard(manifest, rows, known)
    for text in fit(said) if not agreement else agree(said):
        print(text, flush=True)
    spelled = [(known[w], syllables.syllables(w)) for row in rows for w in words(row["text"]) if w in known]
    right = np.mean([a == b for a, b in spelled])
    print(f"syllables by the spelling: right in {right:.1%} of {len(spelled)} words")


if __name__ == "__main__":
    try:
        typer.run(main)
    except VoicetrainerError as error:
        print(f"error: {error.message}\n  try: {error.hint}", file=sys.stderr)
        sys.exit(2)
