"""The rubric as data, and what a scenario may change of it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from voicetrainer.errors import ScenarioError
from voicetrainer.roleplay.judging import JUDGES
from voicetrainer.roleplay.rubric import AUTO_FAIL, CRITERIA, POINTS, STANDARD, Rubric, problems, resolve
from voicetrainer.roleplay.scenario import SKILLS, parse
from voicetrainer.roleplay.scorecard import _STRIKES

SHIFTED = {"empathy": 20, "listening": 8}  # six up, six down


def rubric(**given: Any) -> Rubric:
    return Rubric.model_validate(given)


def test_weights_sum_to_a_hundred() -> None:
    assert sum(c.weight for c in STANDARD.criteria) == 100
    assert len(set(CRITERIA)) == len(STANDARD.criteria)


def test_it_stays_small_enough_to_mark_by() -> None:
    assert 8 <= len(STANDARD.criteria) <= 11


@pytest.mark.parametrize("criterion", STANDARD.criteria, ids=lambda c: c.id)
def test_each_criterion_says_what_earns_1_3_and_5(criterion: Any) -> None:
    assert tuple(criterion.anchors) == POINTS
    assert all(text.endswith(".") for text in criterion.anchors.values())
    assert len(set(criterion.anchors.values())) == 3
    assert criterion.about.endswith(".")


def test_each_criterion_has_a_rule_and_each_rule_a_criterion() -> None:
    assert set(JUDGES) == set(CRITERIA)
    assert set(_STRIKES) == {item.id for item in AUTO_FAIL}


def test_the_criteria_cover_all_that_can_be_trained_on_a_call() -> None:
    covered = {skill for c in STANDARD.criteria for skill in c.skills}
    assert covered <= set(SKILLS)
    assert set(SKILLS) - covered == {"reset", "reflection"}, "these two come after the call"


def test_no_override_is_the_standard_rubric() -> None:
    assert resolve(None) == resolve(Rubric()) == STANDARD


def test_given_weights_replace_the_standard_ones() -> None:
    changed = {c.id: c.weight for c in resolve(rubric(weights=SHIFTED)).criteria}
    assert changed == {**{c.id: c.weight for c in STANDARD.criteria}, **SHIFTED}
    assert sum(changed.values()) == 100


def test_a_weight_of_nought_leaves_a_criterion_out() -> None:
    left = resolve(rubric(weights={"composure": 0, "limits": 11}))
    assert "composure" not in [c.id for c in left.criteria]
    assert sum(c.weight for c in left.criteria) == 100


def test_words_pass_mark_and_auto_fail_items_can_be_changed() -> None:
    changed = resolve(
        rubric(pass_mark=75, auto_fail=["contempt"], anchors={"empathy": {"5": "Names her holiday in the first turn."}})
    )
    assert changed.pass_mark == 75
    assert [item.id for item in changed.auto_fail] == ["contempt"]
    empathy = next(c for c in changed.criteria if c.id == "empathy")
    assert empathy.anchors[5] == "Names her holiday in the first turn."
    assert empathy.anchors[3] == next(c for c in STANDARD.criteria if c.id == "empathy").anchors[3]
    assert resolve(rubric(auto_fail=[])).auto_fail == ()


@pytest.mark.parametrize(
    ("given", "path", "words"),
    [
        ({"weights": {"empathy": 20}}, ("weights",), "must be 100, and these make 106: listening 14, empathy 20"),
        ({"weights": {"empaty": 20}}, ("weights", "empaty"), "did you mean 'empathy'?"),
        ({"weights": {"charm": 20}}, ("weights", "charm"), "there are listening, empathy"),
        ({"anchors": {"empaty": {5: "x"}}}, ("anchors", "empaty"), "did you mean 'empathy'?"),
        ({"anchors": {"empathy": {4: "x"}}}, ("anchors", "empathy", "4"), "anchors are for 1, 3 and 5"),
        ({"auto_fail": ["contempt", "hungup"]}, ("auto_fail", 1), "did you mean 'hung_up'?"),
    ],
)
def test_what_does_not_hold_together_is_told(given: dict[str, Any], path: tuple[Any, ...], words: str) -> None:
    override = rubric(**given)
    found = list(problems(override))
    assert [p for p, _ in found] == [path]
    assert words in found[0][1]
    with pytest.raises(ScenarioError, match="rubric." + str(path[0])):
        resolve(override)


@pytest.mark.parametrize(
    "given",
    [
        {"weights": {"empathy": 20.5}},
        {"weights": {"empathy": -1}},
        {"weights": {"empathy": 101}},
        {"pass_mark": 0},
        {"pass_mark": 101},
        {"anchors": {"empathy": {0: "x"}}},
        {"anchors": {"empathy": {5: " "}}},
        {"criteria": []},
    ],
)
def test_shapes_are_strict(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        rubric(**given)


def test_a_scenario_carries_its_rubric_and_its_mistakes_have_a_line() -> None:
    from tests.roleplay.scripted import TEXT

    own = TEXT + "rubric:\n  pass_mark: 70\n  weights:\n    empathy: 20\n    listening: 8\n"
    assert resolve(parse(own).rubric).pass_mark == 70
    line = own[: own.index("weights:")].count("\n") + 1
    with pytest.raises(ScenarioError, match=rf"small.yaml:{line}: rubric.weights: all weights together must be 100"):
        parse(own.replace("listening: 8", "listening: 9"), "small.yaml")


def test_the_rubric_knows_nothing_of_ours_but_errors() -> None:
    code = "import sys, voicetrainer.roleplay.rubric; print(sorted(m for m in sys.modules if 'voicetrainer' in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == str(
        ["voicetrainer", "voicetrainer.errors", "voicetrainer.roleplay", "voicetrainer.roleplay.rubric"]
    )
