"""What turn-taking learns from, and what it is measured on (``models/turns``)."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parent.parent / "models"


def lines(name: str) -> list[str]:
    data = (MODELS / "turns" / name).read_bytes()
    return (gzip.decompress(data) if name.endswith(".gz") else data).decode().splitlines()


def words(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower().replace("\u2019", "'")))


@pytest.mark.parametrize("name", ["ordinary.txt", "thinking.txt", "unseen.txt", "everyday.txt.gz"])
def test_no_line_is_there_twice_or_empty(name: str) -> None:
    said = Counter(line.lower() for line in lines(name))
    assert [line for line, count in said.items() if count > 1 or not words(line)] == []


@pytest.mark.parametrize("name", ["thinking.txt", "unseen.txt"])
def test_a_stroke_is_within_a_sentence(name: str) -> None:
    for line in lines(name):
        assert re.fullmatch(r"[a-z0-9' -]+(( [|/]|[a-z]\.) [a-z0-9' -]+)*", line), line
        assert not ("|" in line and "/" in line), line
    assert all("|" in line for line in lines("thinking.txt"))


def test_what_is_measured_on_was_never_read() -> None:
    read = {words(line) for name in ("ordinary.txt", "thinking.txt", "everyday.txt.gz") for line in lines(name)}
    for file in sorted((MODELS / "techniques" / "data").glob("*.jsonl")):
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            read |= {words(row["text"]), words(row["context"])}
    unseen = lines("unseen.txt")
    assert sum("|" in line for line in unseen) >= 400
    assert sum("|" not in line for line in unseen) >= 350
    assert sorted(words(line) for line in unseen if words(line) in read) == []
