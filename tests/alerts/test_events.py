"""Files of dated events, and which shift answers which event."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest

from alerts.events import LEAD, WAIT, Event, answers, median_delay, read_events, without_event
from alerts.model import Direction
from store.errors import InputError

DAY = dt.date(2020, 6, 15)
FIRST, LAST = dt.date(2020, 1, 29), dt.date(2020, 12, 31)
YAML = """\
# what happened
- date: 2020-09-10
  tie: in-cn
  label: Ministers meet
- {date: "2020-06-15", tie: IN-CN, direction: divergence, label: "Clash: twenty dead"}
- {date: 2020-07-01, label: A vote, tie: , direction: ~}
"""
CSV = (
    "\ufeffDate,tie,direction,label\r\n\r\n"
    '2020-06-15,IN-CN,divergence,"Clash, twenty dead"\r\n'
    "2020-05-01,,,A meeting\r\n"
)


@dataclass(frozen=True)
class Told:
    """A shift as events see it."""

    detected: dt.date
    onset: dt.date
    dyad: str = "IN-CN"
    direction: Direction = Direction.DIVERGENCE


def after(found: int, onset: int = 0, dyad: str = "IN-CN", direction: Direction = Direction.DIVERGENCE) -> Told:
    """A shift found and begun so many days after the clash."""
    return Told(DAY + dt.timedelta(days=found), DAY + dt.timedelta(days=onset), dyad, direction)


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_yaml_and_csv_give_events_by_day(tmp_path: Path) -> None:
    assert read_events(written(tmp_path, "events.yaml", YAML)) == [
        Event(DAY, "IN-CN", Direction.DIVERGENCE, "Clash: twenty dead"),
        Event(dt.date(2020, 7, 1), "", None, "A vote"),
        Event(dt.date(2020, 9, 10), "IN-CN", None, "Ministers meet"),
    ]
    assert read_events(written(tmp_path, "events.csv", CSV)) == [
        Event(dt.date(2020, 5, 1), "", None, "A meeting"),
        Event(DAY, "IN-CN", Direction.DIVERGENCE, "Clash, twenty dead"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("e.csv", "date,tie,direction,label\n2020-06-15,IN-CN,,ok\n15.6.2020,IN-CN,,bad\n", "line 3: '15.6.2020'"),
        ("e.csv", "date,tie,direction,label\n2020-06-15,IN-PK,,x\n", "line 2: 'IN-PK' is no tie"),
        ("e.csv", "date,tie,direction,label\n2020-06-15,IN-CN,worse,x\n", "line 2: 'worse' is no direction"),
        ("e.csv", "date,tie,direction,label\n2020-06-15,IN-CN,, \n", "line 2: the event has no label"),
        ("e.csv", "date,tie,direction,label\n2020-06-15,IN-CN,,a, b\n", "line 2: 5 fields where the header names 4"),
        ("e.csv", 'date,label\n2020-06-15,"open\n', "line 2"),
        ("e.csv", "day,label\n2020-06-15,x\n", "line 1: the fields are date, tie, direction, label; 'date' is missing"),
        ("e.csv", "date,label,colour\n", "line 1: the fields are date, tie, direction, label; 'colour' is unknown"),
        ("e.csv", "date,label\n0999-01-01,x\n", "line 2: the year 999"),
        ("e.csv", "", "holds no event"),
        ("e.yaml", "", "holds no event"),
        ("e.yaml", "- date: 2020-06-15\n  label: ok\n- date: never\n  label: x\n", "line 3: 'never' is no day"),
        ("e.yaml", "- date: 2020-06-15\n  label: ok\n-  just text\n", "line 3: an event is a mapping"),
        ("e.yaml", "- date: 2020-06-15\n  label: [a, b]\n", "line 2: a field of an event is plain text"),
        ("e.yaml", "events: []\n", "line 1: expected a list"),
        ("e.yaml", "- date: 2020-06-15\n  label: 'open\n", "line 2"),
        ("e.yaml", "- {date: 2020-06-15, label: x, label: y}\n", "line 1: the fields are"),
        ("e.txt", "x", "neither .yaml nor .csv"),
    ],
)
def test_a_wrong_file_names_its_line(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    path = written(tmp_path, name, text)
    with pytest.raises(InputError) as caught:
        read_events(path)
    assert str(caught.value).startswith(str(path))
    assert complaint in str(caught.value)


def test_a_file_that_is_absent_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_events(tmp_path / "none.yaml")
    (tmp_path / "picture.csv").write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="not UTF-8"):
        read_events(tmp_path / "picture.csv")
    (tmp_path / "huge.csv").write_bytes(b"x" * 1_000_001)
    with pytest.raises(InputError, match="larger than"):
        read_events(tmp_path / "huge.csv")


CLASH = Event(DAY, "IN-CN", Direction.DIVERGENCE, "Clash")


@pytest.mark.parametrize(
    ("alerts", "alert", "delay"),
    [
        pytest.param([after(9), after(4)], 1, 4, id="the first that was found"),
        pytest.param([after(0)], 0, 0, id="on the day itself"),
        pytest.param([after(WAIT)], 0, WAIT, id="at the end of the wait"),
        pytest.param([after(WAIT + 1)], None, None, id="too late"),
        pytest.param([after(4, -LEAD)], 0, 4, id="begun a little before"),
        pytest.param([after(4, -LEAD - 1)], None, None, id="begun long before"),
        pytest.param([after(-1, -9), after(5)], 1, 5, id="an answer wins over a shift told before"),
        pytest.param([after(-9, -20), after(-2, -9)], 1, -2, id="told shortly before"),
        pytest.param([after(-LEAD - 1, -20)], None, None, id="told long before"),
        pytest.param([after(4, dyad="IN-RU")], None, None, id="another tie"),
        pytest.param([after(4, direction=Direction.CONVERGENCE)], None, None, id="the other direction"),
        pytest.param([], None, None, id="none"),
    ],
)
def test_which_shift_answers_an_event(alerts: list[Told], alert: int | None, delay: int | None) -> None:
    (answer,) = answers([CLASH], alerts, FIRST, LAST)
    assert (answer.alert, answer.delay) == (alert, delay)
    assert answer.answered == (delay is not None and delay >= 0)
    assert not answer.outside


def test_an_event_of_any_tie_takes_the_first_shift_of_any() -> None:
    (answer,) = answers([Event(DAY, "", None, "A summit")], [after(8), after(3, dyad="RU-CN")], FIRST, LAST)
    assert answer.alert == 1


@pytest.mark.parametrize(("day", "outside"), [(FIRST, False), (FIRST - dt.timedelta(days=1), True), (LAST, False)])
def test_an_event_while_no_alarm_was_possible_is_outside(day: dt.date, outside: bool) -> None:
    (answer,) = answers([Event(day, "IN-CN", None, "x")], [], FIRST, LAST)
    assert answer.outside == outside


def test_delays_and_shifts_without_an_event() -> None:
    events = [CLASH, Event(DAY + dt.timedelta(days=100), "IN-CN", None, "later")]
    alerts = [after(5), after(60, 50), after(110, 100)]
    found = answers(events, alerts, FIRST, LAST)
    assert median_delay(found) == 7.5
    assert median_delay(found[:1]) == 5
    assert median_delay([]) is None
    assert without_event(events, alerts) == [1]
