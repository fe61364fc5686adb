"""A precis and its original come in; the dates and figures that the original does not bear out go out.

The texts are English. Both are read by the same rules into dates, amounts and designations (S-400, G20, 5G), so that
"8 March 2021" is borne out by "March 08, 2021", "50 billion dollars" by "US$50bn" and "five" by "5". A claim may be
vaguer than its source ("March 2021", "50 billion"), never more exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Day:
    """A date as far as it is told; a month alone, or a month and day without a year, is a date too."""

    year: int | None
    month: int | None
    day: int | None


@dataclass(frozen=True, slots=True)
class Amount:
    """A number; *unit* is ``%``, a currency code, or empty."""

    value: Decimal
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Designation:
    """A name with a number in it, without hyphens and case: ``s400``, ``g20``, ``1990s``."""

    name: str


Reading = Day | Amount | Designation


@dataclass(frozen=True, slots=True)
class Mention:
    """Words of a text and what they can mean; *weak* ones can bear out a claim but make none ("the two countries")."""

    start: int
    end: int
    readings: frozenset[Reading]
    weak: bool = False
    words: str = ""


def missing_figures(precis: str, original: str) -> list[str]:
    """The dates and figures of *precis*, in its words and order, for which *original* holds no equal.

    >>> missing_figures("On 8 March 2021 trade passed $100 billion.", "March 08, 2021: US$ 100bn in trade")
    []
    >>> missing_figures("Five batteries by 2025, 45% of all.", "All 5 batteries (45 per cent) come next year.")
    ['2025']
    """
    evidence = {reading for mention in mentions(original) for reading in mention.readings}
    days = [reading for reading in evidence if isinstance(reading, Day)]
    missing = [
        mention.words
        for mention in mentions(precis)
        if not mention.weak and not any(_borne_out(reading, evidence, days) for reading in mention.readings)
    ]
    return list(dict.fromkeys(missing))


def mentions(text: str) -> list[Mention]:
    """All dates, designations and amounts of *text*, in its order."""
    plain = _plain(text)
    found: list[Mention] = []
    for read, pattern in _PASSES:
        now = list(read(pattern, plain))
        # What is read once is blanked, so that the 8 of "8 March" does not also count as an amount.
        plain = _blank(plain, now)
        found += now
    found.sort(key=lambda mention: mention.start)
    return [replace(mention, words=" ".join(text[mention.start : mention.end].split())) for mention in found]


def _blank(text: str, read: list[Mention]) -> str:
    parts, at = [], 0
    for mention in read:
        parts += [text[at : mention.start], "\x00" * (mention.end - max(at, mention.start))]
        at = max(at, mention.end)
    return "".join(parts) + text[at:]


def _borne_out(claim: Reading, evidence: set[Reading], days: list[Day]) -> bool:
    if isinstance(claim, Designation):
        return claim in evidence
    if isinstance(claim, Amount):
        if claim in evidence:
            return True
        if claim.unit:
            return False
        return any(Amount(claim.value, unit) in evidence for unit in _CURRENCIES) or (
            claim.value == claim.value.to_integral_value() and any(day.year == claim.value for day in days)
        )
    return any(
        (claim.year is None or claim.year == day.year)
        and (claim.month is None or claim.month == day.month)
        and (claim.day is None or claim.day == day.day)
        for day in days
    )


_URL = re.compile(r"\b(?:https?://|www\.)[^\s)>\]]+")
# Same length on both sides: positions in the plain text are positions in the text. The backslash is Markdown's "\$".
_SAME = str.maketrans({**dict.fromkeys("‐‑‒–—−", "-"), **dict.fromkeys("\u00a0\u2009\u202f\n\r\t\\*_", " ")})


def _plain(text: str) -> str:
    return _URL.sub(lambda match: " " * len(match[0]), text).translate(_SAME)


_LONG = "January|February|March|April|May|June|July|August|September|October|November|December"
_SHORT = "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
_MONTHS = {name[:3].lower(): number for number, name in enumerate(_LONG.split("|"), start=1)}
# Capitals are asked for, because "12 may" and "march 5" hold verbs more often than months.
_MONTH = rf"(?:{_LONG}|{_SHORT}|{_LONG.upper()}|{_SHORT.upper()})\b\.?"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?(?!\w|\.\d|,\d{3}(?!\d))"
_YEAR = r"(?:1[5-9]|2[01])\d\d(?!\d)"
_TO = r"\s*(?:-|to|and|until)\s*"
_NEXT = r"(?:,?\s+|,|-)"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?P<y>{_YEAR})-(?P<m>\d\d)-(?P<d>\d\d)\b",
        rf"\b(?P<a>\d\d?)[./-](?P<b>\d\d?)[./-](?P<y>{_YEAR})\b",
        rf"\b(?P<d>{_DAY})(?:{_TO}(?P<d2>{_DAY}))?(?:\s+(?:of\s+)?|-)(?P<month>{_MONTH})(?:{_NEXT}(?P<y>{_YEAR}))?",
        rf"\b(?P<month>{_MONTH})\s+(?:the\s+)?(?P<d>{_DAY})(?:{_TO}(?P<d2>{_DAY}))?(?:{_NEXT}(?P<y>{_YEAR}))?",
        rf"\b(?:(?P<month2>{_MONTH}){_TO})?(?P<month>{_MONTH})(?:{_NEXT}|\s+of\s+)(?P<y>{_YEAR})",
        # A bare March or May must stand where only a month can: sentences also begin with these verbs.
        rf"(?P<month>\b(?:{_LONG.replace('March|', '').replace('May|', '')})\b)",
        r"\b(?i:in|of|by|from|late|early|mid|last|next|this|until|since|after|before)[\s-](?P<month>(?:March|May)\b)",
    )
)


def _dates(pattern: re.Pattern[str], text: str) -> Iterator[Mention]:
    for match in pattern.finditer(text):
        group = {name: value for name, value in match.groupdict().items() if value}
        start, end = match.span("month" if set(group) == {"month"} else 0)
        days = list(_real(_days(group)))
        if "a" in group and days:
            # 5/6/2020 is the fifth of June or the sixth of May; either is taken.
            yield Mention(start, end, frozenset(days))
        else:
            # "24 to 25 June" and "June to July 2020" name two dates; each must be borne out by itself.
            yield from (Mention(start, end, frozenset([day])) for day in days)


def _days(group: dict[str, str]) -> Iterator[Day]:
    year = int(group["y"]) if "y" in group else None
    if "a" in group:
        yield Day(year, int(group["b"]), int(group["a"]))
        yield Day(year, int(group["a"]), int(group["b"]))
    elif "m" in group:
        yield Day(year, int(group["m"]), int(group["d"]))
    else:
        months = [_MONTHS[group[name][:3].lower()] for name in ("month", "month2") if name in group]
        numbers = [int(re.sub(r"\D", "", group[name])) for name in ("d", "d2") if name in group]
        for month in months:
            yield from (Day(year, month, number) for number in numbers)
            if not numbers:
                yield Day(year, month, None)


def _real(days: Iterable[Day]) -> Iterator[Day]:
    for day in days:
        try:
            date(day.year or 2000, day.month or 1, day.day or 1)
        except ValueError:
            continue
        yield day


_NOT_NAMES = "mid|pre|post|early|late|non|since|until|circa|re|rs|inr|usd|us|eur|rmb|cny|rub|gbp|jpy"
_DESIGNATIONS = (
    re.compile(rf"(?<![\w-])(?!(?i:{_NOT_NAMES})-?\d)(?P<a>[A-Z][A-Za-z]{{0,9}})-?(?P<b>\d{{1,4}})(?![\d,.]*\d)"),
    re.compile(r"(?<!\w)(?P<a>\d{1,2})(?P<b>[GD])\b"),
    re.compile(r"(?<!\w)(?P<a>\d)(?P<b>\+\d)(?!\w)"),
    re.compile(r"(?<!\w)(?P<a>\d{4})(?P<b>s)\b"),
)


def _designations(pattern: re.Pattern[str], text: str) -> Iterator[Mention]:
    for match in pattern.finditer(text):
        yield Mention(*match.span(), frozenset([Designation((match["a"] + match["b"]).lower())]))


_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    *("eleventh", "twelfth"),
)
_WORDS = {word: value for value, word in enumerate(_SMALL)} | {"a": 1, "an": 1}
_WORDS |= {ten: 10 * number for number, ten in enumerate(_TENS, start=2)}
_WORDS |= {f"{ten} {_SMALL[one]}": _WORDS[ten] + one for ten in _TENS for one in range(1, 10)}
_WORDS |= {word: value for value, word in enumerate(_ORDINALS, start=1)}
_SCALES = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 10**3,
    "lakh": 10**5,
    "lac": 10**5,
    "million": 10**6,
    "mln": 10**6,
    "mn": 10**6,
    "crore": 10**7,
    "billion": 10**9,
    "bln": 10**9,
    "bn": 10**9,
    "trillion": 10**12,
    "tn": 10**12,
}
_CURRENCY = {
    "USD": r"\$|US\s?\$|USD|(?:US[ -])?dollars?",
    "EUR": r"€|EUR|euros?",
    "GBP": r"£|GBP|pounds?[ ]sterling",
    "INR": r"₹|INR|Rs\.?|rupees?",
    "RUB": r"₽|RUB|ro?ubles?",
    "CNY": r"¥|CNY|RMB|yuan|renminbi",
    "JPY": r"¥|JPY|yen",
}
_CURRENCIES = tuple(_CURRENCY)
_MONEY = "|".join(sorted({part for signs in _CURRENCY.values() for part in signs.split("|")}, key=len, reverse=True))
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True)).replace(" ", r"[\s-]")
_AMOUNT = re.compile(
    rf"""(?<![\w])(?<!\d[.,])
    (?:(?P<before>{_MONEY})\s?)?
    (?:
        (?P<digits>
            \d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?      # 4,500  1,000,000.5
          | \d{{1,2}}(?:,\d{{2}})+,\d{{3}}        # 1,00,000 as written in India
          | \d{{1,3}}(?:[ ]\d{{3}})+              # 30 000
          | \d{{1,18}}(?:[.,]\d{{1,6}})?          # 2014  2.5  2,5
        )(?!\d)(?P<ordinal>(?:st|nd|rd|th)\b)?
      | (?P<word>{_WORD})\b
    )
    (?P<scales>[mk]\b|(?:[ -]{{0,3}}(?:{"|".join(sorted(_SCALES, key=len, reverse=True))})\b){{0,2}})
    (?:[ -]{{0,3}}(?:(?P<percent>%|per[ ]?cent(?:age)?\b|pc\b)|(?P<after>{_MONEY})(?!\w)))?""",
    re.IGNORECASE | re.VERBOSE,
)
_THE = re.compile(r"\b(?:the|these|those|their|its|both)\s$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Figure:
    start: int
    end: int
    value: Decimal
    scale: int
    units: frozenset[str]
    loose: bool
    weak: bool


def _amounts(pattern: re.Pattern[str], text: str) -> Iterator[Mention]:
    figures = [figure for match in pattern.finditer(text) if (figure := _figure(match, text)) is not None]
    for before, figure, after in zip([None, *figures], figures, [*figures[1:], None], strict=False):
        values = {figure.value * figure.scale} | ({figure.value} if figure.loose else set())
        units = set(figure.units)
        # "$50-60 billion": each end of a range also takes over what only the other end says.
        if after and re.fullmatch(_TO, text[figure.end : after.start]):
            values |= {figure.value * after.scale} if figure.scale == 1 else set()
            units |= after.units if units == {""} else set()
        if before and (sign := re.fullmatch(_TO + "|/", text[before.end : figure.start])):
            units |= before.units if units == {""} else set()
            century = before.value // 100 * 100
            if sign[0].strip() in "-/" and 1500 <= before.value < 2200 and before.value - century < figure.value < 100:
                values = {century + figure.value}  # the 22 of "2017-22" is a year
        readings: set[Reading] = {Amount(value, unit) for value in values for unit in units}
        yield Mention(figure.start, figure.end, frozenset(readings), figure.weak)


def _figure(match: re.Match[str], text: str) -> _Figure | None:
    word = " ".join(re.findall("[a-z]+", (match["word"] or "").lower()))
    names = re.findall(r"[a-z]+", match["scales"].lower())
    scale = 1
    for name in names:
        scale *= _SCALES.get(name) or {"m": 10**6, "k": 10**3}[name]
    if word in ("a", "an") and not names:
        return None
    value = _number(match["digits"]) if match["digits"] else Decimal(_WORDS[word])
    # What is written so often without counting anything makes no claim: "one of", "the two sides", "first of all".
    weak = (
        (word in ("one", "first", "second", "third") and not names)
        or (word in ("a", "an") and names[0] in ("hundred", "thousand", "million", "dozen"))
        or (word == "two" and _THE.search(text, max(0, match.start() - 8), match.start()) is not None)
    )
    units = {"%"} if match["percent"] else _units(match["before"]) | _units(match["after"])
    # "50m" can be metres.
    loose = names in (["m"], ["k"]) and not units
    return _Figure(match.start(), match.end(), value, scale, frozenset(units or {""}), loose, weak)


def _number(digits: str) -> Decimal:
    grouped = re.fullmatch(r"\d{1,3}(?:[, ]\d{2,3})*[, ]\d{3}(?:\.\d+)?", digits)
    return Decimal(re.sub(r"[, ]", "", digits) if grouped else digits.replace(",", "."))


def _units(sign: str | None) -> set[str]:
    if not sign:
        return set()
    return {code for code, signs in _CURRENCY.items() if re.fullmatch(signs, sign, re.IGNORECASE)}


_PASSES: tuple[tuple[Callable[[re.Pattern[str], str], Iterator[Mention]], re.Pattern[str]], ...] = (
    *((_dates, pattern) for pattern in _DATES),
    *((_designations, pattern) for pattern in _DESIGNATIONS),
    (_amounts, _AMOUNT),
)
