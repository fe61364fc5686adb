"""Which digest goes out, and why: a table of situations."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from alerts.notify import REASON_WORDS, Asked, DigestKind, Reason, Situation, decide, due_day
from alerts.readers import Cadence, Reader
from alerts.scope import Held, News

MONDAY = dt.date(2024, 10, 28)
READER = Reader("ann@example.org", timezone="Asia/Kolkata", hour=6)
ONE = dt.timedelta(days=1)


def at(day: dt.date, hour: int = 9) -> dt.datetime:
    """That hour of that day on the reader's clock."""
    return dt.datetime.combine(day, dt.time(hour), ZoneInfo("Asia/Kolkata"))


QUIET = Situation(READER, at(MONDAY), dt.date(2024, 10, 27), last_full=dt.date(2024, 10, 21))
OPENED = News(7, "IN-CN")
BACK = News(8, "IN-CN", returned=True)
FRIDAY, SATURDAY = dt.date(2024, 11, 1), dt.date(2024, 11, 2)


@pytest.mark.parametrize(
    ("asked", "changes", "reason", "kind"),
    [
        pytest.param("auto", {}, Reason.WEEKLY, DigestKind.WEEKLY, id="the weekly one goes also when nothing moved"),
        pytest.param("auto", {"last_full": None}, Reason.FIRST, DigestKind.WEEKLY, id="the first one goes on any day"),
        pytest.param(
            "auto",
            {"last_full": None, "now": at(dt.date(2024, 10, 24))},
            Reason.FIRST,
            DigestKind.WEEKLY,
            id="also on a Thursday",
        ),
        pytest.param("auto", {"untold": (OPENED,)}, Reason.SHIFT_OPENED, DigestKind.SHIFT, id="a shift comes first"),
        pytest.param("auto", {"untold": (BACK,)}, Reason.SHIFT_RETURNED, DigestKind.SHIFT, id="back to baseline"),
        pytest.param(
            "auto", {"untold": (BACK, OPENED)}, Reason.SHIFT_OPENED, DigestKind.SHIFT, id="opened outweighs returned"
        ),
        pytest.param(
            "auto",
            {"now": at(MONDAY + ONE), "last_full": MONDAY},
            Reason.NOTHING_NEW,
            None,
            id="nothing on Tuesday",
        ),
        pytest.param("auto", {"last_full": MONDAY}, Reason.ALREADY_THIS_WEEK, None, id="not twice on Monday"),
        pytest.param(
            "auto",
            {"now": at(MONDAY + 2 * ONE)},
            Reason.WEEKLY,
            DigestKind.WEEKLY,
            id="made up for on Wednesday after the machine was off",
        ),
        pytest.param(
            "auto",
            {"now": at(MONDAY + 7 * ONE), "last_full": MONDAY + 2 * ONE},
            Reason.WEEKLY,
            DigestKind.WEEKLY,
            id="a shift digest on Wednesday does not stand for next Monday",
        ),
        pytest.param(
            "auto",
            {"untold": (OPENED,), "sent": frozenset({(DigestKind.SHIFT, QUIET.day)}), "last_full": MONDAY},
            Reason.ALREADY_TODAY,
            None,
            id="a second shift of the same day waits",
        ),
        pytest.param(
            "auto",
            {"untold": (OPENED,), "sent": frozenset({(DigestKind.SHIFT, QUIET.day)})},
            Reason.WEEKLY,
            DigestKind.WEEKLY,
            id="unless the weekly one is due, which takes it along",
        ),
        pytest.param(
            "auto",
            {"sent": frozenset({(DigestKind.WEEKLY, QUIET.day)})},
            Reason.ALREADY_TODAY,
            None,
            id="never two weekly ones on the same data",
        ),
        pytest.param("weekly", {"last_full": MONDAY}, Reason.WEEKLY, DigestKind.WEEKLY, id="asked for"),
        pytest.param(
            "weekly",
            {"sent": frozenset({(DigestKind.WEEKLY, QUIET.day)})},
            Reason.ALREADY_TODAY,
            None,
            id="asked for twice",
        ),
        pytest.param("manual", {"last_full": MONDAY}, Reason.MANUAL, DigestKind.MANUAL, id="by hand, always"),
        pytest.param("test", {"untold": (OPENED,)}, Reason.TEST, DigestKind.TEST, id="a test, always"),
    ],
)
def test_decision(asked: Asked, changes: dict[str, object], reason: Reason, kind: DigestKind | None) -> None:
    situation = replace(QUIET, **changes)  # type: ignore[arg-type]
    decision = decide(asked, situation)
    assert (decision.reason, decision.kind) == (reason, kind)
    assert decision.reason.sends == (decision.kind is not None)


