"""The report: a session and its scorecard in, one HTML page out. Pure: the same view gives the same bytes.

The page is one file that needs nothing but ``call.flac`` beside it: style and script are inlined, no network, no
fonts fetched, nothing stored. Whatever comes from a session is escaped by the template, and a content security policy
lets only our own script run, so that a scenario or an utterance that holds markup stays text.

- `story` turns the events into a conversation (turns, what was noticed, what the mood did),
- `lanes` turns them into drawings over time,
- `exports` writes captions (WebVTT) and the anger ledger (CSV).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from voicetrainer.report.exports import ledger_csv, webvtt
from voicetrainer.report.lanes import draw
from voicetrainer.report.story import clock, sentence, signed, tell
from voicetrainer.roleplay.selfscore import gaps

if TYPE_CHECKING:
    from jinja2 import Template

    from voicetrainer.debrief import Debrief
    from voicetrainer.recording import Session
    from voicetrainer.roleplay.scorecard import Scorecard

__all__ = ["View", "ledger_csv", "page", "webvtt"]


@dataclass(frozen=True, slots=True)
class View:
    """All that the page shows."""

    session: Session
    scorecard: Scorecard
    title: str
    """Of the scenario."""
    business: str
    """The business the learner answers for."""
    customer: str
    """The customer's name."""
    briefing: str
    """What the learner knew before picking up."""
    goals: tuple[str, ...]
    """What the learner was asked to reach."""
    labels: Mapping[str, tuple[str, str]]
    """Display name and one-sentence description of each technique and mistake, by label."""
    debrief: Debrief | None = None
    """How the learner saw the call, and what they wrote on reflection; None when they were not asked."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How the call ended, in words."""

    tone: str
    """``good``, ``bad`` or ``open``: the colour."""
    icon: str
    words: str
    """``{}`` stands for the customer's name."""


_OUTCOMES = {
    "resolved": _Outcome("good", "check", "Resolved: {} is content"),
    "escalated": _Outcome("good", "up", "Escalated well: {} is in the right hands"),
    "closed": _Outcome("good", "check", "Closed well: you set the limit and ended the call calmly"),
    "hung_up": _Outcome("bad", "hangup", "Lost: {} hung up"),
    "out_of_time": _Outcome("bad", "clock", "Lost: {} ran out of patience and time"),
    "left": _Outcome("open", "door", "You left before {} did"),
    "": _Outcome("open", "cut", "Not finished"),
}


def page(view: View) -> str:
    """The whole report as one HTML document.

    Parameters
    ----------
    view
        The session, its scorecard and the words of its scenario.

    Returns
    -------
    str
        A document to be written as UTF-8 beside the session's ``call.flac``. It depends on the view alone: not on the
        time, the machine or where the session lies.
    """
    session, header = view.session, view.session.header
    story = tell(session, view.labels)
    ended = story.ended
    outcome = _OUTCOMES[ended.outcome if ended else ""]
    listener = header.recognizer.name if header.recognizer else ""
    debrief = view.debrief
    own = debrief.own if debrief else None
    answered = {r.question: r.answer for r in debrief.reflections} if debrief else {}
    return _template().render(
        view=view,
        card=view.scorecard,
        story=story,
        lanes=draw(session, view.customer),
        duration=session.duration,
        outcome=outcome,
        outcome_words=outcome.words.format(view.customer),
        because=ended.because if ended else "",
        audio=quote(session.audio.name) if session.audio else "",
        channels=header.channels,
        branch=header.branch,
        own=own,
        gaps=gaps(view.scorecard, own) if own else (),
        questions=[(q, answered.get(q, "")) for q in dict.fromkeys((*view.scorecard.questions, *answered))],
        typed=header.transport == "typed",
        listener=listener,
        # The shipped model carries this word in its name; people's own speech wants an upstream model.
        starter="starter" in listener.lower(),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader(__name__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    here = files(__name__)
    script = here.joinpath("script.js").read_text("utf-8")
    own: dict[str, Any] = {
        "style": Markup(here.joinpath("style.css").read_text("utf-8")),
        "script": Markup(script),
        # The hash of the text between the tags: the template puts no character around it.
        "script_hash": b64encode(sha256(script.encode()).digest()).decode(),
    }
    environment.globals.update(own)
    environment.filters.update(clock=clock, sentence=sentence, signed=signed)
    return environment.get_template("page.html.j2")
