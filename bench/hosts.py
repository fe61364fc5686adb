"""Two hosts that poll one roster: how much faster than one, and whether anything was asked twice or too soon.

    python -m bench.hosts                        # as root; 500 feeds on 100 addresses, three rounds, some minutes
    python -m bench.hosts --feeds 100 --rounds 1

The hosts are network namespaces of this machine, joined by a bridge in a third, in which PostgreSQL and the server of
the feeds run; nothing outside takes part. Each feed answers after a while, as one far away would, and the server writes
down when each request came in. Host by host the roster is polled for the first time and once more, by one host and by
two that begin at the same moment. The exit status is 1 where a feed was asked twice, or an address too soon or by more
than two at once. Everything goes to bench/out/hosts.json.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.namespaces import Lan, addresses_of, lan, postgres_on
from ingest.hosts import AT_ONCE
from ingest.model import RosterFeed
from ingest.poll import poll_feeds
from ingest.roster import sync_roster
from store.db import Store
from store.settings import Settings

OUT = Path(__file__).parent / "out" / "hosts.json"
NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
PORT, ITEMS = 8080, 30
SLACK = 0.05
"""Seconds by which two requests may come in closer than they began: the way there is not always equally long."""


@dataclass(frozen=True)
class Asked:
    """A request as the server saw it."""

    address: str
    path: str
    began: float
    ended: float


def items_of(feed: int) -> bytes:
    """A feed of thirty items, of which one in five names two actors."""
    rows = "".join(
        f"<item><title>{'India and Russia' if n % 5 == 0 else 'The council'} meet {feed} {n}</title>"
        f"<link>https://o{feed}.in/{n}</link><guid>https://o{feed}.in/{n}</guid>"
        f"<pubDate>Wed, 25 Nov 2026 {n % 11:02}:00:00 +0000</pubDate></item>"
        for n in range(ITEMS)
    )
    return f'<rss version="2.0"><channel><title>Outlet {feed}</title>{rows}</channel></rss>'.encode()


async def serve(delay: float) -> None:
    """Answer feeds until a line comes in, then tell what was asked, and go on; end with the input."""
    log: list[Asked] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = time.monotonic()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        path = head.split(" ", 2)[1]
        known = 'if-none-match: "1"' in head.lower()
        await asyncio.sleep(delay)
        body = b"" if known else items_of(int(path.strip("/")))
        status = "304 Not Modified" if known else "200 OK"
        kind = "Content-Type: application/rss+xml\r\nConnection: close"
        writer.write(f'HTTP/1.1 {status}\r\nETag: "1"\r\nContent-Length: {len(body)}\r\n{kind}\r\n\r\n'.encode() + body)
        await writer.drain()
        log.append(Asked(str(writer.get_extra_info("sockname")[0]), path, began, time.monotonic()))
        writer.close()

    await asyncio.start_server(answer, "0.0.0.0", PORT, backlog=512)
    print("ready", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps([[one.address, one.path, one.began, one.ended] for one in log]), flush=True)
        log.clear()


def about(text: str) -> bool:
    """A stand-in for the topic gate."""
    return "India" in text and "Russia" in text


def poll(url: str, spacing: float) -> None:
    """A worker: poll once for each line that comes in."""
    settings = Settings(_env_file=None, allow_private_addresses=True, host_spacing=spacing)
    store = Store(url)
    print("ready", flush=True)
    for line in sys.stdin:
        now = NOW + dt.timedelta(hours=int(line))
        began = time.monotonic()
        report = asyncio.run(poll_feeds(store, settings, now=now, on_topic=about, force=True))
        told = {"polled": report.answered, "elsewhere": report.elsewhere, "items": report.new + report.off_topic}
        print(json.dumps(told | {"seconds": time.monotonic() - began}), flush=True)
    store.close()


def word(to: subprocess.Popen[str], line: str = "") -> None:
    """Tell a process a line."""
    assert to.stdin is not None
    to.stdin.write(f"{line}\n")
    to.stdin.flush()


def heard(process: subprocess.Popen[str]) -> str:
    """What it says next.

    Raises:
        RuntimeError: it ended.
    """
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a process ended with {process.wait()}")
    return line.strip()


def judge(log: list[Asked], feeds: int, spacing: float) -> dict[str, Any]:
    """What the server's record says: feeds asked twice or not at all, and addresses asked too soon or too much."""
    times = Counter(one.path for one in log)
    by_address: dict[str, list[Asked]] = defaultdict(list)
    for one in log:
        by_address[one.address].append(one)
    gaps, most = [], 0
    for asked in by_address.values():
        asked.sort(key=lambda one: one.began)
        gaps += [later.began - sooner.began for sooner, later in pairwise(asked)]
        most = max(most, *(sum(a.began <= b.began < a.ended for a in asked) for b in asked))
    return {
        "asked twice": sum(count - 1 for count in times.values()),
        "not asked": feeds - len(times),
        "too soon": sum(gap < spacing - SLACK for gap in gaps),
        "least distance": min(gaps, default=spacing),
        "most at once": most,
    }


