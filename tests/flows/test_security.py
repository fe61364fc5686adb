"""What docs/security.md says stands against strangers, tried on a real installation that asks for a password."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from flows.environment import login
from flows.replay import write_roster
from ingest.archive import ArchiveServer, load_archive
from store.settings import ROOT, Settings
from tests.alerts.helpers_browser import chromium  # noqa: F401
from tests.flows.served import Served, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.server

PASSWORD = "Zq7-hK2.mVx9_Rt4wLb8"
SECRET = f"watch:{PASSWORD}"
MAIL_PASSWORD = "Ny3-postbox-Gd6"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[Served]:
    """An installation with a password, fed by the bundled archive."""
    folder = tmp_path_factory.mktemp("guarded")
    archive = load_archive(ROOT / "seeds" / "archive")
    with ArchiveServer(archive) as feeds:
        feeds.as_of = dt.datetime.combine(archive.start + dt.timedelta(days=60), dt.time(12), dt.UTC)
        write_roster(folder / "feeds.yaml", feeds.roster())
        with serving(
            folder / "var",
            prefect_database,
            roster=str(folder / "feeds.yaml"),
            allow_private_addresses="true",
            api_auth=SECRET,
            smtp_password=MAIL_PASSWORD,
            model="linear",
        ) as served:
            served.client.auth = ("watch", PASSWORD)
            yield served


def command(served: Served, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`ricwatch` beside the running installation, with the settings given here."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RICWATCH_", "PREFECT_"))}
    env |= {"RICWATCH_VAR_DIR": str(served.var), "RICWATCH_ALLOW_PRIVATE_ADDRESSES": "true"}
    env |= {"RICWATCH_ROSTER": str(served.var.parent / "feeds.yaml"), "RICWATCH_MODEL": "linear"}
    env |= {f"RICWATCH_{name.upper()}": value for name, value in variables.items()}
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *words],
        check=False,
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_without_the_password_the_api_answers_401_and_nothing_else(served: Served) -> None:
    wrong = [None, ("watch", "guess"), ("watch", PASSWORD[:-1]), ("", PASSWORD)]
    with httpx.Client(base_url=f"{served.base}/api", trust_env=False) as stranger:
        for path in ("/admin/version", "/csrf-token?client=x", "/admin/settings"):
            assert [stranger.get(path, auth=auth).status_code for auth in wrong] == [401] * 4, path
        for path in ("/flow_runs/filter", "/block_documents/filter", "/deployments/filter"):
            # Refused for want of the token already, which the 401 above keeps from strangers.
            assert stranger.post(path, json={"include_secrets": True}).status_code == 403, path
        assert stranger.get("/health").json() is True
    assert served.deployments()


def test_another_host_name_is_refused_even_with_the_password(served: Served) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example:4200", ""):
        for path in ("/health", "/csrf-token?client=x", "/admin/version"):
            assert served.client.get(path, headers={"Host": host}).status_code == 400, (host, path)
    port = served.base.rsplit(":", 1)[1]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}"):
        assert served.client.get("/admin/version", headers={"Host": host}).status_code == 200
    assert httpx.get(served.base, headers={"Host": "evil.example"}, trust_env=False).status_code == 400


def test_a_foreign_page_may_not_read_what_the_api_says(served: Served) -> None:
    asked = served.client.get("/admin/version", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in asked.headers
    own = served.client.get("/admin/version", headers={"Origin": served.base})
    assert own.headers["access-control-allow-origin"] == served.base
    form = served.client.post("/deployments/filter", json={})
    assert form.status_code == 403, "a form without the token"


@pytest.fixture(scope="module")
def watched(served: Served) -> dict[str, Any]:
    """The first watch of the installation: its last state."""
    return served.await_run(served.start("monitor", force=True, send=False))


def test_worker_and_commands_give_the_password_by_themselves(served: Served, watched: dict[str, Any]) -> None:
    state = watched
    assert state["type"] == "COMPLETED", state["message"]
    asked = command(served, "run", "--force", "--no-send", api_auth=SECRET)
    assert asked.returncode == 0, asked.stdout + asked.stderr
    told = served.post("/flow_runs/filter", {"flow_runs": {"deployment_id": {"is_null_": True}}})
    assert any(run["name"].startswith("watch ") for run in told), "the command's run is in the running server's history"
    doctor = command(served, "doctor", api_auth=SECRET)
    assert re.search(r"server at \S+, with a worker; it asks for a password", " ".join(doctor.stdout.split()))


@pytest.mark.parametrize("given", [{}, {"api_auth": "watch:another-Password.2026"}])
def test_a_command_without_the_right_password_says_so_in_one_line(served: Served, given: dict[str, str]) -> None:
    asked = command(served, "run", "--force", "--no-send", **given)
    assert asked.returncode == 1
    assert len(asked.stderr.strip().splitlines()) == 1
    assert "set RICWATCH_API_AUTH as it was" in asked.stderr
    assert "another-Password" not in asked.stderr + asked.stdout


@pytest.mark.usefixtures("watched")
def test_no_secret_is_in_the_process_list_nor_in_any_file(served: Served) -> None:
    listed = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert "flows.server" in listed
    assert PASSWORD not in listed
    token = httpx.BasicAuth("watch", PASSWORD)._auth_header.removeprefix("Basic ")
    for secret in (PASSWORD, MAIL_PASSWORD, token):
        inside = [p for p in served.var.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]
        assert inside == [], secret
    assert list(served.var.rglob("prefect.db")), "the database of Prefect was among the files"


def test_what_lies_in_var_is_for_its_owner_alone(served: Served) -> None:
    mode = {name: stat.S_IMODE((served.var / name).stat().st_mode) for name in ("", "prefect", "logs", "ricwatch.db")}
    assert mode == {"": 0o700, "prefect": 0o700, "logs": 0o700, "ricwatch.db": 0o600}


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can try as another user")
def test_another_user_of_the_machine_reads_nothing_even_where_the_folder_is_opened(served: Served) -> None:
    served.var.chmod(0o711)  # as for a web server that publishes var/report
    way = [folder for folder in served.var.parents if stat.S_IMODE(folder.stat().st_mode) & 1 == 0]
    for folder in way:
        folder.chmod(0o711)
    try:
        for name in ("ricwatch.db", "ricwatch.db-wal", "prefect/prefect.db", "logs/server.log"):
            assert (served.var / name).exists() or name.endswith("wal")
            asked = subprocess.run(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", str(served.var / name)],
                check=False,
                capture_output=True,
                text=True,
            )
            assert asked.returncode == 1, name
            assert "ermission denied" in asked.stderr or "No such file" in asked.stderr, name
    finally:
        served.var.chmod(0o700)
        for folder in way:
            folder.chmod(0o700)


@pytest.mark.browser
def test_the_pages_ask_for_the_password_and_then_work(served: Served, chromium: Browser) -> None:  # noqa: F811
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(90_000)
    shots = Path(os.environ["SHOTS_DIR"]) if os.environ.get("SHOTS_DIR") else None
    page.goto(f"{served.base}/v2/deployments")
    field = page.locator("input[type=password]")
    field.wait_for()
    assert page.get_by_text("monitor", exact=True).count() == 0
    if shots:
        page.screenshot(path=shots / "login.png")
    field.fill(SECRET)
    page.get_by_role("button", name=re.compile("log ?in|sign ?in", re.IGNORECASE)).click()
    page.get_by_text("back-up", exact=True).first.wait_for()
    if shots:
        page.screenshot(path=shots / "after-login.png")


def test_an_address_that_others_reach_needs_a_password(served: Served) -> None:
    for host in ("0.0.0.0", "192.0.2.7", "::"):
        asked = command(served, "serve", "--host", host, "--port", "1")
        assert asked.returncode == 1
        assert len(asked.stderr.strip().splitlines()) == 1
        assert "set RICWATCH_API_AUTH first" in asked.stderr


def test_no_password_is_no_login() -> None:
    assert login(Settings(_env_file=None)) is None
    assert login(Settings(_env_file=None, api_auth=SECRET)) == ("watch", PASSWORD)
