"""The shipped detector on plain sentences, and the parts it is made of."""

from __future__ import annotations

import numpy as np
import pytest

from voicetrainer.detector import load_shipped
from voicetrainer.roleplay.features import features
from voicetrainer.roleplay.spoken import cardinal, ordinal, plain, spoken, tokens
from voicetrainer.roleplay.techniques import (
    DELIVERY,
    DESCRIPTIONS,
    LABELS,
    MISTAKES,
    SHORT,
    TECHNIQUES,
    Detector,
    Evidence,
    tone,
    widened,
)


@pytest.fixture(scope="module")
def shipped() -> Detector:
    return load_shipped()


# --------------------------------------------------------------------------------------------------- the shipped model

PLAIN = [
    ("", "hello this is dave at brightline", "greeting"),
    ("I've been waiting for two weeks!", "that must be really frustrating", "empathy"),
    ("I've been waiting for two weeks!", "i'm so sorry that was our mistake", "apology"),
    ("I paid for Tuesday.", "so you paid for tuesday and it never came have i got that right", "reflect"),
    ("It's broken.", "can you tell me what happened when you switched it on", "probe"),
    ("It's broken.", "i'm sending you a new one today", "solution"),
    ("It's broken.", "i can send a new one or refund you which would you prefer", "choice"),
    ("It's broken.", "leave it with me i'll sort this out for you", "ownership"),
    ("It's broken.", "i'll ring you tomorrow at noon to check that it's working", "follow_up"),
    ("Get me your boss!", "let me bring in my supervisor and i'll stay on the line with you", "escalate"),
    ("You idiots!", "i want to help you but please don't swear at me", "boundary"),
    ("And then...", "go on i'm listening", "backchannel"),
    ("Fine.", "thank you so much for your patience", "appreciation"),
    ("Fine.", "is there anything else i can do for you have a nice day", "closing"),
    ("It never came.", "that's not our fault we sent everything on time", "defensive"),
    ("It never came.", "you should have been at home", "blame"),
    ("It never came.", "please calm down it's only a parcel", "dismissive"),
    ("It never came.", "are you stupid i already told you", "rude"),
    ("It never came.", "it's probably going to be there at some point maybe", "hedging"),
    ("It never came.", "i'm sorry if you feel that way", "false_apology"),
    ("It never came.", "i guarantee it will never ever happen again", "overpromise"),
    ("It never came.", "you need to ring the courier that's not my department", "passing"),
    ("It's slow.", "your s n r margin is down and the d slam keeps forcing a retrain", "jargon"),
]


@pytest.mark.parametrize(("context", "text", "label"), PLAIN, ids=[label for _, _, label in PLAIN])
def test_each_label_is_noticed_in_a_plain_sentence(shipped: Detector, context: str, text: str, label: str) -> None:
    noticed = {e.label: e for e in shipped.detect(text, context)}
    assert label in noticed
    assert noticed[label].mistake == (label in MISTAKES)
    assert (tone(shipped.scores(text, context)) > 0) == (label in TECHNIQUES)


@pytest.mark.parametrize(
    "text", ["", "   ", "...", "can i have your postcode please", "one moment please", "it's on the second page"]
)
def test_nothing_is_noticed_where_there_is_nothing(shipped: Detector, text: str) -> None:
    assert shipped.detect(text, "Where is my parcel?") == ()


def test_words_and_quote_stand_where_the_evidence_is(shipped: Detector) -> None:
    text = "Okay, let me see.  I'm so sorry about that, Mr Novak – it's 38% of your bill; I've refunded £38.50 today."
    words = text.split()
    found = shipped.detect(text, "You charged me twice!")
    assert {"apology", "solution"} <= {e.label for e in found}
    for e in found:
        assert 0 <= e.first <= e.last < len(words)
        assert e.quote == " ".join(words[e.first : e.last + 1])
        assert e.quote in e.why
        assert 0.3 <= e.score <= 1
    assert "sorry" in next(e.quote for e in found if e.label == "apology")
    assert "refunded" in next(e.quote for e in found if e.label == "solution")
    assert [e.first for e in found] == sorted(e.first for e in found)


@pytest.mark.parametrize(
    ("typed", "recognised"),
    [
        ("I’m SO sorry, that's our mistake!", "i'm so sorry that's our mistake"),
        ("I am so sorry. That is our mistake.", "i'm so sorry that's our mistake"),
        ("Um, I'm so sorry, uh, that's our mistake.", "i'm so sorry that's our mistake"),
        ("I've taken £38 off, OK?", "i've taken thirty eight pounds off okay"),
    ],
)
def test_typed_and_recognised_speech_are_judged_alike(shipped: Detector, typed: str, recognised: str) -> None:
    assert shipped.scores(typed) == shipped.scores(recognised)


