"""Records to a file as they come, as CSV or JSON Lines; a spreadsheet finds no formula in it."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from alerts.words import printable
from store.errors import InputError
from store.wholefile import whole_file

_STARTERS = frozenset("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
"""A spreadsheet takes a cell that begins with one of these for a formula; the last four are their full-width forms."""


class Form(StrEnum):
    """How the records lie in the file."""

    CSV = "csv"
    JSONL = "jsonl"


_ENDINGS = {".csv": Form.CSV, ".jsonl": Form.JSONL, ".ndjson": Form.JSONL}


def form_of(path: Path, asked: str = "") -> Form:
    """The form that was *asked* for, else the one that the file's name ends with.

    >>> form_of(Path("a.CSV")), form_of(Path("a.txt"), "jsonl")
    (<Form.CSV: 'csv'>, <Form.JSONL: 'jsonl'>)

    Raises:
        InputError: neither tells it.
    """
    if asked:
        try:
            return Form(asked)
        except ValueError:
            raise InputError(f"there is no format {asked!r}; write csv or jsonl") from None
    form = _ENDINGS.get(path.suffix.lower())
    if form is None:
        raise InputError(f"{path.name} ends neither in .csv nor in .jsonl; say which with --format")
    return form


def defused(text: str) -> str:
    """*text* without control characters, and with an apostrophe before what a spreadsheet would compute.

    >>> defused("=HYPERLINK(1)"), defused(" @SUM(1)"), defused("India - China")
    ("'=HYPERLINK(1)", "' @SUM(1)", 'India - China')
    """
    clean = printable(text)
    begins = text.lstrip(" \u00a0")[:1], clean.lstrip()[:1]
    return f"'{clean}" if any(first in _STARTERS for first in begins if first) else clean


def write_table(path: Path, form: Form, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write *rows* to *path*, which appears when it is complete; gives their number. Holds one row at a time.

    A CSV file has *columns*, in this order; a line of JSON all that the record has. Days are ISO dates, an unknown
    value is an empty cell or null.

    Raises:
        InputError: the file cannot be written.
    """
    written = 0
    with whole_file(path, folder=True) as file:
        if form is Form.CSV:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
        for row in rows:
            written += 1
            if form is Form.CSV:
                writer.writerow([_cell(row[name]) for name in columns])
            else:
                file.write(json.dumps(row, ensure_ascii=False, default=_json) + "\n")
    return written


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return defused(" ".join(map(str, value)))
    if isinstance(value, dt.date):
        return value.isoformat()
    return defused(value) if isinstance(value, str) else value


def _json(value: Any) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
