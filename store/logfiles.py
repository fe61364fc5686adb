"""The log files of server and worker: pieces are put aside when they are large, and forgotten when they are old."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
from pathlib import Path

LARGE = 5_000_000
"""Bytes from which on a log file is put aside: months of an hourly watch, and still opened by any editor."""

_PIECE = re.compile(r".+\.log\.(\d{4}-\d{2}-\d{2})")


def trim(folder: Path, *, day: dt.date, keep_days: int, dry_run: bool = False) -> int:
    """Put large `*.log` of *folder* aside under *day*, and drop the pieces of more than *keep_days* ago.

    Gives how many pieces were dropped, or would be in a *dry_run*, which touches nothing. *keep_days* of 0 leaves all
    as it is. A folder that is not there has none: the server may run on another machine.

    Raises:
        OSError: a file cannot be read, written or deleted.
    """
    if keep_days <= 0 or not folder.is_dir():
        return 0
    files = [file for file in sorted(folder.iterdir()) if file.is_file()]
    old = [piece for piece in files if (made := _made(piece)) and (day - made).days > keep_days]
    if not dry_run:
        for piece in old:
            piece.unlink()
        for log in files:
            if log.suffix == ".log" and log.stat().st_size >= LARGE:
                _put_aside(log, log.with_name(f"{log.name}.{day:%Y-%m-%d}"))
    return len(old)


def _made(file: Path) -> dt.date | None:
    found = _PIECE.fullmatch(file.name)
    try:
        return dt.date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None  # somebody's own file


def _put_aside(log: Path, piece: Path) -> None:
    # Server and worker hold the file open to append: renaming it would take their lines along. It is emptied only after
    # all of it lies in the piece, on the disk, so a break in between repeats lines and loses none. What is written in
    # the instant between the last look and the emptying is lost, as with every tool that does so.
    piece.touch(mode=0o600)
    with log.open("r+b") as full, piece.open("ab") as aside:
        while os.fstat(full.fileno()).st_size > full.tell():
            shutil.copyfileobj(full, aside)
            aside.flush()
            os.fsync(aside.fileno())
        full.truncate(0)
