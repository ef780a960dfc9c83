"""Whether the learner kept a steady voice: their own calm voice against how they sound now. Pure.

We report acoustic facts about a voice and not somebody's emotion, and say when there was too little voice to judge.

The score is a small logistic, fitted on acted speech of 19 speakers in English, German and Polish (RAVDESS, EmoDB,
nEMO, TESS; each against two to four calm sentences of their own, half of it at a uniform level with noise 20 dB below),
angry against calm, neutral, happy, sad, fearful and surprised, each corpus with the same weight (in it angry 1, calm
and neutral 0.75 together, happy 0.25, the others 0.1 each; ridge 0.02). With the speaker left out of the fit, angry
against calm and neutral reaches an AUC of .984, against everything else .918. Each part is limited:

- *tilt* and *body* (a harder, brighter sound with less around its fundamental) carry most, because they are what
  tells an angry from a happy voice;
- *lilt*, more rising melody than usual, speaks for a lively voice and against a raised one;
- *thinning* takes out of the brightness what comes of phrases that fade into breath or creak, which is not hardness;
- *ending*, *unison* and *climb* tell how the force is spent: an angry voice keeps it to the end of the phrase, is loud
  where it is high, and jumps up; the melody of a happy one goes its own way;
- *pitch* counts up to two semitones, so that it can never call a voice raised by itself: a lively voice is high too;
- *loudness* and *rate* (of syllables) are reported but weigh nothing: a happy voice is as loud, and a microphone moves.
  The rate is not told where the words that were understood do not bear out what the sound says.

Without a calm sample of the learner's, the same judge compares with people in general (`PEOPLE`), leaves pitch out
(it tells men from women first), and lowers the score by as much as calm people differ: raised is then said of two
angry voices in five only, and of hardly any calm one.

Nobody goes far below their own calm pitch: what does is another voice, and is not judged. A voice far above it may be
the learner's own, but theirs grows brighter as it rises: one that is much higher and no brighter is another voice too.

Within an utterance, the parts before and after each tenth of a second are judged like utterances of their own; where
they differ most, and by enough, the voice rose or settled. `scripts/fit_steadiness.py` measures all of this again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, inf, log, log2, sqrt
from typing import Literal

from voicetrainer.errors import AudioError
from voicetrainer.roleplay.events import Baseline, Prosody, Steadiness, q

RAISED = 0.6
"""Score from which a voice is *raised*: about three in four angry voices of the corpora above, and no calm one."""
TENSE = 0.35
"""Score from which a voice is *tense*."""

PEOPLE = Baseline(
    utterances=0, seconds=0.0, pitch=None, pitch_spread=None, loudness=None, tilt=-9.7, syllable_rate=None,
    word_rate=None, body=-4.0, lilt=-0.2, ending=-7.9, unison=0.3, climb=-0.1, thinning=-1.0,
)  # fmt: skip
"""The calm voice of people in general: mean of the corpora's means."""

_BIAS = -2.7
_TILT = (0.35, -6.0, 10.0)  # weight per dB, and the range that counts
_BODY = (-0.26, -6.0, 6.0)  # the same
_PITCH = (0.52, 0.0, 2.0)  # per semitone
_LILT = (-5.2, -0.15, 0.3)  # per unit
_ENDING = (0.08, -10.0, 10.0)  # per dB
_UNISON = (1.6, -0.5, 0.5)  # per unit
_CLIMB = (0.5, -0.8, 0.8)  # per unit
_THINNING = (-0.1, -10.0, 10.0)  # per dB
_MANNER = {
    "pitch": "a little above your calm pitch",
    "tilt": "a slightly harder, brighter sound",
    "body": "a thinner sound",
    "lilt": "a melody that falls",
    "ending": "force kept to the ends of phrases",
    "unison": "loudest where it is highest",
    "climb": "pitch that jumps up",
    "thinning": "a full sound to the ends of phrases",
}
"""What a part that no measured reason names sounds like; told of a voice that is not steady."""
_COUNTS = 0.5  # what a part must add to be worth naming, a sixth of the way from the calm voice to *raised*

_ENOUGH = 0.6  # seconds of voice
_CLIPPED = 0.01
_NOISY = 6.0  # dB between voice and background
_OTHER = 5.0  # semitones from the calm pitch; hardly an angry utterance of the right voice lies lower
_BRIGHTER = (13.0, 3.0)  # semitones above it that a voice may lie no brighter than calm, and for each dB that it is

_FASTER = 1.2  # times as fast: what is worth telling
_AGREE = 1.3  # how far apart the change in rate by the sound and that by the words may lie: nearly two deviations
_AGREE_AT_ALL = 1.4  # the same for the rates themselves, where the words of the calm sample are not known

