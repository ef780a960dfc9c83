"""The statements in what a learner says: which of their words are about the customer's case, and which are not.

A clause is a piece with one statement in it. It is about the case when it says what the customer did, has or was told
("you ordered on Monday", "nobody came", "eight days without heating"); offers, promises, wishes, questions and the
learner's own doings are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from voicetrainer.roleplay.language import sentences
from voicetrainer.roleplay.spoken import Token, plain, tokens
from voicetrainer.roleplay.values import Value, find

EMPTY = frozenset(
    """
    a about again all already always am an and another any anybody anything are as at  be been before both
    but by can  could did do does doing done down each even ever every for from get gets getting give go
    going good got had has have he her here him his how i if in into is isn it its just keep know last least let
    like look made make many me mean more most much must my need needs never new next no nobody none nor not
    nothing now of off on once one only or other our out over own part please put quite rather really right said
    same say see shall she should since so some somebody something somewhere soon sorry still such sure take
    tell than thank thanks that the their them then there these they thing think this those though till to today
    told tomorrow tonight too until up us very want was way we well were what when where which while who whole
    whose why will with would yeah yes yet you your yours ll ve re don didn doesn won isn't i'm i've i'll i'd
    you're you've you'll you'd we're we've we'll we'd they're it's that's there's he's she's what's who's here's
    let's don't didn't doesn't won't can't couldn't haven't hasn't wasn't weren't mr mrs customer people number
    first second third whatever end because without morning afternoon
    evening night went gone happened been being today's against nearly how
    """.split()
)


def _stem(word: str) -> str:
    """A word without its ending."""
    for ending in ("'s", "ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


_FAMILY = {
    _stem(word): _stem(name)
    for name, words in {
        "order": "bought buy purchase", "pay": "spent spend paid cost price", "taken": "took take debit",
        "trip": "leave leaving travel holiday away", "mother": "mum mom", "home": "live living house", "fault": "error",
        "usual": "normally usually",
        "broke": "break broken", "heating": "heat boiler", "missed": "come came turned arrive wait",
    }.items()
    for word in words.split()
}  # fmt: skip
"""Words that tie to the same things."""


@lru_cache(maxsize=4096)
def roots_of(text: str) -> tuple[str, ...]:
    """Words that mean something, without their endings."""
    roots = (_stem(t.text) for t in said_words(text) if t.text not in EMPTY and len(t.text) >= 3)
    return tuple(_FAMILY.get(root, root) for root in roots)


@dataclass(frozen=True)
class Clause:
    """A piece of the learner's words with one statement in it."""

    tokens: tuple[Token, ...]
    """All words of the utterance."""
    begin: int
    end: int
    """Its words: begin to end, end not included."""
    values: tuple[Value, ...]
    """Indices as in `tokens`."""
    about: bool
    """It states something of the customer's case."""
    past: bool
    """It states what has been."""
    sure: bool
    """It has words that say whose case it is, or goes on from one that has."""
    denied: bool
    roots: frozenset[str] = field(default_factory=frozenset)

    @property
    def words(self) -> list[str]:
        """Its words."""
        return [t.text for t in self.tokens[self.begin : self.end]]


_LEAD_INS = re.compile(
    r"\b(?:if i(?:'ve| have)? (?:got|heard|understood|understand|followed|get|hear) (?:\w+ )?(?:right|correctly)|"
    r"if i(?:'ve)? (?:heard|understand|understood|got) (?:you|it|that|this)(?: right| correctly)?|"
    r"(?:just to|so to|so i can|let me(?: just)?|i(?: just)? want to|can i just) "
    r"(?:check|confirm|recap|repeat|make sure|be sure|read|say|sum|get|see if)"
    r"(?: i've)?(?: (?:that|this|it|back|up|got|right|have|understand|understood|clear|straight|all|if))*|"
    r"i(?:'ve| have) got(?: here| down| it here)?(?: that)?|"
    r"i (?:can )?(?:see|hear|understand|know|gather)(?: that)?|"
    r"(?:what )?you(?:'re| are| were)? (?:saying|telling me|told me|said|tell me|say)(?: is)?(?: that)?|"
    r"(?:it|the screen|our system|my screen|the system) (?:says|shows)(?: here)?(?: that)?|"
    r"am i right(?: in thinking)?(?: that)?|correct me if i'm wrong|as i understand it|"
    r"from what (?:i hear|you said|you've said|you told me|i can see)|"
    r"have i got (?:that|this|it) right|is that (?:right|correct)|did i get that right|right then)\b"
)
"""Ways into a summary: they say nothing of the case themselves."""
_JOINTS = frozenset("and but so because while then which or plus although though".split())
_OFFERS = frozenset(
    """
    i'll we'll you'll they'll he'll she'll it'll that'll will won't can could would should shall might let let's
    gonna  i'd i'm want wants prefer whether tomorrow if unless please might may maybe perhaps  must
    ought able happy instead
    """.split()
)
"""Words of offers, promises, wishes and conditions."""
_ASKS = frozenset("did do does have has are is was were would could can when which what how where why who".split())
_PAST = frozenset(
    """
    was were been had did came went took paid bought said told gave got left sent rang let broke stopped lost
    spent you've we've they've it's he's she's there's without never didn't wasn't weren't haven't hasn't hadn't
    has have cost wrote kept made sat stood lay felt knew thought began
    """.split()
)
_PERSONS = frozenset(
    """
    you you've you're you'd your yours we we've they they've he he's she she's her his it it's there there's
    nobody somebody engineer parcel order boots bill letter mother mum
    """.split()
)
_OPENERS = frozenset("so and okay right well but then because oh yes no um uh now all".split())
_NAMES = ("thing", "country", "town")
"""Kinds of values whose words tie others to the case as well: a hundred pounds for France."""
_CONDITIONS = frozenset("if unless whether when before after until once like".split())
_MARKS, _STOPS = ".?!;:,–—-", ".?!"
_DENIES = re.compile(r"\b(?:not|never|no|none|nor|\w+n't)\b")


