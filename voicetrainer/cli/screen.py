"""The live call on a terminal: what was said above, a few calm lines below that show what is going on.

::

    0:12  Mrs Carter  I ordered boots on Monday. I paid for next day delivery.
    0:19  You  that sounds really frustrating
    ────────────────────────────────────────────────────────────────
    Mrs Carter  Yes. Exactly. So why did nobody …
    You         so you paid for next
    Anger ██████░░░░ 6.0 angry    Voice steady    1:24
    space pause · r repeat · n notes · q hang up · "stop the exercise"

The lower lines are drawn again only when they change, four times a second at most. Without a terminal, or with
``plain`` (for screen readers), nothing is ever drawn again: lines are only added, and what changes is told in words.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.rule import Rule
from rich.text import Text

from voicetrainer.cli.show import Show, clock
from voicetrainer.roleplay.events import (
    Band,
    Decision,
    Ended,
    Fact,
    Heard,
    LineStarted,
    LineStopped,
    MoodChanged,
    Noted,
    Noticed,
    Say,
    Steadiness,
)

if TYPE_CHECKING:
    from rich.live import Live

    from voicetrainer.roleplay.scenario import Scenario

INTERVAL = 0.25
"""Least seconds between two drawings."""

KEYS = "space pause · r repeat · n notes · q hang up · say: stop the exercise"


class Screen:
    """What the learner sees of a live call; use it in a ``with``.

    Parameters
    ----------
    scenario
        Who calls.
    plain
        Only ever add lines: for screen readers, logs and terminals that cannot move the cursor.
    feedback
        Show what was noticed as it happens; otherwise it is kept for the report.
    console
        Where to draw.
    """

    def __init__(
        self, scenario: Scenario, *, plain: bool = False, feedback: bool = True, console: Console | None = None
    ) -> None:
        self.console = console or Console(highlight=False)
        self.scenario, self.feedback = scenario, feedback
        self.plain = plain or not self.console.is_terminal
        self.notes = False
        self.paused = False
        self._show = Show(scenario.customer.name, console=self.console)
        self._live: Live | None = None
        self._anger = scenario.customer.anger
        self._band = Band.of(self._anger)
        self._voice = "not heard yet"
        self._waiting: list[Say] = []
        self._line: Say | None = None
        self._played = self._t = 0.0
        self._partial = ""
        self._drawn: object = None
        self._next = 0.0

    def __enter__(self) -> Screen:
        if not self.plain:
            from rich.live import Live

            self._live = Live(console=self.console, auto_refresh=False, transient=True, vertical_overflow="crop")
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    # ------------------------------------------------------------------------------------------------- what happens

    def event(self, event: Fact | Decision) -> None:
        """Take what has happened in the call."""
        if isinstance(event, Say):
            self._waiting.append(event)
        elif isinstance(event, LineStarted):
            while self._waiting and self._waiting[0].line <= event.line:
                self._line = self._waiting.pop(0)
            self._played = 0.0
            if self.plain and self._line is not None:
                self._show(self._line)
        elif isinstance(event, LineStopped):
            if not self.plain and self._line is not None:
                self._show(self._line)
            if event.cut:
                self._show(event)
            self._line = None
        elif isinstance(event, MoodChanged):
            self._anger = event.after
            if self.feedback:
                self._show(event)
            elif self.plain and Band.of(event.after) is not self._band:
                self.console.print(f"{self.scenario.customer.name} is {Band.of(event.after)} now.")
            self._band = Band.of(event.after)
        elif isinstance(event, Steadiness):
            if event.level != "unknown":
                self._voice = event.level
            if self.feedback:
                self._show(event)
        elif isinstance(event, Heard):
            self._partial = ""
            self._show(event)
        elif isinstance(event, Ended | Noted) or (self.feedback and isinstance(event, Noticed)):
            self._show(event)

    def tick(self, t: float, partial: Callable[[], str], played: float, voice: Callable[[], str] | None = None) -> None:
        """Draw what is going on, if it has changed and it is time.

        Parameters
        ----------
        t
            Seconds on the call clock.
        partial
            Gives the learner's words so far; asked for only when they are drawn.
        played
            How much of the customer's line has been heard, 0 to 1.
        voice
            Gives how the learner's voice is just now, in a word or a few; empty to keep what was last.
        """
        if self._live is None or monotonic() < self._next:
            return
        self._t, self._played, self._partial = t, played, partial()
        if voice is not None:
            self._voice = voice() or self._voice
        self.draw()

    def pause(self, paused: bool) -> None:
        """Show that the call is held, or goes on."""
        self.paused = paused
        if self.plain:
            self.console.print("Paused; the space bar goes on." if paused else "The call goes on.")
        self.draw()

    def turn_notes(self) -> None:
        """Show the notes, or hide them where that can be done."""
        self.notes = not self.notes
        if self.plain:
            for key, value in self.scenario.facts.items():
                self.console.print(f"{key.replace('_', ' ')}: {value}")
        self.draw()

    def draw(self) -> None:
        """Draw the lower lines now."""
        if self._live is None:
            return
        self._next = monotonic() + INTERVAL
        lines = self.lines()
        seen = (tuple(line.plain for line in lines), self.console.width)
        if seen != self._drawn:
            self._drawn = seen
            self._live.update(Group(Rule(style="dim"), *lines), refresh=True)  # in one write: nothing flickers

    def lines(self) -> list[Text]:
        """The lower lines as they are now, each within the console's width."""
        name = self.scenario.customer.name
        width = max(len(name), 3)
        filled = round(self._anger)
        band = Band.of(self._anger)
        style = {"calm": "green", "annoyed": "yellow", "angry": "red", "furious": "bold red"}[band.value]
        state = Text.assemble(
            ("Anger ", "dim"),
            ("█" * filled + "░" * (10 - filled), style),
            f" {self._anger:.1f} {band.value}",
            ("    Voice ", "dim"),
            self._voice,
            ("    ", ""),
            (clock(self._t), "dim"),
            ("    PAUSED: space goes on", "bold") if self.paused else "",
        )
        lines = [
            self._speaking(f"{name:<{width}}  ", self._said(), "bold red"),
            self._speaking(f"{'You':<{width}}  ", self._partial, "bold cyan"),
            state,
        ]
        if self.notes:
            lines += [Text.assemble((f"  {k.replace('_', ' ')}: ", "dim"), v) for k, v in self.scenario.facts.items()]
        lines.append(Text(KEYS, style="dim"))
        for line in lines:
            line.truncate(self.console.width, overflow="ellipsis")
        return lines

    def _speaking(self, who: str, words: str, style: str) -> Text:
        """Words as they come: their end is what matters."""
        room = max(10, self.console.width - len(who) - 2)
        return Text.assemble((who, style), words if len(words) <= room else "…" + words[-(room - 1) :])

    def _said(self) -> str:
        if self._line is None:
            return ""
        words = self._line.text.split()
        return " ".join(words[: max(1, round(self._played * len(words)))])


