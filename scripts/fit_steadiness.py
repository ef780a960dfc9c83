#!/usr/bin/env python
"""Fit the judge of a steady voice to recordings with known emotions, and measure it on speakers it has not seen.

::

    python scripts/fit_steadiness.py MANIFEST            # columns corpus,speaker,emotion,path,calib
    python scripts/fit_steadiness.py MANIFEST --check    # exit with 1 unless the coefficients are those that ship
    python scripts/fit_steadiness.py MANIFEST --nested   # which parts there are is chosen without the speakers too

Prints the coefficients for `voicetrainer.roleplay.steadiness`, then how well they order voices when each speaker, and
when each corpus, is left out of the fit, as recorded and at one level with noise 20 dB below; what judging without a
calm sample takes; how often another voice is refused (by the column ``sex``, if there is one); and how often a change
within an utterance is seen when utterances of one speaker are joined.
"""

from __future__ import annotations

import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from voicetrainer.errors import AudioError, VoicetrainerError
from voicetrainer.evaluate import manifest as table
from voicetrainer.evaluate import steadiness as figures
from voicetrainer.evaluate.way import Way
from voicetrainer.roleplay import steadiness
from voicetrainer.roleplay.events import Baseline, Prosody
from voicetrainer.speech import audio, prosody

Floats = NDArray[np.float64]
Person = tuple[str, str]
"""Corpus and speaker."""

PARTS = (
    ("tilt", steadiness._TILT),
    ("body", steadiness._BODY),
    ("pitch", steadiness._PITCH),
    ("lilt", steadiness._LILT),
    ("ending", steadiness._ENDING),
    ("unison", steadiness._UNISON),
    ("climb", steadiness._CLIMB),
    ("thinning", steadiness._THINNING),
)
OWN = tuple(name for name, _ in PARTS if name != "pitch")
"""Parts that are plain differences."""
OTHER = (("pitch_spread", (0.0, -2.0, 2.0)), ("syllable_rate", (0.0, -2.0, 2.0)), ("loudness", (0.0, -6.0, 6.0)))
"""Measurements that are no part of the judge, for `--nested`."""
UNITS = np.array([4.0, 3.0, 2.0, 0.1, 5.0, 0.25, 0.4, 5.0, 1.0, 1.0, 6.0])
"""What counts as one step of each part and of the others, so that the ridge holds all of them back alike."""
ALWAYS, LIMITS = 3, np.array([p[1][1:] for p in (*PARTS, *OTHER)])
"""Parts that are in every choice (tilt, body and pitch); the range of each that counts."""
JUDGE = tuple(range(len(PARTS)))
RIDGE = 0.02
WEIGHTS = {"angry": (("angry",), 1.0), "calm": (figures.CALM, 0.75), "happy": (("happy",), 0.25)}
OTHERS = 0.1
DIGITS = (2, 2, 2, 1, 2, 1, 1, 2)
SEED = 0
JOINS = ("calm calm", "calm angry", "angry calm", "angry angry", "happy happy", "calm happy", "calm angry calm")
TIMES = 4
"""Joined utterances of each kind and speaker."""


@dataclass(frozen=True)
class Sounds:
    """Utterances as the judge sees them."""

    parts: Floats
    """Differences from the speaker's calm voice, shape (n, 11), columns as in `PARTS` and `OTHER`."""
    emotion: NDArray[np.str_]
    corpus: NDArray[np.str_]
    speaker: NDArray[np.str_]

    def weights(self) -> Floats:
        """What each counts: every corpus the same, and within it each emotion by `WEIGHTS`."""
        out = np.zeros(len(self.emotion))
        named = {name for names, _ in WEIGHTS.values() for name in names}
        groups = [*WEIGHTS.values(), *(((name,), OTHERS) for name in sorted(set(self.emotion.tolist()) - named))]
        for corpus in set(self.corpus.tolist()):
            for names, weight in groups:
                inside = (self.corpus == corpus) & np.isin(self.emotion, names)
                out[inside] = weight / max(int(inside.sum()), 1)
        return np.asarray(out / out.sum())

    def only(self, which: NDArray[np.bool_]) -> Sounds:
        """Some of them."""
        return Sounds(self.parts[which], self.emotion[which], self.corpus[which], self.speaker[which])


