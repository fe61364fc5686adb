"""The small server of one command: it is there before anything asks it, and ends with the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from flows.exits import EXIT_FAILED
from store.settings import ROOT
from tests.flows.served import place

COMMAND = """
import os, sys
from flows.environment import prepare
print(prepare(flows=True), os.environ["PREFECT_API_URL"], flush=True)
sys.stdin.read()
"""


@contextmanager
def commanded(var: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str, psutil.Process]]:
    """A command that has prepared itself for flows and waits for its input to end; its server's address and process."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RICWATCH_"))}
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        cwd=ROOT,
        env=env | {"RICWATCH_VAR_DIR": str(var), **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        try:
            assert command.stdout is not None
            served_elsewhere, api = command.stdout.readline().split()
            assert served_elsewhere == "None"
            (server,) = psutil.Process(command.pid).children()
            yield command, api, server
        finally:
            command.kill()


def ask(address: str, **options: Any) -> httpx.Response:
    """Its answer; the first one comes when it is up."""
    return httpx.get(address, timeout=180, trust_env=False, **options)


def test_it_answers_what_is_asked_before_it_is_up_and_ends_with_the_command(
    tmp_path: Path, prefect_database: Path
) -> None:
    place(prefect_database, tmp_path / "var")
    secret = {"RICWATCH_API_AUTH": "ann:a-long-enough-password"}
    with commanded(tmp_path / "var", PREFECT_SERVER_LOGGING_LEVEL="INFO", **secret) as (command, api, server):
        assert ask(f"{api}/health").json() is True
        assert ask(f"{api}/health", headers={"Host": "rebound.example"}).status_code == 400
        assert ask(f"{api}/admin/version").status_code == 401
        assert ask(f"{api}/admin/version", auth=("ann", "a-long-enough-password")).status_code == 200
        _, said = command.communicate()
        assert (command.returncode, said) == (0, "")
        assert not server.is_running()
    # It was given the time to put down what it still had.
    log = (tmp_path / "var" / "logs" / "command-server.log").read_text(encoding="utf-8")
    assert "Application shutdown complete" in log


def test_it_ends_with_a_command_that_is_killed(tmp_path: Path, prefect_database: Path) -> None:
    place(prefect_database, tmp_path / "var")
    with commanded(tmp_path / "var") as (command, api, server):
        assert ask(f"{api}/health").json() is True
        command.send_signal(signal.SIGKILL)
        with suppress(psutil.NoSuchProcess):
            while server.status() != psutil.STATUS_ZOMBIE:  # of whoever inherits it, which may leave it so
                with suppress(psutil.TimeoutExpired):
                    server.wait(0.2)


def test_two_first_commands_at_once_make_one_database(tmp_path: Path) -> None:
    with commanded(tmp_path / "var") as (_, first, _), commanded(tmp_path / "var") as (_, second, _):
        assert ask(f"{first}/admin/version").status_code == 200
        assert ask(f"{second}/admin/version").status_code == 200


def test_a_command_whose_server_ends_by_itself_says_so_and_ends(tmp_path: Path) -> None:
    var = tmp_path / "var"
    place(Path(__file__), var)  # no database
    with commanded(var) as (command, _, _):
        command.wait(120)
        said = command.stderr.read() if command.stderr else ""
    assert command.returncode == EXIT_FAILED
    assert said.startswith("ricwatch: the Prefect server of this command ended by itself, so the command did too")
    assert "file is not a database" in (var / "logs" / "command-server.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "variables",
    [
        {"PREFECT_HOME": "/nowhere"},  # with a profile that may name a server
        {"RICWATCH_TASK_RUNNER": "dask", "RICWATCH_TASK_RUNNER_ADDRESS": "tcp://192.0.2.1:8786"},
    ],
    ids=["own home", "workers elsewhere"],
)
def test_where_prefect_has_to_decide_it_does(tmp_path: Path, variables: dict[str, str]) -> None:
    code = COMMAND.replace('os.environ["PREFECT_API_URL"]', 'os.environ.get("PREFECT_API_URL")')
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RICWATCH_"))}
    env |= {"RICWATCH_VAR_DIR": str(tmp_path / "var"), **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, input="", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["None", "None"], "")
