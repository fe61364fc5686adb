"""Pages are taken apart in a process of their own, which can be ended: no page may hold up or bring down the watch.

A parser written in C, thousands of nested elements, an expression that backtracks for hours: in a thread each of these
would stop everything for good. The process takes one page at a time over its standard input, is given a few seconds and
a bounded memory for each, and is started anew when it does not answer. `python -m ingest.pageworker` is that process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import struct
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from types import TracebackType
from typing import Any, BinaryIO

from ingest.page import PageOutcome
from ingest.pagetext import PageText, read_page
from store.errors import ConfigError

SECONDS = 5.0
"""For one page; usual ones take some hundredths."""
START_SECONDS = 60.0
"""For the start, which imports the parser: on a busy machine that takes a while, and no page is to blame."""
MEMORY = 1_500_000_000
"""Bytes of address space; a page of 2 MB needs a tenth."""
_FRAME = struct.Struct(">I")
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
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> PageReader:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._end()

    async def read(self, body: bytes, headers: Mapping[str, str]) -> PageText:
        """The text of a page. Whatever the page does to the process is told as what it was refused for."""
        about = {name: headers[name] for name in _HEADERS if name in headers}
        async with self._turn:
            try:
                process = await self._started()
                async with asyncio.timeout(self._seconds):
                    await _send(process, json.dumps([about, self._token]).encode())
                    await _send(process, body)
                    answer = json.loads(await _receive(process))
            except TimeoutError:
                await self._end()
                detail = f"the page was not taken apart within {self._seconds:g} s"
                return PageText(refused=PageOutcome.TOO_SLOW, detail=detail)
            except (OSError, EOFError, asyncio.IncompleteReadError) as error:
                await self._end()
                return PageText(refused=PageOutcome.FAILED, detail=f"the page ended its reader: {type(error).__name__}")
            except BaseException:
                await self._end()  # half a question is under way; the next page must not get its answer
                raise
        refused = PageOutcome(answer["refused"]) if answer["refused"] else None
        return PageText(answer["text"], refused, answer["detail"])

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ingest.pageworker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # It needs no setting, and what it takes apart shall find no password.
            env={name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "SYSTEMROOT") if name in os.environ},
        )
        async with asyncio.timeout(START_SECONDS):
            await _receive(self._process)
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        # Read to the end: a pipe that is left open is told as a leak when it is collected.
        await process.communicate()


async def _send(process: asyncio.subprocess.Process, data: bytes) -> None:
    if process.stdin is None:
        raise EOFError
    process.stdin.write(_FRAME.pack(len(data)) + data)
    await process.stdin.drain()


async def _receive(process: asyncio.subprocess.Process) -> bytes:
    if process.stdout is None:
        raise EOFError
    (size,) = _FRAME.unpack(await process.stdout.readexactly(_FRAME.size))
    if size > _MOST_ANSWER:
        raise EOFError
    return await process.stdout.readexactly(size)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """The process's loop: a page in, its text out, until *source* ends."""
    _bound()
    logging.disable(logging.CRITICAL)
    import trafilatura  # noqa: F401  (so that the first page does not pay for it)

    _put(sink, b"ready")
    while (about := _get(source)) is not None and (body := _get(source)) is not None:
        headers, token = json.loads(about)
        found = _read(body, headers, token)
        answer = {"text": found.text, "refused": found.refused, "detail": found.detail}
        _put(sink, json.dumps(answer).encode())


def _read(body: bytes, headers: Mapping[str, str], token: str) -> PageText:
    try:
        return read_page(body, headers, token)
    except Exception as error:  # of any library beneath, for any page
        return PageText(
            refused=PageOutcome.FAILED, detail=f"cannot be taken apart: {type(error).__name__}: {error}"[:300]
        )


def _bound() -> None:
    try:
        import resource
    except ImportError:
        return  # Windows has no such limits; the seconds hold there too
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _get(source: BinaryIO) -> bytes | None:
    head: Any = source.read(_FRAME.size)
    if len(head) < _FRAME.size:
        return None
    size = _FRAME.unpack(head)[0]
    body = source.read(size)
    return body if len(body) == size else None


def _put(sink: BinaryIO, data: bytes) -> None:
    sink.write(_FRAME.pack(len(data)) + data)
    sink.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
