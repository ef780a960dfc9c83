"""What is likely to go wrong in a scenario that is well formed: stages nobody is ever in, lines never said, calls that
cannot be won or lost. Each finding names its place in the file and its cure.

`review` looks at one scenario. Where the rules decide whether something can happen, the rules themselves are asked: a
perfect and a hopeless learner play the call (`play`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from voicetrainer.roleplay import questions, reply, summary
from voicetrainer.roleplay.course import counts, hopeless, kind_only, perfect, play
from voicetrainer.roleplay.customer import Detector
from voicetrainer.roleplay.events import WINS, Band
from voicetrainer.roleplay.mood import RULES, TEMPERAMENTS, State
from voicetrainer.roleplay.reading import Path
from voicetrainer.roleplay.scenario import REACTIONS, Scenario, Spoken
from voicetrainer.roleplay.spoken import spoken
from voicetrainer.roleplay.techniques import DELIVERY, MISTAKES, SHORT, TECHNIQUES

BREATH = 18
"""Words in one sentence of the customer above which the voice runs out of breath."""
OPENING = 4
"""Lines that the first stage should have for the mood in which the call begins: they stay there longest."""
HOPELESS = 12
"""Turns of nothing but mistakes that nobody should stand."""
TO_DO = "To do:"
"""What a text begins with that is still to be written (`voicetrainer new` leaves some)."""

_NEVER_NOTICED = frozenset(("dead_air",))
"""What costs or earns in a call, or is noticed after it, but is not among what lines may depend on."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or likely to be."""

    path: Path
    """The key it stands under."""
    what: str
    """What is wrong, and the cure."""
    error: bool = False
    """The scenario cannot be used like this; otherwise it is a warning."""


def review(scenario: Scenario, detector: Detector, unsayable: Callable[[str], str]) -> tuple[Finding, ...]:
    """Everything likely to go wrong in a scenario.

    Parameters
    ----------
    scenario
        As parsed.
    detector
        What will hear the learner.
    unsayable
        Why the voice cannot say a line; empty when it can.
    """
    return (
        *_to_do(scenario),
        *_stages(scenario),
        *_course(scenario),
        *_weights(scenario),
        *_lines(scenario, unsayable),
        *_conditions(scenario),
        *_enough(scenario),
        *_reactions(scenario),
        *_answers(scenario),
        *_facts(scenario),
        *_heard(scenario, detector),
        *_trains(scenario),
        *_rehearsed(scenario),
    )


def _to_do(scenario: Scenario) -> Iterator[Finding]:
    for path, text in _texts(scenario.model_dump()):
        if text.startswith(TO_DO):
            yield Finding(path, f"still to be written ({text.removeprefix(TO_DO).strip()})")


def _texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text in plain data, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, str(key)))
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            yield from _texts(inner, (*path, i))


def either(labels: Iterable[str]) -> str:
    """``empathy or reflect``, as it is written in a scenario."""
    return " or ".join(labels)


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + "".join(names[-1:])


# ---------------------------------------------------------------------------------------------------------- stages


def _stages(scenario: Scenario) -> Iterator[Finding]:
    """Yield stages that nobody is ever in or that nobody leaves."""
    for i, stage in enumerate(scenario.stages):
        earlier = [(before.id, set(group)) for before in scenario.stages[:i] for group in before.needs]
        met = {j: at for j, need in enumerate(stage.needs) for at, group in earlier if group <= set(need)}
        if len(met) == len(stage.needs):
            what = f"nobody is ever in this stage: what it needs has been met when it begins (by '{met[0]}')"
            yield Finding(("stages", i, "needs"), f"{what}; let it need something new, or take it out", error=True)
        else:
            for j, at in met.items():
                what = f"has always been met by then (stage '{at}' needs it too); take it out"
                yield Finding(("stages", i, "needs", j), f"'{either(stage.needs[j])}' {what}")
        for j, need in enumerate(stage.needs):
            if not any(counts(scenario, label, k) for label in need for k in range(i + 1)):
                what = "can never be met here: it counts only " + _when_escalated(scenario)
                yield Finding(("stages", i, "needs", j), f"{what}; let the stage need something else", error=True)
            elif need == ("escalate",) and scenario.endings.escalated:
                what = "a supervisor ends the call, so nothing after this stage is ever reached"
                yield Finding(("stages", i, "needs", j), f"{what}; add something else ('escalate or solution')")
        for label in stage.too_early:
            if any(label in need for before in scenario.stages[:i] for need in before.needs):
                what = "an earlier stage needs it, and here it is too early again; take it out of one of them"
                yield Finding(("stages", i, "too_early", label), what)


