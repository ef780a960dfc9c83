"""Recognition models: which there are, which one to use, how to get one, and whether it is whole.

A model is a folder in Vosk's format. Beside what the recogniser reads it holds ``SHA256SUMS``, as the program sha256sum
writes it; the SHA-256 of that file is the model's checksum in a session's log. libvosk ends the whole process when some
of its files are damaged, so a folder is looked over here before libvosk sees it.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from voicetrainer import places
from voicetrainer.errors import ModelError
from voicetrainer.fetch import Download, Patience, Progress, digest, unpack

SUMS = "SHA256SUMS"
"""File in a model's folder with the checksums of the others."""
_CHEAP = 100_000_000  # bytes whose checksums are compared at every load: 50 ms
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model of the catalogue; ``models/catalogue.yaml`` says what each key means."""

    name: str
    good_for: str
    language: str
    licence: str
    sha256: str = ""
    address: str = ""
    size: int = 0
    memory: str = ""
    word_errors: str = ""
    confidence: bool = True
    people: bool = True
    recommended: bool = False
    shipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Entry):
    """A model that is on this machine; of somebody's own model little more than the name is known."""

    path: Path
    """Its folder."""

    @property
    def checksum(self) -> str:
        """SHA-256 of its list of checksums; for a folder without one the list is made now (1.5 GB a second)."""
        return hashlib.sha256(_listed(self.path).encode()).hexdigest()


# ---------------------------------------------------------------------------------------------------- what there is


