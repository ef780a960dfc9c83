from __future__ import annotations

import pytest

from tests.report import calls
from tests.report.making import LABELS, Call
from voicetrainer.recording import Session
from voicetrainer.report.story import Aside, Line, Turn, clock, signed, tell
from voicetrainer.roleplay.events import Heard, Noticed, Word
from voicetrainer.roleplay.scorecard import Scorecard


def session_of(call: Call) -> Session:
    return call.view(Scorecard(0, False, 60, "", (), (), (), "", ())).session


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.99, "0:59"), (61.2, "1:01"), (3600, "1:00:00"), (3725, "1:02:05"), (-1, "0:00")],
)
def test_times_read_as_on_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(1.25, "+1.2"), (-0.5, "−0.5"), (0.0, "±0"), (-0.01, "±0")])
def test_a_difference_has_its_sign(value: float, text: str) -> None:
    assert signed(value) == text


def test_turns_lines_and_asides_come_in_the_order_in_which_they_began() -> None:
    story = tell(calls.won().session, LABELS)
    starts = [e.start for e in story.entries]
    assert starts == sorted(starts)
    kinds = ["T" if isinstance(e, Turn) else "L" if isinstance(e, Line) else e.kind[:2] for e in story.entries]
    assert kinds == [
        "st", "L", "T", "st", "L", "T", "T", "L", "si", "L", "T", "st", "L", "T", "L", "T", "L", "en",
    ]  # fmt: skip
    assert story.turns == 5, "the listening word takes no turn"
    assert story.interruptions == 0
    assert (story.anger_first, story.anger_peak, story.anger_last) == (7.5, 7.5, 0.0)


def test_every_mood_change_is_told_once_and_where_it_belongs() -> None:
    for make in (calls.won, calls.lost, calls.typed):
        story = tell(make().session, LABELS)
        told = [m.id for e in story.entries if isinstance(e, Turn | Aside) for m in e.moods]
        assert sorted(told) == [m.id for m in story.ledger]
    silence = next(e for e in tell(calls.won().session, LABELS).entries if isinstance(e, Aside) and e.kind == "silence")
    assert [m.rule for m in silence.moods] == ["Dead air"]


def test_a_mood_change_that_no_utterance_caused_still_shows() -> None:
    call = Call()
    call.mood("stalling", 0.4, "is tired of it", turn=0)
    call.mood("blame", 0.4, "was blamed", turn=9)
    story = tell(session_of(call), LABELS)
    assert [[m.because for m in e.moods] for e in story.entries if isinstance(e, Aside)] == [
        ["is tired of it"],
        ["was blamed"],
    ]


def test_words_are_marked_with_what_they_are_evidence_of() -> None:
    words = tuple(
        Word(w, i, i + 1, 0.2 if w == "mad" else 0.9) for i, w in enumerate("so sorry but you are mad".split())
    )
    events = (
        Heard(6.0, 0.0, 6.0, words),
        Noticed(6.0, 1, "apology", False, 0.9, "sorry but", 1, 2),
        Noticed(6.0, 1, "rude", True, 0.9, "but you are mad", 2, 5),
        Noticed(6.0, 1, "interrupting", True, 1.0, ""),
    )
    call = Call()
    call.events.extend(events)
    turn = tell(session_of(call), LABELS).entries[0]
    assert isinstance(turn, Turn)
    assert [(p.text, p.technique, p.mistake, p.unsure, p.names) for p in turn.pieces] == [
        ("so", False, False, False, ""),
        ("sorry", True, False, False, "Apology"),
        ("but", True, True, False, "Apology, Rudeness"),
        ("you are", False, True, False, "Rudeness"),
        ("mad", False, True, True, "Rudeness"),
    ]
    assert [p.goes_on for p in turn.pieces] == [False, True, True, True, False]
    assert [c.name for c in turn.chips] == ["Apology", "Rudeness", "Interrupting"]
    assert turn.chips[0].why == LABELS["apology"][1], "without a reason of its own the label's meaning is told"


def test_a_line_is_cut_between_words_where_the_voice_was_about() -> None:
    call = Call()
    call.customer("x" * 29)  # two seconds: sets the pace of 14.5 characters a second
    call.customer("one two three four five six seven", cut=1.0)
    call.customer("never heard at all", cut=0.0)
    call.customer("said and then cut", cut=9.0)
    lines = [e for e in tell(session_of(call), LABELS).entries if isinstance(e, Line)]
    assert [(x.said, x.unsaid) for x in lines[1:]] == [
        ("one two three", "four five six seven"),
        ("", "never heard at all"),
        ("said and then cut", ""),
    ]
    assert [x.text for x in lines[1:]] == [
        "one two three four five six seven",
        "never heard at all",
        "said and then cut",
    ]


def test_a_line_still_sounding_when_the_recording_stopped_ends_with_it() -> None:
    session = calls.interrupted().session
    story = tell(session, LABELS)
    line = next(e for e in reversed(story.entries) if isinstance(e, Line))
    assert line.end == session.duration
    assert not line.cut
    assert story.ended is None


def test_unknown_labels_and_rules_are_made_readable() -> None:
    call = Call()
    call.learner("hello", (("new_trick", "hello", ""),), (("stalling_again", 0.4, "waits"),))
    story = tell(session_of(call), LABELS)
    turn = story.entries[0]
    assert isinstance(turn, Turn)
    assert turn.chips[0].name == "New trick"
    assert story.ledger[0].rule == "Stalling again"


def test_the_share_of_the_talk_counts_seconds_of_sound() -> None:
    call = Call()
    call.customer("x" * 29)  # two seconds
    call.learner("one two three four five", rate=0.9)  # five words of 0.4 seconds
    story = tell(session_of(call), LABELS)
    assert story.talk_share == pytest.approx(0.5, abs=0.01)
    assert story.reaction == 0.5
    typed = tell(calls.typed().session, LABELS)
    assert typed.talk_share is typed.reaction is None


def test_nothing_at_all_can_be_told() -> None:
    story = tell(calls.empty().session, LABELS)
    assert story.entries == ()
    assert story.anger_first is story.anger_last is story.anger_peak is story.talk_share is None
