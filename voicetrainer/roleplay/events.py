"""The vocabulary of a call: what is written to a session's log, one JSON object a line.

A *fact* is what the world did; a *decision* is what our rules made of it. Facts cannot be recomputed from rules,
decisions always can: replaying the facts must give the same decisions. All times are seconds on the call clock
(learner samples at 16 kHz since the call began). Numbers are rounded when they are measured (`q`), never when they are
written, and the log takes neither NaN nor infinity.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

FORMAT = 1
"""Version of the session log."""

_strict = ConfigDict(extra="forbid", allow_inf_nan=False)

Anger = Annotated[float, Field(ge=0, le=10)]
"""The customer's anger, 0 (calm) to 10 (beside themselves)."""
Trust = Annotated[float, Field(ge=0, le=10)]
"""How far the customer believes the learner, 0 (not a word) to 10."""
Outcome = Literal["resolved", "escalated", "closed", "hung_up", "out_of_time", "left"]
"""*resolved*, *escalated* and *closed* (an abusive call ended rightly, after clear limits) are wins; *left* means that
the learner went before the customer did."""
WINS: frozenset[str] = frozenset(("resolved", "escalated", "closed"))


def q(value: float, digits: int = 3) -> float:
    """Round a measurement for good; minus zero becomes zero."""
    return round(float(value), digits) + 0.0


class Band(StrEnum):
    """How anger shows in words and voice."""

    CALM = "calm"
    ANNOYED = "annoyed"
    ANGRY = "angry"
    FURIOUS = "furious"

    @classmethod
    def of(cls, anger: float) -> Band:
        """Band of an anger from 0 to 10: calm below 2.5, annoyed below 5, angry below 8, else furious."""
        if anger < 2.5:
            return cls.CALM
        if anger < 5:
            return cls.ANNOYED
        return cls.ANGRY if anger < 8 else cls.FURIOUS


# ---------------------------------------------------------------------------------------------------- measurements


@dataclass(frozen=True, config=_strict)
class Word:
    """One recognised (or typed) word."""

    text: str
    start: float
    """Seconds on the call clock."""
    end: float
    """Seconds on the call clock."""
    confidence: float | None = None
    """0 to 1; None when the recogniser gives none or the word was typed."""


@dataclass(frozen=True, config=_strict)
class Track:
    """Pitch, loudness and tilt over one utterance, for drawing and for what changes within it."""

    step: float
    """Seconds between two values; value i stands for the call clock time ``start of the utterance + i * step``."""
    pitch: tuple[float | None, ...]
    """Hertz; None where there is no voice."""
    loudness: tuple[float | None, ...]
    """dB relative to full scale (RMS); None for digital silence."""
    tilt: tuple[float | None, ...] = ()
    """Energy at 1-5 kHz against below 1 kHz, dB; None where there is no voice; empty in older logs."""


@dataclass(frozen=True, config=_strict)
class Prosody:
    """How one utterance sounded. Anything that could not be measured is None."""

    seconds: float
    """Length of the utterance, seconds."""
    voiced: float
    """Seconds of voiced speech in it."""
    pitch: float | None = None
    """Median pitch, hertz."""
    pitch_spread: float | None = None
    """Standard deviation of the pitch, semitones."""
    loudness: float | None = None
    """Level of the speech frames, dB relative to full scale (RMS)."""
    noise: float | None = None
    """Level of the background around the speech, dB relative to full scale (RMS)."""
    tilt: float | None = None
    """Energy at 1-5 kHz against below 1 kHz in the brightest fifth of the voiced frames, dB; higher in a pressed or
    shouting voice."""
    syllable_rate: float | None = None
    """Syllables per second of speech by its sound, pauses left out."""
    word_rate: float | None = None
    """Words per minute of speech, pauses left out."""
    pauses: int = 0
    """Silences of 0.25 s and more inside the utterance."""
    pause_seconds: float = 0.0
    """Their sum, seconds."""
    clipped: float = 0.0
    """Share of samples at full scale, 0 to 1."""
    track: Track | None = None
    body: float | None = None
    """Share of the voice's energy at 220-460 Hz, dB; a hard voice has less."""
    lilt: float | None = None
    """Share of the voiced time in which the pitch rises less the share in which it falls, -1 to 1; lively speech has
    more."""
    ending: float | None = None
    """Level of the last tenth of a second of voice in each phrase against the phrase's mean, dB; a raised voice keeps
    its force to the end."""
    unison: float | None = None
    """How far pitch and level go up and down together (rank correlation), -1 to 1; in lively speech the melody goes its
    own way."""
    climb: float | None = None
    """Natural logarithm of how fast the pitch rises against how fast it falls; an angry voice jumps up."""
    word_syllables: float | None = None
    """Syllables of the words that were understood, per second of those words; None without words."""
    thinning: float | None = None
    """Tilt of the last fifth of a second of voice in each phrase against the phrase's mean, dB; more where phrases fade
    into breath or creak."""


