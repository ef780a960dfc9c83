"""What the learner did with words: fourteen techniques and nine mistakes, noticed in recognised speech.

A `Detector` is built from weights, which are data (``models/techniques/``); reading them from disk is the edge's work
(`voicetrainer.detector`). Each label's score is a calibrated probability; each decision names the words that carried
it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicetrainer.roleplay.encoder import Encoder
from voicetrainer.roleplay.features import FUNCTION, Feature, features
from voicetrainer.roleplay.language import sentences
from voicetrainer.roleplay.spoken import Token, plain, tokens

TECHNIQUES: tuple[str, ...] = (
    "empathy", "reflect", "apology", "solution", "choice", "probe", "backchannel", "boundary", "escalate", "follow_up",
    "appreciation", "ownership", "greeting", "closing",
)  # fmt: skip
"""What calms a customer, as words tell."""
MISTAKES: tuple[str, ...] = (
    "defensive", "blame", "dismissive", "rude", "jargon", "hedging", "false_apology", "overpromise", "passing",
)  # fmt: skip
"""What makes it worse, as words tell."""
DELIVERY: tuple[str, ...] = (
    "interrupting", "letting_finish", "listening_words", "dead_air", "raised_voice", "steady_voice", "asked_again",
    "wrong_summary", "overdone", "went_back",
)  # fmt: skip
"""What timing, sound and the course of the call tell; named here for the vocabulary, noticed elsewhere."""
LABELS: tuple[str, ...] = TECHNIQUES + MISTAKES
"""All that words tell, in the order of the weights' columns."""

SHORT: dict[str, str] = {
    "empathy": "empathy", "reflect": "reflecting back", "apology": "apology", "solution": "concrete step",
    "choice": "offering a choice", "probe": "open question", "backchannel": "listening words",
    "boundary": "setting a limit", "escalate": "bringing in help", "follow_up": "following up",
    "appreciation": "saying thanks", "ownership": "taking ownership", "greeting": "greeting", "closing": "closing",
    "defensive": "being defensive", "blame": "blaming", "dismissive": "brushing off", "rude": "rudeness",
    "jargon": "jargon", "hedging": "hedging", "false_apology": "hollow apology", "overpromise": "overpromising",
    "passing": "passing on",
    "interrupting": "interrupting", "letting_finish": "letting them finish", "listening_words": "listening sounds",
    "dead_air": "dead air", "raised_voice": "raised voice", "steady_voice": "steady voice",
    "asked_again": "asking again", "wrong_summary": "wrong summary", "overdone": "empty words",
    "went_back": "going back",
}  # fmt: skip
"""A name of one to three words to show."""

DESCRIPTIONS: dict[str, str] = {
    "empathy": "Put the customer's feeling, or what this has done to them, into words.",
    "reflect": "Say the customer's own facts back to show that they were heard.",
    "apology": "Say sorry or admit the fault plainly, without an if or a but.",
    "solution": "Take or promise one definite step that moves the case on.",
    "choice": "Offer two or more ways forward and let the customer pick.",
    "probe": "Ask about the problem or the need before solving it.",
    "backchannel": "Show that you are listening, or invite the customer to go on.",
    "boundary": "Say calmly what you cannot accept, and that you still want to help.",
    "escalate": "Bring in someone who can do more, without leaving the customer alone.",
    "follow_up": "Promise to come back to the customer, or check that the fix worked.",
    "appreciation": "Thank the customer for something they did or are to you.",
    "ownership": "Make the problem yours until it is solved.",
    "greeting": "Open the call and say who you are.",
    "closing": "Wind the call up: anything else, goodbye, a good day.",
    "defensive": "Arguing, excusing or justifying yourself or the company.",
    "blame": "Telling the customer that it is their own doing.",
    "dismissive": "Making the problem small, or shutting it with a rule.",
    "rude": "An insult, sarcasm, a threat or impatience with the person.",
    "jargon": "An inside word or abbreviation that the customer cannot know.",
    "hedging": "Staying vague about facts, steps or times.",
    "false_apology": "A sorry that takes itself back, or puts it on the customer's feelings.",
    "overpromise": "Guaranteeing what is not in your hands.",
    "passing": "Pushing the problem to another desk, firm or back to the customer.",
    "interrupting": "Speaking while the customer is in the middle of a line.",
    "letting_finish": "Waiting until the customer has said it all.",
    "listening_words": "A short word of listening while the customer talks on.",
    "dead_air": "Leaving the customer in silence.",
    "raised_voice": "A voice higher, louder or more pressed than your calm one.",
    "steady_voice": "A voice as calm as your own baseline.",
    "asked_again": "Asking for what the customer has already told you.",
    "wrong_summary": "Saying a fact of the case back wrongly.",
    "overdone": "The same kind words for the third turn in a row, with nothing done.",
    "went_back": "Getting vague or closing the door after you have offered something.",
}
"""One plain sentence about each label, for a learner."""

