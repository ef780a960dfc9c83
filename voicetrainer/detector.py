"""The shipped detector of techniques, read from disk; `voicetrainer.roleplay.techniques` itself reads nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

from voicetrainer.roleplay.techniques import Detector
from voicetrainer.weights import not_weights, read, unpacked

FOLDER = "techniques"
"""Under ``models/``."""
WEIGHTS = "weights.npz"
ENCODER = "encoder.npz"


def load_shipped() -> Detector:
    """The detector that comes with the program.

    Raises
    ------
    ModelError
        When its weights are missing or broken.
    """
    from voicetrainer.places import shipped

    folder = shipped("models") / FOLDER
    return load(folder / WEIGHTS, folder / ENCODER)


def load(phrases: Path, encoder: Path | None = None) -> Detector:
    """A detector from its files of weights.

    Parameters
    ----------
    phrases
        Written by ``scripts/train_techniques.py train``.
    encoder
        Written by ``scripts/train_encoder.py``; None for a detector that knows phrases alone.

    Raises
    ------
    ModelError
        When a file is missing, too large or not such weights.
    """
    data = read(phrases)
    more = read(encoder) if encoder is not None else b""
    checksum = hashlib.sha256(data + more).hexdigest()
    try:
        return Detector.from_weights(unpacked(phrases, data), checksum, unpacked(encoder, more) if encoder else None)
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        raise not_weights(phrases.parent, error) from None
