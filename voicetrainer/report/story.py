"""The events of a session as a conversation: who said what when, what was noticed in it, and what it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from voicetrainer.roleplay import timing
from voicetrainer.roleplay.events import (
    Band,
    Ended,
    Heard,
    LineStarted,
    LineStopped,
    MoodChanged,
    Noted,
    Noticed,
    Say,
    Silence,
    StageReached,
    Steadiness,
    Word,
)

if TYPE_CHECKING:
    from voicetrainer.recording import Session

UNSURE = 0.5
"""Words that the recogniser gave less confidence than this are shown as unsure."""
_SPEAKING_RATE = 15.0
"""Characters a second of a synthetic voice, for a call in which no line was said to its end."""

Labels = Mapping[str, tuple[str, str]]


def clock(seconds: float) -> str:
    """Seconds as ``m:ss``, or ``h:mm:ss`` from an hour on."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign, as typography wants it: ``+1.5``, ``−0.5``, ``±0``."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return "±0"
    return ("+" if value > 0 else "−") + text


def sentence(text: str) -> str:
    """A fragment with a capital to begin with."""
    return text[:1].upper() + text[1:]


def way(change: float) -> str:
    """In which direction a change goes: ``rose``, ``fell`` or ``flat``."""
    return "rose" if change > 0 else "fell" if change < 0 else "flat"


def named(label: str, labels: Labels) -> str:
    """Display name of a label or rule, with a capital; one we do not know is made readable."""
    return sentence(labels[label][0] if label in labels else label.replace("_", " ").replace("-", " "))


# ------------------------------------------------------------------------------------------------------- the shapes


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words in a row that share their evidence."""

    text: str
    technique: bool = False
    mistake: bool = False
    unsure: bool = False
    names: str = ""
    """Names of what they are evidence of, joined by commas; empty for plain words."""
    goes_on: bool = False
    """Some of that evidence goes on in the next piece."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A technique or mistake by name, with its reason."""

    name: str
    mistake: bool
    why: str


@dataclass(frozen=True, slots=True)
class Mood:
    """An entry of the anger ledger."""

    id: int
    """Its place in the ledger, from 1."""
    t: float
    turn: int
    before: float
    after: float
    rule: str
    """Display name of the rule."""
    because: str
    quote: str
    trust: float | None
    """By how much the trust moved; None where the log tells none."""

    @property
    def change(self) -> float:
        """By how much the anger moved."""
        return self.after - self.before

    @property
    def way(self) -> str:
        """``rose``, ``fell``, or ``flat``: something that could have counted and did not."""
        return way(self.change)


