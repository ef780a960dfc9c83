"""Options that several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import typer

SESSIONS = typer.Option(None, "--sessions", help="Folder that holds sessions (default: ./sessions).")
INTENSITY = typer.Option("normal", "--intensity", help="The customer's day: gentle, normal or fierce.")
PROFILE = typer.Option(
    "standard", "--profile", help="How long the customer waits for you to go on: quick, standard or patient."
)


def intensity(name: str) -> str:
    """A setting of the dial, checked."""
    from voicetrainer.roleplay.mood import INTENSITIES

    return _one_of(name, INTENSITIES, "--intensity")


def profile(name: str) -> str:
    """A turn-taking profile, checked."""
    from voicetrainer.speech.turns import PROFILES

    return _one_of(name, PROFILES, "--profile")


def _one_of(name: str, known: Iterable[str], option: str) -> str:
    names = list(known)
    if name not in names:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(names)}", param_hint=option)
    return name


def variation(sessions: Path, scenario: str) -> int:
    """Which of equally good lines come first: others in each call that a learner holds."""
    return sum(1 for _ in sessions.glob(f"*{scenario}*/session.jsonl")) if sessions.is_dir() else 0
