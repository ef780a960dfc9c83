"""Audio files and sample rates: the one door to soundfile (libsndfile) and soxr.

Whatever comes in (`read`) is mono, 16 kHz, float32, finite, not silent and of bounded length; whoever asks for a file
either gets that or an `AudioError` that says what is wrong with which file and what to do.

A call is recorded by `CallWriter` so that a process killed at any moment leaves a file that every player opens.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from voicetrainer.errors import AudioError

if TYPE_CHECKING:
    import soundfile

RATE = 16_000
"""Samples a second of everything that travels inside a call."""

Samples = NDArray[np.float32]
"""Mono audio, shape (n,), -1 to 1, at `RATE` unless said otherwise."""

CHANNELS = ("learner", "customer")
"""What the two channels of a call's recording hold, in order."""

SILENT = 10 ** (-70 / 20)
"""A sound that swings less than this (-70 dB relative to full scale) is silence."""

_FORMATS = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"}
_SUFFIXES = {".wav": "WAV", ".flac": "FLAC"}
_BLOCK = 65_536
_UNKNOWN = 2**62  # libsndfile answers 2**63 - 1 frames where a FLAC header does not know
_STREAMED = 0x7FFF_0000  # a WAV header with a size from here on was written into a pipe, before the size was known
_CONVERT = "use WAV, FLAC, OGG, Opus or MP3; to convert: ffmpeg -i INPUT output.flac"
_AGAIN = "record, export or copy it again"


def read(path: str | Path, *, channel: int | None = None, limit_seconds: float = 600.0) -> Samples:
    """Read a sound file as mono at 16 kHz.

    Parameters
    ----------
    path
        WAV (8 to 32 bit, float, mu-law), FLAC, OGG, Opus, MP3, AIFF, AU or CAF; 4 to 384 kHz; up to 8 channels.
    channel
        The channel to take, from 0; None takes the mean of those channels that are not silent.
    limit_seconds
        Refuse longer sounds, from the header where that is honest and else while reading.

    Returns
    -------
    Samples
        Shape (n,), n > 0, finite, -1 to 1 (overshoot from decoding and resampling is clipped), not silent.

    Raises
    ------
    AudioError
        Missing, unreadable, empty, cut short, not audio, silent, too long, or holding numbers that are no sound.
    """
    import soxr

    path = Path(path)
    with _opened(path) as (file, raw):
        rate, channels, promised = file.samplerate, file.channels, file.frames
        _check(path, file, channel, limit_seconds)
        take = list(range(channels)) if channel is None else [channel]
        stream = soxr.ResampleStream(rate, RATE, len(take), dtype="float32", quality="HQ")
        high, low = np.full(len(take), -np.inf), np.full(len(take), np.inf)
        parts: list[NDArray[np.float32]] = []
        decoded = 0
        for block in _blocks(file):
            decoded += len(block)
            if decoded > limit_seconds * rate:
                raise _too_long(path, None, limit_seconds)
            part = block[:, take]
            if not np.isfinite(part).all():
                raise AudioError(f"{path}: holds values that are no numbers (NaN or infinity)", _AGAIN)
            if len(part):
                high, low = np.maximum(high, part.max(axis=0)), np.minimum(low, part.min(axis=0))
            parts.append(stream.resample_chunk(part) if rate != RATE else part)
        if rate != RATE:
            parts.append(stream.resample_chunk(np.zeros((0, len(take)), np.float32), last=True))
        if file.format == "MP3":
            _check_mp3(path, file, raw, decoded)
        elif decoded < promised < _UNKNOWN:
            raise _cut_short(path, decoded / rate)
    if not decoded:
        raise AudioError(f"{path}: holds no sound at all (0 samples)", _AGAIN)
    if max(high.max(), -low.min()) > 8:
        raise AudioError(
            f"{path}: goes up to {max(high.max(), -low.min()):.0f} where full scale is 1", "export it at a normal level"
        )
    sound = np.concatenate(parts)
    # Half the swing and not the peak, so that a constant offset counts as the silence it is.
    loud = ((high - low) / 2 >= SILENT) & (np.abs(sound).max(axis=0, initial=0) >= SILENT)
    if not loud.any():
        where = f"channel {channel} is" if channel is not None else "is"
        raise AudioError(
            f"{path}: {where} silent (below -70 dB)",
            "take another channel" if channel is not None and channels > 1 else "check the microphone and its level",
        )
    mono = sound[:, loud].mean(axis=1, dtype=np.float32)
    if np.abs(mono).max() < SILENT:  # a balanced microphone on a stereo input: the halves cancel out
        mono = sound[:, loud.argmax()]
    return np.ascontiguousarray(mono.clip(-1, 1), dtype=np.float32)


