"""Feeds that feedparser must read, in processes of their own (`ingest.apart`): side by side, and ended if too slow.

What is plain is read in a thread, in a millisecond or two, and so are the first small feeds that are not: a process
takes half a second to start. `python -m ingest.parsepool` is such a process.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from ingest.apart import Apart, Ended, TooSlow, serve
from ingest.model import DateQuality, Entry, FeedProblem, ParsedFeed
from ingest.parse import HARMLESS, Response, Source, parse_any, parse_plain

LONGEST_S = 60.0
"""What the bounds of `ingest.parse` let through takes some 20 s, and three times that on a machine under load."""
FEW = 50
"""So many feeds of at most `HARMLESS` bytes are read in threads before processes are started for them."""
MOST = 2
"""Processes. With two of them what is left for the poll itself, HTTP and storing, takes longer than the reading."""
_MOST_ANSWER = 200_000_000
_HEADERS = ("content-type",)


class ParsePool:
    """Reads responses for one poll; at most *most* processes, each ended after *longest_s* seconds over one feed."""

    def __init__(self, most: int = MOST, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._turns = asyncio.Semaphore(most)
        self._idle: list[Apart] = []
        self._closed = False
        self._small = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        while self._idle:
            await self._idle.pop().end()

    async def parse(self, response: Response) -> ParsedFeed:
        """As `ingest.parse.parse`; what took too long, or ended the process that read it, is refused in words.

        Raises:
            NoProcess: there is none to read it, which is no fault of the feed.
        """
        return await self.plain(response) or await self.any(response)

    async def plain(self, response: Response) -> ParsedFeed | None:
        """What is read within a second or two; None for the rest, which `any` reads."""
        return await asyncio.to_thread(parse_plain, response)

    async def any(self, response: Response) -> ParsedFeed:
        """By feedparser; see `parse`. Many that are slow wait for one another here, so hold nothing meanwhile."""
        if len(response.body) <= HARMLESS and self._small < FEW:
            self._small += 1
            return await asyncio.to_thread(parse_any, response)
        async with self._reader() as reader:
            try:
                told = json.loads(await reader.ask(*_question(response)))
            except (TooSlow, Ended) as error:
                return ParsedFeed.refused(FeedProblem.NOT_A_FEED, f"{error}, when it was to be read")
        if "fault" in told:
            fault = RuntimeError(told["fault"])
            fault.add_note(told["trace"])
            raise fault
        return _feed(told)

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[Apart]:
        async with self._turns:
            reader = self._idle.pop() if self._idle else Apart("ingest.parsepool", self._longest_s, _MOST_ANSWER)
            try:
                yield reader
            finally:
                # One that is not in order has ended itself, and starts anew when it is asked.
                if self._closed:
                    await reader.end()
                else:
                    self._idle.append(reader)


def _question(response: Response) -> tuple[bytes, bytes]:
    feed = response.feed
    headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    about = [headers, [feed.url, feed.timezone, feed.lang], response.now.isoformat(), response.max_items]
    return json.dumps(about).encode(), response.body


def _response(question: Sequence[bytes]) -> Response:
    headers, feed, now, most = json.loads(question[0])
    return Response(question[1], headers, Source(*feed), dt.datetime.fromisoformat(now), most)


def _answer(question: Sequence[bytes]) -> bytes:
    try:
        told = _plainly(parse_any(_response(question)))
    except MemoryError:
        told = _plainly(ParsedFeed.refused(FeedProblem.NOT_A_FEED, "it needs too much memory to be read"))
    except Exception as error:  # the poll has a place for it: one feed must never lose the others
        told = {"fault": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
    return json.dumps(told).encode()


def _plainly(feed: ParsedFeed) -> dict[str, Any]:
    return {
        "of": [feed.format, feed.title, feed.bad, feed.left, feed.error, feed.problem, feed.ttl, feed.truncated],
        "entries": [
            [
                *(one.title, one.text, one.url, one.guid, one.published_at and one.published_at.isoformat()),
                *(one.published_raw, one.date_quality, one.lang, one.outlet),
            ]
            for one in feed.entries
        ],
    }


def _feed(told: Mapping[str, Any]) -> ParsedFeed:
    form, title, bad, left, error, problem, ttl, truncated = told["of"]
    return ParsedFeed(
        format=form,
        title=title,
        entries=tuple(map(_entry, told["entries"])),
        bad=bad,
        left=left,
        error=error,
        problem=FeedProblem(problem) if problem else None,
        ttl=ttl,
        truncated=truncated,
    )


def _entry(told: Sequence[Any]) -> Entry:
    title, text, url, guid, published, raw, quality, lang, outlet = told
    moment = dt.datetime.fromisoformat(published) if published else None
    return Entry(title, text, url, guid, moment, raw, DateQuality(quality), lang, outlet)


if __name__ == "__main__":
    import feedparser  # noqa: F401  (so that the first feed does not pay for it)

    serve(2, _answer)
