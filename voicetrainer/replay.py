"""Again: from the log (*replay*: the same rules must decide the same; *rescore*: with today's rules) or from the audio
(*rehear*), naming the first place where it differs; and anew from the middle (*rewind*).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from voicetrainer.call import hold
from voicetrainer.errors import SessionError
from voicetrainer.roleplay import scenario, steadiness
from voicetrainer.roleplay.customer import Customer, Detector
from voicetrainer.roleplay.events import (
    Decision,
    Fact,
    Heard,
    LearnerLeft,
    LineStarted,
    LineStopped,
    Noted,
    Noticed,
    RepeatAsked,
    Say,
    SpeechStarted,
    is_fact,
    to_json,
)
from voicetrainer.roleplay.mood import State

if TYPE_CHECKING:
    from voicetrainer.recording import Session
    from voicetrainer.speech.recognizer import Recognizer


@dataclass(frozen=True)
class Divergence:
    """The first place where two courses of a call differ."""

    t: float
    """Seconds on the call clock."""
    number: int
    """Line of the log, from 1 (the header)."""
    logged: str
    """What the log has, as JSON; empty when it has ended."""
    now: str
    """What came now, as JSON; empty when nothing did."""


@dataclass(frozen=True)
class Again:
    """A call gone through again."""

    events: tuple[Fact | Decision, ...]
    """Facts and decisions as they are now. After a divergence in the customer's lines: judgements alone."""
    divergence: Divergence | None
    """None when everything was the same."""


class _LoggedLine:
    """A line on which what happened happens again."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = facts

    def facts(self) -> Iterator[Fact]:
        yield from self._facts

    def say(self, line: Say) -> None:
        """Nothing to say: it was said."""


def customer_of(session: Session, detector: Detector) -> Customer:
    """The customer of a recorded call, from the scenario that its log holds."""
    parsed = scenario.parse(session.header.scenario_text, f"the scenario in {session.folder.name}")
    return Customer.of(session.header, parsed, detector)


def replay(session: Session, detector: Detector) -> Again:
    """Run the logged facts through the rules; they must decide what the log says.

    A session cut off in mid-call is compared as far as it goes.
    """
    now: list[Fact | Decision] = []
    hold(customer_of(session, detector), _LoggedLine(session.facts), now.append)
    return Again(tuple(now), first_difference(session.events, now, cut=session.interrupted))


def rescore(session: Session, detector: Detector) -> Again:
    """Run the logged facts through today's rules.

    Once the customer would say another line, what the learner said next answered a line that was never said: from there
    on techniques and steadiness are judged for every utterance, but moods, stages and endings are left out.
    """
    customer = customer_of(session, detector)
    again = replay(session, detector)
    said = [e for e in session.events if isinstance(e, Say)]
    now = [e for e in again.events if isinstance(e, Say)]
    parted = next((i for i, (a, b) in enumerate(zip(said, now, strict=False)) if a.text != b.text), None)
    if parted is None and len(said) == len(now):
        return again
    at = min(len(said), len(now)) if parted is None else parted
    cut = next((e.t for e in (*said[at : at + 1], *now[at : at + 1])), 0.0)
    kept = [e for e in again.events if e.t < cut]
    turn = sum(isinstance(e, Heard) for e in kept)
    context = next((e.text for e in reversed(said) if e.t < cut), "")
    for event in session.events:
        if event.t < cut:
            continue
        if is_fact(event):
            kept.append(event)
        if isinstance(event, Say):
            context = event.text
        if isinstance(event, Heard):
            turn += 1
            kept += [
                Noticed(event.t, turn, e.label, e.mistake, e.score, e.quote, e.first, e.last, e.why)
                for e in detector.detect(event.text, context)
            ]
            kept.append(steadiness.judge(event.prosody, customer.baseline, event.t, turn))
    return Again(tuple(kept), again.divergence)


@dataclass(frozen=True)
class Rewound:
    """A call taken back to before one of the learner's turns."""

    state: State
    """The customer's state, their line decided but not said yet."""
    events: tuple[Fact | Decision, ...]
    """Facts and decisions up to and with that line."""
    line: Say
    """The customer's line that the turn answers; say it again, then the learner has the word."""
    t: float
    """Call clock at which to go on, seconds."""
    divergence: Divergence | None
    """Where today's rules decide differently on the way there; None where they do not."""


