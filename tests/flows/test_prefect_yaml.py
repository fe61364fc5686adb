"""prefect.yaml against the flows, without a server.

Prefect accepts misspelt keys and unknown parameters in silence, and a deployment whose module does not import; each of
these would surface only as a crashed run.
"""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

import pytest
import yaml
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.server.schemas.schedules import CronSchedule

from flows.register import QUEUES
from ingest.roster import KINDS, load_roster
from store.settings import ROOT

DOC: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
DEPLOYMENTS: list[dict[str, Any]] = DOC["deployments"]
ELSEWHERE: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy" / "second-host.yaml").read_text())["deployments"]
"""What other hosts deploy of the same flows."""
NAMES = [deployment["name"] for deployment in DEPLOYMENTS]
KNOWN_KEYS = {
    "name",
    "entrypoint",
    "description",
    "tags",
    "parameters",
    "schedules",
    "concurrency_limit",
    "work_pool",
    "triggers",
}


@pytest.fixture(params=DEPLOYMENTS, ids=NAMES)
def deployment(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


def flow_of(deployment: dict[str, Any]) -> Flow[..., Any]:
    return load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)


def test_the_deployments_are_those_that_were_asked_for() -> None:
    asked = {"monitor", "ingest-seeds", "ingest-feeds", "classify", "detect", "digest"}
    asked |= {"import-archive", "backtest", "send-test-digest"}
    assert asked <= set(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_every_key_is_one_that_prefect_knows(deployment: dict[str, Any]) -> None:
    assert set(deployment) <= KNOWN_KEYS


def test_the_entry_point_is_a_flow_of_that_name(deployment: dict[str, Any]) -> None:
    assert flow_of(deployment).name == deployment["name"]


def test_every_parameter_exists_and_has_a_title(deployment: dict[str, Any]) -> None:
    flow = flow_of(deployment)
    properties = flow.parameters.properties
    sources = [deployment, *deployment.get("schedules", []), *deployment.get("triggers", [])]
    for source in sources:
        assert set(source.get("parameters") or {}) <= set(properties)
    for name, schema in properties.items():
        assert schema.get("title"), name
        assert schema["title"] != name, f"{name} shows its Python name in the form"


def test_every_parameter_is_flat(deployment: dict[str, Any]) -> None:
    for name, schema in flow_of(deployment).parameters.properties.items():
        assert schema.get("type") in {"string", "boolean", "number", "integer", "array"}, name


def test_days_are_chosen_from_a_calendar(deployment: dict[str, Any]) -> None:
    for name, schema in flow_of(deployment).parameters.properties.items():
        if name in {"as_of", "start", "end", "since", "until"}:
            assert schema.get("format") == "date", name


def test_the_form_can_be_sent_as_it_opens(deployment: dict[str, Any]) -> None:
    flow = flow_of(deployment)
    given = set(deployment.get("parameters") or {})
    needed = {
        name
        for name, parameter in inspect.signature(flow.fn).parameters.items()
        if parameter.default is inspect.Parameter.empty
    }
    assert needed <= given


def test_what_a_list_opens_with_can_be_chosen_from_it(deployment: dict[str, Any]) -> None:
    flow = flow_of(deployment)
    given = deployment.get("parameters") or {}
    for name, schema in flow.parameters.properties.items():
        opens_with = given.get(name, inspect.signature(flow.fn).parameters[name].default)
        assert "enum" not in schema or opens_with in schema["enum"], name


def test_kind_and_language_of_a_new_feed_are_chosen_from_what_the_roster_knows() -> None:
    (adding,) = (deployment for deployment in DEPLOYMENTS if deployment["name"] == "add-feed")
    fields = flow_of(adding).parameters.properties
    feeds = load_roster(ROOT / "seeds" / "feeds.yaml")
    assert set(fields["language"]["enum"]) == {feed.lang for feed in feeds}
    assert fields["language"]["default"] == fields["language"]["enum"][0] == "en"
    assert set(fields["kind"]["enum"]) == set(KINDS) >= {feed.kind for feed in feeds}


def test_schedules_name_a_time_zone(deployment: dict[str, Any]) -> None:
    for schedule in deployment.get("schedules", []):
        CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])


