"""Tables of what people ask for and say: who reads, what is to be kept quiet, how a shift was judged."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Boolean, Date, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from store.models import Base


class Subscriber(Base):
    """A reader of digests, with what concerns them and when they want it. Who left stays on the list, as ended."""

    __tablename__ = "subscriber"

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    address: Mapped[str] = mapped_column(String(320), unique=True, comment="Mail address, its domain in small letters.")
    timezone: Mapped[str] = mapped_column(String(60), comment="Zone of the hours and days below, as Asia/Kolkata.")
    cadence: Mapped[str] = mapped_column(
        String(20), comment="at_once, daily, weekdays or weekly: when a shift may be told."
    )
    hour: Mapped[int] = mapped_column(comment="From this hour of the day on a digest may go out, 0 to 23.")
    weekly_day: Mapped[int] = mapped_column(comment="Day of the weekly digest, Monday = 0.")
    dyads: Mapped[list[str]] = mapped_column(comment="Ties that concern this reader; empty means all.")
    themes: Mapped[list[str]] = mapped_column(comment="Codes of the themes that concern this reader; empty means all.")
    least: Mapped[str] = mapped_column(
        String(20), comment="Least strength of evidence to be told of: moderate, strong or very strong."
    )
    dates: Mapped[str] = mapped_column(String(10), comment="How dates are written: en, en-US, iso, hi, ru or zh.")
    html: Mapped[bool] = mapped_column(Boolean, comment="Whether the mail has an HTML part; else text alone.")
    paused_until: Mapped[dt.date | None] = mapped_column(
        Date, comment="No digest before this day; what holds is told then."
    )
    mute_days: Mapped[list[int]] = mapped_column(comment="Days of the week without a digest, Monday = 0.")
    mute_from: Mapped[int | None] = mapped_column(comment="No digest from this hour on …")
    mute_to: Mapped[int | None] = mapped_column(comment="… to this hour, also past midnight.")
    added_at: Mapped[dt.datetime] = mapped_column(comment="When the subscription was made or last changed.")
    added_by: Mapped[str] = mapped_column(String(120), comment="Who made or changed it, as they said.")
    ended_at: Mapped[dt.datetime | None] = mapped_column(comment="When it was ended; empty while it runs.")


class Silence(Base):
    """A known cause: shifts that fit it are listed in digests, not alerted, until it ends by itself."""

    __tablename__ = "silence"

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    dyad: Mapped[str] = mapped_column(String(5), comment="Tie that it covers; empty means all, and shifts of no tie.")
    kind: Mapped[str] = mapped_column(String(20), comment="stance, attention, theme or bloc; empty means all.")
    theme: Mapped[str] = mapped_column(String(20), comment="Theme that it covers; empty means all.")
    bloc: Mapped[str] = mapped_column(String(20), comment="Press bloc that it covers; empty means all.")
    starts: Mapped[dt.date] = mapped_column(Date, comment="First day, in the readers' zone.")
    ends: Mapped[dt.date] = mapped_column(Date, comment="Last day, in the readers' zone.")
    author: Mapped[str] = mapped_column(String(120), comment="Who asked for it.")
    comment: Mapped[str] = mapped_column(Text, comment="The known cause, in the author's words.")
    made_at: Mapped[dt.datetime] = mapped_column(comment="When it was made.")


class Judgement(Base):
    """What a reader said of a shift. One person's later word replaces the earlier one."""

    __tablename__ = "judgement"

    shift_id: Mapped[int] = mapped_column(ForeignKey("shift.id"), primary_key=True, comment="Which shift.")
    judge: Mapped[str] = mapped_column(String(120), primary_key=True, comment="Who said so, as they named themselves.")
    verdict: Mapped[str] = mapped_column(String(20), comment="right, wrong or known (true, and no news to the reader).")
    comment: Mapped[str] = mapped_column(Text, default="", comment="Why, in their words.")
    judged_at: Mapped[dt.datetime] = mapped_column(comment="When it was said.")


