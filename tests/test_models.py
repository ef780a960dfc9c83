from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.folders import FST, SMALLEST, ZIP, archive, entry, write
from voicetrainer import fetch, models, places
from voicetrainer.cli.models import app
from voicetrainer.errors import ModelError
from voicetrainer.models import SUMS, check_folder

STARTER = places.shipped("models") / "vosk-voicetrainer-starter-0.1"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for fetched models."""
    folder = tmp_path / "models"
    monkeypatch.setenv("VOICETRAINER_MODELS", str(folder))
    monkeypatch.delenv("VOICETRAINER_MODEL", raising=False)
    return folder


# ------------------------------------------------------------------------------------------------- from an archive


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An archive of a model that listens, under a name that the catalogue does not know."""
    path = tmp_path / "own.zip"
    with zipfile.ZipFile(path, "w") as file:
        for source in sorted(STARTER.rglob("*")):
            file.write(source, f"our-model-2/{source.relative_to(STARTER)}")
    return path


def test_a_model_of_ones_own_from_an_archive(own: Path, home: Path) -> None:
    model = models.install_file(own)
    assert (model.name, model.path, model.shipped) == ("our-model-2", home / "our-model-2", False)
    assert model.checksum == models.at(STARTER).checksum
    assert models.choose() == model, "it is preferred to the shipped one"
    assert models.install_file(own) == model, "again is fine"


def test_libvosk_crashing_on_an_archive_is_an_error(own: Path, home: Path) -> None:
    with zipfile.ZipFile(own) as file:
        files = {name: file.read(name) for name in file.namelist() if not name.endswith("/")}
    graph = "our-model-2/graph/HCLG.fst"
    files[graph] = files[graph][:1_000_000] + b"\xff" * 200_000 + files[graph][1_200_000:]
    own.write_bytes(archive(files, ""))
    with pytest.raises(ModelError, match="libvosk cannot load it"):
        models.install_file(own)
    assert not (home / "our-model-2").exists()


