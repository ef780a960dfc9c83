"""``voicetrainer replay``, ``rescore``, ``rehear`` and ``report``: a recorded call again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from voicetrainer.recording import Session
    from voicetrainer.replay import Again, Divergence
    from voicetrainer.roleplay.scenario import Scenario

_SESSION = typer.Argument(..., metavar="SESSION", help="Session folder.")
_JSON = typer.Option(False, "--json", help="Print one JSON object for machines.")


def replay(folder: Path = _SESSION, as_json: bool = _JSON) -> None:
    """Go through a session's facts again; its decisions must come out the same.

    Exit code 0 when they do, 1 when they differ (the first difference is named).

    Example: voicetrainer replay sessions/2026-11-22-153012-late-parcel
    """
    from voicetrainer.detector import load_shipped
    from voicetrainer.recording import load
    from voicetrainer.replay import replay as again

    session = load(folder)
    _tell(again(session, load_shipped()), session.interrupted, as_json, "every decision came out the same")


def rescore(
    folder: Path = _SESSION,
    scenario: str = typer.Option(
        None, "--scenario", help="Mark by the rubric of this scenario (id or file) instead of the session's own."
    ),
    as_json: bool = _JSON,
) -> None:
    """Judge a session's facts with today's rules and rubric, and show what changed, criterion by criterion.

    The old score is the card as it was shown after the call, where the session keeps one. From the first line that the
    customer would say differently, moods and endings are left out: what the learner said next answered a line that was
    never said.

    Examples:
      voicetrainer rescore sessions/2026-11-22-153012-late-parcel
      voicetrainer rescore sessions/2026-11-22-153012-late-parcel --scenario my-late-parcel.yaml
    """
    from voicetrainer import __version__
    from voicetrainer.cli.content import read_scenario
    from voicetrainer.debrief import load as load_debrief
    from voicetrainer.detector import load_shipped
    from voicetrainer.replay import rescore as again
    from voicetrainer.roleplay.kept import differences, keep
    from voicetrainer.roleplay.scorecard import marking, score

    session, own = read_session(folder)
    rubric = marking(read_scenario(scenario)[1] if scenario else own)
    new = again(session, load_shipped())
    kept = load_debrief(session.folder).card
    then = kept or keep(score(own, session.events), "")
    now = keep(score(own, new.events, rubric), __version__)
    changed = differences(then, now)
    if as_json:
        result = {
            "then": then.total,
            "now": now.total,
            "kept": kept is not None,
            "pass_mark": {"then": then.pass_mark, "now": now.pass_mark},
            "passed": {"then": then.passed, "now": now.passed},
            "auto_fail": {"then": then.auto_fail, "now": now.auto_fail},
            "criteria": [asdict(d) for d in changed],
            "divergence": _dict(new.divergence),
        }
        typer.echo(json.dumps(result, indent=2, ensure_ascii=False))
        return
    when = f"as it was shown (voicetrainer {kept.voicetrainer})" if kept else "as it was decided then"
    typer.echo(f"Total: {then.total} {when}, {now.total} with today's rules and rubric")
    for d in changed:
        mark = "  <- changed" if d.then != d.now or d.weight_then != d.weight_now else ""
        typer.echo(
            f"  {d.name:<26} {d.then or '-'} -> {d.now or '-'}   weight {d.weight_then:>2} -> {d.weight_now:>2}{mark}"
        )
        for reason in d.reasons:
            typer.echo(f"      {reason}")
    if then.pass_mark != now.pass_mark:
        typer.echo(f"  Pass mark {then.pass_mark} -> {now.pass_mark}")
    if then.auto_fail != now.auto_fail:
        typer.echo(f"  Fails whatever the total: {then.auto_fail or 'no'} -> {now.auto_fail or 'no'}")
    if then.passed != now.passed:
        typer.echo("  Now it passes." if now.passed else "  Now it does not pass.")
    _explain(new.divergence)


def rehear(
    folder: Path = _SESSION,
    model: str = typer.Option(None, "--model", help="Recognition model, name or folder."),
    as_json: bool = _JSON,
) -> None:
    """Listen to a session's audio again and compare what is heard with its log.

    Exit code 0 when all is the same, 1 when it differs.

    Example: voicetrainer rehear sessions/2026-11-22-153012-late-parcel --model vosk-model-small-en-us-0.15
    """
    from voicetrainer import models
    from voicetrainer.recording import load
    from voicetrainer.replay import rehear as again
    from voicetrainer.roleplay.events import Heard
    from voicetrainer.speech.recognizer import Recognizer

    session = load(folder)
    used = session.header.recognizer
    chosen = models.choose(model or (used.name if used else None))
    new = again(session, Recognizer(chosen.path))
    if not as_json:
        logged = [e for e in session.facts if isinstance(e, Heard)]
        heard = [e for e in new.events if isinstance(e, Heard)]
        for before in logged:
            after = next((h for h in heard if h.start < before.end and before.start < h.end), None)
            if after is None or after.text != before.text:
                typer.echo(
                    f"{before.start:7.2f} s  then: {before.text}\n           now:  {after.text if after else ''}"
                )
    _tell(new, session.interrupted, as_json, "everything was heard the same")


def report(folder: Path = _SESSION, as_json: bool = _JSON) -> None:
    """Write a session's report page again.

    Example: voicetrainer report sessions/2026-11-22-153012-late-parcel
    """
    path = write_report(folder)
    typer.echo(json.dumps({"report": str(path)}) if as_json else f"Report   {path}")


def read_session(folder: Path) -> tuple[Session, Scenario]:
    """Read a session and the scenario that its log holds."""
    from voicetrainer.recording import load
    from voicetrainer.roleplay.scenario import parse

    session = load(folder)
    return session, parse(session.header.scenario_text, f"the scenario in {folder}")


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into a session folder; its path."""
    from voicetrainer.debrief import load as load_debrief
    from voicetrainer.errors import SessionError
    from voicetrainer.report import View, page
    from voicetrainer.roleplay.scorecard import score
    from voicetrainer.roleplay.techniques import DESCRIPTIONS, SHORT

    session, scenario = read_session(folder)
    view = View(
        session=session,
        scorecard=score(scenario, session.events),
        title=scenario.title,
        business=scenario.business,
        briefing=scenario.briefing,
        customer=scenario.customer.name,
        goals=scenario.goals,
        labels={label: (SHORT[label], DESCRIPTIONS[label]) for label in SHORT},
        debrief=load_debrief(session.folder),
    )
    path = session.folder / "report.html"
    try:
        path.write_text(page(view), encoding="utf-8")
    except OSError as error:
        raise SessionError(f"{path}: {(error.strerror or 'cannot be written').lower()}", "check the folder") from None
    return path


def _dict(divergence: Divergence | None) -> dict[str, Any] | None:
    return asdict(divergence) if divergence else None


def _tell(again: Again, interrupted: bool, as_json: bool, same: str) -> None:
    if as_json:
        typer.echo(json.dumps({"same": again.divergence is None, "divergence": _dict(again.divergence)}, indent=2))
    elif again.divergence is None:
        typer.echo(same + (", as far as the session goes (it was interrupted)" if interrupted else ""))
    else:
        _explain(again.divergence)
    if again.divergence is not None:
        raise typer.Exit(1)


def _explain(divergence: Divergence | None) -> None:
    if divergence is not None:
        typer.echo(f"first difference at {divergence.t:.2f} s, line {divergence.number} of the log:")
        typer.echo(f"  then: {divergence.logged or '(nothing)'}\n  now:  {divergence.now or '(nothing)'}")