def resample(samples: Samples, rate: int, to: int = RATE) -> Samples:
    """Change the sample rate; same samples in, same samples out.

    Parameters
    ----------
    samples
        Shape (n,), at `rate`.
    rate, to
        Samples a second, before and after.

    Returns
    -------
    Samples
        Shape (about n * to / rate,); not clipped, so that it may overshoot 1 a little.
    """
    import soxr

    if rate == to or not len(samples):
        return np.asarray(samples, dtype=np.float32)
    return np.asarray(soxr.resample(np.asarray(samples, np.float32), rate, to, quality="HQ"), dtype=np.float32)


def pcm16(samples: Samples) -> NDArray[np.int16]:
    """Samples as 16-bit integers of the same shape, clipped; exact for sound that came from 16 bits, NaN becomes 0."""
    scaled = np.asarray(samples, np.float32) * 32768
    scaled[np.isnan(scaled)] = 0
    whole: NDArray[np.int16] = np.rint(scaled.clip(-32768, 32767)).astype(np.int16)
    return whole


def write(path: str | Path, samples: Samples, rate: int = RATE) -> None:
    """Write mono sound, shape (n,), as 16-bit WAV or FLAC (by the name's ending), replacing what was there.

    Raises
    ------
    AudioError
        Another ending, or the place cannot be written to.
    """
    import soundfile

    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise AudioError(f"{path}: cannot write '{path.suffix}' files", "end the name in .wav or .flac")
    try:
        soundfile.write(str(path), pcm16(samples), rate, subtype="PCM_16", format=_SUFFIXES[path.suffix.lower()])
    except (OSError, soundfile.LibsndfileError) as error:
        raise _unwritable(path, error) from None


