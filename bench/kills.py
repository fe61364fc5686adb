"""What is left after kill -9 at random moments of polling and of importing: nothing missing, nothing twice.

    python -m bench.kills                # 100 moments of polling, 100 of importing, some ten minutes
    python -m bench.kills --times 10

Each time a fresh database; the work is killed somewhere between its start and its usual end, then done again to the
end. Afterwards every item must be stored once, no feed may hold validators of an answer whose items are not all there,
and the database must be sound. The exit status is 1 where one was not.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import func, select, text

from bench.ingest import ITEMS, OURS, Press, press_of
from store.db import Store
from store.models import Article, Feed
from store.settings import ROOT

FEEDS = 30
LINES = 6_000
_IMPORT = """
import datetime as dt
from pathlib import Path
from classify.actors import Matcher
from ingest.importer import import_items
from ingest.topic import load_topic
from store.db import Store
folder, path = {arguments!r}
store = Store("sqlite:///" + folder + "/ours.db")
store.migrate()
matcher = Matcher(load_topic(Path({seeds!r})))
import_items(store, [Path(path)], now=dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC), on_topic=matcher.names_two)
store.close()
"""


def run(work: str, arguments: tuple[object, ...], kill_after: float | None = None) -> bool:
    """Do *work* in a process of its own; whether it came to its end before it was killed.

    Raises:
        RuntimeError: it failed by itself.
    """
    code = "import json, time\n" + work.format(arguments=arguments, seeds=str(ROOT / "seeds"))
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT
    )
    try:
        _, errors = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return False
    if process.returncode:
        raise RuntimeError(errors.decode("utf-8", "replace")[-2_000:])
    return True


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


def validators_ahead(folder: str, press: Press) -> list[str]:
    """Feeds that would send validators of an answer whose items are not all stored; looked at right after the kill."""
    if not Path(folder, "ours.db").exists():
        return []
    store = Store(f"sqlite:///{folder}/ours.db")
    found: list[str] = []
    if store.revision() is not None:
        with store.session() as session:
            for feed in session.scalars(select(Feed).where(Feed.etag.is_not(None))):
                own = select(func.count()).select_from(Article).where(Article.feed_key == feed.key)
                known = session.scalar(own) or 0
                if feed.etag == press.tag and known < ITEMS:
                    found.append(f"{feed.key}: validators with {known} of {ITEMS} items")
    store.close()
    return found


def usual(work: Callable[[str], bool]) -> float:
    """Seconds from the start of the process to its end, undisturbed."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        work(folder)
        return time.perf_counter() - began


def poll(times: int, draw: random.Random) -> tuple[int, list[str]]:
    """How many of *times* polls were killed before their end, and what was wrong after any."""
    killed, wrong = 0, []
    with press_of(FEEDS) as press:
        whole = usual(lambda folder: run(OURS, (press.base, FEEDS, folder, 0)))
        for number in range(times):
            with tempfile.TemporaryDirectory() as folder:
                arguments = (press.base, FEEDS, folder, 0)
                killed += not run(OURS, arguments, draw.uniform(0.3 * whole, whole))
                wrong += [f"poll {number}: {fault}" for fault in validators_ahead(folder, press)]
                run(OURS, (press.base, FEEDS, folder, 1))
                wrong += [f"poll {number}: {fault}" for fault in faults(folder, FEEDS * ITEMS, press.tag)]
            _tell("polling", number + 1, times, killed, wrong)
    return killed, wrong


def import_(times: int, draw: random.Random) -> tuple[int, list[str]]:
    """The same for imports of a file."""
    killed, wrong = 0, []
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "items.jsonl")
        with path.open("w", encoding="utf-8") as out:
            for n in range(LINES):
                title = f"India and Russia sign agreement {n} on item {n * 7919 % LINES}"
                item = {"id": str(n), "title": title, "source": f"Outlet {n % 9}", "date": f"2026-{1 + n % 9:02}-11"}
                out.write(json.dumps({**item, "url": f"https://o.in/{n}"}) + "\n")
        whole = usual(lambda folder: run(_IMPORT, (folder, str(path))))
        for number in range(times):
            with tempfile.TemporaryDirectory() as folder:
                killed += not run(_IMPORT, (folder, str(path)), draw.uniform(0.2 * whole, whole))
                run(_IMPORT, (folder, str(path)))
                wrong += [f"import {number}: {fault}" for fault in faults(folder, LINES, None)]
            _tell("importing", number + 1, times, killed, wrong)
    return killed, wrong


def _tell(what: str, done: int, times: int, killed: int, wrong: list[str]) -> None:
    if done % 10 == 0 or done == times:
        print(f"{what}: {done} of {times}, {killed} killed before the end, {len(wrong)} faults", flush=True)


def main() -> None:
    """Kill, look, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100, help="moments of each kind")
    times = parser.parse_args().times
    draw = random.Random(20_261_126)
    wrong = [*poll(times, draw)[1], *import_(times, draw)[1]]
    print("\n".join(wrong) or "nothing missing, nothing twice, no validator ahead of its items")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
