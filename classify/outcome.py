"""What a backend that may fail gives: a reading, or the reason why an item stays unread; and what the run has cost.

The embedded backend reads everything that it is given. A backend behind a network does not: an answer may not come, may
be unfit, or may cost more than was allowed. Such an item has no reading, is tried at the next run, and is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from classify.model import Backend, Item, Read
from store.errors import RicwatchError


class Why(StrEnum):
    """Why an item stays unread."""

    BUDGET = "budget"
    """The run has used what it may; the item waits for the next one."""
    BUSY = "busy"
    """The endpoint kept saying 429 or 5xx, or asked to wait longer than the item's time."""
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    """The endpoint took the request for wrong: key, model or form."""
    BAD_ANSWER = "bad answer"
    """An answer that is not of the asked form, or says what cannot be."""
    GIVEN_UP = "given up"
    """Several runs got a bad answer for this very text; it is not paid for again until prompt or model change."""


@dataclass(frozen=True, slots=True)
class Unread:
    """An item without a reading; *detail* is one line for a person and holds neither key nor article."""

    id: str
    why: Why
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a backend has used since it was made.

    `cached` counts answers that were taken from the store of earlier answers, `spared` items that needed none: no pair
    is named in them, or the embedded reader was sure. `cost` is in the currency of the configured prices, 0 without
    prices. `estimated` tells that an answer came without a count of tokens, which was then estimated from above.
    """

    requests: int = 0
    cached: int = 0
    spared: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    estimated: bool = False

    def __str__(self) -> str:
        about = "about " if self.estimated else ""
        cost = f", cost {self.cost:.4f}" if self.cost else ""
        return (
            f"{self.requests:,} requests, {about}{self.tokens_in:,} tokens in and {self.tokens_out:,} out{cost}; "
            f"{self.cached:,} answers from the cache, {self.spared:,} items needed none"
        )


@dataclass(frozen=True, slots=True)
class UnreadCount:
    """How many items stayed unread for one reason, and what was said of the first."""

    why: Why
    items: int
    example: str

    def __str__(self) -> str:
        return f"{self.items:,} not read ({self.why}: {self.example})" if self.example else f"{self.items:,} {self.why}"


class UnreadError(RicwatchError):
    """Items could not be read where a reading of each was needed."""


@runtime_checkable
class MayFail(Protocol):
    """A backend whose items may stay unread. `batch` is how many items it likes to be given at a time."""

    @property
    def batch(self) -> int: ...

    @property
    def usage(self) -> Usage: ...

    def attempt(self, items: Sequence[Item]) -> list[Read | Unread]:
        """A reading or the reason of its absence for each item, in order. Raises nothing for an item's sake."""
        ...


def attempt(model: Backend, items: Sequence[Item]) -> list[Read | Unread]:
    """Read with any backend; one that cannot fail gives readings only."""
    return model.attempt(items) if isinstance(model, MayFail) else list(model.read(items))


def batch_size(model: Backend, batch: int) -> int:
    """The smaller of *batch* and what the backend likes."""
    return min(batch, model.batch) if isinstance(model, MayFail) else batch


def usage_of(model: Backend) -> Usage | None:
    """What the backend has used; None for one that costs nothing."""
    return model.usage if isinstance(model, MayFail) else None


def count_unread(unread: Iterable[Unread]) -> tuple[UnreadCount, ...]:
    """Counts by reason, the most frequent first.

    >>> [str(one) for one in count_unread([Unread("1", Why.BUSY, "429"), Unread("2", Why.BUSY, "503")])]
    ['2 not read (busy: 429)']
    """
    first: dict[Why, str] = {}
    counts: dict[Why, int] = {}
    for one in unread:
        first.setdefault(one.why, one.detail)
        counts[one.why] = counts.get(one.why, 0) + 1
    return tuple(UnreadCount(why, counts[why], first[why]) for why in sorted(counts, key=lambda why: -counts[why]))


def readings_or_raise(outcomes: Sequence[Read | Unread]) -> list[Read]:
    """The readings, where each item has one.

    Raises:
        UnreadError: an item stays unread.
    """
    unread = [one for one in outcomes if isinstance(one, Unread)]
    if unread:
        told = "; ".join(map(str, count_unread(unread)))
        raise UnreadError(f"of {len(outcomes):,} items: {told}. Mend it and run it again: answers that came are kept")
    return [one for one in outcomes if isinstance(one, Read)]
