"""What a digest knows: the fields from which each of its sentences is made. Kept beside the digest as JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from alerts.detect import FIRST_ALERT_DAY
from alerts.model import BlocMove, Direction, DyadState, Evidence, Kind, Part, StoryEvidence, Verdict
from alerts.narrativenews import NarrativeFact
from alerts.notify import DigestKind, Reason
from alerts.press import PressCell
from alerts.verdicts import Record

COLD_DAYS = FIRST_ALERT_DAY
"""Days of history under which the monitor describes and never alerts."""


class FeedState(StrEnum):
    """What a reader of digests needs to know of a feed."""

    ANSWERED = "answered"
    STALE = "stale"
    FAILING = "failing"
    UNPOLLED = "not polled yet"


@dataclass(frozen=True, slots=True)
class FeedFact:
    """An enabled feed on the day of the digest."""

    key: str
    outlet: str
    bloc: str
    state: FeedState
    health: str
    since: dt.date | None
    last_success: dt.date | None
    error: str


@dataclass(frozen=True, slots=True)
class FeedsFact:
    """The roster's health, and what its feeds brought in the week (`seen` on and off the topic)."""

    feeds: tuple[FeedFact, ...] = ()
    seen: int = 0
    on_topic: int = 0
    imported: int = 0

    def of(self, *states: FeedState) -> tuple[FeedFact, ...]:
        """The feeds in any of *states*, in the roster's order."""
        return tuple(feed for feed in self.feeds if feed.state in states)


@dataclass(frozen=True, slots=True)
class Outage:
    """The part of a tie's usual stories (0 to 1) that is missing, and the outlets that it is of, the largest first."""

    share: float
    outlets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClaimFact:
    """A claim of a seed document, with the document that argues it."""

    id: str
    dyad: str
    stance: int
    text: str
    document: str
    publisher: str
    published: str


@dataclass(frozen=True, slots=True)
class ShiftFact:
    """A row of `store.models.Shift`, its evidence unpacked. Units as there."""

    id: int
    dyad: str
    kind: Kind
    direction: Direction
    onset: dt.date
    detected: dt.date
    magnitude: float
    low: float
    high: float
    before: float
    after: float
    log_evidence: float
    threshold: float
    years: float
    confidence: str
    status: str
    text: str
    evidence: Evidence
    returned: bool = False
    """Whether it brings a series back to its level from before an earlier shift."""
    told_on: dt.date | None = None
    """The readers' day on which an earlier digest told it."""
    theme: str = ""
    """The name of the theme, or its code where the seeds do not name it; for a change of its share."""
    theme_code: str = ""
    bloc: str = ""
    """The press bloc that moved alone, by its code."""


@dataclass(frozen=True, slots=True)
class ShiftContext:
    """What telling a shift in full takes beside the shift itself.

    Names of `themes` and `claims` by their codes, the `states` of ties for their charts, and by shift the feeds that
    it depends on and that are out.
    """

    themes: Mapping[str, str] = field(default_factory=dict)
    claims: Mapping[str, ClaimFact] = field(default_factory=dict)
    states: tuple[DyadState, ...] = ()
    outages: Mapping[int, Outage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DigestFacts:
    """All that one digest says. `now` is the moment of composing, `day` the last day of data (UTC).

    `shifts` are told in full, `earlier` (told before, still in force) in one line each. `stories` and `outlets` count
    the week over all dyads, each once.
    """

    kind: DigestKind
    reason: Reason
    day: dt.date
    period_start: dt.date
    now: dt.datetime
    timezone: str
    model: str
    false_alarms_per_year: float
    replay: bool
    public_url: str
    shifts: tuple[ShiftFact, ...]
    earlier: tuple[ShiftFact, ...]
    states: tuple[DyadState, ...]
    feeds: FeedsFact
    stories: int
    outlets: int
    claims: Mapping[str, ClaimFact] = field(default_factory=dict)
    themes: Mapping[str, str] = field(default_factory=dict)
    narratives: tuple[NarrativeFact, ...] = ()
    held: Mapping[int, str] = field(default_factory=dict)
    """Shifts of `earlier` that are listed and not alerted, with the reason in half a sentence."""
    outages: Mapping[int, Outage] = field(default_factory=dict)
    """Shifts of `shifts` that are told although feeds they depend on are out."""
    record: Record = field(default_factory=Record)
    press: tuple[PressCell, ...] = ()
    report_url: str = ""
    dates: str = "en"
    """How dates are written, one of `alerts.words.DATE_STYLES`."""
    untrained: str = ""
    """That the reader was not trained on the topic; empty where it was."""

    @property
    def context(self) -> ShiftContext:
        """What its shifts are told with."""
        return ShiftContext(self.themes, self.claims, self.states, self.outages)

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON values; charts are left out, they can be drawn again from the series."""
        record: dict[str, Any] = _jsonable(asdict(self))
        for state in record["states"]:
            del state["chart"]
        return record


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value) if isinstance(value, StrEnum) else value


def evidence_from_json(record: Mapping[str, Any]) -> Evidence:
    """The evidence as it was stored beside a shift; unknown fields of a newer version are left out."""

    def story(fields: Mapping[str, Any]) -> StoryEvidence:
        return StoryEvidence(**{name: fields[name] for name in StoryEvidence.__dataclass_fields__})

    made: dict[str, Any] = {name: record[name] for name in Evidence.__dataclass_fields__ if name in record}
    made["stories"] = [story(fields) for fields in record.get("stories", [])]
    made["counter"] = story(record["counter"]) if record.get("counter") else None
    for name in ("outlets", "blocs", "themes"):
        made[name] = [Part(str(p["name"]), int(p["stories"]), float(p["share"])) for p in record.get(name, [])]
    made["bloc_moves"] = [
        BlocMove(**{**move, "verdict": Verdict(move["verdict"])}) for move in record.get("bloc_moves", [])
    ]
    return Evidence(**made)
