"""Two workers of one store at once: one decision, one digest, each mail once."""

from __future__ import annotations

import json
from collections import Counter
from email import message_from_bytes
from pathlib import Path

from sqlalchemy import func, select

from store.db import Store
from store.models import Digest, Outbox, Shift, StepLease
from tests.alerts.helpers_smtp import SLOW, ErringServer
from tests.alerts.helpers_store import add, feed_days, press
from tests.processes import address, hear, process, say

READERS = 6


def test_two_watches_at_once_tell_a_shift_once_and_send_each_mail_once(any_store: Store, tmp_path: Path) -> None:
    add(any_store, press(70, mean=[0.8] * 50 + [-0.9] * 20, per_outlet=1.0))
    feed_days(any_store, 70)
    server = ErringServer({"dot": SLOW})
    try:
        script = ("-m", "tests.flows.watchworker", address(any_store), str(tmp_path), str(server.port), str(READERS))
        with process(*script) as one, process(*script) as two:
            assert (hear(one), hear(two)) == ("ready", "ready")
            say(one)
            say(two)
            told = [json.loads(hear(one)), json.loads(hear(two))]
    finally:
        server.close()
    with any_store.session() as session:
        shifts = session.scalar(select(func.count()).select_from(Shift))
        digests = session.scalar(select(func.count()).select_from(Digest))
        states = Counter(session.scalars(select(Outbox.state)))
        assert set(session.scalars(select(StepLease.leased_to))) == {""}
    assert shifts
    assert sum(one["shifts"] for one in told) == shifts, "each shift is one run's find"
    assert sorted(one["digest"] for one in told) == [False, True]
    assert (digests, states) == (1, {"sent": READERS})
    arrived = Counter(str(message_from_bytes(mail)["To"]) for mail in server.taken)
    assert len(arrived) == READERS
    assert set(arrived.values()) == {1}
