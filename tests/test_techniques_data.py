"""The labelled utterances that ship, and the script that checks and trains on them."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from voicetrainer.roleplay.spoken import spoken
from voicetrainer.roleplay.techniques import LABELS, MISTAKES

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
import technique_data
import train_techniques
from technique_data import Utterance, misheard, problems, read, turns


@pytest.fixture(scope="module")
def shipped() -> list[Utterance]:
    return read()


def test_what_ships_is_fit_to_train_on(shipped: list[Utterance]) -> None:
    assert problems(shipped) == []
    assert {u.business for u in shipped} == {file.stem for file in technique_data.DATA.glob("*.jsonl")}


def test_there_is_enough_of_everything(shipped: list[Utterance]) -> None:
    counts = Counter(label for u in shipped for label in u.labels)
    assert min(counts[label] for label in LABELS) >= 120
    assert len({u.business for u in shipped}) >= 20
    assert sum(not u.labels for u in shipped) >= 0.14 * len(shipped)
    assert sum(len(u.labels) > 1 for u in shipped) >= 0.1 * len(shipped)


def written(tmp_path: Path, **changed: object) -> Path:
    row = {"id": "vet-001", "business": "vet", "context": "", "text": "Go on.", "labels": ["backchannel"], **changed}
    (tmp_path / "vet.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": ["kindness"]}, "vet.jsonl:1: no label kindness"),
        ({"labels": ["solution", "apology"]}, "vet.jsonl:1: labels stand once each, in the order"),
        ({"labels": ["apology", "apology"]}, "vet.jsonl:1: labels stand once each, in the order"),
        ({"labels": "apology"}, "vet.jsonl:1: labels are a list"),
        ({"text": 3}, "vet.jsonl:1: labels are a list, all else is text"),
        ({"note": ""}, "vet.jsonl:1: needs the keys id, business, context, text, labels"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(written(tmp_path, **changed))


def test_a_good_line_is_read(tmp_path: Path) -> None:
    assert read(written(tmp_path)) == [Utterance("vet-001", "vet", "", "Go on.", ("backchannel",))]


def utterance(name: str, text: str, *labels: str, context: str = "Where is it?") -> Utterance:
    return Utterance(name, name.split("-", maxsplit=1)[0], context, text, labels)


def test_near_duplicates_ids_and_empty_words_are_refused() -> None:
    found = problems(
        [
            utterance("a-1", "I am going to send you a new one this afternoon."),
            utterance("b-1", "I am going to send you a new one this evening."),
            utterance("b-2", "Something else altogether, on Tuesday."),
            utterance("b-2", "..."),
        ]
    )
    assert found == [
        "b-2: 2 utterances with this id",
        "b-2: an utterance has 1 to 120 spoken words",
        "b-1: too much like a-1 (0.69)",
    ]


def test_misheard_text_is_near_and_always_the_same(shipped: list[Utterance]) -> None:
    changed = 0
    for u in shipped[:200]:
        one = misheard(u.text, random.Random(u.id))
        assert one == misheard(u.text, random.Random(u.id))
        assert one
        changed += one != spoken(u.text)
    assert 100 < changed < 200
    assert misheard("Leave it with me.", random.Random(1), rate=0) == "leave it with me"


def test_turns_have_the_labels_of_their_parts(shipped: list[Utterance]) -> None:
    by_text = {u.text: u for u in shipped}
    made = turns([u for u in shipped if u.business == "vet"])
    assert len(made) > 20
    seen_back = 0
    for turn in made:
        parts = [u for text, u in by_text.items() if u.business == "vet" and text in turn.text]
        assert turn.id in {u.id for u in parts}
        mistakes = {label for u in parts for label in u.labels if label in MISTAKES}
        assert set(turn.labels) & set(MISTAKES) <= mistakes
        if " but " in turn.text and set(turn.labels) <= set(MISTAKES):
            seen_back += 1
    assert seen_back > 0


def test_training_finds_the_words_that_matter_and_repeats_itself() -> None:
    good = [utterance(f"a-{i}", f"sorry about the {w}", "apology") for i, w in enumerate("bed cat dog egg".split())]
    bad = [utterance(f"b-{i}", f"careless with the {w}", "blame") for i, w in enumerate("bed cat dog egg".split())]
    seen = train_techniques.see([*good, *bad])
    model = train_techniques.fit(seen)
    assert model.vocabulary["w:sorry about"] is not None
    row = model.weights[model.vocabulary["w:sorry about"]]
    assert row[LABELS.index("apology")] > 0 > row[LABELS.index("blame")]
    assert "w:bed" in model.vocabulary and model.weights[model.vocabulary["w:bed"]][LABELS.index("rude")] == 0
    assert np.array_equal(model.weights, train_techniques.fit(seen).weights)


def test_thresholds_and_calibration_on_known_odds() -> None:
    dice = np.random.default_rng(3)
    log_odds = np.tile(dice.normal(0, 3, 4_000)[:, None], len(LABELS))
    labels = dice.random(log_odds.shape) < 1 / (1 + np.exp(-(0.5 * log_odds - 1)))
    calibration = train_techniques.calibrate(log_odds, labels)
    assert np.allclose(calibration.mean(axis=1), [0.5, -1.0], atol=0.02)
    chance = train_techniques.probabilities(log_odds, calibration)
    thresholds = train_techniques.choose_thresholds(chance, labels)
    # Where the best F1 is F, the best threshold is F / 2: here F is about 0.62.
    assert np.all((thresholds >= 0.3) & (thresholds < 0.42))
