"""How many syllables English words have, by their spelling: to hold what was understood against how it sounded."""

from __future__ import annotations

import re

_VOWELS = re.compile(r"[aeiouy]+")
_SILENT = re.compile(
    r"(?<=[^aeiouyl])e(?=(?:ly|thing|one|where|times?|body)?$)"  # late, lately, something
    r"|(?<=[aeiouyr]l)e$"  # whole, but not little
    r"|(?<=[^aeiouysxzcghl])es$|(?<=[aeiouyr]l)es$"  # notes, rules; but not boxes, pages
    r"|(?<=[^aeiouytd])ed$"  # asked, called; but not wanted
)
_APART = re.compile(r"(?<![tscg])i[ao]|[aeouy]ing")  # via, doing; but not nation
_NOT = re.compile(r"[^aeiour]n$")  # could-n't, but not don't


def syllables(word: str) -> int:
    """Syllables of one word as a recogniser writes it; at least one.

    How often it agrees with a pronouncing dictionary, ``scripts/fit_rate.py`` tells.
    """
    stem, _, short = word.lower().partition("'")
    count = len(_VOWELS.findall(_SILENT.sub("", stem))) + len(_APART.findall(stem))
    return max(count + (short == "t" and bool(_NOT.search(stem))), 1)
