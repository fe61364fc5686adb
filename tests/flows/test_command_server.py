"""The small server of one command: it is there before anything asks it, and ends with the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

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
def commanded(var: Path) -> Iterator[tuple[subprocess.Popen[str], str, psutil.Process]]:
    """A command that has prepared itself for flows and waits for its input to end; its server's address and process."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RICWATCH_"))}
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        cwd=ROOT,
        env=env | {"RICWATCH_VAR_DIR": str(var)},
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


def test_it_answers_what_is_asked_before_it_is_up_and_ends_with_the_command(
    tmp_path: Path, prefect_database: Path
) -> None:
    place(prefect_database, tmp_path / "var")
    with commanded(tmp_path / "var") as (command, api, server):
        with httpx.Client(timeout=120, trust_env=False) as client:
            assert client.get(f"{api}/health").json() is True
            assert client.get(f"{api}/health", headers={"Host": "rebound.example"}).status_code == 400
        _, said = command.communicate()
        assert (command.returncode, said) == (0, "")
        assert not server.is_running()


def test_it_ends_with_a_command_that_is_killed(tmp_path: Path, prefect_database: Path) -> None:
    place(prefect_database, tmp_path / "var")
    with commanded(tmp_path / "var") as (command, api, server):
        assert httpx.get(f"{api}/health", timeout=120, trust_env=False).json() is True
        command.send_signal(signal.SIGKILL)
        server.wait(60)


def test_a_command_whose_server_ends_by_itself_says_so_and_ends(tmp_path: Path) -> None:
    var = tmp_path / "var"
    place(Path(__file__), var)  # no database
    with commanded(var) as (command, _, _):
        command.wait(120)
        said = command.stderr.read() if command.stderr else ""
    assert command.returncode == EXIT_FAILED
    assert said.startswith("ricwatch: the Prefect server of this command ended by itself, so the command did too")
    assert "file is not a database" in (var / "logs" / "command-server.log").read_text(encoding="utf-8")
