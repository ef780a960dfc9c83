"""``voicetrainer simulate``, ``graph``, ``new`` and ``schema``: tools for those who write scenarios."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from voicetrainer.errors import ScenarioError

if TYPE_CHECKING:
    from voicetrainer.roleplay.scenario import Scenario
    from voicetrainer.simulate import Course


def simulate(
    names: list[str] | None = typer.Argument(None, metavar="[SCENARIO]...", help="Scenario ids or files."),
    every: bool = typer.Option(False, "--all", help="Every scenario that comes with the program."),
    learners: str = typer.Option("", "--learners", help="Kinds of learners, with commas between; all if left out."),
    calls: int = typer.Option(300, "--calls", min=1, max=10_000, help="Calls of each kind of learner."),
    seed: int = typer.Option(1, "--seed", help="The same seed gives the same calls."),
    intensity: str = typer.Option("normal", "--intensity", help="How hard the customer is: gentle, normal, fierce."),
    jobs: int = typer.Option(1, "--jobs", min=1, max=64, help="Processes that share the work."),
    show: str = typer.Option("", "--show", metavar="LEARNER:NUMBER", help="Print one of the calls, turn by turn."),
    strict: bool = typer.Option(False, "--strict", help="Exit with 1 when a goal is missed or a line is out of place."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON list for machines."),
) -> None:
    """Play a scenario hundreds of times with simulated learners: who wins, how anger goes, and why calls are lost.

    The learners: model (an agent whom you would hire), apologetic (sorry, and nothing else), defensive, silent,
    interrupter, random, abusive, fixer (a fix at once), expert (the words of the trade) and talker (kind, and endless).
    A model agent should win nearly always; one who is defensive, silent or abusive hardly ever. Anger is drawn turn by
    turn: the middle of all calls, then what a tenth of them lies below, and above.

    Example: voicetrainer simulate late-parcel --calls 50

    Example: voicetrainer simulate my-scenario.yaml --learners model,apologetic --intensity fierce
    """
    from voicetrainer.cli.content import read_scenario, shipped_scenarios
    from voicetrainer.detector import load_shipped
    from voicetrainer.roleplay.learners import KINDS
    from voicetrainer.roleplay.mood import INTENSITIES
    from voicetrainer.simulate import Remembering, simulate_shared
    from voicetrainer.simulate import simulate as run

    wanted = [k.strip() for k in learners.split(",") if k.strip()] or list(KINDS)
    _known(wanted, KINDS, "kind of learner")
    _known([intensity], INTENSITIES, "intensity")
    chosen = [path.stem for path in shipped_scenarios()] if every else list(names or ())
    if not chosen:
        raise ScenarioError("no scenario to simulate", "name one, or take --all")
    scenarios = [(name, read_scenario(name)[1]) for name in chosen]
    detector = Remembering(load_shipped())
    if show:
        for _, scenario in scenarios:
            _show(scenario, detector, show, seed, intensity, KINDS)
        return
    results: list[dict[str, Any]] = []
    good = True
    settings: dict[str, Any] = {"calls": calls, "seed": seed, "intensity": intensity}
    shared: list[list[Course]] = []
    played: dict[str, list[Course]] = {}
    if jobs > 1:
        only = [scenario for _, scenario in scenarios]
        with _bar(f"{len(only)} scenarios", calls * len(wanted) * len(only)) as tick:
            shared = simulate_shared(only, wanted, jobs, tick=tick, **settings)
    for i, (name, scenario) in enumerate(scenarios):
        if shared:
            courses = shared[i]
        else:
            with _bar(name, calls * len(wanted)) as tick:
                courses = run(scenario, detector, wanted, tick=tick, **settings)
        notes = _notes(scenario, courses)
        good = good and not notes
        if as_json:
            results.append({"scenario": name, **settings, **_plain(courses, notes)})
        else:
            _print(scenario, courses, notes)
        played[scenario.id] = courses
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    else:
        if len(played) > 1:
            typer.echo(_won(played))
        typer.echo(_total([course for courses in played.values() for course in courses]))
    if strict and not good:
        raise typer.Exit(1)


def _known(given: list[str], known: Any, what: str) -> None:
    from voicetrainer.roleplay.reading import meant

    for name in given:
        if name not in known:
            raise ScenarioError(f"there is no {what} '{name}'{meant(name, known)}", f"there are {', '.join(known)}")


def _bar(name: str, total: int) -> Any:
    """Show progress on a terminal; the value of the context counts one call."""
    import contextlib
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    @contextlib.contextmanager
    def shown() -> Any:
        columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(
            *columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
        ) as progress:
            task = progress.add_task(name, total=total)
            yield lambda: progress.advance(task)

    return shown()


def _notes(scenario: Scenario, courses: list[Course]) -> list[str]:
    """What should be otherwise."""
    from voicetrainer.roleplay.learners import KINDS

    notes = [course.missed for course in courses if course.missed]
    reached = {outcome for course in courses for outcome in course.outcomes}
    kinds = {course.learner for course in courses}
    if set(KINDS) <= kinds:
        endings = [name for name in type(scenario.endings).model_fields if getattr(scenario.endings, name) is not None]
        notes += [f"no call ends {name.replace('_', ' ')}" for name in endings if name not in reached]
    for course in courses:
        notes += [f"{course.learner}: {what}" for what in dict.fromkeys(course.broken)]
    return notes


def _plain(courses: list[Course], notes: list[str]) -> dict[str, Any]:
    rows = [
        {
            "learner": course.learner,
            "won": round(course.won, 1),
            "outcomes": {outcome: round(share, 1) for outcome, share in course.outcomes.items()},
            "turns": course.turns,
            "anger": {"low": course.anger(0.1), "median": course.anger(0.5), "high": course.anger(0.9)},
            "lost_by": course.lost_by,
            "lines": sum(call.lines for call in course.calls),
            "broken": list(course.broken),
        }
        for course in courses
    ]
    return {"learners": rows, "notes": notes}


def _won(played: dict[str, list[Course]]) -> str:
    """Calls won of each scenario by each kind of learner, in per cent, as a Markdown table."""
    first = next(iter(played.values()))
    rows = [["per cent won", *(course.learner for course in first)]]
    rows += [[name, *(f"{course.won:.0f}" for course in courses)] for name, courses in played.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rows.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    lines = [[row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
             for row in rows]  # fmt: skip
    return "\n".join(["", *(f"| {' | '.join(line)} |" for line in lines), ""])


def _total(courses: list[Course]) -> str:
    """All calls in one line."""
    calls = [call for course in courses for call in course.calls]
    broken = [what for course in courses for what in course.broken]
    again = sum(" again: " in what for what in broken)
    cost = 1000 * sum(course.seconds for course in courses) / len(calls)
    lines = sum(call.lines for call in calls)
    return (
        f"{len(calls):,} calls, {lines:,} lines of the customer: {again} again within six, "
        f"{len(broken) - again} out of place; {cost:.1f} ms of CPU a call"
    )


def _print(scenario: Scenario, courses: list[Course], notes: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from voicetrainer.simulate import bars

    console = Console(highlight=False)
    calls = len(courses[0].calls)
    seconds = sum(course.seconds for course in courses)
    cost = 1000 * seconds / (calls * len(courses))
    console.print(f"[bold]{scenario.id}[/]  {calls} calls of each, {cost:.0f} ms of CPU a call")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column, justify in (("learner", "left"), ("won", "right"), ("turns", "right"), ("anger by turn", "left"),
                            ("outcomes", "left")):  # fmt: skip
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    width = 24
    for course in courses:
        middle, low, high = (course.anger(share)[:width] for share in (0.5, 0.1, 0.9))
        mood = Text.assemble(
            bars(middle) + ("…" if len(course.anger(0.5)) > width else "") + "\n", (f"{bars(low)}\n{bars(high)}", "dim")
        )
        ends = ", ".join(f"{outcome.replace('_', ' ')} {share:.0f} %" for outcome, share in course.outcomes.items())
        lost = f"\nmost lost by: {course.lost_by}" if course.lost_by else ""
        table.add_row(course.learner, f"{course.won:.0f} %", f"{course.turns:g}", mood, ends + lost)
    console.print(table)
    for note in notes:
        console.print(f"! {note}")


def _show(scenario: Scenario, detector: Any, which: str, seed: int, intensity: str, known: Any) -> None:
    from voicetrainer.cli.show import Show
    from voicetrainer.simulate import events

    learner, _, number = which.partition(":")
    _known([learner], known, "kind of learner")
    if not (number or "0").isdigit():
        raise ScenarioError(f"'{number}' is no number of a call", "write --show model:3")
    show = Show(scenario.customer.name)
    for event in events(scenario, detector, learner, int(number or 0), seed, intensity):
        show(event)


def schema(
    output: Path | None = typer.Option(None, "-o", "--output", metavar="FILE", help="Write it there."),
) -> None:
    """Print the scenario format as a JSON Schema, by which an editor completes and explains it.

    A scenario finds it by its first line: # yaml-language-server: $schema=scenario.schema.json

    Example: voicetrainer schema -o scenario.schema.json
    """
    from voicetrainer.schema import text

    if output is None:
        typer.echo(text(), nl=False)
    else:
        _write(output, text())


def graph(
    name: str = typer.Argument(..., metavar="SCENARIO", help="A scenario id or file."),
    output: Path = typer.Option(..., "-o", "--output", metavar="FILE.svg", help="Where to draw it."),
) -> None:
    """Draw a scenario: its stages, what each needs, what comes too early, and how the call can end.

    Example: voicetrainer graph late-parcel -o late-parcel.svg
    """
    from voicetrainer.cli.content import read_scenario
    from voicetrainer.graph import draw

    _write(output, draw(read_scenario(name)[1]))
    typer.echo(f"{output}: drawn")


def new(
    file: Path = typer.Argument(..., metavar="FILE.yaml", help="The new scenario's file."),
    answers: Path | None = typer.Option(None, "--answers", metavar="FILE", help="A YAML file of answers by name."),
    given: list[str] | None = typer.Option(None, "--set", metavar="NAME=ANSWER", help="One answer; may be repeated."),
) -> None:
    """Begin a scenario: answer a few questions, and get a whole file that can be played at once.

    It is yours to change line by line; `voicetrainer check` names what is still to be written. On a terminal what no
    option answers is asked. A file that exists is never overwritten.

    Answers: title, business, customer, happened, hurts, offer_one, offer_two, and where the usual will not do number,
    needed, difficulty, temperament, voice, supervisor.

    Example: voicetrainer new wrong-cake.yaml

    Example: voicetrainer new wrong-cake.yaml --answers answers.yaml --set difficulty=4
    """
    import sys

    from voicetrainer.drafting import QUESTIONS, Question, answered, collect, draft

    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}\.yaml", file.name):
        raise ScenarioError(
            f"{file.name}: should be lower-case letters and digits, joined by hyphens, and .yaml",
            "for example: wrong-cake.yaml",
        )
    if file.exists():
        raise ScenarioError(f"{file}: exists already", "take another name, or delete it first")
    known = {**_answers(answers), **dict(_pair(pair) for pair in given or ())}

    def ask(question: Question) -> str:
        about = f"{question.ask} ({'/'.join(question.known) or 'for example: ' + question.example})"
        while True:
            said = typer.prompt(about, default=question.usual or None, type=str, err=True)
            try:
                return answered(question, said)
            except ScenarioError as error:
                typer.echo(f"  {error.message} ({error.hint})", err=True)

    open_questions = [q for q in QUESTIONS if q.key not in known]
    asks = sys.stdin.isatty() and bool(open_questions)
    if asks:
        typer.echo("Enter takes what stands in [brackets]; Ctrl-C ends it and writes nothing.\n", err=True)
    text = draft(file.stem, collect(known, ask if asks else None))
    _write(file, text, new=True)
    typer.echo(f"{file}: written; now: voicetrainer check {file}, voicetrainer type {file}")


def _answers(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    from voicetrainer.roleplay.reading import load
    from voicetrainer.roleplay.scenario import MAX_BYTES

    try:
        if file.stat().st_size > MAX_BYTES:
            raise ScenarioError(f"{file}: longer than {MAX_BYTES // 1000} kB", "a few answers are enough")
        found, _ = load(file.read_text(encoding="utf-8"), str(file))
    except UnicodeDecodeError:
        raise ScenarioError(f"{file}: not a text file", "save it as UTF-8 text") from None
    except OSError as error:
        raise ScenarioError(f"{file}: {(error.strerror or 'cannot be read').lower()}", "check the name") from None
    if not isinstance(found, dict) or any(isinstance(value, (dict, list)) for value in found.values()):
        raise ScenarioError(f"{file}: should have one answer a line", "for example: title: Happy birthday, Kevin")
    words = {True: "yes", False: "no", None: ""}
    return {
        key: words[value] if value is None or isinstance(value, bool) else str(value) for key, value in found.items()
    }


def _pair(pair: str) -> tuple[str, str]:
    key, found, answer = pair.partition("=")
    if not found:
        raise ScenarioError(f"--set {pair}: has no answer", "write --set difficulty=4")
    return key.strip(), answer


def _write(file: Path, text: str, *, new: bool = False) -> None:
    try:
        with file.open("x" if new else "w", encoding="utf-8", newline="\n") as out:
            out.write(text)
    except FileExistsError:
        raise ScenarioError(f"{file}: exists already", "take another name, or delete it first") from None
    except OSError as error:
        raise ScenarioError(f"{file}: {(error.strerror or 'cannot be written').lower()}", "check the folder") from None
