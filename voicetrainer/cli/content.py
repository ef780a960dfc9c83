"""``voicetrainer scenarios`` and ``check``: what there is to rehearse, and whether it holds together."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from voicetrainer.errors import ScenarioError

if TYPE_CHECKING:
    from voicetrainer.roleplay.customer import Detector
    from voicetrainer.roleplay.events import Decision, Fact
    from voicetrainer.roleplay.scenario import Rehearsal, Scenario


def shipped_scenarios() -> list[Path]:
    """Scenario files that come with the program, by name."""
    from voicetrainer.places import shipped

    return sorted(shipped("scenarios").glob("*.yaml"))


def read_scenario(name: str) -> tuple[str, Scenario]:
    """Read a scenario by its id or file: its text and what it says.

    Raises
    ------
    ScenarioError
        When there is none of this name, or it does not hold together.
    """
    import difflib

    from voicetrainer.roleplay.scenario import MAX_BYTES, parse

    path = Path(name)
    if not (path.suffix or path.exists()):
        found = {p.stem: p for p in shipped_scenarios()}
        if name not in found:
            near = difflib.get_close_matches(name, found, n=1)
            raise ScenarioError(
                f"there is no scenario '{name}'" + (f"; did you mean '{near[0]}'?" if near else ""),
                "`voicetrainer scenarios` lists them; a file of your own ends in .yaml",
            )
        path = found[name]
    try:
        if path.is_dir():
            raise ScenarioError(f"{path}: a folder, not a scenario", "give the .yaml file in it")
        if path.stat().st_size > MAX_BYTES:
            raise ScenarioError(
                f"{path}: longer than {MAX_BYTES // 1000} kB", "a scenario holds one customer; split it"
            )
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: not a text file", "save it as UTF-8 text") from None
    except OSError as error:
        raise ScenarioError(f"{path}: {(error.strerror or 'cannot be read').lower()}", "check the name") from None
    return text, parse(text, str(path))


def scenarios(as_json: bool = typer.Option(False, "--json", help="Print a JSON list for machines.")) -> None:
    """List the scenarios that come with the program.

    Example: voicetrainer scenarios
    """
    from voicetrainer.roleplay.scenario import parse

    found = [parse(p.read_text(encoding="utf-8"), str(p)) for p in shipped_scenarios()]
    found.sort(key=lambda s: (s.difficulty, s.id))
    if as_json:
        keys = ("id", "title", "business", "difficulty", "minutes", "briefing", "goals")
        typer.echo(json.dumps([{k: getattr(s, k) for k in keys} for s in found], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("scenario", "title", "business", "difficulty"):
        table.add_column(column)
    for s in found:
        table.add_row(f"[bold]{s.id}[/]", s.title, s.business, "●" * s.difficulty + "○" * (5 - s.difficulty))
    Console(highlight=False).print(table)
    typer.echo("\nStart one from the keyboard: voicetrainer type " + (found[0].id if found else "SCENARIO"))


def check(
    files: list[str] = typer.Argument(..., metavar="SCENARIO...", help="Scenario ids or files."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object for machines."),
) -> None:
    """Check scenarios: the file, whether it can be spoken, then each of its rehearsals.

    Exit code 0 when all is well, 1 when a rehearsal takes another course, 2 when a file does not hold together.

    Example: voicetrainer check late-parcel my-scenario.yaml
    """
    from voicetrainer.detector import load_shipped

    detector = load_shipped()
    results = []
    for name in files:
        try:
            _, scenario = read_scenario(name)
        except ScenarioError as error:
            results.append({"scenario": name, "ok": False, "broken": True, "problems": error.message.splitlines()})
            continue
        problems = unsayable(name, scenario)
        problems += [p for r in scenario.rehearsals for p in rehearse(scenario, r, detector)]
        results.append(
            {"scenario": name, "ok": not problems, "rehearsals": len(scenario.rehearsals), "problems": problems}
        )
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    else:
        for result in results:
            if result["ok"]:
                typer.echo(f"{result['scenario']}: good, {result['rehearsals']} rehearsals take their course")
            for problem in result["problems"]:  # type: ignore[attr-defined]
                typer.echo(problem, err=True)
    if any(r.get("broken") for r in results):
        raise typer.Exit(2)
    if not all(r["ok"] for r in results):
        raise typer.Exit(1)


def unsayable(name: str, scenario: Scenario) -> list[str]:
    """What the customer's voice cannot do, one line each: lines it cannot say, a voice that there is not."""
    from voicetrainer.errors import VoiceError
    from voicetrainer.speech.voice import available, sayable

    problems = []
    names = [info.name for info in available()]
    voice = scenario.customer.voice
    if voice not in names and not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9-]+)?(\+\w+)?", voice):
        problems.append(f"{name}: customer.voice: there is no voice '{voice}'; take one of {', '.join(names)}")
    for path, line in scenario.spoken_lines():
        try:
            sayable(scenario.fill(line))
        except VoiceError as error:
            problems.append(
                f"{name}: {'.'.join(str(p + 1 if isinstance(p, int) else p) for p in path)}: {error.message}"
            )
    return problems


def rehearse(scenario: Scenario, rehearsal: Rehearsal, detector: Detector) -> list[str]:
    """Play a rehearsal; what is not as expected, one line each."""
    from voicetrainer.call import TypedLine, hold
    from voicetrainer.roleplay.customer import Customer
    from voicetrainer.roleplay.events import Ended, Noticed

    events: list[Fact | Decision] = []
    state = hold(Customer(scenario, detector), TypedLine(partial(next, iter(rehearsal.learner), None)), events.append)
    expect, where = rehearsal.expect, f"{scenario.id}: rehearsal '{rehearsal.name}'"
    outcome = next((e.outcome for e in events if isinstance(e, Ended)), "none")
    noticed = {e.label for e in events if isinstance(e, Noticed)}
    problems = []
    if outcome != expect.outcome:
        problems.append(f"{where}: ends {outcome}, not {expect.outcome} (anger {state.anger:g})")
    if expect.anger_at_most is not None and state.anger > expect.anger_at_most:
        problems.append(f"{where}: anger ends at {state.anger:g}, above {expect.anger_at_most:g}")
    if expect.anger_at_least is not None and state.anger < expect.anger_at_least:
        problems.append(f"{where}: anger ends at {state.anger:g}, below {expect.anger_at_least:g}")
    problems += [f"{where}: {label} was not noticed" for label in expect.notices if label not in noticed]
    return problems
