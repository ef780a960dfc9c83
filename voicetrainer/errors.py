"""Every error a user can meet, with a message (what, where) and a hint (what to do).

::

    VoicetrainerError
    ├── AudioError        a sound file that cannot be used
    ├── ModelError        a recognition model missing, broken or not to be had
    ├── VoiceError        the customer's voice cannot be rendered
    ├── DeviceError       a microphone or loudspeaker
    ├── ScenarioError     a scenario or rubric that does not hold together
    ├── LearnerError      a learner's calm sample that is missing, broken or cannot be kept
    ├── SessionError      a session folder that cannot be read or written
    └── ManifestError     a table of files or utterances to evaluate

Only the outermost layer (the command line, the web application) catches them: it prints one line and exits with 2.
"""

from __future__ import annotations


class VoicetrainerError(Exception):
    """A problem the user can do something about.

    Parameters
    ----------
    message
        What is wrong and where (file, line, key), as one line without a final full stop.
    hint
        What to do about it, as one line; empty when the message says it all.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class AudioError(VoicetrainerError):
    """A sound file that cannot be used."""


class ModelError(VoicetrainerError):
    """A recognition model that is missing, broken or not to be had."""


class VoiceError(VoicetrainerError):
    """The customer's voice cannot be rendered."""


class DeviceError(VoicetrainerError):
    """A microphone or loudspeaker that cannot be used."""


class ScenarioError(VoicetrainerError):
    """A scenario or rubric that does not hold together."""


class LearnerError(VoicetrainerError):
    """A learner's calm sample that is missing, broken or cannot be kept."""


class SessionError(VoicetrainerError):
    """A session folder that cannot be read or written."""


class ManifestError(VoicetrainerError):
    """A table of files or utterances to evaluate that cannot be used."""
