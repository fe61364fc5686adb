"""Whatever a server does at whichever stage: the mail is sent once, waits, has failed, or is shown as unknown."""

from __future__ import annotations

import datetime as dt

import pytest

from alerts.outbox import MailState, deliver
from store.db import Store
from store.settings import Settings
from tests.alerts.helpers_smtp import DROP, HANG, SLOW, erring
from tests.alerts.test_outbox import NOW, mail, queue
from tests.alerts.test_outbox_smtp import at

PENDING, SENT, FAILED, UNKNOWN = MailState.PENDING, MailState.SENT, MailState.FAILED, MailState.UNKNOWN

WHOLE = "the way out does not work, so the others are not tried and all wait"
ONE = "this mail alone is concerned"

# What the server does, at which stage, what becomes of the mail, what the outbox says, and whom it concerns.
STAGES = [
    ("connect", "554 no service", PENDING, "cannot use 127.0.0.1", WHOLE),
    ("connect", "421 too busy", PENDING, "421 too busy", WHOLE),
    ("connect", DROP, PENDING, "cannot use 127.0.0.1", WHOLE),
    ("connect", HANG, PENDING, "timed out", WHOLE),
    ("connect", SLOW, SENT, "queued as 17", ONE),
    ("ehlo", "550 go away", PENDING, "550 go away", WHOLE),
    ("ehlo", "451 not now", PENDING, "451 not now", WHOLE),
    ("ehlo", DROP, PENDING, "cannot use 127.0.0.1", WHOLE),
    ("ehlo", HANG, PENDING, "timed out", WHOLE),
    ("ehlo", SLOW, SENT, "queued as 17", ONE),
    ("mail", "553 not your address", PENDING, "refuses the sender ricwatch@localhost: 553 not your address", WHOLE),
    ("mail", "451 greylisted", PENDING, "451 greylisted", ONE),
    ("mail", "421 closing", PENDING, "421 closing", ONE),
    ("mail", DROP, PENDING, "broke before the mail was sent", ONE),
    ("mail", HANG, PENDING, "broke before the mail was sent", ONE),
    ("mail", SLOW, SENT, "queued as 17", ONE),
    ("rcpt", "550 no such user", FAILED, "550 no such user", ONE),
    ("rcpt", "452 mailbox full", PENDING, "452 mailbox full", ONE),
    ("rcpt", "421 closing", PENDING, "421 closing", ONE),
    ("rcpt", DROP, PENDING, "broke before the mail was sent", ONE),
    ("rcpt", HANG, PENDING, "broke before the mail was sent", ONE),
    ("rcpt", SLOW, SENT, "queued as 17", ONE),
    ("data", "554 no valid recipients", FAILED, "554 no valid recipients", ONE),
    ("data", "451 not now", PENDING, "451 not now", ONE),
    ("data", "421 closing", PENDING, "421 closing", ONE),
    ("data", DROP, PENDING, "broke before the mail was sent", ONE),
    ("data", HANG, PENDING, "broke before the mail was sent", ONE),
    ("data", SLOW, SENT, "queued as 17", ONE),
    ("body", DROP, UNKNOWN, "broke while the mail was being sent", ONE),
    ("body", HANG, UNKNOWN, "broke while the mail was being sent", ONE),
    ("dot", "554 looks like spam", FAILED, "554 looks like spam", ONE),
    ("dot", "451 disk full", PENDING, "451 disk full", ONE),
    ("dot", "421 closing", PENDING, "421 closing", ONE),
    ("dot", DROP, UNKNOWN, "broke while the mail was being sent", ONE),
    ("dot", HANG, UNKNOWN, "broke while the mail was being sent", ONE),
    ("dot", SLOW, SENT, "queued as 17", ONE),
]


@pytest.mark.parametrize(
    ("stage", "fault", "state", "says", "whom"),
    STAGES,
    ids=[f"{fault} at {stage} leaves it {state}, as {whom}" for stage, fault, state, _, whom in STAGES],
)
def test_a_fault_at_any_stage_leads_to_its_state_and_never_to_a_second_mail(
    store: Store, settings: Settings, stage: str, fault: str, state: MailState, says: str, whom: str
) -> None:
    first, second = queue(store, "a@example.org", "b@example.org")
    with erring({stage: fault}) as server:
        # Long enough for what is slow, and short for what hangs.
        report = deliver(store, at(settings, server.port, smtp_timeout=0.5), now=NOW)
    row = mail(store, first)
    assert row.state == state
    assert says in row.last_text
    assert row.attempts == 1
    assert (report.problem != "") == (whom == WHOLE)
    assert mail(store, second).attempts == (0 if whom == WHOLE else 1)
    assert len(server.taken) == (2 if state == SENT or (state == UNKNOWN and stage == "dot") else 0)

    with erring({}) as well:
        for hours in (13, 26):
            deliver(store, at(settings, well.port), now=NOW + dt.timedelta(hours=hours))
    assert len(well.taken) == (2 if state == PENDING else 0)
    assert mail(store, first).state == (SENT if state == PENDING else state)


@pytest.mark.parametrize(
    ("offered", "faults", "says"),
    [
        (False, {}, "STARTTLS extension not supported"),
        (True, {}, "454 not now"),
        (True, {"starttls": "501 what"}, "501 what"),
        (True, {"starttls": DROP}, "cannot use"),
        (True, {"starttls": HANG}, "timed out"),
        (True, {"starttls": "220 go on"}, "cannot use"),
    ],
    ids=[
        "not offered",
        "offered and not available",
        "offered and refused",
        "offered and dropped",
        "offered and silent",
        "agreed to and then no TLS spoken",
    ],
)
def test_without_starttls_nothing_goes_out_in_clear(
    store: Store, settings: Settings, offered: bool, faults: dict[str, str], says: str
) -> None:
    (number,) = queue(store, "a@example.org")
    with erring(faults, starttls=offered) as server:
        report = deliver(store, at(settings, server.port, smtp_security="starttls", smtp_timeout=0.5), now=NOW)
    assert says in report.problem
    assert server.taken == []
    assert mail(store, number).state == PENDING
