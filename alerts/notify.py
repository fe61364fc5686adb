"""Which digest a reader gets now, and why: one pure function that gives a named reason, also for silence."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from alerts.readers import Reader
from alerts.scope import Held, News

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
    PAUSED = "paused"
    MUTED = "muted"
    NOT_YET = "not_yet"
    OUT_OF_SCOPE = "out_of_scope"
    TOO_WEAK = "too_weak"
    SILENCED = "silenced"
    FEED_OUTAGE = "feed_outage"
    DROPPED = "dropped"
    NOBODY = "nobody"

    @property
    def sends(self) -> bool:
        """Whether a digest goes out for this reason."""
        return self in _SENDING


_SENDING = frozenset(
    {
        Reason.SHIFT_OPENED,
        Reason.SHIFT_RETURNED,
        Reason.NARRATIVE_FOUND,
        Reason.FIRST,
        Reason.WEEKLY,
        Reason.MANUAL,
        Reason.TEST,
    }
)


REASON_WORDS = {
    Reason.SHIFT_OPENED: "A shift was found that had not been told before.",
    Reason.SHIFT_RETURNED: "Coverage went back to its level from before an earlier shift.",
    Reason.NARRATIVE_FOUND: "A narrative outside the seed themes was found that had not been told before.",
    Reason.FIRST: "This is your first digest: it tells what stands now, whenever it was found.",
    Reason.WEEKLY: "This is the weekly digest; it goes out also when nothing moved.",
    Reason.MANUAL: "Someone asked for this digest by hand.",
    Reason.TEST: "This is a test of the way a digest takes.",
    Reason.NOTHING_NEW: "No shift is waiting to be told, and it is not the day of the weekly digest.",
    Reason.ALREADY_TODAY: "A digest of this kind went out for this day already; what is new waits for the next one.",
    Reason.ALREADY_THIS_WEEK: "This week's digest went out already, and no shift is waiting to be told.",
    Reason.PAUSED: "The subscription is paused; what is in force at its end is told then.",
    Reason.MUTED: "It is a mute hour or day of this reader; what is new waits for its end.",
    Reason.NOT_YET: "The hour or day at which this reader wants to be told has not come; what is new waits for it.",
    Reason.OUT_OF_SCOPE: "What is new concerns none of the ties and themes that this reader asked for.",
    Reason.TOO_WEAK: "The evidence of what is new is weaker than this reader asked for.",
    Reason.SILENCED: "What is new has a known cause and is silenced; the next digest lists it.",
    Reason.NOBODY: "Nobody gets digests: name recipients in the settings, or subscribe somebody.",
    Reason.FEED_OUTAGE: "What is new depends on feeds that do not answer; it waits for them, seven days at most.",
    Reason.DROPPED: "A person decided not to send the digest that told what is new; the next one lists it.",
}


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decision for one reader rests on; `day` is the last day of data (UTC).

    `last_full` is the reader's day of their latest shift or weekly digest: both carry everything, so either stands
    for the week. `sent` holds the (kind, day of data) of the digests that went to them. `untold` are the shifts that
    they are to be told, `held` those that are kept from them; `narratives` counts those that they were not told.
    """

    reader: Reader
    now: dt.datetime
    day: dt.date
    untold: tuple[News, ...] = ()
    held: tuple[tuple[News, Held], ...] = ()
    last_full: dt.date | None = None
    sent: frozenset[tuple[DigestKind, dt.date]] = frozenset()
    narratives: int = 0

    @property
    def new(self) -> bool:
        """Whether something waits to be told."""
        return bool(self.untold or self.narratives)

    @property
    def today(self) -> dt.date:
        """The reader's calendar day."""
        return self.reader.local(self.now).date()


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
    """Which digest a reader gets, and why.

    A shift comes first, at most once a day of data. The weekly digest is made up for on a later day when the machine
    was off on its own, and is not sent on top of a shift digest of the same week's due day or later. What someone
    asked for by hand goes whatever the hour; a pause holds for everything but a test.
    """
    if asked == "test":
        return Decision(Reason.TEST, DigestKind.TEST)
    if at.reader.paused(at.now):
        return Decision(Reason.PAUSED)
    if asked == "manual":
        return Decision(Reason.MANUAL, DigestKind.MANUAL)
    if asked == "weekly":
        return _unless_sent(Decision(Reason.WEEKLY, DigestKind.WEEKLY), at)
    return _when_due(at)


def _when_due(at: Situation) -> Decision:
    wanted = _automatic(at)
    if wanted.kind is not None:
        return Decision(Reason.MUTED) if at.reader.muted(at.now) else wanted
    if at.held and wanted.reason in (Reason.NOTHING_NEW, Reason.ALREADY_THIS_WEEK):
        return Decision(Reason(_telling(at.held)))
    return wanted


def _automatic(at: Situation) -> Decision:
    told_today = (DigestKind.SHIFT, at.day) in at.sent
    if at.new and not told_today and at.reader.shift_hour(at.now):
        return Decision(_news_reason(at), DigestKind.SHIFT)
    if at.last_full is None:
        return _unless_sent(Decision(Reason.FIRST, DigestKind.WEEKLY), at)
    weekly = at.last_full < due_day(at.today, at.reader.weekly_day)
    if weekly and at.reader.local(at.now).hour >= at.reader.hour:
        return _unless_sent(Decision(Reason.WEEKLY, DigestKind.WEEKLY), at)
    return Decision(_waiting(at, told_today=told_today, weekly=weekly))


def _news_reason(at: Situation) -> Reason:
    if at.last_full is None:
        return Reason.FIRST  # what others were told long ago is no news to anybody but this reader
    if not at.untold:
        return Reason.NARRATIVE_FOUND
    return Reason.SHIFT_RETURNED if all(shift.returned for shift in at.untold) else Reason.SHIFT_OPENED


def _waiting(at: Situation, *, told_today: bool, weekly: bool) -> Reason:
    if at.new and told_today:
        return Reason.ALREADY_TODAY
    if at.new or weekly:
        return Reason.NOT_YET
    return Reason.ALREADY_THIS_WEEK if at.today.weekday() == at.reader.weekly_day else Reason.NOTHING_NEW


def _telling(held: tuple[tuple[News, Held], ...]) -> Held:
    """Of several reasons the one that a person can do something about; that a shift is none of theirs comes last."""
    reasons = {reason for _news, reason in held}
    order = (Held.DROPPED, Held.SILENCED, Held.FEED_OUTAGE, Held.TOO_WEAK, Held.OUT_OF_SCOPE)
    return next(reason for reason in order if reason in reasons)


def _unless_sent(decision: Decision, at: Situation) -> Decision:
    return Decision(Reason.ALREADY_TODAY) if (decision.kind, at.day) in at.sent else decision
