"""One mail to one reader, as an `EmailMessage`. No header is ever put together as a string of lines.

The structure is alternative(text, related(HTML, charts)): Gmail shows no data: images, so the
charts go along by Content-ID.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from urllib.parse import quote

from alerts.words import plain

_WHOLE = frozenset({"message-id", "in-reply-to", "references", "list-id", "list-unsubscribe"})


_LONGEST_WORD = 60


def _subject(text: str, linesep: str) -> str:
    """RFC 2047. As one run of encoded words, split between characters: Python 3.11's folding encodes word by word and
    loses a space here and there between two of them."""
    simple = text.isascii() and max((len(word) for word in text.split()), default=0) < _LONGEST_WORD
    return Header(text, None if simple else "utf-8", maxlinelen=76, header_name="Subject").encode(linesep=linesep)


class MailPolicy(EmailPolicy):
    """CRLF, folded RFC 2047 subjects, bodies in ASCII, and identifiers left whole.

    Python folds a long Message-ID or mailto: into encoded words, which RFC 2047 section 5 forbids there and no mail
    program undoes: threads and unsubscribing would break for every sender with a long domain. Headers that were read
    from a mail's bytes are written as they stood there.
    """

    def fold(self, name: str, value: str) -> str:
        if not hasattr(value, "name"):  # source text, not a header made here
            return f"{name}: {self.linesep.join(value.splitlines())}{self.linesep}"
        if name.lower() in _WHOLE:
            return f"{name}: {value}{self.linesep}"
        if name.lower() == "subject":
            return f"{name}: {_subject(str(value), self.linesep)}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() in (*_WHOLE, "subject") or not hasattr(value, "name"):
            return self.fold(name, value).encode("ascii")
        return super().fold_binary(name, value)


MAIL_POLICY = MailPolicy(linesep="\r\n", cte_type="7bit")
"""ASCII bodies, since a relay without 8BITMIME (RFC 6152) may refuse or garble others."""


@dataclass(frozen=True, slots=True)
class MailParts:
    """A rendered digest. `key` names it for ever, as *shift-2024-10-27-0*; `charts` are PNGs by Content-ID.

    `thread` names the digests that mail programs show beneath one another; empty takes those of the kind.
    """

    key: str
    kind: str
    reason: str
    subject: str
    text: str
    html: str
    charts: Mapping[str, bytes]
    replay: bool = False
    thread: str = ""


def sender_host(sender: Address) -> str:
    """The domain that names this monitor in Message-IDs and lists."""
    return sender.domain or "localhost"


def message_id(parts: MailParts, recipient: Address, sender: Address) -> str:
    """The same for the same digest and recipient, so that a repeat is recognised by whoever sees both.

    The recipient is hashed: a Message-ID is quoted in replies and archives, an address has no place there.
    """
    who = hashlib.sha256(recipient.addr_spec.lower().encode()).hexdigest()[:16]
    mark = "replay." if parts.replay else ""
    return f"<{mark}{parts.key}.{who}@ricwatch.{sender_host(sender)}>"


def content_id(key: str, chart: str) -> str:
    """The Content-ID of a chart, without brackets. It needs no domain that exists (RFC 2392)."""
    return f"{re.sub(r'[^a-z0-9-]', '-', chart.lower())}.{key}@ricwatch"


def build_message(
    parts: MailParts, recipient: Address, sender: Address, *, now: dt.datetime, unsubscribe_url: str = ""
) -> EmailMessage:
    """The mail to *recipient*, dated *now*. *unsubscribe_url* is the setting of that name.

    References names a root that was never sent: programs then show the mails of a thread beneath one another (the
    phantom root of Alertmanager's mails, its pull request 4623). One root alone: a second would join two threads.
    """
    host = sender_host(sender)
    message = EmailMessage(policy=MAIL_POLICY)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = plain(parts.subject, 400)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(parts, recipient, sender)
    thread = re.sub(r"[^a-z0-9.-]", "-", (parts.thread or parts.kind).lower())
    root = f"<{'replay.' if parts.replay else ''}digests.{thread}@ricwatch.{host}>"
    message["In-Reply-To"] = root
    message["References"] = root
    message["List-Id"] = f"ricwatch {parts.kind} digests <{parts.kind}.ricwatch.{host}>"
    by_mail = f"<mailto:{sender.addr_spec}?subject=unsubscribe>"
    if unsubscribe_url:
        # RFC 8058: the address first, and the header that says that a POST to it is enough. Only where there is one: a
        # mail program that gets no answer to its button tells the reader that unsubscribing failed.
        target = unsubscribe_url.replace("{recipient}", quote(recipient.addr_spec, safe=""))
        message["List-Unsubscribe"] = f"<{target}>, {by_mail}"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    else:
        message["List-Unsubscribe"] = by_mail
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    message["X-Ricwatch-Reason"] = plain(parts.reason, 60)
    message.set_content(parts.text)
    if not parts.html:
        return message  # a reader who asked for text alone
    message.add_alternative(parts.html, subtype="html")
    html = message.get_payload()[1]  # type: ignore[index]
    for cid, png in parts.charts.items():
        html.add_related(  # type: ignore[union-attr]
            png, "image", "png", cid=f"<{cid}>", filename=f"{cid.partition('.')[0]}.png", disposition="inline"
        )
    return message


def address_of(message: EmailMessage) -> str:
    """The bare address that *message* goes to."""
    return parseaddr(str(message["To"]))[1]
