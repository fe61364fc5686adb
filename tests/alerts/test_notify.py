"""Which digest goes out, and why: a table of situations."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from alerts.notify import REASON_WORDS, Asked, DigestKind, Reason, Situation, Untold, decide, due_day

MONDAY = dt.date(2024, 10, 28)
QUIET = Situation(today=MONDAY, day=dt.date(2024, 10, 27), weekly_day=0, last_full=dt.date(2024, 10, 21))
OPENED = Untold(7, "IN-CN")
BACK = Untold(8, "IN-CN", returned=True)


@pytest.mark.parametrize(
    ("asked", "changes", "reason", "kind"),
    [
        pytest.param("auto", {}, Reason.WEEKLY, DigestKind.WEEKLY, id="the weekly one goes also when nothing moved"),
        pytest.param("auto", {"last_full": None}, Reason.FIRST, DigestKind.WEEKLY, id="the first one goes on any day"),
        pytest.param(
            "auto",
            {"last_full": None, "today": dt.date(2024, 10, 24)},
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
            {"today": MONDAY + dt.timedelta(days=1), "last_full": MONDAY},
            Reason.NOTHING_NEW,
            None,
            id="nothing on Tuesday",
        ),
        pytest.param("auto", {"last_full": MONDAY}, Reason.ALREADY_THIS_WEEK, None, id="not twice on Monday"),
        pytest.param(
            "auto",
            {"today": MONDAY + dt.timedelta(days=2)},
            Reason.WEEKLY,
            DigestKind.WEEKLY,
            id="made up for on Wednesday after the machine was off",
        ),
        pytest.param(
            "auto",
            {"today": MONDAY + dt.timedelta(days=7), "last_full": MONDAY + dt.timedelta(days=2)},
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
        decision = decide("auto", replace(QUIET, today=today, day=today - dt.timedelta(days=1), last_full=last))
        if decision.kind:
            sent.append(today)
            last = today
    assert len(sent) == 52
    assert {day.weekday() for day in sent} == {0}
