"""What passes between the modules of this room: votes in, a shift with its evidence out."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Which family of series moved.

    Stance and attention have a series for each tie, themes one each over all ties, and blocs one for each tie and press
    bloc: a bloc's tone that moves alone, while the tie's as a whole does not.
    """

    STANCE = "stance"
    ATTENTION = "attention"
    THEME = "theme"
    BLOC = "bloc"

    @property
    def tone(self) -> bool:
        """Whether sizes are score points; else they are natural logarithms of a ratio."""
        return self in (Kind.STANCE, Kind.BLOC)


SeriesKey = tuple[str, Kind, str, str]
"""Tie, kind, theme, press bloc: what names a series. A theme has no tie, and only a bloc's series has a bloc."""


class Direction(StrEnum):
    """Where it moved to."""

    CONVERGENCE = "convergence"
    DIVERGENCE = "divergence"
    RISE = "rise"
    FALL = "fall"

    @property
    def sign(self) -> int:
        """1 for convergence and rise, -1 for divergence and fall."""
        return 1 if self in (Direction.CONVERGENCE, Direction.RISE) else -1


@dataclass(frozen=True, slots=True)
class StoryEvidence:
    """A story that carries a shift, or speaks against it."""

    story_id: int
    article_id: int
    title: str
    url: str
    outlet: str
    bloc: str
    lang: str
    day: str
    stance: int
    score: float
    theme: str
    copies: int
    sentence: str
    claim_id: str | None
    claim_relation: str | None
    contribution: float


@dataclass(frozen=True, slots=True)
class Part:
    """The part of an outlet, bloc or theme in a shift: `share` of the whole change, and stories since the onset."""

    name: str
    stories: int
    share: float


class Verdict(StrEnum):
    """What a press bloc did while its tie, or another bloc, moved; read from the 95 % range of its own change."""

    MOVED = "moved"
    """The range lies on the side of the shift, and the change is beyond the indifference zone."""
    STILL = "still"
    """The range holds zero and not the size of the shift."""
    OPPOSITE = "opposite"
    UNCLEAR = "unclear"
    """Too few stories to tell; then there may be no size at all."""


@dataclass(frozen=True, slots=True)
class BlocMove:
    """A press bloc's own change of tone since an onset, in score points, judged against its own outlets' usual tone."""

    bloc: str
    verdict: Verdict
    stories: int
    change: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Who and what carries a shift. Stored as JSON beside it."""

    stories: list[StoryEvidence] = field(default_factory=list)
    counter: StoryEvidence | None = None
    outlets: list[Part] = field(default_factory=list)
    blocs: list[Part] = field(default_factory=list)
    themes: list[Part] = field(default_factory=list)
    story_count: int = 0
    outlet_count: int = 0
    without_top_outlet: float | None = None
    without_top_story: float | None = None
    fires_without_top_outlet: bool | None = None
    """Whether the detector would have found it by the same day had the top outlet never written; None: unknown."""
    fires_without_top_story: bool | None = None
    fragile: str = ""
    tone: float | None = None
    """Of the change of the plain mean, the part that the same outlets changed (stance only)."""
    mix: float | None = None
    """The part that comes from a changed mix of outlets; it alone never makes a shift."""
    outlets_moved: int = 0
    """Outlets whose own level moved the same way by more than the indifference zone."""
    blocs_moved: int = 0
    """Press blocs of which the same is true."""
    bloc_moves: list[BlocMove] = field(default_factory=list)
    """What each press bloc did (tone only), with ranges."""


@dataclass(frozen=True, slots=True)
class Found:
    """A shift as the detector gives it; all days are UTC, magnitudes as in `store.models.Shift`."""

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
    returned: bool
    text: str
    stories: int = 0
    """Independent stories from the onset to the day of detection."""
    outlets: int | None = None
    """Different outlets among them; None where outlets are not known."""
    theme: str = ""
    """The theme of a change of shares; such a change is of no tie, so its dyad is empty."""
    bloc: str = ""
    """The press bloc of a bloc split."""
    bloc_moves: tuple[BlocMove, ...] = ()
    """What each press bloc did; empty where blocs are not known."""
    first_tone: bool = False
    """Found where there was no usual tone to depart from (`alerts.firsttone`)."""

    @property
    def key(self) -> SeriesKey:
        """Which series moved."""
        return self.dyad, self.kind, self.theme, self.bloc

    def as_record(self) -> dict[str, Any]:
        """The line of `SHIFTS.jsonl`, as documented in `docs/formats.md`."""
        return {
            "dyad": self.dyad,
            "kind": str(self.kind),
            "direction": str(self.direction),
            "onset": self.onset.isoformat(),
            "detected": self.detected.isoformat(),
            "magnitude": round(self.magnitude, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "before": round(self.before, 4),
            "after": round(self.after, 4),
            "log_evidence": round(self.log_evidence, 3),
            "threshold": round(self.threshold, 3),
            "years": round(self.years, 2),
            "confidence": self.confidence,
            "returned": self.returned,
            "stories": self.stories,
            "outlets": self.outlets,
            "theme": self.theme,
            "bloc": self.bloc,
            "bloc_moves": [_rounded(asdict(move)) for move in self.bloc_moves],
            "text": self.text,
        }


def _rounded(record: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in record.items()}


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A day of a chart: mean soft stance of the 7 days up to it (None without stories), and stories of that day."""

    day: dt.date
    score: float | None
    stories: int


@dataclass(frozen=True, slots=True)
class DyadState:
    """Where a dyad stands on `day` against its baseline (the 84 days that end 14 days before).

    Scores are mean soft stances, -1 to 1. A None means that there is no baseline yet, or no story in the week.
    `smallest_shift` is the smallest lasting change of the mean score that 14 days would have shown, in score points.
    """

    dyad: str
    day: dt.date
    plus: int
    zero: int
    minus: int
    score: float | None
    score_low: float | None
    score_high: float | None
    baseline: float | None
    stories: int
    baseline_stories: float | None
    smallest_shift: float | None
    history_days: int
    open_shift_id: int | None
    chart: tuple[ChartPoint, ...]
    change: float | None = None
    """Change of the last 14 days against the usual level (or the level before a shift in force), in score points, each
    outlet judged against its own usual tone; None where it cannot be measured."""
    smallest_attention: float | None = None
    """As `smallest_shift`, of the number of stories: the logarithm of its ratio to the usual one."""
    change_low: float | None = None
    """Lower end of its 95 % range."""
    change_high: float | None = None
    """Upper end of its 95 % range."""
    last_week: float | None = None
    """Mean stance of the week before; None without a story in it."""