@pytest.mark.parametrize("weekday", range(7))
def test_the_weekly_day_is_the_latest_such_day_up_to_today(weekday: int) -> None:
    for offset in range(14):
        today = MONDAY + dt.timedelta(days=offset)
        due = due_day(today, weekday)
        assert due.weekday() == weekday
        assert 0 <= (today - due).days < 7


def test_every_reason_is_explained_in_a_sentence() -> None:
    assert set(REASON_WORDS) == set(Reason)
    assert all(words.endswith(".") for words in REASON_WORDS.values())


def test_over_a_year_without_shifts_there_are_as_many_weekly_digests_as_mondays() -> None:
    last: dt.date | None = MONDAY
    sent = []
    for offset in range(1, 365):
        today = MONDAY + dt.timedelta(days=offset)
        decision = decide("auto", replace(QUIET, now=at(today), day=today - ONE, last_full=last))
        if decision.kind:
            sent.append(today)
            last = today
    assert len(sent) == 52
    assert {day.weekday() for day in sent} == {0}


def reader(**changes: object) -> Reader:
    return replace(READER, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("who", "now", "reason", "kind"),
    [
        pytest.param(reader(), at(FRIDAY, 3), Reason.SHIFT_OPENED, DigestKind.SHIFT, id="at once: at night too"),
        pytest.param(
            reader(cadence=Cadence.DAILY), at(FRIDAY, 5), Reason.NOT_YET, None, id="daily: not before the hour"
        ),
        pytest.param(
            reader(cadence=Cadence.DAILY), at(FRIDAY, 6), Reason.SHIFT_OPENED, DigestKind.SHIFT, id="daily: at the hour"
        ),
        pytest.param(
            reader(cadence=Cadence.DAILY), at(SATURDAY), Reason.SHIFT_OPENED, DigestKind.SHIFT, id="daily: Saturday too"
        ),
        pytest.param(
            reader(cadence=Cadence.WEEKDAYS), at(SATURDAY), Reason.NOT_YET, None, id="weekdays: Saturday waits"
        ),
        pytest.param(
            reader(cadence=Cadence.WEEKDAYS), at(FRIDAY), Reason.SHIFT_OPENED, DigestKind.SHIFT, id="weekdays: Friday"
        ),
        pytest.param(
            reader(cadence=Cadence.WEEKLY), at(FRIDAY), Reason.NOT_YET, None, id="weekly: waits for the weekly digest"
        ),
        pytest.param(
            reader(mute_from=22, mute_to=7), at(FRIDAY, 23), Reason.MUTED, None, id="mute hours run past midnight"
        ),
        pytest.param(
            reader(mute_from=22, mute_to=7), at(FRIDAY, 6), Reason.MUTED, None, id="mute hours hold until their end"
        ),
        pytest.param(
            reader(mute_from=22, mute_to=7), at(FRIDAY, 7), Reason.SHIFT_OPENED, DigestKind.SHIFT, id="and no longer"
        ),
        pytest.param(reader(mute_days=(4,)), at(FRIDAY), Reason.MUTED, None, id="a mute day"),
        pytest.param(reader(paused_until=SATURDAY), at(FRIDAY), Reason.PAUSED, None, id="paused"),
        pytest.param(
            reader(paused_until=SATURDAY), at(SATURDAY), Reason.SHIFT_OPENED, DigestKind.SHIFT, id="the pause is over"
        ),
        pytest.param(
            reader(timezone="America/New_York", cadence=Cadence.DAILY),
            at(FRIDAY, 9),  # 23:30 of Thursday in New York
            Reason.SHIFT_OPENED,
            DigestKind.SHIFT,
            id="hours are of the reader's own clock",
        ),
        pytest.param(
            reader(timezone="America/New_York", cadence=Cadence.WEEKDAYS),
            at(SATURDAY, 9),  # still Friday in New York
            Reason.SHIFT_OPENED,
            DigestKind.SHIFT,
            id="and days too",
        ),
    ],
)
def test_a_shift_is_told_when_the_reader_wants_it(
    who: Reader, now: dt.datetime, reason: Reason, kind: DigestKind | None
) -> None:
    decision = decide("auto", replace(QUIET, reader=who, now=now, last_full=MONDAY, untold=(OPENED,)))
    assert (decision.reason, decision.kind) == (reason, kind)


