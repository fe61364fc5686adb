"""DKIM signatures (RFC 6376) for those whose relay does not sign; most relays do, and then no key is set here."""

from __future__ import annotations

from collections.abc import Callable

from alerts.addresses import parse_address
from store.errors import ConfigError
from store.settings import Settings

Sign = Callable[[bytes], bytes]
"""A mail's bytes in, the same with a DKIM-Signature before them out."""

# RFC 6376 5.4.1, and RFC 8058 section 4: one-click unsubscribing counts only where a signature covers both headers.
_SIGNED = (
    b"from", b"to", b"subject", b"date", b"message-id", b"in-reply-to", b"references", b"list-id", b"list-unsubscribe",
    b"list-unsubscribe-post", b"mime-version", b"content-type", b"content-transfer-encoding", b"auto-submitted",
)  # fmt: skip
# Named once more than they are there: a second one added on the way breaks the signature (RFC 6376 8.15).
_ONCE = (b"from", b"subject")


def make_signer(settings: Settings) -> Sign | None:
    """Signs for the domain of the sender with the key of the settings; None where no key is set.

    Raises:
        ConfigError: the extra is not installed, the key cannot be read or is no RSA key, or the sender is no address.
    """
    if settings.dkim_key is None:
        return None
    try:
        import dkim
    except ImportError:
        raise ConfigError(
            "RICWATCH_DKIM_KEY is set, but signing needs the extra dkim: pip install 'ricwatch[dkim]'"
        ) from None
    domain = parse_address(settings.sender, "sender").domain
    try:
        key = settings.dkim_key.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"RICWATCH_DKIM_KEY: cannot read {settings.dkim_key}: {error.strerror or error}; name the file of the key"
        ) from None

    def sign(mime: bytes) -> bytes:
        there = {line.partition(b":")[0].lower() for line in mime.partition(b"\r\n\r\n")[0].split(b"\r\n")}
        header: bytes = dkim.sign(
            mime,
            settings.dkim_selector.encode("ascii"),
            domain.encode("ascii"),
            key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[*(name for name in _SIGNED if name in there), *_ONCE],
        )
        return header + mime

    try:
        sign(b"From: a@example.org\r\nSubject: trial\r\n\r\ntrial\r\n")
    except dkim.DKIMException as error:
        raise ConfigError(
            f"RICWATCH_DKIM_KEY: {settings.dkim_key} is no RSA key that can sign ({error}); make one with "
            "openssl genrsa -out dkim.pem 2048"
        ) from None
    return sign
