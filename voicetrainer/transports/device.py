"""The phone line over a microphone and a loudspeaker.

Two streams, one for each device, because many sound systems offer no common one and two devices never share a clock::

    microphone ──thread──> bounded queue ──> frames, 20 ms each: the call clock
                                                │  what was in the air at the same time
    loudspeaker <──thread── Player <── play, more, stop

The call clock counts the microphone's samples. The customer's line never waits for it: the loudspeaker takes from the
`Player` at its own pace, so that clocks that drift apart can neither starve nor flood anything; they only move where on
the call clock a sample is heard, and that is looked up, by the time stamps of both devices, for each frame.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Literal

import numpy as np

from voicetrainer.errors import DeviceError
from voicetrainer.roleplay.events import Noted, q
from voicetrainer.speech.audio import RATE, Samples, pcm16
from voicetrainer.transports import FRAME, Frame, soundcard
from voicetrainer.transports.playout import Player
from voicetrainer.transports.soundcard import Health, Kind, Loudspeaker, Microphone

LATENCY = 0.06
"""Seconds of sound that the loudspeaker is given ahead: three blocks. Two dropped out now and then beside programs that
wanted both cores for themselves."""
LOST = 2.0
"""Seconds of nothing after which a device is taken to be gone."""

_SETTLE = 4.0  # seconds within which time stamps have settled, or never will
_QUIET_FOR = 10.0  # seconds between two notes about lost sound
_NUDGE = 160  # samples (10 ms) by which the two sides may be apart before they are brought together again
_FAR = 2400  # samples (150 ms) that are made up at once
_DRIFT = 500.0  # parts in a million; ordinary devices stay below 100


class DeviceTransport:
    """A phone line (see `Transport`) over a microphone and a loudspeaker; one object is one call.

    Both devices are opened at once, so that trouble is told before a call begins. Use it in a ``with``, or `close` it.

    Parameters
    ----------
    microphone, loudspeaker
        Number, name, or a part of the name; None for the default device.
    latency
        Seconds of sound that the loudspeaker is given ahead.

    Raises
    ------
    DeviceError
        When a device is missing or busy, or the sound system does not answer; from `frames` when the microphone never
        sends anything. Once a call is under way, a device that is lost ends it with a `Noted` and no error.
    """

    def __init__(
        self, microphone: str | int | None = None, loudspeaker: str | int | None = None, *, latency: float = LATENCY
    ) -> None:
        self.health = Health()
        self._quiet = soundcard.quiet()
        self._quiet.__enter__()
        self._ends: list[soundcard.End] = []
        self._closed = False
        try:
            there = soundcard.devices()
            self.microphone = soundcard.pick(there, "microphone", microphone)
            """The device that listens."""
            self.loudspeaker = soundcard.pick(there, "loudspeaker", loudspeaker)
            """The device that plays."""
            soundcard.claim(self)
            self._player = Player()
            self._player.pause(True)  # until the call begins
            self._mic = Microphone(self.microphone, self.health)
            self._ends.append(self._mic)
            self._speaker = Loudspeaker(self.loudspeaker, latency, self._player, self.health)
            self._ends.append(self._speaker)
        except BaseException:
            self.close()
            raise
        self._paused = False
        self._notes: list[Noted] = []
        self._told = -_QUIET_FOR
        self._seen = (0.0, 0)
        self._origin = 0.0  # position of the call's first sample in the microphone's stream
        self._lag = -(10**9)  # from a sample of the learner's to the one of the player's heard with it
        self._nudging = False
        self._line_on = False

    def play(self, clip: Samples, *, whole: bool = True) -> None:
        """Play the customer's clip, or its first piece; what plays now is cut with a fade of 10 ms."""
        self._player.play(clip, whole=whole)

    def more(self, clip: Samples, *, whole: bool = True) -> None:
        """Add the next piece to the clip; while it is late, there is silence."""
        self._player.more(clip, whole=whole)

    def stop(self) -> None:
        """Cut what plays with a fade of 10 ms, and forget a clip that has not begun."""
        self._player.stop()

    def pause(self, paused: bool = True) -> None:
        """Hold the call, or go on with it: no frames come, nothing plays, the call clock stands still.

        To be called from another thread than the one that takes the frames, for that one waits.
        """
        self._paused = paused
        self._player.pause(paused)

    def close(self) -> None:
        """Let the devices go; `frames` ends. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            for end in self._ends:
                with contextlib.suppress(DeviceError):  # it hangs: nothing is left to be done about it
                    soundcard.within(3.0, end.close, "")
        finally:
            soundcard.release(self)
            self._quiet.__exit__(None, None, None)

    def __enter__(self) -> DeviceTransport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def frames(self) -> Iterator[Frame]:
        """Frames until the line is closed or a device is lost; the last one tells of a loss in its `Frame.notes`."""
        if not self._settle():
            return
        self._player.pause(self._paused)
        mic, speaker = self._mic, self._speaker
        start = mic.clock.offset, speaker.clock.offset
        n, idle, stalled = 0, 0, 0
        seen = speaker.position
        while not self._closed:
            block = mic.next()
            if block is None:  # 0.1 s of nothing
                idle += 1
                if not self._closed and (not mic.alive or idle > LOST * 10):
                    yield self._last(n, "microphone")
                    return
                continue
            idle = 0
            jump = mic.clock.observe(block.position, block.time)
            speaker.learn()
            start = start[0] + jump, start[1] + speaker.jumped
            # What was lost never was on the call clock: the customer's side skips it too, and both stay in step.
            dropped, mic.position = block.position - mic.position, block.position + len(block.samples)
            self._origin += dropped
            self.health.lost += dropped / mic.rate + (jump if jump > 0 and mic.lossy else 0)
            mic.lossy = mic.lossy and not jump
            if self._paused:
                self._origin += len(block.samples)
                continue
            mic.take(block.samples)
            if seen != speaker.position:
                seen, stalled = speaker.position, 0
            while (samples := mic.frame()) is not None:
                self._watch(n, start)
                yield self._frame(n, samples)
                n += FRAME
                stalled += 0 if mic.waiting else FRAME  # what has piled up is no measure of time
            if not self._closed and (not speaker.alive or stalled > LOST * RATE):
                yield self._last(n, "loudspeaker")
                return

    # ------------------------------------------------------------------------------------------------------ in a frame

    def _frame(self, n: int, learner: Samples) -> Frame:
        at, end = self._in_the_air(n)
        customer = self._player.pulled(at, FRAME)
        if end != at + FRAME and customer.any():
            source = self._player.pulled(at - 1, end - at + 2)
            where = 1 + np.arange(FRAME) * ((end - at) / FRAME)
            customer = np.interp(where, np.arange(len(source)), source).astype(np.float32)
        started, stopped = self._reports(end)
        notes, self._notes = tuple(self._notes), []
        # What is handed on is what 16 bits hold, so that a recording can be heard again as it was.
        learner, customer = (pcm16(side).astype(np.float32) / np.float32(32768) for side in (learner, customer))
        return Frame(n / RATE, learner, customer, started, stopped, notes)

    def _in_the_air(self, n: int) -> tuple[int, int]:
        """First position and end in the player's stream of what was heard together with the learner's frame at `n`.

        From frame to frame they join without a seam. Where the clocks say otherwise they are stretched a little until
        both sides are in step again; only what is far off, or silence, is skipped at once.
        """
        position = self._origin + n * self._mic.rate / RATE
        want = self._speaker.clock.position_at(self._mic.clock.time_of(position)) * RATE / self._speaker.rate - n
        apart = want - self._lag
        silent = not self._player.pulled(n + self._lag, FRAME).any()
        if abs(apart) > _FAR or (silent and not self._player.pulled(n + round(want), FRAME).any()):
            self._lag, apart = round(want), 0.0
        at = n + self._lag
        self._nudging = abs(apart) > (_NUDGE if not self._nudging else 1)
        if self._nudging:  # by 2 % at most: nobody hears that
            self._lag += round(max(-6.0, min(6.0, apart)))
        return at, n + self._lag + FRAME

    def _reports(self, end: int) -> tuple[bool, Literal["ended", "cut"] | None]:
        """What a frame tells of lines, up to a position; what would confuse its reader waits for the next one."""
        started, stopped = False, None
        events = self._player.events
        while events and (events[0][1] < end or (events[0][1] == end and events[0][0] != "started")):
            what = events[0][0]
            if what == "started":
                if started or stopped == "ended":
                    break
                started = True
            elif stopped or (what == "cut" and started):
                break
            else:
                stopped = what
            events.popleft()
            self._line_on = what == "started"
        return started, stopped

    def _last(self, n: int, kind: Kind) -> Frame:
        time.sleep(0.2)  # both may be about to go
        both = not self._mic.alive and not self._speaker.alive
        device, what = (
            (self.microphone, "sends nothing more")
            if kind == "microphone"
            else (self.loudspeaker, "takes no more sound")
        )
        text = (
            "Both devices are gone: the sound system stopped, or they were unplugged."
            if both
            else f"The {kind} ({device.name}) {what}: it was unplugged, or the sound system stopped."
        )
        self._note(n, "device_lost", text)
        notes, self._notes = tuple(self._notes), []
        nothing = np.zeros(FRAME, np.float32)
        return Frame(n / RATE, nothing, nothing, stopped="cut" if self._line_on else None, notes=notes)

    # -------------------------------------------------------------------------------------------------- what goes wrong

    def _note(self, n: int, what: Literal["xrun", "device_lost", "clock_drift"], text: str) -> None:
        self._notes.append(Noted(q(n / RATE), what, text))

    def _watch(self, n: int, start: tuple[float, float]) -> None:
        mic, speaker, health = self._mic, self._speaker, self.health
        health.microphone_delay, health.loudspeaker_delay = mic.delay, speaker.delay
        if n >= 60 * RATE and n % (10 * RATE) == 0:
            moved = (mic.clock.offset - start[0]) - (speaker.clock.offset - start[1])
            before, health.drift = health.drift, moved / (n / RATE) * 1e6
            if abs(health.drift) > _DRIFT >= abs(before):
                self._note(n, "clock_drift", f"The two devices' clocks run {abs(health.drift) / 1e4:.2f} % apart.")
        trouble = (health.lost, health.underruns)
        if trouble != self._seen and n / RATE - self._told >= _QUIET_FOR:
            lost, dry = health.lost - self._seen[0], health.underruns - self._seen[1]
            parts = [f"{lost:.2f} s of your voice were lost"] if lost > 0.005 else []
            parts += [f"the customer's voice stuttered {f'{dry} times' if dry > 1 else 'once'}"] if dry else []
            self._seen = trouble
            if parts:
                self._told = n / RATE
                self._note(n, "xrun", f"{' and '.join(parts)}: the machine was too busy.".capitalize())

    def _settle(self) -> bool:
        """Wait until both devices run evenly; nothing that is heard meanwhile counts."""
        give_up = time.monotonic() + _SETTLE
        mic, speaker = self._mic, self._speaker
        while not self._closed:
            block = mic.next()
            speaker.learn()
            if block is not None:
                mic.clock.observe(block.position, block.time)
                mic.position = block.position + len(block.samples)
            steady = mic.clock.steady and speaker.clock.steady and mic.delay < 0.3 and speaker.delay < 0.5
            late = time.monotonic() > give_up
            if late and not mic.position:
                raise DeviceError(
                    f"the microphone ({self.microphone.name}) sends nothing",
                    "is it switched off, or used by another program? See: voicetrainer doctor --mic",
                )
            if late and not speaker.position:
                raise DeviceError(
                    f"the loudspeaker ({self.loudspeaker.name}) takes no sound", "see: voicetrainer doctor --speaker"
                )
            if (steady or late) and mic.waiting == 0:
                self._origin = float(mic.position)
                self._seen = (self.health.lost, self.health.underruns)
                return True
        return False
