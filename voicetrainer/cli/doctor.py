"""``voicetrainer doctor``: what works on this machine, what does not, and how to get it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from voicetrainer.doctor import Check


def doctor(
    mic: bool = typer.Option(False, "--mic", help="Test the microphone: level, noise, clipping, gaps (10 seconds)."),
    speaker: bool = typer.Option(
        False, "--speaker", help="Test the loudspeaker: the customer speaks; delay, stutter, echo (10 seconds)."
    ),
    microphone: str = typer.Option(None, "--microphone", help="Which one, by number or part of its name."),
    loudspeaker: str = typer.Option(None, "--loudspeaker", help="Which one, likewise."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object for machines."),
) -> None:
    """See what works on this machine and how to get what is missing; with --mic or --speaker, test your headset.

    Exit code 0 when a call with recorded audio can be held (with --mic or --speaker: when the device is fit for a
    call), else 1. Paste the output into bug reports.

    Examples:
      voicetrainer doctor
      voicetrainer doctor --mic --speaker
      voicetrainer doctor --mic --microphone Headset
    """
    from dataclasses import asdict

    from rich.console import Console

    from voicetrainer import doctor as it

    if mic or speaker:
        _devices(mic, speaker, microphone, loudspeaker, as_json)
        return
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


def _devices(mic: bool, speaker: bool, microphone: str | None, loudspeaker: str | None, as_json: bool) -> None:
    from dataclasses import asdict

    from voicetrainer import soundcheck
    from voicetrainer.doctor import aligned
    from voicetrainer.transports import soundcard

    there = soundcard.devices()
    if not as_json:
        typer.echo("\n".join([*soundcheck.list_devices(there), ""]))
    tests: list[Callable[[], list[Check]]] = []
    if mic:
        tests.append(lambda: soundcheck.microphone(microphone, _tell))
    if speaker:
        from voicetrainer.speech.voice import Voice

        with Voice() as voice:
            line = voice.render(soundcheck.LINE, 1.0)
        tests.append(lambda: soundcheck.loudspeaker(microphone, loudspeaker, line, _tell))
    checks = [check for test in tests for check in test()]
    fit = not any(check.state == "missing" for check in checks)
    if as_json:
        found = {"fit": fit, "devices": [asdict(d) for d in there], "checks": [asdict(check) for check in checks]}
        typer.echo(json.dumps(found, indent=2))
    else:
        good = all(check.state == "ok" for check in checks)
        verdict = (
            "Fit for a call." if good else "Fit for a call; see the notes above." if fit else "Not fit for a call yet."
        )
        typer.echo("\n".join(["", *aligned(checks), "", verdict]))
    if not fit:
        raise typer.Exit(1)


def _tell(what: str) -> None:
    typer.echo(what, err=True)
