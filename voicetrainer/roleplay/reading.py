"""YAML with line numbers, and what is wrong with it in a coach's words.

`load` gives plain data and the line of each key; `told` turns pydantic's findings into sentences that name the key
and the cure.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from voicetrainer.errors import ScenarioError

Path = tuple[str | int, ...]


def load(text: str, name: str) -> tuple[Any, dict[Path, int]]:
    """YAML as plain data, and the line on which each path begins."""
    lines: dict[Path, int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            raise broken(name, 1, (), "is empty", "scenarios/README.md shows a worked example")
        return _data(node, (), lines, name), lines
    except yaml.MarkedYAMLError as error:
        raise ScenarioError(*_not_yaml(error, text.splitlines(), name)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ScenarioError(
            f"{name}:{line}: not YAML: a character that cannot be read", "delete it, or type the line again"
        ) from None
    except RecursionError:
        raise broken(name, 1, (), "nested too deeply", "scenarios/README.md shows the format") from None


def _not_yaml(error: yaml.MarkedYAMLError, rows: list[str], name: str) -> tuple[str, str]:
    """What keeps a file from being YAML, in a coach's words: the message and the hint."""
    problem = error.problem or ""
    unclosed = "end of stream" in problem or "expected ',' or" in problem
    begun = unclosed or "expected ':'" in problem  # noticed only further down than where it began
    mark = (error.context_mark if begun else None) or error.problem_mark
    line = mark.line if mark else 0
    for i, above in enumerate(rows[:line]):  # a quote left open goes on to the next one, however far down
        if _said(above).startswith('"') and above.count('"') % 2:
            unclosed, line = True, i
            break
    row = rows[line] if line < len(rows) else ""
    value = _said(row)[:1]
    hint = "put the whole line in double quotes"
    if "\\t" in problem or "\t" in row[: len(row) - len(row.lstrip())]:
        what, hint = "a tab", "indent with spaces"
    elif unclosed:
        what, hint = "a quote or bracket that is never closed", "close it, or take it away"
    elif "single document" in str(error):
        what, hint = "a line of three dashes begins a second scenario", "one file holds one scenario"
    elif "escape" in problem:
        what, hint = "a backslash inside double quotes", "take it away"
    elif value and value in "{[!*&%@`|>":
        what = f"a line that begins with {value}"
    elif value and value in "'\"":
        what, hint = "a quote inside the quotes", "put double quotes round the line and single ones in it"
    elif "mapping values" in problem:
        what = "a second colon, or an indent that does not fit the line above"
    else:
        what, hint = "a colon is missing, or the indent does not fit", "scenarios/README.md shows the format"
    return f"{name}:{line + 1}: not YAML: {what}", hint


def _said(row: str) -> str:
    """What a row of YAML holds after its dash or key."""
    return re.sub(r"^\s*(?:-\s+)*(?:\w+:\s+)?", "", row)


def broken(name: str, line: int, path: Path, what: str, hint: str) -> ScenarioError:
    """One problem as an error."""
    return ScenarioError(f"{name}:{line}: {dotted(path)}: {what}", hint)


def _data(node: yaml.Node, path: Path, lines: dict[Path, int], name: str) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if len(lines) > 20_000:  # aliases of aliases multiply
        raise broken(name, line, path[:1], "too many values", "a scenario holds one customer; split it")
    if isinstance(node, yaml.MappingNode):
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise broken(
                    name, line, path, "a key must be a word", "a line of text that begins with { or [ needs quotes"
                )
            key = str(key_node.value)
            if key in out:
                raise broken(name, line, (*path, key), "written twice", "keep one of the two")
            lines[(*path, key)] = line
            out[key] = _data(value_node, (*path, key), lines, name)
        return out
    if isinstance(node, yaml.SequenceNode):
        return [_data(child, (*path, i), lines, name) for i, child in enumerate(node.value)]
    try:
        value: Hashable = yaml.SafeLoader("").construct_object(node)
    except ValueError:  # the thirteenth month, a number of five thousand digits
        raise broken(name, line, path, "should be text; put it in quotes", "YAML takes it for a number") from None
    return value


