"""What a form or a command cannot mean is refused in one line, before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.detect_shifts import detect
from flows.report import report
from flows.send_digest import digest
from store.settings import Settings
from tests.flows.commands import ricwatch
from tests.flows.inprocess import IN_PROCESS
from tests.flows.test_flows import run

pytestmark = IN_PROCESS


def refusal(flow: Any, **parameters: Any) -> str:
    """The one line with which a run fails."""
    state = run(flow, **parameters)
    assert state.is_failed()
    assert "\n" not in str(state.message)
    return str(state.message)


@pytest.mark.parametrize("flow", [detect, digest, report])
def test_no_run_is_as_of_a_day_to_come(flow: Any, settings: Settings) -> None:
    assert "2099-03-04 is not over yet" in refusal(flow, as_of="2099-03-04")
    assert not (settings.var_dir / "mail").exists()


@pytest.mark.parametrize("command", [("report",), ("narratives",), ("digest", "preview")])
def test_no_command_is_as_of_a_day_to_come(command: tuple[str, ...], tmp_path: Path) -> None:
    done = ricwatch(*command, "--as-of", "2099-03-04", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("ricwatch: 2099-03-04 is not over yet")
    assert done.stderr.count("\n") == 1
