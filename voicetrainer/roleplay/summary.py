"""Whether what the learner says back is what happened: their words against the facts of this case.

A coach's scenario names the facts; the customer tells some of them in the call. `check` finds which of them the learner
says back, and which a learner gets wrong ("you ordered on Wednesday" when it was Monday). A value (a day, an amount, a
place) is compared with a fact only where the words around it tie it to that fact, and to no other of its kind. Only
statements about the customer's case are judged, never what the learner offers, asks or promises, and in doubt nothing
is said: to be told wrongly that one was wrong is worse than a slip that passes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from voicetrainer.roleplay.clauses import EMPTY, Clause, clauses, roots_of, said_words
from voicetrainer.roleplay.scenario import Scenario
from voicetrainer.roleplay.values import Value, find, near, same, similar


@dataclass(frozen=True, slots=True)
class SaidBack:
    """One fact of the case in the learner's words."""

    fact: str
    """Its name among the scenario's facts; empty for something that only the customer's lines tell."""
    value: str
    """What is right, as the scenario or the customer says it: "Monday"."""
    kind: str
    """What was compared: a kind of `voicetrainer.roleplay.values.Value`, or ``words``."""
    quote: str
    """The learner's words."""
    first: int
    """Index of the first of these words in ``text.split()``."""
    last: int
    """Index of the last of them, inclusive."""
    right: bool
    why: str
    """One plain sentence for the learner."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What an utterance says of the case."""

    right: tuple[SaidBack, ...] = ()
    """Facts said back rightly, in the order spoken; each fact once."""
    wrong: tuple[SaidBack, ...] = ()
    """Facts contradicted, in the order spoken; each fact once."""


def check(scenario: Scenario, lines: Sequence[str], text: str) -> Summary:
    """Compare what the learner says with the facts of the case.

    Parameters
    ----------
    scenario
        Whose facts are right.
    lines
        What the customer has said so far in this call, slots filled, oldest first.
    text
        The learner's utterance, recognised or typed.
    """
    said = clauses(text)
    claims, known = _claims(scenario, lines)
    written = text.split()
    right: dict[tuple[str, str], SaidBack] = {}
    wrong: dict[tuple[str, str], SaidBack] = {}
    for clause in said:
        for value in clause.values:
            claim, fits = _judge(clause, value, claims, known)
            if claim is None:
                continue
            begin = clause.tokens[value.first if fits else clause.begin].word
            last = clause.tokens[value.last].last
            quote = " ".join(written[begin : last + 1])
            why = f"Right: {claim.told}." if fits else f"You said “{quote}”; it is {claim.told}."
            found = SaidBack(claim.fact, claim.told, value.kind, quote, begin, last, fits, why)
            (right if fits else wrong).setdefault((claim.fact or claim.told, value.kind), found)
    # Who says both has put it right within the same breath.
    kept = _each([w for name, w in wrong.items() if name not in right])
    missed = {w.fact for w in kept}
    told = [*right.values(), *_in_words(scenario, said, written)]
    return Summary(_each([r for r in told if r.fact and r.fact not in missed]), kept)


def _each(found: Sequence[SaidBack]) -> tuple[SaidBack, ...]:
    """Each fact once, in the order spoken."""
    once: dict[str, SaidBack] = {}
    for item in sorted(found, key=lambda s: s.first):
        once.setdefault(item.fact or item.value, item)
    return tuple(once.values())


# ------------------------------------------------------------------------------------------------------- the case


@dataclass(frozen=True)
class _Claim:
    """A value that the case holds, and the words that tie others to it."""

    fact: str
    told: str
    value: Value
    ties: frozenset[str]
    """Roots of words that are said of it, and of no other claim of its kind."""


@dataclass(frozen=True)
class _Case:
    facts: tuple[_Claim, ...]
    known: tuple[Value, ...]
    """Every value anywhere in the scenario: what the learner may have from there is not held against them."""


