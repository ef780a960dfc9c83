"""The customer's voice: the real engine speaks here, and stand-ins for it only where it has to break."""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from voicetrainer.errors import VoiceError
from voicetrainer.roleplay.events import Band
from voicetrainer.speech import voice as door
from voicetrainer.speech.audio import Samples
from voicetrainer.speech.voice import RATE, Voice, available, delivery, engine, respelt, sayable

LINE = "I have been waiting for my parcel for two weeks, and nobody tells me anything."
BANDS = {Band.CALM: 1.0, Band.ANNOYED: 4.0, Band.ANGRY: 6.5, Band.FURIOUS: 9.0}
NAMES = [info.name for info in available()]


@pytest.fixture
def voice() -> Iterator[Voice]:
    with Voice("woman-1") as ready:
        yield ready


def pitch(clip: Samples) -> tuple[float, float]:
    """Median in hertz and spread in semitones of the loud, clearly periodic frames, by autocorrelation."""
    size = 1024
    window = np.hanning(size)
    frames = np.lib.stride_tricks.sliding_window_view(clip, size)[::160]
    level = np.sqrt((frames**2).mean(1))
    frames = frames[level > 0.15 * level.max()] * window
    spectrum = np.abs(np.fft.rfft(frames, 2 * size)) ** 2
    window_alone = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * size)) ** 2)[: RATE // 60]
    similar = np.fft.irfft(spectrum)[:, : RATE // 60] / window_alone
    similar /= similar[:, :1]
    shortest = RATE // 500
    best = shortest + similar[:, shortest:].argmax(1)
    found = RATE / best[similar[np.arange(len(best)), best] > 0.6]
    middle = float(np.median(found))
    semitones = 12 * np.log2(found / middle)
    return middle, float(semitones[np.abs(semitones) < 9].std())


def level(clip: Samples) -> float:
    """RMS of the loud frames, dB."""
    frames = np.sqrt((clip[: len(clip) // 320 * 320].reshape(-1, 320) ** 2).mean(1))
    return float(20 * np.log10(np.sqrt((frames[frames > 0.1 * frames.max()] ** 2).mean())))


# ------------------------------------------------------------------------------------------------- what can be said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It cost £12.50 & more.", "It cost 12 pounds 50 and more."),
        ("£1 or £20.", "1 pound or 20 pounds."),
        ("£1,250.00", "1,250 pounds"),
        ("$5-10", "5 dollars to 10"),
        ("order AB-1042", "order AB 1 0 4 2"),
        ("My order is 104233!", "My order is 1 0 4 2 3 3!"),
        ("order number 4417, in 2024", "order number 4 4 1 7, in 2024"),
        ("ref #123", "ref number 1 2 3"),
        ("call 0800-1111", "call 0 8 0 0, 1111"),
        ("3–5 days, 24/7 and/or 12,000", "3 to 5 days, 24 7 and or 12,000"),
        ("“Well” — don’t", "Well, don't"),
        ("  two\nlines\tin one ", "two lines in one"),
        ("Ms. Patel paid 50%", "Miz Patel paid 50%"),
        ("a two-week wait at 10:30", "a two-week wait at 10:30"),
        ("cafe\u0301 Łódź", "café Łódź"),
    ],
)
def test_says_signs_and_numbers_as_people_do(text: str, said: str) -> None:
    assert sayable(text) == said


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("It does not close the account.", "It does not cloze the account."),
        ("Close this, and they close at eight.", "Cloze this, and they close at eight."),
        ("It was close. Stay close to me.", "It was close. Stay close to me."),
        ("I have to read that. I have read it.", "I have to reed that. I have read it."),
        ("What's your excuse? Excuse me!", "What's your excuce? Excuse me!"),
        ("I am content with the content.", "I am contentt with the content."),
        ("She used to wait. He used nine of them.", "She yoost to wait. He used nine of them."),
        ("I've just got used to you.", "I've just got yoost to you."),
        ("Hm. Yes, and mm.", "hmm. Yes, and hmm."),
        ("It is 5 mm.", "It is 5 mm."),
        ("I daren't.", "I dairnt."),
    ],
)
def test_spells_words_so_that_the_right_one_is_said(text: str, spelt: str) -> None:
    assert respelt(text) == spelt


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no words"),
        (" \n ", "no words"),
        ("...!?", "no words"),
        ("x" * 1001, "1001 characters"),
        ("[[h@l'oU]]", "left square bracket"),
        ("<break time='1s'/> hello", "less-than sign"),
        ("this is *bad*", "asterisk"),
        ("hello {name}", "left curly bracket"),
        ("a\x00b", "control character"),
        ("my \u200bparcel", "zero width space"),
        ("so angry 😡", "pouting face"),
        ("你好", "cjk"),
    ],
)
def test_refuses_what_would_be_misread(text: str, named: str) -> None:
    with pytest.raises(VoiceError, match=named) as problem:
        sayable(text)
    assert problem.value.hint
    assert "\n" not in problem.value.message