def _when_escalated(scenario: Scenario) -> str:
    escalated = scenario.endings.escalated
    assert escalated is not None  # nothing else is limited to some stages besides too_early
    until = f" to '{escalated.until_stage}'" if escalated.until_stage else " on"
    return f"from stage '{escalated.from_stage}'{until} (endings.escalated)"


# ---------------------------------------------------------------------------------------------------------- course


def _course(scenario: Scenario) -> Iterator[Finding]:
    """Yield what the ends of played calls tell: cannot be won, cannot be lost, won by doing nothing."""
    endings, person = scenario.endings, scenario.customer
    if person.anger <= endings.resolved.anger_at_most:
        what = f"calm enough to be won ({endings.resolved.anger_at_most:g}) from the first word; raise it"
        yield Finding(("customer", "anger"), what)
    if any(f.error for f in _stages(scenario)):
        return
    best = play(scenario, perfect)
    if best.ending is None or best.ending[0] not in WINS:
        yield Finding(*_not_won(scenario, best), error=True)
    else:
        fierce = play(scenario, perfect, "fierce")
        if fierce.ending is None or fierce.ending[0] not in WINS:
            path, what = _not_won(scenario, fierce)
            yield Finding(path, f"with --intensity fierce {what}")
    worst = play(scenario, hopeless, turns=HOPELESS)
    if worst.ending is None:
        what = f"cannot be lost: after {worst.turn} turns of nothing but mistakes anger is {worst.anger:g}"
        yield Finding(("endings", "hung_up"), f"{what}; lower at_anger, or raise the weights in mood", error=True)
    kind = play(scenario, kind_only)
    if kind.ending is not None and kind.ending[0] in WINS:
        what = "kind words alone win this call; let a stage need something definite (solution, choice, follow_up)"
        yield Finding(("stages", len(scenario.stages) - 1, "needs"), what)


def _not_won(scenario: Scenario, state: State) -> tuple[Path, str]:
    """Why a perfect learner does not win, and the cure."""
    most = scenario.endings.resolved.anger_at_most
    if state.ending is not None and state.ending[0] == "hung_up":
        return ("customer", "anger"), "even a perfect learner is hung up on; lower it, or the weights in mood"
    if state.stage < len(scenario.stages):
        needs = listed([either(need) for need in scenario.stages[state.stage].needs])
        if state.ending is not None and state.ending[0] == "out_of_time":
            return ("minutes",), f"too short for even a perfect learner, who gets to '{needs}'; raise it"
        return ("stages", state.stage, "needs"), f"even a perfect learner never gets past this stage ({needs})"
    what = f"cannot be won: even a perfect learner comes down to {state.anger:g} only, and {most:g} is calm enough"
    if state.ending is not None:
        return ("minutes",), f"{what}; raise it, or raise endings.resolved.anger_at_most"
    return ("endings", "resolved"), f"{what}; raise anger_at_most, or lower customer.anger"


def _weights(scenario: Scenario) -> Iterator[Finding]:
    """Yield weights of the scenario's own that turn a rule round."""
    for rule, weight in scenario.mood.items():
        usual = RULES[rule].anger
        if usual > 0 and weight <= 0:
            if weight < 0 and rule not in MISTAKES:
                yield Finding(("mood", rule), "cannot calm anybody; write more than 0", error=True)
            else:
                yield Finding(("mood", rule), f"this mistake costs nothing here; write more than 0 (usual: {usual:g})")
        elif rule in TECHNIQUES and weight > 0 and rule != "closing":
            stages = [s.id for s in scenario.stages if any(rule in need for need in s.needs)]
            if stages:
                what = f"angers this customer, and yet stage '{stages[0]}' needs it; write 0 or less (usual: {usual:g})"
                yield Finding(("mood", rule), what)
    person, hung_up = scenario.customer, scenario.endings.hung_up
    temper = TEMPERAMENTS[person.temperament].temper
    if person.anger < hung_up.at_anger <= person.anger + min(temper, 1.0):
        what = f"one mistake in the first turn ends the call (endings.hung_up.at_anger is {hung_up.at_anger:g})"
        yield Finding(("customer", "anger"), f"{what}; lower it, or raise at_anger")