def test_a_technique_taken_back_does_not_count(shipped: Detector) -> None:
    taken_back = shipped.detect("i can hear that you're frustrated but you should have been at home", "It never came!")
    assert [e.label for e in taken_back] == ["blame"]
    kept = shipped.detect("i can hear that you're frustrated but i'm sending a new one today", "It never came!")
    assert {"empathy", "solution"} <= {e.label for e in kept}


def test_the_customers_line_matters(shipped: Detector) -> None:
    said = "you paid for tuesday and nobody came"
    with_line = shipped.scores(said, "I paid for Tuesday and nobody came!")["reflect"]
    assert with_line > shipped.scores(said, "Who is this?")["reflect"]


def test_the_same_words_always_give_the_same_evidence(shipped: Detector) -> None:
    text = "two weeks is far too long and i'm sorry let me find out what happened"
    assert shipped.detect(text) == load_shipped().detect(text)
    assert list(shipped.scores(text)) == list(LABELS)
    assert all(s == round(s, 3) and 0 <= s <= 1 for s in shipped.scores(text).values())


def test_an_endless_utterance_is_cut_off(shipped: Detector) -> None:
    words = "so anyway the thing is ".split() * 20_000
    assert all(e.last < 400 for e in shipped.detect(" ".join(words) + " i'm so sorry about that"))


# ------------------------------------------------------------------------------------------------- decisions by hand


def small(vocabulary: dict[str, dict[str, int]], **changed: object) -> Detector:
    """A detector with a few weights written by hand, one unit of log-odds each."""
    weights = np.zeros((len(vocabulary), len(LABELS)), np.int8)
    for i, row in enumerate(vocabulary.values()):
        for label, value in row.items():
            weights[i, LABELS.index(label)] = value
    n = len(LABELS)
    arrays: dict[str, object] = {
        "labels": np.frombuffer("\n".join(LABELS).encode(), np.uint8),
        "vocabulary": np.frombuffer("\n".join(vocabulary).encode(), np.uint8),
        "weights": weights,
        "scale": np.ones(n),
        "rarity": np.ones(len(vocabulary)),
        "bias": np.full(n, -2.0),
        "calibration": np.vstack([np.ones(n), np.zeros(n)]),
        "thresholds": np.full(n, 0.5),
    }
    return Detector.from_weights({**arrays, **changed})


def test_scores_are_the_logistic_of_the_sum() -> None:
    detector = small({"w:sorry": {"apology": 5}, "w:late": {"apology": -1}})
    one = detector.scores("sorry")["apology"]
    assert one == round(1 / (1 + np.exp(-3)), 3)
    # Two features of a kind share the length of one.
    assert detector.scores("sorry late")["apology"] == round(float(1 / (1 + np.exp(2 - 4 / np.sqrt(2)))), 3)
    assert detector.scores("nothing known")["apology"] == round(float(1 / (1 + np.exp(2))), 3)


def test_the_words_that_carry_are_found() -> None:
    detector = small({"w:was careless": {"blame": 9}, "w:table": {"blame": -1}})
    (found,) = detector.detect("The table. You, it was careless, about that table!")
    assert (found.first, found.last, found.quote) == (4, 5, "was careless,")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("sorry but careless", ["blame"]),
        ("sorry but careless refund", ["apology", "blame", "solution"]),
        ("careless but sorry", ["blame", "apology"]),
        ("sorry careless", ["apology", "blame"]),
        ("refund but careless", ["solution", "blame"]),
    ],
)
def test_what_takes_a_technique_back(text: str, labels: list[str]) -> None:
    detector = small({"w:sorry": {"apology": 9}, "w:careless": {"blame": 9}, "w:refund": {"solution": 9}})
    assert [e.label for e in detector.detect(text)] == labels


