"""Is this microphone, and this loudspeaker, fit for a call? What ``doctor --mic`` and ``doctor --speaker`` measure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from voicetrainer.doctor import Check
from voicetrainer.errors import DeviceError
from voicetrainer.speech.audio import RATE, Samples
from voicetrainer.speech.echo import Found, Guard
from voicetrainer.transports import FRAME, soundcard
from voicetrainer.transports.soundcard import Health

Tell = Callable[[str], object]
"""Told in one line what to do now."""

QUIET, SPEAK = 3.0, 6.0
"""Seconds of silence, and of speech, that are listened to."""
SENTENCE = "Good morning, my name is Robin. How can I help you today?"
"""What the learner reads."""
LINE = "Hello, this is your customer speaking. If you can hear me well, your loudspeaker is ready for a call."
"""What the customer says."""

_START = 0.6  # seconds in which a device may still hiss and click
_FULL = 0.999


def list_devices(there: list[soundcard.Device]) -> list[str]:
    """The devices for people, one line each; a star marks those used unless another is named."""
    lines = []
    for title, kind in (("Microphones", "inputs"), ("Loudspeakers", "outputs")):
        lines.append(f"{title}:")
        for d in there:
            if getattr(d, kind):
                star = "*" if (d.microphone if kind == "inputs" else d.loudspeaker) else " "
                lines.append(f"  {star} {d.number:>2}  {d.name} ({d.host})")
    return lines


# -------------------------------------------------------------------------------------------------- the microphone


def microphone(wanted: str | int | None, tell: Tell) -> list[Check]:
    """Listen to the room and to the learner, and judge both.

    Raises
    ------
    DeviceError
        When the microphone cannot be opened or sends nothing.
    """
    health = Health()
    with soundcard.quiet():
        end = soundcard.Microphone(soundcard.find("microphone", wanted), health)
        try:
            frames = _frames(end)
            _taken(frames, _START)
            tell(f"Be quiet for {QUIET:.0f} seconds ...")
            room = _taken(frames, QUIET)
            tell(f"Now read aloud, as on a call: {SENTENCE}")
            speech = _taken(frames, SPEAK)
        finally:
            end.close()
    return [Check("microphone", "ok", end.device.name), *judge(room, speech, health.overruns + health.dropped)]


def _frames(end: soundcard.Microphone) -> Iterator[Samples]:
    last = time.monotonic()
    while time.monotonic() - last < 3:
        block = end.next()
        if block is not None:
            last = time.monotonic()
            end.take(block.samples)
            while (frame := end.frame()) is not None:
                yield frame
    raise DeviceError(
        f"the microphone ({end.device.name}) sends nothing", "is it switched off, or used by another program?"
    )


def _taken(frames: Iterator[Samples], seconds: float) -> Samples:
    return np.concatenate([next(frames) for _ in range(round(seconds * RATE / FRAME))])


def levels(sound: Samples) -> NDArray[np.float64]:
    """Level of each 20 ms, dB relative to full scale (RMS), shape (n // 320,); without a constant offset."""
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    frames = frames - frames.mean()
    return np.asarray(10 * np.log10(np.mean(frames**2, axis=1) + 1e-10), np.float64)


def judge(room: Samples, speech: Samples, lost: int = 0) -> list[Check]:
    """What a room and a voice, recorded one after the other, say about a microphone.

    Parameters
    ----------
    room, speech
        Nobody speaking, and somebody speaking; shape (n,) at 16 kHz.
    lost
        Times that sound was lost on the way.
    """
    noise = float(np.median(levels(room)))
    voice = float(np.quantile(levels(speech), 0.9))
    if voice < -70:
        nothing = "is it muted, turned down, or the wrong one? Name another with --microphone"
        return [Check("your voice", "missing", "nothing but silence was heard", nothing, needed=True)]
    above = voice - noise
    clipped = float(np.mean(np.abs(speech) >= _FULL))
    found = f"{voice:.0f} dB at its loudest (from -35 to -10 is good; 0 is full scale)"
    if above < 10:
        hint = "did you speak? Then move the microphone closer to your mouth, or turn it up"
        level = Check("your voice", "missing", f"{found}, hardly above the room", hint, needed=True)
    elif voice < -40:
        level = Check("your voice", "note", found, "turn the microphone up, or move it closer to your mouth")
    elif voice > -8:
        level = Check("your voice", "note", found, "turn the microphone down, or move it further away")
    else:
        level = Check("your voice", "ok", found)
    quiet = "close the window, or use a headset, whose microphone is close to your mouth"
    heard = f"{noise:.0f} dB, {above:.0f} dB below your voice (20 and more is good)"
    return [
        level,
        Check("the room's noise", "ok" if above >= 20 else "note", heard, "" if above >= 20 else quiet),
        Check(
            "clipping",
            "ok" if clipped < 0.0005 else "note",
            "none" if not clipped else f"{clipped:.2%} of the sound was cut off at full scale",
            "" if clipped < 0.0005 else "turn the microphone down: a clipped voice is misheard, and sounds angry",
        ),
        Check(
            "gaps",
            "note" if lost else "ok",
            f"sound was lost {lost} times" if lost else "none",
            "close other programs, or use a wired headset" if lost else "",
        ),
    ]


# ------------------------------------------------------------------------------------------------- the loudspeaker


def loudspeaker(
    wanted_microphone: str | int | None, wanted: str | int | None, line: Samples, tell: Tell
) -> list[Check]:
    """Play the customer's voice and listen whether the microphone hears it.

    Parameters
    ----------
    wanted_microphone, wanted
        The devices, as for a call.
    line
        What to play: the customer saying `LINE`, shape (n,) at 16 kHz.
    tell
        As for `microphone`.

    Raises
    ------
    DeviceError
        When a device cannot be opened or used.
    """
    from voicetrainer.transports.device import DeviceTransport

    guard, lost = Guard(), ""
    with DeviceTransport(wanted_microphone, wanted) as call:
        ended = None
        tell("Listen: the customer speaks now. Stay quiet yourself ...")
        call.play(line)
        for frame in call.frames():
            guard.hear(frame)
            lost = "; ".join(note.text for note in frame.notes if note.what == "device_lost")
            if frame.stopped:
                ended = frame.end
            if ended is not None and frame.end > ended + 1:
                break
    if lost:
        raise DeviceError(lost, "plug it in again, or choose another one: voicetrainer doctor --speaker")
    names = Check("devices", "ok", f"{call.loudspeaker.name}, and the microphone {call.microphone.name}")
    return [names, *judge_line(call.health, guard.found)]


def judge_line(health: Health, echo: Found | None) -> list[Check]:
    """What a line that was played says about a loudspeaker."""
    delay = health.loudspeaker_delay + health.microphone_delay
    slow = delay > 0.3
    headset = "wear a headset, or take your calls with: voicetrainer talk SCENARIO --half-duplex"
    if echo is None:
        back = Check("echo", "ok", "the microphone does not hear the loudspeaker")
    else:
        what = (
            f"the microphone hears the loudspeaker {abs(echo.delay) * 1000:.0f} ms later, {-echo.level:.0f} dB weaker"
        )
        back = Check(
            "echo", "note" if echo.audible else "ok", what + ("" if echo.audible else ", below the room's noise")
        )
        back = back if not echo.audible else Check("echo", "note", what, headset)
    return [
        Check(
            "delay",
            "note" if slow else "ok",
            f"{delay * 1000:.0f} ms on the way out and in (below 300 is good)",
            "a wired headset answers faster than a wireless one" if slow else "",
        ),
        Check(
            "stutter",
            "note" if health.underruns else "ok",
            f"the loudspeaker ran dry {health.underruns} times" if health.underruns else "none",
            "close other programs, or use a wired headset" if health.underruns else "",
        ),
        back,
    ]
