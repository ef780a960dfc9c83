from __future__ import annotations

import json
import shutil
import stat
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from tests.folders import SMALLEST, ZIP, archive, entry, tree, write
from voicetrainer import fetch, models
from voicetrainer.cli.models import app
from voicetrainer.errors import ModelError
from voicetrainer.fetch import Download, Patience
from voicetrainer.models import SUMS

QUICK = Patience(timeout=0.4, slowest=2000, tries=3, pause=0.01)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for fetched models."""
    folder = tmp_path / "models"
    monkeypatch.setenv("VOICETRAINER_MODELS", str(folder))
    monkeypatch.delenv("VOICETRAINER_MODEL", raising=False)
    return folder


# ------------------------------------------------------------------------------------------------- a server that fails

Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get("Range"))
        plan = self.server.plan
        (plan.pop(0) if len(plan) > 1 else plan[0])(self)

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan: list[Behaviour] = []
        self.asked: list[str | None] = []
        self.over = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/model.zip"

    def handle_error(self, *_: object) -> None:
        """The client left: that is what the test is about."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as it:
        thread = threading.Thread(target=it.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield it
        it.over.set()
        it.shutdown()
        thread.join()


def good(request: Handler, data: bytes = ZIP, tag: str = '"1"') -> None:
    """What a proper server does, with ranges and validators."""
    start = 0
    asked, known = request.headers.get("Range"), request.headers.get("If-Range")
    if asked and known in (None, tag):
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        request.answer(
            206, data[start:], Content_Length=len(data) - start, ETag=tag,
            Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}",
        )  # fmt: skip
    else:
        request.answer(200, data, Content_Length=len(data), ETag=tag)


