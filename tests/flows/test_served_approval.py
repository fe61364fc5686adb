"""A real installation that asks before it sends: the form in a browser, the command, what is lost and comes back."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from store.db import Store
from store.deeds import deeds_since
from store.models import Outbox
from store.people import Approval
from store.settings import ROOT
from tests.flows.served import Served, serving
from tests.flows.test_served import browser_page, choose, mails

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[Served]:
    """An installation without feeds, where two mails at once wait for a person."""
    folder = tmp_path_factory.mktemp("asking")
    (folder / "feeds.yaml").write_text("feeds: []\n")
    with serving(
        folder / "var", prefect_database, roster=str(folder / "feeds.yaml"), approve_from_mails="2", model="linear"
    ) as served:
        yield served


@pytest.fixture(scope="module")
def page(served: Served) -> Iterator[Page]:
    """A page of a real browser."""
    yield from browser_page()


def asking(served: Served, number: int) -> dict[str, Any]:
    """The run that asks about an approval, once it is suspended."""
    deployment = served.deployments()["approve-digest"]["id"]
    wanted = {"deployments": {"id": {"any_": [deployment]}}, "flow_runs": {"state": {"name": {"any_": ["Suspended"]}}}}
    tick = threading.Event()
    for _ in range(180):
        found = [run for run in served.post("/flow_runs/filter", wanted) if run["parameters"]["approval"] == number]
        if found:
            (run,) = found
            asked: dict[str, Any] = run
            return asked
        tick.wait(1.0)
    raise AssertionError(f"nobody is asked about approval {number}")


def compose(served: Served, *readers: str) -> str:
    """Ask for a digest to *readers*; gives what the run said."""
    state = served.await_run(
        served.start("digest", kind="manual", recipients=[f"{one}@example.org" for one in readers])
    )
    assert state["type"] == "COMPLETED"
    return str(state["message"])


def arrived(served: Served, *readers: str) -> list[Any]:
    """The mails to *readers*, once all of them are there."""
    tick = threading.Event()
    for _ in range(180):
        found = [mail for mail in mails(served.var) if str(mail["To"]).partition("@")[0] in readers]
        if len(found) >= len(readers):
            return found
        tick.wait(1.0)
    raise AssertionError(f"no mail reached {readers}")


def test_two_digests_wait_side_by_side_and_the_watch_goes_on(served: Served) -> None:
    assert "2 mails wait for approval 1" in compose(served, "a", "b")
    first = asking(served, 1)
    assert first["name"].startswith("approve digest 1: waits until ")
    shown = served.artifacts(first["id"])["approval"]
    assert "a&#64;example.org" in shown
    assert "    ricwatch · Digest on request" in shown
    assert "2 mails wait for approval 2" in compose(served, "c", "d")
    asking(served, 2)
    state = served.await_run(served.start("monitor", send=False))
    assert state["type"] == "COMPLETED"
    # The schedules go on as well: a digest to the usual reader may leave at the full hour.
    waiting = {f"{name}@example.org" for name in "abcd"}
    assert [mail for mail in mails(served.var) if str(mail["To"]) in waiting] == []
    assert asking(served, 1)["id"] == first["id"]


def test_a_command_decides_and_the_run_that_asked_ends(served: Served) -> None:
    run = asking(served, 2)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RICWATCH_", "PREFECT_"))}
    env |= {"RICWATCH_VAR_DIR": str(served.var)}
    command = [sys.executable, "-m", "flows.cli", "approve", "2", "drop", "--by", "Ann", "--note", "a rumour"]
    done = subprocess.run(command, env=env, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "Approval 2: 2 mails are dropped, Ann decided so: a rumour" in " ".join(done.stdout.split())
    state = served.await_run(run["id"])
    assert (state["name"], state["type"]) == ("Decided", "COMPLETED")
    assert "Ann decided so: a rumour" in state["message"]
    late = served.await_run(served.start("approve-digest", approval=2, decision="send", requested_by="Bo"))
    assert "decided before" in late["message"]


@pytest.mark.browser
def test_an_editor_sends_a_digest_with_a_note_from_the_form(served: Served, page: Page) -> None:
    from playwright.sync_api import TimeoutError as StillThere

    run = asking(served, 1)
    shots = os.environ.get("SHOTS_DIR")

    def answer(decision: str, note: str, name: str) -> None:
        page.goto(f"{served.base}/v2/runs/flow-run/{run['id']}")
        page.get_by_text("Suspended").first.wait_for()
        choose(page.locator("button[aria-haspopup=menu]").last, page.get_by_role("menuitem", name="Resume"))
        form = page.get_by_role("dialog")
        form.get_by_role("button", name="Select What to do").click()
        page.get_by_role("option", name=decision, exact=True).click()
        form.get_by_role("textbox").nth(0).fill(note)
        form.get_by_role("textbox").nth(1).fill(name)
        if shots:
            page.screenshot(path=Path(shots) / f"approve-{decision.replace(' ', '-')}-{bool(note)}.png")
        # While its SQLite file is busy the server refuses, and the form stays: whoever sees it clicks again.
        for _ in range(5):
            form.get_by_role("button", name="Resume").click()
            with contextlib.suppress(StillThere):
                form.wait_for(state="detached", timeout=20_000)
                return
        raise AssertionError("the form was not taken")

    answer("send with note", "", "Ann")
    # What cannot be carried out decides nothing: the form comes back and says why.
    tick = threading.Event()
    for _ in range(180):
        told = served.client.get(f"/flow_runs/{run['id']}").json()
        if told["state_name"] == "Suspended" and told["state_id"] != run["state_id"]:
            break
        tick.wait(1.0)
    else:
        raise AssertionError(f"the form did not come back; the run is {told['state_name']}")
    page.goto(f"{served.base}/v2/runs/flow-run/{run['id']}")
    page.get_by_text("Suspended").first.wait_for()
    choose(page.locator("button[aria-haspopup=menu]").last, page.get_by_role("menuitem", name="Resume"))
    page.get_by_text("Nothing was decided: send with note needs a note").wait_for()
    answer("send with note", "Only <one> outlet so far & no second.", "Ann")
    state = served.await_run(run["id"])
    assert state["type"] == "COMPLETED", state["message"]
    assert "2 mails go out, Ann decided so, with a note: Only <one> outlet" in state["message"]
    assert served.client.get(f"/flow_runs/{run['id']}").json()["name"] == "approve digest 1: sent by Ann"
    for mail in arrived(served, "a", "b"):
        text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
        assert "A note from Ann:\nOnly <one> outlet so far & no second." in text
        assert "Only &lt;one&gt; outlet so far &amp; no second." in html
    store = Store(f"sqlite:///{served.var / 'ricwatch.db'}")
    with store.session() as session:
        row = session.get_one(Approval, 1)
        assert (row.decision, row.decided_by) == ("send", "Ann")
        deeds = deeds_since(session, row.asked_at, who="Ann")
        assert "approve digest 1: sent by Ann" in {deed.outcome for deed in deeds}
        assert "digest" in {deed.flow for deed in deeds}, "the run that delivers goes under her name"
    store.close()


def test_a_run_that_is_lost_while_it_waits_is_started_anew(served: Served) -> None:
    assert "approval 3" in compose(served, "e", "f")
    lost = asking(served, 3)
    served.client.delete(f"/flow_runs/{lost['id']}", headers=served._headers).raise_for_status()
    compose(served, "alone")
    again = asking(served, 3)
    assert again["id"] != lost["id"]


def test_when_the_time_is_up_the_next_digest_run_does_the_default(served: Served) -> None:
    run = asking(served, 3)
    store = Store(f"sqlite:///{served.var / 'ricwatch.db'}")
    with store.session() as session:
        session.execute(update(Approval).where(Approval.id == 3).values(due_at=dt.datetime.now(dt.UTC)))
    compose(served, "alone")
    state = served.await_run(run["id"])
    assert state["name"] == "Decided"
    assert "2 mails go out, nobody decided in time" in state["message"]
    assert len(arrived(served, "e", "f")) == 2
    with store.session() as session:
        states = session.execute(select(Outbox.recipient, Outbox.state)).tuples().all()
    store.close()
    assert {one for one, state in states if state == "dropped"} == {"c@example.org", "d@example.org"}
    assert {state for _one, state in states} == {"sent", "dropped"}
    asked = sorted(str(mail["To"])[0] for mail in mails(served.var) if len(str(mail["To"]).partition("@")[0]) == 1)
    assert asked == ["a", "b", "e", "f"], "each who was to get one got one"
