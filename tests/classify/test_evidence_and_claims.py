"""The sentence that carries a reading, and the claim that is nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest

from classify import claims
from classify.actors import Matcher
from classify.claimpairs import ClaimFigures, Pair, Use, load_pairs, measure
from classify.claims import ClaimFinder, Entails, agreement, relation
from classify.evidence import evidence_sentence
from classify.model import ClaimMatch, DyadReading, Item, ThemeReading
from classify.parameters import WEIGHTS, load_parameters
from classify.text import make_document
from ingest.topic import ClaimText, Topic
from store.errors import InputError

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


AGREEMENTS = [
    ("same sign and sure", 1, SURE, None, "supports"),
    ("other sign and sure", -1, SURE, None, "undercuts"),
    ("a claim that weighs both", 0, SURE, None, "mentions"),
    ("a neutral article", 1, DyadReading(0, (0.1, 0.8, 0.1)), None, "mentions"),
    ("an unsure reading", 1, DyadReading(1, (0.3, 0.3, 0.4)), None, "mentions"),
    ("a text that entails a claim of no direction", 0, SURE, (0.1, 0.1, 0.8), "supports"),
    ("a text that contradicts what its stance supports", 1, SURE, (0.8, 0.1, 0.1), "mentions"),
    (
        "a text that contradicts where the stance is neutral",
        1,
        DyadReading(0, (0.1, 0.8, 0.1)),
        (0.9, 0.1, 0.0),
        "undercuts",
    ),
]


@pytest.mark.parametrize(
    ("claim", "reading", "entailed", "is_"), [a[1:] for a in AGREEMENTS], ids=[a[0] for a in AGREEMENTS]
)
def test_relation(claim: int, reading: DyadReading, entailed: tuple[float, float, float] | None, is_: str) -> None:
    assert relation(agreement(claim, reading, entailed)) == is_


WORDED = [
    *CLAIMS,
    ClaimText(
        "record", "doc", "IN-RU", "trade", 1, "Trade between India and Russia reaches a record.", words="crude cargo"
    ),
    ClaimText("bank", "doc", "IN-RU", "finance", 1, "A bank of India opens in Russia.", words="crude settlement"),
    ClaimText(
        "coal", "doc", "IN-RU", "energy", -1, "India stops buying coal from Russia.", words="coal crude refiners cargo"
    ),
]
TANKER = "Indian refiners buy a discounted Russian crude cargo, settlement with a bank open"


def found(matcher: Matcher, themes: Sequence[str], entails: Entails | None = None) -> tuple[ClaimMatch, ...]:
    finder = ClaimFinder(WORDED, matcher, lambda _: 6.0)
    document = make_document(Item("1", TANKER), matcher)
    return finder.find(document, {"IN-RU": SURE}, [ThemeReading(code, 0.9) for code in themes], entails)


def test_the_nearest_claims_come_first_and_are_three_at_most(matcher: Matcher) -> None:
    matches = found(matcher, ["energy", "finance", "trade"])
    assert len({one.id for one in matches}) == len(matches) == 3
    assert [one.similarity for one in matches] == sorted((one.similarity for one in matches), reverse=True)
    assert all(0 < one.similarity < 1 for one in matches)


def test_further_claims_must_be_nearer_than_the_nearest_need_be(
    matcher: Matcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    matches = found(matcher, ["energy", "trade"])
    monkeypatch.setattr(claims, "FURTHER_NEAR_ENOUGH", claims.NEAR_ENOUGH)
    with_weaker = found(matcher, ["energy", "trade"])
    assert with_weaker[: len(matches)] == matches
    weaker = with_weaker[len(matches) :]
    assert weaker
    assert all(claims.NEAR_ENOUGH <= one.similarity < 0.5 for one in weaker)


def test_a_claim_is_found_by_the_words_of_the_press_that_its_own_sentence_lacks(matcher: Matcher) -> None:
    assert found(matcher, ["trade"])[0].id == "record"


def test_a_backend_that_can_judge_entailment_is_asked_about_the_claims_found(matcher: Matcher) -> None:
    asked: list[tuple[str, list[str]]] = []

    def entails(text: str, claims: Sequence[str]) -> list[tuple[float, float, float]]:
        asked.append((text, list(claims)))
        return [(0.98, 0.02, 0.0) for _ in claims]

    matches = found(matcher, ["energy"], entails)
    texts = {claim.id: claim.text for claim in WORDED}
    assert asked == [(TANKER, [texts[one.id] for one in matches])]
    # Stance speaks for "oil" and the text against it: together they leave it open. Both speak against "coal".
    relations = {one.id: one.relation for one in matches}
    assert (relations["oil"], relations["coal"]) == ("mentions", "undercuts")


def test_nearest_is_the_first_that_is_found(topic: Topic, matcher: Matcher) -> None:
    finder = ClaimFinder(topic.claims, matcher, lambda _: 6.0)
    document = make_document(Item("1", "Russian S-400 squadron delivered late, India told to wait for spares"), matcher)
    arguments = document, {"IN-RU": SURE}, [ThemeReading("arms", 0.9)]
    assert finder.nearest(*arguments) == finder.find(*arguments)[0]


FLOORS = ClaimFigures(items=75, given=20, apt=0.84, found=0.6, among=0.64, abstained=0.74, silent=0.9, relation=0.8)
"""Just below what was measured (`bench.claims`) on the pairs that the weights were not fitted on."""


def test_judged_headlines_find_their_claims(topic: Topic, matcher: Matcher) -> None:
    finder = ClaimFinder(topic.claims, matcher, load_parameters(WEIGHTS).item_words.idf_of)

    def find(pair: Pair) -> tuple[ClaimMatch, ...]:
        return finder.find(make_document(pair.item, matcher), *pair.as_labelled())

    figures = measure([pair for pair in load_pairs() if pair.use is Use.REPORT], find)
    assert figures.items == FLOORS.items
    short = [
        field.name
        for field in fields(figures)
        if (getattr(figures, field.name) or 0) < (getattr(FLOORS, field.name) or 0)
    ]
    assert short == [], figures


def test_the_pairs_name_claims_of_ours_on_dyads_that_the_item_concerns(topic: Topic) -> None:
    dyads = {claim.id: claim.dyad for claim in topic.claims}
    pairs = load_pairs()
    assert len(pairs) >= 150
    assert {claim for pair in pairs for claim in pair.fitting} <= set(dyads)
    assert all(dyads[claim] in pair.dyads for pair in pairs for claim in pair.fitting)
    assert len({pair.item.title for pair in pairs}) == len(pairs)


def test_a_malformed_pair_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"id": "1", "title": "t", "text": "", "dyads": {}, "themes": [], "claim": null, "also": {}}\n')
    with pytest.raises(InputError, match=r"pairs\.jsonl, line 1: KeyError: 'use'"):
        load_pairs(path)


def test_measure_counts_what_fits_what_does_not_and_what_is_left_out() -> None:
    def pair(name: str, fitting: dict[str, str]) -> Pair:
        return Pair(Item(name, name), {}, (), fitting, Use.REPORT)

    pairs = [
        pair("right", {"a": "supports"}),
        pair("wrong relation", {"a": "undercuts", "b": "mentions"}),
        pair("second", {"b": "supports"}),
        pair("missed", {"c": "supports"}),
        pair("invented", {}),
        pair("left out", {}),
    ]
    given = dict.fromkeys(("right", "wrong relation", "second", "invented"), ("a", "b"))
    figures = measure(pairs, lambda one: [ClaimMatch(id_, 0.5, "supports") for id_ in given.get(one.item.id, ())])
    assert figures == ClaimFigures(
        items=6, given=4, apt=0.5, found=0.5, among=0.75, abstained=0.5, silent=0.5, relation=0.5
    )
