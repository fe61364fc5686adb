"""Two workers of one store at once: one decision, one digest, each mail once."""

from __future__ import annotations

import json
from collections import Counter
from email import message_from_bytes
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State
from sqlalchemy import func, select

from flows.environment import POOL
from flows.register import sweep
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


async def test_a_restart_sweeps_up_the_runs_of_its_own_pool_and_leaves_those_of_other_hosts_alone() -> None:
    class Client:
        """As much of Prefect's client as the sweep uses."""

        def __init__(self) -> None:
            self.crashed: list[str] = []

        async def read_flow_runs(self, **_asked: object) -> list[SimpleNamespace]:
            pools = {"own": POOL, "other": "ricwatch-2", "bare": None}
            return [SimpleNamespace(id=name, work_pool_name=pool) for name, pool in pools.items()]

        async def set_flow_run_state(self, run: str, state: State[Any], *, force: bool) -> None:
            assert state.is_crashed()
            self.crashed.append(run)

    client = Client()
    assert await sweep(cast(PrefectClient, client)) == 2
    assert client.crashed == ["own", "bare"]
