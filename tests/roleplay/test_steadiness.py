from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicetrainer.errors import AudioError
from voicetrainer.roleplay.events import Baseline, Prosody
from voicetrainer.roleplay.steadiness import RAISED, TENSE, calibrate, judge

CALM = Prosody(
    seconds=3.0, voiced=1.8, pitch=120.0, pitch_spread=2.0, loudness=-26.0, noise=-60.0, tilt=-10.0,
    syllable_rate=4.0, word_rate=160.0, body=-4.0, lilt=-0.2,
)  # fmt: skip
BASE = calibrate([CALM, CALM])


def semitones(number: float) -> float:
    return 120.0 * float(2 ** (number / 12))


def score(prosody: Prosody) -> float:
    found = judge(prosody, BASE, 1.0, 1).score
    assert found is not None
    return found


def test_calibration_is_the_mean_of_its_sentences() -> None:
    higher = replace(CALM, pitch=240.0, tilt=-6.0, loudness=-20.0, syllable_rate=5.0, word_rate=None)
    base = calibrate([CALM, higher])
    assert base.pitch == pytest.approx(120 * 2**0.5, abs=0.1)  # the middle in semitones
    assert (base.tilt, base.loudness, base.syllable_rate, base.word_rate) == (-8.0, -23.0, 4.5, 160.0)
    assert (base.utterances, base.seconds) == (2, 6.0)


def test_calibration_leaves_out_what_cannot_be_judged() -> None:
    assert calibrate([CALM, replace(CALM, clipped=0.2, tilt=5.0)]).tilt == CALM.tilt
    with pytest.raises(AudioError, match=r"too little voice to judge \(0.2 seconds\)"):
        calibrate([replace(CALM, voiced=0.2)])
    with pytest.raises(AudioError, match="nothing was recorded"):
        calibrate([])


@pytest.mark.parametrize(
    ("prosody", "baseline", "reason"),
    [
        (None, BASE, "typed"),
        (CALM, None, "no calm voice of yours"),
        (replace(CALM, voiced=0.4), BASE, "too little voice to judge (0.4 seconds)"),
        (replace(CALM, pitch=None), BASE, "too little voice"),
        (replace(CALM, clipped=0.05), BASE, "5 % of the sound is cut off"),
        (replace(CALM, noise=-30.0), BASE, "4 dB above the background"),
    ],
)
def test_it_abstains_with_a_reason(prosody: Prosody | None, baseline: Baseline | None, reason: str) -> None:
    verdict = judge(prosody, baseline, 2.5, 3)
    assert (verdict.level, verdict.score, verdict.t, verdict.turn) == ("unknown", None, 2.5, 3)
    assert len(verdict.reasons) == 1 and reason in verdict.reasons[0]
    assert (verdict.pitch, verdict.loudness, verdict.tilt, verdict.rate) == (None,) * 4


def test_the_calm_voice_is_steady() -> None:
    verdict = judge(CALM, BASE, 1.0, 1)
    assert verdict.level == "steady"
    assert verdict.reasons == ("close to your calm voice",)
    assert (verdict.pitch, verdict.loudness, verdict.tilt, verdict.rate) == (0, 0, 0, 1)


def test_a_raised_voice_and_its_reasons() -> None:
    shout = replace(CALM, pitch=semitones(4.1), loudness=-19.0, tilt=-3.0, word_rate=208.0)
    verdict = judge(shout, BASE, 1.0, 1)
    assert verdict.level == "raised"
    assert set(verdict.reasons) == {
        "4.1 semitones above your calm pitch",
        "7 dB louder",
        "30 % faster",
        "a harder, brighter sound (+7 dB at 1-5 kHz)",
    }
    assert (verdict.pitch, verdict.loudness, verdict.tilt, verdict.rate) == (4.1, 7.0, 7.0, 1.3)


@pytest.mark.parametrize("pitch", [2, 5, 9, 20])
@pytest.mark.parametrize("louder", [0, 8])
def test_a_lively_voice_is_not_punished(pitch: float, louder: float) -> None:
    warm = replace(CALM, pitch=semitones(pitch), loudness=-26.0 + louder, pitch_spread=4.0, tilt=-9.5, word_rate=190.0)
    assert score(replace(warm, lilt=0.0)) < score(warm)
    verdict = judge(warm, BASE, 1.0, 1)
    assert verdict.level == "steady"
    if pitch >= 3:
        assert "lively, and not pressed" in verdict.reasons


def test_levels_are_graded() -> None:
    levels = [judge(replace(CALM, pitch=semitones(2), tilt=-10.0 + d), BASE, 1, 1) for d in range(12)]
    names = [verdict.level for verdict in levels]
    assert names == sorted(names, key=("steady", "tense", "raised").index)
    assert set(names) == {"steady", "tense", "raised"}
    for verdict in levels:
        assert verdict.score is not None
        assert (verdict.level == "raised") == (verdict.score >= RAISED)
        assert (verdict.level == "steady") == (verdict.score < TENSE)


@given(
    pitch=st.floats(-24, 24), tilt=st.floats(-40, 40), loudness=st.floats(-60, 0), body=st.floats(-30, 0),
    lilt=st.floats(-1, 1), more=st.floats(0, 20),
)  # fmt: skip
def test_more_of_a_cue_never_lowers_the_score(
    pitch: float, tilt: float, loudness: float, body: float, lilt: float, more: float
) -> None:
    less = replace(CALM, pitch=semitones(pitch), tilt=tilt, loudness=loudness, noise=-100.0, body=body, lilt=lilt)
    for up in (
        replace(less, pitch=semitones(pitch + more)),
        replace(less, tilt=tilt + more),
        replace(less, body=body - more),
        replace(less, lilt=lilt - more / 10),
    ):
        assert 0 <= score(less) <= score(up) <= 1


def test_gain_alone_changes_no_score() -> None:
    assert score(replace(CALM, loudness=-10.0, noise=-44.0)) == score(CALM)


@pytest.mark.parametrize("name", ["pitch_spread", "loudness", "noise", "syllable_rate", "word_rate", "body", "lilt"])
def test_what_was_not_measured_does_not_count(name: str) -> None:
    missing: dict[str, Any] = {name: None}
    verdict = judge(replace(CALM, **missing), BASE, 1.0, 1)
    assert verdict.level == "steady"
    empty = Baseline(2, 6.0, None, None, None, None, None, None)
    assert judge(CALM, empty, 1.0, 1).level == "unknown"


def test_syllables_stand_in_for_words() -> None:
    base = calibrate([replace(CALM, word_rate=None)])
    assert judge(replace(CALM, syllable_rate=6.0), base, 1.0, 1).rate == 1.5
