"""Flow `monitor`: all steps in order, once for now, or day by day over a span of the past."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from prefect import flow, get_client, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from alerts.shifts import DetectReport
from classify.batch import ClassifyReport
from flows import classify_articles, detect_shifts, ingest_feeds, send_digest
from flows.forms import BY, calendar, param
from flows.late import superseded
from flows.leftovers import settle
from flows.oversight import is_served, leave_numbers, oversee
from flows.plainly import plainly
from flows.reporting import rename_run, requested
from flows.seeds import seeds_task
from flows.watch import Watch, closed_day, moment, open_watch
from ingest.poll import PollReport
from store.errors import InputError


@dataclass(frozen=True, slots=True)
class MonitorReport:
    """What a run did, added up over its days; `nothing_reached` tells that not one feed could be reached.

    `unapproved` are the mails that wait for a person at its end.
    """

    feeds_due: int = 0
    feeds_answered: int = 0
    new_articles: int = 0
    readings: int = 0
    shifts: tuple[str, ...] = ()
    mails_sent: int = 0
    mails_failed: int = 0
    unapproved: int = 0
    mail_places: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    nothing_reached: bool = False
    untrained: str = ""
    """That the reader was not trained on the topic; empty where it was."""

    def plus(self, other: MonitorReport) -> MonitorReport:
        """Both together."""
        return MonitorReport(
            feeds_due=max(self.feeds_due, other.feeds_due),
            feeds_answered=max(self.feeds_answered, other.feeds_answered),
            new_articles=self.new_articles + other.new_articles,
            readings=self.readings + other.readings,
            shifts=self.shifts + other.shifts,
            mails_sent=self.mails_sent + other.mails_sent,
            mails_failed=self.mails_failed + other.mails_failed,
            unapproved=other.unapproved,
            mail_places=(self.mail_places + other.mail_places)[-5:],
            digests=self.digests + other.digests,
            nothing_reached=self.nothing_reached or other.nothing_reached,
            untrained=other.untrained or self.untrained,
        )

    @property
    def headline(self) -> str:
        """A few words for the run's name."""
        if self.shifts:
            return "1 shift opened" if len(self.shifts) == 1 else f"{len(self.shifts)} shifts opened"
        if self.nothing_reached:
            return "no feed reached"
        return f"{self.new_articles} new articles" if self.new_articles else "nothing new"

    @property
    def summary(self) -> str:
        """One line for the state message."""
        shifts = f"{len(self.shifts)} shifts" if len(self.shifts) != 1 else "1 shift"
        mails = f"{self.mails_sent} mails" if self.mails_sent != 1 else "1 mail"
        mails += f" ({self.unapproved} more wait for a person)" if self.unapproved else ""
        feeds = f"{self.feeds_answered} of {self.feeds_due} feeds answered" if self.feeds_due else "no feed was asked"
        return f"{feeds}, {self.new_articles} new articles, {self.readings} readings, {shifts}, {mails}"


def _add_up(
    watch: Watch,
    polled: PollReport,
    read: ClassifyReport,
    found: DetectReport,
    mailed: send_digest.MailReport | None,
) -> MonitorReport:
    return MonitorReport(
        feeds_due=polled.due,
        feeds_answered=polled.answered,
        new_articles=polled.new,
        readings=read.read,
        shifts=tuple(item.text for _id, item in found.new),
        mails_sent=mailed.delivery.sent if mailed else 0,
        mails_failed=mailed.delivery.failed if mailed else 0,
        unapproved=mailed.delivery.unapproved if mailed else 0,
        mail_places=tuple(row.where for row in mailed.delivery.rows) if mailed else (),
        digests=tuple(str(one.html_path) for one in mailed.digest.every if one.html_path) if mailed else (),
        nothing_reached=polled.nothing_reached,
        untrained=watch.untrained,
    )


async def watch_now(watch: Watch, now: dt.datetime, *, force: bool, send: bool) -> MonitorReport:
    """The steps as tasks, each with its own page in the UI."""
    await seeds_task(watch, now)
    polled = await ingest_feeds.poll_task(watch, now, None, force)
    read = await classify_articles.read_task(watch, now)
    found = await detect_shifts.decide_task(watch, now)
    detect_shifts.announce(found, "same-run" if send else "off")
    mailed = await send_digest.mail_task(watch, now) if send else None
    oversee(watch, now)
    leave_numbers(watch, now)
    return _add_up(watch, polled, read, found, mailed)


async def watch_as_of(watch: Watch, then: dt.datetime) -> MonitorReport:
    """The steps at the end of a past day, from what is known now: no feed can be asked for it, and nobody is told."""
    now = dt.datetime.now(dt.UTC)
    await seeds_task(watch, now)
    # Read now, whatever day it is about: when a reader took over tells a change of reader from one of the press.
    read = await classify_articles.read_task(watch, now)
    found = await detect_shifts.decide_task(watch, then)
    shown = await send_digest.mail_task(watch, then, "manual", [], dry_run=True)
    return _add_up(watch, PollReport(()), read, found, shown)


@task(name="one day", task_run_name="{now:%Y-%m-%d}", cache_policy=NO_CACHE)
async def watch_day(watch: Watch, now: dt.datetime, send: bool) -> MonitorReport:
    """The same steps for one day of the past, as a single task: a span of years must not become a million task runs."""
    polled = await ingest_feeds.poll(watch, now, force=True)
    read = classify_articles.read_pending(watch, now)
    _series, found = detect_shifts.decide(watch, now)
    mailed = send_digest.compose_and_deliver(watch, now) if send else None
    return _add_up(watch, polled, read, found, mailed)


def days_between(start: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
    """The moments of a day-by-day run, both ends included."""
    return [start + dt.timedelta(days=i) for i in range((end - start).days + 1)]


@flow(name="monitor", flow_run_name="monitor", log_prints=False)
@plainly
async def monitor(
    force: Annotated[bool, param("Poll at once", "Also feeds that are not due yet.")] = False,
    send: Annotated[bool, param("Send digests", "Off: everything but the mails.")] = True,
    as_of: Annotated[
        str,
        calendar(
            "As of", "A past day: asks no feed, mails nobody, shows its digest as known now; leave empty for now."
        ),
    ] = "",
    requested_by: Annotated[str, BY] = "",
) -> State[MonitorReport] | State[None]:
    """Polls, reads, counts, decides and mails what is due. A step that has nothing to do says so and costs nothing."""
    if passed := await superseded():
        return passed
    requested(requested_by)
    as_of = as_of.strip()
    if as_of and force:
        raise InputError("poll at once is for now: no feed can be asked for a past day; leave one of the two out")
    now = moment(as_of)
    if is_served():
        # First: at its end the server is busy with what the run's own steps tell it, and answers five times as late.
        async with get_client() as client:
            await settle(client, dt.datetime.now(dt.UTC))
    with open_watch() as watch:
        report = await (watch_as_of(watch, now) if as_of else watch_now(watch, now, force=force, send=send))
    await rename_run(f"watch {f'as of {closed_day(now)}' if as_of else f'{now:%Y-%m-%d}'}: {report.headline}")
    return Completed(message=report.summary, data=report)
