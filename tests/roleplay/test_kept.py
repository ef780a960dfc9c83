"""A card that is kept, against the same call marked again."""

from __future__ import annotations

from dataclasses import replace

from tests.roleplay.scripted import SMALL, play
from voicetrainer.roleplay.kept import KeptCard, differences, keep
from voicetrainer.roleplay.rubric import Rubric, resolve
from voicetrainer.roleplay.scorecard import score

EVENTS = play(["empathy", "apology", "hm"])
THEN = keep(score(SMALL, EVENTS), "0.1.0")


def again(**rubric: object) -> KeptCard:
    return keep(score(SMALL, EVENTS, resolve(Rubric.model_validate(rubric))), "0.2.0")


def test_the_same_rubric_and_rules_differ_in_nothing() -> None:
    assert all(d.reasons == () and d.then == d.now and d.weight_then == d.weight_now
               for d in differences(THEN, again()))  # fmt: skip


def test_changed_weights_are_named() -> None:
    now = again(weights={"empathy": 20, "listening": 8})
    changed = {d.id: d.reasons for d in differences(THEN, now) if d.reasons}
    assert changed == {"listening": ("counts 8 instead of 14",), "empathy": ("counts 20 instead of 14",)}
    assert now.total != THEN.total


def test_changed_anchors_are_named() -> None:
    now = again(anchors={"empathy": {1: "Nothing.", 5: "Everything."}})
    changed = {d.id: d.reasons for d in differences(THEN, now) if d.reasons}
    assert changed == {"empathy": ("has new words for what earns 1 and 5",)}


def test_criteria_come_and_go() -> None:
    now = again(weights={"composure": 0, "limits": 11})
    gone = next(d for d in differences(THEN, now) if d.id == "composure")
    assert (gone.weight_now, gone.now, gone.reasons) == (0, None, ("is no longer marked",))
    come = next(d for d in differences(now, THEN) if d.id == "composure")
    assert (come.weight_then, come.reasons) == (0, ("was not marked then",))


def test_a_changed_rule_or_finding_is_named() -> None:
    empathy = next(c for c in THEN.criteria if c.id == "empathy")
    others = tuple(c for c in THEN.criteria if c.id != "empathy")
    stricter = replace(THEN, criteria=(replace(empathy, score=2), *others))
    assert differences(stricter, THEN)[1].reasons == ("the same was found, and today's rule marks it differently",)
    other = replace(THEN, criteria=(replace(empathy, score=1, why="the feeling was never named"), *others))
    assert differences(other, THEN)[1].reasons == (
        f"found then: the feeling was never named; now: {empathy.why}",
    )  # fmt: skip