def cut(after: int, tag: str = '"1"', data: bytes = ZIP) -> Behaviour:
    """Promises all, sends some more bytes, hangs up."""

    def behave(request: Handler) -> None:
        asked = request.headers.get("Range")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        part = data[start : start + after]
        headers = {"Content_Length": len(data) - start, "ETag": tag}
        if asked:
            headers["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        request.answer(206 if asked else 200, part, **headers)

    return behave


def ignores_ranges(after: int = len(ZIP)) -> Behaviour:
    return lambda request: request.answer(200, ZIP[:after], Content_Length=len(ZIP))


def status(code: int, **headers: object) -> Behaviour:
    return lambda request: request.answer(code, b"", Content_Length=0, **headers)


def never_answers(request: Handler) -> None:
    request.server.over.wait(20)


def trickles(request: Handler) -> None:
    request.answer(200, b"", Content_Length=len(ZIP))
    for i in range(400):
        if request.server.over.wait(0.02):
            return
        request.wfile.write(ZIP[i : i + 1])


def install(server: Server, *plan: Behaviour, patience: Patience = QUICK) -> models.Model:
    server.plan = list(plan)
    return models.install("vosk-model-x", entry=entry(server.address), patience=patience)


def whole(home: Path) -> bool:
    """The model is there, with its checksums, and nothing else is."""
    assert tree(home / "vosk-model-x").keys() - SMALLEST.keys() == {SUMS}
    assert [p.name for p in (home / ".partial").iterdir()] == []
    return all((home / "vosk-model-x" / name).read_bytes() == data for name, data in SMALLEST.items())


@pytest.mark.parametrize(
    ("plan", "asked"),
    [
        pytest.param([good], [None], id="straight"),
        pytest.param([cut(300_000), good], [None, "bytes=300000-"], id="cut, goes on"),
        pytest.param([cut(99_999), cut(1), cut(200_000), good],
                     [None, "bytes=99999-", "bytes=100000-", "bytes=300000-"], id="cut often"),
        pytest.param([cut(300_000), ignores_ranges()], [None, "bytes=300000-"], id="ignores ranges"),
        pytest.param([cut(300_000, tag='"0"', data=ZIP[::-1]), good], [None, "bytes=300000-"], id="another version"),
        pytest.param([status(503), status(429), good], [None] * 3, id="busy"),
        pytest.param([never_answers, good], [None] * 2, id="hangs once"),
        pytest.param([status(302, Location="/elsewhere"), good], [None] * 2, id="redirect"),
        pytest.param([cut(300_000), status(416), good], [None, "bytes=300000-", None], id="cannot resume"),
        pytest.param([cut(300_000), lambda r: r.answer(206, ZIP[:9], Content_Range=f"bytes 0-8/{len(ZIP)}"), good],
                     [None, "bytes=300000-", None], id="another part than asked for"),
        pytest.param([lambda r: r.answer(200, ZIP)], [None], id="no length promised"),
    ],
)  # fmt: skip
def test_it_arrives(server: Server, home: Path, plan: list[Behaviour], asked: list[str | None]) -> None:
    model = install(server, *plan)
    assert model.path == home / "vosk-model-x"
    assert server.asked == asked
    assert whole(home)
    assert list(models.problems(model)) == []


@pytest.mark.parametrize(
    ("plan", "message", "kept"),
    [
        pytest.param([status(404)], "404 Not Found", None, id="not there"),
        pytest.param([status(403)], "403 Forbidden", None, id="forbidden"),
        pytest.param([status(500)], "500 Internal Server Error", None, id="broken"),
        pytest.param([status(302, Location="/again")], "302|redirect", None, id="redirects for ever"),
        pytest.param([status(302, Location="file:///etc/passwd")], "302|redirect", None, id="redirects to a file"),
        pytest.param([cut(250_000), cut(0)], r"connection was cut; 0\.2 of 0\.5 MB are kept", 250_000, id="always cut"),
        pytest.param([ignores_ranges(200_000)], "connection was cut", 200_000, id="always from the beginning"),
        pytest.param([never_answers], "timed out", None, id="never answers"),
        pytest.param([trickles], "too slow", -1, id="trickles"),
        pytest.param([lambda r: r.answer(200, b"hello", Content_Length=5)], "offers 5 bytes", None, id="a login page"),
        pytest.param([lambda r: r.answer(200, b"", Content_Length=10**12)], "offers 1000000000000 bytes", None,
                     id="promises more"),
        pytest.param([lambda r: r.answer(200, ZIP * 2)], "sends more than the", 0, id="sends more"),
        pytest.param([lambda r: r.answer(200, ZIP[::-1], Content_Length=len(ZIP))], "another checksum", None,
                     id="other bytes"),
        pytest.param([lambda r: r.wfile.write(b"\xff" * 100)], "tries|\xff", None, id="no HTTP"),
    ],
)  # fmt: skip
def test_it_does_not_arrive(server: Server, home: Path, plan: list[Behaviour], message: str, kept: int | None) -> None:
    began = time.monotonic()
    with pytest.raises(ModelError, match=message) as caught:
        install(server, *plan)
    assert time.monotonic() - began < 5
    assert caught.value.hint
    assert not (home / "vosk-model-x").exists()
    partial = home / ".partial" / "vosk-model-x.zip"
    if kept != -1:
        assert (partial.stat().st_size if partial.exists() else None) == kept


def test_another_day_it_goes_on(server: Server, home: Path) -> None:
    with pytest.raises(ModelError):
        install(server, cut(250_000), cut(0))
    server.asked.clear()
    install(server, good)
    assert server.asked == ["bytes=250000-"]
    assert whole(home)


def test_ctrl_c_keeps_what_came(server: Server, home: Path) -> None:
    def interrupt(have: int, size: int) -> None:
        if have > 200_000:
            raise KeyboardInterrupt

    server.plan = [good]
    with pytest.raises(KeyboardInterrupt):
        models.install("vosk-model-x", interrupt, entry=entry(server.address), patience=QUICK)
    assert (home / ".partial" / "vosk-model-x.zip").stat().st_size > 200_000
    install(server, good)
    assert whole(home)


def test_what_is_there_already_is_checked_too(server: Server, home: Path) -> None:
    write(home / ".partial", {"vosk-model-x.zip": ZIP[:-5] + b"wrong"})
    with pytest.raises(ModelError, match="another checksum"):
        install(server, good)
    assert server.asked == [], "it was complete"
    install(server, good)
    assert whole(home), "the wrong one was deleted, the next try begins anew"


def test_more_than_there_should_be_begins_anew(server: Server, home: Path) -> None:
    write(home / ".partial", {"vosk-model-x.zip": ZIP + b"more"})
    install(server, good)
    assert server.asked == [None]
    assert whole(home)


def test_twice_is_once(server: Server) -> None:
    first = install(server, good)
    server.asked.clear()
    assert install(server, status(500)) == first
    assert server.asked == []


def test_a_damaged_one_is_replaced(server: Server, home: Path) -> None:
    model = install(server, good)
    (model.path / "graph" / "words.txt").write_bytes(b"<eps> 0\nb 1\n")
    assert list(models.problems(model)) == [f"{model.path / 'graph/words.txt'}: changed or damaged"]
    install(server, good)
    assert whole(home)


def test_progress_is_told(server: Server) -> None:
    told: list[tuple[int, int]] = []
    server.plan = [cut(300_000), good]
    models.install("vosk-model-x", lambda *now: told.append(now), entry=entry(server.address), patience=QUICK)
    assert told == sorted(told)
    assert told[-1] == (len(ZIP), len(ZIP))


def test_nobody_there(server: Server) -> None:
    address = server.address
    server.server_close()
    with pytest.raises(ModelError, match="refused") as caught:
        models.install("vosk-model-x", entry=entry(address), patience=QUICK)
    assert f"fetch {address} on another machine" in caught.value.hint
    assert "--from FILE.zip" in caught.value.hint


def test_no_such_host_is_told_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(ModelError, match="that host cannot be reached") as caught:
        models.install("vosk-model-x", entry=entry("http://nowhere.invalid/model.zip"))
    assert "--from FILE.zip" in caught.value.hint
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://example.org/x.zip", "", "http://[/x", "http://a b/"])
def test_addresses_that_are_none(address: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        Download(address, tmp_path / "x", 1, "0" * 64, patience=QUICK).run()


def test_no_room(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(ModelError, match=r"2 MB are needed, 0 MB are free"):
        install(server, good)
    assert server.asked == []


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICETRAINER_MODELS", str(write(tmp_path, {"file": b""}) / "file" / "models"))
    with pytest.raises(ModelError, match="Not a directory") as caught:
        install(server, good)
    assert "VOICETRAINER_MODELS" in caught.value.hint


# ----------------------------------------------------------------------------------------------------------- archives


def special(name: str, mode: int = stat.S_IFREG | 0o644, **more: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    for key, value in more.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("../outside", b"x")], "leads outside"),
        ([("m/../../outside", b"x")], "leads outside"),
        ([("/outside", b"x")], "leads outside"),
        ([("C:\\outside", b"x")], "leads outside"),
        ([("m\\..\\outside", b"x")], "leads outside"),
        ([("m/new\nline", b"x")], "leads outside"),
        ([(special("m/link", stat.S_IFLNK | 0o777), b"/etc")], "a link or a device"),
        ([(special("m/pipe", stat.S_IFIFO | 0o644), b"")], "a link or a device"),
        ([("m/a", b"1"), ("m/a", b"2")], "is in it twice"),
        ([("m/a", b"\0" * 50_000_000)], "it claims 1 files with 50000000 bytes"),
        ([(f"m/{i}", b"") for i in range(fetch.MOST_FILES + 1)], "it claims 5001 files"),
        ([], "nothing in it"),
        ([("m/", b"")], "nothing in it"),
        ([(special("m/a", compress_type=zipfile.ZIP_LZMA), b"x")], "packed in an unusual way"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_not_to_be_trusted(
    tmp_path: Path, members: list[tuple[str | zipfile.ZipInfo, bytes]], message: str
) -> None:
    path, into = tmp_path / "evil.zip", tmp_path / "into"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
    into.mkdir()
    with pytest.raises(ModelError, match=message):
        fetch.unpack(path, into)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil.zip", "into"]
    assert not any(p.is_symlink() for p in into.rglob("*"))


def damaged(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + b"damage" + data[middle + 6 :]


@pytest.mark.parametrize("data", [b"", b"PK", b"<html>", ZIP[:-30], ZIP[: len(ZIP) // 2], damaged(ZIP)])
def test_archives_that_are_not_whole(tmp_path: Path, home: Path, data: bytes) -> None:
    path = write(tmp_path, {"x.zip": data}) / "x.zip"
    with pytest.raises(ModelError, match="not a whole zip archive"):
        models.install_file(path)
    assert list((home / ".partial").iterdir()) == []
    assert all(model.shipped for model in models.installed())


def test_one_folder_around_everything_is_left_out(tmp_path: Path) -> None:
    for around in ("vosk-model-x/", "", "deep/"):
        path, into = write(tmp_path, {"x.zip": archive(SMALLEST, around)}) / "x.zip", tmp_path / f"into-{around}"
        into.mkdir()
        assert fetch.unpack(path, into) == around.rstrip("/")
        assert tree(into) == SMALLEST


def test_install_by_name(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = replace(entry(server.address), recommended=True)
    monkeypatch.setattr(models, "catalogue", lambda: (known,))
    server.plan = [good]
    result = CliRunner().invoke(app, ["install", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["path"] == str(home / "vosk-model-x")
    assert {**asdict(known), "installed": True}.items() <= json.loads(result.stdout).items()
