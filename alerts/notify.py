"""Which digest goes out today, and why: one pure function that gives a named reason, also for silence."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Asked = Literal["auto", "weekly", "manual", "test"]


class DigestKind(StrEnum):
    """Kinds of digests. Only `SHIFT` and `WEEKLY` count as having told a shift to the readers."""

    SHIFT = "shift"
    WEEKLY = "weekly"
    MANUAL = "manual"
    TEST = "test"


TELLING = (DigestKind.SHIFT, DigestKind.WEEKLY)


class Reason(StrEnum):
    """Why a digest goes out, or why none does. Stored with the digest and printed at its end."""

    SHIFT_OPENED = "shift_opened"
    SHIFT_RETURNED = "shift_returned"
    NARRATIVE_FOUND = "narrative_found"
    FIRST = "first"
    WEEKLY = "weekly"
    MANUAL = "manual"
    TEST = "test"
    NOTHING_NEW = "nothing_new"
    ALREADY_TODAY = "already_today"
    ALREADY_THIS_WEEK = "already_this_week"

    @property
    def sends(self) -> bool:
        """Whether a digest goes out for this reason."""
        return self not in (Reason.NOTHING_NEW, Reason.ALREADY_TODAY, Reason.ALREADY_THIS_WEEK)


REASON_WORDS = {
    Reason.SHIFT_OPENED: "A shift was found that had not been told before.",
    Reason.SHIFT_RETURNED: "Coverage went back to its level from before an earlier shift.",
    Reason.NARRATIVE_FOUND: "A narrative outside the seed themes was found that had not been told before.",
    Reason.FIRST: "This is the first digest of this monitor.",
    Reason.WEEKLY: "This is the weekly digest; it goes out also when nothing moved.",
    Reason.MANUAL: "Someone asked for this digest by hand.",
    Reason.TEST: "This is a test of the way a digest takes.",
    Reason.NOTHING_NEW: "No shift is waiting to be told, and it is not the day of the weekly digest.",
    Reason.ALREADY_TODAY: "A digest of this kind went out for this day already; what is new waits for the next one.",
    Reason.ALREADY_THIS_WEEK: "This week's digest went out already, and no shift is waiting to be told.",
}


@dataclass(frozen=True, slots=True)
class Untold:
    """A shift that no digest has told yet."""

    id: int
    dyad: str
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decision rests on. `today` is the readers' calendar day, `day` the last day of data (UTC).

    `last_full` is the readers' day of the latest shift or weekly digest: both carry everything, so either stands
    for the week. `sent` holds the (kind, day of data) of the digests that went out. `narratives` counts those that
    no digest has told yet.
    """

    today: dt.date
    day: dt.date
    weekly_day: int
    untold: tuple[Untold, ...] = ()
    last_full: dt.date | None = None
    sent: frozenset[tuple[DigestKind, dt.date]] = frozenset()
    narratives: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """A digest of `kind` for `reason`; `kind` is None where none goes out."""

    reason: Reason
    kind: DigestKind | None = None


def due_day(today: dt.date, weekly_day: int) -> dt.date:
    """The latest day, up to *today*, on which a weekly digest falls due.

    >>> due_day(dt.date(2024, 10, 23), 0)
    datetime.date(2024, 10, 21)
    """
    return today - dt.timedelta(days=(today.weekday() - weekly_day) % 7)


def decide(asked: Asked, at: Situation) -> Decision:
    """Which digest goes out, and why.

    A shift comes first, at most once a day of data. The weekly digest is made up for on a later day when the machine
    was off on its own, and is not sent on top of a shift digest of the same week's due day or later.
    """
    if asked == "test":
        return Decision(Reason.TEST, DigestKind.TEST)
    if asked == "manual":
        return Decision(Reason.MANUAL, DigestKind.MANUAL)
    if asked == "weekly":
        return _unless_sent(Decision(Reason.WEEKLY, DigestKind.WEEKLY), at)
    return _automatic(at)


def _automatic(at: Situation) -> Decision:
    if at.untold and (DigestKind.SHIFT, at.day) not in at.sent:
        back = all(shift.returned for shift in at.untold)
        return Decision(Reason.SHIFT_RETURNED if back else Reason.SHIFT_OPENED, DigestKind.SHIFT)
    if at.narratives and (DigestKind.SHIFT, at.day) not in at.sent:
        return Decision(Reason.NARRATIVE_FOUND, DigestKind.SHIFT)
    if at.last_full is None:
        return _unless_sent(Decision(Reason.FIRST, DigestKind.WEEKLY), at)
    if at.last_full < due_day(at.today, at.weekly_day):
        return _unless_sent(Decision(Reason.WEEKLY, DigestKind.WEEKLY), at)
    if at.untold or at.narratives:
        return Decision(Reason.ALREADY_TODAY)
    return Decision(Reason.ALREADY_THIS_WEEK if at.today.weekday() == at.weekly_day else Reason.NOTHING_NEW)


def _unless_sent(decision: Decision, at: Situation) -> Decision:
    return Decision(Reason.ALREADY_TODAY) if (decision.kind, at.day) in at.sent else decision
