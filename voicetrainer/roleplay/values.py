"""Days, amounts, numbers, places and things in spoken words, so that two ways of saying the same compare equal.

`find` reads the values out of spoken words: "ninety pounds" and "£90", "four four one seven" and "4417", "the ninth of
May". It knows British everyday English, and no more countries, towns and things than come up on customer calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

DAYS = tuple("monday tuesday wednesday thursday friday saturday sunday".split())
MONTHS = tuple("january february march april may june july august september october november december".split())

_SMALL = {
    word: n
    for n, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
        " seventeen eighteen nineteen".split()
    )
}
_TENS = {word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_RANKS = {
    word: n
    for n, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth"
        " fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split(),
        1,
    )
} | {"thirtieth": 30}
_HEARD_AS = {"oh": "zero", "o": "zero", "nought": "zero", "won": "one", "to": "two", "too": "two", "for": "four",
             "fore": "four", "ate": "eight", "nein": "nine"}  # fmt: skip
"""What digits are called, or heard as between other digits."""
_MONEY = frozenset("pound pounds quid euro euros dollar dollars".split())
_UNITS = {
    "day": "days", "days": "days", "night": "nights", "nights": "nights", "week": "weeks", "weeks": "weeks",
    "weekend": "weekends", "weekends": "weekends", "month": "months", "months": "months", "year": "years",
    "years": "years", "hour": "hours", "hours": "hours", "minute": "minutes", "minutes": "minutes", "time": "times",
    "times": "times", "visit": "visits", "visits": "visits", "appointment": "visits", "appointments": "visits",
    "call": "calls", "calls": "calls", "letter": "letters", "letters": "letters", "people": "people",
    "person": "people", "degrees": "degrees", "percent": "percent", "nights'": "nights", "days'": "days",
    "weeks'": "weeks", "bag": "bags", "bags": "bags", "ticket": "tickets", "tickets": "tickets", "box": "boxes",
    "boxes": "boxes", "room": "rooms", "rooms": "rooms", "miles": "miles",
}  # fmt: skip
_DELIVERY = {
    "next day": "next day", "same day": "same day", "standard": "standard", "two day": "two day",
    "three day": "three day", "second class": "second class", "first class": "first class", "economy": "standard",
    "express": "express", "overnight": "next day",
}  # fmt: skip
_COUNTRIES = frozenset(
    """
    france spain portugal italy germany greece turkey ireland scotland wales england belgium holland netherlands
    switzerland austria poland croatia cyprus malta norway sweden denmark finland iceland morocco egypt tunisia
    america canada mexico australia china japan india thailand dubai romania bulgaria hungary jersey guernsey
    tenerife majorca ibiza lanzarote
    """.split()
)
_TOWNS = frozenset(
    """
    london manchester birmingham liverpool leeds sheffield bristol newcastle nottingham leicester coventry
    cardiff swansea edinburgh glasgow aberdeen dundee belfast brighton southampton portsmouth plymouth exeter
    oxford cambridge norwich ipswich dover folkestone margate ramsgate canterbury hastings eastbourne kent
    sussex surrey essex devon cornwall dorset hampshire norfolk suffolk yorkshire lancashire cumbria derby
    derbyshire wolverhampton blackpool bournemouth deal paris madrid rome berlin amsterdam barcelona lisbon
    athens dublin milan
    """.split()
)
_BARGAINS = frozenset("a the good great this that my our your best no big to better".split())
_THINGS = frozenset(
    """
    boot boots shoe shoes trainer trainers sandal sandals slipper slippers wellies jacket coat anorak fleece
    jumper dress skirt shirt trousers jeans suit hat gloves socks scarf tent rucksack backpack suitcase bag
    handbag stove torch mattress bed wardrobe table chair chairs sofa settee desk bookcase lamp rug carpet
    curtains fridge freezer cooker oven hob dishwasher dryer microwave kettle toaster boiler radiator radiators
    shower tap taps toilet television telly laptop computer tablet printer monitor phone mobile handset camera
    headphones router modem watch ring necklace earrings bracelet cake flowers bouquet roses hamper book books
    bicycle bike scooter pram pushchair cot toy doll train plane flight hotel ticket tickets lawnmower drill
    ladder paint tiles piano guitar glasses lenses
    """.split()
)
"""Things that people order, own or wait for."""
_LOOSE = {
    "shoes": {"boots", "trainers", "sandals", "slippers", "wellies"}, "coat": {"jacket", "anorak"},
    "bag": {"rucksack", "backpack", "handbag", "suitcase"}, "phone": {"mobile", "handset"}, "telly": {"television"},
    "computer": {"laptop", "tablet"}, "flowers": {"bouquet", "roses"}, "bike": {"bicycle"}, "settee": {"sofa"},
}  # fmt: skip
"""Words that may stand for one another."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value in spoken words."""

    kind: str
    """day, month, date, money, span, code, digits, number, country, town, thing, delivery, or ``amount of`` a unit."""
    value: str
    """In one form, so that equal values are equal."""
    first: int
    """Index of its first spoken word."""
    last: int
    """Index of its last, inclusive."""


