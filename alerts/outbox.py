"""The outbox: a mail is stored as bytes before anything is sent, and leaves it at most once.

    held ────a person says so────▶ pending, or dropped       only above a size: `alerts.approval`

    pending ──claimed, committed──▶ sending ──▶ sent
       ▲                              │ ├─────▶ failed    5xx, or given up after five days
       └──4xx, later again────────────┘ └─────▶ unknown   broke off after the mail began to flow

A mail found in `sending` belongs to a process that ended. A Maildir can tell what became of it; a server cannot, so the
mail becomes `unknown`, is shown, and is never sent again by itself: at most once is worth more here than at least once.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from enum import StrEnum

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from alerts.addresses import parse_address
from alerts.mail import address_of
from alerts.signing import Sign
from alerts.transport import (
    Accepted,
    Deferred,
    Envelope,
    Outcome,
    Refused,
    Taken,
    Transport,
    Unknown,
    Unreachable,
    make_transport,
)
from store.db import Store
from store.errors import ConfigError
from store.models import Digest, Outbox
from store.progress import Progress, silent
from store.settings import Settings

BACK_OFF = tuple(dt.timedelta(minutes=minutes) for minutes in (5, 15, 60, 240, 720))
"""Waits between tries; the last one repeats. RFC 5321 4.5.4.1 asks for at least half an hour after the first tries."""
GIVE_UP = dt.timedelta(days=5)
"""RFC 5321 4.5.4.1: four to five days."""
HOUR = dt.timedelta(hours=1)


class MailState(StrEnum):
    """The states of a mail, as in the outbox table."""

    HELD = "held"
    DROPPED = "dropped"
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DeliveredRow:
    """What became of one mail in this run; `where` says where it lies, who took it, or why not."""

    recipient: str
    subject: str
    state: MailState
    where: str
    message_id: str


@dataclass(frozen=True, slots=True)
class DeliverReport:
    """`sent` and `failed` count this run; `unknown` and `waiting` what stands in the outbox now.

    `held` counts those of the waiting that were due and did not fit into the hour (setting `mails_per_hour`),
    `unapproved` the mails that wait for a person.
    `problem` is empty unless the way out itself did not work; then nothing further was tried.
    """

    sent: int = 0
    failed: int = 0
    unknown: int = 0
    waiting: int = 0
    held: int = 0
    unapproved: int = 0
    rows: tuple[DeliveredRow, ...] = ()
    problem: str = ""


def enqueue(
    session: Session,
    digest: Digest,
    messages: Iterable[EmailMessage],
    sign: Sign | None = None,
    state: MailState = MailState.PENDING,
) -> list[Outbox]:
    """Store one mail per recipient, byte for byte, signed by *sign*; sent, it will be these bytes also on the tenth
    try. The bytes do not stay in memory, so that a thousand recipients take no more of it than one."""
    rows = []
    for message in messages:
        mime = message.as_bytes()
        row = Outbox(
            digest_id=digest.id,
            recipient=address_of(message),
            message_id=str(message["Message-ID"]),
            mime=sign(mime) if sign else mime,
            state=state,
            created_at=digest.composed_at,
        )
        session.add(row)
        session.flush()
        session.expire(row, ["mime"])
        rows.append(row)
    return rows


def deliver(
    store: Store,
    settings: Settings,
    *,
    now: dt.datetime,
    progress: Progress = silent,
    transport: Transport | None = None,
) -> DeliverReport:
    """Settle what an earlier process left half done, then hand over every mail that is due.

    Raises:
        ConfigError: the sender or the bounce address is no address, or the settings would send a password unencrypted.
    """
    sender = parse_address(settings.sender, "sender").addr_spec
    if settings.bounce_address:
        sender = parse_address(settings.bounce_address, "bounce address").addr_spec
    way = transport or make_transport(settings)
    rows: list[DeliveredRow] = []
    problem, used, held = "", 0, 0
    try:
        rows += _settle(store, way, now)
        due = _due(store, now)
        room = _room(store, settings, now)
        for done, row_id in enumerate(due):
            progress(done, len(due))
            if used >= room:
                held = _hold(store, row_id, settings.mails_per_hour, now)
                break
            outcome, row = _hand_over(store, way, row_id, sender, now)
            used += not isinstance(outcome, Unreachable | Taken)
            if isinstance(outcome, Unreachable):
                problem = outcome.text
            if row is not None:
                rows.append(row)
            if problem:
                break
        progress(len(due), len(due))
    finally:
        way.close()
    with store.session() as session:
        counts = dict(session.execute(select(Outbox.state, func.count()).group_by(Outbox.state)).tuples().all())
    return DeliverReport(
        sent=sum(row.state is MailState.SENT for row in rows),
        failed=sum(row.state is MailState.FAILED for row in rows),
        unknown=counts.get(MailState.UNKNOWN, 0),
        waiting=counts.get(MailState.PENDING, 0),
        held=held,
        unapproved=counts.get(MailState.HELD, 0),
        rows=tuple(rows),
        problem=problem,
    )


def withdraw(session: Session, address: str, why: str) -> None:
    """Keep back the mails to *address* that wait, also where it is written in other letters."""
    session.execute(
        update(Outbox)
        .where(func.lower(Outbox.recipient) == address.lower(), Outbox.state.in_((MailState.PENDING, MailState.HELD)))
        .values(state=MailState.FAILED, next_try_at=None, last_text=why)
    )


def decide_unknown(store: Store, outbox_id: int, *, send_again: bool, now: dt.datetime) -> None:
    """A person's answer about a mail whose fate is unknown: it arrived, or it is to be sent again.

    Raises:
        ConfigError: no mail of that number is in that state.
    """
    with store.session() as session:
        changed = session.execute(
            update(Outbox)
            .where(Outbox.id == outbox_id, Outbox.state == MailState.UNKNOWN)
            .values(
                state=MailState.PENDING if send_again else MailState.SENT,
                sent_at=None if send_again else now,
                next_try_at=None,
                last_text="to be sent again, as a person decided" if send_again else "arrived, as a person said",
            )
            .returning(Outbox.id)
        ).first()
    if changed is None:
        raise ConfigError(f"no mail with number {outbox_id} is in the state unknown; look at the outbox first")


def _settle(store: Store, way: Transport, now: dt.datetime) -> list[DeliveredRow]:
    rows = []
    with store.writing() as session:
        for mail in session.scalars(select(Outbox).where(Outbox.state == MailState.SENDING).order_by(Outbox.id)):
            # Another transport than the one that had it cannot know.
            known = mail.last_text == way.name
            outcome = way.settle(mail.message_id) if known else Unknown(f"an earlier run ended during {mail.last_text}")
            _apply(mail, outcome, now)
            if not isinstance(outcome, Deferred):  # a deferred one is tried again right away, and reported then
                rows.append(_row(mail))
            else:
                mail.next_try_at = None
    return rows


def _is_due(now: dt.datetime) -> ColumnElement[bool]:
    # Later than the longest wait: this machine's clock was ahead when that was written.
    wrong = Outbox.next_try_at > now + BACK_OFF[-1]
    return (Outbox.state == MailState.PENDING) & (Outbox.next_try_at.is_(None) | (Outbox.next_try_at <= now) | wrong)


def _due(store: Store, now: dt.datetime) -> list[int]:
    with store.session() as session:
        return list(session.scalars(select(Outbox.id).where(_is_due(now)).order_by(Outbox.id)))


def _room(store: Store, settings: Settings, now: dt.datetime) -> float:
    """How many mails may still leave in this hour. A mail counts as sent when its run began."""
    if not settings.mails_per_hour:
        return math.inf
    with store.session() as session:
        # Not later than now either: sent while the clock was ahead, they would fill the hour for days.
        recent = (Outbox.sent_at > now - HOUR) & (Outbox.sent_at < now + HOUR)
        sent = session.scalar(select(func.count()).select_from(Outbox).where(recent))
    return settings.mails_per_hour - (sent or 0)


def _hold(store: Store, first: int, limit: int, now: dt.datetime) -> int:
    """Write down why the mails that are due from *first* on wait, and count them; they stay due."""
    why = f"waits: {limit} an hour may leave (RICWATCH_MAILS_PER_HOUR)"
    with store.session() as session:
        held = session.scalars(
            update(Outbox).where(Outbox.id >= first, _is_due(now)).values(last_text=why).returning(Outbox.id)
        )
        return len(held.all())


def _hand_over(
    store: Store, way: Transport, row_id: int, sender: str, now: dt.datetime
) -> tuple[Outcome, DeliveredRow | None]:
    with store.session() as session:
        mail = session.get_one(Outbox, row_id)
        envelope = Envelope(mail.message_id, sender, mail.recipient, mail.mime)

    def claim() -> bool:
        # Compare and set, committed before the first byte: of two processes one gets it, and a crash leaves a trace.
        with store.session() as session:
            got = session.execute(
                update(Outbox)
                .where(Outbox.id == row_id, Outbox.state == MailState.PENDING)
                .values(state=MailState.SENDING, attempts=Outbox.attempts + 1, last_text=way.name)
                .returning(Outbox.id)
            ).first()
        return got is not None

    outcome = way.send(envelope, claim)
    if isinstance(outcome, Taken):
        return outcome, None
    with store.writing() as session:
        mail = session.get_one(Outbox, row_id)
        if isinstance(outcome, Deferred | Unreachable | Refused) and mail.state == MailState.PENDING:
            mail.attempts += 1  # it ended before the claim, so the try is counted here
        _apply(mail, outcome, now)
        return outcome, _row(mail)


def _apply(mail: Outbox, outcome: Outcome, now: dt.datetime) -> None:
    match outcome:
        case Accepted(where, code):
            mail.state, mail.sent_at, mail.next_try_at = MailState.SENT, now, None
            mail.last_code, mail.last_text = code, where
        case Refused(text, code):
            mail.state, mail.next_try_at = MailState.FAILED, None
            mail.last_code, mail.last_text = code, text
        case Unknown(text):
            mail.state, mail.next_try_at = MailState.UNKNOWN, None
            mail.last_code, mail.last_text = None, text
        case Deferred(text, code):
            mail.last_code, mail.last_text = code, text
            _try_later(mail, now)
        case Unreachable(text):
            mail.last_code, mail.last_text = None, text
            _try_later(mail, now)
        case Taken():
            pass


def _try_later(mail: Outbox, now: dt.datetime) -> None:
    if now - mail.created_at > GIVE_UP:
        mail.state, mail.next_try_at = MailState.FAILED, None
        mail.last_text = f"given up after {GIVE_UP.days} days: {mail.last_text}"
        return
    mail.state = MailState.PENDING
    mail.next_try_at = now + BACK_OFF[min(max(mail.attempts, 1), len(BACK_OFF)) - 1]


def _row(mail: Outbox) -> DeliveredRow:
    # The header alone: reading the charts of a thousand mails again takes longer than sending them.
    header = mail.mime.partition(b"\r\n\r\n")[0]
    subject = str(message_from_bytes(header, policy=default_policy)["Subject"] or "")
    return DeliveredRow(mail.recipient, subject, MailState(mail.state), mail.last_text, mail.message_id)
