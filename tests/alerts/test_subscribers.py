"""Subscribers in the database: added, changed, paused, ended, and in and out as CSV."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from sqlalchemy import select

from alerts.readers import Cadence, Reader
from alerts.subscribers import export_csv, import_csv, pause, readers, subscribe, unsubscribe
from store.db import Store
from store.errors import ConfigError, InputError
from store.models import Digest, Outbox
from store.settings import Settings

NOW = dt.datetime(2026, 11, 26, 9, tzinfo=dt.UTC)


def add(store: Store, settings: Settings, address: str, **fields: object) -> tuple[Reader, bool]:
    with store.session() as session:
        return subscribe(session, settings, {"address": address, **fields}, by="Ann", now=NOW)


def addresses(store: Store, settings: Settings) -> list[str]:
    with store.session() as session:
        return [reader.address for reader in readers(session, settings)]


def test_the_default_recipient_stands_in_only_until_somebody_subscribes(store: Store, settings: Settings) -> None:
    plain = Settings(_env_file=None, var_dir=settings.var_dir)
    assert addresses(store, plain) == ["analyst@localhost"]
    add(store, plain, "ann@example.org")
    assert addresses(store, plain) == ["ann@example.org"]
    with store.session() as session:
        unsubscribe(session, plain, "ann@example.org", by="Ann", now=NOW)
    assert addresses(store, plain) == []


def test_recipients_that_the_settings_name_are_readers_beside_the_subscribers(store: Store, settings: Settings) -> None:
    both = settings.model_copy(update={"recipients": ["desk@example.org", "Ann@Example.org"]})
    add(store, both, "ann@example.org", cadence="weekly")
    assert addresses(store, both) == ["desk@example.org", "ann@example.org"]
    with store.session() as session:
        assert readers(session, both)[1].cadence is Cadence.WEEKLY


def test_subscribing_again_changes_what_is_given_and_keeps_the_rest(store: Store, settings: Settings) -> None:
    _reader, new = add(store, settings, "ann@example.org", dyads=["IN-CN"], hour=7)
    assert new
    reader, new = add(store, settings, "ANN@example.org", cadence="daily")
    assert not new
    assert (reader.dyads, reader.hour, reader.cadence) == (("IN-CN",), 7, Cadence.DAILY)
    assert addresses(store, settings) == ["ANN@example.org"]


def test_who_ended_gets_nothing_also_when_the_settings_name_them(store: Store, settings: Settings) -> None:
    named = settings.model_copy(update={"recipients": ["desk@example.org"]})
    with store.session() as session:
        unsubscribe(session, named, "Desk@example.org", by="Ann", now=NOW)
    assert addresses(store, named) == []
    with store.session() as session, pytest.raises(ConfigError, match="gets no digests"):
        unsubscribe(session, named, "desk@example.org", by="Ann", now=NOW)
    again, new = add(store, named, "desk@example.org")
    assert new
    assert again.cadence is Cadence.AT_ONCE


def test_a_pause_is_kept_and_taken_away(store: Store, settings: Settings) -> None:
    named = settings.model_copy(update={"recipients": ["desk@example.org"]})
    until = NOW.date() + dt.timedelta(days=5)
    with store.session() as session:
        assert pause(session, named, "desk@example.org", until, now=NOW).paused_until == until
    with store.session() as session:
        (reader,) = readers(session, named)
        assert reader.paused(NOW)
        assert not pause(session, named, "desk@example.org", None, now=NOW).paused(NOW)
        assert pause(session, named, "desk@example.org", until, now=NOW).paused(NOW)
        # A day that has come ends a pause; on whose clock it has come counts.
        assert not pause(session, named, "desk@example.org", NOW.date(), now=NOW).paused(NOW)
    with store.session() as session, pytest.raises(ConfigError, match="gets no digests"):
        pause(session, named, "nobody@example.org", until, now=NOW)


def test_limits_are_taken_away_by_none_by_an_empty_cell_and_by_a_whole_form(store: Store, settings: Settings) -> None:
    limits = {"dyads": "IN-CN", "themes": "trade", "mute_days": "Sat", "mute_from": 22, "mute_to": 6}
    free = ((), (), (), None, None)

    def limits_of(reader: Reader) -> tuple[object, ...]:
        return reader.dyads, reader.themes, reader.mute_days, reader.mute_from, reader.mute_to

    assert limits_of(add(store, settings, "ann@example.org", **limits)[0]) != free
    assert limits_of(add(store, settings, "ann@example.org", **dict.fromkeys(limits, "none"))[0]) == free
    add(store, settings, "ann@example.org", **limits, hour=9)
    with store.session() as session:
        text = "address,dyads,themes,mute_days,mute_from,mute_to\nann@example.org,,,,,\n"
        ((reader, new),) = import_csv(session, settings, text, by="test", now=NOW)
    assert (limits_of(reader), new, reader.hour) == (free, False, 9)
    add(store, settings, "ann@example.org", **limits, paused_until="2026-12-24")
    with store.session() as session:
        reader, _new = subscribe(
            session, settings, {"address": "ann@example.org", "dyads": []}, by="Ann", now=NOW, whole=True
        )
    assert (limits_of(reader), reader.hour) == (free, settings.digest_hour)
    assert reader.paused_until == dt.date(2026, 12, 24), "a form on what is read does not end a pause"


def test_mails_that_wait_for_who_unsubscribed_do_not_go(store: Store, settings: Settings) -> None:
    add(store, settings, "ann@example.org")
    with store.session() as session:
        digest = Digest(
            kind="weekly", reason="weekly", day=NOW.date(), period_start=NOW.date(), subject="s", html="", text="",
            facts={}, shift_ids=[], model="m", composed_at=NOW,
        )  # fmt: skip
        session.add(digest)
        session.flush()
        waiting = (("Ann@example.org", "pending"), ("bo@example.org", "pending"), ("ann@example.org", "sent"))
        for number, (who, state) in enumerate(waiting):
            row = Outbox(digest_id=digest.id, recipient=who, message_id=str(number), mime=b"", created_at=NOW)
            row.state = state
            session.add(row)
        unsubscribe(session, settings, "ann@example.org", by="Ann", now=NOW)
    with store.session() as session:
        states = [row.state for row in session.scalars(select(Outbox).order_by(Outbox.id))]
    assert states == ["failed", "pending", "sent"]


def test_what_is_exported_is_imported_as_it_was(store: Store, settings: Settings) -> None:
    add(store, settings, "ann@example.org", dyads="IN-CN IN-RU", themes="trade", mute_from=22, mute_to=7)
    add(store, settings, "bo@example.org", cadence="weekly", html="no", mute_days="Sat Sun", dates="zh")
    with store.session() as session:
        text = export_csv(session, settings)
        before = readers(session, settings)
        for reader in before:
            unsubscribe(session, settings, reader.address, by="test", now=NOW)
        assert readers(session, settings) == []
        import_csv(session, settings, "\ufeff" + text, by="test", now=NOW)
        assert {r.key: r for r in readers(session, settings)} == {r.key: replace(r) for r in before}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name\nann\n", "line 1: the column 'name' is none"),
        ("hour\n7\n", "line 1: there is no column 'address'"),
        ("address,hour\nann@example.org,7\nbo@example.org,25\n", "line 3: hour: '25' is no hour"),
        ("address,hour\nann@example.org,7,8\n", "line 2: more fields than columns"),
        ('address\nann@example.org\n"ann@example.org\nBcc: x@y"\n', "line 3: the subscriber"),
    ],
)
def test_one_wrong_line_of_a_file_changes_nothing(store: Store, settings: Settings, text: str, words: str) -> None:
    before = addresses(store, settings)
    with pytest.raises(InputError, match=words), store.session() as session:
        import_csv(session, settings, text, by="test", now=NOW)
    assert addresses(store, settings) == before
