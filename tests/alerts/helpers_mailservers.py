"""Postfix and Dovecot on loopback for as long as a block lasts, with folders, ports and users of their own.

The system's own mail services are neither started nor touched. Postfix wants to be started by the superuser and then
works as its own user; the mailboxes belong to the user `mail`.
"""

from __future__ import annotations

import imaplib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from tests.alerts.helpers_tls import Certificates, make_certificates

PATIENCE = 30.0
"""Seconds until a server that does not answer, or a mail that does not come, is a failure."""
PASSWORD = "correct horse battery"
DOMAIN = "readers.example"
_SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
_MASTER = """\
127.0.0.1:{smtp} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
lmtp unix - - n - - lmtp
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = mail.{domain}
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks =
default_transport = error:this server sends nothing to other machines
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = encrypt
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = inline:{{ {known} }}
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
"""
_DOVECOT = """\
protocols = imap lmtp
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%u
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {auth}
  }}
}}
"""


def missing() -> str:
    """What keeps the servers from being started here, with what to do about it; empty where nothing does."""
    absent = [name for name in ("postfix", "dovecot", "mutt") if _found(name) is None]
    if absent:
        return (
            f"no {', '.join(absent)} on this machine; install the packages postfix, dovecot-imapd, dovecot-lmtpd, mutt"
        )
    if os.geteuid() != 0:
        return "Postfix is started by the superuser only; run these tests as root, in a container for example"
    version = subprocess.run([str(_found("dovecot")), "--version"], capture_output=True, text=True, check=True).stdout
    return "" if version.startswith("2.3.") else f"Dovecot {version.split()[0]} has another configuration than 2.3"


def _found(program: str) -> str | None:
    return shutil.which(program, path=_SEARCHED)


@dataclass(frozen=True)
class MailServers:
    """The running servers. Each of `users` has a mailbox; who may send is one of them."""

    folder: Path
    smtp: int
    imap: int
    certificates: Certificates
    users: Sequence[str]

    def inbox(self, user: str, at_least: int = 1) -> list[bytes]:
        """The mails of *user*, as IMAP gives them, once there are *at_least* so many.

        Raises:
            TimeoutError: they did not come; the servers' logs are in the message.
        """
        end = time.monotonic() + PATIENCE
        with imaplib.IMAP4("127.0.0.1", self.imap) as box:
            box.login(user, PASSWORD)
            while True:
                _, (count,) = box.select("INBOX", readonly=True)
                if int(count or b"0") >= at_least:
                    break
                if time.monotonic() > end:
                    raise TimeoutError(f"{count!r} of {at_least} mails for {user}; {self.logs()}")
                time.sleep(0.05)
            found = []
            for number in range(1, int(count or b"0") + 1):
                _, parts = box.fetch(str(number), "(BODY.PEEK[])")
                found += [part[1] for part in parts if isinstance(part, tuple)]
            return found

    def read(self, user: str, at_least: int = 1) -> list[EmailMessage]:
        """The mails of *user*, parsed."""
        return [message_from_bytes(raw, policy=default) for raw in self.inbox(user, at_least)]

    def logs(self) -> str:
        """What both servers wrote last."""
        files = [self.folder / "postfix.log", self.folder / "dovecot.log"]
        return "\n".join(file.read_text(errors="replace")[-2_000:] for file in files if file.exists())


@contextmanager
def mail_servers(users: Sequence[str], forwarding: Sequence[str] = ()) -> Iterator[MailServers]:
    """Both servers, with a mailbox for each of *users*.

    Postfix also takes mail for *forwarding*, whom Dovecot does not know: such a mail comes back as a bounce.
    """
    # Not a folder of pytest: the servers' own users must be able to enter it, and its sockets want short names.
    with tempfile.TemporaryDirectory(prefix="rw-mail-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        certificates = make_certificates(folder)
        ports = dict(zip(("smtp", "imap", "lmtp", "auth"), _free_ports(4), strict=True))
        fields = {
            **ports, "folder": folder, "domain": DOMAIN, "certificate": certificates.certificate,
            "key": certificates.key, "known": ", ".join(f"{{{user} = ok}}" for user in (*users, *forwarding)),
        }  # fmt: skip
        _write(folder, users, fields)
        dovecot = subprocess.Popen([str(_found("dovecot")), "-F", "-c", str(folder / "dovecot.conf")])
        postfix = [str(_found("postfix")), "-c", str(folder / "postfix")]
        try:
            subprocess.run([*postfix, "start"], check=True, capture_output=True)
            try:
                made = MailServers(folder, ports["smtp"], ports["imap"], certificates, users)
                for port in ports.values():
                    _wait_for(port, made)
                yield made
            finally:
                subprocess.run([*postfix, "stop"], check=False, capture_output=True)
        finally:
            dovecot.terminate()
            dovecot.wait(PATIENCE)


def _write(folder: Path, users: Sequence[str], fields: dict[str, object]) -> None:
    (folder / "users").write_text("".join(f"{user}:{{PLAIN}}{PASSWORD}\n" for user in users), encoding="utf-8")
    (folder / "dovecot.conf").write_text(_DOVECOT.format(**fields), encoding="utf-8")
    for part in ("postfix", "queue", "data", "mail", "state"):
        (folder / part).mkdir()
    shutil.chown(folder / "data", "postfix")
    shutil.chown(folder / "mail", "mail", "mail")
    (folder / "postfix" / "main.cf").write_text(_MAIN.format(**fields), encoding="utf-8")
    (folder / "postfix" / "master.cf").write_text(_MASTER.format(**fields), encoding="utf-8")


def _free_ports(count: int) -> list[int]:
    bound = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in bound]
    for one in bound:
        one.close()
    return ports


def _wait_for(port: int, made: MailServers) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise TimeoutError(f"nobody listens on port {port}; {made.logs()}") from None
            time.sleep(0.05)
        else:
            return