# ----------------------------------------------------------------------------------------------------------- lines


def _lines(scenario: Scenario, unsayable: Callable[[str], str]) -> Iterator[Finding]:
    """Yield lines that cannot be said, or not in a breath."""
    for path, line in scenario.spoken_lines():
        text = scenario.fill(line.say, "Monday")
        why = unsayable(text)
        if why:
            yield Finding(path, f"cannot be said: {why}", error=True)
            continue
        for sentence in re.split(r"(?<=[.!?])\s+", text):
            count = len(sentence.split())
            if count > BREATH:
                what = f"a sentence of {count} words is too long for one breath (at most {BREATH}); make two of it"
                yield Finding(path, what)
        if text[-1] not in ".!?…\"”'’":
            yield Finding(path, "ends without a full stop, question or exclamation mark; add one for the voice")


def _conditions(scenario: Scenario) -> Iterator[Finding]:
    """Yield conditions that can never hold where the line stands, or always do."""
    last = len(scenario.stages) - 1
    everywhere = frozenset(x for x in TECHNIQUES if not any(counts(scenario, x, k) for k in range(last + 1)))
    escalated = scenario.endings.escalated
    ids = [stage.id for stage in scenario.stages]
    groups = [[frozenset(need) for need in stage.needs] for stage in scenario.stages]
    for path, line in scenario.spoken_lines():
        if not (line.after or line.unless):
            continue
        happened: list[frozenset[str]] = []
        cannot = _NEVER_NOTICED | everywhere
        leaves: frozenset[str] = frozenset()
        match path:
            case ("stages", int(i), *_):
                happened = [group for before in groups[:i] for group in before]
                cannot |= frozenset(x for x in TECHNIQUES if not any(counts(scenario, x, k) for k in range(i + 1)))
                if len(groups[i]) == 1 and i < last:
                    leaves = groups[i][0]
                if i == 0 and path[3:] == (Band.of(scenario.customer.anger).value, 0) and line.after:
                    yield Finding((*path, "after"), "this line should open the call, before anything has happened")
            case ("reactions", str(name), *_):
                happened = [frozenset((name,))] if name in (*MISTAKES, *DELIVERY, "choice", "boundary") else []
            case ("endings", "resolved", *_):
                happened = [group for stage in groups for group in stage]
            case ("endings", "escalated", *_):
                assert escalated is not None
                before = groups[: ids.index(escalated.from_stage)]
                happened = [frozenset(("escalate",)), *(group for stage in before for group in stage)]
            case ("endings", "closed", *_):
                happened = [frozenset(("boundary",))]
        yield from _condition(path, line, happened, cannot, leaves)


def _condition(
    path: Path, line: Spoken, happened: list[frozenset[str]], cannot: frozenset[str], leaves: frozenset[str]
) -> Iterator[Finding]:
    """Yield what is wrong with one condition: what has happened by then, what cannot have, what leaves the stage."""
    after, unless = frozenset(line.after), frozenset(line.unless)
    if after and after <= cannot | unless | leaves:
        rest = "cannot have happened here"
        if after <= unless:
            rest = "is under 'unless' as well"
        elif after <= leaves:
            rest = "ends this stage"
        yield Finding((*path, "after"), f"never said: '{either(line.after)}' {rest}; take the condition out")
    elif any(group <= after for group in happened):
        yield Finding((*path, "after"), f"always so here: '{either(line.after)}' has happened; take the condition out")
    if any(group <= unless for group in happened):
        yield Finding((*path, "unless"), f"never said: '{either(line.unless)}' has always happened here; move the line")
    elif unless and unless <= cannot:
        what = f"always so here: '{either(line.unless)}' cannot have happened; take the condition out"
        yield Finding((*path, "unless"), what)


