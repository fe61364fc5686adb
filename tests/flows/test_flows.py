"""Each flow in-process, on a real Prefect server, with feeds over real HTTP."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import mailbox
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter
from prefect.client.schemas.objects import State
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flows.backtest import backtest
from flows.classify_articles import classify, re_read
from flows.detect_shifts import detect
from flows.import_archive import import_archive
from flows.ingest_feeds import ingest_feeds
from flows.monitor import monitor
from flows.people import subscribe
from flows.replay import replay
from flows.roster import add_feed, check_feeds, switch_feed
from flows.seeds import ingest_seeds_flow
from flows.send_digest import digest, send_test_digest
from flows.watch import moment
from ingest.archive import ArchiveServer
from ingest.roster import load_roster
from store.db import Store
from store.deeds import deeds_since
from store.models import Article, Digest, Feed, Outbox, Poll, Reading, SeedDocument
from store.people import Deed
from store.settings import Settings, get_settings
from tests.flows.inprocess import IN_PROCESS
from tests.flows.items import write_items

pytestmark = IN_PROCESS
T = TypeVar("T")


def run(flow: Any, **parameters: Any) -> State[Any]:
    """Run a flow; gives its final state."""
    state: State[Any] = asyncio.run(flow(**parameters, return_state=True))
    return state


def outcome(flow: Any, **parameters: Any) -> Any:
    """Run a flow; gives what it returns."""
    return asyncio.run(flow(**parameters))


def pages(state: State[Any]) -> dict[str, str]:
    """The Markdown pages of a run, by key."""

    async def read() -> dict[str, str]:
        async with get_client() as client:
            rows = await client.read_artifacts(
                artifact_filter=ArtifactFilter.model_validate(
                    {"flow_run_id": {"any_": [state.state_details.flow_run_id]}}
                )
            )
            return {str(row.key): str(row.data) for row in rows}

    return asyncio.run(read())


def name_of(state: State[Any]) -> str:
    """The name of the run that ended in *state*."""

    async def read() -> str:
        async with get_client() as client:
            assert state.state_details.flow_run_id is not None
            return str((await client.read_flow_run(state.state_details.flow_run_id)).name)

    return asyncio.run(read())


def stored(read: Callable[[Session], T]) -> T:
    """What *read* finds in the database in force."""
    store = Store(get_settings().database)
    try:
        with store.session() as session:
            return read(session)
    finally:
        store.close()


def count(table: type[Any]) -> int:
    """Rows of a table."""
    return stored(lambda session: session.query(table).count())


def test_ingest_seeds_loads_five_documents_and_shows_them() -> None:
    state = run(ingest_seeds_flow)
    assert state.is_completed()
    assert count(SeedDocument) == 5
    assert len(pages(state)["seed-documents"]) > 500


def test_ingest_feeds_stores_articles_and_shows_what_was_polled(feeds: ArchiveServer) -> None:
    state = run(ingest_feeds, force=True)
    assert "feeds answered" in str(state.message)
    assert count(Article) > 10
    assert count(Feed) == len(feeds.roster())
    assert "Demo" in pages(state)["polled-feeds"]


@pytest.mark.usefixtures("feeds")
def test_ingest_feeds_polls_only_the_feeds_that_are_named(feeds: ArchiveServer) -> None:
    key = feeds.roster()[0].key
    state = run(ingest_feeds, feeds=[key], force=True)
    assert "of 1 feeds answered" in str(state.message)


def test_ingest_feeds_refuses_a_key_that_no_feed_has_and_a_feed_that_is_off(feeds: ArchiveServer) -> None:
    off, near = (feed.key for feed in feeds.roster()[:2])
    state = run(ingest_feeds, feeds=[near[:-1]], force=True)
    assert state.is_failed()
    assert str(state.message).startswith(f"the roster has no feed {near[:-1]!r}; did you mean {near}? ")
    run(switch_feed, key=off, polled=False, because="moved")
    state = run(ingest_feeds, feeds=[off], force=True)
    assert state.is_failed()
    assert f"the feed {off} is switched off (moved" in str(state.message)


@pytest.mark.usefixtures("feeds")
def test_classify_reads_each_article_once() -> None:
    run(ingest_feeds, force=True)
    assert "articles read" in str(run(classify).message)
    read = count(Reading)
    assert read == count(Article)
    assert str(run(classify).message) == "nothing new to read"
    assert count(Reading) == read


@pytest.mark.usefixtures("feeds")
def test_monitor_does_every_step_and_a_second_run_adds_nothing() -> None:
    first = run(monitor, force=True)
    assert first.is_completed()
    assert {"seed-documents", "polled-feeds", "new-articles", "readings", "shifts", "digest"} <= set(pages(first))
    articles, readings, digests = count(Article), count(Reading), count(Digest)
    again = run(monitor, force=True)
    assert set(pages(again)) == {"seed-documents", "polled-feeds", "shifts"}, "no page tells of nothing"
    second = asyncio.run(again.aresult())
    assert (second.new_articles, second.readings, second.mails_sent) == (0, 0, 0)
    assert (count(Article), count(Reading), count(Digest)) == (articles, readings, digests)


def test_monitor_without_any_network_says_so(monkeypatch: pytest.MonkeyPatch, feeds: ArchiveServer) -> None:
    feeds.__exit__(None, None, None)
    report = outcome(monitor, force=True, send=False)
    assert report.nothing_reached
    assert report.feeds_answered == 0


@pytest.mark.usefixtures("feeds")
def test_send_test_digest_reaches_the_person_who_asked(settings: Settings) -> None:
    run(ingest_feeds, force=True)
    run(classify)
    state = run(send_test_digest, recipients=["me@example.org"])
    assert "1 mail sent" in str(state.message)
    (mail,) = mailbox.Maildir(settings.var_dir / "mail", create=False)
    assert mail["To"] == "me@example.org"


def test_a_dry_run_stores_and_sends_nothing(settings: Settings) -> None:
    state = run(digest, kind="manual", dry_run=True)
    assert state.is_completed()
    assert count(Digest) == 0
    assert not (settings.var_dir / "mail").exists()
    assert "India–China" in pages(state)["digest"]


def test_import_archive_counts_what_it_skips(tmp_path: Path) -> None:
    state = run(import_archive, files=[str(write_items(tmp_path / "items.jsonl.gz"))])
    assert "731 lines" in str(state.message)
    assert "1 skipped" in str(state.message)
    assert count(Article) > 300
    assert "731" in pages(state)["imported"]


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The events of opened shifts, instead of sending them to the server."""
    events: list[dict[str, Any]] = []
    monkeypatch.setattr("flows.detect_shifts.emit_event", lambda **event: events.append(event))
    return events


