"""What the program costs: CPU by part, speed against real time, start-up, memory. Ratios hold within one run only."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CALM = ROOT / "scenarios" / "recordings" / "late-parcel" / "calm"

# A customer who neither hangs up nor is ever content, so that a call lasts as long as its clips.
ENDLESS = """
format: 1
id: endless
title: A call without end
business: bench
difficulty: 1
minutes: 60
briefing: For measuring.
goals: [none]
facts: {}
customer: {name: Nobody, anger: 5, about: nobody}
mood: {stalling: 0, dead_air: 0, dragging: 0}
stages:
  - id: heard
    about: nothing
    needs: [boundary]
    lines:
      calm: [Go on then., What else is there to say about it., I am listening to you now.]
endings:
  resolved: {anger_at_most: 0, lines: [Goodbye.]}
  hung_up: {lines: [Goodbye.]}
  out_of_time: {lines: [Goodbye.]}
"""


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of some work, in this process and in those it waited for."""

    def used() -> float:
        return sum(
            u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )

    before = used()
    work()
    return used() - before


def parts() -> dict[str, float]:
    """CPU milliseconds for each second of audio, by part; techniques for each second that it takes to say the words."""
    import numpy as np

    from voicetrainer import models
    from voicetrainer.detector import load_shipped
    from voicetrainer.evaluate import manifest
    from voicetrainer.speech import prosody
    from voicetrainer.speech.activity import FRAME, Activity
    from voicetrainer.speech.audio import RATE, read
    from voicetrainer.speech.recognizer import Recognizer
    from voicetrainer.speech.voice import Voice

    rows = manifest.read(CALM / "manifest.csv", ("path", "text"))
    clips = [read(CALM / row["path"]) for row in rows]
    seconds = sum(map(len, clips)) / RATE
    recognizer = Recognizer(models.choose("vosk-voicetrainer-starter-0.1").path)
    detector = load_shipped()
    prosody.warm_up()

    def recognise() -> None:
        for clip in clips:
            hearing = recognizer.utterance()
            for block in np.array_split(clip, max(1, len(clip) // 1600)):
                hearing.feed(block)
            hearing.finish(0.0)

    def activity() -> None:
        vad = Activity()
        for clip in clips:
            for i in range(0, len(clip) - FRAME, FRAME):
                vad.step(clip[i : i + FRAME])

    line = "I ordered boots on Monday. I paid for next day delivery. It's been days, and nothing has come!"
    spoken: list[int] = []

    def speak() -> None:
        voice = Voice("woman-1")
        spoken.extend(len(voice.render(line, anger)) for anger in (1.0, 4.0, 6.0, 9.0))
        voice.close()

    per_second = {
        "recogniser": cpu(recognise) / seconds,
        "prosody": cpu(lambda: [prosody.measure(clip) for clip in clips]) / seconds,
        "voice activity": cpu(activity) / seconds,
        "techniques": cpu(lambda: [detector.detect(row["text"], line) for row in rows]) / seconds,
    }
    per_second["customer's voice"] = cpu(speak) / (sum(spoken) / RATE)
    return {name: round(value * 1000, 2) for name, value in per_second.items()}


def prosody_costs() -> dict[str, float]:
    """CPU milliseconds of prosody for each second of audio, and its delay; Praat's pitch beside it where it is at hand.

    Praat (parselmouth, GPL) is no dependency: ``uv pip install praat-parselmouth`` puts it beside for this.
    """
    from voicetrainer.evaluate import manifest
    from voicetrainer.roleplay import steadiness
    from voicetrainer.speech import prosody
    from voicetrainer.speech.audio import RATE, read
    from voicetrainer.speech.pitch import HIGHEST, LOWEST

    clips = [read(CALM / row["path"]) for row in manifest.read(CALM / "manifest.csv", ("path",))] * 3
    seconds = sum(map(len, clips)) / RATE
    prosody.warm_up()

    def streaming(block: int) -> float:
        behind = 0.0
        for clip in clips:
            tracker = prosody.ProsodyTracker()
            for i in range(0, len(clip), block):
                tracker.feed(clip[i : i + block])
                known = sum(map(len, tracker._pitches)) * prosody.HOP
                behind = max(behind, (min(i + block, len(clip)) - known) / RATE)
            tracker.finish()
        return behind

    measured = [prosody.measure(clip) for clip in clips]
    calm = steadiness.calibrate(measured[:1])
    per_second = {
        "batch": cpu(lambda: [prosody.measure(clip) for clip in clips]) / seconds,
        "streaming, 20 ms at a time": cpu(lambda: streaming(320)) / seconds,
        "streaming, 100 ms at a time": cpu(lambda: streaming(1600)) / seconds,
        "steadiness from it": cpu(lambda: [steadiness.judge(m, calm, 0.0, 1) for m in measured]) / seconds,
    }
    if importlib.util.find_spec("parselmouth"):
        praat: Any = importlib.import_module("parselmouth")
        sounds = [praat.Sound(clip.astype("float64"), RATE) for clip in clips]
        step = prosody.HOP / RATE
        work = cpu(lambda: [s.to_pitch_ac(time_step=step, pitch_floor=LOWEST, pitch_ceiling=HIGHEST) for s in sounds])
        per_second["Praat's pitch alone, batch"] = work / seconds
    costs = {name: round(value * 1000, 2) for name, value in per_second.items()}
    return costs | {"delay_ms": round(streaming(prosody.HOP) * 1000)}


def prosody_memory(minutes: int) -> float:
    """Megabytes by which the process grows at most from the second to the last minute of one utterance."""
    import numpy as np

    from voicetrainer.evaluate import manifest
    from voicetrainer.speech import prosody
    from voicetrainer.speech.audio import RATE, read

    rows = manifest.read(CALM / "manifest.csv", ("path",))
    minute = np.resize(np.concatenate([read(CALM / row["path"]) for row in rows]), 60 * RATE)
    tracker = prosody.ProsodyTracker()
    sizes = []
    for _ in range(minutes):
        for i in range(0, len(minute), 1600):
            tracker.feed(minute[i : i + 1600])
        sizes.append(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize())
    tracker.finish()
    return round((max(sizes) - sizes[1]) / 1e6, 1)


def headless() -> dict[str, float]:
    """Time the shipped calm learner's whole run against the length of the call."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "voicetrainer",
            "run",
            "late-parcel",
            str(CALM),
            "--sessions",
            folder,
            "--json",
        ]
        before = time.perf_counter()
        out = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        took = time.perf_counter() - before
    length = json.loads(out.stdout)["seconds"]
    return {"call_seconds": length, "took_seconds": round(took, 2), "times_real_time": round(length / took, 1)}


def start_up(times: int = 7) -> dict[str, float]:
    """Seconds until --help is printed against a Python that does nothing, and until a call's first frame: medians."""

    def median(*command: str) -> float:
        took = []
        for _ in range(times):
            before = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True, cwd=ROOT)
            took.append(time.perf_counter() - before)
        return statistics.median(took)

    bare, help_ = median("-c", "pass"), median("-m", "voicetrainer", "--help")
    first = median(str(Path(__file__)), "--first-frame")
    return {
        "python": round(bare, 3),
        "help": round(help_, 3),
        "help_more": round(help_ - bare, 3),
        "first_frame": round(first - bare, 3),
    }


def first_frame() -> None:
    """Everything that a call needs before its first frame, and that frame."""
    call(0.0)


def call(minutes: float) -> dict[str, float]:
    """A call of some length; its peak memory in MB."""
    from voicetrainer import models
    from voicetrainer.call import SpokenLine, hold
    from voicetrainer.detector import load_shipped
    from voicetrainer.recording import Recorder
    from voicetrainer.roleplay import scenario, steadiness
    from voicetrainer.roleplay.customer import Customer
    from voicetrainer.roleplay.events import Decision, Fact, Header
    from voicetrainer.speech import prosody
    from voicetrainer.speech.ears import Ears
    from voicetrainer.speech.recognizer import Recognizer
    from voicetrainer.speech.voice import Voice
    from voicetrainer.transports.fixture import Fixture, load_cues

    calm, cues = load_cues([CALM])
    assert calm is not None
    parsed = scenario.parse(ENDLESS, "endless")
    baseline = steadiness.calibrate([prosody.measure(calm)])
    ears = Ears(Recognizer(models.choose("vosk-voicetrainer-starter-0.1").path))
    many = [replace(cue, during=None) for cue in cues if cue.during is None]
    transport = Fixture(many * 400)
    voice = Voice("woman-1")
    header = Header("endless", ENDLESS, "fixture", "bench", baseline=baseline)
    last = 0.0

    with tempfile.TemporaryDirectory() as folder, Recorder(Path(folder) / "s", header, audio=True) as recorder:

        def record(event: Fact | Decision) -> None:
            nonlocal last
            recorder.write(event)
            last = event.t
            if last >= minutes * 60:
                raise TimeoutError

        line = SpokenLine(transport, ears, voice.render, recorder.frames)
        with contextlib.suppress(TimeoutError):
            hold(Customer(parsed, load_shipped(), baseline), line, record)
    voice.close()
    return {"minutes": round(last / 60, 1), "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}


def memory(lengths: tuple[float, ...]) -> list[dict[str, float]]:
    """Peak memory of calls of some lengths, each in a process of its own."""
    out: list[dict[str, float]] = []
    for minutes in lengths:
        command = [sys.executable, str(Path(__file__)), "--call", str(minutes)]
        out.append(json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout))
        print(f"  {out[-1]['minutes']:>5} minutes: {out[-1]['peak_mb']} MB", file=sys.stderr)
    return out


def main() -> None:
    """Run what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/bench")
    parser.add_argument("--long", action="store_true", help="memory of a call of 60 minutes too (some minutes of work)")
    parser.add_argument("--json", action="store_true", help="print one JSON object for machines")
    parser.add_argument("--call", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--first-frame", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first_frame:
        first_frame()
        return
    if options.call:
        print(json.dumps(call(options.call)))
        return
    result: dict[str, Any] = {}
    for name, work in (
        ("cpu_ms_per_second", parts),
        ("prosody", prosody_costs),
        ("headless", headless),
        ("start_up", start_up),
        ("prosody_grows_mb", lambda: {m: prosody_memory(m) for m in (60 if options.long else 10,)}),
        ("memory", lambda: memory((1.0, 10.0, 60.0) if options.long else (1.0, 10.0))),
    ):
        print(f"{name} ...", file=sys.stderr)
        result[name] = work()
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print("CPU, milliseconds for each second of audio")
    for part, value in result["cpu_ms_per_second"].items():
        print(f"  {part:<18} {value:8.2f}")
    print("Of prosody")
    for part, value in result["prosody"].items():
        if part != "delay_ms":
            print(f"  {part:<28} {value:6.2f}")
    print(f"  pitch is known {result['prosody']['delay_ms']} ms behind the audio at most")
    run, start = result["headless"], result["start_up"]
    print(
        f"Headless run: {run['call_seconds']} s of call in {run['took_seconds']} s, "
        f"{run['times_real_time']} times as fast as real time"
    )
    print(f"Start-up: --help {start['help']} s, {start['help_more']} s more than Python alone ({start['python']} s)")
    print(f"First frame of a call after {start['first_frame']} s")
    for minutes, grown in result["prosody_grows_mb"].items():
        print(f"An utterance of {minutes} minutes takes {grown} MB more than one of two")
    print("Peak memory: " + ", ".join(f"{m['peak_mb']} MB at {m['minutes']} minutes" for m in result["memory"]))


if __name__ == "__main__":
    main()
