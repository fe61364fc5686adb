"""An SMTP server that errs as it is told to, at the stage that it is told: what real ones do once a year, on demand."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

DROP, HANG, SLOW = "drop", "hang", "slow"
"""Close the connection; say nothing more and keep it open; answer, but only after `PAUSE`. Else: the answer itself."""
PAUSE = 0.05
_USUAL = {
    "connect": "220 ready",
    "ehlo": "250 here",
    "starttls": "454 not now",
    "mail": "250 OK",
    "rcpt": "250 OK",
    "data": "354 go on",
    "dot": "250 queued as 17",
}


class ErringServer:
    """On a port of its own. `faults` says what happens at which stage; `body` is in the middle of the mail's lines."""

    def __init__(self, faults: Mapping[str, str], *, starttls: bool = False) -> None:
        self.faults = faults
        self.taken: list[bytes] = []
        self._offers = starttls
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def close(self) -> None:
        """Let go of what hangs, and stop."""
        self._over.set()
        with contextlib.suppress(OSError):  # wakes the thread that waits for connections
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            if not self._answer(connection, "connect"):
                return
            for line in lines:
                verb = line.decode("latin-1").split(maxsplit=1)[0].lower()
                stage = "ehlo" if verb == "helo" else verb
                if stage == "data":
                    if not (self._answer(connection, "data") and self._data(connection, lines)):
                        return
                elif stage not in _USUAL:  # RSET, QUIT
                    connection.sendall(b"250 OK\r\n")
                elif stage == "ehlo" and self._offers and stage not in self.faults:
                    connection.sendall(b"250-here\r\n250 STARTTLS\r\n")
                elif not self._answer(connection, stage):
                    return

    def _data(self, connection: socket.socket, lines: BinaryIO) -> bool:
        if not self.faults.get("data", "354").startswith(("354", SLOW)):
            return True
        mail = b""
        for line in lines:
            if "body" in self.faults:
                return self._answer(connection, "body")
            if line == b".\r\n":
                break
            mail += line
        # A server that goes silent after the dot has the mail, for all that its client can know.
        if self.faults.get("dot", "250").startswith(("250", DROP, HANG, SLOW)):
            self.taken.append(mail)
        return self._answer(connection, "dot")

    def _answer(self, connection: socket.socket, stage: str) -> bool:
        fault = self.faults.get(stage, "")
        if fault == HANG:
            self._over.wait()
        if fault in (HANG, DROP):
            return False
        if fault == SLOW:
            self._over.wait(PAUSE)
        text = fault if fault not in ("", SLOW) else _USUAL[stage]
        connection.sendall(f"{text}\r\n".encode("ascii"))
        return True


@contextmanager
def erring(faults: Mapping[str, str], *, starttls: bool = False) -> Iterator[ErringServer]:
    """A server with *faults* for as long as the block lasts."""
    server = ErringServer(faults, starttls=starttls)
    try:
        yield server
    finally:
        server.close()
