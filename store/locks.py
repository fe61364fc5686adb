"""Which process holds SQLite's right to write, where the system tells: `fuser` names all that have the file open."""

from __future__ import annotations

import os
import shlex
from itertools import takewhile
from pathlib import Path

PROC = Path("/proc")
WRITING = 120
"""The byte of the -shm file on which a writer holds a lock, in WAL mode (https://sqlite.org/walformat.html)."""
_SHOWN = 80


def writer(database: str) -> str:
    """The process that writes into *database* just now, as "process 4711 (python -m prefect.engine)"; else empty.

    Known on Linux alone, and not of a process in another container.
    """
    try:
        inode = os.stat(f"{database}-shm").st_ino
        locks = (PROC / "locks").read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
    for line in locks.splitlines():
        # 1: POSIX  ADVISORY  WRITE 4711 fe:00:2149417 120 120
        parts = line.split()
        if len(parts) == 8 and parts[3] == "WRITE" and parts[5].rpartition(":")[2] == str(inode):
            first, last = (int(part) if part.isdigit() else WRITING for part in parts[6:])
            if first <= WRITING <= last and parts[4].isdigit() and parts[4] != "0":
                return f"process {parts[4]}{_called(parts[4])}"
    return ""


def _called(process: str) -> str:
    """The beginning of its command, up to the first option but -m: what follows one may be a secret."""
    try:
        words = (PROC / process / "cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return ""
    shown = [os.path.basename(words[0]), *takewhile(lambda word: word == "-m" or not word.startswith("-"), words[1:])]
    command = shlex.join(shown[:3]) if shown[0] else ""
    if len(command) > _SHOWN:
        command = f"{command[:_SHOWN]}…"
    return f" ({command})" if command else ""
