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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from voicetrainer import models
from voicetrainer.errors import ModelError
from voicetrainer.roleplay.events import Word, q
from voicetrainer.speech.audio import RATE, Samples, pcm16

BLOCK = RATE // 10
"""Samples that Vosk gets at a time: always as many, so that the words do not depend on how the audio came in."""
_READINGS = 20
_WORTH = 0.5  # share of a reading's log-likelihood that is believed

Reading = tuple[str, float]
"""Words, joined by spaces, that may be what was said, and the chance that they are."""

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

    def utterance(self, readings: bool = False) -> Hearing:
        """Begin to listen to one utterance.

        Parameters
        ----------
        readings
            Whether `Hearing.readings` will be asked for. It takes twice the work: Vosk tells either the words that are
            likeliest each, with confidence, or whole readings, and the former are more often right in noise.

        Raises
        ------
        ModelError
            When the model's parts do not fit each other.
        """
        try:
            recognizer = self._vosk.KaldiRecognizer(self._model, RATE)
            other = self._vosk.KaldiRecognizer(self._model, RATE) if readings and self._confidence else None
        except Exception:  # as above
            raise ModelError(f"{self.name}: the parts of this model do not fit each other", "use another") from None
        recognizer.SetWords(True)
        if other:
            other.SetMaxAlternatives(_READINGS)
        return Hearing(recognizer, self._confidence, other)

    def hear(self, samples: Samples) -> tuple[Word, ...]:
        """The words of a recording of shape (n,), with times from its beginning."""
        hearing = self.utterance()
        hearing.feed(samples)
        return hearing.finish(0.0)


class Hearing:
    """One utterance being heard; made by `Recognizer.utterance`, used by one thread."""

    def __init__(self, recognizer: Any, confidence: bool, reader: Any = None) -> None:
        self._recognizer = recognizer
        self._reader = reader
        self._confidence = confidence
        self._waiting = np.empty(0, np.int16)
        self._said: list[dict[str, Any]] = []  # the words that are settled
        self._readings: list[Reading] = []

    def feed(self, samples: Samples) -> None:
        """Hear some more: samples of shape (n,), any n, at 16 kHz, -1 to 1; what is beyond is clipped."""
        waiting = np.concatenate((self._waiting, pcm16(samples)))
        whole = len(waiting) // BLOCK * BLOCK
        for start in range(0, whole, BLOCK):
            self._accept(waiting[start : start + BLOCK])
        self._waiting = waiting[whole:]

    def partial(self) -> str:
        """The words so far, joined by spaces; they may still change. Costs more the longer the utterance is."""
        done = [word["word"] for word in self._said]
        now: str = json.loads(self._recognizer.PartialResult()).get("partial", "")
        return " ".join([*done, *(word for word in now.split() if _is_word(word))])

    def settle(self) -> str:
        """The words so far, which no longer change: for a pause.

        What is understood so far lags behind (of 80 sentences half were whole 0.36 s after their end); settling them
        tells all there is to know 0.16 s after it. What is said next is heard as after any pause that the library
        finds itself: on readers the error rate was .357 so and .364 without (0.2 s of silence, LibriSpeech).
        """
        self._end()
        return " ".join(word["word"] for word in self._said)

    @property
    def readings(self) -> Sequence[Reading]:
        """What the settled words may have been, the likeliest first; they differ since the last pause.

        Only the words themselves, and certain, where the model's confidence says nothing or readings were not wanted.
        """
        return self._readings

    def finish(self, offset: float, settled: bool = False) -> tuple[Word, ...]:
        """All words of the utterance, which ends here.

        Parameters
        ----------
        offset
            When its first sample was, seconds on the call clock.
        settled
            Whether there has been nothing but silence since `settle`: then there is nothing left to do, and the
            customer can answer sooner.

        Returns
        -------
        tuple of Word
            In order, with times on the call clock; confidence is None where the model's says nothing.
        """
        self._reader = None  # nobody asks for readings any more
        if not settled:
            self._end()
        return tuple(
            Word(
                word["word"],
                q(offset + word["start"]),
                q(offset + word["end"]),
                q(min(word["conf"], 1.0)) if self._confidence else None,
            )
            for word in self._said
        )

    def _end(self) -> None:
        if len(self._waiting):
            self._accept(self._waiting)
            self._waiting = self._waiting[:0]
        self._take(self._recognizer.FinalResult(), self._reader and self._reader.FinalResult())

    def _accept(self, block: np.ndarray[Any, np.dtype[np.int16]]) -> None:
        samples = block.tobytes()
        try:
            pause = self._recognizer.AcceptWaveform(samples)
            if self._reader:
                self._reader.AcceptWaveform(samples)  # which finds the same pauses
        except Exception:  # Vosk raises nothing more telling
            raise ModelError("the recognition model failed while it listened", "voicetrainer models verify") from None
        if pause:  # the words before it are settled
            self._take(self._recognizer.Result(), self._reader and self._reader.Result())

    def _take(self, result: str, readings: str | None) -> None:
        """Settle a stretch of speech."""
        words = [word for word in json.loads(result).get("result", ()) if _is_word(word["word"])]
        if not words:
            return
        before = [word["word"] for word in self._said]
        self._said += words
        found = json.loads(readings).get("alternatives", []) if readings else []
        worth = np.array([one["confidence"] for one in found]) * _WORTH
        chances: dict[str, float] = {}  # several may differ in times only
        for one, likely in zip(found, np.exp(worth - worth.max(initial=-np.inf)).tolist(), strict=True):
            text = " ".join([*before, *filter(_is_word, one["text"].split())])
            chances[text] = chances.get(text, 0.0) + likely
        chances = chances or {" ".join(word["word"] for word in self._said): 1.0}
        total = sum(chances.values())
        self._readings = sorted(((text, likely / total) for text, likely in chances.items()), key=lambda one: -one[1])


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
