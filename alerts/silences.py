"""Silences: a known cause, by whom, until when. What fits one is listed in digests and wakes nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.model import Kind
from alerts.scope import Quiet
from alerts.subscribers import topic_codes
from alerts.wording import dyad_name, press
from alerts.words import day_words, plain
from store.errors import ConfigError
from store.people import Silence
from store.settings import Settings

LONGEST = dt.timedelta(days=180)
"""A silence that nobody remembers hides what the monitor is for."""


def silence(
    session: Session,
    settings: Settings,
    *,
    until: dt.date,
    author: str,
    comment: str,
    now: dt.datetime,
    dyad: str = "",
    kind: str = "",
    theme: str = "",
    bloc: str = "",
    starts: dt.date | None = None,
) -> Quiet:
    """Keep quiet about what fits the fields given, until the day *until* in the zone of the settings.

    Raises:
        ConfigError: there is no author or cause, a code is unknown, or the days make no sense.
    """
    author, comment = plain(author, 120), plain(comment, 400)
    if not author or not comment:
        raise ConfigError("a silence needs an author and the known cause, for those who read of it later")
    codes = topic_codes(settings)
    choices = (
        ("tie", dyad, codes.dyads),
        ("kind", kind, tuple(Kind)),
        ("theme", theme, codes.themes),
        ("press", bloc, codes.blocs),
    )
    for name, value, known in choices:
        if value and value not in known:
            raise ConfigError(f"{name}: {value!r} is none of {', '.join(known)}")
    today = now.astimezone(settings.zone).date()
    starts = starts or today
    if until < max(starts, today):
        raise ConfigError(f"the silence would end on {until.isoformat()}, before it begins or before today")
    if until - starts > LONGEST:
        raise ConfigError(f"a silence lasts {LONGEST.days} days at most; renew it if the cause lasts longer")
    row = Silence(
        dyad=dyad,
        kind=kind,
        theme=theme,
        bloc=bloc,
        starts=starts,
        ends=until,
        author=author,
        comment=comment,
        made_at=now,
    )
    session.add(row)
    session.flush()
    return _quiet(row)


def in_force(session: Session, today: dt.date) -> list[Quiet]:
    """The silences of the day *today*, in the zone of the settings."""
    rows = session.scalars(
        select(Silence).where(Silence.starts <= today, Silence.ends >= today).order_by(Silence.ends, Silence.id)
    )
    return [_quiet(row) for row in rows]


def end_silence(session: Session, number: int, *, now: dt.datetime, settings: Settings) -> Quiet:
    """End a silence today; what it kept quiet is told with the next digest, if it still holds.

    Raises:
        ConfigError: no silence of that number is in force.
    """
    today = now.astimezone(settings.zone).date()
    row = session.get(Silence, number)
    if row is None or row.ends < today:
        raise ConfigError(f"no silence with number {number} is in force; ricwatch silence list shows those that are")
    row.ends = today - dt.timedelta(days=1)
    session.flush()
    return _quiet(row)


def covering(silences: Sequence[Quiet], number: int | None) -> Quiet | None:
    """The silence with that number."""
    return next((one for one in silences if one.id == number), None)


def what(quiet: Quiet) -> str:
    """What a silence covers, in words."""
    of = dyad_name(quiet.dyad) if quiet.dyad else "all ties"
    kind = f"{quiet.kind} of " if quiet.kind else ""
    theme = f", theme {quiet.theme}" if quiet.theme else ""
    bloc = f", {press(quiet.bloc)}" if quiet.bloc else ""
    return f"{kind}{of}{theme}{bloc}"


def because(quiet: Quiet) -> str:
    """Why and until when, in half a sentence."""
    return f"silenced until {day_words(quiet.ends)} by {quiet.author}: {quiet.comment}"


def _quiet(row: Silence) -> Quiet:
    return Quiet(row.id, row.dyad, row.kind, row.theme, row.bloc, row.ends, row.author, row.comment)
