"""Word error rate: what was said against what was heard.

Before they are compared, both sides are brought to one form by `normalise`: lower case, no punctuation but apostrophes
inside words, hyphens as spaces, whole numbers in words. Nothing else is forgiven: "I'm" and "I am" are different words.
"""

from __future__ import annotations

import re
import sys
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicetrainer.errors import ManifestError
from voicetrainer.roleplay.spoken import cardinal

if TYPE_CHECKING:
    from voicetrainer.speech.audio import Samples
    from voicetrainer.speech.recognizer import Recognizer

_SAMPLES = 1000  # of the bootstrap
_FEWEST = 10  # speakers, below which utterances are drawn instead
_WORST = 5


@dataclass(frozen=True, slots=True)
class Errors:
    """How a heard text differs from the one that was said."""

    substitutions: int
    insertions: int
    deletions: int
    words: int
    """Words that were said."""

    @property
    def total(self) -> int:
        """Substitutions, insertions and deletions."""
        return self.substitutions + self.insertions + self.deletions


def normalise(text: str) -> list[str]:
    """The words of a text, in the form in which they are compared.

    ``"It's £20, well-known!"`` becomes ``["it's", "twenty", "well", "known"]``. Numbers up to 999,999 are spoken as
    cardinals without "and"; dates, sums of money and reference numbers are better written out in the reference.
    """
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("‘", "'")
    text = text.replace("&", " and ").replace("%", " percent ")
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"(?<![\w.])\d{1,6}(?![\w]|\.\d)", lambda m: cardinal(int(m[0])).replace(" and ", " "), text)
    return [word for part in re.split(r"[^\w']+", text) if (word := part.strip("'_"))]


def align(said: Sequence[str], heard: Sequence[str]) -> list[tuple[str | None, str | None]]:
    """Pair the words that were said with those that were heard, with as few errors as can be.

    Returns
    -------
    list of pairs
        In order: equal words, a word with the one heard for it, (word, None) for one that was not heard, (None, word)
        for one that was heard and not said. Time and memory grow with the product of the two lengths.
    """
    width = len(heard) + 1
    row = list(range(width))
    steps = [bytearray(b"i" * width)]
    for i, word in enumerate(said, 1):
        before, row = row, [i] + [0] * len(heard)
        step = bytearray(b"d" * width)
        for j, other in enumerate(heard, 1):
            row[j] = best = min(before[j - 1] + (word != other), before[j] + 1, row[j - 1] + 1)
            if best == before[j - 1] + (word != other):
                step[j] = ord("m")
            elif best != before[j] + 1:
                step[j] = ord("i")
        steps.append(step)
    pairs: list[tuple[str | None, str | None]] = []
    i, j = len(said), len(heard)
    while i or j:
        step_here = chr(steps[i][j])
        i, j = i - (step_here != "i"), j - (step_here != "d")
        pairs.append((said[i] if step_here != "i" else None, heard[j] if step_here != "d" else None))
    return pairs[::-1]


def word_errors(reference: str, hypothesis: str) -> Errors:
    """Count the errors of a heard text against the one that was said; both are normalised first."""
    said = normalise(reference)
    pairs = align(said, normalise(hypothesis))
    return Errors(
        substitutions=sum(a is not None and b is not None and a != b for a, b in pairs),
        insertions=sum(a is None for a, _ in pairs),
        deletions=sum(b is None for _, b in pairs),
        words=len(said),
    )


# ---------------------------------------------------------------------------------------------------------- a manifest


@dataclass(frozen=True, slots=True)
class _Heard:
    row: dict[str, str]
    text: str
    errors: Errors


def evaluate(manifest: Path, model: str | None = None, limit: int | None = None) -> dict[str, Any]:
    """Word error rate and real-time factor of a recognition model.

    Parameters
    ----------
    manifest
        CSV with the columns path (relative to it) and text; corpus and group give rows of their own, speaker makes the
        confidence interval an honest one.
    model
        Name or folder, as in `voicetrainer.models.choose`.
    limit
        Only the first so many rows.

    Returns
    -------
    dict
        ``wer`` (share, 0 to 1 and beyond), ``interval`` (95 %, bootstrap over speakers when there are ten and more of
        them, else over utterances; None for a single one), the counts, ``real_time_factor`` (seconds of work for a
        second of audio), ``groups``, ``worst`` and the model. Ready for JSON.

    Raises
    ------
    ManifestError, AudioError, ModelError
        When one of them cannot be used.
    """
    from rich.console import Console
    from rich.progress import track

    from voicetrainer import models
    from voicetrainer.evaluate import manifest as table
    from voicetrainer.speech import audio
    from voicetrainer.speech.recognizer import Recognizer

    rows = table.read(manifest, ["path", "text"])[:limit]
    paths = [table.audio(manifest, row) for row in rows]
    for row in rows:
        if not normalise(row["text"]):
            raise ManifestError(f"{manifest}:{row[table.LINE]}: text has no words", "write what is said in it")
    chosen = models.choose(model)
    recognizer = Recognizer(chosen.path)
    heard: list[_Heard] = []
    seconds = work = 0.0
    console = Console(stderr=True)
    for row, path in zip(
        track(rows, "listening", console=console, transient=True, disable=not sys.stderr.isatty()), paths, strict=True
    ):
        samples = audio.read(path)
        began = time.perf_counter()
        text = _transcribe(recognizer, samples)
        work += time.perf_counter() - began
        seconds += len(samples) / audio.RATE
        heard.append(_Heard(row, text, word_errors(row["text"], text)))
    return {
        "model": chosen.name,
        "checksum": chosen.checksum,
        **_counts(heard),
        "interval": _interval(heard),
        "seconds": round(seconds, 2),
        "real_time_factor": round(work / seconds, 4) if seconds else None,
        "groups": _groups(heard),
        "worst": _worst(heard),
    }


