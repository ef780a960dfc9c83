"""What to try next time, and what to reflect on, by rule of the ledger or criterion of the scorecard."""

from __future__ import annotations

ADVICE = {
    "interrupting": "Let the customer finish: count one breath after the last word before you speak.",
    "raised_voice": "When you feel your voice climb, breathe out before you answer and begin one tone lower.",
    "dead_air": "Say what you are doing while you do it, so that the customer is never alone in silence.",
    "stalling": "Answer what the customer just said before you say anything else.",
    "defensive": "Leave out the explanation. Say what went wrong for the customer, and what happens next.",
    "blame": "Take every 'you should have' out. Say 'I can see how that happened' instead.",
    "dismissive": "Never end on 'no'. Say what you can do, even if it is small.",
    "rude": "When you feel like hitting back, name the problem instead of the person.",
    "false_apology": "Say sorry for what happened, not for how the customer feels, and put no 'but' after it.",
    "passing": "Stay the customer's person: make the call to the other department yourself.",
    "jargon": "Say each term the way you would say it to a neighbour.",
    "hedging": "Give one definite thing: a step, a day, a name.",
    "overpromise": "Promise only what is in your hands, and say when you will report back.",
    "wrong_summary": "When you say the facts back, ask whether you have them right: one wrong one undoes the rest.",
    "asked_again": "Keep a note of what the customer tells you, so that nothing has to be said twice.",
    "overdone": "After the second kind word, do something: a step says sorry better than another sorry.",
    "went_back": "Offer only what you can stand by, and then stand by it.",
    "pushed": "What came too early once will not work by saying it again: give what is asked for first.",
    "dragging": "When the talk goes round in circles, say in one sentence where you both are, and take the next step.",
    "unchecked": "Name the limit once, calmly, with the offer to help in the same sentence.",
    "listening": "Sum up in one sentence what you heard before you answer it.",
    "empathy": "Name the feeling in your first sentence, before anything about the case.",
    "ownership": "Say sorry once, without a reason after it, and say what you yourself will do.",
    "understanding": "Ask one open question, and say the answer back.",
    "solution": "Offer two ways forward and let the customer choose.",
    "language": "Keep each turn to two short sentences.",
    "respect": "Let the anger pass by you: it is about the case, not about you.",
    "composure": "Take the breath before the sentence, not in the middle of it.",
    "patience": "When a good answer does not calm at once, stay with it: name what is still wrong, and help on.",
    "limits": "Keep a limit and an offer together: what you will not go on with, and what you will gladly do.",
    "closing": "Before goodbye say when you will check, say thank you, and ask whether there is anything else.",
}
"""One thing to try, by the rule that cost most or the weakest criterion."""

QUESTIONS = {
    "interrupting": "What made you speak before the customer had finished? What did you miss by it?",
    "raised_voice": "What was going on in you when your voice rose? What would have helped you notice it sooner?",
    "defensive": "Which sentence of the customer's made you want to defend yourself? Was it meant for you?",
    "blame": "How would it feel to be told that it is your own fault? What else could the sentence have been?",
    "dismissive": "What did the customer lose when the matter was closed? What could you have left open?",
    "rude": "What would you need before the next call, to be able to start it fresh?",
}
"""A question to reflect on, by what happened."""

INSTEAD = {
    "interrupting": ("reflect", "empathy"),
    "raised_voice": ("empathy", "reflect"),
    "dead_air": ("ownership", "reflect", "follow_up"),
    "stalling": ("reflect", "empathy"),
    "defensive": ("apology", "ownership", "empathy", "reflect"),
    "blame": ("empathy", "reflect", "apology"),
    "dismissive": ("empathy", "reflect", "solution", "choice"),
    "rude": ("boundary", "empathy", "reflect"),
    "false_apology": ("apology", "ownership"),
    "passing": ("ownership", "solution", "choice", "escalate"),
    "jargon": ("reflect", "solution"),
    "hedging": ("solution", "choice", "follow_up"),
    "overpromise": ("follow_up", "solution", "choice"),
    "wrong_summary": ("reflect",),
    "asked_again": ("reflect", "ownership"),
    "overdone": ("solution", "choice", "ownership", "reflect"),
    "went_back": ("solution", "choice", "follow_up"),
    "pushed": ("empathy", "reflect", "apology", "ownership"),
    "dragging": ("reflect", "apology", "ownership", "solution", "choice", "follow_up"),
    "unchecked": ("boundary",),
}
"""Techniques that would have been better in the place of each rule that costs, the best first."""
