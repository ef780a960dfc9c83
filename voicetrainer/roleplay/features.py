"""What a model sees of an utterance: named features, each knowing the spoken words it came from.

Kinds, by the letter before the colon: ``w`` runs of words, ``c`` runs of letters within a word (which survive a
misheard ending), ``s`` the skeleton of the sentence (function words kept, the customer's own words ``=``, numbers
``#``, days ``@``, other words ``_``: what is left when the business is taken out), ``x`` counts.
"""

from __future__ import annotations

from typing import NamedTuple

FUNCTION = frozenset(
    # They mean the same in every business.
    """
    a about actually after again all already alright also always am an and another any anybody anyone anything are
    aren't around as at away back be because been before being both but by bye came can can't cannot come could
    couldn't did didn't do does doesn't doing don't done down each either else even ever every everybody everyone
    everything far fine first for from get gets getting give given go goes going gonna good got had hasn't have
    haven't he he's hello help her here hey hi him his hold how how's i i'd i'll i'm i've if in into is isn't it
    it'll it's its just keep know last least less let let's like listen little long look lot made make makes many
    may maybe me mean might mine more most much must my myself need never new next no nobody none not nothing now of
    off oh okay on once one only or other our ours out over own part perhaps please point possibly probably put
    quite rather really right said same say saying see shall she she's should shouldn't since so some somebody
    someone something somewhere soon sorry still stop such sure take tell than thank thanks that that'll that's the
    their them then there there's these they they'd they'll they're they've thing things think this those though
    through till to today told tomorrow tonight too try trying under understand until up us use very wait want
    wanted was wasn't way we we'd we'll we're we've well went were weren't what what's whatever when where whether
    which while who who's whole why will wish with without won't would wouldn't yeah yes yet you you'd you'll you're
    you've your yours yourself
    """.split()
)
"""Words of grammar, talk and time."""
_NUMBERS = frozenset(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million half first
    second third
    """.split()
)
_DAYS = frozenset(
    """
    monday tuesday wednesday thursday friday saturday sunday january february march april june july august september
    october november december morning afternoon evening noon midnight week weeks day days hour hours minute minutes
    month months year years
    """.split()
)


class Feature(NamedTuple):
    """One thing seen in an utterance."""

    name: str
    first: int | None
    """Index of the first spoken word it came from; None when it is the whole utterance."""
    last: int = 0
    """Index of the last one, inclusive."""


def features(said: list[str], context: list[str]) -> tuple[Feature, ...]:
    """All features of an utterance, each name once, at its first place.

    Parameters
    ----------
    said
        Spoken words of the learner, as from `voicetrainer.roleplay.spoken.tokens`.
    context
        Spoken words of the customer's line before.
    """
    theirs = {_stem(word) for word in context if word not in FUNCTION}
    shared = [word not in FUNCTION and _stem(word) in theirs for word in said]
    found: dict[str, Feature] = {}

    def add(name: str, first: int | None, last: int = 0) -> None:
        found.setdefault(name, Feature(name, first, last))

    for n in (1, 2, 3):
        _runs(said, n, "w", add)
    skeleton = [_bone(word, same) for word, same in zip(said, shared, strict=True)]
    for n in (2, 3, 4):
        _runs(skeleton, n, "s", add)
    for i, word in enumerate(said):
        padded = f"<{word}>"
        for n in (3, 4, 5):
            for at in range(len(padded) - n + 1):
                add(f"c:{padded[at : at + n]}", i, i)
    if said:
        add(f"x:first {skeleton[0]}", None)
    if context:
        add(f"x:same {min(sum(shared), 4)}", None)
        add(f"x:share {int(4 * sum(shared) / max(1, len(said)))}", None)
    add(f"x:long {next(i for i, limit in enumerate((3, 6, 12, 20, 30, 10_000)) if len(said) <= limit)}", None)
    return tuple(found.values())


def _runs(words: list[str], n: int, kind: str, add: object) -> None:
    """Runs of n words with marks for the utterance's beginning and end."""
    assert callable(add)
    marked = ["^", *words, "$"] if n > 1 else words
    offset = 1 if n > 1 else 0
    for at in range(len(marked) - n + 1):
        first, last = max(at - offset, 0), min(at + n - 1 - offset, len(words) - 1)
        if last >= first:
            add(f"{kind}:{' '.join(marked[at : at + n])}", first, last)


def _stem(word: str) -> str:
    """A word without its commonest endings, so that "charged" meets "charge"."""
    for ending in ("'s", "ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _bone(word: str, same: bool) -> str:
    if same:
        return "="
    if word in _NUMBERS:
        return "#"
    if word in _DAYS:
        return "@"
    return word if word in FUNCTION else "_"