@dataclass(frozen=True, config=_strict)
class Baseline:
    """A learner's calm voice on their own microphone: means over calibration utterances, as in `Prosody`."""

    utterances: int
    seconds: float
    pitch: float | None
    """Hertz."""
    pitch_spread: float | None
    """Semitones."""
    loudness: float | None
    """dB relative to full scale."""
    tilt: float | None
    """dB."""
    syllable_rate: float | None
    """Per second."""
    word_rate: float | None
    """Per minute."""
    body: float | None = None
    """dB."""
    lilt: float | None = None
    """-1 to 1."""
    ending: float | None = None
    """dB."""
    unison: float | None = None
    """-1 to 1."""
    climb: float | None = None
    """Logarithm of a ratio."""
    word_syllables: float | None = None
    """Per second."""
    thinning: float | None = None
    """dB."""


# ----------------------------------------------------------------------------------------------------------- facts


@dataclass(frozen=True, config=_strict)
class SpeechStarted:
    """The learner began to speak."""

    t: float
    kind: Literal["speech_started"] = "speech_started"


@dataclass(frozen=True, config=_strict)
class Heard:
    """One utterance of the learner, complete."""

    t: float
    """When it was known to be complete, seconds."""
    start: float
    """First sound, seconds."""
    end: float
    """Last sound, seconds."""
    words: tuple[Word, ...]
    prosody: Prosody | None = None
    """None when it was typed."""
    overlap: float = 0.0
    """Seconds of it spoken while the customer was speaking."""
    role: Literal["turn", "interruption", "aside"] = "turn"
    """*turn*: took the turn when it was free. *interruption*: cut the customer off. *aside*: a short word while the
    customer went on speaking; it takes no turn."""
    kind: Literal["heard"] = "heard"
    listening: bool = False
    """An aside of nothing but listening words ("mm-hmm", "I see")."""
    barged: bool = False
    """The customer broke into it (see `StillSpeaking`)."""
    yielded: float | None = None
    """How the learner gave way in a clash: seconds from its first moment, when both spoke, to the learner's last sound.
    With `barged` the clash began with the customer's first sound, otherwise (an aside) with the learner's. None: there
    was no clash, or the learner did not give way."""

    @property
    def text(self) -> str:
        """The words, joined by single spaces."""
        return " ".join(w.text for w in self.words)


@dataclass(frozen=True, config=_strict)
class StillSpeaking:
    """The learner has been speaking for long and goes on; a customer may break in."""

    t: float
    seconds: float
    """Since the first sound of the utterance."""
    kind: Literal["still_speaking"] = "still_speaking"


@dataclass(frozen=True, config=_strict)
class LineStarted:
    """The customer's line began to play."""

    t: float
    line: int
    """Number of the line, from 1, as in `Say`."""
    kind: Literal["line_started"] = "line_started"


