"""The outbox and the Maildir: every mail leaves at most once, and what is unknown is shown."""

from __future__ import annotations

import datetime as dt
import mailbox
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from alerts.addresses import parse_address
from alerts.mail import MailParts, build_message
from alerts.outbox import BACK_OFF, GIVE_UP, MailState, decide_unknown, deliver, enqueue
from alerts.transport import (
    Accepted,
    Claim,
    Deferred,
    Envelope,
    MaildirTransport,
    Outcome,
    Refused,
    Unknown,
    Unreachable,
)
from store.db import Store
from store.errors import ConfigError
from store.models import Digest, Outbox
from store.settings import Settings

NOW = dt.datetime(2024, 10, 28, 1, 0, tzinfo=dt.UTC)
SENDER = parse_address("ricwatch@watch.example")


def queue(store: Store, *recipients: str, sequence: int = 0) -> list[int]:
    """A digest with a mail for each of *recipients*; gives the numbers of the mails."""
    key = f"weekly-2024-10-27-{sequence}"
    parts = MailParts(key, "weekly", "weekly", "No shift this week", "Text\n", "<p>Text</p>", {})
    with store.session() as session:
        digest = Digest(
            kind="weekly", sequence=sequence, reason="weekly", day=dt.date(2024, 10, 27),
            period_start=dt.date(2024, 10, 21), subject="No shift this week", html="", text="", facts={},
            shift_ids=[], model="m", composed_at=NOW,
        )  # fmt: skip
        session.add(digest)
        session.flush()
        messages = [build_message(parts, parse_address(to), SENDER, now=NOW) for to in recipients]
        return [row.id for row in enqueue(session, digest, messages)]


def mail(store: Store, number: int) -> Outbox:
    with store.session() as session:
        return session.get_one(Outbox, number)


class FakeWay:
    """A transport that answers as told, and remembers what it was given after the claim."""

    name = "fake"

    def __init__(self, answer: Callable[[Envelope], Outcome], *, before_claim: bool = False) -> None:
        self.answer = answer
        self.before_claim = before_claim
        self.given: list[str] = []
        self.closed = False
        self.fate: Accepted | Deferred | Unknown = Unknown("gone")

    def send(self, envelope: Envelope, claim: Claim) -> Outcome:
        if not self.before_claim:
            assert claim()
        self.given.append(envelope.recipient)
        return self.answer(envelope)

    def settle(self, message_id: str) -> Accepted | Deferred | Unknown:
        return self.fate

    def close(self) -> None:
        self.closed = True


def always(outcome: Outcome, *, before_claim: bool = False) -> FakeWay:
    return FakeWay(lambda _: outcome, before_claim=before_claim)


@pytest.mark.parametrize(
    ("outcome", "state", "code"),
    [
        (Accepted("queued as 17", 250), MailState.SENT, 250),
        (Refused("550 no such user", 550), MailState.FAILED, 550),
        (Unknown("connection reset"), MailState.UNKNOWN, None),
        (Deferred("451 greylisted", 451), MailState.PENDING, 451),
        (Unreachable("connection refused"), MailState.PENDING, None),
    ],
)
def test_each_answer_leads_to_its_state(
    store: Store, settings: Settings, outcome: Outcome, state: MailState, code: int | None
) -> None:
    (number,) = queue(store, "a@example.org")
    way = always(outcome)
    report = deliver(store, settings, now=NOW, transport=way)
    row = mail(store, number)
    assert (row.state, row.last_code, row.attempts) == (state, code, 1)
    assert [shown.state for shown in report.rows] == [state]
    assert way.closed


def test_sending_is_on_record_before_the_first_byte(store: Store, settings: Settings) -> None:
    (number,) = queue(store, "a@example.org")
    seen = []

    def look(_: Envelope) -> Outcome:
        seen.append((mail(store, number).state, mail(store, number).last_text))
        return Accepted("ok")

    deliver(store, settings, now=NOW, transport=FakeWay(look))
    assert seen == [(MailState.SENDING, "fake")]


