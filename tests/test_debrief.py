"""What is kept beside the log after a call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.roleplay.scripted import SMALL, play
from tests.sessions import record
from voicetrainer.debrief import FILE, MAX_BYTES, Debrief, Reflection, load, save
from voicetrainer.errors import SessionError
from voicetrainer.recording import LOG
from voicetrainer.roleplay.kept import keep
from voicetrainer.roleplay.scorecard import score
from voicetrainer.roleplay.selfscore import SelfScore

WHOLE = Debrief(
    own=SelfScore({"heard": 3, "calm": 5}, "I was too quick."),
    reflections=(Reflection("What lay behind it?", "The holiday.\nAnd her sister."),),
    card=keep(score(SMALL, play(["empathy", "blame"])), "0.1.0"),
)


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    save(tmp_path, WHOLE)
    assert load(tmp_path) == WHOLE
    assert [p.name for p in tmp_path.iterdir()] == [FILE]


def test_a_session_without_one_has_an_empty_one(tmp_path: Path) -> None:
    assert load(tmp_path) == Debrief()


def test_saving_again_replaces_it_and_leaves_the_log_alone(tmp_path: Path) -> None:
    session = record(tmp_path / "s", ["empathy"])
    before = (session.folder / LOG).read_bytes()
    save(session.folder, WHOLE)
    save(session.folder, replace(WHOLE, reflections=()))
    assert load(session.folder).reflections == ()
    assert (session.folder / LOG).read_bytes() == before


def test_an_answer_is_found_by_its_question() -> None:
    assert WHOLE.answer("What lay behind it?").startswith("The holiday.")
    assert WHOLE.answer("What else?") == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Invalid JSON"),
        (b"[]", "object"),
        (b'{"format": 2}', "format: "),
        (b'{"own": {"answers": {"heard": 6}}}', "own.answers.heard"),
        (b'{"own": {"answers": {}, "mood": 1}}', "own.mood"),
        (b'{"reflections": [{"question": "x"}]}', "reflections.0.answer"),
        (b'{"card": {}}', "card."),
        (b'{"note": "' + b"x" * MAX_BYTES + b'"}', "longer than"),
    ],
)
def test_what_is_no_debrief_is_told_in_a_line(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(SessionError, match=words) as error:
        load(tmp_path)
    assert str(tmp_path / FILE) in error.value.message
    assert "\n" not in error.value.message and error.value.hint


def test_a_folder_that_cannot_be_written_to_is_told(
    tmp_path: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    tmp_path.chmod(0o555)
    with unprivileged(), pytest.raises(SessionError, match="permission denied"):
        save(tmp_path, WHOLE)
    tmp_path.chmod(0o755)
    assert not list(tmp_path.iterdir())
