"""How a phrase ends, in words and in melody: whether the speaker is likely to be done. Pure but for reading its weights
once, and cheap enough to ask at every pause.

Words alone settle only a part, because English sentences may go on after most of their words (figures:
``models/turns/README.md``), and what was understood may not be what was said. Melody helps where words do not: people
let the voice sink to the bottom of their range when they are done. Of readers, both practised and learners of
English, it had sunk at 43 % of the ends and at 10 % of the pauses within (162 places in 113 clips); where it had not,
how high it was held told nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import exp, log
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voicetrainer.places import shipped
from voicetrainer.roleplay.encoder import TEXT_PIECES, Encoder, split
from voicetrainer.speech.recognizer import Reading
from voicetrainer.weights import not_weights, read, unpacked

NUMBERS = frozenset(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand double triple".split()
)
HESITATIONS = frozenset("um uh er erm".split())
TAKEN_FOR_UM = ("i'm", "i'm", "and", "an", "them")
"""What the shipped recognisers make of most of them, and with confidence; as often as they do."""
SOUND_ALIKE = {
    other: first
    for first, *others in map(
        str.split,
        (
            "to too two", "for four", "by bye buy", "your you're", "there their they're", "here hear", "no know",
            "its it's", "one won", "right write", "our hour", "whose who's", "be bee", "see sea", "so sew",
            "where wear", "whether weather", "way weigh", "wait weight", "week weak", "new knew", "would wood",
            "which witch", "through threw", "past passed", "sent cent scent", "some sum", "son sun", "made maid",
            "mail male", "meet meat", "piece peace", "plane plain", "sale sail", "whole hole", "fair fare",
            "board bored", "allowed aloud", "oh owe", "ate eight", "road rode", "nose knows",
        ),
    )
    for other in others
}  # fmt: skip
"""Words that sound like others, by the one that stands for all of them: a recogniser tells "for you to" from "for you
too" by which of them could be a whole sentence, and that is what is asked here."""
LABELS = ("over", "whole")
"""What the network of turn-taking tells: whether the turn is over, and whether a sentence is."""
SHARED = ("pieces", "words", "words.scale", "places", "first_norm", "0.")
"""Beginnings of the names of those arrays that both networks have from the published one; they ship once, with the
detector of techniques."""

_ALIKE = 3  # readings that share so many last words end alike ...
_MOST = 6  # ... and of so many endings the judge is asked: a pause leaves no time for more
_TAKEN_OUT = 0.4  # 0: the recogniser's opinion of the ending stays in; 1: all of it is taken out ...
_LEAST = 0.003  # ... as far as the judge is to be believed where it says "never"

LONGEST = 40
"""So many words before a pause are looked at, and no more than the network reads at once."""


class Ends(NamedTuple):
    """What words tell about the place behind them, as logarithms of odds."""

    over: float
    """That the turn is over ..."""
    whole: float
    """... and that a sentence is."""


Judge = Callable[[Sequence[str]], Ends]
"""Judges words, lower case and in order."""


@cache
def judge() -> Judge:
    """The shipped judge of words, a small transformer (`voicetrainer.roleplay.encoder`).

    Raises
    ------
    ModelError
        Its weights are missing or broken.
    """
    models = shipped("models")
    return load(models / "turns" / "encoder.npz", models / "techniques" / "encoder.npz")


def load(file: Path, shared: Path) -> Judge:
    """A judge from its file, and the file that holds the `SHARED` layers; see `judge`."""
    arrays = {**unpacked(shared, read(shared), SHARED), **unpacked(file, read(file))}
    try:
        encoder = Encoder.from_arrays(arrays, LABELS)
    except (ValueError, TypeError) as error:
        raise not_weights(file, error) from None

    def ends(words: Sequence[str]) -> Ends:
        if not words:
            return Ends(0.0, 0.0)
        if words[-1] in HESITATIONS:
            return Ends(-10.0, -10.0)
        last = sounded(words[-LONGEST:])
        while len(split(last, encoder.vocabulary)[0]) > TEXT_PIECES:  # or an earlier window could say that it ends
            last = last[1:]
        # To two digits: what decides must not hang on the order in which a processor adds.
        over, whole = (round(float(of), 2) for of in encoder.contributions(last, ()).sum(axis=0))
        return Ends(over, whole)

    return ends


def sounded(words: Sequence[str]) -> list[str]:
    """The words with one for all that sound alike (`SOUND_ALIKE`), as the judge knows them."""
    return [SOUND_ALIKE.get(word, word) for word in words]


def weighed(judge: Judge, readings: Sequence[Reading]) -> Ends:
    """What a judge says of words that were understood in several ways.

    The chances of the readings hold how well each could have ended there, as the recogniser's language model sees it,
    for the recogniser is asked for whole sentences: before a pause it takes "check the" for "check that". What the
    judge itself thinks of that is therefore taken out of them again (`_TAKEN_OUT`) before it is put in. Not so where it
    was an "um": that the language model has learned to expect as often as it comes.

    Parameters
    ----------
    judge
        See `Judge`.
    readings
        What may have been said, with chances, the likeliest first.

    Returns
    -------
    As a judge; 0 without readings.
    """
    alike: dict[tuple[str, ...], list[str]] = {}
    chances: dict[tuple[str, ...], float] = {}
    for text, chance in readings:
        # Readings with the same last words end alike: the first of them stands for all.
        last = tuple(sounded(text.split()[-_ALIKE:]))
        alike.setdefault(last, text.split())
        chances[last] = chances.get(last, 0.0) + chance
    kept = sorted(alike, key=lambda last: -chances[last])[:_MOST]
    if not kept:
        return Ends(0.0, 0.0)
    judged = [judge(alike[last]) for last in kept]
    wholes = [_chance(ends.whole) for ends in judged]
    weights = [
        chances[last] / (1.0 if HESITATIONS.issuperset(last[-1:]) else max(whole, _LEAST) ** _TAKEN_OUT)
        for last, whole in zip(kept, wholes, strict=True)
    ]
    return Ends(_mixed(weights, [_chance(ends.over) for ends in judged]), _mixed(weights, wholes))


def _chance(log_odds: float) -> float:
    return 1 / (1 + exp(-log_odds))


def _mixed(weights: Sequence[float], chances: Sequence[float]) -> float:
    """The log-odds of a mixture of chances."""
    yes = sum(weight * chance for weight, chance in zip(weights, chances, strict=True))
    no = sum(weight * (1 - chance) for weight, chance in zip(weights, chances, strict=True))
    return log(max(yes, 1e-9) / max(no, 1e-9))


_LAST = 15  # frames of 10 ms that make the tail
_NOW = 6  # frames whose median is where it has come to
_BEFORE = 15  # frames that show the speaker's range


def height(pitch: NDArray[np.floating]) -> float | None:
    """How high in the speaker's range the melody of the utterance so far has stopped.

    Parameters
    ----------
    pitch
        Hertz each 10 ms, 0 where there is no voice, shape (n,).

    Returns
    -------
    Share of the voice before that lay lower than its last 60 ms, 0 to 1; None when there is too little voice to tell.
    """
    voiced = np.flatnonzero(pitch > 0)
    if not len(voiced):
        return None
    octaves = np.log2(pitch[voiced])
    kept = np.abs(octaves - np.median(octaves)) < 0.8  # not a slip of the octave
    voiced, octaves = voiced[kept], octaves[kept]
    last = voiced >= voiced[-1] - _LAST
    if last.sum() < _NOW or (~last).sum() < _BEFORE:
        return None
    return float(np.mean(octaves[~last] < np.median(octaves[-_NOW:])))
