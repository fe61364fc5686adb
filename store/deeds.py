"""What people asked for under their name, kept after Prefect has forgotten the runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.people import Deed


def keep_deed(
    session: Session, *, at: dt.datetime, who: str, flow: str, run: str, asked: Iterable[tuple[str, str]], outcome: str
) -> None:
    """Keep what *run* came to; a later word on the same run replaces the earlier one. *asked* is field and value."""
    row = session.scalar(select(Deed).where(Deed.run == run))
    if row is None:
        row = Deed(run=run)
        session.add(row)
    row.at, row.who, row.flow, row.outcome = at, who, flow, outcome
    row.asked = [{"field": field, "value": value} for field, value in asked]


def deeds_since(session: Session, moment: dt.datetime, *, who: str = "") -> Sequence[Deed]:
    """The deeds since *moment*, the oldest first; *who* keeps those of one person, whatever the case of the letters."""
    wanted = who.strip().casefold()
    rows = session.scalars(select(Deed).where(Deed.at >= moment).order_by(Deed.at, Deed.id))
    return [row for row in rows if not wanted or row.who.casefold() == wanted]
