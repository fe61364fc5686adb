"""Words of titles: those that carry no event, and the stem of one that does."""

from __future__ import annotations

import re
from functools import lru_cache

# Words that carry no event: grammar, and what desks put around a headline.
EMPTY = frozenset(
    """
    a an the of in on at to for by with from as and or but is are was were be been has have had it its his her their
    this that amid after over into than about update updates updated live watch video photos exclusive breaking news
    report reports reported reportedly says said say told tells sources source official officials analysis explained
    explainer opinion here what why how will would he she they you your we our s
    в на и с по о об из за для от до что как это его её их при к у а но или же бы
    के का की में से को ने है हैं और पर यह कि तो ही भी पे एक
    """.split()  # noqa: SIM905 (a list of so many strings is harder to read)
)
CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
"""Chinese and Japanese, which are written without spaces."""
ENDINGS = ("ings", "ing", "edly", "ed", "ies", "es", "s", "ly", "er")


@lru_cache(maxsize=50_000)
def stem(word: str, endings: tuple[str, ...] = ENDINGS) -> str:
    """*word* without the first of *endings* that it has, where four letters are left.

    >>> stem("talks"), stem("border"), stem("gas")
    ('talk', 'bord', 'gas')
    """
    for ending in endings:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def pieces(token: str) -> list[str]:
    """*token* itself; pairs of characters where it is Chinese or Japanese, which are written without spaces."""
    if not CJK.search(token):
        return [token]
    return [token[at : at + 2] for at in range(max(1, len(token) - 1))]
