"""Ties that move at once are one finding; a shift that rests on missing feeds waits for them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from alerts import sentences as say
from alerts.facts import Outage, ShiftFact
from alerts.model import Direction, Kind
from alerts.outage import WAITS, holds
from alerts.together import NEAR, findings
from alerts.view import compose
from tests.alerts.helpers_digest import DAY, facts, shift

ONE = dt.timedelta(days=1)


def rise(dyad: str, number: int, size: float, onset: dt.date = DAY - 5 * ONE, **changes: object) -> ShiftFact:
    return shift(
        id=number, dyad=dyad, kind=Kind.ATTENTION, direction=Direction.RISE, magnitude=size, low=size - 0.3,
        high=size + 0.3, before=5.0, after=12.0, onset=onset, **changes,
    )  # fmt: skip


ALL = (rise("IN-RU", 1, 0.7), rise("RU-CN", 2, 0.9, DAY - 3 * ONE), rise("IN-CN", 3, 1.1))


def test_all_ties_that_rise_at_once_are_one_finding() -> None:
    assert findings(ALL) == (ALL,)
    view = compose(facts(shifts=ALL))
    assert view.subject == "[shift ▲] All three ties draw more coverage at once, ×2.0 to ×3.0"
    assert len(view.shifts) == 1
    assert "India–Russia ×2.0" in view.shifts[0].together
    assert "one finding about the whole topic" in view.shifts[0].together


@pytest.mark.parametrize(
    "shifts",
    [
        pytest.param(ALL[:2], id="two ties of three"),
        pytest.param((*ALL[:2], rise("IN-CN", 3, 1.1, DAY - (5 + NEAR + 1) * ONE)), id="one began long before"),
        pytest.param((*ALL[:2], rise("IN-CN", 3, 1.1, returned=True)), id="one only came back"),
        pytest.param((*ALL[:2], shift(id=3, dyad="IN-CN")), id="tone is not amount"),
    ],
)
def test_what_did_not_move_alike_stays_apart(shifts: tuple[ShiftFact, ...]) -> None:
    assert findings(shifts) == tuple((one,) for one in shifts)


def test_another_shift_keeps_its_place_beside_the_common_one() -> None:
    tone = shift(id=9, dyad="RU-CN")
    assert findings((tone, *ALL)) == ((tone,), ALL)
    assert say.subject(facts(shifts=(tone, *ALL))).startswith("[shift ↑1 ▲1]")


def test_the_last_tie_to_move_makes_it_one_finding_with_those_told_on_earlier_days() -> None:
    told = tuple(replace(one, told_on=DAY - ONE) for one in ALL[:2])
    view = compose(facts(shifts=ALL[2:], earlier=told))
    assert view.subject == "[shift ▲] All three ties draw more coverage at once, ×2.0 to ×3.0"
    assert view.shifts[0].unit == "the usual coverage of India–China"
    assert "India–Russia ×2.0" in view.shifts[0].together
    assert view.shifts[0].together.endswith("the tie found last is told below.")


@pytest.mark.parametrize("changes", [{"told_on": None}, {"told_on": DAY - ONE, "status": "faded"}])
def test_what_the_reader_was_not_told_or_faded_makes_nothing_common(changes: dict[str, object]) -> None:
    before = (replace(ALL[0], told_on=DAY - ONE), replace(ALL[1], **changes))  # type: ignore[arg-type]
    assert compose(facts(shifts=ALL[2:], earlier=before)).subject.startswith("[shift ▲] India–China draws 3.0 times")


def test_ties_that_moved_by_the_same_are_told_with_one_figure() -> None:
    same = tuple(replace(one, magnitude=0.9) for one in ALL)
    assert say.subject(facts(shifts=same)) == "[shift ▲] All three ties draw more coverage at once, ×2.5"


@pytest.mark.parametrize(
    ("share", "kind", "waited", "held"),
    [
        (0.3, "attention", 0, True),
        (0.29, "attention", 0, False),
        (0.3, "stance", 0, False),
        (0.5, "stance", 0, True),
        (0.9, "stance", WAITS - 1, True),
        (0.9, "stance", WAITS, False),
    ],
)
def test_how_much_must_be_missing_for_a_shift_to_wait(share: float, kind: str, waited: int, held: bool) -> None:
    assert holds(Outage(share, ("Alpha",)), kind, waited) is held


def test_a_shift_that_is_told_although_feeds_are_out_says_so() -> None:
    told = compose(facts(outages={7: Outage(0.34, ("Alpha", "Beta"))})).shifts[0]
    assert told.taint.startswith("Feeds are missing: Alpha and Beta usually bring 34")
    assert compose(facts()).shifts[0].taint == ""