def test_an_archive_known_by_its_checksum(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = entry("https://example.org/x.zip")
    monkeypatch.setattr(models, "catalogue", lambda: (known, *CATALOGUE))
    path = write(tmp_path, {"download (1).zip": ZIP}) / "download (1).zip"
    assert models.install_file(path).name == "vosk-model-x"
    assert models.install_file(path, "vosk-model-x").path == home / "vosk-model-x"
    assert path.exists(), "the user's file stays"
    with pytest.raises(ModelError, match="it is vosk-model-x, not vosk-model-en-us"):
        models.install_file(path, "vosk-model-en-us-0.22")
    other = write(tmp_path, {"y.zip": archive({**SMALLEST, "README": b"other"})}) / "y.zip"
    with pytest.raises(ModelError, match="checksum is not that of vosk-model-x"):
        models.install_file(other, "vosk-model-x")
    with pytest.raises(ModelError, match="calls itself vosk-model-x and has another checksum"):
        models.install_file(other)


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        models.install_file(tmp_path / "none.zip")


# ---------------------------------------------------------------------------------------------------- looking it over


@pytest.mark.parametrize(
    ("file", "data", "message"),
    [
        ("am/final.mdl", None, "final.mdl: missing"),
        ("am/final.mdl", b"", "final.mdl: empty"),
        ("am/final.mdl", b"<html>", "final.mdl: damaged"),
        ("graph/HCLG.fst", None, "HCLG.fst: missing"),
        ("graph/HCLG.fst", b"", "HCLG.fst: empty"),
        ("graph/HCLG.fst", b"\x7f" * 100, "HCLG.fst: damaged"),
        ("graph/words.txt", None, "words.txt: missing"),
        ("graph/words.txt", b"\n", "words.txt: empty"),
        ("graph/words.txt", b"<eps> 0\na 1", "words.txt: cut off"),
        ("graph/words.txt", b"\0\1\2\n", "words.txt: not a table of words"),
        ("graph/phones/word_boundary.int", b"", "word_boundary.int: empty"),
        ("conf/mfcc.conf", None, "mfcc.conf: missing"),
        ("conf/mfcc.conf", b"", "mfcc.conf: empty"),
        ("conf/mfcc.conf", b"--a=1\nnonsense\n", r"mfcc.conf:2: not an option: 'nonsense'"),
        ("conf/model.conf", None, "model.conf: missing"),
        ("conf/model.conf", b"", "model.conf: empty"),
        ("conf/model.conf", b"--beam=13\n", "model.conf: it does not name the silence phones"),
        ("conf/model.conf", b"\xff\xfe\0\1", "model.conf:1: not an option"),
        ("ivector/final.ie", b"x", "splice.conf: missing"),
    ],
)
def test_what_is_wrong_with_a_folder(tmp_path: Path, file: str, data: bytes | None, message: str) -> None:
    folder = write(tmp_path / "m", SMALLEST)
    check_folder(folder)
    if data is None:
        (folder / file).unlink()
    else:
        write(folder, {file: data})
    with pytest.raises(ModelError, match=message) as caught:
        check_folder(folder)
    assert caught.value.hint


DYNAMIC = {
    **{name: data for name, data in SMALLEST.items() if not name.startswith("graph/")},
    "graph/HCLr.fst": FST,
    "graph/Gr.fst": FST.replace(b"\x02\0\0\0\0\0\0\0", b"\x02\0\0\0\x02\0\0\0"),  # with its table of words
    "graph/disambig_tid.int": b"1\n",
    "graph/phones/word_boundary.int": b"1 nonword\n",
    **{f"ivector/{name}": b"x" for name in ("final.ie", *models._IVECTOR)},
}
FLAT = {
    name.split("/")[-1]: data
    for name, data in DYNAMIC.items()
    if name != "conf/model.conf" and not name.startswith("ivector/")
}


@pytest.mark.parametrize("files", [DYNAMIC, FLAT], ids=["dynamic graph", "the older layout"])
def test_other_layouts_of_vosk(tmp_path: Path, files: dict[str, bytes]) -> None:
    folder = write(tmp_path / "m", files)
    check_folder(folder)
    next(folder.rglob("Gr.fst")).write_bytes(FST)
    with pytest.raises(ModelError, match=r"words\.txt: missing"):
        check_folder(folder)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        check_folder(tmp_path / "none")
    with pytest.raises(ModelError, match=r"final\.mdl: missing"):
        check_folder(tmp_path)


@pytest.fixture
def locked() -> Iterator[Path]:
    """A model whose files its owner alone may read, in a folder that everybody may."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        model = write(Path(folder) / "m", SMALLEST)
        (model / "am" / "final.mdl").chmod(0)
        yield model


def test_a_folder_that_cannot_be_read(locked: Path, unprivileged: Callable[[], AbstractContextManager[None]]) -> None:
    with unprivileged():
        with pytest.raises(ModelError, match="Permission denied"):
            check_folder(locked)
        problems = list(models.problems(models.at(locked)))
    assert problems == [f"{locked / 'am' / 'final.mdl'}: Permission denied"]


def test_damage_inside_a_file_is_found_by_its_checksum(tmp_path: Path) -> None:
    folder = tmp_path / STARTER.name
    shutil.copytree(STARTER, folder)
    check_folder(folder)
    with (folder / "graph" / "HCLG.fst").open("r+b") as file:  # with this, libvosk ends the process
        file.seek(1_000_000)
        file.write(b"\xff" * 200_000)
    with pytest.raises(ModelError, match=r"HCLG\.fst: changed or damaged") as caught:
        check_folder(folder)
    assert "install voicetrainer again" in caught.value.hint


def test_problems_of_a_shipped_model(tmp_path: Path) -> None:
    folder = tmp_path / STARTER.name
    shutil.copytree(STARTER, folder)
    model = models.at(folder)
    assert list(models.problems(model)) == []
    (folder / "README.md").unlink()
    assert list(models.problems(model)) == [], "the card is for people"
    (folder / "extra.fst").write_bytes(FST)
    assert list(models.problems(model)) == [f"{folder / 'extra.fst'}: does not belong there"]
    (folder / SUMS).write_text("", encoding="utf-8")
    assert next(models.problems(model)) == f"{folder / SUMS}: not the list that voicetrainer came with"


# ------------------------------------------------------------------------------------------------------- choosing one

CATALOGUE = models.catalogue()
SHIPPED = [entry.name for entry in CATALOGUE if entry.shipped]


def test_the_catalogue() -> None:
    assert [e.name for e in CATALOGUE if e.recommended] == ["vosk-model-small-en-us-0.15"]
    assert set(SHIPPED) == {STARTER.name, "vosk-voicetrainer-0.5"}
    assert len({e.name for e in CATALOGUE}) == len({e.sha256 for e in CATALOGUE}) == len(CATALOGUE)
    for known in CATALOGUE:
        assert known.good_for
        assert known.language
        assert known.licence
        if not known.shipped:
            assert known.address == f"https://alphacephei.com/vosk/models/{known.name}.zip"
            assert known.size > 10_000_000


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_is_what_the_catalogue_says(name: str) -> None:
    model = models.choose(name)
    assert model.path == places.shipped("models") / name
    assert model.checksum == model.sha256 == fetch.digest(model.path / SUMS)
    assert list(models.problems(model)) == []
    assert sum(path.stat().st_size for path in model.path.rglob("*")) < 30e6


def test_without_any_other_a_shipped_one_listens() -> None:
    assert models.choose().name == models.choose(people=True).name == "vosk-voicetrainer-0.5" == SHIPPED[0]
    starter = models.choose(STARTER.name)
    assert not starter.people
    assert not starter.confidence


def test_who_listens_is_one_plain_line(home: Path) -> None:
    for name in SHIPPED:
        line = models.who_listens(models.choose(name))
        assert line.startswith(f"{name} listens (")
        assert line.endswith("voicetrainer models install vosk-model-small-en-us-0.15")
    write(home / "our-model", SMALLEST)
    assert models.who_listens(models.choose("our-model")) == "our-model listens."


@pytest.mark.parametrize(
    "text",
    [
        "- name: x",
        "just text",
        "[1, 2]",
        "",
        "a: [",
        "- {name: '../x', good_for: a, language: a, licence: a, sha256: a}",
        "- {name: x, good_for: a, language: a, licence: a, sha256: a, colour: red}",
    ],
)
def test_a_catalogue_that_somebody_broke(tmp_path: Path, text: str) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"catalogue\.yaml") as caught:
        models.catalogue(path)
    assert caught.value.hint == "undo the last change to it"


def test_the_best_installed_one(home: Path) -> None:
    for name in ("vosk-model-small-en-us-0.15", "our-model", "vosk-model-en-us-0.22-lgraph", "not a name"):
        write(home / name, SMALLEST)
    (home / "empty").mkdir()
    names = ["vosk-model-en-us-0.22-lgraph", "vosk-model-small-en-us-0.15", "our-model", *SHIPPED]
    assert [model.name for model in models.installed()] == names
    assert models.choose().path == home / names[0]
    assert models.choose(None).licence == "Apache-2.0"


def test_by_name_by_folder_by_environment(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = write(home / "vosk-model-small-en-us-0.15", SMALLEST)
    other = write(tmp_path / "elsewhere", SMALLEST)
    assert models.choose(STARTER.name).path == STARTER
    assert models.choose(str(other)).path == other
    assert models.choose(str(other)).name == "elsewhere"
    monkeypatch.setenv("VOICETRAINER_MODEL", str(other))
    assert models.choose().path == other
    assert models.choose(small.name).path == small, "what is asked for goes before the environment"
    monkeypatch.chdir(tmp_path)
    assert models.choose(".").name == tmp_path.name


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        ("vosk-model-en-us-0.22", "is not installed", "voicetrainer models install vosk-model-en-us-0.22"),
        ("vosk-model-smal-en-us-0.15", "there is no model", "did you mean vosk-model-small-en-us-0.15?"),
        ("/no/such/folder", "there is no model", "voicetrainer models list"),
    ],
)
def test_one_that_is_not_there(monkeypatch: pytest.MonkeyPatch, wanted: str, message: str, hint: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        models.choose(wanted)
    assert caught.value.hint == hint
    monkeypatch.setenv("VOICETRAINER_MODEL", wanted)
    with pytest.raises(ModelError, match=message):
        models.choose()


def test_none_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(places.shipped("models") / "catalogue.yaml", tmp_path)
    monkeypatch.setattr(places, "shipped", lambda _: tmp_path)
    with pytest.raises(ModelError, match="no recognition model") as caught:
        models.choose()
    assert caught.value.hint == "voicetrainer models install vosk-model-small-en-us-0.15"


def test_the_checksum_is_what_anybody_can_compute(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", {**SMALLEST, ".hidden/x": b"1", "README.md": b"2"})
    lines = [
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(SMALLEST.items()) if name != "README"
    ]
    assert models.at(folder).checksum == hashlib.sha256("".join(lines).encode()).hexdigest()


# ------------------------------------------------------------------------------------------------------------- places


def test_where_things_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    top = Path(__file__).parents[1]
    assert places.shipped("scenarios") == top / "scenarios"
    monkeypatch.delenv("VOICETRAINER_MODELS")
    assert places.models_dir() == top / "models"
    monkeypatch.setenv("VOICETRAINER_SESSIONS", "")
    assert places.sessions_dir() == Path("sessions")
    monkeypatch.setenv("VOICETRAINER_SESSIONS", "~/calls")
    assert places.sessions_dir() == Path.home() / "calls"


def test_where_things_are_in_an_installed_package(tmp_path: Path) -> None:
    """A copy of the package as a wheel lays it out, in a process of its own."""
    package = tmp_path / "site-packages" / "voicetrainer"
    shutil.copytree(Path(places.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        places.shipped("models"), package / "_shipped" / "models", ignore=shutil.ignore_patterns("vosk-model-*")
    )
    program = (
        "from voicetrainer import places, models; print(places.shipped('scenarios')); print(places.models_dir());"
        "print(models.choose().path)"
    )
    env = {
        **os.environ,
        "PYTHONPATH": str(package.parent),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "HOME": str(tmp_path),
    }
    del env["VOICETRAINER_MODELS"]
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    scenarios, fetched, chosen = done.stdout.split("\n")[:3]
    assert scenarios == str(package / "_shipped" / "scenarios")
    assert Path(fetched).is_relative_to(tmp_path)
    assert not Path(fetched).is_relative_to(package)
    assert chosen == str(package / "_shipped" / "models" / SHIPPED[0])


# ---------------------------------------------------------------------------------------------------- the command line


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_list(home: Path) -> None:
    write(home / "our-model", SMALLEST)
    code, out = run("list")
    assert code == 0
    here, there = out.split("to be had")
    assert "our-model" in here
    assert "it does not understand people" in here
    assert "vosk-model-small-en-us-0.15" in there
    assert "(recommended), 41 MB" in there
    code, out = run("list", "--json")
    rows = json.loads(out)
    assert {row["name"]: row["installed"] for row in rows} == {
        "our-model": True, **{e.name: e.shipped for e in CATALOGUE}
    }  # fmt: skip


def test_install_from_an_archive(own: Path, home: Path) -> None:
    assert run("install", "--from", str(own)) == (0, f"our-model-2 is installed: {home / 'our-model-2'}\n")
    assert run("path", "our-model-2") == (0, f"{home / 'our-model-2'}\n")


def test_install_what_nobody_knows() -> None:
    with pytest.raises(ModelError, match="there is no model 'nothing'"):
        run("install", "nothing")


def test_verify(home: Path) -> None:
    write(home / "our-model", SMALLEST)  # has the looks of a model and is none
    code, out = run("verify")
    assert code == 1
    assert out.startswith("our-model: damaged\n  ")
    assert out.endswith("".join(f"{name}: whole\n" for name in SHIPPED))
    (home / "our-model" / "graph" / "words.txt").unlink()
    code, out = run("verify", "our-model", "--json")
    assert code == 1
    problem = f"{home / 'our-model' / 'graph' / 'words.txt'}: missing"
    assert json.loads(out) == {"our-model": {"whole": False, "problems": [problem]}}
