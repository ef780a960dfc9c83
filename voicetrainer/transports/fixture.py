"""A phone line whose learner is a set of audio clips: faster than real time, and the same every time.

The learner of a fixture is polite: a clip waits until the customer has finished (`Cue.gap`), unless it is meant to
fall into the customer's line (`Cue.during`). Clips start to the sample, on the call clock.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import yaml

from voicetrainer.errors import ManifestError
from voicetrainer.speech import audio
from voicetrainer.speech.audio import RATE, Samples
from voicetrainer.transports import FRAME, Frame

CUES = "cues.yaml"
"""Name of the optional table of cues in a folder of clips."""
PATIENCE = 20.0
"""Seconds without a sound of either side after which a clip that waits for the customer starts anyway."""
GAP = 0.6
"""Seconds that a learner takes to answer, unless a cue says otherwise."""

_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au"}
_CALM = {"calibration", "calm"}
_MAX_CLIPS = 200
_MAX_SECONDS = 3600.0
_MAX_WAIT = 120
_MAX_CUES_BYTES = 256 * 1024


@dataclass(frozen=True, eq=False)
class Cue:
    """One clip of the learner and when it starts."""

    samples: Samples
    """The clip, shape (n,) at 16 kHz."""
    name: str
    """The clip's file, for people."""
    during: float | None = None
    """Start this many seconds into a line of the customer's: the one that plays now if it has not got that far yet,
    else the next one; at its end if it is shorter. None: wait until the customer has finished."""
    gap: float = GAP
    """Seconds from the end of the customer's line to the start of the clip; of no effect with `during`."""


class Fixture:
    """A phone line (see `Transport`) over learner clips; one object is one call.

    A cue without `Cue.during` starts `Cue.gap` seconds after a line of the customer's that ended later than the clip
    before it (the first: after the customer's first line), once nobody speaks. When there is no such line and nobody
    has made a sound for `PATIENCE` seconds, the next cue starts anyway, so that no call hangs. The learner's samples
    are multiples of 1/32768: a recording in 16 bits holds exactly what was heard.

    Parameters
    ----------
    cues
        What the learner says, in order.
    linger
        The line closes this many seconds after both sides have fallen silent with no cues left.
    noise_db
        Level of the learner's room between the clips, dB relative to full scale (RMS); None is digital silence.
    seed
        Of that noise.
    """

    def __init__(
        self, cues: Sequence[Cue], *, linger: float = 4.0, noise_db: float | None = None, seed: int = 0
    ) -> None:
        self._cues = list(cues)
        self._linger = round(linger * RATE)
        self._noise = 0.0 if noise_db is None else 10 ** (noise_db / 20)
        self._random = np.random.default_rng(seed)
        # The customer. All positions are samples on the call clock.
        self._next: Samples | None = None
        self._open = False
        """Whether more of the latest clip is to come."""
        self._stop = False
        self._line: Samples | None = None
        self._line_start = -1
        self._line_end: int | None = -1
        """Where the latest line ended; None while it plays."""
        # The learner.
        self._clip: Samples | None = None
        self._clip_start = 0
        self._clip_end = -1
        """Where the latest clip ended."""

    def play(self, clip: Samples, *, whole: bool = True) -> None:
        """Play the customer's clip from the next frame on; what plays now is cut."""
        self._next = np.asarray(clip, dtype=np.float32)
        self._open = not whole

    def more(self, clip: Samples, *, whole: bool = True) -> None:
        """Add the next piece to the clip; while none is there, the line is silent and has not ended."""
        if not self._open:
            return
        self._open = not whole
        piece = np.asarray(clip, dtype=np.float32)
        if self._next is not None:
            self._next = np.concatenate((self._next, piece))
        elif self._line is not None:
            self._line = np.concatenate((self._line, piece))

    def stop(self) -> None:
        """Cut what plays now at the next frame, and forget a clip that has not begun."""
        self._next = None
        self._stop = True
        self._open = False

    def frames(self) -> Iterator[Frame]:
        """Frames from the call's start until both sides have been silent for `linger` seconds with no cues left."""
        at = 0
        while not self._over(at):
            customer, started, stopped = self._customer(at)
            learner = audio.pcm16(self._learner(at)).astype(np.float32) / np.float32(32768)
            yield Frame(t=at / RATE, learner=learner, customer=customer, started=started, stopped=stopped)
            at += FRAME

    @property
    def unplayed(self) -> tuple[Cue, ...]:
        """Clips that have not begun."""
        return tuple(self._cues)

    def _over(self, at: int) -> bool:
        busy = self._cues or self._clip is not None or self._line is not None or self._next is not None
        return not busy and at - self._last_sound() >= self._linger

    def _last_sound(self) -> int:
        return max(0, self._clip_end, self._line_end or 0)

    def _customer(self, at: int) -> tuple[Samples, bool, Literal["ended", "cut"] | None]:
        stopped: Literal["ended", "cut"] | None = None
        started = self._next is not None
        if self._line is not None and (self._stop or started):
            self._line, self._line_end, stopped = None, at, "cut"
        self._stop = False
        if self._next is not None:
            self._line, self._line_start, self._line_end = self._next, at, None
            self._next = None
        out = np.zeros(FRAME, np.float32)
        if self._line is not None:
            piece = self._line[at - self._line_start :][:FRAME]
            out[: len(piece)] = piece
            end = self._line_start + len(self._line)
            if self._open and end < at + FRAME:  # the next piece is late: silence takes its place
                self._line = np.concatenate((self._line, np.zeros(at + FRAME - end, np.float32)))
                return out, started, stopped
            # A frame tells of one stop: a clip of under 20 ms that replaced another one ends in the next frame.
            if end <= at + FRAME and stopped is None and not self._open:
                self._line, self._line_end, stopped = None, end, "ended"
        return out, started, stopped

    def _learner(self, at: int) -> Samples:
        out = np.zeros(FRAME, np.float32)
        if self._noise:
            out += (self._random.standard_normal(FRAME) * self._noise).astype(np.float32)
        end = at + FRAME
        while True:
            if self._clip is None:
                start = self._cue_start(at)
                if start is None or start >= end:
                    return out
                self._clip, self._clip_start = self._cues.pop(0).samples, max(at, start)
            here = max(at, self._clip_start)
            piece = self._clip[here - self._clip_start :][: end - here]
            out[here - at : here - at + len(piece)] = piece
            if self._clip_start + len(self._clip) > end:
                return out
            self._clip_end = self._clip_start + len(self._clip)
            self._clip = None

    def _cue_start(self, at: int) -> int | None:
        """Where the next cue starts, as far as is known in the frame at `at`."""
        if not self._cues:
            return None
        cue, line_end = self._cues[0], self._line_end
        if cue.during is not None and self._line_start >= 0:
            start = self._line_start + round(cue.during * RATE)
            if line_end is not None:
                start = min(start, line_end)
            if start >= self._clip_end:
                return start
        if line_end is None:
            return None
        if cue.during is None and line_end > self._clip_end:
            return line_end + round(cue.gap * RATE)
        return self._last_sound() + round(PATIENCE * RATE)


