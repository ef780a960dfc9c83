"""A microphone and a loudspeaker for real: through PortAudio, ALSA and PulseAudio, at real-time speed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from tests.transports.virtual import Sound, missing
from tests.voices import voice as babble
from voicetrainer import soundcheck
from voicetrainer.cli import doctor as cli_doctor
from voicetrainer.errors import DeviceError
from voicetrainer.speech.audio import RATE, Samples
from voicetrainer.transports import FRAME, Frame, device, playout, soundcard
from voicetrainer.transports.device import DeviceTransport

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared() -> Iterator[Sound]:
    """One server for all, for a null sink takes two seconds to get going."""
    if why := missing():
        pytest.skip(why)
    with Sound() as virtual:
        virtual.room()
        time.sleep(2)
        yield virtual


@pytest.fixture
def sound(shared: Sound) -> Iterator[Sound]:
    yield shared
    shared.go_on()


@pytest.fixture
def fragile(shared: Sound) -> Iterator[Sound]:
    """A server that may be killed."""
    with Sound() as virtual:
        yield virtual


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stamps are trusted sooner; the test's own tolerance makes up for it."""
    monkeypatch.setattr(playout, "_STEADY", 20)


@pytest.fixture
def impatient(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is given up sooner."""
    monkeypatch.setattr(device, "LOST", 0.8)
    monkeypatch.setattr(device, "_SETTLE", 2.5)
    monkeypatch.setattr(soundcard, "_PATIENCE", 2.0)


Acts = dict[float, Callable[[DeviceTransport], object]]


def held(
    line: DeviceTransport, seconds: float, acts: Acts | None = None, playing: Callable[[DeviceTransport], object] = id
) -> list[Frame]:
    """Frames of some seconds of a call; at each time something is done, and something once a clip has begun to play."""
    todo = sorted((acts or {}).items())
    frames: list[Frame] = []
    for frame in line.frames():
        frames.append(frame)
        if frame.started:  # a busy machine's sink takes its time
            todo = sorted([*todo, (frame.end + 0.3, playing)], key=lambda act: act[0])
        while todo and frame.end >= todo[0][0]:
            todo.pop(0)[1](line)
        if frame.end >= seconds:
            break
    return frames


def tape(frames: list[Frame]) -> tuple[Samples, Samples]:
    return np.concatenate([f.learner for f in frames]), np.concatenate([f.customer for f in frames])


def reports(frames: list[Frame]) -> list[tuple[str, float]]:
    found = []
    for f in frames:
        if f.stopped == "cut":
            found.append(("cut", f.t))
        if f.started:
            found.append(("started", f.t))
        if f.stopped == "ended":
            found.append(("ended", f.end))
    return found


def offset(needle: Samples, hay: Samples) -> tuple[int, float]:
    """Where a piece is best found in a longer one, and how well (1 is exactly)."""
    size = 1 << (len(needle) + len(hay)).bit_length()
    found = np.fft.irfft(np.fft.rfft(hay, size) * np.conj(np.fft.rfft(needle, size)), size)[
        : len(hay) - len(needle) + 1
    ]
    at = int(np.argmax(found))
    there = hay[at : at + len(needle)]
    return at, float(found[at] / np.sqrt((needle**2).sum() * (there**2).sum() + 1e-12))


def apart(learner: Samples, customer: Samples, start: float, seconds: float = 0.5) -> float:
    """Milliseconds by which the learner's channel is behind the customer's at some time."""
    a, n, around = round(start * RATE), round(seconds * RATE), RATE // 5
    at, fit = offset(learner[a : a + n], customer[a - around : a + n + around])
    assert fit > 0.6, f"not the same sound at {start} s: {fit:.2f}"
    return (around - at) / RATE * 1000


def misplaced(clip: Samples, channel: Samples, start: float) -> float:
    """Milliseconds by which the worst half second of a clip, which begins at some time, is off its place."""
    worst, around = 0.0, RATE // 5
    for at in range(0, len(clip) - RATE // 2 + 1, RATE // 2):
        if (clip[at : at + RATE // 2] ** 2).mean() < 0.1 * (clip**2).mean():
            continue  # a pause fits anywhere
        there = round(start * RATE) + at - around
        found, fit = offset(clip[at : at + RATE // 2], channel[max(0, there) : there + RATE // 2 + 2 * around])
        assert fit > 0.8, f"not the same sound {at / RATE} s into it: {fit:.2f}"
        worst = max(worst, abs(found - around - min(0, there)) / RATE * 1000)
    return worst


# ------------------------------------------------------------------------------------------------------- choosing


def test_devices_by_name_and_number(sound: Sound) -> None:
    there = {d.name: d for d in soundcard.devices()}
    assert {"mic", "speaker", "wire"} <= set(there)
    assert soundcard.find("microphone", "WIRE").name == "wire"
    assert soundcard.find("loudspeaker", there["speaker"].number).name == "speaker"
    assert soundcard.find("loudspeaker", str(there["speaker"].number)).name == "speaker"
    assert soundcard.find("microphone").microphone
    with pytest.raises(DeviceError, match="no microphone fits 'banana'") as told:
        soundcard.find("microphone", "banana")
    assert "mic" in told.value.hint
    with pytest.raises(DeviceError, match="more than one loudspeaker fits 'e'"):
        soundcard.find("loudspeaker", "e")


def test_a_device_that_is_gone_when_it_is_opened(fragile: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    there = soundcard.devices()
    monkeypatch.setattr(soundcard, "devices", lambda: there)
    real = soundcard.within

    def within(seconds: float, work: Callable[[], Any], problem: str) -> Any:
        fragile.unplug()
        return real(seconds, work, problem)

    monkeypatch.setattr(soundcard, "within", within)
    with pytest.raises(DeviceError, match=r"the microphone \(mic\) cannot be opened: ") as told:
        DeviceTransport("mic", "speaker")
    assert "choose another one" in told.value.hint
    monkeypatch.undo()
    with pytest.raises(DeviceError, match="no microphone"):
        DeviceTransport("mic", "speaker")


def test_a_busy_device(sound: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    """How other sound systems say it; here alone PortAudio's answer is played to us."""
    import sounddevice

    def busy(**_: Any) -> None:
        raise sounddevice.PortAudioError("Error opening InputStream: Device unavailable", -9985)

    monkeypatch.setattr(sounddevice, "InputStream", busy)
    with pytest.raises(DeviceError, match="used by another program, or gone") as told:
        DeviceTransport("mic", "speaker")
    assert "close what else uses it" in told.value.hint


def test_a_loudspeaker_that_another_program_keeps_to_itself(fragile: Sound) -> None:
    """ALSA's door to PulseAudio sometimes hangs for ever then: in a process of its own, as it can only be ended.

    Now and then it crashes instead, which no program can answer: then it is asked again.
    """
    program = """if True:
        from voicetrainer import cli
        from voicetrainer.errors import DeviceError
        from voicetrainer.transports import device, soundcard
        soundcard._PATIENCE = 2.0
        try:
            device.DeviceTransport("mic", "taken")
        except DeviceError as error:
            print(error.message, error.hint, sep="\\n")
        cli._leave(0)  # or what hangs may crash when it is torn down
    """
    with fragile.taken():
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
            )
            if done.returncode != -signal.SIGSEGV:
                break
    assert done.returncode == 0, done.stderr
    message, hint = done.stdout.splitlines()
    assert message in (
        "the loudspeaker (taken) cannot be opened: the sound system refuses it; another program uses it, or it is gone",
        "the loudspeaker (taken) does not answer",
    )
    assert "close" in hint and "choose another one" in hint


