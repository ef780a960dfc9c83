from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from voicetrainer import doctor, models, places
from voicetrainer.cli.doctor import doctor as command
from voicetrainer.doctor import Check, ready, render
from voicetrainer.errors import ModelError, VoiceError
from voicetrainer.speech import voice

NEEDED = {
    "voicetrainer", "libraries", "recognition model", "technique detector", "customer's voice", "scenarios",
    "sessions folder",
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICETRAINER_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("VOICETRAINER_SESSIONS", str(tmp_path / "sessions"))
    monkeypatch.delenv("VOICETRAINER_MODEL", raising=False)
    return tmp_path


def devices(answer: str = "", problem: str = "", code: int = 0) -> SimpleNamespace:
    return SimpleNamespace(returncode=code, stdout=answer, stderr=problem)


def look(name: str) -> Check:
    return next(check for check in doctor.examine() if check.name == name)


def test_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine, as it is: everything that tests need must be there."""
    checks = doctor.examine()
    assert {check.name for check in checks if check.needed} == NEEDED
    assert ready(checks), render(checks)
    found = {check.name: check for check in checks}
    assert found["recognition model"].state == "note"
    assert "it mishears one word in nine of calls" in found["recognition model"].found
    assert "voicetrainer models install vosk-model-small-en-us-0.15" in found["recognition model"].hint
    assert "vosk 0.3.45" in found["libraries"].found
    assert "woman-1" in found["customer's voice"].found
    assert int(found["scenarios"].found.split()[0]) == len(list(places.shipped("scenarios").glob("*.yaml")))


def test_nothing_is_written(home: Path) -> None:
    doctor.examine()
    assert list(home.iterdir()) == []


def broken(*_: object, **__: object) -> None:
    raise ValueError("something\nodd")


@pytest.mark.parametrize(
    ("owner", "attribute", "problem", "name", "found"),
    [
        (models, "choose", ModelError("no model", "install one"), "recognition model", "no model"),
        (voice, "engine", VoiceError("no working espeak-ng", "install it"), "customer's voice", "no working espeak-ng"),
        (places, "shipped", ValueError("something\nodd"), "scenarios", "ValueError: something odd"),
        (places, "sessions_dir", OSError(5, "odd disk"), "sessions folder", "OSError: [Errno 5] odd disk"),
    ],
)
def test_what_is_broken_is_a_line_and_no_call_can_be_held(
    monkeypatch: pytest.MonkeyPatch, owner: object, attribute: str, problem: Exception, name: str, found: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(owner, attribute, fail)
    checks = doctor.examine()
    check = next(check for check in checks if check.name == name)
    assert (check.state, check.found, bool(check.hint)) == ("missing", found, True)
    assert not ready(checks)
    assert "A call cannot be held yet" in render(checks)


def test_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)
    check = look("libraries")
    assert (check.state, check.needed) == ("missing", True)
    assert check.found.startswith("soxr (")


def test_a_damaged_model(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "vosk-voicetrainer-starter-0.1"
    shutil.copytree(models.choose().path, folder)
    (folder / "graph" / "words.txt").write_text("<eps> 0\n", encoding="utf-8")
    monkeypatch.setenv("VOICETRAINER_MODEL", str(folder))
    check = look("recognition model")
    assert (check.state, check.found) == ("missing", f"{folder / 'graph' / 'words.txt'}: changed or damaged")


@pytest.mark.parametrize(
    ("answer", "state", "found"),
    [
        (devices('["Headset Mic", "Headset", 4]\n'), "ok", "Headset Mic / Headset (4 devices)"),
        (devices('["", "Loudspeaker", 1]'), "missing", "no microphone"),
        (devices('["", "", 0]'), "missing", "no microphone and no loudspeaker"),
        (devices("", "Traceback\nOSError: PortAudio library not found\n", 1), "missing", "PortAudio is not installed"),
        (devices("", "a\nPortAudioError: -10000\n", 1), "missing", "PortAudioError: -10000"),
        (devices("", "", -11), "missing", "it ended with -11"),
        (devices("nonsense"), "missing", "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_sound_devices(monkeypatch: pytest.MonkeyPatch, answer: SimpleNamespace, state: str, found: str) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    check = doctor._look("sound devices", False, doctor._devices)
    assert (check.state, check.found, check.needed) == (state, found, False)
    assert ready([check]), "calls with recordings need none"
    if "PortAudio is" in found:
        assert "libportaudio2" in check.hint


def test_a_sound_system_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, timeout: float, **__: object) -> None:
        assert timeout <= 30
        raise subprocess.TimeoutExpired("x", timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    assert doctor._devices().found == "the sound system does not answer"


@pytest.mark.parametrize(
    ("free", "state"), [(10**9, "ok"), (10**8, "note"), (10**6, "missing")], ids=["much", "little", "none"]
)
def test_free_disk(monkeypatch: pytest.MonkeyPatch, home: Path, free: int, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    check = doctor._sessions()
    assert (check.state, check.found) == (state, f"{home / 'sessions'}, {free / 1e9:.1f} GB free")


def test_a_place_that_cannot_be_written_to(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    (home / "file").touch()
    monkeypatch.setenv("VOICETRAINER_SESSIONS", str(home / "file" / "sessions"))
    check = doctor._sessions()
    assert (check.state, check.needed) == ("missing", True)
    assert "VOICETRAINER_SESSIONS" in check.hint


def test_the_answer_is_aligned() -> None:
    checks = [Check("a", "ok", "there"), Check("longer", "note", "limited", "do this"), Check("b", "missing", "not")]
    assert render(checks).splitlines() == [
        "ok       a       there",
        "note     longer  limited",
        "                 -> do this",
        "missing  b       not",
        "",
        "Calls with recordings or by typing can be held; see the notes above for the rest.",
    ]
    assert render(checks[:1]).endswith("Everything is there.")


def test_command(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command()(command)
    checks = [Check("a", "missing", "not there", "get it", needed=True)]
    monkeypatch.setattr(doctor, "examine", lambda: checks)
    result = CliRunner().invoke(app, [])
    assert (result.exit_code, result.stdout.splitlines()[0]) == (1, "missing  a  not there")
    result = CliRunner().invoke(app, ["--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "ready": False,
        "checks": [{"name": "a", "state": "missing", "found": "not there", "hint": "get it", "needed": True}],
    }
    checks[0] = Check("a", "ok", "there", needed=True)
    assert CliRunner().invoke(app, []).exit_code == 0