def _enough(scenario: Scenario) -> Iterator[Finding]:
    """Yield stages in which the customer would repeat themselves."""
    for i, stage in enumerate(scenario.stages):
        always = {line.say for lines in stage.lines.values() for line in lines if not (line.after or line.unless)}
        if len(always) < reply.FRESH:
            short = reply.FRESH - len(always)
            what = f"only {len(always)} that always fit, so the customer repeats themselves within {reply.FRESH} lines"
            yield Finding(("stages", i, "lines"), f"{what}; write {short} more")
    start = Band.of(scenario.customer.anger)
    first = scenario.stages[0].lines
    if start not in first:
        what = f"none for '{start.value}', the mood in which the call begins; write {OPENING} or more"
        yield Finding(("stages", 0, "lines"), what)
    elif len(first[start]) < OPENING:
        what = f"only {len(first[start])} where the customer stays longest; write {OPENING} or more"
        yield Finding(("stages", 0, "lines", start.value), what)


def _reactions(scenario: Scenario) -> Iterator[Finding]:
    """Yield what the customer has no answer to."""
    wanted = [name for name in REACTIONS if name in MISTAKES]
    wanted += ["interrupting", "raised_voice", "silence", "unheard", "stalling", "overdone", "softened"]
    escalated, stages = scenario.endings.escalated, scenario.stages
    if scenario.facts:
        wanted.append("wrong_summary")
    if any(stage.too_early for stage in stages):
        wanted.append("too_early")
    if any(not answer.open for answer in scenario.answers):
        wanted += ["asked_again", "question"]
    if any("choice" in stage.could_say or any("choice" in n for n in stage.needs) for stage in stages):
        wanted.append("choice")
    if escalated and escalated.from_stage != stages[0].id:
        wanted.append("escalate_early")
    if escalated and escalated.until_stage not in (None, stages[-1].id):
        wanted.append("escalate_late")
    if scenario.endings.closed or TEMPERAMENTS[scenario.customer.temperament].unchecked:
        wanted.append("boundary")
    missing = [name for name in REACTIONS if name in wanted and name not in scenario.reactions]
    if missing:
        what = f"no line for {listed(missing)}: the customer goes on as if it had not happened; write one or two each"
        yield Finding(("reactions",), what)
    closed = scenario.endings.closed
    if closed and not TEMPERAMENTS[scenario.customer.temperament].unchecked:
        what = f"for somebody who goes on abusing, and this customer is {scenario.customer.temperament}"
        yield Finding(("endings", "closed"), f"{what}; take it out, or make the temperament abusive")


# --------------------------------------------------------------------------------------------- answers, facts, words


def _answers(scenario: Scenario) -> Iterator[Finding]:
    """Yield questions that an earlier answer catches, and phrases that are in more than questions."""
    earlier: list[tuple[str, str]] = []
    for i, answer in enumerate(scenario.answers):
        mine = []
        for k, phrase in enumerate(answer.asked):
            said = f" {spoken(phrase)} "
            caught = next((other for other, words in earlier if words in said), None)
            if not said.strip():
                yield Finding(("answers", i, "asked", k), f"'{phrase}' has no words; write some")
            elif caught is not None:
                what = f"'{phrase}' never gets here: '{caught}' of an earlier answer is in it"
                yield Finding(("answers", i, "asked", k), f"{what}; move this answer up, or write another phrase")
            else:
                mine.append((phrase, said))
        earlier += mine
        if not answer.open and re.search(r"\btold you\b", answer.say[0].say, re.IGNORECASE):
            what = "is said when they are asked for the first time; let another line come first"
            yield Finding(("answers", i, "say", 0), what)
    for j, stage in enumerate(scenario.stages):
        for label, text in stage.could_say.items():
            asked = questions.asked(scenario, scenario.fill(text)) if label != "probe" else None
            if asked is not None:
                place, phrase = asked
                what = f"'{phrase}' is in stages.{j + 1}.could_say.{label} too, which is no question"
                yield Finding(("answers", place, "asked"), f"{what}; write a phrase that only a question holds")


def _facts(scenario: Scenario) -> Iterator[Finding]:
    """Yield facts that nothing uses."""
    texts = [text for path, text in _texts(scenario.model_dump()) if path[0] != "facts"]
    slots = {name for text in texts for name in re.findall(r"\{(\w+)\}", text)}
    words = {word for text in texts for word in spoken(text).split()}
    for name, value in scenario.facts.items():
        if name not in slots and not set(spoken(value).split()) <= words:
            what = f"never used: no line tells it and the briefing does not; write {{{name}}} in a line, or take it out"
            yield Finding(("facts", name), what)


