"""A process that takes things apart which strangers wrote: it can be ended, finds no password and has bounded memory.

A parser written in C, thousands of nested elements, an expression that backtracks for hours: in a thread each of these
would stop everything for good. The process takes one question at a time over its standard input, is given some seconds
for each, and is started anew when it does not answer. Questions and answers are frames of bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from store.errors import RicwatchError

START_SECONDS = 60.0
"""For the start, which imports the parser: on a busy machine that takes a while, and no question is to blame."""
MEMORY = 1_500_000_000
"""Bytes of address space; what is allowed to be asked needs a tenth."""
_FRAME = struct.Struct(">I")


class TooSlow(Exception):
    """The question was not answered in time."""


class Ended(Exception):
    """The question ended the process; the message says how."""


class NoProcess(RicwatchError):
    """The process does not start, or was killed: by the machine, which has no memory left, or by a person."""


class Apart:
    """The process of *module*, which `serve` runs in; started with the first question, and after it ended."""

    def __init__(self, module: str, seconds: float, most_answer: int) -> None:
        self._module = module
        self._seconds = seconds
        self._most_answer = most_answer
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, *question: bytes) -> bytes:
        """The answer to a *question* of one or more frames. Not for two at a time.

        Where a process ends that has answered before, another one is asked: it may have ended while it was idle.

        Raises:
            TooSlow: it did not come in time.
            Ended: the process ended over it.
            NoProcess: it did not start, or was killed.
        """
        if self._process is not None:
            try:
                return await self._answer(self._process, question)
            except (Ended, NoProcess):
                pass
        return await self._answer(await self._start(), question)

    async def _answer(self, process: asyncio.subprocess.Process, question: Sequence[bytes]) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                for part in question:
                    await _send(process, part)
                return await self._receive(process)
        except TimeoutError:
            await self.end()
            raise TooSlow(f"it takes longer than {self._seconds:g} s") from None
        except (OSError, EOFError) as error:
            status = await self.end()
            if status == -signal.SIGKILL:
                raise NoProcess(f"the process {self._module} was killed") from error
            raise Ended(f"it ended its reader ({_how(status, error)})") from error
        except BaseException:
            await self.end()  # half a question is under way; the next one must not get its answer
            raise

    async def end(self) -> int | None:
        """End the process; its exit status, of its own accord where it had ended so."""
        process, self._process = self._process, None
        if process is None:
            return None
        # Where it closed its output it is ending, and how tells whose fault that is.
        if process.stdout is not None and process.stdout.at_eof():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await process.wait()
        status = process.returncode
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        # Read to the end: a pipe that is left open is told as a leak when it is collected.
        await process.communicate()
        return status

    async def _start(self) -> asyncio.subprocess.Process:
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                # It needs no setting, and what it takes apart shall find no password.
                env={one: os.environ[one] for one in ("PATH", "PYTHONPATH", "LANG", "SYSTEMROOT") if one in os.environ},
            )
            async with asyncio.timeout(START_SECONDS):
                await self._receive(self._process)
        except (OSError, EOFError, TimeoutError) as error:
            status = await self.end()
            raise NoProcess(f"the process {self._module} does not start ({_how(status, error)})") from error
        except BaseException:
            await self.end()
            raise
        return self._process

    async def _receive(self, process: asyncio.subprocess.Process) -> bytes:
        if process.stdout is None:
            raise EOFError
        (size,) = _FRAME.unpack(await process.stdout.readexactly(_FRAME.size))
        if size > self._most_answer:
            raise EOFError(f"an answer of {size:,} bytes")
        return await process.stdout.readexactly(size)


def _how(status: int | None, error: BaseException) -> str:
    if status is None:
        return f"{type(error).__name__}: {error}".strip(": ")
    return f"signal {-status}" if status < 0 else f"status {status}"


async def _send(process: asyncio.subprocess.Process, data: bytes) -> None:
    if process.stdin is None:
        raise EOFError
    process.stdin.write(_FRAME.pack(len(data)) + data)
    await process.stdin.drain()


def serve(frames: int, answer: Callable[[Sequence[bytes]], bytes]) -> None:
    """The process's loop: *frames* of a question in, its *answer* out, until the standard input ends."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    _bound()
    logging.disable(logging.CRITICAL)
    _put(sink, b"ready")
    while True:
        question = [_get(source) for _ in range(frames)]
        if None in question:
            return
        _put(sink, answer([part for part in question if part is not None]))


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
