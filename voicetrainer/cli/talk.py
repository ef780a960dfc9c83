"""``voicetrainer talk``: a live call with a headset."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from voicetrainer import __version__
from voicetrainer.cli import options
from voicetrainer.cli.calls import _SELF_SCORE, _debrief, _root, _tell

if TYPE_CHECKING:
    from types import FrameType

    from voicetrainer.baselines import Sample
    from voicetrainer.call import SpokenLine
    from voicetrainer.cli.screen import Screen
    from voicetrainer.roleplay.events import Baseline, Decision, Fact
    from voicetrainer.speech.audio import Samples
    from voicetrainer.speech.ears import Ears
    from voicetrainer.speech.recognizer import Recognizer
    from voicetrainer.transports.device import DeviceTransport

CALM = (
    "Good morning, you're through to customer service.",
    "I have your details here in front of me, and I'm happy to take a look at them with you.",
    "Please take your time, I'm here for as long as you need.",
)
"""What is read in a calm voice before the first call."""
METER = 3.0
"""Seconds of voice that the live meter looks back."""
READING = 20.0
"""Seconds within which the calm sentences are read."""


def talk(
    name: str = typer.Argument(..., metavar="SCENARIO", help="Scenario id or file."),
    mic: str = typer.Option(None, "--mic", help="Microphone, by number or part of its name (default: the system's)."),
    speaker: str = typer.Option(None, "--speaker", help="Loudspeaker or headset, likewise."),
    learner: str = typer.Option("me", "--learner", help="Whose calm voice to compare with and to learn from."),
    calibrate: bool = typer.Option(
        None,
        "--calibrate/--no-calibrate",
        help="Read the calm sentences again, or go without (default: the first time).",
    ),
    profile: str = options.PROFILE,
    intensity: str = options.INTENSITY,
    half_duplex: bool = typer.Option(
        False, "--half-duplex", help="For loudspeakers: you are not listened to while the customer speaks."
    ),
    model: str = typer.Option(None, "--model", help="Recognition model, name or folder (default: the best installed)."),
    feedback: bool = typer.Option(
        True, "--feedback/--no-feedback", help="Show what was noticed during the call, or only in the report."
    ),
    plain: bool = typer.Option(False, "--plain", help="Only ever add lines: for screen readers."),
    sessions: Path = options.SESSIONS,
    audio: bool = typer.Option(True, "--audio/--no-audio", help="Keep the call's sound in the session."),
    self_score: bool = _SELF_SCORE,
) -> None:
    """Talk to a customer with a headset: both sides can speak at once, as on a real call.

    While the call runs: space pauses, r repeats the customer's last line, n shows your notes, q or Ctrl-C hangs up.
    Saying "stop the exercise" ends it at once. Whatever happens, the session is whole.

    Examples:
      voicetrainer talk late-parcel
      voicetrainer talk no-heating --profile patient --intensity gentle
      voicetrainer talk late-parcel --mic Headset --speaker Headset --plain
    """
    from voicetrainer import baselines, models
    from voicetrainer.call import SpokenLine, hold
    from voicetrainer.cli.content import read_scenario
    from voicetrainer.cli.screen import Screen, keys
    from voicetrainer.cli.show import brief, wrapped
    from voicetrainer.detector import load_shipped
    from voicetrainer.recording import Recorder, new_folder
    from voicetrainer.roleplay.customer import Customer
    from voicetrainer.roleplay.events import Header, ModelUsed
    from voicetrainer.speech import prosody, voice
    from voicetrainer.speech.audio import CHANNELS
    from voicetrainer.speech.ears import Ears
    from voicetrainer.speech.echo import Guard
    from voicetrainer.speech.recognizer import Recognizer
    from voicetrainer.speech.turns import PROFILES

    warm = threading.Thread(target=prosody.warm_up, daemon=True)
    warm.start()
    text, scenario = read_scenario(name)
    check_devices(mic, speaker)  # before anybody reads or rehearses anything
    dial, patience = options.intensity(intensity), PROFILES[options.profile(profile)]
    chosen = models.choose(model, people=True)
    brief(scenario)
    wrapped(models.who_listens(chosen) + "\n")
    with ExitStack() as stack:
        line_out = stack.enter_context(voice.Voice(scenario.customer.voice))
        line_out.warm_up()
        recognizer, detector = Recognizer(chosen.path), load_shipped()
        warm.join()
        sample = calm_voice(learner, mic, speaker, calibrate, recognizer)
        root = _root(sessions)
        header = Header(
            scenario.id,
            text,
            "device",
            __version__,
            recognizer=ModelUsed(chosen.name, chosen.checksum),
            voice=ModelUsed(voice.engine()),
            techniques=ModelUsed("voicetrainer techniques", detector.checksum),
            baseline=sample.current if sample else None,
            channels=CHANNELS if audio else (),
            settings={
                "turns": patience.name,
                "intensity": dial,
                "variation": options.variation(root, scenario.id),
                "half_duplex": half_duplex,
            },
        )
        customer = Customer.of(header, scenario, detector)
        transport = stack.enter_context(open_line(mic, speaker))  # it takes a moment to run evenly: before the ring
        ask_ready()
        folder = new_folder(root, scenario.id)
        events: list[Fact | Decision] = []
        screen = stack.enter_context(Screen(scenario, plain=plain, feedback=feedback))
        with Recorder(folder, header, audio=audio) as recorder:
            ears = Ears(recognizer, patience)
            line = SpokenLine(
                transport,
                ears,
                line_out.render,
                recorder.frames,
                guard=Guard(half_duplex=half_duplex).hear,
                ahead=True,
                watch=lambda t: screen.tick(t, ears.partial, line.played, lambda: _meter(ears, header.baseline)),
            )
            with hanging_up(line, transport), keys(_pressed(line, transport, screen)):
                hold(customer, line, _tell(recorder.write, events.append, screen.event))
    if sample is not None and (why := baselines.after(sample, events)):
        typer.echo(f"note: {why}", err=True)
    _debrief(scenario, events, folder, False, self_score)


def check_devices(mic: str | None, speaker: str | None) -> None:
    """Say at once that a device is missing or its name fits none."""
    from voicetrainer.transports import soundcard

    there = soundcard.devices()
    soundcard.pick(there, "microphone", mic)
    soundcard.pick(there, "loudspeaker", speaker)


def open_line(mic: str | None, speaker: str | None) -> DeviceTransport:
    """Open microphone and loudspeaker; numbers are numbers."""
    from voicetrainer.transports.device import DeviceTransport

    def which(name: str | None) -> str | int | None:
        return int(name) if name is not None and name.isdigit() else name

    return DeviceTransport(which(mic), which(speaker))


def calm_voice(
    learner: str, mic: str | None, speaker: str | None, again: bool | None, recognizer: Recognizer
) -> Sample | None:
    """The learner's calm voice on this microphone: as kept, or read now; None without one."""
    import sys

    from voicetrainer import baselines
    from voicetrainer.cli.show import wrapped
    from voicetrainer.errors import LearnerError

    microphone = mic or baselines.MICROPHONE
    if not again:
        try:
            return baselines.load(learner, microphone)
        except LearnerError:
            if again is False or not sys.stdin.isatty():
                return None
    wrapped(
        "First your calm voice, so that the call can be compared with it. Read these sentences as you would on an"
        " ordinary call, and then wait a moment:\n"
    )
    typer.echo("")
    for sentence in CALM:
        wrapped(f"    {sentence}")
    if not ready("\nPress Enter to begin reading (s skips this) "):
        return None
    with open_line(mic, speaker) as line:
        try:
            sample = baselines.new(learner, microphone, baselines.sentences(_reading(line), recognizer))
        except LearnerError as error:
            typer.echo(f"That did not work: {error.message}. The call is judged against people in general.\n")
            return None
    baselines.save(sample)
    typer.echo("Thank you, that is kept for the next calls too.\n")
    return sample


