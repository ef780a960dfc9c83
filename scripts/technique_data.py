"""The labelled utterances: reading and checking them, and the copies that training sees besides (misheard, longer).

Used by the scripts that train; the program itself never reads the data. The data card describes the format.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from voicetrainer.roleplay.spoken import spoken
from voicetrainer.roleplay.techniques import LABELS, MISTAKES

FOLDER = Path(__file__).resolve().parent.parent / "models" / "techniques"
DATA = FOLDER / "data"
HEARD = FOLDER / "heard"

TOO_ALIKE = 0.6
"""Share of common word triples (Jaccard) above which two utterances are one."""
CLEAR_ENOUGH = 0.5
"""Likeness of what was heard to what was said from which it is used (words in common, as difflib counts)."""
SEED = 7


@dataclass(frozen=True)
class Utterance:
    """One line of the data: what a learner said after what a customer said, and what it is."""

    id: str
    business: str
    context: str
    text: str
    labels: tuple[str, ...]


def read(folder: Path = DATA) -> list[Utterance]:
    """All utterances, file by file.

    Raises
    ------
    ValueError
        Naming file and line, at the first line that is not an utterance as the data card describes it.
    """
    found: list[Utterance] = []
    for file in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            try:
                found.append(_utterance(line))
            except ValueError as error:
                raise ValueError(f"{file.name}:{number}: {error}") from None
    return found


def _utterance(line: str) -> Utterance:
    raw = json.loads(line)
    wanted = ["id", "business", "context", "text", "labels"]
    if not isinstance(raw, dict) or list(raw) != wanted:
        raise ValueError(f"needs the keys {', '.join(wanted)}, in this order")
    if not all(isinstance(raw[key], str) for key in wanted[:-1]) or not isinstance(raw["labels"], list):
        raise ValueError("labels are a list, all else is text")
    unknown = [label for label in raw["labels"] if label not in LABELS]
    if unknown:
        raise ValueError(f"no label {unknown[0]}")
    if raw["labels"] != sorted(set(raw["labels"]), key=LABELS.index):
        raise ValueError("labels stand once each, in the order of the data card")
    return Utterance(raw["id"], raw["business"], raw["context"], raw["text"], tuple(raw["labels"]))


def problems(utterances: Sequence[Utterance]) -> list[str]:
    """What is wrong with the data beyond a single line's form; empty when it is fit to train on."""
    found = [
        f"{name}: {times} utterances with this id"
        for name, times in Counter(u.id for u in utterances).items()
        if times > 1
    ]
    for u in utterances:
        if not u.id.startswith(f"{u.business}-"):
            found.append(f"{u.id}: an id begins with its business, {u.business}")
        if not 1 <= len(spoken(u.text).split()) <= 120:
            found.append(f"{u.id}: an utterance has 1 to 120 spoken words")
    found += [f"{b}: too much like {a} ({share:.2f})" for a, b, share in alike(utterances)]
    return found


def alike(utterances: Sequence[Utterance]) -> list[tuple[str, str, float]]:
    """Pairs of utterances that share more than `TOO_ALIKE` of their word triples."""
    holders: dict[tuple[str, ...], list[int]] = {}
    triples: list[set[tuple[str, ...]]] = []
    found: list[tuple[str, str, float]] = []
    for i, u in enumerate(utterances):
        words = ["^", *spoken(u.text).split(), "$"]
        mine = {tuple(words[at : at + 3]) for at in range(len(words) - 2)}
        shared = Counter(j for triple in mine for j in holders.get(triple, ()))
        for j, common in sorted(shared.items()):
            share = common / (len(mine) + len(triples[j]) - common)
            if share > TOO_ALIKE:
                found.append((utterances[j].id, u.id, share))
        triples.append(mine)
        for triple in mine:
            holders.setdefault(triple, []).append(i)
    return found


# ----------------------------------------------------------------------------------------------------- misheard copies

_SOUNDS_LIKE = """
    for four; to two too; there their they're; your you're; i'll all; we'll will; i eye; know no; right write; here
    hear; been bin; than then; our are; it's its; by buy; week weak; won one; sorry story; you do; and in; the a; of
    have; this the; is as; he's his; can can't; would good; was wasn't; that's that; what's what; we're were; let's
    less; refund fund; issue tissue; send sent; bill build; call cool; check cheque; wait weight; apologise
    apologies; fault fort; feel fill; let lead; make may; now how; help hell; account count; with which; so sow;
    again gain; mistake steak; thanks banks; thank think; worry sorry; should could; must most; hold old; leave
    live; back pack
"""
_PAIRS: dict[str, list[str]] = {}
for _group in _SOUNDS_LIKE.split(";"):
    for _word in _group.split():
        _PAIRS.setdefault(_word, []).extend(w for w in _group.split() if w != _word)
