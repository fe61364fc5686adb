"""Clocks that jump and days that have no or two of an hour: nothing is lost, nothing goes out twice."""

from __future__ import annotations

import asyncio
import datetime as dt
import mailbox
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from alerts.outbox import BACK_OFF, MailState, deliver
from flows.monitor import MonitorReport, watch_day
from flows.send_digest import compose_and_deliver
from flows.watch import Watch, open_watch
from ingest.archive import ArchiveServer
from ingest.policy import LONGEST, Due, FeedState, Health, due
from store.models import Digest, Outbox
from store.settings import Settings, get_settings

JUMP = dt.timedelta(days=2)
HOUR = dt.timedelta(hours=1)
CONTENT = (
    "SELECT url, day FROM article ORDER BY url",
    "SELECT day, dyad, bloc, theme, plus, zero, minus FROM series_day ORDER BY 1, 2, 3, 4",
    "SELECT feed_key, day, seen, on_topic FROM feed_day ORDER BY 1, 2",
    "SELECT dyad, kind, theme, onset FROM shift ORDER BY 1, 2, 3",
)


def use(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in {"model": "linear", "host_spacing": "0", **variables}.items():
        monkeypatch.setenv(f"RICWATCH_{name.upper()}", value)
    get_settings.cache_clear()
    return get_settings()


def watch_at(watch: Watch, server: ArchiveServer, now: dt.datetime, *, shows: dt.datetime | None = None) -> None:
    """A run at *now* by this machine's clock; the press stands at *shows*, which is the true time."""
    server.as_of = shows or now
    report = asyncio.run(unforced(watch, now))
    assert not report.nothing_reached


async def unforced(watch: Watch, now: dt.datetime) -> MonitorReport:
    """The steps as an hourly run does them: only feeds that are due."""
    from flows import classify_articles, detect_shifts, ingest_feeds

    polled = await ingest_feeds.poll(watch, now)
    classify_articles.read_pending(watch, now)
    detect_shifts.decide(watch, now)
    compose_and_deliver(watch, now)
    return MonitorReport(feeds_due=polled.due, feeds_answered=polled.answered, nothing_reached=polled.nothing_reached)


def content(watch: Watch) -> list[list[tuple[object, ...]]]:
    with watch.store.session() as session:
        return [[tuple(row) for row in session.execute(text(query))] for query in CONTENT]


def arrived(folder: Path) -> Counter[str]:
    return Counter(str(mail["Message-ID"]) for mail in mailbox.Maildir(folder / "mail"))


def test_after_a_clock_that_jumped_for_three_hours_everything_is_as_without(
    monkeypatch: pytest.MonkeyPatch, feeds: ArchiveServer, settings: Settings, tmp_path: Path
) -> None:
    start = feeds.as_of
    found = {}
    for name, jump in {"straight": dt.timedelta(0), "ahead": JUMP, "back": -JUMP}.items():
        own = use(monkeypatch, var_dir=str(tmp_path / name))
        with open_watch(own) as watch:
            for hours in range(48):
                true = start + hours * HOUR
                ours = true + jump if 10 <= hours < 13 else true
                watch_at(watch, feeds, ours, shows=true)
            # Four days on, the days that the clock had already been in are past.
            for days in range(2, 6):
                watch_at(watch, feeds, start + dt.timedelta(days=days))
            found[name] = content(watch)
            with watch.store.session() as session:
                assert set(session.scalars(select(Outbox.state))) == {"sent"}
        mails = arrived(own.var_dir)
        assert mails
        assert set(mails.values()) == {1}
    assert found["ahead"] == found["straight"]
    assert found["back"] == found["straight"]


def test_a_feed_that_was_put_off_by_a_clock_two_days_ahead_is_polled_when_it_is_right_again() -> None:
    now = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    put_off = FeedState(health=Health.OK, next_poll_at=now + JUMP)
    assert due(put_off, now) is Due.YES
    assert due(FeedState(health=Health.OK, next_poll_at=now + LONGEST), now) is Due.NOT_YET
    assert due(FeedState(health=Health.GONE, next_poll_at=now + 20 * LONGEST), now) is Due.PARKED


def test_a_mail_that_was_put_off_by_a_clock_two_days_ahead_leaves_when_it_is_right_again(
    monkeypatch: pytest.MonkeyPatch, feeds: ArchiveServer
) -> None:
    settings = use(monkeypatch, recipients='["a@example.org"]')
    now = feeds.as_of
    with open_watch(settings) as watch:
        asyncio.run(watch_day.fn(watch, now, False))
        compose_and_deliver(watch, now)
        with watch.store.session() as session:
            mail = session.scalars(select(Outbox)).one()
            mail.state, mail.next_try_at = MailState.PENDING, now + JUMP + BACK_OFF[0]
        assert deliver(watch.store, settings, now=now).sent == 1


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", dt.date(2026, 3, 29)),  # 02:00 does not exist
        ("Europe/Berlin", dt.date(2026, 10, 25)),  # 02:00 comes twice
        ("America/New_York", dt.date(2026, 3, 8)),
        ("America/New_York", dt.date(2026, 11, 1)),
        ("Australia/Sydney", dt.date(2026, 4, 5)),
        ("Australia/Sydney", dt.date(2026, 10, 4)),
        ("Asia/Kolkata", dt.date(2026, 3, 29)),  # knows no summer time
    ],
)
def test_the_weekly_digest_of_a_sunday_at_two_goes_out_once_when_the_clocks_change(
    monkeypatch: pytest.MonkeyPatch, zone: str, change: dt.date
) -> None:
    settings = use(
        monkeypatch, timezone=zone, weekly_day="6", digest_hour="2", recipients='["a@example.org"]', silence_days="0"
    )
    start = dt.datetime.combine(change - dt.timedelta(days=10), dt.time(12), ZoneInfo(zone)).astimezone(dt.UTC)
    with open_watch(settings) as watch:
        compose_and_deliver(watch, start)  # the first digest of a new reader
        with watch.store.session() as session:
            first = set(session.scalars(select(Digest.id)))
        for now in (start + hours * HOUR for hours in range(18 * 24)):
            local = now.astimezone(ZoneInfo(zone))
            # On other days what is due stays due, so runs six hours apart find it as well.
            if local.weekday() in (5, 6, 0) or local.hour % 6 == 0:
                compose_and_deliver(watch, now)
        with watch.store.session() as session:
            query = select(Digest.composed_at).where(Digest.id.not_in(first)).order_by(Digest.id)
            told = [moment.astimezone(ZoneInfo(zone)) for moment in session.scalars(query)]
    sundays = [change + dt.timedelta(days=days) for days in (-7, 0, 7)]
    assert [moment.date() for moment in told] == sundays
    assert all(moment.hour in (2, 3) for moment in told)
    assert set(arrived(settings.var_dir).values()) == {1}
