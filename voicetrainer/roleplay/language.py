"""The language of a call: how long, how plain and how definite the learner's turns were.

Everything is measured on what was heard: words with their times, mostly without punctuation, and the voice under them.
`measure` takes the learner's utterances of a call and gives numbers with units, findings with their quotes, and a grade
with its reasons. The rules are meant to be right where they speak, and let pass what they are not sure of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Literal

from voicetrainer.roleplay.events import Heard, Noticed, Word, q
from voicetrainer.roleplay.spoken import Token, tokens

Kind = Literal["term", "letters", "hedge", "filler"]
"""*term*: an inside word left unexplained. *letters*: an abbreviation spelled out and left unexplained. *hedge*: vague
about facts, steps or times. *filler*: um, er and the like, or voice with no word under it."""

LONG_TURN = 60
"""Words in one turn above which an upset listener is lost; about 25 seconds of speech."""
LONG_SENTENCE = 24
"""Words in one sentence above which it is hard to follow by ear."""
QUIET_GAP = 0.25
"""Seconds between two words from which it is a pause."""
FILLER = 0.18
"""Seconds of voice without a word from which it is taken for a filler."""
UNHEARD = 1.2
"""Seconds of voice without a word from which it is no filler but speech that was not recognised."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One place in the learner's words that cost clarity."""

    kind: Kind
    turn: int
    """Learner's utterance, from 1, in the order of `Heard`."""
    t: float
    """Seconds on the call clock."""
    quote: str
    """The words; empty for a filler that no word stands for."""
    note: str
    """One plain sentence for the learner."""
    first: int | None = None
    """Index of the first word in ``Heard.words``; None where no word stands for it."""
    last: int | None = None
    """Index of the last word, inclusive."""
    seconds: float = 0.0
    """How long it lasted."""


@dataclass(frozen=True, slots=True)
class TurnLanguage:
    """One utterance that took the turn."""

    turn: int
    t: float
    """Its start, seconds on the call clock."""
    words: int
    """Words, fillers left out."""
    sentences: tuple[tuple[int, int], ...]
    """First and last word (indices into ``Heard.words``, inclusive) of each sentence."""
    rate: float | None
    """Words a minute of speech, pauses left out; None when it was typed or shorter than eight words."""
    fillers: int


@dataclass(frozen=True, slots=True)
class Language:
    """The language of a whole call. Asides (listening words while the customer talks) are left out."""

    turns: tuple[TurnLanguage, ...]
    words: int
    """In all turns, fillers left out."""
    words_a_turn: float
    """Median; 0.0 when nothing was said."""
    longest_turn: int
    """Words."""
    words_a_sentence: float
    """Mean; 0.0 when nothing was said."""
    findings: tuple[Finding, ...]
    """In the order of the call."""
    fillers_a_minute: float | None
    """Per minute of the learner's turns; None when everything was typed or less than ten seconds were spoken."""
    rate: float | None
    """Words a minute of speech, pauses left out, over the call; None when it was typed or too short to tell."""
    pace: Literal["slow", "easy", "quick", "rushed", "unknown"]
    """The rate in plain terms."""
    grade: int | None
    """Clarity and concision, 1 (hard to follow) to 5 (plain and short); None when too little was said to judge."""
    reasons: tuple[str, ...]
    """What the grade rests on, one plain clause each, the costliest first."""

    def some(self, *kinds: Kind) -> tuple[Finding, ...]:
        """Findings of some kinds, in the order of the call."""
        return tuple(f for f in self.findings if f.kind in kinds)


