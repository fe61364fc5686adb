"""What people say of a shift, and what the monitor says of it: the steps behind flows and commands."""

from __future__ import annotations

import datetime as dt

from alerts import silences, verdicts
from alerts.explain import Explained, ShiftRow, explain_shift, list_shifts
from alerts.gather import FRESH_DAYS
from alerts.scope import Quiet
from flows.watch import Watch, closed_day, moment


def judge(watch: Watch, number: int, verdict: str, *, by: str, comment: str) -> str:
    """Keep a verdict; gives the record as it stands then, in words."""
    now = moment("")
    with watch.store.writing() as session:
        shift = verdicts.judge(session, number, verdict, by=by, comment=comment, now=now)
        record = verdicts.record_words(verdicts.gather_record(session, shift.model, closed_day(now)))
    return f"Shift {number} judged {verdict} by {by}. {record}".strip()


def add_silence(
    watch: Watch,
    *,
    until: dt.date,
    author: str,
    comment: str,
    dyad: str = "",
    kind: str = "",
    theme: str = "",
    bloc: str = "",
) -> str:
    """Make a silence; gives what it covers, in words."""
    with watch.store.writing() as session:
        made = silences.silence(
            session,
            watch.settings,
            until=until,
            author=author,
            comment=comment,
            dyad=dyad,
            kind=kind,
            theme=theme,
            bloc=bloc,
            now=moment(""),
        )
        return f"Silence {made.id}: {silences.what(made)}, {silences.because(made)}."


def end_silence(watch: Watch, number: int) -> str:
    """End a silence."""
    with watch.store.writing() as session:
        ended = silences.end_silence(session, number, now=moment(""), settings=watch.settings)
        return (
            f"Silence {ended.id} is over: {silences.what(ended)}. What it kept quiet is told if it still holds and was "
            f"found less than {FRESH_DAYS} days ago."
        )


def silences_now(watch: Watch) -> list[Quiet]:
    """The silences in force today."""
    with watch.store.session() as session:
        return silences.in_force(session, moment("").astimezone(watch.settings.zone).date())


def shifts(watch: Watch) -> list[ShiftRow]:
    """Every shift of the model in force, the newest first."""
    with watch.store.session() as session:
        return list_shifts(session, watch.settings, watch.version, closed_day(moment("")))


def explain(watch: Watch, number: int) -> Explained:
    """All that is known of a shift."""
    with watch.store.session() as session:
        return explain_shift(session, watch.settings, number)
