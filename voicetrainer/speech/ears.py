"""The ears: frames of the learner in, facts out.

Voice activity runs always. When speech starts, this utterance's recogniser and prosody tracker start with a little
audio from before it, and work while the learner talks, so that at the end only the last block is left to do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from voicetrainer.roleplay.events import Fact, Heard, Prosody, Silence, SpeechStarted, StillSpeaking, q
from voicetrainer.speech.activity import HANGOVER, Activity
from voicetrainer.speech.audio import RATE, Samples
from voicetrainer.speech.endings import height
from voicetrainer.speech.prosody import ProsodyTracker
from voicetrainer.speech.turns import LOOK, STANDARD, Profile, Signal, Turns

if TYPE_CHECKING:
    from voicetrainer.speech.recognizer import Hearing, Reading, Recognizer

PRE_ROLL = 0.3
"""Seconds of audio before the first voiced frame that the recogniser gets, so that no soft consonant is lost."""


class Ears:
    """Listens to one learner for one call.

    Parameters
    ----------
    recognizer
        A loaded model.
    profile
        How patient turn-taking is.
    """

    def __init__(self, recognizer: Recognizer, profile: Profile = STANDARD) -> None:
        self.recognizer = recognizer
        self.turns = Turns(profile, HANGOVER)
        self.cuts = False
        """Whether the last frame made the learner cut the customer off: whoever plays the customer stops."""
        self._activity = Activity()
        self._before: deque[Samples] = deque()
        self._hearing: Hearing | None = None
        self._prosody = ProsodyTracker()
        self._from = self._start = 0.0
        self._settled = False  # in this pause

    def hear(self, t: float, frame: Samples, customer: bool) -> Iterator[Fact]:
        """Take one frame of the learner.

        Parameters
        ----------
        t
            Its start, seconds on the call clock.
        frame
            20 ms, shape (n,).
        customer
            Whether the customer is speaking in it.
        """
        seconds = len(frame) / RATE
        voice = self._activity.step(frame)
        if self._hearing is None:
            self._before.append(frame)
            while (len(self._before) - 1) * seconds > PRE_ROLL + self.turns.profile.onset:
                self._before.popleft()
        else:
            self._hearing.feed(frame)
            self._prosody.feed(frame)
        signal = self.turns.step(
            seconds, voice, customer, self._words, self.height, self._readings, self._activity.hidden
        )
        self.cuts = signal is Signal.INTERRUPTS
        self._settled = self._settled and self.turns.silence > 0
        now = q(t + seconds)
        if signal is Signal.STARTED:
            before = np.concatenate(self._before)
            self._before.clear()
            self._from = t + seconds - len(before) / RATE
            self._start = max(self._from, t - self.turns.length)  # voice activity knows of a sound one frame later
            self._hearing, self._prosody = self.recognizer.utterance(readings=True), ProsodyTracker()
            self._hearing.feed(before)
            self._prosody.feed(before[round((self._start - self._from) * RATE) :])
            yield SpeechStarted(q(self._start))
        elif signal is Signal.SILENCE:
            yield Silence(now, q(self.turns.idle, 2))
        elif signal is Signal.STILL:
            yield StillSpeaking(now, q(now - self._start))
        elif signal is Signal.YIELDED:
            yield from self._finish(now)

    def sounds(self, last: float | None = None) -> Prosody | None:
        """How the utterance has sounded so far, or in its last seconds; None while the learner is silent."""
        return self._prosody.so_far(last) if self._hearing else None

    def partial(self) -> str:
        """Words of the utterance so far."""
        return self._hearing.partial() if self._hearing else ""

    def _words(self) -> str:
        """The same for turn-taking; settled in a pause, where they matter most."""
        if self._hearing is None or self.turns.silence < LOOK:
            return self.partial()
        self._settled = True
        return self._hearing.settle()

    def _readings(self) -> Sequence[Reading]:
        """What the words may have been, for turn-taking in a pause."""
        return self._hearing.readings if self._hearing else []

    def height(self) -> float | None:
        """How high in the learner's range the melody of the utterance so far has stopped; see `endings.height`."""
        return height(self._prosody.pitch())

    def close(self, t: float) -> Iterator[Fact]:
        """Finish an utterance that the end of the call leaves open."""
        if self._hearing is not None:
            yield from self._finish(q(t))

    def _finish(self, now: float) -> Iterator[Fact]:
        assert self._hearing is not None
        words = self._hearing.finish(self._from, self._settled)
        prosody = self._prosody.finish(words, self._start)
        turns, end = self.turns, q(now - self.turns.silence)
        heard = Heard(
            now,
            q(self._start),
            end,
            words,
            prosody,
            q(turns.overlap, 2),
            turns.role,
            listening=turns.listening,
            barged=turns.barged,
            yielded=None if turns.yielded is None else q(turns.yielded, 2),
        )
        self._hearing, self._settled = None, False
        turns.next()
        if words or prosody.voiced >= 0.3:  # less than that without a word is a cough or a door
            yield heard