def test_a_sound_system_that_hangs(fragile: Sound) -> None:
    """In a process of its own, as it can only be ended."""
    program = """if True:
        from voicetrainer.errors import DeviceError
        from voicetrainer.transports import device, soundcard
        soundcard._PATIENCE = 1.0
        for _ in range(2):
            try:
                device.DeviceTransport("mic", "speaker")
            except DeviceError as error:
                print(error.message, flush=True)
    """
    with fragile.frozen():
        before = time.monotonic()
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["the sound system does not answer"] * 2
    assert time.monotonic() - before < 8


# ------------------------------------------------------------------------------------------------------- in a call


def test_both_sides_are_in_step_and_nothing_is_lost(sound: Sound) -> None:
    """The microphone hears the loudspeaker's own signal, so that both channels must be the same at the same time."""
    clip = babble(3.0, gain_db=6).samples
    acts: Acts = {
        0.2: lambda line: line.play(clip[:9000], whole=False),
        0.5: lambda line: line.more(clip[9000:]),
        1.5: lambda line: time.sleep(0.6),  # the call is busy: the devices must not care
        4.0: lambda line: line.play(clip),
        5.0: lambda line: line.stop(),
    }
    with DeviceTransport("wire", "speaker") as line:
        recording = sound.record()
        frames = held(line, 6.0, acts)
        health = line.health
    played = recording.stop()
    assert [f.t for f in frames] == [i * FRAME / RATE for i in range(len(frames))]
    learner, customer = tape(frames)
    (_, t1), (_, t2), (_, t3), (_, t4) = told = reports(frames)
    assert [what for what, _ in told] == ["started", "ended", "started", "cut"]
    assert 0.2 < t1 < 0.6 and 4.0 < t3 < 4.4 and t4 > 5.0
    assert misplaced(clip, customer, t1) < 25
    assert abs(t2 - t1 - len(clip) / RATE) < 0.045
    for start in (t1 + 0.1, t1 + 1.0, t1 + 2.0, t3 + 0.1):
        assert abs(apart(learner, customer, start)) < 20
    _, whole = offset(clip, played)
    assert whole > 0.95, "the loudspeaker played the clip without a gap"
    assert (health.lost, health.dropped) == (0, 0)
    assert 0.02 < health.loudspeaker_delay < 0.2


