"""What the hourly monitor notices about itself."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from flows.oversight import oversee, silent_blocs, troubles
from flows.watch import open_watch
from ingest.health import FeedHealth
from ingest.policy import Health
from store.models import Feed, Poll
from store.settings import Settings, get_settings
from tests.flows.test_served import mails
from tests.store.test_db import FEED

NOW = dt.datetime(2026, 11, 26, 12, 0, tzinfo=dt.UTC)


def feed(key: str, bloc: str, health: Health, *, enabled: bool = True) -> FeedHealth:
    return FeedHealth(
        key, key, bloc, "en", "newspaper", enabled, health, NOW, NOW, NOW, None, None, 0, ""
    )  # fmt: skip


def test_a_bloc_is_silent_when_not_one_of_its_feeds_is_well() -> None:
    india = [feed("a", "india", Health.OK), feed("b", "india", Health.BLOCKED)]
    china = [feed("c", "china", Health.STALE), feed("d", "china", Health.UNREACHABLE)]
    assert set(silent_blocs([*india, *china])) == {"china"}
    assert "1 stale, 1 unreachable" in silent_blocs([*india, *china])["china"]
    mended = replace(china[0], health=Health.UNMODIFIED)
    assert silent_blocs([*india, mended, china[1]]) == {}


def test_disabled_unpolled_and_single_feeds_make_no_silent_bloc() -> None:
    well = [feed("a", "india", Health.OK), feed("b", "india", Health.OK)]
    assert silent_blocs([*well, feed("c", "china", Health.GONE), feed("d", "china", Health.GONE, enabled=False)]) == {}
    assert silent_blocs([*well, feed("c", "china", Health.UNKNOWN), feed("d", "china", Health.UNKNOWN)]) == {}
    assert silent_blocs([*well, feed("c", "china", Health.GONE)]) == {}


def test_when_no_feed_at_all_is_well_one_thing_is_said() -> None:
    feeds = [feed(str(n), bloc, Health.UNREACHABLE) for n, bloc in enumerate(["india", "india", "china", "china"])]
    assert list(silent_blocs(feeds)) == ["all feeds"]


def test_a_run_without_a_server_tells_the_operator_by_itself_and_once(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("RICWATCH_OPERATOR", "op@example.org")
    monkeypatch.setenv("RICWATCH_DISK_FREE_MB", "1000000000")
    get_settings.cache_clear()
    with open_watch() as watch:
        with watch.store.session() as session:
            session.add(Feed(**FEED))
            session.flush()
            session.add(Poll(feed_key="demo", started_at=NOW - dt.timedelta(days=10), outcome="fetched"))
        for _ in range(2):
            said = oversee(watch, NOW)
            assert [str(word.cause) for word in said] == ["disk full", "nothing delivered"]
    subjects = sorted(str(mail["Subject"]) for mail in mails(settings.var_dir))
    assert subjects == [f"ricwatch: disk full – {settings.var_dir}", "ricwatch: nothing delivered"]


def test_all_being_well_nothing_is_said(settings: Settings) -> None:
    with open_watch() as watch, watch.store.session() as session:
        assert troubles(session, settings, NOW) == []


def test_an_operator_who_cannot_be_told_does_not_fail_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RICWATCH_OPERATOR", "no address")
    monkeypatch.setenv("RICWATCH_DISK_FREE_MB", "1000000000")
    get_settings.cache_clear()
    with open_watch() as watch:
        assert len(oversee(watch, NOW)) == 1
