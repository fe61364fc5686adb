"""The sentence that carries a reading, and the claim that is nearest to it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from classify.actors import Matcher
from classify.claims import ClaimFinder, relation
from classify.evidence import evidence_sentence
from classify.model import ClaimMatch, DyadReading, Item, ThemeReading
from classify.text import make_document
from ingest.topic import ClaimText

EVIDENCE = [
    ("both sides and a polar word", "News", "Rain fell. India signed with Russia. So.", "India signed with Russia."),
    (
        "the text before the title",
        "India and Russia sign",
        "India and Russia signed now.",
        "India and Russia signed now.",
    ),
    ("the title where the text says nothing", "India and Russia sign", "It was warm.", "India and Russia sign"),
    ("one side rather than a third party", "News", "China objects. India waits.", "India waits."),
    (
        "word for word, odd spaces included",
        "News",
        "India  signed\xa0with Russia. So.",
        "India  signed\xa0with Russia.",
    ),
]


@pytest.mark.parametrize(("title", "text", "sentence"), [c[1:] for c in EVIDENCE], ids=[c[0] for c in EVIDENCE])
def test_evidence_is(matcher: Matcher, title: str, text: str, sentence: str) -> None:
    document = make_document(Item("1", title, text), matcher)
    assert evidence_sentence(document, ("IN", "RU"), matcher.principals) == sentence


def test_a_text_without_full_stops_is_cut_at_a_word(matcher: Matcher) -> None:
    text = "India and Russia agree " * 60
    found = evidence_sentence(make_document(Item("1", "", text), matcher), ("IN", "RU"), matcher.principals)
    assert found
    assert len(found) <= 600
    assert text.startswith(found + " ")


CLAIMS = [
    ClaimText("oil", "doc", "IN-RU", "energy", 1, "India buys record volumes of discounted crude oil from Russia."),
    ClaimText(
        "banks", "doc", "IN-RU", "finance", -1, "Sanctions leave payments between Indian and Russian banks stuck."
    ),
    ClaimText("gas", "doc", "RU-CN", "energy", 1, "Russia pipes more gas to China."),
]
SURE = DyadReading(1, (0.1, 0.1, 0.8))


def nearest(
    matcher: Matcher, title: str, dyads: dict[str, DyadReading], themes: Sequence[str] = ("energy",)
) -> ClaimMatch | None:
    finder = ClaimFinder(CLAIMS, matcher, lambda _: 3.0)
    document = make_document(Item("1", title), matcher)
    return finder.nearest(document, dyads, [ThemeReading(code, 0.9) for code in themes])


def test_the_claim_that_says_the_same_is_found_and_supported(matcher: Matcher) -> None:
    match = nearest(matcher, "Indian purchases of discounted Russian crude oil at record", {"IN-RU": SURE})
    assert match
    assert (match.id, match.relation) == ("oil", "supports")


def test_an_article_that_sees_the_tie_go_the_other_way_undercuts_it(matcher: Matcher) -> None:
    down = DyadReading(-1, (0.9, 0.05, 0.05))
    match = nearest(matcher, "India's record volumes of Russian crude oil dwindle", {"IN-RU": down})
    assert match
    assert (match.id, match.relation) == ("oil", "undercuts")


def test_a_claim_on_another_dyad_is_never_given(matcher: Matcher) -> None:
    assert nearest(matcher, "Russia pipes more gas to China", {"IN-RU": SURE}) is None


def test_without_likeness_there_is_no_claim(matcher: Matcher) -> None:
    assert nearest(matcher, "India and Russia exchange students", {"IN-RU": SURE}) is None


def test_without_claims_there_is_no_claim(matcher: Matcher) -> None:
    finder = ClaimFinder([], matcher, lambda _: 1.0)
    assert finder.nearest(make_document(Item("1", "India, Russia"), matcher), {"IN-RU": SURE}, []) is None


RELATIONS = [
    ("same sign and sure", 1, SURE, True, "supports"),
    ("other sign and sure", -1, SURE, True, "undercuts"),
    ("a claim that weighs both", 0, SURE, True, "mentions"),
    ("a neutral article", 1, DyadReading(0, (0.1, 0.8, 0.1)), True, "mentions"),
    ("an unsure reading", 1, DyadReading(1, (0.3, 0.3, 0.4)), True, "mentions"),
    ("another theme", 1, SURE, False, "mentions"),
]


@pytest.mark.parametrize(
    ("claim", "reading", "theme", "is_"), [r[1:] for r in RELATIONS], ids=[r[0] for r in RELATIONS]
)
def test_relation(claim: int, reading: DyadReading, theme: bool, is_: str) -> None:
    assert relation(claim, reading, theme) == is_
