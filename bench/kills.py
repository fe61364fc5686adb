"""What is left after kill -9 at random moments of polling and of importing: nothing missing, nothing twice.

    python -m bench.kills                # 100 moments of polling, 100 of importing
    python -m bench.kills --times 10 --of importing

Each time a fresh database, of a quarter not even migrated; the work is killed somewhere between its start and its usual
end, then done again to the end. Right after the kill no feed may hold validators of an answer whose items are not all
there, and no line of a file may count as done whose item is not; afterwards every item must be stored once, and the
database must be sound. The work runs in a fork of this process, for the start of Python would take most of the time;
the feeds are served by a process of their own. The exit status is 1 where something was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import multiprocessing
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, text

from bench.ingest import ITEMS
from classify.actors import Matcher
from ingest.importer import import_items
from ingest.model import RosterFeed
from ingest.poll import poll_feeds
from ingest.roster import sync_roster
from ingest.topic import load_topic
from store.db import Store
from store.models import Article, Feed, ImportFile, SeenItem
from store.schema import newest_revision
from store.settings import ROOT, Settings

FEEDS, ONE_IN = 12, 3
LINES, BATCH = 1_200, 50
NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
ETAG = '"0"'  # of the press's first edition
_FORK = multiprocessing.get_context("fork")
_MATCHER = Matcher(load_topic(ROOT / "seeds"))
_PRESS = """
import sys
from bench.ingest import press_of
with press_of({feeds}, {one_in}) as press:
    print(press.base, flush=True)
    sys.stdin.read()
