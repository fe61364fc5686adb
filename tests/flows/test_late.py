"""Of several late runs the newest does the work; what a person started always runs."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid4

from prefect.client.schemas.objects import FlowRun

from flows.late import successor

NOW = dt.datetime(2026, 11, 26, 12, 0, tzinfo=dt.UTC)
MONITOR = uuid4()


def run(hours: float, *, scheduled: bool = True, deployment: UUID = MONITOR) -> FlowRun:
    return FlowRun(
        id=uuid4(),
        flow_id=uuid4(),
        deployment_id=deployment,
        auto_scheduled=scheduled,
        expected_start_time=NOW + dt.timedelta(hours=hours),
    )


def test_a_late_run_gives_way_to_the_newest_that_is_due() -> None:
    mine, middle, newest, tomorrow = run(-3), run(-2), run(-1), run(20)
    assert successor(mine, [tomorrow, newest, mine, middle], NOW) == newest
    assert successor(middle, [mine, newest, tomorrow], NOW) == newest
    assert successor(newest, [mine, middle, tomorrow], NOW) is None


def test_a_run_that_is_not_due_yet_takes_no_ones_place() -> None:
    assert successor(run(0), [run(1)], NOW) is None


def test_what_a_person_started_is_never_passed_over_and_takes_no_place() -> None:
    assert successor(run(-3, scheduled=False), [run(-1)], NOW) is None
    assert successor(run(-3), [run(-1, scheduled=False)], NOW) is None


def test_runs_of_another_deployment_do_not_count() -> None:
    assert successor(run(-3), [run(-1, deployment=uuid4())], NOW) is None
