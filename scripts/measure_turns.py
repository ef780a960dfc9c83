#!/usr/bin/env python3
"""Measure turn-taking: how soon the customer answers, how often she cuts in, what she takes for an interruption.

    scripts/measure_turns.py                        every room: quiet, white noise and babble at 20 and 10 dB
    scripts/measure_turns.py --fresh                sentences and voices on which nothing was set
    scripts/measure_turns.py --fresh --many         381 others that training never read, many with unusual endings
    scripts/measure_turns.py --fresh --only words   the judge of words alone on their texts, in seconds
    scripts/measure_turns.py --rooms quiet --json
    scripts/measure_turns.py --manifest MANIFEST.csv --model vosk-model-small-en-us-0.15

Learners are synthetic (flite and espeak-ng) with pauses of 0.3 to 2 s inside their sentences, with "um", with listening
words and outbursts over the customer's line, and with clashes at its edges. They go through the fixture's phone line,
the real recogniser and the real ears; what each clip holds and when is known to the sample. Turns cut off within a
sentence and between two (after "i am so sorry to hear that", which ends a turn for any listener) are told apart. A
manifest (a CSV with the column path) gives recordings instead, each one turn; what is understood of them depends on the
model. The same turns are judged by a fixed rule of 0.8 s of silence, and with --endpoint by Vosk's own. Needs the
program flite; minutes of CPU.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from turn_clips import (
    FRESH_LEARNERS,
    FRESH_LISTENING,
    FRESH_OUTBURSTS,
    HER_LINE,
    HER_REPLY,
    LEARNERS,
    LISTENING,
    MANY,
    OUTBURSTS,
    ROOMS,
    Turn,
    dialogues,
    load,
    pause,
    recorded,
    room,
    speak,
    speak_customer,
    voice_of,
)

from voicetrainer.call import SpokenLine
from voicetrainer.roleplay.events import Fact, Heard, LineStarted, LineStopped, Say
from voicetrainer.speech import turns
from voicetrainer.speech.audio import RATE, Samples
from voicetrainer.speech.ears import Ears
from voicetrainer.speech.endings import judge
from voicetrainer.speech.recognizer import Recognizer
from voicetrainer.transports import Frame
from voicetrainer.transports.fixture import Cue, Fixture

FIXED = turns.Profile("fixed", least=0.8, most=0.8, unsure=0.8, adapts=1.0)


# ------------------------------------------------------------------------------------------------------------ a call


class Room:
    """A phone line out of a noisy room; it keeps the learner's sound without the noise."""

    def __init__(self, line: Fixture, noise: Samples) -> None:
        self.line, self.noise = line, noise
        self.clean: list[Samples] = []

    def frames(self) -> Iterator[Frame]:
        """The line's frames, with the noise."""
        for frame in self.line.frames():
            self.clean.append(frame.learner)
            at = round(frame.t * RATE) % (len(self.noise) - len(frame.learner))
            noise = self.noise[at : at + len(frame.learner)]
            learner = np.round((frame.learner + noise) * 32767).astype(np.float32) / np.float32(32768)  # as in 16 bits
            yield Frame(frame.t, learner, frame.customer, frame.started, frame.stopped)

    def play(self, clip: Samples, *, whole: bool = True) -> None:
        """As the line."""
        self.line.play(clip, whole=whole)

    def more(self, clip: Samples, *, whole: bool = True) -> None:
        """As the line."""
        self.line.more(clip, whole=whole)

    def stop(self) -> None:
        """As the line."""
        self.line.stop()


@dataclass
class Call:
    """What happened in one call."""

    facts: list[Fact]
    clips: list[tuple[float, float]]
    """First and last sound of each of the learner's clips that began, seconds."""


