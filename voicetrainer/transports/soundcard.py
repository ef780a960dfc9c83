"""Microphones and loudspeakers: the one door to sounddevice (PortAudio).

Everything that a C library may do to us happens here: it hangs, prints, loses its devices. What comes out are errors in
one line, blocks of sound, and time stamps on one clock (`time.monotonic`).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np

from voicetrainer.errors import DeviceError
from voicetrainer.speech.audio import RATE, Samples
from voicetrainer.transports import FRAME
from voicetrainer.transports.playout import Clock, Player

_MIC_BUFFER = 0.04  # seconds; where the sound system collects that much before it sends any, more would be a delay
_QUEUE = 500  # blocks (10 s) that may wait for a reader that is busy
_PATIENCE = 10.0  # seconds for a sound system to answer

_MEANWHILE = "meanwhile rehearse with recordings (run) or by typing (type)"
_TROUBLE = {
    -9985: "it is used by another program, or gone",
    -9999: "the sound system refuses it; another program uses it, or it is gone",
    -9993: "the two devices do not work together",
    -9996: "there is no such device any more",
    -9997: "it supports none of the rates that were tried",
    -9998: "it has too few channels",
}

Kind = Literal["microphone", "loudspeaker"]
T = TypeVar("T")


# ------------------------------------------------------------------------------------------------------- the devices


@dataclass(frozen=True, slots=True)
class Device:
    """A device as the sound system lists it."""

    number: int
    name: str
    host: str
    """The sound system: ALSA, Core Audio, WASAPI and so on."""
    inputs: int
    """Channels in; 0 where it is no microphone."""
    outputs: int
    """Channels out; 0 where it is no loudspeaker."""
    rate: float
    """Its own samples a second."""
    microphone: bool
    """Whether it is the microphone that is used unless another is named."""
    loudspeaker: bool
    """The same for loudspeakers."""


def devices() -> list[Device]:
    """All microphones and loudspeakers, in the sound system's order.

    Raises
    ------
    DeviceError
        When there is no PortAudio, or the sound system does not answer.
    """
    with quiet():
        return within(_PATIENCE, _list, "the sound system does not answer")


def find(kind: Kind, wanted: str | int | None = None) -> Device:
    """The device that was asked for.

    Parameters
    ----------
    kind
        What it must be.
    wanted
        Its number, its name or a part of it that fits one alone; None for the default one.

    Raises
    ------
    DeviceError
        None fits, or several do.
    """
    return pick(devices(), kind, wanted)


def pick(there: list[Device], kind: Kind, wanted: str | int | None) -> Device:
    """As `find`, among those that are there."""
    usable = [d for d in there if (d.inputs if kind == "microphone" else d.outputs)]
    if not usable:
        raise DeviceError(f"there is no {kind}", f"plug a headset in; {_MEANWHILE}")
    if wanted is None:
        return next((d for d in usable if getattr(d, kind)), usable[0])
    if isinstance(wanted, int) or wanted.isdecimal():
        fits = [d for d in usable if d.number == int(wanted)]
    else:
        fits = [d for d in usable if d.name == wanted] or [d for d in usable if wanted.lower() in d.name.lower()]
        # On Windows the same device is there under several sound systems: the default one's, then the first, will do.
        usual = next((d.host for d in usable if getattr(d, kind)), "")
        fits = [d for d in fits if d.host == usual] or fits
        fits = fits[:1] if len({d.name for d in fits}) == 1 else fits
    if len(fits) != 1:
        what = "no" if not fits else "more than one"
        those = "; ".join(f"{d.number} {d.name}" for d in (fits or usable)[:8])
        raise DeviceError(f"{what} {kind} fits '{wanted}'", f"choose by number or name: {those}")
    return fits[0]


_in_use: set[int] = set()
_stuck = False


def _list() -> list[Device]:
    started = "sounddevice" in sys.modules
    sd = _sounddevice()
    if started and not _in_use:  # PortAudio looks for devices only when it starts
        sd._terminate()
        sd._initialize()
    hosts = [h["name"] for h in sd.query_hostapis()]
    microphone, loudspeaker = sd.default.device
    return [
        Device(
            number=i,
            name=str(d["name"]),
            host=hosts[d["hostapi"]],
            inputs=int(d["max_input_channels"]),
            outputs=int(d["max_output_channels"]),
            rate=float(d["default_samplerate"]),
            microphone=i == microphone,
            loudspeaker=i == loudspeaker,
        )
        for i, d in enumerate(sd.query_devices())
    ]


def claim(user: object) -> None:
    """Say that streams are open, so that PortAudio is not started anew under them."""
    _in_use.add(id(user))


def release(user: object) -> None:
    """Say that they are closed."""
    _in_use.discard(id(user))


def _sounddevice() -> Any:
    try:
        import sounddevice
    except OSError:
        how = "sudo apt install libportaudio2, or your system's PortAudio package"
        raise DeviceError("PortAudio is not installed", f"{how}; {_MEANWHILE}") from None
    except Exception as error:  # whatever PortAudio answers when it cannot start
        raise DeviceError(f"the sound system cannot be used: {_plain(error)}", _MEANWHILE) from None
    return sounddevice


def _plain(error: BaseException) -> str:
    code = next((a for a in error.args if isinstance(a, int)), 0)
    return _TROUBLE.get(code) or " ".join(str(error.args[0] if error.args else error).split())[:160]


def within(seconds: float, work: Callable[[], T], problem: str) -> T:
    """Do what may hang for ever in a C library; give up after some seconds, and from then on at once."""
    global _stuck  # noqa: PLW0603 - so is PortAudio's state: touching it again would crash
    if _stuck:
        raise DeviceError(problem, f"restart voicetrainer; {_MEANWHILE}")
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        _stuck = True
        if "sounddevice" in sys.modules:  # it would hang again when the program ends
            atexit.unregister(sys.modules["sounddevice"]._exit_handler)
        why = "another program keeps it to itself, or it hangs: close that, choose another one, or restart it"
        raise DeviceError(problem, f"{why}; {_MEANWHILE}") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def hangs() -> bool:
    """Whether a call into the sound system has been given up and may still be under way."""
    return _stuck


_quieted = 0


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what PortAudio and ALSA print on stderr off the screen; Python's own stderr goes on."""
    global _quieted  # noqa: PLW0603 - there is one stderr
    try:
        usable = sys.stderr is not None and sys.stderr.fileno() == 2
    except (OSError, ValueError, AttributeError):  # it is no file: a test's or a notebook's
        usable = False
    if not usable or _quieted:
        yield
        return
    own = sys.stderr
    own.flush()
    keep = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    _quieted += 1
    sys.stderr = mine = os.fdopen(os.dup(keep), "w", buffering=1, encoding=own.encoding, errors=own.errors)
    try:
        yield
    finally:
        if sys.stderr is mine:
            sys.stderr = own
        mine.close()
        _quieted -= 1
        os.dup2(keep, 2)
        os.close(keep)


