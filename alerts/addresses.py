"""Mail addresses from settings and forms, checked before anything is composed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from email.errors import HeaderParseError
from email.headerregistry import Address, HeaderRegistry
from typing import Any

from store.errors import ConfigError

_headers: Callable[[str, str], Any] = HeaderRegistry()
_LOCAL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
"""The characters of an unquoted local part (RFC 5322 3.2.3)."""
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


def parse_address(text: str, what: str = "recipient") -> Address:
    """*text* as an address, with or without a name before it.

    >>> parse_address("Analyst <a@example.org>").addr_spec
    'a@example.org'

    Raises:
        ConfigError: it is none; the message names it and what it was given for.
    """
    shown = f"the {what} {text!r}"
    if any(unicodedata.category(ch) in ("Cc", "Cs", "Zl", "Zp") for ch in text):
        raise ConfigError(f"{shown} holds a control character; write one plain address such as analyst@example.org")
    try:
        # Not parseaddr: it takes the first of several addresses, and whether it may depends on Python's patch level.
        parsed = _headers("To", text.strip())
        name, spec = (parsed.addresses[0].display_name, parsed.addresses[0].addr_spec) if parsed.addresses else ("", "")
    except (HeaderParseError, UnicodeError, ValueError, IndexError, AttributeError):
        parsed, name, spec = None, "", ""
    local, at, domain = spec.rpartition("@")
    if parsed is None or parsed.defects or len(parsed.addresses) != 1 or not (at and local and domain):
        raise ConfigError(f"{shown} is not one mail address; write it as analyst@example.org")
    if not local.isascii():
        # RFC 6531: only servers with SMTPUTF8 take it, and a relay on the way may not.
        raise ConfigError(f"{shown} has letters before the @ that not every mail server takes; use an ASCII address")
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
        address = Address(display_name=name, username=local, domain=domain.lower())
        again = Address(addr_spec=address.addr_spec)
    except (HeaderParseError, UnicodeError, ValueError, IndexError) as error:
        raise ConfigError(f"{shown} is not a mail address that can be written to: {error}") from None
    fits = _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain) and len(address.addr_spec) <= 254
    if not fits or again.addr_spec != address.addr_spec:
        raise ConfigError(f"{shown} is not a mail address that can be written to")
    return address


def parse_recipients(texts: Iterable[str]) -> list[Address]:
    """Each address once, in order.

    Raises:
        ConfigError: one of them is no address.
    """
    found: dict[str, Address] = {}
    for text in texts:
        address = parse_address(text)
        found.setdefault(address.addr_spec.lower(), address)
    return list(found.values())
