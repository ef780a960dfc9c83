"""Files from elsewhere: a download that resumes and is checked, an archive unpacked without trusting it.

What is fetched is known beforehand by its size and SHA-256, so a server can waste our time but not put anything else
in its place; the time it can waste is bounded too.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import shutil
import socket
import ssl
import stat
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from voicetrainer import __version__
from voicetrainer.errors import ModelError

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes there will be."""

_BLOCK = 1 << 16
_WORTHWHILE = 1 << 18  # so many new bytes forgive earlier failures

MOST_FILES = 5_000
MOST_BYTES = 8_000_000_000
MOST_RATIO = 50
"""An archive that claims more than one of these (files, bytes, bytes per archived byte) is not unpacked."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for."""

    timeout: float = 20.0
    """Seconds without an answer."""
    slowest: float = 1_000.0
    """Bytes a second, over `timeout` seconds; slower than that counts as cut."""
    tries: int = 4
    """Failures in a row, without anything new coming in, before it is given up."""
    pause: float = 1.0
    """Seconds before the second try; doubled before each further one."""


_USUAL = Patience()


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _CutError(Exception):
    """The download stopped, and it is worth trying again."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be fetched, going on where an earlier try (also of another day) was cut."""

    address: str
    """http or https."""
    target: Path
    """Where it goes. What is there already is taken for its beginning; an interruption (Ctrl-C too) keeps it."""
    size: int
    """Bytes it must have."""
    sha256: str
    """Its checksum; a file of the right size with another one is deleted."""
    progress: Progress | None = None
    """Told often what is there."""
    patience: Patience = _USUAL
    """How long the server is waited for."""

    def run(self) -> None:
        """Fetch it.

        Raises
        ------
        ModelError
            When it cannot be had, or is not what it should be.
        """
        if not self.address.startswith(("https://", "http://")):
            raise ModelError(f"{self.address}: not an address that can be fetched", "use one that begins with https://")
        failures, mark = 0, self.have
        while (have := self.have) != self.size:
            if have > self.size:
                self._forget()
                continue
            try:
                self._go_on(have)
            except _CutError as cut:
                have = self.have
                failures += 1
                if have >= mark + _WORTHWHILE:
                    failures, mark = 1, have
                if failures >= self.patience.tries:
                    kept = f"; {have / 1e6:.1f} of {self.size / 1e6:.1f} MB are kept" if have else ""
                    raise ModelError(
                        f"{self.address}: {cut}{kept}", f"run it again later, it goes on from there; or {self._by_hand}"
                    ) from None
                time.sleep(min(self.patience.pause * 2 ** (failures - 1), 30))
        if digest(self.target) != self.sha256:
            self._forget()
            raise ModelError(
                f"{self.address}: what came has another checksum than the catalogue and was deleted",
                "run it again; if it stays so, do not trust that server",
            )
        self._version.unlink(missing_ok=True)

    @property
    def have(self) -> int:
        """Bytes that are there already."""
        return self.target.stat().st_size if self.target.is_file() else 0

    @property
    def _version(self) -> Path:
        """Where the server's name for this version of the file is kept, so that two versions are never mixed."""
        return self.target.with_name(self.target.name + ".version")

    @property
    def _by_hand(self) -> str:
        return f"fetch {self.address} on another machine and run: voicetrainer models install --from FILE.zip"

    def _forget(self) -> None:
        self.target.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)

    def _go_on(self, have: int) -> None:
        """One connection: as much as it gives."""
        headers = {"User-Agent": f"voicetrainer/{__version__}", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if self._version.is_file():
                headers["If-Range"] = self._version.read_text(encoding="latin-1")
        try:
            with urlopen(Request(self.address, headers=headers), timeout=self.patience.timeout) as answer:
                self._take(answer, have)
        except HTTPError as error:
            error.close()
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._forget()
            elif error.code < 500 and error.code not in (408, 429):
                raise ModelError(
                    f"{self.address}: {error.code} {error.reason}", f"has it moved? Then {self._by_hand}"
                ) from None
            raise _CutError(f"the server answers {error.code} {error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, URLError) else error
            if isinstance(reason, socket.gaierror):
                raise ModelError(
                    f"{self.address}: that host cannot be reached from here", f"check the network, or {self._by_hand}"
                ) from None
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise ModelError(
                    f"{self.address}: its certificate is not valid", "check this machine's clock"
                ) from None
            raise _CutError(str(reason) or type(reason).__name__) from None
        except ValueError as error:
            raise ModelError(f"{self.address}: {error}", "mend the address in models/catalogue.yaml") from None
        if self.have < self.size:
            raise _CutError("the connection was cut")

    def _take(self, answer: http.client.HTTPResponse, have: int) -> None:
        start = self._start(answer, have)
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            if version and not version.startswith("W/"):  # a weak one promises no equal bytes
                self._version.write_text(version[:200], encoding="latin-1", errors="replace")
            file = self.target.open("r+b" if start else "wb")
        except OSError as error:
            raise self._unwritable(error) from None
        with file:
            file.seek(start)
            self._copy(answer, file, start)

    def _start(self, answer: http.client.HTTPResponse, have: int) -> int:
        """Byte at which an answer begins, when what it promises is what we want."""
        start, total = 0, answer.headers.get("Content-Length")
        if answer.status == http.HTTPStatus.PARTIAL_CONTENT:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
            if not found or int(found[1]) != have:
                self._forget()
                raise _CutError("the server sends another part than the one asked for")
            start, total = have, None if found[2] == "*" else found[2]
        if total is not None and (not total.isdigit() or int(total) != self.size):
            raise ModelError(
                f"{self.address}: the server offers {total[:20]} bytes, the catalogue promises {self.size}",
                f"do not trust it, or {self._by_hand}",
            )
        return start

    def _copy(self, answer: http.client.HTTPResponse, file: IO[bytes], have: int) -> None:
        since, got = time.monotonic(), 0
        while block := answer.read1(_BLOCK):
            have += len(block)
            if have > self.size:
                file.truncate(0)
                raise ModelError(
                    f"{self.address}: the server sends more than the {self.size} bytes it should", "do not trust it"
                )
            try:
                file.write(block)
            except OSError as error:
                raise self._unwritable(error) from None
            if self.progress:
                self.progress(have, self.size)
            got += len(block)
            if (now := time.monotonic()) - since >= self.patience.timeout:
                if got < self.patience.slowest * self.patience.timeout:
                    raise _CutError("the server is too slow")
                since, got = now, 0

    def _unwritable(self, error: OSError) -> ModelError:
        return ModelError(
            f"{self.target}: {error.strerror}", "free some disk space, or set VOICETRAINER_MODELS to another folder"
        )


# ----------------------------------------------------------------------------------------------------------- archives


def unpack(archive: Path, into: Path) -> str:
    """Unpack a zip archive whole or not at all.

    Parameters
    ----------
    archive
        The file.
    into
        An empty folder. One folder around everything in the archive is left out.

    Returns
    -------
    str
        Name of that folder, or empty when there is none.

    Raises
    ------
    ModelError
        When it is no zip archive, damaged, or not to be trusted: a path that leads outside, a link, a name given
        twice, a password, or more than `MOST_FILES`, `MOST_BYTES` or `MOST_RATIO`. What was unpacked by then is the
        caller's to delete.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            members = _trusted(archive, file)
            tops = {path.parts[0] for path, _ in members}
            around = tops.pop() if len(tops) == 1 and all(len(path.parts) > 1 for path, _ in members) else ""
            for path, member in members:
                target = into.joinpath(*path.parts[1 if around else 0 :])
                target.parent.mkdir(parents=True, exist_ok=True)
                with file.open(member) as source, target.open("xb") as sink:
                    shutil.copyfileobj(source, sink, _BLOCK)
            return around
    except FileExistsError as error:
        raise ModelError(f"{archive}: {Path(error.filename).name} is in it twice", "fetch it again") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ModelError(f"{archive}: not a whole zip archive: {error}", "fetch it again") from None
    except OSError as error:
        raise ModelError(f"{archive}: {error.strerror or error}", "check the path and the free disk space") from None


def _trusted(archive: Path, file: zipfile.ZipFile) -> list[tuple[PurePosixPath, zipfile.ZipInfo]]:
    """The files of an archive with their paths, none of which leads anywhere else."""
    hint = "do not trust it; fetch it from a place you know"
    members = file.infolist()
    total = sum(member.file_size for member in members)
    if len(members) > MOST_FILES or total > min(MOST_BYTES, MOST_RATIO * archive.stat().st_size):
        raise ModelError(f"{archive}: it claims {len(members)} files with {total} bytes", hint)
    found = []
    for member in members:
        name = member.filename
        kind = stat.S_IFMT(member.external_attr >> 16)
        if member.is_dir() or name.startswith("__MACOSX/"):
            continue
        if kind not in (0, stat.S_IFREG):
            raise ModelError(f"{archive}: {name!r} is a link or a device", hint)
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ModelError(
                f"{archive}: {name!r} is encrypted or packed in an unusual way", "make a plain zip archive"
            )
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or re.search(r"[\\:\x00-\x1f]", name) or not path.parts:
            raise ModelError(f"{archive}: {name!r} leads outside of it", hint)
        found.append((path, member))
    if not found:
        raise ModelError(f"{archive}: there is nothing in it", "fetch it again")
    return found
