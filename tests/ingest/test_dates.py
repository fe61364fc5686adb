"""What a date string means, by the source's zone."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dates import read_date
from ingest.model import DateQuality
from tests.ingest.helpers import NOW

INDIA, MOSCOW, CHINA, CHICAGO = "Asia/Kolkata", "Europe/Moscow", "Asia/Shanghai", "America/Chicago"
GIVEN, ASSUMED = DateQuality.GIVEN, DateQuality.ZONE_ASSUMED

CASES = [
    ("Fri, 20 Nov 2026 18:30:00 +0530", "UTC", "13:00", GIVEN),
    ("Fri, 20 Nov 2026 18:30:00 GMT", INDIA, "18:30", GIVEN),
    ("Fri, 20 Nov 26 18:30:00 GMT", INDIA, "18:30", GIVEN),
    ("Fri, 20 Nov 2026 18:30:00 IST", INDIA, "13:00", ASSUMED),
    ("Fri, 20 Nov 2026 18:30:00 IST", "Asia/Jerusalem", "16:30", ASSUMED),
    ("Fri, 20 Nov 2026 18:30:00 MSK", MOSCOW, "15:30", GIVEN),
    ("Fri, 20 Nov 2026 18:30:00 MSK", "UTC", "15:30", GIVEN),
    ("Fri, 20 Nov 2026 18:30:00 CST", CHINA, "10:30", ASSUMED),
    ("Fri, 20 Nov 2026 11:30:00 CST", CHICAGO, "17:30", ASSUMED),
    ("Fri, 20 Nov 2026 18:30:00", MOSCOW, "15:30", ASSUMED),
    ("2026-11-20 18:30:00", CHINA, "10:30", ASSUMED),
    ("2026-11-20T18:30:00Z", CHINA, "18:30", GIVEN),
    ("2026-11-20T18:30:00.250+05:30", "UTC", "13:00", GIVEN),
    ("2026年11月20日 18:30", CHINA, "10:30", ASSUMED),
    ("Пт, 20 ноя 2026 18:30:00 +0300", "UTC", "15:30", GIVEN),
    ("20 ноября 2026 г. 18:30", MOSCOW, "15:30", ASSUMED),
    ("20 नवंबर 2026 18:30", INDIA, "13:00", ASSUMED),
    ("Nov 20, 2026 06:30 PM IST", INDIA, "13:00", ASSUMED),
    ("Friday, November 20, 2026 - 18:30", INDIA, "13:00", ASSUMED),
    ("Fri Nov 20 18:30:00 IST 2026", INDIA, "13:00", ASSUMED),
    ("20.11.2026 18:30", MOSCOW, "15:30", ASSUMED),
    ("Fri, 20 Nov 2026 12:05 AM +0000", "UTC", "00:05", GIVEN),
    ("Fri, 20 Nov 2026 18:30:00 EST", INDIA, "23:30", GIVEN),
    ("Fri, 20 Nov 2026 18:30:00 EST", "Australia/Brisbane", "08:30", ASSUMED),
    ("Fri, 20 Nov 2026 11:30:00 MST", INDIA, "18:30", GIVEN),
    ("20 नव 2026 18:30", INDIA, "13:00", ASSUMED),
    ("शुक्र, 20 नव॰ 2026 18:30:00 +0530", INDIA, "13:00", GIVEN),
    ("२० नवं 2026 18:30", INDIA, "13:00", ASSUMED),
    ("2026年11月20日 下午6:30", CHINA, "10:30", ASSUMED),
    ("2026年11月20日上午12:05", "UTC", "00:05", ASSUMED),
    ("2026-11-20 晚上8:05", CHINA, "12:05", ASSUMED),
    ("2026年11月20日 下午18:30", CHINA, "10:30", ASSUMED),
    ("2026年11月20日 18时30分", CHINA, "10:30", ASSUMED),
    ("2026年11月20日18时30分15秒", CHINA, "10:30", ASSUMED),
    ("2026年11月20日 星期五 18:30", CHINA, "10:30", ASSUMED),
    ("2026年11月20日(星期五) 18：30", CHINA, "10:30", ASSUMED),
    ("星期五 2026-11-20 18:30", CHINA, "10:30", ASSUMED),
    ("2026年十一月20日 18:30", CHINA, "10:30", ASSUMED),
    ("星期五, 20 十一月 2026 18:30:00 +0800", "UTC", "10:30", GIVEN),
    ("周五, 20 11 月 2026 10:30:00 +0000", CHINA, "10:30", GIVEN),
    ("20 ноября 2026 года, 18:30", MOSCOW, "15:30", ASSUMED),
    ("20 ноября 2026 г. в 18:30", MOSCOW, "15:30", ASSUMED),
    ("20.11.2026 г. в 18:30 МСК", "UTC", "15:30", GIVEN),
    ("11/20/2026 06:30 PM", INDIA, "13:00", ASSUMED),
    ("20/11/2026 18:30", INDIA, "13:00", ASSUMED),
    ("20-11-2026 18:30", INDIA, "13:00", ASSUMED),
    ("20261120T183000Z", INDIA, "18:30", GIVEN),
    ("20261120T1830+0530", "UTC", "13:00", GIVEN),
    ("20261120T1830", INDIA, "13:00", ASSUMED),
    ("1795199400", INDIA, "18:30", GIVEN),
    ("1795199400000", INDIA, "18:30", GIVEN),
]


@pytest.mark.parametrize(("raw", "zone", "clock", "quality"), CASES)
def test_a_date_is_read_with_the_sources_zone(raw: str, zone: str, clock: str, quality: DateQuality) -> None:
    moment, found = read_date(raw, zone, now=NOW)
    assert moment is not None
    assert f"{moment:%Y-%m-%d %H:%M}" == f"2026-11-20 {clock}"
    assert found == quality


@pytest.mark.parametrize(
    "raw",
    [
        "2026-11-20",
        "20261120",
        "20-11-2026",
        "11/20/2026",
        "20 ноября 2026 года",
        "20.11.2026 г.",
        "2026年11月20日 星期五",
    ],
)
def test_a_bare_day_stays_that_day_whatever_the_zone(raw: str) -> None:
    moment, quality = read_date(raw, INDIA, now=NOW)
    assert moment == dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    assert quality == ASSUMED


@pytest.mark.parametrize(
    ("raw", "quality"),
    [
        ("", DateQuality.MISSING),
        ("yesterday", DateQuality.MISSING),
        ("2026-13-45", DateQuality.MISSING),
        ("05/11/2026 18:30", DateQuality.MISSING),  # the fifth of November or the eleventh of May
        ("05-11-2026", DateQuality.MISSING),
        ("11/20-2026", DateQuality.MISSING),
        ("2026年11月20日 晚上12:05", DateQuality.MISSING),
        ("2026年11月20日 中午11:30", DateQuality.MISSING),
        ("2026年十九月20日", DateQuality.MISSING),
        ("Wed, 25 Nov 2026 12:16:00 GMT", DateQuality.FUTURE),
        ("2030-01-01", DateQuality.FUTURE),
        ("0001-01-01T00:00:00Z", DateQuality.ANCIENT),
        ("Thu, 01 Jan 1970 00:00:00 GMT", DateQuality.ANCIENT),
        ("x" * 10_000, DateQuality.MISSING),
    ],
)
def test_an_unusable_date_is_none_and_says_why(raw: str, quality: DateQuality) -> None:
    assert read_date(raw, INDIA, now=NOW) == (None, quality)


def test_a_clock_that_runs_a_little_fast_is_forgiven() -> None:
    moment, _ = read_date("Wed, 25 Nov 2026 12:14:00 GMT", INDIA, now=NOW)
    assert moment is not None


def test_the_parsers_own_reading_is_the_last_resort() -> None:
    parsed = time.strptime("2026-11-20", "%Y-%m-%d")
    moment, quality = read_date("an unknown form", INDIA, now=NOW, fallback=parsed)
    assert moment == dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    assert quality == ASSUMED


@given(st.text(max_size=60) | st.from_regex(r"\A[0-9A-Za-z:,./+ -]{0,40}\Z"))
def test_no_string_raises(raw: str) -> None:
    moment, quality = read_date(raw, INDIA, now=NOW)
    assert (moment is None) == (quality in (DateQuality.MISSING, DateQuality.FUTURE, DateQuality.ANCIENT))


@given(st.datetimes(dt.datetime(2001, 1, 1), dt.datetime(2026, 11, 24)), st.sampled_from([INDIA, MOSCOW, CHINA, "UTC"]))  # noqa: DTZ001
def test_iso_and_rfc_822_spellings_agree(moment: dt.datetime, zone: str) -> None:
    moment = moment.replace(microsecond=0)
    iso, _ = read_date(moment.isoformat(sep=" "), zone, now=NOW)
    rfc, _ = read_date(moment.strftime("%a, %d %b %Y %H:%M:%S"), zone, now=NOW)
    assert iso == rfc