class CallWriter:
    """Record both sides of a call while it happens, as 16-bit FLAC of two channels at 16 kHz.

    Crash-safe without a scratch file: libsndfile hands every finished FLAC block (4096 samples) to the operating
    system at once, so that a killed process loses less than one block, 0.26 s. What such a file lacks is its
    length, which libsndfile writes on closing; without it, libsndfile itself fails on the last block and a browser
    shows no duration and cannot seek. So the length in the header is set here after each block. At every moment the
    file on disk is an ordinary FLAC and nothing needs repair. (FLAC format, RFC 9639, section 8.2: 8 bytes from
    byte 18 hold the rate, channels and bits and, in the lowest 36 bits, the number of samples.)

    Parameters
    ----------
    path
        A new file.

    Raises
    ------
    AudioError
        The file exists already or cannot be written (also from `write` and `close`).
    """

    def __init__(self, path: str | Path) -> None:
        import soundfile

        self._path = Path(path)
        self._error = soundfile.LibsndfileError
        self._fed = self._block = self._known = 0
        try:
            self._file = soundfile.SoundFile(
                str(path), "x", samplerate=RATE, channels=len(CHANNELS), format="FLAC", subtype="PCM_16"
            )
            self._header = self._path.open("r+b", buffering=0)
        except (OSError, self._error) as error:
            raise _unwritable(self._path, error) from None

    def write(self, learner: Samples, customer: Samples) -> None:
        """Append a piece of both sides, each of shape (n,)."""
        try:
            self._file.write(np.stack([pcm16(learner), pcm16(customer)], axis=1))
            self._fed += len(learner)
            self._set_length()
        except (OSError, self._error) as error:
            raise _unwritable(self._path, error) from None

    def _set_length(self) -> None:
        if not self._block:
            self._header.seek(8)
            self._block = int.from_bytes(self._header.read(2), "big") or _BLOCK
        # The encoder holds a full block back until it sees one sample more.
        complete = max(0, self._fed - 1) // self._block * self._block
        if complete != self._known:
            self._header.seek(18)
            fields = int.from_bytes(self._header.read(8), "big")
            self._header.seek(18)
            self._header.write((fields >> 36 << 36 | complete).to_bytes(8, "big"))
            self._known = complete

    def close(self) -> None:
        """Write what is left; a second call does nothing."""
        self._header.close()
        try:
            self._file.close()
        except (OSError, self._error) as error:
            raise _unwritable(self._path, error) from None

    def __enter__(self) -> CallWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def read_call(path: str | Path, *, limit_seconds: float = 3600.0) -> NDArray[np.float32]:
    """Read a call's recording, also one that was cut off anywhere.

    Returns
    -------
    array
        Shape (n, 2), learner and customer at 16 kHz; n is 0 when the call was cut before its first block.

    Raises
    ------
    AudioError
        Missing, unreadable, longer than `limit_seconds`, or not a call's recording.
    """
    path = Path(path)
    nothing = np.zeros((0, len(CHANNELS)), np.float32)
    try:
        head = path.read_bytes() if _regular(path) < 128 else None
    except OSError as error:
        raise _unreadable(path, error) from None
    if head is not None and (not head or head[:4] == b"fLaC"[: len(head)]):
        return nothing  # killed before, or while, the header was written
    with _opened(path) as (file, _):
        if (file.samplerate, file.channels) != (RATE, len(CHANNELS)):
            raise AudioError(
                f"{path}: {file.channels} channel(s) at {file.samplerate} Hz, where a call has 2 at {RATE}",
                "give the call.flac of a session",
            )
        parts = [nothing]
        samples = 0
        for block in _blocks(file):
            samples += len(block)
            if samples > limit_seconds * RATE:
                raise _too_long(path, None, limit_seconds)
            parts.append(block)
    return np.concatenate(parts)


# ------------------------------------------------------------------------------------------------- opening, checking


def _regular(path: Path) -> int:
    """Size in bytes of a regular file; any other thing is an `AudioError`."""
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if stat.S_ISDIR(found.st_mode):
        raise AudioError(f"{path}: is a folder, not a sound file", "name a sound file inside it")
    if not stat.S_ISREG(found.st_mode):
        raise AudioError(f"{path}: is not an ordinary file", "save the sound to a file first")
    return found.st_size


@contextmanager
def _opened(path: Path) -> Iterator[tuple[soundfile.SoundFile, BinaryIO]]:
    """An open sound file, and the same as bytes."""
    import soundfile

    if not _regular(path):
        raise AudioError(f"{path}: the file is empty (0 bytes)", _AGAIN)
    try:
        raw = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from None
    with raw:
        try:
            file = soundfile.SoundFile(raw)
        except (soundfile.LibsndfileError, TypeError):  # TypeError: a name that ends in .raw
            raise AudioError(f"{path}: not a sound file, or one that is broken from its start", _CONVERT) from None
        with file:
            if file.format not in _FORMATS:
                raise AudioError(f"{path}: a kind of file that is not read here ({file.format_info})", _CONVERT)
            yield file, raw


def _check(path: Path, file: soundfile.SoundFile, channel: int | None, limit_seconds: float) -> None:
    """All that the header tells before anything is decoded."""
    if not 4_000 <= file.samplerate <= 384_000:
        raise AudioError(f"{path}: {file.samplerate} samples a second is no rate for speech", _CONVERT)
    if file.channels > 8:
        raise AudioError(f"{path}: has {file.channels} channels", "give a mono or stereo recording")
    if channel is not None and not 0 <= channel < file.channels:
        has = "only channel 0" if file.channels == 1 else f"channels 0 to {file.channels - 1}"
        raise AudioError(f"{path}: there is no channel {channel}", f"it has {has}")
    if file.frames < _UNKNOWN and file.frames > limit_seconds * file.samplerate:
        raise _too_long(path, file.frames / file.samplerate, limit_seconds)
    if _promises_more(file) or (file.format == "OGG" and _ogg_cut(path)):
        raise _cut_short(path, file.frames / file.samplerate)