def _transcribe(recognizer: Recognizer, samples: Samples) -> str:
    hearing = recognizer.utterance()
    hearing.feed(samples)
    return " ".join(word.text for word in hearing.finish(0.0))


def _counts(heard: Sequence[_Heard]) -> dict[str, Any]:
    words = sum(h.errors.words for h in heard)
    return {
        "wer": round(sum(h.errors.total for h in heard) / words, 4),
        "files": len(heard),
        "words": words,
        "substitutions": sum(h.errors.substitutions for h in heard),
        "insertions": sum(h.errors.insertions for h in heard),
        "deletions": sum(h.errors.deletions for h in heard),
    }


def _groups(heard: Sequence[_Heard]) -> list[dict[str, Any]]:
    """Counts of each value of the columns corpus and group, in the manifest's order, where there are several."""
    rows = []
    for column in ("corpus", "group"):
        values = list(dict.fromkeys(h.row.get(column, "") for h in heard))
        if len(values) > 1:
            for value in values:
                members = [h for h in heard if h.row[column] == value]
                rows.append({"column": column, "value": value, **_counts(members)})
    return rows


def _interval(heard: Sequence[_Heard]) -> list[float] | None:
    """95 % interval of the word error rate: speakers (or utterances) are drawn again and again, with replacement.

    The utterances of one speaker are wrong together, so drawing utterances alone would promise too much. M. Bisani and
    H. Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", ICASSP 2004.
    """
    import numpy as np

    speakers = [f"{h.row.get('corpus', '')}/{h.row.get('speaker', '')}" for h in heard]
    if len(set(speakers)) < _FEWEST:
        speakers = [str(i) for i in range(len(heard))]
    units = {speaker: i for i, speaker in enumerate(dict.fromkeys(speakers))}
    if len(units) < 2:
        return None
    counts = np.zeros((len(units), 2))
    for speaker, h in zip(speakers, heard, strict=True):
        counts[units[speaker]] += h.errors.total, h.errors.words
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(_SAMPLES):
        errors, words = counts[rng.integers(len(units), size=len(units))].sum(axis=0)
        rates.append(errors / words)
    return [round(float(edge), 4) for edge in np.quantile(rates, (0.025, 0.975))]


def _worst(heard: Sequence[_Heard]) -> list[dict[str, Any]]:
    wrong = [h for h in heard if h.errors.total]
    wrong.sort(key=lambda h: (-h.errors.total / h.errors.words, -h.errors.total, h.row["path"]))
    return [
        {
            "path": h.row["path"],
            "wer": round(h.errors.total / h.errors.words, 4),
            "said": " ".join(normalise(h.row["text"])),
            "heard": " ".join(normalise(h.text)),
        }
        for h in wrong[:_WORST]
    ]


def render(result: dict[str, Any]) -> str:
    """The result of `evaluate` for people."""
    between = "" if result["interval"] is None else " (95 % between {:.1%} and {:.1%})".format(*result["interval"])
    lines = [
        f"{result['wer']:.1%} of the words wrong{between}: {result['model']}",
        "{files} files, {words} words: {substitutions} substituted, {insertions} inserted, {deletions} deleted".format(
            **result
        ),
        f"{result['seconds']:.1f} s of audio, real-time factor {result['real_time_factor']}",
    ]
    if result["groups"]:
        wide = max(len(row["value"]) for row in result["groups"])
        lines += ["", *(f"  {row['column']:<7}{_row(row, wide)}" for row in result["groups"])]
    if result["worst"]:
        lines += ["", "worst:"]
        for row in result["worst"]:
            lines += [f"  {row['path']} ({row['wer']:.0%})", f"    said   {row['said']}", f"    heard  {row['heard']}"]
    return "\n".join(lines)


def _row(row: dict[str, Any], wide: int) -> str:
    return f"{row['value']:<{wide}}  {row['wer']:>6.1%}  {row['files']:>4} files  {row['words']:>6} words"
