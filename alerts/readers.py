"""A reader of digests: what concerns them, and when they want it. Pure values; `alerts.subscribers` keeps them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from alerts.addresses import parse_address
from alerts.words import DATE_STYLES, listed
from store.errors import ConfigError
from store.zones import find_zone

STRENGTHS = ("moderate", "strong", "very strong")
"""From weak to strong, as `alerts.thresholds.confidence` grades evidence above its threshold."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SATURDAY = 5
LAST_HOUR = 23


class Cadence(StrEnum):
    """When a shift may be told. The weekly digest goes to everybody, on their weekly day."""

    AT_ONCE = "at_once"
    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"


CADENCE_WORDS = {
    Cadence.AT_ONCE: "as soon as it is found",
    Cadence.DAILY: "once a day, from the hour set on",
    Cadence.WEEKDAYS: "once a day from Monday to Friday, from the hour set on",
    Cadence.WEEKLY: "in the weekly digest",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader. Hours and days are in their own zone; empty `dyads` or `themes` mean all of them."""

    address: str
    timezone: str = "UTC"
    cadence: Cadence = Cadence.AT_ONCE
    hour: int = 0
    weekly_day: int = 0
    dyads: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    least: str = STRENGTHS[0]
    dates: str = "en"
    html: bool = True
    paused_until: dt.date | None = None
    mute_days: tuple[int, ...] = ()
    mute_from: int | None = None
    mute_to: int | None = None

    @property
    def key(self) -> str:
        """By which a reader is known: people write the same address in small and in capital letters."""
        return self.address.lower()

    def local(self, now: dt.datetime) -> dt.datetime:
        """*now* on this reader's clock."""
        return now.astimezone(ZoneInfo(self.timezone))

    def paused(self, now: dt.datetime) -> bool:
        """Whether this reader wants nothing until a later day."""
        return self.paused_until is not None and self.local(now).date() < self.paused_until

    def muted(self, now: dt.datetime) -> bool:
        """Whether *now* lies in the mute hours or on a mute day. Hours may run past midnight: 22 to 7."""
        at = self.local(now)
        return at.weekday() in self.mute_days or self.mutes_hour(at.hour)

    def mutes_hour(self, hour: int) -> bool:
        """Whether the hour of the day *hour* is a mute one."""
        if self.mute_from is None or self.mute_to is None:
            return False
        if self.mute_from <= self.mute_to:
            return self.mute_from <= hour < self.mute_to
        return hour >= self.mute_from or hour < self.mute_to

    def shift_hour(self, now: dt.datetime) -> bool:
        """Whether a shift may be told now, as far as the cadence goes."""
        at = self.local(now)
        if self.cadence is Cadence.AT_ONCE:
            return True
        if self.cadence is Cadence.WEEKLY or (self.cadence is Cadence.WEEKDAYS and at.weekday() >= SATURDAY):
            return False
        return at.hour >= self.hour


def make_reader(
    fields: Mapping[str, Any], *, base: Reader, dyads: Iterable[str] = (), themes: Iterable[str] = ()
) -> Reader:
    """A reader from a form's or a file's fields; what is absent or empty is as in *base*, and `NONE` takes away.

    *dyads* and *themes* are the codes that the topic knows; lists may also come as text, separated by spaces or commas.

    Raises:
        ConfigError: a field cannot be what it says; the message names the field and what would do.
    """
    unknown = set(fields) - set(Reader.__dataclass_fields__)
    if unknown:
        raise ConfigError(f"unknown field {sorted(unknown)[0]!r}; a subscription has: {', '.join(FIELDS)}")
    given = {name: value for name, value in fields.items() if value is not None and value != ""}
    known = {"dyads": tuple(dyads), "themes": tuple(themes)}
    made: dict[str, Any] = {name: getattr(base, name) for name in Reader.__dataclass_fields__}
    for name, value in given.items():
        if name in _EMPTY and value in (NONE, [NONE]):
            made[name] = _EMPTY[name]
            continue
        made[name] = _codes(name, value, known[name]) if name in known else _PARSERS[name](name, value)
    return _consistent(Reader(**made))


NONE = "none"
"""What takes a limit away that was set before: all ties, no mute hours, no pause."""
_EMPTY: dict[str, Any] = {
    "dyads": (),
    "themes": (),
    "mute_days": (),
    "mute_from": None,
    "mute_to": None,
    "paused_until": None,
}
FIELDS = tuple(Reader.__dataclass_fields__)
LIMITS = frozenset(_EMPTY)
"""Fields that `NONE` empties."""


def _consistent(reader: Reader) -> Reader:
    if (reader.mute_from is None) != (reader.mute_to is None):
        raise ConfigError("mute hours need both ends: from 22 to 7, for example")
    if reader.mute_from is not None and reader.mute_from == reader.mute_to:
        raise ConfigError("mute hours that begin and end at the same hour say nothing; leave both empty for none")
    if all(reader.mutes_hour(hour) for hour in range(reader.hour, LAST_HOUR + 1)):
        raise ConfigError(
            f"from {reader.hour:02d}:00 to midnight every hour is mute, so no weekly digest would ever go; choose an "
            f"hour such as {reader.mute_to}"
        )
    if len(reader.mute_days) == len(WEEKDAYS):
        raise ConfigError("all seven days are mute, so no digest would ever go; pause or end the subscription instead")
    if reader.weekly_day in reader.mute_days:
        raise ConfigError(f"the weekly digest's day, {WEEKDAYS[reader.weekly_day]}, is one of the mute days")
    return reader


def describe(reader: Reader) -> str:
    """What a reader gets, in a sentence or two."""
    ties = listed(list(reader.dyads)) or "all ties"
    themes = f" on the themes {listed(list(reader.themes))}" if reader.themes else ""
    least = "" if reader.least == STRENGTHS[0] else f" of at least {reader.least} evidence"
    hour = f"{reader.hour:02d}:00"
    when = CADENCE_WORDS[reader.cadence].replace("the hour set", hour)
    mute = ""
    if reader.mute_days:
        mute += f", nothing on {listed([WEEKDAYS[day] for day in reader.mute_days])}"
    if reader.mute_from is not None and reader.mute_to is not None:
        mute += f", nothing from {reader.mute_from:02d}:00 to {reader.mute_to:02d}:00"
    paused = f" Paused until {reader.paused_until.isoformat()}." if reader.paused_until else ""
    return (
        f"Shifts of {ties}{themes}{least}: {when}; the weekly digest on {WEEKDAYS[reader.weekly_day]}s from {hour} on"
        f"{mute} (times in {reader.timezone}).{paused}"
    )


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ConfigError(f"{name}: {str(value)!r} is none of {', '.join(choices)}")
    return str(value)


def _zone(_name: str, value: Any) -> str:
    try:
        return find_zone(str(value)).key
    except ValueError as error:
        raise ConfigError(f"timezone: {error}") from None


def _parts(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return [str(part) for part in value]


def _codes(name: str, value: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    codes = tuple(dict.fromkeys(_parts(value)))
    for code in codes:
        if code not in known:
            raise ConfigError(f"{name}: {code!r} is none of {', '.join(known)}")
    return codes


def _hour(name: str, value: Any) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = -1
    if not 0 <= number <= LAST_HOUR:
        raise ConfigError(f"{name}: {value!r} is no hour; write a whole number from 0 to {LAST_HOUR}")
    return number


def _weekday(name: str, value: Any) -> int:
    text = str(value).strip().capitalize()
    for number, day in enumerate(WEEKDAYS):
        if text in (day, day[:3], str(number)):
            return number
    raise ConfigError(f"{name}: {value!r} is no day of the week; write Monday, or Mon")


def _yes(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("yes", "true", "1", "html"):
        return True
    if text in ("no", "false", "0", "text"):
        return False
    raise ConfigError(f"{name}: {value!r} is neither yes nor no")


def _day(name: str, value: Any) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        return dt.date.fromisoformat(str(value).strip())
    except ValueError:
        raise ConfigError(f"{name}: {value!r} is no date; write 2026-11-30") from None


_PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "address": lambda _name, value: parse_address(str(value), "subscriber").addr_spec,
    "timezone": _zone,
    "cadence": lambda name, value: Cadence(_choice(name, value, tuple(Cadence))),
    "least": lambda name, value: _choice(name, value, STRENGTHS),
    "dates": lambda name, value: _choice(name, value, tuple(DATE_STYLES)),
    "hour": _hour,
    "mute_from": _hour,
    "mute_to": _hour,
    "weekly_day": _weekday,
    "mute_days": lambda name, value: tuple(sorted({_weekday(name, day) for day in _parts(value)})),
    "html": _yes,
    "paused_until": _day,
}
