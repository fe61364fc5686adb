"""The Prefect server as `ricwatch serve` starts it: Prefect's own application, behind a check of the Host header.

A page of a foreign site can let its own name point at 127.0.0.1 (DNS rebinding). For the browser it then is of the same
origin as the server, so neither CORS nor the token against foreign forms stops it; only the name in the Host header
tells. Prefect has no setting for that, hence this module instead of `prefect server start`.

On SQLite it also begins each transaction with the right to write. Prefect begins most of them DEFERRED, reads first and
then writes; where another of its connections has written in between, SQLite refuses such a write at once ("database is
locked"), however long it was told to wait (https://www.sqlite.org/rescode.html#busy_snapshot). The page then answers
503, a heartbeat is lost, a late run is not marked. With BEGIN IMMEDIATE the second one waits for its turn instead.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import socket
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import uvicorn
    from prefect.server.database.configurations import BaseDatabaseConfiguration
    from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction
    from starlette.types import ASGIApp

LOOPBACK = ("127.0.0.1", "localhost", "::1")
STARTUP_FAILURE = 3
"""The status with which uvicorn's own command ends when the application did not start."""
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 (recognised here, never bound without a password)


def host_names(host: str, public_url: str) -> list[str]:
    """The names under which the pages may be asked for, given the address that is bound and the setting public_url.

    An installation bound to every address has names that nobody listed; there the password, which is then required,
    stands alone against foreign pages.

    >>> host_names("127.0.0.1", "https://watch.example.org/ui")
    ['127.0.0.1', 'localhost', '::1', 'watch.example.org']
    >>> host_names("0.0.0.0", "")
    ['*']
    """
    if host in ANY_ADDRESS:
        return ["*"]
    return list(dict.fromkeys([*LOOPBACK, host, *filter(None, [urlsplit(public_url).hostname])]))


def guarded(app: ASGIApp, names: Sequence[str]) -> ASGIApp:
    """*app*, which answers 400 to every request under another name than *names*."""
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    return TrustedHostMiddleware(app, allowed_hosts=names, www_redirect=False)


def patient(url: str) -> BaseDatabaseConfiguration | None:
    """Prefect's way to the SQLite database at *url*, with transactions that wait their turn; None for other engines."""
    from prefect.server.database.configurations import AioSqliteConfiguration
    from prefect.server.utilities.database import get_dialect

    class Patient(AioSqliteConfiguration):
        """SQLite whose transactions may write from their start."""

        @asynccontextmanager
        async def begin_transaction(
            self,
            session: AsyncSession,
            with_for_update: bool = True,  # noqa: ARG002 (asked for or not)
        ) -> AsyncGenerator[AsyncSessionTransaction]:
            # Nearly all that only reads does so in no transaction, and still waits for nobody.
            async with super().begin_transaction(session, with_for_update=True) as transaction:
                yield transaction

    return Patient(connection_url=url) if get_dialect(url).name == "sqlite" else None


def main() -> None:
    """Serve until a signal ends it. All but the address comes from the environment and prefect.toml."""
    parser = argparse.ArgumentParser(prog="flows.server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--port", type=int)
    to.add_argument("--socket", type=int, help="inherited, and listening: serve one command, until standard input ends")
    parser.add_argument("--name", action="append", default=[], help="a name under which it may be asked for")
    given = parser.parse_args()
    small = given.socket is not None

    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.server.database.dependencies import MODELS_DEPENDENCIES
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, PREFECT_HOME, PREFECT_SERVER_LOGGING_LEVEL

    MODELS_DEPENDENCIES["database_config"] = patient(PREFECT_API_DATABASE_CONNECTION_URL.value())

    # As `prefect server start` runs it: its keep-alive of 5 s, and a line of log only from warnings on.
    config = uvicorn.Config(
        guarded(create_app(final=True, ephemeral=small), given.name or host_names(given.host, "")),
        host=given.host,
        port=given.port or 0,
        timeout_keep_alive=5,
        log_level=str(PREFECT_SERVER_LOGGING_LEVEL.value()).lower(),
    )

    class OneAtATime(uvicorn.Server):
        """Of servers that begin on one database, each finds it as the one before has left it: made, or migrated."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            with (PREFECT_HOME.value() / "starting.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                await super().startup(sockets)

    server = OneAtATime(config)
    if small:
        threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    with suppress(KeyboardInterrupt):
        server.run(sockets=[socket.socket(fileno=given.socket)] if small else None)
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)


def _end_with_input(server: uvicorn.Server) -> None:
    while os.read(0, 1024):  # not through sys.stdin, whose lock a thread may not hold when Python ends
        pass
    server.should_exit = True


if __name__ == "__main__":
    main()