def catalogue(path: Path | None = None) -> tuple[Entry, ...]:
    """The models that voicetrainer knows, the best first.

    Raises
    ------
    ModelError
        When the catalogue is missing or somebody changed it into something else.
    """
    import yaml

    path = path or places.shipped("models") / "catalogue.yaml"
    try:
        entries = tuple(Entry(**row) for row in yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}", "install voicetrainer again") from None
    except (yaml.YAMLError, TypeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: {' '.join(str(error).split())}", "undo the last change to it") from None
    for entry in entries:
        sound = re.fullmatch(r"[0-9a-f]{64}", str(entry.sha256)) and isinstance(entry.size, int)
        if not _NAME.fullmatch(str(entry.name)) or not sound:
            raise ModelError(f"{path}: {entry.name}: wrong name, sha256 or size", "undo the last change to it")
    return entries


def recommended() -> Entry:
    """The model to begin with."""
    return next(entry for entry in catalogue() if entry.recommended)


def installed() -> list[Model]:
    """Models on this machine, the preferred one first: known ones, somebody's own, the shipped one."""
    found: dict[str, Model] = {}
    for folder in (places.models_dir(), places.shipped("models")):
        try:
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                if _NAME.fullmatch(path.name) and any((path / part / "final.mdl").is_file() for part in ("am", "")):
                    found.setdefault(path.name, at(path))
        except OSError as error:
            raise ModelError(f"{error.filename}: {error.strerror}", "make it readable, or move it away") from None
    order = [entry.name for entry in catalogue()]
    own = len(order)
    return sorted(found.values(), key=lambda m: (m.shipped, order.index(m.name) if m.name in order else own, m.name))


def at(folder: Path) -> Model:
    """The model in a folder, wherever that is; it is not looked over."""
    name = folder.resolve().name
    own = Entry(name=name, good_for="a model of your own", language="", licence="")
    entry = next((entry for entry in catalogue() if entry.name == name), own)
    return Model(path=folder, **asdict(entry))


def choose(wanted: str | None = None, *, people: bool = False) -> Model:
    """The model to use: the one asked for, else the one in ``VOICETRAINER_MODEL``, else the best installed one.

    Parameters
    ----------
    wanted
        A name or a folder.
    people
        Rather one that understands people than a better one that does not: somebody is going to speak.

    Raises
    ------
    ModelError
        When it is not there, or there is none at all.
    """
    asked, wanted = wanted, wanted or os.environ.get("VOICETRAINER_MODEL")
    here = installed()
    if not wanted:
        if not here:
            raise ModelError("there is no recognition model on this machine", _how_to_get(recommended().name))
        return next((model for model in here if model.people), here[0]) if people else here[0]
    for model in here:
        if model.name == wanted:
            return model
    if Path(wanted).expanduser().is_dir():
        return at(Path(wanted).expanduser())
    if any(entry.name == wanted for entry in catalogue()):
        raise ModelError(f"{wanted} is not installed", _how_to_get(wanted))
    where = "" if asked else "VOICETRAINER_MODEL: "
    raise _unknown(wanted, [model.name for model in here], where)


def _how_to_get(name: str) -> str:
    return f"voicetrainer models install {name}"


def _unknown(name: str, more: Sequence[str] = (), where: str = "") -> ModelError:
    names = list(dict.fromkeys([*more, *(entry.name for entry in catalogue())]))
    close = difflib.get_close_matches(name, names, 1)
    return ModelError(
        f"{where}there is no model {name!r}", f"did you mean {close[0]}?" if close else "voicetrainer models list"
    )


def who_listens(model: Model) -> str:
    """One line: which model is in use and, for a shipped one, what it is good for and how to get a better one."""
    if not model.shipped:
        return f"{model.name} listens."
    return f"{model.name} listens ({model.good_for}). To be understood better: {_how_to_get(recommended().name)}"


# -------------------------------------------------------------------------------------------------------- getting one


def install(
    name: str, progress: Progress | None = None, *, entry: Entry | None = None, patience: Patience | None = None
) -> Model:
    """Fetch a model of the catalogue into `places.models_dir`; nothing to do when it is there and whole.

    An interruption at any moment leaves either no model or a whole one, and a download goes on where it was cut.

    Raises
    ------
    ModelError
        When it is not in the catalogue, cannot be had, is not what it should be, or there is no room for it.
    """
    entry = entry or next((entry for entry in catalogue() if entry.name == name), None)
    if entry is None:
        raise _unknown(name)
    if model := _whole(entry):
        return model
    if entry.shipped:
        raise ModelError(f"{name}: it comes with voicetrainer and is damaged", "install voicetrainer again")
    partial = _partial()
    download = Download(
        entry.address, partial / f"{name}.zip", entry.size, entry.sha256, progress, patience or Patience()
    )
    needed = 3 * entry.size - download.have
    free = shutil.disk_usage(partial).free
    if free < needed:
        raise ModelError(
            f"{partial}: {needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free",
            "free some space, or set VOICETRAINER_MODELS to a folder on another disk",
        )
    download.run()
    model = _place(download.target, entry)
    download.target.unlink()
    return model


def install_file(archive: Path, name: str | None = None) -> Model:
    """Install a model from an archive on this machine.

    Parameters
    ----------
    archive
        A zip archive with a model's folder.
    name
        Which model of the catalogue it must be. Without it, the archive is recognised by its checksum; one that the
        catalogue does not know is installed under its folder's name, after libvosk has loaded it in a trial.

    Raises
    ------
    ModelError
        When it is not that model, no model, or not to be trusted.
    """
    try:
        sha256 = digest(archive)
    except OSError as error:
        raise ModelError(f"{archive}: {error.strerror}", "give the path of a model's zip archive") from None
    known = {entry.name: entry for entry in catalogue() if entry.address}
    entry = next((entry for entry in known.values() if entry.sha256 == sha256), None)
    if entry is None:  # somebody's own, unless it bears or is given a name that means another
        for claimed in (name, archive.stem):
            if claimed in known:
                raise ModelError(f"{archive}: its checksum is not that of {claimed}", "fetch it again")
    elif name not in (None, entry.name):
        raise ModelError(f"{archive}: it is {entry.name}, not {name}", f"leave {name} out")
    if entry and (model := _whole(entry)):
        return model
    return _place(archive, entry)


def _whole(entry: Entry) -> Model | None:
    """The model if it is installed and whole."""
    for folder in (places.models_dir(), places.shipped("models")):
        if (folder / entry.name).is_dir():
            model = at(folder / entry.name)
            return None if list(problems(model)) else model
    return None


def _partial() -> Path:
    """Where downloads and half-unpacked archives live: beside the models, so that a rename brings them in."""
    folder = places.models_dir() / ".partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"{folder}: {error.strerror}", "set VOICETRAINER_MODELS to a folder that you may write to"
        ) from None
    return folder


