"""The doctor's look at the running watch: server, worker, the last run, the network, and this machine's clock."""

from __future__ import annotations

import datetime as dt
import statistics
from email.utils import parsedate_to_datetime

import httpx
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from flows.doctor_mail import reading
from flows.environment import POOL, login, running_api, serving_file
from flows.findings import Finding
from ingest.fetch import Failed, Fetched, open_fetcher
from ingest.page import PageOutcome
from ingest.pagehealth import page_health, what_full_texts_lack
from ingest.roster import load_roster
from store.errors import ConfigError, RicwatchError
from store.models import Feed, Poll
from store.settings import Settings

PROBED_FEEDS = 5
"""Feeds asked for an answer: enough to tell a cut network from a dead feed."""
SKEW = dt.timedelta(minutes=5)
"""Further off than that, items of today fall on the wrong day often, and TLS certificates begin to fail."""
LATE = dt.timedelta(hours=26)
"""An hourly or a daily watch has missed its turn by then."""


def server(settings: Settings) -> Finding:
    """Whether the schedules are running, and somebody does the work."""
    try:
        api = running_api(settings)
    except ConfigError as error:
        return Finding("Prefect", str(error), "until then no command reaches it", serious=True)
    if api is None:
        if serving_file(settings).exists():
            return Finding(
                "Prefect",
                "`ricwatch serve` ended without saying goodbye, and its server does not answer: no schedule fires",
                "start it again with `ricwatch serve`, best under a service manager (docs/server.md)",
                serious=True,
            )
        return Finding("Prefect", "no server is running: schedules do not fire; `ricwatch serve` starts it")
    base = api.removesuffix("/api")
    try:
        pool = httpx.get(f"{api}/work_pools/{POOL}", timeout=5.0, trust_env=False, auth=login(settings))
        status = str(pool.json().get("status", "")) if pool.status_code == 200 else f"HTTP {pool.status_code}"
    except (httpx.HTTPError, ValueError) as error:
        status = str(error)
    if status != "READY":
        return Finding(
            "Prefect",
            f"server at {base}, but no worker answers (work pool {POOL}: {status or 'missing'})",
            "start `ricwatch serve` again; what the worker said last is in var/logs/worker.log",
            serious=True,
        )
    asks = "; it asks for a password" if login(settings) else ""
    return Finding("Prefect", f"server at {base}, with a worker{asks}")


def last_run(settings: Settings) -> Finding:
    """When feeds last answered."""
    now = dt.datetime.now(dt.UTC)
    try:
        with reading(settings) as session:
            if session is None:
                return Finding("Last run", "none yet")
            answered = session.scalar(select(func.max(Feed.last_success_at)))
            began = session.scalar(select(func.max(Poll.started_at)))
    except (RicwatchError, SQLAlchemyError) as error:
        told = str(error).splitlines()[0]
        return Finding("Last run", f"cannot be read: {told}", "mend the database first", serious=True)
    if began is None:
        return Finding("Last run", "none yet")
    if now - began > LATE:
        return Finding(
            "Last run",
            f"the last run began {began:%Y-%m-%d %H:%M} UTC, {_ago(now - began)} ago",
            "start `ricwatch serve`, or look at var/logs and at the runs in its pages",
            serious=True,
        )
    if answered is None or now - answered > LATE:
        since = f"since {answered:%Y-%m-%d %H:%M} UTC" if answered else "ever"
        return Finding(
            "Last run",
            f"it runs, but no feed has answered {since}",
            "see Network, and `ricwatch feeds list`",
            serious=True,
        )
    return Finding("Last run", f"{began:%Y-%m-%d %H:%M} UTC; feeds answered {answered:%Y-%m-%d %H:%M}")


