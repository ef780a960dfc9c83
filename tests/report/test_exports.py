from __future__ import annotations

import csv
import io
import re

from tests.report import calls
from tests.report.making import Call
from voicetrainer.report import ledger_csv, webvtt
from voicetrainer.roleplay.events import MoodChanged
from voicetrainer.roleplay.scorecard import Scorecard

NOTHING = Scorecard(0, False, 60, "", (), (), (), "", ())


def test_captions_hold_every_turn_and_line_in_order() -> None:
    text = webvtt(calls.lost().session, "Maria Keller", "Anna")
    blocks = text.split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert blocks[1] == (
        "1\n00:00:00.400 --> 00:00:04.600\n<v Maria Keller>I have been waiting since Tuesday for a parcel, and nobody —"
    )
    assert blocks[2].startswith("2\n00:00:03.800 --> ")
    assert blocks[2].endswith("<v Anna>yes okay but you should have been at home the driver says he rang")
    assert len(blocks) == 1 + 7
    assert text.endswith("\n")
    starts = re.findall(r"^(\S+) -->", text, re.M)
    assert starts == sorted(starts)


def test_captions_hold_no_markup_and_no_line_breaks() -> None:
    call = Call()
    call.customer("a --> b\n\n<i>c</i> & d")
    text = webvtt(call.view(NOTHING).session, "x>y")
    assert text.endswith("<v x&gt;y>a --&gt; b &lt;i&gt;c&lt;/i&gt; &amp; d\n")
    assert text.count("-->") == 1


def test_captions_of_a_long_call_count_hours() -> None:
    call = Call(t=3723.5)
    call.customer("x" * 29)
    assert "01:02:03.500 --> 01:02:05.500" in webvtt(call.view(NOTHING).session)


def test_the_ledger_is_a_table_that_reads_back() -> None:
    session = calls.lost().session
    rows = list(csv.DictReader(io.StringIO(ledger_csv(session))))
    moods = [e for e in session.events if isinstance(e, MoodChanged)]
    assert [(float(r["seconds"]), int(r["turn"]), r["rule"], r["quote"]) for r in rows] == [
        (m.t, m.turn, m.rule, m.quote) for m in moods
    ]
    assert [float(r["change"]) for r in rows[:3]] == [0.9, 0.9, 0.3]


def test_no_cell_is_taken_for_a_formula() -> None:
    call = Call()
    call.mood("empathy", -1.0, '=HYPERLINK("x")', 1, "+1, @you")
    row = next(csv.DictReader(io.StringIO(ledger_csv(call.view(NOTHING).session))))
    assert row["because"] == '\'=HYPERLINK("x")'
    assert row["quote"] == "'+1, @you"
    assert row["change"] == "-1.0"


def test_an_empty_session_exports_to_headings() -> None:
    session = calls.empty().session
    assert webvtt(session) == "WEBVTT\n"
    assert ledger_csv(session) == "seconds,turn,rule,before,after,change,because,quote,trust_before,trust_after\r\n"
