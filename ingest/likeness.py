"""How surely two articles tell one event, from their titles and leads.

Outlets tell an event in words of their own: titles alone find a wire text, not a second desk's telling. So title and
lead are compared as bags of stems weighted by rarity (cosine of TF-IDF vectors, Salton and Buckley 1988), each with
each, since one outlet's title says what another's lead does. A logistic function of the three cosines and of the days
between, fitted on 320 pairs of news items labelled by reading (`ingest/labels`, `bench/stories.py`), gives the
probability. What separates two events with similar titles is looked at first (`ingest.stories.similarity`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Words:
    """An article as stems with their squared rarity: of title and lead together, and those of the title alone.

    Squares are whole numbers (of tenths), so that sums do not depend on the order of their parts.
    """

    whole: dict[str, int]
    title: frozenset[str]
    has_lead: bool
    whole_length: float
    title_length: float


def words_of(key: str, text: str) -> Words:
    """The stems of an article with the `title_key` *key* and the text *text*."""
    title = _squares(key)
    lead = _squares(title_key(text[:LEAD_CHARS]))
    whole = title | lead
    lengths = (math.sqrt(sum(part.values())) for part in (whole, title))
    return Words(whole, frozenset(title), bool(lead), *lengths)


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
    titles = wholes = mine = yours = 0
    for stem_ in one.whole.keys() & two.whole.keys():
        square = one.whole[stem_]
        wholes += square
        in_mine, in_yours = stem_ in one.title, stem_ in two.title
        mine += square * in_mine
        yours += square * in_yours
        titles += square * (in_mine and in_yours)
    if not wholes:
        return 0.0, 0.0, 0.0
    of_titles = titles / (one.title_length * two.title_length) if titles else 0.0
    crossed = mine / (one.title_length * two.whole_length) if mine else 0.0
    crossed += yours / (two.title_length * one.whole_length) if yours else 0.0
    return of_titles, wholes / (one.whole_length * two.whole_length), crossed


def _logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def _squares(key: str) -> dict[str, int]:
    known = _rarities()
    stems = (stem(piece) for token in key.split() if token not in EMPTY for piece in pieces(token))
    return {word: known.get(word, _UNKNOWN) ** 2 for word in stems}


@cache
def _rarities() -> dict[str, int]:
    """In tenths."""
    found: dict[str, int] = {}
    for line in _RARITY.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            number, *stems = line.split()
            found.update(dict.fromkeys(stems, round(10 * float(number))))
    return found