def limited(parts: Floats, columns: Sequence[int]) -> Floats:
    """Some of the parts within the range that counts, in `UNITS`."""
    at = list(columns)
    return np.asarray(np.clip(parts[:, at], LIMITS[at, 0], LIMITS[at, 1]) / UNITS[at])


def fit(several: Sequence[Sounds], columns: Sequence[int] = JUDGE) -> Floats:
    """Bias and weights of the ridge-regularised logistic, by Newton's method; shape (1 + columns,)."""
    x = np.concatenate([limited(s.parts, columns) for s in several])
    x = np.concatenate((np.ones((len(x), 1)), x), axis=1)
    angry = np.concatenate([s.emotion == figures.ANGRY for s in several]).astype(np.float64)
    weight = np.concatenate([s.weights() for s in several]) / len(several)
    ridge = np.diag([1e-6, *[RIDGE] * len(columns)])
    b = np.zeros(x.shape[1])
    for _ in range(40):
        p = 1 / (1 + np.exp(-x @ b))
        slope = x.T @ (weight * (p - angry)) + ridge @ b
        step = np.linalg.solve((x * (weight * p * (1 - p))[:, None]).T @ x + ridge, slope)
        b = b - step
        if np.abs(step).max() < 1e-9:
            break
    return np.concatenate((b[:1], b[1:] / UNITS[list(columns)]))


def evidence(parts: Floats, b: Floats, columns: Sequence[int] = JUDGE) -> Floats:
    """What the logistic is taken of."""
    return np.asarray(b[0] + (limited(parts, columns) * UNITS[list(columns)]) @ b[1:])


def left_out(several: Sequence[Sounds], field: str, columns: Sequence[int] = JUDGE) -> list[Floats]:
    """Evidence of each utterance by a fit that has not seen its speaker (or corpus)."""
    out = [np.zeros(len(s.emotion)) for s in several]
    for name in sorted({n for s in several for n in getattr(s, field).tolist()}):
        b = fit([s.only(getattr(s, field) != name) for s in several], columns)
        for s, scores in zip(several, out, strict=True):
            inside = getattr(s, field) == name
            scores[inside] = evidence(s.parts[inside], b, columns)
    return out


def chosen(several: Sequence[Sounds]) -> tuple[int, ...]:
    """The columns that do best when each corpus is left out of the fit; tilt, body and pitch always among them."""
    free = range(ALWAYS, len(UNITS))
    best, choice = -1.0, JUDGE
    for count in range(len(free) + 1):
        for more in combinations(free, count):
            columns = (*range(ALWAYS), *more)
            worth = []
            for s, score in zip(several, left_out(several, "corpus", columns), strict=True):
                angry, calm = s.emotion == figures.ANGRY, np.isin(s.emotion, figures.CALM)
                happy = s.emotion == "happy"
                worth += [figures._auc(score[angry], score[calm]), figures._auc(score[angry], score[happy])]
            if (mean := float(np.mean([w for w in worth if w is not None]))) > best:
                best, choice = mean, columns
    return choice


def nested(several: Sequence[Sounds], field: str) -> Iterator[str]:
    """Figures where neither the weights nor the choice of parts saw the speaker (or corpus)."""
    out = [np.zeros(len(s.emotion)) for s in several]
    names = np.array([name for name, _ in (*PARTS, *OTHER)])
    taken: Counter[str] = Counter()
    people = sorted({n for s in several for n in getattr(s, field).tolist()})
    for name in people:
        rest = [s.only(getattr(s, field) != name) for s in several]
        columns = chosen(rest)
        taken.update(names[list(columns[ALWAYS:])].tolist())
        b = fit(rest, columns)
        for s, scores in zip(several, out, strict=True):
            inside = getattr(s, field) == name
            scores[inside] = evidence(s.parts[inside], b, columns)
    for condition, s, score in zip(("", ", level and noise"), several, out, strict=True):
        yield line(f"{field} left out{condition}", score, s)
    yield f"taken in {len(people)} choices: " + ", ".join(f"{n} {k}" for n, k in taken.most_common())


