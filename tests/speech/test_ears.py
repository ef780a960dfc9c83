"""The ears on synthetic voices, with a recogniser that understands what the test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voices import RATE, joined, noisy, silence, voice
from voicetrainer.roleplay.events import Fact, Heard, Silence, SpeechStarted, StillSpeaking, Word, from_json, to_json
from voicetrainer.speech.ears import Ears
from voicetrainer.speech.recognizer import Recognizer
from voicetrainer.speech.turns import PROFILES, STANDARD, Profile
from voicetrainer.transports import FRAME

T = TypeVar("T")


class Understood:
    """A recogniser whose every utterance is one text, known at once."""

    def __init__(self, text: str) -> None:
        self.text, self.asked, self.settled, self.fed = text, 0, 0, 0
        self.finished: list[bool] = []

    def utterance(self, readings: bool) -> Understood:
        assert readings
        return self

    def feed(self, samples: NDArray[np.float32]) -> None:
        self.fed += len(samples)

    def partial(self) -> str:
        self.asked += 1
        return self.text

    def settle(self) -> str:
        self.settled += 1
        return self.text

    @property
    def readings(self) -> list[tuple[str, float]]:
        return [(self.text, 1.0)]

    def finish(self, offset: float, settled: bool) -> tuple[Word, ...]:
        self.finished.append(settled)
        return tuple(Word(w, offset, offset + 0.1) for w in self.text.split())


def hear(
    learner: NDArray[np.float32],
    text: str,
    customer: Callable[[float], bool] = lambda _: False,
    profile: Profile = STANDARD,
) -> list[Fact]:
    ears = Ears(cast(Recognizer, Understood(text)), profile)
    facts: list[Fact] = []
    for i in range(0, len(learner) - FRAME + 1, FRAME):
        facts += ears.hear(i / RATE, learner[i : i + FRAME], customer(i / RATE))
    return facts + list(ears.close(len(learner) / RATE))


def of(facts: list[Fact], kind: type[T]) -> list[T]:
    return [f for f in facts if isinstance(f, kind)]


SAID = voice(3, seed=3).samples
CALL = joined([silence(1.5), SAID, silence(3)])
LOUD = np.flatnonzero(np.abs(CALL) > 0.01)
START, END = LOUD[0] / RATE, LOUD[-1] / RATE


def test_only_silence_since_the_words_were_settled_is_not_heard_again() -> None:
    cut, resumed = CALL[: round(END * RATE)], joined([SAID, silence(0.5), SAID])
    for call, settled in ((CALL, True), (cut, False), (resumed, False)):
        understood = Understood("i am sorry because")
        ears = Ears(cast(Recognizer, understood))
        for i in range(0, len(call) - FRAME + 1, FRAME):
            list(ears.hear(i / RATE, call[i : i + FRAME], False))
        list(ears.close(len(call) / RATE))
        assert understood.settled, "it had a pause"
        assert understood.finished == [settled]


@pytest.mark.parametrize(("snr", "off"), [(60.0, 0.04), (20.0, 0.08), (10.0, 0.12)])
def test_start_and_end_are_those_of_the_sound(snr: float, off: float) -> None:
    facts = hear(noisy(CALL, snr), "i will send you a new parcel tomorrow")
    (heard,) = of(facts, Heard)
    assert heard.start == pytest.approx(START, abs=off)
    assert heard.end == pytest.approx(END, abs=off)
    assert STANDARD.least <= heard.t - heard.end <= 1.0
    assert of(facts, SpeechStarted)[0].t == heard.start


def test_a_patient_profile_answers_later_than_a_quick_one() -> None:
    times = [of(hear(CALL, "i am so sorry to hear that", profile=p), Heard)[0].t for p in PROFILES.values()]
    quick, standard, patient = times
    assert quick < standard < patient


def test_a_pause_after_a_word_that_leads_on_is_no_end() -> None:
    call = joined([silence(1.5), SAID, silence(2), SAID, silence(3)])
    assert len(of(hear(noisy(call, 40), "i am going to send you a"), Heard)) == 1
    assert len(of(hear(noisy(call, 40), "i will send you a new parcel tomorrow"), Heard)) == 2


def test_listening_words_and_words_that_give_way_are_asides() -> None:
    call = joined([silence(2), voice(0.5, seed=1).samples, silence(3)])
    (listening,) = of(hear(noisy(call, 40), "i see", lambda _: True), Heard)
    assert (listening.role, listening.listening, listening.yielded) == ("aside", True, None)
    (yielding,) = of(hear(noisy(call, 40), "but we", lambda _: True), Heard)
    assert (yielding.role, yielding.listening) == ("aside", False)
    assert yielding.yielded == pytest.approx(yielding.end - yielding.start, abs=0.05)


def test_long_speech_is_told_and_the_learner_gives_way() -> None:
    speech = joined([silence(1), voice(10, seed=6, pause_every=60).samples, silence(3)])
    end = np.flatnonzero(np.abs(speech) > 0.01)[-1] / RATE
    facts = hear(noisy(speech, 40), "and then we will see what", lambda t: end - 0.5 < t < end + 1.5)
    told = of(facts, StillSpeaking)
    assert [round(s.seconds) for s in told] == [8]
    (heard,) = of(facts, Heard)
    assert heard.barged and heard.role == "turn"
    assert heard.yielded == pytest.approx(0.5, abs=0.12)


def test_a_cough_is_no_utterance_and_silence_is_told() -> None:
    cough = (0.2 * np.random.default_rng(1).standard_normal(RATE // 5) * np.hanning(RATE // 5)).astype(np.float32)
    facts = hear(noisy(joined([silence(2), cough, silence(8)]), 30), "")
    assert not of(facts, Heard)
    assert len(of(facts, Silence)) == 1


def test_words_are_settled_once_in_a_pause_and_not_asked_for_before() -> None:
    recognizer = Understood("i will send you the")
    ears = Ears(cast(Any, recognizer))
    call = noisy(CALL, 40)
    for i in range(0, len(call) - FRAME + 1, FRAME):
        list(ears.hear(i / RATE, call[i : i + FRAME], False))
    assert recognizer.asked == 0
    assert 1 <= recognizer.settled <= 5  # of 360 frames; the voice has pauses of 0.35 s


def test_the_new_facts_survive_the_log_and_old_logs_can_be_read() -> None:
    heard = Heard(3.0, 1.0, 2.5, (Word("yes", 1.0, 2.5),), listening=True, barged=True, yielded=0.4)
    for fact in (heard, StillSpeaking(9.0, 8.0)):
        assert from_json(to_json(fact)) == fact
    old = '{"t":3.0,"start":1.0,"end":2.5,"words":[],"prosody":null,"overlap":0.0,"role":"turn","kind":"heard"}'
    read = from_json(old)
    assert isinstance(read, Heard)
    assert (read.listening, read.barged, read.yielded) == (False, False, None)
