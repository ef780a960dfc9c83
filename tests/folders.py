"""Model folders that have the looks of one: enough for everything but libvosk."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

from voicetrainer.models import Entry

FST = b"\xd6\xfd\xb2\x7e" + b"\x05\0\0\0const" + b"\x08\0\0\0standard" + b"\x02\0\0\0" + b"\0\0\0\0" + b"\0" * 60
SMALLEST = {
    "README": b"a model that has the looks of one",
    "am/final.mdl": b"\0B<TransitionModel> " + bytes(range(256)) * 2000,
    "conf/mfcc.conf": b"--dither=0\n",
    "conf/model.conf": b"# beams\n--beam=13.0\n\n--endpoint.silence-phones=1\n",
    "graph/HCLG.fst": FST,
    "graph/words.txt": b"<eps> 0\na 1\n",
}


def archive(files: dict[str, bytes], around: str = "vosk-model-x/") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in files.items():
            file.writestr(zipfile.ZipInfo(around + name), data)
    return out.getvalue()


ZIP = archive(SMALLEST)


def entry(address: str, data: bytes = ZIP) -> Entry:
    return Entry(
        name="vosk-model-x",
        good_for="tests",
        language="en",
        licence="MIT",
        address=address,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
