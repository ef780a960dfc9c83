"""``voicetrainer type`` and ``run``: hold a call from the keyboard, or from audio files without a device."""

from __future__ import annotations

import json
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from voicetrainer import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voicetrainer.roleplay.events import Decision, Fact
    from voicetrainer.roleplay.scenario import Scenario
    from voicetrainer.transports.fixture import Cue

_SESSIONS = typer.Option(None, "--sessions", help="Folder that holds sessions (default: ./sessions).")
_JSON = typer.Option(False, "--json", help="Print one JSON object for machines instead of the call.")


def type_(
    name: str = typer.Argument(..., metavar="SCENARIO", help="Scenario id or file."),
    sessions: Path = _SESSIONS,
    save: bool = typer.Option(True, "--save/--no-save", help="Keep the session."),
    as_json: bool = _JSON,
) -> None:
    """Hold a call from the keyboard: type what you would say.

    An empty line is silence; a line that begins with ! interrupts the customer; Ctrl-D or /bye hangs up. Lines may be
    piped in.

    Example: voicetrainer type late-parcel
    """
    from voicetrainer.call import TypedLine, hold
    from voicetrainer.cli.content import read_scenario
    from voicetrainer.detector import load_shipped
    from voicetrainer.recording import Recorder, new_folder
    from voicetrainer.roleplay.customer import Customer
    from voicetrainer.roleplay.events import Header, ModelUsed

    text, scenario = read_scenario(name)
    detector = load_shipped()
    show = _show(scenario, as_json, typed=sys.stdin.isatty())
    used = ModelUsed("voicetrainer techniques", detector.checksum)
    header = Header(scenario.id, text, "typed", __version__, techniques=used)
    folder = new_folder(_root(sessions), scenario.id)
    line = TypedLine(_keyboard(as_json))
    events: list[Fact | Decision] = []
    if save:
        with Recorder(folder, header, audio=False) as recorder:
            hold(Customer(scenario, detector), line, _tell(recorder.write, events.append, show))
    else:
        hold(Customer(scenario, detector), line, _tell(events.append, show))
    _finish(scenario, events, folder if save else None, as_json)


def _keyboard(quiet: bool) -> Callable[[], str | None]:
    """Ask for the learner's turn on standard input."""
    prompt = "You> " if sys.stdin.isatty() and not quiet else ""

    def ask() -> str | None:
        try:
            text = input(prompt).strip()[:2000]
        except (EOFError, KeyboardInterrupt):
            return None
        return None if text in ("/bye", "/quit", "/exit") else text

    return ask


def run(
    name: str = typer.Argument(..., metavar="SCENARIO", help="Scenario id or file."),
    clips: list[str] = typer.Argument(
        ...,
        metavar="CLIPS...",
        help="A folder of the learner's audio files, or the files in order; "
        "FILE@+1.5 starts 1.5 s into the customer's line.",
    ),
    calibration: Path = typer.Option(
        None, "--calibration", help="The learner's calm voice (default: calibration.* in the folder)."
    ),
    model: str = typer.Option(
        None, "--model", help="Recognition model, name or folder (default: the best installed one)."
    ),
    channel: int = typer.Option(None, "--channel", min=0, help="Channel of stereo files to take (default: the mean)."),
    sessions: Path = _SESSIONS,
    audio: bool = typer.Option(True, "--audio/--no-audio", help="Keep the call's sound in the session."),
    expect: str = typer.Option(
        None, "--expect", help="Exit with 1 unless the call ends like this (resolved, hung_up, ...)."
    ),
    as_json: bool = _JSON,
) -> None:
    """Hold a call with recorded learner audio, faster than real time, and write its session and report.

    Examples:
      voicetrainer run late-parcel scenarios/recordings/late-parcel/calm
      voicetrainer run late-parcel hello.wav sorry.wav refund.wav@+1.5 --json
    """
    from voicetrainer import models
    from voicetrainer.call import SpokenLine, hold
    from voicetrainer.cli.content import read_scenario
    from voicetrainer.detector import load_shipped
    from voicetrainer.recording import Recorder, new_folder
    from voicetrainer.roleplay import steadiness
    from voicetrainer.roleplay.customer import Customer
    from voicetrainer.roleplay.events import Header, ModelUsed
    from voicetrainer.speech import prosody, voice
    from voicetrainer.speech.audio import CHANNELS, read
    from voicetrainer.speech.ears import Ears
    from voicetrainer.speech.recognizer import Recognizer
    from voicetrainer.speech.turns import STANDARD
    from voicetrainer.transports.fixture import Fixture, load_cues

    threading.Thread(target=prosody.warm_up, daemon=True).start()
    text, scenario = read_scenario(name)
    calm, cues = load_cues([Path(c) for c in clips], channel=channel)
    if calibration is not None:
        calm = read(calibration, channel=channel)
    chosen = models.choose(model)
    detector = load_shipped()
    ears = Ears(Recognizer(chosen.path))
    baseline = steadiness.calibrate([prosody.measure(calm)]) if calm is not None else None
    header = Header(
        scenario.id,
        text,
        "fixture",
        __version__,
        recognizer=ModelUsed(chosen.name, chosen.checksum),
        voice=ModelUsed(voice.engine()),
        techniques=ModelUsed("voicetrainer techniques", detector.checksum),
        baseline=baseline,
        channels=CHANNELS if audio else (),
        settings={"turns": STANDARD.name},
    )
    folder = new_folder(_root(sessions), scenario.id)
    show = _show(scenario, as_json)
    events: list[Fact | Decision] = []
    with closing(voice.Voice(scenario.customer.voice)) as speaker:
        speaker.warm_up()
        with Recorder(folder, header, audio=audio) as recorder:
            transport = Fixture(cues)
            line = SpokenLine(transport, ears, speaker.render, recorder.frames)
            hold(Customer(scenario, detector, baseline), line, _tell(recorder.write, events.append, show))
    unplayed = [cue.name for cue in transport.unplayed]
    outcome = _finish(scenario, events, folder, as_json, _said(clips, cues[: len(cues) - len(unplayed)]), unplayed)
    if expect is not None and outcome != expect:
        typer.echo(f"the call ended {outcome}, not {expect}", err=True)
        raise typer.Exit(1)