def roster(store: Store, feeds: int, addresses: list[str]) -> None:
    """A fresh database with *feeds*, dealt out over *addresses*."""
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    store.migrate()
    rows = [
        RosterFeed(
            f"f{n}", f"Outlet {n}", "india", "newspaper", "en", f"http://{addresses[n % len(addresses)]}:{PORT}/{n}",
            "UTC", True, "ok",
        )
        for n in range(feeds)
    ]  # fmt: skip
    with store.session() as session:
        sync_roster(session, rows)


def prepare(url: str, feeds: int, addresses: int) -> None:
    """Make the database anew, from inside the hub."""
    store = Store(url)
    roster(store, feeds, addresses_of(addresses))
    store.close()


def one_round(net: Lan, url: str, server: subprocess.Popen[str], hosts: int, given: argparse.Namespace) -> list[Any]:
    """Both polls of a fresh database by so many hosts: what each took, and what the server says of it."""
    sizes = (str(given.feeds), str(given.addresses))
    made = net.start(net.hub, "-m", "bench.hosts", "--prepare", url, "--feeds", sizes[0], "--addresses", sizes[1])
    if made.wait():
        raise RuntimeError("the database could not be made")
    workers = [
        net.start(name, "-m", "bench.hosts", "--poll", url, "--spacing", str(given.spacing))
        for name in net.hosts[:hosts]
    ]
    rows = []
    try:
        for worker in workers:
            heard(worker)
        for number, step in enumerate(("first", "unchanged")):
            began = time.monotonic()
            for worker in workers:
                word(worker, str(number))
            told = [json.loads(heard(worker)) for worker in workers]
            seconds = time.monotonic() - began
            word(server)
            log = [Asked(*row) for row in json.loads(heard(server))]
            row = {"hosts": hosts, "step": step, "seconds": seconds, "shares": [one["polled"] for one in told]}
            rows.append(row | {"items": sum(one["items"] for one in told)} | judge(log, given.feeds, given.spacing))
            print(
                f"{hosts} host{'s' if hosts > 1 else ' '}, {step:9}: {seconds:6.2f} s, shares {row['shares']}, "
                f"asked twice {rows[-1]['asked twice']}, not asked {rows[-1]['not asked']}, "
                f"too soon {rows[-1]['too soon']} (least distance {rows[-1]['least distance']:.3f} s), "
                f"most at once {rows[-1]['most at once']}",
                flush=True,
            )
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return rows


def faults(rows: list[dict[str, Any]]) -> int:
    """What must not be."""
    return sum(
        row["asked twice"] + row["not asked"] + row["too soon"] + max(0, row["most at once"] - AT_ONCE) for row in rows
    )


def measure(given: argparse.Namespace) -> int:
    """All rounds; gives the exit status."""
    rows: list[dict[str, Any]] = []
    with (
        lan(2, given.addresses) as net,
        tempfile.TemporaryDirectory(prefix="ric-hosts-") as folder,
        postgres_on(net, Path(folder)) as url,
        net.start(net.hub, "-m", "bench.hosts", "--serve", "--delay", str(given.delay)) as server,
    ):
        heard(server)
        try:
            for _ in range(given.rounds):
                for hosts in (1, 2):
                    rows += one_round(net, url, server, hosts, given)
        finally:
            server.kill()
    for step in ("first", "unchanged"):
        one, two = (
            statistics.median(row["seconds"] for row in rows if row["step"] == step and row["hosts"] == hosts)
            for hosts in (1, 2)
        )
        print(f"{step}: {one:.2f} s by one host, {two:.2f} s by two, {one / two:.2f} times as fast (medians)")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    wrong = faults(rows)
    print(f"{wrong} faults in {len(rows)} polls")
    return 1 if wrong else 0


def main() -> None:
    """Measure, or be one of the processes of a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=500, help="feeds of the roster")
    parser.add_argument("--addresses", type=int, default=100, help="addresses over which they are dealt out")
    parser.add_argument("--spacing", type=float, default=2.0, help="seconds between two requests at an address")
    parser.add_argument("--delay", type=float, default=0.5, help="seconds after which a feed answers")
    parser.add_argument("--rounds", type=int, default=3, help="how often all is done")
    for role in ("--poll", "--prepare"):
        parser.add_argument(role, metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.delay))
    elif given.poll:
        poll(given.poll, given.spacing)
    elif given.prepare:
        prepare(given.prepare, given.feeds, given.addresses)
    else:
        raise SystemExit(measure(given))


if __name__ == "__main__":
    main()