def _reading(line: DeviceTransport) -> Iterator[Samples]:
    """Frames of the learner reading, until they have been quiet for a while after it, or time is up."""
    from voicetrainer.speech.activity import Activity

    activity, voiced, quiet = Activity(), 0.0, 0.0
    for frame in line.frames():
        yield frame.learner
        if activity.step(frame.learner):
            voiced, quiet = voiced + 0.02, 0.0
        else:
            quiet += 0.02
        if frame.t >= READING or (voiced > 3.0 and quiet > 2.0):
            return


def ready(question: str) -> bool:
    """Ask for Enter at a terminal; whether to go on."""
    import sys

    if not sys.stdin.isatty():
        return True
    typer.echo(question, nl=False)
    try:
        return not input().strip().lower().startswith("s")
    except EOFError:
        return True


def ask_ready() -> None:
    """Wait until the learner is ready to pick up."""
    import sys

    if sys.stdin.isatty():
        typer.echo("The phone rings. Press Enter to pick up. ", nl=False)  # on stdout: the sound system's noise on
        input()  # stderr is kept off the screen


def _meter(ears: Ears, baseline: Baseline | None) -> str:
    """How the learner's voice is just now, in a few words; empty while there is nothing to say."""
    from voicetrainer.roleplay import steadiness

    sounds = ears.sounds(METER)
    if sounds is None:
        return ""
    reading = steadiness.read(sounds, baseline)
    if reading.level == "unknown":
        return ""
    return reading.level if reading.level == "steady" else f"{reading.level}: {reading.reason}"


@contextmanager
def hanging_up(line: SpokenLine, transport: DeviceTransport) -> Iterator[None]:
    """Make the first Ctrl-C hang up, so that the session ends whole; the second one breaks off."""

    def hang_up(number: int, frame: FrameType | None) -> None:
        del number, frame
        signal.signal(signal.SIGINT, before)
        line.asked.append("leave")
        transport.pause(False)  # nothing is heard while it is held

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, hang_up)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _pressed(line: SpokenLine, transport: DeviceTransport, screen: Screen) -> Callable[[str], None]:
    def pressed(key: str) -> None:
        if key == " ":
            transport.pause(not screen.paused)
            screen.pause(not screen.paused)
        elif key == "r":
            line.asked.append("repeat")
        elif key == "n":
            screen.turn_notes()
        elif key == "q":
            line.asked.append("leave")
            transport.pause(False)

    return pressed
