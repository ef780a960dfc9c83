"""``voicetrainer models``: what listens, and how to get something better."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from voicetrainer.models import Entry, Model

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="See, fetch and check recognition models.")

_JSON = typer.Option(False, "--json", help="Print JSON for machines.")


@app.command("list")
def list_(as_json: bool = _JSON) -> None:
    """List the models: those on this machine, the preferred one first, then those to be had.

    Example: voicetrainer models list
    """
    from voicetrainer import models

    here = models.installed()
    there = [entry for entry in models.catalogue() if entry.name not in {model.name for model in here}]
    if as_json:
        typer.echo(json.dumps([*(_model(model) for model in here), *(_entry(entry) for entry in there)], indent=2))
        return
    names = [model.name for model in here] + [entry.name for entry in there]
    wide = max(map(len, names), default=0)
    typer.echo("on this machine:")
    for model in here:
        typer.echo(f"  {model.name:<{wide}}  {_about(model)}")
    if there:
        typer.echo("\nto be had (voicetrainer models install NAME):")
    for entry in there:
        typer.echo(f"  {entry.name:<{wide}}  {_about(entry)}, {_size(entry.size)}")


@app.command()
def install(
    name: str = typer.Argument(None, help="Model of the catalogue (default: the recommended one)."),
    source: Path = typer.Option(
        None, "--from", metavar="FILE.zip", help="Install from this archive instead of the network."
    ),
    as_json: bool = _JSON,
) -> None:
    """Fetch a model, compare its checksum and unpack it. Ctrl-C is safe: run it again and it goes on.

    On a machine without a network, fetch the archive elsewhere and use --from. A model of your own works the same way.

    Examples:
      voicetrainer models install
      voicetrainer models install vosk-model-en-us-0.22-lgraph
      voicetrainer models install --from vosk-model-small-en-us-0.15.zip
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from voicetrainer import models

    if source is not None:
        model = models.install_file(source, name)
    else:
        name = name or models.recommended().name
        console = Console(stderr=True)
        columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(name, total=None)
            model = models.install(name, lambda have, size: bar.update(task, completed=have, total=size))
    typer.echo(json.dumps(_model(model), indent=2) if as_json else f"{model.name} is installed: {model.path}")


@app.command()
def verify(
    name: str = typer.Argument(None, help="Name or folder (default: every model on this machine)."),
    as_json: bool = _JSON,
) -> None:
    """Compare a model's files with its checksums, then load it in a trial. Exit code 1 when something is wrong.

    Example: voicetrainer models verify vosk-model-small-en-us-0.15
    """
    from contextlib import nullcontext

    from rich.console import Console

    from voicetrainer import models
    from voicetrainer.errors import ModelError

    chosen = [models.choose(name)] if name else models.installed()
    console = Console(stderr=True)
    results = {}
    for model in chosen:
        with console.status(f"checking {model.name}") if console.is_terminal else nullcontext():
            wrong = list(models.problems(model))
            if not wrong:
                try:
                    models.try_out(model.path)
                except ModelError as error:
                    wrong = [error.message]
        results[model.name] = wrong
    if as_json:
        typer.echo(
            json.dumps({key: {"whole": not wrong, "problems": wrong} for key, wrong in results.items()}, indent=2)
        )
    else:
        for key, wrong in results.items():
            typer.echo("\n  ".join([f"{key}: {'damaged' if wrong else 'whole'}", *wrong]))
    if any(results.values()):
        raise typer.Exit(1)


@app.command()
def path(
    name: str = typer.Argument(None, help="Name or folder (default: the model that a call would use)."),
    as_json: bool = _JSON,
) -> None:
    """Print a model's folder.

    Example: voicetrainer models path
    """
    from voicetrainer import models

    model = models.choose(name)
    typer.echo(json.dumps(_model(model), indent=2) if as_json else str(model.path))


def _about(entry: Entry) -> str:
    errors = entry.word_errors and f"{entry.word_errors} % word errors"
    parts = ", ".join(part for part in (entry.good_for, errors, entry.licence) if part)
    return f"{parts} (recommended)" if entry.recommended else parts


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _entry(entry: Entry) -> dict[str, object]:
    from dataclasses import asdict

    return {"installed": False, **asdict(entry)}


def _model(model: Model) -> dict[str, object]:
    return {**_entry(model), "installed": True, "path": str(model.path), "checksum": model.checksum}