def test_detect_finds_the_turn_and_announces_it(tmp_path: Path, emitted: list[dict[str, Any]]) -> None:
    run(import_archive, files=[str(write_items(tmp_path / "items.jsonl.gz"))])
    run(classify)
    state = run(detect, as_of="2021-07-20")
    assert "India–China" in str(state.message)
    assert "divergen" in str(state.message)
    assert "![India–China, 12 weeks of average stance" in pages(state)["ties"]
    assert {(one["event"], one["resource"]["ricwatch.digest"]) for one in emitted} == {
        ("ricwatch.shift.opened", "wanted")
    }
    assert {one["payload"].get("dyad") for one in emitted} >= {"IN-CN"}
    del emitted[:]
    assert str(run(detect, as_of="2021-07-20").message) == "no shift"
    assert not emitted


@pytest.mark.parametrize(("send", "label"), [(True, "same-run"), (False, "off")])
def test_the_watch_announces_a_shift_and_says_whether_it_mails_it(
    feeds: ArchiveServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    emitted: list[dict[str, Any]],
    send: bool,
    label: str,
) -> None:
    run(import_archive, files=[str(write_items(tmp_path / "items.jsonl.gz"))])
    then = moment("2021-07-20")
    monkeypatch.setattr("flows.monitor.moment", lambda _day: then)
    state = run(monitor, send=send)
    assert " 0 shifts" not in str(state.message)
    assert {(one["payload"].get("dyad"), one["resource"]["ricwatch.digest"]) for one in emitted} >= {("IN-CN", label)}
    assert {one["resource"]["ricwatch.digest"] for one in emitted} == {label}


