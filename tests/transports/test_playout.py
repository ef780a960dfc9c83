"""What goes to the loudspeaker, to the sample, and what time stamps tell."""

from __future__ import annotations

import numpy as np
import pytest

from voicetrainer.speech.audio import RATE, Samples
from voicetrainer.transports.playout import FADE, JUMP, Clock, Player

BLOCK = 320


def ramp(count: int, first: float = 0.1) -> Samples:
    """A sound of which every sample is different."""
    return np.linspace(first, first + 0.4, count, dtype=np.float32)


def drain(player: Player, blocks: int) -> Samples:
    return np.concatenate([player.pull(BLOCK) for _ in range(blocks)])


def test_a_line_comes_out_as_it_went_in() -> None:
    player, clip = Player(), ramp(1000)
    player.pull(BLOCK)
    player.play(clip)
    assert player.busy
    out = drain(player, 4)
    assert np.array_equal(out[:1000], clip) and not out[1000:].any()
    assert list(player.events) == [("started", 320), ("ended", 1320)]
    assert not player.busy


@pytest.mark.parametrize("pulled", [1, 2])
def test_a_cut_line_fades(pulled: int) -> None:
    player, clip = Player(), np.ones(5000, np.float32)
    player.play(clip)
    drain(player, pulled)
    player.stop()
    out = drain(player, 2)
    fade = out[:FADE]
    assert fade[0] == 1 and 0 < fade[-1] < 0.01 and (np.diff(fade) < 0).all()
    assert not out[FADE:].any()
    assert list(player.events) == [("started", 0), ("cut", pulled * BLOCK + FADE)]


def test_a_line_over_a_line_cuts_it_first() -> None:
    player, second = Player(), ramp(100)
    player.play(np.ones(5000, np.float32))
    player.pull(BLOCK)
    player.play(second)
    out = player.pull(BLOCK)
    assert np.array_equal(out[FADE : FADE + 100], second)
    assert list(player.events) == [
        ("started", 0), ("cut", BLOCK + FADE), ("started", BLOCK + FADE), ("ended", BLOCK + FADE + 100),
    ]  # fmt: skip


def test_a_line_taken_back_before_it_began() -> None:
    player = Player()
    player.play(ramp(100))
    player.stop()
    assert not drain(player, 2).any() and not player.events


def test_pieces_join_without_a_seam_and_a_late_one_leaves_silence_but_no_end() -> None:
    player, clip = Player(), ramp(1500)
    player.play(clip[:200], whole=False)
    player.more(clip[200:500], whole=False)
    first = drain(player, 2)
    assert np.array_equal(first[:500], clip[:500]) and not first[500:].any()
    assert list(player.events) == [("started", 0)] and player.busy
    player.more(clip[500:])
    assert np.array_equal(drain(player, 4)[:1000], clip[500:])
    assert list(player.events) == [("started", 0), ("ended", 640 + 1000)]
    player.more(clip)
    assert not drain(player, 1).any()


def test_a_piece_for_a_line_that_was_cut_is_not_played() -> None:
    player = Player()
    player.play(ramp(100), whole=False)
    player.pull(BLOCK)
    player.stop()
    player.more(ramp(1000))
    assert not drain(player, 3).any()
    assert [what for what, _ in player.events] == ["started", "cut"]


def test_a_pause_holds_the_line_and_loses_none_of_it() -> None:
    player, clip = Player(), np.ones(2000, np.float32)
    player.play(clip)
    player.pull(BLOCK)
    player.pause(True)
    held = drain(player, 5)
    assert held[0] == 1 and (np.diff(held[:FADE]) < 0).all() and not held[FADE:].any()
    player.pause(False)
    out = drain(player, 6)
    assert out[0] < 0.01 and (out[FADE : 2000 - BLOCK] == 1).all() and not out[2000 - BLOCK :].any()
    assert player.events[-1] == ("ended", 6 * BLOCK + 2000 - BLOCK)


def test_what_was_handed_out_can_be_looked_up() -> None:
    player, clip = Player(), ramp(1000)
    player.play(clip)
    drain(player, 4)
    assert np.array_equal(player.pulled(100, 500), clip[100:600])
    assert not player.pulled(-50, 50).any() and not player.pulled(1280, 100).any()
    assert np.array_equal(player.pulled(-1, 3)[1:], clip[:2])
    drain(player, 21 * 50)  # 21 s later it is forgotten, and not taken for something else
    assert not player.pulled(0, 500).any()


def fed(clock: Clock, count: int, start: int = 0, shift: float = 0.0, jitter: float = 0.0) -> list[float]:
    rng = np.random.default_rng(start)
    return [
        clock.observe(i * BLOCK, i * BLOCK / clock.rate + 5 + shift + float(rng.uniform(-jitter, jitter)))
        for i in range(start, start + count)
    ]


def test_a_clock_learns_from_rough_time_stamps() -> None:
    clock = Clock(RATE)
    assert not clock.steady
    assert not any(fed(clock, 100, jitter=0.004))
    assert clock.steady
    assert clock.time_of(16_000) == pytest.approx(6, abs=0.001)
    assert clock.position_at(6) == pytest.approx(16_000, abs=16)


def test_a_clock_follows_a_device_that_runs_fast() -> None:
    clock = Clock(RATE)
    for i in range(3000):  # a minute, 200 parts in a million: 12 ms
        assert clock.observe(i * BLOCK, i * BLOCK / RATE * (1 + 200e-6)) == 0
    assert clock.time_of(3000 * BLOCK) == pytest.approx(60 * (1 + 200e-6), abs=0.001)


@pytest.mark.parametrize("shift", [0.3, -0.3, JUMP * 1.5])
def test_a_jump_is_told_once_and_only_when_it_lasts(shift: float) -> None:
    clock = Clock(RATE)
    fed(clock, 100)
    assert not any(fed(clock, 5, 100, shift)), "a few odd stamps are no jump"
    assert not any(fed(clock, 50, 105))
    jumps = [jump for jump in fed(clock, 60, 155, shift) if jump]
    assert jumps == [pytest.approx(shift, abs=1e-6)]
    assert clock.time_of(0) == pytest.approx(5 + shift, abs=1e-6)


def test_a_clock_whose_stamps_are_all_over_the_place_is_given_up_but_not_stuck() -> None:
    clock = Clock(RATE)
    fed(clock, 100)
    fed(clock, 60, 100, 2.0, jitter=0.1)
    assert clock.time_of(0) == pytest.approx(7, abs=0.1)
    assert not clock.steady