def test_refuses_before_the_engine_is_asked(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(VoiceError, match="asterisk"):
        voice.render("*", 1)


# ---------------------------------------------------------------------------------------------------------- anger


def test_delivery_never_falls_and_steps_up_at_each_band() -> None:
    steps = [delivery(tenths / 10) for tenths in range(101)]
    for lower, higher in itertools.pairwise(steps):
        assert all(a <= b for a, b in zip(astuple(lower), astuple(higher), strict=True))
    inside = {band: delivery(anger) for band, anger in BANDS.items()}
    assert [Band.of(anger) for anger in BANDS.values()] == list(Band)
    for lower, higher in itertools.pairwise(inside.values()):
        assert higher.rate - lower.rate >= 20
    assert delivery(-1) == delivery(0)
    assert delivery(11) == delivery(10)


@pytest.mark.parametrize("name", NAMES)
def test_anger_is_heard_in_rate_pitch_liveliness_and_level(name: str) -> None:
    with Voice(name) as voice:
        clips = [voice.render(LINE, anger) for anger in BANDS.values()]
    for calmer, angrier in itertools.pairwise(clips):
        assert len(angrier) < 0.94 * len(calmer)
        assert pitch(angrier)[0] > 1.06 * pitch(calmer)[0]  # a semitone
        assert level(angrier) > level(calmer) + 1.2
    assert pitch(clips[-1])[1] > 1.08 * pitch(clips[0])[1]  # not shouted in a monotone
    assert max(np.abs(clip).max() for clip in clips) < 0.9


def test_voices_differ_in_base_pitch() -> None:
    base = []
    for name in NAMES:
        with Voice(name) as voice:
            base.append(pitch(voice.render(LINE, 0))[0])
    base.sort()
    assert all(higher > 1.08 * lower for lower, higher in itertools.pairwise(base)), base
    assert 80 < base[0] < base[-1] < 260


# ---------------------------------------------------------------------------------------------------------- clips


def test_a_clip_is_ready_to_play(voice: Voice, capfd: pytest.CaptureFixture[str]) -> None:
    clip = voice.render("Take it back.", 10)
    assert clip.dtype == np.float32
    assert clip.ndim == 1
    assert 0.5 < len(clip) / RATE < 1.5
    assert clip[0] == clip[-1] == 0
    heard = np.flatnonzero(np.abs(clip) > 0.01) / RATE
    assert heard[0] < 0.06
    assert len(clip) / RATE - heard[-1] < 0.12
    assert np.abs(clip[:80]).max() < 0.01
    assert np.abs(clip[-80:]).max() < 0.01
    assert capfd.readouterr() == ("", "")


def test_a_long_line_is_complete(voice: Voice) -> None:
    once = len(voice.render(LINE, 5))
    many = len(voice.render(" ".join([LINE] * 12), 5))
    assert many / RATE > 45
    assert many == pytest.approx(12 * once, rel=0.1)


def test_the_longest_line_of_numbers_is_spoken(voice: Voice) -> None:
    assert len(voice.render("7" * 1000, 0)) / RATE > 200


def test_same_samples_in_another_process_and_after_other_lines(voice: Voice) -> None:
    voice.render("Something else, and quickly!", 9)
    here = voice.render(LINE, 3)
    code = (
        "import sys; from voicetrainer.speech.voice import Voice\n"
        f"with Voice('woman-1') as v: sys.stdout.buffer.write(v.render({LINE!r}, 3).tobytes())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert here.tobytes() == there


@pytest.mark.slow
def test_same_samples_on_a_busy_machine() -> None:
    clips: set[bytes] = set()

    def speak() -> None:
        with Voice("woman-1") as voice:
            for _ in range(30):
                clips.add(voice.render(LINE, 2.5).tobytes())

    threads = [threading.Thread(target=speak) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clips) == 1


# ------------------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("name", ["", "nobody", "woman-9", "../../etc/passwd", "en-us+../f3", "en us", "en;ls"])
def test_an_unknown_voice_is_refused_at_once_or_by_the_engine(name: str) -> None:
    with pytest.raises(VoiceError) as problem, Voice(name) as voice:
        voice.render("Hello.", 1)
    assert "woman-1" in problem.value.hint


@pytest.mark.parametrize("name", ["en-us+zz9", "zz", "zz+f3"])
def test_a_voice_or_variant_that_espeak_lacks_is_an_error(name: str) -> None:
    with Voice(name) as voice, pytest.raises(VoiceError, match=re.escape(name)):
        voice.render("Hello.", 1)


def test_a_voice_of_espeak_works_by_its_own_name() -> None:
    with Voice("en-us+f3") as voice:
        assert voice.render("Hello.", 1).size


def test_a_waiting_process_that_was_killed_is_replaced(voice: Voice) -> None:
    voice.warm_up()
    assert voice._next is not None
    voice._next.kill()
    assert voice.render("Hello.", 1).size


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> None:
    """Let the speaking process find these modules before the installed ones."""
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import time; time.sleep(60)", "did not answer within 1 seconds"),
        ("import ctypes; ctypes.CDLL(None).sleep(60)", "did not answer within 1 seconds"),
        ("import os; os.abort()", "stopped unexpectedly"),
        ("import os; os._exit(0)", "stopped unexpectedly"),
        ("raise RuntimeError('no eSpeak')", "no working espeak-ng"),
    ],
)
def test_an_engine_that_hangs_or_dies_costs_one_line(
    code: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Voice("man-1") as voice:
        with monkeypatch.context() as broken:
            stand_in(tmp_path, broken, pyttsx3=code)
            if "sleep" in code:
                broken.setattr(door, "TIMEOUT", 1.0)
            began = time.monotonic()
            with pytest.raises(VoiceError, match=message):
                voice.render("Hello.", 1)
            assert time.monotonic() - began < 10
        assert voice.render("Hello.", 1).size


def test_an_engine_that_hangs_once_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hung = tmp_path / "hung"
    once = (
        "import pathlib, sys, time\n"
        f"hung = pathlib.Path({str(hung)!r})\n"
        "if not hung.exists(): hung.touch(); time.sleep(60)\n"
        f"sys.path.remove({str(tmp_path)!r}); del sys.modules['pyttsx3']\n"
        "import pyttsx3\n"
    )
    stand_in(tmp_path, monkeypatch, pyttsx3=once)
    monkeypatch.setattr(door, "_FIRST", 1.0)
    with Voice("man-1") as voice:
        assert voice.render("Hello.", 1).size
    assert hung.exists()


def test_sound_that_pyttsx3_cannot_collect_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The real engine with a `wave` that fails: pyttsx3 swallows the error and never says that it has finished.
    fails = (
        "import sys\n"
        f"sys.path.remove({str(tmp_path)!r}); del sys.modules['wave']\n"
        "import wave\n"
        "def fail(*_, **__): raise OSError(28, 'No space left on device')\n"
        "wave.open = fail\n"
    )
    stand_in(tmp_path, monkeypatch, wave=fails)
    monkeypatch.setattr(door, "TIMEOUT", 1.5)
    with Voice("man-1") as voice, pytest.raises(VoiceError, match="did not answer"):
        voice.render("Hello.", 1)


def has_system_library() -> bool:
    try:
        ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        return False
    return True


no_loader = {"espeakng_loader": "raise ImportError"}


@pytest.mark.skipif(has_system_library(), reason="the system has espeak-ng: it cannot be missing here")
def test_without_any_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, **no_loader)
    with Voice("man-1") as voice, pytest.raises(VoiceError, match="no working espeak-ng") as problem:
        voice.render("Hello.", 1)
    assert "voicetrainer[espeak]" in problem.value.hint
    assert "scripts/setup" in problem.value.hint


