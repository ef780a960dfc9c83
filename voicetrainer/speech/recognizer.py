"""The one door to Vosk: samples in, words with times out.

A model is loaded once; each utterance of the learner gets a recogniser of its own, since Vosk counts word times from a
recogniser's beginning. The model may be shared between threads, an utterance may not.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from voicetrainer import models
from voicetrainer.errors import ModelError
from voicetrainer.roleplay.events import Word, q
from voicetrainer.speech.audio import RATE, Samples, pcm16

BLOCK = RATE // 10
"""Samples that Vosk gets at a time: always as many, so that the words do not depend on how the audio came in."""

_loading = threading.Lock()


class Recognizer:
    """A loaded model.

    Parameters
    ----------
    folder
        A model's folder; see `voicetrainer.models.choose`.

    Raises
    ------
    ModelError
        When it is no whole model, or there is no speech recognition for this platform.
    """

    def __init__(self, folder: Path) -> None:
        models.check_folder(folder)  # some broken models end the process instead of raising
        model = models.at(folder)
        self.name = model.name
        """Name of the model."""
        self.checksum = model.checksum
        """SHA-256 of its list of checksums."""
        self._confidence = model.confidence
        self._vosk = _vosk()
        with _loading, _quiet():
            try:
                self._model = self._vosk.Model(str(folder))
            except Exception:  # Vosk raises nothing more telling
                raise ModelError(
                    f"{folder}: libvosk cannot load this model", f"voicetrainer models verify {model.name}"
                ) from None

    def utterance(self) -> Hearing:
        """Begin to listen to one utterance.

        Raises
        ------
        ModelError
            When the model's parts do not fit each other.
        """
        try:
            recognizer = self._vosk.KaldiRecognizer(self._model, RATE)
        except Exception:  # as above
            raise ModelError(f"{self.name}: the parts of this model do not fit each other", "use another") from None
        recognizer.SetWords(True)
        return Hearing(recognizer, self._confidence)

    def hear(self, samples: Samples) -> tuple[Word, ...]:
        """The words of a recording of shape (n,), with times from its beginning."""
        hearing = self.utterance()
        hearing.feed(samples)
        return hearing.finish(0.0)


class Hearing:
    """One utterance being heard; made by `Recognizer.utterance`, used by one thread."""

    def __init__(self, recognizer: Any, confidence: bool) -> None:
        self._recognizer = recognizer
        self._confidence = confidence
        self._waiting = np.empty(0, np.int16)
        self._results: list[dict[str, Any]] = []

    def feed(self, samples: Samples) -> None:
        """Hear some more: samples of shape (n,), any n, at 16 kHz, -1 to 1; what is beyond is clipped."""
        waiting = np.concatenate((self._waiting, pcm16(samples)))
        whole = len(waiting) // BLOCK * BLOCK
        for start in range(0, whole, BLOCK):
            self._accept(waiting[start : start + BLOCK])
        self._waiting = waiting[whole:]

    def partial(self) -> str:
        """The words so far, joined by spaces; they may still change. Costs more the longer the utterance is."""
        done = [word["word"] for word in self._said()]
        now: str = json.loads(self._recognizer.PartialResult()).get("partial", "")
        return " ".join([*done, *(word for word in now.split() if _is_word(word))])

    def settle(self) -> str:
        """The words so far, which no longer change: for a pause.

        What is understood so far lags behind (of 80 sentences half were whole 0.36 s after their end); settling them
        tells all there is to know 0.16 s after it. What is said next is heard as after any pause that the library
        finds itself: on readers the error rate was .357 so and .364 without (0.2 s of silence, LibriSpeech).
        """
        self._end()
        return " ".join(word["word"] for word in self._said())

    @property
    def sure(self) -> float | None:
        """Confidence in the last of the words that are settled; None without one, or where the model's says nothing."""
        last = next((word["conf"] for word in reversed(list(self._said()))), None)
        return min(last, 1.0) if self._confidence and last is not None else None

    def finish(self, offset: float) -> tuple[Word, ...]:
        """All words of the utterance, which ends here.

        Parameters
        ----------
        offset
            When its first sample was, seconds on the call clock.

        Returns
        -------
        tuple of Word
            In order, with times on the call clock; confidence is None where the model's says nothing.
        """
        self._end()
        return tuple(
            Word(
                word["word"],
                q(offset + word["start"]),
                q(offset + word["end"]),
                q(min(word["conf"], 1.0)) if self._confidence else None,
            )
            for word in self._said()
        )

    def _end(self) -> None:
        if len(self._waiting):
            self._accept(self._waiting)
            self._waiting = self._waiting[:0]
        self._results.append(json.loads(self._recognizer.FinalResult()))

    def _accept(self, block: np.ndarray[Any, np.dtype[np.int16]]) -> None:
        try:
            pause = self._recognizer.AcceptWaveform(block.tobytes())
        except Exception:  # Vosk raises nothing more telling
            raise ModelError("the recognition model failed while it listened", "voicetrainer models verify") from None
        if pause:  # the words before it are settled
            self._results.append(json.loads(self._recognizer.Result()))

    def _said(self) -> Iterator[dict[str, Any]]:
        """Words that are settled, from all results."""
        for result in self._results:
            yield from (word for word in result.get("result", ()) if _is_word(word["word"]))


def _is_word(text: str) -> bool:
    """Whether it is a word, and not a model's sign for noise or for something it does not know (``[unk]``)."""
    return bool(text) and not text.startswith(("[", "<"))


def _vosk() -> Any:
    """The library, silent."""
    try:
        import vosk
    except (ImportError, OSError, TypeError, AttributeError) as error:  # TypeError: "Unsupported platform"
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"speech recognition (Vosk) cannot be loaded on this platform: {reason}",
            "install vosk 0.3.45 for it, or rehearse by typing: voicetrainer type SCENARIO",
        ) from None
    vosk.SetLogLevel(-10)  # errors come as exceptions
    return vosk


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what C code prints on stderr away from the user, who gets our own line; Kaldi's log level is not enough."""
    if sys.stderr is None:  # a program without a console
        yield
        return
    sys.stderr.flush()
    keep = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(keep, 2)
        os.close(keep)
