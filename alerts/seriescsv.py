"""`ricwatch detect`: a file of daily counts in, a file of shifts out, through the same detector as the monitor."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alerts.detect import detect
from alerts.model import Found
from alerts.votes import Counts, Coverage, coverage_from_counts
from store.errors import InputError
from store.wholefile import whole_file

COLUMNS = ("date", "dyad", "plus", "zero", "minus")
MOST = 1e9
_YEARS = range(1900, 2200)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was skipped, and why."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class SeriesFile:
    """A file of counts: dyad → day → counts, and the lines that were skipped."""

    counts: Mapping[str, Mapping[dt.date, Counts]]
    lines: int
    bad: Sequence[BadLine] = field(default_factory=list)

    @property
    def tables(self) -> Coverage | None:
        """The counts as the detector takes them; None for a file with a header alone."""
        return coverage_from_counts(self.counts)


@dataclass(frozen=True, slots=True)
class DetectFileReport:
    """What came of a file."""

    source: Path
    target: Path
    lines: int
    dyads: int
    days: int
    bad: Sequence[BadLine]
    found: Sequence[Found]


def read_series(path: Path) -> SeriesFile:
    """Read ``date,dyad,plus,zero,minus[,total]``, rows and columns in any order, further columns left aside.

    Raises:
        InputError: the file cannot be read, is no such CSV, or not one of its lines is good.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file in UTF-8 (byte {error.start}); {_EXPECTED}") from None
    if "\0" in text:
        raise InputError(f"{path} is not a text file (it holds NUL bytes); {_EXPECTED}")
    return _parse(path, text)


_EXPECTED = "expected a CSV file with the header date,dyad,plus,zero,minus[,total]"


def _parse(path: Path, text: str) -> SeriesFile:
    reader = csv.reader(text.splitlines())
    rows = _rows(path, reader)
    first = next(rows, None)
    if first is None:
        raise InputError(f"{path} is empty; {_EXPECTED}")
    header = [name.strip().lower() for name in first[1]]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise InputError(f"{path}: the header lacks {', '.join(missing)}; {_EXPECTED}")
    doubled = next((name for name in (*COLUMNS, "total") if header.count(name) > 1), None)
    if doubled:
        raise InputError(f"{path}: the header names {doubled} twice; {_EXPECTED}")
    counts: dict[str, dict[dt.date, Counts]] = {}
    seen_at: dict[tuple[str, dt.date], int] = {}
    bad: list[BadLine] = []
    lines = 0
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        lines += 1
        try:
            day, dyad, row = _row(header, cells)
        except ValueError as error:
            bad.append(BadLine(number, str(error)))
            continue
        earlier = seen_at.setdefault((dyad, day), number)
        if earlier != number:
            bad.append(BadLine(number, f"a second line for {dyad} on {day}; the first is line {earlier}"))
            continue
        counts.setdefault(dyad, {})[day] = row
    if lines and not counts:
        raise InputError(f"{path}: none of its {lines} lines is good; line {bad[0].number}: {bad[0].reason}")
    return SeriesFile(counts, lines, bad)


def _rows(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{path} is no CSV file: {error}; {_EXPECTED}") from None
        yield reader.line_num, cells  # type: ignore[attr-defined]


def _row(header: Sequence[str], cells: Sequence[str]) -> tuple[dt.date, str, Counts]:
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} fields where the header names {len(header)}")
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    try:
        day = dt.date.fromisoformat(values["date"])
    except ValueError:
        raise ValueError(f"{values['date']!r} is no date; write it as 2024-10-21") from None
    if day.year not in _YEARS:
        raise ValueError(f"the year {day.year} is outside {_YEARS.start} to {_YEARS.stop - 1}")
    if not values["dyad"]:
        raise ValueError("no dyad is named")
    plus, zero, minus = (_number(name, values[name]) for name in COLUMNS[2:])
    total = _number("total", values["total"]) if values.get("total") else None
    if total is not None and total < plus + zero + minus:
        raise ValueError(f"total {total:g} is less than plus, zero and minus together ({plus + zero + minus:g})")
    return day, values["dyad"], Counts(plus, zero, minus, total)


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}, which is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} is {text!r}; a count must be finite")
    if value < 0:
        raise ValueError(f"{name} is {text}; a count cannot be negative")
    if value > MOST:
        raise ValueError(f"{name} is {text}; a count above {MOST:g} is taken for an error")
    return value


def detect_file(source: Path, target: Path, *, false_alarms_per_year: float = 1.0) -> DetectFileReport:
    """Find the shifts in *source* and write one JSON line for each to *target*, which is moved into place complete.

    Raises:
        InputError: see `read_series`; or the rate is not above zero, or *target* cannot be written.
    """
    if not (math.isfinite(false_alarms_per_year) and false_alarms_per_year > 0):
        raise InputError(f"--false-alarms-per-year must be a number above zero, not {false_alarms_per_year}")
    series = read_series(source)
    coverage = series.tables
    found = [] if coverage is None else detect(coverage, false_alarms_per_year=false_alarms_per_year)
    with whole_file(target, folder=True) as file:
        file.writelines(json.dumps(one.as_record(), ensure_ascii=False) + "\n" for one in found)
    return DetectFileReport(
        source=source,
        target=target,
        lines=series.lines,
        dyads=len(series.counts),
        days=0 if coverage is None else coverage.days,
        bad=series.bad,
        found=found,
    )
