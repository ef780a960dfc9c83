"""After the call, from the command line: self-score, reflection, a breath, another try, and how it goes over time."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.roleplay.scripted import TEXT
from voicetrainer import cli
from voicetrainer.cli.calls import KEYS
from voicetrainer.cli.debrief import breathe, was_hard
from voicetrainer.debrief import FILE, load
from voicetrainer.recording import LOG
from voicetrainer.recording import load as load_session
from voicetrainer.roleplay.events import Branch, Ended, MoodChanged
from voicetrainer.roleplay.rubric import STANDARD
from voicetrainer.roleplay.selfscore import STATEMENTS

Call = Callable[..., tuple[int, str, str]]

ARGUED = "That's not our fault, the courier lost it.\n"
HEARD = "That sounds really frustrating. So you paid for next day, and you stayed in for two days.\n"
OWNED = "I'm really sorry. That was our mistake. Leave this with me.\n"
OFFERED = "I can send a new pair by courier tomorrow, or refund you the ninety pounds today. Which would you like?\n"
CHECKED = "I will ring you tomorrow at noon to check that they are there. Thank you for your patience.\n"
WON = HEARD + OWNED + OFFERED + CHECKED


class Keyboard(io.StringIO):
    """Somebody at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Run the program: its exit code, what it printed and what it complained of."""
    monkeypatch.chdir(tmp_path)

    def call(*args: str, typed: str | None = None, piped: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["voicetrainer", *args])
        monkeypatch.setattr("sys.stdin", io.StringIO(piped) if typed is None else Keyboard(typed))
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return call


def hold(call: Call, said: str = ARGUED + HEARD) -> Path:
    """A typed call; its session."""
    code, out, err = call("type", "late-parcel", "--json", piped=said)
    assert code == 0, err
    return Path(json.loads(out)["session"])


# ------------------------------------------------------------------------------------------------------- self-score


def test_the_learner_is_asked_before_the_score_is_shown(call: Call, tmp_path: Path) -> None:
    answers = "4\n3\n7\n2\n5\n5\nI was too quick.\n"  # the 7 is asked again
    code, out, _ = call("type", "late-parcel", typed=ARGUED + "/bye\n" + answers)
    assert code == 0
    assert out.index(STATEMENTS[-1].text) < out.index("Scorecard")
    assert "a number from 1 to 5" in out
    assert "How you saw it" in out and "card" in out[out.index("How you saw it") :]
    own = load(next((tmp_path / "sessions").iterdir())).own
    assert own is not None
    assert own.answers == {"heard": 4, "felt": 3, "helped": 2, "plain": 5, "calm": 5}
    assert own.note == "I was too quick."


@pytest.mark.parametrize(
    ("arguments", "answers", "kept"),
    [
        ([], "4\n\n", {"heard": 4}),  # Enter skips what is left
        ([], "4\n", {"heard": 4}),  # so does the end of input
        ([], "\n", None),
        (["--no-self-score"], "4\n4\n4\n4\n4\n\n", None),
    ],
)
def test_it_can_be_skipped(
    call: Call, tmp_path: Path, arguments: list[str], answers: str, kept: dict[str, int] | None
) -> None:
    code, out, _ = call("type", "late-parcel", *arguments, typed=ARGUED + "/bye\n" + answers)
    assert code == 0 and "Scorecard" in out
    own = load(next((tmp_path / "sessions").iterdir())).own
    assert (own.answers if own else None) == kept
    assert ("How you saw it" in out) == (kept is not None)


def test_it_is_never_asked_of_a_pipe(call: Call) -> None:
    code, out, _ = call("type", "late-parcel", piped=ARGUED)
    assert code == 0
    assert STATEMENTS[0].text not in out


def test_the_card_is_kept_beside_the_log_and_the_report_shows_the_gap(call: Call, tmp_path: Path) -> None:
    call("type", "late-parcel", typed=ARGUED + "/bye\n" + "5\n5\n\n")
    folder = next((tmp_path / "sessions").iterdir())
    card = load(folder).card
    assert card is not None and sum(c.weight for c in card.criteria) == 100
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "How you saw it, before the score" in report
    log = (folder / LOG).read_text(encoding="utf-8")
    assert STATEMENTS[0].text not in log and '"pass_mark"' not in log, "facts stay facts"


# ------------------------------------------------------------------------------------------------------- reflection


def test_reflections_are_kept_and_shown_and_can_be_changed(call: Call) -> None:
    folder = hold(call)
    code, out, _ = call("reflect", str(folder), piped="I felt attacked.\n\nThe second one.\n")
    assert code == 0 and "Kept." in out
    answers = [r.answer for r in load(folder).reflections]
    assert answers == ["I felt attacked.", "The second one."]
    assert "I felt attacked." in (folder / "report.html").read_text(encoding="utf-8")
    call("reflect", str(folder), piped="\nIt was about the holiday.\n")
    code, out, _ = call("reflect", str(folder), "--json")
    asked = json.loads(out)
    assert [a["answer"] for a in asked if a["answer"]] == [
        "I felt attacked.",
        "It was about the holiday.",
        "The second one.",
    ]
    assert load(folder).card is not None, "nothing else is lost"


def test_reflecting_on_nothing_changes_nothing(call: Call) -> None:
    folder = hold(call)
    before = (folder / FILE).read_bytes()
    code, out, _ = call("reflect", str(folder), piped="\n\n\n\n")
    assert code == 0 and "Nothing changed." in out
    assert (folder / FILE).read_bytes() == before


def test_a_broken_debrief_is_told_in_a_line(call: Call) -> None:
    folder = hold(call)
    (folder / FILE).write_text("{", encoding="utf-8")
    for command in ("reflect", "report", "rescore"):
        code, _, err = call(command, str(folder))
        assert code == 2 and "debrief.json" in err and "Traceback" not in err


# ------------------------------------------------------------------------------------------------------------ reset


def test_breathing_is_paced_four_in_six_out() -> None:
    waited: list[float] = []
    told: list[str] = []
    breathe(60, moving=False, write=told.append, sleep=waited.append)
    assert waited == [4.0, 6.0] * 6
    text = "".join(told)
    assert text.startswith("6 slow breaths")
    assert text.count("breathe in, 4 seconds") == text.count("breathe out, 6 seconds") == 6
    assert "\r" not in text and "\x1b" not in text


def test_the_bar_grows_and_shrinks_in_the_same_time() -> None:
    waited: list[float] = []
    told: list[str] = []
    breathe(20, moving=True, write=told.append, sleep=waited.append)
    assert sum(waited) == pytest.approx(20)
    full = [line.count("█") for line in told if "█" in line or "░" in line]
    assert full[0] < full[39] == 30 and full[40] < 31 and full[99] == 0


def test_breathing_can_be_stopped_at_any_time() -> None:
    told: list[str] = []

    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    breathe(60, moving=False, write=told.append, sleep=stop)
    assert "Stopped, and that is fine." in told[-1]


def test_reset_from_the_command_line(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("voicetrainer.cli.debrief.breathe.__kwdefaults__", {"write": print, "sleep": lambda _: None})
    code, out, _ = call("reset", "--seconds", "10", "--plain")
    assert code == 0 and "1 slow breath," in out and "Done." in out
    assert call("reset", "--seconds", "5")[0] == 2


def test_a_breath_is_offered_after_a_hard_call_only(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert was_hard([Ended(1.0, "hung_up", "x")])
    assert was_hard([MoodChanged(1.0, 1, 7, 8.2, "blame", "x")])
    assert not was_hard([MoodChanged(1.0, 1, 6, 7.2, "blame", "x"), Ended(1.0, "left", "x")])
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    breathed: list[float] = []
    monkeypatch.setattr("voicetrainer.cli.debrief.breathe", lambda seconds, **_: breathed.append(seconds))
    hard = "You should have been at home, you idiot.\n" * 2  # up by 1.8 each time: furious, and still there
    _, out, _ = call("type", "late-parcel", "--no-self-score", typed=hard + "/bye\ny\n")
    assert "A minute to breathe" in out and breathed == [60]
    _, calm, _ = call("type", "late-parcel", "--no-self-score", typed=WON)
    assert "A minute to breathe" not in calm


# ------------------------------------------------------------------------------------------------------ the keyboard


def test_who_sits_at_the_keyboard_gets_notes_and_keys(call: Call) -> None:
    _, out, _ = call("type", "late-parcel", "--no-save", typed="")
    for told in ("Let her say what happened before you off", "  ordered: ", KEYS[:40]):
        assert told in out, told
    _, out, _ = call("type", "late-parcel", "--no-save", piped="")
    assert KEYS[:40] not in out


# ------------------------------------------------------------------------------------------------------------ retry


def test_another_try_from_any_turn(call: Call) -> None:
    folder = hold(call, ARGUED + HEARD)
    code, out, _ = call("retry", str(folder))
    assert code == 0 and re.search(r"^ +1 +0:\d\d +anger then +7\.\d +That's not our fault", out, re.MULTILINE)
    code, out, err = call("retry", str(folder), "--turn", "1", "--json", piped=WON)
    result = json.loads(out)
    assert (code, result["outcome"]) == (0, "resolved"), err
    branch = load_session(Path(result["session"]))
    assert branch.header.branch == Branch(folder.name, 1)
    assert branch.folder.parent.name == folder.parent.name
    assert call("replay", str(branch.folder))[0] == 0
    assert f"from turn 1 of {folder.name}" in (branch.folder / "report.html").read_text(encoding="utf-8")


def test_a_try_that_is_not_kept_leaves_nothing(call: Call, tmp_path: Path) -> None:
    folder = hold(call)
    code, out, _ = call("retry", str(folder), "--turn", "2", "--no-save", piped=HEARD)
    shown = out.partition("Scorecard")[0]
    assert code == 0 and "I ordered boots" not in shown, "only from the turn before on"
    assert "You  That's not our fault" in shown, "what was not typed in this call is told"
    assert len(list((tmp_path / "sessions").iterdir())) == 1


def test_there_must_be_such_a_turn(call: Call) -> None:
    code, _, err = call("retry", str(hold(call)), "--turn", "9")
    assert code == 2 and "there is no turn 9, you spoke 2 times in it" in err


def test_branches_stand_side_by_side(call: Call) -> None:
    folder = hold(call)
    code, _, err = call("compare", str(folder))
    assert code == 2 and "nothing was branched off" in err
    call("retry", str(folder), "--turn", "1", "--json", piped=WON)
    code, out, _ = call("compare", str(folder))
    assert code == 0
    assert re.search(r"^ended +left +resolved", out, re.MULTILINE)
    assert re.search(r"^after turn 4 +– +\d\.\d", out, re.MULTILINE)
    assert re.search(r"^Solution and choice +1 +[45]", out, re.MULTILINE)
    assert f"from turn 1 of {folder.name}" in out
    code, out, _ = call("compare", str(folder), str(folder), "--json")
    one, two = json.loads(out)
    assert one == two and [t["turn"] for t in one["turns"]] == [1, 2]
    assert call("compare", *[str(folder)] * 7)[0] == 2


# ---------------------------------------------------------------------------------------------------------- history


def test_history_over_the_calls_in_ones_own_folder(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("history")
    assert code == 0 and "no call of yours" in out
    hold(call)
    hold(call, WON)
    (tmp_path / "sessions" / "broken").mkdir()
    (tmp_path / "sessions" / "broken" / LOG).write_bytes(b"{}\n")
    code, out, err = call("history")
    assert code == 0
    assert "2 calls" in out and "late-parcel" in out
    assert re.search(r"^Empathy +\d\.\d +\d \d", out, re.MULTILINE)
    assert "Practise next:" in out and "Not yet" in out
    assert err.strip().startswith("skipped broken: ")
    code, out, _ = call("history", "--json")
    result = json.loads(out)
    assert [c["outcome"] for c in result["calls"]] == ["left", "resolved"]
    assert result["calls"][0]["score"] < result["calls"][1]["score"]
    assert result["skipped"][0]["session"] == "broken"
    assert set(result["used"]).isdisjoint(result["unused"])
    assert result["practise"]["criterion"]
    assert json.loads(call("history", "--json", "--scenario", "no-heating")[1])["calls"] == []


# ---------------------------------------------------------------------------------------------------------- rescore


def test_a_changed_rubric_shows_per_criterion(call: Call, tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "scenarios" / "late-parcel.yaml").read_text(encoding="utf-8")
    own = text.split("\nrubric:")[0] + "\nrubric:\n  pass_mark: 5\n  weights: {empathy: 4, solution: 24}\n"
    (tmp_path / "strict.yaml").write_text(own, encoding="utf-8")
    folder = hold(call)
    code, out, _ = call("rescore", str(folder), "--scenario", "strict.yaml")
    assert code == 0
    assert "as it was shown (voicetrainer" in out
    assert re.search(r"Empathy +\d -> \d +weight 14 -> +4 +<- changed\n +counts 4 instead of 14", out)
    assert "Pass mark 60 -> 5" in out
    code, out, _ = call("rescore", str(folder), "--scenario", "strict.yaml", "--json")
    result = json.loads(out)
    changed = {c["id"] for c in result["criteria"] if c["reasons"]}
    assert changed == {"empathy", "solution"}
    assert result["then"] != result["now"] and result["kept"]
    result = json.loads(call("rescore", str(folder), "--json")[1])
    assert all(c["reasons"] == [] for c in result["criteria"]) and result["then"] == result["now"]


def test_a_session_without_a_kept_card_is_marked_by_todays_rubric(call: Call) -> None:
    folder = hold(call)
    (folder / FILE).unlink()
    code, out, _ = call("rescore", str(folder))
    assert code == 0 and "as it was decided then" in out


def test_a_rubric_that_does_not_hold_together_is_told(call: Call, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text(TEXT + "rubric: {weights: {empathy: 50}}\n", encoding="utf-8")
    code, _, err = call("rescore", str(hold(call)), "--scenario", "odd.yaml")
    assert code == 2 and "all weights together must be 100" in err


# ----------------------------------------------------------------------------------------------------------- rubric


def test_the_rubric_is_printed_and_a_scenarios_changes_with_it(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("rubric")
    assert code == 0
    for c in STANDARD.criteria:
        assert re.search(rf"^{c.name}  {c.weight} %  {c.id}$", out, re.MULTILINE)
    assert "usually" not in out and "A call passes from 60 of 100." in out
    (tmp_path / "own.yaml").write_text(TEXT + "rubric: {weights: {empathy: 20, composure: 0}}\n", encoding="utf-8")
    code, out, _ = call("rubric", "own.yaml")
    assert code == 0 and "Empathy  20 % (usually 14)" in out and "Left out: Steady voice." in out
    code, out, _ = call("rubric", "own.yaml", "--json")
    assert sum(c["weight"] for c in json.loads(out)["criteria"]) == 100