def measure(heard: Sequence[Heard], noticed: Iterable[Noticed] = ()) -> Language:
    """Measure the language of a call.

    Parameters
    ----------
    heard
        Every utterance of the learner, asides as well, in order: their place gives their number.
    noticed
        The techniques and mistakes noticed in the call; ``jargon`` and ``hedging`` among them are taken over.
    """
    by_turn: dict[int, list[Noticed]] = {}
    for n in noticed:
        by_turn.setdefault(n.turn, []).append(n)
    turns: list[TurnLanguage] = []
    findings: list[Finding] = []
    voiced: list[Heard] = []
    for number, h in enumerate(heard, 1):
        if h.role == "aside":
            continue
        found = [*_words_found(h, number, by_turn.get(number, [])), *_fillers(h, number)]
        findings += sorted(found, key=lambda f: f.t)
        if h.prosody is not None:
            voiced.append(h)
        if h.words:
            um = sum(f.kind == "filler" for f in found)
            plain = sum(not _is_filler(w.text) for w in h.words)
            turns.append(TurnLanguage(number, h.start, plain, sentences(h.words), _rate([h]), um))
    lengths = [t.words for t in turns]
    total, count = sum(lengths), sum(len(t.sentences) for t in turns)
    spoken = sum(h.end - h.start for h in voiced)
    fillers = sum(f.kind == "filler" and heard[f.turn - 1].prosody is not None for f in findings)
    rate = _rate(voiced)
    figures = Language(
        turns=tuple(turns),
        words=total,
        words_a_turn=float(median(lengths)) if lengths else 0.0,
        longest_turn=max(lengths, default=0),
        words_a_sentence=q(total / count, 1) if count else 0.0,
        findings=tuple(findings),
        fillers_a_minute=q(60 * fillers / spoken, 1) if spoken >= 10 else None,
        rate=rate,
        pace=pace(rate),
        grade=None,
        reasons=(),
    )
    return _graded(figures)


# ------------------------------------------------------------------------------------------------------ sentences

_MARK = re.compile(r"[.?!;…][\"”’')]*$")
_STARTS = frozenset(
    """
    i'm i've i'll i'd you're you've you'll you'd we've we'll we're we'd they're they've they'll that's that'd
    that'll there's it'll he's she's here's let's what's who's hello hi please okay right well oh yeah yes yep
    sorry goodbye bye thanks anyway hang it's
    """.split()
)
"""Words that begin a sentence wherever nothing before them leads into them."""
_PAIRS = frozenset(
    tuple(pair.split())
    for pair in """
    let me; thank you; that was; that is; that must; that should; that sounds; can you; can i; could you; could
    i; would you; do you; did you; have you; are you; is there; is that; is it; was it; was there; shall we;
    shall i; have i; am i; tell me; take care; go ahead; go on; carry on; hold on; leave it; leave that; it was;
    there was; there are; this is; what would; what did; what time; which one; which would; how can; how did;
    how long; how much; how about; when did; where did; why did; anything else; of course; no wonder; no
    problem; first of; in the; i can; i know; i do; i am; i will; i want; i would; i need; i see; i understand;
    i apologise; i think; i just; i don't; i can't; i really; i was; i could; i appreciate; i hear; we do; we
    can; we are; we don't; we can't; we should; we were; we didn't; she must; he must; you can; you should; you
    must; you need; you don't; they should; nobody should; anyone would; anybody would; don't worry; don't
    you; didn't you; my name
    """.split(";")
) - {("in", "the")}
"""Two words that do so together."""
_LEADS_ON = frozenset(
    """
    and but or if that when because cause so what which how why where who whose whether while as than since
    until till unless although though before after once like a an the to of for with on in at from by about into
    over under out off up through my your our his her its their this these those no any some every all each i we
    you he she they it i'm i've i'll i'd you're you've you'll you'd we've we'll we're we'd they're they've it's
    that's there's he's she's what's think know see sure hope say said says saying tell told mean means guess
    afraid glad believe bet understand promise guarantee suppose imagine wish assume reckon check make makes
    let's is are was were be been am do does did do don't didn't can can't could would will won't should must
    might may have has had get got not just really only even very too um uh er well oh okay right yeah yes yep
    now then please everything anything something nothing whatever whichever wherever time day moment minute
    second soon way thing one things reason last except hello hi mr mrs ms else there perhaps
    """.split()
)
"""Words after which the sentence goes on."""
_TAKES_THAT = frozenset("about for of with on do at from to like doing hear all by".split())
_HESITATES = _LEADS_ON - frozenset(
    """
    that so this those all i we you he she they it know see sure hope said do did don't can can't will won't
    have had got not too okay right yeah yes yep now then please everything anything something nothing time day
    moment minute second soon way thing one things reason last else there well over out off up through on in
    about understand promise
    """.split()
)
"""Words after which a pause is hesitation and not an end."""
_SIDE = frozenset("now away there here in on off past for across back then up down through by".split())
"""After "right" it is no new sentence: right now, right there."""
_OPENS = frozenset(
    """
    i you we they he she it that this there what how when where why who which if so but and can could would do did
    """.split()
)
"""Words that may begin a sentence after a pause."""


