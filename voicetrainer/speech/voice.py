"""The customer's voice: text and anger in, samples out. The one door to pyttsx3 and, below it, espeak-ng.

Every line is spoken by a process of its own, started ahead of time and gone when the line is rendered, because

- espeak-ng carries state from one utterance to the next, so that only a fresh one says the same line with the same
  samples each time;
- pyttsx3 lets the C library read past the end of the text, and an error while it collects the sound leaves it waiting
  for ever: whatever hangs or crashes there can be ended and costs one line, never the call;
- a process starts while the customer still speaks the line before, so that the call waits about 20 ms for a line.

::

    Voice.render ──json──> python -m voicetrainer.speech.voice ──> pyttsx3 ──> espeak-ng
                 <──sound──
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO

from voicetrainer.errors import VoiceError

if TYPE_CHECKING:  # numpy and pydantic would only slow the speaking process down
    from collections.abc import Callable
    from types import TracebackType

    from voicetrainer.speech.audio import Samples

RATE = 16_000
"""Samples a second of what `Voice.render` returns."""
LONGEST = 1000
"""Characters in the longest line that is spoken: more than a minute of speech."""
TIMEOUT = 30.0
"""Seconds after which a line that is not rendered is given up; it takes about 0.1 s, the longest one up to 10."""
_FIRST, _FIRST_LONGEST = 4.0, 10.0
"""Seconds after which another process is tried, for no text and for `LONGEST`: a line that takes longer hangs."""

_ENGINE_RATE = 22_050  # what pyttsx3 writes, whatever the voice
_INSTALL = "run scripts/setup, or install the extra 'espeak' (voicetrainer[espeak]) or your system's espeak-ng"


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    """A customer's voice."""

    name: str
    """What a scenario calls it."""
    about: str
    """How it sounds, in a few words."""
    espeak: str
    """espeak-ng's voice and variant."""
    pitch: int
    """Pitch setting when calm, 0 to 99; 50 is the variant's own pitch."""


_VOICES = (
    VoiceInfo("woman-1", "a woman, British, clear", "en+f2", 48),
    VoiceInfo("woman-2", "a woman, British, lower", "en+f4", 42),
    VoiceInfo("woman-3", "a woman, American, bright", "en-us+f3", 56),
    VoiceInfo("man-1", "a man, British, middle-aged", "en+m3", 54),
    VoiceInfo("man-2", "a man, American, deep", "en-us+m4", 44),
    VoiceInfo("man-3", "a man, northern English, light", "en-gb-x-gbclan+m7", 66),
)


def available() -> list[VoiceInfo]:
    """Voices a scenario can give its customer. Any voice of espeak-ng works as well by its own name (``en-us+f3``)."""
    return list(_VOICES)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a line is said, in espeak-ng's units."""

    rate: int
    """Words a minute."""
    pitch: int
    """Added to the voice's calm pitch setting."""
    spread: int
    """Pitch range, 0 (flat) to 99; a raised voice with the range of a calm one sounds bored, not angry."""
    volume: int
    """0 to 100."""


def delivery(anger: float) -> Delivery:
    """How somebody with this anger (0 to 10) speaks: faster, higher, livelier and louder, with a step at each band."""
    from voicetrainer.roleplay.events import Band

    anger = min(max(0.0, anger), 10.0)
    band = list(Band).index(Band.of(anger))
    return Delivery(
        rate=round(138 + 18 * band + 3 * anger),
        pitch=round(7 * band + 1.2 * anger),
        spread=round(45 + 8 * band + 2 * anger),
        volume=round(38 + 9.5 * band + 1.8 * anger),
    )


# ------------------------------------------------------------------------------------------------- what can be said


def _digits(number: str) -> str:
    return " ".join(c for c in number if c.isdigit())


def _money(match: re.Match[str]) -> str:
    unit = {"£": "pound", "$": "dollar", "€": "euro"}[match[1]] + ("" if match[2] == "1" else "s")
    pence = int(match[3] or 0)
    return f"{match[2]} {unit}{f' {pence}' if pence else ''}"


