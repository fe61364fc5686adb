"""Processes that this one has started."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any


def stop(part: subprocess.Popen[Any], within: float) -> None:
    """Ask *part*, the leader of its session, to end; after *within* seconds its whole session is killed."""
    if part.poll() is not None:
        return
    part.terminate()
    try:
        part.wait(within)
    except subprocess.TimeoutExpired:
        # The whole session: a worker's flow processes must not outlive it.
        os.killpg(part.pid, signal.SIGKILL)
        part.wait()
