"""The only loop: facts from a phone line to the customer, the customer's lines back to the phone line.

`hold` runs a call over any `Line`: a spoken one (microphone, files), a typed one, or a recorded one (``replay``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from voicetrainer.roleplay.customer import Customer, State
from voicetrainer.roleplay.events import (
    Decision,
    Fact,
    Heard,
    LearnerLeft,
    LineStarted,
    LineStopped,
    Say,
    Silence,
    SpeechStarted,
    Word,
    q,
)

if TYPE_CHECKING:
    from voicetrainer.speech.audio import Samples
    from voicetrainer.speech.ears import Ears
    from voicetrainer.transports import Transport


class Line(Protocol):
    """A phone line as the loop sees it."""

    def facts(self) -> Iterator[Fact]:
        """What happens on it, until the learner is gone."""

    def say(self, line: Say) -> None:
        """Have the customer say a line; it starts as soon as the line takes it."""


def hold(customer: Customer, line: Line, record: Callable[[Fact | Decision], None]) -> State:
    """Hold one call to its end.

    Parameters
    ----------
    customer
        Who answers.
    line
        Where facts come from and lines go to.
    record
        Told every fact and decision in order.

    Returns
    -------
    The customer's state at the end.
    """

    def deliver(decisions: Sequence[Decision]) -> None:
        for decision in decisions:
            record(decision)
            if isinstance(decision, Say):
                line.say(decision)

    state, decisions = customer.begin()
    deliver(decisions)
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
        Gives the customer's audio for a line: the voice.
    tape
        Told every frame of both sides, for the recording.
    """

    def __init__(
        self,
        transport: Transport,
        ears: Ears,
        render: Callable[[str, float], Samples],
        tape: Callable[[Samples, Samples], None],
    ) -> None:
        self.transport, self.ears, self.render, self.tape = transport, ears, render, tape
        self._waiting: list[int] = []
        self._playing = 0

    def say(self, line: Say) -> None:
        """Render a line and play it."""
        self.transport.play(self.render(line.text, line.anger))
        self._waiting.append(line.line)

    def facts(self) -> Iterator[Fact]:
        """Facts as the frames bring them."""
        t = 0.0
        for frame in self.transport.frames():
            self.tape(frame.learner, frame.customer)
            if frame.stopped == "cut" and self._playing:
                yield self._stopped(frame.t, cut=True)
            if frame.started:
                self._playing = self._waiting.pop(0)
                yield LineStarted(q(frame.t), self._playing)
            yield from self.ears.hear(frame.t, frame.learner, bool(self._playing))
            t = frame.end
            if frame.stopped == "ended" and self._playing:
                yield self._stopped(t, cut=False)
            elif self.ears.cuts:
                self.transport.stop()
        yield from self.ears.close(t)
        yield LearnerLeft(q(t), "the learner had no more to say")

    def _stopped(self, t: float, *, cut: bool) -> LineStopped:
        number, self._playing = self._playing, 0
        return LineStopped(q(t), number, cut)


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