# In this order. What espeak-ng makes of the left side: "pound twelve point five", "nine dash five", "hash", "em ess",
# "a hundred and four thousand two hundred and thirty-three" for an order.
_SPOKEN: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"[‘’]", "'"),
    (r"[“”„«»\"]", " "),
    (r"(?<![\d-])(\d{1,2})\s?[–-]\s?(?=\d{1,2}(?![\d-]))", r"\1 to "),
    (r"([£$€])(\d[\d,]*)(?:\.(\d\d))?(?![\d.]*\w)", _money),
    (r"\b([A-Z]{1,3})-?(\d[\d-]{2,})([A-Z]{0,3})\b", lambda m: f"{m[1]} {_digits(m[2])} {m[3]}"),
    (r"(?<=\d)-(?=\d)|\s*[–—]+\s*|\s-+\s", ", "),
    (r"#\s*(?=\d)|\b[Nn]o\.\s*(?=\d)", " number "),
    (r"(?<![\d.,:])(?:\d{5,}|0\d+)\b", lambda m: _digits(m[0])),
    (
        r"(?i)\b((?:order|reference|account|parcel|tracking|invoice|ticket|number)(?: number)?)\s+(\d{3,})\b",
        lambda m: f"{m[1]} {_digits(m[2])}",
    ),
    (r"&", " and "),
    (r"@", " at "),
    (r"\+", " plus "),
    (r"=", " equals "),
    (r"(?<=\d)/(?=\d)|(?<=and)/(?=or)", " "),
    (r"/", " or "),
    (r"\bMs\b\.?", "Miz"),
    (r"\s+", " "),
)
_PLAIN = frozenset(" .,;:!?'()-%")

# Words that espeak-ng says otherwise than people: where two are written alike ("I'll cloce the account", "I have to red
# that", "what's your excuze", "I am kontent", "I uzed to"), sounds that it spells ("aitch em"), a word, and names.
_RESPELT: tuple[tuple[str, str], ...] = (
    (r"\b([Cc])lose(?= (?:the|this|that|it|your|my|our|an?)\b)", r"\1loze"),
    (r"\b((?:have|has|had|having) to) read\b", r"\1 reed"),
    (r"\b([Yy]our|[Mm]y|[Hh]is|[Hh]er|[Tt]heir|[Oo]ur) excuse\b", r"\1 excuce"),
    (r"\b(am|is|are|was|were|be|quite) content\b", r"\1 contentt"),
    (r"\b((?i:i|you|he|she|it|we|they|who|mother|father|gets?|got)) used to\b", r"\1 yoost to"),
    (r"(?<!\d )\b(?:[Hh]m|[Mm]m+)\b", "hmm"),
    (r"\b([Dd])aren't\b", r"\1airnt"),
    (r"\bOsei\b", "Oh-say"),
    (r"\bAmin\b", "Ameen"),
)


def sayable(text: str) -> str:
    """A line as it is spoken: signs and reference numbers in words that espeak-ng says as a person would.

    ``"£12.50 & order AB-1042"`` becomes ``"12 pounds 50 and order AB 1 0 4 2"``.

    Raises
    ------
    VoiceError
        If there is nothing to say, too much, or something that can only be misread: mark-up, brackets, symbols,
        letters that are not Latin. A scenario is best checked with this before its call.
    """
    where = f"the line {_short(text)!r}"
    if len(text) > LONGEST:
        raise VoiceError(f"{where} has {len(text)} characters, {LONGEST} can be spoken", "split it into two lines")
    said = unicodedata.normalize("NFKC", text)
    for pattern, word in _SPOKEN:
        said = re.sub(pattern, word, said)
    said = said.strip()
    for sign in said:
        if sign in _PLAIN or (sign.isascii() and sign.isalnum()) or unicodedata.name(sign, "").startswith("LATIN "):
            continue
        name = unicodedata.name(sign, "a control character").lower()
        raise VoiceError(
            f"{where} holds {sign!r} ({name}), which cannot be spoken", "write what the customer says in plain words"
        )
    if not any(sign.isalnum() for sign in said):
        raise VoiceError(f"{where} has no words to speak", "write what the customer says")
    return said


def respelt(said: str) -> str:
    """What `sayable` gives, spelled so that espeak-ng says the word that is meant: ``"cloze the account"``."""
    for pattern, word in _RESPELT:
        said = re.sub(pattern, word, said)
    return said


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else line[:39] + "…"


# ------------------------------------------------------------------------------------------------------- the voice


