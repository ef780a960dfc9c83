"""Sound files that are right, wrong, and cut off in the middle."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from voicetrainer.errors import AudioError
from voicetrainer.speech import audio
from voicetrainer.speech.audio import RATE


def tone(rate: int, hertz: float = 440.0, seconds: float = 1.0, level: float = 0.3) -> NDArray[np.float64]:
    """A sine of a known frequency."""
    return level * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def snr(sound: NDArray[Any], hertz: float, rate: int = RATE, edge: float = 0.1) -> tuple[float, float]:
    """Amplitude of the sine in a sound (any phase), and dB between it and all the rest, edges left out."""
    at = np.arange(len(sound))
    basis = np.stack([np.sin(2 * np.pi * hertz * at / rate), np.cos(2 * np.pi * hertz * at / rate)], axis=1)
    inner = slice(round(edge * rate), -round(edge * rate))
    found, *_ = np.linalg.lstsq(basis[inner], sound[inner].astype(np.float64), rcond=None)
    rest = sound[inner] - basis[inner] @ found
    return float(np.hypot(*found)), float(10 * np.log10((found**2).sum() / 2 / (rest**2).mean()))


@pytest.mark.parametrize(
    ("name", "subtype", "rate", "channels", "least"),
    [
        ("a.wav", "PCM_U8", 16000, 1, 30),
        ("a.wav", "PCM_16", 16000, 1, 80),
        ("a.wav", "PCM_24", 48000, 2, 110),
        ("a.wav", "PCM_32", 44100, 1, 110),
        ("a.wav", "FLOAT", 96000, 1, 110),
        ("a.wav", "DOUBLE", 22050, 2, 110),
        ("a.wav", "ULAW", 8000, 1, 30),
        ("a.wav", "ALAW", 8000, 1, 30),
        ("a.wav", "IMA_ADPCM", 16000, 1, 25),
        ("a.flac", "PCM_16", 44100, 2, 80),
        ("a.flac", "PCM_24", 11025, 1, 110),
        ("a.ogg", "VORBIS", 44100, 2, 30),
        ("a.opus", "OPUS", 48000, 1, 30),
        ("a.mp3", "MPEG_LAYER_III", 44100, 2, 30),
        ("a.aiff", "PCM_16", 32000, 1, 80),
        ("a.au", "PCM_16", 192000, 1, 80),
    ],
)
def test_a_tone_survives_every_format(
    tmp_path: Path, name: str, subtype: str, rate: int, channels: int, least: float
) -> None:
    path = tmp_path / name
    kind = {".opus": "OGG"}.get(path.suffix)
    soundfile.write(path, np.stack([tone(rate)] * channels, axis=1), rate, subtype=subtype, format=kind)
    sound = audio.read(path)
    assert sound.dtype == np.float32 and sound.ndim == 1 and sound.flags["C_CONTIGUOUS"]
    assert abs(len(sound) - RATE) <= RATE * 0.07  # ADPCM and MP3 end on a whole block
    level, ratio = snr(sound, 440)
    assert ratio > least
    assert level == pytest.approx(0.3, rel=0.02)


def test_the_name_s_ending_does_not_matter(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tone(RATE), RATE)
    (tmp_path / "a.flac").rename(tmp_path / "a.mp3")
    assert snr(audio.read(tmp_path / "a.mp3"), 440)[1] > 80


# ---------------------------------------------------------------------------------------------------- two channels


@pytest.mark.parametrize(
    ("left", "right", "channel", "levels"),
    [
        (0.4, 0.2, None, {440: 0.2, 1000: 0.1}),  # the mean of both
        (0.4, 0.2, 0, {440: 0.4, 1000: 0.0}),
        (0.4, 0.2, 1, {440: 0.0, 1000: 0.2}),
        (0.4, 0.0, None, {440: 0.4, 1000: 0.0}),  # one is silent: the other at its own level
        (0.0, 0.2, None, {440: 0.0, 1000: 0.2}),
        (0.4, 0.0001, None, {440: 0.4, 1000: 0.0}),  # hiss at -80 dB is silence too
    ],
)
def test_channels(tmp_path: Path, left: float, right: float, channel: int | None, levels: dict[int, float]) -> None:
    both = np.stack([tone(44100, 440, level=left), tone(44100, 1000, level=right)], axis=1)
    soundfile.write(tmp_path / "a.wav", both, 44100, subtype="FLOAT")
    sound = audio.read(tmp_path / "a.wav", channel=channel)
    for hertz, level in levels.items():
        assert snr(sound, hertz)[0] == pytest.approx(level, abs=1e-3)


def test_a_balanced_microphone_does_not_cancel_out(tmp_path: Path) -> None:
    one = tone(RATE)
    soundfile.write(tmp_path / "a.wav", np.stack([one, -one], axis=1), RATE, subtype="FLOAT")
    assert np.array_equal(audio.read(tmp_path / "a.wav"), one.astype(np.float32))


# ------------------------------------------------------------------------------------------------------- resampling


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 32000, 44100, 48000, 96000])
def test_resampling_keeps_a_tone_clean(rate: int) -> None:
    sound = audio.resample(tone(rate, 1000, 2).astype(np.float32), rate)
    assert sound.dtype == np.float32 and len(sound) == 2 * RATE
    expected = tone(RATE, 1000, 2)
    inner = slice(RATE // 10, -RATE // 10)
    noise = (sound - expected)[inner]
    assert 10 * np.log10((expected[inner] ** 2).mean() / (noise**2).mean()) > 110  # also says: no delay


def test_overshoot_is_clipped(tmp_path: Path) -> None:
    square = np.sign(tone(44100, 441)).astype(np.float32)
    assert np.abs(audio.resample(square, 44100)).max() > 1.1
    assert np.abs(audio.read(_wav(tmp_path / "a.wav", square, 44100, subtype="FLOAT"))).max() == 1


def test_resampling_does_not_alias() -> None:
    sound = audio.resample(tone(48000, 10_000).astype(np.float32), 48000)
    assert np.abs(sound[1600:-1600]).max() < 0.3 * 10 ** (-100 / 20)


def test_resampling_a_file_in_blocks_is_resampling_it_whole(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).standard_normal(44100 * 4).astype(np.float32) * np.float32(0.1)
    soundfile.write(tmp_path / "a.wav", noise, 44100, subtype="FLOAT")
    assert np.array_equal(audio.read(tmp_path / "a.wav"), audio.resample(noise, 44100))


def test_resampling_nothing_or_to_the_same_rate_changes_nothing() -> None:
    sound = tone(RATE).astype(np.float32)
    assert np.array_equal(audio.resample(sound, RATE), sound)
    assert len(audio.resample(sound[:0], 8000)) == 0


# -------------------------------------------------------------------------------------------------------- bad files


def _wav(path: Path, sound: NDArray[Any], rate: int = RATE, **how: Any) -> Path:
    soundfile.write(path, sound, rate, **how)
    return path


def _cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def _text(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _spoilt(path: Path, value: float) -> Path:
    sound = tone(RATE)
    sound[9000] = value
    return _wav(path, sound, subtype="FLOAT")


def _length_unknown(path: Path) -> Path:
    """A FLAC as a program writes it into a pipe: the header says nothing of the length."""
    data = bytearray(path.read_bytes())
    fields = int.from_bytes(data[18:26], "big")
    data[18:26] = (fields >> 36 << 36).to_bytes(8, "big")
    path.write_bytes(data)
    return path


def _pair(left: float, right: float) -> NDArray[Any]:
    return np.stack([tone(RATE, level=left), tone(RATE, level=right)], axis=1)


NOISE = np.random.default_rng(1).standard_normal(2 * RATE) * 0.1
BAD: dict[str, tuple[Callable[[Path], Path], dict[str, Any], str]] = {
    "missing": (lambda d: d / "none.wav", {}, "there is no such file"),
    "below a file": (lambda d: _wav(d / "a.wav", NOISE) / "b.wav", {}, "there is no such file"),
    "name too long": (lambda d: d / ("a" * 300), {}, "cannot be read"),
    "name with a zero": (lambda d: d / "a\0.wav", {}, "cannot be read"),
    "folder": (lambda d: _folder(d / "a.wav"), {}, "is a folder"),
    "pipe": (lambda d: _pipe(d / "a.wav"), {}, "not an ordinary file"),
    "empty": (lambda d: _text(d / "a.wav", b""), {}, "empty (0 bytes)"),
    "no frames": (lambda d: _wav(d / "a.wav", NOISE[:0]), {}, "no sound at all"),
    "digital silence": (lambda d: _wav(d / "a.flac", NOISE * 0), {}, "silent"),
    "hiss": (lambda d: _wav(d / "a.wav", tone(RATE, level=0.0003)), {}, "silent"),
    "constant offset": (lambda d: _wav(d / "a.wav", NOISE * 0 + 0.2, 44100), {}, "silent"),
    "only ultrasound": (lambda d: _wav(d / "a.wav", tone(96000, 30_000) * np.hanning(96000), 96000), {}, "silent"),
    "both silent": (lambda d: _wav(d / "a.wav", _pair(0, 0)), {}, "silent"),
    "this one silent": (lambda d: _wav(d / "a.wav", _pair(0, 0.2)), {"channel": 0}, "channel 0 is silent"),
    "text": (lambda d: _text(d / "a.wav", b"hello, I am no sound\n" * 50), {}, "not a sound file"),
    "random bytes": (lambda d: _text(d / "a.mp3", NOISE.tobytes()), {}, "not a sound file"),
    "headerless": (lambda d: _text(d / "a.raw", NOISE.tobytes()), {}, "not a sound file"),
    "half a header": (lambda d: _cut(_wav(d / "a.wav", NOISE), 0.0004), {}, "not a sound file"),
    "other format": (lambda d: _wav(d / "a.mat", NOISE, format="MAT5"), {}, "a kind of file that is not read here"),
    "cut WAV": (lambda d: _cut(_wav(d / "a.wav", NOISE), 0.5), {}, "cut short, it ends after 1.00 s"),
    "cut stereo WAV": (lambda d: _cut(_wav(d / "a.wav", _pair(0.1, 0.2)), 0.9), {}, "cut short"),
    "cut to its header": (lambda d: _cut(_wav(d / "a.wav", NOISE), 0.0007), {}, "cut short, it ends after 0.00 s"),
    "cut AIFF": (lambda d: _cut(_wav(d / "a.aiff", NOISE), 0.5), {}, "cut short"),
    "cut FLAC": (lambda d: _cut(_wav(d / "a.flac", NOISE), 0.5), {}, "cut short"),
    "cut FLAC by little": (lambda d: _cut(_wav(d / "a.flac", NOISE), 0.999), {}, "cut short"),
    "cut Ogg": (lambda d: _cut(_wav(d / "a.ogg", NOISE), 0.8), {}, "cut short"),
    "cut Opus": (lambda d: _cut(_wav(d / "a.opus", NOISE, format="OGG", subtype="OPUS"), 0.8), {}, "cut short"),
    "cut MP3": (lambda d: _cut(_wav(d / "a.mp3", NOISE), 0.5), {}, "cut short"),
    "not a number": (lambda d: _spoilt(d / "a.wav", np.nan), {}, "NaN or infinity"),
    "infinite": (lambda d: _spoilt(d / "a.wav", -np.inf), {}, "NaN or infinity"),
    "whole numbers as floats": (lambda d: _spoilt(d / "a.wav", -32768), {}, "goes up to 32768 where full scale is 1"),
    "too long": (lambda d: _wav(d / "a.wav", NOISE), {"limit_seconds": 1.9}, "lasts 2.0 s, longer than the 1.9 s"),
    "too long, untold": (
        lambda d: _length_unknown(_wav(d / "a.flac", NOISE)), {"limit_seconds": 1.9}, "lasts longer than the 1.9 s",
    ),
    "no such channel": (lambda d: _wav(d / "a.wav", NOISE), {"channel": 1}, "there is no channel 1"),
    "channel below 0": (lambda d: _wav(d / "a.wav", _pair(0.1, 0.2)), {"channel": -1}, "there is no channel -1"),
    "too slow": (lambda d: _wav(d / "a.wav", NOISE, 1000), {}, "1000 samples a second is no rate"),
    "nine channels": (lambda d: _wav(d / "a.wav", np.ones((99, 9))), {}, "has 9 channels"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_its_name_its_fault_and_a_cure(tmp_path: Path, case: str) -> None:
    make, how, message = BAD[case]
    path = make(tmp_path)
    with pytest.raises(AudioError) as caught:
        audio.read(path, **how)
    assert message in caught.value.message
    assert path.name.split("\0")[0] in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_file_one_may_not_read(unprivileged: Callable[[], AbstractContextManager[None]]) -> None:
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        path = _wav(Path(place) / "a.wav", NOISE)
        path.chmod(0)
        with unprivileged():
            for act in (audio.read, audio.read_call):
                with pytest.raises(AudioError, match="no permission"):
                    act(path)


def test_every_cut_of_an_ogg_is_found(tmp_path: Path) -> None:
    data = _wav(tmp_path / "a.ogg", NOISE).read_bytes()
    for place in np.linspace(len(data) * 0.3, len(data) - 1, 40).astype(int).tolist():
        (tmp_path / "a.ogg").write_bytes(data[:place])
        with pytest.raises(AudioError, match="cut short"):
            audio.read(tmp_path / "a.ogg")


def _mp3(path: Path, mode: str) -> tuple[Path, list[int]]:
    """Five seconds of MP3, and where its first two frames and its last one begin; the first counts the others."""
    _wav(path, np.resize(NOISE, 5 * RATE), bitrate_mode=mode, compression_level=0.5)
    data = path.read_bytes()
    places = [data.index(b"\xff\xf3"), data.index(b"\xff\xf3", 99), data.rindex(b"\xff\xf3")]
    assert b"Xing" in data[: places[1]] or b"Info" in data[: places[1]]
    return path, places


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_an_mp3_may_lack_its_last_frame(tmp_path: Path, mode: str) -> None:
    path, (_, _, last) = _mp3(tmp_path / "a.mp3", mode)
    path.write_bytes(path.read_bytes()[:last])
    assert 0 < 5 * RATE - len(audio.read(path)) < 2304


def test_an_mp3_may_lack_its_count_of_frames(tmp_path: Path) -> None:
    path, (_, second, _) = _mp3(tmp_path / "a.mp3", "CONSTANT")
    path.write_bytes(path.read_bytes()[second:])
    assert abs(len(audio.read(path)) - 5 * RATE) < 2304


def test_an_mp3_that_would_be_read_in_part_is_refused(tmp_path: Path) -> None:
    path, (_, second, _) = _mp3(tmp_path / "a.mp3", "VARIABLE")
    path.write_bytes(path.read_bytes()[second:])
    assert soundfile.info(path).frames < 3 * RATE  # libsndfile's guess
    with pytest.raises(AudioError, match="does not tell its length"):
        audio.read(path)


def test_a_length_that_the_header_does_not_tell_is_no_fault(tmp_path: Path) -> None:
    whole = audio.read(_wav(tmp_path / "a.flac", NOISE))
    assert np.array_equal(audio.read(_length_unknown(tmp_path / "a.flac")), whole)


def test_a_wav_from_a_pipe_is_no_fault(tmp_path: Path) -> None:
    data = bytearray(_wav(tmp_path / "a.wav", NOISE).read_bytes())
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "b.wav").write_bytes(data)
    assert np.array_equal(audio.read(tmp_path / "b.wav"), audio.read(tmp_path / "a.wav"))


# ---------------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.FLAC"])
def test_what_is_written_reads_back_exactly(tmp_path: Path, name: str) -> None:
    sound = (np.random.default_rng(2).integers(-32768, 32768, RATE) / 32768).astype(np.float32)
    audio.write(tmp_path / name, sound)
    assert np.array_equal(audio.read(tmp_path / name), sound)
    assert soundfile.info(tmp_path / name).samplerate == RATE


@pytest.mark.parametrize(("name", "fault"), [("a.xyz", "cannot write '.xyz'"), ("no/a.wav", "cannot be written")])
def test_what_cannot_be_written(tmp_path: Path, name: str, fault: str) -> None:
    with pytest.raises(AudioError, match=fault):
        audio.write(tmp_path / name, np.ones(9, np.float32))


def test_sixteen_bits() -> None:
    sound = np.array([0, 1, -1, 0.5, 2, -2, 1 / 32768, np.nan, np.inf], np.float32)
    assert audio.pcm16(sound).tolist() == [0, 32767, -32768, 16384, 32767, -32768, 1, 0, 32767]
    assert np.isnan(sound[7])  # the caller's array is left alone


# ---------------------------------------------------------------------------------------------- a call's recording


def _call(seconds: float) -> NDArray[np.float32]:
    whole = np.random.default_rng(3).integers(-9000, 9000, (round(seconds * RATE), 2))
    return (whole / 32768).astype(np.float32)


def test_a_call_reads_back_exactly(tmp_path: Path) -> None:
    call = _call(1.5)
    with audio.CallWriter(tmp_path / "call.flac") as writer:
        for at in range(0, len(call), 320):
            writer.write(call[at : at + 320, 0], call[at : at + 320, 1])
    writer.close()
    assert np.array_equal(audio.read_call(tmp_path / "call.flac"), call)
    found = soundfile.info(tmp_path / "call.flac")
    assert (found.samplerate, found.channels, found.subtype, found.frames) == (RATE, 2, "PCM_16", len(call))


def test_a_call_on_disk_is_an_ordinary_file_at_every_moment(tmp_path: Path) -> None:
    call, path = _call(1.5), tmp_path / "call.flac"
    with audio.CallWriter(path) as writer:
        assert len(audio.read_call(path)) == 0
        for at in range(0, len(call), 320):
            writer.write(call[at : at + 320, 0], call[at : at + 320, 1])
            fed = at + 320
            announced = soundfile.info(path).frames if fed > 4096 else 0
            assert fed - announced <= 4096
            if fed > 4096 and fed % 1280 == 0:  # whole blocks (4096) among them
                sound, _ = soundfile.read(path, dtype="float32")  # no tolerance of ours in it
                assert np.array_equal(sound, call[:announced])


def test_a_call_cut_anywhere_reads_up_to_the_cut(tmp_path: Path) -> None:
    call, path = _call(2), tmp_path / "call.flac"
    with audio.CallWriter(path) as writer:
        writer.write(call[:, 0], call[:, 1])
    data = path.read_bytes()
    places = [0, 1, 4, 30, 42, 85, 86, 87, *np.random.default_rng(4).integers(88, len(data), 30).tolist()]
    for place in sorted(places):
        path.write_bytes(data[:place])
        sound = audio.read_call(path)
        assert np.array_equal(sound, call[: len(sound)])
        assert len(sound) >= len(call) * place / len(data) - 2 * 4096  # noise: bytes go with time
    assert len(sound) > RATE  # the last cut is a late one


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda d: d / "call.flac", "no such file"),
        (lambda d: _folder(d / "call.flac"), "is a folder"),
        (lambda d: _text(d / "call.flac", b"RIFF"), "not a sound file"),
        (lambda d: _text(d / "call.flac", b"fLaC" + bytes(500)), "not a sound file"),
        (lambda d: _wav(d / "call.flac", NOISE), "1 channel"),
        (lambda d: _wav(d / "call.flac", _pair(0.1, 0.1), 48000), "48000 Hz"),
        (lambda d: _wav(d / "call.flac", np.zeros((6 * RATE, 2))), "longer than the 5 s"),
    ],
)
def test_what_is_no_call(tmp_path: Path, make: Callable[[Path], Path], fault: str) -> None:
    with pytest.raises(AudioError, match=fault):
        audio.read_call(make(tmp_path), limit_seconds=5)


def test_a_call_never_overwrites(tmp_path: Path) -> None:
    path = _text(tmp_path / "call.flac", b"precious")
    with pytest.raises(AudioError, match="exists"):
        audio.CallWriter(path)
    assert path.read_bytes() == b"precious"


@contextmanager
def small_disk(size: int) -> Any:
    """No file may grow beyond `size` bytes; the system answers as it does when the disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_loses_nothing_that_was_there(tmp_path: Path) -> None:
    call, path = _call(2), tmp_path / "call.flac"
    writer = audio.CallWriter(path)
    with small_disk(50_000):
        with pytest.raises(AudioError, match="cannot be written"):
            for at in range(0, len(call), 320):
                writer.write(call[at : at + 320, 0], call[at : at + 320, 1])
        writer.close()
    sound = audio.read_call(path)
    assert len(sound) >= 2 * 4096
    assert np.array_equal(sound, call[: len(sound)])


def test_importing_is_light() -> None:
    heavy = "{'soundfile', 'soxr', 'librosa', 'vosk', 'scipy'} & set(sys.modules)"
    code = f"import sys; import voicetrainer.speech.audio, voicetrainer.transports; print({heavy} or 'light')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "light"
