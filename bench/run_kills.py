"""What is left after kill -9 of a flow run, the worker or the server at random moments of `monitor`.

    python -m bench.run_kills                # 30 moments of each: an hour and more
    python -m bench.run_kills --times 5

A real `ricwatch serve`, fed by the bundled archive moved to today, over local HTTP. Each time the database is put back
to a week ago, with a shift that only the coming run can find; `monitor` is ordered, a process is killed at a random
moment, and everything is started again where it stopped, as a service manager would. A moment is drawn by how often the
database has changed by then, from the order to the last change of an undisturbed run: drawn by the clock, most would
fall into the seconds in which Python starts, the more so on a busy machine. Then `monitor` runs once more, and the
database must hold what it holds after an undisturbed run: items, stories, readings, series, shifts, digests, mails. The
mails go to a Maildir, where twenty readers must each have every digest once. No run, and no task run, may stand as
running or pending afterwards. The exit status is 1 where something was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import mailbox
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import text

from bench.installation import FINAL, Installation, installation, wait_for
from flows.leftovers import ENDED_FOR
from flows.monitor import watch_day
from flows.replay import MORNING, write_roster
from flows.watch import Watch, closed_day
from ingest.archive import Archive, ArchiveServer, load_archive
from store.db import Store
from store.settings import ROOT, Settings

VICTIMS = ("flow run", "worker", "server")
SHIFT_AT = 304
"""Days after the archive's first: the reader `linear` tells its first shift of day 301 once that day is over."""
GAP = 7
"""Days of items that the run under test finds waiting."""
LOOK = 0.01
"""Seconds between two looks at the database."""
READERS = [f"reader{number}@example.org" for number in range(20)]
SETTLES_WITHIN = 150.0
"""Seconds after which no dead run may be left: a run counts as dead after 90 without a sign of life."""
CONTENT = MappingProxyType(
    {
        "items": "SELECT url, title, day, feed_key, outlet FROM article",
        "items outside the topic": "SELECT feed_key, item_hash, day FROM seen_item",
        "stories": "SELECT a.url, b.url FROM article a JOIN article b ON b.story_id = a.story_id WHERE a.url < b.url",
        "counts of feeds": "SELECT feed_key, day, seen, on_topic FROM feed_day",
        "readings": "SELECT url, model, relevant, p_relevant FROM reading r JOIN article a ON a.id = r.article_id",
        "votes": "SELECT v.model, v.day, v.dyad, a.url, v.score FROM vote v JOIN article a ON a.id = v.article_id",
        "series": "SELECT model, day, dyad, bloc, theme, plus, zero, minus, round(score, 9) FROM series_day",
        "themes": "SELECT model, day, theme, stories FROM theme_day",
        "shifts": "SELECT dyad, kind, theme, direction, onset, detected, round(magnitude, 9), status FROM shift",
        "narratives": "SELECT first, found, terms FROM narrative",
        "digests": "SELECT kind, sequence, reason, day, subject FROM digest",
        "mails": "SELECT recipient, state, kind, day FROM outbox JOIN digest ON digest.id = outbox.digest_id",
    }
)
"""What must be the same however often the work was broken off: without row numbers and times of day."""


def moved(archive: Archive, by: dt.timedelta) -> Archive:
    """The archive at another time."""
    return replace(
        archive,
        outlets={
            key: replace(outlet, dies_on=outlet.dies_on + by if outlet.dies_on else None)
            for key, outlet in archive.outlets.items()
        },
        items=tuple(replace(item, published=item.published + by) for item in archive.items),
    )


