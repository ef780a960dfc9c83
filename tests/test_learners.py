"""The calm samples on the command line: given, looked at, used by a call, forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from tests.voices import RATE, noisy, voice
from voicetrainer import baselines, cli
from voicetrainer.errors import LearnerError
from voicetrainer.places import shipped
from voicetrainer.recording import load
from voicetrainer.roleplay.events import Steadiness

CALL = shipped("scenarios") / "recordings" / "late-parcel" / "calm"


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("VOICETRAINER_LEARNERS", str(tmp_path / "learners"))
    return tmp_path / "learners"


def call(*args: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(a) for a in args])


def sentence(path: Path, seed: int, pitch: float = 120.0) -> Path:
    samples = np.pad(voice(3.0, seed=seed, pitch=pitch, pause_every=99).samples, RATE // 2)
    soundfile.write(path, noisy(samples, 40), RATE)
    return path


def test_a_sample_is_given_listed_shown_and_forgotten(tmp_path: Path, place: Path) -> None:
    files = [sentence(tmp_path / f"{i}.wav", i) for i in range(2)]
    assert "No calm samples" in call("learners", "list").output
    given = call("calibrate", *files, "--learner", "Anna B", "--mic", "headset")
    assert given.exit_code == 0
    assert "Calm voice of Anna B on microphone headset, from 2 sentences" in given.output
    assert len(list(place.iterdir())) == 1
    listed = json.loads(call("learners", "list", "--json").output)
    assert [(s["learner"], s["microphone"], s["calls"]) for s in listed] == [("Anna B", "headset", 0)]
    shown = json.loads(call("learners", "show", "anna b", "--mic", "headset", "--json").output)
    assert shown == listed[0]
    assert shown["original"]["pitch"] == pytest.approx(120, rel=0.05)
    text = call("learners", "show", "anna b", "--mic", "headset").output
    assert f"as given        {shown['original']['pitch']:.0f} Hz" in text
    assert "1 calm sample of anna b forgotten" in call("learners", "forget", "anna b").output
    assert list(place.iterdir()) == []


def test_a_new_sample_takes_the_place_of_the_old(tmp_path: Path) -> None:
    for pitch in (120.0, 180.0):
        given = call("calibrate", sentence(tmp_path / "a.wav", 1, pitch), "--learner", "Anna", "--json")
        assert json.loads(given.output)["original"]["pitch"] == pytest.approx(pitch, rel=0.05)
    assert baselines.load("anna").original.pitch == pytest.approx(180, rel=0.05)
    assert len(baselines.everyone()) == 1


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("learners", "show", "bob"), "no calm sample of 'bob'"),
        (("learners", "forget", "bob"), "no calm sample of 'bob'"),
        (("learners", "forget", "bob", "--mic", "desk"), "on microphone 'desk'"),
        (("run", "late-parcel", CALL, "--learner", "bob"), "no calm sample of 'bob'"),
    ],
)
def test_who_is_not_known_is_told_so(args: tuple[str | Path, ...], why: str, tmp_path: Path) -> None:
    found = call(*args)
    assert isinstance(found.exception, LearnerError)
    assert why in found.exception.message
    assert found.exception.hint


def test_a_call_uses_a_sample_and_teaches_it(tmp_path: Path) -> None:
    call("calibrate", CALL / "calibration.flac", "--learner", "Anna")
    given = baselines.load("Anna")
    args = ("late-parcel", CALL, "--learner", "anna", "--sessions", tmp_path, "--no-audio", "--json")
    result: dict[str, Any] = json.loads(call("run", *args).output)
    session = load(Path(result["session"]))
    assert session.header.baseline == given.current
    assert any(e.level == "steady" and e.pitch is not None for e in session.events if isinstance(e, Steadiness))
    now = baselines.load("Anna")
    assert (now.original, now.calls) == (given.original, 1)
    assert now.current != given.current
    assert "calm_sample" not in result
