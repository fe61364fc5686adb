"""The flows that keep the monitor going for months: backup, word to the operator, tidying."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from flows.back_up import back_up
from flows.cli import app
from flows.tidy import tidy
from store.backup import backups
from store.models import Feed
from store.settings import Settings
from tests.flows.inprocess import IN_PROCESS
from tests.flows.test_flows import count, pages, run

pytestmark = IN_PROCESS


def test_back_up_leaves_a_file_and_a_page_and_thins_out(settings: Settings, tmp_path: Path) -> None:
    states = [run(back_up, folder=str(tmp_path / "kept"), keep=2) for _ in range(3)]
    assert len(backups(tmp_path / "kept")) == 2
    assert "1 older removed" in str(states[-1].message)
    assert "rows of feed" in pages(states[-1])["backup"]
    run(back_up)
    assert len(backups(settings.var_dir / "backups")) == 1


def test_a_backup_is_taken_checked_and_put_back_from_the_command_line(settings: Settings, tmp_path: Path) -> None:
    run(back_up, folder=str(tmp_path))
    (made,) = backups(tmp_path)
    runner = CliRunner()
    assert "is whole" in runner.invoke(app, ["restore", "--check", str(made)], catch_exceptions=False).output
    (settings.var_dir / "ricwatch.db").unlink()
    assert "restored" in runner.invoke(app, ["restore", str(made)], catch_exceptions=False).output
    assert count(Feed) == 0
    again = runner.invoke(app, ["backup", "--to", str(tmp_path), "--keep", "1"], catch_exceptions=False)
    assert "1 older removed" in again.output
    assert len(backups(tmp_path)) == 1


def test_tidy_says_what_it_would_forget_and_what_it_forgot() -> None:
    planned = run(tidy, dry_run=True)
    assert str(planned.message) == "dry run: would forget nothing"
    assert "What would be forgotten" in pages(planned)["tidy"]
    assert "older than 1100 days" in pages(run(tidy))["tidy"]
    assert CliRunner().invoke(app, ["tidy", "--dry-run"], catch_exceptions=False).output.startswith("dry run")