def test_a_device_that_has_only_its_own_rate(sound: Sound, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import sounddevice

    rate = 44_100
    for name in ("InputStream", "OutputStream"):
        real = getattr(sounddevice, name)

        def picky(*, samplerate: float, real: Any = real, **rest: Any) -> Any:
            if samplerate != rate:
                raise sounddevice.PortAudioError("Invalid sample rate", -9997)
            return real(samplerate=samplerate, **rest)

        monkeypatch.setattr(sounddevice, name, picky)
    real_list = soundcard._list
    monkeypatch.setattr(soundcard, "_list", lambda: [replace(d, rate=float(rate)) for d in real_list()])
    clip = babble(1.5, gain_db=6).samples
    with DeviceTransport("wire", "speaker") as line:
        frames = held(line, 2.5, {0.2: lambda line: line.play(clip)})
    learner, customer = tape(frames)
    start = reports(frames)[0][1]
    assert abs(apart(learner, customer, start + 0.3, 1.0)) < 20
    assert misplaced(clip, customer, start) < 25


def test_a_pause_holds_the_call(sound: Sound, quick: None) -> None:
    clip = babble(1.5, gain_db=6).samples

    def pause(line: DeviceTransport) -> None:
        line.pause()
        threading.Timer(0.8, line.pause, (False,)).start()

    with DeviceTransport("wire", "speaker") as line:
        list_of = held(line, 2.2, {0.1: lambda line: line.play(clip), 0.8: pause})
    learner, customer = tape(list_of)
    (_, start), (_, end) = reports(list_of)
    assert 1.4 < end - start < 1.7, "the call clock stood still"
    assert abs(apart(learner, customer, start + 0.1, 0.3)) < 20
    assert abs(apart(learner, customer, end - 0.5, 0.3)) < 20


# ------------------------------------------------------------------------------------------------------- what fails


@pytest.mark.parametrize(
    ("fails", "text"),
    [
        ("unplug", "Both devices are gone"),
        ("stall_microphone", "The microphone (mic) sends nothing more"),
        ("stall_loudspeaker", "The loudspeaker (speaker) takes no more sound"),
    ],
)
def test_a_lost_device_ends_the_call_with_a_note(
    request: pytest.FixtureRequest, impatient: None, fails: str, text: str
) -> None:
    sound: Sound = request.getfixturevalue("fragile" if fails == "unplug" else "sound")
    clip = babble(9.0).samples
    before = time.monotonic()
    with DeviceTransport("mic", "speaker") as line:
        frames = held(line, 20, {0.1: lambda line: line.play(clip)}, lambda _: getattr(sound, fails)())
    assert time.monotonic() - before < 20
    last = frames[-1]
    (_, start), *_ = reports(frames)
    assert last.end - start < 5
    assert [(n.what, n.text.partition(":")[0], n.t) for n in last.notes] == [("device_lost", text, round(last.t, 3))]
    assert [what for what, _ in reports(frames)] == ["started", "cut"], "no line is left hanging"


def test_a_microphone_that_never_sends_anything(sound: Sound, impatient: None) -> None:
    sound.stall_microphone()
    with DeviceTransport("mic", "speaker") as line, pytest.raises(DeviceError, match=r"\(mic\) sends nothing"):
        next(line.frames())


# ----------------------------------------------------------------------------------------------------- a whole call


def test_a_whole_call(sound: Sound, tmp_path: Path) -> None:
    from voicetrainer import models
    from voicetrainer.call import SpokenLine, hold
    from voicetrainer.detector import load_shipped
    from voicetrainer.places import shipped
    from voicetrainer.recording import Recorder, load
    from voicetrainer.replay import rehear
    from voicetrainer.roleplay import scenario
    from voicetrainer.roleplay.customer import Customer
    from voicetrainer.roleplay.events import (
        Decision,
        Ended,
        Fact,
        Header,
        Heard,
        LineStarted,
        LineStopped,
    )  # fmt: skip
    from voicetrainer.speech import prosody
    from voicetrainer.speech.audio import CHANNELS, read, read_call
    from voicetrainer.speech.ears import Ears
    from voicetrainer.speech.recognizer import Recognizer
    from voicetrainer.speech.voice import Voice

    text = (shipped("scenarios") / "late-parcel.yaml").read_text(encoding="utf-8")
    clip = read(shipped("scenarios") / "recordings" / "late-parcel" / "calm" / "4-order.flac")
    parsed = scenario.parse(text, "late-parcel.yaml")
    prosody.warm_up()
    recognizer = Recognizer(models.choose("vosk-voicetrainer-starter-0.1").path)
    ears = Ears(recognizer)
    header = Header(parsed.id, text, "device", "test", channels=CHANNELS)
    rendered: list[Samples] = []

    with Voice(parsed.customer.voice) as speaker, DeviceTransport("mic", "speaker") as line:
        stop = threading.Timer(60, line.close)
        stop.start()

        def render(text: str, anger: float) -> Samples:
            rendered.append(speaker.render(text, anger))
            return rendered[-1]

        def live(event: Fact | Decision) -> None:
            recorder.write(event)
            if isinstance(event, LineStarted) and event.line == 1:
                threading.Timer(0.8, sound.say, (clip,)).start()  # over her, so that she is cut off
            elif isinstance(event, LineStopped) and not event.cut:
                line.close()

        with Recorder(tmp_path / "s", header, audio=True) as recorder:
            spoken_line = SpokenLine(line, ears, render, recorder.frames)
            hold(Customer(parsed, load_shipped()), spoken_line, live)
        stop.cancel()
        health = line.health

    session = load(tmp_path / "s")
    assert not session.interrupted
    heard = [e for e in session.events if isinstance(e, Heard)]
    assert "your order number" in heard[0].text
    lines = [e for e in session.events if isinstance(e, LineStarted | LineStopped)]
    assert [(e.kind, e.line) for e in lines] == [
        ("line_started", 1), ("line_stopped", 1), ("line_started", 2), ("line_stopped", 2),
    ]  # fmt: skip
    assert [e.cut for e in lines if isinstance(e, LineStopped)] == [True, False]
    assert heard[0].role == "interruption" and heard[0].overlap > 0.5
    assert isinstance(session.events[-1], Ended) and session.events[-1].outcome == "left"
    # what is on the tape is what was said, when the log says so
    recorded = read_call(tmp_path / "s" / "call.flac")
    at, _ = offset(clip[: RATE // 2], recorded[:, 0][: round(heard[0].t * RATE)])
    assert misplaced(clip, recorded[:, 0], at / RATE) < 25
    assert abs(at / RATE - heard[0].start) < 0.4
    assert misplaced(rendered[0][:RATE], recorded[:, 1], lines[0].t) < 25, health
    assert misplaced(rendered[1], recorded[:, 1], lines[2].t) < 25, health
    again = rehear(session, recognizer)
    assert [e for e in again.events if isinstance(e, Heard)] == heard, "the recording is what was heard"
    assert health.lost == 0


# ----------------------------------------------------------------------------------------------------- doctor


def doctor(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(cli_doctor.doctor)
    return CliRunner().invoke(app, [*arguments, "--json"])


def test_doctor_listens_to_the_learner(sound: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundcheck, "QUIET", 1.0)
    monkeypatch.setattr(soundcheck, "SPEAK", 2.5)
    voice, told = babble(2.0).samples, []

    def tell(what: str) -> None:
        told.append(what)
        if "read aloud" in what:
            sound.say(voice)

    monkeypatch.setattr(cli_doctor, "_tell", tell)
    result = doctor("--mic", "--microphone", "mic")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["fit"] is True and len(told) == 2
    assert {"mic", "speaker"} <= {d["name"] for d in answer["devices"]}
    checks = {c["name"]: (c["state"], c["found"]) for c in answer["checks"]}
    assert checks["microphone"] == ("ok", "mic")
    assert checks["your voice"][0] == checks["the room's noise"][0] == checks["clipping"][0] == "ok"
    assert "-65 dB" in checks["the room's noise"][1] or "-66 dB" in checks["the room's noise"][1]


@pytest.mark.parametrize(("microphone", "state"), [("mic", "ok"), ("wire", "note")])
def test_doctor_plays_and_listens_for_an_echo(
    sound: Sound, quick: None, monkeypatch: pytest.MonkeyPatch, microphone: str, state: str
) -> None:
    monkeypatch.setattr(soundcheck, "LINE", "Hello, this is your customer speaking.")
    result = doctor("--speaker", "--microphone", microphone, "--loudspeaker", "speaker")
    assert result.exit_code == 0, result.output
    checks = {c["name"]: c for c in json.loads(result.stdout)["checks"]}
    assert checks["echo"]["state"] == state, checks
    assert checks["delay"]["state"] == "ok"
    assert 40 < float(checks["delay"]["found"].split()[0]) < 250
    assert ("--half-duplex" in checks["echo"]["hint"]) is (state == "note")
