"""A local SMTP server in a process of its own that takes every mail and writes down which.

A mail is written down before the server answers, as a real one has it in its queue by then: who is killed in between
cannot know that it was taken. Without `LINGER` it answers at once.

    python -m bench.postbox FILE [LINGER]      # prints its port; one line a mail: Message-ID, recipient, bytes
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from store.settings import ROOT

LARGEST = 50_000_000
_ID = re.compile(rb"(?im)^message-id:\s*(\S+)")


@contextmanager
def postbox(file: Path, linger: float = 0.0) -> Iterator[int]:
    """The server's port, for as long as the block lasts; *linger* is in seconds."""
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.postbox", str(file), str(linger)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert server.stdout is not None
    try:
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def taken(file: Path) -> list[tuple[str, str, int]]:
    """What was taken so far: Message-ID, recipient, bytes."""
    if not file.exists():
        return []
    rows = (line.split("\t") for line in file.read_text(encoding="ascii").splitlines())
    return [(name, to, int(size)) for name, to, size in rows]


async def _converse(out: TextIO, linger: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection; what a well-behaved client says is all that it understands."""
    writer.write(b"220 ready\r\n")
    readers: list[str] = []
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"MAIL":
            readers = []
        elif verb == b"RCPT":
            readers.append(line.partition(b"<")[2].partition(b">")[0].decode("ascii"))
        elif verb == b"DATA":
            writer.write(b"354 go on\r\n")
            mail = await reader.readuntil(b"\r\n.\r\n")
            found = _ID.search(mail)
            name = found[1].decode("ascii") if found else "-"
            out.writelines(f"{name}\t{to}\t{len(mail) - 3}\n" for to in readers)
            out.flush()
            await asyncio.sleep(linger)
        writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 OK\r\n")
        await writer.drain()
        if verb == b"QUIT":
            break
    writer.close()


async def _serve(file: Path, linger: float) -> None:
    with file.open("a", encoding="ascii") as out:

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # A client that is killed in the middle is what this server is for.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await _converse(out, linger, reader, writer)

        server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=LARGEST)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), float(sys.argv[2])))
