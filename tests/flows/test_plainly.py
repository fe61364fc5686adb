"""What a run says of an error that names its cause, and of one that does not."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from prefect import flow, task
from prefect.client.schemas.objects import State

from flows.plainly import Story, name_of_failure, plainly
from store.errors import ConfigError, InputError, RicwatchError, StoreError
from tests.flows.inprocess import IN_PROCESS
from tests.flows.test_flows import name_of

pytestmark = IN_PROCESS


@task
async def asked_for_nothing() -> None:
    raise InputError("name a file")


@flow
@plainly
async def careless(*, inside: bool, own: bool = True) -> None:
    """Fails by the caller's fault or by its own, in a task or before one."""
    if not own:
        raise InputError("name a file")
    if inside:
        await asked_for_nothing()
    raise RuntimeError("a slip")


def run(work: Any, **parameters: bool) -> State[Any]:
    """Its final state."""
    state: State[Any] = asyncio.run(work(**parameters, return_state=True))
    return state


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Errors of runs and tasks but for Prefect's own last line, with their tracebacks."""
    told = [record for record in caplog.records if record.levelno >= logging.ERROR]
    shown = [f"{record.getMessage()} {record.exc_info or ''}".strip() for record in told]
    return [one for one in shown if not one.startswith("Finished in state")]


@pytest.mark.parametrize("where", [{"inside": True}, {"inside": False, "own": False}])
def test_an_error_that_says_what_to_do_is_told_in_one_line(
    where: dict[str, bool], caplog: pytest.LogCaptureFixture
) -> None:
    state = run(careless, **where)
    assert (state.is_failed(), state.message) == (True, "name a file")
    assert errors(caplog) == ["name a file"]
    with pytest.raises(InputError, match="name a file"):
        asyncio.run(careless(**where))


def test_a_failed_run_is_named_after_what_was_wrong() -> None:
    assert name_of(run(careless, inside=True)) == "careless: refused – name a file"
    assert name_of(run(careless, inside=False)) == "careless: failed"


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (
            InputError("no feed at https://ann:pw@example.org/feed?key=1; try another"),
            "x: refused – no feed at an address",
        ),
        (ConfigError("'ann@example.org' is no reader"), "x: refused – 'ann@…' is no reader"),
        (InputError("/home/ann/in.jsonl: line 3, and/or 4"), "x: refused – in.jsonl: line 3, and/or 4"),
        (StoreError("the disk is full"), "x: failed – the disk is full"),
        (InputError("word " * 40), "x: refused – " + ("word " * 11).strip() + "…"),
    ],
)
def test_the_name_of_a_failed_run_is_short_and_tells_no_address(error: RicwatchError, name: str) -> None:
    assert name_of_failure("x", error) == name


def test_a_slip_of_the_program_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    state = run(careless, inside=False)
    assert "RuntimeError: a slip" in str(state.message)
    assert "RuntimeError" in "".join(errors(caplog))


@pytest.mark.parametrize(
    ("name", "text", "kept", "level"),
    [
        ("prefect.task_runs", "Finished in state Completed()", False, "INFO"),
        ("prefect.task_runs", "Finished in state Failed('x')", True, "ERROR"),
        ("prefect.flow_runs", "Finished in state Completed('3 new articles')", True, "INFO"),
        ("prefect.flow_runs", "Finished in state Suspended(type=PAUSED)", True, "INFO"),
        ("prefect.flow_runs", "Suspended(…) is the title of an article", True, "ERROR"),
    ],
)
def test_the_log_tells_a_story(name: str, text: str, kept: bool, level: str) -> None:
    said = logging.INFO if "Completed" in text else logging.ERROR
    record = logging.LogRecord(name, said, "", 0, text, (), None)
    assert (Story().filter(record), record.levelname) == (kept, level)
