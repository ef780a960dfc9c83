"""How the learner sees the call, against the card."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.roleplay.scripted import SMALL, play
from voicetrainer.roleplay.rubric import CRITERIA
from voicetrainer.roleplay.scorecard import score
from voicetrainer.roleplay.selfscore import STATEMENTS, Gap, SelfScore, gaps

CARD = score(SMALL, play(["empathy", "apology passing", "defensive"]))


def test_every_criterion_belongs_to_just_one_statement() -> None:
    assert sorted(c for s in STATEMENTS for c in s.criteria) == sorted(CRITERIA)


def test_a_gap_is_the_answer_less_the_weighted_mean_of_the_card() -> None:
    found = gaps(CARD, SelfScore({"felt": 5, "heard": 1}))
    marks = {c.id: (c.weight, c.score) for c in CARD.criteria}
    (w1, empathy), (w2, ownership) = marks["empathy"], marks["ownership"]
    assert empathy is not None and ownership is not None
    mean = round((w1 * empathy + w2 * ownership) / (w1 + w2), 1)
    felt = next(g for g in found if g.own == 5)
    assert (felt.card, felt.difference) == (mean, round(5 - mean, 1))
    assert felt.criteria == ("Empathy", "Apology and ownership")
    assert [g.statement for g in found] == [STATEMENTS[0].text, STATEMENTS[1].text], "in the order asked"


@pytest.mark.parametrize(
    ("own", "marked", "says"),
    [
        (4, 4.2, "agree"),
        (5, 4.0, "brighter"),
        (2, 4.1, "harder on yourself"),
        (3, None, "not judged"),
    ],
)
def test_a_gap_says_which_way_it_goes(own: int, marked: float | None, says: str) -> None:
    assert says in Gap("", own, marked, ()).says


def test_what_could_not_be_judged_has_no_gap() -> None:
    gap = gaps(CARD, SelfScore({"plain": 4}))[0]  # three words are too few to judge language by
    assert (gap.card, gap.difference, gap.criteria) == (None, None, ())


def test_skipped_statements_are_left_out() -> None:
    assert gaps(CARD, SelfScore({})) == ()
    own = SelfScore({"felt": 2})
    assert (own.of("empathy"), own.of("ownership"), own.of("listening")) == (2, 2, None)


@pytest.mark.parametrize("answer", [0, 6])
def test_answers_are_from_1_to_5(answer: int) -> None:
    with pytest.raises(ValidationError):
        SelfScore({"felt": answer})
