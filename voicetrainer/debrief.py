"""What comes after a call, kept beside its log in ``debrief.json``: the learner's own view, their reflections, and the
card as it was shown. The log itself is never touched: facts stay facts.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from voicetrainer.errors import SessionError
from voicetrainer.roleplay.kept import KeptCard
from voicetrainer.roleplay.selfscore import SelfScore

FILE = "debrief.json"
"""Its name in a session folder."""
MAX_BYTES = 256_000
"""Longest file that is read."""
MAX_ANSWER = 4000
"""Characters in the longest reflection that is kept."""

_strict = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, config=_strict)
class Reflection:
    """A question to reflect on, answered."""

    question: Annotated[str, Field(max_length=MAX_ANSWER)]
    answer: Annotated[str, Field(max_length=MAX_ANSWER)]


@dataclass(frozen=True, config=_strict)
class Debrief:
    """What the learner thought of the call, and what the card said."""

    format: Literal[1] = 1
    own: SelfScore | None = None
    """How the learner saw it, before the card was shown."""
    reflections: Annotated[tuple[Reflection, ...], Field(max_length=40)] = ()
    card: KeptCard | None = None
    """The card as it was shown after the call."""

    def answer(self, question: str) -> str:
        """What was answered to a question; empty when nothing was."""
        return next((r.answer for r in self.reflections if r.question == question), "")


_adapter: TypeAdapter[Debrief] = TypeAdapter(Debrief)


def load(folder: Path) -> Debrief:
    """Read a session's debrief; an empty one when there is none.

    Raises
    ------
    SessionError
        When the file cannot be read or is no debrief.
    """
    path = folder / FILE
    try:
        if not path.exists():
            return Debrief()
        if path.stat().st_size > MAX_BYTES:
            raise SessionError(f"{path}: is longer than {MAX_BYTES // 1000} kB", "is this really a debrief?")
        return _adapter.validate_json(path.read_bytes())
    except OSError as error:
        raise SessionError(f"{path}: {(error.strerror or 'cannot be read').lower()}", "check the permissions") from None
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SessionError(
            f"{path}: {where + ': ' if where else ''}{first['msg']}", "mend it, or delete it to begin it again"
        ) from None


def save(folder: Path, debrief: Debrief) -> None:
    """Write a session's debrief, whole or not at all.

    Raises
    ------
    SessionError
        When it cannot be written.
    """
    path = folder / FILE
    half = path.with_name(f".{FILE}.part")
    try:
        half.write_bytes(_adapter.dump_json(debrief, indent=1) + b"\n")
        half.replace(path)
    except OSError as error:
        with suppress(OSError):
            half.unlink()
        raise SessionError(
            f"{path}: {(error.strerror or 'cannot be written').lower()}", "check the folder's permissions"
        ) from None
