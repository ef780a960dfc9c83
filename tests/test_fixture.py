"""A phone line over clips: when each clip starts, to the sample, and what its tables may say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from voicetrainer.errors import AudioError, ManifestError, VoicetrainerError
from voicetrainer.recording import Recorder
from voicetrainer.roleplay.events import Header
from voicetrainer.speech import audio
from voicetrainer.speech.audio import RATE, Samples
from voicetrainer.transports import FRAME, Frame, Transport, fixture
from voicetrainer.transports.fixture import Cue, Fixture, load_cues


def clip(seconds: float, level: float = 0.5) -> Samples:
    """A sound that is nowhere zero, so that it can be found."""
    return np.full(round(seconds * RATE), level, np.float32)


@dataclass
class Heard:
    """What came out of a line."""

    frames: list[Frame]

    def spans(self, side: str) -> list[tuple[int, int]]:
        """First and last + 1 sample of each stretch of sound."""
        sound = np.concatenate([getattr(f, side) for f in self.frames]) != 0
        edges = np.flatnonzero(np.diff(np.concatenate([[False], sound, [False]]).astype(int)))
        return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]

    @property
    def reports(self) -> list[tuple[int, bool, str | None]]:
        """Number of each frame that tells something, with what it tells."""
        return [(i, f.started, f.stopped) for i, f in enumerate(self.frames) if f.started or f.stopped]


def call(cues: list[Cue], does: dict[float, Samples | None], seconds: float = 200, **options: float) -> Heard:
    """Run a line; at the given seconds the customer begins a clip or (None) falls silent."""
    line = Fixture(cues, **options)  # type: ignore[arg-type]
    todo = {round(t * RATE / FRAME): what for t, what in does.items()}

    def act(number: int) -> None:
        what = todo.pop(number, b"")
        if what is None:
            line.stop()
        elif not isinstance(what, bytes):
            line.play(what)

    act(0)
    frames: list[Frame] = []
    for frame in islice(line.frames(), round(seconds * RATE / FRAME)):
        frames.append(frame)
        act(len(frames))
    return Heard(frames)


def at(*seconds: float) -> list[int]:
    return [round(s * RATE) for s in seconds]


def starts(cues: list[Cue], does: dict[float, Samples | None]) -> list[int]:
    return [a for a, _ in call(cues, does).spans("learner")]


# ------------------------------------------------------------------------------------------------------ when they start


@pytest.mark.parametrize(
    ("cues", "does", "expected"),
    [
        # plain: the gap after the customer's line, counted from its last sample
        ([Cue(clip(1), "a")], {0: clip(2)}, [2.6]),
        ([Cue(clip(1), "a")], {1: clip(2.0001)}, [3.6001]),
        ([Cue(clip(1), "a", gap=0)], {0: clip(2.00625)}, [2.00625]),
        ([Cue(clip(1), "a", gap=25)], {0: clip(2)}, [27]),
        # the second one waits for a line that ends after the first one's end
        ([Cue(clip(1), "a"), Cue(clip(1), "b")], {0: clip(2), 5: clip(1)}, [2.6, 6.6]),
        ([Cue(clip(3), "a"), Cue(clip(1), "b")], {0: clip(2), 4: clip(1), 8: clip(1)}, [2.6, 9.6]),
        # two lines with less than the gap between them: politely after both
        ([Cue(clip(1), "a")], {0: clip(2), 2.4: clip(1)}, [4.0]),
        # the customer's line is cut off: that is its end
        ([Cue(clip(1), "a")], {0: clip(5), 2: None}, [2.6]),
        # nobody says anything
        ([Cue(clip(1), "a")], {}, [20]),
        ([Cue(clip(1), "a"), Cue(clip(1), "b")], {0: clip(2)}, [2.6, 23.6]),
        ([Cue(clip(1), "a"), Cue(clip(1), "b", during=1)], {0: clip(2)}, [2.6, 23.6]),
        ([Cue(clip(1), "a", during=1)], {}, [20]),
        # during: into the first line, and to its end where it is shorter
        ([Cue(clip(0.5), "a", during=1.5)], {0: clip(3)}, [1.5]),
        ([Cue(clip(0.5), "a", during=1.5001)], {1: clip(3)}, [2.5001]),
        ([Cue(clip(0.5), "a", during=0)], {1: clip(3)}, [1]),
        ([Cue(clip(0.5), "a", during=9)], {0: clip(3.003)}, [3.003]),
        ([Cue(clip(0.5), "a", during=9)], {0: clip(8), 3: None}, [3]),
        # during, second cue: this line if it has not got that far, else the next one
        ([Cue(clip(0.5), "a", during=1), Cue(clip(0.5), "b", during=2)], {0: clip(5)}, [1, 2]),
        ([Cue(clip(0.5), "a", during=1), Cue(clip(0.5), "b", during=1.2)], {0: clip(5), 7: clip(3)}, [1, 8.2]),
        ([Cue(clip(2.5), "a", during=1), Cue(clip(0.5), "b", during=2)], {0: clip(3), 7: clip(1)}, [1, 8]),
        # by one sample too late counts
        ([Cue(clip(1.0001), "a", during=0), Cue(clip(1), "b", during=1.00005)], {0: clip(3), 7: clip(2)}, [0, 8.00005]),
        # an aside while the customer talks on, and then an answer to the same line
        ([Cue(clip(0.5), "a", during=1), Cue(clip(1), "b")], {0: clip(3)}, [1, 3.6]),
        # an interruption to which the customer yields; the answer waits for the next line
        ([Cue(clip(2), "a", during=1), Cue(clip(1), "b")], {0: clip(5), 2: None, 4: clip(1)}, [1, 5.6]),
    ],
)
def test_a_clip_starts_to_the_sample(cues: list[Cue], does: dict[float, Samples | None], expected: list[float]) -> None:
    assert starts(cues, does) == at(*expected)


def test_clips_may_follow_each_other_at_once() -> None:
    cues = [Cue(clip(1.0001, 0.5), "a", during=0), Cue(clip(1, 0.25), "b", during=1.0001)]
    heard = call(cues, {0: clip(4)})
    assert heard.spans("learner") == [(0, RATE + 2 + RATE)]


def test_clips_arrive_whole_and_unchanged() -> None:
    noise = (np.random.default_rng(1).integers(-9000, 9000, 12_345) | 1).astype(np.float32) / np.float32(32768)
    heard = call([Cue(noise, "a", gap=0.1234)], {0: clip(1)})
    ((start, end),) = heard.spans("learner")
    assert np.array_equal(np.concatenate([f.learner for f in heard.frames])[start:end], noise)
    assert start == RATE + round(0.1234 * RATE)


def test_the_call_clock_counts_frames() -> None:
    frames = call([Cue(clip(1), "a")], {0: clip(1)}).frames
    assert [f.t for f in frames] == [i * FRAME / RATE for i in range(len(frames))]
    assert all(f.learner.shape == f.customer.shape == (FRAME,) for f in frames)
    assert all(f.learner.dtype == f.customer.dtype == np.float32 for f in frames)


def test_the_same_call_twice() -> None:
    def once() -> list[bytes]:
        heard = call([Cue(clip(1), "a")], {0: clip(1)}, noise_db=-60, seed=7)
        return [f.learner.tobytes() for f in heard.frames]

    assert once() == once()


# ------------------------------------------------------------------------------------------------------ the customer


@pytest.mark.parametrize(
    ("does", "spans", "reports"),
    [
        # frames are 20 ms: number 50 starts at 1 s
        ({1: clip(1)}, [(1, 2)], [(50, True, None), (99, False, "ended")]),
        ({1: clip(0.03)}, [(1, 1.03)], [(50, True, None), (51, False, "ended")]),
        ({1: clip(0.02)}, [(1, 1.02)], [(50, True, "ended")]),
        ({1: clip(0)}, [], [(50, True, "ended")]),
        ({1: clip(5), 2: None}, [(1, 2)], [(50, True, None), (100, False, "cut")]),
        ({1: clip(5), 2: clip(1)}, [(1, 3)], [(50, True, None), (100, True, "cut"), (149, False, "ended")]),
        ({1: clip(5), 2: clip(0.01)}, [(1, 2.01)], [(50, True, None), (100, True, "cut"), (101, False, "ended")]),
        ({1: clip(1), 2: clip(1)}, [(1, 3)], [(50, True, None), (99, False, "ended"), (100, True, None),
                                              (149, False, "ended")]),
        ({1: None, 2: clip(1)}, [(2, 3)], [(100, True, None), (149, False, "ended")]),
    ],
)  # fmt: skip
def test_what_the_customer_plays_is_reported(
    does: dict[float, Samples | None],
    spans: list[tuple[float, float]],
    reports: list[tuple[int, bool, str | None]],
) -> None:
    heard = call([], does)
    assert heard.spans("customer") == [tuple(at(*span)) for span in spans]
    assert heard.reports == reports


def test_a_clip_taken_back_before_it_began_is_never_heard() -> None:
    line = Fixture([])
    line.play(clip(1))
    line.stop()
    assert Heard(list(line.frames())).reports == []


@pytest.mark.parametrize(
    ("later", "spans", "reports"),
    [
        # the rest comes while the first piece plays, just in time, and late: silence in between, but no end
        ({1.5: 1}, [(1, 3)], [(50, True, None), (149, False, "ended")]),
        ({2: 1}, [(1, 3)], [(50, True, None), (149, False, "ended")]),
        ({2.1: 1}, [(1, 2), (2.1, 3.1)], [(50, True, None), (154, False, "ended")]),
        # in mid-frame: up to the next frame it is silent
        ({2.1: 0.505, 3: 0.5}, [(1, 2), (2.1, 2.605), (3, 3.5)], [(50, True, None), (174, False, "ended")]),
        # cut before the rest was there: it is never heard
        ({2.5: None, 2.7: 1}, [(1, 2)], [(50, True, None), (125, False, "cut")]),
    ],
)
def test_a_clip_in_pieces(
    later: dict[float, float | None], spans: list[tuple[float, float]], reports: list[tuple[int, bool, str | None]]
) -> None:
    line = Fixture([])
    frames: list[Frame] = []
    last = max(later)
    for frame in line.frames():
        frames.append(frame)
        now = len(frames) * FRAME / RATE
        if now == 1:
            line.play(clip(1), whole=False)
        piece = later.get(now, b"")
        if piece is None:
            line.stop()
        elif not isinstance(piece, bytes):
            line.more(clip(piece), whole=now == last)
    heard = Heard(frames)
    assert heard.spans("customer") == [tuple(at(*span)) for span in spans]
    assert heard.reports == reports


def test_a_piece_may_come_before_the_clip_began_and_after_its_end_it_is_nothing() -> None:
    line = Fixture([])
    line.play(clip(1), whole=False)
    line.more(clip(1))
    line.more(clip(1))
    assert Heard(list(line.frames())).spans("customer") == [tuple(at(0, 2))]


def test_of_two_clips_at_once_the_later_one_is_played() -> None:
    line = Fixture([])
    line.play(clip(1, 0.1))
    line.play(clip(1, 0.2))
    frames = list(line.frames())
    assert frames[0].customer[0] == np.float32(0.2)
    assert Heard(frames).reports == [(0, True, None), (49, False, "ended")]


# ----------------------------------------------------------------------------------------------- the end, the room


@pytest.mark.parametrize(
    ("cues", "does", "linger", "end"),
    [
        ([], {}, 4.0, 4),
        ([], {1: clip(2)}, 4.0, 7),
        ([Cue(clip(1), "a")], {0: clip(2)}, 4.0, 7.6),
        ([Cue(clip(1), "a")], {0: clip(2)}, 1.0, 4.6),
        ([Cue(clip(1), "a", during=1)], {0: clip(4)}, 2.0, 6),
        ([Cue(clip(1), "a")], {0: clip(2), 6: clip(3)}, 4.0, 13),  # the customer speaks within the silence
    ],
)
def test_the_line_closes_when_both_have_fallen_silent(
    cues: list[Cue], does: dict[float, Samples | None], linger: float, end: float
) -> None:
    assert len(call(cues, does, linger=linger).frames) == round(end * RATE / FRAME)


def test_an_answer_to_the_very_last_frame_is_still_played() -> None:
    heard = call([], {4: clip(1)})
    assert heard.spans("customer") == [(4 * RATE, 5 * RATE)]


def test_the_room_is_silent_unless_wanted() -> None:
    quiet = call([Cue(clip(1), "a")], {0: clip(1)})
    assert quiet.spans("learner") == [tuple(at(1.6, 2.6))]
    room = call([Cue(clip(1), "a")], {0: clip(1)}, noise_db=-60, seed=1)
    sound = np.concatenate([f.learner for f in room.frames])
    noise = np.concatenate([sound[: at(1.6)[0]], sound[at(2.6)[0] :]])
    assert 20 * np.log10(np.sqrt((noise.astype(np.float64) ** 2).mean())) == pytest.approx(-60, abs=0.2)
    assert np.array_equal(sound[slice(*at(1.6, 2.6))], clip(1))  # none in the clip itself


def test_a_recording_holds_exactly_what_was_heard(tmp_path: Path) -> None:
    voice = (np.random.default_rng(3).standard_normal(RATE) * 0.1).astype(np.float32)
    heard = call([Cue(voice, "a")], {0: clip(1)}, noise_db=-70)
    header = Header(scenario="s", scenario_text="s", transport="fixture", voicetrainer="0")
    with Recorder(tmp_path / "s", header, audio=True) as recorder:
        for frame in heard.frames:
            recorder.frames(frame.learner, frame.customer)
    learner = np.concatenate([f.learner for f in heard.frames])
    assert np.array_equal(audio.read_call(tmp_path / "s" / "call.flac")[:, 0], learner)


def test_it_is_a_transport() -> None:
    line: Transport = Fixture([])
    assert next(line.frames()).t == 0


# ------------------------------------------------------------------------------------------------------- loading


def sounds(folder: Path, *names: str) -> Path:
    """Clips of different lengths: 0.1 s, 0.2 s and so on, in the order given."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names, start=1):
        audio.write(folder / name, clip(number / 10, 0.5) * np.resize([1, -1], number * 1600).astype(np.float32))
    return folder