def test_what_was_stored_is_what_is_sent(store: Store, settings: Settings) -> None:
    (number,) = queue(store, "a@example.org")
    sent = []

    def keep(envelope: Envelope) -> Outcome:
        sent.append(envelope)
        return Deferred("later") if len(sent) == 1 else Accepted("ok")

    deliver(store, settings, now=NOW, transport=FakeWay(keep))
    deliver(store, settings, now=NOW + dt.timedelta(hours=1), transport=FakeWay(keep))
    assert sent[0] == sent[1]
    assert sent[0].mime == mail(store, number).mime
    assert sent[0].sender == "ricwatch@localhost"


def test_a_refused_recipient_does_not_hold_up_the_others(store: Store, settings: Settings) -> None:
    queue(store, "a@example.org", "gone@example.org", "c@example.org")
    way = FakeWay(lambda e: Refused("550 no", 550) if e.recipient.startswith("gone") else Accepted("ok"))
    report = deliver(store, settings, now=NOW, transport=way)
    assert (report.sent, report.failed, report.waiting, report.unknown) == (2, 1, 0, 0)
    again = always(Accepted("ok"))
    assert deliver(store, settings, now=NOW + dt.timedelta(days=1), transport=again).rows == ()
    assert again.given == []


def test_a_deferred_mail_waits_longer_each_time_and_is_given_up_after_five_days(
    store: Store, settings: Settings
) -> None:
    (number,) = queue(store, "a@example.org")
    now, waits = NOW, []
    while mail(store, number).state == MailState.PENDING:
        assert deliver(store, settings, now=now, transport=always(Deferred("451 later", 451))).waiting in (0, 1)
        next_try = mail(store, number).next_try_at
        if next_try is not None:
            early = always(Accepted("too early"))
            deliver(store, settings, now=next_try - dt.timedelta(seconds=1), transport=early)
            assert early.given == []
            waits.append(next_try - now)
            now = next_try
    assert tuple(waits[: len(BACK_OFF)]) == BACK_OFF
    assert set(waits[len(BACK_OFF) :]) == {BACK_OFF[-1]}
    assert mail(store, number).state == MailState.FAILED
    assert mail(store, number).last_text == "given up after 5 days: 451 later"
    assert now - NOW > GIVE_UP


def test_when_the_server_is_away_the_others_are_not_even_tried(store: Store, settings: Settings) -> None:
    queue(store, "a@example.org", "b@example.org", "c@example.org")
    way = always(Unreachable("cannot use mail.example:587: refused"), before_claim=True)
    report = deliver(store, settings, now=NOW, transport=way)
    assert way.given == ["a@example.org"]
    assert report.problem == "cannot use mail.example:587: refused"
    assert (report.waiting, report.failed) == (3, 0)
    ok = always(Accepted("ok"))
    assert deliver(store, settings, now=NOW + dt.timedelta(hours=1), transport=ok).sent == 3


def interrupted(store: Store, number: int, way: str) -> None:
    """As a process leaves it that ended while it was sending."""
    with store.session() as session:
        row = session.get_one(Outbox, number)
        row.state, row.last_text, row.attempts = MailState.SENDING, way, 1


def test_a_mail_found_in_sending_is_unknown_and_never_sent_by_itself(store: Store, settings: Settings) -> None:
    (number,) = queue(store, "a@example.org")
    interrupted(store, number, "fake")
    way = always(Accepted("ok"))
    for hours in (0, 1, 1000):
        report = deliver(store, settings, now=NOW + dt.timedelta(hours=hours), transport=way)
        assert report.unknown == 1
    assert way.given == []
    assert mail(store, number).state == MailState.UNKNOWN


@pytest.mark.parametrize(("again", "given"), [(True, ["a@example.org"]), (False, [])])
def test_a_person_decides_about_an_unknown_mail(
    store: Store, settings: Settings, again: bool, given: list[str]
) -> None:
    (number,) = queue(store, "a@example.org")
    interrupted(store, number, "fake")
    deliver(store, settings, now=NOW, transport=always(Accepted("ok")))
    decide_unknown(store, number, send_again=again, now=NOW)
    way = always(Accepted("ok"))
    deliver(store, settings, now=NOW, transport=way)
    assert way.given == given
    assert mail(store, number).state == MailState.SENT
    with pytest.raises(ConfigError, match=f"number {number}"):
        decide_unknown(store, number, send_again=True, now=NOW)


