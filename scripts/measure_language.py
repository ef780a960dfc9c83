#!/usr/bin/env python3
"""How well sentences, hedges and summaries are told, on texts that are in the repository.

    .venv/bin/python scripts/measure_language.py

Sentences and hedges: the utterances the detector is trained on, punctuation taken out. Summaries: those of
tests/data/summaries.jsonl, as written, without punctuation, and as the shipped recogniser heard them; then how often
one of the detector's utterances, which are from other businesses, is told to contradict a scenario. Half a minute of
one core.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from voicetrainer.roleplay.events import Heard, Word
from voicetrainer.roleplay.language import measure, sentences
from voicetrainer.roleplay.scenario import Scenario, parse
from voicetrainer.roleplay.spoken import spoken, tokens
from voicetrainer.roleplay.summary import check

ROOT = Path(__file__).resolve().parent.parent
END, MARK = re.compile(r"[.?!;…][\"”’')]*$"), re.compile(r"[,:–—-][\"”’')]*$")


def rows(*files: Path) -> Iterator[dict[str, Any]]:
    """Lines of JSON."""
    for file in files:
        yield from (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip())


def marked(text: str) -> tuple[list[str], set[int], set[int]]:
    """Spoken words, the indices at which sentences begin, and those before which any mark stands."""
    written, said = text.split(), tokens(text)
    ends, marks = set(), set()
    for i in range(1, len(said)):
        between = written[said[i - 1].word : said[i].word]
        if any(END.search(w) for w in between):
            ends.add(i)
        if any(END.search(w) or MARK.search(w) for w in between):
            marks.add(i)
    return [t.text for t in said], ends, marks


def sentences_and_hedges(data: list[dict[str, Any]]) -> None:
    """Print how sentences agree with full stops, and hedges with the label."""
    found = at_mark = at_end = ends_all = hedged = told = 0
    ours: list[float] = []
    theirs: list[float] = []
    for row in data:
        words, ends, marks = marked(row["text"])
        if not words:
            continue
        starts = {a for a, _ in sentences(words)} - {0}
        found += len(starts)
        at_mark += len(starts & marks)
        at_end += len(starts & ends)
        ends_all += len(ends)
        ours.append(len(words) / (len(starts) + 1))
        theirs.append(len(words) / (len(ends) + 1))
        timed = tuple(Word(w, i / 3, i / 3 + 0.3) for i, w in enumerate(words))
        if measure([Heard(len(words) / 3, 0.0, len(words) / 3, timed)]).some("hedge"):
            told += 1
            hedged += "hedging" in row["labels"]
    print(f"sentences, {len(ours)} utterances without punctuation:")
    print(f"  {at_mark / found:.2f} of our sentence ends stand where the writer put a mark")
    print(f"  {at_end / ends_all:.2f} of the writers' {ends_all} full stops are found")
    print(f"  {sum(ours) / len(ours):.1f} words a sentence, {sum(theirs) / len(theirs):.1f} by the writers' full stops")
    print(f"hedges: {hedged / told:.2f} of {told} utterances with one are labelled as hedging")


def summaries(cases: dict[str, Scenario], said: dict[str, list[str]]) -> None:
    """Print how many facts of the summaries are told rightly."""
    known = list(rows(ROOT / "tests" / "data" / "summaries.jsonl"))
    ways: dict[str, Callable[[dict[str, Any]], str]] = {
        "written": lambda r: str(r["text"]),
        "no marks": lambda r: spoken(r["text"]),
        "heard": lambda r: str(r["heard"]),
    }
    print(f"summaries, {len(known)}:".ljust(23) + " right: P    recall  wrong: P    recall")
    for name, way in ways.items():
        figures = []
        for kind in ("right", "wrong"):
            hit = extra = total = 0
            for row in known:
                found = getattr(check(cases[row["scenario"]], said[row["scenario"]], way(row)), kind)
                names = {f.fact or f.value for f in found}
                hit += len(names & set(row[kind]))
                extra += len(names - set(row[kind]))
                total += len(row[kind])
            figures += [hit / max(1, hit + extra), hit / total]
        print(f"  {name:<21}" + "".join(f"{figure:10.2f}" for figure in figures))


def strangers(data: list[dict[str, Any]], cases: dict[str, Scenario], said: dict[str, list[str]]) -> None:
    """Print how often talk of other businesses is told to contradict a case."""
    wrong = sum(bool(check(case, said[name], row["text"]).wrong) for row in data for name, case in cases.items())
    print(f"talk of other businesses told to contradict a case: {wrong} of {len(data) * len(cases)}")


def main() -> None:
    """Print all figures."""
    data = list(rows(*sorted((ROOT / "models" / "techniques" / "data").glob("*.jsonl"))))
    names = sorted({str(row["scenario"]) for row in rows(ROOT / "tests" / "data" / "summaries.jsonl")})
    cases = {n: parse((ROOT / "scenarios" / f"{n}.yaml").read_text(encoding="utf-8"), n) for n in names}
    said = {n: [c.fill(line.say) for ls in c.stages[0].lines.values() for line in ls] for n, c in cases.items()}
    sentences_and_hedges(data)
    summaries(cases, said)
    strangers(data, cases, said)


if __name__ == "__main__":
    main()
