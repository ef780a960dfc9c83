"""A new scenario from a few answers: a whole file that can be played at once, to be made one's own line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from voicetrainer.errors import ScenarioError
from voicetrainer.roleplay.mood import TEMPERAMENTS
from voicetrainer.roleplay.reading import meant

LONGEST = 160
"""Characters of an answer; most of them are spoken."""
ANGERS = {"1": 5.5, "2": 6.0, "3": 7.0, "4": 7.8, "5": 8.3}
"""Anger at the start, by difficulty."""


@dataclass(frozen=True)
class Question:
    """One thing to ask the author."""

    key: str
    ask: str
    example: str
    known: tuple[str, ...] = ()
    """Possible answers, where there are only some."""
    usual: str = ""
    """The answer where none is given; empty where one must be."""


QUESTIONS: tuple[Question, ...] = (
    Question("title", "A few words for the list", "Happy birthday, Kevin"),
    Question("business", "Whose phone is it?", "A bakery"),
    Question("customer", "Who calls?", "Mr Lang"),
    Question(
        "happened", "What happened, in the customer's words?", "I ordered a birthday cake, and the name on it is wrong"
    ),
    Question("hurts", "And what hurts more than the case itself?", "It's her first birthday since we moved"),
    Question("offer_one", "What may the learner do about it? I can ...", "bring you a new cake by three"),
    Question("offer_two", "And what instead? I can ...", "pay you half of the price back"),
    Question("number", "A number the customer has, as it is spoken", "two oh six", usual="two oh six"),
    Question("needed", "By when must it be solved?", "four o'clock today", usual="tomorrow"),
    Question("difficulty", "How hard, from 1 (mild) to 5?", "2", tuple(ANGERS), "2"),
    Question("temperament", "How are they when they are angry?", "even", tuple(TEMPERAMENTS), "even"),
    Question("voice", "A voice; `voicetrainer doctor` lists them", "woman-1", usual="woman-1"),
    Question("supervisor", "Can a supervisor help?", "yes", ("yes", "no"), "yes"),
)
"""What `voicetrainer new` asks, in order."""


def answered(question: Question, answer: str) -> str:
    """An answer that will do.

    Raises
    ------
    ScenarioError
        When it will not, and why.
    """
    said = " ".join(str(answer).split()) or question.usual
    example = f"for example: {question.example}"
    if not said:
        raise ScenarioError(f"{question.key}: is missing", example)
    if len(said) > LONGEST:
        raise ScenarioError(f"{question.key}: longer than {LONGEST} characters", "one short sentence is enough")
    if re.search(r"[{}<>\[\]|\x00-\x1f]", said):
        raise ScenarioError(f"{question.key}: brackets and signs cannot be spoken", example)
    if question.known and said not in question.known:
        hint = f"one of {', '.join(question.known)}"
        raise ScenarioError(f"{question.key}: '{said}' is none of these{meant(said, question.known)}", hint)
    if question.key == "voice" and not re.fullmatch(r"[\w+-]+", said):
        raise ScenarioError(f"voice: there is no voice '{said}'", "`voicetrainer doctor` lists them")
    return said


def collect(given: Mapping[str, str], ask: Callable[[Question], str] | None = None) -> dict[str, str]:
    """Every answer: those given, and the others asked for one by one.

    Parameters
    ----------
    given
        Answers by key.
    ask
        Puts a question; None where nobody can be asked.

    Raises
    ------
    ScenarioError
        When an answer will not do, is missing, or answers nothing that is asked.
    """
    keys = [question.key for question in QUESTIONS]
    for key in given:
        if key not in keys:
            raise ScenarioError(f"'{key}' is not asked for{meant(key, keys)}", f"asked for: {', '.join(keys)}")
    answers: dict[str, str] = {}
    for asked in QUESTIONS:
        man = asked.key == "voice" and re.match(r"Mr\b", answers["customer"])
        question = replace(asked, usual="man-1") if man else asked
        if question.key in given or ask is None:
            answers[question.key] = answered(question, given.get(question.key, ""))
        else:
            answers[question.key] = answered(question, ask(question))
    return answers


def draft(name: str, answers: Mapping[str, str]) -> str:
    """The text of a new scenario.

    Parameters
    ----------
    name
        Its id: the file's name without ``.yaml``.
    answers
        As from `collect`.
    """
    import jinja2

    # Autoescaping is for HTML; here the filter `text` quotes for YAML.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=True)
    environment.filters |= {
        "text": lambda s: json.dumps(s, ensure_ascii=False),
        "folded": lambda s: s.rstrip("."),
        "sentence": lambda s: _sentence(s, "."),
        "exclaimed": lambda s: _sentence(s, "!"),
    }
    template = environment.from_string((Path(__file__).parent / "new-scenario.yaml.jinja").read_text(encoding="utf-8"))
    return template.render(
        {
            **answers,
            "id": name,
            "anger": ANGERS[answers["difficulty"]],
            "abusive": answers["temperament"] == "abusive",
            "supervisor": answers["supervisor"] == "yes",
        }
    )


def _sentence(words: str, end: str) -> str:
    """Words with a capital at the beginning and one mark at the end."""
    bare = words.rstrip(".!? ")
    return bare[:1].upper() + bare[1:] + end
