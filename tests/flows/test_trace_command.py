"""The command `trace`: what became of an item, in plain words."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from flows.trace_command import lines
from ingest.articles import LeftOut
from ingest.trace import ArticleTrace, LeftOutTrace, MergeTrace, PollTrace, ReadingTrace, SuspectTrace, Trace
from tests.flows import commands
from tests.flows.served import place
from tests.flows.test_cli import ricwatch

AT = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
DAY = AT.date()
POLL = PollTrace(7, AT, "fetched", 200, "", 30, 0, 0)
ARTICLE = ArticleTrace(
    id=3, title="Modi meets Putin", url="https://a.example/3", outlet="Alpha", feed="alpha", imported=False,
    first_seen_at=AT, day=DAY, published_raw="soon", date_quality="missing", poll=POLL, story=2,
    story_title="Putin hosts Modi", story_articles=5, story_outlets=4,
    merges=(MergeTrace(9, "Moscow hosts Modi", 5, "Modi in Moscow", 0.83, AT),),
    readings=(ReadingTrace("m-1", AT, True, 0.9, "arms", (("IN-RU", 1, 0.81),), "They met."),),
    also=(LeftOutTrace("beta", "Beta", LeftOut.ELSEWHERE, DAY, DAY, POLL),),
)  # fmt: skip


def told(found: Trace) -> str:
    return "\n".join(lines(found, "x"))


def test_an_article_is_told_with_response_day_story_and_reading() -> None:
    text = told(Trace((ARTICLE,), ()))
    for part in (
        "Article 3: Modi meets Putin",
        "poll 7 on 2026-11-25 12:00 UTC (fetched, HTTP 200, 30 items)",
        "by first sight, since the item has no date that can be read (it says 'soon')",
        "Carried as well by Beta (beta)",
        "Story 2, of 5 articles by 4 outlets: Putin hosts Modi",
        "took in story 9 (Moscow hosts Modi) on 2026-11-25 12:00 UTC: article 5 (Modi in Moscow) belongs to both",
        "m-1 on 2026-11-25 12:00 UTC: IN-RU convergence (0.81), theme arms, for “They met.”",
    ):
        assert part in text


def test_an_item_that_was_left_out_is_told_with_its_reason() -> None:
    item = LeftOutTrace("alpha", "Alpha", LeftOut.OFF_TOPIC, DAY, None, None)
    assert "does not name two of the actors" in told(Trace((), (item,)))
    assert "imported" in told(Trace((), (item,)))


def test_where_nothing_is_known_the_polls_that_may_have_lost_it_are_named() -> None:
    lost = PollTrace(8, AT, "fetched", 200, "", 2_500, 0, 500)
    text = told(Trace((), (), (SuspectTrace("alpha", lost),)))
    assert "500 items beyond the cap" in text
    assert "forgotten" not in text
    assert "forgotten" in told(Trace((), ()))


def test_the_command_answers_and_its_status_says_whether_something_was_found(
    tmp_path: Path, prefect_database: Path
) -> None:
    place(prefect_database, tmp_path / "var")
    items = tmp_path / "items.jsonl"
    items.write_text('{"id": "1", "title": "India and Russia sign [red]oil[/red] pact", "date": "2024-05-06"}\n')
    assert ricwatch("import", str(items), cwd=tmp_path).returncode == 0
    found = commands.ricwatch("trace", "oil[/red] pact", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "India and Russia sign [red]oil[/red] pact" in found.stdout
    assert "imported from a file" in found.stdout
    assert commands.ricwatch("trace", "https://a.example/none", cwd=tmp_path).returncode == 1