def test_the_weekly_digest_waits_for_its_hour_and_takes_the_news_along() -> None:
    weekly = replace(QUIET, reader=reader(cadence=Cadence.WEEKLY), untold=(OPENED,))
    assert decide("auto", replace(weekly, now=at(MONDAY, 5))).reason is Reason.NOT_YET
    assert decide("auto", replace(weekly, now=at(MONDAY, 6))).kind is DigestKind.WEEKLY


def test_a_pause_holds_for_what_goes_to_all_by_hand_but_not_for_a_test() -> None:
    paused = replace(QUIET, reader=reader(paused_until=MONDAY + ONE))
    assert decide("manual", paused).reason is Reason.PAUSED
    assert decide("weekly", paused).reason is Reason.PAUSED
    assert decide("test", paused).kind is DigestKind.TEST


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ((Held.OUT_OF_SCOPE,), Reason.OUT_OF_SCOPE),
        ((Held.OUT_OF_SCOPE, Held.TOO_WEAK), Reason.TOO_WEAK),
        ((Held.TOO_WEAK, Held.FEED_OUTAGE), Reason.FEED_OUTAGE),
        ((Held.FEED_OUTAGE, Held.SILENCED), Reason.SILENCED),
    ],
)
def test_where_all_news_is_held_the_reason_says_why(held: tuple[Held, ...], reason: Reason) -> None:
    kept = tuple((OPENED, one) for one in held)
    quiet_day = replace(QUIET, now=at(FRIDAY), last_full=MONDAY, held=kept)
    assert decide("auto", quiet_day).reason is reason
    assert decide("auto", replace(quiet_day, untold=(BACK,))).reason is Reason.SHIFT_RETURNED
    assert decide("auto", replace(QUIET, held=kept)).reason is Reason.WEEKLY, "the weekly one goes all the same"


def test_on_the_day_that_clocks_change_every_reader_still_gets_one_weekly_digest() -> None:
    """In Berlin the hour from 2 to 3 happens twice on 27 October 2024, and not at all on 31 March 2024."""
    for sunday in (dt.date(2024, 10, 27), dt.date(2024, 3, 31)):
        who = reader(timezone="Europe/Berlin", weekly_day=6, hour=2)
        start = dt.datetime.combine(sunday - ONE, dt.time(12), dt.UTC)
        last: dt.date | None = sunday - 7 * ONE
        sent: frozenset[tuple[DigestKind, dt.date]] = frozenset()
        went = []
        for hour in range(48):
            now = start + dt.timedelta(hours=hour)
            day = (now - dt.timedelta(hours=30)).date()
            decision = decide("auto", Situation(who, now, day, last_full=last, sent=sent))
            if decision.kind:
                went.append(who.local(now))
                last, sent = who.local(now).date(), sent | {(decision.kind, day)}
        assert len(went) == 1
        assert (went[0].date(), went[0].hour in (2, 3)) == (sunday, True)