@dataclass(frozen=True, config=_strict)
class LineStopped:
    """The customer's line stopped: said to its end, or cut off."""

    t: float
    line: int
    cut: bool
    kind: Literal["line_stopped"] = "line_stopped"


@dataclass(frozen=True, config=_strict)
class Silence:
    """Nobody has spoken for a while although it is the learner's turn."""

    t: float
    seconds: float
    """Since the last sound of either side."""
    kind: Literal["silence"] = "silence"


@dataclass(frozen=True, config=_strict)
class RepeatAsked:
    """The learner pressed the key for hearing the last line again."""

    t: float
    kind: Literal["repeat_asked"] = "repeat_asked"


@dataclass(frozen=True, config=_strict)
class LearnerLeft:
    """The learner ended the call: hung up, or had no more to say (a fixture's clips ran out)."""

    t: float
    why: str
    kind: Literal["learner_left"] = "learner_left"


@dataclass(frozen=True, config=_strict)
class Noted:
    """Something about the line itself that explains what is heard; it changes nothing in the call."""

    t: float
    what: Literal["xrun", "device_lost", "echo", "clock_drift"]
    """*xrun*: sound was lost or stuttered. *device_lost*: the microphone or loudspeaker is gone. *echo*: the microphone
    hears the loudspeaker. *clock_drift*: the two devices' clocks run apart."""
    text: str
    """One plain sentence for the learner, with figures."""
    kind: Literal["noted"] = "noted"


Fact = SpeechStarted | StillSpeaking | Heard | LineStarted | LineStopped | Silence | RepeatAsked | LearnerLeft | Noted


# ------------------------------------------------------------------------------------------------------- decisions


@dataclass(frozen=True, config=_strict)
class Noticed:
    """A technique or a mistake, with the words that carried it."""

    t: float
    turn: int
    """Number of the learner's utterance, from 1, in the order of `Heard`."""
    label: str
    """One of ``techniques.TECHNIQUES`` or ``techniques.MISTAKES``, or of those that timing and sound tell
    (``techniques.DELIVERY``)."""
    mistake: bool
    score: float
    """How sure, 0 to 1."""
    quote: str
    """The words that carried it; empty when it was not words."""
    first: int | None = None
    """Index of the first carrying word in the utterance; None when it was not words."""
    last: int | None = None
    """Index of the last carrying word, inclusive."""
    why: str = ""
    """One plain sentence for the learner."""
    kind: Literal["noticed"] = "noticed"
    counted: bool = True
    """False when it did nothing: it came too early, or once too often."""


@dataclass(frozen=True, config=_strict)
class Steadiness:
    """The learner's voice in one utterance against their own calm baseline."""

    t: float
    turn: int
    level: Literal["steady", "tense", "raised", "unknown"]
    score: float | None
    """Graded, 0 (as calm as the baseline) to 1 (far from it); None when unknown."""
    reasons: tuple[str, ...]
    """Plain acoustic facts ("4 semitones above your calm pitch"), or why it could not be judged."""
    pitch: float | None = None
    """Semitones above the baseline."""
    loudness: float | None = None
    """dB above the baseline."""
    tilt: float | None = None
    """dB above the baseline."""
    rate: float | None = None
    """Speaking rate as a ratio to the baseline; None also where sound and words disagree."""
    kind: Literal["steadiness"] = "steadiness"
    uncertainty: float | None = None
    """How far the score may be off, 0 to 0.5 (one standard deviation); None when unknown."""
    rise: float | None = None
    """Seconds from the start of the utterance until the voice rose within it; None when it did not."""
    recovery: float | None = None
    """Seconds from the start of the utterance until a raised voice settled within it; None when it did not."""


