"""The nearest seed claims: what the seed documents argued of an article's matter, and whether it speaks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import exp, log, log1p

from classify.actors import NAMES, Kind, Matcher
from classify.model import ClaimMatch, DyadReading, Item, ThemeReading
from classify.text import Document, Token, make_document
from ingest.topic import ClaimText
from ingest.words import stem

MOST_CLAIMS = 3
NEAR_ENOUGH = 0.30
"""Below this similarity no claim is given: many articles are about something that no seed document argued."""
FURTHER_NEAR_ENOUGH = 0.50
"""Further claims must fit more likely than not: of the sides taken below it, three in five were wrong."""
SURE_ENOUGH = 0.20
"""An agreement nearer to nothing than this neither supports nor undercuts."""
METHOD = 3
"""Raise it with every change of how claims are found; the weights below are part of that."""
BOUNDS = (METHOD, NEAR_ENOUGH, FURTHER_NEAR_ENOUGH, SURE_ENOUGH)
"""What a claim hangs on besides the topic; part of every backend's version."""

# Logistic weights, fitted on the judged headlines of `classify/examples/claims` that are marked for setting them, read
# both by their labels and by the embedded reader. That an article agrees with a claim would help to find it as well
# (+2 points); it is left out, because a ledger filled that way would find for whatever it counts.
_BASE, _LISTED, _MAIN, _WORDS = -4.00, 1.87, 0.45, 2.11
_TEXT_PART = 1 / 3
_RAREST = 8.0
_THIRD_PARTY = 5.0
"""Rarity of the mention of a state outside the topic, by whichever of its names."""
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

Entails = Callable[[str, Sequence[str]], Sequence[tuple[float, float, float]]]
"""What a backend may offer as its method ``entails``: for a text and some statements the probabilities that the text
contradicts, leaves open and entails each."""


