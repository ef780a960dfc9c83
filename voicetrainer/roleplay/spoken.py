"""Typed text as a recogniser would have heard it: lower case, no punctuation, numbers as words, letters spelled.

What is said and what is typed then look the same to the rules, and every spoken word still knows which written word it
came from, so that the report can mark the words in the sentence as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
).split()
_TENS = " twenty thirty forty fifty sixty seventy eighty ninety".split(" ")
_TENS.insert(0, "")
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_MONEY = {"£": "pounds", "$": "dollars", "€": "euros"}
_SAME = {
    "ok": "okay", "o.k": "okay", "&": "and", "%": "percent", "+": "plus", "@": "at", "mm-hm": "mm hmm", "mhm": "mm hmm",
    "mmhmm": "mm hmm", "uh-huh": "uh huh", "e-mail": "email", "wi-fi": "wifi", "a.m": "a m", "p.m": "p m",
    "etc": "et cetera", "vs": "versus",
}  # fmt: skip
_NOT_SPELLED = frozenset(
    """
    ALL AM AND BUT CAN DAY DAYS DID DO EVER HOW IT ME MY NEVER NO NOT NOW OK ONE OUR PIN RAM SIM SO STOP TEN THAT THE
    THIS TWO US VERY WE WEEK WEEKS WHAT WHO WHY YES YOU YOUR
    """.split()
)
"""Capitals that are read as a word, often for emphasis."""

_TRIM = re.compile(r"^[^\w£$€%&+@#]+|[^\w%+]+$")
_NUMBER = re.compile(
    r"([£$€]?)(\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.(\d{1,6}))?(st|nd|rd|th|s|am|pm|k|m|p|%)?", re.IGNORECASE
)
_CLOCK = re.compile(r"(\d{1,2})[:.](\d{2})(am|pm)?", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_PARTS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*'?|\d+|[%+@&]")


class Token(NamedTuple):
    """One spoken word."""

    text: str
    word: int
    """Index of the written word it came from, counting words split on spaces."""
    last: int
    """Index of the last written word it came from; the same, but for joined words ("i am" as "i'm")."""


def cardinal(number: int) -> str:
    """A whole number below a billion in British words: 212 is "two hundred and twelve"."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        return " ".join(filter(None, (_TENS[number // 10], _ONES[number % 10] if number % 10 else "")))
    if number < 1_000:
        rest = f" and {cardinal(number % 100)}" if number % 100 else ""
        return f"{_ONES[number // 100]} hundred{rest}"
    for size, name in ((1_000_000, "million"), (1_000, "thousand")):
        if number >= size:
            low = number % size
            joint = " and " if 0 < low < 100 else " "
            return f"{cardinal(number // size)} {name}{joint + cardinal(low) if low else ''}"
    raise AssertionError(number)


def ordinal(number: int) -> str:
    """A whole number below a billion as a rank: 22 is "twenty second"."""
    head, _, last = cardinal(number).rpartition(" ")
    ending = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return f"{head} {ending}".strip()


def _digits(digits: str) -> str:
    return " ".join(_ONES[int(d)] for d in digits)


def _year(number: int) -> str:
    head, tail = divmod(number, 100)
    return f"{cardinal(head)} {cardinal(tail) if tail > 9 else 'oh ' + cardinal(tail) if tail else 'hundred'}"


def _number(match: re.Match[str]) -> str:
    money, whole, fraction, ending = match.groups()
    plain = whole.replace(",", "")
    ending = (ending or "").lower()
    number = int(plain)
    if len(plain) > 9 or (len(plain) > 1 and plain[0] == "0"):
        said = _digits(plain)
    elif money:
        return f"{cardinal(number)} {_MONEY[money]}" + (f" {cardinal(int(fraction))}" if fraction else "")
    elif ending in {"st", "nd", "rd", "th"}:
        return ordinal(number)
    elif len(plain) == 4 and 1900 < number < 2100 and not fraction and "," not in whole:
        said = _year(number)
    else:
        said = cardinal(number)
    if fraction:
        said += " point " + _digits(fraction)
    spoken_ending = {"am": " a m", "pm": " p m", "k": " thousand", "m": " million", "p": " pence", "%": " percent"}
    return said + ("s" if ending == "s" else spoken_ending.get(ending, ""))