class Approval(Base):
    """Digests above a size, composed at one time, that wait for a person; and who decided what, and when."""

    __tablename__ = "approval"

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    asked_at: Mapped[dt.datetime] = mapped_column(comment="When the digests were composed.")
    due_at: Mapped[dt.datetime] = mapped_column(comment="Until then a person may decide.")
    if_nobody: Mapped[str] = mapped_column(String(10), comment="What is done then: send or drop.")
    subject: Mapped[str] = mapped_column(Text, comment="Subject of the digest with most readers.")
    mails: Mapped[int] = mapped_column(comment="Mails that wait.")
    why: Mapped[str] = mapped_column(Text, comment="The size that made it wait, and the setting that says so.")
    decision: Mapped[str] = mapped_column(
        String(10), default="", index=True, comment="send or drop; empty while it waits."
    )
    decided_at: Mapped[dt.datetime | None] = mapped_column(comment="When that was decided.")
    decided_by: Mapped[str] = mapped_column(
        String(120), default="", comment="Who decided, as they named themselves; nobody where the time was up."
    )
    note: Mapped[str] = mapped_column(
        Text, default="", comment="What they added: sent, it stands at the top of the mails; dropped, it says why."
    )


class ShiftEvent(Base):
    """The life of a shift: each state that it came into, when, and why."""

    __tablename__ = "shift_event"

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    shift_id: Mapped[int] = mapped_column(ForeignKey("shift.id"), index=True, comment="Which shift.")
    state: Mapped[str] = mapped_column(
        String(20), comment="found, told, confirmed, faded, returned, silenced, held, dropped or judged."
    )
    day: Mapped[dt.date] = mapped_column(Date, comment="Last day of data then.")
    why: Mapped[str] = mapped_column(Text, comment="The reason in a sentence.")
    at: Mapped[dt.datetime] = mapped_column(comment="When it came into that state.")


class Notice(Base):
    """What was decided for a reader: a digest, or the named reason why none went, once for each change of it."""

    __tablename__ = "notice"
    __table_args__ = (
        # What makes "at most one digest of a kind for a day of data" hold whatever runs beside each other.
        Index(
            "uq_notice_address_kind_day",
            "address",
            "kind",
            "day",
            unique=True,
            sqlite_where=text("kind IN ('shift', 'weekly')"),
            postgresql_where=text("kind IN ('shift', 'weekly')"),
        ),
        Index("ix_notice_address_at", "address", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    address: Mapped[str] = mapped_column(String(320), comment="Whom it concerns, in small letters.")
    at: Mapped[dt.datetime] = mapped_column(comment="When it was decided.")
    day: Mapped[dt.date] = mapped_column(Date, comment="Last day of data then.")
    kind: Mapped[str] = mapped_column(String(20), comment="shift, weekly, manual or test; empty where no digest went.")
    reason: Mapped[str] = mapped_column(String(40), comment="Named reason, as decided by alerts.notify.")
    digest_id: Mapped[int | None] = mapped_column(ForeignKey("digest.id"), comment="The digest; empty where none went.")
    shift_ids: Mapped[list[int]] = mapped_column(comment="The shifts that it told this reader first.")
    narrative_ids: Mapped[list[int]] = mapped_column(comment="The narratives that it told this reader first.")
    held: Mapped[list[dict[str, Any]]] = mapped_column(
        comment="Shifts that were kept from this reader: id and named reason."
    )


class Deed(Base):
    """A run that a person asked for under their name: what it was asked for, and what came of it."""

    __tablename__ = "deed"

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    at: Mapped[dt.datetime] = mapped_column(index=True, comment="When the run ended, or began.")
    who: Mapped[str] = mapped_column(String(120), comment="Who asked for it, as they named themselves.")
    flow: Mapped[str] = mapped_column(String(60), comment="Which flow, as re-read.")
    run: Mapped[str] = mapped_column(String(36), unique=True, comment="Prefect's number of the run, while it keeps it.")
    asked: Mapped[list[dict[str, Any]]] = mapped_column(
        comment="Fields of its form that were changed, mail addresses cut."
    )
    outcome: Mapped[str] = mapped_column(Text, comment="What it did, or why it was refused, in a line.")
