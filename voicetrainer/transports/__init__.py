"""The phone line: frames of the learner in, the customer's audio out, both on the call clock.

A transport yields frames without end until the learner is gone; whatever plays the customer's audio into the next
frame, cuts it, and says in the frame that it did. From here on a microphone, a browser and a file are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from voicetrainer.speech.audio import RATE, Samples

if TYPE_CHECKING:
    from voicetrainer.roleplay.events import Noted

__all__ = ["FRAME", "RATE", "Frame", "Samples", "Transport"]

FRAME = 320
"""Samples in a frame: 20 ms."""


@dataclass(frozen=True, slots=True)
class Frame:
    """20 ms of both sides."""

    t: float
    """Start of the frame, seconds on the call clock."""
    learner: Samples
    """What the learner's microphone heard, shape (FRAME,)."""
    customer: Samples
    """What the customer's side played, shape (FRAME,); zeros when silent."""
    started: bool = False
    """The clip given to `Transport.play` begins in this frame."""
    stopped: Literal["ended", "cut"] | None = None
    """The clip ended, or was cut, in this frame."""
    notes: tuple[Noted, ...] = ()
    """What happened to the line itself; only a line of devices has any."""

    @property
    def end(self) -> float:
        """End of the frame, seconds on the call clock."""
        return self.t + len(self.learner) / RATE


class Transport(Protocol):
    """One phone line."""

    def frames(self) -> Iterator[Frame]:
        """Frames from the call's start until the learner is gone; frame i starts at ``i * FRAME / RATE``."""

    def play(self, clip: Samples, *, whole: bool = True) -> None:
        """Play the customer's clip from the next frame on; one clip at a time.

        With ``whole=False`` this is the first piece of a clip that goes on with `more`.
        """

    def more(self, clip: Samples, *, whole: bool = True) -> None:
        """Add the next piece to the clip that `play` began; the last one is ``whole``. Nothing if that clip was cut."""

    def stop(self) -> None:
        """Cut the clip that plays now off at the next frame."""
