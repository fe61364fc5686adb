"""The page of mistakes in a real browser: it fits a phone, every text is legible, in dark mode too; and it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser

from classify.actors import Matcher, example_topic
from classify.evaluate import gate, measure
from classify.floors import Bound
from classify.labelled import Labelled
from classify.mistakes import Kind, find_mistakes
from classify.model import Item
from flows.evaluate import Evaluated
from flows.evaluation_page import PER_KIND, page
from store.settings import ROOT
from tests.alerts.helpers_browser import MEASURE, chromium
from tests.classify.helpers import Echo

__all__ = ["chromium"]


@pytest.fixture(scope="module")
def html() -> str:
    """Every kind of mistake, one of them more often than the page shows; `Echo` reads by the first word."""
    given: list[tuple[str, dict[str, int], dict[str, str]]] = [
        ("plus a", {"IN-RU": -1}, {}),
        ("zero b", {"IN-RU": 1}, {"url": "https://example.org/a?b=c"}),
        ("minus c", {"IN-RU": 0}, {"text": "x" * 300}),
        ("Дели и Москва", {"IN-CN": 0}, {"lang": "ru"}),
        ("plus e", {}, {}),
        *(("minus f", {"IN-RU": 1}, {}) for _ in range(PER_KIND + 7)),
    ]
    labelled = [
        Labelled(Item(str(at), title, **more), dyads, ("arms",) if dyads else (), at == 1, "n" * 200)
        for at, (title, dyads, more) in enumerate(given)
    ]
    measured = measure(labelled, Echo())
    bound = Bound("relevance", 0.5, 0.9, True)
    done = Evaluated(
        "demo", "0" * 16, "echo", "echo-1", measured, gate(labelled, Matcher(example_topic())), (bound,), ()
    )
    return page(done, find_mistakes(measured), ROOT / "templates")


def test_the_page_groups_mistakes_and_says_how_many_it_leaves_out(html: str) -> None:
    order = [html.index(f'<h2 id="{kind.value.replace(" ", "-")}">') for kind in Kind]
    assert order == sorted(order)
    assert "The 8 least confident are left out here." in html
    assert '<a href="https://example.org/a?b=c"' in html
    assert 'lang="ru"' in html
    assert "≥ 0.900 broken" in html


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_is_legible(
    html: str, chromium: Browser, width: int, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    tab = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab.goto((tmp_path / "page.html").as_uri())
    found: dict[str, Any] = tab.evaluate(MEASURE)
    assert found["low"] == []
    assert found["small"] == []
    assert found["width"] <= width
    tab.close()


@pytest.mark.browser
def test_paper_is_white_whatever_the_screen_is(html: str, chromium: Browser, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    tab = chromium.new_page(color_scheme="dark")
    tab.goto((tmp_path / "page.html").as_uri())
    tab.emulate_media(media="print", color_scheme="dark")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    found: dict[str, Any] = tab.evaluate(MEASURE)
    assert found["low"] == []
    tab.close()
