"""A call on the terminal, as it happens: who speaks, what was noticed, and the customer's anger with its reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from voicetrainer.roleplay.events import (
    WINS,
    Decision,
    Ended,
    Fact,
    Heard,
    LearnerLeft,
    LineStopped,
    MoodChanged,
    Noted,
    Noticed,
    Say,
    Silence,
    Steadiness,
)
from voicetrainer.roleplay.scorecard import Moment, Scorecard
from voicetrainer.roleplay.selfscore import SelfScore, gaps
from voicetrainer.roleplay.techniques import SHORT

if TYPE_CHECKING:
    from voicetrainer.roleplay.scenario import Scenario

OUTCOMES = {
    "resolved": "Resolved: the customer is satisfied",
    "escalated": "Escalated well: a supervisor takes it on",
    "closed": "Closed well: the limit was clear, and you ended the call calmly",
    "hung_up": "Lost: the customer hung up",
    "out_of_time": "Lost: the customer ran out of time",
    "left": "Unfinished: you left the call",
}


def clock(t: float) -> str:
    """Seconds as m:ss."""
    return f"{int(t // 60)}:{int(t % 60):02d}"


def brief(scenario: Scenario) -> None:
    """Print what the learner knows before picking up."""
    wrapped(f"{scenario.title} — {scenario.business}\n\n{scenario.briefing.strip()}\n")
    for goal in scenario.goals:
        wrapped(f"  • {goal}")
    typer.echo("")
    for key, value in scenario.facts.items():
        wrapped(f"  {key.replace('_', ' ')}: {value}")
    typer.echo("")


def wrapped(text: str) -> None:
    """Print a text line by line, each broken between words where the terminal ends."""
    import shutil
    import textwrap

    width = max(20, shutil.get_terminal_size().columns)
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + 2 * line.lstrip().startswith("•"))
        typer.echo(textwrap.fill(line, width, subsequent_indent=indent) if line.strip() else "")


def hanging(console: Console, head: str, body: str) -> None:
    """Print markup whose second line and all others, where the first is full, begin below the body."""
    start = Text.from_markup(head)
    indent = start.cell_len
    first, *more = Text.from_markup(body).wrap(console, max(20, console.width - indent)) or [Text()]
    console.print(start + first, soft_wrap=True)
    for line in more:
        console.print(Text(" " * indent) + line, soft_wrap=True)


class Show:
    """Prints a call, event by event.

    Parameters
    ----------
    customer
        The customer's name.
    typed
        The learner types: what they typed is on the screen already.
    console
        Where to print.
    """

    def __init__(self, customer: str, *, typed: bool = False, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.customer, self.typed = customer, typed

    def __call__(self, event: Fact | Decision) -> None:
        """Print one event."""
        say = self.console.print
        if isinstance(event, Say):
            hanging(
                self.console, f"[dim]{clock(event.t)}[/]  [bold red]{escape(self.customer)}[/]  ", escape(event.text)
            )
        elif isinstance(event, Heard):
            self._heard(event)
        elif isinstance(event, LineStopped) and event.cut:
            say(f"[dim]{clock(event.t)}  {escape(self.customer)} is cut off[/]")
        elif isinstance(event, Silence):
            say(f"[dim]{clock(event.t)}  … {event.seconds:.0f} seconds of silence[/]")
        elif isinstance(event, Noticed) and event.label != "raised_voice":  # its steadiness says it
            mark, style = ("✗", "yellow") if event.mistake else ("✓", "green")
            quote = f"  “{escape(event.quote)}”" if event.quote else ""
            name = SHORT.get(event.label, event.label)
            hanging(self.console, f"        [{style}]{mark} [/]", f"[{style}]{name}[/][dim]{quote}[/]")
        elif isinstance(event, Steadiness) and event.level != "unknown":
            style = {"steady": "green", "tense": "yellow", "raised": "red"}[event.level]
            reasons = f"  {escape('; '.join(event.reasons))}" if event.reasons else ""
            off = f" ± {event.uncertainty:.2f}" if event.uncertainty is not None else ""
            say(f"        [{style}]♪ voice {event.level}[/][dim] {event.score:.2f}{off}{reasons}[/]")
        elif isinstance(event, Steadiness) and not any(why.startswith("typed") for why in event.reasons):
            say(f"        [dim]♪ voice not judged  {escape('; '.join(event.reasons))}[/]")
        elif isinstance(event, MoodChanged):
            self._mood(event)
        elif isinstance(event, Noted):
            say(f"[yellow]        note: {escape(event.text)}[/]")
        elif isinstance(event, LearnerLeft):
            say(f"[dim]{clock(event.t)}  {escape(event.why)}[/]")
        elif isinstance(event, Ended):
            style = "bold green" if event.outcome in WINS else "bold yellow"
            say("")
            hanging(self.console, "", f"[{style}]{OUTCOMES[event.outcome]}[/] [dim]({escape(event.because)})[/]")

    def _heard(self, event: Heard) -> None:
        if self.typed:
            return
        how = {"turn": "", "interruption": " [yellow](over the customer)[/]", "aside": " [dim](while listening)[/]"}
        text = escape(event.text) or "[dim](no words understood)[/]"
        hanging(self.console, f"[dim]{clock(event.start)}[/]  [bold cyan]You[/]{how[event.role]}  ", text)

    def _mood(self, event: MoodChanged) -> None:
        style = "green" if event.after < event.before else "red" if event.after > event.before else "dim"
        trust = ""
        if event.trust_before is not None and event.trust_after is not None and event.trust_after != event.trust_before:
            trust = f"  trust {event.trust_before:g} → {event.trust_after:g}"
        if event.before == event.after and trust:
            self.console.print(f"        [dim]{trust.strip()}  {escape(event.because)}[/]")
            return
        bar = "█" * round(event.after) + "░" * (10 - round(event.after))
        because = f"[dim]{escape(event.because)}{trust}[/]"
        hanging(self.console, f"        [{style}]anger {event.before:>4g} → {event.after:<4g} {bar}[/] ", because)


def show_scorecard(card: Scorecard, own: SelfScore | None = None) -> None:
    """Print the scorecard, beside how the learner saw the call if they were asked."""
    from rich.table import Table

    console = Console(highlight=False)
    verdict = "[bold green]passed[/]" if card.passed else "[bold yellow]not yet passed[/]"
    console.print(f"\n[bold]Scorecard  {card.total}[/] of 100, {verdict} [dim](pass mark {card.pass_mark})[/]")
    if card.auto_fail:
        console.print(f"[yellow]Fails whatever the total: {escape(card.auto_fail)}[/]")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for c in card.criteria:
        dots = "●" * c.score + "○" * (5 - c.score) if c.score is not None else "  –  "
        table.add_row(c.name, dots, f"[dim]{c.weight} %[/]", escape(c.why))
    console.print(table)
    if own is not None:
        console.print("\n[bold]How you saw it[/]")
        seen = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for gap in gaps(card, own):
            marked = "–" if gap.card is None else f"{gap.card:.1f}"
            seen.add_row(escape(gap.statement), f"you {gap.own}", f"card {marked}", f"[dim]{gap.says}[/]")
        console.print(seen)
    for name, style, moment in (("Helped most", "green", card.helped), ("Hurt most", "yellow", card.hurt)):
        if moment is not None:
            _moment(console, f"\n[bold {style}]{name}[/]", moment)
    if card.missed:
        console.print("")
    for m in card.missed[:3]:
        hanging(console, "[yellow]Missed[/]  ", f"at {clock(m.t)}: {m.name}. {escape(m.why)}")
        if m.could_have_said:
            hanging(console, "  [dim]you could have said:[/] ", f"“{escape(m.could_have_said)}”")
    console.print("")
    hanging(console, "[bold]Next time:[/] ", escape(card.next_time))


def _moment(console: Console, title: str, m: Moment) -> None:
    turn = f", turn {m.turn}" if m.turn else ""
    console.print(
        f"{title} at {clock(m.t)}{turn}, anger {m.change:+.1f}: {escape(m.what)}; the customer {escape(m.why)}"
    )
    for name, words in (("they:   ", m.they_said), ("you:    ", m.you_said), ("better: ", m.better)):
        if words:
            hanging(console, f"  [dim]{name}[/]", escape(words))
