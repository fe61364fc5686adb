"""Numbers, days and outside text as people write and may safely read them."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote, urlsplit

from ingest.ties import ties

MINUS = "\u2212"
DASH = "\u2013"
NBSP = "\u00a0"
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
"""Not strftime: its names follow the machine's locale, and a mail that changes language on another host is no mail."""

DATE_STYLES = {
    "en": MONTHS,
    "en-US": MONTHS,
    "iso": (),
    "hi": ("जनवरी", "फ़रवरी", "मार्च", "अप्रैल", "मई", "जून", "जुलाई", "अगस्त", "सितंबर", "अक्टूबर", "नवंबर", "दिसंबर"),
    "ru": (
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ),
    "zh": tuple(f"{number}月" for number in range(1, 13)),
}
"""How a reader may have dates written, with the names of the months; a day of Russian takes the genitive."""
_STYLE: ContextVar[str] = ContextVar("style of dates", default="en")

LANGUAGES = {
    "ar": "Arabic",
    "bn": "Bengali",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fr": "French",
    "hi": "Hindi",
    "ja": "Japanese",
    "ko": "Korean",
    "mr": "Marathi",
    "pa": "Punjabi",
    "ru": "Russian",
    "ta": "Tamil",
    "te": "Telugu",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "zh": "Chinese",
}
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

# Bidirectional overrides and isolates can make a line read as something else; ZWJ and ZWNJ stay, Devanagari needs them.
_REORDERING = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_URL_SAFE = "%/:=&?~+!$,;@*-._"
_LONGEST_URL = 2_000


def plain(text: str, longest: int = 400) -> str:
    """Outside text on one line: no control or reordering characters, white space collapsed, cut at a word.

    >>> plain("Ladakh\\r\\nBcc: x\\u202e")
    'Ladakh Bcc: x'
    """
    kept = "".join(
        " " if ch.isspace() or unicodedata.category(ch) in ("Cc", "Zl", "Zp") else ch
        for ch in text
        if ord(ch) not in _REORDERING and unicodedata.category(ch) != "Cs"
    )
    line = " ".join(kept.split())
    if len(line) <= longest:
        return line
    cut = line[: longest - 1]
    at = cut.rfind(" ")
    return (cut[:at] if at > longest * 0.6 else cut).rstrip(" ,;:–—-") + "…"


def printable(text: str) -> str:
    """*text* with its lines and spaces, without control and reordering characters; for laid-out plain text."""
    return "".join(
        ch
        for ch in text
        if ch == "\n" or (ord(ch) not in _REORDERING and unicodedata.category(ch) not in ("Cc", "Cs", "Zl", "Zp"))
    )


def safe_url(url: str) -> str | None:
    """*url* with everything but plain address characters percent-encoded; None where it must not become a link.

    Only http and https pass. An address with a user name in front of its host is refused: it shows one site and
    opens another.

    >>> safe_url("https://example.org/a (b)?q='x'")
    'https://example.org/a%20%28b%29?q=%27x%27'
    >>> safe_url("javascript:alert(1)") is None
    True
    """
    url = url.strip()
    if not url or len(url) > _LONGEST_URL or any(unicodedata.category(ch) in ("Cc", "Cs") for ch in url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or "\\" in url:
            return None
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return None
    if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", host):
        return None
    host = f"[{host}]" if ":" in host else host
    tail = quote(parts.path or "/", safe=_URL_SAFE)
    if parts.query:
        tail += "?" + quote(parts.query, safe=_URL_SAFE)
    if parts.fragment:
        tail += "#" + quote(parts.fragment, safe=_URL_SAFE)
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{tail}"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun.

    >>> count(1, "story", "stories"), count(1200, "feed")
    ('1 story', '1,200 feeds')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def in_words(number: int) -> str:
    """Small numbers as words, others as digits; for the middle of a sentence."""
    return _SMALL[number] if 0 <= number < len(_SMALL) else f"{number:,}"


def percent(share: float) -> str:
    """A share of one as a whole percentage."""
    return f"{round(share * 100)}{NBSP}%".replace("-", MINUS)


@contextmanager
def dates_as(style: str) -> Iterator[None]:
    """Within the block, dates are written in *style*, one of `DATE_STYLES`.

    >>> with dates_as("iso"):
    ...     day_words(dt.date(2024, 10, 21))
    '2024-10-21'
    """
    if style not in DATE_STYLES:
        raise ValueError(f"no style of dates is called {style!r}")
    token = _STYLE.set(style)
    try:
        yield
    finally:
        _STYLE.reset(token)


def day_words(day: dt.date, year: bool = True) -> str:
    """
    >>> day_words(dt.date(2024, 10, 21))
    '21 October 2024'
    """
    return _written(day, year, short=False)


def day_short(day: dt.date) -> str:
    """
    >>> day_short(dt.date(2024, 10, 21))
    '21 Oct 2024'
    """
    return _written(day, True, short=True)


def _written(day: dt.date, year: bool, *, short: bool) -> str:
    style = _STYLE.get()
    if style == "iso":
        return day.isoformat()
    month = DATE_STYLES[style][day.month - 1]
    if style == "zh":
        return f"{day.year}年{month}{day.day}日" if year else f"{month}{day.day}日"
    if short and style.startswith("en"):
        month = month[:3]
    if style == "en-US":
        return f"{month} {day.day}" + (f", {day.year}" if year else "")
    return f"{day.day} {month}" + (f" {day.year}" if year else "")


def span_words(start: dt.date, end: dt.date) -> str:
    """A range of days, each part said once.

    >>> span_words(dt.date(2024, 10, 15), dt.date(2024, 10, 21))
    '15–21 October 2024'
    >>> span_words(dt.date(2024, 9, 30), dt.date(2024, 10, 6))
    '30 September – 6 October 2024'
    """
    if start == end:
        return day_words(end)
    if (start.year, start.month) == (end.year, end.month) and _STYLE.get() in ("en", "hi", "ru"):
        return f"{start.day}{DASH}{day_words(end)}"
    return f"{day_words(start, start.year != end.year)} {DASH} {day_words(end)}"


def listed(parts: Sequence[str]) -> str:
    """
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def bloc_name(bloc: str) -> str:
    """The press bloc as a reader calls it."""
    return ties().blocs.get(bloc) or plain(bloc, 30)


def language_name(code: str) -> str:
    """The language's English name, or its code where the table has none."""
    return LANGUAGES.get(code.split("-", maxsplit=1)[0].lower()) or plain(code, 20)


def lang_tag(code: str) -> str:
    """*code* where it is a plausible language tag for a `lang` attribute, else empty (HTML: unknown).

    >>> lang_tag("ru"), lang_tag('en" onload="x')
    ('ru', '')
    """
    return code if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", code) else ""
