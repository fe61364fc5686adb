"""Flow `detect`: bring the daily series up to date and decide whether coverage shifted."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.states import Completed

from alerts import triangle
from alerts.narrativenews import headline
from alerts.proposals import find_narratives
from alerts.series import SeriesReport, update_series
from alerts.seriescsv import DetectFileReport, detect_file
from alerts.shifts import DetectReport, detect_shifts
from alerts.state import dyad_states
from alerts.tiecharts import tie_charts
from alerts.words import count
from flows import artifacts
from flows.forms import BY, calendar, param
from flows.plainly import plainly
from flows.reporting import in_flow_run, logger, progress, rename_run, requested
from flows.watch import Watch, closed_day, moment, open_watch
from store.errors import ConfigError, InputError
from store.settings import get_settings

SHIFT_OPENED = "ricwatch.shift.opened"
"""Event of a shift or narrative that was just found; whoever wants to know of it can build an automation on it."""
SHIFTS_RESOURCE = "ricwatch.alerts.shifts"
DIGEST_LABEL = "ricwatch.digest"
"""Label of that event: `wanted` starts the `digest` deployment; `same-run` says that the run itself sends the digest,
and `off` that its form asked for none."""


def describe(report: DetectReport) -> str:
    """One line for the state message and the log."""
    told = [*(found.text for _id, found in report.new), *report.narratives] or ["no shift"]
    if not report.pattern:
        return "; ".join(one.removesuffix(".") for one in told)
    return " ".join(f"{one.removesuffix('.')}." for one in (*told, report.pattern))


def decide(
    watch: Watch, now: dt.datetime, *, counted_at: dt.datetime | None = None
) -> tuple[SeriesReport, DetectReport]:
    """The step behind the flow; *counted_at* is when it really is, where *now* is a moment of the past."""
    with watch.turn_to("decide"):
        with progress("Counting stories") as report_progress:
            series = update_series(watch.store, watch.version, now=counted_at or now, progress=report_progress)
        found = detect_shifts(watch.store, watch.settings, watch.version, day=closed_day(now), now=now)
        looked = find_narratives(watch.store, watch.version, day=closed_day(now), now=now, rarity=watch.rarity)
    return series, replace(found, narratives=tuple(headline(one.terms) for _id, one in looked.new))


@task(name="decide", task_run_name="decide whether coverage shifted", cache_policy=NO_CACHE)
async def decide_task(watch: Watch, now: dt.datetime) -> DetectReport:
    """Decide as of *now* and leave the page *The shifts*."""
    series, found = decide(watch, now, counted_at=dt.datetime.now(dt.UTC))
    day = closed_day(now)
    with watch.store.session() as session:
        states = dyad_states(session, watch.version, day, false_alarms_per_year=watch.settings.false_alarms_per_year)
        # Not every hour, or they would fill Prefect's database; drawing them takes a second, too.
        charts = tie_charts(session, states) if found.fresh and in_flow_run() else []
    found = replace(found, pattern=triangle.sentence(states))
    logger().info(describe(found))
    await artifacts.publish(
        watch.settings,
        "shifts",
        "shifts",
        "Whether coverage shifted",
        report=found,
        series=series,
        states=states,
        day=day,
        now=now,
    )
    if charts:
        words = "Twelve weeks of each tie, as charts"
        await artifacts.publish(watch.settings, "ties", "ties", words, charts=charts, day=day)
    return found


def announce(report: DetectReport, digest: Literal["wanted", "same-run", "off"]) -> None:
    """Emit one event per opened shift and per new narrative, labelled with what becomes of the *digest*."""
    if not in_flow_run():
        return
    resource = {
        "prefect.resource.id": SHIFTS_RESOURCE,
        "prefect.resource.name": "shifts of coverage",
        DIGEST_LABEL: digest,
    }
    for text in report.narratives:
        emit_event(event=SHIFT_OPENED, resource=resource, payload={"kind": "narrative", "text": text})
    for shift_id, found in report.new:
        told = {
            "shift_id": shift_id,
            "dyad": found.dyad,
            "kind": str(found.kind),
            "detected": f"{found.detected}",
            "text": found.text,
        }
        emit_event(event=SHIFT_OPENED, resource=resource, payload=told)


@flow(name="detect", flow_run_name="detect", log_prints=False)
@plainly
async def detect(
    as_of: Annotated[str, calendar("As of", "A day, as if it had just been closed; leave empty for now.")] = "",
    series: Annotated[
        str, param("Series file", "A .csv of daily counts on the worker's machine; leave empty for stored articles.")
    ] = "",
    shifts: Annotated[str, param("Shifts file", "Where the shifts of the series file go.")] = "",
    false_alarms_per_year: Annotated[
        float, param("False alarms a year", "Target for the series file; 0 takes the setting.", ge=0, le=52)
    ] = 0.0,
    requested_by: Annotated[str, BY] = "",
) -> State[DetectReport | DetectFileReport]:
    """Counts stories per day, dyad and stance, and decides whether coverage shifted; a shift starts the digest."""
    requested(requested_by)
    if shifts and not series:
        raise InputError("the shifts file is where those of a series file go; fill in both fields, or none")
    if false_alarms_per_year and not series:
        raise InputError(
            "false alarms a year is for a series file; of stored articles the setting "
            "RICWATCH_FALSE_ALARMS_PER_YEAR decides, so leave it 0"
        )
    if series:
        if not shifts:
            raise ConfigError("a series file needs a shifts file to write to; fill in both fields")
        if as_of:
            raise InputError(
                "as of is for stored articles, and a series file ends with its own last day; leave it empty"
            )
        rate = false_alarms_per_year or get_settings().false_alarms_per_year
        done = detect_file(Path(series), Path(shifts), false_alarms_per_year=rate)
        await rename_run(f"detect {Path(series).name}: {len(done.found)} shifts")
        message = f"{count(len(done.found), 'shift')}, {len(done.bad)} lines skipped"
        await artifacts.publish_file_run(
            "series-shifts",
            "Whether the series of a file shifted",
            message,
            [
                ("Series file", f"{series}: {count(done.days, 'day')} of {count(done.dyads, 'tie')}"),
                ("Shifts file", shifts),
                ("False alarms a year", f"{rate:g}"),
                *((f"Shift of {one.dyad}", one.text) for one in done.found[:20]),
            ],
            [(bad.number, bad.reason) for bad in done.bad],
        )
        return Completed(message=message, data=done)
    now = moment(as_of)
    with open_watch() as watch:
        report = await decide_task(watch, now)
        announce(report, "wanted")
    opened = f"{len(report.new)} {'shift' if len(report.new) == 1 else 'shifts'} opened" if report.new else "no shift"
    await rename_run(f"detect {closed_day(now)}: {opened}")
    return Completed(message=describe(report), data=report)