@pytest.mark.parametrize(
    ("text", "word", "quote"),
    [
        ("i can refund you or send a new one today", "or", "i can refund you or send a new one today"),
        ("I'm here. I'm sorry about that. Bye.", "sorry", "I'm sorry about that."),
        ("you are right and i'm sorry but it is late", "sorry", "and i'm sorry"),
        ("sorry", "sorry", "sorry"),
        ("i was told about it all the way from here to there and back so sorry", "sorry", "so sorry"),
        ("a b c d e f g h i j k l m n o p or q r s t u v w x y z", "or", "k l m n o p or q r s t u"),
    ],
)
def test_one_word_is_quoted_with_its_clause(text: str, word: str, quote: str) -> None:
    words = text.split()
    at = next(i for i, w in enumerate(words) if w.strip(",.") == word)
    narrow = Evidence("apology", False, 0.9, at, at, words[at], f"You said sorry plainly: “{words[at]}”.")
    (wide,) = widened([narrow], text)
    assert wide.quote == quote == " ".join(words[wide.first : wide.last + 1])
    assert wide.why == f"You said sorry plainly: “{quote}”."
    assert (wide.label, wide.score, wide.mistake) == (narrow.label, narrow.score, narrow.mistake)


def test_wide_quotes_stay_in_order_and_longer_ones_as_they_are() -> None:
    text = "so i am really very sorry about it"
    found = [
        Evidence("empathy", False, 0.5, 1, 4, "i am really very", "“i am really very”"),
        Evidence("apology", False, 0.5, 5, 5, "sorry", "“sorry”"),
    ]
    one, two = widened(found, text)
    assert one == found[0]
    assert (two.first, two.last, two.quote) == (1, 7, "i am really very sorry about it")


def test_a_wide_quote_takes_nothing_back() -> None:
    # "sorry" stands before the "but", and so it is taken back, however wide its quote would be.
    detector = small({"w:sorry": {"apology": 9}, "w:careless": {"blame": 9}})
    (found,) = detector.detect("i am sorry about it but it was careless of you")
    assert (found.label, found.quote) == ("blame", "but it was careless of you")


GIBBERISH = (
    "flurb gnarp ottle vimpt", "bomo tivu kelat remix zuna fopa", "wug dax blicket toma fep zav",
    "zolt kareem dufe pim",
    "krimp salo vethu nadoo fesk ilmo trabe", "soom dova pelt rigga munto",
)  # fmt: skip


@pytest.mark.parametrize("text", GIBBERISH)
def test_gibberish_is_not_judged(shipped: Detector, text: str) -> None:
    assert shipped.detect(text, "Where is my parcel? Nobody came!") == ()


def test_words_in_no_order_are_seldom_taken_for_harsh(shipped: Detector) -> None:
    random = np.random.default_rng(4)
    known = sorted(n.removeprefix("w:") for n in shipped.vocabulary if n.startswith("w:") and " " not in n)
    known = [w for w in known if w.isalpha() and len(w) > 3]
    harsh = 0
    for _ in range(120):
        text = " ".join(random.choice(known, 8))
        harsh += any(e.label in ("rude", "dismissive", "defensive", "blame") for e in shipped.detect(text))
    assert harsh <= 12


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("grandma insulted strangers beforehand", []),  # known words, but never together: 0.38 is not enough
        ("you insulted strangers beforehand", ["rude"]),  # two of them were met side by side
        ("grandma insulted", ["rude"]),  # too short to tell
    ],
)
def test_harsh_labels_need_more_where_words_never_stand_together(text: str, labels: list[str]) -> None:
    filling = {f"w:never {i}": {"closing": 0} for i in range(10_000)}
    known: dict[str, dict[str, int]] = {
        "w:grandma": {},
        "w:strangers": {},
        "w:beforehand": {},
        "w:you": {},
        "w:you insulted": {},
    }
    vocabulary: dict[str, dict[str, int]] = {**filling, **known, "w:insulted": {"rude": 3}}
    thresholds = np.full(len(LABELS), 0.3)
    found = small(vocabulary, thresholds=thresholds).detect(text)
    assert [e.label for e in found] == labels
    assert all(0.3 <= e.score < 0.9 for e in found)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": np.frombuffer(b"empathy", np.uint8)}, "other labels"),
        ({"bias": np.zeros(3)}, r"bias has shape \(3,\)"),
        ({"weights": np.zeros((2, 23), np.int8)}, "weights has shape"),
    ],
)
def test_weights_that_do_not_fit_are_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small({"w:sorry": {"apology": 5}}, **changed)


def test_missing_weights_are_named() -> None:
    with pytest.raises(ValueError, match="no bias among the weights"):
        Detector.from_weights({"labels": 0, "vocabulary": 0, "calibration": 0, "rarity": 0, "scale": 0, "thresholds": 0,
                               "weights": 0})  # fmt: skip


