from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from math import log, log2

import pytest

from tests.roleplay.test_steadiness import BASE, CALM, semitones
from voicetrainer.roleplay.calm import FURTHEST, outgrown, refine
from voicetrainer.roleplay.events import Baseline, Prosody
from voicetrainer.roleplay.steadiness import calibrate, judge


def said(rng: random.Random, *, pitch: float = 0.0, louder: float = 0.0, harder: float = 0.0) -> Prosody:
    """An utterance about the calm voice, moved by semitones, dB of level and dB of tilt."""
    return replace(
        CALM, pitch=semitones(pitch + rng.gauss(0, 0.7)), loudness=-26.0 + louder + rng.gauss(0, 1.5),
        tilt=-10.0 + harder + rng.gauss(0, 1.0), body=-4.0 + rng.gauss(0, 0.8), lilt=-0.2 + rng.gauss(0, 0.05),
    )  # fmt: skip


def distance(name: str, a: Baseline, b: Baseline) -> float:
    one, two = getattr(a, name), getattr(b, name)
    if name == "pitch":
        return abs(12 * log2(one / two))
    return abs(log(one / two)) if name.endswith(("rate", "syllables")) else abs(one - two)


def within(original: Baseline, current: Baseline) -> bool:
    return all(distance(name, original, current) <= far + 0.01 for name, far in FURTHEST.items())


def test_a_voice_that_rises_over_fifty_calls_does_not_become_the_calm_one() -> None:
    rng = random.Random(0)
    current, raised, against_first = BASE, [], []
    shout = said(random.Random(1), pitch=8, louder=10, harder=10)
    for call in range(50):
        more = call / 50
        heard = [said(rng, pitch=8 * more, louder=10 * more, harder=10 * more) for _ in range(8)]
        current = refine(BASE, current, heard)
        assert within(BASE, current), call
        raised.append(sum(judge(h, current, 0, 1).level == "raised" for h in heard))
        against_first.append(sum(judge(h, BASE, 0, 1).level == "raised" for h in heard))
    assert sum(raised[:5]) == 0
    assert sum(against_first[-10:]) >= 78
    assert all(now >= first - 1 for now, first in zip(raised, against_first, strict=True))
    before, after = judge(shout, BASE, 0, 1).score, judge(shout, current, 0, 1).score
    assert before is not None and after is not None and after > 0.9 * before


def test_the_worst_drift_still_leaves_a_shout_raised() -> None:
    base = BASE
    moved = {name: getattr(base, name) + far for name, far in FURTHEST.items() if name not in ("pitch", "body", "lilt")}
    drifted = replace(
        base, **moved | {"pitch": semitones(FURTHEST["pitch"]), "body": (base.body or 0) - FURTHEST["body"],
                         "lilt": (base.lilt or 0) - FURTHEST["lilt"]},
    )  # fmt: skip
    assert judge(replace(CALM, pitch=semitones(5), tilt=0.0), drifted, 0, 1).level == "raised"


def test_anger_teaches_nothing() -> None:
    rng = random.Random(0)
    angry = [said(rng, pitch=5, louder=8, harder=8) for _ in range(40)]
    assert refine(BASE, BASE, angry) == BASE
    unsure = [replace(said(rng), voiced=0.3) for _ in range(10)]
    assert refine(BASE, BASE, unsure) == BASE
    assert refine(BASE, BASE, [replace(said(rng), clipped=0.2)]) == BASE


def test_calm_utterances_move_a_sample_towards_them_and_make_it_surer() -> None:
    rng = random.Random(0)
    first = calibrate([replace(CALM, pitch=semitones(0.5), loudness=-25.0)])
    current = first
    for _ in range(20):
        current = refine(first, current, [said(rng) for _ in range(8)])
    assert current.pitch == pytest.approx(semitones(0.0), rel=0.015)
    assert current.loudness == pytest.approx(-26.0, abs=0.5)
    assert current.utterances > first.utterances
    assert first.seconds < current.seconds <= 60.0
    one, many = (judge(CALM, base, 0, 1).uncertainty for base in (first, current))
    assert one is not None and many is not None and many < one


def test_one_utterance_moves_a_sample_by_little() -> None:
    apart = replace(CALM, pitch=semitones(1), loudness=-30.0, syllable_rate=8.0)
    moved = refine(BASE, BASE, [apart])
    assert moved != BASE
    assert distance("pitch", BASE, moved) < 0.2
    assert distance("loudness", BASE, moved) < 0.4
    assert distance("syllable_rate", BASE, moved) < 0.05


def test_a_figure_that_was_never_measured_stays_so() -> None:
    base = replace(BASE, word_rate=None, ending=None)
    moved = refine(base, base, [CALM, replace(CALM, tilt=-10.5)])
    assert (moved.word_rate, moved.ending) == (None, None)
    assert moved.tilt != base.tilt


def call(**moved: float) -> Sequence[Prosody]:
    rng = random.Random(3)
    return [said(rng, **moved) for _ in range(8)]


@pytest.mark.parametrize(
    ("heard", "why"),
    [
        (call(), ""),
        (call(pitch=6, louder=10, harder=8), ""),  # anger, not another microphone
        (call(louder=4), ""),
        (call(louder=12), "12 dB louder than in your calm sample"),
        (call(louder=-14), "14 dB quieter than in your calm sample"),
        (call(harder=9), "you sound brighter than in your calm sample (8 dB"),
        (call(harder=-9), "you sound darker than in your calm sample (10 dB"),
        (call(pitch=-8), "not in the voice of your calm sample"),
        (call(louder=12)[:3], ""),  # too few to tell
    ],
)
def test_a_changed_microphone_asks_for_a_new_sample_and_teaches_nothing(heard: Sequence[Prosody], why: str) -> None:
    found = outgrown(BASE, heard)
    assert why in found
    assert bool(found) == bool(why)
    if why:
        assert refine(BASE, BASE, heard) == BASE
