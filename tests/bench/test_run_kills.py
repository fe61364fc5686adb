"""Flow run, worker and server of a real installation, each killed once: the next run completes the work."""

from __future__ import annotations

import random
import sys
from collections import Counter

import pytest

from bench.run_kills import VICTIMS, differences, kill_often

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(sys.platform != "linux", reason="it finds the processes to kill in /proc"),
]


@pytest.mark.slow
def test_after_a_kill_the_next_run_completes_the_work_and_no_run_stays_open() -> None:
    tally = kill_often(1, random.Random(7), days=20)
    assert tally.faults == []
    assert dict(tally.killed) == dict.fromkeys(VICTIMS, 1)
    assert tally.restarts == 2
    assert tally.doubled == 0


def test_what_is_missing_or_doubled_is_told() -> None:
    ann: tuple[object, ...] = ("ann",)
    bob: tuple[object, ...] = ("bob",)
    wanted = {"mails": Counter([ann, bob])}
    assert differences(wanted, {"mails": Counter([bob, ann])}) == []
    (told,) = differences(wanted, {"mails": Counter([ann, ann])})
    assert told == "mails: 1 missing, 1 too many, such as ('bob',)"
