"""Calls made by hand, to look at and to test the report with: won, lost, typed, interrupted, empty, very long."""

from __future__ import annotations

from dataclasses import replace
from math import sin
from pathlib import Path

from tests.report.making import Call
from voicetrainer.debrief import Debrief, Reflection
from voicetrainer.report import View
from voicetrainer.roleplay.events import Branch, ModelUsed, SpeechStarted, q
from voicetrainer.roleplay.scorecard import (
    AutoFailed,
    CriterionScore,
    Evidence,
    MissedChance,
    Moment,
    Part,
    Scorecard,
)
from voicetrainer.roleplay.selfscore import SelfScore

DEBRIEF = Debrief(
    own=SelfScore({"heard": 4, "felt": 2, "calm": 5}, "I was nervous at first, and then it went."),
    reflections=(Reflection("What do you need now, before the next call?", "A glass of water.\nAnd a window."),),
)
"""How the learner of the call that was won saw it."""


def won() -> View:
    """A call handled well; about two minutes."""
    c = Call()
    c.stage("heard", "the call begins")
    c.customer(
        "Finally! I have been waiting since Tuesday for a parcel you promised, and nobody there can tell me a thing."
    )
    c.learner(
        "good morning this is anna at northway two days of waiting for a birthday present that is really frustrating",
        (
            ("greeting", "good morning this is anna at northway", "You opened the call."),
            ("empathy", "that is really frustrating", "You named what this is like for her."),
            ("reflect", "two days of waiting for a birthday present", "You said her own facts back."),
        ),
        (
            ("reflect", -1.2, "heard the problem said back"),
            ("empathy", -1.3, "felt understood; calming down takes more than one good answer"),
        ),
        pitch=0.4,
        loud=0.5,
        rate=0.98,
    )
    c.stage("cause", "heard is done: empathy, reflect")
    c.customer(
        "Well. Yes. It is frustrating. My daughter turns six on Saturday, and all I have is a tracking number.", "cause"
    )
    c.learner(
        "mm hmm",
        (("listening_words", "", "You showed that you were listening without taking over."),),
        (("listening_words", -0.3, "noticed somebody listening"),),
        role="aside",
        overlap=1.2,
    )
    c.learner(
        "i am sorry we let you down on this what does the tracking page tell you right now",
        (
            ("apology", "i am sorry we let you down on this", "You said sorry plainly."),
            ("probe", "what does the tracking page tell you right now", "You asked about the problem."),
        ),
        (("apology", -1.0, "got a real apology"), ("probe", -0.3, "was asked about it")),
        pitch=0.9,
        loud=1.5,
        rate=1.04,
        unsure="tracking",
    )
    c.customer("Out for delivery. Since Tuesday! And the last person just told me to be patient.", "cause")
    c.silence(6)
    c.customer("Hello? Are you still there?", "cause")
    c.learner(
        "i am still here i was looking at the depot's list your parcel went back on the shelf "
        "that should not have happened",
        (
            ("ownership", "i was looking at the depot's list", "You made the problem yours."),
            ("apology", "that should not have happened", "You said sorry plainly."),
        ),
        (
            ("ownership", -1.0, "has somebody who takes it on"),
            ("apology", -0.5, "got a real apology, for the second time"),
        ),
        pitch=2.6,
        loud=4.2,
        rate=1.18,
    )
    c.stage("way-out", "cause is done: apology, probe")
    c.customer("So where does that leave me? Saturday is the day after tomorrow.", "way-out")
    c.learner(
        "we can bring it to you tomorrow before ten or you can collect it tonight at the shop in mill street "
        "which would you prefer",
        (
            ("choice", "which would you prefer", "You gave her a choice."),
            ("solution", "we can bring it to you tomorrow before ten", "You named a definite step."),
        ),
        (("choice", -1.2, "was given a say in it"), ("solution", -1.3, "got something concrete")),
        pitch=0.2,
        loud=0.0,
        rate=0.96,
    )
    c.customer(
        "Tomorrow before ten. I will be at home. Thank you, that is the first clear answer I have had all week.",
        "way-out",
    )
    c.learner(
        "i will ring you at ten past ten to hear that it is there is there anything else",
        (
            ("follow_up", "i will ring you at ten past ten", "You promised to check that it worked."),
            ("closing", "is there anything else", "You wound the call up."),
        ),
        (("follow_up", -0.8, "knows somebody will check"),),
        pitch=-0.3,
        loud=-0.5,
        rate=0.95,
    )
    c.customer("No. That is all I wanted. Goodbye.", "way-out")
    c.end("resolved", "every need was met and the anger is gone")
    return replace(c.view(_card(86, won=True)), debrief=DEBRIEF)


