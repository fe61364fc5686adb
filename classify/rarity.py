"""How much a word tells of what an article is about: its rarity in the press; the names of the states tell nothing."""

from __future__ import annotations

from collections.abc import Callable

from classify.actors import NAMES, Kind, Matcher

COMMON = 3.0
"""Rarity (idf) up to which a word tells nothing: it stands in more than one article of the topic in eight."""


def word_rarity(idf: Callable[[str], float], matcher: Matcher) -> Callable[[str], float]:
    """A function that gives the rarity of a word of a title; 0 for one that tells nothing.

    *idf* is `Block.idf_of` of the words of items. Words that name one of the topic's states are in every article of the
    topic; in scripts of which training saw little they would pass for the rarest of all.
    """
    principals = matcher.principals

    def rarity(word: str) -> float:
        if len(word) < 2 or word.isdecimal():
            return 0.0
        found = idf(f"w:{word}")
        return found if found > COMMON and not names_a_state(word) else 0.0

    def names_a_state(word: str) -> bool:
        # A title's plain form has lost the capitals that the matcher wants, and the apostrophe of "India's".
        bare = {word, word.removesuffix("s")}
        return any(
            hit.kind is Kind.ACTOR and any(actor in principals and strength >= NAMES for actor, strength in hit.actors)
            for form in bare | {one.capitalize() for one in bare} | {one.upper() for one in bare}
            for hit in matcher.hits(form)
        )

    return rarity