@lru_cache(maxsize=4096)
def said_words(text: str) -> tuple[Token, ...]:
    """The spoken words of a text in the one form in which they are compared."""
    return plain(tokens(text))


@lru_cache(maxsize=1024)
def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of an utterance in order."""
    return tuple(_clauses(text))


def _clauses(text: str) -> Iterator[Clause]:
    said = said_words(text)[:400]
    if not said:
        return
    words = [t.text for t in said]
    values = find(words)
    within = {i for v in values for i in range(v.first + 1, v.last + 1)}
    begins, ends = {v.first for v in values}, {v.last for v in values}
    written = text.split()
    starts = {0}
    lead_in: set[int] = set()
    joined = " ".join(words)
    offsets: dict[int, int] = {}
    at = 0
    for i, word in enumerate(words):
        offsets[at] = i
        at += len(word) + 1
    for match in _LEAD_INS.finditer(joined):
        first = offsets[match.start()]
        last = first + match.group().count(" ")
        lead_in |= set(range(first, last + 1))
        starts |= {first, last + 1}
    for begin, _ in sentences(words):
        starts.add(begin)
    stops: set[int] = set()
    for i in range(1, len(words)):
        mark = written[said[i].word - 1][-1:] if said[i].word > said[i - 1].last else ""
        if mark in _STOPS:
            stops.add(i)
        subject = words[i] in ("you", "we") and words[i - 1] not in _CONDITIONS and i - 1 not in ends
        verb = words[i + 1] if subject and i + 1 < len(words) else ""
        if mark in _MARKS or (words[i] in _JOINTS and i + 1 not in begins) or (verb and _is_past(verb)):
            starts.add(i)
    edges = sorted(i for i in starts | stops if i < len(words) and i not in within)
    state: _State | None = None
    roots: frozenset[str] = frozenset()
    for begin, end in pairwise([*edges, len(words)]):
        if begin in lead_in:
            state, roots = _State(True, True, True), frozenset()
            continue
        mine = tuple(v for v in values if begin <= v.first and v.last < end)
        taken = {i for v in mine if v.kind not in _NAMES for i in range(v.first, v.last + 1)}
        kind = _kind(["#" if i in taken else words[i] for i in range(begin, end)])
        goes_on = kind is None and state is not None and begin not in stops
        if kind is not None or state is None or not goes_on:
            state = kind or _State(words[begin] == "so" or end - begin <= 8, True, False)
        mine_roots = frozenset(r for i in range(begin, end) if i not in taken for r in roots_of(words[i]))
        roots = roots | mine_roots if goes_on else mine_roots
        denied = bool(_DENIES.search(" ".join(words[begin:end])))
        yield Clause(said, begin, end, mine, state.about, state.past, state.sure, denied, roots)


class _State(NamedTuple):
    """What kind of statement a clause is, as in `Clause`."""

    about: bool
    past: bool
    sure: bool


def _kind(words: Sequence[str]) -> _State | None:
    """What kind of statement some words make; None where they have no verb to tell."""
    heads = [w for w in words if w not in _OPENERS]
    if not heads:
        return None
    going_to = any(a in ("going", "need", "have") and b == "to" for a, b in pairwise(words))
    if heads[0] in _ASKS or going_to or _OFFERS & set(words) or heads[0] in ("i", "i've", "my", "let", "or", "either"):
        return _State(False, False, False)
    lacking = any(a == "with" and b in ("no", "nothing") for a, b in pairwise(words))
    past = lacking or any(_is_past(w) for w in words)
    sure = words[0] == "so" or lacking or bool((_PERSONS | {"was", "were", "without"}) & set(words))
    return _State(True, past, sure) if past or "is" in words or _PERSONS & set(words) else None


def _is_past(word: str) -> bool:
    return word in _PAST or (word.endswith("ed") and len(word) > 4)
