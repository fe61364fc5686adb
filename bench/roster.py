"""A roster of ten thousand feeds: loading it, deciding what is due, and one round in which nothing changed.

    python -m bench.roster
    python -m bench.roster --feeds 2000

The round runs in a process of its own against a server of its own that answers 304. Memory is told when a tenth of the
feeds is done and at the end: it must not grow with the feeds that are polled. Everything goes to bench/out/roster.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from store.settings import ROOT

OUT = Path(__file__).parent / "out" / "roster.json"
_SERVER = """
import sys
from bench.ingest import press_of
with press_of(1) as press:
    press.body = lambda feed: b""
    print(press.base, flush=True)
    sys.stdin.read()
"""
_WORK = """
import asyncio, datetime as dt, json, sys, time
from pathlib import Path
from sqlalchemy import insert, update
from ingest.model import RosterFeed
from ingest.poll import poll_feeds
from ingest.roster import sync_roster
from store.db import Store
from store.models import Feed, FeedDay, Poll
from store.settings import Settings
base, feeds, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
now = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
settings = Settings(_env_file=None, var_dir=folder, allow_private_addresses=True)
store = Store(settings.database)
store.migrate()
rows = [RosterFeed(f"f{n}", f"Outlet {n % 500}", "india", "newspaper", "en", f"{base}/{n}", "UTC", True, "ok")
        for n in range(feeds)]
told = {}
def timed(name, work):
    began, before = time.perf_counter(), time.process_time()
    result = work()
    told[name] = {"wall": time.perf_counter() - began, "cpu": time.process_time() - before}
    return result
def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
def load():
    with store.session() as session:
        sync_roster(session, rows)
timed("load", load)
timed("load again", load)
days = [now.date() - dt.timedelta(days=n) for n in range(28)]
with store.session() as session:
    before = now - dt.timedelta(hours=1)
    session.execute(insert(Poll), [{"feed_key": row.key, "started_at": before, "outcome": "fetched"} for row in rows])
    session.execute(insert(FeedDay), [{"feed_key": row.key, "day": day, "seen": 20, "on_topic": 1}
                                      for row in rows for day in days])
    session.execute(update(Feed).values(etag='"0"', health="ok", next_poll_at=now + dt.timedelta(hours=1)))
def poll(at):
    marks = []
    def progress(done, total=None, note=""):
        if done in (feeds // 10, feeds):
            marks.append(memory())
    report = asyncio.run(poll_feeds(store, settings, now=at, on_topic=bool, progress=progress))
    return report, marks
report, _ = timed("nothing due", lambda: poll(now))
assert report.due == 0 and report.not_due == feeds
report, marks = timed("unchanged", lambda: poll(now + dt.timedelta(hours=2)))
assert report.due == report.answered == feeds, report.rows[0]
told["unchanged"] |= {"mb at a tenth": marks[0], "mb at the end": marks[1]}
store.close()
print(json.dumps(told))
"""


def measured(feeds: int) -> dict[str, dict[str, float]]:
    """Seconds of wall and of processor for each step, and megabytes.

    Raises:
        RuntimeError: a step failed.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        base = server.stdout.readline().strip()
        command = [sys.executable, "-c", _WORK, base, str(feeds), folder]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
        server.stdin.close()
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    told: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return told


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=10_000, help="size of the roster")
    feeds = parser.parse_args().feeds
    told = measured(feeds)
    for name, figures in told.items():
        memory = "".join(f", {value:.0f} {unit}" for unit, value in figures.items() if unit.startswith("mb"))
        print(f"{name:12} {figures['wall']:7.2f} s, {figures['cpu']:7.2f} s of processor{memory}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({f"{feeds} feeds": told}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
