"""What a poll passes between asking and storing: a feed as it stood, what came back, and the row that is told."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ingest.fetch import Outcome
from ingest.hosts import host_of
from ingest.model import ParsedFeed
from ingest.policy import FeedState, Health, Move, Verdict


@dataclass(frozen=True, slots=True)
class Standing:
    """The columns of a feed that its polls write, as they stand."""

    etag: str | None
    last_modified: str | None
    body_sha256: str | None
    last_success_at: dt.datetime | None
    last_new_at: dt.datetime | None
    health_since: dt.datetime | None
    last_error: str


@dataclass(frozen=True, slots=True)
class Task:
    """A feed as it stood when the poll began: plain values, for the fetch runs outside any session.

    `conditional` says that the validators of its `standing` are sent; `polls` counts those before this one.
    """

    key: str
    outlet: str
    bloc: str
    url: str
    timezone: str
    lang: str
    conditional: bool
    standing: Standing
    state: FeedState
    move: Move
    polls: int = 0

    @property
    def host(self) -> str:
        """The host that is asked first."""
        return host_of(self.url)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a task, and what it means. `outcome` has lost its body, `size` is what it had.

    `rests` is the host that is to be left alone, and until when: the last to which the request was sent on.
    """

    outcome: Outcome
    size: int
    parsed: ParsedFeed | None
    verdict: Verdict
    move: Move
    seconds: float
    rests: tuple[str, dt.datetime] | None = None


@dataclass(frozen=True, slots=True)
class PollRow:
    """What the poll of one feed gave. `network`: no response arrived at all; `stored`: it is on record."""

    key: str
    outlet: str
    bloc: str
    outcome: str
    health: Health
    http_status: int | None
    reason: str
    seen: int
    new: int
    known: int
    off_topic: int
    bad: int
    seconds: float
    network: bool
    stored: bool = True

    @property
    def answered(self) -> bool:
        """Whether it sent a feed, changed or not."""
        return self.outcome in ("fetched", "same_body", "not_modified")
