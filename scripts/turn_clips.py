"""Synthetic learners for `measure_turns`: what they say, where they stop to think, and the rooms they sit in.

Their voices are those of flite and espeak-ng; what each clip holds and when is known to the sample. Needs the program
flite.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from voicetrainer.speech.audio import RATE, Samples, read
from voicetrainer.speech.recognizer import Recognizer
from voicetrainer.speech.voice import Voice

LEARNERS = ("flite:rms", "flite:slt", "espeak:en-us", "espeak:en-us+f3")
"""Voices on which the rules were set."""
FRESH_LEARNERS = ("flite:awb", "flite:kal16", "espeak:en-us+m7", "espeak:en-us+f4")
"""Voices on which nothing was set."""
ROOMS = ("quiet", "white 20", "white 10", "babble 20", "babble 10")
"""Noise, and its distance to the learner's voice in dB."""
PAUSES = (0.3, 0.6, 1.0, 1.5, 2.0)

# A stroke is where the learner stops to think.
THOUGHTFUL = """
i am so sorry to hear that you had to | wait for two days
that must be really frustrating because | you paid for next day delivery
i can send you a | new pair with a courier tomorrow morning
i will | call you tomorrow at noon
i understand that you are upset and | i want to help you
let me check the | order for you
would you like a refund or | a new pair
i can refund you the | ninety pounds today
your parcel is at the | depot and it will come tomorrow
we made a mistake with your | address
can you give me your | order number please
i am going to | take care of this for you
thank you for | your patience
if you like i can | send you a new one today
i would be upset too if | that happened to me
the driver came to your | house but nobody was there
i will make sure that | you get your money back
so you ordered it on monday and | it has not arrived
what would be the best | time to call you
i can either send you a new one or | give you your money back
"""
# A stroke is a new sentence, after the pause that a speaker makes between two.
FLUENT = """
how can i help you today
can you give me your order number please
that was our mistake
i am very sorry about that
which would you prefer
i will call you tomorrow at noon
i understand how frustrating this is
when did you order it
i can send you a new pair tomorrow morning
is there anything else i can do for you
i will take care of this for you
you are right and i am sorry
would you like a refund
thank you for telling me
what happened then
i am so sorry to hear that | that must be really frustrating
that was our mistake | i will send you a new one today
i understand | can you give me your order number please
thank you for your patience | i will call you tomorrow
i can refund you the money today | would you like that
"""
# The same again, written when the rules stood, and never used to set any.
FRESH_THOUGHTFUL = """
the technician will be with you between | eight and twelve on thursday
i can see on my screen that | the booking was made twice
would it help if we | moved your appointment to friday
i completely understand why you | feel let down by us
the reason it took so long is | that the part was out of stock
let me just open your | account and look at the last bill
i am afraid the hotel has | already given your room away
we could either cancel the contract or | change it to a smaller one
so if i have understood you correctly the | water came through the ceiling
i want to make sure that we | never do this to you again
my manager has agreed to | pay for the taxi home
you should have received a letter with | the new password
before i do anything else could you tell me | how your mother is feeling now
it says here that your flight | leaves at half past nine
what i would suggest is | that we send an engineer this afternoon
nobody told you about the charge and | that is simply not acceptable
i will speak to the kitchen and | ring you back within the hour
the garage has promised me that | your car will be ready tonight
please give me the name of the | person you spoke to yesterday
we have put fifty dollars back on | your card this morning
"""
FRESH_FLUENT = """
what is the name on the booking
could you read me the number on the front of the card
that should never have happened to you
i have just sent you an email with the new ticket
how long have you been without hot water
the engineer will be there before ten
i would be angry as well if i had waited that long
nobody should have to call four times
does friday afternoon work for you
your money will be back in your account by monday
it must have been awful to miss the wedding
shall i order the taxi now
i have spoken to the shop and they will keep it open for you
where are you standing at the moment
we will pay for the hotel
that sounds dreadful | i am really sorry
i have cancelled the second payment | you will not be charged again
thank you for waiting | i have found your room
you have every right to be cross | let me put it right
i will stay on the line | could you open the box for me
"""
MANY = Path(__file__).resolve().parent.parent / "models" / "turns" / "unseen.txt"
"""Turns that training never reads, half of them with a stroke where their speaker stops to think; a slash
parts two sentences. Every other one belongs to the voices on which the rules were set."""
HUM = "mm-hmm"
"""Hummed: the voices spell it."""
LISTENING = (HUM, "i see", "right", "yes", "okay", "i understand", "yeah", "oh no", "of course", "uh huh")
OUTBURSTS = (
    "listen this is not our fault", "you need to calm down", "there is nothing i can do for you",
    "that is our policy", "wait a moment please", "you should have called us", "i have told you that before",
    "no that is not what happened", "can you give me your order number please", "it is just a parcel",
)  # fmt: skip
FRESH_LISTENING = (HUM, "okay", "oh", "i see", "right", "yes", "sure", "really", "ah i see", "yes of course")
FRESH_OUTBURSTS = (
    "hold on a second", "that is simply not true", "we never promised you that", "please stop shouting at me",
    "it says so in the contract", "let me finish my sentence", "you did not pay the bill", "calm down madam",
    "i cannot do anything about the weather", "what is your booking number",
)  # fmt: skip
HER_LINE = (
    "I ordered these boots on Monday and I paid for next day delivery, and I stayed at home for two whole days, "
    "and nobody came, nobody called, and now you tell me that you know nothing about it at all."
)
HER_REPLY = "And what now?"
CALM = 1.0
"""The anger with which `Voice.render` speaks for a learner."""

