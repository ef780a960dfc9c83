"""The log's vocabulary: what is written comes back as it was."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from voicetrainer.roleplay.events import (
    FORMAT,
    Band,
    Baseline,
    Decision,
    Ended,
    Fact,
    Header,
    Heard,
    LearnerLeft,
    LineStarted,
    LineStopped,
    ModelUsed,
    MoodChanged,
    Noted,
    Noticed,
    Prosody,
    RepeatAsked,
    Say,
    Silence,
    SpeechStarted,
    StageReached,
    Steadiness,
    StillSpeaking,
    Track,
    Word,
    from_json,
    is_fact,
    q,
    to_json,
)

TRACK = Track(0.01, (None, 181.5), (-60.25, None))
PROSODY = Prosody(1.2, 0.8, 180.0, 2.5, -23.1, -60.0, -4.5, 4.2, 170.0, 2, 0.61, 0.001, TRACK)
EXAMPLES: tuple[Fact | Decision | Header, ...] = (
    SpeechStarted(0.5),
    Heard(3.0, 0.5, 2.8, (Word("hello", 0.5, 0.9, 0.93), Word("naïve “q”", 0.9, 1.4)), PROSODY, 0.25, "interruption"),
    Heard(3.0, 0.5, 0.6, ()),
    LineStarted(1.0, 1),
    LineStopped(1.5, 1, cut=True),
    Silence(9.0, 6.0),
    StillSpeaking(9.2, 8.0),
    Heard(9.4, 1.0, 9.0, (Word("and", 1.0, 1.2),), None, 0.4, "turn", barged=True, yielded=0.62),
    RepeatAsked(9.3),
    Noted(9.4, "xrun", "0.10 s of your voice were lost: the machine was too busy."),
    LearnerLeft(9.5, "hung up"),
    Noticed(3.0, 1, "empathy", False, 0.91, "that must be hard", 1, 4, "You named it."),
    Noticed(3.0, 1, "interrupting", True, 1.0, ""),
    Steadiness(3.0, 1, "raised", 0.8, ("4 semitones above your calm pitch",), 4.0, 6.5, 3.0, 1.3),
    Steadiness(3.0, 1, "unknown", None, ("typed",)),
    MoodChanged(3.0, 1, 6.0, 4.7, "empathy", "felt understood", "that must be hard"),
    MoodChanged(3.0, 1, 6.0, 6.0, "reflect", "heard it", "so", trust_before=4.0, trust_after=4.8),
    StageReached(3.0, "owned", "heard is done: empathy"),
    Say(3.0, 2, "Yes.\nExactly.", "owned", 4.7, "stage owned", final=True),
    Ended(4.0, "resolved", "every need was met"),
    Header(
        "late-parcel",
        "format: 1\n# ünïcode\n",
        "fixture",
        "0.1.0",
        ModelUsed("vosk", "ab12"),
        ModelUsed("espeak"),
        ModelUsed("techniques"),
        Baseline(2, 6.5, 120.0, 2.5, -24.0, -5.0, 4.1, 160.0),
        ("learner", "customer"),
        {"profile": "patient", "pause": 0.8, "asides": True},
    ),
)


def test_there_is_an_example_of_every_kind() -> None:
    kinds = {t.kind for t in (*get_args(Fact), *get_args(Decision), Header)}
    assert {e.kind for e in EXAMPLES} == kinds


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: e.kind)
def test_an_event_comes_back_as_it_was(event: Fact | Decision | Header) -> None:
    line = to_json(event)
    assert "\n" not in line
    assert from_json(line) == event
    assert from_json(line.encode()) == event
    assert to_json(from_json(line)) == line


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: e.kind)
def test_an_event_cannot_be_changed(event: Fact | Decision | Header) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.kind = "say"  # type: ignore[misc]


def test_facts_are_told_from_decisions() -> None:
    assert {e.kind for e in EXAMPLES if is_fact(e)} == {t.kind for t in get_args(Fact)}


NUMBERS = [
    (e, f.name) for e in EXAMPLES for f in dataclasses.fields(e) if isinstance(getattr(e, f.name), float)
]  # fmt: skip


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("event", "name"), NUMBERS, ids=[f"{e.kind}.{n}" for e, n in NUMBERS])
def test_no_number_may_be_nan_or_infinite(event: Fact | Decision | Header, name: str, bad: float) -> None:
    with pytest.raises(ValidationError):
        dataclasses.replace(event, **{name: bad})  # type: ignore[arg-type]
    data = json.loads(to_json(event))
    data[name] = bad  # json.dumps writes NaN and Infinity as such
    with pytest.raises(ValueError, match=name):
        from_json(json.dumps(data))


@pytest.mark.parametrize("inner", ["words.0.start", "prosody.pitch", "prosody.track.step"])
def test_nor_may_a_number_further_in(inner: str) -> None:
    data = json.loads(to_json(EXAMPLES[1]))
    *path, last = inner.split(".")
    at = data
    for part in path:
        at = at[int(part) if part.isdigit() else part]
    at[last] = math.nan
    with pytest.raises(ValueError, match=inner):
        from_json(json.dumps(data))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("[]", "object"),
        ("{}", "kind"),
        ('{"kind": "shouted", "t": 1}', "shouted"),
        ('{"kind": "silence", "t": 1}', "seconds"),
        ('{"kind": "silence", "t": "soon", "seconds": 2}', "t: "),
        ('{"kind": "silence", "t": 1, "seconds": 2, "mood": 3}', "mood"),
        ('{"kind": "say", "t": 1, "line": 1, "text": "x", "stage": "y", "anger": 11}', "anger"),
        ('{"kind": "heard", "t": 1, "start": 0, "end": 1, "words": [], "role": "shout"}', "role"),
        ('{"kind": "ended", "t": 1, "outcome": "won", "because": ""}', "outcome"),
        (to_json(EXAMPLES[-1]).replace('"format":1', '"format":9'), "format"),
    ],
)
def test_a_bad_line_is_told_in_one(line: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        from_json(line)
    assert "\n" not in str(caught.value)


def test_the_header_carries_the_format() -> None:
    assert json.loads(to_json(EXAMPLES[-1]))["format"] == FORMAT


def test_text_is_the_words_joined() -> None:
    assert heard_text("so sorry") == "so sorry"
    assert heard_text("") == ""


def heard_text(text: str) -> str:
    return Heard(1.0, 0.0, 1.0, tuple(Word(w, 0.0, 1.0) for w in text.split())).text


@pytest.mark.parametrize(
    ("anger", "band"),
    [
        *((0, "calm"), (2.49, "calm"), (2.5, "annoyed"), (4.99, "annoyed")),
        *((5, "angry"), (7.99, "angry"), (8, "furious"), (10, "furious")),
    ],
)
def test_bands(anger: float, band: str) -> None:
    assert Band.of(anger) == band


@pytest.mark.parametrize(
    ("value", "digits", "rounded"),
    [(0.12345, 3, 0.123), (0.1236, 3, 0.124), (-0.0001, 3, 0.0), (7.005, 2, 7.0), (5, 3, 5.0), (1234.5678, 0, 1235.0)],
)
def test_rounding(value: float, digits: int, rounded: float) -> None:
    assert q(value, digits) == rounded
    assert isinstance(q(value, digits), float)


def test_minus_zero_is_zero() -> None:
    assert math.copysign(1, q(-0.0)) == 1
    assert math.copysign(1, q(-1e-9)) == 1


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(numbers, st.integers(0, 6))
@settings(derandomize=True, deadline=None)
def test_what_is_rounded_stays_as_it_is(value: float, digits: int) -> None:
    assert q(q(value, digits), digits) == q(value, digits)


maybe = st.none() | numbers
words = st.lists(st.builds(Word, st.text(), numbers, numbers, maybe), max_size=4).map(tuple)
tracks = st.builds(Track, numbers, st.lists(maybe, max_size=4).map(tuple), st.lists(maybe, max_size=4).map(tuple))
prosodies = st.builds(Prosody, numbers, numbers, maybe, maybe, maybe, track=st.none() | tracks)
roles = st.sampled_from(["turn", "interruption", "aside"])


@given(st.builds(Heard, numbers, numbers, numbers, words, st.none() | prosodies, numbers, roles))
@settings(derandomize=True, deadline=None)
def test_any_utterance_comes_back_as_it_was(event: Heard) -> None:
    assert from_json(to_json(event)) == event


@given(st.one_of(st.text(), st.binary(), st.recursive(st.none() | numbers | st.text(), st.lists).map(json.dumps)))
@settings(derandomize=True, deadline=None)
def test_rubbish_is_a_value_error(line: str | bytes) -> None:
    with pytest.raises(ValueError) as caught:
        from_json(line)
    assert str(caught.value)
