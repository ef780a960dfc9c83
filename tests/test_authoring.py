"""Tools for those who write scenarios: a new one from answers, its drawing, the schema, and their commands."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.roleplay.scripted import SMALL
from voicetrainer import cli, schema
from voicetrainer.cli.content import examine, read_scenario
from voicetrainer.detector import load_shipped
from voicetrainer.drafting import LONGEST, QUESTIONS, Question, answered, collect, draft
from voicetrainer.errors import ScenarioError
from voicetrainer.graph import WIDTH, draw
from voicetrainer.roleplay.course import hopeless, kind_only, perfect, play
from voicetrainer.roleplay.events import Band
from voicetrainer.roleplay.lint import TO_DO
from voicetrainer.roleplay.mood import TEMPERAMENTS
from voicetrainer.simulate import Remembering

ANSWERS = {
    "title": "Happy birthday, Kevin",
    "business": "A bakery: the one on the corner",
    "customer": "Mr O'Hara",
    "happened": "I ordered a birthday cake, and the name on it is wrong",
    "hurts": "it's her first birthday since we moved.",
    "offer_one": "bring you a new cake by three",
    "offer_two": "pay you half of the price back",
}

Call = Callable[..., tuple[int, str, str]]


class Keyboard(io.StringIO):
    """Somebody at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Run the program: its exit code, what it printed and what it complained of."""
    monkeypatch.chdir(tmp_path)

    def call(*args: str, stdin: str = "", typed: str | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["voicetrainer", *args])
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin) if typed is None else Keyboard(typed))
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return call


# -------------------------------------------------------------------------------------------------- a new scenario


@pytest.fixture(scope="module")
def detector() -> Remembering:
    return Remembering(load_shipped())


@pytest.mark.parametrize("temperament", TEMPERAMENTS)
@pytest.mark.parametrize(("difficulty", "supervisor"), [("1", "no"), ("5", "yes")])
def test_a_new_scenario_needs_nothing_but_its_own_words(
    temperament: str, difficulty: str, supervisor: str, tmp_path: Path, detector: Remembering
) -> None:
    more = {"temperament": temperament, "difficulty": difficulty, "supervisor": supervisor}
    file = tmp_path / "wrong-cake.yaml"
    file.write_text(draft(file.stem, collect({**ANSWERS, **more})), encoding="utf-8")
    scenario, found = examine(str(file), detector)
    assert [f.what for _, f in found if not f.what.startswith("still to be written")] == []
    assert len(found) == 2
    assert scenario.customer.temperament == temperament
    assert scenario.stages[0].lines_for(Band.FURIOUS)[0].say.endswith("wrong!")
    assert (scenario.endings.escalated is not None) == (supervisor == "yes")
    assert (scenario.endings.closed is not None) == (temperament == "abusive")
    assert TO_DO in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("key", "answer", "told"),
    [
        ("title", "  ", "title: is missing"),
        ("hurts", "x" * (LONGEST + 1), f"hurts: longer than {LONGEST} characters"),
        ("happened", "it {really} broke", "happened: brackets and signs cannot be spoken"),
        ("difficulty", "6", "difficulty: '6' is none of these"),
        ("temperament", "ici", "temperament: 'ici' is none of these; did you mean 'icy'?"),
        ("voice", "man 1", "voice: there is no voice 'man 1'"),
    ],
)
def test_an_answer_that_will_not_do(key: str, answer: str, told: str) -> None:
    question = next(q for q in QUESTIONS if q.key == key)
    with pytest.raises(ScenarioError) as caught:
        answered(question, answer)
    assert caught.value.message == told
    assert caught.value.hint


def test_an_example_is_an_answer() -> None:
    assert all(answered(q, q.example) == q.example for q in QUESTIONS if q.key != "voice")


def test_only_what_is_open_is_asked() -> None:
    asked: list[str] = []

    def ask(question: Question) -> str:
        asked.append(question.key)
        return question.example

    answers = collect({k: v for k, v in ANSWERS.items() if k != "hurts"}, ask)
    assert asked == ["hurts", "number", "needed", "difficulty", "temperament", "voice", "supervisor"]
    assert list(answers) == [q.key for q in QUESTIONS]
    with pytest.raises(ScenarioError, match="'hurst' is not asked for; did you mean 'hurts'"):
        collect({"hurst": "x"})


def test_new_writes_a_file_and_never_over_one(call: Call) -> None:
    Path("answers.yaml").write_text(
        "\n".join(f"{k}: {json.dumps(v)}" for k, v in ANSWERS.items()) + "\nsupervisor: no\n"
    )
    code, out, _ = call("new", "wrong-cake.yaml", "--answers", "answers.yaml", "--set", "difficulty=4")
    assert code == 0
    assert "voicetrainer check wrong-cake.yaml" in out
    text, scenario = read_scenario("wrong-cake.yaml")
    assert (scenario.id, scenario.difficulty, scenario.endings.escalated) == ("wrong-cake", 4, None)
    code, _, err = call("new", "wrong-cake.yaml", "--answers", "answers.yaml")
    assert (code, err.splitlines()[0]) == (2, "error: wrong-cake.yaml: exists already")
    assert Path("wrong-cake.yaml").read_text(encoding="utf-8") == text


def test_new_asks_at_a_terminal_with_an_example_or_what_there_is(call: Call) -> None:
    typed = [*ANSWERS.values(), "", "", "7", "3", "", "", "no"]
    code, _, err = call("new", "wrong-cake.yaml", typed="\n".join(typed) + "\n")
    assert code == 0, err
    for told in ("Ctrl-C ends it and writes nothing", "Who calls? (for example: Mr Lang)", "(even/short-fused/"):
        assert told in err
    assert "difficulty: '7' is none of these" in err
    scenario = read_scenario("wrong-cake.yaml")[1]
    assert (scenario.difficulty, scenario.customer.voice, scenario.endings.escalated) == (3, "man-1", None)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (
            ("Wrong Cake.yaml",),
            "Wrong Cake.yaml: should be lower-case letters and digits, joined by hyphens, and .yaml",
        ),
        (("wrong-cake.yaml",), "title: is missing"),
        (("wrong-cake.yaml", "--set", "title"), "--set title: has no answer"),
        (("wrong-cake.yaml", "--answers", "none.yaml"), "none.yaml: no such file or directory"),
        (("wrong-cake.yaml", "--answers", "list.yaml"), "list.yaml: should have one answer a line"),
        (("nowhere/wrong-cake.yaml", "--answers", "all.yaml"), "nowhere/wrong-cake.yaml: no such file or directory"),
    ],
)
def test_new_says_what_is_wrong(args: tuple[str, ...], told: str, call: Call) -> None:
    Path("list.yaml").write_text("- a\n- b\n")
    Path("all.yaml").write_text("\n".join(f"{k}: {json.dumps(v)}" for k, v in ANSWERS.items()))
    code, _, err = call("new", *args)
    assert (code, err.splitlines()[0]) == (2, f"error: {told}")
    assert not Path("wrong-cake.yaml").exists()


# ------------------------------------------------------------------------------------------------------ the drawing

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", ["night-cab", "late-parcel"])
def test_a_drawing_tells_all_and_stays_on_its_page(name: str) -> None:
    scenario = read_scenario(name)[1]
    root = ET.fromstring(draw(scenario))
    height = float(root.attrib["height"])
    texts = [(e.text or "", float(e.attrib["x"]), float(e.attrib["y"])) for e in root.iter(f"{SVG}text")]
    words = " ".join(text for text, _, _ in texts)
    for stage in scenario.stages:
        assert stage.id in words
        assert stage.about.split()[-1] in words
    for ending in ("resolved", "escalated", "hung up", "out of time"):
        assert ending in words
    assert ("closed" in words) == (scenario.endings.closed is not None)
    assert all(0 < y < height and 0 < x + 0.5 * 11.5 * len(text) < WIDTH for text, x, y in texts)
    boxes = [
        [float(r.attrib[k]) for k in ("x", "y", "width", "height")] for r in root.iter(f"{SVG}rect") if "x" in r.attrib
    ]
    assert len(boxes) >= len(scenario.stages) + 5
    for i, (x, y, w, h) in enumerate(boxes):
        for ox, oy, ow, oh in boxes[:i]:
            assert x >= ox + ow or ox >= x + w or y >= oy + oh or oy >= y + h  # none lies over another


def test_a_drawing_takes_any_words() -> None:
    odd = SMALL.model_copy(update={"title": "<b>&\"'", "business": "x" * 300})
    root = ET.fromstring(draw(odd))
    assert root.find(f"{SVG}title").text == "<b>&\"'"  # type: ignore[union-attr]
    assert "prefers-color-scheme: dark" in draw(odd)


def test_graph_and_schema_write_files(call: Call) -> None:
    assert call("graph", "late-parcel", "-o", "late-parcel.svg")[0] == 0
    assert Path("late-parcel.svg").read_text(encoding="utf-8") == draw(read_scenario("late-parcel")[1])
    assert call("graph", "late-parcel", "-o", "nowhere/x.svg")[0] == 2
    code, out, _ = call("schema")
    assert (code, out) == (0, schema.text())
    assert call("schema", "-o", "mine.json")[0] == 0
    assert Path("mine.json").read_text(encoding="utf-8") == out


# ------------------------------------------------------------------------------------------------ check and simulate

SOUND = Path(__file__).parent / "data" / "sound-scenario.yaml"


def test_check_tells_errors_from_warnings(call: Call, tmp_path: Path) -> None:
    text = SOUND.read_text(encoding="utf-8")
    warned = tmp_path / "sound-scenario.yaml"
    warned.write_text(text.replace("coming.\n", "coming\n", 1), encoding="utf-8")
    code, out, err = call("check", str(warned))
    assert code == 0
    assert out == f"{warned}: good, 3 rehearsals take their course, 1 warning\n"
    assert err.startswith(f"{warned}:30: warning: stages.1.lines.angry.2: ends without a full stop")
    assert call("check", "--strict", str(warned))[0] == 1
    assert call("check", "--strict", str(SOUND))[0] == 0
    warned.write_text(text.replace("outcome: escalated", "outcome: resolved"), encoding="utf-8")
    code, _, err = call("check", str(warned))
    assert code == 1
    assert "rehearsals.3.expect.outcome: 'a supervisor at the right moment' ends escalated, not resolved" in err


def test_check_for_machines(call: Call, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("format: 1\n")
    code, out, _ = call("check", "--json", str(SOUND), str(broken))
    assert code == 2
    good, bad = json.loads(out)
    assert good == {"scenario": str(SOUND), "ok": True, "rehearsals": 3, "problems": [], "warnings": []}
    assert bad["broken"]
    assert bad["problems"]


def test_simulate_on_the_command_line(call: Call) -> None:
    code, out, _ = call("simulate", "late-parcel", "--learners", "model,silent", "--calls", "4")
    assert code == 0
    assert out.startswith("late-parcel  4 calls of each, ")
    assert re.search(r"^model +100 % +\d", out, re.MULTILINE)
    assert re.search(r"^silent +0 % +\d", out, re.MULTILINE)
    assert "most lost by" in out
    code, out, _ = call("simulate", "late-parcel", "--learners", "silent", "--calls", "4", "--json", "--strict")
    assert code == 0
    (found,) = json.loads(out)
    assert (found["calls"], found["seed"], found["intensity"], found["notes"]) == (4, 1, "normal", [])
    (row,) = found["learners"]
    assert (row["learner"], row["won"], row["outcomes"], row["broken"]) == ("silent", 0, {"hung_up": 100}, [])
    assert row["anger"]["low"][0] == row["anger"]["high"][0] == 6


def test_simulate_sums_several_scenarios_up_in_a_table(call: Call) -> None:
    code, out, _ = call("simulate", "late-parcel", "cold-dinner", "--learners", "silent,abusive", "--calls", "2")
    table = ["| per cent won | silent | abusive |", "| ------------ | -----: | ------: |",
             "| late-parcel  |      0 |       0 |", "| cold-dinner  |      0 |       0 |"]  # fmt: skip
    assert code == 0
    assert "\n".join(table) in out


def test_simulate_shows_one_call(call: Call) -> None:
    code, out, _ = call("simulate", "late-parcel", "--show", "silent:2")
    assert code == 0
    assert "Lost: the customer hung up (nobody answered)" in out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((), "no scenario to simulate"),
        (("late-parcel", "--learners", "modle"), "there is no kind of learner 'modle'; did you mean 'model'?"),
        (("late-parcel", "--intensity", "fierc"), "there is no intensity 'fierc'; did you mean 'fierce'?"),
        (("late-parcel", "--show", "model:x"), "'x' is no number of a call"),
    ],
)
def test_simulate_says_what_is_wrong(args: tuple[str, ...], told: str, call: Call) -> None:
    code, _, err = call("simulate", *args)
    assert (code, err.splitlines()[0]) == (2, f"error: {told}")


# ----------------------------------------------------------------------------------------------- learners of labels


def test_a_perfect_learner_wins_and_the_others_do_not() -> None:
    assert play(SMALL, perfect).ending == ("resolved", "every need was met and the anger is gone")
    for learner in (hopeless, kind_only):
        ending = play(SMALL, learner).ending
        assert ending is not None
        assert ending[0] in ("hung_up", "out_of_time")
    assert play(SMALL, hopeless).turn < play(SMALL, kind_only).turn