# In the logistic's units: how far calm utterances of one person lie apart, and those of different people without any
# sample of theirs.
_OWN_SPREAD = 1.0
_PEOPLE_SPREAD = 1.6
_SENTENCE = 3.0  # seconds; a baseline is as sure as it has sentences

_RAISED = log(RAISED / (1 - RAISED))
_STEP = 2.5  # difference between two parts of an utterance that counts, in the logistic's units
_PART = 1.2  # seconds; shorter parts tell nothing
_VOICED = 6  # values of the track with voice that a part needs
_FADED = 15.0  # dB below the utterance's level: the end of a word
_SPLITS = 100


def calibrate(utterances: Sequence[Prosody]) -> Baseline:
    """The learner's calm voice from two or three calm sentences.

    Parameters
    ----------
    utterances
        Measurements of calm sentences; those that cannot be judged (too short, clipped, too noisy) are left out.

    Raises
    ------
    AudioError
        When none is left.
    """
    good = [u for u in utterances if not _unfit(u)]
    if not good:
        why = _unfit(utterances[0]) if utterances else "nothing was recorded"
        raise AudioError(
            f"no calm voice to compare with: {why}", "say two or three calm sentences, about as loud as in a call"
        )
    pitches = [log(u.pitch) for u in good if u.pitch is not None]
    return Baseline(
        utterances=len(good),
        seconds=q(sum(u.seconds for u in good)),
        pitch=q(exp(sum(pitches) / len(pitches)), 1) if pitches else None,
        pitch_spread=_mean([u.pitch_spread for u in good], 2),
        loudness=_mean([u.loudness for u in good], 1),
        tilt=_mean([u.tilt for u in good], 2),
        syllable_rate=_mean([u.syllable_rate for u in good], 2),
        word_rate=_mean([u.word_rate for u in good], 1),
        body=_mean([u.body for u in good], 2),
        lilt=_mean([u.lilt for u in good], 3),
        ending=_mean([u.ending for u in good], 2),
        unison=_mean([u.unison for u in good], 3),
        climb=_mean([u.climb for u in good], 3),
        word_syllables=_mean([u.word_syllables for u in good], 2),
        thinning=_mean([u.thinning for u in good], 2),
    )


def judge(prosody: Prosody | None, baseline: Baseline | None, t: float, turn: int) -> Steadiness:
    """Judge one utterance against the learner's baseline.

    Parameters
    ----------
    prosody
        Measurements of the utterance; None when it was typed.
    baseline
        The learner's calm voice; None when they have not been calibrated, who are then judged against people in
        general, with more doubt.
    t, turn
        Time of the decision and number of the utterance.
    """
    own = baseline if baseline is not None and baseline.pitch is not None and baseline.tilt is not None else None
    why = "typed, so there is no voice to judge" if prosody is None else _unfit(prosody) or _other(prosody, own)
    if why or prosody is None:
        return Steadiness(t=t, turn=turn, level="unknown", score=None, reasons=(why,))
    base, doubt = (own, 0.0) if own else (PEOPLE, _PEOPLE_SPREAD)
    evidence = _evidence(prosody, base) - doubt
    score = _logistic(evidence)
    spread = _OWN_SPREAD * sqrt(1 + _SENTENCE / max(own.seconds, 1.0)) if own else _PEOPLE_SPREAD
    level: Literal["steady", "tense", "raised"] = (
        "raised" if score >= RAISED else "tense" if score >= TENSE else "steady"
    )
    pitch = _difference(_semitones(prosody.pitch), _semitones(base.pitch))
    loudness, tilt = _difference(prosody.loudness, base.loudness), _difference(prosody.tilt, base.tilt)
    rate, unsure = _rate(prosody, base)
    rise, recovery = _course(prosody, base, doubt)
    reasons = _reasons(level, pitch, loudness, tilt, rate)
    if level != "steady":
        reasons += _manner(_parts(prosody, base), named=bool(reasons))
    reasons += _turns(prosody.seconds, rise, recovery)
    if not own:
        reasons += ("no calm sample of yours: judged against people in general",)
    reasons = (*(reasons or ("close to your calm voice",)), *unsure)
    return Steadiness(
        t=t,
        turn=turn,
        level=level,
        score=q(score),
        reasons=reasons,
        pitch=None if pitch is None else q(pitch, 1),
        loudness=None if loudness is None else q(loudness, 1),
        tilt=None if tilt is None or not own else q(tilt, 1),
        rate=None if rate is None else q(rate, 2),
        uncertainty=q((_logistic(evidence + spread) - _logistic(evidence - spread)) / 2),
        rise=rise,
        recovery=recovery,
    )


