"""Polling beside newsboat and rss2email, where they are installed: first, unchanged, and five new items each.

    apt-get install newsboat rss2email
    python -m bench.readers                    # 100 feeds of 30 items

One local server, which knows conditional requests, serves all. Each keeps what it reads as it does in use: newsboat
(C++ and Rust, eight threads) and ours in SQLite, rss2email as a mail for every item in a Maildir, one feed after the
other. Only ours looks at what the items are about and puts them into stories. Times are of whole processes, starts
included, so few feeds favour the lean; ours takes a second to start. Everything goes to bench/out/readers.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.ingest import FRESH, ITEMS, OURS, Press, press_of
from store.settings import ROOT

OUT = Path(__file__).parent / "out" / "readers.json"
Step = Callable[[int], Sequence[str]]


def newsboat(folder: Path, press: Press, feeds: int) -> tuple[Step, Callable[[], int]]:
    """Its command for a poll, and how many items it holds."""
    (folder / "urls").write_text("".join(f"{press.base}/{number}\n" for number in range(feeds)), encoding="utf-8")
    (folder / "config").write_text("reload-threads 8\n", encoding="utf-8")
    files = ["-C", str(folder / "config"), "-u", str(folder / "urls"), "-c", str(folder / "cache.db")]

    def held() -> int:
        database = sqlite3.connect(folder / "cache.db")
        count = int(database.execute("SELECT count(*) FROM rss_item").fetchone()[0])
        database.close()
        return count

    return lambda _hour: ["newsboat", *files, "-x", "reload"], held


def rss2email(folder: Path, press: Press, feeds: int) -> tuple[Step, Callable[[], int]]:
    """The same for rss2email."""
    mail = folder / "mail" / "box"
    for name in ("new", "cur", "tmp"):
        (mail / name).mkdir(parents=True)
    head = (
        "[DEFAULT]\nfrom = a@b.example\nto = a@b.example\nemail-protocol = maildir\n"
        f"maildir-path = {folder / 'mail'}\nmaildir-mailbox = box\n"
    )
    config = folder / "rss2email.cfg"
    config.write_text(head + "".join(f"[feed.f{n}]\nurl = {press.base}/{n}\n" for n in range(feeds)), encoding="utf-8")
    command = ["r2e", "--config", str(config), "--data", str(folder / "data.json"), "run"]
    return lambda _hour: command, lambda: sum(1 for path in mail.rglob("*") if path.is_file())


def ours(folder: Path, press: Press, feeds: int) -> tuple[Step, Callable[[], int]]:
    """The same for this program; `hour` is the hour of the poll."""
    head = "import json, time\n"

    def held() -> int:
        database = sqlite3.connect(folder / "ours.db")
        count = sum(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("article", "seen_item"))
        database.close()
        return int(count)

    def step(hour: int) -> Sequence[str]:
        work = OURS.format(arguments=(press.base, feeds, str(folder), hour), seeds=str(ROOT / "seeds"))
        return [sys.executable, "-c", head + work]

    return step, held


_NEEDS: Mapping[str, tuple[str, Callable[[Path, Press, int], tuple[Step, Callable[[], int]]]]] = {
    "ours": (sys.executable, ours),
    "newsboat": ("newsboat", newsboat),
    "rss2email": ("r2e", rss2email),
}


def three_polls(name: str, feeds: int) -> dict[str, dict[str, float]]:
    """Seconds of wall and of processor for each poll of the reader called *name*.

    Raises:
        RuntimeError: it failed, or holds other items than were served.
    """
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as place, press_of(feeds, 5) as press:
        folder = Path(place)
        step, held = _NEEDS[name][1](folder, press, feeds)
        environment = {**os.environ, "HOME": place}
        for hour, what in enumerate(("first", "unchanged", "five new")):
            if what == "five new":
                press.publish()
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            done = subprocess.run(step(hour), check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
            wall = time.perf_counter() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            expected = (ITEMS + (FRESH if what == "five new" else 0)) * feeds
            if done.returncode or held() != expected:
                raise RuntimeError(f"{name}, {what}: {held()} items of {expected}; {done.stderr[-1_000:]}")
            results[f"{name}, {feeds} feeds, {what}"] = {"wall": wall, "cpu": cpu}
            print(f"{name:9} {feeds:5} feeds, {what:9}: {wall:6.2f} s, {cpu:6.2f} s of processor", flush=True)
    return results


def main() -> None:
    """Measure what is installed, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=100, help="size of the roster")
    feeds = parser.parse_args().feeds
    results: dict[str, dict[str, float]] = {}
    for name, (program, _) in _NEEDS.items():
        if shutil.which(program) is None:
            print(f"{name} is left out: it is not installed")
        else:
            results |= three_polls(name, feeds)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
