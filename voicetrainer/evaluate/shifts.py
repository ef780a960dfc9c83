"""Whether a learner is told the truth: recordings shifted by a known pitch, gain or tempo, each judged against itself.

Resampling, which moves pitch and tempo together and changes nothing else, and gain are exact. Pitch or tempo alone is
shifted by ``sox`` or ``rubberband``, programs of other people's, or by librosa's phase vocoder, whose own errors count
here too: the last one spreads every sound over an eighth of a second, so that speech is hard to follow.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voicetrainer.errors import AudioError, ManifestError
from voicetrainer.evaluate import manifest as table
from voicetrainer.evaluate import steadiness as steady
from voicetrainer.evaluate.way import Way
from voicetrainer.roleplay import steadiness
from voicetrainer.roleplay.events import Prosody

if TYPE_CHECKING:
    from voicetrainer.speech.audio import Samples

COLUMNS = ("path",)
PITCH, GAIN, TEMPO = (-3.0, -1.5, 2.0, 4.0), (-10.0, -4.0, 6.0), (0.8, 0.9, 1.15, 1.3)
"""Shifts unless others are given: semitones, dB, times as fast."""
WITHIN = {"pitch": 0.3, "gain": 1.0, "tempo": 0.05}
"""What counts as right: semitones, dB, share."""
RESAMPLE = "resample"
LIBROSA = "librosa"
PROGRAMS = ("sox", "rubberband")
SHIFTERS = (RESAMPLE, *PROGRAMS, LIBROSA)
LONG = 4.0
"""Seconds from which a recording also counts as a long one."""

_LOUDEST = 0.99  # of full scale; a louder one is turned down before it is shifted


@dataclass(frozen=True)
class _Told:
    what: str
    shifter: str
    by: float
    error: float
    """In units of `WITHIN`; infinite when nothing was told."""
    seconds: float


def evaluate(
    manifest: Path,
    *,
    pitch: Sequence[float] = PITCH,
    gain: Sequence[float] = GAIN,
    tempo: Sequence[float] = TEMPO,
    shifters: Sequence[str] = (),
    noise: float | None = None,
    words: bool = False,
    limit: int | None = None,
) -> dict[str, Any]:
    """Shift every recording and compare what `steadiness.judge` says with what was done.

    Parameters
    ----------
    manifest
        CSV with the columns `COLUMNS`.
    pitch, gain, tempo
        Shifts, in semitones, dB and times as fast.
    shifters
        Of `SHIFTERS`; when empty, all that are there but librosa, whose effects compile for 20 s on a fresh install.
        Resampling is done for each pitch.
    noise
        Adds white noise so many dB below each recording after it was shifted.
    words
        Let the recogniser hear them, as in a call.
    limit
        Only the first so many rows.

    Raises
    ------
    ManifestError
        For a bad manifest, a shifter that is unknown or missing, noise out of range.
    AudioError
        For a recording that cannot be read.
    """
    from voicetrainer.speech import audio

    missing = [name for name in PROGRAMS if not shutil.which(name)]
    shifters = tuple(shifters) or tuple(name for name in (RESAMPLE, *PROGRAMS) if name not in missing)
    for name in shifters:
        if name not in SHIFTERS:
            raise ManifestError(f"no shifter {name!r}", f"there are {', '.join(SHIFTERS)}")
        if name in missing:
            package = "rubberband-cli" if name == "rubberband" else name
            raise ManifestError(f"the program {name} is not installed", f"on Debian: apt install {package}")
    listen = _listener(words)
    way = Way(noise=noise)
    told: list[_Told] = []
    left = 0
    rows = table.read(manifest, COLUMNS)[:limit]
    for i, row in enumerate(steady._progress(rows)):
        samples = _with_headroom(audio.read(table.audio(manifest, row)), max((0.0, *gain)))

        def hear(sound: Samples, seed: int = i) -> Prosody:
            return listen(way(sound, seed))

        calm = hear(samples)
        if steadiness._unfit(calm):
            left += 1
            continue
        own, seconds = steadiness.calibrate([calm]), len(samples) / audio.RATE
        for shifter, sound, done in _shifted(samples, pitch, gain, tempo, shifters):
            verdict = steadiness.judge(hear(sound), own, 0.0, 1)
            found = {"pitch": verdict.pitch, "gain": verdict.loudness, "tempo": verdict.rate}
            for what, by in done.items():
                value = found[what]
                error = float("inf") if value is None else value / by - 1 if what == "tempo" else value - by
                told.append(_Told(what, shifter, by, error, seconds))
    return {
        "manifest": str(manifest),
        "noise": noise,
        "words": words,
        "recordings": len(rows),
        "not_judged": left,
        "shifts": _figures(told, lambda t: (t.what, t.shifter, round(t.by, 3))),
        "all": _figures(told, lambda t: (t.what, t.shifter, None)),
    }


def _with_headroom(samples: Samples, gain: float) -> Samples:
    """Turned down where it would be cut off by a gain in dB."""
    loudest = float(np.abs(samples).max(initial=0.0)) * 10 ** (gain / 20)
    return samples * np.float32(min(1.0, _LOUDEST / max(loudest, _LOUDEST)))


def _shifted(
    samples: Samples, pitch: Sequence[float], gain: Sequence[float], tempo: Sequence[float], shifters: Sequence[str]
) -> Iterator[tuple[str, Samples, dict[str, float]]]:
    """By whom a recording is shifted, what comes out, and what was done to it."""
    from voicetrainer.speech import audio

    for db in gain:
        yield "exact", samples * np.float32(10 ** (db / 20)), {"gain": db}
    for name in shifters:
        for semitones in pitch:
            ratio = 2 ** (semitones / 12)
            if name == RESAMPLE:
                played = audio.resample(samples, round(audio.RATE * ratio), audio.RATE)
                yield name, played, {"pitch": semitones, "tempo": ratio}
            else:
                yield name, _shift(name, samples, semitones, 1.0), {"pitch": semitones}
        for times in tempo if name != RESAMPLE else ():
            yield name, _shift(name, samples, 0.0, times), {"tempo": times}


def _shift(name: str, samples: Samples, semitones: float, times: float) -> Samples:
    """Pitch or tempo alone."""
    return (_by_librosa if name == LIBROSA else partial(_by_program, name))(samples, semitones, times)


def _by_librosa(samples: Samples, semitones: float, times: float) -> Samples:
    from librosa import effects

    from voicetrainer.speech import audio

    if semitones:
        return np.asarray(effects.pitch_shift(samples, sr=audio.RATE, n_steps=semitones), np.float32)
    return np.asarray(effects.time_stretch(samples, rate=times), np.float32)


def _by_program(name: str, samples: Samples, semitones: float, times: float) -> Samples:
    from voicetrainer.speech import audio

    with tempfile.TemporaryDirectory() as folder:
        before, after = str(Path(folder) / "before.wav"), str(Path(folder) / "after.wav")
        audio.write(before, samples)
        command = {
            ("sox", False): ["sox", before, after, "tempo", "-s", str(times)],
            ("sox", True): ["sox", before, after, "pitch", str(round(100 * semitones))],
            ("rubberband", False): ["rubberband", "--quiet", "--fine", "--tempo", str(times), before, after],
            ("rubberband", True): ["rubberband", "--quiet", "--fine", "--pitch", str(semitones), before, after],
        }[name, semitones != 0]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AudioError(f"{name} failed: {done.stderr.strip()[-200:]}", f"try {' '.join(command[:1])} by hand")
        return audio.read(after)


def _listener(words: bool) -> Callable[[Samples], Prosody]:
    """Measures a recording, with the words that the recogniser hears in it or without."""
    from voicetrainer.speech import prosody

    if not words:
        return prosody.measure
    from voicetrainer import models
    from voicetrainer.speech.recognizer import Recognizer

    recognizer = Recognizer(models.choose(None).path)

    return lambda samples: prosody.measure(samples, recognizer.hear(samples))


def _figures(told: Sequence[_Told], key: Callable[[_Told], tuple[Any, ...]]) -> list[dict[str, Any]]:
    out = []
    for what, shifter, by in sorted({key(t) for t in told}, key=lambda k: (list(WITHIN).index(k[0]), *map(str, k[1:]))):
        here = [t for t in told if key(t) == (what, shifter, by)]
        right = np.array([abs(t.error) <= WITHIN[what] + 1e-9 for t in here])
        long = np.array([t.seconds >= LONG for t in here])
        known = [t.error for t in here if np.isfinite(t.error)]
        out.append(
            {
                "what": what,
                "shifter": shifter,
                "by": by,
                "recordings": len(here),
                "told": round(len(known) / len(here), 4),
                "right": round(float(right.mean()), 4),
                "right_long": round(float(right[long].mean()), 4) if long.any() else None,
                "long": int(long.sum()),
                "median_error": round(float(np.median(known)), 4) if known else None,
                "median_size": round(float(np.median(np.abs(known))), 4) if known else None,
            }
        )
    return out


def render(result: Mapping[str, Any]) -> str:
    """The result as text for people."""
    lines = [
        f"{result['recordings']} recordings, {result['not_judged']} of them not fit to be judged; right within "
        + ", ".join(f"{_size(what, size)} of {what}" for what, size in WITHIN.items()),
        "",
        f"{'':28}{'told':>8}{'right':>8}{f'{LONG:g} s and more':>18}{'median error':>15}",
    ]
    for group in ("shifts", "all"):
        for row in result[group]:
            by = "all" if row["by"] is None else f"{row['by']:+g}" if row["what"] != "tempo" else f"x {row['by']:g}"
            long = "-" if row["right_long"] is None else f"{row['right_long']:.1%} of {row['long']}"
            error = "-" if row["median_size"] is None else _size(row["what"], row["median_size"])
            shares = f"{row['told']:>8.1%}{row['right']:>8.1%}{long:>18}"
            lines.append(f"{row['what']:6} {by:>8} {row['shifter']:12}{shares}{error:>15}")
        lines.append("")
    return "\n".join(lines).rstrip()


def _size(what: str, value: float) -> str:
    return f"{value:.1%}" if what == "tempo" else f"{value:.2g} {'semitones' if what == 'pitch' else 'dB'}"
