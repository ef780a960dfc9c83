from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voices import joined, silence, voice
from voicetrainer.speech.endings import ending, height, stray
from voicetrainer.speech.prosody import ProsodyTracker


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("", "nothing"),
        ("i will send you a new parcel tomorrow morning", "statement"),
        ("i am so sorry to hear this has happened", "statement"),
        ("that was our mistake", "short"),
        ("okay", "short"),
        ("i will look into that", "open"),
        ("i will take care of this for you", "statement"),
        ("can you give me your order number please", "question"),
        ("when did you order it", "open"),
        ("what happened after the second delivery", "question"),
        ("your number is four seven two", "number"),
        ("it will be ninety", "number"),
        ("i will send you the", "hanging"),
        ("i am sorry because", "hanging"),
        ("let me check and", "hanging"),
        ("i can offer you um", "hanging"),
        ("i can offer you", "hanging"),
        ("i am so sorry that", "hanging"),
        ("if you", "hanging"),
        ("thank you", "short"),
        ("that is how it is", "statement"),
        ("i would be happy to", "hanging"),
        ("that is all i can do", "statement"),
        ("nobody told you", "open"),
    ],
)
def test_how_a_phrase_ends(words: str, kind: str) -> None:
    assert ending(words.split()) == kind


def test_utterances_of_the_techniques_data_mostly_sound_finished_at_their_end_and_not_within() -> None:
    """The rates that the module's page tells, on a part of the data."""
    import json
    import re
    from pathlib import Path

    data = Path(__file__).resolve().parents[2] / "models" / "techniques" / "data"
    ends, within = [], []
    for file in sorted(data.glob("*.jsonl"))[::8]:
        for line in file.read_text(encoding="utf-8").splitlines():
            text = json.loads(line)["text"].lower().replace("’", "'")
            for sentence in re.split(r"(?<=[.!?…])\s+", text):
                words = re.findall(r"[a-z0-9']+", sentence)
                ends += [ending(words) == "hanging"] if words else []
                within += [ending(words[:i]) == "hanging" for i in range(1, len(words))]
    assert np.mean(ends) < 0.06
    assert np.mean(within) > 0.45


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        ("can you give me your come", True),
        ("i can send you a pump", True),
        ("we made a mistake with your address", False),
        ("i will take care of this for you", False),
        ("come", False),
        ("", False),
    ],
)
def test_what_a_recogniser_makes_of_an_um(words: str, is_one: bool) -> None:
    assert stray(words.split()) is is_one


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
