"""The only loop: facts from a phone line to the customer, the customer's lines back to the phone line.

`hold` runs a call over any `Line`: a spoken one (microphone, files), a typed one, or a recorded one (``replay``).
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import Lock, Thread
from typing import TYPE_CHECKING, Literal, Protocol

from voicetrainer.errors import VoicetrainerError
from voicetrainer.roleplay.customer import Customer
from voicetrainer.roleplay.events import (
    Decision,
    Fact,
    Heard,
    LearnerLeft,
    LineStarted,
    LineStopped,
    RepeatAsked,
    Say,
    Silence,
    SpeechStarted,
    Word,
    q,
)
from voicetrainer.roleplay.mood import State

if TYPE_CHECKING:
    from voicetrainer.speech.audio import Samples
    from voicetrainer.speech.ears import Ears
    from voicetrainer.transports import Frame, Transport


class Line(Protocol):
    """A phone line as the loop sees it."""

    def facts(self) -> Iterator[Fact]:
        """What happens on it, until the learner is gone."""

    def say(self, line: Say) -> None:
        """Have the customer say a line; it starts as soon as the line takes it."""


def hold(
    customer: Customer, line: Line, record: Callable[[Fact | Decision], None], begun: State | None = None
) -> State:
    """Hold one call to its end.

    Parameters
    ----------
    customer
        Who answers.
    line
        Where facts come from and lines go to.
    record
        Told every fact and decision in order.
    begun
        The state of a call to go on with (`replay.rewind`), whose last line the phone line has been given already;
        None to begin a new one.

    Returns
    -------
    The customer's state at the end.
    """

    def deliver(decisions: Sequence[Decision]) -> None:
        for decision in decisions:
            record(decision)
            if isinstance(decision, Say):
                line.say(decision)

    if begun is None:
        state, decisions = customer.begin()
        deliver(decisions)
    else:
        state = begun
    if isinstance(line, SpokenLine):
        line.foresee(lambda fact: customer.respond(state, fact)[1])
    for fact in line.facts():
        record(fact)
        state, decisions = customer.respond(state, fact)
        deliver(decisions)
        if state.over:
            break
    return state


class SpokenLine:
    """A line on which both sides are heard.

    Parameters
    ----------
    transport
        Where audio comes from and goes to.
    ears
        What listens to the learner.
    render
        Gives the customer's audio for a line: the voice. Called from one thread at a time.
    tape
        Told every frame of both sides, for the recording.
    guard
        Given a frame of the learner and the customer's, gives what the ears may hear of it: what keeps the customer's
        own voice out of the microphone; None where there is nothing to keep out.
    ahead
        Render what the customer would say already while the learner is falling silent.
    watch
        Told the time after every frame, for a screen.
    """

    def __init__(
        self,
        transport: Transport,
        ears: Ears,
        render: Callable[[str, float], Samples],
        tape: Callable[[Samples, Samples], None],
        *,
        guard: Callable[[Frame], tuple[Samples, Sequence[Fact]]] | None = None,
        ahead: bool = False,
        watch: Callable[[float], None] | None = None,
    ) -> None:
        self.transport, self.ears, self.tape = transport, ears, tape
        self.guard = guard
        self.asked: deque[Literal["repeat", "leave"]] = deque()
        """What the learner asked for by a key or a signal, from any thread."""
        self.voice = _Voice(render)
        self.ahead, self.watch = ahead, watch
        self._answer: Callable[[Fact], Sequence[Decision]] = lambda _: ()
        self._waiting: list[tuple[int, float]] = []
        self._playing, self._length, self._began = 0, 0.0, 0.0
        self._now = 0.0
        self._foreseen = False

    def foresee(self, answer: Callable[[Fact], Sequence[Decision]]) -> None:
        """Take what tells how the customer would answer a fact now."""
        self._answer = answer

    def say(self, line: Say) -> None:
        """Render a line and play it; of one that is not ready, the rest is rendered while its first sentence plays."""
        in_parts = self.ahead and not self.voice.ready(line.text, line.anger)
        first, *rest = _SENTENCE_ENDS.split(line.text) if in_parts else (line.text,)
        clip = self.voice.render(first, line.anger)
        samples = len(clip)
        self.transport.play(clip, whole=not rest)
        for number, sentence in enumerate(rest, 1):
            clip = self.voice.render(sentence, line.anger)
            self.transport.more((clip[:1] * 0).repeat(BETWEEN), whole=False)
            self.transport.more(clip, whole=number == len(rest))
            samples += BETWEEN + len(clip)
        self._waiting.append((line.line, samples / RATE))

    @property
    def played(self) -> float:
        """How much of the customer's line has been heard, 0 to 1."""
        return min(1.0, (self._now - self._began) / self._length) if self._playing and self._length else 0.0

    def facts(self) -> Iterator[Fact]:
        """Facts as the frames bring them."""
        t, why = 0.0, "the learner had no more to say"
        for frame in self.transport.frames():
            self.tape(frame.learner, frame.customer)
            yield from frame.notes
            if any(note.what == "device_lost" for note in frame.notes):
                why = "a device was lost"
            if frame.stopped == "cut" and self._playing:
                yield self._stopped(frame.t, cut=True)
            if frame.started:
                self._playing, self._length = self._waiting.pop(0)
                self._began = frame.t
                yield LineStarted(q(frame.t), self._playing)
            learner = frame.learner
            if self.guard is not None:
                learner, noted = self.guard(frame)
                yield from noted
            yield from self.ears.hear(frame.t, learner, bool(self._playing))
            self._now = t = frame.end
            if frame.stopped == "ended" and self._playing:
                yield self._stopped(t, cut=False)
            elif self.ears.cuts:
                self.transport.stop()
            if self.ahead:
                self._look_ahead(t)
            if self.watch is not None:
                self.watch(t)
            while self.asked:
                if self.asked.popleft() == "leave":
                    yield from self.ears.close(t)
                    yield LearnerLeft(q(t), "the learner hung up")
                    return
                if not self._playing and not self._waiting:
                    yield RepeatAsked(q(t))
        yield from self.ears.close(t)
        yield LearnerLeft(q(t), why)

    def _look_ahead(self, t: float) -> None:
        """Once in each pause: what would the customer answer if that was all? Have it rendered meanwhile."""
        if self.ears.turns.silence < FORESIGHT:
            self._foreseen = False
        elif not self._foreseen and not self._playing and not self._waiting:
            self._foreseen = True
            words = tuple(Word(w, q(t), q(t)) for w in self.ears.partial().split())
            if words:
                for decision in self._answer(Heard(q(t), q(t), q(t), words)):
                    if isinstance(decision, Say):
                        self.voice.prepare(decision.text, decision.anger)

    def _stopped(self, t: float, *, cut: bool) -> LineStopped:
        number, self._playing = self._playing, 0
        return LineStopped(q(t), number, cut)


