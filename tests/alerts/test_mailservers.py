"""Digests on their whole way: composed, through Postfix into Dovecot, and shown by mutt and by Chromium."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser
from pydantic import SecretStr

from alerts.addresses import parse_address
from alerts.mail import build_message
from alerts.outbox import MailState, deliver, enqueue
from store.db import Store
from store.models import Digest, Outbox
from store.settings import Settings
from tests.alerts.helpers_browser import MEASURE, chromium
from tests.alerts.helpers_mailservers import DOMAIN, PASSWORD, PATIENCE, MailServers, mail_servers, missing
from tests.alerts.test_digest import NOW, add_shift, filled, run
from tests.alerts.test_mail import PARTS

__all__ = ["chromium", "filled"]

WATCH, BOUNCES, MOVED = f"watch@{DOMAIN}", f"bounces@{DOMAIN}", f"moved@{DOMAIN}"
READERS = [f"{name}@{DOMAIN}" for name in ("anna", "ravi", "wei")]
OTHERS = [f"{name}@{DOMAIN}" for name in ("cyrillic", "devanagari", "chinese", "mixed", "stays")]


@pytest.fixture(scope="module")
def servers() -> Iterator[MailServers]:
    if lacking := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(lacking)
        pytest.skip(lacking)
    with mail_servers([WATCH, BOUNCES, *READERS, *OTHERS], forwarding=[MOVED]) as running:
        yield running


@pytest.fixture
def sending(settings: Settings, servers: MailServers, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings as of a real provider: STARTTLS with a verified certificate, a login, bounces to an address apart."""
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificates.certificate))
    return settings.model_copy(
        update={
            "recipients": READERS, "sender": f"ricwatch <{WATCH}>", "bounce_address": BOUNCES,
            "smtp_host": "127.0.0.1", "smtp_port": servers.smtp, "smtp_username": WATCH,
            "smtp_password": SecretStr(PASSWORD), "smtp_timeout": PATIENCE,
        }
    )  # fmt: skip


@pytest.fixture
def digest(filled: Store, sending: Settings, servers: MailServers) -> EmailMessage:
    """A digest that tells a shift, as the first reader's mailbox has it."""
    _deliver_once(filled, sending, servers)
    return servers.read(READERS[0])[0]


def _deliver_once(store: Store, settings: Settings, servers: MailServers) -> None:
    add_shift(store)
    run(store, settings)
    report = deliver(store, settings, now=NOW)
    assert (report.sent, report.failed, report.unknown, report.problem) == (3, 0, 0, "")
    servers.inbox(READERS[-1])


def test_three_readers_get_the_same_digest_byte_for_byte(
    filled: Store,
    sending: Settings,
    servers: MailServers,
) -> None:
    before = {reader: len(servers.inbox(reader, 0)) for reader in READERS}
    _deliver_once(filled, sending, servers)
    with filled.session() as session:
        stored = {row.recipient: row.mime for row in session.query(Outbox)}
    for reader in READERS:
        got = servers.inbox(reader, before[reader] + 1)
        assert len(got) == before[reader] + 1
        # Servers put their own lines before a mail and change none of it.
        assert got[-1].endswith(stored[reader])
        assert f"Return-Path: <{BOUNCES}>".encode() in got[-1]


def test_a_mail_program_on_a_terminal_shows_the_text_part(digest: EmailMessage, servers: MailServers) -> None:
    shown = mutt(servers, READERS[0])
    plain = digest.get_body(("plain",))
    assert plain is not None
    for line in plain.get_content().splitlines():
        assert line.rstrip() in shown
    assert "Subject: [shift ↑] India–China coverage turned convergent, +0.73" in shown
    for word in ("习近平同莫迪在喀山会晤", "Индия и Китай объявили", "भारत और चीन सीमा पर"):
        assert word in shown


def mutt(servers: MailServers, user: str) -> str:
    """The newest mail of *user* as mutt shows it, fetched by its own IMAP, with its keys pressed as by a person."""
    out, rc = servers.folder / "shown.txt", servers.folder / "muttrc"
    pager = servers.folder / "pager"
    pager.write_text(f'#!/bin/sh\ncp "$1" {out}.part && mv {out}.part {out}\n', encoding="utf-8")
    pager.chmod(0o755)
    out.unlink(missing_ok=True)
    rc.write_text(
        f'set imap_user="{user}" imap_pass="{PASSWORD}" imap_authenticators=login ssl_starttls=no ssl_force_tls=no\n'
        f'set charset=utf-8 sort=reverse-mailbox-order pager="{pager}" folder="{servers.folder}" prompt_after=no\n'
        "ignore *\nunignore from to subject date\nalternative_order text/plain\n",
        encoding="utf-8",
    )
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8", "HOME": str(servers.folder)}
    command = ["mutt", "-n", "-F", str(rc), "-R", "-f", f"imap://127.0.0.1:{servers.imap}/INBOX"]
    running = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment)
    os.close(inner)
    screen, asked, end = b"", False, time.monotonic() + PATIENCE
    while not out.exists() and time.monotonic() < end:
        if select.select([outer], [], [], 0.05)[0]:
            screen += os.read(outer, 65_536)
        if not asked and b"Msgs:" in screen:
            os.write(outer, b"\r")
            asked = True
    running.terminate()
    running.wait()
    os.close(outer)
    assert out.exists(), f"mutt did not show the mail: {screen[-2_000:].decode(errors='replace')}"
    return out.read_text(encoding="utf-8")


