"""Files of weights (numpy's npz), read with bounds on what they may hold."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from voicetrainer.errors import ModelError

_MAX_BYTES = 40_000_000
_MAX_UNPACKED = 200_000_000


def read(path: Path) -> bytes:
    """The bytes of a file of weights.

    Raises
    ------
    ModelError
        When it is missing or larger than 40 MB.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ModelError(f"{path}: larger than {_MAX_BYTES // 1_000_000} MB", "it is not a file of weights")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: {error.strerror or 'cannot be read'}", "install voicetrainer again: the file ships with it"
        ) from None


def unpacked(path: Path, data: bytes, beginnings: tuple[str, ...] = ("",)) -> dict[str, Any]:
    """The arrays in a file's bytes whose names begin so.

    Raises
    ------
    ModelError
        When they are no such file, or would unpack to more than 200 MB.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > _MAX_UNPACKED:
                raise ValueError(f"unpacks to more than {_MAX_UNPACKED // 1_000_000} MB")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays if name.startswith(beginnings)}
    except Exception as error:  # whatever zipfile and numpy find wrong
        raise not_weights(path, error) from None


def not_weights(path: Path, error: Exception) -> ModelError:
    """What is told where a file does not hold what it should."""
    return ModelError(f"{path}: not the weights that it should hold ({error})", "install voicetrainer again")
