"""The scenario format as a JSON Schema, so that editors complete and explain it while a coach writes.

Made from the pydantic models; the names that mean something (techniques, reactions, rungs of the ladder) come with what
they mean, and every key with its words in ``scenarios/README.md``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from voicetrainer.places import shipped
from voicetrainer.roleplay.events import Band
from voicetrainer.roleplay.mood import RULES, TEMPERAMENTS
from voicetrainer.roleplay.rubric import AUTO_FAIL, STANDARD
from voicetrainer.roleplay.scenario import LADDER, REACTIONS, SKILLS, Scenario
from voicetrainer.roleplay.techniques import DESCRIPTIONS, LABELS, TECHNIQUES

NAME = "scenario.schema.json"
"""Its file, beside the scenarios."""
FIRST_LINE = f"# yaml-language-server: $schema={NAME}"
"""First line of a scenario, by which an editor finds the schema."""

_ROW = re.compile(r"^\| `([\w.]+)` \| *[●]? *\| *(.*?) *\|$", re.MULTILINE)
_RUNG = re.compile(r"^\| `(\w+)` \| ([^|]+?) \|$", re.MULTILINE)

Json = dict[str, Any]


def text() -> str:
    """The schema as the file has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def schema() -> Json:
    """The schema as plain data."""
    page = (shipped("scenarios") / "README.md").read_text(encoding="utf-8")
    told = {key: _plain(words) for key, words in _ROW.findall(page)}
    rungs = dict(_RUNG.findall(page.split("\n## The ladder\n")[1].split("\n## ")[0]))
    found: Json = _tidy(Scenario.model_json_schema())
    made = found["$defs"]
    parts = {"": found, **{key: made[name] for key, name in _places(found, made).items()}}
    parts["LINE"] = made["Spoken"]
    for place, part in parts.items():
        for key, field in part.get("properties", {}).items():
            words = told.get(f"{place}.{key}" if place else key, "")
            if words:
                field["description"] = words
    techniques = {name: DESCRIPTIONS[name] for name in TECHNIQUES}
    noticed = {name: text for name, text in DESCRIPTIONS.items() if name in LABELS or name in RULES}
    happened = {name: DESCRIPTIONS[name] for name in DESCRIPTIONS}
    rules = {name: f"{DESCRIPTIONS.get(name, rule.because)} Usual: {rule.anger:g}." for name, rule in RULES.items()}
    criteria = {c.id: f"{c.about} Usual weight: {c.weight}." for c in STANDARD.criteria}
    stage, rubric = made["Stage"]["properties"], made["Rubric"]["properties"]
    found["properties"]["trains"]["items"] = _one_of(SKILLS)
    made["Person"]["properties"]["temperament"] |= _one_of({n: t.about for n, t in TEMPERAMENTS.items()})
    made["Person"]["properties"]["temperament"].pop("enum")
    stage["id"] = {"description": stage["id"].get("description", ""), **_one_of({x: rungs[x] for x in LADDER})}
    stage["needs"]["items"] = _some(techniques)
    for key in ("too_early", "could_say"):
        _named(stage[key], techniques)
    _named(stage["lines"], {band.value: f"When anger shows as {band.value}." for band in Band})
    _named(found["properties"]["mood"], rules)
    _named(found["properties"]["reactions"], REACTIONS)
    _named(rubric["weights"], criteria)
    _named(rubric["anchors"], criteria)
    rubric["auto_fail"]["items"] = _one_of({item.id: item.sentence for item in AUTO_FAIL})
    for key in ("from_stage", "until_stage"):
        escalated = made["Escalated"]["properties"]
        escalated[key] = {"description": escalated[key].get("description", ""), "enum": list(LADDER)}
    made["Expected"]["properties"]["notices"]["items"] = _one_of(noticed)
    for key in ("after", "unless"):
        made["Spoken"]["properties"][key] |= _some(happened)
        for extra in ("type", "items", "default"):
            made["Spoken"]["properties"][key].pop(extra, None)
    found["properties"]["facts"]["additionalProperties"] = False
    made.pop("Band")  # its names stand where they are used
    line = made["Spoken"]["properties"]["say"]
    made["Spoken"] = {"anyOf": [{k: v for k, v in line.items() if k != "description"}, made["Spoken"]]}
    title = "A voicetrainer scenario"
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": title, **_definitions(found)}


def _places(found: Json, made: Json) -> dict[str, str]:
    """Where each model stands in a scenario (``customer``, ``endings.resolved``), with its name."""
    places: dict[str, str] = {}

    def walk(part: Json, place: str) -> None:
        for key, field in part.get("properties", {}).items():
            match = re.search(r'"\$ref": "#/\$defs/(\w+)"', json.dumps(field))
            name = match[1] if match else ""
            if name and name != "Spoken" and "properties" in made[name]:
                at = f"{place}.{key}" if place else key
                places[at] = name
                walk(made[name], at)

    walk(found, "")
    return places


def _tidy(value: Any) -> Any:
    """Leave out pydantic's titles, docstrings and nulls, which YAML never has."""
    if isinstance(value, list):
        return [_tidy(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    options = [option for option in value.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        value = {**{k: v for k, v in value.items() if k != "anyOf"}, **options[0]}
    out = {}
    for key, inner in value.items():
        if key in ("properties", "$defs"):
            out[key] = {name: _tidy(part) for name, part in inner.items()}
        elif not (key in ("title", "description") or (key == "default" and inner in (None, [], {}))):
            out[key] = _tidy(inner)
    return out


def _definitions(found: Json) -> Json:
    """Under the name that editors of this draft know."""
    renamed: Json = json.loads(json.dumps(found, ensure_ascii=False).replace("#/$defs/", "#/definitions/"))
    return {**{k: v for k, v in renamed.items() if k != "$defs"}, "definitions": renamed["$defs"]}


def _one_of(names: Mapping[str, str]) -> Json:
    """One of some names, each with what it means."""
    return {"oneOf": [{"const": name, "description": about} for name, about in names.items()]}


def _some(names: Mapping[str, str]) -> Json:
    """A name, or names joined by "or", or a list of names."""
    any_name = "|".join(names)
    return {
        "anyOf": [
            *_one_of(names)["oneOf"],
            {"type": "string", "pattern": rf"^\s*({any_name})(\s+or\s+({any_name}))+\s*$"},
            {"type": "array", "minItems": 1, "items": {"enum": list(names)}},
        ]
    }


def _named(field: Json, names: Mapping[str, str]) -> None:
    """Keys of a known set, each with what it means."""
    field.pop("propertyNames", None)
    inner, *_ = field.pop("patternProperties", {}).values() or (field["additionalProperties"],)
    field["properties"] = {name: _explained(inner, about) for name, about in names.items()}
    field["additionalProperties"] = False


def _explained(inner: Json, about: str) -> Json:
    return {"description": about, **({"allOf": [inner]} if "$ref" in inner else inner)}


def _plain(words: str) -> str:
    """A cell of the page's table without its Markdown."""
    words = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", words).replace("`", "")
    return words[:1].upper() + words[1:] + ("." if words[-1:] not in ".!?" else "")
