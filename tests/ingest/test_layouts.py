"""How much of an article is found on pages of many layouts, and how much of what is found is no article."""

from __future__ import annotations

import pytest

from ingest.page import PageOutcome, compare, is_html
from ingest.pagetext import read_page
from tests.ingest.layouts import LAYOUTS, Layout


def found(layout: Layout) -> str:
    """What an article would get of the page; empty where it keeps its lead."""
    if not is_html(layout.headers, layout.body):
        return ""
    page = read_page(layout.body, layout.headers, "deskwatch")
    if page.refused is not None:
        return ""
    told = compare(layout.title, layout.lead, page.text, "https://harbour.example/a")
    return told.text if told.outcome is PageOutcome.REPLACED else ""


def squeezed(text: str) -> str:
    """Without white space, which says nothing about what was found."""
    return "".join(text.split())


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_page_gives_its_article_and_little_else(layout: Layout) -> None:
    text = squeezed(found(layout))
    if not layout.wanted:
        assert text == ""
        return
    there = [sentence for sentence in map(squeezed, layout.wanted) if sentence in text]
    assert len(there) == len(layout.wanted), "every sentence of it"
    assert sum(map(len, there)) >= 0.9 * len(text), "a heading or a byline may stand with it"
