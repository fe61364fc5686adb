"""What a digest says when nothing moved: that it is so, what it could have missed, or that it cannot tell yet."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.facts import COLD_DAYS, DigestFacts
from alerts.model import DyadState
from alerts.sentences import ASTRAY, every_tie, kept_back, state_word, strays
from alerts.wording import dyad_name, times
from alerts.words import count, in_words, listed

REVERSAL = 1.0
"""A change of average stance, in score points, that only a tie which turns from one side to the other makes."""


def quiet(facts: DigestFacts) -> str:
    """What it means that nothing is told."""
    if number := len(kept_back(facts)):
        said = in_words(number)
        return (
            f"No shift is alerted. {said[0].upper()}{said[1:]} {'is' if number == 1 else 'are'} listed below with the "
            "reason why not."
        )
    moved = [s for s in facts.states if strays(s)]
    kept = [dyad_name(s.dyad) for s in facts.states if state_word(s) == "shifted"]
    if not moved and kept:
        stay = "stays at its new level" if len(kept) == 1 else "stay at their new levels"
        return f"Nothing moved further: {listed(kept)} {stay}."
    if not moved and (silent := [dyad_name(s.dyad) for s in facts.states if not s.stories]):
        unknown = f"On {listed(silent)} no story was read, so nothing can be said there."
        return ("" if len(silent) == len(facts.states) else "Nothing moved beyond what chance brings. ") + unknown
    if not moved:
        are = "is where it usually is" if len(facts.states) == 1 else "are where they usually are"
        return f"Nothing moved beyond what chance brings: {every_tie(facts.states)} {are}."
    words = listed([f"{dyad_name(s.dyad)} lies {ASTRAY[state_word(s)]}" for s in moved])
    return f"No shift was found. {words}; so few days cannot tell that from chance."


def smallest(states: Sequence[DyadState]) -> str:
    """What could have been missed: the smallest lasting changes that two weeks would have shown."""
    tone = [f"{_tone_size(s.smallest_shift)} for {dyad_name(s.dyad)}" for s in states if s.smallest_shift is not None]
    amount = [
        f"{times(s.smallest_attention)} for {dyad_name(s.dyad)}" for s in states if s.smallest_attention is not None
    ]
    if not tone:
        return ""
    line = f"The smallest lasting change of average stance that two weeks would have shown: {listed(tone)}."
    return f"{line} Of the number of stories: {listed(amount)}." if amount else line


def _tone_size(change: float) -> str:
    # Stance runs from -1 to 1, and coverage never lies at one end alone.
    return f"{change:.2f}" if change < REVERSAL else "nothing short of a reversal"


def cold(states: Sequence[DyadState]) -> str:
    """That the monitor is still warming up, said plainly."""
    have = max((state.history_days for state in states), default=0)
    return (
        f"Warming up: there are {count(have, 'day')} of history. From {COLD_DAYS} days on shifts can be called; "
        "until then this digest describes and draws no conclusion."
    )
