from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicetrainer.errors import AudioError
from voicetrainer.roleplay import steadiness
from voicetrainer.roleplay.events import Baseline, Prosody, Steadiness, Track
from voicetrainer.roleplay.steadiness import PEOPLE, RAISED, TENSE, Reading, calibrate, judge, read

CALM = Prosody(
    seconds=3.0, voiced=1.8, pitch=120.0, pitch_spread=2.0, loudness=-26.0, noise=-60.0, tilt=-10.0,
    syllable_rate=4.0, word_rate=160.0, body=-4.0, lilt=-0.2, ending=-6.0, unison=0.3, climb=-0.1,
    word_syllables=4.4, thinning=-1.0,
)  # fmt: skip
BASE = calibrate([CALM, CALM])


def semitones(number: float) -> float:
    return 120.0 * float(2 ** (number / 12))


def score(prosody: Prosody) -> float:
    found = judge(prosody, BASE, 1.0, 1).score
    assert found is not None
    return found


def test_calibration_is_the_mean_of_its_sentences() -> None:
    higher = replace(
        CALM, pitch=240.0, tilt=-6.0, loudness=-20.0, syllable_rate=5.0, word_rate=None, word_syllables=None
    )
    base = calibrate([CALM, higher])
    assert base.pitch == pytest.approx(120 * 2**0.5, abs=0.1)  # the middle in semitones
    assert (base.tilt, base.loudness, base.syllable_rate, base.word_rate) == (-8.0, -23.0, 4.5, 160.0)
    assert base.word_syllables == 4.4
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
        (replace(CALM, voiced=0.4), BASE, "too little voice to judge (0.4 seconds)"),
        (replace(CALM, pitch=None), BASE, "too little voice"),
        (replace(CALM, clipped=0.05), BASE, "5 % of the sound is cut off"),
        (replace(CALM, noise=-30.0), BASE, "4 dB above the background"),
        (replace(CALM, pitch=semitones(-7.3)), BASE, "another voice, by its pitch: 7.3 semitones below"),
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
    shout = replace(CALM, pitch=semitones(4.1), loudness=-19.0, tilt=-3.0, syllable_rate=5.2, word_syllables=5.6)
    verdict = judge(shout, BASE, 1.0, 1)
    assert verdict.level == "raised"
    assert set(verdict.reasons) == {
        "4.1 semitones above your calm pitch",
        "7 dB louder",
        "30 % faster",
        "a harder, brighter sound (+7 dB at 1-5 kHz)",
    }
    assert (verdict.pitch, verdict.loudness, verdict.tilt, verdict.rate) == (4.1, 7.0, 7.0, 1.3)


@pytest.mark.parametrize("pitch", [2, 5, 9, 14])
@pytest.mark.parametrize("louder", [0, 8])
def test_a_lively_voice_is_not_punished(pitch: float, louder: float) -> None:
    warm = replace(CALM, pitch=semitones(pitch), loudness=-26.0 + louder, pitch_spread=4.0, tilt=-9.5, word_rate=190.0)
    assert score(replace(warm, lilt=0.0)) < score(warm)
    verdict = judge(warm, BASE, 1.0, 1)
    assert verdict.level == "steady"
    if pitch >= 3:
        assert "lively, and not pressed" in verdict.reasons


@pytest.mark.parametrize(
    ("higher", "brighter", "level"),
    [
        (-4.9, 0, "steady"),
        (-5.1, 15, "unknown"),  # nobody goes so low
        (4.9, -6, "steady"),
        (5.1, -6, "unknown"),  # nor so high without the sound of it
        (10, -1.1, "unknown"),
        (10, -0.9, "steady"),
        (14, 8, "raised"),  # it may be their own
        (19, 10, "raised"),
        (19, 1, "unknown"),
    ],
)
def test_another_voice_is_lower_or_higher_and_no_brighter(higher: float, brighter: float, level: str) -> None:
    verdict = judge(replace(CALM, pitch=semitones(higher), tilt=-10.0 + brighter), BASE, 1.0, 1)
    assert verdict.level == level
    assert ("another voice" in verdict.reasons[0]) == (level == "unknown")


@pytest.mark.parametrize("pitch", [60.0, 400.0])
def test_without_a_sample_there_is_no_other_voice(pitch: float) -> None:
    assert judge(replace(CALM, pitch=pitch), None, 1.0, 1).level == "steady"