# --------------------------------------------------------------------------------------------------------- the clips


def load_cues(paths: Sequence[Path], *, channel: int | None = None) -> tuple[Samples | None, list[Cue]]:
    """Read the learner's clips.

    Parameters
    ----------
    paths
        Sound files in the order given, each perhaps as ``FILE@+1.5`` (`Cue.during`); or one folder: its sound files
        in name order, one called ``calibration.*`` or ``calm.*`` being the calibration; or what its ``cues.yaml``
        says: ``calibration: FILE`` (optional) and ``clips:``, a list of ``{file, during?, gap?}``.
    channel
        The channel to take from each file, as in `audio.read`.

    Returns
    -------
    tuple
        The calibration clip (the learner's calm voice) or None, and at least one cue.

    Raises
    ------
    AudioError
        A sound file that cannot be used.
    ManifestError
        No clips, too many, or a ``cues.yaml`` that is wrong; with file, line and key.
    """
    if len(paths) == 1 and _asks(paths[0].is_dir):
        folder = paths[0]
        table = folder / CUES
        calm, wanted = _from_table(table) if _asks(table.exists) else _from_names(folder)
    else:
        calm, wanted = None, [_from_argument(path) for path in paths]
        if not wanted:
            raise ManifestError("no clips given", "name sound files, or a folder of them")
    if len(wanted) > _MAX_CLIPS:
        raise ManifestError(f"{len(wanted)} clips are too many for one call", f"give {_MAX_CLIPS} at most")
    known = {calm: audio.read(calm, channel=channel)} if calm is not None else {}
    seconds = 0.0
    for path in (cue.path for cue in wanted):
        if path not in known:
            known[path] = audio.read(path, channel=channel)
        seconds += len(known[path]) / RATE
        if seconds > _MAX_SECONDS:
            raise ManifestError(f"the clips last over {_MAX_SECONDS / 60:.0f} minutes together", "give fewer clips")
    cues = [Cue(known[cue.path], cue.path.name, cue.during, cue.gap) for cue in wanted]
    return (None if calm is None else known[calm]), cues


@dataclass(frozen=True)
class _Wanted:
    path: Path
    during: float | None = None
    gap: float = GAP


def _asks(question: Callable[[], bool]) -> bool:
    """Whether a path exists, or is a folder; where the system cannot tell, reading it will say why."""
    try:
        return question()
    except OSError:
        return False


def _from_argument(path: Path) -> _Wanted:
    if _asks(path.is_dir):
        raise ManifestError(f"{path}: a folder among several clips", "give one folder alone, or sound files only")
    name, at, seconds = str(path).rpartition("@+")
    if not at or _asks(path.exists):
        return _Wanted(path)
    if not name or not re.fullmatch(r"\d+(\.\d*)?|\.\d+", seconds, re.ASCII) or float(seconds) > _MAX_WAIT:
        raise ManifestError(f"{path}: '{seconds}' is no number of seconds up to {_MAX_WAIT}", "write FILE@+1.5")
    return _Wanted(Path(name), during=float(seconds))


