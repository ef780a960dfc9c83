"""After the call: the learner's own view before the card's, questions to reflect on, and a minute to breathe."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from voicetrainer.roleplay.events import Decision, Fact
    from voicetrainer.roleplay.selfscore import SelfScore

HARD = 8.0
"""Anger from which a call was a hard one, whatever came of it."""

_SESSION = typer.Argument(..., metavar="SESSION", help="Session folder.")


# ------------------------------------------------------------------------------------------------------- self-score


def ask_self_score(wanted: bool = True) -> SelfScore | None:
    """Ask the learner how the call went, before any score is shown.

    Only asked at a terminal. Enter skips what is left; the end of input or Ctrl-C too.

    Parameters
    ----------
    wanted
        False asks nothing.

    Returns
    -------
    The answers; None when nothing was answered.
    """
    from voicetrainer.roleplay.selfscore import STATEMENTS, SelfScore

    if not wanted or not sys.stdin.isatty():
        return None
    typer.echo("\nBefore you see the score: how was it? 1 not at all, 3 partly, 5 all the way. Enter skips.")
    answers: dict[str, int] = {}
    note = ""
    try:
        for statement in STATEMENTS:
            answer = _one_to_five(statement.text)
            if answer is None:
                break
            answers[statement.id] = answer
        else:
            note = input("  In a sentence, if you like> ").strip()[:2000]
    except (EOFError, KeyboardInterrupt):
        typer.echo("")
    return SelfScore(answers, note) if answers else None


def _one_to_five(text: str) -> int | None:
    """A number from 1 to 5; None for Enter."""
    while True:
        given = input(f"  {text:<76} 1-5> ").strip()
        if not given:
            return None
        if given in ("1", "2", "3", "4", "5"):
            return int(given)
        typer.echo("  a number from 1 to 5, or Enter to skip")


# ------------------------------------------------------------------------------------------------------- reflection


def reflect(
    folder: Path = _SESSION,
    as_json: bool = typer.Option(
        False, "--json", help="Print the questions and your answers for machines; ask nothing."
    ),
) -> None:
    """Answer the questions to reflect on, after a call; your answers are kept beside it and shown in its report.

    Enter leaves a question as it is. Answers may be piped in, one a line.

    Example: voicetrainer reflect sessions/2026-11-22-153012-late-parcel
    """
    from dataclasses import replace

    from voicetrainer.cli.sessions import read_session, write_report
    from voicetrainer.debrief import MAX_ANSWER, Reflection, load, save
    from voicetrainer.roleplay.scorecard import score

    session, scenario = read_session(folder)
    kept = load(session.folder)
    answers = {r.question: r.answer for r in kept.reflections}
    questions = dict.fromkeys((*score(scenario, session.events).questions, *answers))
    if as_json:
        asked = [{"question": q, "answer": answers.get(q, "")} for q in questions]
        typer.echo(json.dumps(asked, indent=2, ensure_ascii=False))
        return
    prompt = "> " if sys.stdin.isatty() else ""
    typer.echo("What you write stays in the session's folder. Enter leaves a question as it is.")
    before = dict(answers)
    try:
        for question in questions:
            typer.echo(f"\n{question}")
            if answers.get(question):
                typer.echo(f"  so far: {answers[question]}")
            given = input(prompt).strip()[:MAX_ANSWER]
            if given:
                answers[question] = given
    except (EOFError, KeyboardInterrupt):
        typer.echo("")
    if answers == before:
        typer.echo("\nNothing changed.")
        return
    save(session.folder, replace(kept, reflections=tuple(Reflection(q, answers[q]) for q in questions if q in answers)))
    typer.echo(f"\nKept. Report   {write_report(session.folder)}")


# ------------------------------------------------------------------------------------------------------------ reset

IN, OUT = 4.0, 6.0
"""Seconds of breathing in and of breathing out: six breaths a minute, out longer than in."""
_WIDTH = 30
_STEP = 0.1


def reset(
    seconds: int = typer.Option(60, "--seconds", min=10, max=300, help="How long; 60 to 90 is a good length."),
    plain: bool = typer.Option(False, "--plain", help="Lines of text, with nothing that moves."),
) -> None:
    """Take a minute between calls: breathe in for 4 seconds, out for 6. Ctrl-C ends it at any time.

    Example: voicetrainer reset --seconds 90
    """
    breathe(seconds, moving=not plain and sys.stdout.isatty())


def breathe(
    seconds: float,
    *,
    moving: bool,
    write: Callable[[str], object] = sys.stdout.write,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Pace slow breaths in text, whole ones only.

    Parameters
    ----------
    seconds
        About how long; at least one breath.
    moving
        Draw a bar that grows and shrinks, instead of a line for each breath.
    write, sleep
        Where the text goes and what waits.
    """

    def tell(text: str) -> None:
        write(text)
        sys.stdout.flush()

    breaths = max(1, round(seconds / (IN + OUT)))
    tell(
        f"{breaths} slow {'breath' if breaths == 1 else 'breaths'}, out longer than in. Many people find that it helps "
        "to let a call go.\nBreathe as is comfortable; if it is not, breathe as you always do. Ctrl-C ends it.\n\n"
    )
    try:
        for breath in range(1, breaths + 1):
            for word, length, grows in (("in ", IN, True), ("out", OUT, False)):
                if not moving:
                    tell(f"{breath:>3}  breathe {word.strip()}, {length:.0f} seconds\n")
                    sleep(length)
                    continue
                steps = round(length / _STEP)
                for i in range(steps):
                    done = (i + 1) / steps
                    full = round(_WIDTH * (done if grows else 1 - done))
                    tell(f"\r{breath:>3}  breathe {word}  {'█' * full}{'░' * (_WIDTH - full)}")
                    sleep(_STEP)
        tell("\nDone. Drop your shoulders, and take the next call when you are ready.\n")
    except KeyboardInterrupt:
        tell("\nStopped, and that is fine.\n")


def was_hard(events: Sequence[Fact | Decision]) -> bool:
    """Whether a call was one to take a minute after: the customer hung up, or was furious at some time."""
    from voicetrainer.roleplay.events import Ended, MoodChanged

    return any(
        (isinstance(e, Ended) and e.outcome == "hung_up") or (isinstance(e, MoodChanged) and e.after >= HARD)
        for e in events
    )


def offer_reset(events: Sequence[Fact | Decision]) -> None:
    """After a hard call, at a terminal, offer a minute to breathe."""
    if not (sys.stdin.isatty() and sys.stdout.isatty() and was_hard(events)):
        return
    try:
        wanted = input("\nThat was a hard one. A minute to breathe before you go on? [y/N] ").strip().lower()
    except (EOFError, KeyboardInterrupt):
        typer.echo("")
        return
    if wanted in ("y", "yes"):
        breathe(60, moving=True)
