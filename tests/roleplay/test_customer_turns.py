"""The talk turn by turn: how it opens, its stages, who speaks, what they say next, and how it ends.

The detector notices what is written (`tests.roleplay.scripted`).
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.roleplay.scripted import (
    CALM_SOUND,
    MOOD,
    SMALL,
    customer,
    heard,
    moods,
    outcome,
    play,
    respond,
    said,
    stages,
    voiced,
)
from voicetrainer.roleplay.customer import SILENCES
from voicetrainer.roleplay.events import (
    Ended,
    Fact,
    LearnerLeft,
    LineStarted,
    LineStopped,
    MoodChanged,
    Noted,
    Noticed,
    RepeatAsked,
    Say,
    Silence,
    SpeechStarted,
    StageReached,
    Steadiness,
    StillSpeaking,
)
from voicetrainer.roleplay.scenario import Closed, Resolved, Spoken


@pytest.mark.parametrize(
    ("anger", "line"), [(6, "heard angry 1"), (8, "heard furious 1"), (3, "heard annoyed 1"), (1, "heard annoyed 1")]
)
def test_the_first_line_is_the_first_of_the_mood(anger: float, line: str) -> None:
    state, decisions = customer(anger=anger).begin()
    assert [type(d) for d in decisions] == [StageReached, Say]
    assert said(decisions) == [line]
    assert (state.anger, state.turn, state.line, state.over) == (anger, 0, 1, False)


def test_nobody_is_handed_on_angrier_than_they_came() -> None:
    calm = {"mood": dict.fromkeys(("empathy", "apology", "ownership"), 0)}
    done = ("empathy", "apology ownership")
    for before, ending in (("probe", "escalated"), ("blame", None)):
        state, decisions = respond(
            customer(**calm), *(heard(x, t) for t, x in enumerate((before, *done, "escalate"), 1))
        )
        assert (state.ending and state.ending[0]) == ending
    assert "escalate" in [d.label for d in decisions if isinstance(d, Noticed) and not d.counted]


def test_an_abusive_call_may_be_ended_after_clear_limits() -> None:
    closed = Closed(lines=(Spoken(say="you can't hang up on me"),))
    ends = SMALL.endings.model_copy(update={"closed": closed})
    for lines, end in (
        (["boundary", "boundary closing"], "closed"),
        (["boundary", "boundary", "closing"], "closed"),
        (["boundary closing"], "left"),
        (["closing", "closing"], "left"),
        (["boundary", "boundary rude closing"], "left"),
    ):
        assert outcome(play(lines, customer(endings=ends))) == end
    assert outcome(play(["boundary", "boundary closing"])) == "left"  # not a scenario for it


@pytest.mark.parametrize(
    ("text", "reached", "moved"),
    [
        (
            "empathy solution",
            ["owned"],
            -1.33,
        ),  # empathy made room and was trusted
        ("solution empathy", ["owned"], 0.0),
    ],
)
def test_words_count_in_the_order_in_which_they_are_said(text: str, reached: list[str], moved: float) -> None:
    # a customer whom empathy leaves cold, so that the limit of a turn stays out of it
    _, decisions = respond(customer(mood={"empathy": -0.1}), heard(text))
    assert stages(decisions) == reached
    assert dict(moods(decisions))["solution"] == moved


@pytest.mark.parametrize(
    ("lines", "reached"),
    [
        (["probe"], []),
        (["empathy"], ["owned"]),
        (["reflect"], ["owned"]),
        (["empathy", "apology"], ["owned"]),
        (["empathy", "ownership"], ["owned"]),
        (["empathy", "ownership", "apology"], ["owned", "offered"]),
        (["empathy", "apology", "follow_up"], ["owned", "offered"]),
        (["apology", "ownership", "reflect"], ["owned", "offered"]),  # said before its stage, not too early: it counts
        (["apology ownership reflect"], ["owned", "offered"]),
        (["blame", "rude empathy"], ["owned"]),
    ],
)
def test_a_stage_is_left_when_every_need_is_met(lines: list[str], reached: list[str]) -> None:
    assert stages(play(lines)) == ["heard", *reached]


def test_a_new_stage_says_what_led_to_it() -> None:
    _, decisions = respond(customer(), heard("apology empathy"), heard("follow_up", 12))
    told = [d.because for d in decisions if isinstance(d, StageReached)]
    assert [("empathy" in t, "reflect" in t, "apology" in t, "following up" in t) for t in told] == [
        (True, False, False, False),
        (False, False, True, True),
    ]


def test_listening_words_earn_a_little_and_take_no_turn() -> None:
    _, decisions = respond(customer(), heard("backchannel", role="aside", overlap=0.3))
    assert moods(decisions) == [("listening_words", MOOD["listening_words"])]
    assert [(d.label, d.mistake) for d in decisions if isinstance(d, Noticed)] == [("listening_words", False)]
    assert said(decisions) == []


@pytest.mark.parametrize("text", ["blame", "backchannel empathy", "anything", ""])
def test_any_other_aside_is_let_pass(text: str) -> None:
    state, decisions = respond(customer(), heard(text, role="aside", overlap=0.3))
    assert [type(d) for d in decisions] == [Steadiness]
    assert state.anger == 6


def test_what_was_not_understood_costs_nothing() -> None:
    state, decisions = respond(customer(), *(heard("", t) for t in range(1, 5)))
    assert state.anger == 6
    assert said(decisions) == ["say that again", "heard angry 2", "heard angry 3", "heard annoyed 1"]


def test_silence_costs_and_the_third_in_a_row_ends_the_call() -> None:
    events = play(["..."] * 5)
    assert moods(events) == [("dead_air", MOOD["dead_air"])] * SILENCES
    assert said(events)[1:] == ["hello 1", "hello 2", "that is enough"]
    assert outcome(events) == "hung_up"
    assert {e.turn for e in events if isinstance(e, MoodChanged)} == {0}


def test_a_word_breaks_the_silence() -> None:
    assert outcome(play(["...", "...", "probe", "...", "..."])) == "left"


GOOD = ["empathy reflect", "apology ownership", "choice solution"]


def test_won() -> None:
    events = play(GOOD)
    assert (outcome(events), said(events)[-1]) == ("resolved", "thank you and goodbye")
    last = [e for e in events if isinstance(e, Say)][-1]
    assert last.final
    assert last.anger <= 3


def test_not_won_while_too_cross() -> None:
    calm = Resolved(anger_at_most=1.5, lines=(Spoken(say="thank you and goodbye"),))
    cross = customer(anger=9, endings=SMALL.endings.model_copy(update={"resolved": calm}))
    events = play([*GOOD, "probe", "follow_up"], cross)
    assert stages(events) == ["heard", "owned", "offered"]
    assert said(events)[-3:] == ["offered annoyed 2", "offered furious 1", "thank you and goodbye"]
    assert [e.anger for e in events if isinstance(e, Say)][-3:] == [2.06, 1.88, 1.27]
    assert outcome(events) == "resolved"


@pytest.mark.parametrize("lines", [["blame"] * 4, ["rude", "dismissive", "jargon hedging"], ["!x"] * 5])
def test_lost(lines: list[str]) -> None:
    events = play(lines)
    assert (outcome(events), said(events)[-1]) == ("hung_up", "that is enough")


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        (["empathy", "apology ownership", "escalate"], "escalated"),
        (["empathy apology ownership escalate"], "escalated"),
        (["escalate"], "left"),
        (["empathy", "escalate", "apology ownership"], "left"),
        (["escalate empathy apology ownership"], "left"),  # it was too early when it was said
        (["empathy", "apology ownership", "escalate@0.4"], "left"),  # not sure enough to end a call
        (["empathy", "apology ownership", "escalate passing"], "left"),
        (["empathy", "apology ownership", "rude escalate"], "left"),
        (["empathy", "apology ownership", "escalate jargon"], "escalated"),
    ],
)
def test_a_supervisor_at_the_right_moment(lines: list[str], end: str) -> None:
    assert outcome(play(lines)) == end


def test_a_supervisor_too_early_earns_nothing() -> None:
    _, decisions = respond(customer(), heard("escalate"))
    assert moods(decisions) == [("escalate", 0.0)]
    assert said(decisions) == ["hold on 1"]
    nobody = SMALL.endings.model_copy(update={"escalated": None})
    events = play(["escalate", *GOOD[:2], "escalate"], customer(endings=nobody))
    assert outcome(events) == "left"


@pytest.mark.parametrize("fact", [heard("empathy", 301.0), Silence(300.0, 6.0)])
def test_too_late(fact: Fact) -> None:
    state, decisions = respond(customer(), fact)
    assert said(decisions) == ["I have to go"]
    assert state.ending is not None
    assert state.ending[0] == "out_of_time"


def test_winning_in_the_last_second_is_winning() -> None:
    state, _ = respond(customer(anger=4), heard(" ".join(GOOD), 300.0))
    assert state.ending is not None
    assert state.ending[0] == "resolved"


def test_the_call_is_over_when_the_last_word_has_been_said() -> None:
    who = customer(anger=4)
    state, decisions = respond(who, heard(" ".join(GOOD)))
    final = next(d for d in decisions if isinstance(d, Say))
    assert final.final
    state, decisions = respond(who, LineStarted(11.0, final.line), heard("rude", 12.0), state=state)
    assert decisions == []  # the customer's last word stands
    assert not state.over
    state, decisions = respond(who, LineStopped(12.0, final.line - 1, cut=False), state=state)
    assert decisions == []
    state, decisions = respond(who, LineStopped(13.0, final.line, cut=False), state=state)
    assert [type(d) for d in decisions] == [Ended]
    assert state.over
    assert respond(who, heard("rude", 14.0), LearnerLeft(15.0, "x"), state=state) == (state, [])


@pytest.mark.parametrize(("lines", "end"), [([], "left"), (["empathy"], "left"), (GOOD, "resolved")])
def test_hanging_up(lines: list[str], end: str) -> None:
    who = customer()
    state, _ = respond(who, *(heard(line, t) for t, line in enumerate(lines, 1)))
    _, decisions = respond(who, LearnerLeft(60.0, "the learner hung up"), state=state)
    assert outcome(decisions) == end


@pytest.mark.parametrize(
    "fact",
    [SpeechStarted(1.0), LineStarted(1.0, 1), LineStopped(1.0, 1, cut=True), Noted(1.0, "xrun", "Some was lost.")],
)
def test_other_facts_decide_nothing(fact: Fact) -> None:
    who = customer()
    state, decisions = who.respond(who.begin()[0], fact)
    assert decisions == ()
    assert state.anger == 6


def test_a_long_line_heard_to_its_end_earns_a_little() -> None:
    def course(seconds: float, **more: object) -> list[tuple[str, float]]:
        line = (LineStarted(0.1, 1), LineStopped(0.1 + seconds, 1, cut=bool(more.pop("cut", False))))
        spoken: dict[str, Any] = {"prosody": voiced(*CALM_SOUND), **more}
        return moods(respond(customer(), *line, heard("greeting", 12, **spoken))[1])

    assert course(5.0) == [("letting_finish", MOOD["letting_finish"])]
    assert course(3.0) == course(5.0, cut=True) == course(5.0, overlap=0.4) == course(5.0, prosody=None) == []


def test_the_customer_cuts_into_a_long_speech_once_when_angry() -> None:
    lines = {"barging_in": (Spoken(say="get to the point"),)}
    who = customer(anger=8, reactions={**SMALL.reactions, **lines})
    state, decisions = respond(who, StillSpeaking(9.0, 8.0), StillSpeaking(13.0, 12.0))
    assert said(decisions) == ["get to the point"]
    for barged, rule in ((0.6, "letting_finish"), (None, "interrupting"), (2.5, "interrupting")):
        _, after = respond(who, heard("empathy", 15, barged=True, yielded=barged), state=state)
        assert [r for r, _ in moods(after)] == [rule, "empathy"]
        assert said(after) == []  # what the customer cut in with waits for its answer
    assert said(respond(customer(anger=5, reactions=lines), StillSpeaking(9.0, 8.0))[1]) == []
    assert said(respond(customer(anger=8), StillSpeaking(9.0, 8.0))[1]) == []  # no lines for it


def test_giving_way_in_a_clash_is_noticed() -> None:
    aside: dict[str, Any] = {"role": "aside", "overlap": 0.3}
    assert moods(respond(customer(), heard("hm", yielded=0.5, **aside))[1]) == [
        ("letting_finish", MOOD["letting_finish"])
    ]
    assert moods(respond(customer(), heard("hm", yielded=2.0, **aside))[1]) == []
    assert moods(respond(customer(), heard("hm", listening=True, **aside))[1]) == [
        ("listening_words", MOOD["listening_words"])
    ]


def test_the_last_line_is_said_again_when_asked_for() -> None:
    state, decisions = respond(customer(), RepeatAsked(3.0))
    assert [(d.text, d.line) for d in decisions if isinstance(d, Say)] == [("heard angry 1", 2)]
    assert (state.anger, state.said) == (6, ("heard angry 1",))


def test_a_stop_word_ends_the_call_whatever_the_customer_does() -> None:
    state, decisions = respond(customer(), heard("oh stop the exercise please"))
    assert state.over
    assert [(type(d), d.outcome) for d in decisions if isinstance(d, Ended)] == [(Ended, "left")]


@pytest.mark.parametrize(
    ("text", "role", "line"),
    [
        ("hm", "turn", "heard angry 2"),
        ("probe", "turn", "heard angry 2"),
        ("empathy", "turn", "owned calm 1"),  # of the bands as near as annoyed, the calmer
        ("blame", "turn", "my fault"),
        ("defensive blame", "turn", "my fault"),  # the worse of two
        ("blame defensive", "turn", "my fault"),
        ("empathy defensive", "turn", "no excuses"),
        ("blame@0.4", "turn", "heard angry 2"),  # not sure enough to answer to it
        ("blame@0.4 defensive", "turn", "no excuses"),
        ("blame", "interruption", "let me finish 1"),
        ("dismissive", "turn", "heard angry 2"),  # no reaction of that name: on with the stage
        ("", "turn", "say that again"),
        ("what is your order number please", "turn", "it is four four one seven"),
        ("and number 12?", "turn", "it is four four one seven"),
        ("and number twelve", "turn", "it is four four one seven"),
        ("reorder numbers", "turn", "heard angry 2"),
        ("empathy and your order number", "turn", "it is four four one seven"),
        ("blame what is your order number", "turn", "my fault"),
        ("solution", "turn", "hold on 1"),
        ("greeting", "turn", "hello yourself"),
        ("backchannel", "turn", "and another thing"),
        ("greeting probe", "turn", "heard angry 2"),
        ("apology", "turn", "well thank you"),
    ],
)
def test_what_they_say_next(text: str, role: str, line: str) -> None:
    _, decisions = respond(customer(), heard(text, role=role))
    assert said(decisions) == [line]


def test_a_scenario_without_reactions_goes_on_with_the_stage() -> None:
    lines = ["blame", "...", "!x", "solution", "greeting"]
    assert all(text.startswith(("heard", "that is")) for text in said(play(lines, customer(reactions={}, answers=()))))
