"""Word to the operator: once per cause and day, stored before it is sent, never twice, nothing in it interpreted."""

from __future__ import annotations

import datetime as dt
import mailbox
from email import message_from_bytes
from email.policy import default

import pytest
from sqlalchemy import select, update

from alerts.operator import Cause, Said, Word, cause_of, deliver_words, say, silence
from alerts.outbox import MailState
from alerts.transport import Accepted, MaildirTransport, Unknown, Unreachable
from store.db import Store
from store.errors import ConfigError
from store.models import Digest, Feed, OperatorMail, Outbox, Poll
from store.settings import Settings
from tests.alerts.test_outbox import FakeWay, queue
from tests.store.test_db import FEED

NOW = dt.datetime(2026, 11, 26, 12, 0, tzinfo=dt.UTC)
WORD = Word(Cause.RUN_FAILED, "monitor", "It ended as Failed: no space left on device")


@pytest.fixture
def told(settings: Settings) -> Settings:
    return settings.model_copy(update={"operator": "Op <op@example.org>"})


def states(store: Store) -> list[str]:
    with store.session() as session:
        return list(session.scalars(select(OperatorMail.state).order_by(OperatorMail.id)))


def test_a_cause_is_told_once_a_day_in_the_readers_zone(store: Store, told: Settings) -> None:
    assert say(store, told, WORD, now=NOW) is Said.QUEUED
    assert say(store, told, WORD, now=NOW + dt.timedelta(hours=6)) is Said.TOLD_TODAY
    assert say(store, told, Word(Cause.RUN_FAILED, "digest", ""), now=NOW) is Said.QUEUED
    assert say(store, told, Word(Cause.RUN_LATE, "monitor", ""), now=NOW) is Said.QUEUED
    # 18:30 UTC is midnight in New Delhi.
    assert say(store, told, WORD, now=NOW.replace(hour=18, minute=30)) is Said.QUEUED
    assert deliver_words(store, told, now=NOW) == (4, "")
    assert deliver_words(store, told, now=NOW) == (0, "")
    assert len(list(mailbox.Maildir(told.var_dir / "mail", create=False))) == 4


def test_without_an_operator_nothing_is_stored(store: Store, settings: Settings) -> None:
    assert say(store, settings, WORD, now=NOW) is Said.NO_OPERATOR
    assert states(store) == []


def test_an_error_text_from_outside_stays_text(store: Store, told: Settings) -> None:
    say(
        store,
        told,
        Word(Cause.RUN_FAILED, "x\r\nBcc: all@example.org", "feed says\r\n<b>\u202eabc\x00" + "y" * 9_000),
        now=NOW,
    )
    with store.session() as session:
        mail = session.scalars(select(OperatorMail)).one()
    message = message_from_bytes(mail.mime, policy=default)
    assert message["Bcc"] is None
    assert message["To"] == "Op <op@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    body = message.get_content()
    assert "\u202e" not in body
    assert "\x00" not in body
    assert len(body) < 5_000


def test_a_broken_way_out_keeps_it_for_the_next_run(store: Store, told: Settings) -> None:
    say(store, told, WORD, now=NOW)
    assert deliver_words(store, told, now=NOW, transport=FakeWay(lambda _: Unreachable("no route"))) == (0, "no route")
    assert states(store) == [MailState.PENDING]
    assert deliver_words(store, told, now=NOW, transport=FakeWay(lambda _: Accepted("there"))) == (1, "")
    assert states(store) == [MailState.SENT]


def test_after_five_days_it_is_given_up(store: Store, told: Settings) -> None:
    say(store, told, WORD, now=NOW)
    deliver_words(store, told, now=NOW + dt.timedelta(days=6), transport=FakeWay(lambda _: Unreachable("no route")))
    assert states(store) == [MailState.FAILED]


def test_what_broke_off_after_the_mail_began_to_flow_is_never_sent_again(store: Store, told: Settings) -> None:
    say(store, told, WORD, now=NOW)
    deliver_words(store, told, now=NOW, transport=FakeWay(lambda _: Unknown("broke off")))
    assert states(store) == [MailState.UNKNOWN]
    assert deliver_words(store, told, now=NOW, transport=FakeWay(lambda _: Accepted("there"))) == (0, "")


@pytest.mark.parametrize("written", [True, False])
def test_a_process_that_died_with_it_in_hand_is_settled_by_the_maildir(
    written: bool, store: Store, told: Settings
) -> None:
    say(store, told, WORD, now=NOW)
    if written:
        deliver_words(store, told, now=NOW)
    name = MaildirTransport(told.var_dir / "mail").name
    with store.session() as session:
        session.execute(update(OperatorMail).values(state=MailState.SENDING, last_text=name))
    deliver_words(store, told, now=NOW)
    assert states(store) == [MailState.SENT]
    assert len(list(mailbox.Maildir(told.var_dir / "mail", create=False))) == 1


def test_the_dead_mans_switch_speaks_after_nine_days_and_not_before(store: Store, settings: Settings) -> None:
    with store.session() as session:
        assert silence(session, settings, NOW) == ""
        session.add(Feed(**FEED))
        session.flush()
        session.add(Poll(feed_key="demo", started_at=NOW - dt.timedelta(days=10), outcome="fetched"))
        session.flush()
        assert "ever delivered" in silence(session, settings, NOW)
        assert silence(session, settings.model_copy(update={"silence_days": 11}), NOW) == ""
        assert silence(session, settings.model_copy(update={"silence_days": 0}), NOW) == ""
    queue(store, "a@example.org")
    with store.session() as session:
        for days, speaks in ((8, False), (10, True)):
            session.execute(update(Outbox).values(sent_at=NOW - dt.timedelta(days=days)))
            assert bool(silence(session, settings, NOW)) == speaks


def test_neither_a_mail_from_the_future_nor_a_test_keeps_the_dead_mans_switch_quiet(
    store: Store, settings: Settings
) -> None:
    real, ahead = queue(store, "a@example.org"), queue(store, "a@example.org", sequence=1)
    tried = queue(store, "a@example.org", sequence=2)
    with store.session() as session:
        session.execute(update(Digest).where(Digest.sequence == 2).values(kind="test"))
        for numbers, days in ((real, 10), (ahead, -400), (tried, 1)):
            session.execute(update(Outbox).where(Outbox.id.in_(numbers)).values(sent_at=NOW - dt.timedelta(days=days)))
        assert silence(session, settings, NOW) == "no mail was delivered since 2026-11-16 12:00 UTC"


def test_an_unknown_cause_is_refused() -> None:
    assert cause_of("disk full") is Cause.DISK_FULL
    with pytest.raises(ConfigError, match="there are: run failed"):
        cause_of("weather")