@pytest.mark.skipif(has_system_library(), reason="the system has espeak-ng already")
def test_the_systems_library_is_used_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, voice: Voice
) -> None:
    loader = pytest.importorskip("espeakng_loader")
    (tmp_path / "libespeak-ng.so.1").symlink_to(loader.get_library_path())
    expected = voice.render("Hello.", 1)
    stand_in(tmp_path, monkeypatch, **no_loader)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.setenv("ESPEAK_DATA_PATH", loader.get_data_path())
    with Voice("woman-1") as other:
        assert other.render("Hello.", 1).tobytes() == expected.tobytes()


# ------------------------------------------------------------------------------------------------------- processes


def test_engine_names_what_speaks() -> None:
    assert re.fullmatch(r"pyttsx3 \d[\w.]*, espeak-ng \d[\w.-]*", engine())


def test_close_leaves_no_process_behind() -> None:
    voice = Voice("man-2")
    voice.warm_up()
    waiting = voice._next
    assert waiting is not None
    voice.warm_up()
    assert voice._next is waiting
    voice.close()
    assert waiting.returncode is not None
    voice.close()


@pytest.mark.skipif(sys.platform == "win32", reason="has no process groups")
def test_ctrl_c_is_for_the_call_and_not_for_the_waiting_process(voice: Voice) -> None:
    voice.warm_up()
    assert voice._next is not None
    assert os.getpgid(voice._next.pid) != os.getpgid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="looks at process ids")
def test_the_waiting_process_ends_when_the_call_is_killed() -> None:
    code = (
        "import time; from voicetrainer.speech.voice import Voice\n"
        "v = Voice('man-2'); v.warm_up(); print(v._next.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as call:
        assert call.stdout is not None
        pid = int(call.stdout.readline())
        os.kill(pid, 0)
        call.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return
        if state == "Z":  # nobody collects it in this container
            return
        time.sleep(0.05)
    pytest.fail("it still waits for an order")