def lost() -> View:
    """A call that was argued and interrupted away."""
    c = Call(anger=7.0)
    c.stage("heard", "the call begins")
    c.customer(
        "I have been waiting since Tuesday for a parcel, and nobody there can tell me a thing. This is the third",
        cut=4.2,
    )
    c.learner(
        "yes okay but you should have been at home the driver says he rang",
        (
            ("interrupting", "", "You spoke over the customer."),
            ("blame", "you should have been at home", "That put it on the customer."),
            ("defensive", "the driver says he rang", "That argued or excused."),
        ),
        (
            ("interrupting", 0.9, "was cut off"),
            ("blame", 0.9, "was made the guilty one"),
            ("defensive", 0.3, "was argued with"),
        ),
        pitch=2.9,
        loud=4.5,
        rate=1.22,
        role="interruption",
        overlap=0.8,
    )
    c.customer("I was at home! I took the whole day off for this. Do you have any idea what a day off costs me?")
    c.learner(
        "sorry if you feel that way i am sorry about the delay but our policy is ten working days",
        (
            ("false_apology", "sorry if you feel that way", "That sorry took itself back."),
            ("apology", "i am sorry about the delay but", "You said sorry plainly."),
            ("dismissive", "but our policy is ten working days", "That shut the case with a rule."),
        ),
        (
            ("false_apology", 0.4, "got an apology that was none"),
            ("dismissive", 0.5, "was brushed off"),
            ("apology", 0.0, "too early: she has not been heard yet"),
        ),
        pitch=4.1,
        loud=6.0,
        rate=1.31,
    )
    c.customer("Policy? I do not care about your policy, I want my daughter's present, and I want to", cut=3.0)
    c.learner(
        "madam calm down there is nothing i can do",
        (
            ("interrupting", "", "You spoke over the customer."),
            ("dismissive", "calm down there is nothing i can do", "That made it small and shut the case."),
            ("raised_voice", "", "Your voice rose: 5 semitones above your calm pitch; 9 dB louder."),
        ),
        (
            ("interrupting", 0.2, "was cut off"),
            ("dismissive", 0.3, "was brushed off"),
            ("raised_voice", 0.5, "was spoken to in a raised voice"),
        ),
        pitch=5.2,
        loud=9.1,
        rate=1.42,
        role="interruption",
        overlap=1.1,
    )
    c.customer("Right. That is it. I will take this to your head office, and I will never use you again.")
    c.end("hung_up", "anger reached 10")
    return c.view(_card(21, won=False, failed="the customer hung up"))


def typed() -> View:
    """A call held at the keyboard."""
    c = Call(typed=True, anger=6.0)
    c.stage("heard", "the call begins")
    c.customer("My order is two weeks late. What are you going to do about it?")
    c.learner(
        "Two weeks is far too long, I am sorry.",
        (("apology", "I am sorry.", "You said sorry plainly."),),
        (("apology", -1.0, "got a real apology"),),
    )
    c.customer("And now?")
    c.learner(
        "I will see what I can do.",
        (("hedging", "see what I can do.", "That stayed vague."),),
        (("hedging", 0.4, "got nothing definite"),),
    )
    c.customer("That is what everybody says.")
    c.end("left", "the learner hung up")
    return c.view(_card(44, won=False))


