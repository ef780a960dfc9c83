"""Sessions on disk, made from typed calls with the small customer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.roleplay.scripted import TEXT, customer, play
from voicetrainer.recording import Recorder, Session, load
from voicetrainer.roleplay.events import Branch, Decision, Fact, Header


def record(
    folder: Path,
    lines: Sequence[str],
    *,
    text: str = TEXT,
    branch: Branch | None = None,
    events: Sequence[Fact | Decision] | None = None,
) -> Session:
    """Hold a typed call and keep it in a folder."""
    header = Header("small", text, "typed", "0.1.0", branch=branch)
    with Recorder(folder, header, audio=False) as recorder:
        for event in play(lines, customer()) if events is None else events:
            recorder.write(event)
    return load(folder)