def told(cues: list[Cue]) -> list[tuple[str, float, float | None, float]]:
    return [(c.name, len(c.samples) / RATE, c.during, c.gap) for c in cues]


def test_files_in_the_order_given(tmp_path: Path) -> None:
    folder = sounds(tmp_path, "a.wav", "b.flac", "c@+1.wav")
    calm, cues = load_cues([folder / "b.flac@+1.5", folder / "a.wav", folder / "c@+1.wav", folder / "a.wav@+.25"])
    assert calm is None
    assert told(cues) == [
        ("b.flac", 0.2, 1.5, 0.6), ("a.wav", 0.1, None, 0.6), ("c@+1.wav", 0.3, None, 0.6), ("a.wav", 0.1, 0.25, 0.6),
    ]  # fmt: skip


@pytest.mark.parametrize("calm", ["calm.wav", "calibration.flac", "Calm.WAV"])
def test_a_folder_in_name_order_with_its_calibration(tmp_path: Path, calm: str) -> None:
    folder = sounds(tmp_path, "02.wav", calm, "01.flac", ".hidden.wav")
    (folder / "notes.txt").write_text("not a sound")
    found, cues = load_cues([folder])
    assert found is not None and len(found) == 3200
    assert told(cues) == [("01.flac", 0.3, None, 0.6), ("02.wav", 0.1, None, 0.6)]


