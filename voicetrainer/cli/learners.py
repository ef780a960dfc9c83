"""``voicetrainer calibrate`` and ``learners``: a learner's calm voice, kept for each microphone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from voicetrainer.baselines import Sample
    from voicetrainer.roleplay.events import Baseline

_LEARNER = typer.Option(..., "--learner", help="The learner's name.")
_MIC = typer.Option("default", "--mic", help="Name of the microphone: each one has a sample of its own.")
_JSON = typer.Option(False, "--json", help="Print JSON for machines.")


def calibrate(
    files: list[Path] = typer.Argument(
        ..., metavar="FILES...", help="Two or three calm sentences, in one file or several."
    ),
    learner: str = _LEARNER,
    mic: str = _MIC,
    channel: int = typer.Option(None, "--channel", min=0, help="Channel of stereo files to take (default: the mean)."),
    as_json: bool = _JSON,
) -> None:
    """Give a calm sample: what later calls compare a learner's voice with.

    Say two or three sentences as you would to a colleague, about as loud as in a call, with the same microphone. Only
    figures are kept (pitch, loudness, pace, colour), no sound. Any earlier sample on that microphone is replaced.

    Examples:
      voicetrainer calibrate calm.wav --learner anna
      voicetrainer calibrate one.wav two.wav --learner anna --mic headset
    """
    from itertools import chain

    from voicetrainer import baselines, models
    from voicetrainer.speech.audio import read
    from voicetrainer.speech.recognizer import Recognizer

    recognizer = Recognizer(models.choose(people=True).path)
    recordings = (baselines.frames(read(f, channel=channel)) for f in files)
    said = chain.from_iterable(baselines.sentences(frames, recognizer) for frames in recordings)
    sample = baselines.new(learner, mic, said)
    path = baselines.save(sample)
    if as_json:
        typer.echo(json.dumps(_figures(sample) | {"file": str(path)}, indent=2, ensure_ascii=False))
        return
    count = sample.original.utterances
    typer.echo(
        f"Calm voice of {sample.learner} on microphone {sample.microphone}, from {count} sentence{'s'[: count > 1]}"
    )
    typer.echo(f"  {_line(sample.original)}\nKept in {path}\nUse it: voicetrainer run ... --learner {learner!r}")


app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Look at the learners' calm samples, or forget them."
)


@app.command("list")
def list_(as_json: bool = _JSON) -> None:
    """List the calm samples that are kept.

    Example: voicetrainer learners list
    """
    from voicetrainer import baselines

    samples = baselines.everyone()
    if as_json:
        typer.echo(json.dumps([_figures(s) for s in samples], indent=2, ensure_ascii=False))
        return
    for s in samples:
        typer.echo(f"{s.learner:20}  {s.microphone:16}  {s.made}  {s.calls:3} calls  {_line(s.current)}")
    if not samples:
        typer.echo("No calm samples are kept. Give one: voicetrainer calibrate FILES --learner NAME")


@app.command()
def show(
    learner: str = typer.Argument(..., help="The learner's name."), mic: str = _MIC, as_json: bool = _JSON
) -> None:
    """Show one calm sample: as it was given, and what later calls have made of it.

    Example: voicetrainer learners show anna --mic headset
    """
    from voicetrainer import baselines

    sample = baselines.load(learner, mic)
    if as_json:
        typer.echo(json.dumps(_figures(sample), indent=2, ensure_ascii=False))
        return
    typer.echo(f"{sample.learner} on microphone {sample.microphone}, given on {sample.made}")
    typer.echo(f"  as given        {_line(sample.original)}")
    typer.echo(f"  after {sample.calls:3} calls {_line(sample.current)}")


@app.command()
def forget(
    learner: str = typer.Argument(..., help="The learner's name."),
    mic: str = typer.Option(None, "--mic", help="Only the sample on this microphone (default: all of them)."),
) -> None:
    """Delete a learner's calm samples. Sessions that were recorded with them keep their figures.

    Example: voicetrainer learners forget anna
    """
    from voicetrainer import baselines
    from voicetrainer.errors import LearnerError

    count = baselines.forget(learner, mic)
    if not count:
        on = f" on microphone {mic!r}" if mic else ""
        raise LearnerError(f"there is no calm sample of {learner!r}{on}", "see `voicetrainer learners list`")
    typer.echo(f"{count} calm sample{'s'[: count > 1]} of {learner} forgotten")


def _figures(sample: Sample) -> dict[str, Any]:
    from pydantic import TypeAdapter

    from voicetrainer.baselines import Sample

    fields: dict[str, Any] = TypeAdapter(Sample).dump_python(sample, mode="json")
    return fields


def _line(b: Baseline) -> str:
    parts = [
        (b.pitch, "{:.0f} Hz"),
        (b.loudness, "{:.0f} dB"),
        (b.tilt, "tilt {:.1f} dB"),
        (b.syllable_rate, "{:.1f} syllables a second"),
    ]
    known = [text.format(value) for value, text in parts if value is not None]
    return ", ".join([*known, f"{b.seconds:.0f} s"])
