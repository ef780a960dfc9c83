"""Session folders: written as the call happens, loaded whole, cut or spoilt."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from voicetrainer import recording
from voicetrainer.errors import SessionError
from voicetrainer.recording import Recorder, Session, load, new_folder
from voicetrainer.roleplay import events as ev
from voicetrainer.speech.audio import RATE, read_call

HEADER = ev.Header(scenario="late-parcel", scenario_text="id: late-parcel\n", transport="fixture", voicetrainer="0.1.0")
WORDS = (ev.Word("I'm", 2.1, 2.3, 0.98), ev.Word("sorry", 2.3, 2.7, 0.91), ev.Word("naïve", 2.7, 3.0, None))
CALL: tuple[ev.Fact | ev.Decision, ...] = (
    ev.Say(t=0.0, line=1, text="Where is my parcel – again?", stage="opening", anger=7.0),
    ev.LineStarted(t=0.02, line=1),
    ev.LineStopped(t=1.9, line=1, cut=False),
    ev.SpeechStarted(t=2.1),
    ev.Heard(t=3.4, start=2.1, end=3.0, words=WORDS, prosody=ev.Prosody(seconds=0.9, voiced=0.6, pitch=121.5)),
    ev.Noticed(t=3.4, turn=1, label="apology", mistake=False, score=0.9, quote="I'm sorry", first=0, last=1),
    ev.MoodChanged(t=3.4, turn=1, before=7.0, after=6.2, rule="apology", because="You said sorry."),
    ev.Ended(t=9.5, outcome="left", because="The learner hung up."),
)


def _record(folder: Path, events: tuple[ev.Fact | ev.Decision, ...] = CALL) -> Path:
    with Recorder(folder, HEADER, audio=False) as recorder:
        for event in events:
            recorder.write(event)
    return folder


def test_what_is_recorded_loads_again(tmp_path: Path) -> None:
    session = load(_record(tmp_path / "s"))
    assert session == Session(tmp_path / "s", HEADER, CALL, audio=None, interrupted=False)
    assert [e.kind for e in session.facts] == ["line_started", "line_stopped", "speech_started", "heard"]
    assert [e.kind for e in session.decisions] == ["say", "noticed", "mood_changed", "ended"]
    assert session.duration == 9.5
    assert load(tmp_path / "s" / "session.jsonl") == session


def test_the_same_call_gives_the_same_bytes(tmp_path: Path) -> None:
    logs = [(_record(tmp_path / name) / "session.jsonl").read_bytes() for name in ("a", "b")]
    assert logs[0] == logs[1]
    assert b"parcel \xe2\x80\x93 again" in logs[0]  # readable, not escaped


def test_each_line_is_on_disk_before_the_call_goes_on(tmp_path: Path) -> None:
    with Recorder(tmp_path / "s", HEADER, audio=False) as recorder:
        for count, event in enumerate(CALL[:-1], start=1):
            recorder.write(event)
            session = load(tmp_path / "s")
            assert session.events == CALL[:count]
            assert session.interrupted


def test_both_sides_are_recorded_and_the_log_says_which_is_which(tmp_path: Path) -> None:
    sound = (np.arange(640) / 32768).astype(np.float32)
    with Recorder(tmp_path / "s", HEADER, audio=True) as recorder:
        recorder.frames(sound, -sound)
        recorder.write(CALL[-1])
    session = load(tmp_path / "s")
    assert session.header.channels == ("learner", "customer")
    assert session.audio == tmp_path / "s" / "call.flac"
    assert np.array_equal(read_call(session.audio), np.stack([sound, -sound], axis=1))


def test_without_audio_there_is_none(tmp_path: Path) -> None:
    with Recorder(tmp_path / "s", HEADER, audio=False) as recorder:
        recorder.frames(np.zeros(320, np.float32), np.zeros(320, np.float32))
    session = load(tmp_path / "s")
    assert (session.audio, session.header.channels, session.duration) == (None, (), 0.0)
    assert [p.name for p in (tmp_path / "s").iterdir()] == ["session.jsonl"]


def test_nothing_is_created_before_the_first_line(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Recorder(tmp_path / "deep" / "s", HEADER, audio=True):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------------- the name


def test_a_folder_s_name_tells_when_and_what_and_is_new(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, 15, 30, 12)
    names = []
    for _ in range(3):
        folder = new_folder(tmp_path, "late-parcel", now=now)
        assert not folder.exists()
        folder.mkdir()
        names.append(folder.name)
    first = "2026-11-22-153012-late-parcel"
    assert names == [first, f"{first}-2", f"{first}-3"]


@pytest.mark.parametrize(
    ("scenario", "tail"),
    [
        ("../../etc/x", "etc-x"),
        ("a b\nc", "a-b-c"),
        ("", "call"),
        ("///", "call"),
        ("é", "call"),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_folder_s_name_stays_in_its_place(tmp_path: Path, scenario: str, tail: str) -> None:
    folder = new_folder(tmp_path, scenario, now=datetime(2026, 1, 2, 3, 4, 5))
    assert folder == tmp_path / f"2026-01-02-030405-{tail}"


def test_a_folder_s_name_takes_the_time_of_now(tmp_path: Path) -> None:
    before = datetime.now().replace(microsecond=0)
    found = datetime.strptime(new_folder(tmp_path, "x").name, "%Y-%m-%d-%H%M%S-x")
    assert before <= found <= datetime.now()


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_would_not_load_again_is_not_logged(tmp_path: Path, value: float | str) -> None:
    event = ev.Noticed(t=1.0, turn=1, label="apology", mistake=False, score=0.9, quote="sorry")
    object.__setattr__(event, "quote" if isinstance(value, str) else "t", value)
    with Recorder(tmp_path / "s", HEADER, audio=False) as recorder:
        with pytest.raises(SessionError, match="cannot be logged"):
            recorder.write(event)
        assert list(tmp_path.iterdir()) == []
        recorder.write(CALL[0])
    assert load(tmp_path / "s").events == CALL[:1]


def test_a_nan_that_could_pass_for_none_is_not_logged(tmp_path: Path) -> None:
    prosody = ev.Prosody(seconds=1.0, voiced=0.5)
    object.__setattr__(prosody, "pitch", float("nan"))
    event = ev.Heard(t=1.0, start=0.0, end=1.0, words=())
    object.__setattr__(event, "prosody", prosody)
    with Recorder(tmp_path / "s", HEADER, audio=False) as recorder, pytest.raises(SessionError, match="'heard'"):
        recorder.write(event)


def test_a_line_too_long_to_load_is_not_logged(tmp_path: Path) -> None:
    event = ev.LearnerLeft(t=1.0, why="x" * recording.MAX_LINE)
    with Recorder(tmp_path / "s", HEADER, audio=False) as recorder, pytest.raises(SessionError, match="bytes long"):
        recorder.write(event)


def test_a_log_too_long_to_load_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MAX_LOG", 1000)
    recorder = Recorder(tmp_path / "s", HEADER, audio=False)
    with recorder, pytest.raises(SessionError, match="too long to be recorded"):
        for _ in range(100):
            recorder.write(CALL[0])
    assert 1 < len(load(tmp_path / "s").events) < 20


def test_a_session_is_never_recorded_over(tmp_path: Path) -> None:
    before = (_record(tmp_path / "s") / "session.jsonl").read_bytes()
    with pytest.raises(SessionError, match="session here already"):
        _record(tmp_path / "s")
    assert (tmp_path / "s" / "session.jsonl").read_bytes() == before


def test_a_place_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SessionError, match="cannot be written"):
        _record(tmp_path / "file" / "s")


def test_a_place_one_may_not_write_to(unprivileged: Callable[[], AbstractContextManager[None]]) -> None:
    with unprivileged(), pytest.raises(SessionError, match="cannot be written") as caught:
        _record(Path("/voicetrainer-test/s"))
    assert caught.value.hint


def test_nothing_is_recorded_after_closing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "s", HEADER, audio=False)
    recorder.write(CALL[0])
    recorder.close()
    recorder.close()
    with pytest.raises(SessionError, match="closed"):
        recorder.write(CALL[1])


def test_nothing_follows_half_a_line(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Recorder(tmp_path / "s", HEADER, audio=False) as recorder:
        recorder.write(CALL[0])
        half = (tmp_path / "s" / "session.jsonl").stat().st_size + 20
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (half, before[1]))
            with pytest.raises(SessionError, match="cannot be written"):
                recorder.write(CALL[1])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        with pytest.raises(SessionError, match="closed"):
            recorder.write(CALL[2])
    assert (tmp_path / "s" / "session.jsonl").stat().st_size == half
    assert load(tmp_path / "s").events == CALL[:1]


@pytest.mark.parametrize("audio", [False, True])
def test_a_full_disk_is_told_and_what_was_there_loads(tmp_path: Path, audio: bool) -> None:
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 320).astype(np.float32)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    written = 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        with pytest.raises(SessionError, match="cannot be written"), Recorder(tmp_path / "s", HEADER, audio) as r:
            for _ in range(2000):
                r.write(CALL[0])
                written += 1
                if audio:
                    r.frames(noise, noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    session = load(tmp_path / "s")
    assert session.interrupted
    assert 10 < len(session.events) <= written
    assert not audio or (session.audio and len(read_call(session.audio)) >= 2 * 4096)


def test_the_first_trouble_is_the_one_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise SessionError("closing failed")

    monkeypatch.setattr(Recorder, "close", fail)
    with pytest.raises(ZeroDivisionError), Recorder(tmp_path / "s", HEADER, audio=False):
        raise ZeroDivisionError
    with pytest.raises(SessionError, match="closing"), Recorder(tmp_path / "s", HEADER, audio=False):
        pass


# ------------------------------------------------------------------------------------------------------- bad logs


def _spoil(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        log = _record(folder) / "session.jsonl"
        log.write_bytes(b"".join(change(log.read_bytes().splitlines(keepends=True))))
        return folder

    return make


def _log(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        folder.mkdir()
        (folder / "session.jsonl").write_bytes(content)
        return folder

    return make


def _only_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _folder_for_a_log(folder: Path) -> Path:
    (folder / "session.jsonl").mkdir(parents=True)
    return folder


def _huge(folder: Path) -> Path:
    _log(b"")(folder)
    with (folder / "session.jsonl").open("r+b") as file:
        file.truncate(recording.MAX_LOG + 1)  # sparse: takes no room
    return folder


def _header(**changes: Any) -> bytes:
    return json.dumps({**json.loads(ev.to_json(HEADER)), **changes}).encode() + b"\n"


FIRST = ev.to_json(HEADER).encode() + b"\n"
BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda f: f, "there is no such session"),
    "missing log": (lambda f: f / "session.jsonl", "there is no such session"),
    "name with a zero": (lambda f: f / "a\0", "no such session"),
    "name too long": (lambda f: f.parent / ("a" * 300), "cannot be read"),
    "no log": (_only_folder, "no session in this folder"),
    "a folder for a log": (_folder_for_a_log, "is not an ordinary file"),
    "empty": (_log(b""), "is empty"),
    "huge": (_huge, "is too large"),
    "long line": (_log(FIRST + b" " * (recording.MAX_LINE + 1)), "line 2: is longer than 4 MB"),
    "text": (_log(b"Dear diary\n"), "is not a session's log"),
    "sound": (_log(b"fLaC" + bytes(range(256))), "is not a session's log"),
    "other JSON": (_log(b'{"kind": "other"}\n'), "is not a session's log"),
    "a list": (_log(b"[1]\n"), "is not a session's log"),
    "deep": (_log(b"[" * 100_000), "is not a session's log"),
    "cut header": (_log(FIRST[:60]), "cut before its first line was complete"),
    "newer format": (_log(_header(format=2)), "written in format 2, this program reads format 1"),
    "no format at all": (_log(_header(format=None)), "written in format None"),
    "unknown key in header": (_log(_header(extra=1)), "line 1: header.extra"),
    "key missing in header": (_log(_header(transport="tin can")), "line 1: header.transport"),
    "no header": (_spoil(lambda lines: lines[1:]), "its first line is no header but 'say'"),
    "two headers": (_spoil(lambda lines: lines[:3] + lines), "line 4: a second header"),
    "bad line": (_spoil(lambda lines: [*lines[:2], b"oops\n", *lines[3:]]), "line 3:"),
    "blank line": (_spoil(lambda lines: [*lines[:4], b"\n", *lines[4:]]), "line 5:"),
    "line cut in the middle": (_spoil(lambda lines: [*lines[:4], lines[4][:9] + b"\n", *lines[5:]]), "line 5:"),
    "bad last line": (_spoil(lambda lines: [*lines, b"oops\n"]), "line 10:"),
    "unknown event": (_spoil(lambda lines: [*lines, b'{"kind":"dance","t":1}\n']), "line 10:"),
    "unknown key": (_spoil(lambda lines: [*lines, b'{"kind":"speech_started","t":1,"x":2}\n']), "speech_started.x"),
    "not a number": (_spoil(lambda lines: [*lines, b'{"kind":"speech_started","t":NaN}\n']), "speech_started.t"),
    "no text": (_spoil(lambda lines: [*lines[:2], b"\xff\xfe\n", *lines[2:]]), "line 3:"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_session_is_refused_with_its_place_and_a_cure(tmp_path: Path, case: str) -> None:
    make, message = BAD[case]
    path = make(tmp_path / "s")
    with pytest.raises(SessionError) as caught:
        load(path)
    assert message in caught.value.message
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_session_one_may_not_read(tmp_path: Path, unprivileged: Callable[[], AbstractContextManager[None]]) -> None:
    folder = _record(tmp_path / "s")
    (folder / "session.jsonl").chmod(0)
    with unprivileged(), pytest.raises(SessionError, match=r"cannot be read: .*denied"):
        load(folder)


@pytest.mark.parametrize("rubbish", [b'{"kind":"hea', b"\xc3", b"\0\0\0", b"{", b'{"kind":"speech_started","t":1'])
def test_a_cut_last_line_is_dropped(tmp_path: Path, rubbish: bytes) -> None:
    folder = _spoil(lambda lines: [*lines[:5], rubbish])(tmp_path / "s")
    session = load(folder)
    assert session.events == CALL[:4]
    assert session.interrupted


def test_a_log_cut_at_any_byte_loads(tmp_path: Path) -> None:
    log = _record(tmp_path / "s") / "session.jsonl"
    data = log.read_bytes()
    first = data.index(b"\n")
    for place in range(first, len(data)):
        log.write_bytes(data[:place])
        session = load(tmp_path / "s")
        # A line that lacks nothing but its newline is whole.
        whole = data[:place].count(b"\n") + (data[place : place + 1] == b"\n")
        assert session.events == CALL[: max(0, whole - 1)]
        assert session.interrupted == (len(session.events) < len(CALL))


# --------------------------------------------------------------------------------------------- killed in the middle

CHILD = """
import sys
from pathlib import Path
import numpy as np
from voicetrainer.recording import Recorder
from voicetrainer.roleplay import events as ev

