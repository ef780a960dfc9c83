"""Whose turn it is: a small pure policy fed with elapsed seconds, voice activity, partial words and the melody's tail,
never with a clock.

Silence alone does not end a turn: people pause to think. After a phrase that is finished in words and in melody a short
silence is enough; the likelier it is that words or melody lead on, the longer it takes, and a learner who pauses long
between sentences is waited for longer. A few listening words ("mm-hmm", "I see") while the customer talks do not take
the turn; anything else that goes on for more than a moment cuts the customer off. Who begins in the same moment as the
other has not interrupted: that is a clash, and what counts then is who gives way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from voicetrainer.errors import SessionError
from voicetrainer.speech.endings import NUMBERS, TAKEN_FOR_UM, Judge, judge, weighed
from voicetrainer.speech.recognizer import Reading

Role = Literal["turn", "interruption", "aside"]

LISTENING = frozenset(
    "mm mhm hmm mm-hmm uh-huh uh huh ah oh okay ok right yes yeah yep sure see i understand of course absolutely"
    " indeed go on no really gosh true".split()
)
"""Words that may be said while the other side talks without wanting the turn."""
SHORT = LISTENING | frozenset("no nope sorry thanks please hello hi problem".split())
"""Words of which whole turns are made, too short for the judge: it knows that more begin with them."""

LOOK = 0.24
"""Seconds of silence after which words and melody are looked at: both are known by then (`Hearing.settle`), and what
can follow an end of the turn is got ready meanwhile."""
_SUNK, _SUNK_TELLS = 0.03, 0.8  # height of the melody up to which it has sunk, and how much that tells (log-odds)
_OPEN = -0.3  # how whole a sentence must be, or words and melody lead on (`endings.Ends`)
_UNSURE, _SURE = 0.9, 2.4  # how likely to be over a turn is that is not answered before, and one answered at once
_LEADS_ON = -1.5  # how whole words are at most before a sound that may have been an "um"
_DOUBTFUL = 0.9  # the chance of the last word below which it may have been one
_OVER = 2.0  # times the least silence up to which a phrase counts as one that could have been the end
_LONGER = 1.2  # how much longer than the learner's own pauses we wait
_FORGETS = 0.9  # what is left of a long pause after a turn


@dataclass(frozen=True)
class Profile:
    """How patient turn-taking is. All in seconds; silences count from the learner's last sound."""

    name: str = "standard"
    onset: float = 0.1
    """Voice needed before it counts as speech."""
    least: float = 0.32
    """Silence that ends a turn that is surely over, in words and melody ..."""
    unsure: float = 0.86
    """... growing to this the less sure that is. After a number it is at least so long, for there may be more digits;
    and at most where it was nothing but listening words or "no"."""
    most: float = 2.2
    """Silence that ends a turn whose words lead on, or end in a sound that is no word."""
    adapts: float = 2.0
    """How many times as long it may become for a learner who makes long pauses."""
    aside: float = 0.5
    """Silence that ends what is said while the customer talks on."""
    clash: float = 0.7
    """Voice over the customer that cuts the customer off, unless it is listening words."""
    chatter: float = 2.0
    """Voice over the customer that cuts the customer off whatever the words."""
    resumes: float = 0.24
    """The same for a learner who only goes on with a turn that the customer took for over."""
    together: float = 0.3
    """Who begins so soon after the customer began has not interrupted."""
    insists: float = 2.5
    """Voice over a customer who has broken into a long turn after which the customer gives way."""
    still: float = 8.0
    """Length of an utterance that is told."""
    still_again: float = 4.0
    """And told again each time that it has lasted so much longer."""
    longest: float = 60.0
    """A turn ends here whatever happens."""
    silence: float = 6.0
    """Silence when it is the learner's turn that is told, and told again each time it has lasted as long again."""


STANDARD = Profile()
PROFILES: Mapping[str, Profile] = {
    "quick": Profile("quick", least=0.28, most=1.5, unsure=0.6, silence=5.0),
    "standard": STANDARD,
    "patient": Profile("patient", least=0.8, most=3.5, unsure=1.8, clash=1.0, silence=10.0),
}
"""What can be chosen: *patient* is for people who need time."""


def profile(settings: Mapping[str, object]) -> Profile:
    """The profile that a session's header names under ``turns``; the standard one where it names none.

    Raises
    ------
    SessionError
        When there is no such profile.
    """
    name = settings.get("turns", STANDARD.name)
    found = PROFILES.get(str(name))
    if found is None:
        raise SessionError(f"there is no turn-taking profile {name!r}", f"one of {', '.join(PROFILES)}")
    return found


class Signal(Enum):
    """What turn-taking tells the ears."""

    STARTED = auto()
    INTERRUPTS = auto()
    YIELDED = auto()
    SILENCE = auto()
    STILL = auto()


Words = Callable[[], str]
Measure = Callable[[], float | None]
Readings = Callable[[], Sequence[Reading]]