class ClaimFinder:
    """Finds the claims that a document bears on, among the claims of its dyads.

    Similarity is the probability that a careful reader would file the article under the claim: logistic in whether the
    claim's theme is one of the article's, and in the words of the claim that the article has. A word counts by its
    rarity in the press and among the claims of the dyad. It is an approximation by words: what is told in words that
    nobody listed is missed.

    *rarity* gives the idf of a word, from training.
    """

    def __init__(self, claims: Sequence[ClaimText], matcher: Matcher, rarity: Callable[[str], float]) -> None:
        self._claims = tuple(claims)
        self._rarity = rarity
        self._principals = matcher.principals
        self._postings: dict[str, list[tuple[int, float]]] = {}
        terms = [self._terms_of_claim(claim, matcher) for claim in self._claims]
        size = Counter(claim.dyad for claim in self._claims)
        spread = Counter((claim.dyad, term) for claim, own in zip(self._claims, terms, strict=True) for term in own)
        for number, (claim, own) in enumerate(zip(self._claims, terms, strict=True)):
            for term, part in own.items():
                telling = log((1 + size[claim.dyad]) / spread[claim.dyad, term]) / 10
                self._postings.setdefault(term, []).append((number, part * telling))

    def find(
        self,
        document: Document,
        dyads: Mapping[str, DyadReading],
        themes: Sequence[ThemeReading],
        entails: Entails | None = None,
    ) -> tuple[ClaimMatch, ...]:
        """Up to three claims on *dyads* that are near enough, the nearest first."""
        if not self._claims or not dyads:
            return ()
        codes = [theme.code for theme in themes]
        near = []
        for number, amount in self._amounts(document).items():
            claim = self._claims[number]
            if claim.dyad in dyads:
                listed, main = claim.theme in codes, claim.theme in codes[:1]
                similarity = 1 / (1 + exp(-(_BASE + _LISTED * listed + _MAIN * main + _WORDS * log1p(amount))))
                if similarity >= NEAR_ENOUGH:
                    near.append((-similarity, number))
        found = [
            (self._claims[number], -similarity)
            for place, (similarity, number) in enumerate(sorted(near)[:MOST_CLAIMS])
            if not place or -similarity >= FURTHER_NEAR_ENOUGH
        ]
        judged: Sequence[tuple[float, float, float] | None] = [None] * len(found)
        if entails is not None and found:
            judged = entails(document.full, [claim.text for claim, _ in found])
        return tuple(
            ClaimMatch(claim.id, similarity, relation(agreement(claim.stance, dyads[claim.dyad], entailed)))
            for (claim, similarity), entailed in zip(found, judged, strict=True)
        )

    def nearest(
        self, document: Document, dyads: Mapping[str, DyadReading], themes: Sequence[ThemeReading]
    ) -> ClaimMatch | None:
        """The nearest claim on one of *dyads*, or None when none is near enough."""
        found = self.find(document, dyads, themes)
        return found[0] if found else None

    def _amounts(self, document: Document) -> dict[int, float]:
        """How much of each claim's words the document has; claims of which it has none are left out."""
        amounts: dict[int, float] = {}
        for term, rarity in sorted(self._terms(document)):
            for number, telling in self._postings.get(term, ()):
                amounts[number] = amounts.get(number, 0.0) + rarity * telling
        return amounts

    def _terms_of_claim(self, claim: ClaimText, matcher: Matcher) -> dict[str, float]:
        """The claim's terms with their part: those of its own sentence count less than the words of the press."""
        text = dict.fromkeys((term for term, _ in self._terms(_document(claim, claim.text, matcher))), _TEXT_PART)
        words = dict.fromkeys((term for term, _ in self._terms(_document(claim, claim.words, matcher))), 1.0)
        return text | words if words else dict.fromkeys(text, 1.0)

    def _terms(self, document: Document) -> set[tuple[str, float]]:
        return {term for token in document.tokens for term in self._terms_of(token)}

    def _terms_of(self, token: Token) -> Iterator[tuple[str, float]]:
        """Stems with their rarity. The states' own names are left out: the dyad is a hard filter already."""
        hit = token.hit
        if hit is not None and hit.kind is Kind.ACTOR:
            third = [actor for actor, _ in hit.actors if actor not in self._principals]
            yield from ((f"@{actor}", _THIRD_PARTY) for actor in third)
            # What only points to a state (S-400, yuan, SCO) is what claims are about.
            if any(strength >= NAMES for _, strength in hit.actors):
                return
        word = token.word
        parts = word.replace("_", "-").split("-")
        for part in {word, *parts} if len(parts) > 1 else (word,):
            if len(part) > 1 and part[0].isalpha() and part not in _STOP:
                yield stem(part, _ENDINGS), min(self._rarity(f"w:{part}"), _RAREST)


def agreement(claim_stance: int, reading: DyadReading, entailed: tuple[float, float, float] | None = None) -> float:
    """How far an article speaks for a claim, from -1 (against) to 1: its soft stance on the claim's dyad, signed.

    With *entailed*, the probabilities that it contradicts, leaves open and entails the claim, the mean of both; these
    alone where the claim has no direction.

    >>> round(agreement(-1, DyadReading(1, (0.1, 0.1, 0.8))), 2)
    -0.7
    >>> agreement(0, DyadReading(1, (0.1, 0.1, 0.8)))
    0.0
    """
    by_stance = claim_stance * reading.score
    if entailed is None:
        return by_stance
    by_text = entailed[2] - entailed[0]
    return (by_stance + by_text) / 2 if claim_stance else by_text


def relation(agrees: float) -> str:
    """``supports``, ``undercuts``, or ``mentions`` where an agreement is nearer to nothing than `SURE_ENOUGH`.

    >>> relation(0.7), relation(-0.7), relation(0.1)
    ('supports', 'undercuts', 'mentions')
    """
    if abs(agrees) < SURE_ENOUGH:
        return "mentions"
    return "supports" if agrees > 0 else "undercuts"


def _document(claim: ClaimText, text: str, matcher: Matcher) -> Document:
    return make_document(Item(claim.id, "", text), matcher)
