"""The command `narratives`: clusters of stories outside the seed themes, with their scores, as a table or as JSON."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from alerts.narratives import Cluster
    from alerts.proposals import NarrativesReport

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown: the report of a day, and by which model its stories were read."""

    model: str
    report: NarrativesReport


def narratives(
    as_of: Annotated[str, typer.Option(help="A day such as 2025-03-04, as if just closed; none means now.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every cluster of two stories or more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show what the press tells that fits no seed theme: clusters of stories, those that stay first.

    The score counts the last 21 days: a point for each of at most two outlets a day, half from a single press bloc. A
    cluster that reaches the threshold is told in a digest, once. To add one as a theme: docs/seeds.md.

    Examples:

    - `ricwatch narratives` – the ten that stay longest, with stories
    - `ricwatch narratives --as-of 2020-03-01`
    - `ricwatch narratives --all --json`
    """
    from flows import tables

    page = look_up(as_of)
    clusters = page.report.clusters if every else page.report.clusters[:SHOWN]
    if as_json:
        typer.echo(json.dumps([record(one, page.report) for one in clusters], indent=2, ensure_ascii=False))
        return
    if clusters:
        tables.show(cluster_table(clusters, page.report))
    tables.say(summary(page))


def look_up(as_of: str = "") -> Page:
    """The clusters as they stand on the last closed day; stores nothing."""
    from alerts.proposals import look
    from flows.watch import closed_day, moment, open_watch

    with open_watch() as watch, watch.store.session() as session:
        version = watch.version
        return Page(version, look(session, version, closed_day(moment(as_of)), watch.rarity))


def record(cluster: Cluster, report: NarrativesReport) -> dict[str, Any]:
    """A cluster as values of JSON."""
    return {
        "score": cluster.score,
        "threshold": round(report.threshold, 2),
        "told": _is_told(cluster, report),
        "terms": list(cluster.terms),
        "first": cluster.first.isoformat(),
        "last": cluster.last.isoformat(),
        "days": cluster.days,
        "stories": len(cluster.stories),
        "outlets": cluster.outlets,
        "blocs": list(cluster.blocs),
        "shown": [
            {"day": one.day.isoformat(), "outlet": one.outlet, "title": one.title, "url": one.url}
            for one in cluster.shown
        ],
    }


def cluster_table(clusters: tuple[Cluster, ...], report: NarrativesReport) -> Table:
    """One row a cluster, with up to three stories below its words."""
    from rich.table import Table
    from rich.text import Text

    table = Table("Score", "Days", "Stories", "Outlets", "Blocs", "Words and stories", show_lines=True)
    for column in table.columns[:4]:
        column.justify = "right"
    for cluster in clusters:
        cell = Text(", ".join(cluster.terms), "bold")
        if _is_told(cluster, report):
            cell.append("  (told)", "dim not bold")
        for story in cluster.shown:
            cell.append(f"\n{story.day} {story.outlet}: {story.title} {story.url}".rstrip(), "not bold")
        counts = (cluster.days, len(cluster.stories), cluster.outlets)
        table.add_row(f"{cluster.score:g}", *map(str, counts), Text(", ".join(cluster.blocs)), cell)
    return table


def summary(page: Page) -> str:
    """How many stories and clusters there are, and what is asked of a score; or what to do where there is nothing."""
    report = page.report
    period = f"the {_days(report.day)}"
    if not report.stories:
        return (
            f"No story of {period}, as read by {page.model}, fits no seed theme; ricwatch classify and ricwatch detect "
            "take in what is stored."
        )
    return (
        f"{report.stories:,} stories of {period} fit no seed theme, {len(report.clusters):,} clusters of two or more; "
        f"told from a score of {report.threshold:.1f}, as read by {page.model}"
    )


def _days(day: dt.date) -> str:
    from alerts.narratives import WINDOW

    return f"{WINDOW} days up to {day}"


def _is_told(cluster: Cluster, report: NarrativesReport) -> bool:
    return any(cluster is one for one in report.told)
