"""The real thing: server, worker and deployments from one command; a run from a deployment; the pages in a browser."""

from __future__ import annotations

import datetime as dt
import mailbox
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from sqlalchemy import select

from flows.replay import write_roster
from ingest.archive import ArchiveServer, load_archive
from store.db import Store
from store.people import Subscriber
from store.settings import ROOT
from tests.flows.items import write_items
from tests.flows.served import Served, serving

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.server

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[Served]:
    """The installation, fed by the bundled archive over local HTTP."""
    folder = tmp_path_factory.mktemp("served")
    archive = load_archive(ROOT / "seeds" / "archive")
    with ArchiveServer(archive) as feeds:
        feeds.as_of = dt.datetime.combine(archive.start + dt.timedelta(days=60), dt.time(12), dt.UTC)
        write_roster(folder / "feeds.yaml", feeds.roster())
        with serving(
            folder / "var", prefect_database, roster=str(folder / "feeds.yaml"), allow_private_addresses="true"
        ) as served:
            yield served


def test_every_deployment_is_registered_with_its_schedule(served: Served) -> None:
    asked = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    made = {name: len(row["schedules"]) for name, row in served.deployments().items()}
    assert made == {row["name"]: len(row.get("schedules", [])) for row in asked}
    assert {"monitor", "digest"} <= {name for name, schedules in made.items() if schedules}


def test_a_scheduled_run_is_waiting(served: Served) -> None:
    body = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}, "sort": "EXPECTED_START_TIME_ASC"}
    waiting = served.post("/flow_runs/filter", body)
    assert any(run["auto_scheduled"] for run in waiting), "the scheduler made no run: see docs/decisions/0001-pins.md"


@pytest.fixture(scope="module")
def watched(served: Served) -> tuple[str, dict[str, Any]]:
    """The first watch of the installation: the run's id, and its last state."""
    run = served.start("monitor", force=True, send=False)
    return run, served.await_run(run)


def test_monitor_runs_from_its_deployment_and_leaves_its_pages(
    served: Served, watched: tuple[str, dict[str, Any]]
) -> None:
    run, state = watched
    assert state["type"] == "COMPLETED", state["message"]
    assert "feeds answered" in state["message"]
    assert ", 0 shifts" in state["message"], "two years of silence after an old feed are no shift"
    pages = served.artifacts(run)
    assert {"seed-documents", "polled-feeds", "readings", "shifts"} <= set(pages)
    assert "Demo" in pages["polled-feeds"]
    assert "India–China" in pages["shifts"]


@pytest.mark.usefixtures("watched")
def test_a_second_run_finds_nothing_new(served: Served) -> None:
    state = served.await_run(served.start("monitor", force=True, send=False))
    assert ", 0 new articles, 0 readings, 0 shifts" in state["message"]


def test_a_shift_that_opens_starts_the_digest_by_itself(served: Served, tmp_path: Path) -> None:
    items = write_items(tmp_path / "items.jsonl.gz")
    for name, parameters in (("import-archive", {"files": [str(items)]}), ("classify", {})):
        assert served.await_run(served.start(name, **parameters))["type"] == "COMPLETED"
    digest = served.deployments()["digest"]["id"]
    wanted = {
        "deployments": {"id": {"any_": [digest]}},
        "flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED"]}}},
    }
    before = served.post("/flow_runs/filter", wanted)
    assert before == [], [(r["created_by"], r["parameters"], r["state"]["message"]) for r in before]
    state = served.await_run(served.start("detect", as_of="2021-07-20"))
    assert "India–China" in state["message"]
    started = served.await_some("/flow_runs/filter", wanted)
    assert {run["created_by"]["type"] for run in started} == {"AUTOMATION"}
    assert served.await_run(started[0]["id"])["type"] == "COMPLETED"
    assert "automation digest when a shift opens" in served.artifacts(started[0]["id"])["digest"]
    sent = len(mails(served.var))
    # Whoever runs it again, or opens the event again, sends nothing twice.
    assert served.await_run(served.start("digest"))["type"] == "COMPLETED"
    assert "no shift" in str(served.await_run(served.start("detect", as_of="2021-07-20"))["message"])
    assert len(mails(served.var)) == sent


def test_a_failing_run_says_why_in_its_state(served: Served) -> None:
    state = served.await_run(served.start("import-archive", files=["no-such-file.jsonl"]))
    assert state["type"] == "FAILED"
    assert "no-such-file.jsonl" in state["message"]


