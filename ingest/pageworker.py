"""Pages are taken apart in a process of their own (`ingest.apart`): no page may hold up or bring down the watch.

`python -m ingest.pageworker` is that process.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from types import TracebackType

from ingest.apart import Apart, Ended, NoProcess, TooSlow, serve
from ingest.page import PageOutcome
from ingest.pagetext import PageText, read_page
from store.errors import ConfigError

SECONDS = 5.0
"""For one page; usual ones take some hundredths."""
_MOST_ANSWER = 1_000_000
_HEADERS = ("content-type", "x-robots-tag", "tdm-reservation", "cf-mitigated")


def require_extra() -> None:
    """Nothing where the packages for full texts are installed.

    Raises:
        ConfigError: they are not; it says how to install them.
    """
    missing = [name for name in ("trafilatura", "protego") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"RICWATCH_FULL_TEXT is on, but {' and '.join(missing)} is not installed; pip install 'ricwatch[fulltext]'"
        )


class PageReader:
    """Gives the texts of pages, one after the other; `async with` ends its process.

    The process starts with the first page.
    """

    def __init__(self, token: str, *, seconds: float = SECONDS) -> None:
        self._token = token
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._apart = Apart("ingest.pageworker", seconds, _MOST_ANSWER)

    async def __aenter__(self) -> PageReader:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._apart.end()

    async def read(self, body: bytes, headers: Mapping[str, str]) -> PageText:
        """The text of a page. Whatever the page does to the process is told as what it was refused for."""
        about = {name: headers[name] for name in _HEADERS if name in headers}
        async with self._turn:
            try:
                answer = json.loads(await self._apart.ask(json.dumps([about, self._token]).encode(), body))
            except TooSlow:
                detail = f"the page was not taken apart within {self._seconds:g} s"
                return PageText(refused=PageOutcome.TOO_SLOW, detail=detail)
            except (Ended, NoProcess) as error:
                return PageText(refused=PageOutcome.FAILED, detail=f"the page was not taken apart: {error}")
        refused = PageOutcome(answer["refused"]) if answer["refused"] else None
        return PageText(answer["text"], refused, answer["detail"])


def _answer(question: Sequence[bytes]) -> bytes:
    about, body = question
    headers, token = json.loads(about)
    found = _read(body, headers, token)
    return json.dumps({"text": found.text, "refused": found.refused, "detail": found.detail}).encode()


def _read(body: bytes, headers: Mapping[str, str], token: str) -> PageText:
    try:
        return read_page(body, headers, token)
    except Exception as error:  # of any library beneath, for any page
        return PageText(
            refused=PageOutcome.FAILED, detail=f"cannot be taken apart: {type(error).__name__}: {error}"[:300]
        )


if __name__ == "__main__":
    import trafilatura  # noqa: F401  (so that the first page does not pay for it)

    serve(2, _answer)
