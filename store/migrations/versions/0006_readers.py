"""subscribers, silences, judgements, the life of a shift, and who was told what"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

import store.models

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _moment(name: str, comment: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, store.models.UtcDateTime(timezone=True), nullable=nullable, comment=comment)


def _column(name: str, kind: Any, comment: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable, comment=comment)


def upgrade() -> None:
    op.create_table(
        "subscriber",
        _column("id", sa.Integer(), "Running number."),
        _column("address", sa.String(length=320), "Mail address, its domain in small letters."),
        _column("timezone", sa.String(length=60), "Zone of the hours and days below, as Asia/Kolkata."),
        _column("cadence", sa.String(length=20), "at_once, daily, weekdays or weekly: when a shift may be told."),
        _column("hour", sa.Integer(), "From this hour of the day on a digest may go out, 0 to 23."),
        _column("weekly_day", sa.Integer(), "Day of the weekly digest, Monday = 0."),
        _column("dyads", sa.JSON(), "Ties that concern this reader; empty means all."),
        _column("themes", sa.JSON(), "Codes of the themes that concern this reader; empty means all."),
        _column(
            "least", sa.String(length=20), "Least strength of evidence to be told of: moderate, strong or very strong."
        ),
        _column("dates", sa.String(length=10), "How dates are written: en, en-US, iso, hi, ru or zh."),
        _column("html", sa.Boolean(), "Whether the mail has an HTML part; else text alone."),
        _column("paused_until", sa.Date(), "No digest before this day; what holds is told then.", nullable=True),
        _column("mute_days", sa.JSON(), "Days of the week without a digest, Monday = 0."),
        _column("mute_from", sa.Integer(), "No digest from this hour on …", nullable=True),
        _column("mute_to", sa.Integer(), "… to this hour, also past midnight.", nullable=True),
        _moment("added_at", "When the subscription was made or last changed."),
        _column("added_by", sa.String(length=120), "Who made or changed it, as they said."),
        _moment("ended_at", "When it was ended; empty while it runs.", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriber")),
        sa.UniqueConstraint("address", name=op.f("uq_subscriber_address")),
    )
    op.create_table(
        "silence",
        _column("id", sa.Integer(), "Running number."),
        _column("dyad", sa.String(length=5), "Tie that it covers; empty means all, and shifts of no tie."),
        _column("kind", sa.String(length=20), "stance, attention, theme or bloc; empty means all."),
        _column("theme", sa.String(length=20), "Theme that it covers; empty means all."),
        _column("bloc", sa.String(length=20), "Press bloc that it covers; empty means all."),
        _column("starts", sa.Date(), "First day, in the readers' zone."),
        _column("ends", sa.Date(), "Last day, in the readers' zone."),
        _column("author", sa.String(length=120), "Who asked for it."),
        _column("comment", sa.Text(), "The known cause, in the author's words."),
        _moment("made_at", "When it was made."),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silence")),
    )
    op.create_table(
        "judgement",
        _column("shift_id", sa.Integer(), "Which shift."),
        _column("judge", sa.String(length=120), "Who said so, as they named themselves."),
        _column("verdict", sa.String(length=20), "right, wrong or known (true, and no news to the reader)."),
        _column("comment", sa.Text(), "Why, in their words."),
        _moment("judged_at", "When it was said."),
        sa.ForeignKeyConstraint(["shift_id"], ["shift.id"], name=op.f("fk_judgement_shift_id")),
        sa.PrimaryKeyConstraint("shift_id", "judge", name=op.f("pk_judgement")),
    )
    op.create_table(
        "shift_event",
        _column("id", sa.Integer(), "Running number."),
        _column("shift_id", sa.Integer(), "Which shift."),
        _column("state", sa.String(length=20), "found, told, confirmed, faded, returned, silenced, held or judged."),
        _column("day", sa.Date(), "Last day of data then."),
        _column("why", sa.Text(), "The reason in a sentence."),
        _moment("at", "When it came into that state."),
        sa.ForeignKeyConstraint(["shift_id"], ["shift.id"], name=op.f("fk_shift_event_shift_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_event")),
    )
    op.create_index(op.f("ix_shift_event_shift_id"), "shift_event", ["shift_id"])
    notice = op.create_table(
        "notice",
        _column("id", sa.Integer(), "Running number."),
        _column("address", sa.String(length=320), "Whom it concerns, in small letters."),
        _moment("at", "When it was decided."),
        _column("day", sa.Date(), "Last day of data then."),
        _column("kind", sa.String(length=20), "shift, weekly, manual or test; empty where no digest went."),
        _column("reason", sa.String(length=40), "Named reason, as decided by alerts.notify."),
        _column("digest_id", sa.Integer(), "The digest; empty where none went.", nullable=True),
        _column("shift_ids", sa.JSON(), "The shifts that it told this reader first."),
        _column("narrative_ids", sa.JSON(), "The narratives that it told this reader first."),
        _column("held", sa.JSON(), "Shifts that were kept from this reader: id and named reason."),
        sa.ForeignKeyConstraint(["digest_id"], ["digest.id"], name=op.f("fk_notice_digest_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    telling = sa.text("kind IN ('shift', 'weekly')")
    op.create_index(
        "uq_notice_address_kind_day",
        "notice",
        ["address", "kind", "day"],
        unique=True,
        sqlite_where=telling,
        postgresql_where=telling,
    )
    op.create_index("ix_notice_address_at", "notice", ["address", "at"])
    _remember(notice)


def _remember(notice: sa.Table) -> None:
    """Who was told what before this version, from the mails: a shift must not be told again because of it."""
    meta = sa.MetaData()
    link = op.get_bind()
    digest = sa.Table("digest", meta, autoload_with=link)
    outbox = sa.Table("outbox", meta, autoload_with=link)
    narrative = sa.Table("narrative", meta, autoload_with=link)
    told: dict[int, list[int]] = {}
    for number, first in link.execute(sa.select(narrative.c.id, narrative.c.digest_id)):
        told.setdefault(first, []).append(number)
    made: dict[tuple[str, str, Any], dict[str, Any]] = {}
    rows = link.execute(
        sa.select(
            outbox.c.recipient,
            digest.c.id,
            digest.c.kind,
            sa.type_coerce(digest.c.day, sa.Date()).label("day"),
            digest.c.reason,
            sa.type_coerce(digest.c.shift_ids, sa.JSON()).label("shift_ids"),
            sa.type_coerce(digest.c.composed_at, store.models.UtcDateTime(timezone=True)).label("at"),
        )
        .join(digest, digest.c.id == outbox.c.digest_id)
        .where(digest.c.kind.in_(("shift", "weekly")))
        .order_by(digest.c.id, outbox.c.id)
    )
    for row in rows:
        one = made.setdefault(
            (row.recipient.lower(), row.kind, row.day),
            {
                "address": row.recipient.lower(),
                "at": row.at,
                "day": row.day,
                "kind": row.kind,
                "reason": row.reason,
                "digest_id": row.id,
                "shift_ids": [],
                "narrative_ids": [],
                "held": [],
            },
        )
        one["shift_ids"] += [int(shift["id"]) for shift in row.shift_ids]
        one["narrative_ids"] += told.get(row.id, [])
    if made:
        link.execute(notice.insert(), list(made.values()))


def downgrade() -> None:
    for table in ("notice", "shift_event", "judgement", "silence", "subscriber"):
        op.drop_table(table)