class Voice:
    """One customer's voice for one call.

    Parameters
    ----------
    voice
        A name of `available`, or a voice of espeak-ng with an optional variant, like ``en-us+f3``.

    Raises
    ------
    VoiceError
        If it is neither. Whether espeak-ng has such a voice is found out by the first `render`.
    """

    def __init__(self, voice: str = "woman-1") -> None:
        known = {info.name: info for info in _VOICES}
        if voice in known:
            self.info = known[voice]
        elif re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]+)*(\+[A-Za-z0-9_]+)?", voice):
            self.info = VoiceInfo(voice, "a voice of espeak-ng", voice, 40)
        else:
            raise VoiceError(f"there is no voice named {voice!r}", f"use one of {', '.join(known)}")
        self._next: subprocess.Popen[bytes] | None = None

    def warm_up(self) -> None:
        """Start the engine for the next line now, without waiting for it."""
        if self._next is None:
            self._next = _speaker()

    def render(self, text: str, anger: float) -> Samples:
        """Speak one line.

        Parameters
        ----------
        text
            What the customer says; see `sayable`.
        anger
            0 to 10, shown by rate, pitch, liveliness and loudness; see `delivery`.

        Returns
        -------
        Samples
            Shape (n,), float32, mono at 16 kHz, within -1 to 1 and never clipped; silence trimmed, ends faded. The
            same for the same voice, text and anger wherever the same version of espeak-ng speaks.

        Raises
        ------
        VoiceError
            If it cannot be spoken, within `TIMEOUT` and some seconds.
        """
        said, how = respelt(sayable(text)), delivery(anger)
        order = {
            "text": said,
            "voice": self.info.espeak,
            "rate": how.rate,
            "pitch": min(99, self.info.pitch + how.pitch),
            "range": min(99, how.spread),
            "volume": how.volume,
            "patience": TIMEOUT,
        }
        self.warm_up()
        speaker, self._next = self._next, None
        assert speaker is not None
        sound = _ask_twice(speaker, order)["sound"]
        self.warm_up()  # for the line after this one, while this one plays
        return _finish(sound, f"the line {_short(text)!r}")

    def close(self) -> None:
        """End the process that waits for the next line; the voice can be used again afterwards."""
        if self._next is not None:
            _end(self._next)
            self._next = None

    def __enter__(self) -> Voice:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@cache
def engine() -> str:
    """What speaks, for a session's header: ``pyttsx3 2.99, espeak-ng 1.52.0``.

    Raises
    ------
    VoiceError
        If nothing can speak on this machine.
    """
    return str(_ask_twice(_speaker(), {"patience": TIMEOUT})["engine"])


