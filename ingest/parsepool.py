"""Feeds that feedparser must read, in processes of their own: side by side, and stopped where one takes too long.

What is plain is read in a thread, in a millisecond or two, and so are the first small feeds that are not: a process
takes half a second to start. A process reads one feed after the other, and ends with the one that asked.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import faulthandler
import os
import pickle
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, Self, cast

from ingest.model import FeedProblem, ParsedFeed
from ingest.parse import FeedLike, Response, Source, parse_any, parse_plain

LONGEST_S = 60.0
"""What the bounds of `ingest.parse` let through takes some 20 s, and three times that on a machine under load."""
SMALL = 65_536
"""Bytes up to which a feed takes so little time that the first ones need no process."""
FEW = 50
"""So many small feeds are read in threads before processes are started for them."""
MOST = 2
"""Processes. With two of them what is left for the poll itself, HTTP and storing, takes longer than the reading."""
_ROOT = Path(__file__).resolve().parent.parent


class ParsePool:
    """Reads responses for one poll; at most *most* processes, each stopped after *longest_s* seconds over one feed."""

    def __init__(self, most: int = MOST, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._turns = asyncio.Semaphore(most)
        self._idle: list[_Reader] = []
        self._small = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in self._idle:
            reader.close()
        self._idle.clear()

    async def parse(
        self, body: bytes, headers: Mapping[str, str], feed: FeedLike, *, now: dt.datetime, max_items: int = 2_000
    ) -> ParsedFeed:
        """As `ingest.parse.parse`; what took too long, or ended the process that read it, is refused in words."""
        response = Response(body, headers, feed, now, max_items)
        if (parsed := await asyncio.to_thread(parse_plain, response)) is not None:
            return parsed
        if len(body) <= SMALL and self._small < FEW:
            self._small += 1
            return await asyncio.to_thread(parse_any, response)
        async with self._reader() as reader:
            return await asyncio.to_thread(reader.read, response)

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[_Reader]:
        async with self._turns:
            reader = self._idle.pop() if self._idle else _Reader(self._longest_s)
            try:
                yield reader
            except BaseException:  # such as a poll that is cancelled: it still reads what nobody waits for
                reader.kill()
                raise
            self._idle.append(reader)


class _Reader:
    """A process that reads feeds; started when it is first asked, and anew after it ended."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def read(self, response: Response) -> ParsedFeed:
        """What `ingest.parse.parse_any` gives, or a refusal where that took too long or ended the process."""
        feed = response.feed
        # In types that any process knows.
        source = Source(feed.url, feed.timezone, feed.lang)
        process = self._asked(replace(response, headers=dict(response.headers), feed=source))
        began = time.monotonic()
        try:
            told = pickle.load(cast(IO[bytes], process.stdout))  # noqa: S301 (this very program wrote it)
        except (EOFError, pickle.UnpicklingError):
            status = process.wait()
            self.close()
            return ParsedFeed.refused(FeedProblem.NOT_A_FEED, _ended(status, self._longest_s, time.monotonic() - began))
        if isinstance(told, ParsedFeed):
            return told
        raise RuntimeError(told)

    def kill(self) -> None:
        """End the process, whatever it is doing, for good; who waits for its answer puts it away."""
        self._killed = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process, which nobody waits for."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for end in (process.stdin, process.stdout):
            with suppress(OSError):  # what was written for it and never read
                cast(IO[bytes], end).close()

    def _asked(self, response: Response) -> subprocess.Popen[bytes]:
        """A process that was asked to read *response*: the one that is there, or another where that had ended."""
        try:
            return self._ask(response)
        except OSError:
            self.close()
            if self._killed:
                raise
            return self._ask(response)

    def _ask(self, response: Response) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and this module)
                [sys.executable, "-m", __name__],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # a Ctrl-C is for the one that asks
            )
        if self._killed:
            raise BrokenPipeError("nobody waits for the answer any more")
        way = cast(IO[bytes], self._process.stdin)
        pickle.dump((response, self._longest_s), way)
        way.flush()
        return self._process


def _ended(status: int, longest_s: float, took_s: float) -> str:
    if took_s >= longest_s:
        return f"it takes longer than {longest_s:g} s to read"
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return f"the process that read it ended with {how}"


def serve(asked: BinaryIO, told: BinaryIO) -> None:
    """Read the feeds that are *asked* until there are no more. One that takes too long ends the process."""
    with Path(os.devnull).open("w") as nowhere:
        while True:
            try:
                response, longest_s = pickle.load(asked)  # noqa: S301 (from the process that started this one)
            except EOFError:
                return
            # Its clock is a thread of its own without a line of Python, so it stops what no signal handler could.
            faulthandler.dump_traceback_later(longest_s, exit=True, file=nowhere)
            answer: ParsedFeed | str
            try:
                answer = parse_any(response)
            except Exception as error:  # the poll has a place for it: one feed must never lose the others
                answer = f"{type(error).__name__}: {error}"
            faulthandler.cancel_dump_traceback_later()
            pickle.dump(answer, told)
            told.flush()


if __name__ == "__main__":
    ours = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever prints must not speak into the answers
    serve(sys.stdin.buffer, ours)
