"""How surely two articles tell one event, from their titles and leads.

Outlets tell an event in words of their own: titles alone find a wire text, not a second desk's telling. So title and
lead are compared as bags of stems weighted by rarity (cosine of TF-IDF vectors, Salton and Buckley 1988), each with
each, since one outlet's title says what another's lead does. A logistic function of the three cosines and of the days
between, fitted on 320 pairs of news items labelled by reading (`ingest/labels`, `bench/stories.py`), gives the
probability. What separates two events with similar titles is looked at first (`ingest.stories.similarity`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from sys import intern

from ingest.clean import title_key
from ingest.words import EMPTY, pieces, stem

LEAD_CHARS = 260
"""Of a text: what most feeds give of it, and where news says what happened."""
WINDOW_DAYS = 7
_RARITY = Path(__file__).resolve().parent / "word_rarity.txt"
_UNKNOWN = 85
"""Rarity, in tenths, of a word that the list lacks: just above its rarest."""
BIAS, TITLES, WHOLES, CROSSED, DAYS = -2.61, 2.08, 0.90, 3.03, -7.32
"""Of the logistic function: alone, per cosine of titles, of wholes, of title with lead (both ways), per week."""
BARE_BIAS, BARE_TITLES = -5.4, 12.0
"""The same where one of the two has no lead: half and half at a cosine of 0.45, on one day."""
_LEAST_STEMS = 3
_ROUNDING = 1e-9
FARTHEST = next(
    days
    for days in range(WINDOW_DAYS, -1, -1)
    if max(BIAS + TITLES + WHOLES + 2 * CROSSED, BARE_BIAS + BARE_TITLES) + DAYS * days / WINDOW_DAYS >= 0
)
"""Days apart from which on not even the same words make one event."""


@dataclass(frozen=True, slots=True)
class Words:
    """An article as stems with their squared rarity: of title and lead together, and those of the title alone.

    Squares are whole numbers (of tenths), so that sums do not depend on the order of their parts.
    """

    whole: dict[str, int]
    title: tuple[str, ...]  # each once: a set takes seven times as much, and a week of them lies in memory
    has_lead: bool
    whole_length: float
    title_length: float


def words_of(key: str, text: str) -> Words:
    """The stems of an article with the `title_key` *key* and the text *text*."""
    title = _squares(key)
    lead = title_key(text[:LEAD_CHARS])
    # Word by word: two dictionaries put together take nearly twice the room, and a week of them lies in memory.
    whole = _squares(f"{key} {lead}")
    lengths = (math.sqrt(sum(part.values())) for part in (whole, title))
    return Words(whole, tuple(title), any(map(_of_token, lead.split())), *lengths)


def probability(one: Words, two: Words, days: int) -> float:
    """That two articles published *days* apart tell one event; 0 where a title has not three words to tell by."""
    if min(len(one.title), len(two.title)) < _LEAST_STEMS:
        return 0.0
    titles, wholes, crossed = cosines(one, two)
    apart = DAYS * days / WINDOW_DAYS
    if not (one.has_lead and two.has_lead):
        return _logistic(BARE_BIAS + BARE_TITLES * titles + apart)
    return _logistic(BIAS + TITLES * titles + WHOLES * wholes + CROSSED * crossed + apart)


def cosines(one: Words, two: Words) -> tuple[float, float, float]:
    """Of the titles, of the wholes, and the sum of those of each title with the other's whole; 0 where one is empty."""
    shared = one.whole.keys() & two.whole.keys()
    square = one.whole.__getitem__
    wholes = sum(map(square, shared))
    if not wholes:
        return 0.0, 0.0, 0.0
    in_mine, in_yours = shared.intersection(one.title), shared.intersection(two.title)
    mine, yours = sum(map(square, in_mine)), sum(map(square, in_yours))
    titles = sum(map(square, in_mine & in_yours))
    of_titles = titles / (one.title_length * two.title_length) if titles else 0.0
    crossed = mine / (one.title_length * two.whole_length) if mine else 0.0
    crossed += yours / (two.title_length * one.whole_length) if yours else 0.0
    return of_titles, wholes / (one.whole_length * two.whole_length), crossed


def may_be_even(one: Words, two: Words, shared: Iterable[str], days: int) -> bool:
    """Whether `probability` can be one half at all, judged by the stems that both have: a cheap look before the sums.

    No cosine is more than one, and none is more than what both share allows.
    """
    if min(len(one.title), len(two.title)) < _LEAST_STEMS:
        return False
    apart = DAYS * days / WINDOW_DAYS + _ROUNDING
    if not (one.has_lead and two.has_lead):
        return BARE_BIAS + BARE_TITLES + apart >= 0
    common = sum(map(one.whole.__getitem__, shared))
    titles = common / (one.title_length * two.title_length)
    mine, yours = common / (one.title_length * two.whole_length), common / (two.title_length * one.whole_length)
    most = TITLES * (1.0 if titles > 1 else titles) + WHOLES * common / (one.whole_length * two.whole_length)
    most += CROSSED * ((1.0 if mine > 1 else mine) + (1.0 if yours > 1 else yours))
    return BIAS + most + apart >= 0


def _logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def _squares(key: str) -> dict[str, int]:
    return {word: square for token in key.split() for word, square in _of_token(token)}


@lru_cache(maxsize=8_192)
def _of_token(token: str) -> tuple[tuple[str, int], ...]:
    """The stems of a word with their squared rarity; none of a word that carries no event."""
    if token in EMPTY:
        return ()
    known = _rarities()
    # One string for each stem, however many articles have it.
    return tuple((intern(word), known.get(word, _UNKNOWN) ** 2) for word in map(stem, pieces(token)))


@cache
def _rarities() -> dict[str, int]:
    """In tenths."""
    found: dict[str, int] = {}
    for line in _RARITY.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            number, *stems = line.split()
            found.update(dict.fromkeys(stems, round(10 * float(number))))
    return found
