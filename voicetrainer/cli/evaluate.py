"""``voicetrainer evaluate``: how well the program hears, measured on files and tables of your own."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Measure how well the program hears.")

_JSON = typer.Option(False, "--json", help="Print one JSON object for machines.")


class Level(StrEnum):
    """What `--level` can bring recordings to."""

    RMS = "rms"


def _print(result: dict[str, Any], text: str, as_json: bool) -> None:
    typer.echo(json.dumps(result, indent=2) if as_json else text)


@app.command()
def words(
    manifest: Path = typer.Argument(..., help="CSV with columns path,text; paths relative to the file."),
    model: str = typer.Option(None, "--model", help="Model name or folder (default: the best installed one)."),
    limit: int = typer.Option(None, "--limit", min=1, help="Only the first so many rows."),
    as_json: bool = _JSON,
) -> None:
    """Word error rate and real-time factor of the recogniser.

    Example: voicetrainer evaluate words recordings/manifest.csv --json
    """
    import voicetrainer.evaluate.words as it

    result = it.evaluate(manifest, model=model, limit=limit)
    _print(result, it.render(result), as_json)


@app.command()
def techniques(
    file: Path = typer.Argument(..., help="JSONL with text, spoken or asr, context and labels."),
    field: str = typer.Option("text", "--field", help="Which field to judge: text, spoken or asr."),
    errors: bool = typer.Option(False, "--errors", help="List the utterances judged wrong."),
    as_json: bool = _JSON,
) -> None:
    """Precision, recall and F1 of each technique and mistake.

    Example: voicetrainer evaluate techniques utterances.jsonl --field spoken
    """
    import voicetrainer.evaluate.techniques as it

    result = it.evaluate(file, field=field, errors=errors)
    _print(result, it.render(result), as_json)


@app.command()
def steadiness(
    manifest: Path = typer.Argument(..., help="CSV with columns corpus,speaker,emotion,path,calib."),
    level: Level = typer.Option(None, "--level", help="Bring every recording to the same level first."),
    noise: float = typer.Option(None, "--noise", metavar="DB", help="Add noise so many dB below each recording."),
    room: float = typer.Option(None, "--room", metavar="SECONDS", help="Let them sound in a room that echoes so long."),
    telephone: bool = typer.Option(False, "--telephone", help="Leave only 300 to 3400 Hz."),
    calls_only: bool = typer.Option(
        False, "--calls-only", help="Leave the calm sentences as recorded: calibrated here, heard elsewhere."
    ),
    baseline: bool = typer.Option(
        True, "--baseline/--no-baseline", help="Judge against the speaker's calm voice, or against people in general."
    ),
    as_json: bool = _JSON,
) -> None:
    """How well a raised voice is told from a calm one, calibrated on each speaker's calib=1 rows.

    Examples:
      voicetrainer evaluate steadiness emotions/manifest.csv --json
      voicetrainer evaluate steadiness emotions/manifest.csv --level rms --noise 20
      voicetrainer evaluate steadiness emotions/manifest.csv --room 0.5 --calls-only
    """
    import voicetrainer.evaluate.steadiness as it
    from voicetrainer.evaluate.way import Way

    way = Way("rms" if level is Level.RMS else None, noise, room, telephone)
    result = it.evaluate(manifest, way, baseline=baseline, calls_only=calls_only)
    _print(result, it.render(result), as_json)


@app.command()
def shifts(
    manifest: Path = typer.Argument(..., help="CSV with the column path; paths relative to the file."),
    pitch: list[float] = typer.Option([-3, -1.5, 2, 4], "--pitch", metavar="SEMITONES", help="Repeat for several."),
    gain: list[float] = typer.Option([-10, -4, 6], "--gain", metavar="DB", help="Repeat for several."),
    tempo: list[float] = typer.Option([0.8, 0.9, 1.15, 1.3], "--tempo", metavar="TIMES", help="Repeat for several."),
    shifter: list[str] = typer.Option([], "--by", help="resample, sox, rubberband or librosa (default: all but it)."),
    noise: float = typer.Option(None, "--noise", metavar="DB", help="Add noise so many dB below each recording."),
    heard: bool = typer.Option(False, "--words", help="Let the recogniser hear them, as in a call."),
    limit: int = typer.Option(None, "--limit", min=1, help="Only the first so many rows."),
    as_json: bool = _JSON,
) -> None:
    """Whether recordings shifted by a known pitch, gain and tempo are told to be shifted by as much.

    Example: voicetrainer evaluate shifts speech/manifest.csv --by sox --pitch 3 --tempo 1.2
    """
    import voicetrainer.evaluate.shifts as it

    result = it.evaluate(
        manifest, pitch=pitch, gain=gain, tempo=tempo, shifters=shifter, noise=noise, words=heard, limit=limit
    )
    _print(result, it.render(result), as_json)