def _clock(match: re.Match[str]) -> str:
    hour, minute, half = match.groups()
    tail = int(minute)
    said = cardinal(int(hour))
    if tail:
        said += f" oh {cardinal(tail)}" if tail < 10 else f" {cardinal(tail)}"
    return said + (f" {half[0].lower()} m" if half else "")


def _spoken(word: str, spell: bool) -> str:
    """One written word as the words one would say."""
    core = _TRIM.sub("", word)
    if not core:
        return ""
    lower = core.lower()
    if lower in _SAME:
        return _SAME[lower]
    clock = _CLOCK.fullmatch(core)
    if clock and (":" in core or clock[3]):
        return _clock(clock)
    number = _NUMBER.fullmatch(core)
    if number:
        return _number(number)
    letters = core.replace(".", "")
    if spell and letters.isalpha() and letters.isupper() and 2 <= len(letters) <= 5 and letters not in _NOT_SPELLED:
        return " ".join(letters.lower())
    if spell and re.fullmatch(r"[A-Z]{2,5}s", core):  # "PNRs"
        return " ".join(core[:-1].lower()) + "s"
    out: list[str] = []
    for part in _PARTS.findall(_CAMEL.sub(" ", core) if spell else core):
        if part.isdigit():
            out.append(cardinal(int(part)) if len(part) < 4 and part[0] != "0" else _digits(part[:12]))
        elif spell and part.isupper() and 2 <= len(part) <= 5 and part not in _NOT_SPELLED:
            out.append(" ".join(part.lower()))
        else:
            out.append(_SAME.get(part.lower(), part.lower().rstrip("'")))
    return " ".join(filter(None, out))


@lru_cache(maxsize=4096)  # a scenario's phrases and lines are read anew in every turn
def tokens(text: str) -> tuple[Token, ...]:
    """The spoken words of a text, each with the index of its written word.

    Parameters
    ----------
    text
        Recognised speech or typed text; already spoken text comes back as it is.

    Returns
    -------
    tuple of Token
        ``word`` counts the words of ``text.split()``. A written word may give none ("-") or several ("£38").

    Examples
    --------
    >>> " ".join(t.text for t in tokens("It's 38% of the BNG, OK?"))
    "it's thirty eight percent of the b n g okay"
    """
    words = text.replace("’", "'").replace("‘", "'").split()
    letters = [c for c in text if c.isalpha()]
    # Somebody who types everything in capitals is not spelling.
    shouting = len(letters) > 12 and sum(c.isupper() for c in letters) > 0.6 * len(letters)
    return tuple(Token(said, i, i) for i, word in enumerate(words) for said in _spoken(word, not shouting).split())


@lru_cache(maxsize=4096)
def spoken(text: str) -> str:
    """A text as a recogniser would write it down."""
    return " ".join(t.text for t in tokens(text))


_FULL = """
    i am i'm; you are you're; we are we're; they are they're; it is it's; that is that's; what is what's; there is
    there's; here is here's; who is who's; how is how's; he is he's; she is she's; i will i'll; you will you'll; we
    will we'll; they will they'll; it will it'll; that will that'll; he will he'll; she will she'll; i would i'd;
    you would you'd; we would we'd; they would they'd; should have should've; could have could've; would have
    would've; must have must've; do not don't; does not doesn't; did not didn't; is not isn't; are not aren't; was
    not wasn't; were not weren't; have not haven't; has not hasn't; had not hadn't; will not won't; would not
    wouldn't; could not couldn't; should not shouldn't; can not can't; let us let's
"""
_JOINED = {(a, b): c for a, b, c in (item.split() for item in _FULL.split(";"))}
_SPLIT = {"gonna": "going to", "wanna": "want to", "gotta": "got to", "cannot": "can't", "apologize": "apologise",
          "apologized": "apologised", "apologizing": "apologising", "realize": "realise", "alright": "all right",
          "yep": "yes", "yeah": "yes", "yup": "yes", "ma'am": "madam"}  # fmt: skip


def plain(said: Iterable[Token]) -> tuple[Token, ...]:
    """Spoken words in the one form in which the rules know them: contracted, in British spelling.

    Careful speakers say "that is not", quick ones "that's not", and both mean the same.
    """
    out: list[Token] = []
    for token in said:
        if out and (joined := _JOINED.get((out[-1].text, token.text))):
            out[-1] = Token(joined, out[-1].word, token.last)
        else:
            out += [Token(part, token.word, token.last) for part in _SPLIT.get(token.text, token.text).split()]
    return tuple(out)
