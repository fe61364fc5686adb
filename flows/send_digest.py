"""Flows `digest` and `send-test-digest`: compose what is due, put it into the outbox, deliver what waits there."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from alerts.approval import settle_overdue
from alerts.digest import preview, run_digest
from alerts.digestreport import DigestReport
from alerts.outbox import DeliverReport, deliver
from alerts.words import count
from flows import artifacts
from flows.approve import tend
from flows.forms import BY, calendar, param
from flows.late import superseded
from flows.plainly import plainly
from flows.reporting import logger, progress, rename_run, requested
from flows.watch import Watch, closed_day, moment, open_watch
from store.wholefile import write_whole

Kind = Literal["auto", "weekly", "manual", "test"]
Preview = Literal["weekly", "manual", "test"]


@dataclass(frozen=True, slots=True)
class MailReport:
    """What was composed, and what became of all mails that waited."""

    digest: DigestReport
    delivery: DeliverReport


def describe(report: MailReport) -> str:
    """One line for the state message and the log."""
    if report.digest.dry_run:
        return f"dry run: {report.digest.subject or report.digest.words}"
    if report.digest.digest_id is None:
        return report.digest.words
    if report.digest.approval:
        mails = sum(one.queued for one in report.digest.every)
        return (
            f"{report.digest.subject} ({mails} {'mail waits' if mails == 1 else 'mails wait'} for approval "
            f"{report.digest.approval})"
        )
    sent, failed = report.delivery.sent, report.delivery.failed
    others = len(report.digest.others)
    more = f"; {others} more {'digest' if others == 1 else 'digests'} for readers who asked for something else"
    return (
        f"{report.digest.subject}{more if others else ''} "
        f"({sent} {'mail' if sent == 1 else 'mails'} sent, {failed} failed)"
    )


def compose_and_deliver(
    watch: Watch,
    now: dt.datetime,
    *,
    kind: Kind = "auto",
    recipients: list[str] | None = None,
    dry_run: bool = False,
) -> MailReport:
    """The step behind the flows."""
    if dry_run:
        return _compose_and_deliver(watch, now, kind, recipients, dry_run=True)
    with watch.turn_to("mail"):
        return _compose_and_deliver(watch, now, kind, recipients, dry_run=False)


def _compose_and_deliver(
    watch: Watch, now: dt.datetime, kind: Kind, recipients: list[str] | None, *, dry_run: bool
) -> MailReport:
    digest = run_digest(
        watch.store,
        watch.settings,
        watch.version,
        day=closed_day(now),
        now=now,
        kind=kind,
        recipients=recipients or None,
        dry_run=dry_run,
    )
    if dry_run:
        return MailReport(digest, DeliverReport())
    if kind != "test":  # a trial must not send or drop for good what waits for a person
        for decided in settle_overdue(watch.store, watch.settings, now):
            logger().info(decided.words)
    with progress("Delivering mails") as report_progress:
        delivery = deliver(watch.store, watch.settings, now=now, progress=report_progress)
    return MailReport(digest, delivery)


def write_preview(target: Path | None, *, kind: Preview, as_of: str, address: str = "") -> Path:
    """Compose the digest as it stands and write it as HTML; nothing is stored or sent.

    With an *address* it is the digest of that reader.
    """
    now = moment(as_of)
    with open_watch() as watch:
        html = preview(
            watch.store,
            watch.settings,
            watch.version,
            day=closed_day(now),
            now=now,
            kind=kind,
            address=address,
        )
        target = target or watch.settings.var_dir / "digests" / "preview.html"
    write_whole(target, html, folder=True)
    return target


@task(name="compose and deliver", task_run_name="compose and deliver the digest", cache_policy=NO_CACHE)
async def mail_task(
    watch: Watch,
    now: dt.datetime,
    kind: Kind = "auto",
    recipients: list[str] | None = None,
    dry_run: bool = False,
) -> MailReport:
    """Compose, deliver, and leave the page *The digest*."""
    report = compose_and_deliver(watch, now, kind=kind, recipients=recipients, dry_run=dry_run)
    logger().info(describe(report))
    if not dry_run:
        await tend(watch, now)
    await artifacts.publish(
        watch.settings,
        "digest",
        "digest",
        "The digest, and where its mails lie",
        empty=report.digest.view is None and report.delivery == DeliverReport(),
        digest=report.digest,
        delivery=report.delivery,
        now=now,
    )
    return report


@flow(name="digest", flow_run_name="digest", log_prints=False)
@plainly
async def digest(
    kind: Annotated[
        Literal["auto", "weekly", "manual"],
        param("Which", "auto: what is due (a shift, or the weekly one). weekly, manual: now, whatever moved."),
    ] = "auto",
    recipients: Annotated[
        list[str], param("Only to", "Mail addresses, such as your own; leave empty for all subscribers.")
    ] = [],
    dry_run: Annotated[bool, param("Dry run", "Compose and show it here, but store and send nothing.")] = False,
    as_of: Annotated[str, calendar("As of", "A day, as if it had just been closed; leave empty for now.")] = "",
    requested_by: Annotated[str, BY] = "",
) -> State[MailReport] | State[None]:
    """Composes the digest that is due, stores its mails in the outbox and delivers them; sends nothing twice."""
    if passed := await superseded():
        return passed
    requested(requested_by)
    with open_watch() as watch:
        report = await mail_task(watch, moment(as_of), kind, recipients, dry_run)
    await rename_run(f"digest: {describe(report)}")
    return Completed(message=describe(report), data=report)


@flow(name="send-test-digest", flow_run_name="test digest", log_prints=False)
@plainly
async def send_test_digest(
    recipients: Annotated[list[str], param("Send to", "Mail addresses; leave empty for the subscribers.")] = [],
    dry_run: Annotated[bool, param("Dry run", "Compose and show it here, but send nothing.")] = False,
    requested_by: Annotated[str, BY] = "",
) -> State[MailReport]:
    """Sends the digest as it stands now, marked as a test, so that you can see it in your mail program."""
    requested(requested_by)
    with open_watch() as watch:
        report = await mail_task(watch, moment(""), "test", recipients, dry_run)
    readers = count(sum(len(one.recipients) for one in report.digest.every), "reader")
    await rename_run(f"test digest for {readers}: " + ("dry run" if dry_run else f"{report.delivery.sent} sent"))
    return Completed(message=describe(report), data=report)