def test_the_vocabulary_of_labels() -> None:
    assert (len(TECHNIQUES), len(MISTAKES), len(LABELS), len(set(LABELS + DELIVERY))) == (14, 9, 23, 33)
    assert set(SHORT) == set(DESCRIPTIONS) == set(LABELS + DELIVERY)
    assert all(1 <= len(name.split()) <= 3 for name in SHORT.values())
    assert all(text[0].isupper() and text.endswith(".") for text in DESCRIPTIONS.values())


def test_tone_is_techniques_less_mistakes() -> None:
    assert tone({"empathy": 0.5, "apology": 0.25, "rude": 1.0}) == -0.25


# ----------------------------------------------------------------------------------------------------- spoken and seen


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("It's £38.50, OK?", "it's thirty eight pounds fifty okay"),
        ("£1,200 at 6:40pm on the 22nd", "one thousand two hundred pounds at six forty p m on the twenty second"),
        ("Your SNR is 2 dB; the DSLAMs retrain.", "your s n r is two d b the d s l a ms retrain"),
        ("in 2026 — room 212, 24/7, 3.5%", "in twenty twenty six room two hundred and twelve twenty four seven "
         "three point five percent"),
        ("Call 0800 123", "call zero eight zero zero one hundred and twenty three"),
        ("I AM NOT HAPPY WITH THE BBC", "i am not happy with the bbc"),
        ("“Don’t…” (really?) A&E", "don't really a and e"),
        ("already spoken words stay", "already spoken words stay"),
        ("mm-hmm", "mm hmm"),
        ("¿? … —", ""),
    ],
)  # fmt: skip
def test_spoken_form(typed: str, said: str) -> None:
    assert spoken(typed) == said
    assert spoken(said) == said


def test_spoken_words_know_their_written_word() -> None:
    assert [(t.text, t.word) for t in tokens("That's £38, - right?")] == [
        ("that's", 0), ("thirty", 1), ("eight", 1), ("pounds", 1), ("right", 3)
    ]  # fmt: skip


def test_plain_form_joins_words_and_keeps_their_places() -> None:
    joined = plain(tokens("that is not what I am gonna do, cannot apologize"))
    assert " ".join(t.text for t in joined) == "that's not what i'm going to do can't apologise"
    assert [(t.word, t.last) for t in joined][:4] == [(0, 1), (2, 2), (3, 3), (4, 5)]


@pytest.mark.parametrize(
    ("number", "words", "rank"),
    [
        (0, "zero", "zeroth"),
        (20, "twenty", "twentieth"),
        (101, "one hundred and one", "one hundred and first"),
        (1_005, "one thousand and five", "one thousand and fifth"),
        (999_999_999, None, None),
        (2_000_312, "two million three hundred and twelve", "two million three hundred and twelfth"),
    ],
)
def test_numbers_in_words(number: int, words: str | None, rank: str | None) -> None:
    if words is None:
        assert cardinal(number).startswith("nine hundred and ninety nine million nine hundred")
    else:
        assert (cardinal(number), ordinal(number)) == (words, rank)


def test_features_know_the_words_they_came_from() -> None:
    said = "so you waited two weeks".split()
    found = {f.name: f for f in features(said, "i have been waiting for weeks".split())}
    assert (found["w:you waited"].first, found["w:you waited"].last) == (1, 2)
    assert (found["w:^ so"].first, found["w:^ so"].last) == (0, 0)
    assert (found["w:weeks $"].first, found["w:weeks $"].last) == (4, 4)
    assert found["s:you = # ="].first == 1
    assert found["x:same 2"].first is None
    assert len(found) == len(features(said, "i have been waiting for weeks".split()))


@pytest.mark.parametrize(
    ("odds", "labels"),
    [
        ({"defensive": -0.4, "dismissive": -0.6}, ["defensive"]),
        ({"defensive": -0.4, "dismissive": -0.6, "empathy": -0.5}, []),  # it may as well have been kind
        ({"defensive": -0.4}, []),  # it is not sure that it stung at all
    ],
)
def test_where_the_name_is_unsure_but_the_sign_is_not(odds: dict[str, float], labels: list[str]) -> None:
    bias = np.array([odds.get(label, -9.0) for label in LABELS])
    found = small({"w:well": {}}, bias=bias).detect("well")
    assert [e.label for e in found] == labels
    assert all(e.why == "That came across as being defensive or brushing off." for e in found)