def sentences(words: Sequence[Word | str]) -> tuple[tuple[int, int], ...]:
    """Where the sentences of an utterance begin and end, mostly without punctuation to tell.

    A sentence is what stands on its own: "I'm sorry about that" and "I'll send a new one" are two, whether a writer
    would put a full stop or a comma between them; main clauses joined by "and" stay one, as they do for the listener.
    Told by the words that begin sentences where nothing before leads into them, and by pauses.

    Parameters
    ----------
    words
        As in `Heard`, or their texts alone. Where they are typed with full stops, these alone tell.

    Returns
    -------
    tuple of (first, last)
        Indices into `words`, inclusive; together they cover all words.
    """
    if not words:
        return ()
    texts = [w if isinstance(w, str) else w.text for w in words]
    if any(_MARK.search(text) for text in texts):
        starts = [i for i in range(1, len(texts)) if _MARK.search(texts[i - 1])]
    else:
        bare = [_bare(text) for text in texts]
        starts = []
        for i in range(1, len(texts)):
            one, two = words[i - 1], words[i]
            gap = 0.0 if isinstance(one, str) or isinstance(two, str) else two.start - one.end
            if _begins(bare, i, i - (starts[-1] if starts else 0), gap):
                starts.append(i)
    edges = [0, *starts, len(words)]
    return tuple((a, b - 1) for a, b in pairwise(edges))


def _begins(words: Sequence[str], i: int, since: int, gap: float) -> bool:
    """Whether a sentence begins with word i: `since` words after the last one, `gap` seconds after the word before."""
    before, here = words[i - 1], words[i]
    after = words[i + 1] if i + 1 < len(words) else ""
    strong = (here in _STARTS and not (here == "right" and after in _SIDE)) or (here, after) in _PAIRS
    if gap >= QUIET_GAP and before not in _HESITATES and since >= 2:
        return strong or gap >= 2.5 * QUIET_GAP or here in _OPENS
    # "about that" and "for you" end what "that" and "you" would begin.
    closed = (before == "that" and words[i - 2] in _TAKES_THAT) or (before in ("it", "you") and "'" in here)
    return strong and since >= 3 and len(words) - i >= 2 and (closed or before not in _LEADS_ON)


def _bare(text: str) -> str:
    return text.lower().strip('.,;:!?…"“”()').replace("’", "'")


# ---------------------------------------------------------------------------------------------- terms and hedges

