"""Which of the things that are new a reader is told now, and why not the others. Pure; it fails closed.

What cannot be attributed to a tie or a theme goes to nobody who asked for less than all of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from alerts.readers import STRENGTHS, Reader

CARRIES = 0.25
"""A theme that carries this share of a shift makes the shift one on that theme."""
CONFIRMED = "confirmed"


class Held(StrEnum):
    """Why a shift is kept from a reader."""

    OUT_OF_SCOPE = "out_of_scope"
    TOO_WEAK = "too_weak"
    SILENCED = "silenced"
    FEED_OUTAGE = "feed_outage"
    DROPPED = "dropped"


HELD_WORDS = {
    Held.OUT_OF_SCOPE: "it concerns none of the ties and themes asked for",
    Held.TOO_WEAK: "its evidence is weaker than asked for; it is told if the days after it confirm it",
    Held.SILENCED: "its cause is known",
    Held.FEED_OUTAGE: "feeds that it depends on do not answer",
    Held.DROPPED: "a person decided not to send the digest that told it",
}


@dataclass(frozen=True, slots=True)
class News:
    """A shift that waits to be told, as far as the decision needs to know it.

    `themes` holds the share of the shift that each theme (by its code) carries; for a shift of a theme's share, the
    theme alone. `dyad` is empty for a shift of no tie. `outage` tells that feeds which it depends on are out,
    `follows` that it takes back a shift that this reader was told, `dropped` that a person kept back the digest that
    would have told it.
    """

    id: int
    dyad: str
    kind: str = "stance"
    themes: tuple[tuple[str, float], ...] = ()
    bloc: str = ""
    confidence: str = STRENGTHS[-1]
    status: str = "open"
    returned: bool = False
    outage: bool = False
    follows: bool = False
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Quiet:
    """A silence in force: the known cause of what fits all of its fields; an empty field fits everything."""

    id: int
    dyad: str = ""
    kind: str = ""
    theme: str = ""
    bloc: str = ""
    ends: dt.date = dt.date.max
    author: str = ""
    comment: str = ""

    def covers(self, news: News) -> bool:
        """Whether *news* is what this silence is about."""
        return (
            self.dyad in ("", news.dyad)
            and self.kind in ("", news.kind)
            and self.bloc in ("", news.bloc)
            and (not self.theme or carries(news, (self.theme,)))
        )


@dataclass(frozen=True, slots=True)
class Sifted:
    """What a reader is told now, and what is held from them for which reason."""

    told: tuple[News, ...] = ()
    held: tuple[tuple[News, Held], ...] = ()


def sift(news: Iterable[News], reader: Reader, silences: Sequence[Quiet] = ()) -> Sifted:
    """Part *news* into what is told to *reader* and what is held."""
    told: list[News] = []
    held: list[tuple[News, Held]] = []
    for one in news:
        reason = why_held(one, reader, silences)
        if reason is None:
            told.append(one)
        else:
            held.append((one, reason))
    return Sifted(tuple(told), tuple(held))


def why_held(news: News, reader: Reader, silences: Sequence[Quiet] = ()) -> Held | None:
    """The first reason to keep *news* from *reader*; None where it is to be told."""
    if not concerns(news, reader):
        return Held.OUT_OF_SCOPE
    for reason, holds in (
        (Held.DROPPED, news.dropped),
        (Held.SILENCED, any(silence.covers(news) for silence in silences)),
        (Held.FEED_OUTAGE, news.outage),
    ):
        if holds:
            return reason
    if news.follows:
        return None
    # What fourteen later days confirmed is no longer the weak evidence that it was on its first day.
    if news.status != CONFIRMED and _rank(news.confidence) < _rank(reader.least):
        return Held.TOO_WEAK
    return None


def concerns(news: News, reader: Reader) -> bool:
    """Whether *news* is about what *reader* asked for. Who was told a shift is told of its end as well."""
    if news.follows:
        return True
    if reader.dyads and news.dyad not in reader.dyads:
        return False
    return not reader.themes or carries(news, reader.themes)


def carries(news: News, themes: Sequence[str]) -> bool:
    """Whether one of *themes* carries a good part of *news*."""
    return any(code in themes and share >= CARRIES for code, share in news.themes)


def asked_for_all(reader: Reader) -> bool:
    """Whether *reader* gets also what belongs to no tie and no theme, as a narrative outside the seed themes."""
    return not reader.dyads and not reader.themes


def _rank(confidence: str) -> int:
    # An unknown word is the weakest: a reader who asked for strong evidence is not woken by a spelling mistake.
    return STRENGTHS.index(confidence) if confidence in STRENGTHS else 0
