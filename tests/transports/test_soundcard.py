"""Which device is meant, and what is said when none is."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from voicetrainer.errors import DeviceError
from voicetrainer.transports import soundcard
from voicetrainer.transports.soundcard import Device, pick, within


def device(
    number: int, name: str, host: str = "ALSA", *, inputs: int = 1, outputs: int = 1, default: bool = False
) -> Device:
    return Device(number, name, host, inputs, outputs, 48_000.0, default and inputs > 0, default and outputs > 0)


HOME = [
    device(0, "Built-in Audio", default=True),
    device(1, "USB Headset"),
    device(2, "USB Headset Pro"),
    device(3, "Webcam", outputs=0),
    device(4, "Television", inputs=0),
]
WINDOWS = [
    device(0, "Headset (Acme Wireless Headse", "MME", default=True),
    device(1, "Headset (Acme Wireless Headset)", "Windows DirectSound"),
    device(2, "Headset (Acme Wireless Headset)", "Windows WASAPI"),
    device(3, "Cheap thing", "Windows WASAPI"),
    device(4, "Cheap thing", "Windows WDM-KS"),
]


@pytest.mark.parametrize(
    ("there", "wanted", "number"),
    [
        (HOME, None, 0), (HOME, 1, 1), (HOME, "2", 2), (HOME, "webcam", 3), (HOME, "USB Headset", 1), (HOME, "pro", 2),
        (HOME[1:], None, 1), (WINDOWS, "acme", 0), (WINDOWS, "cheap", 3),
    ],
)  # fmt: skip
def test_a_device_is_picked(there: list[Device], wanted: str | int | None, number: int) -> None:
    assert pick(there, "microphone", wanted).number == number


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("usb", "more than one microphone fits 'usb'"),
        ("banana", "no microphone fits 'banana'"),
        ("Television", "no microphone fits 'Television'"),
        (4, "no microphone fits '4'"),
        (99, "no microphone fits '99'"),
    ],
)
def test_a_device_that_does_not_fit_is_told_with_those_that_do(wanted: str | int, message: str) -> None:
    with pytest.raises(DeviceError) as told:
        pick(HOME, "microphone", wanted)
    assert told.value.message == message
    assert "1 USB Headset" in told.value.hint


def test_no_device_at_all() -> None:
    with pytest.raises(DeviceError, match="there is no loudspeaker"):
        pick(HOME[3:4], "loudspeaker", None)


def test_portaudio_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(DeviceError, match="PortAudio is not installed") as told:
        soundcard.devices()
    assert "libportaudio2" in told.value.hint


def test_what_hangs_is_given_up_and_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundcard, "_stuck", False)
    assert within(5, lambda: 3, "never") == 3
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0, "never")
    with pytest.raises(DeviceError, match="it does not answer"):
        within(0.05, lambda: time.sleep(0.5), "it does not answer")
    before = time.monotonic()
    with pytest.raises(DeviceError, match="it still does not"):
        within(5, lambda: 3, "it still does not")
    assert time.monotonic() - before < 0.5


@pytest.mark.parametrize(("hangs", "code"), [(True, 2), (False, -6)])
def test_a_program_whose_sound_library_hangs_ends_with_its_message_and_without_a_crash(hangs: bool, code: int) -> None:
    """A C library that dies when it is torn down stands for one that is torn down under its own thread."""
    program = f"""
import ctypes, sys, time
from voicetrainer import cli
from voicetrainer.errors import DeviceError
from voicetrainer.transports import soundcard
libc = ctypes.CDLL(None)
libc.__cxa_atexit(libc.abort, None, None)
soundcard._sounddevice = lambda: time.sleep(60) if {hangs} else (_ for _ in ()).throw(DeviceError("no", "no"))
soundcard._PATIENCE = 0.1
sys.argv = ["voicetrainer", "talk", "late-parcel"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    assert ("the sound system does not answer" in done.stderr) is hangs
