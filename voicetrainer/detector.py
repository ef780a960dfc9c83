"""The shipped detector of techniques, read from disk; `voicetrainer.roleplay.techniques` itself reads nothing."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from voicetrainer.errors import ModelError
from voicetrainer.roleplay.techniques import Detector

FOLDER = "techniques"
"""Under ``models/``."""
WEIGHTS = "weights.npz"
ENCODER = "encoder.npz"
_MAX_BYTES = 40_000_000


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
    data = _read(phrases)
    more = _read(encoder) if encoder is not None else b""
    try:
        checksum = hashlib.sha256(data + more).hexdigest()
        return Detector.from_weights(_arrays(phrases, data), checksum, _arrays(encoder, more) if encoder else None)
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        raise _not_weights(f"{phrases.parent}", error) from None


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ModelError(f"{path}: larger than {_MAX_BYTES // 1_000_000} MB", "it is not a file of weights")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: {error.strerror or 'cannot be read'}", "install voicetrainer again: the file ships with it"
        ) from None


def _arrays(path: Path, data: bytes) -> dict[str, Any]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _not_weights(str(path), error) from None


def _not_weights(where: str, error: Exception) -> ModelError:
    return ModelError(
        f"{where}: not weights of techniques ({error})", "make them again: scripts/train_techniques.py train"
    )
