"""The whole program for real: ``voicetrainer talk`` in a process of its own, over a virtual microphone and speaker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.transports.virtual import Sound, missing
from voicetrainer.detector import load_shipped
from voicetrainer.places import shipped
from voicetrainer.recording import Session, load
from voicetrainer.replay import replay
from voicetrainer.roleplay.events import Ended, Heard, LineStarted, Noted, Say
from voicetrainer.speech.audio import read
from voicetrainer.speech.voice import Voice

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


class Talk:
    """A call in a process of its own, for a ``with``."""

    def __init__(self, sound: Sound, folder: Path) -> None:
        self.sessions, self.log = folder / "sessions", folder / "screen"
        call = [sys.executable, "-m", "voicetrainer", "talk", "late-parcel", "--mic", "mic", "--speaker", "speaker"]
        with self.log.open("wb") as screen:
            self.process = subprocess.Popen(
                [*call, "--sessions", str(self.sessions)],
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                env=os.environ
                | sound.env
                | {
                    "VOICETRAINER_LEARNERS": str(folder / "learners"),
                    "VOICETRAINER_MODEL": "vosk-voicetrainer-starter-0.1",  # the clips are spoken by synthetic voices
                    "NO_COLOR": "1",
                },
            )

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def told(self) -> str:
        """What the screen shows."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, what: str, times: int = 1) -> None:
        """Wait until the call has got so far."""
        until = time.monotonic() + 60
        while self.told.count(what) < times:
            assert time.monotonic() < until and self.process.poll() is None, self.told
            time.sleep(0.1)

    def ended(self) -> Session:
        """The session, whole, once the program has ended by itself."""
        assert self.process.wait(30) == 0, self.told
        session = load(next(self.sessions.iterdir()))
        assert not session.interrupted
        assert replay(session, load_shipped()).divergence is None
        assert (session.folder / "report.html").stat().st_size > 10_000
        return session


def test_a_call_is_held_and_hung_up_whole(sound: Sound, tmp_path: Path) -> None:
    with Talk(sound, tmp_path) as talk:
        talk.wait("nothing has come")
        time.sleep(6.5)  # let her finish
        sound.say(read(CLIPS / "4-order.flac"))
        talk.wait("order number")
        talk.wait("four four one seven", times=2)  # once in the briefing
        time.sleep(0.5)
        talk.process.send_signal(signal.SIGINT)
        session = talk.ended()
    assert "\x1b" not in talk.told
    assert "listens" in talk.told
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


def test_the_stop_word_spoken_aloud_ends_a_call(sound: Sound, tmp_path: Path) -> None:
    with Voice("man-1") as voice:
        stop = voice.render("Stop the exercise.", 1.0)
    with Talk(sound, tmp_path) as talk:
        talk.wait("nothing has come")
        for _ in range(5):  # where the sound of a busy machine stutters it is said again, as anybody would
            sound.say(stop)
            with suppress(subprocess.TimeoutExpired):
                talk.process.wait(6)
                break
        session = talk.ended()
    ended = session.events[-1]
    assert isinstance(ended, Ended) and (ended.outcome, ended.because) == ("left", "the learner said the stop word")
    assert "stop the exercise" in next(e.text for e in reversed(session.events) if isinstance(e, Heard))


def test_a_loudspeaker_that_stalls_ends_a_call_whole(sound: Sound, tmp_path: Path) -> None:
    with Talk(sound, tmp_path) as talk:
        talk.wait("nothing has come")
        sound.stall_loudspeaker()
        try:
            session = talk.ended()
        finally:
            sound.go_on()
    noted = next(e for e in session.events if isinstance(e, Noted) and e.what == "device_lost")
    assert "The loudspeaker (speaker) takes no more sound" in noted.text
    assert noted.text in " ".join(talk.told.split())
    ended = session.events[-1]
    assert isinstance(ended, Ended) and (ended.outcome, ended.because) == ("left", "a device was lost")