header = ev.Header(scenario="s", scenario_text="s", transport="fixture", voicetrainer="0")
random = np.random.default_rng(0)
with Recorder(Path(sys.argv[1]), header, audio=True) as recorder:
    for frame in range(1_000_000):
        if frame % 5 == 0:  # ten events for each second of sound
            recorder.write(ev.Silence(t=ev.q(frame / 50), seconds=1.0))
        noise = (random.integers(-3000, 3000, 320) / 32768).astype(np.float32)
        recorder.frames(noise, -noise)
        print(frame + 1, flush=True)
"""


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_process_loses_less_than_a_second(tmp_path: Path, seed: int) -> None:
    frames = random.Random(seed).randint(1, 700)
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "s")], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    done = 0
    with child:
        for line in child.stdout:
            done = int(line)
            if done == frames:
                child.kill()  # SIGKILL; what it still printed before it died is read on
    assert child.returncode == -9
    assert done >= frames

    session = load(tmp_path / "s")
    assert session.interrupted
    assert [e.t for e in session.events] == [ev.q(i / 10) for i in range(len(session.events))]
    assert len(session.events) >= (done + 4) // 5
    assert session.audio is not None
    sound = read_call(session.audio)
    assert done / 50 - len(sound) / RATE < 1.0
    # What is there is what was said.
    random_ = np.random.default_rng(0)
    said = (random_.integers(-3000, 3000, len(sound)) / 32768).astype(np.float32)
    assert np.array_equal(sound, np.stack([said, -said], axis=1))


def test_loading_needs_no_audio_library(tmp_path: Path) -> None:
    sound = np.zeros(8000, np.float32)
    with Recorder(tmp_path / "s", HEADER, audio=True) as recorder:
        recorder.frames(sound, sound)
    code = (
        "import sys; from pathlib import Path; from voicetrainer import recording;"
        f"s = recording.load(Path({str(tmp_path / 's')!r})); assert s.audio;"
        "print({'soundfile', 'soxr', 'librosa', 'vosk', 'numpy', 'sounddevice'} & set(sys.modules) or 'none')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "none"
