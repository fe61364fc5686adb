"""The mail server away for a day, every feed away for a week: the watch goes on, says so, and catches up."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import func, select

from alerts.operator import deliver_words
from flows.monitor import MonitorReport, watch_day
from flows.oversight import oversee
from flows.replay import write_roster
from flows.send_digest import compose_and_deliver
from flows.watch import Watch, open_watch
from ingest.archive import ArchiveServer, load_archive
from ingest.health import feed_health
from store.models import Article, Feed, FeedDay, OperatorMail, Outbox, SeriesDay, Shift
from store.settings import ROOT, Settings, get_settings
from tests.flows.test_served import mails

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
OPERATOR = "operator@example.org"


def use(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in {"model": "linear", "host_spacing": "0", "operator": OPERATOR, **variables}.items():
        monkeypatch.setenv(f"RICWATCH_{name.upper()}", value)
    get_settings.cache_clear()
    return get_settings()


class Box:
    """Takes every mail and keeps its Message-ID."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.taken.append(str(message_from_bytes(envelope.content)["Message-ID"]))
        return "250 taken"


@contextmanager
def mail_server(port: int) -> Iterator[Box]:
    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def day(watch: Watch, now: dt.datetime) -> MonitorReport:
    """A day's run, and what it notices about itself."""
    report = asyncio.run(watch_day.fn(watch, now, True))
    oversee(watch, now)
    return report


def test_mails_of_a_day_without_a_mail_server_leave_once_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch, feeds: ArchiveServer
) -> None:
    port = free_port()
    settings = use(
        monkeypatch, smtp_host="127.0.0.1", smtp_port=str(port), smtp_security="none", disk_free_mb="1000000000",
        recipients='["a@example.org", "b@example.org"]',
    )  # fmt: skip
    start = feeds.as_of
    with open_watch(settings) as watch:
        day(watch, start)  # the operator is to be told of the disk, and cannot be
        for hours in range(1, 24):
            compose_and_deliver(watch, start + hours * HOUR)
        with watch.store.session() as session:
            waiting = session.scalars(select(Outbox)).all()
            words = session.scalars(select(OperatorMail)).one()
        assert {mail.state for mail in waiting} == {"pending"}
        # Only the first is tried while the server is away; each says what the others wait for.
        (said,) = {mail.last_text for mail in waiting if mail.attempts}
        assert said == f"cannot use 127.0.0.1:{port}: [Errno 111] Connection refused"
        assert (words.state, words.last_text) == ("pending", said)
        with mail_server(port) as box:
            for hours in range(24, 48):
                compose_and_deliver(watch, start + hours * HOUR)
                deliver_words(watch.store, settings, now=start + hours * HOUR)
        with watch.store.session() as session:
            wanted = {*session.scalars(select(Outbox.message_id)), *session.scalars(select(OperatorMail.message_id))}
            assert set(session.scalars(select(Outbox.state))) == {"sent"}
        assert Counter(box.taken) == dict.fromkeys(wanted, 1)


@pytest.fixture
def archive_feeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ArchiveServer]:
    with ArchiveServer(load_archive(ROOT / "seeds" / "archive")) as server:
        write_roster(tmp_path / "feeds.yaml", server.roster())
        monkeypatch.setenv("RICWATCH_ROSTER", str(tmp_path / "feeds.yaml"))
        monkeypatch.setenv("RICWATCH_ALLOW_PRIVATE_ADDRESSES", "true")
        yield server


def stored(watch: Watch) -> list[set[tuple[object, ...]]]:
    with watch.store.session() as session:
        queries = (
            select(Article.url, Article.day),
            select(FeedDay.feed_key, FeedDay.day, FeedDay.seen, FeedDay.on_topic),
            select(SeriesDay.day, SeriesDay.dyad, SeriesDay.bloc, SeriesDay.theme, SeriesDay.plus, SeriesDay.minus),
        )
        return [{tuple(row) for row in session.execute(query)} for query in queries]


def test_a_week_without_any_feed_is_told_and_made_up_for(
    monkeypatch: pytest.MonkeyPatch, archive_feeds: ArchiveServer, tmp_path: Path
) -> None:
    start = dt.datetime.combine(archive_feeds.archive.start + dt.timedelta(days=40), dt.time(7), dt.UTC)
    found, told = {}, {}
    for name in ("well", "cut"):
        settings = use(monkeypatch, var_dir=str(tmp_path / name))
        with open_watch(settings) as watch:
            for number in range(24):
                now = start + number * DAY
                archive_feeds.as_of = now
                cut = name == "cut" and 10 <= number < 17
                if cut:
                    move_feeds(tmp_path / "feeds.yaml", archive_feeds, free_port())
                watch.__dict__.pop("roster", None)  # each run of the product opens it anew
                report = day(watch, now)
                if cut:
                    assert report.nothing_reached
                    assert report.headline == "no feed reached"
                    with watch.store.session() as session:
                        assert not any(feed.well for feed in feed_health(session, now=now))
                    write_roster(tmp_path / "feeds.yaml", archive_feeds.roster())
            found[name] = stored(watch)
            with watch.store.session() as session:
                assert session.scalar(select(func.count()).select_from(Shift)) == 0
                health = Counter(session.scalars(select(Feed.health)))
            told[name] = words(settings.var_dir)
    assert found["cut"] == found["well"]
    assert health["unreachable"] == 0
    assert len(told["cut"]["all feeds"]) == 7
    assert "none of 16 feeds is well (" in told["cut"]["all feeds"][0]
    assert "unreachable" in told["cut"]["all feeds"][0]
    assert "all feeds" not in told["well"]


def move_feeds(roster: Path, server: ArchiveServer, port: int) -> None:
    """The roster, with every feed at a port where nobody listens."""
    write_roster(roster, server.roster())
    roster.write_text(roster.read_text().replace(server.url, f"http://127.0.0.1:{port}"))


def words(var: Path) -> dict[str, list[str]]:
    """What the operator was told of silent feeds, by press bloc."""
    told: dict[str, list[str]] = {}
    for mail in mails(var):
        _, found, about = str(mail["Subject"]).partition("feeds silent – ")
        if found and mail["To"] == OPERATOR:
            told.setdefault(about, []).append(mail.get_content())
    return told
