"""What mails cost, beside Debian's rss2email on the same 1,000 items and the same local server.

    python -m bench.mail                # needs r2e (Debian: apt install rss2email); without it ours alone
    python -m bench.mail --readers 100

rss2email sends a mail for each item, which is what it is for; ours composes one digest of all items and sends it to
each reader. So there are two rows of ours: one reader, who gets what one reader of rss2email gets, and as many readers
as rss2email sends mails, which is the same number for a server, of mails with charts in them. Each program runs in a
process of its own, from its start to its end; peak memory is that process's. Everything goes to bench/out/mail.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.mail_kills import DAY, MODEL, NOW, prepare
from bench.postbox import postbox, taken
from store.db import Store
from store.settings import ROOT

ITEMS = 1_000
OUT = Path(__file__).parent / "out" / "mail.json"
_OURS = """
import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from flows.send_digest import compose_and_deliver
from flows.watch import Watch
from store.db import Store
from store.settings import Settings
settings = Settings(
    _env_file=None, var_dir=Path({folder!r}), smtp_host="127.0.0.1", smtp_port={port}, smtp_security="none",
    recipients=[f"reader{{n}}@readers.example" for n in range({readers})],
)
watch = Watch(settings, Store(settings.database))
watch.__dict__["model"] = SimpleNamespace(version={model!r})
compose_and_deliver(watch, dt.datetime.fromisoformat({now!r}))
"""
_R2E = """\
[DEFAULT]
from = r2e@readers.example
to = reader0@readers.example
email-protocol = smtp
smtp-server = 127.0.0.1
smtp-port = {port}
smtp-auth = False
smtp-ssl = False
verbose = error
"""


@dataclass(frozen=True)
class Cost:
    """What a run took. `megabytes` went over the line."""

    name: str
    mails: int
    megabytes: float
    seconds: float
    cpu_seconds: float
    peak_mb: float

    def __str__(self) -> str:
        return (
            f"{self.name:34} {self.mails:6,} mails {self.megabytes:8.1f} MB {self.seconds:7.1f} s "
            f"{self.cpu_seconds:7.1f} s of processor {self.peak_mb:6.0f} MB of memory"
        )


def measure(name: str, command: Sequence[str], box: Path, environment: dict[str, str] | None = None) -> Cost:
    """Run *command* to its end.

    Raises:
        RuntimeError: it failed.
    """
    before = len(taken(box))
    began = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=errors, stderr=errors, cwd=ROOT, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{name}: {errors.read().decode('utf-8', 'replace')[-2_000:]}")
    got = taken(box)[before:]
    megabytes, cpu = sum(size for *_, size in got) / 1e6, used.ru_utime + used.ru_stime
    return Cost(name, len(got), megabytes, seconds, cpu, used.ru_maxrss / 1024)


def ours(readers: int, prepared: Path, port: int, box: Path) -> Cost:
    """The digest of the items to so many readers."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(prepared, Path(folder, "ricwatch.db"))
        code = _OURS.format(folder=folder, port=port, readers=readers, model=MODEL, now=NOW.isoformat())
        return measure(f"ricwatch, {readers:,} reader" + "s" * (readers > 1), [sys.executable, "-c", code], box)


def rss2email(program: str, port: int, box: Path) -> Cost:
    """The same items from a file, a mail for each, to one reader."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        items = "".join(
            f"<item><title>Talks {n + 1}</title><link>https://demo.example/{n + 1}</link>"
            f"<guid>https://demo.example/{n + 1}</guid><description>Both sides agreed.</description></item>"
            for n in range(ITEMS)
        )
        feed = folder / "feed.xml"
        feed.write_text(f'<rss version="2.0"><channel><title>Demo</title>{items}</channel></rss>', encoding="utf-8")
        (folder / "r2e.cfg").write_text(_R2E.format(port=port), encoding="utf-8")
        base = [program, "-c", str(folder / "r2e.cfg"), "-d", str(folder / "r2e.json")]
        environment = {"PATH": os.environ["PATH"], "HOME": name, "LANG": "C.UTF-8"}
        subprocess.run([*base, "add", "demo", str(feed)], check=True, capture_output=True, env=environment)
        return measure("rss2email, 1 reader", [*base, "run"], box, environment)


def main() -> None:
    """Send, measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=ITEMS, help="readers of the second row")
    readers = parser.parse_args().readers
    program = shutil.which("r2e")
    with tempfile.TemporaryDirectory() as name:
        prepared, box = Path(name, "prepared.db"), Path(name, "taken.tsv")
        store = Store(f"sqlite:///{prepared}")
        store.migrate()
        prepare(store, ITEMS)
        store.close()
        with postbox(box) as port:
            costs = [ours(1, prepared, port, box), ours(readers, prepared, port, box)]
            if program:
                costs.append(rss2email(program, port, box))
    print(*costs, sep="\n")
    if program:
        peer = costs[-1]
        for cost in costs[:-1]:
            print(
                f"{cost.name} to rss2email: mails {cost.mails / peer.mails:.3f}, "
                f"time {cost.seconds / peer.seconds:.2f}, processor {cost.cpu_seconds / peer.cpu_seconds:.2f}, "
                f"memory {cost.peak_mb / peer.peak_mb:.2f}"
            )
    else:
        print("rss2email is not here (Debian: apt install rss2email); nothing is compared")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"day": str(DAY), "costs": [asdict(cost) for cost in costs]}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