_KNOWN = frozenset(
    """
    tv uk us usa eu ok pc id dvd cd gp nhs bbc atm sms mot gps usb phd diy cv ups dhl dpd bt rac aa dna itv ikea
    asap faq pa pm am mp ni hr nasa led lcd suv rsvp rip uv ac dc ie eg ps vip it
    """.split()
)
"""Abbreviations that everybody knows."""
_EXPLAINS = re.compile(
    r"\b(?:that is|which (?:is|(?:just |simply )?means|stands for|basically)|that's (?:a|an|the|your|our|my|just|"
    r"basically|when|what|how|where|who|to say)|(?:it|that) (?:just |simply |basically )?means|meaning|in other words|"
    r"so basically|basically|short for|stands? for|in plain (?:english|words|terms)|by (?:which|that) i mean|"
    r"what i mean (?:is|by)|to put it (?:simply|another way)|i e|or rather|as in|we call)\b"
)
_LETTER = re.compile(r"[a-z](?:'s)?|[b-hj-tv-z]s")
_READ_OUT = frozenset(
    "number reference ref code postcode spelled spelt spell name registration reg plate email letters letter account "
    "block flat row seat gate platform zone section size grade vitamin plan type class unit bay "
    "zero oh one two three four five six seven eight nine ten eleven twelve".split()
)
"""Words around letters that are being read out, not spoken as a term."""

_HEDGES = re.compile(
    r"""
    \bmaybe\b(?!\ (?:next|don't|it\ was|if)\b)(?!\ (?:we|you|i)(?:\ |'))
    | \bperhaps\ (?=(?:on\ |by\ |in\ )?(?:\w+day|tomorrow|later|next|a\ few|the\ week|two|three|four)\b)
    | (?<!\byou\ )\bmight\b(?!\ (?:i|we|you|have|as\ well|be\ wondering|not\ seem)\b)
    | (?<!\byou\ )(?<!\byou're\ )(?<!\byou've\ )(?<!\byou'd\ )\bprobably\b
    | (?<!\bcan\ )(?<!\bcan't\ )(?<!\bcouldn't\ )(?<!\bcould\ )(?<!\bas\ )\bpossibly\b(?!\ go\b)
    | \bhopefully\b | \bpresumably\b | \bfingers\ crossed\b | \bin\ theory\b
    | \bmore\ or\ less\b | \bsooner\ or\ later\b
    | \bi\ (?:guess|suppose)\b | \bi\ believe\b(?!\ (?:you|in|me)\b)
    | \bi(?:'d|\ would)\ (?:imagine|expect|have\ thought)\b
    | \bit\ (?:all\ )?depends\b | \bas\ far\ as\ i(?:'m\ aware|\ know|\ can\ tell)\b
    | \bi'm\ (?:really\ |entirely\ |quite\ |too\ )?not\ (?:really\ |entirely\ |quite\ |too\ )?sure\b
        (?!\ (?:but|yet|so|off)\b)
    | (?<!\bthings\ )(?<!\bcry\ )\bat\ some\ (?:point|stage)\b | \bsome\ ?time\ (?:this|next|soon)\b
    | \bcould\ be\b(?=\ (?:a\ (?:few|couple|week|month|day)|any|some|two|three|four|five|ten|monday|tuesday|wednesday
        |thursday|friday|next|tomorrow|the\ )\b)
    | \bshould\ (?:probably\ |just\ |all\ )?be\ (?:fine|okay|all\ right|sorted|there\ (?:by|in|soon)|with\ you)\b
    | \bwe'll\ (?:just\ )?(?:have\ to\ )?see\b(?!\ (?:if|you|to|what|that|about)\b)
    | \bdon't\ quote\ me\b
    """,
    re.VERBOSE,
)
_FINDS_OUT = re.compile(r"\b(?:find out|let me (?:check|look|ask|see)|i'll (?:check|ask|look|ring|call|find))\b")
"""An honest "I don't know yet" is no hedge."""

_NOTES: dict[Kind, str] = {
    "term": "They may not know what “{}” is.",
    "letters": "They may not know what {} stands for.",
    "hedge": "“{}” leaves it open: say what you know, or when you will know.",
    "filler": "",
}