def test_late_runs_of_a_schedule_collapse_into_the_newest(deployment: dict[str, Any]) -> None:
    source = inspect.getsource(flow_of(deployment).fn)
    twins = [row for row in ELSEWHERE if row["entrypoint"] == deployment["entrypoint"]]
    assert ("await superseded()" in source) == any(row.get("schedules") for row in (deployment, *twins))


def test_its_runs_are_named_after_what_they_did(deployment: dict[str, Any]) -> None:
    flow = flow_of(deployment)
    module = inspect.getmodule(flow.fn)
    assert module is not None
    assert "await rename_run(" in inspect.getsource(module)
    assert "address" not in str(flow.flow_run_name), "names of runs show in lists, events and mails"
    assert "url" not in str(flow.flow_run_name)


def test_who_asked_is_on_record_from_the_beginning_on(deployment: dict[str, Any]) -> None:
    flow = flow_of(deployment)
    first = next(line for line in _body(flow) if "superseded()" not in line and "return passed" not in line)
    assert ("requested_by" in flow.parameters.properties) == (first == "requested(requested_by)"), first


def _body(flow: Flow[..., Any]) -> list[str]:
    """The statements of a flow, its docstring apart."""
    (function,) = ast.parse(inspect.getsource(flow.fn)).body
    assert isinstance(function, ast.AsyncFunctionDef)
    return [line.strip() for one in function.body[1:] for line in ast.unparse(one).splitlines()]


def test_it_runs_one_at_a_time_in_a_queue_that_exists(deployment: dict[str, Any]) -> None:
    assert deployment["concurrency_limit"]["limit"] == 1
    assert deployment["work_pool"]["work_queue_name"] in QUEUES


def test_it_is_described_in_the_form_and_in_the_documentation(deployment: dict[str, Any]) -> None:
    what, _, rest = deployment["description"].strip().partition("\n")
    assert what.startswith("**"), "its first words say what it does"
    closing = rest.strip().rsplit("\n\n", 1)[-1]
    told = re.fullmatch(r"\*\*When:\*\* (.+)\. \*\*Changes:\*\* (.+)\. \*\*Costs:\*\* (.+)\.", closing)
    assert told, closing
    hour = [row["cron"].split() for row in deployment.get("schedules", [])]
    assert [f"{int(at):02}:{int(minute):02}" for minute, at, *_ in hour if at != "*"] == re.findall(
        r"\d\d:\d\d", told[1]
    )
    assert told[1].startswith("every hour") == any(at == "*" for _minute, at, *_ in hour)
    assert deployment["tags"]
    assert f"`{deployment['name']}`" in (ROOT / "docs" / "flows.md").read_text(encoding="utf-8")


def test_somebody_is_asked_when_a_digest_waits() -> None:
    from flows.approve import DIGEST_HELD, DIGESTS_RESOURCE

    asking = next(deployment for deployment in DEPLOYMENTS if deployment["name"] == "approve-digest")
    (trigger,) = asking["triggers"]
    assert trigger["expect"] == [DIGEST_HELD]
    assert trigger["match"]["prefect.resource.id"] == DIGESTS_RESOURCE


def test_the_digest_goes_out_on_weekday_mornings_and_when_a_shift_opens() -> None:
    from flows.detect_shifts import DIGEST_LABEL, SHIFT_OPENED, SHIFTS_RESOURCE

    digest = next(deployment for deployment in DEPLOYMENTS if deployment["name"] == "digest")
    assert digest["schedules"][0]["cron"] == "30 6 * * 1-5"
    assert digest["schedules"][0]["timezone"] == "Asia/Kolkata"
    trigger = digest["triggers"][0]
    assert trigger["expect"] == [SHIFT_OPENED]
    assert trigger["match"] == {"prefect.resource.id": SHIFTS_RESOURCE, DIGEST_LABEL: "wanted"}
