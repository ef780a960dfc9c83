"""``voicetrainer history`` and ``compare``: how it goes over time, and branches of one call side by side."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from voicetrainer.errors import SessionError

if TYPE_CHECKING:
    from voicetrainer.progress import Attempt, Practice

_JSON = typer.Option(False, "--json", help="Print one JSON object for machines.")
_SHOWN = 8
"""The last values that are shown of anything."""


def history(
    sessions: Path = typer.Option(None, "--sessions", help="Folder that holds your sessions (default: ./sessions)."),
    scenario: str = typer.Option(None, "--scenario", help="Only calls over this scenario (its id)."),
    as_json: bool = _JSON,
) -> None:
    """Show your progress: scores over your calls, what you use, and what to practise next.

    Reads the sessions in your own folder and nothing else. All calls are marked by today's rubric.

    Examples:
      voicetrainer history
      voicetrainer history --scenario late-parcel
    """
    from voicetrainer import progress
    from voicetrainer.cli.content import shipped_scenarios
    from voicetrainer.places import sessions_dir
    from voicetrainer.roleplay.scenario import parse
    from voicetrainer.roleplay.techniques import TECHNIQUES

    root = sessions or sessions_dir()
    found = progress.folders(root)
    judged, skipped = _judged(found)
    for name, why in skipped:
        typer.echo(f"skipped {name}: {why}", err=True)
    if scenario is not None:
        judged = tuple(a for a in judged if a.scenario == scenario)
    offered = [parse(p.read_text(encoding="utf-8"), str(p)) for p in shipped_scenarios()]
    next_up = progress.practise(judged, offered)
    used: Counter[str] = Counter()
    for a in judged:
        used.update(a.techniques)
    unused = [label for label in TECHNIQUES if not used[label]]
    if as_json:
        result = {
            "sessions": str(root),
            "calls": [_call(a) for a in judged],
            "skipped": [{"session": name, "why": why} for name, why in skipped],
            "criteria": [
                {"id": c.id, "name": c.name, "scores": c.scores, "now": c.now, "trend": c.trend}
                for c in progress.lines(judged)
            ],
            "used": dict(used),
            "unused": unused,
            "practise": _practice(next_up),
        }
        typer.echo(json.dumps(result, indent=2, ensure_ascii=False))
        return
    if not judged:
        typer.echo(f"There is no call of yours in {root} yet. Begin with one: voicetrainer type late-parcel")
        return
    _show_history(judged, used, unused, next_up)


def _judged(found: list[Path]) -> tuple[tuple[Attempt, ...], tuple[tuple[str, str], ...]]:
    """Judge the calls, with a bar on a terminal while it takes its time."""
    from rich.console import Console
    from rich.progress import Progress

    from voicetrainer.progress import attempts

    bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with bar:
        task = bar.add_task("Reading your calls", total=len(found))
        return attempts(found, lambda: bar.advance(task))


def _show_history(
    judged: tuple[Attempt, ...], used: Counter[str], unused: list[str], practice: Practice | None
) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from voicetrainer.progress import bars, lines
    from voicetrainer.roleplay.techniques import SHORT

    console = Console(highlight=False)
    console.print(f"[bold]{len(judged)} {'call' if len(judged) == 1 else 'calls'}[/], the last one {_last(judged)}\n")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("scenario", "calls", "passed", "best", "last", "score, call by call"):
        table.add_column(column)
    for name in dict.fromkeys(a.scenario for a in judged):
        mine = [a for a in judged if a.scenario == name]
        totals = [a.card.total for a in mine]
        passed = sum(a.card.passed for a in mine)
        row = bars(totals[-20:], 0, 100)
        table.add_row(escape(name), str(len(mine)), str(passed), str(max(totals)), str(totals[-1]), row)
    console.print(table)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("criterion", "now", f"last {_SHOWN}", "", "trend"):
        table.add_column(column)
    for line in lines(judged):
        recent = line.scores[-_SHOWN:]
        table.add_row(line.name, f"{line.now:.1f}", " ".join(map(str, recent)), bars(recent, 1, 5), line.trend)
    console.print()
    console.print(table)
    console.print()
    if used:
        console.print("[bold]You use[/] " + ", ".join(f"{SHORT[x]} {n}" for x, n in used.most_common()))
    if unused:
        console.print("[bold]Not yet[/] " + ", ".join(SHORT[x] for x in unused))
    if practice is not None:
        console.print(f"\n[bold]Practise next:[/] {practice.name.lower()} [dim]({practice.now:.1f} of 5 lately)[/]")
        if practice.scenarios:
            console.print(f"  Trained by {', '.join(practice.scenarios)}.")
            console.print(f"  Begin: voicetrainer type {practice.scenarios[0]}", soft_wrap=True)


def _last(judged: tuple[Attempt, ...]) -> str:
    return judged[-1].when or judged[-1].name


def compare(
    folders: list[Path] = typer.Argument(
        ..., metavar="SESSION...", help="Two to six session folders; one alone is shown with its branches."
    ),
    as_json: bool = _JSON,
) -> None:
    """Show calls side by side: how they ended, the anger after each turn, and the scores per criterion.

    Examples:
      voicetrainer compare sessions/2026-11-22-153012-late-parcel
      voicetrainer compare sessions/2026-11-22-153012-late-parcel sessions/2026-11-22-154501-late-parcel
    """
    from voicetrainer import progress
    from voicetrainer.recording import load

    if len(folders) == 1:
        first = load(folders[0])
        folders = [first.folder, *progress.branches(first)][:6]
        if len(folders) == 1:
            raise SessionError(
                f"{folders[0]}: nothing was branched off from this call",
                f"name a second session, or start one: voicetrainer retry {folders[0]} --turn 1",
            )
    if len(folders) > 6:
        raise SessionError(f"{len(folders)} sessions are too many side by side", "name two to six")
    judged = [progress.judge(load(folder)) for folder in folders]
    if as_json:
        typer.echo(json.dumps([_call(a) for a in judged], indent=2, ensure_ascii=False))
        return
    _show_compared(judged)


def _show_compared(judged: list[Attempt]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    for letter, a in zip("ABCDEF", judged, strict=False):
        origin = f"  [dim]from turn {a.branch.turn} of {escape(a.branch.session)}[/]" if a.branch else ""
        console.print(f"[bold]{letter}[/]  {escape(a.name)}{origin}")
    console.print()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    for letter, _ in zip("ABCDEF", judged, strict=False):
        table.add_column(letter, justify="right")

    def row(name: str, values: list[str], style: str = "") -> None:
        differs = len(set(values)) > 1
        table.add_row(name, *(f"[bold]{v}[/]" if differs else f"[dim]{v}[/]" for v in values), style=style)

    row("ended", [a.outcome.replace("_", " ") or "cut off" for a in judged])
    if len({a.intensity for a in judged}) > 1:
        row("intensity", [a.intensity for a in judged])
    row("score", [str(a.card.total) for a in judged])
    row("passed", ["yes" if a.card.passed else "no" for a in judged])
    row("minutes", [f"{a.seconds / 60:.1f}" for a in judged])
    table.add_section()
    row("anger at the start", [f"{a.anger[0]:.1f}" for a in judged])
    for n in range(max(len(a.steps) for a in judged)):
        row(f"after turn {n + 1}", [f"{a.steps[n].anger:.1f}" if n < len(a.steps) else "–" for a in judged])
    table.add_section()
    names = {c.id: c.name for a in judged for c in a.card.criteria}
    for name, shown in names.items():
        row(shown, [str(a.scores.get(name) or "–") for a in judged])
    console.print(table)


def _call(a: Attempt) -> dict[str, Any]:
    return {
        "session": a.name,
        "when": a.when,
        "scenario": a.scenario,
        "intensity": a.intensity,
        "outcome": a.outcome,
        "score": a.card.total,
        "passed": a.card.passed,
        "seconds": a.seconds,
        "anger": list(a.anger),
        "turns": [{"turn": s.turn, "said": s.said, "anger": s.anger} for s in a.steps],
        "criteria": a.scores,
        "techniques": dict(a.techniques),
        "branch": {"session": a.branch.session, "turn": a.branch.turn} if a.branch else None,
    }


def _practice(practice: Practice | None) -> dict[str, Any] | None:
    if practice is None:
        return None
    return {
        "criterion": practice.criterion,
        "name": practice.name,
        "now": practice.now,
        "scenarios": list(practice.scenarios),
    }
