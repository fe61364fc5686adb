"""Findings as a person says them. Every sentence is made from fields, so that mail, artifact and file say the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from alerts.model import BlocMove, Direction, Found, Kind, Verdict
from alerts.thresholds import MOST_YEARS
from alerts.words import NBSP, bloc_name, count, day_words, in_words, listed, plain
from ingest.ties import ties


def dyad_name(code: str) -> str:
    """The name of a dyad; a code that is not one of ours is its own name."""
    return ties().names.get(code, code)


def the_ties(number: int) -> str:
    """*number* ties within a sentence.

    >>> the_ties(3), the_ties(1)
    ('the three ties', 'the tie')
    """
    return "the tie" if number == 1 else f"the {in_words(number)} ties"


def what_moved(found: Found) -> str:
    """The tie, the tie in one press, or the theme that a finding is of; for the cell of a table."""
    if found.kind is Kind.THEME:
        return f"theme “{plain(found.theme, 40)}”"
    return f"{dyad_name(found.dyad)}, {bloc_name(found.bloc)} alone" if found.bloc else dyad_name(found.dyad)


def signed(value: float, digits: int = 2) -> str:
    """A score with its sign and a true minus.

    >>> signed(-0.421), signed(0.307), signed(0.001)
    ('−0.42', '+0.31', '0.00')
    """
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return ("−" if value < 0 else "+") + text


def amount(value: float) -> str:
    """A number of stories a day with no more digits than it deserves.

    >>> amount(0.34), amount(3.14), amount(27.6)
    ('0.3', '3.1', '28')
    """
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 0.1 else f"{value:.2f}"


def times(log_ratio: float) -> str:
    """A ratio as readers say it.

    >>> times(0.693), times(-0.7), times(0.02), times(3.4)
    ('×2.0', '×0.50', '×1.0', '×30')
    """
    ratio = math.exp(min(20.0, log_ratio))
    return f"×{ratio:.0f}" if ratio >= 10 else f"×{ratio:.1f}" if ratio >= 0.95 else f"×{ratio:.2f}"


def how_often(years: float) -> str:
    """How rarely unchanged coverage looks like this.

    >>> how_often(3.1), how_often(0.4), how_often(55)
    ('about once in 3 years', 'about once in 5 months', 'less than once in 20 years')
    """
    if years > MOST_YEARS:
        return f"less than once in {MOST_YEARS:.0f} years"
    if years >= 1.5:
        return f"about once in {years:.0f} years"
    months = max(1, round(years * 12))
    return "about once a year" if 10 <= months <= 14 else f"about once in {count(months, 'month', 'months')}"


def basis(found: Found) -> str:
    """What a finding rests on."""
    stories = count(found.stories, "independent story", "independent stories")
    return stories if found.outlets is None else f"{stories} from {count(found.outlets, 'outlet', 'outlets')}"


def share(value: float) -> str:
    """A share of all stories, with no more digits than it deserves.

    >>> share(0.213), share(0.034)
    ('21\\xa0%', '3.4\\xa0%')
    """
    return f"{value * 100:.0f}{NBSP}%" if value >= 0.1 else f"{value * 100:.1f}{NBSP}%"


def multiple(log_ratio: float) -> str:
    """A ratio within a sentence, to go before *its usual*: nobody says 0.50 times.

    >>> multiple(0.83), multiple(-0.69)
    ('2.3 times', '50\\xa0% of')
    """
    return f"{times(log_ratio)[1:]} times" if log_ratio >= 0 else f"{share(math.exp(log_ratio))} of"


def press(bloc: str) -> str:
    """A press bloc within a sentence: *the Russian press*, but *other press*."""
    name = bloc_name(bloc)
    return name if name.startswith("other") else f"the {name}"


def what_blocs_did(moves: Sequence[BlocMove]) -> str:
    """What each press bloc's own tone did while a tie, or one of them, moved; empty where blocs are not known.

    "Only" is said where every other bloc can be shown not to have followed, never where there is too little to tell.
    """
    if all(move.verdict is Verdict.UNCLEAR for move in moves):
        return ""
    by = {verdict: [move for move in moves if move.verdict is verdict] for verdict in Verdict}
    parts = []
    if len(by[Verdict.MOVED]) == 1 and len(moves) > 1 and not by[Verdict.UNCLEAR]:
        parts.append(f"Only {press(by[Verdict.MOVED][0].bloc)} changed its tone this way.")
    for verdict, words in (
        (Verdict.MOVED, "Moved:"),
        (Verdict.STILL, "Did not follow:"),
        (Verdict.OPPOSITE, "Moved the other way:"),
    ):
        if by[verdict]:
            parts.append(f"{words} {listed([_bloc_size(move) for move in by[verdict]])}.")
    if by[Verdict.UNCLEAR]:
        parts.append(f"Too few stories to tell: {listed([press(move.bloc) for move in by[Verdict.UNCLEAR]])}.")
    return f"By press, each against its own usual tone. {' '.join(parts)}"


def _bloc_size(move: BlocMove) -> str:
    if move.change is None or move.low is None or move.high is None:
        return press(move.bloc)
    return f"{press(move.bloc)} ({signed(move.change)}; 95 % range {signed(move.low)} to {signed(move.high)})"


def finding(found: Found, themes: Mapping[str, str] | None = None) -> str:
    """The finding in a few sentences: what moved, since when, by how much, on what basis, how rare by chance.

    *themes* are the names of the themes by code; without a name the code stands for it.
    """
    since = day_words(found.onset)
    if found.kind.tone:
        toward = "convergent" if found.direction is Direction.CONVERGENCE else "divergent"
        verb = "rose" if found.direction is Direction.CONVERGENCE else "fell"
        whose = f" in {press(found.bloc)} alone" if found.bloc else ""
        first = (
            f"{dyad_name(found.dyad)} coverage{whose} turned more {toward} around {since}: average stance {verb} from "
            f"{signed(found.before)} to {signed(found.after)} ({signed(found.magnitude)}; 95 % range "
            f"{signed(found.low)} to {signed(found.high)}) in {basis(found)}."
        )
    elif found.kind is Kind.THEME:
        verb = "rose" if found.direction is Direction.RISE else "fell"
        name = plain((themes or {}).get(found.theme, found.theme), 60)
        first = (
            f"The share of stories on “{name}” {verb} around {since}: from {share(found.before)} to "
            f"{share(found.after)} of all stories on {the_ties(len(ties().dyads))} "
            f"({times(found.magnitude)}; 95 % range {times(found.low)} to "
            f"{times(found.high)}), {basis(found)} since then."
        )
    else:
        verb = "rose" if found.direction is Direction.RISE else "fell"
        first = (
            f"{dyad_name(found.dyad)} coverage {verb} around {since}: from {amount(found.before)} to "
            f"{amount(found.after)} independent stories a day ({times(found.magnitude)}; 95 % range "
            f"{times(found.low)} to {times(found.high)}), {basis(found)} since then."
        )
    back = " This brings it back to its earlier level." if found.returned else ""
    blocs = what_blocs_did(found.bloc_moves)
    chance = f" With unchanged coverage, evidence this strong appears {how_often(found.years)}."
    return f"{first}{back}{f' {blocs}' if blocs else ''}{chance}"


def worded(found: Found, themes: Mapping[str, str] | None = None) -> Found:
    """The same finding with its text."""
    return replace(found, text=finding(found, themes))
