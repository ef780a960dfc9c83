"""A first alignment of words and phones to sound, by PocketSphinx and the acoustic model that comes with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import soundfile
import soxr
from pocketsphinx import Decoder
from tqdm import tqdm

from .corpora import Utterance
from .lexicon import Lexicon

RATE = 16000


def align(utterances: list[Utterance], lexicon: Lexicon, out: Path) -> None:
    """Append one JSON line for each utterance to `out`; utterances that are in it already are not done again.

    A line holds the name and `phones`, triples of a phone without its stress, its first 10 ms frame and how many
    (`SIL` for silence), with `|` between words; `phones` is null where the sound does not agree with the words.
    """
    done = {json.loads(line)["name"] for line in out.read_text().splitlines()} if out.is_file() else set()
    decoder = Decoder(lm=None, bestpath=False, loglevel="FATAL")
    with out.open("a", encoding="utf-8") as file:
        for utterance in tqdm([each for each in utterances if each.name not in done], mininterval=5):
            phones = _phones(decoder, utterance, lexicon)
            file.write(json.dumps({"name": utterance.name, "phones": phones}) + "\n")
            file.flush()


def _phones(decoder: Decoder, utterance: Utterance, lexicon: Lexicon) -> list[list[object]] | None:
    for word in set(utterance.text.split()):
        if decoder.lookup_word(word) is None:
            for number, phones in enumerate(lexicon.pronounce(word)):
                name = word if number == 0 else f"{word}({number + 1})"
                decoder.add_word(name, " ".join("AH" if phone == "AX" else phone for phone in phones), False)
    samples, rate = soundfile.read(utterance.path, dtype="int16")
    if rate != RATE:
        samples = soxr.resample(samples, rate, RATE)
    sound = samples.tobytes()
    try:
        decoder.set_align_text(utterance.text)
        _decode(decoder, sound)
        if decoder.hyp() is None:
            return None
        decoder.set_alignment()
        _decode(decoder, sound)
    except RuntimeError:
        return None
    found: list[list[object]] = []
    for word in decoder.get_alignment():  # a word does not outlive its alignment
        if word.name.startswith("<"):
            found.append(["SIL", word.start, word.duration])
        else:
            found.extend([phone.name, phone.start, phone.duration] for phone in word)
        found.append(["|", 0, 0])
    return found


def _decode(decoder: Decoder, sound: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(sound, full_utt=True)
    decoder.end_utt()


def read(path: Path) -> Iterable[tuple[str, list[list[object]] | None]]:
    """Names and phones as `align` wrote them."""
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        yield entry["name"], entry["phones"]
