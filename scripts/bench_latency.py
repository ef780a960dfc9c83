"""How fast the customer answers in a live call, at real-time speed over a virtual microphone and loudspeaker.

A recorded learner answers each of the customer's lines. Times are read off the call's own recording: from the learner's
last sound to the customer's first. Then both channels are compared while the microphone hears the loudspeaker's signal.
Needs PulseAudio (apt-get install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from bench import CALM, ENDLESS  # noqa: E402

from tests.transports.virtual import RATE, Sound, missing  # noqa: E402
from voicetrainer import models  # noqa: E402
from voicetrainer.call import SpokenLine, hold  # noqa: E402
from voicetrainer.detector import load_shipped  # noqa: E402
from voicetrainer.recording import Recorder  # noqa: E402
from voicetrainer.roleplay import scenario  # noqa: E402
from voicetrainer.roleplay.customer import Customer  # noqa: E402
from voicetrainer.roleplay.events import Decision, Fact, Header, Heard, LineStarted, LineStopped, SpeechStarted  # noqa: E402
from voicetrainer.speech import prosody  # noqa: E402
from voicetrainer.speech.audio import Samples, read, read_call  # noqa: E402
from voicetrainer.speech.ears import Ears  # noqa: E402
from voicetrainer.speech.echo import Guard  # noqa: E402
from voicetrainer.speech.recognizer import Recognizer  # noqa: E402
from voicetrainer.speech.voice import Voice  # noqa: E402
from voicetrainer.transports.device import DeviceTransport  # noqa: E402

CLIPS = ("4-order.flac", "6-follow-up.flac", "1-heard.flac", "5-choice.flac")  # none of which makes her hang up
ANSWERS_AFTER = 0.5
"""Seconds from the end of the customer's line to the learner's clip."""


@dataclass
class Turn:
    """One answer: wall-clock milliseconds of our own work, and times on the call clock."""

    heard: float
    """When the turn was decided to be over, seconds."""
    work: dict[str, float] = field(default_factory=dict)
    started: float = 0.0
    """When the customer was heard, seconds."""


@dataclass
class Meter:
    """What is measured while the call is held."""

    turns: list[Turn] = field(default_factory=list)
    said: int = 0
    talking: list[tuple[float, float]] = field(default_factory=list)
    """CPU and wall-clock seconds of each stretch in which the learner talked."""
    memory: list[float] = field(default_factory=list)
    """MB resident, once a minute."""
    work: dict[str, float] = field(default_factory=dict)

    def timed(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same work, with its time added to a part of the turn that is under way."""

        def do(*arguments: Any, **named: Any) -> Any:
            before = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                self.work[part] = self.work.get(part, 0.0) + (time.perf_counter() - before) * 1000

        return do


