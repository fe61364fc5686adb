"""A real installation that fails, and what its operator gets to know of it."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.automations import operator_automations
from flows.register import DEAD_RUNS
from store.settings import ROOT
from tests.flows.served import Served, serving
from tests.flows.test_served import mails

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[Served]:
    """An installation with an operator, whose disk counts as full and whose feeds all refuse."""
    folder = tmp_path_factory.mktemp("operated")
    row = "{key: K, outlet: Demo, bloc: B, kind: newspaper, lang: en, url: 'http://127.0.0.1:9/K', timezone: UTC, "
    row += "enabled: true, status: ok}"
    rows = [row.replace("K", f"demo-{n}").replace("B", "india") for n in range(2)]
    (folder / "feeds.yaml").write_text("feeds:\n" + "".join(f"- {one}\n" for one in rows))
    with serving(
        folder / "var",
        prefect_database,
        roster=str(folder / "feeds.yaml"),
        allow_private_addresses="true",
        operator="op@example.org",
        disk_free_mb="1000000000",
        model="linear",
    ) as served:
        yield served


def told(served: Served, subject: str) -> list[Any]:
    return [mail for mail in mails(served.var) if subject in str(mail["Subject"])]


def alert_runs(served: Served) -> list[dict[str, Any]]:
    alert = served.deployments()["alert-operator"]["id"]
    runs: list[dict[str, Any]] = served.post("/flow_runs/filter", {"deployments": {"id": {"any_": [alert]}}})
    return runs


def await_alert(served: Served, cause: str, but: set[str]) -> dict[str, Any]:
    """The next run of `alert-operator` for *cause* that is not among *but*, ended."""
    alert = served.deployments()["alert-operator"]["id"]
    tick = threading.Event()
    for _ in range(60):
        served.await_some("/flow_runs/filter", {"deployments": {"id": {"any_": [alert]}}})
        fresh = [r for r in alert_runs(served) if r["id"] not in but and r["parameters"].get("cause") == cause]
        if fresh:
            assert served.await_run(fresh[0]["id"])["type"] == "COMPLETED"
            return fresh[0]
        tick.wait(1.0)
    raise AssertionError(f"no alert of {cause}; runs: {[r['parameters'] for r in alert_runs(served)]}")


def test_a_failed_run_reaches_the_operator_once(served: Served) -> None:
    state = served.await_run(served.start("import-archive", files=["no-such-file.jsonl"]))
    assert state["type"] == "FAILED"
    first = await_alert(served, "run failed", set())
    assert first["parameters"]["about"] == "import-archive"
    assert "no-such-file.jsonl" in first["parameters"]["text"]
    served.await_run(served.start("import-archive", files=["no-such-file.jsonl"]))
    await_alert(served, "run failed", {first["id"]})
    (mail,) = told(served, "run failed")
    assert mail["To"] == "op@example.org"
    assert "no-such-file.jsonl" in mail.get_content()


def test_silent_feeds_and_a_full_disk_reach_the_operator_through_their_events(served: Served) -> None:
    before = {run["id"] for run in alert_runs(served)}
    state = served.await_run(served.start("monitor", force=True))
    assert state["type"] == "COMPLETED", state["message"]
    assert await_alert(served, "feeds silent", before)["parameters"]["about"] == "india"
    await_alert(served, "disk full", before)
    (mail,) = told(served, "feeds silent")
    assert "none of 2 feeds is well (2 unreachable)" in mail.get_content()
    assert len(told(served, "disk full")) == 1


def test_starting_again_makes_no_second_automation(served: Served) -> None:
    names = sorted(row["name"] for row in served.post("/automations/filter"))
    wanted = [DEAD_RUNS.name, *(a.name for a in operator_automations(served.deployments()["alert-operator"]["id"]))]
    assert set(wanted) <= set(names)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RICWATCH_", "PREFECT_"))}
    env |= {"PREFECT_API_URL": f"{served.base}/api", "PREFECT_HOME": str(served.var / "prefect")}
    subprocess.run([sys.executable, "-m", "flows.register"], env=env, cwd=ROOT, check=True, capture_output=True)
    assert sorted(row["name"] for row in served.post("/automations/filter")) == names


def test_setup_registers_everything_anew_and_leaves_runs_alone(served: Served) -> None:
    names = sorted(row["name"] for row in served.post("/automations/filter"))
    deployments = {name: row["id"] for name, row in served.deployments().items()}
    run = served.start("replay", until="2024-01-20")
    under_way = {"flow_runs": {"id": {"any_": [run]}, "state": {"type": {"any_": ["RUNNING"]}}}}
    served.await_some("/flow_runs/filter", under_way)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RICWATCH_", "PREFECT_"))}
    env |= {"RICWATCH_VAR_DIR": str(served.var)}
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "setup"], env=env, cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert f"registered with {served.base}/api" in done.stdout
    assert {name: row["id"] for name, row in served.deployments().items()} == deployments
    assert sorted(row["name"] for row in served.post("/automations/filter")) == names
    assert served.await_run(run)["type"] == "COMPLETED"


def test_after_three_days_off_only_the_newest_late_run_works(served: Served) -> None:
    tidy = served.deployments()["tidy"]["id"]
    now = dt.datetime.now(dt.UTC)
    span = {"start_time": f"{now - dt.timedelta(days=3)}", "end_time": f"{now}", "min_runs": 3, "max_runs": 10}
    served.client.post(f"/deployments/{tidy}/schedule", json=span, headers=served._headers).raise_for_status()
    due = {
        "deployments": {"id": {"any_": [tidy]}},
        "flow_runs": {"expected_start_time": {"before_": f"{now}"}},
        "sort": "EXPECTED_START_TIME_DESC",
    }
    late = served.await_some("/flow_runs/filter", due)
    assert len(late) >= 3
    ended = [served.await_run(run["id"]) for run in late]
    assert ended[0]["name"] == "Completed"
    assert {(state["type"], state["name"]) for state in ended[1:]} == {("COMPLETED", "Superseded")}
    assert "does its work" in ended[1]["message"]
    passed = [served.client.get(f"/flow_runs/{run['id']}").json()["name"] for run in late[1:]]
    assert set(passed) == {"tidy: superseded"}


def test_a_runs_name_says_what_it_did_and_its_log_who_asked(served: Served) -> None:
    run = served.start("monitor", requested_by="Ann\nof the desk")
    assert served.await_run(run)["type"] == "COMPLETED"
    name = served.client.get(f"/flow_runs/{run}").json()["name"]
    assert re.fullmatch(r"watch \d{4}-\d\d-\d\d: (no feed reached|nothing new)", name)
    tick, said = threading.Event(), []
    for _ in range(60):  # the lines of a run arrive in bundles, the last of them after its end
        said = [row["message"] for row in served.post("/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}})]
        if "requested by Ann of the desk" in said:
            break
        tick.wait(0.5)
    assert "requested by Ann of the desk" in said
