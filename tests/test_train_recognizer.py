"""The parts of the recogniser's training that need nothing but numpy."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from recognizer import corpora, lexicon, stream, text
from recognizer.contexts import NUMBER, Contexts
from recognizer.language import BEGIN, END, UNKNOWN, Kind, encode, mix

LINES = ["the cat sat", "the cat ran", "a dog sat", "the dog ran home", "a cat sat on the dog"] * 3
NAMES = ["<s>", "</s>", "<unk>", *sorted({word for line in LINES for word in line.split()})]
WORDS = {name: number for number, name in enumerate(NAMES)}


def row(*lines: str) -> np.ndarray:
    return encode([line.split() for line in lines], WORDS)


@pytest.fixture(scope="module", params=[(0, 0), (4, 3), (50, 50)], ids=["words", "some", "all"])
def model(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    kinds = [Kind(row(*LINES), len(NAMES)), Kind(row("home the dog ran", "a cat"), len(NAMES))]
    return mix(kinds, [0.7, 0.3], *request.param)


def test_probabilities_sum_to_one_after_any_history(model) -> None:  # type: ignore[no-untyped-def]
    many = len(NAMES)
    after = [number for number in range(many) if number not in (END, UNKNOWN)]
    for first, second in itertools.product(after, after):
        if second != BEGIN:
            total = model.three((first * many + second) * many + np.arange(many)).sum()
            assert total == pytest.approx(1, abs=1e-6), (NAMES[first], NAMES[second])
    assert model.two(BEGIN * many + np.arange(many)).sum() == pytest.approx(1, abs=1e-6)


def test_every_triple_has_both_its_pairs(model) -> None:  # type: ignore[no-untyped-def]
    many = len(NAMES)
    pairs = set(model.pairs.tolist())
    assert {code // many for code in model.triples.tolist()} <= pairs
    assert {code % many**2 for code in model.triples.tolist()} <= pairs


def test_longer_histories_predict_better() -> None:
    kind = Kind(row(*LINES), len(NAMES))
    short, long = mix([kind], [1.0], 0, 0), mix([kind], [1.0], 50, 50)
    assert long.perplexity(row(*LINES)) < 0.6 * short.perplexity(row(*LINES))


def test_a_finished_model_goes_on_among_more_words() -> None:
    many = len(NAMES)
    before = mix([Kind(row(*LINES), many)], [1.0], 50, 50)
    names = ["<s>", "</s>", "<unk>", *sorted([*NAMES[3:], "bird", "zebra"])]
    number = np.array([names.index(name) for name in NAMES])
    moved = before.renumbered(number, len(names))
    text_row = row(*LINES)
    assert moved.perplexity(number[text_row]) == pytest.approx(before.perplexity(text_row))
    birds = encode([["the", "bird", "sat"]] * 3, {name: index for index, name in enumerate(names)})
    both = mix([moved, Kind(birds, len(names))], [0.5, 0.5], 50, 50)
    for first in range(3, len(names)):
        assert both.two(first * len(names) + np.arange(len(names))).sum() == pytest.approx(1, abs=1e-6)
    assert both.perplexity(birds) < 20
    assert both.perplexity(number[text_row]) < 2 * before.perplexity(text_row)


def test_turns_come_whole_and_in_their_parts(tmp_path: Path) -> None:
    folder = tmp_path / "models/turns"
    folder.mkdir(parents=True)
    (folder / "thinking.txt").write_text("let me check the | order for | you\n", encoding="utf-8")
    (folder / "ordinary.txt").write_text("I see. Which one?\n", encoding="utf-8")
    assert text.turns(tmp_path, hum=0.0) == [
        "let me check the", "order for", "you", "let me check the order for you", "i see", "which one"
    ]  # fmt: skip
    hummed = text.turns(tmp_path, hum=1.0)
    assert all(line.split()[-1] in text.HUMS for line in hummed[:2])
    assert hummed[2] == "you"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("I'm so sorry, Mr. Doyle!", "i'm so sorry mister doyle"),
        ("It's the drivers' van \u2013 OK?", "it's the drivers' van okay"),
        ("well-known", "well known"),
        ("", ""),
    ],
)
def test_text_as_it_is_spoken(written: str, said: str) -> None:
    assert text.spoken(written) == said


@pytest.mark.parametrize(
    ("word", "phones"),
    [("thing", "TH IH NG"), ("queue", "K W UW"), ("phone", "F OW N"), ("badge", "B AE JH"), ("'", "AX")],
)
def test_a_word_by_its_spelling(word: str, phones: str) -> None:
    assert lexicon.spelled(word) == phones.split()


def test_rare_contexts_share_and_silence_stands_alone() -> None:
    k, t, ae, s = (NUMBER[phone] for phone in ("K", "T", "AE", "S"))
    contexts = Contexts.count([[0, k, ae] * 5, [0, t, ae] * 2, [0, s, ae]], enough=4)
    table = contexts.table
    assert table[k][ae] not in (table[t][ae], table[s][ae]), "often enough for outputs of its own"
    assert table[t][ae] == table[s][ae], "too rare alone and as a class"
    assert len({row[0] for row in table}) == 1
    assert contexts.outputs == 2 * (1 + max(map(max, table)))


def test_no_phone_is_lost_at_another_speed() -> None:
    segments = [(0, 0), (5, 10), (6, 11), (7, 12), (0, 30)]
    fast = stream.stretch(segments, 2.0, 20)
    assert [phone for phone, _ in fast] == [0, 5, 6, 7, 0]
    starts = [at for _, at in fast]
    assert starts == sorted(set(starts))
    assert starts[-1] == 15


def test_pieces_ask_for_what_the_alignment_says() -> None:
    phones = np.tile(np.array([1, 2, 3], np.int16), 200)
    start = np.arange(601) * 6
    frames = start[-1]
    made = stream.Stream(
        np.tile(np.arange(frames)[:, None] % 1000, (1, 40)).astype(np.float16),
        np.repeat(np.arange(600, dtype=np.int32), 6),
        phones,
        np.concatenate([[0], phones[:-1]]).astype(np.int16),
        start,
    )
    contexts = Contexts([[4 * before + phone for phone in range(4)] for before in range(4)])
    piece = next(stream.pieces(made, contexts, context=12, steps=20, batch=8, seed=1))
    assert piece.energies.shape == (8, 12 + 3 * 19 + 1 + 12, 40)
    for item in range(8):
        at = int(piece.energies[item, 12, 0])
        first = next(number for number in range(frames) if number % 1000 == at)
        for step in range(20):
            segment = (first + 3 * step) // 6
            pair = contexts.table[made.before[segment]][made.phone[segment]]
            assert piece.outputs[item, step] // 2 == pair or first < 1000
            assert piece.outputs[item, step] // 2 in piece.segments[item]


def test_corpora_in_their_layouts(tmp_path: Path) -> None:
    chapter = tmp_path / "libri" / "19" / "198"
    chapter.mkdir(parents=True)
    (chapter / "19-198.trans.txt").write_text("19-198-0000 NORTHANGER ABBEY\n19-198-0001 NO SOUND FILE\n")
    (chapter / "._19-198.trans.txt").write_bytes(b"\0\1")
    (chapter / "19-198-0000.flac").write_bytes(b"")
    found = list(corpora.librispeech(tmp_path / "libri", "part"))
    assert [(each.name, each.speaker, each.text) for each in found] == [
        ("19-198-0000", "librispeech-19", "northanger abbey")
    ]
    for name, content in (
        ("text", "0001 WE CALL IT BEAR\n0002 LEFT OUT\n"), ("wav.scp", "0001 a.wav\n0002 b.wav\n"),
        ("utt2spk", "0001 0036\n0002 0037\n"),
    ):  # fmt: skip
        (tmp_path / "train").mkdir(exist_ok=True)
        (tmp_path / "train" / name).write_text(content)
    assert [each.text for each in corpora.speechocean(tmp_path, ["37"])] == ["we call it bear"]
    path = tmp_path / "list.jsonl"
    assert corpora.write([*found, *found], path) == 1
    assert corpora.read(path) == found
