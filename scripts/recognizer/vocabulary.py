"""The words that the model knows, and the texts that its language model learns from."""

from __future__ import annotations

import itertools
import pickle
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import corpora, reopen, text
from .language import BEGIN, END, FIRST_WORD, UNKNOWN, Kind, Model, encode, mix
from .lexicon import Lexicon

SIZE = 26_000
SHORT = frozenset(
    "am an as at be by do go he hi if in is it me my no of oh ok on or pa so to tv uk up us vs we".split()
)
"""Words of two letters that are not merely abbreviations."""

MILD = frozenset(
    "crap damn drunk fat god hell jerk kill knob moron murder naked oral organ pot screw scum slave steamy strip "
    "stroke stupid tinkle ugly virgin weed facial hiv pee gay".split()
)
"""What the list of offensive words is too strict about."""

OUTDATED = frozenset("eskimo gypsies gypsy jewess negro negroes savages injun squaw".split())
"""What it is too lenient about; old books hold such words."""

WEIGHTS = {"calls": 0.30, "dialogue": 0.07, "grammar": 0.08, "speech": 0.05, "prose": 0.50}
AGAIN = {"before": 0.55, "calls": 0.30, "everyday": 0.05, "grammar": 0.06, "speech": 0.04}
"""The same for going on from a finished model."""
HUM = 0.2
"""Share of the places to think in the turns at which somebody hums."""


def offensive() -> frozenset[str]:
    """Words that stay out of the vocabulary: the list of the package better-profanity (MIT), nearly."""
    import better_profanity

    path = Path(better_profanity.__file__).with_name("profanity_wordlist.txt")
    return (frozenset(path.read_text(encoding="utf-8").split("\n")) - MILD) | OUTDATED


def make(
    work: Path, repository: Path, prose: Sequence[Path], dialogue: Sequence[Path], pairs: int, triples: int
) -> None:
    """Write `<work>/language.pkl`: the model (`language.Model`) and its words.

    Parameters
    ----------
    prose : sequence of Path
        Books, lower case or not, any line breaks; sentences end at `.`, `!` and `?`.
    dialogue : sequence of Path
        One utterance a line.
    """
    lexicon = Lexicon()
    rows = {
        "calls": [line.split() for line in text.calls(repository)],
        "dialogue": [text.spoken(line).split() for path in dialogue for line in path.open(encoding="utf-8")],
        "grammar": [line.split() for line in itertools.islice(text.sentences(42), 60_000)],
        "speech": [each.text.split() for each in corpora.read(work / "real.jsonl")],
    }
    book_words, book_row = _books(prose)
    books = dict(zip(book_words, np.bincount(book_row, minlength=len(book_words)).tolist(), strict=True))
    vocabulary = _vocabulary(rows, books, lexicon)
    names = ["<s>", "</s>", "<unk>", *sorted(vocabulary)]
    number = {name: index for index, name in enumerate(names)}
    kinds = {name: Kind(encode(lines, number), len(names)) for name, lines in rows.items() if lines}
    if len(book_row):
        kinds["prose"] = Kind(_sentences(book_words, book_row, number), len(names))
    total = sum(WEIGHTS[name] for name in kinds)
    _keep(work, mix(list(kinds.values()), [WEIGHTS[name] / total for name in kinds], pairs, triples), names)


def go_on(work: Path, repository: Path, before: Path, pairs: int, triples: int) -> None:
    """Write the same as `make`: the language model of a finished model folder, mixed with the repository's text.

    It keeps its words and gets those of the text that can be pronounced.
    """
    old, old_names = reopen.language(before)
    lexicon, bad = Lexicon(), offensive()
    rows = {
        "calls": [line.split() for line in text.calls(repository) + text.turns(repository, HUM)],
        "everyday": [line.split() for line in text.everyday(repository)],
        "grammar": [line.split() for line in itertools.islice(text.sentences(42), 60_000)],
        "speech": [each.text.split() for each in corpora.read(work / "real.jsonl")],
    }
    found = set(old_names[FIRST_WORD:])
    for word, count in Counter(word for line in rows["calls"] for word in line).items():
        if _good(word, bad) and (word in lexicon or count > 1):
            found.add(word)
    for word, count in Counter(word for line in rows["everyday"] for word in line).items():
        if _good(word, bad) and word in lexicon and count > 3:
            found.add(word)
    names = ["<s>", "</s>", "<unk>", *sorted(found)]
    number = {name: index for index, name in enumerate(names)}
    moved = old.renumbered(np.array([number[name] for name in old_names]), len(names))
    kinds: dict[str, Kind | Model] = {"before": moved}
    kinds |= {name: Kind(encode(lines, number), len(names)) for name, lines in rows.items()}
    _keep(work, mix(list(kinds.values()), [AGAIN[name] for name in kinds], pairs, triples), names)


