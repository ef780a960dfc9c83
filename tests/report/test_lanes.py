from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.report import calls
from tests.report.making import BASELINE, FOLDER, SPOKEN
from voicetrainer.recording import Session
from voicetrainer.report.lanes import HEIGHT, WIDTH, Curve, draw
from voicetrainer.roleplay.events import (
    Baseline,
    Ended,
    Heard,
    LineStarted,
    LineStopped,
    MoodChanged,
    Prosody,
    Say,
    Steadiness,
    Track,
)
from voicetrainer.roleplay.steadiness import RAISED


def spoken(*events: object, baseline: Baseline | None = BASELINE) -> Session:
    """A ten-second spoken call of these events."""
    header = replace(SPOKEN, baseline=baseline)
    return Session(FOLDER, header, (*events, Ended(10.0, "left", "")), None, False)  # type: ignore[arg-type]


def voiced(pitch: float | None = 182.0, loud: float | None = -27.5, start: float = 2.0, seconds: float = 4.0) -> Heard:
    """An utterance of one pitch and loudness."""
    n = int(seconds / 0.02)
    track = Track(0.02, (pitch,) * n, (loud,) * n)
    return Heard(start + seconds, start, start + seconds, (), Prosody(seconds, seconds, word_rate=252.0, track=track))


def curve(session: Session, name: str) -> Curve:
    return next(c for c in draw(session, "Maria").curves if c.name == name)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?\d+) (-?\d+)", path)]


def test_a_voice_an_octave_up_is_drawn_at_twelve_semitones() -> None:
    drawn = curve(spoken(voiced(pitch=364.0)), "Pitch")
    top = next(t.at for t in drawn.ticks if t.text == "+12")
    assert {y for _, y in points(drawn.path)} == {top * HEIGHT / 100}
    xs = [x for x, _ in points(drawn.path)]
    assert min(xs) == pytest.approx(0.2 * WIDTH, abs=WIDTH * 0.005)
    assert max(xs) == pytest.approx(0.6 * WIDTH, abs=WIDTH * 0.005)


def test_a_calm_voice_lies_on_the_baseline() -> None:
    session = spoken(voiced(), Steadiness(6.0, 1, "steady", 0.0, (), 0.0, 0.0, 0.0, 1.0))
    for name in ("Pitch", "Loudness"):
        drawn = curve(session, name)
        assert {y for _, y in points(drawn.path)} == {round(drawn.calm * HEIGHT / 100)}
        assert [level.y for level in drawn.levels] == [drawn.calm]
        assert drawn.ticks[-1].at < drawn.calm < drawn.ticks[0].at, "upwards is higher"


def test_pauses_leave_gaps_and_do_not_stretch_the_lane() -> None:
    loud = (-27.5,) * 50 + (-80.0,) * 50 + (-27.5,) * 50
    track = Track(0.02, (None,) * 150, loud)
    heard = Heard(5.0, 2.0, 5.0, (), Prosody(3.0, 0.0, track=track))
    drawn = curve(spoken(heard), "Loudness")
    assert [t.text for t in drawn.ticks] == ["−12", "−6", "±0", "+6"]
    xs = [x * 10 / WIDTH for x, _ in points(drawn.path)]
    assert not [x for x in xs if 3.05 < x < 3.95]
    assert all(c.name != "Pitch" for c in draw(spoken(heard), "Maria").curves), "no pitch, no lane"


def test_octave_errors_do_not_leave_the_lane() -> None:
    drawn = curve(spoken(voiced(pitch=5000.0)), "Pitch")
    assert all(0 <= y <= HEIGHT for _, y in points(drawn.path))


def test_pace_is_the_judged_ratio() -> None:
    judged = curve(spoken(voiced(), Steadiness(6.0, 1, "tense", 0.5, (), rate=0.75)), "Pace")
    ticks = {t.text: t.at for t in judged.ticks}
    assert [(level.y, level.level) for level in judged.levels] == [((ticks["1×"] + ticks["0.5×"]) / 2, "tense")]


def test_a_pace_that_was_not_told_is_not_drawn_from_the_words_alone() -> None:
    session = spoken(voiced(), Steadiness(6.0, 1, "tense", 0.5, ("pace not told",)))  # 252 words a minute against 168
    assert "Pace" not in [c.name for c in draw(session, "Maria").curves]


def test_without_a_baseline_or_a_voice_the_lanes_say_why_they_are_missing() -> None:
    heard = voiced()
    for session, why in [
        (spoken(heard, baseline=None), "None was recorded"),
        (spoken(), "No voice was measured"),
        (calls.typed().session, "typed"),
    ]:
        lanes = draw(session, "Maria")
        assert lanes.curves == ()
        assert why in lanes.missing
    assert draw(calls.typed().session, "Maria").voices == ()
    assert draw(calls.typed().session, "Maria").anger is not None