def hold(cues: list[Cue], noise: Samples, ears: Ears, first: str, reply: str) -> Call:
    """Hold a call with a customer who says one thing first and answers every turn with another."""
    lines = {text: speak_customer(text) for text in (first, reply)}
    transport = Room(Fixture(cues, linger=3.0), noise)
    line = SpokenLine(transport, ears, lambda text, _: lines[text], lambda *_: None)
    facts: list[Fact] = []
    said = 1
    line.say(Say(0.0, 1, first, "", 5.0))
    for fact in line.facts():
        facts.append(fact)
        if isinstance(fact, Heard) and fact.role != "aside":
            said += 1
            line.say(Say(fact.t, said, reply, "", 5.0))
    clean = np.concatenate(transport.clean)
    clips, at = [], 0
    for cue in cues[: len(cues) - len(transport.line.unplayed)]:
        sound = np.flatnonzero(np.abs(clean[at:]) > 0.003)
        if not len(sound):
            break
        start = at + int(sound[0])
        first_sound = int(np.flatnonzero(np.abs(cue.samples) > 0.003)[0])
        last_sound = int(np.flatnonzero(np.abs(cue.samples) > 0.003)[-1])
        end = start + last_sound - first_sound
        clips.append((start / RATE, end / RATE))
        at = end + (len(cue.samples) - last_sound)
    return Call(facts, clips)


# ------------------------------------------------------------------------------------------------------------- turns


def no_words() -> Any:
    """What stands for a recogniser where a rule asks for no words."""
    nothing = SimpleNamespace(feed=lambda _: None, partial=str, settle=str, readings=[], finish=lambda *_: ())
    return SimpleNamespace(utterance=lambda **_: nothing)


@dataclass
class Gaps:
    """How one rule did."""

    gaps: list[float] = field(default_factory=list)
    """From the learner's last sound to the customer's first, seconds; of turns that were not cut off."""
    cut: list[Turn] = field(default_factory=list)
    misheard: int = 0
    """Of those cut off, before the pause of which the recogniser had understood other words than were said."""
    lost: int = 0
    """Turns that were never answered."""
    turns: int = 0

    def row(self) -> dict[str, float]:
        """For the table."""
        ok = self.gaps or [float("nan")]
        kinds = {kind: sum(t.kind == kind for t in self.cut) for kind in sorted({t.kind for t in self.cut})}
        return {
            "turns": self.turns,
            "median": round(float(np.median(ok)), 3),
            "p95": round(float(np.percentile(ok, 95)), 3),
            "cut_off": len(self.cut), "cut_off_share": round(len(self.cut) / max(1, self.turns), 4), "lost": self.lost,
            "within_sentences_share": round(sum(t.kind != "sentences" for t in self.cut) / max(1, self.turns), 4),
            "cut_off_misheard": self.misheard,
            **{f"cut_{k}": v for k, v in kinds.items()},
        }  # fmt: skip


def measure_turns(said: list[list[Turn]], noise: Samples, ears: Callable[[], Ears], show: bool) -> Gaps:
    """Hold a call with each learner."""
    out = Gaps()
    for turns_ in said:
        call = hold([Cue(t.clip, t.kind) for t in turns_], noise, ears(), HER_REPLY, HER_REPLY)
        heard = [f for f in call.facts if isinstance(f, Heard) and f.role != "aside"]
        started = [f.t for f in call.facts if isinstance(f, LineStarted)]
        for turn, (start, end) in zip(turns_, call.clips, strict=False):
            out.turns += 1
            early = [h for h in heard if start - 0.3 < h.start and h.t < end]
            answered = next((t for t in started if t >= end), None)
            if early:
                out.cut.append(turn)
                first = turn.text.split("|")[0].split()
                out.misheard += [w for w in early[0].text.split() if w != "um"] != first
                if show:
                    said_ = f"{early[0].text!r} after {early[0].t - start:.2f} of {end - start:.2f} s"
                    print(f"cut off: {turn.voice} {turn.kind} {turn.pause} {turn.text!r}: {said_}", file=sys.stderr)
            elif answered is None or answered > end + 5:
                out.lost += 1
            else:
                out.gaps.append(answered - end)
                if show and answered - end > 0.8:
                    said_ = next((h.text for h in heard if start < h.t), "")
                    print(
                        f"slow {answered - end:.2f}: {turn.voice} {turn.kind} {turn.text!r} {said_!r}",
                        file=sys.stderr,
                    )
    return out