def _claims(scenario: Scenario, lines: Sequence[str]) -> tuple[tuple[_Claim, ...], tuple[Value, ...]]:
    """What the facts and the customer's lines so far claim, and all values that occur in the case."""
    slotted = tuple(line.say for _, line in scenario.spoken_lines())
    shown = tuple(text for stage in scenario.stages for text in stage.could_say.values())
    about = (scenario.briefing, scenario.customer.about, *scenario.goals, *(s.about for s in scenario.stages))
    asked = tuple(
        (answer.asked, tuple(line.say for line in answer.say)) for answer in scenario.answers if not answer.open
    )
    case = _case(tuple(scenario.facts.items()), (*slotted, *shown), about, asked)
    merged: list[_Claim] = list(case.facts)
    for claim in (c for line in lines for c in _line_claims(line)):
        for i, old in enumerate(merged):
            if old.value.kind == claim.value.kind and old.value.value == claim.value.value:
                merged[i] = replace(old, ties=old.ties | claim.ties)
                break
        else:
            merged.append(claim)
    return tuple(_own(merged)), case.known


@lru_cache(maxsize=8)
def _case(
    facts: tuple[tuple[str, str], ...],
    lines: tuple[str, ...],
    about: tuple[str, ...],
    asked: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...],
) -> _Case:
    """Read a case from its facts, the lines that name them, its other texts, and what the customer tells when asked."""
    claims: list[_Claim] = []
    names = {key: _names(told) for key, told in facts}
    for key, told in facts:
        slot = f"{{{key}}}"
        ties = set(roots_of(key.replace("_", " ")))
        for line in lines:
            if slot in line:
                ties |= _around(line, slot, names)
        for phrases, answers in asked:
            if any(slot in line for line in answers):
                ties |= {root for phrase in phrases for root in roots_of(phrase)}
        said = said_words(told)
        values = find([t.text for t in said])
        for value in values:
            rest = {t.text for i, t in enumerate(said) if not any(v.first <= i <= v.last for v in values)}
            claims.append(_Claim(key, told, value, frozenset(ties | {r for w in rest for r in roots_of(w)})))
    filled = (_SLOT.sub(lambda m: dict(facts).get(m[1], ""), text) for text in (*lines, *about))
    known = (v for text in filled for v in find([t.text for t in said_words(text)]))
    return _Case(tuple(claims), (*known, *(c.value for c in claims)))


def _own(claims: Sequence[_Claim]) -> Iterator[_Claim]:
    """Yield the claims without the ties that they share with another value of their kind."""
    for claim in claims:
        named = frozenset(roots_of(claim.fact.replace("_", " ")))
        shared = {
            root
            for c in claims
            if c.value.kind == claim.value.kind and c.fact != claim.fact and not same(c.value, claim.value)
            for root in (c.ties - named) | (frozenset(roots_of(c.fact.replace("_", " "))) & c.ties)
        }
        yield replace(claim, ties=claim.ties - shared)


def _names(told: str) -> str:
    """The places and things in a fact."""
    said = [t.text for t in said_words(told)]
    return " ".join(" ".join(said[v.first : v.last + 1]) for v in find(said) if v.kind in ("thing", "country", "town"))


def _around(line: str, slot: str, names: Mapping[str, str]) -> set[str]:
    """Roots of the words that stand in one sentence with a slot, or next to it where it stands alone."""
    parts = [p for p in re.split(r"(?<=[.?!])\s+", line) if p.strip()]
    spots = [i for i, part in enumerate(parts) if slot in part]

    def roots(part: str) -> set[str]:
        return set(roots_of(_SLOT.sub(lambda m: names.get(m[1], ""), part.replace(slot, " "))))

    found = {root for i in spots for root in roots(parts[i])}
    if not found and len(parts) > 1:
        found = roots(parts[spots[0] + 1 if spots[0] + 1 < len(parts) else spots[0] - 1])
    return found


