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
