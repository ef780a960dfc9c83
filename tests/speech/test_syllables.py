from __future__ import annotations

import pytest

from voicetrainer.speech.syllables import syllables


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "a the late notes asked called whole rules don't i've you're tv's name's through eight"),
        (2, "table little wanted boxes pages lately something someone couldn't isn't doing being early okay"),
        (3, "delivered refunded possible tomorrow everyone customer"),
        (4, "information delivery apologise responsible unfortunate"),
        (5, "immediately university"),
    ],
)
def test_syllables_are_those_of_a_dictionary(count: int, words: str) -> None:
    assert {word: syllables(word) for word in words.split()} == dict.fromkeys(words.split(), count)


@pytest.mark.parametrize("word", ["hmm", "b", "42", "'", ""])
def test_whatever_is_said_has_a_syllable(word: str) -> None:
    assert syllables(word) == 1