def without(several: Sequence[Sounds]) -> Iterator[str]:
    """What is lost when one part is left out of the judge, and when all that could be are."""
    names = [name for name, _ in PARTS]
    for drop in ((), *((i,) for i in JUDGE[ALWAYS:]), JUDGE[4:], JUDGE[ALWAYS:]):
        columns = tuple(i for i in JUDGE if i not in drop)
        text = "all eight" if not drop else "without " + ", ".join(names[i] for i in drop)
        for field in ("speaker", "corpus"):
            yield line(f"{text}, {field}"[-34:], left_out(several, field, columns)[0], several[0])


def line(name: str, score: Floats, s: Sounds) -> str:
    """One row of figures."""
    angry, calm = s.emotion == figures.ANGRY, np.isin(s.emotion, figures.CALM)
    threshold = np.quantile(score[angry], 1 - figures.CAUGHT)
    called = "  ".join(f"{e} {np.mean(score[s.emotion == e] >= threshold):4.0%}" for e in ("calm", "neutral", "happy"))
    auc, rest = figures._auc(score[angry], score[calm]), figures._auc(score[angry], score[~angry])
    return f"{name:34} {auc:.3f} {rest:.3f}   {called}"


def measured(manifest: Path, rows: Sequence[dict[str, str]], way: Way) -> list[Prosody]:
    """Every recording."""
    return [figures._measure(table.audio(manifest, row), way, i) for i, row in enumerate(figures._progress(rows))]


def calm_voices(rows: Sequence[dict[str, str]], sounds: Sequence[Prosody]) -> dict[Person, Baseline]:
    """Each speaker's own calm voice."""
    calm: dict[Person, list[Prosody]] = defaultdict(list)
    for row, sound in zip(rows, sounds, strict=True):
        if row["calib"] == "1":
            calm[row["corpus"], row["speaker"]].append(sound)
    return {who: steadiness.calibrate(found) for who, found in calm.items()}


def judged(rows: Sequence[dict[str, str]], sounds: Sequence[Prosody], people: bool = False) -> Sounds:
    """The utterances that can be judged, against each speaker's calm voice or against people in general."""
    own = calm_voices(rows, sounds)
    kept = [(r, p) for r, p in zip(rows, sounds, strict=True) if r["calib"] != "1" and not steadiness._unfit(p)]
    parts = []
    for row, sound in kept:
        base = steadiness.PEOPLE if people else own[row["corpus"], row["speaker"]]
        pitch = steadiness._difference(steadiness._semitones(sound.pitch), steadiness._semitones(base.pitch))
        rest = {n: steadiness._difference(getattr(sound, n), getattr(base, n)) for n in (*OWN, *(n for n, _ in OTHER))}
        parts.append([{**rest, "pitch": pitch}[name] or 0.0 for name, _ in (*PARTS, *OTHER)])
    return Sounds(
        np.array(parts),
        np.array([r["emotion"] for r, _ in kept]),
        np.array([r["corpus"] for r, _ in kept]),
        np.array([f"{r['corpus']}/{r['speaker']}" for r, _ in kept]),
    )


def people(rows: Sequence[dict[str, str]], sounds: Sequence[Prosody]) -> Iterator[str]:
    """The calm voice of people in general, and how far calm people lie apart."""
    calm = [(r["corpus"], p) for r, p in zip(rows, sounds, strict=True) if r["emotion"] in figures.CALM]
    for name in OWN:
        means = []
        for corpus in sorted({c for c, _ in calm}):
            found = [getattr(p, name) for c, p in calm if c == corpus and getattr(p, name) is not None]
            means.append(float(np.mean(found)))
        yield f"{name} {np.mean(means):.2f} (shipped {getattr(steadiness.PEOPLE, name)})"


