"""The shipped detector of techniques, read from disk; `voicetrainer.roleplay.techniques` itself reads nothing."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

from voicetrainer.errors import ModelError
from voicetrainer.roleplay.techniques import Detector

FOLDER = "techniques"
"""Under ``models/``."""
WEIGHTS = "weights.npz"
_MAX_BYTES = 40_000_000


def load_shipped() -> Detector:
    """The detector that comes with the program.

    Raises
    ------
    ModelError
        When its weights are missing or broken.
    """
    from voicetrainer.places import shipped

    return load(shipped("models") / FOLDER / WEIGHTS)


def load(path: Path) -> Detector:
    """A detector from its weights file.

    Parameters
    ----------
    path
        Written by ``scripts/train_techniques.py train``.

    Raises
    ------
    ModelError
        When the file is missing, too large or not such weights.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ModelError(f"{path}: larger than {_MAX_BYTES // 1_000_000} MB", "it is not a file of weights")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: {error.strerror or 'cannot be read'}", "install voicetrainer again: the file ships with it"
        ) from None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return Detector.from_weights(dict(arrays), hashlib.sha256(data).hexdigest())
    except (ValueError, KeyError, EOFError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path}: not weights of techniques ({error})", "make them again: scripts/train_techniques.py train"
        ) from None
