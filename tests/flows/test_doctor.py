"""The doctor finds each broken set-up, names it, and says the one next step. Real files, servers and locks."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.utils import format_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text
from typer.testing import CliRunner

from flows import doctor_setup
from flows.cli import app
from flows.doctor import LOOKS
from flows.doctor_setup import ARTIFACTS, TEMPLATES
from flows.environment import serving_file
from flows.findings import Finding
from ingest.roster import load_roster
from ingest.yamlfile import parse_yaml
from store.db import Store
from store.models import Feed, Outbox, Poll
from store.settings import ROOT, Settings, get_settings
from tests.alerts.helpers_tls import Certificates
from tests.alerts.test_outbox import queue
from tests.alerts.test_outbox_smtp import Post, certificates, login, served
from tests.ingest.pagerows import add_page
from tests.ingest.server import Answer, FeedServer, free_port
from tests.store.test_db import FEED

__all__ = ["certificates", "served"]  # fixtures
RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Demo</title><item><title>One</title>
<link>https://a.example/1</link></item></channel></rss>"""
NOW = dt.datetime.now(dt.UTC)
ROSTER = ROOT / "seeds" / "feeds.yaml"
FIRST_FEED: dict[str, Any] = parse_yaml(ROSTER, ROSTER.read_bytes())["feeds"][0]


@dataclass
class Setup:
    """An installation in which all is well, to be broken in one way."""

    var: Path
    feeds: FeedServer
    monkeypatch: pytest.MonkeyPatch
    post: Callable[..., tuple[Post, int]]
    certificates: Certificates
    held: ExitStack = field(default_factory=ExitStack)

    def set(self, **variables: object) -> None:
        for name, value in variables.items():
            self.monkeypatch.setenv(f"RICWATCH_{name.upper()}", str(value))
        get_settings.cache_clear()

    def store(self) -> Store:
        store = Store(get_settings().database)
        self.held.callback(store.close)
        return store

    def smtp(self, *, security: str = "none", user: bool = False, **options: Any) -> None:
        _, port = self.post(Post(), **options)
        self.set(smtp_host="127.0.0.1", smtp_port=port, smtp_security=security)
        if user:
            self.set(smtp_username="watch", smtp_password="hunter2")

    def topic_copy(self) -> Path:
        folder = self.var / "seeds"
        shutil.copytree(ROOT / "seeds", folder, ignore=shutil.ignore_patterns("archive"))
        self.set(seeds_dir=folder)
        return folder

    def ran(self, ago: dt.timedelta, *, answered: bool = True) -> None:
        with self.store().session() as session:
            session.add(Feed(**FEED, last_success_at=NOW - ago if answered else None))
            session.flush()
            session.add(Poll(feed_key="demo", started_at=NOW - ago, outcome="fetched"))

    def asks_for_texts(self, outcome: str = "", **variables: object) -> None:
        """A feed with full texts, of whose pages five had that *outcome*."""
        self.set(**variables)
        with self.store().session() as session:
            session.add(Feed(**(FEED | {"enabled": True}), full_text=True))
            session.flush()
            for number in range(5 if outcome else 0):
                add_page(session, number, "demo", outcome, asked=NOW)

    def mailed(self, ago: dt.timedelta, **values: object) -> None:
        store = self.store()
        (number,) = queue(store, "a@example.org")
        with store.session() as session:
            mail = session.get_one(Outbox, number)
            mail.created_at = NOW - ago
            for name, value in values.items():
                setattr(mail, name, value)


@pytest.fixture
def well(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    served: Callable[..., tuple[Post, int]],
    certificates: Certificates,
    migrated: Path,
) -> Iterator[Setup]:
    server = FeedServer()
    made = Setup(tmp_path / "var", server, monkeypatch, served, certificates)
    made.var.mkdir(mode=0o700)
    row = FIRST_FEED | {"url": server.set("/feed", Answer(RSS)), "status": "ok", "enabled": True}
    (made.var / "feeds.yaml").write_text(yaml.safe_dump({"feeds": [row]}))
    made.set(roster=made.var / "feeds.yaml", allow_private_addresses="true", fetch_timeout="5", model="linear")
    made.set(user_agent="ricwatch (desk@example.org)")
    assert load_roster(get_settings().feeds_file)
    shutil.copy(migrated, made.var / "ricwatch.db")
    with made.held:
        yield made
    server.close()


