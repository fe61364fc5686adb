"""The command `deeds`: who asked for what."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from zoneinfo import ZoneInfo

from flows.deeds_command import line
from store.db import Store
from store.deeds import keep_deed
from store.people import Deed
from tests.flows import commands


def put(var: Path, who: str, hours_ago: int) -> None:
    var.mkdir(exist_ok=True)
    store = Store(f"sqlite:///{var / 'ricwatch.db'}")
    store.migrate()
    with store.session() as session:
        keep_deed(
            session,
            at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours_ago),
            who=who,
            flow="switch-feed",
            run=f"run of {who}",
            asked=[("Feed", "demo"), ("Because", "[red]moved[/red]")],
            outcome="feed demo: off",
        )
    store.close()


def test_deeds_are_told_by_person_and_day(tmp_path: Path) -> None:
    put(tmp_path / "var", "Ann", 1)
    put(tmp_path / "var", "Bo", 24 * 100)
    said = commands.ricwatch("deeds", cwd=tmp_path).stdout
    assert "Ann  feed demo: off  (Feed: demo; Because: [red]moved[/red])" in said
    assert "Bo" not in said
    early = commands.ricwatch("deeds", "--since", "0001-01-01", "--by", "bo", "--json", cwd=tmp_path).stdout
    (told,) = [json.loads(row) for row in early.splitlines()]
    assert (told["by"], told["asked"]["Feed"], told["run"]) == ("Bo", "demo", "run of Bo")
    assert "Nobody asked for anything since" in commands.ricwatch("deeds", "--by", "Cy", cwd=tmp_path).stdout
    wrong = commands.ricwatch("deeds", "--since", "yesterday", cwd=tmp_path)
    assert wrong.returncode == 1
    assert "--since" in wrong.stderr


def test_a_moment_is_told_in_the_readers_zone() -> None:
    row = Deed(at=dt.datetime(2026, 11, 28, 20, 30, tzinfo=dt.UTC), who="Ann", outcome="tidy: forgot nothing", asked=[])
    assert line(row, ZoneInfo("Asia/Kolkata")) == "2026-11-29 02:00  Ann  tidy: forgot nothing"
