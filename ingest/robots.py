"""What a site's robots.txt lets this program fetch (RFC 9309): pure reading of an answer, no request is made here.

Matching is protego's, Scrapy's own parser, since `urllib.robotparser` of the standard library knows neither wildcards
nor the rule that the longest match decides. Only the groups that concern this program are handed to it: a hostile file
of 500 KiB can name thousands of crawlers above thousands of rules, and would be copied into each of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ingest.fetch import Failed, Fetched, Gone, Outcome, Refused, RefusedReason, Want

if TYPE_CHECKING:
    from protego import Protego

ROBOTS = Want(accept="text/plain, */*;q=0.5", max_bytes=500 * 1024, cut=True)
"""RFC 9309 2.5: at least 500 KiB must be read; what comes after is left unread."""
LONGEST_DELAY = 30.0
"""Seconds: the most of a Crawl-delay that is kept. Some sites ask for hours, which a watch of news cannot wait."""
TOO_OFTEN = 429

_GROUP = re.compile(r"\s*user[ -]?agent(?:\s*:|\s)\s*([^#]*)", re.IGNORECASE)
_RULE = re.compile(r"\s*(?:allow|d\w{1,5}l+[ao]w|crawl[ -]delay)(?:\s*:|\s)", re.IGNORECASE)
_NAME = "user-agent: "
_EVERYONE, _OTHERS, _END = f"{_NAME}*", f"{_NAME}another", f"{_NAME}the-end"
_PRODUCT = re.compile(r"([A-Za-z][A-Za-z_-]*)(?:/[\w.]+)?")


class RulesKind(StrEnum):
    """What the answer to a request for robots.txt was."""

    RULES = "rules"
    NONE = "none"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Rules:
    """What a site says to the program whose product token is *token*. Without a file all is allowed; where the file
    cannot be reached nothing is."""

    kind: RulesKind
    token: str
    text: str = ""
    detail: str = ""

    @cached_property
    def _parsed(self) -> Protego:
        from protego import Protego

        return Protego.parse(self.text)

    def allow(self, url: str) -> bool:
        """Whether *url* may be fetched."""
        if self.kind is not RulesKind.RULES:
            return self.kind is RulesKind.NONE
        return bool(self._parsed.can_fetch(url, self.token))

    @property
    def delay(self) -> float:
        """Seconds that the site wants between two requests, thirty at most; 0 where it names none."""
        if self.kind is not RulesKind.RULES:
            return 0.0
        return min(self._parsed.crawl_delay(self.token) or 0.0, LONGEST_DELAY)


def product_token(user_agent: str) -> str:
    """The name by which robots.txt knows the sender of *user_agent* (RFC 9309 2.2.1): its own, not a browser's.

    >>> product_token("ricwatch/0.1 (news feed monitor)")
    'ricwatch'
    >>> product_token("Mozilla/5.0 (compatible; DeskWatch/2.0; +mailto:desk@example.org)")
    'DeskWatch'
    """
    name = user_agent.partition("compatible;")[2] if user_agent.startswith("Mozilla/") else user_agent
    found = _PRODUCT.search(name)
    return found[1] if found else "ricwatch"


def origin_of(url: str) -> str:
    """Scheme, host and port of *url*: what a robots.txt speaks for.

    >>> origin_of("HTTPS://Example.in:443/a?b")
    'https://example.in'
    """
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    port = parts.port
    named = f"[{host}]" if ":" in host else host
    return (
        f"{scheme}://{named}"
        if port in (None, {"http": 80, "https": 443}.get(scheme))
        else f"{scheme}://{named}:{port}"
    )


def read_rules(outcome: Outcome, token: str) -> Rules:
    """What the answer to a request for robots.txt means (RFC 9309 2.3.1).

    2.3.1.1 a file is obeyed; 2.3.1.2 after more than five redirects, and 2.3.1.3 with a status of 400 to 499, there is
    no file; 2.3.1.4 with a status of 500 and more, or no answer, nothing may be fetched. 429 counts among the latter:
    it says "not now", not "no such file".
    """
    if isinstance(outcome, Fetched):
        return Rules(RulesKind.RULES, token, _own(outcome.body, token))
    if isinstance(outcome, Gone):
        return Rules(RulesKind.NONE, token, detail="HTTP 410")
    if isinstance(outcome, Refused):
        none = outcome.reason is RefusedReason.TOO_MANY_REDIRECTS
        return Rules(
            RulesKind.NONE if none else RulesKind.UNREACHABLE, token, detail=f"{outcome.reason}: {outcome.detail}"
        )
    if isinstance(outcome, Failed):
        status = outcome.status
        none = status is not None and 200 <= status < 500 and status not in (TOO_OFTEN, 200)
        return Rules(RulesKind.NONE if none else RulesKind.UNREACHABLE, token, detail=outcome.detail)
    return Rules(RulesKind.UNREACHABLE, token, detail="304 although nothing was asked conditionally")


def _own(body: bytes, token: str) -> str:
    """The groups that name *token* or everyone, each line of another crawler's name made the same.

    Only rules are kept: RFC 9309 2.2.4 lets no other record, such as a Sitemap between two names, end a group.
    """
    wanted = token.lower()
    kept: list[str] = []
    group: list[str] = []
    ruled = False
    for line in [*body.decode("utf-8-sig", "replace").replace("\0", "").splitlines(), _END]:
        found = _GROUP.match(line)
        if found is None:
            if _RULE.match(line):
                group.append(line.strip())
                ruled = True
            continue
        if ruled:
            kept += group if any(name in group for name in (_EVERYONE, f"{_NAME}{wanted}")) else []
            group, ruled = [], False
        named = found[1].strip().lower()
        # A version or wildcard after the name is common, though RFC 9309 knows neither.
        ours = named == "*" or re.split(r"[/\s*]", named, maxsplit=1)[0] == wanted
        name = (_EVERYONE if named == "*" else f"{_NAME}{wanted}") if ours else _OTHERS
        if name not in group:
            group.append(name)
    return "\n".join(kept)
