"""What the learner asks: which of the customer's answers it calls for, and whether it is a question about the case.

A coach writes a few phrases for each answer; learners ask in words of their own. So a phrase is found where it stands
word for word, and else in a question or a request that has its words in the same order, whatever their endings, with
little between them: "what did you order" in "so what exactly was it that you ordered?"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from voicetrainer.roleplay.scenario import Scenario
from voicetrainer.roleplay.spoken import plain, spoken, tokens

LAST = 12
"""Words at the end of an utterance among which a question begins, if it is what is left standing."""

_LEADS_IN = frozenset(
    """
    see imagine know understand hear tell feel realise realize appreciate about of on that's it's explain out into at
    with sure show shows says remember wonder check matter matters from to
    """.split()
)
"""Words before a question word that make it part of a statement."""

_FILLERS = frozenset(
    """
    a an the of for to at on in by you your yours we our us i my me it its he his him she her they their them that this
    these those there be been being am is are was were isn't wasn't do does did have has had having would will can could
    should may might please just exactly actually then so and or any some with from about again ever already now today
    i'm i've i'd i'll you've you're you'd you'll we've we're we'd we'll it's that's he's she's they've they're there's
    um uh well okay right madam sir
    """.split()
)
"""Words that may come in between, and that do not tell one question from another."""

_WH = frozenset("what which who whose when where whereabouts why how".split())

_IRREGULAR = {
    form: word
    for word, forms in {
        "pay": "paid payment payments", "buy": "bought buying", "tell": "told", "say": "said says", "get": "got gotten",
        "take": "took taken taking", "send": "sent", "come": "came coming", "go": "went gone", "ring": "rang rung",
        "leave": "left leaving", "begin": "began begun", "book": "booking bookings", "speak": "spoke spoken",
        "break": "broke broken", "deliver": "delivery", "arrive": "arrival", "mum": "mother mummy mom", "dad": "father",
        "phone": "telephone", "colour": "color", "postcode": "zip",
    }.items()
    for form in forms.split()
}  # fmt: skip

_OPENERS = r"(?:(?:and|so|but|or|okay|right|um|uh|well|now|oh|sorry|please|just) )*"
_PERSONS = r"(?:i|you|we|it|that|this|he|she|they|there)\b"
_INVERTED = (
    r"\b(?:what|which|who|whose|when|where|whereabouts|why|how)"
    rf"(?:'s| (?:many|much|long|old|often|far)\b"
    rf"| (?:(?!{_PERSONS})\w+ ){{0,2}}?(?:is|are|was|were|did|do|does|have|has|had)\b)"
    rf"|^{_OPENERS}who (?!{_PERSONS})\w+"
)
"""Question words with the verb before the person, which "I know what you did" has not."""
_REQUEST = re.compile(
    rf"{_INVERTED}|\b(?:tell|give|remind|read) (?:me|us)\b|\b(?:need|spell|confirm)\b"
    r"|\b(?:can|could|may|might|would|will|do|did|have|are|were) (?:i|you|your|any\w*|some\w*)\b"
    rf"|^{_OPENERS}(?:is|are|was|were|does|did|has|have) (?:we|it|that|this|he|she|they|there|the|your)\b"
)
"""A question or a request for something; spoken words have no question marks."""
_ABOUT_THE_CASE = re.compile(
    rf"{_INVERTED}|^{_OPENERS}(?:have|has|did|do|does|is|are|was|were) "
    r"(?:you|it|that|this|there|the|your|he|she|they|any\w*|some\w*)\b"
)
_NOT_ABOUT_IT = re.compile(
    r"\b(?:like|want|prefer|rather|suits?|okay|all right|right|best|better|sound|help|anything else|happen\w*|going on|"
    r"goes on|went on|wrong|the matter|feel\w*|been|mind|(?:what|how) (?:can|could|may|should|shall) (?:i|we)|clear|"
    r"sense|think|fair|any good|does (?:that|it) (?:work|do)$|"
    r"how are you|affect\w*|come about|expect|work for|do for you|from me|mean)\b"
)
"""Offers, checks, and open questions, to which going on with the story is an answer."""


def asked(scenario: Scenario, text: str) -> tuple[int, str] | None:
    """Which of the customer's answers an utterance asks for.

    Returns
    -------
    Its place among ``scenario.answers`` and the phrase that was found; None where none is.
    """
    said = f" {spoken(text)} "
    for i, answer in enumerate(scenario.answers):
        if phrase := next((p for p in answer.asked if f" {spoken(p)} " in said), ""):
            return i, phrase
    questions = [words for words in _written(text) if _found(_REQUEST, words) is not None]
    best, found = (0, 0), None
    for i, answer in enumerate(scenario.answers):
        for phrase in answer.asked:
            wanted = _key(phrase)
            telling = (sum(word not in _WH for word in wanted), len(wanted))
            # One word alone tells nothing, and "what name" less than "name of the doctor".
            if len(wanted) > 1 and telling > best and any(_holds(words, wanted) for words in questions):
                best, found = telling, (i, phrase)
    return found


def about_the_case(text: str) -> bool:
    """Whether an utterance ends in a question for a fact, and not in an offer, a check or "what happened?"."""
    last = next((words for words in reversed(tuple(_written(text))) if words), ())
    begin = _found(_ABOUT_THE_CASE, last[-LAST:]) if text.rstrip()[-1:] not in (".", "!") else None
    return begin is not None and not _NOT_ABOUT_IT.search(" ".join(last[-LAST:][begin:]))


def _found(pattern: re.Pattern[str], words: Sequence[str]) -> int | None:
    """The word with which a question begins; none where another verb leads into it: "I see how much it was"."""
    said = " ".join(words)
    begins = (said.count(" ", 0, match.start()) for match in pattern.finditer(said))
    return next((i for i in begins if not i or words[i - 1] not in _LEADS_IN), None)


def _written(text: str) -> Iterator[tuple[str, ...]]:
    """The spoken words between full stops; where there are none, of the whole."""
    for part in re.split(r"(?<=[.?!])\s+", text):
        yield tuple(t.text for t in plain(tokens(part)))


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    """A word without its ending."""
    word = _IRREGULAR.get(word, word)
    for ending in ("'s", "ies", "ied", "ing", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            word = word[: -len(ending)] + ("i" if ending in ("ies", "ied", "y") else "")
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


@lru_cache(maxsize=4096)
def _key(phrase: str) -> tuple[str, ...]:
    """The words of a phrase that matter, without their endings."""
    return tuple(_stem(t.text) for t in plain(tokens(phrase)) if t.text not in _FILLERS)


def _holds(words: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the words that are wanted come in this order, with at most one other that matters between two of them.

    What follows "how" or "what" at once makes it another question ("how old"), so nothing comes between there.
    """
    key = [(i, _stem(w)) for i, w in enumerate(words) if w not in _FILLERS]
    for begin in (n for n, (_, stem) in enumerate(key) if stem == wanted[0]):
        spots = [begin]
        for stem in wanted[1:]:
            after = range(spots[-1] + 1, min(len(key), spots[-1] + 3))
            spot = next((n for n in after if key[n][1] == stem), None)
            if spot is None:
                break
            spots.append(spot)
        else:
            if all(b == a + 1 or not (key[a][1] in _WH and key[a + 1][0] == key[a][0] + 1) for a, b in pairwise(spots)):
                return True
    return False
