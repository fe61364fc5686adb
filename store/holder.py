"""Who holds a lease: a name that tells whether its process still lives, where that can be told at all."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

PROC = Path("/proc")


def new_holder() -> str:
    """A name for whoever takes leases now: machine, process, and a mark of its own; at most 200 characters.

    It holds what makes a process number mean something: the start of the machine, the namespace and the process's own
    start. Containers share a machine and yet number their processes alike, and numbers are used again.
    """
    host = socket.gethostname().replace(" ", "-")[:60]
    me = os.getpid()
    return f"{host} {me} {_space() or '-'} {_started(me) or '-'} {secrets.token_hex(4)}"


def has_died(holder: str) -> bool:
    """Whether the process of *holder* is known to be gone; False where it runs, or where nobody here can know.

    >>> has_died(new_holder()), has_died("elsewhere 17 - - 0a1b2c3d")
    (False, False)
    """
    parts = holder.split(" ")
    if len(parts) != 5 or not parts[1].isdigit() or parts[2] == "-" or parts[2] != _space():
        return False
    process = int(parts[1])
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it is there, and another user's
    started = _started(process)
    return started is not None and started != parts[3]


def _space() -> str | None:
    """This start of the machine, and the namespace that numbers its processes; None where the system has no such."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}.{os.readlink(PROC / 'self/ns/pid').strip('pid:[]')}"
    except OSError:
        return None


def _started(process: int) -> str | None:
    """When *process* started, in the kernel's ticks; "dead" of one that nobody has buried yet; None where unknown."""
    try:
        stat = (PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
        # The second field is the program's name in brackets, and may hold anything.
        fields = stat.rpartition(")")[2].split()
        return "dead" if fields[0] in ("Z", "X") else fields[19]
    except (OSError, IndexError):
        return None