@dataclass(frozen=True)
class Reading:
    """What a meter shows while the learner talks."""

    level: Literal["steady", "tense", "raised", "unknown"]
    score: float | None
    """As in `Steadiness`."""
    reason: str
    """The strongest of its reasons, or why nothing can be said (yet)."""


def read(so_far: Prosody, baseline: Baseline | None) -> Reading:
    """The steadiness of an utterance that is still being spoken, by the same rule as `judge`.

    Parameters
    ----------
    so_far
        What the prosody tracker has measured by now: of the whole utterance, which ends where `judge` will, or of its
        last seconds, which moves faster.
    baseline
        As in `judge`.
    """
    verdict = judge(so_far, baseline, 0.0, 0)
    return Reading(verdict.level, verdict.score, verdict.reasons[0])


def _evidence(prosody: Prosody, base: Baseline) -> float:
    """What the logistic is taken of."""
    return _BIAS + sum(_parts(prosody, base).values())


def _parts(prosody: Prosody, base: Baseline) -> dict[str, float]:
    """What each part adds to it."""
    pitch = _difference(_semitones(prosody.pitch), _semitones(base.pitch))
    return {
        "pitch": _part(pitch, _PITCH),
        "tilt": _part(_difference(prosody.tilt, base.tilt), _TILT),
        "body": _part(_difference(prosody.body, base.body), _BODY),
        "lilt": _part(_difference(prosody.lilt, base.lilt), _LILT),
        "ending": _part(_difference(prosody.ending, base.ending), _ENDING),
        "unison": _part(_difference(prosody.unison, base.unison), _UNISON),
        "climb": _part(_difference(prosody.climb, base.climb), _CLIMB),
        "thinning": _part(_difference(prosody.thinning, base.thinning), _THINNING),
    }


def _logistic(x: float) -> float:
    return 1 / (1 + exp(-x))


