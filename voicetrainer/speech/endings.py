"""How a phrase ends, in words and in melody: whether the speaker is likely to be done. Pure, and cheap enough to ask
at every pause.

Words alone settle little: half of the places inside 4,263 utterances of customer service end in a word that hardly
ever ends one (`HANGING`; 5 % of the real ends do too), and the other half do not. Melody helps where words do not:
people let the voice sink to the bottom of their range when they are done, and hold it up when they only look for a
word. It tells much of synthetic voices and of learners of English who read aloud (the last voice in the lowest 15 % of
the range at 56 % of their ends and 11 % of their pauses), and little of practised readers (55 % and 44 %).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Phrase = Literal["question", "statement", "short", "open", "number", "hanging", "nothing"]
"""*short*: a statement of a few words, after which people often go on. *open*: it ends in a word that may end a phrase
and may as well lead on ("that", "you"). *number*: more digits may come. *hanging*: a phrase hardly ever ends in this
word. *nothing*: no word."""

HESITATIONS = frozenset("um uh er erm".split())

HANGING = HESITATIONS | frozenset(
    # determiners, possessives and quantities that want a noun
    "the a an my your our his their its every whole own another each any some several half"
    # prepositions
    " of for with from at by into onto than upon between during within without until till since toward towards"
    " across against about per like to"
    # conjunctions and relatives
    " and but or nor so because cause if unless although while whether when where which who whose as"
    " what what's how why"
    # pronouns that want a verb
    " i we they he she who's one's there's here's that's it's it'd that'd it'll that'll"
    " i'm i'll i've i'd you're you'll you've you'd we're we'll we've we'd they're they'll they've they'd"
    " he's he'll she's she'll let's"
    " everybody's nobody's"
    # auxiliaries and their negations
    " am are be been being was were is isn't aren't wasn't weren't can could will would shall should may might must"
    " can't couldn't won't wouldn't shouldn't don't doesn't didn't haven't hasn't hadn't has have had does do did"
    " gonna gotta wanna ought"
    # verbs that want an object or a complement
    " send sending give giving get getting got put putting make making made take taking bring bringing keep keeping"
    " find finding let letting tell telling told tell want need offer book booking booked arrange"
    " check checking ask asking explain use using want wanted needed show showing feel feels seem seems sound sounds"
    " try trying going looking able said says saying sent gets took turn carry drive"
    # adverbs and adjectives that lead on
    " very really just only even also still never always quite rather exactly normally actually probably"
    " maybe perhaps pretty extremely more less best new next main sort kind"
    # titles
    " mr mrs ms miss dr".split()
)
"""Words that a finished phrase hardly ever ends in."""


def _pairs(table: str) -> frozenset[tuple[str, str]]:
    """Pairs of neighbours from lines of ``second word: first words``."""
    lines = (line.split(":") for line in table.strip().splitlines())
    return frozenset((first, second.strip()) for second, firsts in lines for first in firsts.split())


_ENDS_AFTER_ALL = _pairs("""
about: all talking it think worry
are: we they there
asking: for
at: look looked
be: to will would it
been: have has had
booked: you i
by: stand go come
did: i we you they
do: to can could will would
does: it that
either: me us
feel: you must
for: asking looking paid what waiting pay ask
from: came come
get: you can to
going: get keep get's are is it
he: is
how: know that's
is: it that this there she he
less: or
like: you feels looks sounds that
looking: for
more: any no once some
need: you we i
of: care
other: each the
rather: you would
really: not am
said: i you they have just
says: it
sent: was been
she: is
so: think hope do say if
take: to it or
to: have want need like talk speak listen supposed
told: been were was
want: you
was: it that
what: then so now or
when: since by
why: that's is and know
with: up start deal live help agree
""")
"""Endings in one of `HANGING` that are complete none the less."""

_LEADS_ON = _pairs("""
it: if when and because as what how where while before once since although whether until so
me: give send let
that: at so such sure sorry believe mean hope promise means provided
them: give send
there: that if when and because as what how where while before once since although whether until so
this: that if when and because as what how where while before once since although whether until so
you: that if when and because as what how where while before once since although whether until so
you: can could would do did are have should will were give send offer refund get show
""")
"""Endings in a word that may well end a phrase that are not complete none the less."""

_OPEN = frozenset("this that these those it you me her him them us one all there on in out up off go see".split())
_CLOSED = _pairs("you: thank for with help to about tell of")
_FEW = 4  # words

NUMBERS = frozenset(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand double triple".split()
)

_ASKS = frozenset("can could would will shall should do does did are is was were have has had may am".split())
_ASKED = frozenset("i you we they he she it there this that your my the".split())
_WH = frozenset("what when where who which why how".split())
_WH_VERBS = _ASKS | frozenset("happened happens many much long often about else".split())


def ending(words: Sequence[str]) -> Phrase:
    """How the last phrase of what was understood ends.

    Parameters
    ----------
    words
        Lower case, in order.
    """
    if not words:
        return "nothing"
    last = words[-1]
    pair = tuple(words[-2:])
    if pair in _LEADS_ON or (last in HANGING and pair not in _ENDS_AFTER_ALL):
        return "hanging"
    if last in NUMBERS:
        return "number"
    if last in _OPEN and pair not in _CLOSED:
        return "open"
    for first, second in pairwise(words[-14:]):
        if (first in _ASKS and second in _ASKED) or (first in _WH and second in _WH_VERBS):
            return "question"
    return "short" if len(words) <= _FEW else "statement"


def stray(words: Sequence[str]) -> bool:
    """Whether the last word may be what a recogniser made of an "um": of few letters, and naming something, where the
    words before it led on ("can you give me your come").
    """
    return len(words) > 1 and len(words[-1]) <= 4 and words[-1] not in _OPEN and ending(words[:-1]) == "hanging"


_LAST = 15  # frames of 10 ms that make the tail
_NOW = 6  # frames whose median is where it has come to
_BEFORE = 15  # frames that show the speaker's range


def height(pitch: NDArray[np.floating]) -> float | None:
    """How high in the speaker's range the melody of the utterance so far has stopped.

    Parameters
    ----------
    pitch
        Hertz each 10 ms, 0 where there is no voice, shape (n,).

    Returns
    -------
    Share of the voice before that lay lower than its last 60 ms, 0 to 1; None when there is too little voice to tell.
    """
    voiced = np.flatnonzero(pitch > 0)
    if not len(voiced):
        return None
    octaves = np.log2(pitch[voiced])
    kept = np.abs(octaves - np.median(octaves)) < 0.8  # not a slip of the octave
    voiced, octaves = voiced[kept], octaves[kept]
    last = voiced >= voiced[-1] - _LAST
    if last.sum() < _NOW or (~last).sum() < _BEFORE:
        return None
    return float(np.mean(octaves[~last] < np.median(octaves[-_NOW:])))
