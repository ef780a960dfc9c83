"""What works on this machine, what does not, and how to get it."""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from voicetrainer import __version__, places
from voicetrainer.errors import VoicetrainerError

State = Literal["ok", "note", "missing"]

_LIBRARIES = ("numpy", "pydantic", "yaml", "rich", "jinja2", "soundfile", "soxr", "librosa", "pyttsx3", "vosk")
_PACKAGES = {"yaml": "pyyaml"}  # where a module and its package have different names
_MUCH, _LITTLE = 500_000_000, 50_000_000
"""Bytes of free disk below which it is worth a note, and below which a call may not be recorded whole."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    """*ok*, *note* (works, with a limit), or *missing*."""
    found: str
    """What was found, one line."""
    hint: str = ""
    """How to get what is missing."""
    needed: bool = False
    """Whether a call with recorded audio cannot be held without it."""


def ready(checks: Sequence[Check]) -> bool:
    """Whether a call with recorded audio (``voicetrainer run``) can be held."""
    return not any(check.needed and check.state == "missing" for check in checks)


def examine() -> list[Check]:
    """Look at everything; whatever is broken becomes a line of the answer and not an error."""
    looks: tuple[tuple[str, bool, Callable[[], Check]], ...] = (
        ("voicetrainer", True, _program),
        ("libraries", True, _libraries),
        ("recognition model", True, _model),
        ("other models", False, _others),
        ("technique detector", True, _detector),
        ("customer's voice", True, _voice),
        ("scenarios", True, _scenarios),
        ("sound devices", False, _devices),
        ("sessions folder", True, _sessions),
        ("models folder", False, _models_folder),
    )
    return [_look(*look) for look in looks]


def _look(name: str, needed: bool, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except VoicetrainerError as error:
        return Check(name, "missing", error.message, error.hint, needed)
    except Exception as error:  # a doctor does not fall ill: a broken library may raise anything
        return Check(name, "missing", f"{type(error).__name__}: {_line(error)}", "install voicetrainer again", needed)


def _line(error: object) -> str:
    return " ".join(str(error).split())[:200]


def _program() -> Check:
    found = f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return Check("voicetrainer", "ok", found, needed=True)


def _libraries() -> Check:
    good, bad = [], []
    for name in _LIBRARIES:
        package = _PACKAGES.get(name, name)
        try:
            importlib.import_module(name)
            good.append(f"{package} {version(package)}")
        except (ImportError, OSError, TypeError, PackageNotFoundError) as error:
            bad.append(f"{package} ({_line(error)})")
    if bad:
        return Check(
            "libraries", "missing", ", ".join(bad), "install voicetrainer again: pip install voicetrainer", True
        )
    return Check("libraries", "ok", ", ".join(good), needed=True)


def _model() -> Check:
    from voicetrainer import models

    model = models.choose(people=True)
    models.check_folder(model.path)
    found = f"{model.name}: {model.good_for}"
    if model.people and not model.shipped:
        return Check("recognition model", "ok", found, needed=True)
    best = models.recommended()
    hint = f"for your own voice: voicetrainer models install {best.name} ({best.size / 1e6:.0f} MB)"
    return Check("recognition model", "note", found, hint, True)


def _others() -> Check:
    from voicetrainer import models

    used = models.choose(people=True)
    names = [model.name for model in models.installed() if model.name != used.name]
    return Check("other models", "ok", ", ".join(names) or "none", "" if names else "voicetrainer models list")


def _detector() -> Check:
    from voicetrainer.detector import load_shipped

    return Check("technique detector", "ok", f"checksum {load_shipped().checksum[:12]}", needed=True)


def _voice() -> Check:
    from voicetrainer.speech import voice

    names = ", ".join(info.name for info in voice.available())
    return Check("customer's voice", "ok", f"{voice.engine()}: {names}", needed=True)


def _scenarios() -> Check:
    folder = places.shipped("scenarios")
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if not names:
        return Check("scenarios", "missing", f"none in {folder}", "install voicetrainer again", True)
    return Check("scenarios", "ok", f"{len(names)} in {folder}", needed=True)


# A process of its own: sound systems print, hang and crash.
_ASK = """
import json, sounddevice
def name(kind):
    try:
        return sounddevice.query_devices(kind=kind)["name"]
    except (ValueError, sounddevice.PortAudioError):
        return ""
print(json.dumps([name("input"), name("output"), len(sounddevice.query_devices())]))
"""


def _devices() -> Check:
    name, else_hint = "sound devices", "meanwhile rehearse with recordings (run) or by typing (type)"
    try:
        answer = subprocess.run(
            [sys.executable, "-P", "-c", _ASK], capture_output=True, text=True, timeout=15, check=False
        )
    except subprocess.TimeoutExpired:
        return Check(name, "missing", "the sound system does not answer", else_hint)
    if "PortAudio library not found" in answer.stderr:
        how = "sudo apt install libportaudio2, or your system's PortAudio package"
        return Check(name, "missing", "PortAudio is not installed", f"{how}; {else_hint}")
    if answer.returncode:
        last = answer.stderr.strip().splitlines()[-1:]
        return Check(name, "missing", _line(last[0] if last else f"it ended with {answer.returncode}"), else_hint)
    microphone, speaker, count = json.loads(answer.stdout)
    if not microphone or not speaker:
        lacking = " and no ".join(
            what for what, there in (("microphone", microphone), ("loudspeaker", speaker)) if not there
        )
        return Check(name, "missing", f"no {lacking}", f"plug a headset in; {else_hint}")
    return Check(name, "ok", f"{microphone} / {speaker} ({count} devices)")


def _sessions() -> Check:
    return _folder("sessions folder", places.sessions_dir(), "VOICETRAINER_SESSIONS", True)


def _models_folder() -> Check:
    return _folder("models folder", places.models_dir(), "VOICETRAINER_MODELS", False)


def _folder(name: str, folder: Path, variable: str, needed: bool) -> Check:
    """Whether a folder, which need not exist yet, can be written to, and the free disk under it."""
    folder = folder.absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Check(name, "missing", f"{folder} cannot be written to", f"set {variable} to another folder", needed)
    free = shutil.disk_usage(there).free
    found = f"{folder}, {free / 1e9:.1f} GB free"
    if free < _LITTLE:
        return Check(name, "missing", found, "free some disk space", needed)
    if free < _MUCH:
        return Check(name, "note", found, "free some disk space soon: a ten-minute call takes up to 40 MB", needed)
    return Check(name, "ok", found, needed=needed)


def render(checks: Sequence[Check]) -> str:
    """The answer for people: aligned, one line for each check, with its hint below."""
    return "\n".join([*aligned(checks), "", _verdict(checks)])


def aligned(checks: Sequence[Check]) -> Iterator[str]:
    """Lines for people, one for each check, with its hint below."""
    wide = max(len(check.name) for check in checks)
    for check in checks:
        yield f"{check.state:<7}  {check.name:<{wide}}  {check.found}"
        if check.hint and check.state != "ok":
            yield f"{'':<7}  {'':<{wide}}  -> {check.hint}"


def _verdict(checks: Sequence[Check]) -> str:
    if not ready(checks):
        return "A call cannot be held yet: mend what is missing above."
    if all(check.state == "ok" for check in checks):
        return "Everything is there."
    return "Calls with recordings or by typing can be held; see the notes above for the rest."