@dataclass(frozen=True)
class Place:
    """Where it runs: the folder, the prepared database, and the settings beside those of every installation."""

    folder: Path
    prepared: Path
    roster: Path

    @property
    def var(self) -> Path:
        return self.folder / "var"

    @property
    def variables(self) -> dict[str, str]:
        """Settings of the installation."""
        readers = "[" + ", ".join(f'"{reader}"' for reader in READERS) + "]"
        return {
            "roster": str(self.roster),
            "allow_private_addresses": "true",
            "host_spacing": "0.05",
            "model": "linear",
            "recipients": readers,
            "operator": "operator@example.org",
        }

    def put_back(self) -> None:
        """The database of a week ago, and no mail."""
        for file in self.var.glob("ricwatch.db*"):
            file.unlink()
        shutil.rmtree(self.var / "mail", ignore_errors=True)
        shutil.copy(self.prepared, self.var / "ricwatch.db")

    def content(self) -> dict[str, Counter[tuple[object, ...]]]:
        """Everything that the work is about, by what it is."""
        store = Store(f"sqlite:///{self.var}/ricwatch.db")
        with closing(store), store.session() as session:
            return {
                name: Counter(tuple(row) for row in session.execute(text(query))) for name, query in CONTENT.items()
            }

    def arrived(self) -> Counter[tuple[str, str]]:
        """How often each reader has each mail: by address and subject."""
        box = mailbox.Maildir(self.var / "mail", create=True)
        return Counter((str(mail["To"]), str(mail["Subject"])) for mail in box if str(mail["To"]) in READERS)


async def prepare(place: Place, archive: Archive, server: ArchiveServer, until: dt.date) -> None:
    """The database as it stands after a watch from the archive's start to *until*, with all mails delivered."""
    folder = place.folder / "prepared"
    settings = Settings(
        _env_file=None, var_dir=folder, roster=place.roster, recipients=READERS, model="linear", host_spacing=0,
        allow_private_addresses=True,
    )  # fmt: skip
    store = Store(settings.database)
    store.migrate()
    watch = Watch(settings, store)
    whole = (until - archive.start).days
    for number in range(whole % 7, whole + 1, 7):  # once a week will do: a day each takes minutes
        now = dt.datetime.combine(archive.start + dt.timedelta(days=number), MORNING)
        server.as_of = now
        await watch_day.fn(watch, now, True)
    store.close()
    shutil.copy(folder / "ricwatch.db", place.prepared)


@dataclass
class Tally:
    """What was counted over all moments; `faults` are in words."""

    killed: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    mails: int = 0
    doubled: int = 0
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        killed = ", ".join(f"{self.killed[victim]} × {victim}" for victim in VICTIMS)
        stages = ", ".join(f"{count} {stage}" for stage, count in self.stages.items())
        return (
            f"killed: {killed} ({stages}; {self.missed} came too late); {self.restarts} restarts; {self.mails} mails "
            f"arrived, {self.doubled} of them twice; a dead run was settled within {self.slowest:.0f} s; "
            f"{len(self.faults)} faults"
        )


@dataclass(frozen=True)
class Course:
    """How an undisturbed run goes: seconds until its process is there and until its end, and changes of the database.

    `early` are the seconds from the process to the first change, `gap` those between two.
    """

    there: float
    end: float
    changes: int
    early: float
    gap: float