def resident() -> float:
    """MB that this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def call(sound: Sound, turns: int, minutes: float, profile: str, model: str | None, folder: Path) -> dict[str, Any]:
    """Hold one call, and what it showed."""
    from voicetrainer.speech.turns import PROFILES

    clips = [read(CALM / name) for name in CLIPS]
    parsed = scenario.parse(ENDLESS, "endless")
    prosody.warm_up()
    recognizer = Recognizer(models.choose(model, people=True).path)
    ears = Ears(recognizer, PROFILES[profile])
    customer = Customer(parsed, load_shipped())
    header = Header("endless", ENDLESS, "device", "bench", settings={"turns": profile})
    meter = Meter()
    began = (0.0, 0.0)
    finish = ears._finish

    def finishing(now: float) -> Iterator[Fact]:
        yield from meter.timed("recognition", lambda: list(finish(now)))()

    ears._finish = finishing  # type: ignore[method-assign]
    object.__setattr__(customer, "respond", meter.timed("rules", customer.respond))  # a frozen dataclass
    with Voice("woman-1") as voice, DeviceTransport("mic", "speaker") as line, Recorder(folder, header, True) as tape:
        spoken = SpokenLine(line, ears, voice.render, tape.frames, guard=Guard().hear, ahead=True)
        spoken.say = meter.timed("voice", spoken.say)  # type: ignore[method-assign]

        def answer() -> None:
            clip = clips[meter.said % len(clips)]
            meter.said += 1
            sound.say(clip)

        def record(event: Fact | Decision) -> None:
            nonlocal began
            tape.write(event)
            now = time.process_time(), time.perf_counter()
            if event.t / 60 >= len(meter.memory):
                meter.memory.append(resident())
            if isinstance(event, LineStopped):
                if meter.said >= turns and event.t >= minutes * 60:
                    line.close()
                else:
                    threading.Timer(ANSWERS_AFTER, answer).start()
            elif isinstance(event, SpeechStarted):
                began = now
            elif isinstance(event, Heard):
                meter.talking.append((now[0] - began[0], now[1] - began[1]))
                meter.turns.append(Turn(event.t, meter.work))
                meter.work.pop("rules", None)  # what was foreseen is not on the way of an answer
                meter.work.pop("voice", None)
            elif isinstance(event, LineStarted) and meter.turns:
                meter.turns[-1].started = event.t
                meter.work = {}
            if sys.stderr.isatty() and isinstance(event, LineStarted):
                print(f"\r{meter.said} turns, {event.t / 60:.1f} minutes", end="", file=sys.stderr)

        given, played = sound.record("microphone"), sound.record("loudspeaker")
        before = time.process_time(), time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        hold(customer, spoken, record)
        after = time.process_time(), time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        health = line.health
    recorded = read_call(folder / "call.flac", limit_seconds=2 * 3600.0)
    voices = sum(getattr(after[2], part) - getattr(before[2], part) for part in ("ru_utime", "ru_stime"))
    wall = after[1] - before[1]
    return {
        **latency(meter, recorded),
        "minutes": round(wall / 60, 1),
        "cpu_percent": {
            "while the learner talks": percent([c for c, _ in meter.talking], [w for _, w in meter.talking]),
            "whole call": percent([after[0] - before[0]], [wall]),
            "customer's voice (own processes)": percent([voices], [wall]),
        },
        "memory_mb": [round(m, 1) for m in meter.memory],
        "glitches": {
            "seconds lost": round(health.lost, 3), "overruns": health.overruns, "underruns": health.underruns,
            "blocks dropped": health.dropped, "drift ppm": round(health.drift),
            **{f"learner {k}": v for k, v in against(recorded[:, 0], given.stop()).items()},
            **{f"customer {k}": v for k, v in against(recorded[:, 1], played.stop()).items()},
        },
    }  # fmt: skip


def percent(some: list[float], of: list[float]) -> float:
    """A share in percent."""
    return round(100 * sum(some) / max(sum(of), 1e-9), 1)


def latency(meter: Meter, tape: np.ndarray[Any, Any]) -> dict[str, Any]:
    """From the learner's last sound to the customer's first, by part, in milliseconds."""
    rows: list[dict[str, float]] = []
    for turn in meter.turns:
        if not turn.started:
            continue  # cut off: the same clip went on, or the call was over
        ended, began = last_sound(tape[:, 0], turn.heard), first_sound(tape[:, 1], turn.started)
        parts = {part: turn.work.get(part, 0.0) for part in ("recognition", "rules", "voice")}
        whole = (began - ended) * 1000
        decision = (turn.heard - ended) * 1000
        rows.append(
            {"whole": whole, "turn decision": decision, **parts, "device": whole - decision - sum(parts.values())}
        )
    return {
        "turns": len(rows),
        "cut_off_percent": round(100 * max(0, len(meter.turns) - meter.said) / max(1, meter.said), 1),
        "milliseconds": {
            part: {
                "median": round(statistics.median(values)), "p95": round(float(np.quantile(values, 0.95))),
                "most": round(max(values)),
            }
            for part in (rows[0] if rows else {})
            if (values := [row[part] for row in rows])
        },
    }  # fmt: skip


def last_sound(side: Samples, before: float) -> float:
    """When a side was last heard before a time, seconds; the microphone's room lies at -65 dB."""
    end = round(before * RATE)
    loud = np.flatnonzero(np.abs(side[max(0, end - 5 * RATE) : end]) > 10 ** (-45 / 20))
    return (max(0, end - 5 * RATE) + int(loud[-1]) + 1) / RATE if len(loud) else before


