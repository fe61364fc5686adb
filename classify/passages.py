"""Documents of many paragraphs, read passage by passage: an essay says on its fourth page what its headline asks.

A reader that knows headlines with leads would see no more of an essay than its beginning, which as often tells what the
essay is going to doubt. So a text of more than `LONG` characters is cut into passages of a headline's and a lead's
length; each is read by itself, without the title, and the readings are pooled.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from classify.claims import MOST_CLAIMS
from classify.decide import GATE, MOST_THEMES, PairScore, stance_reading
from classify.model import ClaimMatch, Item, Read, ThemeReading

LONG = 4_500
"""Characters from which a text is a document. News items with their full text are mostly shorter, and begin with what
they have to say."""
PASSAGE_CHARS = 500
MOST_PASSAGES = 60
"""So many are read, the first ones: a book in the text field must not stop the line."""
CONCERNED = 0.1
"""Share of its passages that a document must spend on a tie."""
_LEAST_P = 1e-3
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“])|(?<=[।。！？])\s*|\n+")

Scored = tuple[dict[str, PairScore], Read]
"""The score of every possible dyad of an item, and its reading."""


def is_long(item: Item) -> bool:
    """Whether *item* is read by passages."""
    return len(item.text) > LONG


def passages(item: Item) -> list[Item]:
    """The passages of a document: a first sentence as title, the others as text."""
    cut: list[list[str]] = [[]]
    size = 0
    for piece in _SENTENCE.split(item.text[: 2 * MOST_PASSAGES * PASSAGE_CHARS]):
        sentence = piece.strip()[:PASSAGE_CHARS]
        if not sentence:
            continue
        if cut[-1] and size + len(sentence) > PASSAGE_CHARS:
            cut.append([])
            size = 0
        cut[-1].append(sentence)
        size += len(sentence)
    return [replace(item, title=one[0], text=" ".join(one[1:])) for one in cut[:MOST_PASSAGES] if one]


def read_long(item: Item, scored: Callable[[Item], Scored], version: str) -> Scored:
    """The pooled scores and reading of a document.

    A document concerns a tie as much as its most concerned tenth of passages does on average. Its stance is the
    logarithmic pool of what its passages say (Genest and Zidek 1986, section 3), each with the probability that it
    concerns the tie as weight; its themes and claims are those of the passages.
    """
    parts = [scored(passage) for passage in passages(item)]
    scores = pooled([own for own, _ in parts])
    p_relevant = max((score.p_concerns for score in scores.values()), default=0.0)
    dyads = {dyad: score.stance for dyad, score in scores.items() if score.p_concerns >= GATE}
    if not dyads:
        return scores, Read(item.id, False, p_relevant, version)
    reads = [read for _, read in parts if dyads.keys() & read.dyads.keys()]
    main = max(dyads, key=lambda dyad: scores[dyad].p_concerns)
    claims = _claims(reads)
    return scores, Read(
        item.id,
        True,
        p_relevant,
        version,
        dyads,
        _themes(reads),
        claims[0] if claims else None,
        _evidence(reads, main, dyads[main].stance),
        claims,
    )


def pooled(parts: Sequence[dict[str, PairScore]]) -> dict[str, PairScore]:
    """One score per dyad from those of the passages of a document."""
    most = max(1, math.ceil(CONCERNED * len(parts)))
    found: dict[str, PairScore] = {}
    for dyad in dict.fromkeys(dyad for part in parts for dyad in part):
        own = [part[dyad] for part in parts if dyad in part]
        top = sorted((one.p_concerns for one in own), reverse=True)[:most]
        weight = np.asarray([one.p_concerns if one.p_concerns >= GATE else 0.0 for one in own])
        if not weight.any():
            weight = np.asarray([one.p_concerns for one in own])
        logs = np.log(np.maximum([one.stance.p for one in own], _LEAST_P))
        p = np.exp(weight @ logs / max(weight.sum(), _LEAST_P))
        found[dyad] = PairScore(sum(top) / most, stance_reading(p / p.sum()))
    return found


def _themes(reads: Sequence[Read]) -> tuple[ThemeReading, ...]:
    """The themes that most passages have, with their share of the passages as probability."""
    share: dict[str, float] = {}
    for read in reads:
        for theme in read.themes:
            share[theme.code] = share.get(theme.code, 0.0) + theme.p / len(reads)
    order = sorted(share, key=lambda code: (-share[code], code))
    return tuple(ThemeReading(code, share[code]) for code in order[:MOST_THEMES])


def _claims(reads: Sequence[Read]) -> tuple[ClaimMatch, ...]:
    nearest: dict[str, ClaimMatch] = {}
    for read in reads:
        for claim in read.claims:
            if claim.id not in nearest or claim.similarity > nearest[claim.id].similarity:
                nearest[claim.id] = claim
    order = sorted(nearest.values(), key=lambda claim: (-claim.similarity, claim.id))
    return tuple(order[:MOST_CLAIMS])


def _evidence(reads: Sequence[Read], dyad: str, stance: int) -> str | None:
    """The sentence of the passage that says most clearly what the document says of its main tie."""
    told = [read for read in reads if dyad in read.dyads and read.evidence]
    return max(told, key=lambda read: read.dyads[dyad].p[stance + 1]).evidence if told else None
