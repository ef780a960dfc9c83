"""The whole program for real: ``voicetrainer talk`` in a process of its own, over a virtual microphone and speaker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.transports.virtual import Sound, missing
from voicetrainer.detector import load_shipped
from voicetrainer.places import shipped
from voicetrainer.recording import load
from voicetrainer.replay import replay
from voicetrainer.roleplay.events import Ended, Heard, LineStarted, Say
from voicetrainer.speech.audio import read

pytestmark = pytest.mark.slow

CLIPS = shipped("scenarios") / "recordings" / "late-parcel" / "calm"


@pytest.fixture(scope="module")
def sound() -> Iterator[Sound]:
    if why := missing():
        pytest.skip(why)
    with Sound() as virtual:
        virtual.room()
        time.sleep(2)
        yield virtual


def wait(what: str, log: Path, process: subprocess.Popen[bytes], seconds: float = 60, times: int = 1) -> None:
    """Wait until the call has got so far."""
    until = time.monotonic() + seconds
    while log.read_text(encoding="utf-8", errors="replace").count(what) < times:
        assert time.monotonic() < until and process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
        time.sleep(0.1)


def test_a_call_is_held_and_hung_up_whole(sound: Sound, tmp_path: Path) -> None:
    log = tmp_path / "screen"
    call = [sys.executable, "-m", "voicetrainer", "talk", "late-parcel", "--mic", "mic", "--speaker", "speaker"]
    with log.open("wb") as screen:
        process = subprocess.Popen(
            [*call, "--sessions", str(tmp_path / "sessions")],
            stdin=subprocess.DEVNULL,
            stdout=screen,
            stderr=subprocess.STDOUT,
            env=os.environ
            | sound.env
            | {
                "VOICETRAINER_LEARNERS": str(tmp_path / "learners"),
                "VOICETRAINER_MODEL": "vosk-voicetrainer-starter-0.1",  # the clips are spoken by a synthetic voice
                "NO_COLOR": "1",
            },
        )
        try:
            wait("nothing has come", log, process)
            time.sleep(6.5)  # let her finish
            sound.say(read(CLIPS / "4-order.flac"))
            wait("order number", log, process)
            wait("four four one seven", log, process, times=2)  # once in the briefing
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    told = log.read_text(encoding="utf-8")
    assert "\x1b" not in told
    assert "listens" in told
    session = load(next((tmp_path / "sessions").iterdir()))
    assert not session.interrupted
    assert session.header.transport == "device"
    ended = session.events[-1]
    assert isinstance(ended, Ended) and (ended.outcome, ended.because) == ("left", "the learner hung up")
    heard = next(e for e in session.events if isinstance(e, Heard))
    answer = [e for e in session.events if isinstance(e, LineStarted)][1]
    assert "order number" in heard.text
    assert heard.role == "turn"
    assert 0 < answer.t - heard.end < 3
    said = [e.text for e in session.events if isinstance(e, Say)]
    assert "four four one seven" in said[1]
    assert replay(session, load_shipped()).divergence is None
    assert (session.folder / "report.html").stat().st_size > 10_000
