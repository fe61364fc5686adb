"""What the server of `ricwatch serve` does other than Prefect's own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from flows.serve import job_template
from flows.server import patient
from flows.setup_command import SetupError, register_all
from store.settings import ROOT, Settings
from tests.flows.served import free_port

READ, WRITE = text("SELECT count(*) FROM beat"), text("INSERT INTO beat VALUES (1)")


async def test_a_transaction_that_read_before_another_one_wrote_is_not_refused(tmp_path: Path) -> None:
    config = patient(f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}")
    assert config is not None
    engine = await config.engine()
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE beat (n INTEGER)"))

    async def write() -> None:
        async with await config.session(engine) as session, config.begin_transaction(session):
            await session.execute(WRITE)

    async with await config.session(engine) as session:
        async with config.begin_transaction(session):
            await session.execute(READ)
            other = asyncio.create_task(write())
            # Without patience the other one is done by then, and the next line fails at once.
            await asyncio.wait([other], timeout=0.5)
            await session.execute(WRITE)
        await other
        assert (await session.execute(READ)).scalar() == 2
    await engine.dispose()


@pytest.mark.parametrize("url", ["postgresql+asyncpg://watch@localhost/prefect"])
def test_another_engine_stays_as_prefect_has_it(url: str) -> None:
    assert patient(url) is None


def test_a_run_begins_with_this_interpreter_in_this_checkout(tmp_path: Path) -> None:
    variables = json.loads(job_template(tmp_path).read_text())["variables"]["properties"]
    assert shlex.split(variables["command"]["default"]) == [sys.executable, "-m", "prefect.engine"]
    assert variables["working_dir"]["default"] == str(ROOT)


def test_what_registers_goes_to_the_server_when_it_is_told_to_and_not_before(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {"PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api", "PREFECT_HOME": str(tmp_path)}

    def registering(told: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "flows.register", "--when-told"]
        done = subprocess.run(command, env=env, cwd=ROOT, input=told, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    assert registering("") == (0, "")
    status, said = registering("now\n")
    assert status == 1
    assert "ConnectError" in said.splitlines()[-1]


def test_a_set_up_with_a_server_that_is_gone_says_why_and_where_to_look(settings: Settings) -> None:
    api = f"http://127.0.0.1:{free_port()}/api"
    why = rf"^registering with {re.escape(api)} failed: \S*ConnectError: .*/health"
    with pytest.raises(SetupError, match=why):
        register_all(settings, api)