def first_sound(side: Samples, after: float) -> float:
    """When a side is first heard after a time, seconds."""
    start = max(0, round(after * RATE))
    loud = np.flatnonzero(np.abs(side[start : start + RATE]) > 10 ** (-45 / 20))
    return (start + int(loud[0])) / RATE if len(loud) else after


def against(side: Samples, device: Samples) -> dict[str, float]:
    """Compare one side of the recording, tenth by tenth of a second, with what its device was given or has played.

    What lies above 5 kHz is left out: the sound system's own conversion between rates takes some of it away.

    Returns
    -------
    How many pieces held sound, how many of them were not found in the other within `_RESIDUAL`, or were not where the
    sound just before them was, and the worst of what was left, dB relative to the piece.
    """
    taps = np.arange(-24, 25)
    low_pass = np.sinc(taps * 2 * 5000 / RATE) * np.hamming(49) * 2 * 5000 / RATE
    side, device = (np.convolve(x, low_pass.astype(np.float32), "same") for x in (side, device))
    size, wide = RATE // 10, RATE // 10
    pieces, odd, moved, missed, worst, before = 0, 0, 0, 0, -120.0, -RATE
    lag: int | None = None
    for at in range(0, len(side) - size, size):
        piece = side[at : at + size].astype(np.float64)
        power = float(piece @ piece)
        if power < size * 1e-5:
            continue
        if lag is None or missed == LOST:  # it begins, or sound was lost: where does it go on?
            lag, missed = _lag(side[at : at + 2 * RATE], device, at), 0
        start = at + lag - wide
        there = device[max(0, start) : start + size + 2 * wide].astype(np.float64)
        if start < 0 or len(there) < size + 2 * wide:
            continue
        sums = np.cumsum(np.concatenate(([0.0], there**2)))
        dots = np.maximum(np.lib.stride_tricks.sliding_window_view(there, size) @ piece, 0)
        alike = dots**2 / (np.maximum(sums[size:] - sums[:-size], 1e-9) * power)
        best = int(np.argmax(alike))
        left = 10 * np.log10(max(1 - _alike_between(there, best, piece), 1e-12))
        pieces, worst = pieces + 1, max(worst, float(left))
        if left > _RESIDUAL:
            odd, missed = odd + 1, missed + 1
            continue
        missed = 0
        moved += int(abs(best - wide) > RATE // 1000 and at - before < RATE // 2)  # between lines it may
        lag, before = lag + best - wide, at
    return {"pieces": pieces, "pieces not found": odd, "pieces moved": moved, "worst dB": round(worst, 1)}


def _alike_between(there: np.ndarray[Any, Any], best: int, piece: np.ndarray[Any, Any]) -> float:
    """How alike a piece is to what lies around one place: two clocks need not meet on a sample."""
    margin = 16
    near = np.pad(there, margin)[best : best + len(piece) + 2 * margin]
    spectrum, turn = np.fft.rfft(near), 2j * np.pi * np.fft.rfftfreq(len(near))
    alike = 0.0
    for part in np.linspace(-0.5, 0.5, 9):
        moved = np.fft.irfft(spectrum * np.exp(turn * part), len(near))[margin : margin + len(piece)]
        alike = max(alike, max(float(moved @ piece), 0.0) ** 2 / max(float(moved @ moved) * float(piece @ piece), 1e-9))
    return alike


LOST = 5
"""Pieces in a row that are not found before the whole is looked for again."""
_RESIDUAL = -20.0  # dB; a gap of a millisecond in a tenth of a second of sound leaves as much


def _lag(piece: Samples, device: Samples, at: int) -> int:
    """By how many samples a piece that begins at one place of a recording lies later in the other, within 20 s."""
    low = max(0, at - 20 * RATE)
    there = device[low : at + 22 * RATE].astype(np.float64)
    size = 1 << (len(there) + len(piece)).bit_length()
    match = np.fft.irfft(np.fft.rfft(there, size) * np.conj(np.fft.rfft(piece, size)), size)
    return low + int(np.argmax(match[: len(there)])) - at


def in_step(seconds: float) -> dict[str, float]:
    """Milliseconds between the two channels while the microphone hears the loudspeaker's own signal."""
    with Voice("woman-1") as voice:
        clip = voice.render("I have been waiting for my parcel all day, and nobody can tell me where it is.", 5.0)
    learner, customer, lines = [], [], []
    with DeviceTransport("wire", "speaker") as line:
        line.play(clip)
        for frame in line.frames():
            learner.append(frame.learner)
            customer.append(frame.customer)
            if frame.started:
                lines.append(frame.t)
            if frame.stopped:
                line.play(clip)
            if frame.end >= seconds:
                break
    apart = []
    a, b, around = np.concatenate(learner), np.concatenate(customer), RATE // 5
    for start in np.arange(1.0, seconds - 2, 1.0):
        at = round(start * RATE)
        piece, there = a[at : at + RATE], b[at - around : at + RATE + around]
        if (piece**2).mean() > 1e-4:
            apart.append((around - int(np.argmax(np.correlate(there, piece, "valid")))) / RATE * 1000)
    return {
        "measured": len(apart),
        "median_ms": round(statistics.median(apart), 1),
        "most_ms": round(max(abs(x) for x in apart), 1),
    }


def main() -> None:
    """Run what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="scripts/bench latency")
    parser.add_argument("--turns", type=int, default=40, help="answers to measure (40: about six minutes)")
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="go on for at least so long, for memory and glitches"
    )
    parser.add_argument("--profile", default="standard", help="turn-taking profile: quick, standard, patient")
    parser.add_argument("--model", help="recognition model (default: the best installed one that hears people)")
    parser.add_argument("--json", action="store_true", help="print one JSON object for machines")
    options = parser.parse_args()
    if why := missing():
        sys.exit(f"bench: {why}")
    with Sound() as sound, tempfile.TemporaryDirectory() as folder:
        sound.room()
        time.sleep(2)
        result = call(sound, options.turns, options.minutes, options.profile, options.model, Path(folder) / "s")
        result["in_step"] = in_step(30.0)
    result["load"] = [round(x, 1) for x in os.getloadavg()]
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(f"\nFrom the learner's last sound to the customer's first, {result['turns']} turns, milliseconds")
    for part, values in result["milliseconds"].items():
        print(f"  {part:<14} median {values['median']:5d}   p95 {values['p95']:5d}   most {values['most']:5d}")
    print(f"  cut off: {result['cut_off_percent']} % of the learner's turns")
    for part, value in result["cpu_percent"].items():
        print(f"CPU of one core, {part}: {value} %")
    print(f"Memory, MB, minute by minute: {', '.join(str(m) for m in result['memory_mb'])}")
    print(
        "Glitches in {} minutes: {}".format(
            result["minutes"], ", ".join(f"{k} {v}" for k, v in result["glitches"].items())
        )
    )
    step = result["in_step"]
    print(f"Both channels in step within {step['most_ms']} ms (median {step['median_ms']}, {step['measured']} pieces)")
    print(f"Load of the machine: {result['load']}")


if __name__ == "__main__":
    main()