def _finish(sound: bytes, where: str) -> Samples:
    """16-bit samples of the engine as a clip: trimmed, resampled, faded, with headroom."""
    import numpy as np

    from voicetrainer.speech.audio import resample

    raw = np.frombuffer(sound[: len(sound) // 2 * 2], dtype="<i2").astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(raw) > 0.003)  # -50 dB: below what is heard after speech
    if not loud.size:
        raise VoiceError(f"{where} was rendered as silence", "write what the customer says in plain words")
    margin = np.zeros(round(0.02 * _ENGINE_RATE), dtype=np.float32)
    clip = resample(np.concatenate([margin, raw[loud[0] : loud[-1] + 1], margin]), _ENGINE_RATE, RATE)
    # 30 ms, of which 20 are margin: more would swallow a plosive, for espeak-ng begins a line with no lead-in.
    fade = np.linspace(0, 1, round(0.03 * RATE), dtype=np.float32)
    clip[: len(fade)] *= fade
    clip[-len(fade) :] *= fade[::-1]
    peak = float(np.abs(clip).max())
    clip *= min(1.0, 0.98 / peak)
    return clip


# ------------------------------------------------------------------------------------ the process that speaks a line


class _StoppedError(VoiceError):
    """The speaking process ended without an answer, or gave none in time."""


def _speaker() -> subprocess.Popen[bytes]:
    """A process that waits for one order. It ends by itself when this one is gone."""
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "voicetrainer.speech.voice"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the call to handle
        )
    except OSError as error:
        raise VoiceError(f"the voice cannot be started: {error.strerror}", "free some memory and try again") from error


def _ask_twice(speaker: subprocess.Popen[bytes], order: dict[str, Any]) -> dict[str, Any]:
    """A speaker's answer; it may have died while it waited, or hang: then a fresh one gets one chance."""
    first = _FIRST + (_FIRST_LONGEST - _FIRST) * len(order.get("text", "")) / LONGEST
    try:
        return _ask(speaker, order, min(first, TIMEOUT))
    except _StoppedError:
        return _ask(_speaker(), order, TIMEOUT)


def _ask(speaker: subprocess.Popen[bytes], order: dict[str, Any], patience: float) -> dict[str, Any]:
    """Give a speaker its order, and its answer within some seconds; whatever happens, it is gone afterwards."""
    try:
        answer, _ = speaker.communicate(json.dumps(order).encode(), timeout=patience)
    except subprocess.TimeoutExpired:
        raise _StoppedError(
            f"the voice did not answer within {patience:.0f} seconds", "try again; is the machine very busy?"
        ) from None
    except OSError:  # it was gone before it read the order
        answer = b""
    finally:
        _end(speaker)
    head, newline, sound = answer.partition(b"\n")
    if not newline:
        raise _StoppedError(f"the voice stopped unexpectedly (exit status {speaker.returncode})", "try again")
    reply: dict[str, Any] = json.loads(head)
    if "error" in reply:
        raise VoiceError(reply["error"], reply["hint"])
    return reply | {"sound": sound}


def _end(speaker: subprocess.Popen[bytes]) -> None:
    speaker.kill()
    with contextlib.suppress(OSError):  # an order it never read
        speaker.communicate()


def load_library() -> None:
    """Make espeak-ng findable for pyttsx3: the system's if there is one, else the one of espeakng-loader."""
    import ctypes
    import os

    with contextlib.suppress(OSError):
        ctypes.CDLL("libespeak-ng.so.1")
        return
    with contextlib.suppress(ImportError):
        import espeakng_loader

        # Its name inside is libespeak-ng.so.1: once loaded for all, pyttsx3 finds it under that name.
        ctypes.CDLL(espeakng_loader.get_library_path(), mode=ctypes.RTLD_GLOBAL)
        os.environ["ESPEAK_DATA_PATH"] = espeakng_loader.get_data_path()


def _speak(read: BinaryIO, write: BinaryIO) -> None:
    """Be the process that speaks: get ready, read an order, answer with a line of JSON and the sound, leave."""
    import faulthandler
    import io
    import os
    import threading
    import time
    import wave
    from importlib.metadata import version

    def answer(reply: dict[str, str], sound: bytes = b"") -> None:
        write.write(json.dumps(reply).encode() + b"\n" + sound)
        write.flush()

    load_library()
    try:
        import pyttsx3
        from pyttsx3.drivers import _espeak

        tts = pyttsx3.init("espeak")  # one driver everywhere, so that a voice is the same everywhere
        while _espeak.IsPlaying():  # its start settings, applied by a thread of its own
            time.sleep(0.001)
    except (ImportError, RuntimeError, OSError, AttributeError):
        read.read()
        answer({"error": "no working espeak-ng was found to speak with", "hint": _INSTALL})
        return

    order = json.loads(read.read() or b"null")
    if order is None:  # never needed
        return
    # Beyond the asking side's patience nobody is left to end a C library that hangs but this.
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        faulthandler.dump_traceback_later(order["patience"] * 2, exit=True, file=nowhere)
        info = _espeak.Info(None)
        reply = {"engine": f"pyttsx3 {version('pyttsx3')}, espeak-ng {info.decode().split()[0]}"}
        if "text" not in order:
            answer(reply)
            return
        with contextlib.suppress(AttributeError):  # from 1.52 on its noise is seeded by the clock
            _espeak.dll.espeak_ng_SetRandSeed(1)
        problems: list[BaseException] = []
        done = threading.Event()

        def deliver(**_: object) -> None:
            # Not as properties of pyttsx3: it would pass them on just before it cancels what espeak-ng has not done
            # yet, so that on a busy machine a line now and then is said at another rate. And it has none for the range.
            for setting in ("RATE", "PITCH", "RANGE", "VOLUME"):
                _espeak.SetParameter(getattr(_espeak, setting), order[setting.lower()], 0)

        tts.connect("error", lambda exception, **_: problems.append(exception))
        tts.connect("started-utterance", deliver)
        tts.connect("finished-utterance", lambda **_: done.set())
        tts.setProperty("voice", order["voice"])
        clip = io.BytesIO()  # pyttsx3's espeak driver writes to whatever `wave` can open: no file, nothing left behind
        tts.save_to_file(order["text"], clip)
        tts.runAndWait()  # returns after 10 ms, with a long line still in the making
        done.wait()
        _, plus, variant = order["voice"].partition("+")
        if problems or not str(tts.getProperty("voice")).endswith((plus + variant).lower()):
            hint = "use one of " + ", ".join(voice.name for voice in _VOICES)
            answer({"error": f"espeak-ng has no voice {order['voice']!r}", "hint": hint})
            return
        clip.seek(0)
        with wave.open(clip, "rb") as opened:
            sound = opened.readframes(opened.getnframes())
        answer(reply, sound)


def _main() -> None:
    """Keep the real output for the answer: pyttsx3 and espeak-ng print there."""
    import os

    with open(os.dup(1), "wb") as write, open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
        _speak(sys.stdin.buffer, write)
        write.flush()
        os._exit(0)  # espeak-ng can fail an assertion when it is taken down


if __name__ == "__main__":
    _main()
