"""The spoken line with scripted ears and a scripted transport: what the loop does with keys, notes and pauses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from tests.roleplay.scripted import customer
from voicetrainer.call import BETWEEN, SpokenLine, hold
from voicetrainer.roleplay.events import (
    Decision,
    Ended,
    Fact,
    Heard,
    LearnerLeft,
    LineStarted,
    LineStopped,
    Noted,
    RepeatAsked,
    Say,
    Word,
)
from voicetrainer.speech.audio import Samples
from voicetrainer.transports import FRAME, RATE, Frame

QUIET = np.zeros(FRAME, np.float32)
CLIP = np.ones(FRAME * 10, np.float32)


class Line:
    """A transport of so many silent frames that plays each clip at once."""

    def __init__(self, frames: int, notes: dict[int, Noted] | None = None) -> None:
        self.count, self.notes = frames, notes or {}
        self.clips: list[Samples] = []
        self.left = 0
        self.started = False

    def frames(self) -> Iterator[Frame]:
        for i in range(self.count):
            started, self.started = self.started, False
            self.left -= FRAME
            ended = "ended" if -FRAME < self.left <= 0 and self.clips else None
            notes = (self.notes[i],) if i in self.notes else ()
            yield Frame(i * FRAME / RATE, QUIET, QUIET, started, ended, notes)  # type: ignore[arg-type]

    def play(self, clip: Samples, *, whole: bool = True) -> None:
        self.clips.append(clip)
        self.left, self.started, self.whole = len(clip), True, whole

    def more(self, clip: Samples, *, whole: bool = True) -> None:
        assert not self.whole
        self.clips[-1] = np.concatenate((self.clips[-1], clip))
        self.left, self.whole = self.left + len(clip), whole

    def stop(self) -> None:
        self.left = 0


@dataclass
class _Turns:
    silence: float = 0.0


@dataclass
class Ears:
    """Ears that hear words at given seconds, after a pause of half a second."""

    heard: dict[float, str] = field(default_factory=dict)
    turns: _Turns = field(default_factory=_Turns)
    cuts: bool = False
    now: float = 0.0

    def hear(self, t: float, frame: Samples, customer: bool) -> Iterator[Fact]:
        assert frame.shape == (FRAME,)
        self.now = round(t + FRAME / RATE, 3)
        coming = [at for at in self.heard if at >= self.now]
        self.turns.silence = max(0.0, 0.5 - (min(coming) - self.now)) if coming else 0.0
        if self.now in self.heard:
            words = tuple(Word(w, self.now - 1, self.now - 0.5) for w in self.heard[self.now].split())
            yield Heard(self.now, self.now - 1, self.now - 0.5, words)

    def partial(self) -> str:
        return next((text for at, text in self.heard.items() if at >= self.now), "")

    def close(self, t: float) -> Iterator[Fact]:
        return iter(())


def call(
    transport: Line, ears: Ears, prepare: Callable[[SpokenLine], None] = lambda _: None, **options: object
) -> tuple[list[Fact | Decision], list[tuple[str, float]]]:
    """Hold a call; its events, and what the voice was asked for."""
    rendered: list[tuple[str, float]] = []

    def render(text: str, anger: float) -> Samples:
        rendered.append((text, anger))
        return CLIP

    line = SpokenLine(transport, ears, render, lambda *_: None, **options)  # type: ignore[arg-type]
    events: list[Fact | Decision] = []
    prepare(line)
    hold(customer(), line, events.append)
    return events, rendered


def kinds(events: list[Fact | Decision], *wanted: type) -> list[type]:
    return [type(e) for e in events if isinstance(e, wanted)]


def test_hanging_up_ends_the_call_whole() -> None:
    events, _ = call(Line(200), Ears(), lambda line: line.asked.append("leave"))
    assert kinds(events, LearnerLeft, Ended) == [LearnerLeft, Ended]
    assert events[-1].t < 0.1


def test_the_last_line_is_said_again_once_it_is_over() -> None:
    during, _ = call(Line(100), Ears(), lambda line: line.asked.append("repeat"))
    assert kinds(during, RepeatAsked) == []  # she is speaking anyway

    def later(line: SpokenLine) -> None:
        line.watch = lambda t: line.asked.append("repeat") if t == 1.0 else None

    events, rendered = call(Line(100), Ears(), later)
    course = kinds(events, RepeatAsked, LineStarted, LineStopped)
    assert course == [LineStarted, LineStopped, RepeatAsked, LineStarted, LineStopped]
    says = [e for e in events if isinstance(e, Say)]
    assert (says[0].text, says[0].anger) == (says[1].text, says[1].anger)
    assert len(rendered) == 1  # it is still there


def test_notes_of_the_line_are_logged_and_change_nothing() -> None:
    note = Noted(0.04, "xrun", "0.10 s of your voice were lost.")
    plain, _ = call(Line(50), Ears())
    noted, _ = call(Line(50, {2: note}), Ears())
    assert [e for e in noted if e != note] == plain
    assert note in noted


def test_a_guard_decides_what_the_ears_hear() -> None:
    note = Noted(0.0, "echo", "The microphone hears the loudspeaker.")
    events, _ = call(Line(3), Ears(), guard=lambda frame: (frame.learner, (note,)))
    assert events.count(note) == 3


@pytest.mark.parametrize("ahead", [False, True])
def test_looking_ahead_changes_nothing_but_when_the_voice_is_asked(ahead: bool) -> None:
    ears = Ears({1.6: "empathy"})
    events, rendered = call(Line(150), ears, ahead=ahead)
    says = [e for e in events if isinstance(e, Say)]
    assert [e.text for e in says] == ["heard angry 1", "owned calm 1"]
    assert [text for text, _ in rendered] == [e.text for e in says]  # foreseen rightly: rendered once


@pytest.mark.parametrize("ahead", [False, True])
def test_of_a_line_that_is_not_ready_the_first_sentence_plays_while_the_rest_is_rendered(ahead: bool) -> None:
    transport, asked = Line(1), []

    def render(text: str, anger: float) -> Samples:
        asked.append((text, len(transport.clips)))
        return CLIP

    line = SpokenLine(transport, Ears(), render, lambda *_: None, ahead=ahead)  # type: ignore[arg-type]
    line.say(Say(0.0, 1, "It's been days. Nobody came! And now?", "heard", 6.0))
    line.say(Say(0.0, 2, "It's been days. Nobody came! And now?", "heard", 6.0))
    if ahead:
        assert asked == [("It's been days.", 0), ("Nobody came!", 1), ("And now?", 1)]
        assert [len(clip) for clip in transport.clips] == [3 * len(CLIP) + 2 * BETWEEN] * 2
    else:
        assert asked == [("It's been days. Nobody came! And now?", 0)]
        assert [len(clip) for clip in transport.clips] == [len(CLIP)] * 2
    assert transport.whole


def test_how_much_of_a_line_has_been_heard() -> None:
    seen: list[float] = []

    def watch(line: SpokenLine) -> None:
        line.watch = lambda _: seen.append(round(line.played, 2))

    call(Line(20), Ears(), watch)
    assert seen[:9] == [round((i + 1) / 10, 2) for i in range(9)]
    assert set(seen[10:]) == {0.0}


def test_the_stop_word_ends_it_at_once() -> None:
    events, _ = call(Line(300), Ears({2.0: "please stop the exercise now"}))
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.outcome, ended.because, ended.t) == ("left", "the learner said the stop word", 2.0)
