"""``voicetrainer scenarios`` and ``check``: what there is to rehearse, and whether it holds together."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from voicetrainer.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicetrainer.roleplay.customer import Detector
    from voicetrainer.roleplay.events import Decision, Fact
    from voicetrainer.roleplay.lint import Finding
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
    """List the scenarios that come with the program, the mild ones first, and what each trains.

    Example: voicetrainer scenarios
    """
    from voicetrainer.roleplay.scenario import parse

    found = [parse(p.read_text(encoding="utf-8"), str(p)) for p in shipped_scenarios()]
    found.sort(key=lambda s: (s.difficulty, s.id))
    if as_json:
        keys = ("id", "title", "business", "difficulty", "minutes", "trains", "briefing", "goals")
        typer.echo(json.dumps([{k: getattr(s, k) for k in keys} for s in found], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("scenario", "title", "trains", "difficulty"):
        table.add_column(column, no_wrap=column in ("scenario", "difficulty"))
    for s in found:
        trains = ", ".join(skill.replace("_", " ") for skill in s.trains)
        dots = "●" * s.difficulty + "○" * (5 - s.difficulty)
        table.add_row(f"[bold]{s.id}[/]", f"{s.title}\n[dim]{s.business}[/]", trains, dots)
    Console(highlight=False).print(table)
    typer.echo("\nStart one from the keyboard: voicetrainer type " + (found[0].id if found else "SCENARIO"))


def check(
    files: list[str] = typer.Argument(..., metavar="SCENARIO...", help="Scenario ids or files."),
    strict: bool = typer.Option(False, "--strict", help="Take warnings for errors."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON list for machines."),
) -> None:
    """Check scenarios: the file, whether it can be spoken, won and lost, and each of its rehearsals.

    Every problem is told with its line, its key and its cure. Warnings are what is likely to go wrong.

    Exit code 0 when all is well, 1 when something does not work or a rehearsal takes another course (with --strict
    also when there is a warning), 2 when a file does not hold together.

    Example: voicetrainer check late-parcel my-scenario.yaml
    """
    from rich.console import Console

    from voicetrainer.detector import load_shipped
    from voicetrainer.roleplay.reading import dotted

    detector = load_shipped()
    console = Console(stderr=True)
    results: list[dict[str, Any]] = []
    for name in files:
        try:
            with console.status(f"checking {name}") if console.is_terminal else nullcontext():
                scenario, found = examine(name, detector)
        except ScenarioError as error:
            results.append({"scenario": name, "ok": False, "broken": True, "problems": error.message.splitlines()})
            continue
        told = [
            (f"{name}:{line}: {'' if f.error else 'warning: '}{dotted(f.path)}: {f.what}", f.error) for line, f in found
        ]
        problems, warnings = [t for t, error in told if error], [t for t, error in told if not error]
        ok = not problems and not (strict and warnings)
        counts = {"scenario": name, "ok": ok, "rehearsals": len(scenario.rehearsals)}
        results.append({**counts, "problems": problems, "warnings": warnings})
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    else:
        for result in results:
            for problem in (*result["problems"], *result.get("warnings", ())):
                typer.echo(problem, err=True)
            if result["ok"]:
                warned = len(result["warnings"])
                but = f", {warned} warning{'s' * (warned > 1)}" if warned else ""
                typer.echo(f"{result['scenario']}: good, {result['rehearsals']} rehearsals take their course{but}")
    if any(r.get("broken") for r in results):
        raise typer.Exit(2)
    if not all(r["ok"] for r in results):
        raise typer.Exit(1)


def examine(name: str, detector: Detector) -> tuple[Scenario, list[tuple[int, Finding]]]:
    """Everything that is wrong with a scenario, or likely to be, with its line in the file, in the order of the file.

    Raises
    ------
    ScenarioError
        When it does not hold together.
    """
    from voicetrainer.roleplay.lint import Finding, review
    from voicetrainer.roleplay.reading import line_of
    from voicetrainer.roleplay.scenario import parse_with_lines

    text, scenario = read_scenario(name)
    _, lines = parse_with_lines(text, name)
    found = [*_voice(scenario), *review(scenario, detector, _unsayable)]
    if name.endswith((".yaml", ".yml")) and scenario.id != Path(name).stem:
        found.append(Finding(("id",), f"should be called as the file: '{Path(name).stem}'"))
    for i, rehearsal in enumerate(scenario.rehearsals):
        found += [
            Finding(("rehearsals", i, *key), f"'{rehearsal.name}' {what}", error=True)
            for key, what in rehearse(scenario, rehearsal, detector)
        ]
    return scenario, sorted(((line_of(lines, f.path), f) for f in found), key=lambda entry: entry[0])


def _voice(scenario: Scenario) -> Iterator[Finding]:
    from voicetrainer.roleplay.lint import Finding
    from voicetrainer.speech.voice import available

    names = [info.name for info in available()]
    voice = scenario.customer.voice
    if voice not in names and not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9-]+)?(\+\w+)?", voice):
        yield Finding(("customer", "voice"), f"there is no voice '{voice}'; take one of {', '.join(names)}", error=True)


def _unsayable(line: str) -> str:
    """Why the customer's voice cannot say a line; empty when it can."""
    from voicetrainer.errors import VoiceError
    from voicetrainer.speech.voice import sayable

    try:
        sayable(line)
    except VoiceError as error:
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return ""


def rehearse(scenario: Scenario, rehearsal: Rehearsal, detector: Detector) -> list[tuple[tuple[str, ...], str]]:
    """Play a rehearsal: what is not as expected, each with its key below the rehearsal's."""
    from voicetrainer.call import TypedLine, hold
    from voicetrainer.roleplay.customer import Customer
    from voicetrainer.roleplay.events import Ended, Noticed

    events: list[Fact | Decision] = []
    state = hold(Customer(scenario, detector), TypedLine(partial(next, iter(rehearsal.learner), None)), events.append)
    expect = rehearsal.expect
    outcome = next((e.outcome for e in events if isinstance(e, Ended)), "none")
    noticed = {e.label for e in events if isinstance(e, Noticed)}
    problems: list[tuple[tuple[str, ...], str]] = []
    if outcome != expect.outcome:
        problems.append((("expect", "outcome"), f"ends {outcome}, not {expect.outcome} (anger {state.anger:g})"))
    if expect.anger_at_most is not None and state.anger > expect.anger_at_most:
        problems.append((("expect", "anger_at_most"), f"ends at {state.anger:g}, above {expect.anger_at_most:g}"))
    if expect.anger_at_least is not None and state.anger < expect.anger_at_least:
        problems.append((("expect", "anger_at_least"), f"ends at {state.anger:g}, below {expect.anger_at_least:g}"))
    missed = [label for label in expect.notices if label not in noticed]
    return problems + [(("expect", "notices"), f"never shows {label}; say it more plainly") for label in missed]