def _blocks(file: soundfile.SoundFile) -> Iterator[NDArray[np.float32]]:
    """Everything that decodes, in blocks of shape (n, channels), up to the end or to where the file breaks off."""
    import soundfile

    while True:
        # soundfile seeks after each read, and that fails at a FLAC's broken or unannounced end although the samples
        # are there. The unread rest of the buffer stays NaN (a FLAC holds none of its own).
        buffer = np.full((_BLOCK, file.channels), np.nan, np.float32)
        try:
            block = file.read(out=buffer)
        except soundfile.LibsndfileError:
            yield buffer[~np.isnan(buffer[:, 0])]
            return
        yield block
        if len(block) < _BLOCK:
            return


def _promises_more(file: soundfile.SoundFile) -> bool:
    """Whether a WAV's or AIFF's header announces more bytes than there are; libsndfile tells only its log."""
    for promised, there in re.findall(r"(?:data|SSND) *: *(\d+) \(should be (\d+)\)", file.extra_info):
        if int(there) < int(promised) < _STREAMED:
            return True
    return False


def _ogg_cut(path: Path) -> bool:
    """Whether an Ogg's last page (at most 65,307 bytes; RFC 3533) is cut; libsndfile leaves it out in silence."""
    with path.open("rb") as raw:
        raw.seek(max(0, raw.seek(0, 2) - 2 * 65_307))
        tail = raw.read()
    start = tail.rfind(b"OggS\x00")
    page = tail[start:]
    if start < 0 or len(page) < 27:
        return True
    segments = page[26]
    return len(page) < 27 + segments + sum(page[27 : 27 + segments])


def _check_mp3(path: Path, file: soundfile.SoundFile, raw: BinaryIO, decoded: int) -> None:
    """Whether an MP3 that has been read was read whole."""
    consumed = raw.tell()
    raw.seek(0)
    head = raw.read(_BLOCK)
    if b"Xing" in head or b"Info" in head:
        # It counts frames, give or take the encoder's delay.
        if decoded < file.frames - 2304:
            raise _cut_short(path, decoded / file.samplerate)
    elif consumed < raw.seek(0, 2) - 4096:
        # Without that count libsndfile guesses the length from the first bit rate, and leaves out the rest.
        raise AudioError(f"{path}: an MP3 of varying bit rate that does not tell its length", _CONVERT)


# ------------------------------------------------------------------------------------------------------------ errors


def _unreadable(path: Path, error: Any) -> AudioError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return AudioError(f"{path}: there is no such file", "check the name and the folder")
    if isinstance(error, PermissionError):
        return AudioError(f"{path}: no permission to read it", "change the file's permissions or copy it elsewhere")
    return AudioError(f"{str(path)!r}: cannot be read: {getattr(error, 'strerror', None) or error}", _AGAIN)


def _unwritable(path: Path, error: Any) -> AudioError:
    why = getattr(error, "strerror", None) or str(error).rstrip(".")
    return AudioError(f"{path}: cannot be written: {why}", "is the disk full, or the folder missing or read-only?")


def _cut_short(path: Path, seconds: float) -> AudioError:
    return AudioError(f"{path}: cut short, it ends after {seconds:.2f} s though its header promises more", _AGAIN)


def _too_long(path: Path, seconds: float | None, limit: float) -> AudioError:
    lasts = "lasts longer" if seconds is None else f"lasts {seconds:.1f} s, longer"
    return AudioError(f"{path}: {lasts} than the {limit:g} s allowed here", "cut it into shorter files")
