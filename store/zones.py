"""Time zones by their names."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def find_zone(name: str) -> ZoneInfo:
    """The zone called *name*.

    Raises:
        ValueError: there is none; the message says so and how such a name looks.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a name that is a folder
        raise ValueError(f"no time zone is called {name!r}; use a name such as Asia/Kolkata") from None