def test_a_folder_with_a_table(tmp_path: Path) -> None:
    folder = sounds(tmp_path, "a.wav", "b.wav", "calm.wav")
    (folder / "cues.yaml").write_text(
        "calibration: b.wav\n"
        "clips:\n"
        "  - {file: calm.wav}\n"
        "  - file: a.wav\n"
        "    during: 1.5\n"
        "  - file: a.wav\n"
        "    gap: 2\n"
    )
    found, cues = load_cues([folder])
    assert found is not None and len(found) == 3200
    assert told(cues) == [("calm.wav", 0.3, None, 0.6), ("a.wav", 0.1, 1.5, 0.6), ("a.wav", 0.1, None, 2.0)]


def test_a_table_without_calibration_has_none(tmp_path: Path) -> None:
    folder = sounds(tmp_path, "a.wav", "calm.wav")
    (folder / "cues.yaml").write_text("clips: [{file: a.wav}]")
    found, cues = load_cues([folder])
    assert found is None and len(cues) == 1


def test_a_channel_is_taken_from_every_file(tmp_path: Path) -> None:
    import soundfile

    both = np.stack([clip(1, 0.0), clip(1, 0.5) * np.resize([1, -1], RATE)], axis=1)
    for name in ("a.wav", "calm.wav"):
        soundfile.write(tmp_path / name, both, RATE)
    with pytest.raises(AudioError, match="channel 0 is silent"):
        load_cues([tmp_path], channel=0)
    calm, cues = load_cues([tmp_path], channel=1)
    assert calm is not None and np.array_equal(calm, cues[0].samples)