def _words_found(h: Heard, turn: int, noticed: Sequence[Noticed]) -> Iterator[Finding]:
    """Terms, letters and hedges of one utterance."""
    said = tokens(h.text)
    text = " ".join(t.text for t in said)
    starts: dict[int, int] = {}
    at = 0
    for i, token in enumerate(said):
        starts[at] = i
        at += len(token.text) + 1

    def finding(kind: Kind, first: int, last: int, name: str = "") -> Finding:
        quote = " ".join(w.text for w in h.words[first : last + 1])
        start, end = h.words[first].start, h.words[last].end
        return Finding(kind, turn, start, quote, _NOTES[kind].format(name or quote), first, last, q(end - start))

    taken: set[int] = set()
    for a, b in _letters(said):
        first, last = said[a].word, said[b].last
        taken |= set(range(first, last + 1))
        yield finding("letters", first, last, "-".join(t.text[0].upper() for t in said[a : b + 1]))
    for n in noticed:
        if n.first is None or n.last is None or n.last >= len(h.words) or taken & set(range(n.first, n.last + 1)):
            continue
        if n.label == "jargon":
            after = " ".join(t.text for t in said if n.last < t.word <= n.last + 8)
            if not _EXPLAINS.search(after):
                taken |= set(range(n.first, n.last + 1))
                yield finding("term", n.first, n.last)
    for match in _HEDGES.finditer(text):
        first = starts[match.start()]
        last = first + match.group().strip().count(" ")
        if not _FINDS_OUT.search(text, match.end(), match.end() + 60):
            taken |= set(range(said[first].word, said[last].last + 1))
            yield finding("hedge", said[first].word, said[last].last)
    for n in noticed:
        if n.label == "hedging" and n.first is not None and n.last is not None and n.last < len(h.words):
            mine = set(range(n.first, n.last + 1))
            if not taken & mine:
                yield finding("hedge", n.first, n.last)


