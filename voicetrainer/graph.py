"""A scenario as a drawing: its stages from top to bottom, what each needs, what comes too early, and how it can end."""

from __future__ import annotations

import textwrap
from html import escape

from voicetrainer.roleplay.customer import SILENCES
from voicetrainer.roleplay.events import Band
from voicetrainer.roleplay.scenario import Scenario, Stage
from voicetrainer.roleplay.techniques import SHORT

WIDTH = 920
"""Of the drawing, in its own units; as wide as a page."""
_LEFT, _BOX, _GAP = 64, 500, 34
_SIDE = _LEFT + _BOX + 44
_PAD = 16
_LINE = 1.35
"""Height of a row of text against its size."""
_CHAR = 0.53
"""Mean width of a character against the size of its text, for wrapping; a little more than most fonts have."""

_STYLE = """\
svg { --ink: #1d2430; --soft: #5b6577; --page: #ffffff; --box: #f4f6fa; --edge: #c3cad6; --win: #12734a;
  --win-box: #e9f6ef; --loss: #a8321f; --loss-box: #fbeeec; --other: #1f5aa8; --other-box: #eaf1fb; }
@media (prefers-color-scheme: dark) { svg { --ink: #e8ecf3; --soft: #a3adbd; --page: #14181f; --box: #1f2530;
  --edge: #465063; --win: #6fd3a4; --win-box: #163226; --loss: #f39a8b; --loss-box: #3a1f1b; --other: #8fbcf5;
  --other-box: #1a2b42; } }
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; fill: var(--ink); }
.page { fill: var(--page); } .soft { fill: var(--soft); } .strong { font-weight: 650; }
.box { fill: var(--box); stroke: var(--edge); } .note { fill: none; stroke: var(--edge); stroke-dasharray: 4 4; }
.way { fill: none; stroke: var(--soft); stroke-width: 1.6; } .tip { fill: var(--soft); }
.win { fill: var(--win-box); stroke: var(--win); } .loss { fill: var(--loss-box); stroke: var(--loss); }
.other { fill: var(--other-box); stroke: var(--other); } .rail { fill: none; stroke: var(--other); stroke-width: 1.6; }
.tip-other { fill: var(--other); } .win-name { fill: var(--win); } .loss-name { fill: var(--loss); }
.other-name { fill: var(--other); }
"""


def draw(scenario: Scenario) -> str:
    """Draw a scenario.

    Returns
    -------
    The drawing as SVG, for light and dark pages; nothing in it is loaded from anywhere.
    """
    sheet = _Sheet()
    y = _head(sheet, scenario, 24.0)
    middle = _LEFT + _BOX / 2
    places: dict[str, tuple[float, float]] = {}
    for number, stage in enumerate(scenario.stages, 1):
        sheet.arrow(middle, y, y + _GAP)
        top = y + _GAP
        y = _stage(sheet, stage, number, top)
        places[stage.id] = (top, y)
    sheet.arrow(middle, y, y + _GAP)
    resolved = scenario.endings.resolved
    y = sheet.box(
        "win", _LEFT, y + _GAP, _BOX, "resolved", [f"every stage done, and anger {resolved.anger_at_most:g} or less"]
    )
    y = _others(sheet, scenario, places, y + _GAP)
    height = int(y + 24)
    title, about = escape(scenario.title), f"{len(scenario.stages)} stages and how the call can end"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-labelledby="title about">\n<title id="title">{title}</title>\n'
        f'<desc id="about">{about}</desc>\n<style>\n{_STYLE}</style>\n'
        f'<rect class="page" width="{WIDTH}" height="{height}"/>\n' + "\n".join(sheet.parts) + "\n</svg>\n"
    )


