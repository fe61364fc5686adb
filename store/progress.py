"""How long work tells how far it is; the rooms call it, `flows/` decides between a bar and log lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """Called now and then with what is done, the total where it is known, and a word on what is at hand."""

    def __call__(self, done: int, total: int | None = None, note: str = "") -> None: ...


def silent(done: int, total: int | None = None, note: str = "") -> None:
    """A progress that says nothing: the default everywhere."""


def counted(progress: Progress, total: int, note: str) -> Callable[[], None]:
    """A report that is called once for each of *total* steps and counts them itself."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, total, note)

    return step