def interrupted() -> View:
    """A call whose recording was cut off while the customer spoke."""
    c = Call()
    c.customer("I have been waiting since Tuesday for a parcel you promised.")
    c.learner(
        "that sounds maddening",
        (("empathy", "that sounds maddening", "You named what this is like for her."),),
        (("empathy", -1.3, "felt understood"),),
        pitch=0.3,
        loud=0.4,
    )
    c.customer("It is! And the worst is that nobody ever", stops=False)
    c.t += 1.8
    c.events.append(SpeechStarted(q(c.t)))
    return c.view(replace(_card(40, won=False), missed=()))


def empty() -> View:
    """A session in which nothing happened at all."""
    return Call().view(Scorecard(0, False, 60, "", (), (), (), "", ()), audio=False)


def long(turns: int = 200) -> View:
    """A call of so many turns of the learner."""
    c = Call()
    for i in range(turns):
        c.customer(f"This is the {i}th time that I tell you: the parcel is not here, and nobody can say where it is.")
        c.learner(
            "i hear you you have waited far too long and i am sorry about that let me look where it is right now " * 2,
            (
                ("empathy", "you have waited far too long", "You named what this is like for her."),
                ("hedging", "let me look", "That stayed vague."),
            ),
            (("empathy", -0.5, "felt understood"), ("hedging", 0.5, "got nothing definite")),
            pitch=3 * sin(i),
            loud=4 * sin(i / 3),
            rate=1 + 0.2 * sin(i / 5),
        )
    c.end("out_of_time", "the customer had no more time")
    return c.view(_card(50, won=False))


def hostile(markup: str) -> View:
    """A session every text of which is markup."""
    c = Call()
    c.stage(markup, markup)
    c.customer(f"{markup} and more", stage=markup, cut=0.3)
    c.learner(markup, (("empathy", markup, markup),), ((markup, -1.0, markup),), role="interruption", overlap=0.2)
    c.end("resolved", markup)
    evidence = (Evidence(1.0, 1, markup, markup, good=True),)
    card = Scorecard(
        60,
        True,
        60,
        markup,
        (
            CriterionScore(
                "listening",
                markup,
                10,
                3,
                markup,
                {1: markup, 3: markup, 5: markup},
                evidence,
                (Part(markup, 3), Part(markup, 1)),
                markup,
            ),
        ),
        (MissedChance(1.0, 1, markup, markup, markup, markup),),
        evidence,
        markup,
        (markup, "plain"),
        Moment(1.0, 1, -1.0, markup, markup, markup, markup, markup),
        Moment(1.0, 0, 1.0, markup, "", markup, markup, markup, markup, markup),
        (AutoFailed("contempt", markup, markup),),
    )
    view = c.view(card)
    named = ModelUsed(markup)
    branch = Branch(markup, 1)
    header = replace(view.session.header, scenario=markup, recognizer=named, channels=(markup, markup), branch=branch)
    session = replace(view.session, header=header, audio=Path(f'{markup.replace("/", "")}".flac'))
    debrief = Debrief(own=SelfScore({"heard": 3}, markup), reflections=(Reflection(markup, markup),))
    return View(session, card, markup, markup, markup, markup, (markup,), {"empathy": (markup, markup)}, debrief)


