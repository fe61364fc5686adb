"""How the databases grow: bytes per row of ours after a replay of 60 days, and bytes per run of Prefect's.

``python -m bench.growth [FOLDER]``; the first part takes a minute, the second starts Prefect once per run.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from flows.replay import write_roster
from ingest.archive import ArchiveServer, load_archive
from store.settings import ROOT

DAYS = 60
RUNS = 8


def sizes(database: Path) -> dict[str, tuple[int, int]]:
    """Rows and bytes of each table, its indexes included."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = connection.execute(
            "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY 1"
        ).fetchall()
        return {
            table: (connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0], size) for table, size in pages
        }


def ours(folder: Path, env: dict[str, str]) -> dict[str, object]:
    """Bytes per row and per day after a replay of `DAYS` days."""
    until = load_archive(ROOT / "seeds" / "archive").start + dt.timedelta(days=DAYS)
    subprocess.run([sys.executable, "-m", "flows.cli", "replay", "--until", str(until)], env=env, check=True, cwd=ROOT)
    found = sizes(folder / "replay" / "ricwatch.db")
    return {
        "days": DAYS,
        "bytes_per_day": round(sum(size for _, size in found.values()) / DAYS),
        "rows_per_day": {t: round(rows / DAYS, 1) for t, (rows, _) in found.items() if rows > DAYS},
        "bytes_per_row": {t: round(size / rows) for t, (rows, size) in found.items() if rows > DAYS},
    }


def prefects(folder: Path, env: dict[str, str]) -> dict[str, object]:
    """Bytes of Prefect's database per run of the monitor, from the second run on."""
    archive = load_archive(ROOT / "seeds" / "archive")
    grown = []
    with ArchiveServer(archive) as server:
        write_roster(folder / "feeds.yaml", server.roster())
        env |= {"RICWATCH_ROSTER": str(folder / "feeds.yaml"), "RICWATCH_ALLOW_PRIVATE_ADDRESSES": "true"}
        for day in range(RUNS):
            server.as_of = dt.datetime.combine(archive.start + dt.timedelta(days=60 + day), dt.time(12), dt.UTC)
            subprocess.run([sys.executable, "-m", "flows.cli", "run", "--force"], env=env, check=True, cwd=ROOT)
            found = sizes(folder / "prefect" / "prefect.db")
            grown.append(sum(size for _, size in found.values()))
    largest = sorted(found.items(), key=lambda item: -item[1][1])[:6]
    return {
        "first_bytes": grown[0],
        "bytes_per_run": round((grown[-1] - grown[0]) / (RUNS - 1)),
        "largest": {table: size for table, (_, size) in largest},
    }


def main() -> None:
    """Measure both and print the figures as JSON."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch)
        env = {name: value for name, value in os.environ.items() if not name.startswith(("RICWATCH_", "PREFECT_"))}
        env |= {"RICWATCH_VAR_DIR": str(folder), "RICWATCH_MODEL": "linear"}
        print(json.dumps({"ricwatch": ours(folder, env), "prefect": prefects(folder, env)}, indent=1))


if __name__ == "__main__":
    main()
