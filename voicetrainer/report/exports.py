"""A session for other programs: captions of the call and the anger ledger as a table. Pure: a session in, text out."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from voicetrainer.report.story import spoken_lines
from voicetrainer.roleplay.events import Heard, MoodChanged

if TYPE_CHECKING:
    from voicetrainer.recording import Session

_COLUMNS = ("seconds", "turn", "rule", "before", "after", "change", "because", "quote", "trust_before", "trust_after")


def webvtt(session: Session, customer: str = "Customer", learner: str = "Learner") -> str:
    """Captions for ``call.flac``, one cue for each utterance and each line, in the order in which they began.

    A customer's line that was cut off ends with a dash where it was (about) cut. Typed calls have no sound and give
    captions without length, shown for three seconds.

    Parameters
    ----------
    session
        Any session.
    customer, learner
        Names of the two voices.

    Source: https://www.w3.org/TR/webvtt1/
    """
    cues = [(h.start, h.end, learner, h.text) for h in session.events if isinstance(h, Heard) and h.words]
    cues += [
        (x.start, x.end, customer, f"{x.said} —".strip() if x.cut else x.said)
        for x in spoken_lines(session)
        if x.played
    ]
    out = ["WEBVTT\n"]
    for number, (start, end, who, text) in enumerate(sorted(cues, key=lambda c: c[0]), 1):
        stop = end if end - start >= 0.001 else start + 3
        out.append(f"{number}\n{_stamp(start)} --> {_stamp(stop)}\n<v {_cue(who)}>{_cue(text)}\n")
    return "\n".join(out)


def _stamp(seconds: float) -> str:
    milliseconds = round(max(seconds, 0) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def _cue(text: str) -> str:
    """Text as a cue may hold it: one line, no markup."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def ledger_csv(session: Session) -> str:
    """The anger ledger, one row for each change, with a header row (RFC 4180).

    Cells of text that a spreadsheet would take for a formula get an apostrophe in front.
    """
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(_COLUMNS)
    for e in session.events:
        if isinstance(e, MoodChanged):
            change = round(e.after - e.before, 3) + 0.0
            table.writerow(
                [
                    e.t,
                    e.turn,
                    _cell(e.rule),
                    e.before,
                    e.after,
                    change,
                    _cell(e.because),
                    _cell(e.quote),
                    e.trust_before,
                    e.trust_after,
                ]
            )
    return out.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