def _from_names(folder: Path) -> tuple[Path | None, list[_Wanted]]:
    try:
        found = sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES and not p.name.startswith("."))
    except OSError as error:
        raise ManifestError(f"{folder}: cannot be read: {error.strerror}", "check the folder's permissions") from None
    calm = [p for p in found if p.stem.lower() in _CALM]
    if len(calm) > 1:
        names = " and ".join(p.name for p in calm)
        raise ManifestError(f"{folder}: {names} both claim to be the calibration", "keep one of them")
    wanted = [_Wanted(p) for p in found if p not in calm]
    if not wanted:
        sounds = ", ".join(sorted(_SUFFIXES))
        raise ManifestError(f"{folder}: no clips in this folder", f"put sound files into it ({sounds})")
    return (calm[0] if calm else None), wanted


def _from_table(table: Path) -> tuple[Path | None, list[_Wanted]]:
    try:
        if not table.is_file() or table.stat().st_size > _MAX_CUES_BYTES:
            raise ManifestError(f"{table}: is no file, or too large for a table of cues", "is this really yours?")
        root = yaml.compose(table.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ManifestError(f"{table}{where}: {error.problem}", "mend the YAML") from None
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise ManifestError(f"{table}: is no YAML text: {why}", "save it as plain UTF-8 text") from None
    except OSError as error:
        raise ManifestError(
            f"{table}: cannot be read: {error.strerror}", "check the file and its permissions"
        ) from None
    return _Table(table).read(root)


class _Table:
    """A strict reader of ``cues.yaml``: unknown, repeated and wrong keys are errors with their line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, root: yaml.Node | None) -> tuple[Path | None, list[_Wanted]]:
        if root is None:
            raise ManifestError(f"{self._path}: is empty", "write 'clips:' and under it a list of '- file: NAME'")
        top = self._mapping(root, "", {"calibration", "clips"})
        calm = self._file(top["calibration"], "calibration") if "calibration" in top else None
        if "clips" not in top:
            raise self._wrong(root, "clips", "is missing", "write 'clips:' and under it a list of '- file: NAME'")
        clips = top["clips"]
        if not isinstance(clips, yaml.SequenceNode) or not clips.value:
            raise self._wrong(clips, "clips", "must be a list with at least one clip", "write '- file: NAME' under it")
        return calm, [self._clip(node, f"clips[{number}]") for number, node in enumerate(clips.value, start=1)]

    def _clip(self, node: yaml.Node, key: str) -> _Wanted:
        fields = self._mapping(node, key, {"file", "during", "gap"})
        if "file" not in fields:
            raise self._wrong(node, f"{key}.file", "is missing", "name the clip's sound file")
        if "during" in fields and "gap" in fields:
            raise self._wrong(fields["gap"], f"{key}.gap", "has no effect together with 'during'", "keep one of them")
        path = self._file(fields["file"], f"{key}.file")
        during = self._seconds(fields["during"], f"{key}.during") if "during" in fields else None
        gap = self._seconds(fields["gap"], f"{key}.gap") if "gap" in fields else GAP
        return _Wanted(path, during, gap)

    def _mapping(self, node: yaml.Node, key: str, allowed: set[str]) -> dict[str, yaml.Node]:
        names = ", ".join(sorted(allowed))
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, key, f"must be a mapping with {names}", "write it as 'key: value'")
        fields: dict[str, yaml.Node] = {}
        for name, value in node.value:
            if not isinstance(name, yaml.ScalarNode) or name.value not in allowed:
                given = name.value if isinstance(name, yaml.ScalarNode) else "?"
                raise self._wrong(name, f"{key}.{given}".lstrip("."), "is no key of this table", f"allowed: {names}")
            if name.value in fields:
                raise self._wrong(name, f"{key}.{name.value}".lstrip("."), "is given twice", "keep one of them")
            fields[name.value] = value
        return fields

    def _file(self, node: yaml.Node, key: str) -> Path:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip() or "\0" in node.value:
            raise self._wrong(node, key, "must be the name of a sound file", "name a file in this folder")
        name = Path(node.value)
        if name.is_absolute() or ".." in name.parts:
            raise self._wrong(node, key, f"'{node.value}' lies outside the folder", "copy the file into the folder")
        path = self._path.parent / name
        if not _asks(path.exists):
            raise self._wrong(node, key, f"there is no file '{node.value}'", "check the name")
        return path

    def _seconds(self, node: yaml.Node, key: str) -> float:
        try:
            number = node.tag.endswith((":int", ":float")) and isinstance(node, yaml.ScalarNode)
            seconds = float(node.value) if number else math.nan
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds <= _MAX_WAIT:
            raise self._wrong(node, key, f"must be a number of seconds from 0 to {_MAX_WAIT}", "for example 1.5")
        return seconds

    def _wrong(self, node: yaml.Node, key: str, what: str, cure: str) -> ManifestError:
        return ManifestError(f"{self._path}, line {node.start_mark.line + 1}: {f'{key} ' if key else ''}{what}", cure)
