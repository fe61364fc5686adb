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
_UNKNOWN = 8.5
"""Rarity of a word that the list lacks: just above its rarest."""
BIAS, TITLES, WHOLES, CROSSED, DAYS = -2.61, 2.08, 0.90, 3.03, -7.32
"""Of the logistic function: alone, per cosine of titles, of wholes, of title with lead (both ways), per week."""
BARE_BIAS, BARE_TITLES = -5.4, 12.0
"""The same where one of the two has no lead: half and half at a cosine of 0.45, on one day."""
_LEAST_STEMS = 3


@dataclass(frozen=True, slots=True)
class Words:
    """An article as weighted stems of its title, its lead and both, with their lengths."""

    title: dict[str, float]
    lead: dict[str, float]
    whole: dict[str, float]
    title_length: float
    lead_length: float
    whole_length: float


def words_of(key: str, text: str) -> Words:
    """The stems of an article with the `title_key` *key* and the text *text*."""
    title = _weighted(key)
    lead = _weighted(title_key(text[:LEAD_CHARS]))
    whole = title | lead
    return Words(title, lead, whole, _length(title), _length(lead), _length(whole))


def probability(one: Words, two: Words, days: int) -> float:
    """That two articles published *days* apart tell one event; 0 where a title has not three words to tell by."""
    if min(len(one.title), len(two.title)) < _LEAST_STEMS:
        return 0.0
    titles, wholes, crossed = cosines(one, two)
    apart = DAYS * days / WINDOW_DAYS
    if not one.lead or not two.lead:
        return _logistic(BARE_BIAS + BARE_TITLES * titles + apart)
    return _logistic(BIAS + TITLES * titles + WHOLES * wholes + CROSSED * crossed + apart)


def cosines(one: Words, two: Words) -> tuple[float, float, float]:
    """Of the titles, of the wholes, and the sum of those of each title with the other's whole; 0 where one is empty."""
    crossed = _cosine(one.title, two.whole, one.title_length * two.whole_length)
    crossed += _cosine(two.title, one.whole, two.title_length * one.whole_length)
    titles = _cosine(one.title, two.title, one.title_length * two.title_length)
    return titles, _cosine(one.whole, two.whole, one.whole_length * two.whole_length), crossed


def rarity(word: str) -> float:
    """How rare a stem is in English news; numbers, and words of other languages, count as rare."""
    return _rarities().get(word, _UNKNOWN)


def _logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def _weighted(key: str) -> dict[str, float]:
    stems = (stem(piece) for token in key.split() if token not in EMPTY for piece in pieces(token))
    return {word: rarity(word) for word in stems}


def _length(weights: dict[str, float]) -> float:
    return math.sqrt(sum(weight * weight for weight in weights.values()))


def _cosine(one: dict[str, float], two: dict[str, float], lengths: float) -> float:
    small, large = (one, two) if len(one) <= len(two) else (two, one)
    return sum(weight * weight for word, weight in small.items() if word in large) / lengths if lengths else 0.0


@cache
def _rarities() -> dict[str, float]:
    found: dict[str, float] = {}
    for line in _RARITY.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            number, *stems = line.split()
            found.update(dict.fromkeys(stems, float(number)))
    return found
