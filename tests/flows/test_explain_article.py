"""An article explained: how it was read, which story it is told in, and how that story counts."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from flows.classify_articles import classify
from flows.detect_shifts import detect
from flows.explain_article import explain, explain_article_flow
from flows.import_archive import import_archive
from flows.watch import open_watch
from store.settings import get_settings
from tests.alerts.helpers_digest import evidence
from tests.alerts.test_digest import add_shift
from tests.flows.inprocess import IN_PROCESS
from tests.flows.test_flows import name_of, pages, run

pytestmark = IN_PROCESS

TALKS = "India and China agree to restart border talks and direct flights"
ITEMS = [
    {"title": TALKS, "source": "Alpha", "url": "https://alpha.example/1"},
    {"title": f"{TALKS} soon", "source": "Beta", "url": "https://beta.example/[1](x)"},
    {
        "title": "Weather: fog over north India, [snow](x) | in Russia",
        "source": "Alpha",
        "url": "https://alpha.example/2",
    },
]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three items of a day in the database in force, not yet read."""
    monkeypatch.setenv("RICWATCH_MODEL", "linear")
    get_settings.cache_clear()
    file = tmp_path / "items.jsonl"
    lines = [json.dumps({"id": str(n), "date": "2024-05-06", "text": "", **one}) for n, one in enumerate(ITEMS)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run(import_archive, files=[str(file)]).is_completed()
    return file


def page(article: str) -> str:
    state = run(explain_article_flow, article=article)
    assert state.is_completed(), state.message
    return pages(state)["article"]


@pytest.mark.usefixtures("stored")
def test_an_article_is_told_before_it_is_read_and_after() -> None:
    assert "It has not been read yet" in page(TALKS)
    assert "It waits to be read by the model in force" in page(TALKS)
    run(classify)
    told = page(TALKS)
    assert "| India–China | **↑ convergence** |" in told
    assert "The sentence that decided" in told
    assert "The series have not been brought up to date" in told
    run(detect, as_of="2024-05-07")
    told = page("https://alpha.example/1")
    assert "has 2 articles by 2 outlets" in told
    assert "and this one opened it" in told
    assert f"{TALKS} soon" in told
    assert "one story, the mean of its 2 articles that day; this article is the one shown" in told
    assert "shown is the one of Alpha" in page("https://beta.example/[1](x)")


@pytest.mark.usefixtures("stored")
def test_what_concerns_no_tie_says_why_it_counts_on_none() -> None:
    run(classify)
    told = page("Weather: fog")
    assert "**none of the ties**" in told
    assert "**Not on any tie.** It concerns none of the ties" in told
    assert r"\[snow\]\(x\) \| in Russia" in told
    assert "It is the only article of story" in told


@pytest.mark.usefixtures("stored")
def test_a_shift_that_the_story_carries_is_named() -> None:
    run(classify)
    run(detect, as_of="2024-05-07")
    with open_watch() as watch:
        known, _whys = explain(watch, "https://beta.example/[1](x)")
        other = {**vars_of(evidence().stories[0]), "article_id": known.articles[0].id}
        record: dict[str, Any] = {"stories": [other], "counter": None}
        number = add_shift(watch.store, dt.date(2024, 5, 6), model=watch.model.version, evidence=record)
        _found, (first,) = explain(watch, "https://alpha.example/1")
    assert [one for one, _words in first.shifts] == [number]
    assert f"evidence of shift {number}: India–China coverage turned convergent" in page("https://alpha.example/1")


def vars_of(story: Any) -> dict[str, Any]:
    """The fields of a frozen dataclass with slots, as it is stored."""
    from dataclasses import asdict

    fields: dict[str, Any] = json.loads(json.dumps(asdict(story), default=str))
    return fields


@pytest.mark.usefixtures("stored")
def test_the_run_is_named_after_the_article_and_a_part_of_a_title_lists_all() -> None:
    state = run(explain_article_flow, article="restart border talks")
    assert name_of(state).startswith(f"explain article: {TALKS} soon (Beta), and 1 more"[:60])
    asked = pages(state)["article"].partition("## What was asked for")[2]
    assert "| Article | restart border talks |" in asked


def test_what_is_not_known_says_where_it_may_have_been_lost() -> None:
    assert "Nothing is known of" in page("https://nowhere.example/1")
    state = run(explain_article_flow, article="  ")
    assert state.is_failed()
    assert "name an article: its address, words of its title, or its number" in str(state.message)
