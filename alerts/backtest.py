"""What would the monitor have said? Dated items through the same code, day by day, with nothing from the future.

The detector is a pure function of the days up to the one it looks at (a test holds it to that), so one pass over the
whole series finds the days on which it would have spoken. For each of these the stored shift, its evidence and its
digest are then made with the same calls that the monitor makes, which see no day after theirs.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts import gather
from alerts.backtestreport import Run, brief, figures, months_of, report_fields
from alerts.detect import FIRST_ALERT_DAY, detect
from alerts.digest import run_digest
from alerts.events import Answer, Event, answers
from alerts.load import first_day, load_coverage
from alerts.model import Found
from alerts.null import Null, empirical_null
from alerts.periodchart import WIDTH, Period, period_chart, period_points
from alerts.render import data_url, md, render_page
from alerts.series import update_series
from alerts.shifts import detect_shifts
from alerts.themes import theme_names
from alerts.wording import what_moved
from classify.batch import classify_pending
from classify.model import Backend
from ingest.importer import ImportReport, import_items
from ingest.model import OnTopic, RosterFeed
from ingest.ties import ties
from store.db import Store
from store.errors import InputError
from store.models import Article, FeedDay, Reading, SeriesDay
from store.progress import Progress, silent
from store.settings import Settings
from store.wholefile import write_whole


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """What a back-test found; its files lie in `folder`."""

    folder: Path
    start: dt.date
    end: dt.date
    items: int
    articles: int
    relevant: int
    skipped: int
    shifts: tuple[Found, ...]
    seconds: float
    model: str
    answers: tuple[Answer, ...] | None = None
    null: Null | None = None
    brief: tuple[str, ...] = ()
    """The report in a few sentences."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a back-test was asked for: the days, dated events (None: no file of them), and permuted histories."""

    start: dt.date | None = None
    end: dt.date | None = None
    events: Sequence[Event] | None = None
    histories: int = 0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Tools:
    """What `flows/` opens and hands in: a database of the run's own, the model, the gate, the roster."""

    store: Store
    settings: Settings
    model: Backend
    on_topic: OnTopic
    roster: Sequence[RosterFeed]