def browser_page() -> Iterator[Page]:
    """A page of a real browser, closed at the end; skips where there is none."""
    if not CHROMIUM:
        pytest.skip("no chromium on this machine; install the package chromium, or set CHROMIUM to its path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, chromium_sandbox=False)
        page = browser.new_page(viewport={"width": 1280, "height": 1100})
        page.set_default_timeout(90_000)
        yield page
        browser.close()


@pytest.fixture(scope="module")
def page(served: Served) -> Iterator[Page]:
    """A page of a real browser, on the installation's UI."""
    yield from browser_page()


def mails(var: Path) -> list[EmailMessage]:
    """What lies in the Maildir."""
    folder = var / "mail"
    if not folder.is_dir():
        return []
    import email
    import email.policy

    found = []
    for message in mailbox.Maildir(folder, create=False):
        parsed = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        found.append(parsed)
    return found


def choose(opener: Locator, choice: Locator) -> None:
    """Open a menu and choose from it, anew where the page draws itself anew meanwhile and so closes it."""
    from playwright.sync_api import TimeoutError as NotThere

    for _ in range(5):
        opener.click()
        try:
            choice.click(timeout=10_000)
        except NotThere:
            opener.page.keyboard.press("Escape")
        else:
            return
    raise AssertionError(f"{choice} is not to be had behind {opener}")


@pytest.mark.browser
def test_an_analyst_sends_a_test_digest_from_the_form(served: Served, page: Page) -> None:
    shots = Path(os.environ["SHOTS_DIR"]) if os.environ.get("SHOTS_DIR") else None

    def shot(name: str) -> None:
        if shots:
            page.screenshot(path=shots / f"{name}.png")

    # By its address: the list of deployments shows ten on a page.
    deployment = served.deployments()["send-test-digest"]["id"]
    page.goto(f"{served.base}/v2/deployments/deployment/{deployment}")
    page.get_by_role("tab", name="Description").click()
    page.get_by_text("Sends the digest as it stands now").first.wait_for()
    shot("deployment")
    run_button = page.get_by_role("button", name="Run", exact=True)
    choose(run_button, page.get_by_role("menuitem", name="Custom run"))
    page.get_by_text("Send to").first.wait_for()
    fields = page.get_by_role("textbox")
    fields.first.wait_for()
    before = fields.count()
    page.get_by_role("button", name="Add item").first.click()
    # Until the new field is there, the second one is another's.
    fields.nth(before).wait_for()
    fields.nth(1).fill("browser@example.org")
    shot("form")
    page.get_by_role("button", name="Submit").click()
    # The message with its link to the run fades away after some seconds, so the run is opened by its address.
    page.wait_for_url("**/deployments/deployment/*tab=Runs")
    (run,) = served.post("/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})
    page.goto(f"{served.base}/v2/runs/flow-run/{run['id']}")
    page.get_by_text("Completed").first.wait_for(timeout=120_000)
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("digest", exact=True).last.click()
    page.get_by_text("India–China").first.wait_for()
    shot("page")
    sent = [mail for mail in mails(served.var) if mail["To"] == "browser@example.org"]
    assert len(sent) == 1
    body = sent[0].get_body(("html",))
    assert body is not None
    assert "India–China" in body.get_content()


@pytest.mark.browser
def test_an_analyst_subscribes_a_reader_from_the_form(served: Served, page: Page) -> None:
    deployment = served.deployments()["subscribe"]["id"]
    page.goto(f"{served.base}/v2/deployments/deployment/{deployment}/run")
    page.get_by_text("Mail address").first.wait_for()
    page.get_by_role("textbox").nth(1).fill("ann@example.org")
    page.get_by_text("Select", exact=True).first.click()
    page.get_by_role("option", name="IN-CN").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url("**/deployments/deployment/*tab=Runs")
    (run,) = served.post("/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})
    page.goto(f"{served.base}/v2/runs/flow-run/{run['id']}")
    page.get_by_text("Completed").first.wait_for(timeout=120_000)
    store = Store(f"sqlite:///{served.var / 'ricwatch.db'}")
    with store.session() as session:
        (row,) = session.scalars(select(Subscriber)).all()
        assert (row.address, row.dyads, row.cadence) == ("ann@example.org", ["IN-CN"], "at_once")
    store.close()


@pytest.mark.browser
def test_an_analyst_asks_why_an_article_counts_from_the_form(served: Served, page: Page) -> None:
    deployment = served.deployments()["explain-article"]["id"]
    page.goto(f"{served.base}/v2/deployments/deployment/{deployment}/run")
    page.get_by_text("eight letters and more").first.wait_for()
    page.get_by_role("textbox").nth(1).fill("patrol, incident 700")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url("**/deployments/deployment/*tab=Runs")
    (run,) = served.post("/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})
    page.goto(f"{served.base}/v2/runs/flow-run/{run['id']}")
    page.get_by_text("explain article: India protests").first.wait_for(timeout=120_000)
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("article", exact=True).last.click()
    page.get_by_role("heading", name="Why it was read so").wait_for()
    page.get_by_role("heading", name="Why it is in its story").wait_for()
    page.get_by_role("heading", name="Why it counts").wait_for()
    page.get_by_role("cell", name="↓ divergence").first.wait_for()
    if os.environ.get("SHOTS_DIR"):
        page.screenshot(path=Path(os.environ["SHOTS_DIR"]) / "article.png", full_page=True)


def test_a_second_host_polls_with_a_pool_and_a_worker_of_its_own(served: Served, tmp_path: Path) -> None:
    """As docs/workers.md says it: a pool from its template, a deployment more, a worker with its own folder."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RICWATCH_", "PREFECT_"))}
    env |= {
        "PWD": str(ROOT),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": f"{served.base}/api",
        "RICWATCH_VAR_DIR": str(tmp_path / "var"),
        "RICWATCH_DATABASE_URL": f"sqlite:///{served.var}/ricwatch.db",
        "RICWATCH_ROSTER": str(served.var.parent / "feeds.yaml"),
        "RICWATCH_ALLOW_PRIVATE_ADDRESSES": "true",
    }
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    template = ["--type", "process", "--base-job-template", "deploy/pools/process.json"]
    deploy = ["deploy", "--all", "--prefect-file", "deploy/second-host.yaml"]
    for command in (["work-pool", "create", "ricwatch-2", *template], deploy):
        done = subprocess.run(
            [*prefect, *command], env=env, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
    start = [*prefect, "worker", "start", "--pool", "ricwatch-2", "--name", "second"]
    with (tmp_path / "worker.log").open("w") as log, subprocess.Popen(start, env=env, cwd=ROOT, stdout=log) as worker:
        try:
            state = served.await_run(served.start("ingest-feeds-2", force=True))
        finally:
            # Its run is over. Asked to end, Prefect's worker was once seen to wait for ever.
            worker.kill()
    assert state["type"] == "COMPLETED", state["message"]
    assert "feeds answered" in state["message"]