@dataclass(frozen=True, config=_strict)
class MoodChanged:
    """One entry of the anger ledger."""

    t: float
    turn: int
    """The learner's utterance that caused it; 0 when none did (silence)."""
    before: Anger
    after: Anger
    rule: str
    """Name of the rule: a label, or ``interruption``, ``silence``, ``raised_voice`` and so on."""
    because: str
    """One plain sentence, from the customer's side."""
    quote: str = ""
    """The words or the sound that caused it."""
    kind: Literal["mood_changed"] = "mood_changed"
    trust_before: Trust | None = None
    """None in logs from before there was trust."""
    trust_after: Trust | None = None


@dataclass(frozen=True, config=_strict)
class StageReached:
    """The talk moved on to another stage of the scenario."""

    t: float
    stage: str
    because: str
    kind: Literal["stage_reached"] = "stage_reached"


@dataclass(frozen=True, config=_strict)
class Say:
    """The customer's next line and how to say it."""

    t: float
    line: int
    """Number of the line in this call, from 1."""
    text: str
    stage: str
    anger: Anger
    because: str = ""
    """Why this line: the stage, an interruption, a silence, an ending."""
    final: bool = False
    """The customer's last line: the call ends when it has been said."""
    kind: Literal["say"] = "say"


@dataclass(frozen=True, config=_strict)
class Ended:
    """The call is over."""

    t: float
    outcome: Outcome
    because: str
    kind: Literal["ended"] = "ended"


Decision = Noticed | Steadiness | MoodChanged | StageReached | Say | Ended


# ------------------------------------------------------------------------------------------------------ the header


@dataclass(frozen=True, config=_strict)
class ModelUsed:
    """Something that listened, spoke or judged, so that a session says what made it."""

    name: str
    checksum: str = ""
    """sha256 of its files, or empty where it is a library."""


@dataclass(frozen=True, config=_strict)
class Branch:
    """Where a call that was started again from the middle of another one comes from."""

    session: str
    """Name of the other session's folder."""
    turn: int
    """The learner's utterance from which it was held anew, from 1."""


@dataclass(frozen=True, config=_strict)
class Header:
    """First line of a log: all that a replay needs, so that it never depends on a file that changed since."""

    scenario: str
    """Id of the scenario."""
    scenario_text: str
    """The scenario file, whole."""
    transport: Literal["typed", "fixture", "device", "browser"]
    voicetrainer: str
    """Version of the program."""
    recognizer: ModelUsed | None = None
    voice: ModelUsed | None = None
    techniques: ModelUsed | None = None
    baseline: Baseline | None = None
    channels: tuple[str, ...] = ()
    """What each channel of ``call.flac`` holds, in order; empty without audio."""
    settings: dict[str, str | float | bool] = Field(default_factory=dict)
    """Turn-taking profile and other settings that change facts."""
    branch: Branch | None = None
    """None for a call held from its beginning."""
    format: Literal[1] = 1
    kind: Literal["header"] = "header"


Event = Annotated[
    SpeechStarted | StillSpeaking | Heard | LineStarted | LineStopped | Silence | RepeatAsked | LearnerLeft | Noted
    | Noticed | Steadiness | MoodChanged | StageReached | Say | Ended | Header,
    Field(discriminator="kind"),
]  # fmt: skip

_FACTS = (SpeechStarted, StillSpeaking, Heard, LineStarted, LineStopped, Silence, RepeatAsked, LearnerLeft, Noted)
_adapter: TypeAdapter[Any] = TypeAdapter(Event)


def is_fact(event: object) -> bool:
    """Whether an event is a fact (and not a decision or the header)."""
    return isinstance(event, _FACTS)


def to_json(event: Fact | Decision | Header) -> str:
    """One event as one line of JSON, without the newline. Same event, same bytes."""
    return _adapter.dump_json(event).decode()


def from_json(line: str | bytes) -> Fact | Decision | Header:
    """One line of a log as an event.

    Raises
    ------
    ValueError
        With one plain line saying which key is wrong.
    """
    try:
        event: Fact | Decision | Header = _adapter.validate_json(line, strict=False)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where + ': ' if where else ''}{first['msg']}") from None
    return event