@dataclass(frozen=True, slots=True)
class Turn:
    """An utterance of the learner."""

    number: int
    start: float
    end: float
    role: str
    overlap: float
    text: str
    pieces: tuple[Piece, ...]
    chips: tuple[Chip, ...]
    voice: Steadiness | None
    moods: tuple[Mood, ...]
    side: str = "learner"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the customer."""

    number: int
    start: float
    end: float
    said: str
    """What was heard of it: all, or up to where it was cut (an estimate from the voice's pace)."""
    unsaid: str
    cut: bool
    played: bool
    """Whether it was given a voice; a typed call's lines always count as played."""
    anger: float
    band: str
    why: str
    side: str = "customer"

    @property
    def text(self) -> str:
        """The line, whole."""
        return f"{self.said} {self.unsaid}".strip()


@dataclass(frozen=True, slots=True)
class Aside:
    """Something that is nobody's turn: a silence, a new stage, the end."""

    start: float
    kind: str
    """``start``, ``stage``, ``silence``, ``mood``, ``note`` or ``end``."""
    text: str
    moods: tuple[Mood, ...] = ()
    side: str = "aside"


@dataclass(frozen=True, slots=True)
class Story:
    """A whole call, told."""

    entries: tuple[Turn | Line | Aside, ...]
    """In the order in which they began."""
    ledger: tuple[Mood, ...]
    ended: Ended | None
    turns: int
    """Turns that the learner took, without asides."""
    interruptions: int
    """How often the learner cut the customer off."""
    talk_share: float | None
    """Share of all speech that was the learner's, 0 to 1; None where nothing sounded."""
    reaction: float | None
    """How long the learner took to answer, median, seconds; None where nothing sounded."""
    anger_first: float | None
    anger_last: float | None
    anger_peak: float | None
    unsure: bool
    """Whether any word is marked as unsure."""
    texts: Mapping[int, str]
    """What the learner said, by number of the utterance; a quote that is in it was words, any other was not."""


# ----------------------------------------------------------------------------------------------------- the telling


def tell(session: Session, labels: Labels) -> Story:
    """Tell a session as a conversation.

    Parameters
    ----------
    session
        Any session, also an empty or interrupted one.
    labels
        Display name and description of each label.
    """
    events = session.events
    heard = [e for e in events if isinstance(e, Heard)]
    noticed = _by_turn(e for e in events if isinstance(e, Noticed))
    # Of a typed call there is nothing to say turn by turn: the head of the page says it once.
    typed = {e.turn for e in events if isinstance(e, Steadiness) and any(why.startswith("typed") for why in e.reasons)}
    voices = {e.turn: e for e in events if isinstance(e, Steadiness) and e.turn not in typed}
    ledger = tuple(
        Mood(i, e.t, e.turn, e.before, e.after, named(e.rule, labels), e.because, e.quote, _trust(e))
        for i, e in enumerate((e for e in events if isinstance(e, MoodChanged)), 1)
    )
    moods = _by_turn(ledger)

    turns = [
        Turn(
            number=number,
            start=h.start,
            end=h.end,
            role=h.role,
            overlap=h.overlap,
            text=h.text,
            pieces=_pieces(h.words, noticed.get(number, ()), labels),
            chips=tuple(Chip(named(n.label, labels), n.mistake, _why(n, labels)) for n in noticed.get(number, ())),
            voice=voices.get(number),
            moods=tuple(moods.get(number, ())),
        )
        for number, h in enumerate(heard, 1)
    ]
    lines = spoken_lines(session)
    asides = _asides(session, moods.get(0, ()), len(heard), ledger)
    # Sorted by when it began; what began at once stays in this order: the mood and the stage come before the line
    # that they led to.
    entries: list[Turn | Line | Aside] = sorted([*turns, *asides, *lines], key=lambda e: e.start)

    times = timing.measure(events if session.header.transport != "typed" else ())
    angers = [a for m in ledger for a in (m.before, m.after)] or [x.anger for x in lines]
    return Story(
        entries=tuple(entries),
        ledger=ledger,
        ended=next((e for e in events if isinstance(e, Ended)), None),
        turns=sum(t.role != "aside" for t in turns),
        interruptions=sum(t.role == "interruption" for t in turns),
        talk_share=times.share,
        reaction=times.reaction,
        anger_first=angers[0] if angers else None,
        anger_last=angers[-1] if angers else None,
        anger_peak=max(angers, default=None),
        unsure=any(p.unsure for t in turns for p in t.pieces),
        texts={t.number: t.text for t in turns},
    )


def spoken_lines(session: Session) -> list[Line]:
    """The customer's lines in their order, with the times at which they sounded."""
    typed = session.header.transport == "typed"
    says = {e.line: e for e in session.events if isinstance(e, Say)}
    started = {e.line: e.t for e in session.events if isinstance(e, LineStarted)}
    stopped = {e.line: e for e in session.events if isinstance(e, LineStopped)}

    whole = [(len(says[n].text), stopped[n].t - started[n]) for n in says if n in started and n in stopped
             and not stopped[n].cut]  # fmt: skip
    seconds = sum(s for _, s in whole)
    pace = sum(n for n, _ in whole) / seconds if seconds > 0 else _SPEAKING_RATE

    lines = []
    for number, say in says.items():
        start = started.get(number, say.t)
        stop = stopped.get(number)
        played = typed or number in started
        cut = stop is not None and stop.cut
        # A line that still sounded when the recording stopped ends with it.
        end = stop.t if stop else (session.duration if number in started else start)
        end = max(start, end)
        said, unsaid = _split(say.text, (end - start) * pace) if cut else (say.text, "")
        band = Band.of(say.anger).value
        lines.append(Line(number, start, end, said, unsaid, cut, played, say.anger, band, say.because))
    return lines


def _split(text: str, characters: float) -> tuple[str, str]:
    """Cut a line between two words, about so many characters in."""
    words, said = text.split(), 0
    for i, word in enumerate(words):
        said += len(word) + 1
        if said > characters:
            return " ".join(words[:i]), " ".join(words[i:])
    return text, ""


_Owned = TypeVar("_Owned", Noticed, Mood)


def _by_turn(items: Iterable[_Owned]) -> dict[int, list[_Owned]]:
    out: dict[int, list[_Owned]] = {}
    for item in items:
        out.setdefault(item.turn, []).append(item)
    return out


def _why(n: Noticed, labels: Labels) -> str:
    return n.why or (labels[n.label][1] if n.label in labels else "")


def _pieces(words: Sequence[Word], noticed: Sequence[Noticed], labels: Labels) -> tuple[Piece, ...]:
    """Words in runs that carry the same evidence."""
    runs: list[tuple[str, list[Noticed], bool]] = []
    for i, word in enumerate(words):
        here = [n for n in noticed if n.first is not None and n.first <= i <= (n.first if n.last is None else n.last)]
        unsure = word.confidence is not None and word.confidence < UNSURE
        if runs and runs[-1][1:] == (here, unsure):
            runs[-1] = (f"{runs[-1][0]} {word.text}", here, unsure)
        else:
            runs.append((word.text, here, unsure))
    return tuple(
        Piece(
            text,
            technique=any(not n.mistake for n in here),
            mistake=any(n.mistake for n in here),
            unsure=unsure,
            names=", ".join(dict.fromkeys(named(n.label, labels) for n in here)),
            goes_on=i + 1 < len(runs) and any(n in runs[i + 1][1] for n in here),
        )
        for i, (text, here, unsure) in enumerate(runs)
    )


def _trust(e: MoodChanged) -> float | None:
    return None if e.trust_before is None or e.trust_after is None else e.trust_after - e.trust_before


def _asides(session: Session, unowned: Sequence[Mood], turns: int, ledger: Sequence[Mood]) -> list[Aside]:
    """Silences, stages and the end, and the moods that no utterance caused."""
    out: list[Aside] = []
    left = [*unowned, *(m for m in ledger if m.turn > turns)]
    for event in session.events:
        if isinstance(event, Silence):
            mine = tuple(m for m in left if m.t == event.t)
            left = [m for m in left if m not in mine]
            out.append(Aside(event.t, "silence", f"Silence for {event.seconds:.0f} seconds", mine))
        elif isinstance(event, Noted):
            out.append(Aside(event.t, "note", event.text))
        elif isinstance(event, StageReached):
            # The first stage is where the call begins: nothing has moved on yet.
            kind = "stage" if any(x.kind in ("stage", "start") for x in out) else "start"
            out.append(Aside(event.t, kind, event.because or named(event.stage, {})))
        elif isinstance(event, Ended):
            out.append(Aside(event.t, "end", event.because))
    out += [Aside(m.t, "mood", "", (m,)) for m in left]
    return out