def find(words: Sequence[str]) -> tuple[Value, ...]:
    """Values in spoken words, in order, none within another.

    Parameters
    ----------
    words
        As from `voicetrainer.roleplay.spoken`: lower case, no punctuation, numbers in words.
    """
    out: list[Value] = []
    i = 0
    while i < len(words):
        found = _span(words, i) or _digits(words, i) or _code(words, i) or _counted(words, i) or _word(words, i)
        if found:
            out.append(found)
            i = found.last + 1
        else:
            i += 1
    return tuple(out)


@lru_cache(maxsize=16384)
def similar(a: str, b: str) -> bool:
    """Whether two words are so much alike that one may be the other misheard."""
    return a == b or SequenceMatcher(None, a, b, autojunk=False).ratio() >= 0.6


def same(a: Value, b: Value) -> bool:
    """Whether two values of a kind may pass for the same: equal, another word for it, or a range that holds it."""
    if a.value == b.value:
        return True
    if a.kind == "thing":
        x, y = _one(a.value), _one(b.value)
        return x == y or y in _LOOSE.get(x, ()) or x in _LOOSE.get(y, ())
    return False


def near(a: Value, b: Value) -> bool:
    """Whether a difference may come from mishearing or rounding, so that it tells nothing."""
    if same(a, b):
        return True
    if a.kind in ("thing", "country", "town"):
        return similar(a.value, b.value)
    if a.kind in ("money", "number") or a.kind.startswith("amount"):
        return _near_numbers(int(a.value), int(b.value), 100 if a.kind == "money" else 1)
    if a.kind == "digits":
        return len(a.value) != len(b.value) or not any(
            x != y and {x, y} not in ({"5", "9"}, {"1", "9"}) for x, y in zip(a.value, b.value, strict=True)
        )
    if a.kind == "code":
        return _near_numbers(int(a.value[1:]), int(b.value[1:]), 1)
    if a.kind == "delivery":
        return {a.value, b.value} == {"next day", "express"}
    return False


def _near_numbers(a: int, b: int, unit: int) -> bool:
    """Whether two numbers may be one, rounded or misheard (thirteen and thirty)."""
    x, y = a / unit, b / unit
    if max(x, y) > 20 and abs(x - y) <= 0.03 * max(x, y):
        return True
    if any(round(p, -k) == q != p for p, q in ((x, y), (y, x)) for k in (1, 2, 3) if q >= 10**k and p > 20):
        return True
    teens = any(13 <= p <= 19 and q in (10 * (p - 10), p - 10) for p, q in ((x % 100, y % 100), (y % 100, x % 100)))
    return teens and x // 100 == y // 100


# ------------------------------------------------------------------------------------------------- one kind each


def number(words: Sequence[str], i: int) -> tuple[int, int] | None:
    """The whole number that begins at word i and the index after it: "a hundred and twelve" is 112."""
    total, part, at, seen = 0, 0, i, ""
    while at < len(words):
        word = words[at]
        if word in _SMALL and seen not in ("small",) and not (seen == "tens" and not 0 < _SMALL[word] < 10):
            part, seen = part + _SMALL[word], "small"
        elif word in _TENS and seen in ("", "hundred", "thousand", "and"):
            part, seen = part + _TENS[word], "tens"
        elif word == "hundred" and (seen in ("small", "tens", "a") or at == i) and part < 100:
            part, seen = 100 * max(part, 1), "hundred"
        elif word == "thousand" and (seen in ("small", "tens", "hundred", "a")) and total == 0:
            total, part, seen = 1000 * max(part, 1), 0, "thousand"
        elif word == "a" and at == i and at + 1 < len(words) and words[at + 1] in ("hundred", "thousand"):
            seen = "a"
        elif (
            word == "and"
            and seen in ("hundred", "thousand")
            and at + 1 < len(words)
            and (words[at + 1] in _SMALL or words[at + 1] in _TENS)
        ):
            seen = "and"
        else:
            break
        at += 1
    return (total + part, at) if at > i and seen not in ("a", "and", "") else None


def _digit(word: str) -> str | None:
    word = _HEARD_AS.get(word, word)
    return str(_SMALL[word]) if word in _SMALL and _SMALL[word] < 10 else None


def _digits(words: Sequence[str], i: int) -> Value | None:
    """Digits read out one by one ("four four one seven", "double four") or in pairs ("forty four seventeen")."""
    out, at = "", i
    while at < len(words):
        word = words[at]
        if word in ("double", "treble", "triple") and at + 1 < len(words) and _digit(words[at + 1]):
            out += str(_digit(words[at + 1])) * (2 if word == "double" else 3)
            at += 2
        elif _digit(word) and (word not in _HEARD_AS or out):
            out += str(_digit(word))
            at += 1
        else:
            break
    while at > i and words[at - 1] in _HEARD_AS and words[at - 1] not in ("oh", "o", "nought"):
        at, out = at - 1, out[:-1]  # "four one to" is not 412
    if len(out) >= 3 and not (at < len(words) and (words[at] in _UNITS or words[at] in _MONEY)):
        return Value("digits", out, i, at - 1)
    first = number(words, i)
    second = number(words, first[1]) if first else None
    if first and second and 10 <= first[0] <= 99 and 10 <= second[0] <= 99 and not _counts(words, second[1]):
        return Value("digits", f"{first[0]}{second[0]}", i, second[1] - 1)
    return None


