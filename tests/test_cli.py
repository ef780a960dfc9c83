"""The command line as a newcomer meets it: help, exit codes, clear errors, nothing half-written."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from voicetrainer import cli
from voicetrainer.places import shipped

README = Path(__file__).parent.parent / "README.md"
CALM = shipped("scenarios") / "recordings" / "late-parcel" / "calm"
COMMANDS = (
    "talk",
    "type",
    "run",
    "replay",
    "rescore",
    "rehear",
    "report",
    "retry",
    "compare",
    "reflect",
    "history",
    "reset",
    "rubric",
    "scenarios",
    "new",
    "check",
    "simulate",
    "graph",
    "schema",
    "calibrate",
    "learners",
    "doctor",
    "models",
    "models list",
    "models install",
    "models verify",
    "models path",
    "evaluate",
    "evaluate words",
    "evaluate techniques",
    "evaluate steadiness",
    "evaluate shifts",
)

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Run the program: its exit code, what it printed and what it complained of."""
    monkeypatch.chdir(tmp_path)

    def call(*args: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["voicetrainer", *args])
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_a_place_in_the_readme(command: str, call: Call) -> None:
    code, out, _ = call(*command.split(), "--help")
    assert code == 0 and len(out.split()) > 10
    assert f"voicetrainer {command}" in README.read_text(encoding="utf-8")


def test_the_list_of_commands_is_told_to_the_end(call: Call) -> None:
    _, out, _ = call("--help")
    listed = out.partition("Commands:\n")[2]
    assert "..." not in listed and "  type       Hold a call from the keyboard.\n" in listed
    assert len(re.findall(r"^  [a-z]+ ", listed, re.MULTILINE)) == len({command.split()[0] for command in COMMANDS})


def test_examples_stand_on_lines_of_their_own(call: Call) -> None:
    assert re.search(r"^ +voicetrainer type late-parcel$", call("type", "--help")[1], re.MULTILINE)


def test_the_readme_names_no_other_command(call: Call) -> None:
    used = re.findall(r"^(?:\$ )?voicetrainer ([a-z]+)", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert used and set(used) <= set(COMMANDS)


def test_a_call_from_the_keyboard(call: Call, tmp_path: Path) -> None:
    said = "I'm so sorry, that must be so frustrating.\n\n!Wait, listen to me\n/bye\n"
    code, out, _ = call("type", "late-parcel", "--json", stdin=said)
    result = json.loads(out)
    assert (code, result["outcome"], result["scenario"]) == (0, "left", "late-parcel")
    folder = Path(result["session"])
    assert folder.is_relative_to(tmp_path / "sessions") or (tmp_path / folder).exists()
    assert (folder / "report.html").stat().st_size > 10_000
    assert call("replay", str(folder))[0] == 0
    code, out, _ = call("rescore", str(folder), "--json")
    again = json.loads(out)
    assert (code, again["then"], again["divergence"]) == (0, again["now"], None)
    code, _, err = call("rehear", str(folder))
    assert code == 2 and "no audio" in err


def test_no_save_leaves_nothing(call: Call, tmp_path: Path) -> None:
    assert call("type", "late-parcel", "--no-save", stdin="hello\n")[0] == 0
    assert not list(tmp_path.iterdir())


def test_a_run_over_files_and_what_it_ends_like(call: Call) -> None:
    code, out, err = call("run", "late-parcel", str(CALM), "--json", "--no-audio", "--expect", "resolved")
    result = json.loads(out)
    assert code == 0, err
    assert result["wer"] < 0.15
    assert not (Path(result["session"]) / "call.flac").exists()
    code, _, err = call("run", "late-parcel", str(CALM / "4-order.flac"), "--json", "--expect", "resolved")
    assert code == 1 and "not resolved" in err


def test_scenarios_are_listed_with_what_they_train(call: Call) -> None:
    rows = json.loads(call("scenarios", "--json")[1])
    assert len(rows) >= 14 and all(row["trains"] for row in rows)
    _, out, _ = call("scenarios")
    assert all(row["id"] in out for row in rows) and "appreciation, apology" in out


def test_check(call: Call, tmp_path: Path) -> None:
    assert call("check", "late-parcel")[0] == 0
    (tmp_path / "mine.yaml").write_text("format: 1\n", encoding="utf-8")
    code, _, err = call("check", "late-parcel", "mine.yaml")
    assert code == 2 and "mine.yaml:1: " in err and "is missing" in err


BAD: dict[str, Callable[[Path], list[str]]] = {
    "no such scenario": lambda p: ["run", "lost-parcel", str(CALM)],
    "a folder as scenario": lambda p: ["type", str(p)],
    "an empty scenario": lambda p: ["type", _file(p, "empty.yaml", b"")],
    "a scenario that is not text": lambda p: ["type", _file(p, "bad.yaml", b"\xff\xfe\x00")],
    "no such clip": lambda p: ["run", "late-parcel", "nothing.wav"],
    "an empty clip": lambda p: ["run", "late-parcel", _file(p, "empty.wav", b"")],
    "a clip that is not audio": lambda p: ["run", "late-parcel", _file(p, "text.wav", b"hello " * 100)],
    "an empty folder of clips": lambda p: ["run", "late-parcel", str(p)],
    "a silent clip": lambda p: ["run", "late-parcel", _sound(p, np.zeros(16_000))],
    "a clip with NaN": lambda p: ["run", "late-parcel", _sound(p, np.full(16_000, np.nan))],
    "no such channel": lambda p: ["run", "late-parcel", str(CALM / "4-order.flac"), "--channel", "3"],
    "no such model": lambda p: ["run", "late-parcel", str(CALM), "--model", "nothing"],
    "a bad calibration": lambda p: ["run", "late-parcel", str(CALM), "--calibration", _file(p, "c.wav", b"no")],
    "no such session": lambda p: ["replay", str(p / "nothing")],
    "a folder that is no session": lambda p: ["report", str(p)],
    "an empty session": lambda p: ["rescore", str(Path(_file(p, "session.jsonl", b"")).parent)],
    "a broken session": lambda p: ["replay", str(Path(_file(p, "session.jsonl", b"{}\n{}\n")).parent)],
    "no such manifest": lambda p: ["evaluate", "words", "nothing.csv"],
    "an empty manifest": lambda p: ["evaluate", "steadiness", _file(p, "m.csv", b"")],
    "a manifest without its columns": lambda p: ["evaluate", "words", _file(p, "m.csv", b"a,b\n1,2\n")],
    "utterances that are not JSON": lambda p: ["evaluate", "techniques", _file(p, "u.jsonl", b"hello\n")],
    "an unknown field": lambda p: ["evaluate", "techniques", _file(p, "u.jsonl", b"{}\n"), "--field", "x"],
    "an unknown model to install": lambda p: ["models", "install", "nothing"],
}


def _file(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


def _sound(folder: Path, samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    import soundfile

    soundfile.write(folder / "x.wav", samples, 16_000, subtype="FLOAT")
    return str(folder / "x.wav")


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_in_a_line_and_leaves_nothing(case: str, call: Call, tmp_path: Path) -> None:
    place = tmp_path / "input"
    place.mkdir()
    code, out, err = call(*BAD[case](place))
    assert code == 2
    assert out == ""
    assert "Traceback" not in err and 1 <= len(err.strip().splitlines()) <= 3
    assert not (tmp_path / "sessions").exists()
