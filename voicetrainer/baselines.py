"""The calm samples of learners, one JSON file for each learner and microphone.

Each file holds the sample as it was given and what later calls have made of it (``roleplay.calm``). It is written
whole or not at all, readable by its owner only, and holds figures and no sound.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from voicetrainer import places
from voicetrainer.errors import LearnerError
from voicetrainer.roleplay import calm, steadiness
from voicetrainer.roleplay.events import Baseline, Heard, Prosody

if TYPE_CHECKING:
    from voicetrainer.speech.audio import Samples
    from voicetrainer.speech.recognizer import Recognizer

MICROPHONE = "default"
"""Name of the microphone of those who have only one."""
ENOUGH = 2.0
"""Seconds of voice that a sample needs."""
LONGEST = 120.0
"""Seconds of sound that are listened to for a sample."""

_PAUSE = 0.7  # seconds of silence between two sentences
_BEFORE = 0.3  # seconds kept from before a sentence: they show the room
_MAX_FILE = 64 * 2**10
_MAX_FILES = 1000

Name = Annotated[str, Field(min_length=1, max_length=60)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Sample:
    """One learner's calm voice on one microphone."""

    learner: Name
    microphone: Name
    made: date
    """Day on which the sample was given."""
    original: Baseline
    """The sample as it was given."""
    current: Baseline
    """What the steady parts of later calls have made of it: what a call is judged against."""
    calls: int = 0
    """Calls that have been learnt from."""
    format: Literal[1] = 1


_adapter = TypeAdapter(Sample)


def new(learner: str, microphone: str, sentences: Iterable[Prosody], *, today: date | None = None) -> Sample:
    """Make a sample from calm sentences; `save` keeps it.

    Raises
    ------
    LearnerError
        For a bad name, or when the sentences hold less than `ENOUGH` of voice.
    AudioError
        When none of the sentences can be judged.
    """
    learner, microphone = _name(learner, "learner"), _name(microphone, "microphone")
    found = tuple(sentences)
    baseline = steadiness.calibrate(found)
    voiced = sum(said.voiced for said in found)
    if voiced < ENOUGH:
        raise LearnerError(
            f"the calm sample holds {voiced:.1f} seconds of voice, {ENOUGH:g} are needed",
            "say two or three calm sentences, about as loud as in a call",
        )
    return Sample(learner, microphone, today or date.today(), baseline, baseline)


def sentences(frames: Iterable[Samples], recognizer: Recognizer | None = None) -> Iterator[Prosody]:
    """Measure what is said between silences, while it is said; take as many as are wanted.

    Parameters
    ----------
    frames
        20 ms each, shape (320,), at 16 kHz, from a microphone or a file. No more than `LONGEST` is listened to.
    recognizer
        Tells the words, and so the pace by them; it is left out without one.
    """
    import numpy as np

    from voicetrainer.speech.activity import FRAME, RATE, Activity

    a_second = RATE // FRAME
    activity = Activity()
    before: deque[Samples] = deque(maxlen=round(_BEFORE * a_second))
    said, quiet = None, 0
    for count, frame in enumerate(frames):
        if count >= LONGEST * a_second:
            break
        voice = activity.step(frame)
        if said is not None:
            said.feed(frame)
            quiet = 0 if voice else quiet + 1
            if quiet >= _PAUSE * a_second:
                yield said.finish()
                said = None
            continue
        before.append(frame)
        if voice:
            said, quiet = _Sentence(recognizer), 0
            said.feed(np.concatenate(before))
            before.clear()
    if said is not None:
        yield said.finish()


class _Sentence:
    """One calm sentence: how it sounds, and its words if somebody listens to them."""

    def __init__(self, recognizer: Recognizer | None) -> None:
        from voicetrainer.speech.prosody import ProsodyTracker

        self._tracker, self._hearing = ProsodyTracker(), recognizer.utterance() if recognizer else None

    def feed(self, samples: Samples) -> None:
        self._tracker.feed(samples)
        if self._hearing:
            self._hearing.feed(samples)

    def finish(self) -> Prosody:
        return self._tracker.finish(self._hearing.finish(0.0) if self._hearing else ())


def frames(samples: Samples) -> Iterator[Samples]:
    """A recording of shape (n,) at 16 kHz as frames of 20 ms, the last one filled up with silence."""
    import numpy as np

    from voicetrainer.speech.activity import FRAME

    for at in range(0, len(samples), FRAME):
        frame = samples[at : at + FRAME]
        yield frame if len(frame) == FRAME else np.pad(frame, (0, FRAME - len(frame)))