def test_another_transport_cannot_know_what_became_of_a_mail(store: Store, settings: Settings) -> None:
    (number,) = queue(store, "a@example.org")
    interrupted(store, number, "smtp mail.example:587")
    deliver(store, settings, now=NOW)
    assert mail(store, number).state == MailState.UNKNOWN
    assert "smtp mail.example:587" in mail(store, number).last_text


def test_of_two_processes_one_sends(store: Store, settings: Settings) -> None:
    queue(store, "a@example.org")
    inner = always(Accepted("inner"))
    claims = []

    class Outer(FakeWay):
        def send(self, envelope: Envelope, claim: Claim) -> Outcome:
            deliver(store, settings, now=NOW, transport=inner)
            claims.append(claim())
            from alerts.transport import Taken

            return Taken()

    report = deliver(store, settings, now=NOW, transport=Outer(lambda _: Accepted("outer")))
    assert inner.given == ["a@example.org"]
    assert claims == [False]
    assert report.rows == ()


def test_without_a_server_mails_lie_in_a_maildir(store: Store, settings: Settings) -> None:
    queue(store, "a@example.org", "b@example.org")
    report = deliver(store, settings, now=NOW)
    assert report.sent == 2
    box = mailbox.Maildir(settings.var_dir / "mail", create=False, factory=None)
    assert {message["To"] for message in box} == {"a@example.org", "b@example.org"}
    for row in report.rows:
        lies = Path(row.where)
        assert lies.is_file()
        parsed = EmailMessage(policy=default)
        assert parsed.policy is default
        assert b"\r\n" not in lies.read_bytes()
    assert report.rows[0].subject == "No shift this week"


def test_delivering_again_delivers_nothing_again(store: Store, settings: Settings) -> None:
    queue(store, "a@example.org")
    deliver(store, settings, now=NOW)
    for _ in range(3):
        assert deliver(store, settings, now=NOW).rows == ()
    assert len(mailbox.Maildir(settings.var_dir / "mail")) == 1


@pytest.mark.parametrize("written", [False, True], ids=["before the file was there", "after the file was there"])
@pytest.mark.parametrize("moved", [False, True], ids=["unread", "read since"])
def test_a_crash_while_writing_into_the_maildir_settles_to_exactly_one_mail(
    store: Store, settings: Settings, written: bool, moved: bool
) -> None:
    (number,) = queue(store, "a@example.org")
    way = MaildirTransport(settings.var_dir / "mail")
    row = mail(store, number)
    if written:
        done = way.send(Envelope(row.message_id, "s@example.org", row.recipient, row.mime), lambda: True)
        assert isinstance(done, Accepted)
        if moved:
            lies = Path(done.where)
            lies.rename(lies.parent.parent / "cur" / f"{lies.name}:2,S")
    interrupted(store, number, way.name)
    report = deliver(store, settings, now=NOW)
    assert [shown.state for shown in report.rows] == [MailState.SENT]
    assert len(mailbox.Maildir(settings.var_dir / "mail")) == 1
    assert not list((settings.var_dir / "mail" / "tmp").iterdir())


def test_a_maildir_that_cannot_be_made_is_named(settings: Settings) -> None:
    settings.var_dir.mkdir(parents=True)
    (settings.var_dir / "mail").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigError, match="Maildir"):
        MaildirTransport(settings.var_dir / "mail")


def test_a_sender_that_is_no_address_is_named_before_anything_is_sent(store: Store, settings: Settings) -> None:
    (number,) = queue(store, "a@example.org")
    with pytest.raises(ConfigError, match="nobody at all"):
        deliver(store, settings.model_copy(update={"sender": "nobody at all"}), now=NOW)
    assert mail(store, number).state == MailState.PENDING


def test_the_same_digest_to_the_same_recipient_cannot_be_queued_twice(store: Store) -> None:
    from sqlalchemy.exc import IntegrityError

    queue(store, "a@example.org")
    with pytest.raises(IntegrityError):
        queue(store, "a@example.org")


def test_progress_reaches_its_end(store: Store, settings: Settings) -> None:
    queue(store, "a@example.org", "b@example.org")
    calls: list[tuple[int, int | None]] = []
    deliver(store, settings, now=NOW, progress=lambda done, total=None, note="": calls.append((done, total)))
    assert calls[-1] == (2, 2)