def run_backtest(
    tools: Tools,
    items: Path,
    folder: Path,
    asked: Asked,
    *,
    now: dt.datetime,
    progress: Progress = silent,
    reading: Progress = silent,
    permuting: Progress = silent,
) -> BacktestReport:
    """Import, read, count, decide and compose; writes the files that docs/formats.md describes into *folder*.

    Raises:
        InputError: *items* is no file of items, or none of them lies between the days that were asked for.
    """
    began = time.monotonic()
    store, model = tools.store, tools.model
    start, end = asked.start, asked.end

    def within(day: dt.date) -> bool:
        return (start is None or day >= start) and (end is None or day <= end)

    imported = import_items(
        store, [items], now=now, on_topic=tools.on_topic, roster=tools.roster, within=within, progress=progress
    )
    classify_pending(store, model, now=now, progress=reading)
    update_series(store, model.version, now=now)
    with store.session() as session:
        first, last = session.execute(select(func.min(Article.day), func.max(Article.day))).one()
    if first is None:
        raise InputError(f"{items} holds no item on the topic between {start or 'its start'} and {end or 'its end'}")
    start, end = start or first, end or last
    found = tell_day_by_day(tools, end)
    write_series(store, model.version, folder / "series.csv")
    lines = [json.dumps(shift.as_record(), ensure_ascii=False) for shift in found]
    (folder / "shifts.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    run = gather_run(tools, items.name, imported, (start, end), asked=asked, now=now, permuting=permuting)
    write_report(tools.settings, run, folder)
    report = BacktestReport(
        folder=folder,
        start=start,
        end=end,
        items=imported.lines,
        articles=run.articles,
        relevant=run.relevant,
        skipped=len(imported.bad),
        shifts=tuple(found),
        seconds=time.monotonic() - began,
        model=model.version,
        answers=None if run.answers is None else tuple(run.answers),
        null=run.null,
        brief=tuple(brief(run)),
    )
    write_whole(folder / "summary.md", summary(report, run, imported))
    return report


def gather_run(
    tools: Tools,
    name: str,
    imported: ImportReport,
    days: tuple[dt.date, dt.date],
    *,
    asked: Asked,
    now: dt.datetime,
    permuting: Progress = silent,
) -> Run:
    """What the report says, from the database of the run; the permuted histories are made here."""
    settings, model = tools.settings, tools.model.version
    start, end = days
    with tools.store.session() as session:
        themes = theme_names(settings)
        alerts = gather.shift_facts(gather.shift_rows(session, model, end), themes)[::-1]
        watched = (first_day(session, model) or start) + dt.timedelta(days=FIRST_ALERT_DAY)
        answered = None
        if asked.events is not None:
            answered = answers(asked.events, alerts, watched, end)
        return Run(
            name=name,
            start=start,
            end=end,
            made_at=now,
            timezone=settings.timezone,
            model=model,
            false_alarms_per_year=settings.false_alarms_per_year,
            lines=imported.lines,
            articles=session.scalar(select(func.count()).select_from(Article)) or 0,
            relevant=_relevant(session, model),
            skipped=len(imported.bad),
            off_topic=imported.off_topic,
            points=period_points(session, model, start, end),
            alerts=alerts,
            answers=answered,
            null=empirical_null(
                session,
                model,
                end,
                histories=asked.histories,
                seed=asked.seed,
                false_alarms_per_year=settings.false_alarms_per_year,
                progress=permuting,
            ),
            claims=gather.gather_claims(session, alerts),
            themes=themes,
            digests=frozenset(path.name for path in (settings.var_dir / "digests").glob("*.html")),
        )


def _relevant(session: Session, model: str) -> int:
    wanted = select(func.count()).select_from(Reading).where(Reading.model == model, Reading.relevant)
    return session.scalar(wanted) or 0


def write_report(settings: Settings, run: Run, folder: Path) -> None:
    """``coverage.png``, ``report.html`` and ``figures.json``."""
    period = Period(run.start, run.end, run.points, run.alerts, [one.event for one in run.answers or ()])
    png = period_chart(period)
    (folder / "coverage.png").write_bytes(png)
    page = render_page(
        settings.templates_dir,
        "backtest",
        r=report_fields(run),
        chart=data_url(png),
        chart_size=(WIDTH, period.height),
    )
    write_whole(folder / "report.html", page)
    write_whole(folder / "figures.json", json.dumps(figures(run), ensure_ascii=False, indent=2) + "\n")


def tell_day_by_day(tools: Tools, end: dt.date) -> list[Found]:
    """Store and compose what the monitor would have told on each day up to *end*; gives the shifts in that order."""
    store, settings, version = tools.store, tools.settings, tools.model.version
    with store.session() as session:
        coverage = load_coverage(session, version, end)
    if coverage is None:
        return []
    days = sorted({found.detected for found in detect(coverage, false_alarms_per_year=settings.false_alarms_per_year)})
    told: list[Found] = []
    for day in days:
        now = closing(day)
        told += [found for _id, found in detect_shifts(store, settings, version, day=day, now=now).new]
        run_digest(store, settings, version, day=day, now=now, kind="auto")
    # Shifts that were found before the last days are measured again, as the monitor would have by then.
    told += [found for _id, found in detect_shifts(store, settings, version, day=end, now=closing(end)).new]
    run_digest(store, settings, version, day=end, now=closing(end), kind="weekly")
    return told


def closing(day: dt.date) -> dt.datetime:
    """The moment at which *day* is closed: 06:00 UTC of the next."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(6), dt.UTC)


def write_series(store: Store, model: str, path: Path) -> None:
    """The daily counts in the format that `detect` takes; `total` is all that was monitored on that day."""
    with store.session() as session:
        totals = dict(session.execute(select(FeedDay.day, func.sum(FeedDay.seen)).group_by(FeedDay.day)).tuples().all())
        rows = session.execute(
            select(SeriesDay.day, SeriesDay.dyad, SeriesDay.plus, SeriesDay.zero, SeriesDay.minus)
            .where(SeriesDay.model == model, SeriesDay.bloc == "", SeriesDay.theme == "")
            .order_by(SeriesDay.day, SeriesDay.dyad)
        ).tuples()
        counts = {(day, dyad): (plus, zero, minus) for day, dyad, plus, zero, minus in rows}
    days = sorted(set(totals) | {day for day, _dyad in counts})
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "dyad", "plus", "zero", "minus", "total"])
        for day in days:
            for dyad in ties().dyads:
                writer.writerow([day.isoformat(), dyad, *counts.get((day, dyad), (0, 0, 0)), totals.get(day, 0)])


def summary(report: BacktestReport, run: Run, imported: ImportReport) -> str:
    """``summary.md``: what went in, what was told, and how often; the report without its pictures and evidence."""
    lines = [
        f"# Back-test {report.start} to {report.end}",
        "",
        f"{report.items:,} lines in; {report.articles:,} articles on the topic, {report.relevant:,} on a tie; "
        f"{imported.off_topic:,} outside the topic, {report.skipped:,} lines skipped. Model {report.model}. "
        f"Took {report.seconds:.0f} s.",
        "",
        f"**{len(report.shifts)} shifts, {len(report.shifts) / run.months:.2f} a month.**",
        "",
        *(f"- {line}" for line in report.brief),
        "",
        "| detected | onset | of | what | size (95 % range) | evidence | in words |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for found in report.shifts:
        size = f"{found.magnitude:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
        lines.append(
            f"| {found.detected} | {found.onset} | {what_moved(found)} | {found.kind}, "
            f"{found.direction} | {size} | {found.confidence} | {found.text} |"
        )
    lines += [
        "",
        "| month | stories | shifts |",
        "| --- | --- | --- |",
        *(f"| {row['month']} | {row['stories']} | {row['shifts']} |" for row in months_of(run)),
    ]
    if report.answers is not None:
        lines += ["", "| event | day | found after days |", "| --- | --- | --- |"]
        lines += [f"| {md(one.event.label)} | {one.event.day} | {_after(one)} |" for one in report.answers]
    if imported.bad:
        lines += ["", "## Skipped lines", ""]
        lines += [f"- {line.file}, line {line.line}: {line.reason}" for line in imported.bad[:50]]
        if len(imported.bad) > 50:
            lines.append(f"- … and {len(imported.bad) - 50:,} more")
    return "\n".join([*lines, ""])


def _after(one: Answer) -> str:
    if one.delay is not None:
        return str(one.delay) if one.answered else f"told {-one.delay} before"
    return "outside the days watched" if one.outside else "not found"
