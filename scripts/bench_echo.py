"""What cancellers of others' do to synthetic echoes, and to a learner who speaks at the same time.

None of them is a dependency; in an environment of its own, from the root of a clone:
``uv run --with livekit --with pyaec --with-editable '.[espeak,dev]' --no-project python scripts/bench_echo.py``
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from tests.speech.test_echo import LINES, echo, room  # noqa: E402
from voicetrainer import models  # noqa: E402
from voicetrainer.evaluate.words import word_errors  # noqa: E402
from voicetrainer.speech.activity import FRAME, Activity  # noqa: E402
from voicetrainer.speech.audio import RATE, Samples, pcm16, read  # noqa: E402
from voicetrainer.speech.recognizer import Recognizer  # noqa: E402
from voicetrainer.speech.voice import Voice  # noqa: E402

SAID = "i am so sorry to hear that you stayed at home for two days and nobody came that must be really frustrating"
STARTS = (13, 24)
"""Seconds at which the learner speaks, too."""

Canceller = Callable[[Samples, Samples], Samples]


def nothing(microphone: Samples, customer: Samples) -> Samples:
    """Leave the echo where it is."""
    del customer
    return microphone


def webrtc(microphone: Samples, customer: Samples) -> Samples:
    """WebRTC's canceller, as livekit wraps it."""
    rtc: Any = importlib.import_module("livekit.rtc")
    apm, out = rtc.AudioProcessingModule(echo_cancellation=True), np.zeros_like(microphone)
    for at in range(0, len(microphone) - 160, 160):
        played, heard = (
            rtc.AudioFrame(pcm16(x[at : at + 160]).tobytes(), RATE, 1, 160) for x in (customer, microphone)
        )
        apm.process_reverse_stream(played)
        apm.set_stream_delay_ms(0)
        apm.process_stream(heard)
        out[at : at + 160] = np.frombuffer(heard.data, np.int16) / 32768
    return out


def speex(microphone: Samples, customer: Samples) -> Samples:
    """Speex's canceller, as pyaec wraps it."""
    pyaec: Any = importlib.import_module("pyaec")
    aec, out = pyaec.Aec(FRAME, RATE // 2, RATE, True), np.zeros_like(microphone)
    for at in range(0, len(microphone) - FRAME, FRAME):
        heard, played = (pcm16(x[at : at + FRAME]).tolist() for x in (microphone, customer))
        out[at : at + FRAME] = np.array(aec.cancel_echo(heard, played)) / 32768
    return out


def main() -> None:
    """Print the table."""
    with Voice("woman-1") as voice:
        lines = [voice.render(*line) for line in LINES * 2]
    customer = np.concatenate([x for line in lines for x in (line, np.zeros(24_000, np.float32))])
    clip = read(ROOT / "scenarios" / "recordings" / "late-parcel" / "calm" / "1-heard.flac")
    learner = np.zeros_like(customer)
    for start in STARTS:
        learner[start * RATE : start * RATE + len(clip)] += clip[: len(learner) - start * RATE]
    recognizer = Recognizer(models.choose("vosk-voicetrainer-starter-0.1").path)

    def misheard(sound: Samples) -> float:
        wrong = 0
        for start in STARTS:
            hearing = recognizer.utterance()
            hearing.feed(sound[start * RATE - 4000 : start * RATE + len(clip) + 4000])
            wrong += word_errors(SAID, " ".join(w.text for w in hearing.finish(0.0))).total
        return 100 * wrong / (len(STARTS) * len(SAID.split()))

    def voiced(sound: Samples) -> float:
        activity = Activity()
        frames = [activity.step(sound[i : i + FRAME]) for i in range(0, len(sound) - FRAME, FRAME)]
        return sum(frames[10 * RATE // FRAME :]) * FRAME / RATE

    known: dict[str, Canceller] = {"none": nothing}
    known |= {"webrtc": webrtc} if importlib.util.find_spec("livekit") else {}
    known |= {"speex": speex} if importlib.util.find_spec("pyaec") else {}
    print("canceller  delay  level  taken off  voice that is none, after 10 s  learner misheard while both speak")
    for name, cancel in known.items():
        alone = learner + room()[: len(learner)]
        before = time.process_time()
        print(f"{name:<9}  the learner alone: {misheard(cancel(alone, customer)):.0f} % misheard", end="")
        print(f", {(time.process_time() - before) / len(alone) * RATE * 1000:.0f} ms a second with recognition")
        for delay in (0.02, 0.08, 0.25):
            for level in (-10, -20, -30):
                back = echo(customer, delay, level, 0.3) + room()[: len(customer)]
                left = cancel(back, customer)
                off = 10 * np.log10((back[10 * RATE :] ** 2).mean() / ((left[10 * RATE :] ** 2).mean() + 1e-12))
                print(
                    f"{name:<9}  {delay * 1000:3.0f} ms  {level} dB  {off:6.0f} dB  {voiced(left):28.1f} s"
                    f"  {misheard(cancel(back + learner, customer)):32.0f} %"
                )


if __name__ == "__main__":
    main()