def full_texts(settings: Settings) -> Finding:
    """Whether the pages of the feeds that ask for it are read."""
    try:
        with reading(settings) as session:
            pages = page_health(session, now=dt.datetime.now(dt.UTC)) if session is not None else {}
    except (RicwatchError, SQLAlchemyError) as error:
        told = str(error).splitlines()[0]
        return Finding("Full texts", f"cannot be read: {told}", "mend the database first", serious=True)
    if not pages:
        return Finding("Full texts", "no feed asks for them")
    feeds = f"{len(pages)} feeds ask" if len(pages) > 1 else "1 feed asks"
    if lacking := what_full_texts_lack(settings):
        return Finding("Full texts", f"{feeds} for them, and none is fetched", lacking)
    if barren := [key for key, health in pages.items() if health.fruitless]:
        more = f" and {len(barren) - 1} more" if len(barren) > 1 else ""
        return Finding(
            "Full texts",
            f"{barren[0]}{more}: {pages[barren[0]].words}",
            f"see `ricwatch feeds check {barren[0]}`, or `ricwatch feeds full-text {barren[0]} off`",
        )
    asked = sum(health.asked for health in pages.values())
    got = sum(health.counts.get(PageOutcome.REPLACED, 0) for health in pages.values())
    return Finding("Full texts", f"{feeds} for them; {got} texts of {asked} pages this week")


def _ago(span: dt.timedelta) -> str:
    return f"{span.days} days" if span.days >= 2 else f"{span / dt.timedelta(hours=1):.0f} hours"


async def network(settings: Settings) -> list[Finding]:
    """Whether the first enabled feeds answer, and whether this machine's clock is theirs."""
    try:
        feeds = [feed for feed in load_roster(settings.feeds_file) if feed.enabled][:PROBED_FEEDS]
    except (RicwatchError, OSError):
        return [Finding("Network", "not probed: the roster could not be read", "mend the roster first")]
    quick = settings.model_copy(update={"fetch_timeout": min(settings.fetch_timeout, 10.0)})
    answers = []
    skews: list[float] = []
    async with open_fetcher(quick) as fetcher:
        for feed in feeds:
            outcome = await fetcher.fetch(feed.url)
            answers.append(outcome)
            if isinstance(outcome, Fetched) and (skew := skew_of(outcome, dt.datetime.now(dt.UTC))) is not None:
                skews.append(skew)
    fetched = sum(isinstance(outcome, Fetched) for outcome in answers)
    if fetched:
        found = [Finding("Network", f"{fetched} of {len(feeds)} probed feeds answer")]
    elif all(isinstance(outcome, Failed) and outcome.network for outcome in answers):
        found = [
            Finding(
                "Network",
                f"none of {len(feeds)} probed feed hosts can be reached",
                "check the connection or the proxy; `ricwatch replay` shows the monitor without one",
                serious=True,
            )
        ]
    else:
        found = [
            Finding(
                "Network",
                f"the network is there, but none of {len(feeds)} probed feeds answers with a feed",
                "see what each answers with `ricwatch feeds check`, and disable the dead ones",
                serious=True,
            )
        ]
    return [*found, clock(skews)]


def skew_of(answer: Fetched, now: dt.datetime) -> float | None:
    """Seconds that this machine's clock is ahead of the server's (RFC 9110 6.6.1); None without a date."""
    try:
        date = parsedate_to_datetime(answer.headers.get("date", ""))
        age = float(answer.headers.get("age", 0))  # a cache on the way passes an old date on (RFC 9111 5.1)
    except (ValueError, TypeError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=dt.UTC)
    return (now - date).total_seconds() - age


def clock(skews: list[float]) -> Finding:
    """The median of what the servers' clocks say, so that one wrong server does not count."""
    if not skews:
        return Finding("Clock", f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC; no feed's answer to compare it with")
    skew = statistics.median(skews)
    if abs(skew) > SKEW.total_seconds():
        return Finding(
            "Clock",
            f"{abs(skew) / 60:.0f} minutes {'ahead of' if skew > 0 else 'behind'} what {len(skews)} feeds' servers say",
            "set this machine's clock, best with time synchronisation (timedatectl set-ntp true)",
            serious=True,
        )
    return Finding("Clock", f"agrees with the servers of {len(skews)} feeds within {abs(skew):.0f} s")