class Turns:
    """The policy's state: feed it one frame at a time.

    Parameters
    ----------
    profile
        How patient it is.
    lag
        How long after the last sound voice activity still says "voice", seconds.
    words_end
        Judges words; None for the shipped judge.
    """

    def __init__(self, profile: Profile = STANDARD, lag: float = 0.0, words_end: Judge | None = None) -> None:
        self.profile, self.lag = profile, lag
        self._ends_with = words_end or judge()
        self.idle = 0.0
        """Seconds since either side's last sound."""
        self.pace = 0.0
        """How long this learner pauses after what could have been the end, seconds; it follows a longer pause at once
        and is forgotten slowly."""
        self._told = 0
        self._line = 0.0  # seconds of the customer's line so far
        self._since = 60.0  # seconds since the learner's last turn ended ...
        self._waited = 0.0  # ... after this much silence
        self._reset()

    def _reset(self) -> None:
        self.speaking = False
        self.role: Role = "turn"
        self.overlap = 0.0
        """Voiced seconds of this utterance over the customer."""
        self.silence = 0.0
        """Seconds since the learner's last sound."""
        self.length = 0.0
        """Seconds since the learner's first sound."""
        self.listening = False
        """Only listening words, while the customer talked."""
        self.barged = False
        """The customer broke into it."""
        self.yielded: float | None = None
        """Seconds from the start of a clash until the learner gave way; None: no clash, or the learner did not."""
        self._voiced = 0.0
        self._run = 0.0  # voice since the last pause
        self._gap = 0.0  # ... which was so long
        self._resumes = 0.0  # voice that may be the end of the pause
        self._quiet = 0.0  # since any voice, be it but a click
        self._said = self._known = ""  # what was understood at this pause, and at the one before
        self._done = False  # ... and whether it was finished in words and melody
        self._ends: float | None = None  # silence after which this pause ends the turn; None until that is known
        self._over: Literal["", "amid", "together", "barge"] = ""
        self._goes_on = False  # where the customer had only just begun to answer
        self._clash = 0.0  # where in the utterance the clash began
        self._clash_over: float | None = None  # ... and where the customer's line ended by itself
        self._stopped = False  # the customer has been cut off
        self._before = 0.0  # overlap in earlier clashes
        self._look = 0.0  # overlap in this one at which the words matter next
        self._next_still = self.profile.still

    def step(
        self,
        dt: float,
        voice: bool,
        customer: bool,
        words: Words,
        height: Measure,
        readings: Readings | None = None,
        hidden: float = 0.0,
    ) -> Signal | None:
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
        height
            Gives how high in the learner's range the melody has stopped (`endings.height`); the same.
        readings
            Gives what else the words in a pause may have been (`Hearing.readings`); None where nothing else is known.
        hidden
            How much longer than it was a pause may seem here (`Activity.hidden`), seconds.

        Returns
        -------
        The change, if there is one. After `Signal.YIELDED`, `role`, `overlap`, `silence` and so on describe the
        utterance until `next`.
        """
        before, self._line = self._line, self._line + dt if customer else 0.0
        if not self.speaking:
            return self._waiting(dt, voice, customer)
        self.length += dt
        self._hear(dt, voice, customer)
        if customer and not before:
            # A customer who was asked to answer and a learner who had only just gone on have met by accident.
            self._over = "barge" if self.length >= self.profile.clash + self.profile.chatter else "together"
            self.barged = self.barged or self._over == "barge"
            self._clash, self._clash_over, self._stopped = self.length - dt, None, False
            self._before = self.overlap
            self._look = 0.0
        if before and not customer and self._over and self._clash_over is None:
            self._clash_over = self.length
        if customer and self._over and not self._stopped and self._takes_over(words):
            self._stopped = True
            if self._over == "amid":
                self.role = "interruption"
            return Signal.INTERRUPTS
        if self._yields(voice, customer, words, height, readings, hidden):
            self._judge(customer, words)
            return Signal.YIELDED
        if voice and not customer and self.length >= self._next_still:
            self._next_still += self.profile.still_again
            return Signal.STILL
        return None

    def next(self) -> None:
        """Forget the utterance that has yielded."""
        if self.role != "aside":
            self._since, self._waited = 0.0, self.silence if self._done else 0.0
            self.pace *= _FORGETS
        self._reset()
        self.idle = 0.0
        self._told = 0

    # ------------------------------------------------------------------------------------------ before an utterance

    def _waiting(self, dt: float, voice: bool, customer: bool) -> Signal | None:
        self._since += dt
        self._voiced = self._voiced + dt if voice else max(0.0, self._voiced - dt)
        if self._voiced >= self.profile.onset:
            voiced, since, waited = self._voiced, self._since, self._waited
            self._reset()
            self.speaking, self._voiced, self._run, self.length = True, voiced, voiced, voiced
            # Going on where we took the turn for ended, before it could be noticed that we did?
            self._goes_on = since - voiced < self.profile.together + 0.2
            if customer:
                self.overlap = voiced
                together = self._goes_on or self._line < self.profile.together + voiced + dt
                self._over = "together" if together else "amid"
            if waited and self._goes_on:
                self.pace = max(self.pace, waited + since - voiced)
            return Signal.STARTED
        if customer or voice:
            self.idle, self._told = 0.0, 0
            return None
        self.idle += dt
        if self.idle >= self.profile.silence * (self._told + 1):
            self._told += 1
            return Signal.SILENCE
        return None

    # ---------------------------------------------------------------------------------------------- in an utterance

    def _hear(self, dt: float, voice: bool, customer: bool) -> None:
        if not voice:
            self._quiet = self._quiet + dt if self._quiet else max(self.lag, dt)
            if self.silence or self._resumes:
                self.silence += dt + self._resumes
            else:  # voice activity has gone on saying "voice" for a while
                self.silence = max(self.lag, dt)
                self._voiced -= self.silence - dt
                self._run -= self.silence - dt
                if customer:
                    self.overlap = max(0.0, self.overlap - self.silence + dt)
            self._resumes = 0.0
            return
        self._quiet = 0.0
        if self.silence:
            # A click, a key or a breath in a pause does not end it.
            self._resumes += dt
            if self._resumes <= self.lag + 0.05:
                return
            if self._done:
                self.pace = max(self.pace, self.silence)
            self._known, self._run, self._ends, self._done = self._said, 0.0, None, False
            dt, self._gap, self.silence, self._resumes = self._resumes, self.silence, 0.0, 0.0
        self._voiced += dt
        self._run += dt
        if customer:
            self.overlap += dt

    def _takes_over(self, words: Words) -> bool:
        overlap = self.overlap - self._before
        if self._over == "barge":
            return overlap >= self.profile.insists
        if overlap >= (self.profile.resumes if self._goes_on else self.profile.chatter):
            return True
        if overlap < self.profile.clash or overlap < self._look:
            return False
        self._look = overlap + 0.2
        return not LISTENING.issuperset(words().split()[:-1])  # the last word may still become another

    def _yields(
        self,
        voice: bool,
        customer: bool,
        words: Words,
        height: Measure,
        readings: Readings | None,
        hidden: float,
    ) -> bool:
        if self.length >= self.profile.longest:
            return True
        if voice or not self.silence:
            return False
        if customer and self._over and not self._stopped:
            return self.silence >= self.profile.aside
        if self.silence < LOOK:
            return False
        if self._ends is None:
            said = words()
            self._ends = self._wait(said, height(), readings() if readings else [(said, 1.0)], hidden)
        # In a loud room a click in a pause may be the loudest piece of a word; but somebody may be typing.
        quiet = self._quiet >= self.lag + hidden or self.silence >= self.profile.most
        return self.silence >= self._ends and quiet

    def _wait(self, said: str, stopped: float | None, readings: Sequence[Reading], hidden: float) -> float:
        """Silence that ends the turn after what was said or may have been, where the melody stopped so high."""
        p = self.profile
        fresh, self._said = said != self._known, said
        words = said.split()
        self._done = False
        if self._hesitated(fresh, words, readings):
            return p.most
        over, whole = weighed(self._ends_with, readings)
        sunk = _SUNK_TELLS if stopped is not None and stopped <= _SUNK else 0.0
        if whole + sunk < _OPEN:
            wait = p.most
        else:
            less = min(1.0, max(0.0, (_SURE - over - sunk) / (_SURE - _UNSURE)))
            wait = max(p.least * (p.unsure / p.least) ** less, min(p.least + hidden, p.unsure))
        if words and words[-1] in NUMBERS:
            wait = max(wait, p.unsure)
        elif SHORT.issuperset(words):
            wait = min(wait, p.unsure)
        self._done = wait <= p.least * _OVER
        return max(wait, min(self.pace * _LONGER, wait * p.adapts, p.most))

    def _hesitated(self, fresh: bool, words: list[str], readings: Sequence[Reading]) -> bool:
        """Whether the latest sound was an "um": short, and without a word.

        Or, after a gap, with a doubtful one where the words before it led on ("can you give me your come"):
        recognisers make some word of it, and of some words they are sure.
        """
        if not 0.2 <= self._run < 0.8:
            return False
        if not fresh:
            return True
        if not (self._gap >= 0.14 and self._run < 0.5 and len(words) > 1):
            return False
        sure = sum(chance for text, chance in readings if text.split()[-1:] == words[-1:])
        doubtful = sure < _DOUBTFUL or words[-1] in TAKEN_FOR_UM
        return doubtful and self._ends_with(words[:-1]).whole < _LEADS_ON

    def _judge(self, customer: bool, words: Words) -> None:
        """What the utterance was, now that it is over."""
        if not self._over:
            return
        over = customer and not self._stopped
        last = self.length - self.silence
        if self._over == "barge":
            if over or (self._clash_over is not None and last < self._clash_over and not self._stopped):
                self.yielded = max(0.0, last - self._clash)
            return
        if self._stopped:
            return
        self.listening = LISTENING.issuperset(words().split()) and self._voiced < self.profile.chatter
        if over and not self.listening:
            self.yielded = max(0.0, last - self._clash)
            # It was over before its words were known, and a listening word misheard is short.
            amid = self._over == "amid" and self.overlap - self._before >= self.profile.clash + 0.1
            self.role = "interruption" if amid else "aside"
        elif over or self.listening:
            self.role = "aside"