# -------------------------------------------------------------------------------------------------------------- keys


@contextmanager
def keys(pressed: Callable[[str], None]) -> Iterator[bool]:
    """Tell of every key while inside; whether that works here (a terminal to read from).

    Keys are read one by one, without Enter; Ctrl-C stays a signal.
    """
    if not sys.stdin.isatty():
        yield False
        return
    going = True

    def listen(read: Callable[[], str]) -> None:
        while going:
            key = read()
            if key:
                pressed(key)

    if os.name == "nt":
        import msvcrt  # pragma: no cover
        from time import sleep  # pragma: no cover

        def read() -> str:  # pragma: no cover
            if msvcrt.kbhit():  # type: ignore[attr-defined]
                return str(msvcrt.getwch())  # type: ignore[attr-defined]
            sleep(0.05)
            return ""

        Thread(target=listen, args=(read,), daemon=True).start()  # pragma: no cover
        try:  # pragma: no cover
            yield True
        finally:  # pragma: no cover
            going = False
        return
    import select
    import termios
    import tty

    def read_posix() -> str:
        ready, _, _ = select.select([sys.stdin], [], [], 0.1)
        return os.read(sys.stdin.fileno(), 1).decode(errors="replace") if ready and going else ""

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    thread = Thread(target=listen, args=(read_posix,), daemon=True)
    thread.start()
    try:
        yield True
    finally:
        going = False
        thread.join(1.0)
        with suppress(termios.error):
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
