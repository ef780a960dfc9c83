"""Whole calls on real parts: the shipped learners' recordings, Vosk, the prosody, the customer and her voice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from voicetrainer import models
from voicetrainer.call import SpokenLine, TypedLine, hold
from voicetrainer.detector import load_shipped
from voicetrainer.places import shipped
from voicetrainer.recording import Recorder, Session, load
from voicetrainer.replay import Divergence, rehear, replay, rescore
from voicetrainer.roleplay import scenario, steadiness
from voicetrainer.roleplay.customer import Customer
from voicetrainer.roleplay.events import (
    Decision,
    Ended,
    Fact,
    Header,
    Heard,
    LineStarted,
    LineStopped,
    ModelUsed,
    MoodChanged,
    Noticed,
    Say,
    Steadiness,
)
from voicetrainer.speech import prosody, voice
from voicetrainer.speech.audio import CHANNELS, RATE, read_call
from voicetrainer.speech.ears import Ears
from voicetrainer.speech.recognizer import Recognizer
from voicetrainer.transports.fixture import Fixture, load_cues

RECORDINGS = shipped("scenarios") / "recordings" / "late-parcel"
TEXT = (shipped("scenarios") / "late-parcel.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(models.choose("vosk-voicetrainer-starter-0.1").path)


def play(learner: str, folder: Path, recognizer: Recognizer) -> Session:
    """Hold the call of a shipped learner."""
    parsed = scenario.parse(TEXT, "late-parcel.yaml")
    calm, cues = load_cues([RECORDINGS / learner])
    assert calm is not None
    baseline = steadiness.calibrate([prosody.measure(calm)])
    header = Header(
        parsed.id, TEXT, "fixture", "test", ModelUsed(recognizer.name), baseline=baseline, channels=CHANNELS
    )
    speaker = voice.Voice(parsed.customer.voice)
    try:
        with Recorder(folder, header, audio=True) as recorder:
            line = SpokenLine(Fixture(cues), Ears(recognizer), speaker.render, recorder.frames)
            hold(Customer(parsed, load_shipped(), baseline), line, recorder.write)
    finally:
        speaker.close()
    return load(folder)


@dataclass(frozen=True)
class Calls:
    """Both learners' calls, each held twice."""

    calm: Session
    calm_again: Session
    heated: Session
    heated_again: Session


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory, recognizer: Recognizer) -> Calls:
    root = tmp_path_factory.mktemp("sessions")
    names = ("calm", "calm", "heated", "heated")
    return Calls(*(play(name, root / str(i), recognizer) for i, name in enumerate(names)))


T = TypeVar("T")


def of(session: Session, kind: type[T]) -> list[T]:
    return [e for e in session.events if isinstance(e, kind)]


def test_the_calm_learner_wins_her(calls: Calls) -> None:
    assert of(calls.calm, Ended)[-1].outcome == "resolved"
    assert of(calls.calm, MoodChanged)[-1].after < 4
    assert {"empathy", "apology", "choice", "listening_words"} <= {n.label for n in of(calls.calm, Noticed)}
    assert not any(s.level == "raised" for s in of(calls.calm, Steadiness))


def test_the_heated_learner_loses_her(calls: Calls) -> None:
    assert of(calls.heated, Ended)[-1].outcome == "hung_up"
    assert {"interrupting", "blame", "raised_voice"} <= {n.label for n in of(calls.heated, Noticed)}
    assert any(e.cut for e in of(calls.heated, LineStopped))


def test_two_runs_give_the_same_bytes(calls: Calls) -> None:
    for one, two in ((calls.calm, calls.calm_again), (calls.heated, calls.heated_again)):
        assert (one.folder / "session.jsonl").read_bytes() == (two.folder / "session.jsonl").read_bytes()
        assert (one.folder / "call.flac").read_bytes() == (two.folder / "call.flac").read_bytes()


