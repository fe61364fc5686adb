"""Handing one mail over: to an SMTP server, or into a Maildir where none is set. Each answer is a typed outcome."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import mailbox
import os
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alerts.words import plain
from store.errors import ConfigError
from store.settings import Settings


@dataclass(frozen=True, slots=True)
class Envelope:
    """A mail as it is handed over; `sender` is the envelope sender, where bounces go."""

    message_id: str
    sender: str
    recipient: str
    mime: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """Handed over; `where` says where it lies or who took it."""

    where: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Refused for good (5xx): trying again would bring the same answer."""

    text: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not taken now (4xx, or the connection broke before any of the mail was sent): safe to try again."""

    text: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The connection broke after the mail began to flow: the server may or may not have taken it."""

    text: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No mail can be handed over at present, whichever it is: no connection, no TLS, the login or the sender was
    refused."""

    text: str


@dataclass(frozen=True, slots=True)
class Taken:
    """Another process began with this mail first; it is left to that one."""


Outcome = Accepted | Refused | Deferred | Unknown | Unreachable | Taken
Claim = Callable[[], bool]
"""Called right before the first byte of the mail is sent; False means that someone else has it."""


class Transport(Protocol):
    """A way for mails to leave."""

    @property
    def name(self) -> str:
        """What is written into the outbox while a mail is on its way."""
        ...

    def send(self, envelope: Envelope, claim: Claim) -> Outcome:
        """Hand one mail over; calls *claim* once before anything is transmitted."""
        ...

    def settle(self, message_id: str) -> Accepted | Deferred | Unknown:
        """What became of a mail that an earlier process was handing over through this transport when it ended."""
        ...

    def close(self) -> None:
        """Say goodbye."""
        ...


class MaildirTransport:
    """Mails as files under *folder*, for `mutt -f`, any other mail program, or a plain look.

    A mail's file name comes from its Message-ID and the last step is a hard link, which the file system grants once:
    however often and by however many processes a mail is delivered, it lies there once, and an interrupted delivery
    can be told from a finished one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            mailbox.Maildir(folder, create=True)
            for part in ("tmp", "new", "cur"):  # a folder that existed but was no Maildir yet
                (folder / part).mkdir(exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot make the Maildir {folder}: {error.strerror or error}") from error

    @property
    def name(self) -> str:
        return f"maildir {self.folder}"

    def find(self, message_id: str) -> Path | None:
        """Where the mail with this Message-ID lies, read or not."""
        name = self._file_name(message_id)
        new = self.folder / "new" / name
        if new.exists():
            return new
        return next((self.folder / "cur").glob(f"{name}*"), None)

    def send(self, envelope: Envelope, claim: Claim) -> Outcome:
        if not claim():
            return Taken()
        name = self._file_name(envelope.message_id)
        draft = self.folder / "tmp" / f"{name}.{os.getpid()}"
        target = self.folder / "new" / name
        try:
            lies = self.find(envelope.message_id)
            if lies is not None:
                return Accepted(str(lies))
            with draft.open("wb") as out:
                # A Maildir holds local line endings; CRLF is for the wire only.
                out.write(envelope.mime.replace(b"\r\n", b"\n"))
                out.flush()
                os.fsync(out.fileno())
            with contextlib.suppress(FileExistsError):
                target.hardlink_to(draft)
        except OSError as error:
            return Unreachable(f"cannot write into the Maildir {self.folder}: {error.strerror or error}")
        finally:
            draft.unlink(missing_ok=True)
        return Accepted(str(target))

    def settle(self, message_id: str) -> Accepted | Deferred | Unknown:
        lies = self.find(message_id)
        return Accepted(str(lies)) if lies else Deferred("an earlier run ended before it was written")

    def close(self) -> None:
        pass

    @staticmethod
    def _file_name(message_id: str) -> str:
        return f"{hashlib.sha256(message_id.encode()).hexdigest()[:40]}.ricwatch"


class SmtpTransport:
    """Mails to the server of the settings, over one connection for as long as it lasts."""

    def __init__(self, settings: Settings, context: ssl.SSLContext | None = None) -> None:
        check_smtp(settings)
        self._settings = settings
        # Certificates are verified against the system's authorities, host name included.
        self._context = context or ssl.create_default_context()
        self._server: smtplib.SMTP | None = None

    @property
    def name(self) -> str:
        return f"smtp {self._settings.smtp_host}:{self._settings.smtp_port}"

    def send(self, envelope: Envelope, claim: Claim) -> Outcome:
        try:
            server = self._connected()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Unreachable(self._say("cannot use", error))
        try:
            early = self._up_to_data(server, envelope, claim)
        except (OSError, smtplib.SMTPException) as error:
            # Nothing of the mail was sent yet, so nothing can have been taken.
            self._drop()
            return Deferred(self._say("the connection broke before the mail was sent to", error))
        return early or self._data(server, envelope)

    def _up_to_data(self, server: smtplib.SMTP, envelope: Envelope, claim: Claim) -> Outcome | None:
        code, reply = server.mail(envelope.sender)
        if 500 <= code < 600:
            # No fault of this mail: the server would refuse the next one alike, and a corrected setting mends all.
            return Unreachable(
                f"{self._settings.smtp_host} refuses the sender {envelope.sender}: {code} {self._clean(reply)}"
            )
        if code != 250:
            return self._not_taken(server, code, reply)
        code, reply = server.rcpt(envelope.recipient)
        if code not in (250, 251):
            return self._not_taken(server, code, reply)
        if not claim():
            server.rset()
            return Taken()
        code, reply = server.docmd("DATA")
        return None if code == 354 else self._not_taken(server, code, reply)

    def _data(self, server: smtplib.SMTP, envelope: Envelope) -> Outcome:
        try:
            server.send(_dotted(envelope.mime))
            code, reply = server.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Unknown(self._say("the connection broke while the mail was being sent to", error))
        if 200 <= code < 300:
            return Accepted(f"{self._settings.smtp_host}: {self._clean(reply)}", code)
        return self._not_taken(server, code, reply)

    def settle(self, message_id: str) -> Accepted | Deferred | Unknown:  # noqa: ARG002 (no server answers such a question)
        return Unknown("an earlier run ended while this mail was being sent; the server may have taken it")

    def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()

    def greet(self) -> None:
        """Connect, secure the connection and log in, as for a mail, and hang up.

        Raises:
            OSError, smtplib.SMTPException: what failed.
        """
        try:
            self._connected()
        finally:
            self.close()

    def _connected(self) -> smtplib.SMTP:
        if self._server is not None:
            return self._server
        settings = self._settings
        if settings.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.smtp_host, settings.smtp_port, timeout=settings.smtp_timeout, context=self._context
            )
        else:
            server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=settings.smtp_timeout)
        self._server = server
        server.ehlo_or_helo_if_needed()
        if settings.smtp_security == "starttls":
            # Raises where the server does not offer it: a mail never goes on in clear because someone in the middle
            # took the offer out of the answer.
            server.starttls(context=self._context)
            server.ehlo()
        if settings.smtp_username:
            server.login(settings.smtp_username, settings.smtp_password.get_secret_value())
        return server

    def _not_taken(self, server: smtplib.SMTP, code: int, reply: bytes) -> Deferred | Refused:
        if code == 421:  # RFC 5321 3.8: the server is closing the connection
            self._drop()
        else:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.rset()
        text = f"{code} {self._clean(reply)}"
        return Refused(text, code) if 500 <= code < 600 else Deferred(text, code)

    def _drop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.close()

    def _say(self, what: str, error: Exception) -> str:
        where = f"{what} {self._settings.smtp_host}:{self._settings.smtp_port}"
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return f"{where}: the login was refused ({error.smtp_code} {self._clean(error.smtp_error)})"
        if isinstance(error, smtplib.SMTPResponseException):
            return f"{where}: {error.smtp_code} {self._clean(error.smtp_error)}"
        return f"{where}: {self._clean(str(error) or type(error).__name__)}"

    def _clean(self, reply: bytes | str) -> str:
        """A server's words on one line; a server that echoes the password does not get it into the outbox."""
        text = plain(reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply, 300)
        secret = self._settings.smtp_password.get_secret_value()
        return text.replace(secret, "***") if secret else text


def check_smtp(settings: Settings) -> None:
    """Refuse what would put a password on the wire in clear.

    Raises:
        ConfigError: a user is set, TLS is off, and the server is not on this machine.
    """
    if settings.smtp_username and settings.smtp_security == "none" and not is_loopback(settings.smtp_host):
        raise ConfigError(
            f"RICWATCH_SMTP_SECURITY=none would send the password for {settings.smtp_host} unencrypted; "
            "use starttls or tls, or leave RICWATCH_SMTP_USERNAME empty"
        )


def is_loopback(host: str) -> bool:
    """Whether *host* is this machine, by name or number; no name is looked up.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("localhost.example.org")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def make_transport(settings: Settings) -> Transport:
    """The way out that the settings name."""
    return SmtpTransport(settings) if settings.smtp_host else MaildirTransport(settings.var_dir / "mail")


def _dotted(mime: bytes) -> bytes:
    """The mail as DATA wants it: CRLF, dots at line starts doubled, a lone dot at the end (RFC 5321 4.5.2)."""
    lines = re.sub(rb"\r\n|\n|\r", b"\r\n", mime)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", lines) + b".\r\n"
