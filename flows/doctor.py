"""What `ricwatch doctor` examines: each finding says what is, and what to do where something is not."""

from __future__ import annotations

import asyncio
import os
import smtplib
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

from alerts.signing import make_signer
from flows.environment import running_api
from ingest.roster import load_roster
from ingest.topic import load_topic
from store.db import Store, newest_revision
from store.errors import RicwatchError
from store.settings import Settings

PROBED_FEEDS = 5
"""Feeds asked for an answer: enough to tell a cut network from a dead feed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One examined thing. `advice` is empty when nothing needs doing; `serious` findings stop the main job."""

    what: str
    state: str
    advice: str = ""
    serious: bool = False

    @property
    def well(self) -> bool:
        return not self.advice


def _guarded(what: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except (RicwatchError, OSError) as error:
        return Finding(what, str(error), "mend this first; the main job needs it", serious=True)


def python(_settings: Settings) -> Finding:
    """The interpreter."""
    return Finding("Python", sys.version.split()[0])


def folder(settings: Settings) -> Finding:
    """Whether results can be written."""
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    if not os.access(settings.var_dir, os.W_OK):
        return Finding("Folder", f"{settings.var_dir} is not writable", "set RICWATCH_VAR_DIR", serious=True)
    return Finding("Folder", f"{settings.var_dir} is writable")


def database(settings: Settings) -> Finding:
    """Whether the database answers and has the newest schema."""
    store = Store(settings.database)
    try:
        found, newest = store.revision(), newest_revision()
    finally:
        store.close()
    if found == newest:
        return Finding("Database", f"{store.safe_url}, schema {found}")
    if found is None:
        return Finding("Database", f"{store.safe_url} is empty", "`ricwatch run` makes it")
    return Finding("Database", f"{store.safe_url}, schema {found}, newest {newest}", "`ricwatch run` migrates it")


def topic(settings: Settings) -> Finding:
    """Whether the seed folder is whole."""
    content = load_topic(settings.seeds_dir)
    return Finding("Seeds", f"{settings.seeds_dir}: {len(content.themes)} themes, {len(content.claims)} claims")


def roster(settings: Settings) -> Finding:
    """Whether there is anything to poll."""
    feeds = load_roster(settings.feeds_file)
    enabled = sum(feed.enabled for feed in feeds)
    if not enabled:
        return Finding("Feeds", f"none of {len(feeds)} is enabled", f"enable some in {settings.feeds_file}", True)
    return Finding("Feeds", f"{enabled} of {len(feeds)} enabled")


def classifier(settings: Settings) -> Finding:
    """Whether the model loads."""
    from classify.model import get_backend

    return Finding("Classifier", get_backend(settings.model, load_topic(settings.seeds_dir)).version)


def mail(settings: Settings) -> Finding:
    """Whether mail would leave, signed where a key is set; nothing is sent and no password is used."""
    make_signer(settings)
    people = ", ".join(settings.recipients)
    if not settings.smtp_host:
        return Finding("Mail", f"Maildir {settings.var_dir / 'mail'} (for {people}); set RICWATCH_SMTP_HOST to send")
    where = f"{settings.smtp_host}:{settings.smtp_port} ({settings.smtp_security})"
    try:
        connect = smtplib.SMTP_SSL if settings.smtp_security == "tls" else smtplib.SMTP
        with connect(settings.smtp_host, settings.smtp_port, timeout=10) as server:
            server.ehlo()
            if settings.smtp_security == "starttls" and not server.has_extn("starttls"):
                return Finding(
                    "Mail",
                    f"{where} offers no STARTTLS",
                    "use another port, or RICWATCH_SMTP_SECURITY=none for a relay on this machine",
                    serious=True,
                )
    except (OSError, smtplib.SMTPException) as error:
        return Finding("Mail", f"{where} does not answer: {error}", "check RICWATCH_SMTP_HOST and _PORT", serious=True)
    return Finding("Mail", f"{where} answers, for {people}")


def server(settings: Settings) -> Finding:
    """Whether the schedules are running."""
    api = running_api(settings)
    if api is None:
        return Finding("Prefect", "no server is running: schedules do not fire; `ricwatch serve` starts it")
    return Finding("Prefect", f"server at {api.removesuffix('/api')}")


async def network(settings: Settings) -> Finding:
    """Whether the hosts of the first enabled feeds have addresses and take connections."""
    from urllib.parse import urlsplit

    feeds = [feed for feed in load_roster(settings.feeds_file) if feed.enabled][:PROBED_FEEDS]

    async def reach(url: str) -> bool:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            async with asyncio.timeout(10):
                _reader, writer = await asyncio.open_connection(parts.hostname, port)
        except (OSError, TimeoutError, socket.gaierror):
            return False
        writer.close()
        return True

    reached = sum(await asyncio.gather(*(reach(feed.url) for feed in feeds)))
    if reached:
        return Finding("Network", f"{reached} of {len(feeds)} probed feed hosts take connections")
    return Finding(
        "Network",
        f"none of {len(feeds)} probed feed hosts can be reached",
        "check the connection or the proxy; `ricwatch replay` shows the monitor without one",
    )


async def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order in which a person would mend them."""
    looks: list[tuple[str, Callable[[Settings], Finding]]] = [
        ("Python", python),
        ("Folder", folder),
        ("Database", database),
        ("Seeds", topic),
        ("Feeds", roster),
        ("Classifier", classifier),
        ("Mail", mail),
        ("Prefect", server),
    ]
    findings = [_guarded(what, lambda look=look: look(settings)) for what, look in looks]  # type: ignore[misc]
    try:
        findings.append(await network(settings))
    except RicwatchError:
        findings.append(Finding("Network", "not probed: the roster could not be read", "mend the roster first"))
    return findings