def test_both_voices_are_on_the_tape_when_the_log_says_so(calls: Calls) -> None:
    assert calls.calm.audio is not None
    sound = read_call(calls.calm.audio)
    assert calls.calm.header.channels == CHANNELS
    level = np.sqrt(np.convolve(sound[:, 0] ** 2, np.ones(1600) / 1600, "same"))
    for heard in of(calls.calm, Heard):
        middle = round((heard.start + heard.end) / 2 * RATE)
        assert level[middle - 4000 : middle + 4000].max() > 0.01
    starts, stops = of(calls.calm, LineStarted), of(calls.calm, LineStopped)
    spoken = np.zeros(len(sound), bool)
    for start, stop in zip(starts, stops, strict=True):
        assert np.abs(sound[round(start.t * RATE) : round(stop.t * RATE), 1]).max() > 0.05
        spoken[round(start.t * RATE) : round(stop.t * RATE)] = True
    assert not sound[~spoken, 1].any()


def test_words_come_in_order_inside_their_utterance(calls: Calls) -> None:
    for heard in of(calls.calm, Heard):
        times = [t for w in heard.words for t in (w.start, w.end)]
        assert times == sorted(times)
        assert heard.start - 0.35 <= times[0] and times[-1] <= heard.end + 0.3


def test_replay_decides_the_same(calls: Calls) -> None:
    for session in (calls.calm, calls.heated):
        assert replay(session, load_shipped()).divergence is None
        assert rescore(session, load_shipped()).events == session.events


def test_replay_names_the_first_divergence(calls: Calls, tmp_path: Path) -> None:
    lines = (calls.calm.folder / "session.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    number, line = next((i, x) for i, x in enumerate(lines) if '"rule":"empathy"' in x)
    lines[number] = line.replace('"rule":"empathy"', '"rule":"reflect"')
    (tmp_path / "session.jsonl").write_text("".join(lines), encoding="utf-8")
    divergence = replay(load(tmp_path), load_shipped()).divergence
    assert isinstance(divergence, Divergence)
    assert divergence.number == number + 1
    assert "reflect" in divergence.logged and "empathy" in divergence.now


def test_rehear_hears_the_same(calls: Calls, recognizer: Recognizer) -> None:
    for session in (calls.calm, calls.heated):
        assert rehear(session, recognizer).divergence is None


def test_rescore_stops_the_mood_where_the_customer_would_speak_differently(calls: Calls, tmp_path: Path) -> None:
    text = (calls.calm.folder / "session.jsonl").read_text(encoding="utf-8")
    second = of(calls.calm, Say)[1]
    changed = text.replace(f'"text":"{second.text}"', '"text":"I would say something else here."')
    (tmp_path / "session.jsonl").write_text(changed, encoding="utf-8")
    changed_session = load(tmp_path)
    again = rescore(changed_session, load_shipped())
    assert again.divergence is not None
    assert not any(isinstance(e, MoodChanged) for e in again.events if e.t >= second.t + 0.01)
    heard = [e for e in again.events if isinstance(e, Heard)]
    judged = [e for e in again.events if isinstance(e, Steadiness)]
    assert len(heard) == len(of(calls.calm, Heard)) == len(judged)


def typed(*turns: str) -> list[Fact | Decision]:
    events: list[Fact | Decision] = []
    turn = iter(turns)
    customer = Customer(scenario.parse(TEXT, "late-parcel.yaml"), load_shipped())
    hold(customer, TypedLine(lambda: next(turn, None)), events.append)
    return events


def test_a_typed_call_keeps_the_call_clock() -> None:
    events = typed("I'm so sorry, that must be so frustrating.", "", "!Listen to me now please", "...")
    times = [e.t for e in events]
    assert times == sorted(times)
    assert [e.role for e in events if isinstance(e, Heard)] == ["turn", "interruption"]
    assert [e.cut for e in events if isinstance(e, LineStopped)].count(True) == 1
    assert isinstance(events[-1], Ended) and events[-1].outcome == "left"


def test_silence_alone_loses_the_call() -> None:
    events = typed("...", "...", "...", "...")
    assert isinstance(events[-1], Ended) and events[-1].outcome == "hung_up"
