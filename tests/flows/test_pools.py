"""What deploy/ holds for workers on other hosts: templates of work pools, the image, the cluster's manifest."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.templating import apply_values, find_placeholders
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessWorker

from store.settings import ROOT, Settings

DEPLOY = ROOT / "deploy"
POOLS = sorted((DEPLOY / "pools").glob("*.json"))
WORKERS = {"docker": "prefect_docker.worker:DockerWorker", "kubernetes": "prefect_kubernetes.worker:KubernetesWorker"}
IMAGE = f"ricwatch:{re.search(r'^version = .(.+).$', (ROOT / 'pyproject.toml').read_text(), re.MULTILINE)[1]}"  # type: ignore[index]


def template(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def worker_of(kind: str) -> type[BaseWorker[Any, Any, Any]]:
    if kind == "process":
        return ProcessWorker
    module, _, name = WORKERS[kind].partition(":")
    package = module.partition(".")[0]
    pytest.importorskip(package, reason=f"{package} is not installed; the image has it")
    worker: type[BaseWorker[Any, Any, Any]] = getattr(importlib.import_module(module), name)
    return worker


@pytest.fixture(params=POOLS, ids=[path.stem for path in POOLS])
def pool(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_there_is_a_template_for_each_kind_of_pool() -> None:
    assert [path.stem for path in POOLS] == ["docker", "kubernetes", "process"]


def test_prefect_takes_the_template_for_a_pool(pool: Path) -> None:
    WorkPoolCreate(name="any", type=pool.stem, base_job_template=template(pool))


def test_every_variable_of_a_template_is_used_and_every_one_used_is_there(pool: Path) -> None:
    content = template(pool)
    used = {found.name for found in find_placeholders(content["job_configuration"])}
    assert used == set(content["variables"]["properties"])


def test_a_template_makes_the_job_of_its_worker(pool: Path) -> None:
    """With Prefect's own code, as a worker does it for each run, but for the look-up of blocks in a server."""
    worker = worker_of(pool.stem)
    assert worker.type == pool.stem
    content = template(pool)
    properties = content["variables"]["properties"]
    values = {name: one["default"] for name, one in properties.items() if "default" in one} | {"command": "run it"}
    filled = apply_values(content["job_configuration"], values, remove_notset=True)
    assert not find_placeholders(filled)
    assert worker.job_configuration.model_validate(filled).command == "run it"
    if pool.stem != "process":
        # What Prefect's own template offers, ours does as well.
        assert set(worker.get_default_base_job_template()["variables"]["properties"]) <= set(
            template(pool)["variables"]["properties"]
        )


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_containers_get_no_rights_a_root_that_cannot_be_written_and_secrets_from_files(kind: str) -> None:
    content = template(DEPLOY / "pools" / f"{kind}.json")
    properties = content["variables"]["properties"]
    assert properties["image"]["default"] == IMAGE
    assert properties["env"]["default"] == {
        "RICWATCH_VAR_DIR": "/var/lib/ricwatch",
        "CREDENTIALS_DIRECTORY": "/run/secrets/ricwatch",
    }
    if kind == "docker":
        kept = properties["container_create_kwargs"]["default"]
        assert kept["read_only"] is True
        assert (kept["user"], kept["cap_drop"]) == ("10001:10001", ["ALL"])
        assert any(volume.endswith(":/run/secrets/ricwatch:ro") for volume in properties["volumes"]["default"])
        return
    spec = content["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["automountServiceAccountToken"] is False
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in spec["volumes"]}


def test_the_manifest_makes_what_the_pool_of_the_cluster_names() -> None:
    rows = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "worker.yaml").read_text(encoding="utf-8")))
    made = {(row["kind"], row["metadata"]["name"]) for row in rows}
    properties = template(DEPLOY / "pools" / "kubernetes.json")["variables"]["properties"]
    assert ("ServiceAccount", properties["service_account_name"]["default"]) in made
    assert ("PersistentVolumeClaim", properties["var_claim"]["default"]) in made
    assert ("Namespace", properties["namespace"]["default"]) in made
    assert not any(row["kind"] == "Secret" for row in rows)
    (worker,) = [row for row in rows if row["kind"] == "Deployment"]
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    assert container["args"][3:5] == ["--pool", second_host()["work_pool"]["name"]]
    env = {one["name"]: one.get("value") for one in container["env"]}
    # What the worker may not watch, the whole cluster, it must not ask for: else it never learns that a run was killed.
    assert env["PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_NAMESPACES"] == properties["namespace"]["default"]
    (auth,) = [one for one in container["env"] if one["name"] == "PREFECT_API_AUTH_STRING"]
    of_runs = {
        key: env[f"PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET_{key.upper()}"]
        for key in ("name", "key")
    }
    assert auth["valueFrom"]["secretKeyRef"].items() >= of_runs.items()


def test_the_worker_of_a_cluster_knows_its_settings_by_these_names() -> None:
    kubernetes = pytest.importorskip(
        "prefect_kubernetes.settings", reason="prefect_kubernetes is not installed; the image has it"
    )
    rows = yaml.safe_load_all((DEPLOY / "kubernetes" / "worker.yaml").read_text(encoding="utf-8"))
    (worker,) = [row for row in rows if row["kind"] == "Deployment"]
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    given = {one["name"]: one["value"] for one in container["env"] if one["name"].startswith("PREFECT_INTEGRATIONS_")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        found = kubernetes.KubernetesSettings()
    assert found.observer.namespaces == {"ricwatch"}
    assert (found.worker.api_auth_string_secret_name, found.worker.api_auth_string_secret_key) == (
        "ricwatch",
        "RICWATCH_API_AUTH",
    )


def second_host() -> dict[str, Any]:
    content = yaml.safe_load((DEPLOY / "second-host.yaml").read_text(encoding="utf-8"))
    (deployment,) = content["deployments"]
    found: dict[str, Any] = deployment
    return found


def test_the_second_host_polls_when_the_watch_does_and_has_a_pool_and_a_name_of_its_own() -> None:
    watch = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    first = {row["name"]: row for row in watch["deployments"]}
    second = second_host()
    assert load_flow_from_entrypoint(second["entrypoint"], use_placeholder_flow=False).name == "ingest-feeds"
    assert second["name"] not in first
    assert second["work_pool"]["name"] != first["monitor"]["work_pool"]["name"]
    (schedule,) = second["schedules"]
    (hourly,) = first["monitor"]["schedules"]
    assert (schedule["cron"], schedule["timezone"]) == (hourly["cron"], hourly["timezone"])
    assert second["concurrency_limit"] == first["monitor"]["concurrency_limit"]


def test_the_image_holds_what_the_program_reads_and_no_settings() -> None:
    lines = (DEPLOY / "image" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "what is not named stays out"
    assert rules[-1] == "**/.env*"
    kept = {line.removeprefix("!") for line in rules if line.startswith("!")}
    settings = Settings(_env_file=None)
    for folder in (settings.seeds_dir, settings.templates_dir):
        assert folder.name in kept
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert rooms <= kept
    assert all((ROOT / name).exists() for name in kept)


def test_the_image_is_installed_from_its_lock_by_hash_and_runs_as_a_user_without_rights() -> None:
    text = (DEPLOY / "image" / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes -r deploy/image/image.lock" in text
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    pins = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (DEPLOY / "image" / "image.lock").read_text(), re.MULTILINE))
    run = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert {name: pins.get(name) for name in run} == run, "make lock makes both"
    assert {"psycopg", "psycopg-binary", "prefect-docker", "prefect-kubernetes"} <= set(pins)
