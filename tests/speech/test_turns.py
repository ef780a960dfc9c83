"""Turn-taking told as little scripts: who makes sound for how long, which words were understood by then, and how high
the melody stopped.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from voicetrainer.errors import SessionError
from voicetrainer.speech.turns import PROFILES, STANDARD, Profile, Readings, Signal, Turns, profile

FRAME = 0.02
LOW, MIDDLE, HIGH = 0.0, 0.1, 0.6
Step = tuple[str, float, str]  # who sounds ("L" learner, "C" customer, "LC" both, "" nobody), seconds, words understood
DONE = "i will take care of that for you"


def run(
    script: tuple[Step, ...],
    height: float | None = LOW,
    turns: Turns | None = None,
    readings: Readings | None = None,
    hidden: float = 0.0,
) -> list[tuple[float, str]]:
    """Run a script; what was signalled and when."""
    turns = turns or Turns()
    out: list[tuple[float, str]] = []
    t = 0.0
    for who, seconds, words in script:
        for _ in range(round(seconds / FRAME)):
            t += FRAME
            said = partial(str, words)
            signal = turns.step(FRAME, "L" in who, "C" in who, said, lambda: height, readings, hidden)
            if signal is Signal.YIELDED:
                out.append((round(t, 2), turns.role + (" listening" if turns.listening else "")))
                turns.next()
            elif signal is not None:
                out.append((round(t, 2), signal.name))
    return out


def play(*script: Step) -> list[tuple[float, str]]:
    return run(script)


def what(*script: Step) -> list[str]:
    """Only what was signalled."""
    return [name for _, name in run(script)]


def waited(
    words: str, height: float | None = LOW, profile: Profile = STANDARD, readings: Readings | None = None
) -> float:
    """Silence after which a turn of these words ends."""
    times = run((("L", 2, words), ("", 5, words)), height, Turns(profile), readings)
    assert [name for _, name in times] == ["STARTED", "turn"]
    return times[1][0] - 2


@pytest.mark.parametrize(
    ("words", "height", "least", "most"),
    [
        (DONE, LOW, STANDARD.least, STANDARD.least),
        (DONE, None, STANDARD.least, 0.6),
        (DONE, HIGH, STANDARD.least, 1.0),
        ("can you give me your order number please", LOW, STANDARD.least, STANDARD.least),
        ("can you give me your order number please", HIGH, STANDARD.least, 0.6),
        ("the number is four seven", LOW, STANDARD.unsure, STANDARD.most),
        ("i am so sorry because", LOW, 1.2, STANDARD.most),
        ("i am so sorry because", HIGH, STANDARD.most, STANDARD.most),
        ("i will send you the", LOW, STANDARD.most, STANDARD.most),
        ("i will send you um", LOW, STANDARD.most, STANDARD.most),
        ("okay", LOW, STANDARD.least, STANDARD.unsure),
        ("no sorry", HIGH, STANDARD.least, STANDARD.unsure),
        ("if you", LOW, 1.2, STANDARD.most),
        ("", LOW, STANDARD.least, 1.0),
    ],
)
def test_how_long_a_silence_ends_a_turn(words: str, height: float | None, least: float, most: float) -> None:
    assert least - 0.03 <= waited(words, height) <= most + 0.03


def test_a_last_word_that_may_be_misheard_is_waited_for() -> None:
    """ "Appreciate the" was understood as "appreciate that"."""

    def wait(chance: float) -> float:
        readings = [("i appreciate that", chance), ("i appreciate the", 1 - chance)]
        return waited("i appreciate that", LOW, STANDARD, lambda: readings)

    times = [wait(chance) for chance in (0.3, 0.7, 1.0)]
    assert times[0] == pytest.approx(STANDARD.most, abs=0.03)
    assert times[0] >= times[1] >= times[2] - 0.03
    assert times[2] < times[0] - 0.5


@pytest.mark.parametrize(
    ("before", "gap", "waits"), [("we refund the cost of", 0.2, True), ("i will speak to", 0.06, False)]
)
def test_an_um_that_was_surely_taken_for_them(before: str, gap: float, waits: bool) -> None:
    script: tuple[Step, ...] = (("L", 2, before), ("", gap, before), ("L", 0.3, ""), ("", 4, f"{before} them"))
    ended = run(script, HIGH, None, lambda: [(f"{before} them", 1.0)])[1][0] - 2.5
    assert (ended == pytest.approx(STANDARD.most, abs=0.03)) == waits


def test_an_um_that_was_taken_for_a_longer_word() -> None:
    def end(chance: float) -> float:
        script: tuple[Step, ...] = (
            ("L", 2, "i can send you a"), ("", 0.2, "i can send you a"), ("L", 0.3, ""),
            ("", 4, "i can send you a phone"),
        )  # fmt: skip
        readings = [("i can send you a phone", chance), ("i can send you a form", 1 - chance)]
        return run(script, LOW, None, lambda: readings)[1][0] - 2.5

    assert end(0.5) == pytest.approx(STANDARD.most, abs=0.03)
    assert end(1.0) < STANDARD.most - 0.5


def test_the_profiles_are_ordered() -> None:
    for words in (DONE, "i will look into that", "i will send you the"):
        quick, standard, patient = (waited(words, LOW, PROFILES[name]) for name in ("quick", "standard", "patient"))
        assert quick < standard < patient


def test_a_profile_is_found_by_the_name_in_the_header() -> None:
    assert profile({}) is STANDARD
    assert profile({"turns": "patient"}).name == "patient"
    with pytest.raises(SessionError, match="hasty"):
        profile({"turns": "hasty"})
    assert all(name == p.name for name, p in PROFILES.items())


@pytest.mark.parametrize("seconds", [0.3, 0.6, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("words", ["i will call you and", "i can send you a", "we can either", "what i would", "um"])
def test_a_pause_inside_a_sentence_does_not_end_the_turn(words: str, seconds: float) -> None:
    assert what(("L", 1, words), ("", seconds, words), ("L", 1, DONE), ("", 1, DONE)) == ["STARTED", "turn"]


def test_a_sound_without_a_word_is_an_um() -> None:
    times = play(("L", 2, DONE), ("", 0.3, DONE), ("L", 0.4, DONE), ("", 3, DONE))
    assert times[1][0] == pytest.approx(2.7 + STANDARD.most, abs=0.03)


def test_a_key_or_a_click_in_the_pause_does_not_make_it_longer() -> None:
    times = play(("L", 2, DONE), ("", 0.2, DONE), ("L", 0.04, DONE), ("", 3, DONE))
    assert times[1][0] == pytest.approx(2 + STANDARD.least, abs=0.03)


@pytest.mark.parametrize("hidden", [0.0, 0.1, 0.2])
def test_in_a_loud_room_soft_ends_of_words_are_waited_for(hidden: float) -> None:
    times = run((("L", 2, DONE), ("", 3, DONE)), hidden=hidden)
    assert times[1][0] == pytest.approx(2 + STANDARD.least + hidden, abs=0.03)


def test_in_a_loud_room_a_click_in_a_pause_may_be_a_piece_of_a_word() -> None:
    script = (("L", 2, DONE), ("", 0.4, DONE), ("L", 0.04, DONE), ("", 3, DONE))
    assert run(script, hidden=0.2)[1][0] == pytest.approx(2.44 + 0.2, abs=0.03)


def test_typing_in_a_loud_room_does_not_keep_a_turn_open() -> None:
    typing = (("L", 0.04, DONE), ("", 0.12, DONE)) * 40
    times = run((("L", 2, DONE), *typing), hidden=0.2)
    assert times[1][0] == pytest.approx(2 + STANDARD.most, abs=0.2)


def test_a_loud_room_makes_no_wait_longer_that_is_long() -> None:
    script = (("L", 2, "i will send you the"), ("", 3, "i will send you the"))
    assert run(script, hidden=0.2) == run(script)


def test_long_pauses_after_finished_sentences_are_learnt() -> None:
    turns = Turns()
    cut = (("L", 2, DONE), ("", 0.6, DONE), ("L", 2, DONE), ("", 2, DONE))
    first = [name for _, name in run(cut, turns=turns)]
    assert first == ["STARTED", "turn", "STARTED", "turn"]  # the first time they are taken for the end
    assert [name for _, name in run(cut, turns=turns)] == ["STARTED", "turn"]
    assert turns.pace == pytest.approx(0.6, abs=0.1)
    for _ in range(12):
        run((("L", 2, DONE), ("", 2, DONE)), turns=turns)
    after = run((("L", 2, DONE), ("", 2, DONE)), turns=turns)
    assert after[1][0] == pytest.approx(2 + STANDARD.least, abs=0.03)  # and forgotten in time


def test_no_learner_makes_it_wait_for_ever() -> None:
    turns = Turns()
    turns.pace = 30.0
    times = run((("L", 2, DONE), ("", 5, DONE)), turns=turns)
    assert times[1][0] == pytest.approx(2 + STANDARD.least * STANDARD.adapts, abs=0.03)
    assert run((("L", 2, DONE), ("", 5, DONE)), HIGH, turns)[1][0] <= 2 + STANDARD.most + 0.03


def test_silence_counts_from_the_last_sound() -> None:
    """Voice activity says "voice" for a while after the last sound; that time is part of the silence."""
    turns = Turns(STANDARD, 0.1)
    times = run((("L", 2.08, DONE), ("", 2, DONE)), turns=turns)
    assert times[1][0] == pytest.approx(2 + STANDARD.least, abs=0.03)


def test_a_click_is_not_speech() -> None:
    assert what(("L", 0.06, ""), ("", 1, ""), ("L", 0.06, ""), ("", 1, "")) == []


def test_words_are_asked_for_seldom() -> None:
    asked = 0

    def words() -> str:
        nonlocal asked
        asked += 1
        return "i will send you the"

    turns = Turns()
    for i in range(round(4 / FRAME)):
        turns.step(FRAME, i * FRAME < 2, False, words, lambda: LOW)
    assert asked <= 7


# ---------------------------------------------------------------------------------------------- over the customer


def test_speaking_over_the_customer_interrupts() -> None:
    said = "that is not our fault"
    times = play(("C", 1, ""), ("LC", 1, said), ("L", 1, said), ("", 1, said))
    assert [name for _, name in times] == ["STARTED", "INTERRUPTS", "interruption"]
    assert times[1][0] == pytest.approx(1 + STANDARD.clash, abs=0.05)


@pytest.mark.parametrize("words", ["mm-hmm i see", "right", "", "yeah of course", "i understand"])
def test_listening_words_do_not_interrupt(words: str) -> None:
    assert what(("C", 1, ""), ("LC", 0.9, words), ("C", 2, words)) == ["STARTED", "aside listening"]


def test_the_last_word_may_still_become_another() -> None:
    assert what(("C", 1, ""), ("LC", 0.8, "i under"), ("LC", 0.2, "i understand"), ("C", 1, "i understand")) == [
        "STARTED",
        "aside listening",
    ]


def test_words_not_yet_understood_do_not_interrupt_at_once() -> None:
    assert what(("C", 1, ""), ("LC", 1.2, ""), ("C", 1, "right")) == ["STARTED", "aside listening"]


def test_what_is_said_over_the_customer_in_one_breath_interrupts_though_it_is_understood_only_then() -> None:
    assert what(("C", 1, ""), ("LC", 0.85, ""), ("C", 2, "that is our policy")) == ["STARTED", "interruption"]
    assert what(("C", 1, ""), ("LC", 0.85, ""), ("C", 2, "yes of course")) == ["STARTED", "aside listening"]
    assert what(("C", 1, ""), ("LC", 0.4, ""), ("C", 2, "but we")) == ["STARTED", "aside"]


def test_listening_words_without_end_interrupt() -> None:
    assert "INTERRUPTS" in what(("C", 1, ""), ("LC", 2.5, "yes yes yes"), ("C", 1, "yes yes yes"))


def test_a_listening_word_that_outlasts_the_line_is_still_one() -> None:
    assert what(("C", 1, ""), ("LC", 0.3, "okay"), ("L", 0.2, "okay"), ("", 2, "okay")) == [
        "STARTED",
        "aside listening",
    ]


def test_giving_way_after_a_moment_is_noticed() -> None:
    turns = Turns()
    run((("C", 1, ""), ("LC", 0.5, "but we")), turns=turns)
    for _ in range(round(STANDARD.aside / FRAME) - 1):
        turns.step(FRAME, False, True, lambda: "but we", lambda: LOW)
    assert turns.step(FRAME, False, True, lambda: "but we", lambda: LOW) is Signal.YIELDED
    assert (turns.role, turns.listening) == ("aside", False)
    assert turns.yielded == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("early", [0.1, 0.2, 0.3, 0.4])
def test_beginning_a_moment_early_is_an_ordinary_turn(early: float) -> None:
    assert what(("C", 1, ""), ("LC", early, ""), ("L", 2, DONE), ("", 1, DONE)) == ["STARTED", "turn"]


@pytest.mark.parametrize("late", [0.04, 0.2, 0.3])
def test_beginning_together_is_no_interruption_though_the_customer_stops(late: float) -> None:
    assert what(("C", late, ""), ("LC", 1, DONE), ("L", 2, DONE), ("", 1, DONE)) == ["STARTED", "INTERRUPTS", "turn"]


def test_a_customer_who_answers_just_as_the_learner_goes_on_has_not_been_interrupted() -> None:
    assert what(("L", 0.3, ""), ("LC", 1, DONE), ("L", 1, DONE), ("", 1, DONE)) == ["STARTED", "INTERRUPTS", "turn"]


def test_who_goes_on_where_the_turn_was_taken_for_over_is_let_on_soon_and_has_not_interrupted() -> None:
    cut: tuple[Step, ...] = (("L", 2, DONE), ("", STANDARD.least + 0.02, DONE), ("C", 0.4, ""), ("LC", 1, DONE))
    times = run((*cut, ("L", 1, DONE), ("", 1, DONE)))
    assert [name for _, name in times] == ["STARTED", "turn", "STARTED", "INTERRUPTS", "turn"]
    assert times[3][0] - (2 + STANDARD.least + 0.02 + 0.4) == pytest.approx(STANDARD.resumes, abs=0.03)


def test_who_begins_later_than_that_interrupts() -> None:
    later: tuple[Step, ...] = (("L", 2, DONE), ("", STANDARD.least + 0.02, DONE), ("C", 0.9, ""), ("LC", 1, DONE))
    assert [name for _, name in run((*later, ("L", 1, DONE), ("", 1, DONE)))][3:] == ["INTERRUPTS", "interruption"]


# ---------------------------------------------------------------------------------------- when the customer breaks in


def test_a_long_speech_is_told_at_8_12_16_seconds() -> None:
    times = play(("L", 17, "and so on"))
    told = [t for t, name in times if name == "STILL"]
    assert told == pytest.approx([8, 12, 16], abs=0.05)


def test_it_is_not_told_in_a_pause_or_over_the_customer() -> None:
    assert "STILL" not in what(("L", 7.9, "and"), ("", 0.5, "and"))
    assert "STILL" not in what(("L", 7, "and"), ("LC", 2, "and"), ("C", 1, "and"))


def test_how_soon_the_learner_gives_way_to_a_customer_who_breaks_in() -> None:
    turns = Turns()
    assert [n for _, n in run((("L", 9, DONE), ("LC", 0.6, DONE), ("C", 0.44, DONE)), turns=turns)] == [
        "STARTED",
        "STILL",
    ]
    signals = [turns.step(FRAME, False, True, lambda: DONE, lambda: LOW) for _ in range(4)]
    assert Signal.YIELDED in signals
    assert turns.barged
    assert turns.role == "turn"
    assert turns.yielded == pytest.approx(0.6, abs=0.03)


def test_a_learner_who_talks_on_makes_the_customer_give_way() -> None:
    times = play(("L", 9, DONE), ("LC", 4, DONE))
    names = [name for _, name in times]
    assert names == ["STARTED", "STILL", "INTERRUPTS"]
    assert times[-1][0] == pytest.approx(9 + STANDARD.insists, abs=0.05)
    turns = Turns()
    run((("L", 9, DONE), ("LC", 2.6, DONE), ("L", 1, DONE)), turns=turns)
    run((("", STANDARD.least - 0.02, DONE),), turns=turns)
    assert turns.barged and turns.yielded is None


def test_a_customer_who_breaks_in_after_an_earlier_clash_has_not_been_interrupted() -> None:
    names = what(("C", 2, ""), ("LC", 0.3, ""), ("L", 9, DONE), ("LC", 0.5, DONE), ("C", 1, DONE))
    assert names == ["STARTED", "STILL", "turn"]
    turns = Turns()
    run((("C", 2, ""), ("LC", 1, DONE), ("L", 9, DONE), ("LC", 0.5, DONE), ("C", 0.44, DONE)), turns=turns)
    assert Signal.YIELDED in [turns.step(FRAME, False, True, lambda: DONE, lambda: LOW) for _ in range(4)]
    assert (turns.role, turns.barged) == ("interruption", True)
    assert turns.yielded == pytest.approx(0.5, abs=0.03)


def test_a_learner_who_talks_on_past_a_short_line_did_not_give_way() -> None:
    turns = Turns()
    run((("L", 9, DONE), ("LC", 1, DONE), ("L", 1, DONE), ("", STANDARD.least - 0.04, DONE)), turns=turns)
    signals = [turns.step(FRAME, False, False, lambda: DONE, lambda: LOW) for _ in range(4)]
    assert Signal.YIELDED in signals
    assert turns.barged and turns.yielded is None


# ----------------------------------------------------------------------------------------------------------- bounds


def test_a_turn_has_a_bound() -> None:
    times = [(t, name) for t, name in play(("L", STANDARD.longest + 5, "and so on")) if name != "STILL"]
    assert times[1][0] == pytest.approx(STANDARD.longest, abs=0.1)
    assert times[1][1] == "turn"


def test_silence_is_told_again_and_again_but_never_while_the_customer_talks() -> None:
    assert what(("C", 20, ""), ("", 5.9, "")) == []
    assert what(("C", 1, ""), ("", 13, "")) == ["SILENCE", "SILENCE"]
    assert what(("C", 1, ""), ("", 7, ""), ("C", 1, ""), ("", 7, "")) == ["SILENCE", "SILENCE"]


def test_a_fixed_rule_is_a_profile_too() -> None:
    fixed = replace(STANDARD, least=0.8, most=0.8, unsure=0.8)
    for words in (DONE, "i will send you the", "the number is four"):
        assert waited(words, HIGH, fixed) == pytest.approx(0.8, abs=0.03)
        loud = run((("L", 2, words), ("", 3, words)), HIGH, Turns(fixed), hidden=0.2)
        assert loud[1][0] == pytest.approx(2.8, abs=0.03)