def examined() -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit status and findings by name."""
    done = CliRunner().invoke(app, ["doctor", "--json"], standalone_mode=False)
    document = json.loads(done.stdout)
    status = done.return_value or done.exit_code
    assert document["ok"] == (status == 0)
    return status, {row["what"]: row for row in document["findings"]}


def test_a_whole_set_up_is_well(well: Setup) -> None:
    well.ran(dt.timedelta(minutes=5))
    well.mailed(dt.timedelta(days=1), state="sent", sent_at=NOW)
    well.smtp()
    status, found = examined()
    assert [row for row in found.values() if not row["ok"]] == []
    assert status == 0
    assert set(found) == {what for what, _ in LOOKS} | {"Network", "Clock"}


def test_a_folder_that_other_users_read_is_told_and_is_no_hindrance(well: Setup) -> None:
    well.var.chmod(0o755)
    (well.var / "ricwatch.db").chmod(0o644)
    status, found = examined()
    assert status == 0
    assert "can read ricwatch.db" in found["Folder"]["state"]
    assert found["Folder"]["advice"].startswith(f"`chmod 700 {well.var}`")
    well.var.chmod(0o700)
    assert examined()[1]["Folder"]["ok"]


@pytest.mark.parametrize("agent", [None, "deskwatch/2", "deskwatch (@desk)"])
def test_a_sender_without_a_contact_is_told_and_is_no_hindrance(agent: str | None, well: Setup) -> None:
    well.set(user_agent=agent or Settings.model_fields["user_agent"].default)
    status, found = examined()
    assert status == 0
    assert "no address" in found["Contact"]["state"]
    assert "set RICWATCH_USER_AGENT" in found["Contact"]["advice"]
    assert not found["Contact"]["serious"]
    well.set(user_agent="deskwatch (+https://desk.example.org/bot)")
    assert examined()[1]["Contact"]["ok"]


def locked(setup: Setup) -> None:
    setup.monkeypatch.setattr(doctor_setup, "LOCK_WAIT", 0.1)
    connection = setup.held.enter_context(_closing(sqlite3.connect(setup.var / "ricwatch.db", isolation_level=None)))
    connection.execute("BEGIN IMMEDIATE")


def _closing(connection: sqlite3.Connection) -> Any:
    from contextlib import closing

    return closing(connection)


def corrupt(setup: Setup) -> None:
    path = setup.var / "ricwatch.db"
    setup.held.close()
    bytes_ = bytearray(path.read_bytes())
    bytes_[4096 * 3 : 4096 * 40] = b"\xa5" * (4096 * 37)
    path.write_bytes(bytes(bytes_))


def no_database(setup: Setup) -> None:
    setup.held.close()
    (setup.var / "ricwatch.db").write_text("Dear reader, this is no database. " * 200)


def newer(setup: Setup) -> None:
    with setup.store().engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))


def unreachable_database(setup: Setup) -> None:
    setup.set(database_url=f"postgresql+psycopg://ric:hunter2@127.0.0.1:{free_port()}/ric")


def not_a_folder(setup: Setup) -> None:
    (setup.var / "file").write_text("")
    setup.set(var_dir=setup.var / "file", database_url=f"sqlite:///{setup.var / 'ricwatch.db'}")


def themes_missing(setup: Setup) -> None:
    (setup.topic_copy() / "themes.yaml").unlink()


def themes_broken(setup: Setup) -> None:
    (setup.topic_copy() / "themes.yaml").write_text("themes: [")


def roster_broken(setup: Setup) -> None:
    (setup.var / "feeds.yaml").write_text("feeds:\n - key: Not A Key\n")


def without_dask(setup: Setup) -> None:
    setup.monkeypatch.setattr("flows.extras.find_spec", lambda name: None)
    setup.set(task_runner="dask")


def nothing_enabled(setup: Setup) -> None:
    document = yaml.safe_load((setup.var / "feeds.yaml").read_text())
    document["feeds"][0]["enabled"] = False
    (setup.var / "feeds.yaml").write_text(yaml.safe_dump(document))


def templates_missing(setup: Setup) -> None:
    shutil.copytree(ROOT / "templates", setup.var / "templates")
    (setup.var / "templates" / "digest.txt").unlink()
    setup.set(templates_dir=setup.var / "templates")


def template_broken(setup: Setup) -> None:
    shutil.copytree(ROOT / "templates", setup.var / "templates")
    (setup.var / "templates" / "digest.html").write_text("{% if %}")
    setup.set(templates_dir=setup.var / "templates")


def old_package(setup: Setup) -> None:
    setup.monkeypatch.setattr(doctor_setup, "version", lambda name: "2.1.9" if name == "sqlalchemy" else version(name))


def server_died(setup: Setup) -> None:
    note = serving_file(get_settings())
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"api": f"http://127.0.0.1:{free_port()}/api", "pid": 1}))


def no_worker(setup: Setup) -> None:
    setup.feeds.set("/api/health", Answer(b"true"))
    setup.feeds.set("/api/work_pools/ricwatch", Answer(b'{"status": "NOT_READY"}'))
    note = serving_file(get_settings())
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"api": f"{setup.feeds.base}/api", "pid": 1}))


def password_changed(setup: Setup) -> None:
    no_worker(setup)
    setup.feeds.set("/api/admin/version", Answer(status=401))


def clock_off(setup: Setup) -> None:
    date = format_datetime(NOW - dt.timedelta(hours=2), usegmt=True)
    setup.feeds.set("/feed", Answer(RSS, headers={"Date": date}))


def feeds_dead(setup: Setup) -> None:
    setup.feeds.set("/feed", Answer(status=410))


def no_network(setup: Setup) -> None:
    document = yaml.safe_load((setup.var / "feeds.yaml").read_text())
    document["feeds"][0]["url"] = f"http://127.0.0.1:{free_port()}/feed"
    (setup.var / "feeds.yaml").write_text(yaml.safe_dump(document))


BROKEN: dict[str, tuple[Callable[[Setup], None], str, str, str]] = {
    # what is broken: how, where the doctor says so, what it says, the next step
    "database locked": (locked, "Database", "cannot be written: database is locked", "stop it"),
    "database corrupt": (corrupt, "Database", "damaged", "ricwatch restore"),
    "no database": (no_database, "Database", "is no database", "ricwatch restore"),
    "newer schema": (newer, "Database", "9999, made by a newer version", "update ricwatch"),
    "database server gone": (unreachable_database, "Database", "does not answer", "RICWATCH_DATABASE_URL"),
    "folder not writable": (not_a_folder, "Folder", "not writable", "RICWATCH_VAR_DIR"),
    "disk nearly full": (lambda s: s.set(disk_free_mb=10**12), "Disk", "MB free", "free some space"),
    "seeds missing": (themes_missing, "Seeds", "themes.yaml", "correct that file"),
    "seeds broken": (themes_broken, "Seeds", "themes.yaml", "correct that file"),
    "roster broken": (roster_broken, "Feeds", "feeds.yaml", "correct"),
    "no feed enabled": (nothing_enabled, "Feeds", "none of 1 is enabled", "enable some"),
    "unknown backend": (
        lambda s: s.set(model="oracle"),
        "Classifier",
        "no classifier backend is called",
        "RICWATCH_MODEL",
    ),
    "task runner missing": (
        without_dask,
        "Classifier",
        "prefect-dask is not installed; pip install 'ricwatch[dask]'",
        "RICWATCH_TASK_RUNNER=threads",
    ),
    "weights missing": (lambda s: s.set(model="multilingual"), "Classifier", "are missing", "RICWATCH_MODEL"),
    "template missing": (templates_missing, "Templates", "digest.txt is missing", "RICWATCH_TEMPLATES_DIR"),
    "template broken": (template_broken, "Templates", "digest.html", "RICWATCH_TEMPLATES_DIR"),
    "bad recipient": (lambda s: s.set(recipients='["a@b@c"]'), "Addresses", "'a@b@c'", "RICWATCH_RECIPIENTS"),
    "bad sender": (lambda s: s.set(sender="me"), "Addresses", "the sender 'me'", "RICWATCH_SENDER"),
    "bad operator": (lambda s: s.set(operator="me"), "Addresses", "the operator 'me'", "RICWATCH_OPERATOR"),
    "smtp refuses": (
        lambda s: s.set(smtp_host="127.0.0.1", smtp_port=free_port()),
        "Mail",
        "does not answer: [Errno 111]",
        "RICWATCH_SMTP_HOST",
    ),
    "smtp without tls": (lambda s: s.smtp(security="starttls"), "Mail", "offers no STARTTLS", "SECURITY=none"),
    "smtp speaks no tls": (lambda s: s.smtp(security="tls"), "Mail", "does not speak TLS", "SECURITY=starttls"),
    "smtp bad login": (
        lambda s: s.smtp(user=True, authenticator=login(False), auth_require_tls=False),
        "Mail",
        "refuses the login: 535",
        "RICWATCH_SMTP_USERNAME",
    ),
    "smtp takes no login": (lambda s: s.smtp(user=True), "Mail", "takes no login", "RICWATCH_SMTP_USERNAME"),
    "smtp bad certificate": (
        lambda s: s.smtp(security="starttls", tls_context=s.certificates.server),
        "Mail",
        "a certificate that does not hold: self-signed",
        "trusted",
    ),
    "password in clear": (
        lambda s: s.set(smtp_host="mail.example.org", smtp_security="none", smtp_username="me"),
        "Mail",
        "unencrypted",
        "starttls or tls",
    ),
    "password changed": (password_changed, "Prefect", "refuses the password", "until then no command"),
    "password too short": (lambda s: s.set(api_auth="watch:secret"), "Settings", "RICWATCH_API_AUTH: write", ".env"),
    "unknown mails": (
        lambda s: s.mailed(dt.timedelta(hours=1), state="unknown", last_text="broke off"),
        "Outbox",
        "1 mail of unknown fate: broke off",
        "ask the reader",
    ),
    "old mails": (
        lambda s: s.mailed(dt.timedelta(days=2), last_text="450 later"),
        "Outbox",
        "1 mail has waited for more than a day: 450 later",
        "see Mail",
    ),
    "nothing delivered": (
        lambda s: s.mailed(dt.timedelta(days=10), state="sent", sent_at=NOW - dt.timedelta(days=10)),
        "Last mail",
        "no mail was delivered since",
        "ricwatch run",
    ),
    "never delivered": (
        lambda s: s.ran(dt.timedelta(days=10)),
        "Last mail",
        "no mail was ever delivered",
        "ricwatch run",
    ),
    "no run for days": (lambda s: s.ran(dt.timedelta(days=3)), "Last run", "3 days ago", "ricwatch serve"),
    "runs without answers": (
        lambda s: s.ran(dt.timedelta(hours=1), answered=False),
        "Last run",
        "no feed has answered ever",
        "see Network",
    ),
    "server died": (server_died, "Prefect", "without saying goodbye", "start it again"),
    "no worker": (no_worker, "Prefect", "no worker answers", "worker.log"),
    "package out of bounds": (old_package, "Packages", "sqlalchemy 2.1.9 is not", "make setup"),
    "no network": (no_network, "Network", "none of 1 probed feed hosts", "check the connection"),
    "all feeds dead": (
        feeds_dead,
        "Network",
        "none of 1 probed feeds answers",
        "ricwatch feeds check",
    ),
    "clock off": (clock_off, "Clock", "minutes ahead of what 1 feed", "timedatectl"),
    "wrong time zone": (lambda s: s.set(timezone="Mars/Olympus"), "Settings", "RICWATCH_TIMEZONE", ".env"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_set_up_is_found_and_the_next_step_named(name: str, well: Setup) -> None:
    breaking, where, state, advice = BROKEN[name]
    breaking(well)
    status, found = examined()
    finding = found[where]
    assert not finding["ok"]
    assert state in finding["state"]
    assert advice in finding["advice"]
    assert status == 1
    assert "hunter2" not in json.dumps(found)
    # What is broken here is no reason to call anything else broken, save what depends on it.
    depends = {
        "Seeds": {"Classifier", "Feeds", "Network"},
        "Feeds": {"Network"},
        "Database": {"Outbox", "Last mail", "Last run", "Full texts"},
    }
    depends |= {"Folder": {"Mail"}, "Last run": {"Last mail"}, "Last mail": {"Last run"}}
    assert {what for what, row in found.items() if not row["ok"]} - depends.get(where, set()) == {where}


@pytest.mark.parametrize(
    ("outcome", "on", "state", "advice"),
    [
        ("", False, "1 feed asks for them, and none is fetched", "RICWATCH_FULL_TEXT=true"),
        ("robots", True, "demo: full texts: 0 of 5 pages this week, else mostly robots", "feeds full-text demo off"),
        ("replaced", True, "1 feed asks for them; 5 texts of 5 pages this week", ""),
    ],
)
def test_full_texts_that_do_not_come_are_told_and_are_no_hindrance(
    outcome: str, on: bool, state: str, advice: str, well: Setup
) -> None:
    well.asks_for_texts(outcome, full_text=on)
    status, found = examined()
    assert status == 0
    assert state in found["Full texts"]["state"]
    assert advice in found["Full texts"]["advice"]
    assert found["Full texts"]["ok"] is not bool(advice)


def test_the_table_says_the_next_step_under_what_needs_one(well: Setup) -> None:
    well.set(recipients='["a@b@c"]')
    done = CliRunner().invoke(app, ["doctor"], standalone_mode=False, env={"COLUMNS": "200"})
    assert "→ correct RICWATCH_RECIPIENTS" in done.stdout


def test_a_finding_without_advice_is_well() -> None:
    assert Finding("A", "b").well
    assert not Finding("A", "b", "do this").well


def test_every_template_is_looked_at() -> None:
    there = {str(path.relative_to(ROOT / "templates")) for path in (ROOT / "templates").rglob("*") if path.is_file()}
    assert there == {*TEMPLATES, *(f"artifacts/{name}.md" for name in ARTIFACTS)}