def _place(archive: Path, entry: Entry | None) -> Model:
    """Unpack an archive beside the models, look it over, and put it among them."""
    with tempfile.TemporaryDirectory(dir=_partial(), ignore_cleanup_errors=True) as beside:
        work = Path(beside) / "model"
        work.mkdir()
        around = unpack(archive, work)
        name = entry.name if entry else around
        if not _NAME.fullmatch(name):
            raise ModelError(f"{archive}: there is no folder in it to name the model after", "put it all in a folder")
        if entry is None and any(known.name == name for known in catalogue()):
            raise ModelError(f"{archive}: it calls itself {name} and has another checksum", "fetch it again")
        (work / SUMS).unlink(missing_ok=True)
        (work / SUMS).write_text(_listed(work), encoding="utf-8", newline="\n")
        check_folder(work)
        if entry is None:
            try_out(work)
        target = places.models_dir() / name
        if target.exists():
            target.rename(Path(beside) / "old")
        work.rename(target)
    return at(target)


# ------------------------------------------------------------------------------------------------- whether it is whole


def _files(folder: Path) -> list[Path]:
    """What the recogniser may read, in the order of their names; cards and hidden files are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not (path.parent == folder and (path.name == SUMS or path.name.upper().startswith("README")))
    )


def _listed(folder: Path) -> str:
    """A model's list of checksums: the one in it, else made now."""
    if (folder / SUMS).is_file():
        return _text(folder / SUMS)
    return "".join(f"{digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in _files(folder))


def problems(model: Model) -> Iterator[str]:
    """What is wrong with a model's files against its checksums, one line each; nothing when it is whole.

    A folder without ``SHA256SUMS`` has nothing to be compared with; only its layout is checked then.
    """
    try:
        check_folder(model.path, deep=False)
    except ModelError as error:
        yield error.message
        return
    sums = model.path / SUMS
    if model.shipped and (not sums.is_file() or digest(sums) != model.sha256):
        yield f"{sums}: not the list that voicetrainer came with"
    yield from _differences(model.path)


def _differences(folder: Path) -> Iterator[str]:
    if not (folder / SUMS).is_file():
        return
    listed = set()
    for line in _text(folder / SUMS).splitlines():
        wanted, _, name = line.partition("  ")
        path = folder / name
        listed.add(path)
        try:
            if digest(path) != wanted:
                yield f"{path}: changed or damaged"
        except OSError as error:
            yield f"{path}: {error.strerror}"
    for path in _files(folder):
        if path not in listed:
            yield f"{path}: does not belong there"


def try_out(folder: Path) -> None:
    """Load a model in a process of its own and let it hear half a second of silence.

    Raises
    ------
    ModelError
        When libvosk refuses it, crashes or takes longer than five minutes.
    """
    program = (
        "import sys, numpy, pathlib; from voicetrainer.speech.recognizer import Recognizer;"
        "h = Recognizer(pathlib.Path(sys.argv[1])).utterance(); h.feed(numpy.zeros(8000, numpy.float32)); h.finish(0)"
    )
    try:
        trial = subprocess.run(
            [sys.executable, "-P", "-c", program, str(folder)], capture_output=True, timeout=300, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"{folder}: it does not load within five minutes", "use a smaller model") from None
    if trial.returncode:
        last = trial.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ModelError(
            f"{folder}: libvosk cannot load it ({last[0][:200] if last else f'it ended with {trial.returncode}'})",
            "fetch it again, or use another model",
        )


_FST = (2_125_659_606).to_bytes(4, "little")
_IVECTOR = ("splice.conf", "online_cmvn.conf", "final.mat", "global_cmvn.stats", "final.dubm")


def check_folder(folder: Path, *, deep: bool = True) -> None:
    """Look a model's folder over without libvosk: what must be there, is not empty and begins as it should.

    Parameters
    ----------
    folder
        In either of Vosk's layouts: with ``am``, ``conf`` and ``graph``, or the older flat one.
    deep
        Compare the checksums as well when there are any and the model is small enough for that to take no time
        (100 MB in 50 ms).

    Raises
    ------
    ModelError
        Naming the first file that is wrong.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder", "voicetrainer models list")
    try:
        _check_layout(folder)
        if deep and sum(path.stat().st_size for path in _files(folder)) <= _CHEAP:
            for problem in _differences(folder):
                raise ModelError(problem, _mend(folder))
    except OSError as error:
        raise ModelError(f"{error.filename}: {error.strerror}", _mend(folder)) from None


def _check_layout(folder: Path) -> None:
    flat = not (folder / "am").is_dir() and (folder / "final.mdl").is_file()
    am, conf, graph, phones = [folder if flat else folder / part for part in ("am", "conf", "graph", "graph/phones")]
    _begins(folder, am / "final.mdl", b"\0B<TransitionModel>", b"<TransitionModel>")
    if not flat:
        options = _options(folder, conf / "model.conf")
        if not any(option.startswith("--endpoint.silence-phones=") for option in options):
            raise ModelError(f"{conf / 'model.conf'}: it does not name the silence phones", _mend(folder))
    _options(folder, conf / ("fbank.conf" if (conf / "fbank.conf").is_file() else "mfcc.conf"))
    static = (graph / "HCLG.fst").is_file() or not (graph / "HCLr.fst").is_file()
    for name in ("HCLG.fst",) if static else ("HCLr.fst", "Gr.fst"):
        _begins(folder, graph / name, _FST)
    if not static:
        _filled(folder, graph / "disambig_tid.int")
    if not _holds_words(graph / ("HCLG.fst" if static else "Gr.fst")):
        table = graph / "words.txt"
        first = _filled(folder, table, 200).split(b"\n")[0].split()
        if len(first) != 2 or not first[1].isdigit():
            raise ModelError(f"{table}: not a table of words and numbers", _mend(folder))
        with table.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":  # libvosk would not mind and hear fewer words
                raise ModelError(f"{table}: cut off", _mend(folder))
    if (phones / "word_boundary.int").exists():
        _filled(folder, phones / "word_boundary.int")
    if (folder / "ivector" / "final.ie").exists():
        for name in _IVECTOR:
            _filled(folder, folder / "ivector" / name)


def _mend(folder: Path) -> str:
    model = at(folder)
    if model.shipped:
        return "install voicetrainer again, or restore the folder with git"
    return _how_to_get(model.name) if model.address else "unpack the model again"


def _filled(folder: Path, path: Path, most: int = 64) -> bytes:
    """The beginning of a file that must hold something."""
    if not path.is_file():
        raise ModelError(f"{path}: missing", _mend(folder))
    with path.open("rb") as file:
        beginning = file.read(most)
    if not beginning.strip():
        raise ModelError(f"{path}: empty", _mend(folder))
    return beginning


def _begins(folder: Path, path: Path, *signs: bytes) -> None:
    if not _filled(folder, path).startswith(signs):
        raise ModelError(f"{path}: damaged, or another kind of file", _mend(folder))


def _options(folder: Path, path: Path) -> list[str]:
    """Lines of a Kaldi configuration: options, blanks and comments."""
    _filled(folder, path)
    lines = [line.strip() for line in _text(path).splitlines()]
    for number, line in enumerate(lines, 1):
        if line and not line.startswith(("--", "#")):
            raise ModelError(f"{path}:{number}: not an option: {line[:40]!r}", _mend(folder))
    return lines


def _text(path: Path) -> str:
    """A small text file, bounded, whatever is in it."""
    with path.open("rb") as file:
        return file.read(1_000_000).decode("utf-8", errors="replace")


def _holds_words(fst: Path) -> bool:
    """Whether a graph brings its table of words: OpenFst's header is magic, type, arc type, version, flags."""
    with fst.open("rb") as file:
        header, place = file.read(200), 4
    for _ in range(2):
        place += 4 + int.from_bytes(header[place : place + 4], "little")
    return bool(int.from_bytes(header[place + 4 : place + 8], "little") & 2)
