#!/usr/bin/env python
"""Have the customers' voices say their lines and a recogniser write them down: which lines come out badly?

::

    python scripts/hear_lines.py                     # every shipped scenario
    python scripts/hear_lines.py late-parcel --worst 40

Every line is spoken by its own customer's voice, at the anger at which it can be said, and recognised by the best
installed model. It prints the word error rate of each scenario and the lines that came out worst. Then come words, for
a line can be bad by chance: those that the model does not know, which is not the voice's fault, and those that it
knows, hears at least twice and gets wrong nearly always, which may be. How the voice means to say these stands beside
them (`espeak-ng --ipa`), to judge by. Two minutes of CPU for a scenario.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import typer

ANGER = {"furious": 9.0, "angry": 6.5, "annoyed": 4.0, "calm": 1.5}


def main(
    scenarios: list[str] = typer.Argument(None, help="Scenario ids or files (default: all that ship)."),
    worst: int = typer.Option(20, min=1, help="How many lines to print."),
    model: str = typer.Option(None, help="Recognition model (default: the best installed)."),
    every: int = typer.Option(1, min=1, help="Take every n-th line only."),
) -> None:
    """Print word error rates of the customers' own lines."""
    from rich.progress import track

    from voicetrainer import models
    from voicetrainer.cli.content import read_scenario, shipped_scenarios
    from voicetrainer.evaluate.words import normalise, word_errors
    from voicetrainer.speech.recognizer import Recognizer
    from voicetrainer.speech.voice import Voice, respelt, sayable

    chosen = models.choose(model)
    recognizer = Recognizer(chosen.path)
    known = {line.split()[0] for line in (chosen.path / "graph" / "words.txt").read_text("utf-8").splitlines()}
    said: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    spoken_by: dict[str, str] = {}
    found: list[tuple[float, int, str, str, str]] = []
    for name in scenarios or [str(path) for path in shipped_scenarios()]:
        _, scenario = read_scenario(name)
        lines = list(scenario.spoken_lines())[::every]
        wrong = words = 0
        with Voice(scenario.customer.voice) as voice:
            for path, line in track(lines, f"{scenario.id:<18}", transient=True):
                text = scenario.fill(line.say, next(iter(scenario.facts.values())))
                band = next((str(part) for part in path if part in ANGER), "angry")
                clip = voice.render(text, ANGER[band])
                hearing = recognizer.utterance()
                hearing.feed(np.concatenate((clip, np.zeros(8000, np.float32))))
                heard = " ".join(word.text for word in hearing.finish(0.0))
                errors = word_errors(sayable(text), heard)
                wrong, words = wrong + errors.total, words + errors.words
                spoken, right = normalise(sayable(text)), Counter(normalise(heard))
                said.update(spoken)
                spoken_by |= dict.fromkeys(spoken, voice.info.espeak)
                missed.update(Counter(spoken) - right)
                found.append((errors.total / errors.words, errors.words, scenario.id, text, heard))
        typer.echo(f"{scenario.id:<18} {wrong / words:6.1%} of {words} words wrong ({len(lines)} lines)")
    total = sum(rate * n for rate, n, *_ in found) / sum(n for _, n, *_ in found)
    typer.echo(f"{'all':<18} {total:6.1%}, heard by {Path(chosen.path).name}\n")
    for rate, _, name, text, heard in sorted((f for f in found if f[1] >= 4), reverse=True)[:worst]:
        typer.echo(f"{rate:5.0%}  {name:<18} {text}\n{'':25} {heard}")
    typer.echo(f"\nnot known to it: {', '.join(sorted(w for w in said if w not in known)) or 'none'}\n")
    typer.echo("known, and nearly always misheard:")
    for word in sorted((w for w, n in said.items() if n > 1 and w in known and missed[w] >= 0.8 * n), key=str):
        typer.echo(f"  {word:<16} {missed[word]} of {said[word]}  {_ipa(respelt(word), spoken_by[word])}")


def _ipa(word: str, voice: str) -> str:
    try:
        done = subprocess.run(["espeak-ng", "-q", "--ipa", "-v", voice, word], capture_output=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.decode().strip()


if __name__ == "__main__":
    typer.run(main)