def _keep(work: Path, model: Model, names: list[str]) -> None:
    (work / "language.pkl").write_bytes(pickle.dumps((model, names)))
    print(f"{len(names) - FIRST_WORD} words, {len(model.pairs)} pairs, {len(model.triples)} triples")


def _good(word: str, bad: frozenset[str]) -> bool:
    return re.fullmatch(r"[a-z]+('[a-z]+)?s?'?", word) is not None and word not in bad


def _vocabulary(rows: dict[str, list[list[str]]], books: dict[str, int], lexicon: Lexicon) -> set[str]:
    import wordfreq

    bad = offensive()
    counts = {name: Counter(word for line in lines for word in line) for name, lines in rows.items()}

    words = {word for word in counts["calls"] if _good(word, bad) and (word in lexicon or counts["calls"][word] >= 2)}
    words |= {word for word in counts["grammar"] if _good(word, bad)}
    for name, least in (("dialogue", 4), ("speech", 2)):
        words |= {
            word for word, count in counts[name].items() if count >= least and _good(word, bad) and word in lexicon
        }
    total = max(sum(books.values()), 1)
    candidates = set(wordfreq.top_n_list("en", 40_000)) | {word for word, count in books.items() if count > 200}
    share = {
        word: wordfreq.word_frequency(word, "en") + books.get(word, 0) / total
        for word in candidates
        if _good(word, bad) and word in lexicon and (len(word) > 2 or word in SHORT)
    }
    for word in sorted(share, key=lambda word: (-share[word], word)):
        if len(words) >= SIZE:
            break
        words.add(word)
    return words | set("abcdefghijklmnopqrstuvwxyz")


def _books(paths: Sequence[Path]) -> tuple[list[str], NDArray[np.int32]]:
    """All words of the books and sentence ends, numbered as they come."""
    number: dict[str, int] = {}
    parts = []
    for path in paths:
        for line in path.open(encoding="utf-8", errors="replace"):
            found = re.findall(r"[a-z]+(?:'[a-z]+)*|[.!?]+", line.lower().replace("\u2019", "'").replace("-", " "))
            parts.append(np.array([number.setdefault(word, len(number)) for word in found], np.int32))
    return list(number), np.concatenate(parts) if parts else np.zeros(0, np.int32)


def _sentences(words: list[str], row: NDArray[np.int32], number: dict[str, int]) -> NDArray[np.int32]:
    """Book words as `language.encode` gives lines.

    Only 45 per cent of the sentence ends begin a new line, the others vanish: people who read aloud pause where they
    like, and what a recogniser gets is cut at pauses.
    """
    mapped = np.array([number.get(word, UNKNOWN) for word in words], np.int32)
    stop = np.array([not word[0].isalpha() for word in words])[row]
    kept = ~stop | (np.random.default_rng(1).random(len(row)) < 0.45)
    new, ends = mapped[row][kept], stop[kept]
    at = 1 + np.arange(len(new)) + np.concatenate([[0], np.cumsum(ends)[:-1]])
    result = np.full(len(new) + int(ends.sum()) + 2, BEGIN, np.int32)
    result[at] = np.where(ends, END, new)
    result[-1] = END
    return result


def read(work: Path):  # type: ignore[no-untyped-def]
    """What `make` wrote: the model and its words by number."""
    return pickle.loads((work / "language.pkl").read_bytes())
