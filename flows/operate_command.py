"""The commands `backup`, `restore`, `tidy` and `metrics`; none needs a Prefect server."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer


def backup(
    folder: Annotated[
        Path | None,
        typer.Option("--to", help="Folder; none takes RICWATCH_BACKUP_DIR, or var/backups.", resolve_path=True),
    ] = None,
    *,
    keep: Annotated[int, typer.Option(min=0, help="Leave only so many of the newest there; 0 keeps all.")] = 0,
) -> None:
    """Write the database into one checked file; the watch may go on meanwhile.

    The file holds a manifest as well: rows per table, schema, checksum, the seeds folder's fingerprint, the settings
    without secrets. Run history of Prefect, mails in a Maildir and `.env` are not in it.

    Examples:

    - `ricwatch backup`
    - `ricwatch backup --to /mnt/backups --keep 14`
    """
    from flows import tables
    from store.backup import make_backup
    from store.db import Store
    from store.settings import get_settings

    settings = get_settings()
    store = Store(settings.database)
    try:
        report = make_backup(store, settings, folder or settings.backups_folder, now=dt.datetime.now(dt.UTC), keep=keep)
    finally:
        store.close()
    tables.say(report.summary)
    tables.say(str(report.path))


def restore(
    file: Annotated[Path, typer.Argument(help="A backup, .zip.", resolve_path=True)],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a database that holds something or is in use.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the backup; touch nothing.")] = False,
) -> None:
    """Put a backup in the place of the database; an older one is migrated.

    The backup is checked and migrated in a copy first, and the database then changes in one step or not at all. One of
    SQLite can be restored into PostgreSQL and the other way round: set RICWATCH_DATABASE_URL first.

    Examples:

    - `ricwatch restore --check var/backups/ricwatch-20261126T024000Z.zip`
    - `ricwatch restore ricwatch-20261126T024000Z.zip --force`
    """
    from flows import tables
    from store.backup import unpacked
    from store.restore import restore as put_back
    from store.settings import get_settings

    if check:
        with unpacked(file) as (_copy, manifest):
            rows = sum(manifest.rows.values())
            tables.say(f"{file.name} is whole: {rows:,} rows, schema {manifest.schema}, made {manifest.made_at}")
        return
    tables.say(put_back(get_settings(), file, now=dt.datetime.now(dt.UTC), force=force).summary)


def tidy(
    *, dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be forgotten.")] = False
) -> None:
    """Forget texts, readings of earlier models, polls, mails' bytes and log files older than the settings keep them.

    Denominators, votes, series, shifts, titles and digests are never touched: the detector gives the same answers.

    Examples:

    - `ricwatch tidy --dry-run`
    - `ricwatch tidy`
    """
    from alerts.retention import tidy as forget
    from flows import tables
    from flows.watch import open_watch

    with open_watch() as watch:
        report = forget(watch.store, watch.settings, watch.version, now=dt.datetime.now(dt.UTC), dry_run=dry_run)
    tables.say(report.summary)


def metrics() -> None:
    """Print how the monitor does, in Prometheus's text format; each of its runs leaves the same in var/metrics.prom.

    Feeds by health, polls, lags from publication to reading and to mail, what waits, mails by state, digests of a year
    beside the false-alarm target, and when each part last went well (docs/operate.md).

    Example: `ricwatch metrics > /var/lib/node_exporter/ricwatch.prom`
    """
    from alerts.metrics import gather, text_of
    from flows.watch import open_watch

    with open_watch() as watch:
        numbers = gather(watch.store, watch.settings, watch.version, now=dt.datetime.now(dt.UTC))
    typer.echo(text_of(numbers), nl=False)
