"""Whether titles stand in the script of their language: mojibake is silent, and a page of signs is read as off-topic.

No parser rejects text that was decoded by the wrong table; what comes out is well-formed nonsense. So a feed whose
letters are mostly of another script than its language's is not taken for news.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

_SCRIPTS = {
    "hi": ("DEVANAGARI",), "mr": ("DEVANAGARI",), "ne": ("DEVANAGARI",), "ru": ("CYRILLIC",), "uk": ("CYRILLIC",),
    "be": ("CYRILLIC",), "bg": ("CYRILLIC",), "kk": ("CYRILLIC", "LATIN"), "zh": ("CJK",), "ur": ("ARABIC",),
    "ar": ("ARABIC",), "fa": ("ARABIC",), "bn": ("BENGALI",), "ta": ("TAMIL",), "te": ("TELUGU",),
    "ja": ("CJK", "HIRAGANA", "KATAKANA"), "ko": ("HANGUL", "CJK"), "he": ("HEBREW",), "el": ("GREEK",),
    "th": ("THAI",), "ka": ("GEORGIAN",), "hy": ("ARMENIAN",),
}  # fmt: skip
LEAST_LETTERS = 80
"""Letters below which nothing is said: a handful of names in another script is no wrong table."""
LEAST_TITLES = 3
LEAST_SHARE = 0.3
MOST_BROKEN = 0.1
MOST_RS = 0.3
"""Share of the capitals Р and С among all letters: UTF-8 read as windows-1251 makes one of every other letter."""
# Two bytes of UTF-8 read as one-byte letters: À-ÿ before a sign of the upper half; a replacement character is one too.
_BROKEN = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u2010-\u203a\u20ac\u2122\u0152-\u0192]|\ufffd")


def wrong_script(titles: Sequence[str], lang: str) -> str:
    """What is wrong with the letters of *titles*, or nothing. *lang* is their language (ISO 639-1), empty if unknown.

    >>> wrong_script(["Россия и Китай подписали договор о поставках газа"] * 3, "en")[:37]
    '95 % of the letters are not Latin, as'
    >>> wrong_script(["Россия и Китай подписали договор о поставках газа"] * 3, "ru")
    ''
    """
    text = " ".join(titles)
    wanted = _SCRIPTS.get(lang[:2].lower(), ("LATIN",))
    if text.isascii() and "LATIN" in wanted:  # the usual case, and nothing can be wrong with it
        return ""
    counts = Counter(text)
    letters = {character: count for character, count in counts.items() if character.isalpha()}
    total = sum(letters.values())
    if len(titles) < LEAST_TITLES or total < LEAST_LETTERS:
        return ""
    broken = sum(len(found) for found in _BROKEN.findall(text))
    capitals = counts["Р"] + counts["С"]
    broken += capitals if capitals > MOST_RS * total else 0
    if broken > MOST_BROKEN * len(text):
        return f"{100 * broken // len(text)} % of the letters are broken: read by the wrong table of characters"
    if not lang:
        return ""
    own = sum(count for character, count in letters.items() if _script(character).startswith(wanted)) / total
    if own >= LEAST_SHARE:
        return ""
    return (
        f"{100 * (1 - own):.0f} % of the letters are not {wanted[0].capitalize()}, as {lang or 'en'} is written; "
        "another language, or the wrong table of characters"
    )


@lru_cache(maxsize=8_192)
def _script(character: str) -> str:
    return unicodedata.name(character, "")
