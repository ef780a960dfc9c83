"""Speech corpora in their common layouts, as one list of utterances."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

WORD = re.compile(r"[a-z]+(?:'[a-z]+)*'?")


@dataclass(frozen=True)
class Utterance:
    """One recording and its words.

    Attributes
    ----------
    name : str
        Unique among all corpora.
    corpus, speaker : str
    path : str
        A sound file that libsndfile reads, 16 kHz or more.
    text : str
        Lower-case words, spaces between them, no digits, no punctuation but apostrophes.
    """

    name: str
    corpus: str
    speaker: str
    path: str
    text: str


def plain(text: str) -> str:
    """Lower-case words of `text`, without punctuation; empty when it holds digits or letters outside a-z."""
    text = text.lower().replace("\u2019", "'").replace("-", " ").replace("\u2014", " ")
    if re.search(r"[^a-z' .,;:!?\"()\[\]\n\t]", text):
        return ""
    return " ".join(word.strip("'") if word.startswith("'") else word for word in WORD.findall(text))


def librispeech(folder: Path, corpus: str) -> Iterator[Utterance]:
    """LibriSpeech's layout: `<speaker>/<chapter>/<speaker>-<chapter>.trans.txt` beside its FLAC files."""
    for transcript in sorted(folder.rglob("*.trans.txt")):
        if transcript.name.startswith("._"):
            continue
        for line in transcript.read_text(encoding="utf-8").splitlines():
            name, _, text = line.partition(" ")
            path = transcript.with_name(f"{name}.flac")
            if path.is_file():
                yield Utterance(name, corpus, f"librispeech-{name.split('-')[0]}", str(path), plain(text))


def an4(folder: Path, part: str) -> Iterator[Utterance]:
    """CMU AN4: `etc/an4_<part>.fileids` and `.transcription`, line by line; spelled letters stand as `a` to `z`."""
    names = (folder / "etc" / f"an4_{part}.fileids").read_text(encoding="ascii").split()
    lines = (folder / "etc" / f"an4_{part}.transcription").read_text(encoding="ascii").splitlines()
    for name, line in zip(names, lines, strict=True):
        text = re.sub(r"\([^)]*\)\s*$|</?s>|<sil>", " ", line)
        _, speaker, stem = name.split("/")
        yield Utterance(stem, f"an4-{part}", f"an4-{speaker}", str(folder / "wav" / f"{name}.wav"), plain(text))


def speechocean(folder: Path, without: Iterable[str] = ()) -> Iterator[Utterance]:
    """Speechocean762, training part: Kaldi's `text`, `wav.scp` and `utt2spk`; speakers in `without` are left out."""
    tables = {}
    for table in ("text", "wav.scp", "utt2spk"):
        lines = (folder / "train" / table).read_text(encoding="utf-8").splitlines()
        tables[table] = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    left_out = {speaker.zfill(4) for speaker in without}
    for name, text in sorted(tables["text"].items()):
        speaker = tables["utt2spk"][name]
        if speaker.zfill(4) not in left_out:
            yield Utterance(
                f"so-{name}", "speechocean762", f"so-{speaker}", str(folder / tables["wav.scp"][name]), plain(text)
            )


def ljspeech(folder: Path) -> Iterator[Utterance]:
    """LJSpeech: `metadata.csv` with the normalised text in its third column, `wavs/`."""
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE):
            path = folder / "wavs" / f"{row[0]}.wav"
            if path.is_file():
                yield Utterance(row[0], "ljspeech", "ljspeech", str(path), plain(row[-1]))


def write(utterances: Iterable[Utterance], path: Path) -> int:
    """Write one JSON object a line, the first of every name with words in it; returns how many."""
    seen: dict[str, Utterance] = {}
    for utterance in utterances:
        if utterance.text:
            seen.setdefault(utterance.name, utterance)
    path.write_text("".join(json.dumps(asdict(each)) + "\n" for each in seen.values()), encoding="utf-8")
    return len(seen)


def read(path: Path) -> list[Utterance]:
    """Read what `write` wrote."""
    return [Utterance(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
