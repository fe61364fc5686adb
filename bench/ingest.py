"""Polling speed and cost, beside the package reader, on one local server: first, unchanged, and five new items each.

    python -m bench.ingest                     # 200 feeds of 30 items
    python -m bench.ingest --feeds 20 200 2000
    python -m bench.ingest --no-rivals
    python -m bench.ingest --atom              # which feedparser reads

Every poll runs in a process of its own, so that its time, processor time and memory are its own. The server knows
conditional requests, and answers each feed with an ETag. Both store into SQLite on the same disk; reader runs with
eight workers, and stores every item. Ours passes every item through the topic gate, as in use: one in five is on the
topic, is stored and put into a story, the others are counted; `--every` makes all of them so, which is the costly case.
With `--atom` no feed is plain RSS: ours reads them in two processes of its own, whose time counts as ours (not their
memory), and a second time, as `threads`, in its own process alone.
`--profile` says which stage takes how much. newsboat and rss2email run beside ours in `python -m bench.readers`.
Everything goes to bench/out/ingest.json.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, islice, product
from pathlib import Path

from store.settings import ROOT

ITEMS, FRESH = 30, 5
STEPS = ("first", "unchanged", "five new")
TIMES = {"unchanged": 5}
"""Polls of a step where it is not one: of what takes a quarter of a second the median counts."""
OUT = Path(__file__).parent / "out" / "ingest.json"
Results = dict[str, dict[str, float]]

_MEASURED = """
import json, resource, sys, time
began, before = time.perf_counter(), time.process_time()
{work}
own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({{"wall": time.perf_counter() - began,
    "cpu": time.process_time() - before + others.ru_utime + others.ru_stime,
    "mb": own.ru_maxrss / 1024, **told}}))
"""
OURS = """
import asyncio, datetime as dt
from pathlib import Path
from classify.actors import Matcher
from ingest.model import RosterFeed
from ingest.poll import poll_feeds
from ingest.roster import sync_roster
from ingest.topic import load_topic
from store.db import Store
from store.settings import Settings
base, feeds, folder, hour = {arguments!r}
settings = Settings(_env_file=None, var_dir=folder, allow_private_addresses=True)
store = Store("sqlite:///" + folder + "/ours.db")
store.migrate()
matcher = Matcher(load_topic(Path({seeds!r})))
rows = [RosterFeed(f"f{{n}}", f"Outlet {{n % 50}}", "india", "newspaper", "en", f"{{base}}/{{n}}", "UTC", True, "ok")
        for n in range(feeds)]
with store.session() as session:
    sync_roster(session, rows)
began, before = time.perf_counter(), time.process_time()
now = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC) + dt.timedelta(hours=hour)
report = asyncio.run(poll_feeds(store, settings, now=now, on_topic=matcher.names_two, force=True))
told = {{"new": report.new + report.off_topic, "answered": report.answered}}
store.close()
"""
IN_THREADS = """
import sys
from ingest import parsepool
parsepool.FEW = parsepool.HARMLESS = sys.maxsize
"""
READER = """
import warnings; warnings.simplefilter("ignore")
from reader import make_reader
base, feeds, folder, hour = {arguments!r}
reader = make_reader(folder + "/reader.db")
if not hour:
    for n in range(feeds):
        reader.add_feed(f"{{base}}/{{n}}")
began, before = time.perf_counter(), time.process_time()
new = answered = 0
for result in reader.update_feeds_iter(workers=8, scheduled=False):
    answered += not isinstance(result.value, Exception)
    new += getattr(result.value, "new", 0) or 0