@lru_cache(maxsize=1024)
def _line_claims(line: str) -> tuple[_Claim, ...]:
    """What a line of the customer's claims."""
    found: list[_Claim] = []
    for part in re.split(r"(?<=[.?!])\s+", line):
        said = said_words(part)
        words = [t.text for t in said]
        values = find(words)
        for value in values:
            if value.kind.startswith("amount") or value.kind in ("day", "money", "digits"):
                rest = (w for i, w in enumerate(words) if not any(v.first <= i <= v.last for v in values))
                told = " ".join(part.split()[said[value.first].word : said[value.last].last + 1]).strip(".,!?;:")
                found.append(_Claim("", told, value, frozenset(r for w in rest for r in roots_of(w))))
    return tuple(found)


_SLOT = re.compile(r"\{(\w+)\}")


# ---------------------------------------------------------------------------------------------------- comparing


def _judge(
    clause: Clause, value: Value, claims: Sequence[_Claim], known: Sequence[Value]
) -> tuple[_Claim | None, bool]:
    """The claim that a value in a clause is about, and whether it is right; None when it cannot be told."""
    mine = [c for c in claims if c.value.kind == value.kind]
    if not mine:
        return None, False
    # Two other values of a fact in the same breath tie as well as words do: the ninth to the twelfth of June.
    beside = Counter(c.fact for c in claims for v in clause.values if v is not value and c.fact and _is(c.value, v))
    tied = [c for c in mine if c.ties & clause.roots or beside[c.fact] >= 2 or _stands_in(clause, value)]
    alike = [c for c in mine if same(c.value, value)]
    if alike:
        if not clause.about and value.kind not in ("digits", "code"):
            return None, False
        dated = [v for v in clause.values if v.kind == "date"]
        if value.kind == "month" and dated and not any(_is(c.value, v) for v in dated for c in claims):
            return None, False
        alone = len({c.value.value for c in mine}) == 1 or value.kind not in _LOOSELY_TIED
        best = next((c for c in alike if c in tied), alike[0] if alone else None)
        if best is not None or not _elsewhere(clause, value, tied):
            return best, True
    elif not _elsewhere(clause, value, tied) and any(near(k, value) for k in known if k.kind == value.kind):
        return None, False
    most = max((len(c.ties & clause.roots) for c in tied), default=0)
    if most > 1:  # what is tied more firmly than all else of its kind
        tied = [c for c in tied if len(c.ties & clause.roots) == most]
    sure = clause.sure or value.kind in ("digits", "code", "date")
    if not (clause.about and sure) or len({c.fact or c.told for c in tied}) != 1:
        return None, False
    return (tied[0], False) if _contradicts(clause, value, tied) else (None, False)


def _stands_in(clause: Clause, value: Value) -> bool:
    """Whether a place is where the customer was: "you were in Spain"."""
    before = " ".join(clause.words[: value.first - clause.begin])
    return value.kind in ("country", "town") and bool(_WAS_IN.search(before))


_WAS_IN = re.compile(r"\byou(?:'ve| were| have| never| live)*(?: \w+)?(?: been| were| went| live)? (?:in|to)$")


def _is(a: Value, b: Value) -> bool:
    return a.kind == b.kind and same(a, b)


_LOOSELY_TIED = ("day", "number", "amount of times", "amount of people")
"""Kinds of which one value may mean many things."""


def _elsewhere(clause: Clause, value: Value, tied: Sequence[_Claim]) -> bool:
    """Whether a day of the case stands right where another day of it belongs: "you ordered on Saturday"."""
    before = clause.words[value.first - clause.begin - 1] if value.first > clause.begin else ""
    return value.kind == "day" and before in ("on", "last") and bool(tied)


