"""Simulated calls: a scenario played hundreds of times by kinds of learners, with the detector that real calls have.

Same scenario, seed and detector, same calls. `simulate` plays, `Course` sums up what came of it, and every call is held
to the customer's promises on the way: no line twice within `FRESH` of hers, and none that contradicts the call (its
condition does not hold, it belongs to another stage, or it answers something that has not just happened).
"""

from __future__ import annotations

import pathlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import median

from voicetrainer.call import TypedLine, hold
from voicetrainer.roleplay.customer import Customer, Detector
from voicetrainer.roleplay.events import WINS, Decision, Ended, Fact, MoodChanged, Noticed, Say
from voicetrainer.roleplay.learners import KINDS, Bank, Seen, plans
from voicetrainer.roleplay.reading import Path
from voicetrainer.roleplay.reply import FRESH, SURE
from voicetrainer.roleplay.scenario import Scenario, Spoken
from voicetrainer.roleplay.techniques import DELIVERY, MISTAKES, SHORT, Evidence

VARIETY = 8
"""Utterances of each label that the learners of one seed have; judging new words is what simulated calls cost."""

SHARE = 20
"""Calls that a process is given at a time: what Ctrl-C has to wait for, and how often progress is told."""

MOST_TURNS = 60
"""Turns after which a simulated learner gives up."""

GOALS = {"model": (95.0, 100.0), "defensive": (0.0, 2.0), "silent": (0.0, 2.0), "abusive": (0.0, 2.0),
         "apologetic": (0.0, 15.0)}  # fmt: skip
"""Per cent of calls that a kind of learner should win: at least, at most."""


@cache
def bank() -> Bank:
    """The bank of utterances that comes with the program."""
    import yaml

    text = (pathlib.Path(__file__).parent / "utterances.yaml").read_text(encoding="utf-8")
    loaded: dict[str, list[str]] = yaml.safe_load(text)
    return {label: tuple(texts) for label, texts in loaded.items()}


@cache
def sample(seed: int, scenario: str) -> Bank:
    """The part of the bank that learners have with one seed, against one scenario."""
    chance = random.Random(f"{seed}/{scenario}")
    return {label: tuple(chance.sample(texts, VARIETY)) for label, texts in bank().items()}


class Remembering:
    """A detector that judges the same words after the same line only once."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self._known: dict[tuple[str, str], tuple[Evidence, ...]] = {}

    def detect(self, text: str, context: str = "") -> tuple[Evidence, ...]:
        """As `Detector.detect`."""
        key = (text, context)
        if key not in self._known:
            self._known[key] = self.detector.detect(text, context)
        return self._known[key]


@dataclass(frozen=True)
class Simulated:
    """One simulated call."""

    number: int
    outcome: str
    anger: tuple[float, ...]
    """At the customer's lines, in order; the first is the opening."""
    turns: int
    """Turns that the learner took."""
    lost_by: str
    """Why it was lost, in plain words; empty when it was won."""
    broken: tuple[str, ...] = ()
    """Promises of the customer that it broke: there should be none."""
    lines: int = 0
    """Lines that the customer said."""


@dataclass
class Course:
    """What came of one kind of learner's calls."""

    learner: str
    calls: list[Simulated] = field(default_factory=list)
    seconds: float = field(default=0.0, compare=False)
    """What they cost to play, of CPU time."""

    @property
    def outcomes(self) -> dict[str, float]:
        """Per cent of calls by outcome, the most frequent first."""
        counted = Counter(call.outcome for call in self.calls).most_common()
        return {outcome: 100 * n / len(self.calls) for outcome, n in counted}

    @property
    def won(self) -> float:
        """Per cent of calls won."""
        return sum(share for outcome, share in self.outcomes.items() if outcome in WINS)

    @property
    def turns(self) -> float:
        """Median of the learner's turns."""
        return float(median(call.turns for call in self.calls))

    @property
    def lost_by(self) -> str:
        """The most frequent reason for a loss; empty when there was none."""
        return next((why for why, _ in Counter(c.lost_by for c in self.calls if c.lost_by).most_common(1)), "")

    @property
    def broken(self) -> tuple[str, ...]:
        """Every promise that the customer broke."""
        return tuple(what for call in self.calls for what in call.broken)

    def anger(self, share: float) -> list[float]:
        """Anger by turn below which a share of the calls was, 0 to 1; a call that is over keeps its last.

        The course ends where nine in ten calls are over.
        """
        lengths = sorted(len(call.anger) for call in self.calls)
        longest = lengths[min(len(lengths) - 1, int(0.9 * len(lengths)))]
        rows = (sorted(c.anger[min(i, len(c.anger) - 1)] for c in self.calls) for i in range(longest))
        return [row[min(len(row) - 1, int(share * len(row)))] for row in rows]

    @property
    def missed(self) -> str:
        """What the scenario should do otherwise with this kind of learner; empty when all is well."""
        least, most = GOALS.get(self.learner, (0.0, 100.0))
        if self.won < least:
            return f"{self.learner} wins {self.won:.0f} %, should be at least {least:.0f} %"
        return f"{self.learner} wins {self.won:.0f} %, should be at most {most:.0f} %" if self.won > most + 0.1 else ""