def rewind(session: Session, turn: int, detector: Detector) -> Rewound:
    """Take a call back to before a turn of the learner, to hold it anew from there.

    The state is rebuilt by running the facts through the rules, up to the customer's line that the turn answered; what
    the learner said while that line sounded goes with it. To go on, give the line to a phone line whose clock stands at
    `Rewound.t`, and `hold` the call from `Rewound.state`.

    Parameters
    ----------
    session
        Any recorded call.
    turn
        The learner's utterance that is to be said anew, from 1, in the order of `Heard`.
    detector
        What notices techniques and mistakes.

    Raises
    ------
    SessionError
        When there is no such turn, or today's rules would have ended the call before it.
    """
    places = [i for i, e in enumerate(session.events) if isinstance(e, Heard)]
    if not 1 <= turn <= len(places):
        said = f"you spoke {len(places)} times in it" if places else "you said nothing in it"
        raise SessionError(f"{session.folder}: there is no turn {turn}, {said}", "`--turn` counts them from 1")
    at, last = places[turn - 1], places[turn - 2] if turn > 1 else 0
    # From where the learner began to speak: a customer may break in before the utterance is complete.
    began = max((i for i in range(last, at) if isinstance(session.events[i], SpeechStarted)), default=at)
    before = session.events[:began]
    answered = max((i for i, e in enumerate(before) if isinstance(e, Say)), default=-1)
    kept = before[: answered + 1]
    now: list[Fact | Decision] = []
    line = _LoggedLine([e for e in kept if is_fact(e)])  # type: ignore[misc]
    state = hold(customer_of(session, detector), line, now.append)
    if state.over or state.ending is not None:
        raise SessionError(
            f"{session.folder}: with today's rules the call is over before turn {turn}", "take an earlier turn"
        )
    says = [e for e in now if isinstance(e, Say)]
    return Rewound(state, tuple(now), says[-1], says[-1].t, first_difference(kept, now))


def rehear(session: Session, recognizer: Recognizer) -> Again:
    """Listen to the recording again: what is heard now, against the logged facts.

    The customer's side keeps its logged times. With the same model and settings every fact comes out the same.

    Raises
    ------
    SessionError
        When the session has no audio.
    """
    from voicetrainer.speech import audio
    from voicetrainer.speech.ears import Ears
    from voicetrainer.speech.echo import Guard
    from voicetrainer.speech.turns import profile
    from voicetrainer.transports import FRAME, RATE, Frame

    if session.audio is None or "learner" not in session.header.channels:
        raise SessionError(f"{session.folder}: there is no audio to hear again", "record without --no-audio")
    call = audio.read_call(session.audio)
    learner = call[:, session.header.channels.index("learner")]
    guard = None
    if session.header.settings.get("half_duplex") and "customer" in session.header.channels:
        guard, customer = Guard(half_duplex=True), call[:, session.header.channels.index("customer")]
    logged = session.facts
    line_events = [f for f in logged if isinstance(f, LineStarted | LineStopped)]
    spans = [(a.t, b.t) for a, b in pairwise(line_events) if isinstance(a, LineStarted) and isinstance(b, LineStopped)]
    ears = Ears(recognizer, profile(session.header.settings))
    heard: list[Fact] = []
    span = 0
    for i in range(0, len(learner) - FRAME + 1, FRAME):
        t = i / RATE
        while span < len(spans) and spans[span][1] <= t + 1e-6:
            span += 1
        speaking = span < len(spans) and spans[span][0] <= t + 1e-6
        mine = learner[i : i + FRAME]
        if guard is not None:
            mine, _ = guard.hear(Frame(t, mine, customer[i : i + FRAME]))
        heard += ears.hear(t, mine, speaking)
    if not session.interrupted:
        heard += ears.close(len(learner) // FRAME * FRAME / RATE)
    sound = [f for f in logged if not isinstance(f, LineStarted | LineStopped | LearnerLeft | RepeatAsked | Noted)]
    return Again(tuple(heard), first_difference(sound, heard, cut=session.interrupted))


def first_difference(
    logged: Sequence[Fact | Decision], now: Sequence[Fact | Decision], *, cut: bool = False
) -> Divergence | None:
    """Where two courses part; with `cut`, one that merely ends earlier does not differ."""
    for i, (a, b) in enumerate(zip(logged, now, strict=False)):
        if a != b:
            return Divergence(a.t, i + 2, to_json(a), to_json(b))
    if len(logged) == len(now) or cut:
        return None
    i = min(len(logged), len(now))
    rest = (*logged[i : i + 1], *now[i : i + 1])[0]
    longer = to_json(rest)
    return Divergence(rest.t, i + 2, longer if len(logged) > i else "", longer if len(now) > i else "")
