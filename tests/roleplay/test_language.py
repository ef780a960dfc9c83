"""The language of a call on made-up utterances: sentences, terms, hedges, fillers, pace and the grade."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicetrainer.roleplay.events import Heard, Noticed, Prosody, Track, Word
from voicetrainer.roleplay.language import LONG_TURN, measure, pace, sentences

DATA = Path(__file__).resolve().parents[2] / "models" / "techniques" / "data"


def typed(text: str, role: str = "turn") -> Heard:
    words = tuple(Word(w, i / 2.7, (i + 1) / 2.7) for i, w in enumerate(text.split()))
    return Heard(len(words) / 2.7, 0.0, len(words) / 2.7, words, role=role)  # type: ignore[arg-type]


def spoken(*timed: tuple[str, float, float], voice: tuple[tuple[float, float], ...] = (), end: float = 0.0) -> Heard:
    """An utterance with words at given seconds, and voice wherever there are words, and at `voice` besides."""
    words = tuple(Word(*w) for w in timed)
    last = max(end, words[-1].end)
    spans = [*((w.start, w.end) for w in words), *voice]
    pitch = tuple(200.0 if any(a <= i / 10 <= b for a, b in spans) else None for i in range(round(last * 10) + 1))
    track = Track(0.1, pitch, tuple(-20.0 for _ in pitch))
    return Heard(last, 0.0, last, words, Prosody(seconds=last, voiced=last / 2, track=track))


def cut(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[a : b + 1]) for a, b in sentences(words)]


# ---------------------------------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("i'm sorry about that i'll send a new one today", ["i'm sorry about that", "i'll send a new one today"]),
        ("that must be awful let me have a look", ["that must be awful", "let me have a look"]),
        ("i think you're right and i know it's late", ["i think you're right and i know it's late"]),
        ("i'll ring you right now about the parcel", ["i'll ring you right now about the parcel"]),
        ("our engineer didn't come last week", ["our engineer didn't come last week"]),
        ("I'm sorry. I'll send one, and you'll have it.", ["I'm sorry.", "I'll send one, and you'll have it."]),
        ("", []),
        ("yes", ["yes"]),
    ],
)
def test_sentences_without_punctuation(text: str, parts: list[str]) -> None:
    assert cut(text) == parts


def test_a_pause_ends_a_sentence_but_not_where_somebody_hesitates() -> None:
    def paused(text: str, after: int, gap: float) -> list[str]:
        words = [Word(w, i + (gap if i > after else 0), i + 1 + (gap if i > after else 0))
                 for i, w in enumerate(text.split())]  # fmt: skip
        return [" ".join(w.text for w in words[a : b + 1]) for a, b in sentences(words)]

    text = "the parcel was lost nobody told the depot"
    assert paused(text, 3, 0.0) == [text]
    assert paused(text, 3, 0.7) == ["the parcel was lost", "nobody told the depot"]
    assert paused(text, 6, 0.7) == [text]  # after "the" one only looks for the word


def without_punctuation() -> Iterator[tuple[list[str], set[int], set[int]]]:
    """Utterances of the detector's data: words, where sentences end, and where any mark stands."""
    for file in sorted(DATA.glob("*.jsonl"))[::6]:
        for line in file.read_text(encoding="utf-8").splitlines():
            written = json.loads(line)["text"].split()
            ends = {i for i, w in enumerate(written[:-1], 1) if re.search(r"[.?!;…][\"”’')]*$", w)}
            marks = ends | {i for i, w in enumerate(written[:-1], 1) if re.search(r"[,:–—-][\"”’')]*$", w)}
            bare = [re.sub(r"^[^\w£$]+|[^\w%]+$", "", w).lower() for w in written]
            if all(bare):
                yield bare, ends, marks


def test_sentences_agree_with_those_who_wrote_them() -> None:
    found = right = 0
    ours: list[float] = []
    theirs: list[float] = []
    for words, ends, marks in without_punctuation():
        starts = {a for a, _ in sentences(words)} - {0}
        found += len(starts)
        right += len(starts & marks)
        ours.append(len(words) / (len(starts) + 1))
        theirs.append(len(words) / (len(ends) + 1))
    assert len(ours) > 500
    assert right / found > 0.75  # where we end a sentence, the writer put a mark
    assert abs(sum(ours) / sum(theirs) - 1) < 0.1  # and they are as long on average


# ----------------------------------------------------------------------------------------------------- terms and hedges


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("the p o d shows a signature", ["p o d"]),
        ("your v a t is on the bill", ["v a t"]),
        ("I put the VAT on it", ["VAT"]),
        ("check the d s l a ms", ["d s l a ms"]),
        ("the v a t that is the tax on it", []),
        ("the p o d which means proof of delivery", []),
        ("we have the proof of delivery the p o d", []),
        ("the s l a in other words the promised time", []),
        ("you can watch it on t v at ten p m", []),
        ("my name is spelled d o y l e", []),
        ("it is reference number b k seven four", []),
        ("i a am here", []),
    ],
)
def test_spelled_abbreviations(text: str, letters: list[str]) -> None:
    assert [f.quote for f in measure([typed(text)]).some("letters")] == letters


def noticed(label: str, first: int, last: int, quote: str) -> Noticed:
    return Noticed(0.0, 1, label, True, 0.9, quote, first, last)


def test_terms_come_from_the_detector_unless_explained() -> None:
    text = "the rating engine applied a tariff"
    (found,) = measure([typed(text)], [noticed("jargon", 1, 2, "rating engine")]).some("term")
    assert (found.turn, found.quote, found.first, found.last) == (1, "rating engine", 1, 2)
    explained = typed("the rating engine that's the computer that makes the bill")
    assert measure([explained], [noticed("jargon", 1, 2, "rating engine")]).some("term") == ()


