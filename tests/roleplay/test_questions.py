"""What a question asks for, in words that nobody scripted."""

from __future__ import annotations

import pytest

from tests.roleplay.scripted import SMALL
from voicetrainer.roleplay.questions import about_the_case, asked
from voicetrainer.roleplay.scenario import Answer, Spoken

ASKED = (
    ("order", ["order number"]),
    ("ordered", ["what did you order"]),
    ("day", ["when did you order"]),
    ("cold", ["how many were cold"]),
    ("reset", ["tried resetting"]),
    ("mother", ["how is your mother"]),
    ("name", ["have your name"]),
)
SCENARIO = SMALL.model_copy(
    update={"answers": tuple(Answer(asked=tuple(phrases), say=(Spoken(say=name),)) for name, phrases in ASKED)}
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Your order number, please?", "order"),
        ("could I have the number of your order", None),  # another order of words is another phrase
        ("and what was it that you ordered", "ordered"),
        ("So what exactly did you order?", "ordered"),
        ("When was it you ordered?", "day"),
        ("How many of the meals were cold?", "cold"),
        ("did you try to reset it", "reset"),
        ("How's your mum?", "mother"),
        ("How old is your mother?", None),  # "how old" is another question than "how"
        ("what colour did you order", None),
        ("You ordered it on Monday.", None),
        ("I will tell you when we order it and what it is.", None),
        ("may I have your name", "name"),
        ("what is the name of the road", None),  # one word alone tells nothing
        ("", None),
    ],
)
def test_questions_in_other_words_find_their_answer(text: str, answer: str | None) -> None:
    found = asked(SCENARIO, text)
    assert (found and SCENARIO.answers[found[0]].say[0].say) == answer


def test_more_words_found_are_surer() -> None:
    answers = tuple(
        Answer(asked=(phrase,), say=(Spoken(say=phrase),)) for phrase in ("when was order", "when was order sent")
    )
    found = asked(SMALL.model_copy(update={"answers": answers}), "when was it that the order was sent")
    assert found == (1, "when was order sent")


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("What model is it?", True),
        ("I'm sorry about that. Have you checked the fuse?", True),
        ("okay and which boots were they", True),
        ("Who told you to wait?", True),
        ("how long did that take", True),
        ("Is it plugged in?", True),
        ("What happened?", False),  # going on with the story answers it
        ("What's going on there?", False),
        ("How was that for you, what did it feel like?", False),
        ("What would you like?", False),  # an offer
        ("Two at the front, or your own from May on. What do you think?", False),
        ("I'll send a new one. Does that work?", False),
        ("Does the fan work?", True),
        ("Is that all right with you?", False),
        ("What can I do for you?", False),
        ("Have you checked the fuse? I'll send somebody.", False),  # the question is not what is left standing
        ("I know what you did there.", False),
        ("I can see how much this has upset you", False),
        ("I can imagine how long this has been", False),
        ("I'm so sorry about that what model is it", True),
        ("", False),
    ],
)
def test_a_question_for_a_fact_is_told_from_offers_and_open_ones(text: str, about: bool) -> None:
    assert about_the_case(text) == about
