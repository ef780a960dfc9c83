"""How well a raised voice is told from a calm one: recordings with known emotions through the judge that a call uses.

Each speaker's calm voice comes from their ``calib=1`` rows; all other rows are scored against it. Nothing is fitted
here. Acted emotions are a stand-in: the figures say how the judge orders voices, not what people feel.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicetrainer.errors import AudioError, ManifestError
from voicetrainer.evaluate import manifest as table
from voicetrainer.evaluate.way import Way
from voicetrainer.roleplay import steadiness
from voicetrainer.roleplay.events import Prosody, Steadiness

COLUMNS = ("corpus", "speaker", "emotion", "path", "calib")
ANGRY = "angry"
CALM = ("calm", "neutral")
PLAIN = Way()
CAUGHT = 0.8
"""Share of angry utterances that the reported threshold catches."""

_RESAMPLES = 1000


@dataclass(frozen=True)
class _Scored:
    corpus: str
    speaker: str
    emotion: str
    verdict: Steadiness

    @property
    def score(self) -> float:
        assert self.verdict.score is not None
        return self.verdict.score


def evaluate(manifest: Path, way: Way = PLAIN, *, baseline: bool = True, calls_only: bool = False) -> dict[str, Any]:
    """Judge every recording of a manifest.

    Parameters
    ----------
    manifest
        CSV with the columns `COLUMNS`; ``calib`` is 1 for the speaker's calm sentences, else 0.
    way
        How every recording reaches the program.
    baseline
        False judges every speaker as one who was never calibrated.
    calls_only
        Leaves the calm sentences as they were recorded: calibrated in one place, heard in another.

    Returns
    -------
    dict
        ``auc_angry_vs_calm`` (calm and neutral together), ``auc_angry_vs_rest``, their 95 % intervals from
        resampling speakers (``..._ci``), ``eer`` (angry against calm), ``threshold`` that catches 80 % of angry and
        ``called_raised`` there (share of each emotion), ``levels`` as the call would say them, the same per corpus
        under ``corpora``, and counts with abstentions. Without angry rows, of people at work, the levels say it all.

    Raises
    ------
    ManifestError
        For a bad manifest, a speaker without calibration, nothing to judge, angry rows without calm ones.
    AudioError
        For a recording that cannot be read.
    """
    rows = table.read(manifest, COLUMNS)
    _check(manifest, rows)
    sound = [
        _measure(table.audio(manifest, row), PLAIN if calls_only and row["calib"] == "1" else way, i)
        for i, row in enumerate(_progress(rows))
    ]
    calm: dict[tuple[str, str], list[Prosody]] = defaultdict(list)
    for row, prosody in zip(rows, sound, strict=True):
        if row["calib"] == "1":
            calm[row["corpus"], row["speaker"]].append(prosody)
    baselines = {}
    for who, prosodies in calm.items():
        try:
            baselines[who] = steadiness.calibrate(prosodies)
        except AudioError as error:
            raise ManifestError(f"{manifest}: speaker {'/'.join(who)}: {error.message}", error.hint) from None
    scored, abstained = [], Counter[str]()
    for row, prosody in zip(rows, sound, strict=True):
        if row["calib"] == "1":
            continue
        own = baselines[row["corpus"], row["speaker"]] if baseline else None
        verdict = steadiness.judge(prosody, own, 0.0, 1)
        if verdict.score is None:
            abstained[row["emotion"]] += 1
        else:
            scored.append(_Scored(row["corpus"], row["speaker"], row["emotion"], verdict))
    result = {
        "manifest": str(manifest),
        **asdict(way),
        "baseline": baseline,
        "calls_only": calls_only,
        "utterances": len(rows) - sum(map(len, calm.values())),
        "calibration_utterances": sum(map(len, calm.values())),
        "abstained": dict(sorted(abstained.items())),
    } | _figures(scored)
    result["corpora"] = {name: _figures([s for s in scored if s.corpus == name]) for name in _names(scored, "corpus")}
    return result


def _check(manifest: Path, rows: Sequence[dict[str, str]]) -> None:
    calibrated = {(row["corpus"], row["speaker"]) for row in rows if row["calib"] == "1"}
    for row in rows:
        where = f"{manifest}:{row[table.LINE]}"
        for column in ("speaker", "emotion"):
            if not row[column]:
                raise ManifestError(f"{where}: {column} is empty", f"give the {column} of every row")
        if row["calib"] not in {"0", "1"}:
            raise ManifestError(
                f"{where}: calib is {row['calib']!r}", "write 1 for a calm calibration sentence, else 0"
            )
        if (row["corpus"], row["speaker"]) not in calibrated:
            raise ManifestError(
                f"{where}: speaker {row['corpus']}/{row['speaker']} has no calibration row",
                "mark two or three calm sentences of each speaker with calib=1",
            )
        table.audio(manifest, row)
    emotions = {row["emotion"] for row in rows if row["calib"] == "0"}
    if not emotions:
        raise ManifestError(f"{manifest}: no rows to judge", "give calib=0 to what is no calm sample")
    if ANGRY in emotions and not emotions & set(CALM):
        raise ManifestError(f"{manifest}: no {' or '.join(CALM)} rows beside calibration", "leave some with calib=0")


def _measure(path: Path, way: Way, seed: int) -> Prosody:
    from voicetrainer.speech import audio, prosody

    return prosody.measure(way(audio.read(path), seed))


def _progress(rows: Sequence[dict[str, str]]) -> Iterator[dict[str, str]]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(rows, "listening", console=console, disable=not console.is_terminal, transient=True)


def _names(scored: Iterable[_Scored], field: str) -> list[str]:
    return sorted({getattr(s, field) for s in scored})


def _figures(scored: Sequence[_Scored]) -> dict[str, Any]:
    score = np.array([s.score for s in scored])
    emotion = np.array([s.emotion for s in scored])
    angry = emotion == ANGRY
    calm = np.isin(emotion, CALM)
    speakers = np.array([f"{s.corpus}/{s.speaker}" for s in scored])
    threshold = _round(np.quantile(score[angry], 1 - CAUGHT)) if angry.any() else None
    called = {} if threshold is None else {e: _round(np.mean(score[emotion == e] >= threshold)) for e in _set(emotion)}
    levels = np.array([s.verdict.level for s in scored])
    return {
        "judged": len(scored),
        "speakers": len(set(speakers)),
        "auc_angry_vs_calm": _auc(score[angry], score[calm]),
        "auc_angry_vs_calm_ci": _interval(score, angry, calm, speakers),
        "auc_angry_vs_rest": _auc(score[angry], score[~angry]),
        "auc_angry_vs_rest_ci": _interval(score, angry, ~angry, speakers),
        "eer": _eer(score[angry], score[calm]),
        "threshold": threshold,
        "called_raised": called,
        "levels": {
            e: {name: _round(np.mean(levels[emotion == e] == name)) for name in ("steady", "tense", "raised")}
            for e in _set(emotion)
        },
        "counts": {e: int(np.sum(emotion == e)) for e in _set(emotion)},
    }


def _set(emotion: NDArray[np.str_]) -> list[str]:
    return sorted({str(e) for e in emotion})


def _round(value: Any) -> float:
    return round(float(value), 4)


def _auc(high: NDArray[np.float64], low: NDArray[np.float64]) -> float | None:
    """Share of pairs in the right order, ties half; None without pairs."""
    if not len(high) or not len(low):
        return None
    low = np.sort(low)
    below = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return _round(below.mean() / (2 * len(low)))


def _eer(high: NDArray[np.float64], low: NDArray[np.float64]) -> float | None:
    """Rate at which as many angry ones are missed as calm ones are called angry."""
    if not len(high) or not len(low):
        return None
    cuts = np.unique(np.concatenate((high, low)))
    missed = np.searchsorted(np.sort(high), cuts, "left") / len(high)
    false = 1 - np.searchsorted(np.sort(low), cuts, "left") / len(low)
    at = int(np.argmin(np.abs(missed - false)))
    return _round((missed[at] + false[at]) / 2)


def _interval(
    score: NDArray[np.float64], high: NDArray[np.bool_], low: NDArray[np.bool_], speakers: NDArray[np.str_]
) -> list[float] | None:
    """95 % of the AUCs when speakers are drawn again and again; None with fewer than two speakers."""
    names = sorted(set(speakers.tolist()))
    if len(names) < 2:
        return None
    rng = np.random.default_rng(0)
    highs = [score[(speakers == n) & high] for n in names]
    lows = [score[(speakers == n) & low] for n in names]
    values = []
    for _ in range(_RESAMPLES):
        drawn = rng.integers(len(names), size=len(names))
        value = _auc(np.concatenate([highs[i] for i in drawn]), np.concatenate([lows[i] for i in drawn]))
        if value is not None:
            values.append(value)
    return [_round(x) for x in np.percentile(values, (2.5, 97.5))] if values else None


def render(result: Mapping[str, Any]) -> str:
    """The result as text for people."""
    lines = [
        f"{result['judged']} of {result['utterances']} utterances judged, {result['speakers']} speakers, "
        f"{result['calibration_utterances']} calibration sentences",
        "",
    ]
    known = result["threshold"] is not None
    if known:
        lines.append(f"{'':12} {'angry/calm':>22} {'angry/rest':>22} {'EER':>6}")
        for name, figures in [("all", result), *result["corpora"].items()]:
            lines.append(
                f"{name:12} {_with(figures, 'auc_angry_vs_calm'):>22} {_with(figures, 'auc_angry_vs_rest'):>22} "
                f"{_text(figures['eer']):>6}"
            )
        where = f"share called raised where {CAUGHT:.0%} of angry is (score {result['threshold']}), and "
        lines += ["", f"{where}as the call says it:"]
    for emotion, said in result["levels"].items():
        share = f"{result['called_raised'][emotion]:6.1%}    " if known else ""
        lines.append(
            f"{emotion:12} {share}steady {said['steady']:4.0%}  tense {said['tense']:4.0%}  "
            f"raised {said['raised']:4.0%}  of {result['counts'][emotion]}"
        )
    if result["abstained"]:
        lines += ["", "not judged: " + ", ".join(f"{n} {e}" for e, n in result["abstained"].items())]
    return "\n".join(lines)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _with(figures: Mapping[str, Any], key: str) -> str:
    interval = figures[f"{key}_ci"]
    return _text(figures[key]) + (f" ({interval[0]:.3f}-{interval[1]:.3f})" if interval else "")
