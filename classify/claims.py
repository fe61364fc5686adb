"""The nearest seed claim: what a seed document argued about this dyad, and whether the article speaks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt

from classify.actors import Matcher
from classify.model import ClaimMatch, DyadReading, Item, ThemeReading
from classify.text import Document, make_document
from ingest.topic import ClaimText

NEAR_ENOUGH = 0.28
"""Below this similarity no claim is given: most articles are about something that no seed document argued."""
SURE_ENOUGH = 0.55
"""A stance less probable than this neither supports nor undercuts."""

_THEME_PART = 0.2
_STOP_WORDS = """
a an the of to in on for and or at by with from as is are was were be been has have had it its this that these those
their his her not no than then there into over after before about between against more most will would could may which
who whom what when while also but other such up out so all any each own same
"""
_STOP = frozenset(_STOP_WORDS.split())
_ENDINGS = (
    "ations",
    "ation",
    "ments",
    "ment",
    "ingly",
    "edly",
    "ing",
    "ies",
    "ied",
    "ers",
    "er",
    "es",
    "ed",
    "ly",
    "s",
)


class ClaimFinder:
    """Finds the claim nearest to a document among the claims of its dyads.

    Similarity is the cosine of TF-IDF vectors over word stems, names of actors left out (the dyad is a hard filter
    already), with a bonus where the claim's theme is one of the article's. It is an approximation by words: two texts
    that say the same in other words are missed.

    *rarity* gives the idf of a word, from training.
    """

    def __init__(self, claims: Sequence[ClaimText], matcher: Matcher, rarity: Callable[[str], float]) -> None:
        self._claims = tuple(claims)
        self._rarity = rarity
        vectors = [self._vector(make_document(Item(claim.id, claim.text), matcher)) for claim in self._claims]
        self._postings: dict[str, list[tuple[int, float]]] = {}
        for number, vector in enumerate(vectors):
            for stem, weight in vector.items():
                self._postings.setdefault(stem, []).append((number, weight))

    def nearest(
        self, document: Document, dyads: Mapping[str, DyadReading], themes: Sequence[ThemeReading]
    ) -> ClaimMatch | None:
        """The nearest claim on one of *dyads*, or None when none is near enough."""
        if not self._claims or not dyads:
            return None
        scores = [0.0] * len(self._claims)
        for stem, weight in self._vector(document).items():
            for number, other in self._postings.get(stem, ()):
                scores[number] += weight * other
        codes = {theme.code for theme in themes}
        best: tuple[float, int] | None = None
        for number, claim in enumerate(self._claims):
            if claim.dyad not in dyads or not scores[number]:
                continue
            similarity = (1 - _THEME_PART) * scores[number] + _THEME_PART * (claim.theme in codes)
            if similarity >= NEAR_ENOUGH and (best is None or similarity > best[0]):
                best = similarity, number
        if best is None:
            return None
        claim = self._claims[best[1]]
        return ClaimMatch(claim.id, min(1.0, best[0]), relation(claim.stance, dyads[claim.dyad], claim.theme in codes))

    def _vector(self, document: Document) -> dict[str, float]:
        rarity: dict[str, float] = {}
        for token in document.tokens:
            # What implies an actor (S-400, yuan, Ladakh) is what claims are about; the states' own names are not.
            if token.hit is not None and token.hit.group != "implies" and token.hit.actors:
                continue
            if token.word[0].isalpha() and token.word not in _STOP and len(token.word) > 1:
                rarity.setdefault(_stem(token.word), self._rarity(f"w:{token.word}"))
        norm = sqrt(sum(value * value for value in rarity.values()))
        return {stem: value / norm for stem, value in sorted(rarity.items())} if norm else {}


def relation(claim_stance: int, reading: DyadReading, same_theme: bool = True) -> str:
    """``supports`` when the article sees the tie move as the claim does, ``undercuts`` when the other way.

    Only an article of the claim's theme can do either: a friendly visit does not undercut a claim about bank payments.

    >>> relation(1, DyadReading(-1, (0.8, 0.1, 0.1)))
    'undercuts'
    >>> relation(1, DyadReading(1, (0.3, 0.3, 0.4)))
    'mentions'
    """
    if not same_theme or not claim_stance or not reading.stance or max(reading.p) < SURE_ENOUGH:
        return "mentions"
    return "supports" if claim_stance == reading.stance else "undercuts"


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word
