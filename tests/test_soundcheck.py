"""What a recording says about a microphone, and a played line about a loudspeaker."""

from __future__ import annotations

import numpy as np
import pytest

from tests.voices import voice
from voicetrainer.soundcheck import judge, judge_line, levels, list_devices
from voicetrainer.speech.audio import RATE, Samples
from voicetrainer.speech.echo import Found
from voicetrainer.transports.soundcard import Device, Health


def noise(level_db: float, seconds: float = 3.0) -> Samples:
    sound = np.random.default_rng(1).standard_normal(round(seconds * RATE)) * 10 ** (level_db / 20)
    return sound.astype(np.float32)


def speech(gain_db: float, room_db: float = -65.0) -> Samples:
    sound = voice(4.0, gain_db=gain_db).samples
    return np.asarray((sound + noise(room_db, 10)[: len(sound)]).clip(-1, 1), np.float32)


def states(room: Samples, said: Samples, lost: int = 0) -> dict[str, str]:
    return {check.name: check.state for check in judge(room, said, lost)}


GOOD = {"your voice": "ok", "the room's noise": "ok", "clipping": "ok", "gaps": "ok"}


@pytest.mark.parametrize(
    ("room", "said", "differs"),
    [
        (noise(-65), speech(0), {}),
        (noise(-65), speech(8), {}),
        (noise(-45), speech(0, -45), {}),
        (noise(-38), speech(0, -38), {"the room's noise": "note"}),
        (noise(-65), speech(-20), {"your voice": "note"}),
        (noise(-65), speech(24), {"your voice": "note", "clipping": "note"}),
        (noise(-65), noise(-65), {"your voice": "missing", "the room's noise": "note"}),
    ],
    ids=["good", "loud", "some noise", "noisy", "quiet", "clipped", "nobody spoke"],
)
def test_a_microphone(room: Samples, said: Samples, differs: dict[str, str]) -> None:
    assert states(room, said) == GOOD | differs


def test_whatever_is_not_well_has_a_cure() -> None:
    for check in (*judge(noise(-38), speech(24, -38), 3), *judge(noise(-65), noise(-65))):
        assert bool(check.hint) is (check.state != "ok"), check


def test_a_muted_microphone() -> None:
    (check,) = judge(np.zeros(RATE, np.float32), np.zeros(RATE, np.float32))
    assert (check.state, check.needed) == ("missing", True)
    assert "muted" in check.hint


def test_lost_sound_is_a_note() -> None:
    assert states(noise(-65), speech(0), 2)["gaps"] == "note"


def test_levels_ignore_a_constant_offset() -> None:
    assert np.median(levels(noise(-50) + np.float32(0.1))) == pytest.approx(-50, abs=0.3)


def test_a_loudspeaker() -> None:
    def line(health: Health, echo: Found | None) -> dict[str, str]:
        return {c.name: c.state for c in judge_line(health, echo)}

    good = Health(microphone_delay=0.02, loudspeaker_delay=0.07)
    assert line(good, None) == {"delay": "ok", "stutter": "ok", "echo": "ok"}
    assert line(good, Found(0.02, -50, False))["echo"] == "ok"
    assert line(good, Found(0.02, -20, True))["echo"] == "note"
    assert line(Health(loudspeaker_delay=0.35), None)["delay"] == "note"
    assert line(Health(underruns=2), None)["stutter"] == "note"
    said = next(c for c in judge_line(good, Found(0.045, -21.6, True)) if c.name == "echo")
    assert said.found == "the microphone hears the loudspeaker 45 ms later, 22 dB weaker"
    assert "headset" in said.hint and "--half-duplex" in said.hint


def test_devices_are_listed() -> None:
    there = [
        Device(0, "Built-in", "ALSA", 2, 2, 48_000.0, False, True),
        Device(1, "Headset", "ALSA", 1, 0, 16_000.0, True, False),
    ]
    assert list_devices(there) == [
        "Microphones:", "     0  Built-in (ALSA)", "  *  1  Headset (ALSA)", "Loudspeakers:", "  *  0  Built-in (ALSA)",
    ]  # fmt: skip