@pytest.mark.parametrize(
    ("text", "quotes"),
    [
        ("it'll probably be there on monday", ["probably"]),
        ("it might come at some point", ["might", "at some point"]),
        ("hopefully it should be fine", ["hopefully", "should be fine"]),
        ("i'm not sure but i'll find out for you", []),
        ("maybe we could start with your name", []),
        ("might i ask your name", []),
        ("that's very kind of you", []),
        ("what kind of boiler is it", []),
        ("i believe you", []),
        ("you must be tired", []),
        ("it will be there on monday at ten", []),
    ],
)
def test_hedges(text: str, quotes: list[str]) -> None:
    assert [f.quote for f in measure([typed(text)]).some("hedge")] == quotes


def test_hedging_that_the_detector_noticed_is_taken_over_once() -> None:
    text = "we get to it when we get to it hopefully"
    found = measure([typed(text)], [noticed("hedging", 0, 9, text)]).some("hedge")
    assert [f.quote for f in found] == ["hopefully"]
    found = measure([typed("when we get to it")], [noticed("hedging", 0, 4, "when we get to it")]).some("hedge")
    assert [f.quote for f in found] == ["when we get to it"]


# --------------------------------------------------------------------------------------------------- fillers and pace


def test_voice_without_a_word_is_a_filler() -> None:
    words = (("so", 0.0, 0.3), ("i'll", 1.2, 1.5), ("send", 1.5, 1.9))
    assert measure([spoken(*words)]).some("filler") == ()
    (found,) = measure([spoken(*words, voice=((0.55, 0.95),))]).some("filler")
    assert (found.quote, found.first, found.turn) == ("", None, 1)
    assert 0.18 <= found.seconds <= 0.6
    assert 0.3 < found.t < 1.0


@pytest.mark.parametrize("voice", [(0.55, 0.65), (0.4, 2.8)])
def test_a_short_or_a_long_stretch_of_voice_is_no_filler(voice: tuple[float, float]) -> None:
    words = (("so", 0.0, 0.3), ("i'll", 3.0, 3.3))
    assert measure([spoken(*words, voice=(voice,))]).some("filler") == ()


def test_typed_fillers_count_as_they_stand() -> None:
    found = measure([typed("Um, I'll, er, send it. Umbrella.")])
    assert [(f.quote, f.first) for f in found.some("filler")] == [("Um,", 0), ("er,", 2)]
    assert found.words == 4
    assert found.fillers_a_minute is None


@pytest.mark.parametrize(("seconds", "told"), [(0.6, "slow"), (0.35, "easy"), (0.26, "quick"), (0.2, "rushed")])
def test_pace_in_plain_terms(seconds: float, told: str) -> None:
    words = [("word", i * seconds, (i + 1) * seconds) for i in range(20)]
    found = measure([spoken(*words)])
    assert found.rate == round(60 / seconds)
    assert (found.pace, pace(found.rate)) == (told, told)


def test_pauses_do_not_slow_the_pace() -> None:
    quick = [("word", i * 0.3, (i + 1) * 0.3) for i in range(10)]
    later = [("word", 10 + i * 0.3, 10 + (i + 1) * 0.3) for i in range(10)]
    assert measure([spoken(*quick, *later)]).rate == 200
    assert measure([typed("one two three four five six seven eight nine")]).rate is None


# ---------------------------------------------------------------------------------------------------------- the grade


def test_plain_and_short_is_best() -> None:
    found = measure(
        [
            typed("I'm sorry about that. I'll send a new pair today."),
            typed("You'll have them tomorrow by noon. Is that all right?"),
        ]
    )
    assert found.grade == 5
    assert found.reasons == ("10 words a turn, 5 words a sentence, no term unexplained",)
    assert (found.words, found.words_a_turn, found.longest_turn) == (20, 10.0, 10)
    assert found.words_a_sentence == 5.0


def test_every_fault_costs_and_is_told() -> None:
    long = " ".join(["and then the parcel went on to the next place"] * 9)
    found = measure([typed(f"the p o d and the s l a and the v a t {long} probably maybe at some point")])
    assert found.grade == 1
    told = " ".join(found.reasons)
    assert f"1 turn of more than {LONG_TURN} words" in told
    assert "3 terms left unexplained" in told
    assert "3 vague phrases" in told
    assert "words a sentence" in told


def test_each_term_costs_a_point() -> None:
    text = "I've looked at it for you now. The {} is on its way to your door this morning, so it's there today. Okay?"
    grades = [measure([typed(text.format(t))]).grade for t in ("parcel", "p o d", "p o d and the s l a")]
    assert grades == [5, 4, 3]


def test_asides_and_silence_are_left_out() -> None:
    found = measure([typed("mm hmm", role="aside"), typed("I'll ring you today.")])
    assert [t.turn for t in found.turns] == [2]
    assert (found.words, found.grade, found.reasons) == (4, None, ("too little was said to judge",))
    empty = measure([])
    assert (empty.words, empty.words_a_turn, empty.words_a_sentence, empty.grade) == (0, 0.0, 0.0, None)
    assert measure([Heard(1.0, 0.0, 1.0, ())]).turns == ()


def test_findings_come_in_the_order_of_the_call() -> None:
    found = measure([typed("um probably the p o d"), typed("uh maybe")]).findings
    assert [(f.turn, f.kind) for f in found] == [
        (1, "filler"), (1, "hedge"), (1, "letters"), (2, "filler"), (2, "hedge"),
    ]  # fmt: skip
