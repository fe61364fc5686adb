"""Processes of a test that say when they are ready, wait for a word, and tell what they did."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from store.db import Store
from store.settings import ROOT

Process = subprocess.Popen[str]


@contextmanager
def process(*arguments: str) -> Iterator[Process]:
    """A Python process with *arguments*, killed at the end of the block if it still runs."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def say(to: Process) -> None:
    """Let it go on."""
    assert to.stdin is not None
    to.stdin.write("now\n")
    to.stdin.flush()


def hear(from_: Process) -> str:
    """The next line that it says; empty when it says nothing more."""
    assert from_.stdout is not None
    return from_.stdout.readline().rstrip("\n")


def address(store: Store) -> str:
    """The URL of *store*, its password included."""
    return store.engine.url.render_as_string(hide_password=False)
