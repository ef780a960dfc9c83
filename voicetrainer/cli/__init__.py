"""The command line: the only place that knows every room.

Command modules are imported here and must stay light: what they need is imported inside the commands, so that
``voicetrainer --help`` starts at once.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Iterable
from typing import NoReturn

import click
import typer

from voicetrainer import __version__
from voicetrainer.cli import (
    authoring,
    calls,
    content,
    debrief,
    doctor,
    evaluate,
    learners,
    models,
    progress,
    rubric,
    sessions,
    talk,
)
from voicetrainer.errors import VoicetrainerError

app = typer.Typer(
    name="voicetrainer",
    help="A flight simulator for difficult customer calls: offline, explainable, replayable.",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voicetrainer {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """A flight simulator for difficult customer calls: offline, explainable, replayable."""


app.command("talk")(talk.talk)
app.command("type")(calls.type_)
app.command("run")(calls.run)
app.command("replay")(sessions.replay)
app.command("rescore")(sessions.rescore)
app.command("rehear")(sessions.rehear)
app.command("report")(sessions.report)
app.command("retry")(calls.retry)
app.command("compare")(progress.compare)
app.command("reflect")(debrief.reflect)
app.command("history")(progress.history)
app.command("reset")(debrief.reset)
app.command("rubric")(rubric.rubric)
app.command("scenarios")(content.scenarios)
app.command("check")(content.check)
app.command("simulate")(authoring.simulate)
app.command("graph")(authoring.graph)
app.command("new")(authoring.new)
app.command("schema")(authoring.schema)
app.command("calibrate")(learners.calibrate)
app.add_typer(learners.app, name="learners")
app.add_typer(models.app, name="models")
app.add_typer(evaluate.app, name="evaluate")
app.command("doctor")(doctor.doctor)


def _told(apps: Iterable[typer.Typer]) -> None:
    """Show examples line by line in every command's help, and its first clause whole in the list of commands."""
    for command in (command for each in apps for command in each.registered_commands):
        told = inspect.cleandoc((command.callback and command.callback.__doc__) or "")
        command.help = told.replace("Examples:\n", "\b\nExamples:\n")
        command.short_help = " ".join(re.split(r"[:;.](?:\s|$)", told, maxsplit=1)[0].split()) + "."


_told((app, learners.app, models.app, evaluate.app))


def main() -> None:
    """Run the command line; a problem the user can mend is one line on stderr and exit code 2."""
    # Our matrices are small: more threads cost more CPU than they save time, and a call has other work for it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app()
    except SystemExit as leaving:
        _leave(leaving.code)
    except VoicetrainerError as error:
        click.echo(f"error: {error.message}", err=True)
        if error.hint:
            click.echo(f"  try: {error.hint}", err=True)
        _leave(2)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        _leave(130)


def _leave(code: str | int | None) -> NoReturn:
    """End the program; at once where a sound library hangs, because tearing it down under its own thread crashes."""
    soundcard = sys.modules.get("voicetrainer.transports.soundcard")
    if soundcard is not None and soundcard.hangs() and not isinstance(code, str):
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(code or 0)
    sys.exit(code)