def test_anger_steps_at_each_change_and_changes_at_once_share_a_mark() -> None:
    session = spoken(
        Say(0.0, 1, "no", "s", 7.0),
        MoodChanged(2.0, 1, 7.0, 8.0, "blame", "was made the guilty one"),
        MoodChanged(2.0, 1, 8.0, 9.0, "rude", "was insulted"),
        MoodChanged(5.0, 2, 9.0, 4.0, "apology", "got a real apology"),
        MoodChanged(6.0, 3, 4.0, 4.0, "choice", "too early"),
    )
    anger = draw(session, "Maria").anger
    assert anger is not None
    assert anger.line == "M0 60H4000V40H4000V20H10000V120H12000V120H20000"
    assert [(c.x, c.y, c.way, c.entry) for c in anger.changes] == [
        (20.0, 10.0, "rose", 1),
        (50.0, 60.0, "fell", 3),
        (60.0, 60.0, "flat", 4),
    ]
    assert anger.changes[0].says == ("0:02: anger 7.0 → 9.0. Was made the guilty one (+1.0); Was insulted (+1.0)")


def test_speech_of_both_at_once_is_marked_where_it_was() -> None:
    session = spoken(
        Say(1.0, 1, "a line", "s", 7.0),
        LineStarted(1.0, 1),
        LineStopped(4.0, 1, cut=True),
        replace(voiced(start=3.0, seconds=2.0), role="interruption", overlap=1.0),
    )
    blocks = {b.kind: b for b in draw(session, "Maria").voices}
    assert (blocks["customer"].x, blocks["customer"].w, blocks["customer"].cut) == (10.0, 30.0, True)
    assert (blocks["interruption"].x, blocks["interruption"].w) == (30.0, 20.0)
    assert (blocks["both"].x, blocks["both"].w) == (30.0, 10.0)


def test_a_long_call_is_thinned_and_keeps_its_outline() -> None:
    lanes = draw(calls.long(200).session, "Maria")
    for drawn in lanes.curves[:2]:
        assert 500 < len(points(drawn.path)) < 6000
    assert len(lanes.ticks) <= 13


@pytest.mark.parametrize(("seconds", "last"), [(9.0, "0:09"), (87.0, "1:20"), (700.0, "11:00"), (4000.0, "1:00:00")])
def test_the_time_axis_has_round_times(seconds: float, last: str) -> None:
    session = Session(FOLDER, SPOKEN, (Ended(seconds, "left", ""),), None, False)
    ticks = draw(session, "Maria").ticks
    assert ticks[0].text == "0:00"
    assert ticks[-1].text == last
    assert all(0 <= t.at <= 100 for t in ticks)
    assert len(ticks) <= 13


# --------------------------------------------------------------------------------------------------------- steadiness


def judged(score: float, **more: float) -> Steadiness:
    level = "raised" if score >= RAISED else "steady"
    return Steadiness(6.0, 1, level, score, (), 0.0, 0.0, 0.0, 1.0, **more)  # type: ignore[arg-type]


def test_the_score_of_an_utterance_lies_on_its_scale() -> None:
    drawn = curve(spoken(voiced(), judged(RAISED)), "Steadiness")
    line = next(t.at for t in drawn.ticks if t.text == "raised")
    assert [(level.y, level.level) for level in drawn.levels] == [(line, "raised")]
    assert (drawn.levels[0].x, drawn.levels[0].w) == (20.0, 40.0)
    assert drawn.path == ""
    assert "1 utterance judged, 1 raised" in drawn.says


def test_how_far_a_score_may_be_off_is_a_bar_about_it() -> None:
    drawn = curve(spoken(voiced(), judged(0.5, uncertainty=0.2)), "Steadiness")
    assert points(drawn.path) == [(WIDTH * 0.4, HEIGHT * 0.7), (WIDTH * 0.4, HEIGHT * 0.3)]
    low, high = points(curve(spoken(voiced(), judged(0.95, uncertainty=0.2)), "Steadiness").path)
    assert high[1] == 0 and low[1] == pytest.approx(0.25 * HEIGHT)  # it ends where the scale does


def test_a_rise_and_a_recovery_are_drawn_where_they_were_and_said() -> None:
    drawn = curve(spoken(voiced(), judged(0.7, rise=1.0, recovery=3.0)), "Steadiness")
    up, down = points(drawn.path)[:3], points(drawn.path)[3:]
    assert up[1][0] == 0.3 * WIDTH and down[1][0] == 0.5 * WIDTH
    assert up[1][1] < up[0][1] and down[1][1] > down[0][1]  # one points up, the other down
    assert drawn.says.endswith("It rose within an utterance at 0:03. It settled again at 0:05")


def test_a_voice_that_was_never_judged_has_no_steadiness() -> None:
    session = spoken(voiced(), Steadiness(6.0, 1, "unknown", None, ("too little voice",)))
    assert all(c.name != "Steadiness" for c in draw(session, "Maria").curves)
