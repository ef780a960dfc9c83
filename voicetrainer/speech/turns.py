"""Whose turn it is: a small pure policy fed with elapsed seconds, voice activity and partial words, never with a clock.

Silence alone does not end a turn: people pause to think. After a phrase that sounds complete a short silence is enough;
after "and", "because" or "um" it takes longer. A few listening words ("mm-hmm", "I see") while the customer talks do
not take the turn; anything else that goes on for more than a moment cuts the customer off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

Role = Literal["turn", "interruption", "aside"]

LISTENING = frozenset(
    "mm mhm hmm mm-hmm uh-huh uh huh ah oh okay ok right yes yeah yep sure see i understand of course absolutely"
    " indeed go on no really gosh true".split()
)
"""Words that may be said while the other side talks without wanting the turn."""

UNFINISHED = frozenset(
    "and but or so because if when while which who the a an my your our his their its to of at from with by as than am"
    " be will would can could should i'm i'll i've you're we're we'll it's um uh er".split()
)
"""Words that a finished phrase hardly ends in."""


@dataclass(frozen=True)
class Profile:
    """How patient turn-taking is. All in seconds."""

    name: str = "standard"
    onset: float = 0.1
    """Voice needed before it counts as speech."""
    finished: float = 0.8
    """Silence that ends a turn after a phrase that sounds complete."""
    unfinished: float = 1.6
    """Silence that ends a turn after a phrase that does not, or of which no word was understood."""
    aside: float = 0.5
    """Silence that ends a listening word while the customer talks."""
    clash: float = 0.7
    """Voice over the customer that cuts the customer off, unless it is listening words."""
    chatter: float = 2.0
    """Voice over the customer that cuts the customer off whatever the words."""
    longest: float = 60.0
    """A turn ends here whatever happens."""
    silence: float = 6.0
    """Silence when it is the learner's turn that is told, and told again each time it has lasted as long again."""


STANDARD = Profile()


class Signal(Enum):
    """What turn-taking tells the ears."""

    STARTED = auto()
    INTERRUPTS = auto()
    YIELDED = auto()
    SILENCE = auto()


class Turns:
    """The policy's state: feed it one frame at a time."""

    def __init__(self, profile: Profile = STANDARD) -> None:
        self.profile = profile
        self.idle = 0.0
        """Seconds since either side's last sound."""
        self._told = 0
        self._reset()

    def _reset(self) -> None:
        self.speaking = False
        self.role: Role = "turn"
        self.overlap = 0.0
        """Voiced seconds of this utterance over the customer."""
        self.silence = 0.0
        self._voiced = 0.0
        self._length = 0.0
        self._look_at_overlap = self._look_at_silence = 0.0
        self._over_at_start = False

    def step(self, dt: float, voice: bool, customer: bool, words: Callable[[], str]) -> Signal | None:
        """Take one frame.

        Parameters
        ----------
        dt
            Length of the frame, seconds.
        voice
            Whether the learner's voice is in it.
        customer
            Whether the customer is speaking.
        words
            Gives the words understood so far; asked for only when they matter, because it costs.

        Returns
        -------
        The change, if there is one. After `Signal.YIELDED`, `role` and `overlap` describe the utterance until `next`.
        """
        if not self.speaking:
            return self._waiting(dt, voice, customer)
        self._length += dt
        if voice:
            self.silence = self._look_at_silence = 0.0
            self._voiced += dt
            if customer:
                self.overlap += dt
        else:
            self.silence += dt
        if customer and self.role == "turn" and self._takes_over(words):
            self.role = "interruption"
            return Signal.INTERRUPTS
        if self._yields(customer, words):
            if self.role == "turn" and self._over_at_start and (customer or self._only_listening(words)):
                self.role = "aside"
            return Signal.YIELDED
        return None

    def next(self) -> None:
        """Forget the utterance that has yielded."""
        self._reset()
        self.idle = 0.0
        self._told = 0

    def _waiting(self, dt: float, voice: bool, customer: bool) -> Signal | None:
        self._voiced = self._voiced + dt if voice else max(0.0, self._voiced - dt)
        if self._voiced >= self.profile.onset:
            overlap = self._voiced if customer else 0.0
            self._reset()
            self.speaking, self.overlap, self._over_at_start = True, overlap, customer
            return Signal.STARTED
        if customer or voice:
            self.idle, self._told = 0.0, 0
            return None
        self.idle += dt
        if self.idle >= self.profile.silence * (self._told + 1):
            self._told += 1
            return Signal.SILENCE
        return None

    def _takes_over(self, words: Callable[[], str]) -> bool:
        if self.overlap >= self.profile.chatter:
            return True
        if self.overlap < self.profile.clash or self.overlap < self._look_at_overlap:
            return False
        self._look_at_overlap = self.overlap + 0.2
        said = words().split()
        return bool(said) and not LISTENING.issuperset(said)

    def _only_listening(self, words: Callable[[], str]) -> bool:
        return LISTENING.issuperset(words().split())

    def _yields(self, customer: bool, words: Callable[[], str]) -> bool:
        if self._length >= self.profile.longest:
            return True
        if self.role == "turn" and self._over_at_start and customer:
            return self.silence >= self.profile.aside
        if self.silence < self.profile.finished or self.silence >= self.profile.unfinished:
            return self.silence >= self.profile.unfinished
        if self.silence < self._look_at_silence:
            return False
        self._look_at_silence = self.silence + 0.2
        said = words().split()
        return bool(said) and said[-1] not in UNFINISHED
