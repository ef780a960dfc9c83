"""Which network output stands for which phone after which other phone.

A phone sounds different after different phones. Every pair (phone before, phone) that the speech holds often enough
has outputs of its own; rarer ones share those of the class of the phone before, the rarest those of the phone alone.
Each has two outputs: one for the first 30 ms step of the phone, one for the steps after it (the topology of Kaldi's
chain models).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from .lexicon import PHONES

SILENCE = "SIL"
STEP = 3
"""Frames of 10 ms for one output of the network."""

ALL = [SILENCE, *PHONES]
NUMBER = {phone: number for number, phone in enumerate(ALL)}
"""Phones by number; 0 is silence."""

CLASSES = [
    {SILENCE}, {"P", "T", "K", "CH"}, {"B", "D", "G", "JH"}, {"F", "TH", "HH"}, {"S", "SH"}, {"V", "DH"}, {"Z", "ZH"},
    {"M", "N", "NG"}, {"L"}, {"R", "ER"}, {"W"}, {"Y"}, {"IY", "EY", "AY", "OY"}, {"IH", "EH", "AE"}, {"AH", "AX"},
    {"AA", "AO"}, {"UW", "OW", "AW"}, {"UH"},
]  # fmt: skip
"""Phones that change the beginning of the next phone in a similar way."""

GROUP = {phone: number for number, group in enumerate(CLASSES) for phone in group}


class Contexts:
    """The outputs of the network.

    Attributes
    ----------
    table : list of list of int
        `table[before][phone]` is a pair number p: output 2 p is the first step of the phone there, 2 p + 1 the others.
    outputs : int
    """

    def __init__(self, table: list[list[int]]) -> None:
        self.table = table
        self.outputs = 2 * (1 + max(max(row) for row in table))

    @classmethod
    def count(cls, sequences: Iterable[list[int]], enough: int = 200) -> Contexts:
        """Decide from phone sequences; a context needs `enough` occurrences for outputs of its own."""
        pairs = Counter(pair for sequence in sequences for pair in pairwise(sequence))
        numbers: dict[tuple[str, int, int], int] = {}
        table = [[0] * len(ALL) for _ in ALL]
        for phone in range(len(ALL)):
            groups: Counter[int] = Counter()
            for before in range(len(ALL)):
                if pairs[before, phone] < enough:
                    groups[GROUP[ALL[before]]] += pairs[before, phone]
            for before in range(len(ALL)):
                group = GROUP[ALL[before]]
                key = ("phone", 0, phone)
                if phone != 0 and pairs[before, phone] >= enough:
                    key = ("pair", before, phone)
                elif phone != 0 and groups[group] >= enough:
                    key = ("class", group, phone)
                table[before][phone] = numbers.setdefault(key, len(numbers))
        return cls(table)

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(self.table), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Contexts:
        """Read what `write` wrote."""
        return cls(json.loads(path.read_text(encoding="utf-8")))