def _card(total: int, *, won: bool, failed: str = "") -> Scorecard:
    anchors = {
        1: "No real apology; the fault goes to the customer or to somebody else.",
        3: "One real apology.",
        5: "A real apology, a personal commitment, and no pushing away.",
    }
    listening = {
        1: "Cuts the customer off again and again; nothing is said back.",
        3: "Lets the customer finish, or says the problem back once.",
        5: "Never interrupts, uses small listening words or sums up more than once.",
    }
    good = (
        Evidence(8.2, 1, "two days of waiting for a birthday present", "reflecting back: 7.5 → 6.3", good=True),
        Evidence(48.9, 5, "which would you prefer", "offering a choice: 3.2 → 2", good=True),
    )
    bad = (
        Evidence(4.6, 1, "you should have been at home", "That put it on the customer.", good=False),
        Evidence(17.0, 2, "sorry if you feel that way", "That sorry took itself back.", good=False),
    )
    return Scorecard(
        total=total,
        passed=won,
        pass_mark=60,
        auto_fail=failed,
        criteria=(
            CriterionScore(
                "listening",
                "Listening",
                15,
                5 if won else 1,
                "no interruptions in 6 turns, 1 summary" if won else "2 interruptions in 3 turns, no summaries",
                listening,
                good[:1] if won else bad[:1],
                (Part("to begin with", 3), Part("no interruptions in 6 turns", 0), Part("1 summary", 1))
                if won
                else (Part("to begin with", 3), Part("2 interruptions in 3 turns", -2)),
                "Lets the customer finish, and sums up.",
            ),
            CriterionScore(
                "ownership",
                "Apology and ownership",
                15,
                4 if won else 2,
                "2 real apologies, 1 personal commitment" if won else "no real apology, 2 pushes away",
                anchors,
                bad[1:] if not won else good[1:],
            ),
            CriterionScore(
                "composure",
                "Steady voice",
                7,
                None,
                "there was no voice to judge by",
                {1: "Raised most of the time.", 3: "Raised now and then.", 5: "Close to the calm baseline throughout."},
                (),
            ),
        ),
        missed=(
            MissedChance(
                8.2,
                1,
                "ownership",
                "taking ownership",
                "She needed somebody to make it theirs. (it came only in turn 4)",
                "I'm going to find out where it is, and I'll stay on the line while I do.",
            ),
        )
        if won
        else (
            MissedChance(
                4.6,
                1,
                "empathy",
                "empathy",
                "She needs to be heard before anything else. (it never came)",
                "Waiting two days for a child's birthday present: anyone would be upset.",
            ),
            MissedChance(17.0, 2, "probe", "open question", "Nobody asked what the day is for. (it never came)", ""),
        ),
        strengths=good if won else (),
        next_time="Say what you are doing while you do it, so that the customer is never alone in silence."
        if won
        else "Let the customer finish: count one breath after the last word before you speak.",
        questions=(
            "The customer said “I was at home! I took the whole day off for this.” What lay behind it?",
            "Which sentence of yours would you keep for the next call, and which one would you say differently?",
            "What do you need now, before the next call?",
        ),
        helped=Moment(
            8.2,
            1,
            -2.5,
            "Finally! I have been waiting since Tuesday for a parcel you promised.",
            "good morning this is anna at northway two days of waiting that is really frustrating",
            "Well. Yes. It is frustrating.",
            "reflecting back and empathy",
            "heard the problem said back and felt understood",
        )
        if won
        else None,
        hurt=Moment(
            31.0,
            0,
            0.6,
            "Out for delivery. Since Tuesday!",
            "",
            "Hello? Are you still there?",
            "6 seconds of silence",
            "was left in silence",
            "I'm still here. I'm looking at the depot's list, it takes me a moment.",
            "Say what you are doing while you do it, so that the customer is never alone in silence.",
        )
        if won
        else Moment(
            4.6,
            1,
            1.8,
            "I have been waiting since Tuesday for a parcel, and nobody there can tell me a thing.",
            "yes okay but you should have been at home the driver says he rang",
            "I was at home! I took the whole day off for this.",
            "interrupting and blaming",
            "was cut off and was made the guilty one",
            "Waiting two days for a child's birthday present: anyone would be upset.",
            "Let the customer finish: count one breath after the last word before you speak.",
        ),
        auto_fails=(
            AutoFailed("contempt", "The customer was insulted or spoken to with contempt.", ""),
            AutoFailed("hung_up", "The customer hung up.", failed),
        ),
    )
