"""Days as people write them."""

from __future__ import annotations

import datetime as dt

from store.errors import InputError


def parse_day(text: str, what: str) -> dt.date | None:
    """A day such as 2020-06-15; None for an empty text.

    Raises:
        InputError: it is no ISO day; the message begins with *what*, the name of the field.
    """
    if not text.strip():
        return None
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise InputError(f"{what} {text!r} is no day; write it as 2020-06-15") from None


def need_day(text: str, what: str) -> dt.date:
    """As `parse_day`, where there must be a day.

    Raises:
        InputError: it is empty, or no ISO day.
    """
    day = parse_day(text, what)
    if day is None:
        raise InputError(f"{what} is empty; give a day such as 2020-06-15")
    return day
