"""What becomes of a digest to 20 readers after kill -9 at random moments of composing and sending it.

    python -m bench.mail_kills                # 100 moments, some five minutes
    python -m bench.mail_kills --times 10

Each time a fresh database with a shift that nobody was told of. The step behind the flow `digest` is killed, half of
the times before its first mail and half of them after it, then done again to its end, against a server in another
process that writes down what it takes before it answers. Afterwards no reader may have the digest twice, and each has
it or is shown as `unknown`. The exit status is 1 where that was not so.
"""

from __future__ import annotations

import argparse
import datetime as dt
import multiprocessing
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

from sqlalchemy import func, select

from alerts.model import Evidence, Part, StoryEvidence
from bench.postbox import postbox, taken
from ingest.ties import ties
from store.db import Store
from store.models import Article, Digest, Feed, FeedDay, Outbox, Shift, Story, Vote
from store.settings import Settings

READERS = [f"reader{number}@readers.example" for number in range(20)]
MODEL = "bench-1"
DAY = dt.date(2026, 11, 24)
NOW = dt.datetime(2026, 11, 25, 6, 30, tzinfo=dt.UTC)
LINGER = 0.03
"""Seconds from the taking of a mail to the server's answer, a while in which a kill leaves a mail that arrived."""
# A process that has imported what the step needs and forks for each run: every run is a process of its own, and none of
# the moments is spent on imports, where nothing can go wrong.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["matplotlib.figure", "flows.send_digest"])


def step(folder: str, port: int) -> None:
    """What the flow `digest` does, on the database in *folder*."""
    from flows.send_digest import compose_and_deliver
    from flows.watch import Watch

    settings = Settings(
        _env_file=None, var_dir=Path(folder), recipients=READERS, smtp_host="127.0.0.1", smtp_port=port,
        smtp_security="none",
    )  # fmt: skip
    watch = Watch(settings, Store(settings.database))
    watch.__dict__["model"] = SimpleNamespace(version=MODEL)  # nothing is read here, so no weights are loaded
    compose_and_deliver(watch, NOW)


@dataclass
class Tally:
    """What was counted over all moments; `faults` are in words."""

    killed_composing: int = 0
    killed_sending: int = 0
    mails: int = 0
    sent: int = 0
    unknown: int = 0
    unknown_arrived: int = 0
    doubled: int = 0
    missing: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def killed(self) -> int:
        return self.killed_composing + self.killed_sending

    def __str__(self) -> str:
        return (
            f"{self.killed_composing} killed while composing, {self.killed_sending} while sending; of {self.mails} "
            f"mails {self.sent} sent, {self.unknown} unknown ({self.unknown_arrived} of them had arrived), "
            f"{self.doubled} doubled, {self.missing} missing"
        )


