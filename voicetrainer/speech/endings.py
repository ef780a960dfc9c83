"""How a phrase ends, in words and in melody: whether the speaker is likely to be done. Pure but for reading its weights
once, and cheap enough to ask at every pause.

Words alone settle only a part, because English sentences may go on after most of their words (figures:
``models/turns/README.md``). What the recogniser is not sure of counts less. Melody helps where words do not: people
let the voice sink to the bottom of their range when they are done. Of readers, both practised and learners of
English, it had sunk at 43 % of the ends and at 10 % of the pauses within (162 places in 113 clips); where it had not,
how high it was held told nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from math import exp, log
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from voicetrainer.errors import ModelError
from voicetrainer.places import shipped

NUMBERS = frozenset(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand double triple".split()
)
SIZE = 1 << 17
"""How many weights there are: traits of a phrase are told apart by a hash."""
UNKNOWN = "?"
"""Stands for a word that was not understood."""
HESITATIONS = frozenset("um uh er erm".split())

_KINDS = {
    word: kind
    for kind, words in {
        "article": "the a an my your our his their its every each another any some several whole own",
        "and": "and but or nor so because cause if unless although though while whether when where until till since"
        " than",
        "of": "of for with from at by into onto upon between during within without toward towards across against about"
        " per to in on under over after before through",
        "i": "i we they he she who there",
        "i'm": "i'm i'll i've i'd you're you'll you've you'd we're we'll we've we'd they're they'll they've they'd he's"
        " he'll she's she'll it's it'll it'd that's that'll that'd there's here's who's what's let's",
        "me": "me him her them us",
        "it": "it you this that these those",
        "is": "am are is was were be been being isn't aren't wasn't weren't",
        "can": "can could will would shall should may might must do does did have has had can't couldn't won't wouldn't"
        " shouldn't don't doesn't didn't haven't hasn't hadn't gonna gotta wanna",
        "what": "what which why how whose",
        "very": "very really just only even also still never always quite rather actually probably maybe perhaps pretty"
        " more most less too",
    }.items()
    for word in words.split()
}
"""Words of which a language has few, by what may follow them."""


_OPENS = frozenset(
    "that if because when while why how what which who where before after until since although though unless as whether"
    " once than".split()
)
"""Words that open a clause, which wants a verb of its own."""
_VERBS = frozenset(
    "say says said tell tells told know knows knew think thinks thought see sees saw want wants wanted need needs like"
    " likes help helps call calls come comes came go goes went get gets got make makes made give gives gave take takes"
    " took pay pays paid send sends sent leave leaves left work works feel feels felt mean means meant keep keeps kept"
    " find finds found hear hears heard put puts let lets lost lose bought buy buys broke break breaks stand stands"
    " stood understand understood wait waits ask asks stop stops start starts open opens close closes look looks sound"
    " sounds seem seems happen happens hope hopes wish wishes love loves hate hates cost costs hold holds held bring"
    " brings brought ring rings rang write writes wrote read reads run runs ran show shows sit sits sat speak spoke"
    " stay stays suit suits tries try use uses move moves fix fixes deserve deserves expect expects appreciate"
    " apologise apologize believe believes remember remembers owe owes promise check checks guess suppose".split()
)


def _is_verb(word: str) -> bool:
    """Whether it may be the verb of a clause."""
    return _KINDS.get(word) in ("is", "can", "i'm") or word in _VERBS or (len(word) > 4 and word.endswith("ed"))


def _kind(word: str) -> str:
    return _KINDS.get(word) or (
        "ing" if word.endswith("ing") else "ly" if word.endswith("ly") else "word" if word else ""
    )


def is_small(word: str) -> bool:
    """Whether it is one of the words of which a language has few: "the", "and", "because", "your", "will"."""
    return word in _KINDS


Judge = Callable[[Sequence[str]], float]
"""Gives for words, lower case and in order, by how much likelier they are where a turn ends than where it goes on:
the logarithm of the ratio."""


def traits(words: Sequence[str]) -> Iterator[int]:
    """What `judge` looks at: the last words, their endings, how the phrase began, and what stands before its last word.

    Yields
    ------
    Numbers below `SIZE`; there is at least one word.
    """
    last = ["#" if word in NUMBERS else word for word in words[-7:]]
    a, b, c, d = (*reversed(last[-4:]), "", "", "")[:4]
    first, length = "#" if words[0] in NUMBERS else words[0], len(words) - 1
    named = [
        f"1 {a}", f"2 {b} {a}", f"3 {c} {b} {a}", f"4 {d} {c} {b} {a}", f"b {b}", f"c {c} {b}", f"s {a[-3:]}",
        f"t {b} {a[-3:]}", f"u {b[-3:]} {a[-3:]}", f"v {c} {b} {a[-3:]}", f"n {min(length, 6)}", f"f {first}",
        f"g {first} {min(length, 5)}",
        f"k {_kind(a)}", f"l {_kind(b)} {_kind(a)}", f"m {_kind(c)} {_kind(b)} {_kind(a)}", f"o {b} {_kind(a)}",
        f"p {_kind(b)} {a}",
    ]  # fmt: skip
    opened = next((i for i in range(length, -1, -1) if words[i] in _OPENS), -1)
    opener = words[opened] if opened >= 0 else ""
    verbs = [i for i, word in enumerate(words) if _is_verb(word)]
    since = sum(i > opened for i in verbs)
    named += (
        f"q {opener} {min(since, 2)} {min(length - opened, 4)}", f"r {_kind(a)} {bool(opener)} {min(since, 2)}",
        f"w {first} {min(len(verbs), 3)}", f"z {min(len(verbs), 3)} {min(length, 8)}",
        f"h {opened == 0} {opened > 0} {min(since, 3)}",
    )  # fmt: skip
    for word in last[:-2]:
        named += (f"x {word}", f"y {word} {a}")
    return (crc32(name.encode()) % SIZE for name in named)


@cache
def judge() -> Judge:
    """The shipped judge of words, a logistic regression over `traits`.

    Raises
    ------
    ModelError
        Its weights are missing or broken.
    """
    return load(shipped("models") / "turns" / "weights.npz")


def load(file: Path) -> Judge:
    """A judge from its file; see `judge`."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            weights, scale, bias = arrays["weights"], float(arrays["scale"]), float(arrays["bias"])
        if weights.shape != (SIZE,) or weights.dtype != np.int8:
            raise ValueError("wrong shape")
    except Exception as error:  # whatever zipfile and numpy find wrong
        raise ModelError(f"{file}: not weights of turn-taking ({error})", "install voicetrainer again") from None

    def ratio(words: Sequence[str]) -> float:
        if words and words[-1] in HESITATIONS:
            return -10.0
        return scale * int(sum(int(weights[trait]) for trait in traits(words))) + bias if words else 0.0

    return ratio


def doubted(judge: Judge, words: Sequence[str], confidence: float | None) -> float:
    """What a judge says of words of which the last may have been misheard; never more than of the words as they are.

    Parameters
    ----------
    judge, words
        See `Judge`.
    confidence
        The recogniser's in the last word, 0 to 1; None where it says nothing.
    """
    score = judge(words)
    if confidence is None or not words:
        return score
    other = judge([*words[:-1], UNKNOWN])
    ends = confidence / (1 + exp(-score)) + (1 - confidence) / (1 + exp(-other))
    ends = min(ends, 1 - 1e-9)  # a sure judge and a sure recogniser round to 1
    return min(score, log(ends / (1 - ends)))


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