def courses(manifest: Path, rows: Sequence[dict[str, str]], own: dict[Person, Baseline]) -> Iterator[str]:
    """How often joined utterances of one speaker are said to rise and to settle."""
    said: dict[Person, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["calib"] != "1":
            emotion = "calm" if row["emotion"] in figures.CALM else row["emotion"]
            said[row["corpus"], row["speaker"]][emotion].append(table.audio(manifest, row))
    rng = random.Random(SEED)
    for kind in JOINS:
        seen = []
        for who, recordings in said.items():
            for _ in range(TIMES):
                paths = [rng.choice(recordings[e]) for e in kind.split() if recordings[e]]
                if len(set(paths)) == len(kind.split()):
                    sound = prosody.measure(np.concatenate([audio.read(p) for p in paths]))
                    seen.append(steadiness.judge(sound, own[who], 0.0, 1))
        rose = np.mean([v.rise is not None for v in seen])
        settled = np.mean([v.recovery is not None for v in seen])
        yield f"{kind:20} rose {rose:4.0%}  settled {settled:4.0%}  of {len(seen)}"


def voices(rows: Sequence[dict[str, str]], sounds: Sequence[Prosody], own: dict[Person, Baseline]) -> Iterator[str]:
    """How often a voice is refused as another one: the right speaker's, and others' of the same corpus by sex."""
    refused: dict[str, list[bool]] = defaultdict(list)
    sex = {(r["corpus"], r["speaker"]): r.get("sex", "") for r in rows}
    for who, base in own.items():
        for row, sound in zip(rows, sounds, strict=True):
            speaker = (row["corpus"], row["speaker"])
            if row["calib"] == "1" or who[0] != speaker[0] or steadiness._unfit(sound):
                continue
            other = bool(steadiness._other(sound, base))
            if speaker == who:
                refused["the right speaker, all"].append(other)
                refused[f"the right speaker, {row['emotion']}"].append(other)
            elif row["emotion"] in figures.CALM:
                refused[f"{sex[who] or '?'}'s sample, {sex[speaker] or '?'} heard, calm"].append(other)
    for name in sorted(refused):
        yield f"{name:34} refused {np.mean(refused[name]):5.1%} of {len(refused[name])}"


def main(
    manifest: Path = typer.Argument(..., help="CSV with columns corpus,speaker,emotion,path,calib."),
    check: bool = typer.Option(False, "--check", help="Exit with 1 unless the coefficients are those that ship."),
    nest: bool = typer.Option(False, "--nested", help="Choose the parts without the speakers too; takes minutes."),
) -> None:
    """Fit and measure the judge of a steady voice."""
    rows = table.read(manifest, figures.COLUMNS)
    figures._check(manifest, rows)
    sounds = [measured(manifest, rows, way) for way in (figures.PLAIN, Way("rms", 20.0))]
    try:
        several = [judged(rows, s) for s in sounds]
    except AudioError as error:
        raise AudioError(f"{manifest}: a speaker's calibration: {error.message}", error.hint) from None
    if nest:
        for text in (*without(several), "", *nested(several, "speaker"), "", *nested(several, "corpus")):
            print(text, flush=True)
        return
    b = fit(several)
    shipped = [steadiness._BIAS, *(p[1][0] for p in PARTS)]
    rounded = [round(float(x), n) for x, n in zip(b, (1, *DIGITS), strict=True)]
    for name, value, ships in zip(("bias", *(p[0] for p in PARTS)), rounded, shipped, strict=True):
        print(f"{name:6} {value:6g}   shipped {ships:g}")
    print(f"\n{'':34} angry/calm, angry/rest; called raised where {figures.CAUGHT:.0%} of angry is")
    for field in ("speaker", "corpus"):
        for condition, s, score in zip(("", ", level and noise"), several, left_out(several, field), strict=True):
            print(line(f"{field} left out{condition}", score, s))
    general = judged(rows, sounds[0], people=True)
    score = evidence(general.parts, np.array(shipped))
    print(line("no calm sample", score, general))
    calm = np.isin(general.emotion, figures.CALM)
    own = evidence(several[0].parts, np.array(shipped))[np.isin(several[0].emotion, figures.CALM)]
    print("\npeople in general: " + ", ".join(people(rows, sounds[0])))
    print(
        f"calm utterances lie {np.std(own):.2f} apart with a sample (shipped {steadiness._OWN_SPREAD} and the sample's "
        f"own share), {np.std(score[calm]):.2f} without (shipped {steadiness._PEOPLE_SPREAD})\n"
    )
    own_voices = calm_voices(rows, sounds[0])
    for text in (*voices(rows, sounds[0], own_voices), "", *courses(manifest, rows, own_voices)):
        print(text)
    if check and rounded != shipped:
        raise typer.Exit(1)


if __name__ == "__main__":
    try:
        typer.run(main)
    except VoicetrainerError as error:
        print(f"error: {error.message}\n  try: {error.hint}", file=sys.stderr)
        sys.exit(2)
