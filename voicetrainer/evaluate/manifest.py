"""Tables of recordings to evaluate: a strict reader of CSV manifests, so that a bad row is named and not skipped."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from voicetrainer.errors import ManifestError

MAX_ROWS = 100_000
"""More rows than this are taken for a mistake."""
_MAX_BYTES = 100_000_000

LINE = "_line"
"""Key under which each row holds its line in the file, for messages."""


def read(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV manifest whole.

    Parameters
    ----------
    path
        A comma separated file in UTF-8, its first line naming the columns.
    columns
        The columns it must have; others are kept.

    Returns
    -------
    list of dict
        One for each row, in order, values stripped of surrounding spaces; the row's line under `LINE`.

    Raises
    ------
    ManifestError
        When it is missing, empty, too large, not UTF-8, lacks a column, or has a row of another width.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ManifestError(f"{path}: larger than {_MAX_BYTES // 1_000_000} MB", "split it into smaller manifests")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ManifestError(f"{path}:{line}: not UTF-8 text", "save the file as CSV with UTF-8 encoding") from None
    except OSError as error:
        raise ManifestError(
            f"{path}: {error.strerror or 'cannot be read'}", "give the path of a CSV file that you may read"
        ) from None
    return _rows(path, text, columns)


def _rows(path: Path, text: str, columns: Sequence[str]) -> list[dict[str, str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if cells]  # an empty line, as editors leave at the end
    except csv.Error as error:
        raise ManifestError(f"{path}:{reader.line_num}: {error}", "check the quotes on this line") from None
    header = [name.strip() for name in lines[0][1]] if lines else []
    if not any(header):
        raise ManifestError(f"{path}: no header on the first line", f"begin with the line {','.join(columns)}")
    missing = [name for name in columns if name not in header]
    if missing:
        raise ManifestError(
            f"{path}:1: no column {', '.join(missing)}", f"it has {', '.join(header)}; it needs {', '.join(columns)}"
        )
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise ManifestError(f"{path}:1: column {twice or 'without a name'} appears twice", "name each column once")
    if len(lines) > MAX_ROWS + 1:
        raise ManifestError(f"{path}: more than {MAX_ROWS:,} rows", "split it into smaller manifests")
    rows: list[dict[str, str]] = []
    for number, cells in lines[1:]:
        if len(cells) != len(header):
            raise ManifestError(
                f"{path}:{number}: {len(cells)} values where the header has {len(header)}",
                "put a value with a comma in it between double quotes",
            )
        row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        row[LINE] = str(number)
        rows.append(row)
    if not rows:
        raise ManifestError(f"{path}: no rows under the header", "add one line for each recording")
    return rows


def audio(path: Path, row: dict[str, str], column: str = "path") -> Path:
    """Where a row's recording lies: relative to the manifest, and there.

    Raises
    ------
    ManifestError
        When the cell is empty or names no file.
    """
    cell = row[column]
    if not cell:
        raise ManifestError(f"{path}:{row[LINE]}: {column} is empty", "give the recording's path")
    found = path.parent / cell
    if not found.is_file():
        raise ManifestError(f"{path}:{row[LINE]}: no file {cell}", f"paths count from {path.parent}")
    return found