def vosk_endpoints(said: list[list[Turn]], noise: Samples, recognizer: Recognizer) -> Gaps:
    """The same turns, ended where Vosk says that an utterance is over."""
    out = Gaps()
    for number, turn in enumerate(turn for turns_ in said for turn in turns_):
        clip = np.concatenate([pause(0.3), turn.clip, pause(4)])
        clip = clip + np.roll(noise, -number * 9999)[: len(clip)]
        end = 0.3 + int(np.flatnonzero(np.abs(turn.clip) > 0.003)[-1]) / RATE
        hearing = recognizer.utterance()
        out.turns += 1
        for at in range(0, len(clip), 320):
            hearing.feed(clip[at : at + 320])
            if hearing._said:
                now = (at + 320) / RATE
                if now < end:
                    out.cut.append(turn)
                else:
                    out.gaps.append(now - end)
                break
        else:
            out.lost += 1
    return out


# --------------------------------------------------------------------------------------------- over the other's line


@dataclass
class Judged:
    """Precision and recall of a kind of utterance."""

    right: int = 0
    wrong: int = 0
    """Taken for it, and were not."""
    missed: int = 0

    def row(self) -> dict[str, float]:
        """For the table."""
        return {
            "n": self.right + self.missed,
            "precision": round(self.right / max(1, self.right + self.wrong), 4),
            "recall": round(self.right / max(1, self.right + self.missed), 4),
        }


def measure_overlap(noise: Samples, recognizer: Recognizer, fresh: bool, show: bool) -> dict[str, Judged]:
    """Speak over the customer: listening words, outbursts, and clashes at the edges of her line."""
    length = len(speak_customer(HER_LINE)) / RATE
    out = {"interruption": Judged(), "listening": Judged(), "clash": Judged()}
    listening, outbursts = (FRESH_LISTENING, FRESH_OUTBURSTS) if fresh else (LISTENING, OUTBURSTS)
    sorry = "that sounds dreadful for you" if fresh else "i am so sorry about that"
    for number, voice in enumerate(FRESH_LEARNERS if fresh else LEARNERS):
        cases = [("listening", text, 1.0 + 0.6 * (i % 7)) for i, text in enumerate(listening)]
        cases += [("interruption", text, 1.0 + 0.6 * ((i + number) % 7)) for i, text in enumerate(outbursts)]
        cases += [("clash", sorry, at) for at in (0.1, 0.25, length - 0.2, length - 0.35)]
        for want, text, at in cases:
            ears = Ears(recognizer)
            cues = [Cue(speak("how can i help you today", voice), "first"), Cue(speak(text, voice), text, during=at)]
            call = hold(cues, noise, ears, HER_REPLY, HER_LINE)
            began = next((f.t for f in call.facts if isinstance(f, LineStarted) and f.line == 2), 0.0)
            heard = [f for f in call.facts if isinstance(f, Heard) and f.start > began - 0.2]
            cut = any(isinstance(f, LineStopped) and f.line == 2 and f.cut for f in call.facts)
            roles = {f.role for f in heard}
            if "interruption" in roles:
                got = "interruption"
            elif "turn" in roles:
                got = "clash"
            else:
                got = "listening" if roles and not cut else "nothing"
            if got == want:
                out[want].right += 1
            else:
                out[want].missed += 1
                if got in out:
                    out[got].wrong += 1
                if show:
                    heard_ = [(f.role, f.text, f.overlap) for f in heard]
                    print(f"{want} taken for {got}: {voice} {text!r} {heard_}", file=sys.stderr)
    return out


# ------------------------------------------------------------------------------------------------------------- words


def measure_words(fresh: bool) -> dict[float, float]:
    """What share of the places to think is taken for ends of sentences where so many whole turns are told."""
    lines = MANY.read_text(encoding="utf-8").splitlines()[fresh::2]
    whole = [judge()(line.replace("/", " ").split()).whole for line in lines if "|" not in line]
    open_ = [judge()(line.split("|")[0].split()).whole for line in lines if "|" in line]
    return {told: round(float(np.mean(open_ > np.quantile(whole, 1 - told))), 4) for told in (0.75, 0.9, 0.95)}


