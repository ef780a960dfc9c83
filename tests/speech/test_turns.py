"""Turn-taking told as little scripts: who makes sound for how long, and which words were understood by then."""

from __future__ import annotations

import pytest

from voicetrainer.speech.turns import STANDARD, Signal, Turns

FRAME = 0.02
Step = tuple[str, float, str]  # who sounds ("L" learner, "C" customer, "LC" both, "" nobody), seconds, words understood


def play(*script: Step) -> list[tuple[float, str]]:
    """Run a script; what was signalled and when."""
    turns = Turns()
    out: list[tuple[float, str]] = []
    t = 0.0
    for who, seconds, words in script:
        for _ in range(round(seconds / FRAME)):
            t += FRAME
            signal = turns.step(FRAME, "L" in who, "C" in who, lambda words=words: words)  # type: ignore[misc]
            if signal is Signal.YIELDED:
                out.append((round(t, 2), turns.role))
                turns.next()
            elif signal is not None:
                out.append((round(t, 2), signal.name))
    return out


def what(*script: Step) -> list[str]:
    """Only what was signalled."""
    return [name for _, name in play(*script)]


@pytest.mark.parametrize(
    ("words", "silence"),
    [
        ("i am so sorry", STANDARD.finished),
        ("i am so sorry because", STANDARD.unfinished),
        ("i will send you the", STANDARD.unfinished),
        ("", STANDARD.unfinished),
    ],
)
def test_a_turn_ends_later_when_the_phrase_is_not_finished(words: str, silence: float) -> None:
    times = play(("L", 2, words), ("", 3, words))
    assert [name for _, name in times] == ["STARTED", "turn"]
    assert times[1][0] == pytest.approx(2 + silence, abs=0.03)


def test_a_pause_inside_a_sentence_does_not_end_the_turn() -> None:
    assert what(
        ("L", 1, "i will call you and"), ("", 1.4, "i will call you and"), ("L", 1, "check"), ("", 1, "check")
    ) == [
        "STARTED",
        "turn",
    ]


def test_a_click_is_not_speech() -> None:
    assert what(("L", 0.06, ""), ("", 1, ""), ("L", 0.06, ""), ("", 1, "")) == []


def test_speaking_over_the_customer_interrupts() -> None:
    times = play(("C", 1, ""), ("LC", 1, "that is not our fault"), ("L", 1, "that is not our fault"), ("", 1, "fault"))
    assert [name for _, name in times] == ["STARTED", "INTERRUPTS", "interruption"]
    assert times[1][0] == pytest.approx(1 + STANDARD.clash, abs=0.05)


def test_listening_words_do_not_interrupt() -> None:
    assert what(("C", 1, ""), ("LC", 0.9, "mm-hmm i see"), ("C", 2, "mm-hmm i see")) == ["STARTED", "aside"]


def test_words_not_yet_understood_do_not_interrupt_at_once() -> None:
    assert what(("C", 1, ""), ("LC", 1.2, ""), ("C", 1, "right")) == ["STARTED", "aside"]


def test_listening_words_without_end_interrupt() -> None:
    assert "INTERRUPTS" in what(("C", 1, ""), ("LC", 2.5, "yes yes yes"), ("C", 1, "yes yes yes"))


def test_a_listening_word_that_outlasts_the_line_is_still_one() -> None:
    assert what(("C", 1, ""), ("LC", 0.3, "okay"), ("L", 0.2, "okay"), ("", 1.7, "okay")) == ["STARTED", "aside"]


def test_beginning_a_moment_early_is_an_ordinary_turn() -> None:
    words = "i am sorry about that"
    assert what(("C", 1, ""), ("LC", 0.4, ""), ("L", 2, words), ("", 1, words)) == ["STARTED", "turn"]


def test_a_turn_has_a_bound() -> None:
    times = play(("L", STANDARD.longest + 5, "and so on"))
    assert times[1][0] == pytest.approx(STANDARD.longest + STANDARD.onset, abs=0.1)
    assert times[1][1] == "turn"


def test_silence_is_told_again_and_again_but_never_while_the_customer_talks() -> None:
    assert what(("C", 20, ""), ("", 5.9, "")) == []
    assert what(("C", 1, ""), ("", 13, "")) == ["SILENCE", "SILENCE"]
    assert what(("C", 1, ""), ("", 7, ""), ("C", 1, ""), ("", 7, "")) == ["SILENCE", "SILENCE"]