def told(error: ValidationError, data: Any, model: type[BaseModel]) -> Iterator[tuple[Path, str]]:
    """Pydantic's findings about `data` as paths and plain sentences."""
    for e in error.errors(include_url=False):
        if e["type"] == "too_short" and e["input"]:
            continue  # what is in it is wrong, which is told anyway
        path = _known(tuple(e["loc"]), data, missing=e["type"] == "missing")
        yield path, _plain(e, path, model)


def _known(path: Path, data: Any, *, missing: bool) -> Path:
    """Cut pydantic's own additions (types of a union, '[key]') off a path, leaving what is in the file."""
    out: list[str | int] = []
    for part in path:
        if isinstance(data, Mapping) and part in data:
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif missing and isinstance(data, Mapping) and isinstance(part, str) and part == path[-1]:
            return (*out, part)
        else:
            continue
        out.append(part)
    return tuple(out)


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """Line on which a key, or the nearest above it, begins."""
    while path not in lines and path:
        path = path[:-1]
    return lines.get(path, 1)


def dotted(path: Path) -> str:
    """A path as a coach reads it, counting from 1: ``stages.1.needs``."""
    return ".".join(str(p + 1 if isinstance(p, int) else p) for p in path) or "scenario"


_PLAIN = {
    "missing": "is missing",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "tuple_type": "should be a list, each entry on a line of its own after a dash",
    "dict_type": "should have keys of its own, indented below it",
    "model_type": "should have keys of its own, indented below it",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "finite_number": "should be a number",
    "greater_than": "should be more than {gt:g}",
    "greater_than_equal": "should be at least {ge:g}",
    "less_than_equal": "should be at most {le:g}",
    "string_too_long": "longer than {max_length} characters; make two lines of it",
    "too_long": "more than {max_length} entries",
}
"""Pydantic's findings in a coach's words."""


def _plain(error: Any, path: Path, model: type[BaseModel]) -> str:
    """Pydantic's finding in a coach's words."""
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"there is no such key{meant(str(path[-1]), _fields(path, model))}"
    if given is None and kind != "missing":
        return "is empty"
    if kind == "string_type":
        if isinstance(given, dict):
            return "should be text; a line that has a colon in it or begins with { needs quotes"
        if isinstance(given, list):
            return "should be one text, not a list"
        return "should be text; put it in quotes" + " (yes and no mean true and false)" * isinstance(given, bool)
    if kind == "string_pattern_mismatch":
        if "," in given:
            return f"should be joined by 'or': {' or '.join(word.strip() for word in given.split(','))}"
        joint = "hyphens" if path[-1:] == ("id",) or path[-1:] == ("from_stage",) else "underscores"
        return f"'{given}' must be lower-case letters and digits, joined by {joint}"
    if path == ("format",):
        return f"this version reads format 1, not {given}"
    if kind in ("literal_error", "enum") and isinstance(given, (list, dict)):
        return "should be one word"
    if kind in ("literal_error", "enum"):
        return f"'{given}' should be {context.get('expected', '').replace(' or ', ', ').replace(', ', ' or ')}"
    if not path:
        return "should begin with keys such as format, id and title"
    if kind in _PLAIN:
        return _PLAIN[kind].format(**context)
    return str(error["msg"][0].lower() + error["msg"][1:])


def _fields(path: Path, model: Any) -> list[str]:
    """Keys that the file may have where the unknown one stands."""
    for part in path[:-1]:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part) if isinstance(model, type) and issubclass(model, BaseModel) else None
        if field is None:
            return []
        models = [m for m in _models(field.annotation) if isinstance(m, type) and issubclass(m, BaseModel)]
        if not models:
            return []
        model = models[0]
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[Any]:
    """Every type inside an annotation."""
    from typing import get_args

    yield annotation
    for arg in get_args(annotation):
        yield from _models(arg)


def meant(word: str, known: Iterable[str]) -> str:
    """', did you mean X?' when something known is close."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""