def _heard(scenario: Scenario, detector: Detector) -> Iterator[Finding]:
    """Yield examples of good words that the program does not hear as such."""
    for i, stage in enumerate(scenario.stages):
        lines = [scenario.fill(stage.lines_for(band)[0].say) for band in Band]
        before = list(dict.fromkeys(lines))
        for label, text in stage.could_say.items():
            path = ("stages", i, "could_say", label)
            said = scenario.fill(text)
            times: dict[str, int] = {}
            for line in before:
                for found in {e.label for e in detector.detect(said, line) if e.score >= reply.SURE}:
                    times[found] = times.get(found, 0) + 1
            heard = [found for found, n in times.items() if 2 * n > len(before)]
            if label in stage.too_early:
                what = f"an example of what comes too early here; take it out, or too_early.{label}"
                yield Finding(path, what)
            if label not in heard:
                instead = listed([SHORT[x] for x in heard]) or "nothing"
                yield Finding(path, f"is heard as {instead}, not as {SHORT[label]}; say it more plainly")
            for other in heard if label in heard else ():
                if other in MISTAKES:
                    yield Finding(path, f"is heard as {SHORT[other]} too, which is a mistake; say it otherwise")
                elif other in stage.too_early and label not in stage.too_early:
                    yield Finding(path, f"is heard as {SHORT[other]} too, which is too early here; say less")
            wrong = summary.check(scenario, (), said).wrong
            if wrong:
                what = f"is heard as a wrong summary: '{wrong[0].quote}', and it is '{wrong[0].value}'"
                yield Finding(path, f"{what}; say it as the fact does")
        for j, need in enumerate(stage.needs):
            if not any(label in stage.could_say for label in need):
                what = f"no example of '{either(need)}' in could_say; write what a good agent would say"
                yield Finding(("stages", i, "needs", j), what)


def _trains(scenario: Scenario) -> Iterator[Finding]:
    """Yield skills that nothing in the scenario asks for."""
    person, endings = scenario.customer, scenario.endings
    needs = {label for stage in scenario.stages for need in stage.needs for label in need}
    rambling = person.temperament == "rambling"
    hard = person.temperament in ("abusive", "sarcastic")
    has = scenario.reactions.__contains__
    ways: dict[str, tuple[bool, str]] = {
        "calm_voice": (has("raised_voice"), "write reactions.raised_voice"),
        "listening": (has("interrupting"), "write reactions.interrupting"),
        "listening_words": (rambling or has("backchannel"), "write reactions.backchannel"),
        "probe": ("probe" in needs or bool(scenario.answers), "let a stage need it, or write answers"),
        "plain_language": (has("jargon"), "write reactions.jargon"),
        "not_personal": (hard or has("defensive"), "write reactions.defensive"),
        "patience": (play(scenario, perfect).turn >= 3, "let the call take three turns or more"),
        "boundary": ("boundary" in needs or bool(endings.closed) or person.temperament == "abusive",
                     "let a stage need it, or make the temperament abusive"),
        "escalate": ("escalate" in needs or bool(endings.escalated), "write endings.escalated"),
        "reset": (True, ""),
        "reflection": (True, ""),
    }  # fmt: skip
    for i, skill in enumerate(scenario.trains):
        there, cure = ways.get(skill, (skill in needs, "let a stage need it"))
        if not there:
            yield Finding(("trains", i), f"nothing here trains '{skill}'; {cure}, or take it out")


def _rehearsed(scenario: Scenario) -> Iterator[Finding]:
    """Yield courses that no rehearsal takes."""
    outcomes = {r.expect.outcome for r in scenario.rehearsals}
    if not outcomes:
        yield Finding(
            ("rehearsals",), "none; write one that wins, one that argues and one that is friendly and useless"
        )
        return
    if not outcomes & WINS:
        yield Finding(("rehearsals",), "none wins; write one that does")
    if not outcomes & {"hung_up", "out_of_time"}:
        yield Finding(("rehearsals",), "none is lost; write one that argues until the customer hangs up")
    for name in ("escalated", "closed"):
        if getattr(scenario.endings, name) is not None and name not in outcomes:
            yield Finding(("rehearsals",), f"none ends {name}; write one")
    names: dict[str, int] = {}
    for i, rehearsal in enumerate(scenario.rehearsals):
        if rehearsal.name in names:
            yield Finding(("rehearsals", i, "name"), f"rehearsal {names[rehearsal.name] + 1} is called the same")
        names.setdefault(rehearsal.name, i)