def simulate(
    scenario: Scenario,
    detector: Detector,
    learners: Iterable[str] = tuple(KINDS),
    *,
    calls: int = 300,
    first: int = 0,
    seed: int = 1,
    intensity: str = "normal",
    tick: Callable[[], None] = lambda: None,
) -> list[Course]:
    """Play calls with kinds of learners.

    Parameters
    ----------
    scenario
        Who is called.
    detector
        What hears the learners; give it as `Remembering` to play several scenarios or seeds quickly.
    learners
        Names of `learners.KINDS`.
    calls
        Calls of each.
    first
        Number of the first of them.
    seed
        The same gives the same calls.
    intensity
        One of `mood.INTENSITIES`.
    tick
        Told after every call.
    """
    heard = detector if isinstance(detector, Remembering) else Remembering(detector)
    courses = []
    for learner in learners:
        course, began = Course(learner), time.process_time()
        for number in range(first, first + calls):
            course.calls.append(play(scenario, heard, learner, number, seed, intensity))
            tick()
        course.seconds = time.process_time() - began
        courses.append(course)
    return courses


def simulate_shared(
    scenarios: Sequence[Scenario],
    learners: Sequence[str],
    jobs: int,
    *,
    calls: int = 300,
    seed: int = 1,
    intensity: str = "normal",
    tick: Callable[[], None] = lambda: None,
) -> list[list[Course]]:
    """Play calls of several scenarios in several processes, with the detector that ships; otherwise as `simulate`.

    Parameters
    ----------
    jobs
        Processes.
    tick
        Told after every call, in bursts.

    Returns
    -------
    For each scenario what `simulate` gives.
    """
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    starts = range(0, calls, SHARE)
    # A fresh process each: a fork would share the threads of whatever has been loaded by now.
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_deaf) as pool:
        tasks = {
            (i, j, first): pool.submit(_share, scenario, learner, first, min(SHARE, calls - first), seed, intensity)
            for i, scenario in enumerate(scenarios)
            for j, learner in enumerate(learners)
            for first in starts
        }
        try:
            for done in as_completed(tasks.values()):
                for _ in done.result().calls:
                    tick()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # or leaving would wait for all of them
            raise
    parts = {place: task.result() for place, task in tasks.items()}
    return [
        [_joined([parts[i, j, first] for first in starts]) for j in range(len(learners))] for i in range(len(scenarios))
    ]