def learn(sample: Sample, call: Sequence[Prosody]) -> tuple[Sample, str]:
    """What a call makes of a sample, and why it asks for a new one (empty when it does not)."""
    current = calm.refine(sample.original, sample.current, call)
    changed = current != sample.current
    learnt = replace(sample, current=current, calls=sample.calls + 1) if changed else sample
    return learnt, calm.outgrown(sample.original, call)


def after(sample: Sample, events: Iterable[object], root: Path | None = None) -> str:
    """Learn from a call that was judged against a sample, and keep the result.

    Parameters
    ----------
    sample
        As it was when the call began.
    events
        The call's facts and decisions.

    Returns
    -------
    Why a new sample is asked for, and how to give it; empty when the old one fits.

    Raises
    ------
    LearnerError
        When it cannot be kept.
    """
    call = [event.prosody for event in events if isinstance(event, Heard) and event.prosody is not None]
    learnt, why = learn(sample, call)
    if learnt != sample:
        save(learnt, root)
    return f"{why}; {give(sample.learner, sample.microphone)} takes a new one" if why else ""


# -------------------------------------------------------------------------------------------------------- the store


def save(sample: Sample, root: Path | None = None) -> Path:
    """Keep a sample in place of the one before it; its file.

    Raises
    ------
    LearnerError
        When the folder cannot be written to.
    """
    path = _path(root, sample.learner, sample.microphone)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A temporary file of one's own is readable by its owner only, and stays so under its new name.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_adapter.dump_json(sample, indent=2) + b"\n")
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LearnerError(
            f"{path}: cannot be written: {error.strerror or error}", "free some space or set VOICETRAINER_LEARNERS"
        ) from None
    return path


def load(learner: str, microphone: str = MICROPHONE, root: Path | None = None) -> Sample:
    """A learner's sample.

    Raises
    ------
    LearnerError
        When there is none, or its file is broken.
    """
    learner, microphone = _name(learner, "learner"), _name(microphone, "microphone")
    path = _path(root, learner, microphone)
    if not os.path.lexists(path):
        raise LearnerError(
            f"there is no calm sample of {learner!r} on microphone {microphone!r}", give(learner, microphone)
        )
    return _read(path)


def give(learner: str, microphone: str) -> str:
    """The command that gives a sample."""
    where = "" if microphone == MICROPHONE else f" --mic {shlex.quote(microphone)}"
    return f"voicetrainer calibrate FILES --learner {shlex.quote(learner)}{where}"


def everyone(root: Path | None = None) -> list[Sample]:
    """All samples, by learner and microphone.

    Raises
    ------
    LearnerError
        When a file is broken, or there are too many.
    """
    folder = root or places.learners_dir()
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if len(paths) > _MAX_FILES:
        raise LearnerError(f"{folder}: holds {len(paths)} files, {_MAX_FILES} at most are read", "tidy it up")
    return sorted(map(_read, paths), key=lambda s: (s.learner.casefold(), s.microphone.casefold()))


def forget(learner: str, microphone: str | None = None, root: Path | None = None) -> int:
    """Delete a learner's samples, of one microphone or of all; how many there were.

    Raises
    ------
    LearnerError
        When a file cannot be deleted.
    """
    learner = _name(learner, "learner")
    if microphone is not None:
        paths = [_path(root, learner, _name(microphone, "microphone"))]
    else:
        paths = sorted((root or places.learners_dir()).glob(f"{_slug(learner)}.*.json"))
        paths = [path for path in paths if path.name.split(".")[1] == _mark(learner)]
    there = [path for path in paths if path.exists()]
    for path in there:
        try:
            path.unlink()
        except OSError as error:
            raise LearnerError(f"{path}: cannot be deleted: {error.strerror or error}") from None
    return len(there)


def _read(path: Path) -> Sample:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise LearnerError(f"{path}: cannot be read: {error.strerror or error}", "check the permissions") from None
    if len(text) > _MAX_FILE:
        raise LearnerError(f"{path}: is too large for a calm sample", "delete it and give a new sample")
    try:
        return _adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise LearnerError(
            f"{path}: {where + ': ' if where else ''}{first['msg']}", "delete it and give a new sample"
        ) from None


def _path(root: Path | None, learner: str, microphone: str) -> Path:
    name = f"{_slug(learner)}.{_mark(learner)}.{_slug(microphone)}.{_mark(microphone)}.json"
    return (root or places.learners_dir()) / name


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:30] or "x"


def _mark(name: str) -> str:
    """Tells names apart that look the same once only letters and digits are left."""
    return hashlib.sha256(name.casefold().encode()).hexdigest()[:6]


def _name(name: str, what: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 60 or not name.isprintable():
        raise LearnerError(f"{name[:70]!r} is no name of a {what}", "give 1 to 60 letters, digits, spaces")
    return name
