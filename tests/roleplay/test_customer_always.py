"""What holds of the customer whatever is said: properties over made-up calls."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.roleplay.scripted import MOOD, PATIENCE, SMALL, TEMPER, customer, moods, outcome, play, said
from voicetrainer.roleplay.customer import Customer
from voicetrainer.roleplay.events import Decision, Ended, Fact, MoodChanged, Noticed, Say
from voicetrainer.roleplay.mood import State
from voicetrainer.roleplay.techniques import LABELS, MISTAKES, TECHNIQUES

HARD = [m for m in MISTAKES if MOOD[m] >= max(-MOOD[t] for t in TECHNIQUES)]
"""Mistakes that cost at least as much as any one technique earns."""


labels = st.sampled_from([*LABELS, "hm", "order number"])
scores = st.sampled_from(["", "@0.3", "@0.75"])
texts = st.lists(st.builds("{}{}".format, labels, scores), max_size=4).map(" ".join)
turns = st.one_of(texts, texts.map("!{}".format), st.just("..."))
calls = st.lists(turns, max_size=25)
starts = st.sampled_from([0.5, 3.0, 6.0, 8.5, 9.4])
every = settings(derandomize=True, deadline=None, max_examples=150)


@given(calls, starts)
@every
def test_the_ledger_explains_every_change(lines: list[str], start: float) -> None:
    events = play(lines, customer(anger=start))
    anger = start
    for event in events:
        if isinstance(event, MoodChanged):
            assert event.before == anger
            assert event.rule in MOOD
            assert event.because
            anger = event.after
        elif isinstance(event, Say):
            assert event.anger == anger
    changes = [e.after - e.before for e in events if isinstance(e, MoodChanged)]
    assert start + sum(changes) == pytest.approx(anger)


@given(calls, starts)
@every
def test_anger_stays_between_its_ends_and_moves_by_so_much_at_most(lines: list[str], start: float) -> None:
    events = play(lines, customer(anger=start))
    by_turn: defaultdict[float, float] = defaultdict(float)
    for event in events:
        if isinstance(event, MoodChanged):
            assert 0 <= event.after <= 10
            by_turn[event.t] += event.after - event.before
    assert all(-PATIENCE - 0.011 <= moved <= TEMPER + 0.011 for moved in by_turn.values())


@given(calls, starts)
@every
def test_the_same_call_goes_the_same_way(lines: list[str], start: float) -> None:
    who = customer(anger=start)
    events = play(lines, who)
    assert play(lines, who) == events
    state, decisions = who.begin()
    replayed: list[Decision] = list(decisions)
    for fact in [e for e in events if isinstance(e, Fact)]:
        before = dataclasses.replace(state, times=dict(state.times), used=dict(state.used))
        state, decisions = who.respond(state, fact)
        assert before == _again(who, before, fact, state, decisions)
        replayed += decisions
    assert replayed == [e for e in events if not isinstance(e, Fact)]


def _again(who: Customer, before: State, fact: Fact, state: State, decisions: Sequence[Decision]) -> State:
    """Answer a second time: the same answer, and the state it was given is as it was."""
    assert who.respond(before, fact) == (state, decisions)
    return before


@given(calls, starts)
@every
def test_no_line_is_said_again_while_another_of_its_list_is_left(lines: list[str], start: float) -> None:
    lists: dict[tuple[str | int, ...], list[str]] = {}
    for path, line in SMALL.spoken_lines():
        lists.setdefault(path[:-1], []).append(SMALL.fill(line.say))
    times = Counter(said(play(lines, customer(anger=start))))
    assert set(times) <= {line for choices in lists.values() for line in choices}
    for choices in lists.values():
        counts = [times[line] for line in choices]
        assert max(counts) - min(counts) <= 1


@given(calls, starts)
@every
def test_lines_are_numbered_and_only_the_last_is_final(lines: list[str], start: float) -> None:
    events = play(lines, customer(anger=start))
    spoken = [e for e in events if isinstance(e, Say)]
    assert [e.line for e in spoken] == list(range(1, len(spoken) + 1))
    assert not any(e.final for e in spoken[:-1])
    assert [isinstance(e, Ended) for e in events].count(True) == 1
    assert spoken[-1].final == (outcome(events) != "left")
    numbers = [e.turn for e in events if isinstance(e, Noticed)]
    assert numbers == sorted(numbers)


mistaken = st.lists(st.builds("{}{}".format, st.sampled_from([*MISTAKES, "hm"]), scores), max_size=4).map(" ".join)


@given(st.lists(st.one_of(mistaken, mistaken.map("!{}".format), st.just("...")), max_size=30), starts)
@every
def test_a_customer_who_is_argued_with_is_never_won(lines: list[str], start: float) -> None:
    events = play(lines, customer(anger=start))
    assert outcome(events) in ("left", "hung_up", "out_of_time")
    assert all(change >= 0 for _, change in moods(events))


argued = st.builds("{} {}".format, st.sampled_from(TECHNIQUES), st.sampled_from(HARD))


@given(st.lists(argued, max_size=40))
@every
def test_nor_is_one_who_gets_a_kind_word_with_every_blow(lines: list[str]) -> None:
    events = play(lines)
    assert outcome(events) in ("left", "hung_up", "out_of_time") or "escalate" in " ".join(lines)
    assert min((e.after for e in events if isinstance(e, MoodChanged)), default=6) >= 6 - max(
        -MOOD[t] for t in TECHNIQUES
    )