"""


def poll_once(folder: str, base: str, hour: int) -> None:
    """Poll every feed of the press at *base*."""
    settings = Settings(_env_file=None, var_dir=Path(folder), allow_private_addresses=True)
    store = Store(f"sqlite:///{folder}/ours.db")
    store.migrate()
    rows = [
        RosterFeed(f"f{n}", f"Outlet {n}", "india", "newspaper", "en", f"{base}/{n}", "UTC", True, "ok")
        for n in range(FEEDS)
    ]
    with store.session() as session:
        sync_roster(session, rows)
    now = NOW + dt.timedelta(hours=hour)
    asyncio.run(poll_feeds(store, settings, now=now, on_topic=_MATCHER.names_two, force=True))
    store.close()


def import_once(folder: str, path: str, _run: int) -> None:
    """Import the file at *path*."""
    store = Store(f"sqlite:///{folder}/ours.db")
    store.migrate()
    import_items(store, [Path(path)], now=NOW, on_topic=_MATCHER.names_two, batch=BATCH)
    store.close()


def run(work: Callable[..., None], *arguments: object, kill_after: float | None = None) -> bool:
    """Do *work* in a fork of this process; whether it came to its end before it was killed.

    Raises:
        RuntimeError: it failed by itself; its error stands on the terminal.
    """
    process = _FORK.Process(target=work, args=arguments)
    process.start()
    process.join(kill_after)
    if process.is_alive():
        process.kill()
        process.join()
        return False
    if process.exitcode:
        raise RuntimeError(f"{work.__name__} ended with {process.exitcode}")
    return True


@contextmanager
def press() -> Iterator[str]:
    """The address of a server of feeds in a process of its own: a fork must not copy its threads."""
    command = [sys.executable, "-c", _PRESS.format(feeds=FEEDS, one_in=ONE_IN)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as process:  # (it complains of every connection that a kill breaks)
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


@contextmanager
def database(template: Path, migrated: bool) -> Iterator[str]:
    """A folder with a fresh database, or with none yet."""
    with tempfile.TemporaryDirectory() as folder:
        if migrated:
            shutil.copy(template, Path(folder, "ours.db"))
        yield folder


def faults(folder: str, expected: int, tag: str | None) -> list[str]:
    """What is wrong with the database in *folder*, where *expected* items should be stored once."""
    store = Store(f"sqlite:///{folder}/ours.db")
    found = []
    with store.session() as session:
        stored = session.scalar(select(func.count()).select_from(Article)) or 0
        if stored != expected:
            found.append(f"{stored} articles of {expected}")
        twice = session.execute(select(Article.url).group_by(Article.url).having(func.count() > 1)).all()
        if twice:
            found.append(f"{len(twice)} addresses twice")
        loose = session.scalar(select(func.count()).select_from(Article).where(Article.story_id.is_(None)))
        if loose:
            found.append(f"{loose} articles in no story")
        if tag is not None and (
            missing := session.scalars(select(Feed.key).where(Feed.etag.is_distinct_from(tag))).all()
        ):
            found.append(f"{len(missing)} feeds without the last validator")
        if (sound := session.scalar(text("PRAGMA integrity_check"))) != "ok":
            found.append(f"the database is damaged: {sound}")
    store.close()
    return found


def ahead(folder: str) -> list[str]:
    """Validators, or places in a file, that stand for items which are not stored; looked at right after the kill."""
    if not Path(folder, "ours.db").exists():
        return []
    store = Store(f"sqlite:///{folder}/ours.db")
    found: list[str] = []
    if store.revision() == newest_revision():  # (a kill between two migrations leaves it in between)
        with store.session() as session:
            for feed in session.scalars(select(Feed).where(Feed.etag.is_not(None))):
                known = sum(
                    session.scalar(select(func.count()).select_from(table).where(table.feed_key == feed.key)) or 0
                    for table in (Article, SeenItem)
                )
                if feed.etag != ETAG or known < ITEMS:
                    found.append(f"{feed.key}: validator {feed.etag} with {known} of {ITEMS} items")
            stored = session.scalar(select(func.count()).select_from(Article)) or 0
            for file in session.scalars(select(ImportFile)):
                if file.lines != stored:
                    found.append(f"{file.lines} lines done with {stored} items")
    store.close()
    return found


def usual(template: Path, work: Callable[..., None], *arguments: object) -> float:
    """Seconds that *work* takes undisturbed."""
    with database(template, migrated=True) as folder:
        began = time.perf_counter()
        run(work, folder, *arguments)
        return time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Work:
    """What is killed: `do` is called with a folder, `arguments` and the number of the run, 0 or 1."""

    name: str
    do: Callable[..., None]
    arguments: tuple[str, ...]
    expected: int
    etag: str | None


def kill_often(work: Work, template: Path, times: int, draw: random.Random) -> list[str]:
    """What was wrong after any of *times* runs that were killed and done again."""
    whole, killed = 0.0, 0
    wrong: list[str] = []
    for number in range(times):
        if number % 5 == 0:  # how busy the machine is changes
            whole = usual(template, work.do, *work.arguments, 0)
        with database(template, migrated=number % 4 > 0) as folder:
            killed += not run(work.do, folder, *work.arguments, 0, kill_after=draw.uniform(0.02, 1) * whole)
            found = ahead(folder)
            run(work.do, folder, *work.arguments, 1)
            found += faults(folder, work.expected, work.etag)
            wrong += [f"{work.name} {number}: {fault}" for fault in found]
        if (number + 1) % 10 == 0 or number + 1 == times:
            print(
                f"{work.name}: {number + 1} of {times}, {killed} killed before the end, {len(wrong)} faults", flush=True
            )
    return wrong


def main() -> None:
    """Kill, look, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100, help="moments of each kind")
    parser.add_argument("--of", nargs="+", choices=("polling", "importing"), default=["polling", "importing"])
    given = parser.parse_args()
    times = given.times
    draw = random.Random(20_261_126)
    with tempfile.TemporaryDirectory() as place, press() as base:
        template, path = Path(place, "template.db"), Path(place, "items.jsonl")
        store = Store(f"sqlite:///{template}")
        store.migrate()
        store.close()
        with path.open("w", encoding="utf-8") as out:
            for n in range(LINES):
                title = f"India and Russia sign agreement {n} on item {n * 7919 % LINES}"
                item = {"id": str(n), "title": title, "source": f"Outlet {n % 9}", "date": f"2026-{1 + n % 9:02}-11"}
                out.write(json.dumps({**item, "url": f"https://o.in/{n}"}) + "\n")
        polling = Work("polling", poll_once, (base,), FEEDS * ITEMS // ONE_IN, ETAG)
        importing = Work("importing", import_once, (str(path),), LINES, None)
        works = [work for work in (polling, importing) if work.name in given.of]
        wrong = [fault for work in works for fault in kill_often(work, template, times, draw)]
    print("\n".join(wrong) or "nothing missing, nothing twice, no validator and no place in a file ahead of its items")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