def _tell(*listeners: Callable[[Fact | Decision], object]) -> Callable[[Fact | Decision], None]:
    """One listener that tells all."""

    def tell(event: Fact | Decision) -> None:
        for listener in listeners:
            listener(event)

    return tell


def _root(sessions: Path | None) -> Path:
    from voicetrainer.places import sessions_dir

    return sessions or sessions_dir()


def _show(scenario: Scenario, quiet: bool, *, typed: bool = False) -> Callable[[Fact | Decision], None]:
    if quiet:
        return lambda _: None
    from voicetrainer.cli.show import Show

    typer.echo(f"{scenario.title} — {scenario.business}\n\n{scenario.briefing.strip()}\n")
    return Show(scenario.customer.name, typed=typed)


def _said(clips: list[str], played: list[Cue]) -> str | None:
    """What the clips that were played say, where the folder's manifest.csv tells."""
    folder = Path(clips[0])
    if len(clips) != 1 or not (folder / "manifest.csv").is_file():
        return None
    from voicetrainer.evaluate import manifest

    texts = {Path(row["path"]).name: row["text"] for row in manifest.read(folder / "manifest.csv", ("path", "text"))}
    return " ".join(texts.get(Path(cue.name).name, "") for cue in played)


def _finish(
    scenario: Scenario,
    events: list[Fact | Decision],
    folder: Path | None,
    as_json: bool,
    said: str | None = None,
    unplayed: Sequence[str] = (),
) -> str:
    """Score the call, write its report, say where everything is; the outcome."""
    from voicetrainer.roleplay.events import Ended, Heard
    from voicetrainer.roleplay.scorecard import score

    card = score(scenario, events)
    outcome = next((e.outcome for e in events if isinstance(e, Ended)), "none")
    result: dict[str, Any] = {"scenario": scenario.id, "outcome": outcome, "score": card.total, "passed": card.passed}
    result["seconds"] = events[-1].t if events else 0.0
    if said:
        from voicetrainer.evaluate.words import word_errors

        errors = word_errors(said, " ".join(e.text for e in events if isinstance(e, Heard)))
        result["wer"] = round(errors.total / errors.words, 4)
    if unplayed:
        result["unplayed"] = list(unplayed)
    if folder is not None:
        from voicetrainer.cli.sessions import write_report

        result |= {"session": str(folder), "report": str(write_report(folder))}
        if (folder / "call.flac").exists():
            result["audio"] = str(folder / "call.flac")
    if as_json:
        typer.echo(json.dumps(result, indent=2))
        return outcome
    from voicetrainer.cli.show import show_scorecard

    show_scorecard(card)
    typer.echo("")
    if unplayed:
        typer.echo(f"The call was over before {', '.join(unplayed)} could be played.")
    if "wer" in result:
        typer.echo(f"Word error rate of what was heard: {result['wer']:.1%}")
    if folder is not None:
        typer.echo(f"Session  {folder}")
        typer.echo(f"Report   {result['report']}")
        if "audio" in result:
            typer.echo(f"Audio    {result['audio']}  (you left, the customer right)")
    return outcome