def _contradicts(clause: Clause, value: Value, tied: Sequence[_Claim]) -> bool:
    """Whether a value that is none of the case's is surely meant for what it is tied to."""
    at = value.first - clause.begin
    before = clause.words[max(0, at - 3) : at]
    last = before[-1] if before else ""
    kind = value.kind
    if _VAGUE & set(before[-2:]) or (clause.denied and not _MAY_DENY & clause.roots and kind != "country"):
        return False
    if kind == "day":
        return last not in ("by", "until", "till", "next", "this", "before", "for", "to") and _attached(
            clause, value, tied
        )
    if kind in ("money", "span") or kind.startswith("amount"):
        if kind == "money" and not _MONEY_TIES & clause.roots:
            return False
        return (clause.past or "is" in clause.words) and not _OTHER_MONEY & set(clause.words)
    if kind == "date":
        days = [int(c.value.value) for c in tied]
        return not min(days) <= int(value.value) <= max(days)
    if kind == "digits":
        return not _OTHER_NUMBERS & set(clause.words)
    if kind == "number":
        after = clause.words[at + value.last - value.first + 1 :]
        if last == "is" or last.endswith("'s"):
            return not after or after[0] in EMPTY or after[0].endswith("ing")
        return not after and bool(set(roots_of(last)) & tied[0].ties)
    if kind == "thing":
        return bool({"order", "item", "pair", "parcel"} & clause.roots) and _attached(clause, value, tied)
    if kind in ("country", "town"):
        return last in _PLACED
    return kind in ("month", "code", "delivery")


_MONEY_TIES = frozenset(roots_of("pay charge taken account bank usual worth bill"))
_PLACED = frozenset("in to for from at of near".split())
_DEADLINES = frozenset("by until till next this before for to".split())
_VAGUE = frozenset("about around over under nearly almost roughly some only than least most past between".split())
_MAY_DENY = frozenset(roots_of("missed heating hot"))
"""Where a denial belongs to the fact: nobody came on Thursday."""
_OTHER_MONEY = frozenset(
    "fee delivery postage deposit extra discount voucher credit compensation interest back".split()
)
_OTHER_NUMBERS = frozenset("new replacement case ticket complaint claim confirmation tracking extension".split())
_BETWEEN = frozenset(
    "on the a an some your these those them it last from us online new pair of at all way with in since starts "
    "starting begins is was money payment out".split()
)


def _attached(clause: Clause, value: Value, tied: Sequence[_Claim]) -> bool:
    """Whether only words of the case itself stand between the value and what it is tied to."""
    ties = frozenset(r for c in tied for r in c.ties)
    inside = range(value.first, value.last + 1)
    spots = [i for i in range(clause.begin, clause.end)
             if i not in inside and ties & set(roots_of(clause.tokens[i].text))]  # fmt: skip
    for spot in spots:
        a, b = (spot + 1, value.first) if spot < value.first else (value.last + 1, spot)
        words = [t.text for t in clause.tokens[a:b]]
        if spot > value.last and not {"you", "we", "that", "when"} & set(words):
            continue  # "it was Friday you ordered them", and not "see you Friday, buy you"
        if len(words) <= 6 and all(w in _BETWEEN or w in ("that", "you", "when", "walking") or ties & set(roots_of(w))
                                   or any(v.kind == "thing" for v in find([w])) for w in words):  # fmt: skip
            return True
    return False


def _in_words(scenario: Scenario, parts: Sequence[Clause], written: Sequence[str]) -> Iterator[SaidBack]:
    """Yield facts without a value of their own that come back in words like theirs."""
    said = [(i, r) for c in parts if c.about for i in range(c.begin, c.end) for r in roots_of(c.tokens[i].text)]
    for key, told in scenario.facts.items():
        spoken = said_words(told)
        values = find([t.text for t in spoken])
        held = {i for v in values if v.kind != "thing" for i in range(v.first, v.last + 1)}
        free = [t.text for i, t in enumerate(spoken) if i not in held]
        roots = list(dict.fromkeys(roots_of(" ".join(free))))
        named = set(roots_of(key.replace("_", " ")))
        if not roots or (any(v.kind != "thing" for v in values) and not named & set(roots)):
            continue
        if told.lower().startswith(("it ", "that ", "they ")):
            roots = [*named, *roots]
        hits = {root: i for root in roots for i, r in said if similar(root, r)}
        if len(hits) * 2 >= len(roots) and roots[-1] in hits and (len(roots) == 1 or len(hits) > len(roots) // 2):
            tokens_at = sorted(hits.values())
            first, last = parts[0].tokens[tokens_at[0]].word, parts[0].tokens[tokens_at[-1]].last
            yield SaidBack(key, told, "words", " ".join(written[first : last + 1]), first, last, True,
                                f"Right: {told}.")  # fmt: skip
