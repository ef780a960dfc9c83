"""``voicetrainer rubric``: what a call is marked by."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer


def rubric(
    name: str = typer.Argument(None, metavar="[SCENARIO]", help="Scenario id or file; without it, the usual rubric."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object for machines."),
) -> None:
    """Print the rubric: criteria with their weights and what earns 1, 3 and 5, what fails a call, and the pass mark.

    Examples:
      voicetrainer rubric
      voicetrainer rubric late-parcel
    """
    from voicetrainer.roleplay.rubric import STANDARD

    marking = STANDARD
    if name is not None:
        from voicetrainer.cli.content import read_scenario
        from voicetrainer.roleplay.scorecard import marking as of

        marking = of(read_scenario(name)[1])
    if as_json:
        typer.echo(json.dumps(asdict(marking), indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.padding import Padding

    console = Console(highlight=False)
    usual = {c.id: c for c in STANDARD.criteria}
    for c in marking.criteria:
        was = usual[c.id].weight
        changed = f" (usually {was})" if c.weight != was else ""
        console.print(f"[bold]{c.name}[/]  {c.weight} %{changed}  [dim]{c.id}[/]", soft_wrap=True)
        console.print(Padding(c.about + (f" [dim]({c.only})[/]" if c.only else ""), (0, 0, 0, 2)))
        for points, words in sorted(c.anchors.items()):
            console.print(Padding(f"[bold]{points}[/]  {words}", (0, 0, 0, 2)), markup=True)
        console.print()
    left = [c.name for c in STANDARD.criteria if c.id not in {x.id for x in marking.criteria}]
    if left:
        console.print(f"Left out: {', '.join(left)}.")
    console.print("What could not be judged leaves its weight to the others. These fail a call whatever the total:")
    for item in marking.auto_fail:
        console.print(f"  {item.sentence}  [dim]{item.id}[/]")
    console.print(f"A call passes from {marking.pass_mark} of 100.")