# ------------------------------------------------------------------------------------------------------------ sounds

_LOW_VOICES = ("flite:rms", "flite:awb", "flite:kal16", "espeak:en-us", "espeak:en-us+m7")


@cache
def speak(text: str, voice: str) -> Samples:
    """Speak a text at about -25 dB RMS, nothing before and after it; mono, 16 kHz."""
    samples = _rendered(text, voice)
    return level(samples[_sounding(samples)])


@cache
def _rendered(text: str, voice: str) -> Samples:
    """The same as its synthesiser leaves it."""
    kind, _, name = voice.partition(":")
    if text == HUM:
        return hum(110.0 if voice in _LOW_VOICES else 190.0)
    if kind == "espeak":
        return voice_of(name).render(text, CALM)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.wav"
        subprocess.run(["flite", "-voice", name, "-t", text, "-o", str(file)], check=True, timeout=60)
        return read(file)


@cache
def voice_of(name: str) -> Voice:
    """A voice that waits for its next line."""
    return Voice(name)


def hum(pitch: float) -> Samples:
    """Two short nasal syllables, the second one higher."""
    t = np.arange(round(0.2 * RATE)) / RATE
    out = []
    for glide in (-2, 3):
        phase = 2 * np.pi * np.cumsum(pitch * 2 ** (glide * t / 0.2 / 12)) / RATE
        out.append(sum(np.sin(k * phase) / k**2 for k in range(1, 9)) * np.hanning(len(t)) ** 0.5)
    return np.concatenate([out[0], np.zeros(RATE // 20), out[1]]).astype(np.float32)


def trim(samples: Samples) -> Samples:
    """Cut what is 30 dB below the loudest off both ends."""
    return samples[_sounding(samples)]


def _sounding(samples: Samples) -> slice:
    loud = _loudness(samples)
    at = np.flatnonzero(loud > loud.max() - 30)
    return slice(int(at[0]) * 160, (int(at[-1]) + 1) * 160)


def level(samples: Samples, decibels: float = -25.0) -> Samples:
    """Bring the loud half of a clip to a level."""
    loud = _loudness(samples)
    gain = 10 ** ((decibels - 10 * np.log10(np.mean(10 ** (loud[loud > np.median(loud)] / 10)))) / 20)
    return np.asarray(np.clip(samples * gain, -1, 1), np.float32)


def _loudness(samples: Samples) -> Any:
    whole = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    return 10 * np.log10(np.mean(whole.astype(np.float64) ** 2, axis=1) + 1e-9)


def pause(seconds: float) -> Samples:
    """Silence."""
    return np.zeros(round(seconds * RATE), np.float32)


def spliced(parts: Sequence[str], voice: str, seconds: float) -> Samples:
    """Speak a sentence as one and open a pause where its first part ends, at the quietest point near there.

    The melody does not know of the pause, as that of a speaker does not who stops for want of a word.
    """
    text = " ".join(parts)
    whole = speak(text, voice)
    before = _sounding(_rendered(text, voice)).start / RATE
    end = (_espeak_end if voice.startswith("espeak:") else _flite_end)(parts, voice.partition(":")[2]) - before
    loud = _loudness(whole)
    lo, hi = max(0, round(end * 100) - 2), round(end * 100) + 3
    at = (lo + int(np.argmin(loud[lo:hi]))) * 160
    fade = np.linspace(1, 0, 240, dtype=np.float32)
    left, right = whole[:at].copy(), whole[at:].copy()
    left[-240:] *= fade
    right[:240] *= fade[::-1]
    return np.concatenate([left, pause(seconds), right])


def _flite_end(parts: Sequence[str], voice: str) -> float:
    """Seconds into what flite renders at which the first part ends, from the lengths of its phones."""

    def phones(option: str, text: str) -> list[str]:
        ran = subprocess.run(
            ["flite", "-voice", voice, option, "-t", text, "-o", "/dev/null"],
            check=True, timeout=60, capture_output=True, text=True,
        )  # fmt: skip
        return [phone for phone in ran.stdout.split() if not phone.startswith("pau")]

    first, timed = phones("-ps", parts[0]), phones("-psdur", " ".join(parts))
    return float(timed[len(first) - 1].partition(":")[2])


def _espeak_end(parts: Sequence[str], voice: str) -> float:
    """The same for what `Voice.render` gives, from what espeak-ng tells of its words."""
    ours, its = get_context("spawn").Pipe(duplex=False)
    process = get_context("spawn").Process(target=_word_starts, args=(" ".join(parts), voice, its))
    process.start()
    its.close()
    starts, first_sound, length = ours.recv()
    process.join()
    next_word = len(parts[0]) + 2  # it counts letters from one
    # Of two words that it says as one ("of the") it tells the first alone.
    start = next((start for at, start in starts if at >= next_word), length)
    return float(start - first_sound + 0.02)  # `Voice.render` leaves so much before the first sound


def _word_starts(text: str, voice: str, answer: Connection) -> None:
    """Send where words start, as (place in the text, seconds), the first sound and the end; in a process of its own."""
    from voicetrainer.speech.voice import Voice, delivery, load_library

    load_library()
    from pyttsx3.drivers import _espeak

    rate = _espeak.Initialize(_espeak.AUDIO_OUTPUT_SYNCHRONOUS, 100, None, 0)
    _espeak.SetVoiceByName(voice.encode())
    how, pitch = delivery(CALM), Voice(voice).info.pitch
    for setting, value in (
        ("RATE", how.rate), ("PITCH", pitch + how.pitch), ("RANGE", how.spread), ("VOLUME", how.volume)
    ):  # fmt: skip
        _espeak.SetParameter(getattr(_espeak, setting), value, 0)
    sound, starts = bytearray(), []

    def take(wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            sound.extend(ctypes.string_at(wave, count * 2))
        at = 0
        while (event := events[at]).type != _espeak.EVENT_LIST_TERMINATED:
            if event.type == _espeak.EVENT_WORD:
                starts.append((event.text_position, event.audio_position / 1000))
            at += 1
        return 0

    _espeak.SetSynthCallback(take)
    _espeak.Synth(text, flags=_espeak.CHARS_UTF8 | _espeak.ENDPAUSE)
    samples = np.frombuffer(bytes(sound), "<i2") / 32768
    answer.send((starts, np.flatnonzero(np.abs(samples) > 0.003)[0] / rate, len(samples) / rate))


def in_parts(parts: Sequence[str], voice: str, seconds: float) -> Samples:
    """Speak each part for itself, the melody falling at the end of each, with pauses between."""
    sounds: list[Samples] = []
    for part in parts:
        sounds += [speak(part, voice), pause(seconds)]
    return np.concatenate(sounds[:-1])


def room(name: str, seconds: float) -> Samples:
    """The noise of a room, against voices at -25 dB."""
    kind, decibels = name.split() if " " in name else ("white", "40")  # what a headset hears in a quiet room
    random = np.random.default_rng(7)
    if kind == "white":
        noise = random.standard_normal(round(seconds * RATE)).astype(np.float32)
    else:  # six people who talk all the time, a keyboard and somebody breathing
        noise = np.zeros(round(seconds * RATE), np.float32)
        text = HER_LINE.lower()
        for i, voice in enumerate(
            ("flite:awb", "flite:kal16", "espeak:en+m3", "espeak:en+f2", "flite:rms", "flite:slt")
        ):
            one = speak(text, voice)
            noise += np.roll(np.resize(one, len(noise)), i * 23_456)
        noise /= np.sqrt(np.mean(noise**2))
        for at in random.uniform(0, len(noise) - 4000, round(seconds * 1.5)).astype(int):  # keys
            noise[at : at + 80] += (6 * random.standard_normal(80) * np.linspace(1, 0, 80)).astype(np.float32)
        for at in random.uniform(0, len(noise) - 16000, round(seconds / 12)).astype(int):  # breaths
            breath = np.diff(random.standard_normal(8001)) * np.hanning(8000) * 0.8
            noise[at : at + 8000] += breath.astype(np.float32)
    noise *= 10 ** ((-25 - float(decibels)) / 20) / np.sqrt(np.mean(noise**2))
    return noise


@cache
def load(model: str | None) -> Recognizer:
    """A recognition model; the one made for synthetic voices without a name."""
    from voicetrainer import models

    return Recognizer(models.choose(model or "vosk-voicetrainer-starter-0.1").path)


@cache
def speak_customer(text: str) -> Samples:
    """The customer's voice."""
    return voice_of("woman-1").render(text, 5.0)


@dataclass
class Turn:
    """One turn of a learner."""

    clip: Samples
    kind: str
    """*fluent*, or how its pause was made: *spliced*, *parts*, *um*, *sentences*, *recorded*."""
    pause: float
    text: str
    voice: str


def dialogues(fresh: bool = False, many: bool = False) -> list[list[Turn]]:
    """Every learner's turns, in an order without order; each learner says all of them, of many ones a quarter."""
    random = np.random.default_rng(3)
    out = []
    thoughtful, fluent = (
        text.strip().splitlines() for text in ((FRESH_THOUGHTFUL, FRESH_FLUENT) if fresh else (THOUGHTFUL, FLUENT))
    )
    if many:
        lines = MANY.read_text(encoding="utf-8").splitlines()[fresh::2]
        thoughtful = [line for line in lines if "|" in line]
        fluent = [line.replace(" / ", " | ") for line in lines if "|" not in line]
    for number, voice in enumerate(FRESH_LEARNERS if fresh else LEARNERS):
        said: list[Turn] = []
        for i, text in enumerate(thoughtful[number::4] if many else thoughtful):
            parts = [part.strip() for part in text.split("|")]
            seconds = PAUSES[(i + number) % len(PAUSES)]
            kind = ("spliced", "spliced", "parts", "um")[(i // len(PAUSES) + i + number) % 4]
            if kind == "um":
                clip = np.concatenate([in_parts((parts[0], "um"), voice, 0.15), pause(seconds), speak(parts[1], voice)])
            else:
                clip = (spliced if kind == "spliced" else in_parts)(parts, voice, seconds)
            said.append(Turn(clip, kind, seconds, text, voice))
        for i, text in enumerate(fluent[number::4] if many else fluent):
            parts = [part.strip() for part in text.split("|")]
            seconds = (0.3, 0.4, 0.5)[(i + number) % 3] if len(parts) > 1 else 0.0
            kind = "sentences" if seconds else "fluent"
            said.append(Turn(in_parts(parts, voice, seconds), kind, seconds, text, voice))
        out.append([said[i] for i in random.permutation(len(said))])
    return out


def recorded(manifest: Path) -> list[list[Turn]]:
    """Recordings, each one turn."""
    from voicetrainer.evaluate import manifest as table

    rows = table.read(manifest, ("path",))
    return [
        [Turn(level(trim(read(manifest.parent / r["path"]))), "recorded", 0.0, r.get("text", ""), "") for r in rows]
    ]
