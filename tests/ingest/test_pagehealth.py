"""How full texts fare, in words."""

from __future__ import annotations

import pytest

from ingest.page import PageOutcome
from ingest.pagehealth import LATELY, PageHealth, page_health, what_full_texts_lack
from ingest.roster import sync_roster
from store.db import Store
from store.settings import Settings
from tests.ingest.helpers import NOW, feed
from tests.ingest.pagerows import add_page


@pytest.mark.parametrize(
    ("counts", "words", "fruitless"),
    [
        ({}, "no page this week", False),
        ({PageOutcome.REPLACED: 3}, "3 of 3 pages this week", False),
        ({PageOutcome.REPLACED: 1, PageOutcome.ROBOTS: 2, PageOutcome.PAYWALL: 6}, "mostly paywall", False),
        ({PageOutcome.ROBOTS: 4}, "0 of 4 pages this week, else mostly robots", False),
        ({PageOutcome.ROBOTS: 5}, "0 of 5 pages this week, else mostly robots", True),
        ({PageOutcome.NOT_LONGER: 9}, "mostly not_longer", False),
    ],
)
def test_what_came_of_a_week_s_pages(counts: dict[PageOutcome, int], words: str, fruitless: bool) -> None:
    health = PageHealth(counts)
    assert health.words.startswith("full texts: ")
    assert words in health.words
    assert health.fruitless is fruitless


def test_only_feeds_that_ask_for_full_texts_and_pages_of_this_week_count(store: Store) -> None:
    with store.session() as session:
        sync_roster(
            session,
            [
                feed("a", url="https://a.in/1", full_text=True),
                feed("b", url="https://a.in/2", full_text=True),
                feed("c", url="https://a.in/3"),
            ],
        )
        add_page(session, 1, "a", "replaced", asked=NOW)
        add_page(session, 2, "a", "robots", asked=NOW - LATELY / 7 * 6)
        add_page(session, 3, "a", "robots", asked=NOW - LATELY / 7 * 8)
        add_page(session, 4, "c", "replaced", asked=NOW)
        found = page_health(session, now=NOW)
    assert {key: dict(health.counts) for key, health in found.items()} == {
        "a": {PageOutcome.REPLACED: 1, PageOutcome.ROBOTS: 1},
        "b": {},
    }


def test_what_stands_in_the_way_of_all_full_texts_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "RICWATCH_FULL_TEXT=true" in what_full_texts_lack(settings)
    on = settings.model_copy(update={"full_text": True})
    assert what_full_texts_lack(on) == ""
    monkeypatch.setattr("ingest.pageworker.find_spec", lambda name: None)
    assert "pip install 'ricwatch[fulltext]'" in what_full_texts_lack(on)