_NOTICED: dict[str, str] = {
    "empathy": "You named what this is like for them",
    "reflect": "You said their own facts back",
    "apology": "You said sorry plainly",
    "solution": "You named a definite step",
    "choice": "You gave them a choice",
    "probe": "You asked about the problem",
    "backchannel": "You showed that you were listening",
    "boundary": "You set a limit calmly",
    "escalate": "You brought in someone who can do more",
    "follow_up": "You promised to come back or checked that it worked",
    "appreciation": "You thanked them",
    "ownership": "You made the problem yours",
    "greeting": "You opened the call",
    "closing": "You wound the call up",
    "defensive": "That argued or excused",
    "blame": "That put it on the customer",
    "dismissive": "That made it small or shut the case",
    "rude": "That was hard on the person",
    "jargon": "The customer may not know these words",
    "hedging": "That stayed vague",
    "false_apology": "That sorry took itself back",
    "overpromise": "Nobody can guarantee that",
    "passing": "That pushed the problem away",
}

Scores = dict[str, float]
"""Label to calibrated probability, 0 to 1, rounded to three places; in the order of `LABELS`."""

MAX_WORDS = 400
"""Only the first so many words of an utterance are judged: two and a half minutes of speech."""

STINGS = 0.5
"""Probability of all mistakes together from which an utterance without a sure name is still told as one."""

_WELL_READ = 10_000
"""Features that a detector must know before words that it does not know tell anything."""
_HARSH = frozenset({"rude", "dismissive", "defensive", "blame"})
"""What garbled words are most easily taken for; in words that never stand together it has to be likelier than not."""

