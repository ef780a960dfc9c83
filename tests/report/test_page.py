from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.report import calls
from voicetrainer.report import View, page
from voicetrainer.roleplay.events import Branch, Ended, ModelUsed

EVERY = [calls.won, calls.lost, calls.typed, calls.interrupted, calls.empty]
VOID = {"meta", "input", "link", "img", "br", "hr"}


class Reader(HTMLParser):
    """Reads a page and notes its elements; fails on tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        """What there is to read, with single spaces."""
        return " ".join(" ".join(self.words).split())


def with_model(view: View, name: str) -> View:
    header = replace(view.session.header, recognizer=ModelUsed(name))
    return replace(view, session=replace(view.session, header=header))


@pytest.mark.parametrize("make", EVERY)
def test_the_page_is_well_formed_and_its_links_lead_somewhere(make: Callable[[], View]) -> None:
    read = Reader(page(make()))
    ids = [a["id"] for _, a in read.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for tag, attributes in read.elements:
        for name in ("href", "for", "aria-labelledby"):
            target = attributes.get(name, "")
            if name == "href" and not target.startswith("#"):
                continue
            assert not target or target.lstrip("#") in ids, f"<{tag} {name}={target}>"


@pytest.mark.parametrize("make", EVERY)
def test_the_page_needs_nothing_but_the_recording_beside_it(make: Callable[[], View]) -> None:
    html = page(make())
    outside = [
        (tag, value)
        for tag, attributes in Reader(html).elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action", "poster") and not value.startswith("#")
    ]
    assert {value.partition("#")[0] for _, value in outside} <= {"call.flac"}
    assert not re.search(r"https?://|@import|@font-face|url\(", html.replace("url(#hatch)", ""))


@pytest.mark.parametrize("make", EVERY)
def test_the_same_session_gives_the_same_bytes_wherever_it_lies(make: Callable[[], View]) -> None:
    one, two = make(), make()
    audio = Path("/else/where/call.flac") if two.session.audio else None
    two = replace(two, session=replace(two.session, folder=Path("/else/where"), audio=audio))
    assert page(one) == page(two)


def test_only_our_own_script_may_run() -> None:
    html = page(calls.won())
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    assert len(scripts) == 1
    allowed = re.search(r"script-src 'sha256-([^']+)'", html)
    assert allowed
    assert allowed[1] == b64encode(sha256(scripts[0].encode()).digest()).decode()
    policy = html.index("Content-Security-Policy")
    assert policy < html.index("<style>")
    assert policy < html.index("<script>")


@pytest.mark.parametrize(
    "markup",
    [
        "<script>alert(1)</script>",
        "</script><script>alert(1)</script>",
        '"><img/src=x/onerror=alert(1)>',
        "'/onmouseover='alert(1)",
        "</style></title><svg/onload=alert(1)>",
        "{{7*7}}{%raw%}",
        "<!--",
        "&lt;b&gt;",
    ],
)
def test_markup_in_a_session_stays_text(markup: str) -> None:
    hostile, harmless = Reader(page(calls.hostile(markup))), Reader(page(calls.hostile("harmless")))
    shape = [(tag, list(attributes)) for tag, attributes in harmless.elements]
    assert [(tag, list(attributes)) for tag, attributes in hostile.elements] == shape
    assert hostile.text.count(markup) > 25, "and it can be read as what it is"


@pytest.mark.parametrize(
    ("outcome", "words", "tone"),
    [
        ("resolved", "Resolved: Maria Keller is content", "good"),
        ("escalated", "Escalated well: Maria Keller is in the right hands", "good"),
        ("closed", "Closed well: you set the limit and ended the call calmly", "good"),
        ("hung_up", "Lost: Maria Keller hung up", "bad"),
        ("out_of_time", "Lost: Maria Keller ran out of patience and time", "bad"),
        ("left", "You left before Maria Keller did", "open"),
    ],
)
def test_each_outcome_is_told_in_words_and_colour(outcome: str, words: str, tone: str) -> None:
    view = calls.won()
    events = (*view.session.events[:-1], Ended(87.0, outcome, "so it went"))  # type: ignore[arg-type]
    html = page(replace(view, session=replace(view.session, events=events)))
    assert f'<p class="outcome {tone}">' in html
    text = Reader(html).text
    assert words in text
    assert "So it went" in text


def test_the_score_stands_against_the_pass_mark() -> None:
    won, lost = Reader(page(calls.won())).text, Reader(page(calls.lost())).text
    assert "86 of 100 Passed pass mark 60" in won
    assert "21 of 100 Not passed yet pass mark 60" in lost
    assert "Failed whatever the points say: the customer hung up." in lost
    assert "Failed whatever" not in won


def test_who_listened_is_named_and_the_starter_model_is_honest() -> None:
    starter = Reader(page(calls.won())).text
    assert "Heard by vosk-voicetrainer-starter-0.1" in starter
    assert "mainly synthetic voices" in starter
    other = Reader(page(with_model(calls.won(), "vosk-model-small-en-us-0.15"))).text
    assert "Heard by vosk-model-small-en-us-0.15" in other
    assert "synthetic voices" not in other
    typed = Reader(page(calls.typed())).text
    assert "nobody listened" in typed
    assert "synthetic voices" not in typed


def test_an_interrupted_session_says_so_first() -> None:
    text = Reader(page(calls.interrupted())).text
    assert text.index("This session was interrupted. The recording stops at 0:09") < text.index("Northway Parcels")
    assert "interrupted." not in Reader(page(calls.won())).text


def test_evidence_is_marked_in_place_and_named() -> None:
    html = page(calls.lost())
    assert '<mark class="mistake" title="Blaming">you should have been at home</mark>' in html
    assert '<mark class="technique " title="Apology">i am sorry about the delay </mark>' in html
    assert '<mark class="technique mistake" title="Apology, Brushing off">but </mark>' in html
    text = Reader(html).text
    assert "Blaming : That put it on the customer." in text
    assert "Voice raised : 5 semitones above your calm pitch; 9 dB louder than your calm voice; 42 % faster" in text
    assert "Anger 7.0 → 7.9 Was cut off" in text
    assert "I have been waiting since Tuesday for a parcel, and nobody cut off about here not said:" in text
    assert "you cut in, 0.8 s at once" in text


def test_a_quote_that_was_no_words_is_not_put_in_quotation_marks() -> None:
    html = page(calls.won())
    assert '<span class="how">(6 seconds of silence)</span>' in html
    assert '<q><a href="#turn-1">two days of waiting for a birthday present</a></q>' in html


def test_each_score_shows_the_anchor_it_earned() -> None:
    text = Reader(page(calls.won())).text
    assert "For a 5 Never interrupts, uses small listening words or sums up more than once." in text
    assert "Not yet a 5 A real apology, a personal commitment, and no pushing away." in text
    assert "not judged There was no voice to judge by" in text
    assert "3 To begin with no effect · No interruptions in 6 turns +1 1 summary" in text
    assert "What earns 1, 3 and 5 Lets the customer finish, and sums up. 1 Cuts the customer off" in text
    lost = Reader(page(calls.lost())).text
    assert "For a 1 Cuts the customer off again and again; nothing is said back." in lost
    assert "Not yet a 3 One real apology." in lost
    assert "You could have said Waiting two days for a child's birthday present: anyone would be upset." in lost


def test_the_two_moments_stand_with_both_sides_words() -> None:
    text = Reader(page(calls.won())).text
    assert "Two moments that mattered most This helped most anger −2.5" in text
    assert "Maria Keller Finally! I have been waiting since Tuesday for a parcel you promised. You good morning" in text
    assert "Reflecting back and empathy. Maria Keller heard the problem said back and felt understood." in text
    assert "You 6 seconds of silence Maria Keller Hello? Are you still there?" in text
    assert (
        "Better I'm still here. I'm looking at the depot's list, it takes me a moment. Say what you are doing" in text
    )
    lost = Reader(page(calls.lost())).text
    assert "The moment that mattered most This hurt most anger +1.8" in lost
    assert "Nothing was noticed that calmed Maria Keller this time." in lost
    assert "mattered most" not in Reader(page(calls.empty())).text


def test_how_the_learner_saw_it_stands_beside_the_card() -> None:
    text = Reader(page(calls.won())).text
    assert "I let the customer finish and showed that I had understood. You 4 Card 5.0" in text
    assert "You were harder on yourself than the card (−1.0): Listening" in text
    assert "I stayed calm and took nothing personally. You 5 Card – Not judged in this call" in text
    assert "In your words: I was nervous at first, and then it went." in text
    assert "weight 15 · you gave 4 (−1)" in text
    assert "weight 7 not judged" in text
    lost = Reader(page(calls.lost())).text
    assert "How you saw it" not in lost and "you gave" not in lost


def test_what_fails_a_call_whatever_the_points_is_listed() -> None:
    text = Reader(page(calls.lost())).text
    assert "The customer was insulted or spoken to with contempt. No. The customer hung up. Yes: the customer" in text


def test_answers_stand_under_their_questions_and_the_others_can_be_written_on() -> None:
    html = page(calls.won())
    text = Reader(html).text
    assert "What do you need now, before the next call? A glass of water. And a window." in text
    assert html.count("<textarea") == 2
    assert page(calls.lost()).count("<textarea") == 3


def test_a_branch_says_where_it_comes_from() -> None:
    view = calls.typed()
    header = replace(view.session.header, branch=Branch("2026-11-22-153012-late-parcel", 3))
    branch = replace(view, session=replace(view.session, header=header))
    words = "Held anew from turn 3 of 2026-11-22-153012-late-parcel"
    assert words in Reader(page(branch)).text
    assert words not in Reader(page(view)).text


def test_a_typed_call_has_no_player_and_says_why_there_is_no_voice() -> None:
    html = page(calls.typed())
    assert "<audio" not in html
    assert "data-seek=" not in html
    assert "This call was typed, so there is no voice to draw" in html
    assert 'class="lane anger"' in html
    assert 'class="lane curve"' not in html


def test_a_spoken_call_has_all_lanes() -> None:
    html = page(calls.won())
    for lane in ("Voices", "Anger", "Pitch", "Loudness", "Pace"):
        assert f"<h3>{lane}</h3>" in html


def test_a_recording_with_an_odd_name_is_still_found() -> None:
    view = calls.won()
    html = page(replace(view, session=replace(view.session, audio=Path("x/a #1%.flac"))))
    assert 'src="a%20%231%25.flac"' in html


def test_two_hundred_turns_stay_under_two_megabytes() -> None:
    html = page(calls.long(200))
    assert len(html.encode()) < 2_000_000
    assert html.count('<li class="turn learner') == 200
    Reader(html)


def test_a_report_needs_no_audio_library_and_no_numpy() -> None:
    heavy = {"numpy", "soundfile", "soxr", "librosa", "vosk", "pyttsx3", "sounddevice"}
    code = f"import sys, voicetrainer.report as r; r._template(); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
