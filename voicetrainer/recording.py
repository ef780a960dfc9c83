"""The session folder: ``session.jsonl`` and, if wanted, ``call.flac``, written while the call happens.

The log's first line is the header, every further line one fact or decision, handed to the operating system before the
call goes on. So a process killed at any moment leaves a folder that loads: a cut last line is dropped and the session
is marked interrupted; any other line that is wrong is an error with its number.

Loading needs no audio library and no numpy: a coach's machine replays and reports without either.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from voicetrainer.errors import AudioError, SessionError
from voicetrainer.roleplay.events import FORMAT, Decision, Ended, Fact, Header, from_json, is_fact, to_json

if TYPE_CHECKING:
    from voicetrainer.speech.audio import CallWriter, Samples

LOG = "session.jsonl"
"""Name of the log in a session folder."""
AUDIO = "call.flac"
"""Name of the recording in a session folder."""
MAX_LOG = 64 * 2**20
"""Bytes in the longest log that is written or read (an hour's call takes about one megabyte)."""
MAX_LINE = 4 * 2**20
"""Bytes in the longest line."""


@dataclass(frozen=True)
class Session:
    """A recorded call."""

    folder: Path
    header: Header
    events: tuple[Fact | Decision, ...]
    """Facts and decisions in the order in which they were written."""
    audio: Path | None
    """The recording (two channels, see ``header.channels``), or None when there is none."""
    interrupted: bool
    """The call was cut off before it ended: no `Ended` was written."""

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What the world did, in order."""
        return tuple(e for e in self.events if is_fact(e))  # type: ignore[misc]

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What our rules made of it, in order."""
        return tuple(e for e in self.events if not is_fact(e))  # type: ignore[misc]

    @property
    def duration(self) -> float:
        """Call clock of the last event, seconds; 0 when there is none."""
        return max((e.t for e in self.events), default=0.0)


def new_folder(root: Path, scenario_id: str, *, now: datetime | None = None) -> Path:
    """Name a folder for a new session, as in ``2026-11-22-153012-late-parcel``; it is not created yet.

    Parameters
    ----------
    root
        Where the learner's sessions live.
    scenario_id
        Id of the scenario; anything that is no letter, digit, ``-`` or ``_`` becomes a ``-``.
    now
        Local time to put into the name. This is the only place where a session meets the wall clock.
    """
    name = re.sub(r"[^\w-]+", "-", scenario_id, flags=re.ASCII).strip("-")[:60] or "call"
    first = folder = root / f"{now or datetime.now():%Y-%m-%d-%H%M%S}-{name}"
    count = 1
    while os.path.lexists(folder):
        count += 1
        folder = first.with_name(f"{first.name}-{count}")
    return folder


class Recorder:
    """Write a session folder while the call happens; nothing is created before the first event or frame.

    Parameters
    ----------
    folder
        Where to record: a folder that holds no session yet, usually from `new_folder`.
    header
        The log's first line; its ``channels`` are set here, to what is recorded.
    audio
        Whether to record both sides' sound.

    Raises
    ------
    SessionError
        From any method: the folder holds a session already, the place cannot be written to, the disk is full, or an
        event would not load again as it is (it holds NaN, for one).
    """

    def __init__(self, folder: Path, header: Header, audio: bool) -> None:
        self.folder = folder
        self._header = header
        self._with_audio = audio
        self._log: BinaryIO | None = None
        self._call: CallWriter | None = None
        self._written = 0
        self._closed = False

    def write(self, event: Fact | Decision) -> None:
        """Append one event to the log and hand it to the operating system."""
        line = _line(event)
        self._append(self._started(), line)

    def frames(self, learner: Samples, customer: Samples) -> None:
        """Append a piece of both sides' sound, each of shape (n,) at 16 kHz; nothing when audio is not recorded."""
        self._started()
        if self._call is not None:
            with _told_as_session_error():
                self._call.write(learner, customer)

    def close(self) -> None:
        """Finish the files; a second call does nothing."""
        self._closed = True
        log, call = self._log, self._call
        self._log = self._call = None
        try:
            if call is not None:
                with _told_as_session_error():
                    call.close()
        finally:
            if log is not None:
                log.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.close()
        except SessionError:
            if error is None:  # else the first problem is the one to tell
                raise

    def _started(self) -> BinaryIO:
        if self._closed:
            raise SessionError(f"{self.folder}: this recording is closed already")
        if self._log is not None:
            return self._log
        if self._with_audio:
            from voicetrainer.speech import audio
        line = _line(replace(self._header, channels=audio.CHANNELS if self._with_audio else ()))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Unbuffered: one line is one write, and a line that failed is not tried again on closing.
            self._log = (self.folder / LOG).open("xb", buffering=0)
        except FileExistsError:
            raise SessionError(f"{self.folder}: there is a session here already", "choose another folder") from None
        except (OSError, ValueError) as error:
            raise _unwritable(self.folder, error) from None
        self._append(self._log, line)
        if self._with_audio:
            with _told_as_session_error():
                self._call = audio.CallWriter(self.folder / AUDIO)
        return self._log

    def _append(self, log: BinaryIO, line: bytes) -> None:
        self._written += len(line)
        if self._written > MAX_LOG:
            raise SessionError(f"{self.folder / LOG}: the call is too long to be recorded", "start a new call")
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[log.write(rest) :]
        except OSError as error:
            self._closed = True  # after half a line nothing may follow
            raise _unwritable(self.folder / LOG, error) from None


def load(path: Path) -> Session:
    """Load a session from its folder or from its log.

    Raises
    ------
    SessionError
        Missing, no session, empty, too large, of another format version, or with a line that is wrong (its number is
        told). A cut last line is no error.
    """
    log = path
    try:
        log = path / LOG if path.is_dir() else path
        if log != path and not log.exists():
            raise SessionError(f"{path}: no session in this folder (no {LOG})", "name the folder of one session")
        if not log.exists():
            raise SessionError(f"{path}: there is no such session", "check the name")
        if not log.is_file():
            raise SessionError(f"{log}: is not an ordinary file", "name the folder of a session")
        size = log.stat().st_size
        if not size:
            raise SessionError(f"{log}: is empty, nothing was recorded", "delete the folder")
        if size > MAX_LOG:
            raise SessionError(f"{log}: {size / 2**20:.0f} MB is too large", "is this really a session?")
        with log.open("rb") as file:
            header, events = _parse(log, file)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SessionError(f"{str(log)!r}: cannot be read: {why}", "check the name and the permissions") from None
    audio = log.parent / AUDIO
    return Session(
        folder=log.parent,
        header=header,
        events=tuple(events),
        audio=audio if audio.is_file() else None,
        interrupted=not any(isinstance(event, Ended) for event in events),
    )


def _parse(log: Path, file: BinaryIO) -> tuple[Header, list[Fact | Decision]]:
    lines = _lines(log, file)
    header = _header(log, *next(lines))
    events: list[Fact | Decision] = []
    for number, (line, whole) in enumerate(lines, start=2):
        try:
            event = from_json(line)
        except ValueError as error:
            if not whole:
                break
            raise SessionError(f"{log}, line {number}: {error}", "restore the file from a copy") from None
        if isinstance(event, Header):
            raise SessionError(f"{log}, line {number}: a second header", "keep each session in its own file")
        events.append(event)
    return header, events


def _lines(log: Path, file: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Each line and whether it is whole: only the last one can be cut, and then it lacks its newline."""
    number = 0
    left = MAX_LOG  # the file may be growing
    while left > 0 and (line := file.readline(MAX_LINE + 1)):
        number += 1
        left -= len(line)
        if len(line) > MAX_LINE:
            raise SessionError(f"{log}, line {number}: is longer than {MAX_LINE >> 20} MB", "is this really a session?")
        yield line, line.endswith(b"\n")


def _header(log: Path, line: bytes, whole: bool) -> Header:
    try:
        header = from_json(line)
    except ValueError as error:
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict) or fields.get("kind") != "header":
            if not whole and line.startswith(b"{"):
                raise SessionError(f"{log}: was cut before its first line was complete", "delete the folder") from None
            raise SessionError(f"{log}: is not a session's log", "name a folder that `rehearse` recorded") from None
        found = fields.get("format")
        if found != FORMAT:
            raise SessionError(
                f"{log}: written in format {found!r:.20}, this program reads format {FORMAT}",
                "use the version of voicetrainer that recorded it, or a newer one",
            ) from None
        raise SessionError(f"{log}, line 1: {error}", "restore the file from a copy") from None
    if not isinstance(header, Header):
        raise SessionError(f"{log}: its first line is no header but '{header.kind}'", "restore the file from a copy")
    return header


def _line(event: Fact | Decision | Header) -> bytes:
    """One event as a line, after making sure that it loads again as the same event (NaN, for one, does not)."""
    line = b""
    try:
        line = to_json(event).encode() + b"\n"
        same = from_json(line) == event
    except ValueError:
        same = False
    if not same or len(line) > MAX_LINE:
        what = "holds a value that cannot be logged, such as NaN" if not same else f"is {len(line)} bytes long"
        raise SessionError(f"event '{event.kind}' {what}", "please report this as a fault in voicetrainer")
    return line


@contextmanager
def _told_as_session_error() -> Iterator[None]:
    try:
        yield
    except AudioError as error:
        raise SessionError(error.message, error.hint) from None


def _unwritable(path: Path, error: OSError | ValueError) -> SessionError:
    why = getattr(error, "strerror", None) or error
    return SessionError(f"{path}: cannot be written: {why}", "free some space or choose another folder")