def _table(text: str | bytes) -> Callable[[Path], list[Path]]:
    def make(folder: Path) -> list[Path]:
        sounds(folder, "a.wav")
        (folder / "cues.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        return [folder]

    return make


BAD: dict[str, tuple[Callable[[Path], list[Path]], str]] = {
    "no paths": (lambda d: [], "no clips given"),
    "missing file": (lambda d: [d / "none.wav"], "none.wav: there is no such file"),
    "missing file with a time": (lambda d: [d / "none.wav@+1"], "none.wav: there is no such file"),
    "name too long": (lambda d: [d / ("a" * 300)], "cannot be read"),
    "time is no number": (lambda d: [sounds(d, "a.wav") / "a.wav@+soon"], "'soon' is no number of seconds"),
    "time is too late": (lambda d: [sounds(d, "a.wav") / "a.wav@+121"], "'121' is no number of seconds up to 120"),
    "time without a file": (lambda d: [Path("@+1")], "is no number of seconds"),
    "a folder among files": (lambda d: [sounds(d, "a.wav") / "a.wav", d], "a folder among several clips"),
    "an empty folder": (lambda d: [d], "no clips in this folder"),
    "only calibration": (lambda d: [sounds(d, "calm.wav")], "no clips in this folder"),
    "two calibrations": (lambda d: [sounds(d, "calm.wav", "calibration.wav", "a.wav")], "both claim"),
    "too many": (lambda d: [sounds(d, "a.wav") / "a.wav"] * 201, "201 clips are too many"),
    "not YAML": (_table("clips: [}"), "cues.yaml, line 1:"),
    "two documents": (_table("clips: []\n---\nclips: []\n"), "cues.yaml, line 2:"),
    "not text": (_table(b"\xff\xfe\x00"), "is no YAML text"),
    "control characters": (_table("clips: \x00"), "is no YAML text"),
    "deep": (_table("[" * 20_000), "is no YAML text: nested too deeply"),
    "huge": (_table("#" * 300_000), "too large"),
    "empty table": (_table("# nothing\n"), "is empty"),
    "a list": (_table("- file: a.wav\n"), "line 1: must be a mapping with calibration, clips"),
    "no clips": (_table("calibration: a.wav\n"), "line 1: clips is missing"),
    "clips is no list": (_table("\nclips: a.wav\n"), "line 2: clips must be a list"),
    "clips is empty": (_table("clips: []\n"), "line 1: clips must be a list with at least one clip"),
    "a clip is no mapping": (_table("clips:\n- a.wav\n"), "line 2: clips[1] must be a mapping"),
    "no file": (_table("clips:\n- file: a.wav\n- gap: 1\n"), "line 3: clips[2].file is missing"),
    "file is a list": (_table("clips:\n- file: [a.wav]\n"), "line 2: clips[1].file must be the name"),
    "file is missing": (_table("clips:\n- file: b.wav\n"), "line 2: clips[1].file there is no file 'b.wav'"),
    "file name too long": (_table(f"clips:\n- file: {'b' * 300}\n"), "line 2: clips[1].file there is no file"),
    "file outside": (_table("clips:\n- file: ../a.wav\n"), "line 2: clips[1].file '../a.wav' lies outside"),
    "file elsewhere": (_table("clips:\n- file: /etc/hosts\n"), "lies outside the folder"),
    "calibration is missing": (_table("calibration: x.wav\nclips: [{file: a.wav}]\n"), "line 1: calibration there is"),
    "unknown key": (_table("clips: [{file: a.wav}]\nclip: 1\n"), "line 2: clip is no key of this table"),
    "unknown key of a clip": (_table("clips:\n- file: a.wav\n  after: 1\n"), "line 3: clips[1].after is no key"),
    "key twice": (_table("clips:\n- file: a.wav\n  gap: 1\n  gap: 2\n"), "line 4: clips[1].gap is given twice"),
    "gap and during": (_table("clips:\n- file: a.wav\n  gap: 1\n  during: 2\n"), "line 3: clips[1].gap has no effect"),
    "gap is text": (_table("clips:\n- file: a.wav\n  gap: soon\n"), "line 3: clips[1].gap must be a number of seconds"),
    "gap is negative": (_table("clips: [{file: a.wav, gap: -1}]"), "clips[1].gap must be a number"),
    "gap is nothing": (_table("clips: [{file: a.wav, gap: }]"), "clips[1].gap must be a number"),
    "during is endless": (_table("clips: [{file: a.wav, during: .inf}]"), "clips[1].during must be a number"),
    "during is true": (_table("clips: [{file: a.wav, during: true}]"), "clips[1].during must be a number"),
    "not a sound": (_table("clips: [{file: cues.yaml}]"), "cues.yaml: not a sound file"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_clips_are_refused_before_anything_starts(tmp_path: Path, case: str) -> None:
    make, message = BAD[case]
    with pytest.raises(VoicetrainerError) as caught:
        load_cues(make(tmp_path))
    assert isinstance(caught.value, AudioError | ManifestError)
    assert message in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_clips_that_last_too_long_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixture, "_MAX_SECONDS", 60)
    audio.write(tmp_path / "a.wav", clip(29) * np.resize([1, -1], 29 * RATE).astype(np.float32))
    assert len(load_cues([tmp_path / "a.wav"] * 2)[1]) == 2
    with pytest.raises(ManifestError, match="last over 1 minutes together"):
        load_cues([tmp_path / "a.wav"] * 3)