def _deaf() -> None:
    """Leave Ctrl-C to the process that gives the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _share(scenario: Scenario, learner: str, first: int, calls: int, seed: int, intensity: str) -> Course:
    return simulate(scenario, _shipped(), [learner], calls=calls, first=first, seed=seed, intensity=intensity)[0]


def _joined(parts: Sequence[Course]) -> Course:
    calls = [call for part in parts for call in part.calls]
    return Course(parts[0].learner, calls, sum(part.seconds for part in parts))


@cache
def _shipped() -> Remembering:
    from voicetrainer.detector import load_shipped

    return Remembering(load_shipped())


def play(
    scenario: Scenario, detector: Detector, learner: str, number: int, seed: int = 1, intensity: str = "normal"
) -> Simulated:
    """Play one call; the parameters are as in `simulate`, the number tells the calls of a learner apart."""
    return summed(scenario, number, events(scenario, detector, learner, number, seed, intensity))


def events(
    scenario: Scenario, detector: Detector, learner: str, number: int, seed: int = 1, intensity: str = "normal"
) -> list[Fact | Decision]:
    """Every fact and decision of one call, as `play`."""
    chance = random.Random(f"{seed}/{scenario.id}/{learner}/{number}")
    ways = plans(scenario)
    seen = Seen(scenario, sample(seed, scenario.id), chance, plan=ways[number % len(ways)])
    kind = KINDS[learner]
    happened: list[Fact | Decision] = []

    def record(event: Fact | Decision) -> None:
        happened.append(event)
        seen.watch(event)

    def ask() -> str | None:
        if seen.turn >= MOST_TURNS:
            return None
        said = kind(seen)
        seen.turn += 1
        return said

    customer = Customer(scenario, detector, intensity=intensity, variation=number)
    hold(customer, TypedLine(ask), record)
    return happened


def summed(scenario: Scenario, number: int, happened: Sequence[Fact | Decision]) -> Simulated:
    """What came of one call."""
    ended = next(e for e in reversed(happened) if isinstance(e, Ended))
    said = [e for e in happened if isinstance(e, Say)]
    lost = ended.outcome not in WINS
    return Simulated(
        number,
        ended.outcome,
        tuple(e.anger for e in said),
        len(said) - 1,
        _lost_by(scenario, ended, happened) if lost else "",
        tuple(broken(scenario, happened)),
        len(said),
    )


def _lost_by(scenario: Scenario, ended: Ended, happened: Sequence[Fact | Decision]) -> str:
    if ended.outcome == "hung_up":
        if ended.because == "nobody answered":
            return "hung up: nobody answered"
        cost: Counter[str] = Counter()
        for e in happened:
            if isinstance(e, MoodChanged):
                cost[e.rule] += max(0, round(100 * (e.after - e.before)))
        rule = cost.most_common(1)[0][0]
        return f"hung up: {SHORT.get(rule, rule)}"
    last = next(e for e in reversed(happened) if isinstance(e, Say))
    stage = next(s for s in scenario.stages if s.id == last.stage)
    met = {e.label for e in happened if isinstance(e, Noticed) and not e.mistake and e.counted}
    missing = [" or ".join(need) for need in stage.needs if not met & set(need)]
    where = f"no {' and no '.join(missing)} in '{stage.id}'" if missing else "still too angry"
    return f"{ended.outcome.replace('_', ' ')}: {where}"


def broken(scenario: Scenario, happened: Iterable[Fact | Decision]) -> Iterator[str]:
    """Yield the lines that should not have been said: again within `FRESH` of hers, or against what has happened."""
    lines: dict[str, list[tuple[Path, Spoken]]] = {}
    for path, line in scenario.spoken_lines():
        lines.setdefault(scenario.fill(line.say), []).append((path, line))
    so_far: list[str] = []
    known: set[str] = set()
    now: set[str] = set()
    for e in happened:
        if isinstance(e, Noticed) and (e.counted if not e.mistake else e.score >= SURE):
            known.add(e.label)
            now.add(e.label)
        elif isinstance(e, Say):
            if e.text in so_far[-(FRESH - 1) :]:
                ago = so_far[::-1].index(e.text) + 1
                yield f"line {e.line} in '{e.stage}' is line {e.line - ago} again: {e.text}"
            if e.text in lines and not any(
                line.fits(known) and _in_place(scenario, path, e.stage, now) for path, line in lines[e.text]
            ):
                yield f"line {e.line} in '{e.stage}' is out of place: {e.text}"
            so_far.append(e.text)
            now = set()


def _in_place(scenario: Scenario, path: Path, stage: str, now: Collection[str]) -> bool:
    """Whether a list of lines is of this stage, or answers to what has just happened."""
    kind, name, *_ = path
    if kind == "stages":
        return scenario.stages[int(name)].id == stage
    return kind != "reactions" or name not in _ANSWERS_TO or str(name) in now


_ANSWERS_TO = frozenset((*MISTAKES, *DELIVERY, "choice", "boundary"))
"""Reactions that answer to something noticed in the same turn."""


BARS = "▁▂▃▄▅▆▇█"


def bars(values: Iterable[float]) -> str:
    """Angers (0 to 10) as a row of small bars."""
    return "".join(BARS[min(len(BARS) - 1, int(value / 10 * len(BARS)))] for value in values)
