"""Full texts of 200 local pages, beside plain httpx and trafilatura in the same run: pages a second, and memory.

    python -m bench.pages
    python -m bench.pages --pages 500

Both fetch the same pages from one server with as many requests at the same time, each in a process of its own. The
plain one keeps its texts in a list, asks no robots.txt, bounds nothing and takes pages apart in its own thread; ours
does all that, starts its second process within the time, and stores what came of each page. Memory is the peak of all
processes of a side, added up. Everything goes to bench/out/pages.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from store.settings import ROOT

OUT = Path(__file__).parent / "out" / "pages.json"
_SERVER = """
import sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tests.ingest.webpages import STORY, page
body = page(STORY * 4, after="<aside>" + "<p><a href='/x'>Read on about other things</a></p>" * 400 + "</aside>")
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, format, *args):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
"""
_TELL = """
own, children = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps({"wall": time.perf_counter() - began, "texts": texts, "mb": own + children}))
"""
OURS = (
    """
import asyncio, datetime as dt, json, resource, sys, time
from sqlalchemy import insert
from ingest.model import RosterFeed
from ingest.pages import fetch_texts
from ingest.roster import sync_roster
from store.db import Store
from store.models import Article, SiteRules
from store.settings import Settings
from tests.ingest.webpages import LEAD, TITLE
import ingest.hosts
base, pages, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
now = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
ingest.hosts.AT_ONCE = 12  # one server stands for many hosts
settings = Settings(_env_file=None, var_dir=folder, allow_private_addresses=True, full_text=True,
    full_text_per_run=pages)
store = Store(settings.database)
store.migrate()
with store.session() as session:
    sync_roster(session, [RosterFeed("a", "A", "india", "newspaper", "en", base, "UTC", True, "ok", full_text=True)])
    session.execute(insert(Article), [dict(feed_key="a", outlet="A", bloc="india", lang="en", title=TITLE, text=LEAD,
        url=f"{base}/{n}", url_key=str(n), title_key="", published_at=now, published_raw="", date_quality="given",
        first_seen_at=now, day=now.date()) for n in range(pages)])
    session.add(SiteRules(origin=base, outcome="none", detail="", rules="", token="ricwatch", asked_at=now))
began = time.perf_counter()
texts = asyncio.run(fetch_texts(store, settings, now=now)).replaced
store.close()
"""
    + _TELL
)
PLAIN = (
    """
import asyncio, json, resource, sys, time
import httpx, trafilatura
base, pages, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
async def main():
    found, slots = [], asyncio.Semaphore(12)
    async with httpx.AsyncClient() as client:
        async def one(n):
            async with slots:
                answer = await client.get(f"{base}/{n}")
                found.append(trafilatura.extract(answer.text, fast=True, include_comments=False, include_tables=False))
        await asyncio.gather(*(one(n) for n in range(pages)))
    return sum(bool(text) for text in found)
began = time.perf_counter()
texts = asyncio.run(main())
"""
    + _TELL
)


def measured(work: str, base: str, pages: int) -> dict[str, float]:
    """Seconds, texts and megabytes of *work* in a process of its own.

    Raises:
        RuntimeError: it failed, or not every page gave a text.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", work, base, str(pages), folder]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if told["texts"] != pages:
        raise RuntimeError(f"{told['texts']} texts of {pages} pages")
    return told


def main() -> None:
    """Measure both, in turn, and print the ratio of the better of two runs each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=200, help="how many pages")
    pages = parser.parse_args().pages
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with server:
        assert server.stdin is not None
        assert server.stdout is not None
        base = server.stdout.readline().strip()
        try:
            runs = [(measured(OURS, base, pages), measured(PLAIN, base, pages)) for _ in range(2)]
        finally:
            server.stdin.close()
    ours, plain = (min(side, key=lambda told: told["wall"]) for side in zip(*runs, strict=True))
    for name, told in (("ours", ours), ("plain", plain)):
        print(f"{name:6} {pages / told['wall']:6.1f} pages a second, {told['mb']:4.0f} MB")
    faster, larger = plain["wall"] / ours["wall"], ours["mb"] / plain["mb"]
    print(f"ours is {faster:.2f} times as fast, with {larger:.2f} times the memory")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"pages": pages, "ours": ours, "plain": plain}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
