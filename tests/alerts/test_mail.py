"""The mail as a mail program reads it back."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.addresses import parse_address, parse_recipients
from alerts.draft import thread as draft_thread
from alerts.mail import MailParts, build_message, content_id, message_id
from alerts.model import Kind
from alerts.notify import DigestKind, Reason
from alerts.words import plain
from ingest.ties import ties
from store.errors import ConfigError
from tests.alerts.helpers_digest import facts, shift

NOW = dt.datetime(2024, 10, 28, 1, 0, tzinfo=dt.UTC)
SENDER = parse_address("ricwatch <ricwatch@watch.example>", "sender")
READER = parse_address("Analyst <analyst@example.org>")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
PARTS = MailParts(
    key="shift-2024-10-27-0",
    kind="shift",
    reason="shift_opened",
    subject="[shift ↑] India–China coverage turned convergent, +0.73",
    text="Обзор: भारत 印度 ‒ ok\n" + "x" * 1200 + "\n.\nFrom here\n",
    html='<p lang="ru">Обзор</p><img src="cid:in-cn.shift-2024-10-27-0@ricwatch" alt="x">',
    charts={content_id("shift-2024-10-27-0", "in-cn"): PNG},
)


def read_back(message: EmailMessage) -> EmailMessage:
    parsed = message_from_bytes(message.as_bytes(), policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_both_parts_and_the_chart_come_back_as_they_went_in() -> None:
    mail = read_back(build_message(PARTS, READER, SENDER, now=NOW))
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == PARTS.text
    assert html.get_content().strip() == PARTS.html
    charts = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert [part["Content-ID"] for part in charts] == ["<in-cn.shift-2024-10-27-0@ricwatch>"]
    assert charts[0].get_content() == PNG


def test_the_structure_is_alternative_of_text_and_related() -> None:
    mail = read_back(build_message(PARTS, READER, SENDER, now=NOW))
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]


def test_every_reference_in_the_html_has_its_picture() -> None:
    mail = read_back(build_message(PARTS, READER, SENDER, now=NOW))
    cids = {part["Content-ID"].strip("<>") for part in mail.walk() if part["Content-ID"]}
    assert all(f"cid:{cid}" in PARTS.html for cid in cids)


def test_headers() -> None:
    mail = read_back(build_message(PARTS, READER, SENDER, now=NOW))
    assert mail["Subject"] == PARTS.subject
    assert mail["From"].addresses[0].addr_spec == "ricwatch@watch.example"
    assert mail["To"].addresses[0].addr_spec == "analyst@example.org"
    assert mail["Date"].datetime == NOW
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "ricwatch shift digests <shift.ricwatch.watch.example>"
    assert mail["List-Unsubscribe"] == "<mailto:ricwatch@watch.example?subject=unsubscribe>"
    assert mail["References"] == mail["In-Reply-To"] == "<digests.shift@ricwatch.watch.example>"
    assert mail["X-Ricwatch-Reason"] == "shift_opened"
    assert mail["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize(
    ("changes", "thread"),
    [
        ({}, "shift.in-cn"),
        ({"shifts": (shift(dyad="IN-RU", returned=True),)}, "shift.in-ru"),
        ({"shifts": (shift(id=8, dyad="IN-RU", log_evidence=7.0), shift())}, "shift.in-cn"),
        ({"shifts": tuple(shift(id=n, dyad=dyad) for n, dyad in enumerate(ties().dyads))}, "shift.all-ties"),
        ({"shifts": (shift(dyad="", kind=Kind.THEME, theme_code="energy"),)}, "shift.energy"),
        ({"kind": DigestKind.WEEKLY}, "weekly"),
        ({"shifts": (), "reason": Reason.NARRATIVE_FOUND}, "shift"),
    ],
)
def test_the_mails_of_one_tie_are_a_thread(changes: dict[str, object], thread: str) -> None:
    parts = replace(PARTS, thread=draft_thread(facts(**changes)))
    mail = read_back(build_message(parts, READER, SENDER, now=NOW))
    assert mail["References"] == mail["In-Reply-To"] == f"<digests.{thread}@ricwatch.watch.example>"


@pytest.mark.parametrize(
    "subject",
    [
        "[shift ↑] Индия–Китай: освещение стало теплее, +0,73 " * 2,
        "[shift ↓] भारत–चीन कवरेज में विचलन, −0.40 " * 2,
        "[shift ↑] 印度与中国的报道趋于接近 " * 5,
        "REPLAY: [shift ↑1 ↓1] India–China coverage turned convergent, +0.73; two more",
        "x" * 300,
    ],
)
def test_subjects_in_any_script_fold_and_come_back(subject: str) -> None:
    message = build_message(replace(PARTS, subject=subject), READER, SENDER, now=NOW)
    raw = message.as_bytes()
    if " " in subject:
        assert max(len(line) for line in raw.split(b"\r\n\r\n")[0].split(b"\r\n")) <= 78
    assert read_back(message)["Subject"] == " ".join(subject.split())


@given(st.text(st.sampled_from('ab .,=?_Жя–−↑ कि印 \r\n\t\x00\u202e"<>@'), min_size=1, max_size=150))
def test_any_subject_comes_back_as_one_plain_line(subject: str) -> None:
    message = build_message(replace(PARTS, subject=subject), READER, SENDER, now=NOW)
    assert read_back(message)["Subject"] == plain(subject)


def test_the_bytes_are_ascii_lines_that_any_relay_takes() -> None:
    raw = build_message(PARTS, READER, SENDER, now=NOW).as_bytes()
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


def test_identifiers_of_a_long_domain_are_never_folded_into_encoded_words() -> None:
    sender = parse_address("ricwatch@" + ".".join(["department-of-long-names"] * 6) + ".example")
    raw = build_message(PARTS, READER, sender, now=NOW).as_bytes().split(b"\r\n\r\n")[0]
    headers = dict(line.split(b": ", 1) for line in raw.split(b"\r\n") if not line.startswith(b" ") and b": " in line)
    for name in (b"Message-ID", b"References", b"In-Reply-To", b"List-Id", b"List-Unsubscribe"):
        assert b"=?" not in headers[name]
        assert b"department-of-long-names.example" in headers[name]


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@example.org", "a\nX: y", "a\rb", "a\x00b", "a\u2028b"])
def test_no_field_can_add_a_header(bad: str) -> None:
    message = build_message(replace(PARTS, subject=bad, reason=bad), READER, SENDER, now=NOW)
    mail = read_back(message)
    assert mail["Bcc"] is None
    assert mail["X"] is None
    assert len(mail.keys()) == len(build_message(PARTS, READER, SENDER, now=NOW).keys())


def test_the_message_id_names_digest_and_recipient_and_nothing_else() -> None:
    other = parse_address("other@example.org")
    again = replace(PARTS, subject="other", text="other", html="other")
    assert message_id(PARTS, READER, SENDER) == message_id(again, READER, SENDER)
    assert message_id(PARTS, READER, SENDER) == message_id(PARTS, parse_address("ANALYST@example.org"), SENDER)
    ids = {
        message_id(PARTS, READER, SENDER),
        message_id(PARTS, other, SENDER),
        message_id(replace(PARTS, key="shift-2024-10-27-1"), READER, SENDER),
        message_id(replace(PARTS, replay=True), READER, SENDER),
    }
    assert len(ids) == 4
    assert not any("analyst" in made for made in ids)


@pytest.mark.parametrize(
    "address",
    ["a@example.org", "A B <a@example.org>", "<a@example.org>", "o'neil+x@sub.example.org", "analyst@localhost"],
)
def test_addresses_that_are(address: str) -> None:
    assert parse_address(address).addr_spec in address


def test_a_domain_in_another_script_is_written_as_servers_know_it() -> None:
    assert parse_address("a@пример.рф").addr_spec == "a@xn--e1afmkfd.xn--p1ai"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@example.org",
        "a b@example.org",
        "a@example.org, b@example.org",
        "a@example.org\r\nBcc: b@example.org",
        "a@exa mple.org",
        "a@-example.org",
        "a@example..org",
        "a..b@example.org",
        "иван@example.org",
        '"a b"@example.org',
        "a@[127.0.0.1]",
        "A <a@example.org> B",
        "a" * 65 + "@example.org",
        "a@example.org>",
    ],
)
def test_addresses_that_are_none_are_named(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(address)
    assert repr(address) in str(caught.value)


def test_each_recipient_gets_one() -> None:
    found = parse_recipients(["a@example.org", "B <b@example.org>", "A@example.org", "a@EXAMPLE.org"])
    assert [address.addr_spec for address in found] == ["a@example.org", "b@example.org"]