# ---------------------------------------------------------------------------------------------------------- two ends


@dataclass(slots=True)
class Health:
    """What went wrong on a line, and its measures."""

    lost: float = 0.0
    """Seconds of the learner's sound that never came."""
    overruns: int = 0
    """Times that the microphone's sound could not be taken in time."""
    underruns: int = 0
    """Times that the loudspeaker ran dry while the customer spoke."""
    dropped: int = 0
    """Blocks of 20 ms that the call was too busy to take."""
    microphone_delay: float = 0.0
    """Seconds from a sound to our hearing of it."""
    loudspeaker_delay: float = 0.0
    """Seconds from our handing a sound out to its being heard."""
    drift: float = 0.0
    """By how much the loudspeaker's clock runs faster than the microphone's, parts in a million."""


@dataclass(frozen=True, slots=True)
class Block:
    """What the microphone heard, and when."""

    position: int
    """Of its first sample in the microphone's stream."""
    samples: Samples
    """At the device's rate."""
    time: float
    """When its first sample passed through the air, seconds."""


class End:
    """One device and its stream."""

    def __init__(self, device: Device, kind: Kind) -> None:
        self.device, self.kind = device, kind
        self.rate = float(RATE)
        self.delay = 0.0
        """Seconds between the air and us."""
        self._stream: Any = None

    def open(self, latency: float, callback: Callable[..., None]) -> None:
        """Open and start the stream, at our rate if the device takes it, else at its own."""
        sd = _sounddevice()
        make = sd.InputStream if self.kind == "microphone" else sd.OutputStream
        most = self.device.inputs if self.kind == "microphone" else self.device.outputs
        ways = [(rate, channels) for rate in (float(RATE), self.device.rate) for channels in (1, 2) if channels <= most]

        def start() -> Any:
            problem: BaseException = DeviceError("")
            for rate, channels in ways:
                self.rate = rate
                try:
                    stream = make(
                        device=self.device.number,
                        samplerate=rate,
                        channels=channels,
                        dtype="float32",
                        blocksize=round(rate * FRAME / RATE),
                        latency=latency,
                        callback=callback,
                    )
                except (sd.PortAudioError, ValueError) as error:
                    problem = error
                    continue
                try:
                    stream.start()
                except sd.PortAudioError as error:
                    stream.close()
                    problem = error
                    continue
                return stream
            raise DeviceError(
                f"the {self.kind} ({self.device.name}) cannot be opened: {_plain(problem)}",
                f"close what else uses it, or choose another one; voicetrainer doctor lists them. {_MEANWHILE}",
            )

        what = f"the {self.kind} ({self.device.name}) does not answer"
        self._stream = within(_PATIENCE, start, what)

    @property
    def alive(self) -> bool:
        """Whether the sound system still runs the stream."""
        with contextlib.suppress(Exception):  # PortAudio's answer for a stream that has been closed meanwhile
            return bool(self._stream.active)
        return False

    def close(self) -> None:
        """Stop and let go."""
        if self._stream is not None:
            self._stream.abort()
            self._stream.close()

    def _when(self, at: float) -> float:
        """A time stamp of the sound system's on our own clock; its latency tells where the stamp is none."""
        apart = self._stream.time - at if self._stream is not None and at > 0 else float("inf")
        if self.kind == "microphone":
            self.delay = apart if -0.1 <= apart <= 3 else self._latency
            return time.monotonic() - self.delay
        self.delay = -apart if -3 <= apart <= 0.1 else self._latency
        return time.monotonic() + self.delay

    @property
    def _latency(self) -> float:
        return float(self._stream.latency) if self._stream is not None else 0.0