def _letters(said: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Runs of two to five spelled letters that are an abbreviation left unexplained, as (first, last) token."""
    i = 0
    while i < len(said):
        j = i
        while j < len(said) and _LETTER.fullmatch(said[j].text) and (j == i or len(said[j - 1].text) == 1):
            j += 1
        if j - i >= 2 and _is_abbreviation(said, i, j):
            yield i, j - 1
        i = max(j, i + 1)


def _is_abbreviation(said: Sequence[Token], i: int, j: int) -> bool:
    """Whether the letters i to j (exclusive) are one, and nothing around explains it."""
    letters = "".join(t.text[0] for t in said[i:j])
    names = sum(c not in "ai" for c in letters)  # "a" and "i" are words, too
    if not (2 <= len(letters) <= 5 and names >= (1 if len(letters) > 2 else 2)) or letters in _KNOWN:
        return False
    words = [t.text for t in said]
    around = [*words[max(0, i - 3) : i], *words[j : j + 2]]
    if _READ_OUT & set(around) or (len(letters) >= 4 and words[max(0, i - 1) : i] in (["that's"], ["it's"])):
        return False
    initials = "".join(w[0] for w in words[max(0, i - 12) : i] if w not in ("the", "a", "your", "our", "or"))
    with_of = "".join(w[0] for w in words[max(0, i - 12) : i])
    after = "".join(w[0] for w in words[j : j + 8] if w not in ("the", "a", "or"))
    if letters in (initials[-len(letters) :], with_of[-len(letters) :]) or after.startswith(letters):
        return False  # "proof of delivery, P O D"
    return not _EXPLAINS.search(" ".join(words[j : j + 10]))


# ------------------------------------------------------------------------------------------------- voice and pace


def _is_filler(text: str) -> bool:
    return _bare(text) in {"um", "uh", "er", "erm", "uhm", "umm", "hmm", "ah"}


def _fillers(h: Heard, turn: int) -> Iterator[Finding]:
    """Typed or recognised fillers, and voice without a word under it (recognisers drop "um" and "uh")."""
    for i, word in enumerate(h.words):
        if _is_filler(word.text):
            note = f"“{_bare(word.text)}”: a pause would do."
            yield Finding("filler", turn, word.start, word.text, note, i, i, q(word.end - word.start))
    if h.prosody is None or h.prosody.track is None or h.overlap > 0.2 or not h.words:
        return  # what sounds while the customer talks may be the customer
    step, run = h.prosody.track.step, 0
    # Half a step around each value, so that a word's last breath is not taken for another sound.
    covered = [(w.start - step / 2, w.end + step / 2) for w in h.words]
    for i, pitch in enumerate((*h.prosody.track.pitch, None)):
        t = h.start + i * step
        if pitch is not None and not any(a <= t <= b for a, b in covered):
            run += 1
            continue
        seconds = run * step
        if FILLER <= seconds < UNHEARD:
            start = q(t - seconds)
            yield Finding("filler", turn, start, "", "A filler sound: a pause would do.", seconds=q(seconds, 2))
        run = 0


def _rate(heard: Sequence[Heard]) -> float | None:
    """Words a minute between pauses, over spoken utterances; None below eight words."""
    words, seconds = 0, 0.0
    for h in heard:
        if h.prosody is None or len(h.words) < 2:
            continue
        gaps = sum(max(0.0, b.start - a.end) for a, b in zip(h.words, h.words[1:], strict=False)
                   if b.start - a.end >= QUIET_GAP)  # fmt: skip
        words += len(h.words)
        seconds += h.words[-1].end - h.words[0].start - gaps
    return q(60 * words / seconds, 0) if words >= 8 and seconds > 0 else None


def pace(rate: float | None) -> Literal["slow", "easy", "quick", "rushed", "unknown"]:
    """Words a minute (pauses left out) in plain terms."""
    if rate is None:
        return "unknown"
    return "slow" if rate < 130 else "easy" if rate < 210 else "quick" if rate < 250 else "rushed"


# ---------------------------------------------------------------------------------------------------------- grade


def _graded(figures: Language) -> Language:
    """The same with its grade: five, less what each thing costs."""
    if figures.words < 20:
        return replace(figures, reasons=("too little was said to judge",))
    turns = len(figures.turns)
    long = sum(t.words > LONG_TURN for t in figures.turns)
    terms, hedges = len(figures.some("term", "letters")), len(figures.some("hedge"))
    um = figures.fillers_a_minute if figures.fillers_a_minute is not None else 0.0
    costs: list[tuple[float, str]] = [
        (min(2.0, 3 * long / turns), f"{_count(long, 'turn')} of more than {LONG_TURN} words"),
        (_over(figures.words_a_turn, 35, 60), f"half of your turns have more than {figures.words_a_turn:.0f} words"),
        (_over(figures.words_a_sentence, 16, LONG_SENTENCE), f"{figures.words_a_sentence:.0f} words a sentence"),
        (min(2.5, 1.0 * terms), f"{_count(terms, 'term')} left unexplained"),
        (min(2.0, 0.5 * hedges), f"{_count(hedges, 'vague phrase')}"),
        (_over(um, 4, 12), f"{um:.0f} fillers a minute"),
        (1.0 if figures.pace == "rushed" else 0.0, f"{figures.rate or 0:.0f} words a minute is hard to follow"),
    ]
    told = sorted((c for c in costs if c[0] >= 0.25), key=lambda c: -c[0])
    grade = max(1, min(5, round(5 - sum(c for c, _ in told))))
    fine = (
        f"{figures.words_a_turn:.0f} words a turn, {figures.words_a_sentence:.0f} words a sentence, no term unexplained"
    )
    return replace(figures, grade=grade, reasons=tuple(why for _, why in told) or (fine,))


def _over(value: float, fine: float, bad: float) -> float:
    """0 up to `fine`, rising to 1 at `bad` and 2 beyond it."""
    return min(2.0, max(0.0, (value - fine) / (bad - fine)))


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}{'' if n == 1 else 's'}"