RATE = 16_000  # as in speech.audio, which a call that is typed never needs
BETWEEN = 4000
"""Samples of silence between two sentences that are rendered one by one."""
_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+(?=\w)")
FORESIGHT = 0.24
"""Seconds of silence after which the answer is looked for ahead: the words are known by then (`turns.LOOK`)."""


class _Voice:
    """The customer's voice with what it has got ready."""

    def __init__(self, render: Callable[[str, float], Samples]) -> None:
        self._render = render
        self._lock = Lock()
        self._ready: OrderedDict[tuple[str, float], Samples] = OrderedDict()

    def render(self, text: str, anger: float) -> Samples:
        """A line as audio. The voice knows half steps of anger, so that what was foreseen nearly right will do."""
        key = text, round(anger * 2) / 2
        with self._lock:
            if key not in self._ready:
                self._ready[key] = self._render(*key)
                while len(self._ready) > 4:
                    self._ready.popitem(last=False)
            return self._ready[key]

    def ready(self, text: str, anger: float) -> bool:
        """Whether a line has been rendered, or is being rendered now."""
        return self._lock.locked() or (text, round(anger * 2) / 2) in self._ready

    def prepare(self, text: str, anger: float) -> None:
        """Have a line rendered by another thread."""
        Thread(target=self._prepare, args=(text, anger), daemon=True).start()

    def _prepare(self, text: str, anger: float) -> None:
        with suppress(VoicetrainerError):  # told when the line is really said
            self.render(text, anger)


WORDS_A_SECOND = 2.7
"""How fast both sides of a typed call are taken to speak; it gives the call clock something to count."""
GAP = 0.6
"""Seconds between two turns of a typed call."""
WAIT = 6.0
"""Seconds of silence that an empty typed line stands for."""


class TypedLine:
    """A line on which the learner types; times are those of ordinary speech.

    Parameters
    ----------
    ask
        Gives the learner's next turn as typed: ``!`` at its start interrupts the customer, empty or ``...`` is silence;
        None when the learner hangs up.
    """

    def __init__(self, ask: Callable[[], str | None]) -> None:
        self.ask = ask
        self.t = 0.0
        self._lines: list[Say] = []

    def say(self, line: Say) -> None:
        """Take the customer's line."""
        self._lines.append(line)

    def facts(self) -> Iterator[Fact]:
        """Facts as the learner types them."""
        while True:
            line = self._lines.pop(0) if self._lines else None
            if line is not None:
                yield LineStarted(q(self.t), line.line)
            spoken = len(line.text.split()) / WORDS_A_SECOND if line is not None else 0.0
            said = "" if line is not None and line.final else self.ask()
            text = (said or "").strip()
            if line is not None and text.startswith("!"):
                self.t += min(1.0, spoken)
                yield from self._turn(text.removeprefix("!"), line.line)
                continue
            if line is not None:
                self.t += spoken
                yield LineStopped(q(self.t), line.line, cut=False)
            if said is None:
                yield LearnerLeft(q(self.t), "the learner hung up")
                return
            if text in ("", "..."):
                self.t += WAIT
                yield Silence(q(self.t), WAIT)
            else:
                self.t += GAP
                yield from self._turn(text.removeprefix("!"), 0)

    def _turn(self, text: str, cut: int) -> Iterator[Fact]:
        start = self.t
        yield SpeechStarted(q(start))
        if cut:
            yield LineStopped(q(start + GAP), cut, cut=True)
        words = text.split()
        each = 1 / WORDS_A_SECOND
        timed = tuple(Word(w, q(start + i * each), q(start + (i + 1) * each)) for i, w in enumerate(words))
        end = start + len(words) * each
        self.t = end + GAP
        role = "interruption" if cut else "turn"
        yield Heard(q(self.t), q(start), q(end), timed, overlap=GAP if cut else 0.0, role=role)  # type: ignore[arg-type]