# -------------------------------------------------------------------------------------------------------------- main


def main() -> None:
    """Run what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", default=",".join(ROOMS), help="rooms, separated by commas")
    parser.add_argument("--fresh", action="store_true", help="the clips on which nothing was set")
    parser.add_argument("--many", action="store_true", help="other sentences, ten times as many, each said once")
    parser.add_argument("--profile", default="standard", choices=sorted(turns.PROFILES), help="how patient she is")
    parser.add_argument("--manifest", type=Path, help="a CSV with the column path: recordings, each one turn")
    parser.add_argument("--model", help="recognition model (default: the one that ships)")
    parser.add_argument("--endpoint", action="store_true", help="compare with Vosk's own end of an utterance, too")
    parser.add_argument("--only", choices=("turns", "overlap", "words"), help="one of the parts")
    parser.add_argument("--json", action="store_true", help="print one JSON object for machines")
    parser.add_argument("--show", action="store_true", help="tell every turn that was cut off, slow or misjudged")
    options = parser.parse_args()
    rooms = [name.strip() for name in options.rooms.split(",")]
    if unknown := sorted(set(rooms) - set(ROOMS)):
        parser.error(f"there is no room {unknown[0]!r}: one of {', '.join(ROOMS)}")
    if options.only == "words":
        shares = measure_words(options.fresh)
        if options.json:
            print(json.dumps(shares, indent=2))
        for told, share in {} if options.json else shares.items():
            print(f"  {told:.0%} of whole turns told, {share:.1%} of the places to think taken for ends")
        return
    recognizer = load(options.model)
    profile = turns.PROFILES[options.profile]
    said = recorded(options.manifest) if options.manifest else dialogues(options.fresh, options.many)
    result: dict[str, Any] = {}
    for name in rooms:
        noise = room(name, 60.0)
        here: dict[str, Any] = {}
        if options.only != "overlap":
            here["ours"] = measure_turns(said, noise, lambda: Ears(recognizer, profile), options.show).row()
            here["0.8 s of silence"] = measure_turns(said, noise, lambda: Ears(no_words(), FIXED), False).row()
            if options.endpoint:
                here["Vosk's endpoint"] = vosk_endpoints(said, noise, recognizer).row()
        if options.only != "turns" and not options.manifest:
            here |= {k: v.row() for k, v in measure_overlap(noise, recognizer, options.fresh, options.show).items()}
        result[name] = here
        if not options.json:
            show_room(name, here)
    for name in (
        "woman-1",
        *(voice.partition(":")[2] for voice in (*LEARNERS, *FRESH_LEARNERS) if voice.startswith("espeak")),
    ):
        voice_of(name).close()
    if options.json:
        print(json.dumps(result, indent=2))


def show_room(name: str, rows: dict[str, dict[str, float]]) -> None:
    """Print one room."""
    print(f"\n{name}")
    for rule, row in rows.items():
        if "median" in row:
            kinds = ", ".join(f"{k[4:]} {v}" for k, v in row.items() if k.startswith("cut_") and "off" not in k)
            print(
                f"  {rule:<18} {row['turns']:>4} turns  median {row['median']:.2f} s  95 % {row['p95']:.2f} s  "
                f"cut off {row['cut_off_share']:6.1%}, within sentences {row['within_sentences_share']:6.1%}  "
                f"{f'({kinds})' if kinds else ''}"
                + (f"  {row['cut_off_misheard']} of them misheard" if rule == "ours" and row["cut_off"] else "")
                + (f"  unanswered {row['lost']}" if row["lost"] else "")
            )
        else:
            print(f"  {rule:<18} {row['n']:>4} times  precision {row['precision']:.2f}  recall {row['recall']:.2f}")


if __name__ == "__main__":
    main()
