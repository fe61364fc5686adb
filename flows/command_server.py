"""The small Prefect server of one command, for when `ricwatch serve` is not running.

Prefect would start one as well, but only at the first call, and the command would load all of the server's code itself
to do so: twice the wait. This one starts while the command loads the flows. It inherits a socket that listens already,
so what is asked of it too early waits in line, and nothing has to look again and again whether it is up.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from flows.exits import EXIT_FAILED
from flows.processes import stop
from store.private import private_folder
from store.settings import ROOT

LOG = "command-server.log"
STOP_LIMIT = 5.0
"""Seconds that it may take to stop before it is killed."""

_started: list[subprocess.Popen[bytes]] = []


def start(logs: Path) -> str:
    """Start it with this process's environment; gives its API address. It ends with this process, however that ends.

    Raises:
        OSError: its log cannot be written into the folder *logs*, or the system has no process or socket to give.
    """
    log = private_folder(logs) / LOG
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("ab") as sink:
        port = listening.getsockname()[1]
        words = ["-m", "flows.server", "--socket", str(listening.fileno())]
        server = subprocess.Popen(  # noqa: S603 (our own interpreter and fixed words)
            [sys.executable, *words],
            cwd=ROOT,
            # It stops when this end of the pipe is closed, which the system does for a process that was killed.
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=subprocess.STDOUT,
            pass_fds=[listening.fileno()],
            # Ctrl-C is for the command: what it ends with is still to be recorded.
            start_new_session=True,
        )
    _started.append(server)
    atexit.register(_stop, server)
    threading.Thread(target=_watch, args=(server, log), name="command server", daemon=True).start()
    return f"http://127.0.0.1:{port}/api"


def running() -> bool:
    """Whether this command has a server of its own."""
    return bool(_started)


def _watch(server: subprocess.Popen[bytes], log: Path) -> None:
    server.wait()
    if server not in _started:
        return
    # Prefect would try for minutes to tell it of each task. The work itself can be broken off at any moment.
    for worker in multiprocessing.active_children():
        worker.kill()  # a pool's workers hold both ends of their queue, and would wait for ever
    if sys.stderr.isatty():
        from rich.console import Console

        Console(stderr=True).show_cursor()
    words = "the Prefect server of this command ended by itself, so the command did too; run it again to go on."
    print(f"ricwatch: {words} The server's last words are in {log}", file=sys.stderr, flush=True)
    os._exit(EXIT_FAILED)


def _stop(server: subprocess.Popen[bytes]) -> None:
    _started.remove(server)
    stop(server, STOP_LIMIT)
    if server.stdin is not None:
        server.stdin.close()
