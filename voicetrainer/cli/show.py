"""A call on the terminal, as it happens: who speaks, what was noticed, and the customer's anger with its reasons."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from voicetrainer.roleplay.events import (
    Decision,
    Ended,
    Fact,
    Heard,
    LearnerLeft,
    LineStopped,
    MoodChanged,
    Noticed,
    Say,
    Silence,
    Steadiness,
)
from voicetrainer.roleplay.scorecard import Scorecard
from voicetrainer.roleplay.techniques import SHORT

OUTCOMES = {
    "resolved": "Resolved: the customer is satisfied.",
    "escalated": "Escalated well: a supervisor takes it on.",
    "hung_up": "Lost: the customer hung up.",
    "out_of_time": "Lost: the customer ran out of time.",
    "left": "Unfinished: you left the call.",
}


def clock(t: float) -> str:
    """Seconds as m:ss."""
    return f"{int(t // 60)}:{int(t % 60):02d}"


class Show:
    """Prints a call, event by event.

    Parameters
    ----------
    customer
        The customer's name.
    typed
        The learner types: what they typed is on the screen already.
    """

    def __init__(self, customer: str, *, typed: bool = False) -> None:
        self.console = Console(highlight=False)
        self.customer, self.typed = customer, typed

    def __call__(self, event: Fact | Decision) -> None:
        """Print one event."""
        say = self.console.print
        if isinstance(event, Say):
            say(
                f"[dim]{clock(event.t)}[/]  [bold red]{escape(self.customer)}[/]  {escape(event.text)}", soft_wrap=False
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
            say(f"        [{style}]{mark} {SHORT.get(event.label, event.label)}[/][dim]{quote}[/]")
        elif isinstance(event, Steadiness) and event.level != "unknown":
            style = {"steady": "green", "tense": "yellow", "raised": "red"}[event.level]
            reasons = f"  {escape('; '.join(event.reasons))}" if event.reasons else ""
            say(f"        [{style}]♪ voice {event.level}[/][dim]{reasons}[/]")
        elif isinstance(event, MoodChanged):
            self._mood(event)
        elif isinstance(event, LearnerLeft):
            say(f"[dim]{clock(event.t)}  {escape(event.why)}[/]")
        elif isinstance(event, Ended):
            style = "bold green" if event.outcome in ("resolved", "escalated") else "bold yellow"
            say(f"\n[{style}]{OUTCOMES[event.outcome]}[/] [dim]{escape(event.because)}[/]")

    def _heard(self, event: Heard) -> None:
        if self.typed:
            return
        how = {"turn": "", "interruption": " [yellow](over the customer)[/]", "aside": " [dim](while listening)[/]"}
        text = escape(event.text) or "[dim](no words understood)[/]"
        self.console.print(f"[dim]{clock(event.start)}[/]  [bold cyan]You[/]{how[event.role]}  {text}")

    def _mood(self, event: MoodChanged) -> None:
        style = "green" if event.after < event.before else "red" if event.after > event.before else "dim"
        bar = "█" * round(event.after) + "░" * (10 - round(event.after))
        self.console.print(
            f"        [{style}]anger {event.before:>4g} → {event.after:<4g} {bar}[/] [dim]{escape(event.because)}[/]"
        )


def show_scorecard(card: Scorecard) -> None:
    """Print the scorecard."""
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
    for m in card.missed[:3]:
        could = f" You could have said: “{escape(m.could_have_said)}”" if m.could_have_said else ""
        console.print(f"[yellow]Missed[/] at {clock(m.t)}: {m.name}.{could}")
    console.print(f"[bold]Next time:[/] {escape(card.next_time)}")
