"""``voicetrainer doctor``: what works on this machine, what does not, and how to get it."""

from __future__ import annotations

import json

import typer


def doctor(as_json: bool = typer.Option(False, "--json", help="Print one JSON object for machines.")) -> None:
    """See what works on this machine and how to get what is missing.

    Exit code 0 when a call with recorded audio can be held, else 1. Paste the output into bug reports.

    Example: voicetrainer doctor
    """
    from dataclasses import asdict

    from rich.console import Console

    from voicetrainer import doctor as it

    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("looking around"):
            checks = it.examine()
    else:
        checks = it.examine()
    if as_json:
        typer.echo(json.dumps({"ready": it.ready(checks), "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        typer.echo(it.render(checks))
    if not it.ready(checks):
        raise typer.Exit(1)
