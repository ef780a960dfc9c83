"""``voicetrainer type``, ``run`` and ``retry``: hold a call from the keyboard, or from audio files without a device."""

from __future__ import annotations

import json
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from voicetrainer import __version__
from voicetrainer.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voicetrainer.roleplay.events import Decision, Fact
    from voicetrainer.roleplay.scenario import Scenario
    from voicetrainer.roleplay.selfscore import SelfScore
    from voicetrainer.transports.fixture import Cue

KEYS = "Type what you would say. An empty line is silence, ! before the words interrupts, Ctrl-D hangs up."
"""What a learner at the keyboard must know."""

_SESSIONS = options.SESSIONS
_JSON = typer.Option(False, "--json", help="Print one JSON object for machines instead of the call.")
_SAVE = typer.Option(True, "--save/--no-save", help="Keep the session.")
_SELF_SCORE = typer.Option(
    True, "--self-score/--no-self-score", help="Ask how you saw the call before the score is shown (at a terminal)."
)


def type_(
    name: str = typer.Argument(..., metavar="SCENARIO", help="Scenario id or file."),
    sessions: Path = _SESSIONS,
    intensity: str = options.INTENSITY,
    save: bool = _SAVE,
    self_score: bool = _SELF_SCORE,
    as_json: bool = _JSON,
) -> None:
    """Hold a call from the keyboard: type what you would say.

    An empty line is silence; a line that begins with ! interrupts the customer; Ctrl-D or /bye hangs up. Lines may be
    piped in.

    Examples:
      voicetrainer type late-parcel
      voicetrainer type late-parcel --intensity fierce
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
    root = _root(sessions)
    header = Header(
        scenario.id,
        text,
        "typed",
        __version__,
        techniques=used,
        settings={"intensity": options.intensity(intensity), "variation": options.variation(root, scenario.id)},
    )
    customer = Customer.of(header, scenario, detector)
    folder = new_folder(root, scenario.id)
    line = TypedLine(_keyboard(as_json))
    events: list[Fact | Decision] = []
    if save:
        with Recorder(folder, header, audio=False) as recorder:
            hold(customer, line, _tell(recorder.write, events.append, show))
    else:
        hold(customer, line, _tell(events.append, show))
    _debrief(scenario, events, folder if save else None, as_json, self_score)


def retry(
    folder: Path = typer.Argument(..., metavar="SESSION", help="Session folder."),
    turn: int = typer.Option(None, "--turn", min=1, help="Your turn to say anew; without it, your turns are listed."),
    sessions: Path = typer.Option(None, "--sessions", help="Folder for the new session (default: beside the old one)."),
    save: bool = _SAVE,
    self_score: bool = _SELF_SCORE,
    as_json: bool = _JSON,
) -> None:
    """Start again from one of your turns in a recorded call, and type how it goes on.

    The old call stays as it is; the new one becomes a session of its own beside it, which says where it branched off.
    `voicetrainer compare` shows them side by side.

    Examples:
      voicetrainer retry sessions/2026-11-22-153012-late-parcel
      voicetrainer retry sessions/2026-11-22-153012-late-parcel --turn 3
    """
    from dataclasses import replace

    from rich.console import Console
    from rich.markup import escape

    from voicetrainer.call import TypedLine, hold
    from voicetrainer.cli.show import Show, clock, hanging
    from voicetrainer.detector import load_shipped
    from voicetrainer.progress import judge
    from voicetrainer.recording import Recorder, load, new_folder
    from voicetrainer.replay import customer_of, rewind
    from voicetrainer.roleplay.events import Branch, Heard, ModelUsed

    session, console = load(folder), Console(highlight=False)
    if turn is None:
        turns = [e for e in session.events if isinstance(e, Heard)]
        if as_json:
            listed = [{"turn": n, "seconds": e.start, "said": e.text} for n, e in enumerate(turns, 1)]
            typer.echo(json.dumps(listed, indent=2, ensure_ascii=False))
            return
        for step, e in zip(judge(session).steps, turns, strict=True):
            said = escape(e.text) or "[dim](no words understood)[/]"
            hanging(console, f"{step.turn:>3}  {clock(e.start)}  [dim]anger then {step.anger:>4.1f}[/]  ", said)
        typer.echo(
            f"\nSay one of them anew: voicetrainer retry {folder} --turn N" if turns else "Nothing was said in it."
        )
        return
    detector = load_shipped()
    again = rewind(session, turn, detector)
    customer = customer_of(session, detector)
    header = replace(
        session.header,
        transport="typed",
        voicetrainer=__version__,
        voice=None,
        techniques=ModelUsed("voicetrainer techniques", detector.checksum),
        channels=(),
        branch=Branch(session.folder.resolve().name, turn),
    )
    beside = session.folder.parent if session.folder.name else session.folder.resolve().parent
    target = new_folder(sessions or beside, customer.scenario.id)
    show = _show(customer.scenario, as_json, typed=sys.stdin.isatty())
    line = TypedLine(_keyboard(as_json))
    line.t = again.t
    line.say(again.line)
    if again.divergence is not None:
        typer.echo(
            "note: today's rules decide differently on the way there; the call goes on from what they say", err=True
        )
    last = max((i for i, e in enumerate(again.events) if isinstance(e, Heard)), default=0)
    if not as_json:
        past = Show(customer.scenario.customer.name, console=console)  # nothing of it has been typed here
        for event in again.events[last:]:
            past(event)
    events = list(again.events)
    if save:
        with Recorder(target, header, audio=False) as recorder:
            for event in events:
                recorder.write(event)
            hold(customer, line, _tell(recorder.write, events.append, show), begun=again.state)
    else:
        hold(customer, line, _tell(events.append, show), begun=again.state)
    _debrief(customer.scenario, events, target if save else None, as_json, self_score)


def _debrief(
    scenario: Scenario, events: list[Fact | Decision], folder: Path | None, as_json: bool, self_score: bool
) -> None:
    """After a call that somebody held: their own view, the card, and a minute to breathe if it was hard."""
    from voicetrainer.cli.debrief import ask_self_score, offer_reset

    own = ask_self_score(self_score and not as_json)
    _finish(scenario, events, folder, as_json, own=own)
    if not as_json:
        offer_reset(events)


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
    learner: str = typer.Option(
        None, "--learner", help="Whose calm voice to compare with and to learn from (see `voicetrainer calibrate`)."
    ),
    mic: str = typer.Option("default", "--mic", help="The microphone of that calm voice."),
    model: str = typer.Option(
        None, "--model", help="Recognition model, name or folder (default: the best installed one)."
    ),
    intensity: str = options.INTENSITY,
    profile: str = options.PROFILE,
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
    from voicetrainer import baselines, models
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
    from voicetrainer.speech.turns import PROFILES
    from voicetrainer.transports.fixture import Fixture, load_cues

    threading.Thread(target=prosody.warm_up, daemon=True).start()
    text, scenario = read_scenario(name)
    calm, cues = load_cues([Path(c) for c in clips], channel=channel)
    if calibration is not None:
        calm = read(calibration, channel=channel)
    chosen = models.choose(model)
    detector = load_shipped()
    patience = PROFILES[options.profile(profile)]
    recognizer = Recognizer(chosen.path)
    ears = Ears(recognizer, patience)
    sample = baselines.load(learner, mic) if learner is not None and calibration is None else None
    if sample is not None:
        baseline = sample.current
    else:
        baseline = steadiness.calibrate([prosody.measure(calm, recognizer.hear(calm))]) if calm is not None else None
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
        settings={"turns": patience.name, "intensity": options.intensity(intensity)},
    )
    folder = new_folder(_root(sessions), scenario.id)
    show = _show(scenario, as_json)
    events: list[Fact | Decision] = []
    with closing(voice.Voice(scenario.customer.voice)) as speaker:
        speaker.warm_up()
        with Recorder(folder, header, audio=audio) as recorder:
            transport = Fixture(cues)
            line = SpokenLine(transport, ears, speaker.render, recorder.frames)
            hold(Customer.of(header, scenario, detector), line, _tell(recorder.write, events.append, show))
    unplayed = [cue.name for cue in transport.unplayed]
    said = _said(clips, cues[: len(cues) - len(unplayed)])
    stale = baselines.after(sample, events) if sample is not None else ""
    outcome = _finish(scenario, events, folder, as_json, said, unplayed, stale=stale)
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
    from voicetrainer.cli.show import Show, brief, wrapped

    brief(scenario)
    if typed:
        wrapped(f"{KEYS}\n")
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
    own: SelfScore | None = None,
    stale: str = "",
) -> str:
    """Score the call, keep the card, write the report, say where everything is; the outcome."""
    from voicetrainer.roleplay.events import Ended, Heard
    from voicetrainer.roleplay.scorecard import score

    card = score(scenario, events)
    outcome = next((e.outcome for e in events if isinstance(e, Ended)), "none")
    result: dict[str, Any] = {"scenario": scenario.id, "outcome": outcome, "score": card.total, "passed": card.passed}
    result["criteria"] = {c.id: c.score for c in card.criteria}
    result["seconds"] = events[-1].t if events else 0.0
    if said:
        from voicetrainer.evaluate.words import word_errors

        errors = word_errors(said, " ".join(e.text for e in events if isinstance(e, Heard)))
        result["wer"] = round(errors.total / errors.words, 4)
    if unplayed:
        result["unplayed"] = list(unplayed)
    if stale:
        result["calm_sample"] = stale
    if folder is not None:
        from voicetrainer.cli.sessions import write_report
        from voicetrainer.debrief import Debrief, save
        from voicetrainer.roleplay.kept import keep

        save(folder, Debrief(own=own, card=keep(card, __version__)))
        result |= {"session": str(folder), "report": str(write_report(folder))}
        if (folder / "call.flac").exists():
            result["audio"] = str(folder / "call.flac")
    if as_json:
        typer.echo(json.dumps(result, indent=2))
        return outcome
    from voicetrainer.cli.show import show_scorecard

    show_scorecard(card, own)
    typer.echo("")
    if unplayed:
        typer.echo(f"The call was over before {', '.join(unplayed)} could be played.")
    if stale:
        typer.echo(f"Your calm sample may no longer fit: {stale}.")
    if "wer" in result:
        typer.echo(f"Word error rate of what was heard: {result['wer']:.1%}")
    if folder is not None:
        typer.echo(f"Session  {folder}")
        typer.echo(f"Report   {result['report']}")
        if "audio" in result:
            typer.echo(f"Audio    {result['audio']}  (you left, the customer right)")
        typer.echo(f"Reflect  voicetrainer reflect {folder}")
        if card.hurt is not None and card.hurt.turn:
            typer.echo(f"Retry    voicetrainer retry {folder} --turn {card.hurt.turn}")
    return outcome
