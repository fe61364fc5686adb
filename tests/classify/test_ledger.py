"""The claim ledger: a story counts once a day and claim, with what most of its articles say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import pytest

from classify.batch import classify_pending
from classify.ledger import Entry, Passage, Tally, accounts, load_entries
from classify.model import ClaimMatch, Item, Read
from store.db import Store
from store.models import Article, Story
from tests.classify.helpers import Echo, add_articles

NOW = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)
MAY = dt.date(2024, 5, 1)


def entry(
    story: int, relation: str, day: dt.date = MAY, hour: int = 8, claim: str = "oil", similarity: float = 0.5
) -> Entry:
    at = dt.datetime.combine(day, dt.time(hour), dt.UTC)
    name = f"{story}-{relation}-{hour}"
    return Entry(
        claim,
        relation,
        similarity,
        day,
        story,
        at,
        name,
        "Demo",
        f"Title {name}",
        f"Says {name}.",
        f"https://a.example/{name}",
    )


def test_each_relation_is_counted_in_total_and_by_month() -> None:
    june = MAY + dt.timedelta(days=31)
    book = accounts(
        [
            entry(1, "supports"),
            entry(2, "supports", june),
            entry(3, "undercuts", june),
            entry(4, "mentions", june),
            entry(5, "undercuts", claim="gas"),
        ]
    )
    assert set(book) == {"oil", "gas"}
    assert book["oil"].total == Tally(2, 1, 1)
    assert list(book["oil"].months.items()) == [("2024-05", Tally(1, 0, 0)), ("2024-06", Tally(1, 1, 1))]
    assert book["gas"].total == Tally(0, 1, 0)


COPIES = [
    ("forty copies of a wire report are one story", ["supports"] * 40, Tally(1, 0, 0)),
    ("most of its articles decide", ["supports", "undercuts", "undercuts"], Tally(0, 1, 0)),
    ("equally divided is no side", ["supports", "undercuts"], Tally(0, 0, 1)),
    ("equally divided with a mention is no side", ["supports", "mentions"], Tally(0, 0, 1)),
]


@pytest.mark.parametrize(("relations", "total"), [case[1:] for case in COPIES], ids=[case[0] for case in COPIES])
def test_a_story_counts_once(relations: Sequence[str], total: Tally) -> None:
    entries = [entry(1, relation, hour=at % 24) for at, relation in enumerate(relations)]
    account = accounts(entries)["oil"]
    assert account.total == total
    assert [passage.copies for passage in account.passages] == [len(relations)]


def test_a_story_counts_again_on_another_day() -> None:
    book = accounts([entry(1, "supports"), entry(1, "supports", MAY + dt.timedelta(days=1))])
    assert book["oil"].total == Tally(2, 0, 0)


def test_an_article_counts_under_each_of_its_claims() -> None:
    book = accounts([entry(1, "supports"), entry(1, "undercuts", claim="gas")])
    assert (book["oil"].total, book["gas"].total) == (Tally(1, 0, 0), Tally(0, 1, 0))


def test_the_passage_is_the_earliest_article_that_says_what_the_story_says() -> None:
    entries = [entry(1, "undercuts", hour=3), entry(1, "supports", hour=9), entry(1, "supports", hour=6)]
    (passage,) = accounts(entries)["oil"].passages
    assert passage == Passage(
        MAY, "supports", "Demo", "Title 1-supports-6", "Says 1-supports-6.", "https://a.example/1-supports-6", 0.5, 3
    )


def test_the_newest_passages_come_first_and_of_a_day_those_that_take_a_side() -> None:
    later = MAY + dt.timedelta(days=1)
    entries = [
        entry(1, "supports"),
        entry(2, "mentions", later, similarity=0.9),
        entry(3, "supports", later, similarity=0.6),
        entry(4, "undercuts", later, similarity=0.7),
    ]
    shown = accounts(entries, passages=3)["oil"].passages
    assert [passage.title.split("-")[0] for passage in shown] == ["Title 4", "Title 3", "Title 2"]


def test_the_order_of_the_entries_changes_nothing() -> None:
    entries = [
        entry(story, relation, hour=hour)
        for story in (1, 2)
        for hour, relation in enumerate(("supports", "undercuts", "supports"))
    ]
    assert accounts(entries) == accounts(entries[::-1])


def test_nothing_read_is_an_empty_ledger() -> None:
    assert accounts([]) == {}


class Claiming(Echo):
    """An echo that names claims: all in `claims`, or only the nearest as older backends do."""

    def __init__(self, matches: Sequence[ClaimMatch], *, only_nearest: bool = False) -> None:
        super().__init__("claiming-1")
        self.matches = tuple(matches)
        self.only_nearest = only_nearest

    def read(self, items: Sequence[Item]) -> list[Read]:
        return [
            replace(read, claim=self.matches[0], claims=() if self.only_nearest else self.matches)
            for read in super().read(items)
        ]


MATCHES = (ClaimMatch("oil", 0.8, "supports"), ClaimMatch("gas", 0.4, "undercuts"))


def put_into_stories(store: Store) -> None:
    with store.session() as session:
        for article in session.query(Article):
            session.add(Story(id=article.id, day=article.day, last_day=article.day, title=article.title))
            session.flush()
            article.story_id = article.id


@pytest.mark.parametrize(("only_nearest", "claims"), [(False, {"oil", "gas"}), (True, {"oil"})])
def test_what_a_backend_names_is_kept_and_found_again(store: Store, only_nearest: bool, claims: set[str]) -> None:
    add_articles(store, ["plus one"])
    put_into_stories(store)
    classify_pending(store, Claiming(MATCHES, only_nearest=only_nearest), now=NOW)
    with store.session() as session:
        found = load_entries(session, "claiming-1")
    assert {one.claim for one in found} == claims
    (oil,) = [one for one in found if one.claim == "oil"]
    assert (oil.relation, oil.similarity, oil.day, oil.outlet, oil.passage) == (
        "supports",
        0.8,
        MAY,
        "Demo",
        "plus one",
    )


def test_entries_are_those_of_the_model_the_period_and_the_claim(store: Store) -> None:
    add_articles(store, ["plus one", "plus two", "plus three"])
    put_into_stories(store)
    classify_pending(store, Claiming(MATCHES), now=NOW)
    second = MAY + dt.timedelta(days=1)
    with store.session() as session:
        assert load_entries(session, "another-model") == []
        assert {one.day for one in load_entries(session, "claiming-1", since=second)} == {
            second,
            second + dt.timedelta(days=1),
        }
        assert {one.day for one in load_entries(session, "claiming-1", until=second)} == {MAY, second}
        assert {one.claim for one in load_entries(session, "claiming-1", claim="gas")} == {"gas"}


def test_an_article_without_a_story_waits_until_it_has_one(store: Store) -> None:
    add_articles(store, ["plus one"])
    classify_pending(store, Claiming(MATCHES), now=NOW)
    with store.session() as session:
        assert load_entries(session, "claiming-1") == []
    put_into_stories(store)
    with store.session() as session:
        assert len(load_entries(session, "claiming-1")) == 2