told = {{"new": new, "answered": answered}}
reader.close()
"""


class Press:
    """A server of feeds; `edition` says how many batches of fresh items each has had."""

    def __init__(self, feeds: int, one_in: int = 1, *, atom: bool = False) -> None:
        self.edition = 0
        self._form = _ATOM if atom else _RSS
        self._one_in = one_in
        press = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = (
                True  # as web servers do; else head and body wait for each other on kept connections
            )

            def do_GET(self) -> None:
                tag = press.tag
                known = self.headers.get("If-None-Match") == tag
                body = b"" if known else press.body(int(self.path.strip("/")))
                self.send_response(304 if known else 200)
                self.send_header("ETag", tag)
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._bodies = {number: self._made(number) for number in range(feeds)}

    @property
    def base(self) -> str:
        """Address without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def tag(self) -> str:
        """The ETag of every feed as it stands."""
        return f'"{self.edition}"'

    def body(self, feed: int) -> bytes:
        """The feed as it stands."""
        return self._bodies[feed]

    def publish(self) -> None:
        """Five fresh items in each feed."""
        self.edition += 1
        self._bodies = {number: self._made(number) for number in self._bodies}

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def _head(self, number: int) -> str:
        return "India and Russia" if number % self._one_in == 0 else "The council"

    def _made(self, feed: int) -> bytes:
        newest = ITEMS + FRESH * self.edition
        items = "".join(
            self._form[0].format(
                title=f"{self._head(n)} {_words(feed, n)}",
                url=f"https://o{feed}.in/{n}",
                hour=n % 11,
                text=f"{_words(n, feed)} said officials. {_words(feed + 7, n)}",
            )
            for n in range(newest - ITEMS, newest)
        )
        return self._form[1].format(title=f"Outlet {feed}", items=items).encode()


_RSS = (
    "<item><title>{title}</title><link>{url}</link><guid>{url}</guid>"
    "<pubDate>Wed, 25 Nov 2026 {hour:02}:00:00 +0000</pubDate><description>{text}</description></item>",
    '<rss version="2.0"><channel><title>{title}</title>{items}</channel></rss>',
)
_ATOM = (
    '<entry><title>{title}</title><link href="{url}"/><id>{url}</id>'
    "<updated>2026-11-25T{hour:02}:00:00Z</updated><summary>{text}</summary></entry>",
    '<feed xmlns="http://www.w3.org/2005/Atom"><title>{title}</title>{items}</feed>',
)
_STEMS = (
    "trade", "border", "oil", "arms", "visit", "talks", "dam", "rail", "visa", "port", "grain", "steel", "drone",
    "radar", "gas", "loan", "bank", "treaty", "patrol", "summit",
)  # fmt: skip


def _words(one: int, two: int) -> str:
    return " ".join(
        f"{_STEMS[(one * 7 + two * k) % 20]}{chr(97 + (one + k) % 26)}{chr(97 + (two + k) % 26)}" for k in range(1, 7)
    )


@contextmanager
def press_of(feeds: int, one_in: int = 1, *, atom: bool = False) -> Iterator[Press]:
    """A server with so many feeds, of whose items one in so many is on the topic."""
    press = Press(feeds, one_in, atom=atom)
    try:
        yield press
    finally:
        press.close()


def measured(work: str, arguments: tuple[object, ...]) -> dict[str, float]:
    """Run *work* in a process of its own; its seconds, processor seconds, peak megabytes and what it tells."""
    return measured_code(work.format(arguments=arguments, seeds=str(ROOT / "seeds")))


def measured_code(work: str) -> dict[str, float]:
    """The same for *work* without gaps."""
    code = _MEASURED.format(work=work)
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def three_polls(works: Mapping[str, str], feeds: int, one_in: int, *, atom: bool = False) -> Results:
    """First, unchanged and five new, by each of *works* in a database of its own: in turn, for machines change pace."""
    results: Results = {}
    with tempfile.TemporaryDirectory() as folder, press_of(feeds, one_in, atom=atom) as press:
        for name in works:
            (Path(folder) / name).mkdir()
        hours = count()
        for step in STEPS:
            if step == "five new":
                press.publish()
            expected = {"first": ITEMS, "unchanged": 0, "five new": FRESH}[step] * feeds
            polls: dict[str, list[dict[str, float]]] = {name: [] for name in works}
            for hour in islice(hours, TIMES.get(step, 1)):
                for name, work in works.items():
                    told = measured(work, (press.base, feeds, str(Path(folder) / name), hour))
                    if told["answered"] != feeds or told["new"] != expected:
                        raise RuntimeError(f"{name}, {step}: {told}, expected {expected} new items of {feeds} feeds")
                    polls[name].append(told)
            for name, of in polls.items():
                told = {unit: statistics.median(poll[unit] for poll in of) for unit in of[0]}
                results[f"{name}, {feeds} feeds, {step}"] = told
                print(f"{name:8} {feeds:5} feeds, {step:9}: {_words_for(told)}", flush=True)
    return results