def test_a_voice_that_is_not_steady_always_has_a_reason() -> None:
    pressed = replace(CALM, tilt=-9.0, pitch=semitones(0.9), ending=3.0, unison=0.7, climb=0.6)
    verdict = judge(pressed, BASE, 1.0, 1)
    assert verdict.level == "tense"
    assert verdict.reasons == ("force kept to the ends of phrases", "loudest where it is highest")
    slight = judge(replace(CALM, tilt=-7.2, pitch=semitones(1.9), lilt=-0.25), BASE, 1.0, 1)
    assert slight.level == "tense"
    assert slight.reasons == ("a little above your calm pitch", "a slightly harder, brighter sound")


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
    pitch=st.floats(-4.9, 24), tilt=st.floats(-40, 40), loudness=st.floats(-60, 0), body=st.floats(-30, 0),
    lilt=st.floats(-1, 1), ending=st.floats(-25, 10), unison=st.floats(-1, 1), climb=st.floats(-2, 2),
    thinning=st.floats(-20, 10), more=st.floats(0, 20),
)  # fmt: skip
def test_more_of_a_cue_never_lowers_the_score(
    pitch: float, tilt: float, loudness: float, body: float, lilt: float, ending: float, unison: float, climb: float,
    thinning: float, more: float,
) -> None:  # fmt: skip
    less = replace(
        CALM, pitch=semitones(pitch), tilt=tilt, loudness=loudness, noise=-100.0, body=body, lilt=lilt, ending=ending,
        unison=unison, climb=climb, thinning=thinning,
    )  # fmt: skip
    for up in (
        replace(less, pitch=semitones(pitch + more)),
        replace(less, tilt=tilt + more),
        replace(less, body=body - more),
        replace(less, lilt=lilt - more / 10),
        replace(less, ending=ending + more),
        replace(less, unison=unison + more / 10),
        replace(less, climb=climb + more / 10),
        replace(less, thinning=thinning - more),
    ):
        assert steadiness._evidence(less, BASE) <= steadiness._evidence(up, BASE)


def test_gain_alone_changes_no_score() -> None:
    assert score(replace(CALM, loudness=-10.0, noise=-44.0)) == score(CALM)


@pytest.mark.parametrize(
    "name",
    "pitch_spread loudness noise syllable_rate word_rate word_syllables body lilt ending unison climb thinning".split(),
)
def test_what_was_not_measured_does_not_count(name: str) -> None:
    missing: dict[str, Any] = {name: None}
    verdict = judge(replace(CALM, **missing), BASE, 1.0, 1)
    assert verdict.level == "steady"


@pytest.mark.parametrize(
    ("sound", "words", "calm_words", "rate"),
    [
        (6.0, None, None, 1.5),  # nothing was understood
        (6.0, 6.2, 4.4, 1.5),
        (6.0, 4.4, 4.4, None),  # the words have not become faster
        (2.6, 4.4, 4.4, None),  # an echo
        (2.6, 2.8, 4.4, 0.65),
        (4.4, 2.0, 2.0, 1.1),  # somebody whose words are always so
        (6.0, 4.4, None, 1.5),  # without the words of the calm sample: 1.36 times as many syllables
        (6.0, 4.2, None, None),
        (6.0, 8.5, None, None),
    ],
)
def test_a_pace_is_told_where_the_sound_and_the_words_agree(
    sound: float, words: float | None, calm_words: float | None, rate: float | None
) -> None:
    base = replace(BASE, word_syllables=calm_words)
    verdict = judge(replace(CALM, syllable_rate=sound, word_syllables=words), base, 1.0, 1)
    assert verdict.rate == rate
    assert ("pace not told: the sound and the words disagree" in verdict.reasons) == (rate is None)
    assert verdict.level == "steady"


def test_nothing_is_said_of_a_pace_that_would_not_be_worth_telling() -> None:
    verdict = judge(replace(CALM, word_syllables=2.0), BASE, 1.0, 1)
    assert verdict.rate is None
    assert verdict.reasons == ("close to your calm voice",)


# ---------------------------------------------------------------------------------- without a calm sample; uncertainty

GENERAL = "no calm sample of yours: judged against people in general"


@pytest.mark.parametrize("baseline", [None, Baseline(2, 6.0, None, None, None, None, None, None)])
def test_without_a_calm_sample_people_in_general_stand_in(baseline: Baseline | None) -> None:
    verdict = judge(CALM, baseline, 1.0, 1)
    assert verdict.level == "steady"
    assert verdict.reasons == (GENERAL,)  # nothing about "your calm voice", which nobody knows
    assert (verdict.pitch, verdict.loudness, verdict.tilt, verdict.rate) == (None,) * 4


@given(tilt=st.floats(-30, 20), pitch=st.floats(60, 500), body=st.floats(-15, 5), lilt=st.floats(-1, 1))
def test_without_a_calm_sample_it_takes_more_to_be_raised(tilt: float, pitch: float, body: float, lilt: float) -> None:
    said = replace(CALM, tilt=tilt, pitch=pitch, body=body, lilt=lilt)
    people = replace(PEOPLE, pitch=pitch, seconds=12.0)  # somebody whose calm voice is like everybody's
    known, unknown = judge(said, people, 1.0, 1), judge(said, None, 1.0, 1)
    assert known.score is not None and unknown.score is not None
    assert unknown.score < known.score or known.score < 0.005  # too low to tell once rounded
    assert unknown.reasons[-1] == GENERAL
    assert unknown.score == judge(replace(said, pitch=100.0), None, 1.0, 1).score  # pitch says who speaks, not how


def test_strong_evidence_is_raised_even_so() -> None:
    assert judge(replace(CALM, tilt=2.0, body=-9.0), None, 1.0, 1).level == "raised"
    assert judge(replace(CALM, tilt=-4.0, body=-5.0), None, 1.0, 1).level == "steady"


