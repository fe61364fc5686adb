"""Flows `subscribe`, `unsubscribe` and `pause`: who gets digests, of what, and when."""

from __future__ import annotations

from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from alerts.readers import describe
from flows import artifacts
from flows.echo import masked
from flows.forms import BY, calendar, choose, codes, param
from flows.plainly import plainly
from flows.readership import PeopleReport, change_subscription, end_subscription, pause_subscription
from flows.reporting import logger, rename_run, requested
from flows.watch import Watch, open_watch
from store.days import need_day

Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
CODES = codes()
UNASKED = "the pages"


async def _tell(watch: Watch, report: PeopleReport, name: str) -> State[PeopleReport]:
    logger().info(report.words)
    await rename_run(name)
    rows = [(reader, describe(reader)) for reader in report.readers]
    await artifacts.publish(
        watch.settings, "subscribers", "subscribers", "Who gets digests", words=report.words, rows=rows
    )
    return Completed(message=report.words, data=report)


@flow(name="subscribe", flow_run_name="subscribe", log_prints=False)
@plainly
async def subscribe(
    address: Annotated[str, param("Mail address", "Such as analyst@example.org.")],
    dyads: Annotated[list[str], choose("Ties", "Leave empty for all.", CODES.dyads, many=True)] = [],
    themes: Annotated[
        list[str],
        choose("Themes", "Only shifts that these themes carry; leave empty for all.", CODES.themes, many=True),
    ] = [],
    cadence: Annotated[
        Literal["at once", "daily", "weekdays", "weekly"],
        param(
            "When a shift is told", "At once, once a day, once a day from Monday to Friday, or in the weekly digest."
        ),
    ] = "at once",
    hour: Annotated[
        int,
        param(
            "Not before (hour)",
            "0 to 23: the weekly digest, and shifts told once a day, go out from this hour on.",
            ge=0,
            le=23,
        ),
    ] = 6,
    timezone: Annotated[str, param("Time zone", "Of all hours and days here, such as Europe/Berlin.")] = "Asia/Kolkata",
    weekly_day: Annotated[Day, param("Day of the weekly digest", "It goes also when nothing moved.")] = "Monday",
    least: Annotated[
        Literal["moderate", "strong", "very strong"],
        param(
            "Least evidence",
            "How sure a shift must be to be told. Weaker ones are listed; a fortnight that bears them out tells them.",
        ),
    ] = "moderate",
    mute_days: Annotated[list[Day], param("Days without a digest", "What is new waits for the next day.")] = [],
    mute_hours: Annotated[str, param("Hours without a digest", "As 22-7; leave empty for none.")] = "",
    dates: Annotated[
        Literal["en", "en-US", "iso", "hi", "ru", "zh"],
        param(
            "How dates are written",
            "en: 21 October 2024. en-US: October 21, 2024. iso: 2024-10-21. hi, ru, zh: with that language's months.",
        ),
    ] = "en",
    text_only: Annotated[bool, param("Text only", "Mails without an HTML part and pictures.")] = False,
    requested_by: Annotated[str, BY] = "",
) -> State[PeopleReport]:
    """Adds a reader of digests, or replaces what was set for one.

    What belongs to no tie or theme goes only to those who ask for all.
    """
    requested(requested_by)
    start, _, end = mute_hours.replace(" ", "").partition("-")
    fields = {
        "address": address,
        "dyads": dyads,
        "themes": themes,
        "cadence": cadence.replace(" ", "_"),
        "hour": hour,
        "timezone": timezone,
        "weekly_day": weekly_day,
        "least": least,
        "mute_days": mute_days,
        "mute_from": start,
        "mute_to": end,
        "dates": dates,
        "html": not text_only,
    }
    with open_watch() as watch:
        report = change_subscription(watch, fields, by=requested_by or UNASKED, whole=True)
        what = ", ".join([*dyads, *themes]) or "everything"
        return await _tell(watch, report, f"subscribe {masked(address)}: {what}, {cadence}")


@flow(name="unsubscribe", flow_run_name="unsubscribe", log_prints=False)
@plainly
async def unsubscribe(
    address: Annotated[str, param("Mail address", "Of whoever is to get no more digests.")],
    requested_by: Annotated[str, BY] = "",
) -> State[PeopleReport]:
    """Ends a subscription, also one that the settings name; what was told to this reader stays on record."""
    requested(requested_by)
    with open_watch() as watch:
        report = end_subscription(watch, address, by=requested_by or UNASKED)
        return await _tell(watch, report, f"unsubscribe {masked(address)}")


@flow(name="pause", flow_run_name="pause", log_prints=False)
@plainly
async def pause(
    address: Annotated[str, param("Mail address", "Of the reader who is away.")],
    until: Annotated[str, calendar("Until", "First day with digests again; a day that has come ends a pause.")],
    requested_by: Annotated[str, BY] = "",
) -> State[PeopleReport]:
    """Sends a reader nothing until a day; what still holds then is told then."""
    requested(requested_by)
    day = need_day(until, "Until")
    with open_watch() as watch:
        return await _tell(watch, pause_subscription(watch, address, day), f"pause {masked(address)} until {day}")
