"""The doctor's look at what is installed and set: packages, folder, disk, database, seeds, classifier, templates."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from importlib.metadata import PackageNotFoundError, requires, version

import jinja2
from packaging.requirements import Requirement
from sqlalchemy.exc import SQLAlchemyError

from flows.findings import Finding
from ingest.roster import load_roster
from ingest.topic import load_topic
from store.db import Store
from store.errors import ConfigError, InputError, RicwatchError
from store.private import lets_others_in, others_read, private_folder
from store.schema import newest_revision, revisions
from store.settings import Settings
from store.snapshot import file_of, is_sqlite

LOCK_WAIT = 5.0
"""Seconds that a writer may hold the database: those of the watch take less than one."""
TEMPLATES = (
    "backtest.html",
    "digest.html",
    "digest.txt",
    "feedentry.html",
    "mistakes.html",
    "parts/evidence.html",
    "parts/note.html",
    "parts/note.txt",
    "parts/style.html",
    "report.html",
)
ARTIFACTS = (
    "approval",
    "article",
    "articles",
    "asked",
    "backtest",
    "checked",
    "decided",
    "digest",
    "export",
    "imported",
    "operation",
    "polled",
    "readings",
    "replay",
    "report",
    "roster",
    "seeds",
    "shift",
    "shifts",
    "silences",
    "subscribers",
    "ties",
)


def python(_settings: Settings) -> Finding:
    """The interpreter."""
    return Finding("Python", sys.version.split()[0])


def packages(_settings: Settings) -> Finding:
    """Whether what is installed is within the bounds that this version was tested with."""
    wrong = out_of_bounds(requires("ricwatch") or (), version)
    if wrong:
        return Finding(
            "Packages",
            "; ".join(wrong),
            "install the locked versions: `make setup`, or pip install -r requirements.lock",
            serious=True,
        )
    return Finding("Packages", f"Prefect {version('prefect')}; all within the bounds of this version")


def out_of_bounds(bounds: Iterable[str], version_of: Callable[[str], str]) -> list[str]:
    """The packages that are missing or outside *bounds*, in words; those of optional extras are not looked at.

    >>> out_of_bounds(["fastapi<0.151", "httpx>=0.27"], {"fastapi": "0.165.0", "httpx": "0.28"}.__getitem__)
    ['fastapi 0.165.0 is not <0.151']
    """
    wrong = []
    for line in bounds:
        bound = Requirement(line)
        if bound.marker is not None and not bound.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version_of(bound.name)
        except PackageNotFoundError:
            wrong.append(f"{bound.name} is not installed")
            continue
        if not bound.specifier.contains(found, prereleases=True):
            wrong.append(f"{bound.name} {found} is not {bound.specifier}")
    return wrong


def folder(settings: Settings) -> Finding:
    """Whether results can be written."""
    var = settings.var_dir
    try:
        private_folder(var)
        probe = var / f".doctor-{os.getpid()}"
        # Written and not asked: to the superuser, and on a file system mounted read-only, access() says yes.
        probe.write_text("x", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        return Finding(
            "Folder",
            f"{var} is not writable: {error.strerror or error}",
            "set RICWATCH_VAR_DIR to a folder that this user may write",
            serious=True,
        )
    kept = [var / name for name in ("ricwatch.db", "prefect", "mail", "logs")]
    if lets_others_in(var) and (open_ones := [path.name for path in kept if others_read(path)]):
        return Finding(
            "Folder",
            f"other users of this machine can read {', '.join(open_ones)} in {var}",
            f"`chmod 700 {var}`, unless they are meant to",
        )
    return Finding("Folder", f"{var} is writable")


def disk(settings: Settings) -> Finding:
    """Whether there is room for what comes."""
    place = settings.var_dir
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free // 1_000_000
    if free < settings.disk_free_mb:
        return Finding(
            "Disk",
            f"{free:,} MB free at {place}, less than the {settings.disk_free_mb:,} MB of RICWATCH_DISK_FREE_MB",
            "free some space: fewer backups (RICWATCH_BACKUPS_KEPT), or shorter retention and `ricwatch tidy`",
            serious=True,
        )
    return Finding("Disk", f"{free:,} MB free")


def database(settings: Settings) -> Finding:
    """Whether the database answers, is whole, can be written, and has the newest schema."""
    store = Store(settings.database)
    try:
        found, newest = store.revision(), newest_revision()
        if is_sqlite(store) and (problem := _sqlite_problem(store)):
            return problem
    except (RicwatchError, sqlite3.DatabaseError, SQLAlchemyError) as error:
        if is_sqlite(store) and _is_damaged(error):
            return _damaged(store, str(error).splitlines()[0])
        return Finding(
            "Database",
            str(error).splitlines()[0],
            "check RICWATCH_DATABASE_URL and that the server is running",
            serious=True,
        )
    finally:
        store.close()
    return _schema(store.safe_url, found, newest)


def _schema(where: str, found: str | None, newest: str) -> Finding:
    if found == newest:
        return Finding("Database", f"{where}, schema {found}")
    if found is None:
        return Finding("Database", f"{where} is empty", "`ricwatch run` makes it")
    if found not in revisions():
        return Finding(
            "Database",
            f"{where} has schema {found}, made by a newer version; this one knows {newest}",
            "update ricwatch, or restore an older backup with `ricwatch restore`",
            serious=True,
        )
    return Finding("Database", f"{where}, schema {found}, newest {newest}", "`ricwatch run` migrates it")


def _sqlite_problem(store: Store) -> Finding | None:
    with closing(sqlite3.connect(file_of(store), timeout=LOCK_WAIT, isolation_level=None)) as connection:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            return _damaged(store, verdict)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            return Finding(
                "Database",
                f"{store.safe_url} cannot be written: {error}",
                "see which process has it open (fuser on the file), and stop it if it is no running ricwatch",
                serious=True,
            )
        connection.execute("ROLLBACK")
    return None


def _is_damaged(error: Exception) -> bool:
    return any(
        words in str(error) for words in ("is no database", "is damaged", "not a database", "malformed", "disk image")
    )


def _damaged(store: Store, told: str) -> Finding:
    return Finding(
        "Database",
        f"{store.safe_url} is damaged: {told}",
        "stop ricwatch, then `ricwatch restore NEWEST_BACKUP --force`; the damaged file is kept beside it",
        serious=True,
    )


def topic(settings: Settings) -> Finding:
    """Whether the seed folder is whole."""
    try:
        content = load_topic(settings.seeds_dir)
    except (InputError, OSError) as error:
        return Finding(
            "Seeds", str(error), "correct that file, or set RICWATCH_SEEDS_DIR to a whole folder", serious=True
        )
    return Finding("Seeds", f"{settings.seeds_dir}: {len(content.themes)} themes, {len(content.claims)} claims")


def roster(settings: Settings) -> Finding:
    """Whether there is anything to poll."""
    try:
        feeds = load_roster(settings.feeds_file)
    except (InputError, OSError) as error:
        return Finding("Feeds", str(error), f"correct {settings.feeds_file}, or set RICWATCH_ROSTER", serious=True)
    enabled = sum(feed.enabled for feed in feeds)
    if not enabled:
        return Finding("Feeds", f"none of {len(feeds)} is enabled", f"enable some in {settings.feeds_file}", True)
    return Finding("Feeds", f"{enabled} of {len(feeds)} enabled")


def contact(settings: Settings) -> Finding:
    """Whether sites are told whom to ask about the requests that they get."""
    if names_contact(settings.user_agent):
        return Finding("Contact", f"sites are told {settings.user_agent!r}")
    return Finding(
        "Contact",
        "sites that are asked are told no address at which you can be reached",
        'set RICWATCH_USER_AGENT to a name and an address, such as "ricwatch (you@example.org)"',
    )


def names_contact(user_agent: str) -> bool:
    """Whether *user_agent* holds a mail address or that of a page.

    >>> names_contact("ricwatch (desk@example.org)"), names_contact("ricwatch/0.1 (news feed monitor)")
    (True, False)
    """
    return re.search(r"[^\s@(<]@[^\s@]+\.\w|https?://\w", user_agent, re.IGNORECASE) is not None


def classifier(settings: Settings) -> Finding:
    """Whether the model loads, and was trained on the topic that it reads."""
    from classify.model import get_backend
    from classify.trained import remark
    from flows.extras import require_extra

    try:
        require_extra(settings)
    except ConfigError as error:
        return Finding("Classifier", str(error), "follow that, or set RICWATCH_TASK_RUNNER=threads", serious=True)
    try:
        topic = load_topic(settings.seeds_dir)
        version = get_backend(settings.model, topic).version
        if untrained := remark(topic, settings.model):
            return Finding("Classifier", f"{version}, not trained for {topic.folder}", untrained)
        return Finding("Classifier", version)
    except InputError:
        return Finding("Classifier", "not tried: the seeds could not be read", "correct the seeds first", serious=True)
    except (RicwatchError, OSError, ImportError) as error:
        return Finding(
            "Classifier",
            f"{settings.model}: {error}",
            "follow that, or leave RICWATCH_MODEL empty for the reader that is shipped",
            serious=True,
        )


def templates(settings: Settings) -> Finding:
    """Whether every template is there and can be read."""
    place = settings.templates_dir
    reader = jinja2.Environment(loader=jinja2.FileSystemLoader(place), autoescape=True)
    for name in (*TEMPLATES, *(f"artifacts/{one}.md" for one in ARTIFACTS)):
        try:
            source, _path, _fresh = reader.loader.get_source(reader, name) if reader.loader else ("", None, None)
            reader.parse(source)
        except jinja2.TemplateNotFound:
            told = f"{place / name} is missing"
        except (jinja2.TemplateSyntaxError, UnicodeDecodeError) as error:
            told = f"{place / name}: {error}"
        else:
            continue
        return Finding(
            "Templates", told, "put it back from the installation, or leave RICWATCH_TEMPLATES_DIR empty", serious=True
        )
    return Finding("Templates", f"{place}: all there")