_TAKEN_BACK = frozenset({"empathy", "reflect", "apology", "appreciation", "ownership"})
_TAKES_BACK = frozenset({"defensive", "blame", "dismissive", "rude", "passing", "false_apology"})
_TURNS = frozenset({"but", "however", "although"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """One technique or mistake noticed in an utterance, with the words that carried it."""

    label: str
    mistake: bool
    score: float
    """Calibrated probability, 0 to 1."""
    first: int
    """Index of the first carrying word in ``text.split()``."""
    last: int
    """Index of the last carrying word, inclusive."""
    quote: str
    """The carrying words as they stand in the text."""
    why: str
    """One plain sentence for the learner."""


def tone(scores: Mapping[str, float]) -> float:
    """All techniques' scores less all mistakes': above zero it will have calmed, below zero it will have stung.

    More often right than any single name, and so the thing to move a mood by.
    """
    return round(sum(s if label in TECHNIQUES else -s for label, s in scores.items()), 3)


@dataclass(frozen=True, eq=False)
class Detector:
    """Notices techniques and mistakes. Pure: same text, same answer.

    Made by `from_weights`; nothing here reads a file.
    """

    vocabulary: Mapping[str, int]
    """Feature name to its row."""
    weights: NDArray[np.int8]
    """Shape (features, labels); times `scale` gives log-odds for one unit of the feature."""
    scale: NDArray[np.float64]
    """Shape (labels,)."""
    rarity: NDArray[np.float64]
    """Shape (features,): what one occurrence counts (inverse document frequency)."""
    bias: NDArray[np.float64]
    """Shape (labels,), log-odds."""
    calibration: NDArray[np.float64]
    """Shape (2, labels): probability is the logistic of ``calibration[0] * log-odds + calibration[1]``."""
    thresholds: NDArray[np.float64]
    """Shape (labels,): the probability from which a label is noticed."""
    encoder: Encoder | None = None
    """Reads meaning beyond phrases; without it, phrases alone decide."""
    stack: NDArray[np.float64] = field(default_factory=lambda: np.array([0.0, 1.0]))
    """Shape (2,) or (2, labels): what the encoder's and the phrases' log-odds weigh in their sum."""
    checksum: str = ""
    """sha256 of the weights files, where there are any."""

    @classmethod
    def from_weights(
        cls, weights: Mapping[str, Any], checksum: str = "", encoder: Mapping[str, Any] | None = None
    ) -> Detector:
        """Build from named arrays, as ``scripts/train_techniques.py`` and ``scripts/train_encoder.py`` write them.

        Parameters
        ----------
        weights
            ``labels`` and ``vocabulary`` (names, one a line, as bytes), ``weights``, ``scale``, ``rarity``, ``bias``,
            ``calibration`` and ``thresholds``: see the fields of this class.
        checksum
            Of the file they came from, to be written into a session's header.
        encoder
            What `Encoder.from_arrays` takes, and ``stack``, ``calibration`` and ``thresholds`` of both together; None
            for phrases alone.

        Raises
        ------
        ValueError
            When a name is missing, shapes disagree or the labels are not `LABELS`.
        """
        missing = sorted({"labels", "vocabulary", *_ARRAYS} - set(weights))
        if missing:
            raise ValueError(f"no {missing[0]} among the weights")
        labels = tuple(bytes(np.asarray(weights["labels"], np.uint8)).decode().split("\n"))
        if labels != LABELS:
            raise ValueError("the weights are for other labels")
        names = bytes(np.asarray(weights["vocabulary"], np.uint8)).decode().split("\n")
        arrays: dict[str, Any] = {name: np.ascontiguousarray(weights[name], dtype) for name, dtype in _ARRAYS.items()}
        n, k = len(names), len(LABELS)
        shapes = {"weights": (n, k), "scale": (k,), "rarity": (n,), "bias": (k,), "calibration": (2, k)}
        for name, shape in {**shapes, "thresholds": (k,)}.items():
            if arrays[name].shape != shape:
                raise ValueError(f"{name} has shape {arrays[name].shape}, not {shape}")
        made = cls(vocabulary={name: i for i, name in enumerate(names)}, checksum=checksum, **arrays)
        if encoder is None:
            return made
        together: dict[str, Any] = {}
        for name, wanted in (("stack", ((2,), (2, k))), ("calibration", ((2, k),)), ("thresholds", ((k,),))):
            if name not in encoder:
                raise ValueError(f"no {name} in the encoder")
            together[name] = np.ascontiguousarray(encoder[name], np.float64)
            if together[name].shape not in wanted:
                raise ValueError(f"{name} of the encoder has shape {together[name].shape}, not {wanted[-1]}")
        return replace(made, encoder=Encoder.from_arrays(encoder, LABELS), **together)

    def scores(self, text: str, context: str = "") -> Scores:
        """How probable each label is in an utterance.

        Parameters
        ----------
        text
            What the learner said, recognised or typed.
        context
            The customer's line before it; empty when there was none.
        """
        heard = said(text)
        probabilities = self._probabilities(self._contributions(heard, context).sum(axis=0)) if heard else _NONE
        return dict(zip(LABELS, probabilities.tolist(), strict=True))

    def detect(self, text: str, context: str = "") -> tuple[Evidence, ...]:
        """What is surely enough there, with the words that carried it, in the order of the words.

        Parameters
        ----------
        text
            What the learner said, recognised or typed.
        context
            The customer's line before it; empty when there was none.

        Returns
        -------
        tuple of Evidence
            Sorted by first word. A technique that a mistake takes back ("I understand, but you should have ...") is
            left out. Words that no one would say one after another give nothing; where one or two words decided, the
            clause around them is quoted.
        """
        heard = said(text)
        if not heard or self._garbled(heard):
            return ()
        words = text.split()
        noticed = self._noticed(heard, words, context)
        turns = [i for i, t in enumerate(heard) if t.text in _TURNS]
        if turns and turns[0] >= 3 and not any(e.mistake for e in noticed):
            # A "but" that leads to help takes nothing back: what stands before it is judged for itself.
            names = {e.label for e in noticed}
            before = self._noticed(heard[: turns[0]], words, context)
            noticed += [e for e in before if e.label in _TAKEN_BACK and e.label not in names]
        denied = _denies(" ".join(t.text for t in heard))
        at = [heard[i].word for i in turns]
        kept = [e for e in noticed if not (_taken_back(e, noticed, at) or (denied and e.label == "apology"))]
        return widened(sorted(kept, key=lambda e: (e.first, e.last, LABELS.index(e.label))), text)

    def _garbled(self, heard: tuple[Token, ...]) -> bool:
        """Whether it is mostly words never met, with not one pair of words that was ever met."""
        if len(heard) < 3 or not self._strange(heard):
            return False
        return sum(f"w:{t.text}" in self.vocabulary for t in heard) < 0.5 * len(heard)

    def _strange(self, heard: tuple[Token, ...]) -> bool:
        """Whether no two words in it were ever met side by side, by a detector that has met enough to tell."""
        pairs = (f"w:{a.text} {b.text}" for a, b in pairwise(heard))
        return len(self.vocabulary) >= _WELL_READ and not any(pair in self.vocabulary for pair in pairs)

    def _noticed(self, heard: tuple[Token, ...], words: list[str], context: str) -> list[Evidence]:
        """Every label that reaches its threshold, in the order of the labels."""
        share = self._contributions(heard, context)
        probabilities = self._probabilities(share.sum(axis=0))
        noticed: list[Evidence] = []
        doubtful = len(heard) >= 4 and self._strange(heard)
        for i, label in enumerate(LABELS):
            if probabilities[i] < self.thresholds[i] or (doubtful and label in _HARSH and probabilities[i] < 0.5):
                continue
            begin, end = _carriers(share[:-1, i])
            first, last = heard[begin].word, heard[end].last
            quote = " ".join(words[first : last + 1])
            why = f"{_NOTICED[label]}: “{quote}”."
            noticed.append(Evidence(label, label in MISTAKES, float(probabilities[i]), first, last, quote, why))
        if doubtful:
            return noticed
        return noticed or self._sounded(probabilities, share, heard, words)

    def _sounded(
        self, probabilities: NDArray[np.float64], share: NDArray[np.float64], heard: tuple[Token, ...], words: list[str]
    ) -> list[Evidence]:
        """The likeliest mistake where no name is sure and yet it is sure that something stung."""
        good, bad = probabilities[: len(TECHNIQUES)], probabilities[len(TECHNIQUES) :]
        if bad.sum() < max(STINGS, 2 * good.sum()):
            return []
        second, likeliest = np.argsort(bad, kind="stable")[-2:]
        label = MISTAKES[likeliest]
        begin, end = _carriers(share[:-1, len(TECHNIQUES) + likeliest])
        first, last = heard[begin].word, heard[end].last
        why = f"That came across as {SHORT[label]} or {SHORT[MISTAKES[second]]}."
        return [Evidence(label, True, float(bad[likeliest]), first, last, " ".join(words[first : last + 1]), why)]

    def _contributions(self, heard: tuple[Token, ...], context: str) -> NDArray[np.float64]:
        """Log-odds that each word carries for each label, shape (words + 1, labels); the last row is the rest."""
        phrases = self._phrases(heard, context)
        if self.encoder is None:
            return phrases
        meaning = self.encoder.contributions([t.text for t in heard], [t.text for t in said(context)])
        return np.asarray(self.stack[0] * meaning + self.stack[1] * phrases)

    def _phrases(self, heard: tuple[Token, ...], context: str) -> NDArray[np.float64]:
        """What phrases alone carry, shape (words + 1, labels)."""
        found = features([t.text for t in heard], [t.text for t in said(context)])
        known = [(self.vocabulary[f.name], f) for f in found if f.name in self.vocabulary]
        share = np.zeros((len(heard) + 1, len(LABELS)))
        share[-1] = self.bias
        if not known:
            return share
        rows = [row for row, _ in known]
        values = normalised([f for _, f in known], self.rarity[rows])
        carried = self.weights[rows] * self.scale * values[:, None]
        # Added up in a fixed order, so that every machine gives the same sums.
        for log_odds, (_, feature) in zip(carried, known, strict=True):
            if feature.first is None:
                share[-1] += log_odds
            else:
                share[feature.first : feature.last + 1] += log_odds / (feature.last + 1 - feature.first)
        return share

    def _probabilities(self, log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        z = np.clip(self.calibration[0] * log_odds + self.calibration[1], -30, 30)
        return np.asarray(np.round(1 / (1 + np.exp(-z)), 3))


_ARRAYS: dict[str, type] = {
    "weights": np.int8, "scale": np.float64, "rarity": np.float64, "bias": np.float64, "calibration": np.float64,
    "thresholds": np.float64,
}  # fmt: skip
_NONE = np.zeros(len(LABELS))


def normalised(found: list[Feature], rarity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of the features of one utterance: rarity, each kind scaled to length one so that long talk does not shout.

    Parameters
    ----------
    found
        The features; the kind is the part of the name before the first colon.
    rarity
        Shape (n,).

    Returns
    -------
    ndarray, shape (n,)
        Counts (kind ``x``) are left as they are: they say something of the whole utterance.
    """
    values = rarity.copy()
    kinds = np.array([f.name.split(":", 1)[0] for f in found])
    for kind in sorted(set(kinds.tolist()) - {"x"}):
        mine = kinds == kind
        values[mine] /= np.sqrt(sum(v * v for v in values[mine].tolist()))
    return values


def said(text: str) -> tuple[Token, ...]:
    """The spoken words of a text that are judged: without fillers, and only the first `MAX_WORDS`."""
    return plain(t for t in tokens(text) if t.word < MAX_WORDS and t.text not in _FILLERS)


_FILLERS = frozenset({"um", "uh", "er", "erm", "uhm"})


def _carriers(share: NDArray[np.float64]) -> tuple[int, int]:
    """First and last index of the run of words that together carry most of a decision (the best contiguous sum)."""
    # What an average word carries is no evidence: without taking it off, the run would be the whole utterance.
    gain = (share - max(float(share.mean()), 0.0)).tolist()
    best, run, begin = float("-inf"), 0.0, 0
    first = last = 0
    for i, value in enumerate(gain):
        if run <= 0:
            run, begin = 0.0, i
        run += value
        if run > best:
            best, first, last = run, begin, i
    return first, last


WIDE = 12
"""Words to which a quote is widened at most."""


def widened(found: Sequence[Evidence], text: str) -> tuple[Evidence, ...]:
    """The same evidence, the quotes of one or two words widened to the clause around them, for the reader.

    Parameters
    ----------
    found
        Sorted by first word; it stays so.
    text
        The utterance that it stands in.
    """
    words = text.split()
    out: list[Evidence] = []
    for e in found:
        first, last = e.first, e.last
        if last - first < 2 and (first == last or all(_plain(w) in FUNCTION for w in words[first : last + 1])):
            first, last = _clause(words, first, last)
            # The order in which things were said must still be seen.
            first = min(max(first, out[-1].first), e.first) if out else first
        quote = " ".join(words[first : last + 1])
        out.append(replace(e, first=first, last=last, quote=quote, why=e.why.replace(f"“{e.quote}”", f"“{quote}”")))
    return tuple(out)


def _clause(words: Sequence[str], first: int, last: int) -> tuple[int, int]:
    """The clause that words stand in, of at most `WIDE` words; for "or" what it joins as well."""
    ends = {b for _, b in sentences(words)}
    joins = _plain(words[first]) in _JOINTS
    a = b = first
    b = last

    def stops(before: int, grown: int) -> bool:
        """Whether a clause ends after a word, once enough of it is there."""
        soft = words[before][-1:] in ",:–—" or _plain(words[before + 1]) in _JOINTS
        return before in ends or (soft and (grown >= 4 if joins else b > a))

    while a > 0 and b - a + 1 < WIDE and not stops(a - 1, first - a) and (not joins or first - a < WIDE // 2):
        a -= 1
    while b < len(words) - 1 and b - a + 1 < WIDE and not stops(b, b - last):
        b += 1
    return a, b


def _plain(word: str) -> str:
    return word.lower().strip('.,;:!?…"“”()–—').replace("’", "'")


_JOINTS = frozenset({"and", "or", "but", "so", "because", "if", "which", "while"})


def _denies(said: str) -> bool:
    """Whether fault is denied ("that is not our fault") and nothing is apologised for."""
    return bool(_DENIAL.search(said)) and not _SORRY.search(said)


_DENIAL = re.compile(r"\b(not|isn't|wasn't|never) (really )?(our|my) (fault|mistake|problem|doing)\b")
_SORRY = re.compile(r"\b(sorry|apolog\w+)\b")


def _taken_back(evidence: Evidence, noticed: list[Evidence], turns: list[int]) -> bool:
    """Whether a "but" and a mistake after it, with no technique after that, take a technique back."""
    if evidence.label not in _TAKEN_BACK:
        return False
    for turn in turns:
        if turn <= evidence.last:
            continue
        after = [other for other in noticed if other.last > turn]
        if any(e.label in _TAKES_BACK for e in after) and all(e.mistake for e in after):
            return True
    return False
