"""Text as it is spoken: lower-case words a recogniser can output."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
GRAMMAR = HERE / "grammar.txt"

HUMS = ("um", "um", "uh", "er")
"""What speakers say while they think; "um" more often."""

SPOKEN = {
    "&": " and ", "%": " percent ", "@": " at ", "+": " plus ", "mr.": "mister", "mrs.": "missus", "ms.": "miss",
    "dr.": "doctor", "st.": "saint", "no.": "number", "okay": "okay", "ok": "okay", "mr": "mister", "mrs": "missus",
    "ms": "miss", "dr": "doctor", "a.m.": "a m", "p.m.": "p m", "e.g.": "for example", "etc.": "et cetera",
}  # fmt: skip


@cache
def _engine():  # type: ignore[no-untyped-def]
    import inflect

    return inflect.engine()


def number(digits: str) -> str:
    """Words for digits: years and long numbers as people say them, the rest as cardinals."""
    if len(digits) > 6 or (digits.startswith("0") and len(digits) > 1):
        return " ".join(_engine().number_to_words(digit) for digit in digits)
    value = int(digits)
    if len(digits) == 4 and 1100 <= value <= 2099 and value % 1000 > 9:
        low = "hundred" if value % 100 == 0 else _engine().number_to_words(value % 100)
        if 0 < value % 100 < 10:
            low = f"oh {low}"
        return f"{_engine().number_to_words(value // 100)} {low}"
    return str(_engine().number_to_words(value, andword="and")).replace(",", "")


def spoken(text: str) -> str:
    """Lower-case words of a written sentence, numbers, money and usual abbreviations in words; no punctuation."""
    text = text.lower().replace("\u2019", "'").replace("\u2018", "'")
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    text = re.sub(r"([$\u00a3\u20ac])\s?(\d+)(?:\.(\d\d))?", _money, text)
    text = re.sub(r"(\d+)(st|nd|rd|th)\b", lambda m: str(_engine().number_to_words(m[0])), text)
    text = re.sub(r"(\d+)\.(\d+)", lambda m: f"{number(m[1])} point {' '.join(number(d) for d in m[2])}", text)
    text = re.sub(r"\d+", lambda m: f" {number(m[0])} ", text)
    text = re.sub(r"[a-z.]+|[&%@+]", lambda m: SPOKEN.get(m[0], m[0]), text)
    words = re.findall(r"[a-z]+(?:'[a-z]+)*'?", text.replace("-", " "))
    return " ".join(word.removesuffix("'") if not word.endswith("s'") else word for word in words)


def _money(match: re.Match[str]) -> str:
    unit, cents = {"$": ("dollar", "cent"), "\u00a3": ("pound", "penny"), "\u20ac": ("euro", "cent")}[match[1]]
    whole = f"{number(match[2])} {unit}{'' if match[2] == '1' else 's'}"
    if not match[3] or match[3] == "00":
        return f" {whole} "
    plural = "pence" if unit == "pound" else f"{cents}s"
    return f" {whole} and {number(match[3].lstrip('0'))} {plural} "


def grammar() -> dict[str, list[str]]:
    """Rules of the template grammar: name to alternatives, `<NAME>` within them stands for another rule."""
    rules = {}
    for line in GRAMMAR.read_text(encoding="utf-8").splitlines():
        name, _, alternatives = line.partition(":")
        if alternatives:
            rules[name.strip()] = [each.strip() for each in alternatives.split("|")]
    return rules


def sentences(seed: int) -> Iterator[str]:
    """Sentences of the template grammar without end."""
    rules, draw = grammar(), random.Random(seed)

    def expand(name: str) -> str:
        return re.sub(r"<(\w+)>", lambda match: expand(match[1]), draw.choice(rules[name]))

    while True:
        yield " ".join(expand("S").split())


def calls(root: Path) -> list[str]:
    """What learners and customers say in the technique data and the scenarios of the repository at `root`."""
    lines = []
    for path in sorted((root / "models/techniques/data").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            lines += [entry.get("context") or "", entry["text"]]
    for path in sorted((root / "scenarios").glob("*.yaml")):
        lines += re.findall(r"(?:text|says?|line|opening): *['\"]?(.+)", path.read_text(encoding="utf-8"))
        lines += re.findall(r"^ *- *['\"]?([A-Z][^{}:\[\]]{8,})$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return _sentences(lines)


def turns(root: Path, hum: float, seed: int = 1) -> list[str]:
    """What is written in the repository at `root` to learn turn-taking from.

    Sentences with a stroke where their speaker stops to think come whole and in their parts: what a recogniser gets is
    cut at pauses. A share `hum` of the strokes is an "um" or the like.
    """
    folder, draw = root / "models/turns", random.Random(seed)
    lines = []
    for line in (folder / "thinking.txt").read_text(encoding="utf-8").splitlines():
        parts = [spoken(part) for part in line.split("|")]
        parts = [f"{part} {draw.choice(HUMS)}" if draw.random() < hum else part for part in parts[:-1]] + parts[-1:]
        lines += [*parts, " ".join(parts)]
    return lines + _sentences((folder / "ordinary.txt").read_text(encoding="utf-8").splitlines())


def everyday(root: Path) -> list[str]:
    """The everyday sentences in the repository at `root`."""
    with gzip.open(root / "models/turns/everyday.txt.gz", "rt", encoding="utf-8") as file:
        return _sentences(file)


def _sentences(lines: Iterable[str]) -> list[str]:
    """Each sentence once for each different line that holds it, as it is spoken."""
    split = [part for line in dict.fromkeys(lines) for part in re.split(r"(?<=[.!?;:])\s+", line.strip())]
    return [text for part in split if (text := spoken(part))]
