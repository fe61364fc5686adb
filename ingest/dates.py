"""What a feed's date means. The source's zone settles what the string leaves open; nothing becomes "now" in silence.

feedparser reads `18:30 IST` and `18:30 MSK` as 18:30 UTC, `CST` as the American zone, `2026年11月20日` as the first
of the month, and refuses Russian and Hindi months; so the raw string is read here, and feedparser's reading is the last
resort.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
import time
import unicodedata
from functools import lru_cache
from zoneinfo import ZoneInfo

from ingest.model import DateQuality

FUTURE_SLACK = dt.timedelta(minutes=15)
ANCIENT = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

# Abbreviations that mean one thing only. IST (India, Israel, Ireland), CST (China, Central, Cuba), BST (Britain,
# Bangladesh) and the like are left to the source's zone. EST and MST are taken as RFC 822 has them, but
# for Australia's own EST.
_ABBREVIATIONS: dict[str, dt.tzinfo] = {
    **dict.fromkeys(("Z", "UT", "UTC", "GMT"), dt.UTC),
    **{
        name: dt.timezone(dt.timedelta(hours=hours))
        for name, hours in {
            "EDT": -4, "CDT": -5, "MDT": -6, "PDT": -7, "EST": -5, "MST": -7, "PST": -8, "CET": 1, "CEST": 2, "MEZ": 1,
            "MESZ": 2, "EET": 2, "EEST": 3, "JST": 9, "KST": 9, "HKT": 8, "SGT": 8, "PKT": 5, "AEST": 10, "AEDT": 11,
            "WIB": 7,
        }.items()
    },
    **dict.fromkeys(("MSK", "МСК"), ZoneInfo("Europe/Moscow")),
}  # fmt: skip

_MONTHS = {
    unicodedata.normalize("NFKC", name): number
    for number, names in enumerate(
        (
            "jan january янв января январь जनवरी जन 一月 1月 01月",
            "feb february фев февраля февраль फरवरी फ़रवरी फर फ़र 二月 2月 02月",
            "mar march мар марта март मार्च 三月 3月 03月",
            "apr april апр апреля апрель अप्रैल 四月 4月 04月",
            "may мая май मई 五月 5月 05月",
            "jun june июн июня июнь जून 六月 6月 06月",
            "jul july июл июля июль जुलाई जुल जुला 七月 7月 07月",
            "aug august авг августа август अगस्त अग 八月 8月 08月",
            "sep sept september сен сент сентября сентябрь सितंबर सितम्बर सित सितं 九月 9月 09月",
            "oct october окт октября октябрь अक्टूबर अक्तूबर अक्टू अक्तू 十月 10月",
            "nov november ноя нояб ноября ноябрь नवंबर नवम्बर नव नवं 十一月 11月",
            "dec december дек декабря декабрь दिसंबर दिसम्बर दिस दिसं 十二月 12月",
        ),
        start=1,
    )
    for name in names.split()
}

# Chinese puts the half of the day before the clock. Noon (中午) is in neither half, so it is left.
_HALVES = {"上午": "a", "凌晨": "a", "早上": "a", "下午": "p", "晚上": "p"}
_CLOCK = (
    rf"(?:(?P<before>{'|'.join(_HALVES)})\s*)?(?P<hour>\d{{1,2}})[:.时時点點](?P<minute>\d{{2}})"
    r"(?:[:.分](?P<second>\d{2})(?:[.,]\d+)?)?[分秒]?\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
)
_ZONE = (
    r"(?P<zone>[+\-−]\d{1,2}(?::?\d{2})?|(?:GMT|UTC)[+\-]\d{1,2}(?::?\d{2})?|Z|[A-Za-zМСК]{2,5}|[A-Z][a-z]+/[A-Za-z_]+)"
)
_WEEKDAY = r"(?:[\s,(]*(?:星期|礼拜|禮拜|周|週)[一二三四五六日天][\s,)]*)?"
_TAIL = rf"(?:\s*(?:года?|г\.?))?{_WEEKDAY}(?:[T\s,]*(?:at\s+|в\s+|-\s+)?{_CLOCK})?(?:\s*\(?{_ZONE}\)?)?"
_NAME = r"(?P<name>[^\W\d]\S*?|\d{1,2}\s?月)"
_OVER_12, _UP_TO_12 = r"1[3-9]|2\d|3[01]", r"0?[1-9]|1[0-2]"
_FORMS = tuple(
    re.compile(pattern)
    for pattern in (
        # 2026-11-20T18:30:00+05:30, 2026-11-20 18:30, 2026/11/20
        rf"{_WEEKDAY}(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){_TAIL}",
        # 20261120, 20261120T1830, 20261120T183000Z (ISO 8601, basic format)
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
        rf"(?:T(?P<hour>\d{{2}})(?P<minute>\d{{2}})(?:(?P<second>\d{{2}})(?:[.,]\d+)?)?{_ZONE}?)?",
        # 2026年11月20日 18:30, 2026年11月20日 星期五 下午6:30, 2026年十一月20日
        rf"{_WEEKDAY}(?P<year>\d{{4}})\s*年\s*(?P<name>(?:\d{{1,2}}|[一二三四五六七八九十]{{1,2}})\s*月)\s*(?P<day>\d{{1,2}})\s*日{_TAIL}",
        # Fri, 20 Nov 2026 18:30:00 +0530; Пт, 20 ноя 2026; 20 नवंबर 2026; 周五, 20 11月 2026
        rf"(?:[^\W\d]\S*?[,.]?\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s-]+{_NAME}[.,]?[\s-]+(?P<year>\d{{4}}|\d{{2}}){_TAIL}",
        # Nov 20, 2026 06:30 PM IST
        rf"(?:[^\W\d]\S*?[,.]?\s+)?{_NAME}[.,]?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}}){_TAIL}",
        # 20.11.2026 18:30: the day comes first wherever dots are used
        rf"(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.(?P<year>\d{{4}}){_TAIL}",
        # 20/11/2026, 20-11-2026 and 11/20/2026: only where one of the two cannot be a month
        rf"(?P<day>{_OVER_12})(?P<mark>[/-])(?P<month>{_UP_TO_12})(?P=mark)(?P<year>\d{{4}}){_TAIL}",
        rf"(?P<month>{_UP_TO_12})(?P<mark>[/-])(?P<day>{_OVER_12})(?P=mark)(?P<year>\d{{4}}){_TAIL}",
        # Fri Nov 20 18:30:00 IST 2026 (asctime, with or without a zone)
        rf"(?:[^\W\d]\S*\s+)?(?P<name>[^\W\d]\S*)\s+(?P<day>\d{{1,2}})\s+{_CLOCK}(?:\s+{_ZONE})?\s+(?P<year>\d{{4}})",
    )
)
# As RFC 822 has it: nine in ten dates, which need no trying of forms.
_RFC_822 = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-]\d{4}|GMT)", re.ASCII
)
_EPOCH = re.compile(r"\d{9,10}(?:\.\d+)?|\d{12,13}")


def read_date(
    raw: str, zone: str, *, now: dt.datetime, fallback: time.struct_time | None = None
) -> tuple[dt.datetime | None, DateQuality]:
    """The moment that *raw* names, in UTC, and how far it can be trusted.

    *zone* is the source's zone, *now* the moment of the fetch, *fallback* feedparser's own reading (UTC). A date that
    is missing, lies more than 15 minutes ahead, or before the year 2000 gives None: the item counts by first sight.

    >>> now = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
    >>> read_date("Fri, 20 Nov 2026 18:30:00 IST", "Asia/Kolkata", now=now)[0].isoformat()
    '2026-11-20T13:00:00+00:00'
    """
    raw = raw.strip()
    moment, quality = _rfc_822(raw), DateQuality.GIVEN
    if moment is None:
        moment, quality = _parse(raw, zone)
    if moment is None and fallback is not None:
        try:
            moment = dt.datetime.fromtimestamp(calendar.timegm(fallback), dt.UTC)
            quality = DateQuality.ZONE_ASSUMED
        except (ValueError, OverflowError, OSError):
            moment = None
    if moment is None:
        return None, DateQuality.MISSING
    if moment > now + FUTURE_SLACK:
        return None, DateQuality.FUTURE
    if moment < ANCIENT:
        return None, DateQuality.ANCIENT
    return moment, quality


def _parse(raw: str, zone: str) -> tuple[dt.datetime | None, DateQuality]:
    if not raw or len(raw) > 100:
        return None, DateQuality.MISSING
    if _EPOCH.fullmatch(raw):
        seconds = float(raw)
        return dt.datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, dt.UTC), DateQuality.GIVEN
    if not raw.isascii():
        raw = unicodedata.normalize(
            "NFKC", raw
        )  # full-width digits and colons; Hindi letters with a dot have two forms
    for form in _FORMS:
        found = form.fullmatch(raw)
        if found is None:
            continue
        parts = found.groupdict()
        naive = _naive(parts)
        if naive is None:
            continue
        if parts["hour"] is None:
            # A bare day has no time to convert: midnight UTC keeps it on that very day.
            return naive.replace(tzinfo=dt.UTC), DateQuality.ZONE_ASSUMED
        australian = parts["zone"] == "EST" and zone.startswith("Australia/")
        offset = None if australian else _offset(parts["zone"])
        quality = DateQuality.GIVEN if offset is not None else DateQuality.ZONE_ASSUMED
        try:
            return naive.replace(tzinfo=offset or _zone(zone)).astimezone(dt.UTC), quality
        except (OverflowError, ValueError):
            return None, DateQuality.MISSING
    return None, DateQuality.MISSING


def _rfc_822(raw: str) -> dt.datetime | None:
    """What the forms below would make of *raw*, where it is written by the rule; None leaves it to them."""
    found = _RFC_822.fullmatch(raw)
    if found is None:
        return None
    day, name, year, hour, minute, second, zone = found.groups()
    month, offset = _MONTHS.get(name.lower()), _offset(zone)
    if month is None or offset is None:
        return None
    try:
        moment = dt.datetime(int(year), month, int(day), int(hour), int(minute), min(int(second), 59), tzinfo=offset)
        return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def _naive(parts: dict[str, str | None]) -> dt.datetime | None:
    name = (parts.get("name") or "").lower().rstrip(".,॰").replace(" ", "")
    month = int(parts.get("month") or 0) or _MONTHS.get(name)
    hour = int(parts["hour"] or 0)
    before, half = parts.get("before") or "", (parts.get("half") or "").lower()
    if before == "晚上" and hour == 12:
        return None  # twelve at night: the beginning of which day?
    half = half or _HALVES.get(before, "")
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    year = int(parts["year"] or 0)
    if len(parts["year"] or "") == 2:
        year += 1900 if year >= 70 else 2000  # RFC 822 years have two digits
    try:
        return dt.datetime(  # noqa: DTZ001 (the zone is put on by the caller)
            year,
            month or 0,
            int(parts["day"] or 0),
            hour,
            int(parts["minute"] or 0),
            min(int(parts["second"] or 0), 59),  # a leap second counts as the second before it
        )
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _offset(text: str | None) -> dt.tzinfo | None:
    """The zone that *text* names beyond doubt; None leaves it to the source's zone."""
    if not text:
        return None
    if known := _ABBREVIATIONS.get(text.upper()):
        return known
    if found := re.fullmatch(r"(?:GMT|UTC)?([+\-−])(\d{1,2}):?(\d{2})?", text.upper()):
        delta = dt.timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        usable = delta <= dt.timedelta(hours=14)
        return dt.timezone(-delta if found[1] in "-−" else delta) if usable else None
    try:
        return _zone(text) if "/" in text else None
    except (KeyError, ValueError, OSError):
        return None


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
