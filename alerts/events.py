"""Dated events that a back-test is held against: a file of what happened, and how soon coverage was told to follow.

An event is answered by the first alert of its tie and direction that was found from its day on, within 60 days, and
whose onset lies no earlier than 14 days before it: coverage may turn a little before a dated event, never years.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import yaml

from alerts.model import Direction
from ingest.ties import ties
from store.errors import InputError

FIELDS = ("date", "tie", "direction", "label")
WAIT = 60
"""Days after an event in which an alert still answers it."""
LEAD = 14
"""Days before an event on which its shift may be estimated to begin."""
NEAR = 14
"""An alert with an onset within so many days of an event, of whatever tie and direction, is not without an event."""
MOST_BYTES = 1_000_000
_YEARS = range(1900, 2200)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a day (UTC). An empty `tie` stands for any, a `direction` of None as well."""

    day: dt.date
    tie: str
    direction: Direction | None
    label: str


class Alert(Protocol):
    """What is needed of a shift to hold it against events."""

    @property
    def dyad(self) -> str: ...
    @property
    def direction(self) -> Direction: ...
    @property
    def onset(self) -> dt.date: ...
    @property
    def detected(self) -> dt.date: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An event and the alert that answers it: the index of that alert, or None.

    `delay` counts the days from the event to the day on which the alert was found, `onset_off` those to its estimated
    onset (negative: before the event). With a negative `delay` the alert was told up to `LEAD` days before the event,
    which is no answer to it. `outside` tells an event on whose day the monitor could not have alarmed.
    """

    event: Event
    alert: int | None = None
    delay: int | None = None
    onset_off: int | None = None
    outside: bool = False

    @property
    def answered(self) -> bool:
        """Whether an alert followed it."""
        return self.delay is not None and self.delay >= 0


def read_events(path: Path) -> list[Event]:
    """The events of a ``.yaml``, ``.yml`` or ``.csv`` file, by day.

    Raises:
        InputError: it cannot be read, or a line of it is no event; the message names file and line.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is larger than {MOST_BYTES:,} bytes; a file of events is a short list")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; give a .yaml or .csv of events") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; save the events as UTF-8") from None
    kind = path.suffix.lower()
    if kind == ".csv":
        rows = _csv_rows(path, text)
    elif kind in (".yaml", ".yml"):
        rows = _yaml_rows(path, text)
    else:
        raise InputError(f"{path} is neither .yaml nor .csv; name the file of events by what it is")
    events = []
    for line, row in rows:
        try:
            events.append(_event(row))
        except ValueError as error:
            raise InputError(f"{path}, line {line}: {error}") from None
    if not events:
        raise InputError(f"{path} holds no event; give each a {', '.join(FIELDS[:-1])} and {FIELDS[-1]}")
    return sorted(events, key=lambda one: (one.day, one.tie, one.label))


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            line = reader.line_num
            if not header:
                header = [cell.strip().lower() for cell in cells]
                _check_names(path, line, header)
                continue
            if len(cells) != len(header):
                raise InputError(
                    f"{path}, line {line}: {len(cells)} fields where the header names {len(header)}; "
                    "put a label that holds a comma between double quotes"
                )
            yield line, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from None


def _yaml_rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Composed, not loaded: the nodes know their lines, and nothing in the file is turned into an object."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        # An open quote runs to the end of the file; where it began is what helps.
        ended = "end of stream" in (error.problem or "")
        at = (error.context_mark if ended else None) or error.problem_mark
        where = f", line {at.line + 1}" if at else ""
        raise InputError(f"{path}{where}: {error.problem or 'this is no YAML'}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path} is no YAML: {str(error).splitlines()[0]}") from None
    if root is None:
        return
    if not isinstance(root, yaml.SequenceNode):
        raise InputError(f"{path}, line {_line(root)}: expected a list of events, each beginning with '- date:'")
    for node in root.value:
        line = _line(node)
        if not isinstance(node, yaml.MappingNode):
            raise InputError(f"{path}, line {line}: an event is a mapping with {', '.join(FIELDS)}")
        row: dict[str, str] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode):
                raise InputError(f"{path}, line {_line(key)}: a field of an event is plain text")
            empty = value.tag == "tag:yaml.org,2002:null"
            row[key.value.strip().lower()] = "" if empty else value.value
        _check_names(path, line, [key.value.strip().lower() for key, _value in node.value])
        yield line, row


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _check_names(path: Path, line: int, names: Sequence[str]) -> None:
    missing = [name for name in ("date", "label") if name not in names]
    strange = [name for name in names if name not in FIELDS]
    if missing or strange or len(set(names)) != len(names):
        wrong = f"{missing[0]!r} is missing" if missing else f"{strange[0]!r} is unknown" if strange else "one is twice"
        raise InputError(f"{path}, line {line}: the fields are {', '.join(FIELDS)}; {wrong}")


def _event(row: Mapping[str, str]) -> Event:
    given = {name: row.get(name, "").strip() for name in FIELDS}
    try:
        day = dt.date.fromisoformat(given["date"])
    except ValueError:
        raise ValueError(f"{given['date']!r} is no day; write it as 2020-06-15") from None
    if day.year not in _YEARS:
        raise ValueError(f"the year {day.year} is outside {_YEARS.start} to {_YEARS.stop - 1}")
    tie = given["tie"].upper()
    if tie and tie not in ties().dyads:
        raise ValueError(f"{given['tie']!r} is no tie; write {', '.join(ties().dyads)}, or leave it empty for any")
    way = given["direction"].lower()
    if way and way not in list(Direction):
        raise ValueError(f"{given['direction']!r} is no direction; write {', '.join(Direction)}, or leave it empty")
    if not given["label"]:
        raise ValueError("the event has no label; say in a few words what happened")
    return Event(day, tie, Direction(way) if way else None, given["label"])


def answers(events: Sequence[Event], alerts: Sequence[Alert], first: dt.date, last: dt.date) -> list[Answer]:
    """Each event with the first alert that answers it, else the last that was told shortly before it.

    Alarms are possible from *first* to *last*.
    """
    made = []
    for event in events:
        fitting = [
            (alert.detected < event.day, abs((alert.detected - event.day).days), at)
            for at, alert in enumerate(alerts)
            if event.tie in ("", alert.dyad)
            and event.direction in (None, alert.direction)
            and -LEAD <= (alert.detected - event.day).days <= WAIT
            and ((alert.onset - event.day).days >= -LEAD or alert.detected < event.day)
        ]
        if not fitting:
            made.append(Answer(event, outside=not first <= event.day <= last))
            continue
        _early, _days, at = min(fitting)
        made.append(Answer(event, at, (alerts[at].detected - event.day).days, (alerts[at].onset - event.day).days))
    return made


def without_event(events: Sequence[Event], alerts: Sequence[Alert]) -> list[int]:
    """The indices of the alerts whose onset lies within `NEAR` days of no event at all."""
    days = [event.day for event in events]
    return [at for at, alert in enumerate(alerts) if not any(abs((alert.onset - day).days) <= NEAR for day in days)]


def median_delay(found: Iterable[Answer]) -> float | None:
    """Median of the delays of the events that were answered; None without one."""
    delays = sorted(one.delay for one in found if one.delay is not None and one.answered)
    if not delays:
        return None
    middle = len(delays) // 2
    return float(delays[middle]) if len(delays) % 2 else (delays[middle - 1] + delays[middle]) / 2