@pytest.mark.browser
def test_the_html_part_with_its_pictures_is_legible_at_every_width(
    chromium: Browser, digest: EmailMessage, tmp_path: Path
) -> None:
    file = unpack(digest, tmp_path)
    for width in (360, 700, 1200):
        for scheme in ("light", "dark"):
            found, requests = look(chromium, file, width, scheme)
            assert found == {"low": [], "small": [], "width": width, "broken": 0}
            assert len([url for url in requests if url.endswith(".png")]) == 4  # three ties and their triangle
            assert all(url.startswith("file:") for url in requests)


def unpack(mail: EmailMessage, folder: Path) -> Path:
    """The HTML part as a file, with the pictures beside it that it names by Content-ID."""
    html = mail.get_body(("html",))
    assert html is not None
    page = html.get_content()
    for part in mail.walk():
        if part["Content-ID"]:
            name = f"{part.get_filename()}"
            (folder / name).write_bytes(part.get_content())
            page = page.replace(f"cid:{part['Content-ID'].strip('<>')}", name)
    assert "cid:" not in page
    file = folder / "mail.html"
    file.write_text(page, encoding="utf-8")
    return file


def look(chromium: Browser, file: Path, width: int, scheme: Literal["light", "dark"]) -> tuple[Any, list[str]]:
    """What the browser finds on the page, and every address that it asked for."""
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    found = page.evaluate(MEASURE)
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/digest-{width}-{scheme}.png", full_page=True)
    page.close()
    return found, requests


def queue(store: Store, settings: Settings, *mails: tuple[str, str]) -> dict[str, int]:
    """A mail for each recipient with its subject; gives their numbers."""
    with store.session() as session:
        made = Digest(
            kind="manual", reason="manual", day=NOW.date(), period_start=NOW.date(), subject="", html="", text="",
            facts={}, shift_ids=[], model="m", composed_at=NOW,
        )  # fmt: skip
        session.add(made)
        session.flush()
        sender = parse_address(settings.sender)
        messages = [
            build_message(replace(PARTS, subject=subject), parse_address(to), sender, now=NOW) for to, subject in mails
        ]
        return {row.recipient: row.id for row in enqueue(session, made, messages)}


SUBJECTS = {
    "cyrillic": "[new] Повестка вне тем: «Северный морской путь», контейнеры, ледоколы и ещё тридцать сообщений",
    "devanagari": "[new] विषयों से बाहर एक कथा: ब्रह्मपुत्र, बाँध, जल-आँकड़े – २३ समाचार, सात प्रकाशनों में",
    "chinese": "[new] 主题之外的叙事：雅鲁藏布江水电站、下游水文数据、生态影响评估，九家媒体二十三篇报道，持续三周",
    "mixed": "[shift ↑] 印度 and Россия: भारत–रूस coverage, +0.73 – “e\u0301” ✓",
}


def test_subjects_in_any_script_arrive_intact(store: Store, sending: Settings, servers: MailServers) -> None:
    queue(store, sending, *((f"{name}@{DOMAIN}", subject) for name, subject in SUBJECTS.items()))
    assert deliver(store, sending, now=NOW).sent == len(SUBJECTS)
    for name, subject in SUBJECTS.items():
        (mail,) = servers.read(f"{name}@{DOMAIN}")
        assert mail["Subject"] == subject
        assert subject[:30] in mutt(servers, f"{name}@{DOMAIN}")


def test_a_reader_whom_the_server_does_not_know_fails_alone(
    store: Store, sending: Settings, servers: MailServers
) -> None:
    numbers = queue(store, sending, (f"nobody@{DOMAIN}", "One"), (OTHERS[-1], "Two"))
    report = deliver(store, sending, now=NOW)
    assert (report.sent, report.failed, report.waiting, report.unknown) == (1, 1, 0, 0)
    with store.session() as session:
        refused = session.get_one(Outbox, numbers[f"nobody@{DOMAIN}"])
        assert (refused.state, refused.last_code) == (MailState.FAILED, 550)
        assert re.search(r"nobody@.*User unknown", refused.last_text)
    assert [mail["Subject"] for mail in servers.read(OTHERS[-1])] == ["Two"]


def test_a_mail_that_turns_out_undeliverable_comes_back_to_the_bounce_address(
    store: Store, sending: Settings, servers: MailServers
) -> None:
    queue(store, sending, (MOVED, "Moved away"))
    assert deliver(store, sending, now=NOW).sent == 1  # the server took it, and found out later
    (bounce,) = servers.read(BOUNCES)
    assert bounce["Auto-Submitted"] == "auto-replied"
    assert f"Final-Recipient: rfc822; {MOVED}" in bounce.as_string()
    assert servers.inbox(WATCH, 0) == []