@pytest.mark.usefixtures("feeds")
def test_the_watch_as_of_a_day_asks_no_feed_and_mails_nobody(tmp_path: Path, emitted: list[dict[str, Any]]) -> None:
    run(import_archive, files=[str(write_items(tmp_path / "items.jsonl.gz"))])
    state = run(monitor, as_of="2021-07-20", requested_by="Ann")
    assert state.is_completed()
    assert name_of(state).startswith("watch as of 2021-07-20: ")
    assert name_of(state).endswith(" opened")
    assert count(Poll) == 0
    left = pages(state)
    assert "India–China" in left["digest"]
    assert "2021" in left["digest"]
    assert "polled-feeds" not in left
    read_at = stored(lambda session: set(session.scalars(select(func.date(Reading.read_at)))))
    assert read_at == {f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"}, "the reader took over today"
    assert not emitted, "a shift of the past is no news"
    assert count(Digest) == count(Outbox) == 0
    refused = run(monitor, as_of="2021-07-20", force=True)
    assert "no feed can be asked for a past day" in str(refused.message)


def test_runs_over_files_leave_a_page_that_tells_what_was_asked_for(tmp_path: Path) -> None:
    items, readings = tmp_path / "items.jsonl", tmp_path / "readings.jsonl"
    row = {"id": "1", "title": "India and China agree to widen cooperation", "source": "A", "date": "2021-01-02"}
    items.write_text(f"{json.dumps(row)}\nthis is no JSON\n", encoding="utf-8")
    read = run(classify, items=str(items), readings=str(readings), requested_by="Ann")
    assert str(read.message).startswith("1 items read, 1 lines skipped")
    page = pages(read)["items-read"]
    assert "1 items read, 1 lines skipped" in page
    assert "| Line 2 | skipped: " in page
    assert "| Asked by | Ann |" in page
    days = [f"2021-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
    table = [f"{day},IN-CN,{'6,3,1' if day < '2021-07' else '1,3,6'}" for day in days]
    series, shifts = tmp_path / "series.csv", tmp_path / "shifts.jsonl"
    series.write_text("\n".join(["date,dyad,plus,zero,minus", *table, "soon,IN-CN,1,1,1"]) + "\n", encoding="utf-8")
    found = run(detect, series=str(series), shifts=str(shifts), requested_by="Ann")
    page = pages(found)["series-shifts"]
    assert f"{found.message}." in page
    assert "| Shift of IN-CN |" in page
    assert "skipped: " in page
    assert "| Asked by | Ann |" in page


def test_backtest_writes_its_folder_and_sees_nothing_of_the_future(tmp_path: Path) -> None:
    items = write_items(tmp_path / "items.jsonl.gz")
    whole, part = tmp_path / "whole", tmp_path / "part"
    events = tmp_path / "events.csv"
    events.write_text("date,tie,direction,label\n2021-07-01,IN-CN,divergence,The <b>turn</b>\n")
    all_year = outcome(backtest, items=str(items), output=str(whole), events=str(events), permutations=2)
    half_year = outcome(backtest, items=str(items), end="2021-08-31", output=str(part), permutations=0)
    made = {"report.html", "coverage.png", "figures.json", "series.csv", "shifts.jsonl", "summary.md", "digests"}
    assert {path.name for path in whole.iterdir()} >= made
    page = (whole / "report.html").read_text(encoding="utf-8")
    assert "The &lt;b&gt;turn&lt;/b&gt;" in page
    assert str(tmp_path) not in page
    told = json.loads((whole / "figures.json").read_text(encoding="utf-8"))
    assert told["shifts"] == len(all_year.shifts)
    assert 0 <= told["events"][0]["delay"] <= 60
    assert len(told["chance"]["tone"]) == 2
    assert half_year.null is None
    early = [found.as_record() for found in all_year.shifts if f"{found.detected}" <= "2021-08-31"]
    assert [found.as_record() for found in half_year.shifts] == early
    assert any(shift["direction"] == "divergence" for shift in early)
    assert list((whole / "digests").glob("*.html"))


def test_backtest_leaves_a_strangers_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    items = write_items(tmp_path / "items.jsonl.gz")
    state = run(backtest, items=str(items), output=str(tmp_path))
    assert state.is_failed()
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_replay_marks_everything_and_goes_on_where_it_stopped(settings: Settings) -> None:
    first = outcome(replay, until="2024-01-20")
    assert first.new_articles > 0
    again = outcome(replay, until="2024-01-20")
    assert again.new_articles == 0
    more = outcome(replay, until="2024-01-31")
    assert more.new_articles > 0
    subjects = [str(mail["Subject"]) for mail in mailbox.Maildir(settings.var_dir / "replay" / "mail", create=False)]
    assert subjects
    assert all("REPLAY" in subject for subject in subjects)
    assert not (settings.var_dir / "mail").exists()
    assert get_settings().replay is False


@pytest.mark.usefixtures("feeds")
def test_feeds_are_probed_switched_off_and_on_by_hand(feeds: ArchiveServer) -> None:
    state = run(check_feeds)
    assert "feeds are well" in str(state.message)
    n = len(feeds.roster())  # the archive's newest items are of long ago, which is told as well
    assert name_of(state) == f"check feeds: {n} of {n} are not well"
    assert "Demo" in pages(state)["checked-feeds"]
    key = feeds.roster()[0].key
    off = run(switch_feed, key=key, because="sold", requested_by="Ann")
    assert "is not polled any more: sold" in str(off.message)
    assert "| Asked by | Ann |" in pages(off)["roster"]
    assert name_of(off) == f"feed {key}: switched off"
    assert f"of {len(feeds.roster()) - 1} feeds answered" in str(run(ingest_feeds, force=True).message)
    assert run(switch_feed, key=key).is_failed()
    assert "is polled again" in str(run(switch_feed, key=key, polled=True).message)
    on = run(switch_feed, key=key, polled=True, what="full texts")
    assert name_of(on) == f"feed {key}: full texts switched on"
    assert "RICWATCH_FULL_TEXT=true" in str(on.message), "what is still missing is told"
    roster = load_roster(get_settings().feeds_file)
    assert [feed.full_text for feed in roster if feed.key == key] == [True]


@pytest.mark.usefixtures("feeds")
def test_a_feed_is_added_by_hand_and_a_dry_run_adds_nothing(feeds: ArchiveServer) -> None:
    url = feeds.roster()[0].url
    tried = run(add_feed, url=f"{url}?again=1", press="india", outlet="Twice")
    assert "Nothing was added" in str(tried.message)
    assert "--" not in str(tried.message), "a form has no options"
    assert name_of(tried) == "add feed twice (india press): dry run"
    known = run(add_feed, url=url, press="india", outlet="Twice")
    assert str(known.message) == "Nothing was added: this was a dry run; 1 of 1 in the roster already."
    state = run(add_feed, url=f"{url}?again=1", press="india", outlet="Twice", dry_run=False)
    assert "1 added to" in str(state.message)
    assert "twice" in pages(state)["roster"]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_dry_run_refuses_what_the_real_run_would_and_names_the_roster(feeds: ArchiveServer, dry_run: bool) -> None:
    roster = get_settings().feeds_file
    before = roster.read_bytes()
    url = f"{feeds.roster()[0].url}?again=1"
    state = run(add_feed, url=url, press="india", outlet="Twice", language="english", dry_run=dry_run)
    assert state.is_failed()
    assert str(state.message) == f"{roster}: twice, lang: 'english' is not a language code such as en"
    assert roster.read_bytes() == before


@pytest.mark.usefixtures("feeds")
def test_articles_are_read_again_since_a_day() -> None:
    run(ingest_feeds, force=True)
    run(classify)
    before = count(Reading)
    state = run(re_read, since="2000-01-01", requested_by="Ann")
    assert f"since 2000-01-01: {before} articles read" in str(state.message)
    assert name_of(state) == f"re-read since 2000-01-01: {before} articles"
    assert count(Reading) == before
    assert "nothing new to read" in str(run(re_read, since="2099-01-01").message)


def deeds() -> list[Deed]:
    """Who asked for what, and what came of it."""
    return list(stored(lambda session: deeds_since(session, dt.datetime(2000, 1, 1, tzinfo=dt.UTC))))


@pytest.mark.usefixtures("feeds")
def test_what_a_named_person_asked_for_stays_on_record_whatever_came_of_it() -> None:
    run(re_read, since="2000-01-01", requested_by="Ann\nB")
    run(re_read, since="2000-13-01", requested_by="Bo")
    run(re_read, since="2000-01-01")
    assert [(row.who, row.flow, row.outcome) for row in deeds()] == [
        ("Ann B", "re-read", "re-read since 2000-01-01: 0 articles"),
        ("Bo", "re-read", "re-read: refused – Since '2000-13-01' is no day"),
    ]


@pytest.mark.usefixtures("feeds")
def test_a_run_that_came_to_no_end_is_on_record_with_what_was_changed_and_no_addresses() -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        mock.patch("flows.people.change_subscription", side_effect=KeyboardInterrupt),
    ):
        asyncio.run(subscribe(address="ann@example.org", requested_by="Ann"))
    (row,) = deeds()
    assert (row.who, row.flow, row.outcome) == ("Ann", "subscribe", "began; nothing is known of its end")
    assert row.asked == [{"field": "Mail address", "value": "ann@…"}]


@pytest.mark.usefixtures("feeds")
def test_a_record_that_cannot_be_kept_changes_nothing_of_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_args: Any, **_kwargs: Any) -> None:
        raise OSError("broken")

    monkeypatch.setattr("store.deeds.keep_deed", full)
    state = run(re_read, since="2000-01-01", requested_by="Ann")
    assert state.is_completed()
    assert "that Ann asked for this run is not on record: OSError" in caplog.text
    assert name_of(state) == "re-read since 2000-01-01: 0 articles"
    assert deeds() == []