def test_uncertainty_falls_with_what_is_known_of_the_learner() -> None:
    tense = replace(CALM, pitch=semitones(2), tilt=-7.0)
    one = calibrate([CALM])
    many = calibrate([CALM] * 5)
    found = [judge(tense, base, 1.0, 1).uncertainty for base in (many, one)]
    assert all(u is not None and 0 < u < 0.5 for u in found)
    assert found == sorted(found, key=lambda u: u or 0) and found[0] != found[1]
    assert judge(None, many, 1.0, 1).uncertainty is None


# ------------------------------------------------------------------------------------------------- while it is spoken


def test_a_meter_reads_what_the_judge_will_say() -> None:
    shout = replace(CALM, pitch=semitones(4.1), loudness=-19.0, tilt=-3.0)
    verdict = judge(shout, BASE, 1.0, 1)
    assert read(shout, BASE) == Reading("raised", verdict.score, verdict.reasons[0])
    assert read(replace(CALM, voiced=0.2), BASE) == Reading("unknown", None, "too little voice to judge (0.2 seconds)")


# ---------------------------------------------------------------------------------------------- within one utterance


def spoken(*parts: tuple[float, float, float], drop: bool = False) -> Steadiness:
    """Judge an utterance of parts, each of some seconds, dB of tilt and semitones of pitch above the calm voice."""
    tilt = [-10 + part[1] for part in parts for _ in range(round(10 * part[0]))]
    pitch = [semitones(part[2]) for part in parts for _ in range(round(10 * part[0]))]
    track = Track(0.1, tuple(pitch), (-26.0,) * len(tilt), () if drop else tuple(tilt))
    whole = sorted(tilt)[int(0.8 * (len(tilt) - 1))]
    said = replace(
        CALM, seconds=len(tilt) / 10, voiced=len(tilt) / 10, track=track, tilt=whole,
        pitch=sorted(pitch)[len(pitch) // 2],
    )  # fmt: skip
    return judge(said, BASE, 1.0, 1)


LOW, HIGH = (2.0, 0.0, 0.0), (2.0, 10.0, 3.0)


@pytest.mark.parametrize(
    ("parts", "rise", "recovery", "words"),
    [
        ([LOW, LOW], None, None, ()),
        ([HIGH, HIGH], None, None, ()),
        ([LOW, LOW, HIGH], 4.0, None, ("rising in the second half",)),
        ([HIGH, LOW], None, 2.0, ("settling again in the second half",)),
        ([LOW, HIGH, LOW, LOW], 2.0, 4.0, ("rising in the first half", "settling again in the second half")),
        ([LOW, LOW, LOW, HIGH, LOW], 6.0, 8.0, ("rising in the second half", "settling again in the second half")),
        ([LOW, (2.0, 0.0, 9.0)], None, None, ()),  # lively, and not pressed
        ([LOW, (0.2, 10.0, 3.0)], None, None, ()),  # too short to tell
    ],
)
def test_rises_and_recoveries_within_an_utterance(
    parts: list[tuple[float, float, float]], rise: float | None, recovery: float | None, words: tuple[str, ...]
) -> None:
    verdict = spoken(*parts)
    for found, meant in ((verdict.rise, rise), (verdict.recovery, recovery)):
        assert (found is None) == (meant is None)
        if found is not None and meant is not None:
            assert abs(found - meant) <= 1.5  # a few hard tenths already make a part hard
    assert tuple(r for r in verdict.reasons if "half" in r) == words


def test_a_track_without_tilt_tells_nothing_of_the_course() -> None:
    verdict = spoken(LOW, HIGH, drop=True)
    assert (verdict.rise, verdict.recovery) == (None, None)
    assert verdict.level == spoken(LOW, HIGH).level


def test_the_page_states_the_judge_that_ships() -> None:
    page = (Path(__file__).parents[2] / "models/steadiness/README.md").read_text(encoding="utf-8")
    rows = {
        line.split("|")[1].split(",")[0].strip(): line.split("|")[2:-1] for line in page.splitlines() if "|" in line
    }
    assert float(rows["bias"][0]) == steadiness._BIAS
    for name in ("tilt", "body", "pitch", "lilt", "ending", "unison", "climb", "thinning"):
        assert tuple(map(float, rows[name])) == getattr(steadiness, f"_{name.upper()}")
    text = " ".join(page.split())
    assert f"*Tense* from {TENSE}, *raised* from {RAISED}." in text
    people = f"tilt {PEOPLE.tilt} dB, body {PEOPLE.body} dB, lilt {PEOPLE.lilt}, ending {PEOPLE.ending} dB, "
    assert people + f"unison {PEOPLE.unison}, climb {PEOPLE.climb}, thinning {PEOPLE.thinning} dB;" in text
    assert f"more than {steadiness._OTHER:g} semitones below" in text
    assert f"lowered by {steadiness._PEOPLE_SPREAD} " in text
    assert f"Less than {steadiness._ENOUGH} seconds of voice" in text
    assert f"less than {steadiness._NOISY:g} dB quieter" in text