def _counts(words: Sequence[str], at: int) -> bool:
    return at < len(words) and (words[at] in _UNITS or words[at] in _MONEY)


def _span(words: Sequence[str], i: int) -> Value | None:
    """From one hour to another: "between eight and one"."""
    if words[i] not in ("between", "from"):
        return None
    hours: list[int] = []
    at = i + 1
    for joint in (("and", "to", "till", "until"), ()):
        if at >= len(words) or words[at] not in _SMALL or not 1 <= _SMALL[words[at]] <= 12:
            return None
        hours.append(_SMALL[words[at]])
        at += 1
        while at < len(words) and words[at] in ("o'clock", "a", "p", "m", "am", "pm"):
            at += 1
        if joint:
            if at >= len(words) or words[at] not in joint:
                return None
            at += 1
    return None if _counts(words, at) else Value("span", f"{hours[0]}-{hours[1]}", i, at - 1)


def _code(words: Sequence[str], i: int) -> Value | None:
    """A letter with a number: "F twenty two"."""
    if len(words[i]) == 1 and words[i] not in "aio" and words[i].isalpha():
        found = number(words, i + 1)
        spells_on = found is not None and found[1] < len(words) and len(words[found[1]]) == 1
        if found and not spells_on and not _counts(words, found[1]):
            return Value("code", f"{words[i]}{found[0]}", i, found[1] - 1)
    return None


def _counted(words: Sequence[str], i: int) -> Value | None:
    """Money, amounts of something, dates, and numbers that stand alone."""
    if words[i] in ("once", "twice"):
        return Value("amount of times", "1" if words[i] == "once" else "2", i, i)
    dated = _date(words, i)
    if dated:
        return dated
    found = number(words, i)
    if not found:
        return None
    n, at = found
    after = words[at] if at < len(words) else ""
    if after in _MONEY:
        pence = number(words, at + 1)
        if pence and pence[0] < 100 and not _counts(words, pence[1]):
            return Value("money", str(100 * n + pence[0]), i, pence[1] - 1)
        return Value("money", str(100 * n), i, at)
    if after in ("pence", "p"):
        return Value("money", str(n), i, at)
    if after in ("whole", "full", "long", "more", "solid") and at + 1 < len(words) and words[at + 1] in _UNITS:
        at += 1
        after = words[at]
    if after in _UNITS:
        if after == "years" and words[at + 1 : at + 2] == ["old"]:
            return Value("number", str(n), i, at + 1)
        if _UNITS[after] == "days" and words[at + 1 : at + 2] == ["delivery"]:
            return None
        return Value(f"amount of {_UNITS[after]}", str(n), i, at)
    if n >= 1000:
        return Value("digits", str(n), i, at - 1)
    return Value("number", str(n), i, at - 1)


def _date(words: Sequence[str], i: int) -> Value | None:
    """A day of the month, where a month stands near: "the ninth of May", "ninth to the twelfth of May"."""
    if words[i] in ("twenty", "thirty") and i + 1 < len(words) and 0 < _RANKS.get(words[i + 1], 0) < 10:
        n, at = _TENS[words[i]] + _RANKS[words[i + 1]], i + 2
    elif words[i] in _RANKS:
        n, at = _RANKS[words[i]], i + 1
    else:
        return None
    near_by = (*words[max(0, i - 2) : i], *words[at : at + 6])
    return Value("date", str(n), i, at - 1) if any(w in MONTHS for w in near_by) else None


def _word(words: Sequence[str], i: int) -> Value | None:
    """Days, months, places, deliveries and things."""
    word = words[i].removesuffix("'s")
    before = words[i - 1] if i else ""
    if word.removesuffix("s") in DAYS:
        return Value("day", word.removesuffix("s"), i, i)
    dated = before in ("of", "in", "last", "since", "early", "late") or before in _RANKS
    if word in MONTHS and (dated or word not in ("may", "march")):
        return Value("month", word, i, i)
    if word in _COUNTRIES:
        return Value("country", word, i, i)
    if word in _TOWNS and not (word == "deal" and (before in _BARGAINS or words[i + 1 : i + 2] == ["with"])):
        return Value("town", word, i, i)
    for n in (2, 1):
        kind = _DELIVERY.get(" ".join(words[i : i + n]))
        posted = words[i + n : i + n + 1] in (["delivery"], ["post"], ["shipping"])
        if kind and (posted or (kind == "next day" and before not in ("the", "a", "every"))):
            return Value("delivery", kind, i, i + n - 1)
    if word in _THINGS:
        return Value("thing", word, i, i)
    return None


def _one(thing: str) -> str:
    """Singular and plural in one form."""
    return thing if thing + "s" not in _THINGS else thing + "s"
