"""The doctor's look at the way out: addresses, the SMTP server, what waits in the outbox, and when a mail last left."""

from __future__ import annotations

import datetime as dt
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from alerts.addresses import parse_address
from alerts.approval import waiting
from alerts.operator import last_delivery, silence
from alerts.outbox import MailState
from alerts.signing import make_signer
from alerts.transport import SmtpTransport
from flows.findings import Finding
from store.db import Store
from store.errors import ConfigError, RicwatchError
from store.models import Outbox
from store.schema import newest_revision
from store.settings import Settings

OLD = dt.timedelta(days=1)
"""A mail that waits longer than this has been tried six times and more."""
PROBE_LIMIT = 10.0


def addresses(settings: Settings) -> Finding:
    """Whether sender, recipients and operator can be written to."""
    named = [("sender", settings.sender, "RICWATCH_SENDER")]
    named += [("recipient", one, "RICWATCH_RECIPIENTS") for one in settings.recipients]
    named += [("operator", settings.operator, "RICWATCH_OPERATOR")] if settings.operator else []
    for what, text, variable in named:
        try:
            parse_address(text, what)
        except ConfigError as error:
            return Finding("Addresses", str(error), f"correct {variable}", serious=True)
    people = ", ".join(settings.recipients) or "nobody"
    told = f"operator {settings.operator}" if settings.operator else "no operator; set RICWATCH_OPERATOR to be told"
    return Finding("Addresses", f"for {people}; {told}")


def mail(settings: Settings) -> Finding:
    """Whether mail would leave, signed where a key is set: connects and logs in as for a mail; nothing is sent."""
    make_signer(settings)
    if not settings.smtp_host:
        return Finding("Mail", f"Maildir {settings.var_dir / 'mail'}; set RICWATCH_SMTP_HOST to send")
    where = f"{settings.smtp_host}:{settings.smtp_port} ({settings.smtp_security})"
    quick = settings.model_copy(update={"smtp_timeout": min(settings.smtp_timeout, PROBE_LIMIT)})
    try:
        SmtpTransport(quick).greet()
    except ConfigError as error:
        return Finding("Mail", str(error), "set RICWATCH_SMTP_SECURITY to starttls or tls", serious=True)
    except (OSError, smtplib.SMTPException) as error:
        told, advice = _explain(error, settings)
        secret = settings.smtp_password.get_secret_value()
        return Finding("Mail", f"{where} {told}".replace(secret or "\0", "***"), advice, serious=True)
    return Finding("Mail", f"{where} answers" + (" and takes the login" if settings.smtp_username else ""))


def _explain(error: Exception, settings: Settings) -> tuple[str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"shows a certificate that does not hold: {error.verify_message}",
            "use the host name that its certificate names, or add its authority to this machine's trusted ones",
        )
    if isinstance(error, ssl.SSLError):
        return f"does not speak TLS here: {error.reason}", "set RICWATCH_SMTP_SECURITY=starttls, or the TLS port (465)"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        reply = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"refuses the login: {error.smtp_code} {reply}", "correct RICWATCH_SMTP_USERNAME and _PASSWORD"
    if isinstance(error, smtplib.SMTPNotSupportedError) and "STARTTLS" in str(error):
        return "offers no STARTTLS", "use another port, or RICWATCH_SMTP_SECURITY=none for a relay on this machine"
    return _explain_reply(error, settings)


def _explain_reply(error: Exception, settings: Settings) -> tuple[str, str]:
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"takes no login: {error}", "leave RICWATCH_SMTP_USERNAME empty, or use another port"
    if isinstance(error, smtplib.SMTPResponseException):
        return (
            f"turns us away: {error.smtp_code} {error.smtp_error!r}",
            "ask whoever runs it why it refuses this machine",
        )
    hint = "check RICWATCH_SMTP_HOST and _PORT"
    if settings.smtp_security == "tls":
        hint += "; TLS on connecting usually is port 465"
    return f"does not answer: {error}", hint


@contextmanager
def reading(settings: Settings) -> Iterator[Session | None]:
    """A session on the database, or None where there is none of this version's schema to read from."""
    store = Store(settings.database)
    try:
        if store.revision() != newest_revision():
            yield None
            return
        with store.session() as session:
            yield session
    finally:
        store.close()


def outbox(settings: Settings) -> Finding:
    """Whether a mail hangs."""
    now = dt.datetime.now(dt.UTC)
    try:
        with reading(settings) as session:
            if session is None:
                return Finding("Outbox", "nothing yet")
            states = dict(session.execute(select(Outbox.state, func.count()).group_by(Outbox.state)).tuples().all())
            old = session.scalar(
                select(func.count())
                .select_from(Outbox)
                .where(Outbox.state == MailState.PENDING, Outbox.created_at < now - OLD)
            )
            told = session.scalar(
                select(Outbox.last_text)
                .where(Outbox.state.in_((MailState.PENDING, MailState.UNKNOWN)))
                .order_by(Outbox.id.desc())
            )
            held = [one.words for one in waiting(session)]
    except (RicwatchError, SQLAlchemyError) as error:
        return Finding(
            "Outbox", f"cannot be read: {str(error).splitlines()[0]}", "mend the database first", serious=True
        )
    if unknown := states.get(MailState.UNKNOWN, 0):
        return Finding(
            "Outbox",
            f"{unknown} {'mail' if unknown == 1 else 'mails'} of unknown fate: {told}",
            "ask the reader whether it came: it is never sent again by itself",
            serious=True,
        )
    if old:
        return Finding(
            "Outbox",
            f"{old} {'mail has' if old == 1 else 'mails have'} waited for more than a day: {told or 'never tried'}",
            "mend what the last answer says (see Mail); they leave with the next run",
            serious=True,
        )
    listed = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    if held:
        # Nothing is broken, so it is no fault; but somebody is waited for.
        listed = "; ".join([listed, *held, "ricwatch approve NUMBER send --by NAME decides"])
    return Finding("Outbox", listed or "nothing yet")


def last_mail(settings: Settings) -> Finding:
    """The dead man's switch: a weekly mail is due, so silence means that something is broken."""
    now = dt.datetime.now(dt.UTC)
    with reading(settings) as session:
        if session is None:
            return Finding("Last mail", "none yet")
        said = silence(session, settings, now)
        last = last_delivery(session, now)
    if said:
        return Finding("Last mail", said, "run `ricwatch run` and read what it says of mails", serious=True)
    return Finding("Last mail", f"{last:%Y-%m-%d %H:%M} UTC" if last else "none yet")
