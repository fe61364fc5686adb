"""Word to the operator: a plain mail when something keeps the monitor from its work, at most one per cause and day.

It leaves the way the digests do, stored before it is sent and never sent twice, but in a table of its own: a reader's
mail must not wait behind a complaint, nor the complaint behind what it complains of.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.addresses import parse_address
from alerts.mail import MAIL_POLICY, sender_host
from alerts.outbox import GIVE_UP, MailState
from alerts.transport import (
    Accepted,
    Deferred,
    Envelope,
    Outcome,
    Refused,
    Taken,
    Transport,
    Unknown,
    make_transport,
)
from alerts.words import plain, printable
from store.db import Store
from store.errors import ConfigError
from store.models import Digest, OperatorMail, Outbox, Poll
from store.settings import Settings
from store.steps import one_at_a_time

LONGEST = 4_000
"""Characters of an error that are passed on: a trace of Prefect's can be a page long."""


class Cause(StrEnum):
    """Why the operator is written to; docs/operate.md says of each what to do."""

    RUN_FAILED = "run failed"
    RUN_LATE = "run late"
    WORKER_GONE = "worker gone"
    PART_ENDED = "part ended"
    FEEDS_SILENT = "feeds silent"
    DISK_FULL = "disk full"
    NOTHING_DELIVERED = "nothing delivered"


class Said(StrEnum):
    """What came of saying something."""

    QUEUED = "queued"
    TOLD_TODAY = "told today"
    NO_OPERATOR = "no operator is set"


@dataclass(frozen=True, slots=True)
class Word:
    """One thing to say: *about* narrows the cause (a deployment, a press bloc, a folder)."""

    cause: Cause
    about: str
    text: str

    @property
    def subject(self) -> str:
        """For the subject line."""
        return plain(f"ricwatch: {self.cause}{f' – {self.about}' if self.about else ''}", 200)


def say(store: Store, settings: Settings, word: Word, *, now: dt.datetime) -> Said:
    """Queue *word* for the operator unless its cause was told today, in the readers' zone.

    Raises:
        ConfigError: operator or sender is no mail address.
    """
    if not settings.operator.strip():
        return Said.NO_OPERATOR
    operator, sender = parse_address(settings.operator, "operator"), parse_address(settings.sender, "sender")
    day = now.astimezone(settings.zone).date()
    message = compose(word, operator, sender, settings, day=day, now=now)
    try:
        with store.writing() as session:
            session.add(
                OperatorMail(
                    cause=str(word.cause),
                    about=plain(word.about, 80),
                    day=day,
                    recipient=operator.addr_spec,
                    message_id=str(message["Message-ID"]),
                    mime=message.as_bytes(),
                    state=MailState.PENDING,
                    created_at=now,
                )
            )
    except IntegrityError:
        return Said.TOLD_TODAY
    return Said.QUEUED


def compose(
    word: Word, operator: Address, sender: Address, settings: Settings, *, day: dt.date, now: dt.datetime
) -> EmailMessage:
    """The mail: what happened, where to look, what it means."""
    key = hashlib.sha256(f"{word.cause}\n{word.about}\n{operator.addr_spec}".encode()).hexdigest()[:16]
    host = sender_host(sender)
    message = EmailMessage(policy=MAIL_POLICY)
    message["From"] = sender
    message["To"] = operator
    message["Subject"] = word.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<operator.{day}.{key}@ricwatch.{host}>"
    root = f"<operator.{key}@ricwatch.{host}>"  # one thread per cause
    message["In-Reply-To"] = root
    message["References"] = root
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834
    pages = f"Pages: {settings.public_url}\n" if settings.public_url else ""
    message.set_content(
        f"{printable(word.text)[:LONGEST].strip()}\n\n"
        f"{pages}On the machine, `ricwatch doctor` says what to do; docs/operate.md says what each such mail means.\n"
        f"At most one comes per cause and day.\n"
    )
    return message


def deliver_words(
    store: Store, settings: Settings, *, now: dt.datetime, transport: Transport | None = None
) -> tuple[int, str]:
    """Hand over what waits for the operator; gives how many mails left, and what went wrong with the way out.

    Raises:
        ConfigError: the sender is no address, or the settings would send a password unencrypted.
    """
    if not _waiting(store):
        return 0, ""
    # A mail in hand then belongs to a process that ended, not to one that is at it.
    with one_at_a_time(store, "mail the operator"):
        return _deliver_all(store, settings, now, transport)