class Changes:
    """Counts how often other processes have changed the database since this began; what is quicker counts as one."""

    def __init__(self, place: Place) -> None:
        self._connection = sqlite3.connect(place.var / "ricwatch.db")
        self._version = self._read()
        self.count = 0
        self.times: list[float] = []

    def _read(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def look(self) -> int:
        """How many there were so far."""
        if (version := self._read()) != self._version:
            self._version = version
            self.times.append(time.monotonic())
            self.count += 1
        return self.count

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()


@dataclass(frozen=True)
class Whole:
    """An undisturbed run: its course, the last day of data that it saw, what it leaves, and the mails."""

    course: Course
    day: dt.date
    content: dict[str, Counter[tuple[object, ...]]]
    arrived: Counter[tuple[str, str]]


def settled(running: Installation) -> bool:
    """Wait until no run is open, word to the operator included, and its process is gone."""
    return wait_for(lambda: not running.open_runs() and not running.flow_processes(), SETTLES_WITHIN)


def settled_later(place: Place, running: Installation) -> bool:
    """The same with one more run, later.

    A run that loses its server ends by itself as failed; that its last task ended is told nobody. The next run after
    `ENDED_FOR` marks such a task.
    """
    time.sleep(ENDED_FOR.total_seconds())
    undisturbed(place, running)
    return settled(running)


def last_day() -> dt.date:
    """The last day of data just now; it moves on at 06:00 UTC, and all that a run leaves moves with it."""
    return closed_day(dt.datetime.now(dt.UTC))


def measure(place: Place, running: Installation, *, telling: bool) -> Whole:
    """An undisturbed run on the prepared database; *telling*, it must tell a shift.

    Raises:
        RuntimeError: it failed, or told none.
    """
    day = None
    while day != last_day():  # again, where the day turned over meanwhile
        settled(running)
        place.put_back()
        day = last_day()
        course, ill = undisturbed(place, running)
        if ill:
            raise RuntimeError(f"the undisturbed run ended as {ill}")
        settled(running)
    print(
        f"undisturbed: {course.end:.1f} s, of it {course.there:.1f} s until the process is there and "
        f"{course.early:.1f} s until the first of {course.changes} changes of the database",
        flush=True,
    )
    arrived = place.arrived()
    if telling and not arrived:
        raise RuntimeError("the undisturbed run told no shift, so no kill would meet the mailing")
    return Whole(course, day, place.content(), arrived)


def stage(place: Place) -> str:
    """How far the work had come when it was killed."""
    store = Store(f"sqlite:///{place.var}/ricwatch.db")
    prepared = Store(f"sqlite:///{place.prepared}")
    steps = ("outbox", "series_state", "reading", "poll")
    names = ("mailing", "deciding", "reading", "polling")
    with closing(store), closing(prepared), store.session() as now, prepared.session() as before:
        for table, name in zip(steps, names, strict=True):
            query = text(f"SELECT count(*), max(rowid) FROM {table}")
            if now.execute(query).one() != before.execute(query).one():
                return f"after {name} had begun"
    return "before the first change"


def undisturbed(place: Place, running: Installation) -> tuple[Course, str]:
    """How the ordered run went; and how it ended, if not well."""
    with closing(Changes(place)) as changes:
        began = time.monotonic()
        run = running.order("monitor", force=True)
        wait_for(lambda: bool(running.flow_processes()), 120, every=0.05)
        there = time.monotonic() - began
        wait_for(lambda: changes.look() < 0 or not running.flow_processes(), 300, every=LOOK)
        ended = running.end_of(run)
        end = time.monotonic() - began
        well = ended["state_type"] == "COMPLETED"
    times = changes.times or [began + there]
    gap = (times[-1] - times[0]) / len(times)
    course = Course(there, end, changes.count, times[0] - began - there, gap)
    return course, "" if well else f"{ended['state']['name']}: {ended['state']['message']}"


def kill(place: Place, running: Installation, victim: str, draw: random.Random, course: Course) -> bool:
    """Order a run and kill *victim* at a random moment of it; False, and nothing killed, where it had ended before."""
    wanted = draw.randint(0, max(0, course.changes - 1))
    with closing(Changes(place)) as changes:
        run = running.order("monitor", force=True)
        if victim == "flow run" or wanted:
            wait_for(lambda: bool(running.flow_processes()), 120, every=0.05)
        wait_for(lambda: changes.look() >= wanted or not running.flow_processes(), 300, every=LOOK)
        time.sleep(draw.uniform(0, course.gap if wanted else course.early))
        pid = running.part(victim) if victim != "flow run" else None
        victims = running.flow_processes() if victim == "flow run" else [pid] if pid else []
    if running.run(run)["state_type"] in FINAL or not victims:
        return False
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return True


def once(place: Place, running: Installation, victim: str, draw: random.Random, tally: Tally, whole: Whole) -> None:
    """Kill once, let the next run do the work, compare."""
    settled(running)
    place.put_back()
    if not kill(place, running, victim, draw, whole.course):
        tally.missed += 1
        return
    tally.killed[victim] += 1
    tally.stages[stage(place)] += 1
    number = f"{victim} {tally.killed[victim]}"
    if victim != "flow run":
        if not running.ended():
            tally.faults.append(f"{number}: `ricwatch serve` went on without its {victim}")
            running.stop()
        running.start()
        tally.restarts += 1
    began = time.monotonic()
    _course, ill = undisturbed(place, running)
    if ill:
        tally.faults.append(f"{number}: the next run ended as {ill}")
    if not settled(running) and not settled_later(place, running):
        left = [f"{run['name']} {run['state_name']}" for run in running.open_runs()]
        tally.faults.append(f"{number}: still open: {', '.join(left)}")
    tally.slowest = max(tally.slowest, time.monotonic() - began)
    arrived = place.arrived()
    tally.mails += sum(arrived.values())
    tally.doubled += sum(count > 1 for count in arrived.values())
    if last_day() != whole.day:  # the day turned over meanwhile: nothing to hold it against, so it does not count
        tally.killed[victim] -= 1
        return
    tally.faults += [f"{number}: {fault}" for fault in differences(whole.content, place.content())]
    if arrived != whole.arrived:
        tally.faults.append(f"{number}: {sum(arrived.values())} mails lie there, not {sum(whole.arrived.values())}")


def differences(
    wanted: dict[str, Counter[tuple[object, ...]]], found: dict[str, Counter[tuple[object, ...]]]
) -> list[str]:
    """In words, what is missing and what is too much."""
    told = []
    for name, rows in wanted.items():
        lost, more = rows - found[name], found[name] - rows
        if lost or more:
            shown = next(iter((lost or more).elements()))
            told.append(f"{name}: {lost.total()} missing, {more.total()} too many, such as {shown}")
    return told


def kill_often(
    times: int, draw: random.Random, *, days: int = SHIFT_AT, victims: Sequence[str] = VICTIMS, until: float = 0.0
) -> Tally:
    """Kill each of *victims* so many times, in turn; *until* (monotonic) ends it early. *days* of history go before."""
    tally = Tally()
    bundled = load_archive(ROOT / "seeds" / "archive")
    today = dt.datetime.now(dt.UTC).date()
    archive = moved(bundled, today - bundled.start - dt.timedelta(days=days))
    with tempfile.TemporaryDirectory() as name, ArchiveServer(archive) as press:
        place = Place(Path(name), Path(name, "prepared.db"), Path(name, "feeds.yaml"))
        write_roster(place.roster, press.roster())
        asyncio.run(prepare(place, archive, press, today - dt.timedelta(days=GAP)))
        press.as_of = dt.datetime.now(dt.UTC)
        place.var.mkdir()
        with installation(place.var, **place.variables) as running:
            place.put_back()
            undisturbed(place, running)  # the first run compiles and reads from a cold disk
            whole = measure(place, running, telling=days == SHIFT_AT)
            wanted = whole
            tries = 0
            while any(tally.killed[victim] < times for victim in victims) and tries < 3 * times * len(victims):
                if until and time.monotonic() > until:
                    break
                tries += 1
                if tries % 5 == 0 or last_day() != whole.day:  # how busy the machine is changes
                    whole = measure(place, running, telling=days == SHIFT_AT)
                    if whole.day == wanted.day:
                        tally.faults += differences(wanted.content, whole.content)
                    wanted = whole
                victim = min(victims, key=lambda one: tally.killed[one])
                once(place, running, victim, draw, tally, whole)
                print(tally, *tally.faults[-1:], sep="\n", flush=True)
    return tally


def main() -> None:
    """Kill, look, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=30, help="moments of each kind")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after so many, whatever was done by then")
    asked = parser.parse_args()
    until = time.monotonic() + 60 * asked.minutes if asked.minutes else 0.0
    tally = kill_often(asked.times, random.Random(20_261_126), until=until)
    print("\n".join(tally.faults) or "nothing lost, nothing twice, no run left open")
    raise SystemExit(bool(tally.faults))


if __name__ == "__main__":
    main()
