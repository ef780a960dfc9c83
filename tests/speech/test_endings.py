from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voices import joined, silence, voice
from voicetrainer.errors import ModelError
from voicetrainer.places import shipped
from voicetrainer.speech.endings import LONGEST, Ends, height, judge, load, weighed
from voicetrainer.speech.prosody import ProsodyTracker


@pytest.mark.parametrize(
    ("words", "least", "most"),
    [
        ("", 0, 0),
        ("i will send you a new parcel tomorrow morning", 0.3, 9),
        ("can you give me your order number please", 0.9, 9),
        ("that must be really frustrating", 0.3, 9),
        ("i am sorry because", -9, -0.5),
        ("i will send you the", -20, -2),
        ("let me check and", -20, -2),
        ("i would be happy to", -9, 0.3),  # or "too"
        ("would you like me to send it to the", -9, -2),
        ("i can see on my screen that", -9, -1),
        ("what i would suggest is", -9, -0.5),
        ("if you", -9, -0.5),
        ("i can offer you um", -10, -10),
    ],
)
def test_how_likely_words_are_an_end(words: str, least: float, most: float) -> None:
    assert least <= judge()(words.split()).whole <= most


def test_a_whole_sentence_need_not_be_the_end() -> None:
    says = judge()
    question, apology = says("which one would you prefer".split()), says("i am really sorry about that".split())
    assert min(question.whole, apology.whole) > 1
    assert question.over > apology.over + 1


def both(log_odds: float) -> Ends:
    return Ends(log_odds, log_odds)


def by_last(**scores: float) -> Callable[[Sequence[str]], Ends]:
    return lambda words: Ends(scores[words[-1]] - 1, scores[words[-1]])


def test_readings_are_weighed() -> None:
    words_end = by_last(that=2.0, the=-6.0)
    pairs = [[("check that", chance), ("check the", 1 - chance)] for chance in (1.0, 0.9, 0.6, 0.2, 0.0)]
    scores = [weighed(words_end, readings) for readings in pairs]
    assert scores[0] == pytest.approx((1, 2))
    assert scores[-1] == pytest.approx((-7, -6))
    assert scores == sorted(scores, reverse=True)
    assert scores[1].whole < 1, "that the recogniser prefers what ends is taken out"
    assert weighed(words_end, []) == both(0)


def test_of_an_um_nothing_is_taken_out() -> None:
    words_end = by_last(prefer=4.0, er=-10.0, the=-10.0)
    hummed = weighed(words_end, [("which do you prefer", 0.8), ("which do you prefer er", 0.2)])
    assert hummed.whole == pytest.approx(np.log(0.8 / 0.2), abs=0.2)
    assert weighed(words_end, [("which do you prefer", 0.8), ("which do you prefer the", 0.2)]).whole < 0


def test_readings_that_sound_alike_are_one() -> None:
    asked: list[Sequence[str]] = []

    def words_end(words: Sequence[str]) -> Ends:
        asked.append(words)
        return both(-1.0)

    assert weighed(words_end, [("quicker for you too", 0.6), ("quicker for you to", 0.4)]) == pytest.approx((-1, -1))
    assert len(asked) == 1


def test_readings_that_differ_further_back_are_one_for_the_judge() -> None:
    asked: list[Sequence[str]] = []

    def words_end(words: Sequence[str]) -> Ends:
        asked.append(words)
        return both(1.0)

    readings = [(f"{first} i can do that", 0.25) for first in ("so", "oh", "though", "and")]
    assert weighed(words_end, readings) == pytest.approx((1, 1))
    assert asked == [["so", "i", "can", "do", "that"]]
    many = [(f"i can do {i}", 1 / 40) for i in range(40)]
    assert weighed(words_end, many) == pytest.approx((1, 1))
    assert len(asked) < 10, "a pause leaves no time for more"


def test_sure_of_everything_is_no_error() -> None:
    assert min(weighed(lambda _: both(50), [("yes", 1.0)])) > 15
    assert max(weighed(lambda _: both(-50), [("the", 1.0)])) < -15


@pytest.mark.parametrize(
    ("open_", "closed"),
    [
        ("when you opened the box", "when you opened the box it was empty"),
        ("the letter that we sent you", "the letter that we sent you was wrong"),
        ("it says here that your flight", "it says here that your flight is late"),
    ],
)
def test_a_clause_wants_a_verb_of_its_own(open_: str, closed: str) -> None:
    assert judge()(open_.split()).whole + 0.5 < judge()(closed.split()).whole


def test_of_long_talk_the_last_words_count() -> None:
    last = "and i will send you a new parcel tomorrow morning".split()
    assert len(last) < LONGEST
    padded = [*["well"] * (LONGEST - len(last)), *last]
    assert judge()(["the", "parcel"] * 50 + padded) == judge()(padded)
    assert (
        judge()(["internationalisation"] * 38 + ["because", "the"]).whole < -2
    )  # many pieces each, and no end among them


@pytest.mark.parametrize("content", [None, b"nothing", {"bias": np.zeros(3)}, {"labels": np.zeros(4, np.uint8)}])
def test_broken_weights_are_told(tmp_path: Path, content: Any) -> None:
    file = tmp_path / "encoder.npz"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        np.savez(file, **content)
    with pytest.raises(ModelError, match=r"encoder\.npz: (not the weights|No such file)"):
        load(file, shipped("models") / "techniques" / "encoder.npz")


def test_weights_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "encoder.npz"
    np.savez_compressed(file, bias=np.zeros(60_000_000, np.float32))
    assert file.stat().st_size < 1_000_000
    with pytest.raises(ModelError, match="unpacks to more than 200 MB"):
        load(file, shipped("models") / "techniques" / "encoder.npz")


def test_words_that_sound_alike_end_alike() -> None:
    says = judge()
    assert says("i will give this for you too".split()) == says("i will give this for you to".split())
    assert says("is it on the plain".split()) == says("is it on the plane".split())


def glide(*hertz: float) -> NDArray[np.float64]:
    return np.repeat(np.array(hertz), 10)


def test_how_high_the_melody_has_stopped() -> None:
    range_ = [120.0, 140, 130, 150, 125]
    assert height(glide(*range_, 90, 85)) == 0
    assert height(glide(*range_, 150, 160)) == 1
    middle = height(glide(*range_, 132, 132))
    assert middle is not None and 0.3 < middle < 0.9
    gap = np.concatenate([glide(*range_), np.zeros(30), glide(90, 85), np.zeros(40)])
    assert height(gap) == 0


def test_too_little_voice_says_nothing() -> None:
    assert height(np.zeros(0)) is None
    assert height(np.zeros(100)) is None
    assert height(glide(120)) is None


def test_a_slip_of_the_octave_does_not_count() -> None:
    assert height(glide(120, 140, 130, 150, 125, 132, 40)) != 0


def test_the_height_of_a_voice_as_it_is_heard() -> None:
    def heard(second: float) -> float | None:
        tracker = ProsodyTracker()
        tracker.feed(
            joined(
                [
                    voice(2, pitch=140, seed=4).samples,
                    voice(0.5, pitch=second, spread=0.3, seed=5).samples,
                    silence(0.4),
                ]
            )
        )
        return height(tracker.pitch())

    low, high = heard(95), heard(190)
    assert low is not None and low < 0.3
    assert high is not None and high > 0.9