def _words_for(told: Mapping[str, float]) -> str:
    items = f", {told['new'] / told['wall']:,.0f} items/s, {told['new'] / told['cpu']:,.0f} per processor second"
    return (
        f"{told['wall']:6.2f} s, {told['cpu']:6.2f} s of processor, {told['mb']:4.0f} MB{items if told['new'] else ''}"
    )


def main() -> None:
    """Measure and print; ratios where the rival is installed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", nargs="+", type=int, default=[200], help="sizes of the roster")
    parser.add_argument("--no-rivals", action="store_true", help="leave reader out")
    parser.add_argument("--profile", action="store_true", help="print where the time of our first poll goes, and stop")
    parser.add_argument("--every", action="store_true", help="every item is on the topic, not one in five")
    parser.add_argument("--atom", action="store_true", help="feeds that feedparser must read")
    given = parser.parse_args()
    one_in = 1 if given.every else 5
    if given.profile:
        profiled(given.feeds[0], one_in)
        return
    results: Results = {}
    rival = not given.no_rivals and importlib.util.find_spec("reader") is not None
    if not rival:
        print("reader is left out: not asked for, or not installed (pip install reader)")
    works = {"ours": OURS}
    if given.atom:
        works["threads"] = IN_THREADS + OURS
    if rival:
        works["reader"] = READER
    for feeds in given.feeds:
        results |= three_polls(works, feeds, one_in, atom=given.atom)
        for step, other in product(STEPS, [name for name in works if name != "ours"]):
            mine, theirs = (results[f"{name}, {feeds} feeds, {step}"] for name in ("ours", other))
            wall, cpu = (theirs[unit] / mine[unit] for unit in ("wall", "cpu"))
            print(f"{step}: {wall:.2f} times as fast as {other}, {cpu:.2f} times per processor second")
        print(f"{feeds} feeds, ours: " + ", ".join(_per_feed(results, feeds, step) for step in STEPS))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _per_feed(results: Results, feeds: int, step: str) -> str:
    told = results[f"ours, {feeds} feeds, {step}"]
    item = f" ({1e3 * told['cpu'] / told['new']:.2f} an item)" if told["new"] else ""
    return f"{step} {1e3 * told['cpu'] / feeds:.2f} ms of processor a feed{item}"


_STAGES = {
    "HTTP": ("ingest/fetch.py", "fetch"),
    "parse and clean": ("ingest/parse.py", "parse_plain"),
    "identity": ("ingest/articles.py", "_identify"),
    "topic gate": ("classify/actors.py", "names_two"),
    "stories": ("ingest/stories.py", "place"),
    "SQL": ("sqlalchemy/orm/session.py", "_execute_internal"),
    "commit": ("sqlalchemy/orm/session.py", "commit"),
}


def profiled(feeds: int, one_in: int) -> None:
    """Print the share of each stage in a first poll, by cProfile, with the work of threads done in the loop."""
    told = OURS.replace("report = asyncio.run(", "report = watched(")
    with tempfile.TemporaryDirectory() as folder, press_of(feeds, one_in) as press:
        code = told.format(arguments=(press.base, feeds, folder, 0), seeds=str(ROOT / "seeds"))
        watch = _WATCHED.format(stages=_STAGES)
        for stage, share in measured_code(watch + code + "\ntold = shares").items():
            if stage in (*_STAGES, "all else"):
                print(f"{stage:16} {share:6.1%}")


_WATCHED = """
import asyncio, cProfile, pstats
async def here(work, *arguments, **named):
    return work(*arguments, **named)
asyncio.to_thread = here
shares = {{}}
def watched(main):
    profile = cProfile.Profile()
    result = profile.runcall(asyncio.run, main)
    stats = pstats.Stats(profile)
    for stage, (file, name) in {stages!r}.items():
        found = [row[3] for (path, _, called), row in stats.stats.items() if path.endswith(file) and called == name]
        shares[stage] = sum(found) / stats.total_tt
    shares["all else"] = 1 - sum(shares.values())
    return result
"""


if __name__ == "__main__":
    main()