def prepare(store: Store, stories: int = 360) -> None:
    """A press of three stories a day, with a shift that is found and not told."""
    with store.session() as session:
        session.add(
            Feed(
                key="a", outlet="Demo Herald", bloc="india", kind="newspaper", lang="en", url="", timezone="UTC",
                enabled=True, status="ok", status_date="", status_note="", last_success_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        for index in range(stories):
            day = DAY - dt.timedelta(days=index // 3)
            number = index + 1
            at = dt.datetime.combine(day, dt.time(9), dt.UTC)
            session.add(Story(id=number, day=day, last_day=day, title=f"Talks {number}"))
            session.flush()
            session.add(
                Article(
                    id=number, feed_key="a", outlet="Demo Herald", bloc="india", lang="en", text="",
                    title=f"Talks {number}", title_key="talks", url=f"https://demo.example/{number}",
                    url_key=str(number), guid=None, published_at=at, published_raw="", date_quality="given",
                    first_seen_at=at, day=day, story_id=number,
                )
            )  # fmt: skip
            session.flush()
            for dyad in ties().dyads:
                score = 0.6 if day > DAY - dt.timedelta(days=7) else -0.3 + 0.1 * (index % 5)
                session.add(
                    Vote(
                        model=MODEL, day=day, dyad=dyad, story_id=number, article_id=number, outlet="Demo Herald",
                        bloc="india", score=score, stance=1 if score > 0.3 else 0, theme="border", themes=["border"],
                    )
                )  # fmt: skip
        session.add_all(FeedDay(feed_key="a", day=DAY - dt.timedelta(days=n), seen=40, on_topic=3) for n in range(7))
        session.add(_shift())


def _shift() -> Shift:
    told = StoryEvidence(
        1, 1, "Talks", "https://demo.example/1", "Demo Herald", "india", "en", str(DAY), 1, 0.8, "border", 1,
        "Both sides agreed.", None, None, 0.1,
    )  # fmt: skip
    evidence = Evidence(
        stories=[told], counter=None, outlets=[Part("Demo Herald", 20, 1.0)], blocs=[Part("india", 20, 1.0)],
        themes=[Part("border", 20, 1.0)], story_count=20, outlet_count=1, without_top_outlet=0.5, without_top_story=0.6,
    )  # fmt: skip
    return Shift(
        model=MODEL, dyad="IN-CN", kind="stance", direction="convergence", onset=DAY - dt.timedelta(days=6),
        detected=DAY, magnitude=0.7, low=0.5, high=0.9, before=-0.1, after=0.6, log_evidence=9.0, threshold=6.0,
        years=3.0, confidence="strong", status="open", text="", evidence=asdict(evidence), found_at=NOW,
    )  # fmt: skip


@dataclass(frozen=True)
class Moment:
    """When to kill: so many seconds after the start, or after the first mail was taken."""

    seconds: float
    sending: bool


@dataclass(frozen=True)
class Place:
    """A database with nothing composed yet, and a server with the file of what it took."""

    prepared: Path
    port: int
    box: Path


@contextmanager
def _step(folder: Path, port: int) -> Iterator[BaseProcess]:
    """The step in a process of its own, which has ended at the end of the block.

    Raises:
        RuntimeError: it failed by itself.
    """
    process = _processes.Process(target=step, args=(str(folder), port))
    process.start()
    yield process
    process.join()
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the step ended with status {process.exitcode}; its trace is above")


def _first_mail(process: BaseProcess, box: Path) -> None:
    before = len(taken(box))
    while len(taken(box)) == before and process.is_alive():
        process.join(0.005)


def usual(place: Place) -> tuple[float, float]:
    """Seconds until the first mail is taken, and from there to the end, undisturbed."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(place.prepared, Path(name, "ricwatch.db"))
        began = time.perf_counter()
        with _step(Path(name), place.port) as process:
            _first_mail(process, place.box)
            first = time.perf_counter()
        return first - began, time.perf_counter() - first


def once(place: Place, moment: Moment, tally: Tally) -> None:
    """Kill the step at *moment*, do it again to its end, and count."""
    before = len(taken(place.box))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(place.prepared, folder / "ricwatch.db")
        with _step(folder, place.port) as process:
            if moment.sending:
                _first_mail(process, place.box)
            process.join(moment.seconds)
            process.kill()
        store = Store(f"sqlite:///{folder}/ricwatch.db")
        if process.exitcode:
            with store.session() as session:
                composed = session.scalar(select(func.count()).select_from(Outbox))
            tally.killed_sending += bool(composed)
            tally.killed_composing += not composed
        with _step(folder, place.port):
            pass
        _count(store, Counter(to for _, to, _ in taken(place.box)[before:]), tally, str(moment))
        store.close()


def _count(store: Store, arrived: Counter[str], tally: Tally, when: str) -> None:
    with store.session() as session:
        rows = {row.recipient: row.state for row in session.scalars(select(Outbox))}
        digests = session.scalar(select(func.count()).select_from(Digest))
    tally.mails += len(READERS)
    tally.sent += sum(state == "sent" for state in rows.values())
    tally.unknown += sum(state == "unknown" for state in rows.values())
    tally.unknown_arrived += sum(state == "unknown" and arrived[reader] > 0 for reader, state in rows.items())
    doubled = [reader for reader in READERS if arrived[reader] > 1]
    missing = [reader for reader in READERS if not arrived[reader] and rows.get(reader) != "unknown"]
    tally.doubled += len(doubled)
    tally.missing += len(missing)
    tally.faults += [f"{when}: {reader} twice" for reader in doubled]
    tally.faults += [f"{when}: {reader} has nothing and is {rows.get(reader)}" for reader in missing]
    if digests != 1 or len(rows) != len(READERS):
        tally.faults.append(f"{when}: {digests} digests with {len(rows)} mails")
    if unsettled := sum(state not in ("sent", "unknown") for state in rows.values()):
        tally.faults.append(f"{when}: {unsettled} mails neither sent nor unknown")


def kill(times: int, draw: random.Random) -> Tally:
    """Kill *times* times and count."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store(f"sqlite:///{folder}/prepared.db")
        store.migrate()
        prepare(store)
        store.close()
        box = folder / "taken.tsv"
        with postbox(box, LINGER) as port:
            place = Place(folder / "prepared.db", port, box)
            usual(place)  # the first run starts the process that forks, which takes its time
            composing, sending = usual(place)
            tries = 0
            while tally.killed < times and tries < 4 * times:  # some come to their end before they are killed
                tries += 1
                while_sending = tally.killed_sending <= tally.killed_composing
                once(place, Moment(draw.uniform(0, sending if while_sending else composing), while_sending), tally)
                if tries % 10 == 0 or tally.killed == times:
                    print(tally, flush=True)
    return tally


def main() -> None:
    """Kill, look, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100, help="kills")
    tally = kill(parser.parse_args().times, random.Random(20_261_126))
    print("\n".join(tally.faults) or "nobody twice, nobody forgotten")
    raise SystemExit(bool(tally.faults))


if __name__ == "__main__":
    main()
