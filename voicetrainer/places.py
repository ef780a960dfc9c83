"""Where things are, in a clone and in an installed package, on every platform."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def shipped(kind: Literal["scenarios", "models"]) -> Path:
    """The folder of scenarios or models that came with the program; read it, never write to it.

    In a clone that is the top-level folder beside the package, in an installed package the copy inside it.
    """
    clone = _clone()
    return clone / kind if clone else _PACKAGE / "_shipped" / kind


def models_dir() -> Path:
    """The folder for fetched models; it need not exist yet.

    ``VOICETRAINER_MODELS`` if that is set, else the clone's ``models/`` if it can be written to, else the user's data
    folder (``~/.local/share/voicetrainer/models`` on Linux).
    """
    if chosen := os.environ.get("VOICETRAINER_MODELS"):
        return Path(chosen).expanduser()
    clone = _clone()
    if clone and os.access(clone / "models", os.W_OK):
        return clone / "models"
    from platformdirs import user_data_path

    return user_data_path("voicetrainer", appauthor=False) / "models"


def sessions_dir() -> Path:
    """The folder for recorded sessions; it need not exist yet: ``VOICETRAINER_SESSIONS``, else ``./sessions``."""
    return Path(os.environ.get("VOICETRAINER_SESSIONS") or "sessions").expanduser()


def learners_dir() -> Path:
    """The folder of the learners' calm samples; it need not exist yet.

    ``VOICETRAINER_LEARNERS`` if that is set, else the user's data folder (``~/.local/share/voicetrainer/learners`` on
    Linux): never a clone, because a voice is nobody else's business.
    """
    if chosen := os.environ.get("VOICETRAINER_LEARNERS"):
        return Path(chosen).expanduser()
    from platformdirs import user_data_path

    return user_data_path("voicetrainer", appauthor=False) / "learners"


def _clone() -> Path | None:
    """Top of the clone that the package runs from; None for an installed package."""
    top = _PACKAGE.parent
    return top if (top / "pyproject.toml").is_file() and (top / "models").is_dir() else None
