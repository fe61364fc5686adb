"""Settings of sending: how many an hour, where bounces go, DKIM, and unsubscribing by one click."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from alerts.digest import run_digest
from alerts.mail import build_message
from alerts.outbox import deliver
from alerts.signing import make_signer
from alerts.transport import Accepted, Envelope, Outcome, Refused, Unknown
from store.db import Store
from store.errors import ConfigError
from store.models import Digest, Outbox
from store.settings import Settings, get_settings
from tests.alerts.test_digest import DAY, MODEL, filled
from tests.alerts.test_mail import PARTS, READER, SENDER
from tests.alerts.test_outbox import NOW, FakeWay, always, mail, queue

__all__ = ["filled"]

MINUTE = dt.timedelta(minutes=1)


def limited(settings: Settings, limit: int) -> Settings:
    return settings.model_copy(update={"mails_per_hour": limit})


def test_what_does_not_fit_into_the_hour_waits_with_the_reason_and_goes_later(store: Store, settings: Settings) -> None:
    numbers = queue(store, *(f"{n}@example.org" for n in range(5)))
    ways = [always(Accepted("ok")) for _ in range(4)]
    at = [NOW, NOW + 59 * MINUTE, NOW + 60 * MINUTE, NOW + 121 * MINUTE]
    reports = [deliver(store, limited(settings, 2), now=now, transport=way) for now, way in zip(at, ways, strict=True)]
    assert [(report.sent, report.waiting, report.held) for report in reports] == [
        (2, 3, 3),
        (0, 3, 3),
        (2, 1, 1),
        (1, 0, 0),
    ]
    assert [to for way in ways for to in way.given] == [f"{n}@example.org" for n in range(5)]
    assert mail(store, numbers[-1]).attempts == 1


def test_a_mail_that_waits_says_why(store: Store, settings: Settings) -> None:
    numbers = queue(store, "a@example.org", "b@example.org")
    deliver(store, limited(settings, 1), now=NOW, transport=always(Accepted("ok")))
    row = mail(store, numbers[1])
    assert row.last_text == "waits: 1 an hour may leave (RICWATCH_MAILS_PER_HOUR)"
    assert (row.state, row.next_try_at, row.attempts) == ("pending", None, 0)


@pytest.mark.parametrize("outcome", [Refused("550 no", 550), Unknown("broke off")])
def test_what_a_server_may_have_counted_uses_up_the_hour(store: Store, settings: Settings, outcome: Outcome) -> None:
    queue(store, "a@example.org", "b@example.org")
    way = always(outcome)
    assert deliver(store, limited(settings, 1), now=NOW, transport=way).held == 1
    assert way.given == ["a@example.org"]


def test_no_limit_holds_nothing_back(store: Store, settings: Settings) -> None:
    queue(store, *(f"{n}@example.org" for n in range(30)))
    report = deliver(store, settings, now=NOW, transport=always(Accepted("ok")))
    assert (report.sent, report.held) == (30, 0)


def test_a_mail_put_off_by_the_server_is_not_counted_as_held(store: Store, settings: Settings) -> None:
    numbers = queue(store, "a@example.org", "b@example.org", "c@example.org")
    with store.session() as session:
        session.get_one(Outbox, numbers[2]).next_try_at = NOW + MINUTE
    report = deliver(store, limited(settings, 1), now=NOW, transport=always(Accepted("ok")))
    assert (report.waiting, report.held) == (2, 1)
    assert mail(store, numbers[2]).last_text == ""


def test_bounces_go_to_an_address_of_their_own_and_the_reader_sees_the_sender(store: Store, settings: Settings) -> None:
    queue(store, "a@example.org")
    seen: list[Envelope] = []

    def keep(envelope: Envelope) -> Outcome:
        seen.append(envelope)
        return Accepted("ok")

    deliver(
        store, settings.model_copy(update={"bounce_address": "bounces@watch.example"}), now=NOW, transport=FakeWay(keep)
    )
    assert seen[0].sender == "bounces@watch.example"
    assert b"From: ricwatch@watch.example\r\n" in seen[0].mime
    assert b"bounces@" not in seen[0].mime


def test_a_bounce_address_that_is_none_is_named_before_anything_is_sent(store: Store, settings: Settings) -> None:
    (number,) = queue(store, "a@example.org")
    with pytest.raises(ConfigError, match="the bounce address 'nowhere'"):
        deliver(store, settings.model_copy(update={"bounce_address": "nowhere"}), now=NOW)
    assert mail(store, number).attempts == 0


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://watch.example/leave", "<https://watch.example/leave>"),
        ("https://watch.example/leave?who={recipient}", "<https://watch.example/leave?who=analyst%40example.org>"),
    ],
)
def test_one_click_unsubscribing_is_offered_where_something_answers_it(url: str, header: str) -> None:
    made = build_message(PARTS, READER, SENDER, now=NOW, unsubscribe_url=url)
    read = message_from_bytes(made.as_bytes(), policy=default)
    assert read["List-Unsubscribe"] == f"{header}, <mailto:ricwatch@watch.example?subject=unsubscribe>"
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    by_mail = build_message(PARTS, READER, SENDER, now=NOW)
    assert by_mail["List-Unsubscribe-Post"] is None
    assert "https" not in by_mail["List-Unsubscribe"]


@pytest.mark.parametrize(
    "url",
    ["http://watch.example/leave", "watch.example", "https://a b", "https://a>,<mailto:x@y", "https://a\r\nBcc: x@y"],
)
def test_an_address_that_cannot_stand_in_the_header_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RICWATCH_UNSUBSCRIBE_URL", url)
    with pytest.raises(ConfigError, match="RICWATCH_UNSUBSCRIBE_URL"):
        get_settings()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Callable[..., bytes]]:
    """A private key as a file, and the answer of a DNS that has the public one."""
    made = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    file = tmp_path_factory.mktemp("dkim") / "dkim.pem"
    file.write_bytes(
        made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    pem = made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    body = b"".join(pem.splitlines()[1:-1])

    def dns(name: bytes, timeout: int = 5) -> bytes:
        assert name.rstrip(b".") == b"autumn._domainkey.watch.example"
        return b"v=DKIM1; k=rsa; p=" + body

    return file, dns


def signing(settings: Settings, file: Path) -> Settings:
    return settings.model_copy(
        update={
            "dkim_key": file, "dkim_selector": "autumn", "sender": "ricwatch <ricwatch@watch.example>",
            "unsubscribe_url": "https://watch.example/leave",
        }
    )  # fmt: skip


def test_the_bytes_in_the_outbox_are_signed_and_the_signature_holds_for_them(
    filled: Store, settings: Settings, key: tuple[Path, Callable[..., bytes]]
) -> None:
    file, dns = key
    run_digest(filled, signing(settings, file), MODEL, day=DAY, now=NOW, kind="weekly")
    with filled.session() as session:
        (mime,) = [row.mime for row in session.query(Outbox)]
    assert mime.startswith(b"DKIM-Signature: ")
    assert dkim.verify(mime, dnsfunc=dns)
    signed = message_from_bytes(mime, policy=default)["DKIM-Signature"].replace(" ", "").replace("\t", "")
    covered = signed.partition("h=")[2].partition(";")[0].split(":")
    assert {"from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post"} <= set(covered)
    assert covered.count("from") == covered.count("subject") == 2
    for old, new in (
        (b"Subject: ", b"Subject: x"),
        (b"List-Unsubscribe: <", b"List-Unsubscribe: <x"),
        (b"ricwatch", b"r1cwatch"),
    ):
        assert not dkim.verify(mime.replace(old, new, 1) if old != b"ricwatch" else mime.replace(old, new), dnsfunc=dns)
    assert not dkim.verify(b"Subject: another\r\n" + mime, dnsfunc=dns)


def test_a_signed_mail_is_delivered_as_it_was_signed(
    filled: Store, settings: Settings, key: tuple[Path, Callable[..., bytes]]
) -> None:
    file, dns = key
    run_digest(filled, signing(settings, file), MODEL, day=DAY, now=NOW, kind="weekly")
    (row,) = deliver(filled, signing(settings, file), now=NOW).rows
    assert dkim.verify(Path(row.where).read_bytes().replace(b"\n", b"\r\n"), dnsfunc=dns)


def test_without_a_key_nothing_is_signed(settings: Settings) -> None:
    assert make_signer(settings) is None


def test_without_the_extra_one_line_says_what_to_install_and_nothing_is_stored(
    filled: Store, settings: Settings, key: tuple[Path, Callable[..., bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dkim", None)
    with pytest.raises(ConfigError, match=r"pip install 'ricwatch\[dkim\]'"):
        run_digest(filled, signing(settings, key[0]), MODEL, day=DAY, now=NOW, kind="weekly")
    with filled.session() as session:
        assert session.query(Digest).count() == 0


def test_a_key_that_cannot_sign_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*absent\.pem"):
        make_signer(signing(settings, tmp_path / "absent.pem"))
    other = tmp_path / "other.pem"
    for content in (
        b"no key",
        b"",
        b"\xff\xfe",
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    ):
        other.write_bytes(content)
        with pytest.raises(ConfigError, match=r"other\.pem is no RSA key"):
            make_signer(signing(settings, other))