def _waiting(store: Store) -> Sequence[int]:
    with store.session() as session:
        return session.scalars(
            select(OperatorMail.id)
            .where(OperatorMail.state.in_((MailState.PENDING, MailState.SENDING)))
            .order_by(OperatorMail.id)
        ).all()


def _deliver_all(store: Store, settings: Settings, now: dt.datetime, transport: Transport | None) -> tuple[int, str]:
    sender = parse_address(settings.sender, "sender").addr_spec
    way = transport or make_transport(settings)
    sent = 0
    try:
        for row_id in _waiting(store):
            outcome = _hand_over(store, way, row_id, sender, now)
            sent += isinstance(outcome, Accepted)
            # A broken way out would answer the others alike.
            if not isinstance(outcome, Accepted | Refused | Unknown | Taken):
                return sent, outcome.text
    finally:
        way.close()
    return sent, ""


def _hand_over(store: Store, way: Transport, row_id: int, sender: str, now: dt.datetime) -> Outcome:
    with store.session() as session:
        mail = session.get_one(OperatorMail, row_id)
        envelope, state, had = Envelope(mail.message_id, sender, mail.recipient, mail.mime), mail.state, mail.last_text
    if state == MailState.SENDING:
        # An earlier process ended with it in hand.
        settled = way.settle(envelope.message_id) if had == way.name else Unknown(f"an earlier run ended during {had}")
        _apply(store, row_id, settled, now)
        if not isinstance(settled, Deferred):
            return settled

    def claim() -> bool:
        with store.session() as session:
            got = session.execute(
                update(OperatorMail)
                .where(OperatorMail.id == row_id, OperatorMail.state == MailState.PENDING)
                .values(state=MailState.SENDING, attempts=OperatorMail.attempts + 1, last_text=way.name)
                .returning(OperatorMail.id)
            ).first()
        return got is not None

    outcome = way.send(envelope, claim)
    _apply(store, row_id, outcome, now)
    return outcome


def _apply(store: Store, row_id: int, outcome: Outcome, now: dt.datetime) -> None:
    if isinstance(outcome, Taken):
        return
    with store.writing() as session:
        mail = session.get_one(OperatorMail, row_id)
        match outcome:
            case Accepted(where):
                mail.state, mail.sent_at, mail.last_text = MailState.SENT, now, where
            case Refused(text):
                mail.state, mail.last_text = MailState.FAILED, text
            case Unknown(text):
                mail.state, mail.last_text = MailState.UNKNOWN, text
            case _:
                over = now - mail.created_at > GIVE_UP
                mail.state, mail.last_text = MailState.FAILED if over else MailState.PENDING, outcome.text


def silence(session: Session, settings: Settings, now: dt.datetime) -> str:
    """What to say where nothing was delivered for too long; empty where all is well or it has not run for that long."""
    if settings.silence_days == 0:
        return ""
    limit = now - dt.timedelta(days=settings.silence_days)
    last = last_delivery(session, now)
    if last is not None:
        return f"no mail was delivered since {last:%Y-%m-%d %H:%M} UTC" if last < limit else ""
    first = session.scalar(select(func.min(Poll.started_at)))
    return f"no mail was ever delivered, and it runs since {first:%Y-%m-%d}" if first and first < limit else ""


def last_delivery(session: Session, now: dt.datetime) -> dt.datetime | None:
    """When a mail last left for a reader, up to *now*; None where none ever did.

    A test tells that the way out is open, not that the weekly mail took it. A mail of a clock that was ahead would keep
    the switch quiet until its day.
    """
    return session.scalar(
        select(func.max(Outbox.sent_at))
        .join(Digest, Digest.id == Outbox.digest_id)
        .where(Digest.kind != "test", Outbox.sent_at <= now)
    )


def cause_of(text: str) -> Cause:
    """The cause of that name.

    Raises:
        ConfigError: there is none.
    """
    try:
        return Cause(text)
    except ValueError:
        raise ConfigError(f"no cause is called {text!r}; there are: {', '.join(Cause)}") from None