def _course(prosody: Prosody, base: Baseline, doubt: float) -> tuple[float | None, float | None]:
    """When the voice rose, and when a raised one settled, seconds from the start of the utterance; None for never."""
    track = prosody.track
    own_pitch, own_tilt = prosody.pitch, prosody.tilt
    if track is None or own_pitch is None or own_tilt is None:
        return None, None
    if len(track.tilt) != len(track.pitch) or track.step <= 0:
        return None, None
    enough = (prosody.loudness if prosody.loudness is not None else -inf) - _FADED
    voice = [
        (i, pitch, tilt)
        for i, (pitch, loud, tilt) in enumerate(zip(track.pitch, track.loudness, track.tilt, strict=False))
        if pitch is not None and tilt is not None and loud is not None and loud > enough
    ]
    whole = _bright([tilt for _, _, tilt in voice]) if voice else 0.0
    middle = _median([pitch for _, pitch, _ in voice]) if voice else 1.0

    def part(a: int, b: int) -> float | None:
        inside = [(pitch, tilt) for i, pitch, tilt in voice if a <= i < b]
        if len(inside) < _VOICED:
            return None
        pitch = own_pitch * _median([pitch for pitch, _ in inside]) / middle
        tilt = own_tilt + _bright([tilt for _, tilt in inside]) - whole
        return _evidence(replace(prosody, pitch=pitch, tilt=tilt), base) - doubt

    def change(a: int, b: int, way: int) -> tuple[int, float]:
        """Where between two steps the voice rose most (way 1) or settled most (-1), and by how much."""
        least = round(_PART / track.step)
        found = [(0, 0.0)]
        for at in range(a + least, b - least + 1, max(3, (b - a) // _SPLITS)):
            before, after = part(a, at), part(at, b)
            if before is not None and after is not None and max(before, after) >= _RAISED:
                found.append((at, (after - before) * way))
        best = max(size for _, size in found)
        equal = [at for at, size in found if size == best]  # an even voice is as different for a while
        return equal[len(equal) // 2], best

    end = len(track.pitch)
    (up, risen), (down, settled) = change(0, end, 1), change(0, end, -1)
    if max(risen, settled) < _STEP:
        return None, None
    if risen >= settled:  # and then, perhaps, it settled again; or it had risen before it settled
        down, settled = change(up, end, -1)
    else:
        up, risen = change(0, down, 1)
    return q(up * track.step, 1) if risen >= _STEP else None, q(down * track.step, 1) if settled >= _STEP else None


def _median(pitches: list[float]) -> float:
    return sorted(pitches)[len(pitches) // 2]


def _bright(tilts: list[float]) -> float:
    return sorted(tilts)[int(0.8 * (len(tilts) - 1))]


def _turns(seconds: float, rise: float | None, recovery: float | None) -> tuple[str, ...]:
    """What changed within the utterance, in words."""

    def half(at: float) -> str:
        return "first" if at < seconds / 2 else "second"

    risen = () if rise is None else (f"rising in the {half(rise)} half",)
    return risen if recovery is None else (*risen, f"settling again in the {half(recovery)} half")


def _unfit(prosody: Prosody) -> str:
    """Why an utterance cannot be judged; empty when it can."""
    if prosody.voiced < _ENOUGH or prosody.pitch is None or prosody.tilt is None:
        return f"too little voice to judge ({prosody.voiced:.1f} seconds)"
    if prosody.clipped > _CLIPPED:
        return f"too loud for the microphone: {100 * prosody.clipped:.0f} % of the sound is cut off"
    if prosody.loudness is not None and prosody.noise is not None and prosody.loudness - prosody.noise < _NOISY:
        return f"too noisy to judge: the voice is {prosody.loudness - prosody.noise:.0f} dB above the background"
    return ""


def _other(prosody: Prosody, own: Baseline | None) -> str:
    """Why this cannot be the learner's voice; empty when it can."""
    above = _difference(_semitones(prosody.pitch), _semitones(own.pitch)) if own else None
    if own is None or above is None or abs(above) <= _OTHER:
        return ""
    if above < 0:
        return f"another voice, by its pitch: {-above:.1f} semitones below your calm one"
    brighter = _difference(prosody.tilt, own.tilt)
    dull, each = _BRIGHTER
    if brighter is None or above <= dull + each * brighter:
        return ""
    return f"another voice: {above:.1f} semitones above your calm one, without the brighter sound that yours would have"


def _reasons(
    level: str, pitch: float | None, loudness: float | None, tilt: float | None, rate: float | None
) -> tuple[str, ...]:
    found: list[tuple[float, str]] = []
    if pitch is not None and abs(pitch) >= 2:
        side = "above" if pitch > 0 else "below"
        found.append((abs(pitch) / 4, f"{abs(pitch):.1f} semitones {side} your calm pitch"))
    if loudness is not None and abs(loudness) >= 3:
        found.append((abs(loudness) / 6, f"{abs(loudness):.0f} dB {'louder' if loudness > 0 else 'quieter'}"))
    if tilt is not None and abs(tilt) >= 3:
        sound = "a harder, brighter sound" if tilt > 0 else "a softer, darker sound"
        found.append((abs(tilt) / 3, f"{sound} ({tilt:+.0f} dB at 1-5 kHz)"))
    if rate is not None and (rate >= _FASTER or rate <= 1 / _FASTER):
        found.append(
            (abs(log(rate)) / 0.25, f"{abs(rate - 1):.0%} {'faster' if rate > 1 else 'slower'}".replace("%", " %"))
        )
    words = [text for _, text in sorted(found, key=lambda x: -x[0])]
    if level == "steady" and pitch is not None and pitch >= 3:
        words.append("lively, and not pressed")
    return tuple(words)


def _manner(parts: dict[str, float], *, named: bool) -> tuple[str, ...]:
    """The parts that made most of a voice that is not steady, where no measured figure says so; one at the least."""
    found = sorted((n for n in parts if not named or n not in ("pitch", "tilt")), key=lambda n: -parts[n])
    strong = [n for n in found if parts[n] >= _COUNTS]
    return tuple(_MANNER[n] for n in strong or ([] if named else found[:1]))


def _part(value: float | None, scale: tuple[float, float, float]) -> float:
    weight, low, high = scale
    return 0.0 if value is None else weight * min(max(value, low), high)


def _semitones(pitch: float | None) -> float | None:
    return None if pitch is None else 12 * log2(pitch)


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _rate(prosody: Prosody, baseline: Baseline) -> tuple[float | None, tuple[str, ...]]:
    """Speaking rate against the baseline's, by the sound; or why it is not told, where it would have been a reason.

    An echo, noise or a poor line make speech sound slow; the words that were understood in it do not change. So where
    these have not become faster or slower as the sound has, nobody knows.
    """
    now, calm = prosody.syllable_rate, baseline.syllable_rate
    if not now or not calm:
        return None, ()
    rate, apart, limit = now / calm, 1.0, _AGREE_AT_ALL
    if prosody.word_syllables:
        apart = now / prosody.word_syllables
        if baseline.word_syllables:
            apart, limit = apart / (calm / baseline.word_syllables), _AGREE
    if max(apart, 1 / apart) <= limit:
        return rate, ()
    told = rate >= _FASTER or rate <= 1 / _FASTER
    return None, ("pace not told: the sound and the words disagree",) if told else ()


def _mean(values: Sequence[float | None], digits: int) -> float | None:
    known = [v for v in values if v is not None]
    return q(sum(known) / len(known), digits) if known else None