class Microphone(End):
    """Blocks from the sound system's thread, frames for the call."""

    def __init__(self, device: Device, health: Health) -> None:
        super().__init__(device, "microphone")
        self.position = 0
        """Where the next block should begin, at the device's rate."""
        self._heard_so_far = 0
        self.lossy = False
        """Whether sound is known to have been lost."""
        self._health = health
        self._blocks: queue.Queue[Block] = queue.Queue(_QUEUE)
        self._fifo = np.zeros(0, np.float32)
        self.open(_MIC_BUFFER, self._heard)
        self.clock = Clock(self.rate)
        self._resampler = _resampler(self.rate, RATE)

    def _heard(self, data: Any, _count: int, info: Any, status: Any) -> None:
        if status.input_overflow:
            self._health.overruns += 1
            self.lossy = True
        mono = data.mean(axis=1, dtype=np.float32) if data.shape[1] > 1 else data[:, 0].copy()
        block = Block(self._heard_so_far, mono, self._when(info.inputBufferAdcTime))
        self._heard_so_far += len(mono)
        try:
            self._blocks.put_nowait(block)
        except queue.Full:
            self._health.dropped += 1

    @property
    def waiting(self) -> int:
        """Blocks that have not been taken."""
        return self._blocks.qsize()

    def next(self) -> Block | None:
        """The next block, or None when none comes for 0.1 s."""
        try:
            return self._blocks.get(timeout=0.1)
        except queue.Empty:
            return None

    def take(self, samples: Samples) -> None:
        """Put samples at the device's rate into frames."""
        self._fifo = np.concatenate((self._fifo, self._resampler(samples)))

    def frame(self) -> Samples | None:
        """The next frame, shape (FRAME,), when it is complete."""
        if len(self._fifo) < FRAME:
            return None
        frame, self._fifo = self._fifo[:FRAME].clip(-1, 1), self._fifo[FRAME:]
        return frame


class Loudspeaker(End):
    """Takes from the player in the sound system's thread."""

    def __init__(self, device: Device, latency: float, player: Player, health: Health) -> None:
        super().__init__(device, "loudspeaker")
        self.position = 0
        """Samples handed out so far, at the device's rate."""
        self.jumped = 0.0
        """Seconds that its stream has been found to jump by `learn`."""
        self._player, self._health = player, health
        self._stamps: deque[tuple[int, float]] = deque(maxlen=1000)
        self._fifo = np.zeros(0, np.float32)
        self._resampler: Callable[[Samples], Samples] | None = None
        self.open(latency, self._wanted)
        self.clock = Clock(self.rate)

    def _wanted(self, out: Any, count: int, info: Any, status: Any) -> None:
        if status.output_underflow and self._player.busy:
            self._health.underruns += 1
        self._stamps.append((self.position, self._when(info.outputBufferDacTime)))
        if self._resampler is None:
            self._resampler = _resampler(RATE, self.rate)
        while len(self._fifo) < count:
            self._fifo = np.concatenate((self._fifo, self._resampler(self._player.pull(FRAME))))
        out[:] = self._fifo[:count, None]
        self._fifo = self._fifo[count:]
        self.position += count

    def learn(self) -> None:
        """Learn from the time stamps that have come since."""
        self.jumped = 0.0
        with contextlib.suppress(IndexError):
            while True:
                self.jumped += self.clock.observe(*self._stamps.popleft())


def _resampler(rate: float, to: float) -> Callable[[Samples], Samples]:
    if rate == to:
        return lambda samples: samples
    import soxr

    stream = soxr.ResampleStream(rate, to, 1, dtype="float32", quality="HQ")
    return lambda samples: np.asarray(stream.resample_chunk(samples), np.float32)
