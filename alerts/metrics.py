"""How the monitor does, in numbers for a machine: gauges in Prometheus's text format, all taken from the database.

Nothing is counted in memory: a restart loses nothing, and a command gives the same numbers as the file.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest, write_to_textfile
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.outbox import MailState
from classify.batch import pending
from ingest.health import feed_health
from ingest.policy import Health
from store.backup import backups
from store.db import Store
from store.models import Article, Digest, Feed, OperatorMail, Outbox, Poll, Reading, SeriesState, Shift
from store.schema import newest_revision
from store.settings import Settings

RECENT = dt.timedelta(days=30)
"""Articles whose lags are measured."""
YEAR = dt.timedelta(days=365)
DATED = ("given", "zone_assumed")
"""Dates that say when an article was published; the others are our own first sight, whose lag would be nothing."""
QUANTILES = (0.5, 0.95)


def quantile(values: Sequence[float], q: float) -> float:
    """The smallest of *values*, ascending, that at least the part *q* of them do not exceed (nearest rank).

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5), quantile([1.0, 2.0, 3.0, 4.0], 0.95)
    (2.0, 4.0)
    """
    return values[max(0, math.ceil(len(values) * q) - 1)]


def gather(store: Store, settings: Settings, model: str, *, now: dt.datetime) -> CollectorRegistry:
    """All gauges as they stand at *now*."""
    registry = CollectorRegistry()

    def gauge(name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"ricwatch_{name}", meaning, labels, registry=registry)

    gauge("info", "Version, schema and model; always 1.", "version", "schema", "model").labels(
        version("ricwatch"), newest_revision(), model
    ).set(1)
    gauge("written_timestamp_seconds", "When these numbers were taken.").set(now.timestamp())
    gauge("false_alarms_per_year_target", "The setting: false digests a year over all series.").set(
        settings.false_alarms_per_year
    )
    with store.session() as session:
        _feeds(session, gauge("feeds", "Enabled feeds by health.", "health"), now)
        _grouped(
            session,
            gauge("polls_last_day", "Polls of the last 24 hours by outcome.", "outcome"),
            select(Poll.outcome, func.count())
            .where(Poll.started_at > now - dt.timedelta(days=1))
            .group_by(Poll.outcome),
        )
        gauge("articles", "Stored articles.").set(session.scalar(select(func.count()).select_from(Article)) or 0)
        gauge("unread_articles", "Articles that wait for a reading.").set(pending(session, model))
        _states(session, gauge("outbox_mails", "Readers' mails by state.", "state"), Outbox.state)
        _states(session, gauge("operator_mails", "Operator's mails by state.", "state"), OperatorMail.state)
        _grouped(
            session,
            gauge("digests_last_year", "Digests of the last 365 days by kind, to hold against the target.", "kind"),
            select(Digest.kind, func.count()).where(Digest.composed_at > now - YEAR).group_by(Digest.kind),
        )
        gauge("shifts_last_year", "Shifts found in the last 365 days.").set(
            session.scalar(select(func.count()).where(Shift.found_at > now - YEAR)) or 0
        )
        lag = gauge("lag_seconds", "From publication to the step, articles of the last 30 days.", "step", "quantile")
        _lags(lag, "reading", _to_reading(session, model, now))
        _lags(lag, "mail", _to_mail(session, now))
        last = gauge("last_success_timestamp_seconds", "When each last went well; absent until it does.", "what")
        for what, moment in _last(session, settings).items():
            if moment is not None:
                last.labels(what).set(moment.timestamp())
    return registry


def text_of(registry: CollectorRegistry) -> str:
    """The gauges in the text format."""
    return generate_latest(registry).decode()


def write(registry: CollectorRegistry, path: Path) -> None:
    """Put them into *path*, which is replaced as a whole: a collector never reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(path), registry)


def _feeds(session: Session, gauge: Gauge, now: dt.datetime) -> None:
    for health in Health:  # also those at zero: a series that comes and goes cannot be alerted on
        gauge.labels(str(health)).set(0)
    for feed in feed_health(session, now=now):
        if feed.enabled:
            gauge.labels(str(feed.health)).inc()


def _states(session: Session, gauge: Gauge, column: Any) -> None:
    for state in MailState:
        gauge.labels(str(state)).set(0)
    _grouped(session, gauge, select(column, func.count()).group_by(column))


def _grouped(session: Session, gauge: Gauge, query: Any) -> None:
    for value, count in session.execute(query):
        gauge.labels(value).set(count)


def _lags(gauge: Gauge, step: str, seconds: list[float]) -> None:
    if not seconds:
        return
    seconds.sort()
    for q in QUANTILES:
        gauge.labels(step, str(q)).set(round(quantile(seconds, q)))


def _to_reading(session: Session, model: str, now: dt.datetime) -> list[float]:
    rows = session.execute(
        select(Article.published_at, Reading.read_at)
        .join(Reading, Reading.article_id == Article.id)
        .where(Reading.model == model, *_measured(now))
    )
    return [max(0.0, (read - published).total_seconds()) for published, read in rows]


def _to_mail(session: Session, now: dt.datetime) -> list[float]:
    """To the first digest that left and reports on the article's day or a later one."""
    sent = session.execute(
        select(Outbox.sent_at, Digest.day)
        .join(Digest, Digest.id == Outbox.digest_id)
        .where(Outbox.state == MailState.SENT, Outbox.sent_at.is_not(None), Digest.kind != "test")
        .order_by(Outbox.sent_at)
    ).all()
    first: dict[dt.date, dt.datetime] = {}
    for at, day in sent:
        if at is not None:
            first.setdefault(day, at)
    days = sorted(first)
    # A digest of a later day tells of the earlier ones too.
    earliest: list[dt.datetime] = []
    for day in reversed(days):
        earliest.append(min(first[day], earliest[-1]) if earliest else first[day])
    earliest.reverse()
    lags = []
    for published, day in session.execute(select(Article.published_at, Article.day).where(*_measured(now))):
        place = bisect_left(days, day)
        if place < len(days) and earliest[place] >= published:
            lags.append((earliest[place] - published).total_seconds())
    return lags


def _measured(now: dt.datetime) -> tuple[Any, ...]:
    # Imported articles come long after their day, and no poll brought them.
    return (Article.published_at > now - RECENT, Article.date_quality.in_(DATED), Article.poll_id.is_not(None))


def _last(session: Session, settings: Settings) -> dict[str, dt.datetime | None]:
    files = backups(settings.backups_folder)
    return {
        "feed": session.scalar(select(func.max(Feed.last_success_at))),
        "reading": session.scalar(select(func.max(Reading.read_at))),
        "series": session.scalar(select(func.max(SeriesState.updated_at))),
        "mail": session.scalar(select(func.max(Outbox.sent_at))),
        "backup": dt.datetime.fromtimestamp(files[-1].stat().st_mtime, dt.UTC) if files else None,
    }
