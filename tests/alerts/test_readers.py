"""A reader from the fields of a form or a file: what is refused, and with which words."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from alerts.readers import Cadence, Reader, describe, make_reader
from store.errors import ConfigError

BASE = Reader("ann@example.org", timezone="Asia/Kolkata", hour=6)
KNOWN = {"dyads": ("IN-RU", "IN-CN"), "themes": ("trade", "border")}


def made(**fields: object) -> Reader:
    return make_reader(fields, base=BASE, **KNOWN)


def test_what_is_not_given_stays_and_empty_is_not_given() -> None:
    assert made() == made(dyads="", hour=None, mute_from="") == BASE
    assert made(hour="7") == replace(BASE, hour=7)


def test_every_field_may_come_as_text() -> None:
    reader = made(
        address="Ann <Ann@Example.org>",
        timezone="Europe/Berlin",
        cadence="weekdays",
        weekly_day="fri",
        dyads="IN-CN, IN-RU IN-CN",
        themes="border",
        least="very strong",
        dates="ru",
        html="no",
        paused_until="2026-12-01",
        mute_days="Sat, Sunday",
        mute_from="22",
        mute_to="7",
    )
    assert reader == Reader(
        "Ann@example.org",
        timezone="Europe/Berlin",
        cadence=Cadence.WEEKDAYS,
        hour=6,
        weekly_day=4,
        dyads=("IN-CN", "IN-RU"),
        themes=("border",),
        least="very strong",
        dates="ru",
        html=False,
        paused_until=dt.date(2026, 12, 1),
        mute_days=(5, 6),
        mute_from=22,
        mute_to=7,
    )
    assert reader.key == "ann@example.org"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": "ann@x\r\nBcc: b@y"}, "control character"),
        ({"address": "nobody"}, "is not one mail address"),
        ({"timezone": "Delhi"}, "no time zone is called 'Delhi'"),
        ({"cadence": "hourly"}, "'hourly' is none of at_once, daily, weekdays, weekly"),
        ({"hour": "24"}, "no hour; write a whole number from 0 to 23"),
        ({"hour": "six"}, "no hour"),
        ({"weekly_day": "Someday"}, "no day of the week"),
        ({"dyads": ["RU-CN"]}, "'RU-CN' is none of IN-RU, IN-CN"),
        ({"themes": "oil"}, "'oil' is none of trade, border"),
        ({"least": "certain"}, "'certain' is none of moderate, strong, very strong"),
        ({"dates": "fr"}, "'fr' is none of en, en-US, iso, hi, ru, zh"),
        ({"html": "perhaps"}, "neither yes nor no"),
        ({"paused_until": "tomorrow"}, "'tomorrow' is no date"),
        ({"mute_from": 22}, "mute hours need both ends"),
        ({"mute_from": 7, "mute_to": 7}, "begin and end at the same hour"),
        ({"mute_days": "Mon Tue Wed Thu Fri Sat Sun"}, "all seven days are mute"),
        ({"mute_days": "Mon"}, "the weekly digest's day, Monday, is one of the mute days"),
        ({"hour": 23, "mute_from": 22, "mute_to": 7}, "no weekly digest would ever go; choose an hour such as 7"),
        ({"tie": "IN-CN"}, "unknown field 'tie'; a subscription has: address, timezone, cadence"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        made(**fields)


def test_the_description_says_what_a_reader_gets() -> None:
    reader = made(dyads="IN-CN", cadence="daily", hour=7, least="strong", mute_days="Sun", mute_from=22, mute_to=6)
    assert describe(reader) == (
        "Shifts of IN-CN of at least strong evidence: once a day, from 07:00 on; the weekly digest on Mondays from "
        "07:00 on, nothing on Sunday, nothing from 22:00 to 06:00 (times in Asia/Kolkata)."
    )
    assert describe(BASE).startswith("Shifts of all ties: as soon as it is found;")
