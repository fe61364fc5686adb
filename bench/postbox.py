"""A local SMTP server in a process of its own that takes every mail and writes down which.

A mail is written down before the server answers, as a real one has it in its queue by then: who is killed in between
cannot know that it was taken. Without `LINGER` it answers at once.

    python -m bench.postbox FILE [LINGER]      # prints its port; one line a mail: Message-ID, recipient, bytes
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


class _Handler:
    def __init__(self, file: Path, linger: float) -> None:
        self._out = file.open("a", encoding="ascii", buffering=1)
        self._linger = linger

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        found = _ID.search(envelope.content)
        name = found[1].decode("ascii") if found else "-"
        for to in envelope.rcpt_tos:
            self._out.write(f"{name}\t{to}\t{len(envelope.content)}\n")
        await asyncio.sleep(self._linger)
        return "250 taken"


async def _serve(file: Path, linger: float) -> None:
    from aiosmtpd.smtp import SMTP

    handler = _Handler(file, linger)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, data_size_limit=LARGEST, loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), float(sys.argv[2])))