_WEAK = frozenset(
    "a an the to of and is it that for in on at with you i'm we i do at be was this have just so um".split()
)
_ENDINGS = (("ing", "in"), ("ed", ""), ("s", ""), ("'ll", ""), ("'ve", ""), ("n't", ""), ("'d", ""), ("", "s"))


def misheard(text: str, dice: random.Random, rate: float = 0.12) -> str:
    """Spoken text as a recogniser might get it wrong.

    Weak words fall out, words turn into others that sound alike, endings come and go, and long rare words break in two:
    the commonest errors that Vosk's small model makes on clear speech.

    Parameters
    ----------
    text
        Any text; its spoken form is what is misheard.
    dice
        Where chance comes from.
    rate
        Share of the words that are touched.
    """
    out: list[str] = []
    for word in spoken(text).split():
        if dice.random() >= rate:
            out.append(word)
        elif word in _WEAK and dice.random() < 0.6:
            continue
        elif word in _PAIRS:
            out.append(dice.choice(_PAIRS[word]))
        elif len(word) > 6 and dice.random() < 0.4:
            cut = dice.randint(3, len(word) - 3)
            out += [word[:cut], word[cut:]]
        else:
            old, new = dice.choice([pair for pair in _ENDINGS if word.endswith(pair[0])])
            out.append(word[: len(word) - len(old)] + new)
    return " ".join(out) or spoken(text)


def heard(utterances: Sequence[Utterance], folder: Path = HEARD) -> list[tuple[Utterance, str, str]]:
    """What real recognisers made of the utterances, and which one it was, as ``scripts/make_heard.py`` wrote it down.

    Left out are those not heard in their present wording, and those too garbled to teach anything.
    """
    texts: dict[str, tuple[str, str, str]] = {}
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            texts[row["id"]] = row["said"], row["heard"], row["by"]
    found: list[tuple[Utterance, str, str]] = []
    for u in utterances:
        stamp, text, who = texts.get(u.id, ("", "", ""))
        if stamp == hashlib.sha256(u.text.encode()).hexdigest()[:8]:
            alike = difflib.SequenceMatcher(None, spoken(u.text).split(), text.split(), autojunk=False).ratio()
            if alike >= CLEAR_ENOUGH:
                found.append((u, text, who))
    return found


# ---------------------------------------------------------------------------------------------------------- long turns


def turns(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Turns of two or three utterances, as learners speak who do several things in one breath.

    Mostly answers to the same customer, mostly all good or all bad, each turn with the labels of all its parts. Some
    are joined by a "but": before a mistake it takes back the empathy or the reflection that it follows. Listening
    words stand alone and so are left out. A turn keeps the id of the utterance that it grew from.
    """
    neighbours: dict[str, list[Utterance]] = {}
    for u in utterances:
        if "backchannel" not in u.labels:
            neighbours.setdefault(u.business, []).append(u)
    out: list[Utterance] = []
    for u in (u for near in neighbours.values() for u in near):
        dice = random.Random(f"{SEED} turn {u.id}")
        others = [v for v in neighbours[u.business] if v is not u]
        leads = [v for v in others if v.context == u.context and v.labels in _LEADS and "sorry" not in v.text.lower()]
        if u.labels and leads and dice.random() < (0.3 if _all_bad(u) else 0.2):
            lead = dice.choice(leads)
            labels = set(u.labels) if _all_bad(u) else {*u.labels, *lead.labels}
            out.append(_turn(u, [lead, u], labels, f" {dice.choice(_BUT)} "))
            continue
        if dice.random() < 0.85:
            others = [v for v in others if v.context == u.context and _bad(v) == _bad(u)]
        if others:
            parts = [u, *dice.sample(others, min(len(others), dice.choice((1, 1, 2))))]
            dice.shuffle(parts)
            parts.sort(key=lambda p: ("closing" in p.labels) - ("greeting" in p.labels))
            out.append(_turn(u, parts, {label for p in parts for label in p.labels}))
    return out


_LEADS = (("empathy",), ("reflect",), ("empathy", "reflect"))
_BUT = ("but", "but", "but", "however", "although")


def _turn(u: Utterance, parts: Sequence[Utterance], labels: set[str], joint: str = " ") -> Utterance:
    return Utterance(
        u.id, u.business, u.context, joint.join(p.text for p in parts), tuple(sorted(labels, key=LABELS.index))
    )


def _bad(u: Utterance) -> bool:
    return bool(set(u.labels) & set(MISTAKES))


def _all_bad(u: Utterance) -> bool:
    return bool(u.labels) and set(u.labels) <= set(MISTAKES)