class _Sheet:
    """Elements drawn so far."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def text(self, x: float, y: float, words: str, size: float = 13, kind: str = "") -> None:
        """One row of text; y is its baseline."""
        css = f' class="{kind}"' if kind else ""
        self.parts.append(f'<text x="{x:g}" y="{y:g}" font-size="{size:g}"{css}>{escape(words)}</text>')

    def rows(self, x: float, y: float, width: float, words: str, size: float = 13, kind: str = "") -> float:
        """Text in as many rows as it takes; y is its upper edge. The lower edge comes back."""
        for row in textwrap.wrap(words, max(8, int(width / (size * _CHAR)))) or [""]:
            y += size * _LINE
            self.text(x, round(y - size * 0.3, 1), row, size, kind)
        return y

    def frame(self, kind: str, x: float, y: float, width: float, height: float, at: int) -> None:
        """A rounded frame behind what was drawn since `at`."""
        frame = f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="10"/>'
        self.parts.insert(at, frame)

    def box(self, kind: str, x: float, y: float, width: float, name: str, rows: list[str]) -> float:
        """A box with a name and rows of text; the lower edge comes back."""
        at, top = len(self.parts), y
        y = self.rows(x + _PAD, y + _PAD - 4, width - 2 * _PAD, name, 15, f"strong {kind}-name")
        for row in rows:
            y = self.rows(x + _PAD, y + 3, width - 2 * _PAD, row, 13)
        self.frame(kind, x, top, width, y + _PAD - 2 - top, at)
        return y + _PAD - 2

    def arrow(self, x: float, y: float, to: float) -> None:
        """An arrow down."""
        self.parts.append(f'<path class="way" d="M{x:g} {y:g}V{to - 7:g}"/>')
        self.parts.append(f'<path class="tip" d="M{x - 5:g} {to - 8:g}h10l-5 8z"/>')


def _head(sheet: _Sheet, scenario: Scenario, y: float) -> float:
    person = scenario.customer
    y = sheet.rows(_LEFT, y, WIDTH - 2 * _LEFT, scenario.title, 22, "strong")
    dots = "●" * scenario.difficulty + "○" * (5 - scenario.difficulty)
    y = sheet.rows(_LEFT, y + 2, WIDTH - 2 * _LEFT, f"{scenario.business} · {dots}", 14, "soft")
    start = f"anger {person.anger:g}, trust {person.trust:g}, {person.temperament}"
    return sheet.box("box", _LEFT, y + 14, _BOX, person.name, [f"begins with {start}"])


def _stage(sheet: _Sheet, stage: Stage, number: int, top: float) -> float:
    at, x, width = len(sheet.parts), _LEFT + _PAD, _BOX - 2 * _PAD
    y = sheet.rows(x, top + _PAD - 4, width, f"{number}  {stage.id}", 16, "strong")
    y = sheet.rows(x, y + 1, width, stage.about, 13, "soft") + 6
    for need in stage.needs:
        words = " or ".join(SHORT[label] for label in need)
        y = sheet.rows(x, y, width, f"✓  {words}", 14)
    counts = [f"{len(stage.lines[band])} {band.value}" for band in reversed(Band) if band in stage.lines]
    y = sheet.rows(x, y + 5, width, "lines: " + ", ".join(counts), 11.5, "soft") + _PAD - 4
    if stage.too_early:
        side, room = len(sheet.parts), WIDTH - _SIDE - 24
        low = sheet.rows(_SIDE + 12, top + 8, room - 24, "too early here", 12, "soft strong")
        for label in stage.too_early:
            low = sheet.rows(_SIDE + 12, low + 1, room - 24, f"✕  {SHORT[label]}", 13)
        sheet.frame("note", _SIDE, top, room, low + 8 - top, side)
        sheet.parts.append(f'<path class="note" d="M{_LEFT + _BOX} {top + 20:g}H{_SIDE}"/>')
        y = max(y, low + 8)
    sheet.frame("box", _LEFT, top, _BOX, y - top, at)
    return y


def _others(sheet: _Sheet, scenario: Scenario, places: dict[str, tuple[float, float]], y: float) -> float:
    """The other endings, wins beside losses; the lower edge of all comes back."""
    endings = scenario.endings
    wins: list[tuple[str, list[str]]] = []
    if endings.escalated:
        first, last = endings.escalated.from_stage, endings.escalated.until_stage
        until = f" until '{last}'" if last else ""
        wins.append(("escalated", [f"a supervisor brought in, from '{first}'{until}"]))
    if endings.closed:
        limits = endings.closed.after_boundaries
        turns = f"{limits} turns" if limits > 1 else "a turn"
        wins.append(("closed", [f"a calm goodbye to somebody who goes on, after a limit in {turns}"]))
    losses = [
        ("hung up", [f"anger reaches {endings.hung_up.at_anger:g}, or {SILENCES} silences in a row, anywhere"]),
        ("out of time", [f"{scenario.minutes:g} minutes are over, anywhere"]),
    ]
    width = (WIDTH - _LEFT - 24 - 20) / 2
    lows = [y]
    for kind, x, boxes in (("other", _LEFT, wins), ("loss", _LEFT + (width + 20) * bool(wins), losses)):
        top = y
        for name, rows in boxes:
            if name == "escalated" and endings.escalated:
                _rail(sheet, places, endings.escalated.from_stage, endings.escalated.until_stage, top + 22)
            lows.append(sheet.box(kind, x, top, width, name, rows))
            top = lows[-1] + 16
    return max(lows)


def _rail(sheet: _Sheet, places: dict[str, tuple[float, float]], first: str, last: str | None, y: float) -> None:
    """The way from the stages where a supervisor is right to that ending."""
    ids = list(places)
    x = _LEFT - 28
    for name in ids[ids.index(first) : ids.index(last or ids[-1]) + 1]:
        top, _ = places[name]
        sheet.parts.append(f'<path class="rail" d="M{_LEFT} {top + 22:g}H{x}"/>')
    sheet.parts.append(f'<path class="rail" d="M{x} {places[first][0] + 22:g}V{y:g}H{_LEFT - 8}"/>')
    sheet.parts.append(f'<path class="tip-other" d="M{_LEFT - 9} {y - 5:g}v10l9 -5z"/>')
