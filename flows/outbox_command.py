"""The commands `outbox`, `outbox arrived` and `outbox resend`: what lies in the outbox, and what a person decides."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from rich.table import Table

SENT_SHOWN = 10
outbox_app = typer.Typer(
    invoke_without_command=True,
    help="Look at the mails, and decide about those whose fate is unknown.\n\n"
    "A mail that is *held* waits for a person: **ricwatch approve** decides.\n\n"
    "A mail is *unknown* when the connection broke after it began to flow: the server may have taken it. It is never "
    "sent again by itself. Ask the reader, or look into the server's log, then say **arrived** or **resend**.\n\n"
    "Examples:\n\n"
    "- `ricwatch outbox` – what waits, failed or is unknown, and the newest of those sent\n\n"
    "- `ricwatch outbox arrived 17` – mail 17 is there after all\n\n"
    "- `ricwatch outbox resend 17` – it is not; it goes with the next digest run",
)
Number = Annotated[int, typer.Argument(min=1, help="Number of the mail, as `ricwatch outbox` shows it.")]


@dataclass(frozen=True, slots=True)
class MailRow:
    """A mail as the outbox has it; `last` is the last answer, or where the mail lies."""

    number: int
    state: str
    recipient: str
    subject: str
    tries: int
    last: str
    next_try: dt.datetime | None
    queued: dt.datetime
    sent: dt.datetime | None
    approval: int | None = None


@outbox_app.callback()
def outbox(
    context: typer.Context,
    all_mails: Annotated[
        bool, typer.Option("--all", help=f"Every mail that was sent, not only the last {SENT_SHOWN}.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    if context.invoked_subcommand is not None:
        return
    from flows import tables
    from store.settings import get_settings

    rows, hidden = look_up(all_mails=all_mails)
    if as_json:
        typer.echo(json.dumps([record(row) for row in rows], indent=2, ensure_ascii=False))
        return
    if rows:
        tables.show(mail_table(rows, get_settings().zone))
    for line in summary(rows, hidden):
        tables.say(line)


@outbox_app.command()
def arrived(number: Number) -> None:
    """Say that a mail whose fate is unknown has arrived; it counts as sent from then on.

    Example: `ricwatch outbox arrived 17`
    """
    _decide(number, send_again=False)


@outbox_app.command()
def resend(number: Number) -> None:
    """Say that a mail whose fate is unknown did not arrive; the next run of the digest sends it.

    Should it have arrived after all, the reader gets it twice, with one Message-ID.

    Example: `ricwatch outbox resend 17`
    """
    _decide(number, send_again=True)


def _decide(number: int, *, send_again: bool) -> None:
    from alerts.outbox import decide_unknown
    from flows import tables
    from flows.watch import open_watch

    with open_watch() as watch:
        decide_unknown(watch.store, number, send_again=send_again, now=dt.datetime.now(dt.UTC))
    told = "waits for the next run of the digest (at once: ricwatch run)" if send_again else "counts as sent"
    tables.say(f"Mail {number} {told}")


def look_up(*, all_mails: bool = False) -> tuple[list[MailRow], int]:
    """The mails that want attention and the newest that were sent, in order, and how many sent ones are left out."""
    from sqlalchemy import func, select

    from alerts.outbox import MailState
    from flows.watch import open_watch
    from store.models import Digest, Outbox

    columns = (
        Outbox.id, Outbox.state, Outbox.recipient, Digest.subject, Outbox.attempts, Outbox.last_text,
        Outbox.next_try_at, Outbox.created_at, Outbox.sent_at, Digest.approval_id,
    )  # fmt: skip
    # The mails' bytes stay where they are: a year of digests is hundreds of megabytes.
    wanted = select(*columns).join(Digest, Digest.id == Outbox.digest_id)
    with open_watch() as watch, watch.store.session() as session:
        over = (MailState.SENT, MailState.DROPPED)
        sent = wanted.where(Outbox.state.in_(over)).order_by(Outbox.id.desc())
        found = [
            *session.execute(wanted.where(Outbox.state.not_in(over))),
            *session.execute(sent if all_mails else sent.limit(SENT_SHOWN)),
        ]
        total = session.scalar(select(func.count()).select_from(Outbox)) or 0
    return sorted((MailRow(*row) for row in found), key=lambda row: row.number), total - len(found)


def record(row: MailRow) -> dict[str, Any]:
    """A mail as values of JSON."""
    return {
        "number": row.number,
        "state": row.state,
        "recipient": row.recipient,
        "subject": row.subject,
        "tries": row.tries,
        "last": row.last,
        "next_try": row.next_try.isoformat() if row.next_try else None,
        "queued": row.queued.isoformat(),
        "sent": row.sent.isoformat() if row.sent else None,
        "approval": row.approval,
    }


def mail_table(rows: list[MailRow], zone: ZoneInfo) -> Table:
    """One row a mail, times in *zone*."""
    from rich.table import Table
    from rich.text import Text

    table = Table("Mail", "State", "To and subject", "Tries", "Last answer", "Next try")
    for row in rows:
        about = Text(f"{row.recipient}\n{row.subject}")
        if row.state == "pending":
            next_try = f"{row.next_try.astimezone(zone):%d %b %H:%M}" if row.next_try else "next run"
        elif row.state == "held":
            next_try = f"approval {row.approval}"
        else:
            next_try = ""
        table.add_row(str(row.number), row.state, about, str(row.tries), Text(row.last), next_try)
    return table


def summary(rows: list[MailRow], hidden: int) -> list[str]:
    """What there is, and what to do about the mails whose fate is unknown."""
    if not rows:
        return ["The outbox is empty: no digest was composed yet."]
    lines = [f"and {hidden:,} more that were sent; --all shows them"] if hidden else []
    for number in sorted({row.approval for row in rows if row.state == "held" and row.approval}):
        held = sum(row.state == "held" and row.approval == number for row in rows)
        lines.append(
            f"{held} {'waits' if held == 1 else 'wait'} for a person: ricwatch approve {number} send --by NAME, or drop"
        )
    unknown = [row for row in rows if row.state == "unknown"]
    if unknown:
        first = unknown[0]
        lines.append(
            f"{len(unknown)} unknown: ask the reader, then ricwatch outbox arrived {first.number}, or "
            f"ricwatch outbox resend {first.number}"
        )
    return lines
