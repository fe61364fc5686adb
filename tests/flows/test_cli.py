"""The command line on files: exact outputs, one clear line on errors, an exit status for each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from store.settings import ROOT
from tests.flows import commands
from tests.flows.served import place


def ricwatch(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person would."""
    return run([sys.executable, "-m", "flows.cli", *arguments], cwd=cwd, **variables)


def run(command: list[str], *, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The same for any program, with nothing set but *variables*."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RICWATCH_", "PREFECT_"))}
    env |= {"RICWATCH_VAR_DIR": str(cwd / "var"), "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(
        command,
        check=False,
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_classify_reads_a_file_in_order_and_names_bad_lines(tmp_path: Path) -> None:
    items = tmp_path / "items.jsonl"
    items.write_text(
        '{"id": "b", "title": "India and China sign a border agreement in Beijing"}\n'
        "not json\n"
        '{"id": "a", "title": "Rain delays the cricket final"}\n'
    )
    done = ricwatch("classify", "items.jsonl", "-o", "readings.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "items.jsonl, line 2" in done.stdout
    first, second = [json.loads(line) for line in (tmp_path / "readings.jsonl").read_text().splitlines()]
    assert list(first) == ["id", "relevant", "p_relevant", "dyads", "themes", "claim", "evidence", "model"]
    assert (first["id"], second["id"]) == ("b", "a")
    assert first["dyads"]["IN-CN"]["stance"] == 1
    assert sum(first["dyads"]["IN-CN"]["p"]) == pytest.approx(1, abs=1e-3)
    assert (second["relevant"], second["dyads"], second["themes"]) == (False, {}, [])
    assert not (tmp_path / "var" / "ricwatch.db").exists()


def test_detect_runs_over_a_file_of_counts(tmp_path: Path) -> None:
    rows = ["date,dyad,plus,zero,minus"]
    for month in range(1, 8):
        plus, minus = (6, 1) if month < 6 else (1, 6)
        rows += [f"2021-{month:02}-{day:02},IN-CN,{plus},3,{minus}" for day in range(1, 29)]
    (tmp_path / "series.csv").write_text("\n".join([*rows, "2021-07-30,IN-CN,x,0,0"]) + "\n")
    done = ricwatch("detect", "series.csv", "-o", "shifts.jsonl", "--false-alarms-per-year", "0.5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "series.csv, line 198" in done.stdout
    shifts = [json.loads(line) for line in (tmp_path / "shifts.jsonl").read_text().splitlines()]
    (shift,) = [one for one in shifts if one["kind"] == "stance"]
    assert shift["direction"] == "divergence"
    assert "2021-05-25" <= shift["onset"] <= "2021-06-05"


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (("classify", "none.jsonl", "-o", "out.jsonl"), 1, "none.jsonl"),
        (("classify", "picture.jsonl", "-o", "out.jsonl"), 1, "picture.jsonl"),
        (("detect", "picture.jsonl", "-o", "out.jsonl"), 1, "picture.jsonl"),
        (("backtest", "none.jsonl", "-o", "out"), 1, "none.jsonl"),
        (("classify", "picture.jsonl"), 2, "-o readings.jsonl"),
        (("feeds", "check", "no-such-feed"), 1, "feeds list --all"),
        (("feeds", "history", "no-such-feed"), 1, "feeds list --all"),
        (("no-such-command",), 2, "no-such-command"),
    ],
)
def test_an_error_is_one_clear_line_and_a_status(
    arguments: tuple[str, ...], status: int, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "picture.jsonl").write_bytes(bytes(range(256)) * 20)
    done = commands.ricwatch(*arguments, cwd=tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_a_wrong_line_of_events_is_named_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"id": "a", "title": "India and China talk", "date": "2024-01-01"}\n')
    (tmp_path / "events.yaml").write_text("- date: 2024-01-01\n  label: fine\n- date: soon\n  label: not fine\n")
    done = ricwatch("backtest", "items.jsonl", "-o", "out", "--events", "events.yaml", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "events.yaml, line 3: 'soon' is no day" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_wrong_setting_is_named_before_anything_runs(tmp_path: Path) -> None:
    done = ricwatch("doctor", cwd=tmp_path, RICWATCH_TIMEZONE="Mars/Olympus")
    assert done.returncode == 1
    assert "RICWATCH_TIMEZONE" in done.stderr


def test_doctor_says_what_is_set_up_and_what_to_do(tmp_path: Path) -> None:
    done = ricwatch("doctor", cwd=tmp_path, COLUMNS="200")
    for what in ("Python", "Database", "Seeds", "Feeds", "Classifier", "Mail", "Prefect", "Network"):
        assert what in done.stdout
    assert "ricwatch run" in done.stdout


def test_doctor_names_a_key_that_cannot_sign(tmp_path: Path) -> None:
    done = commands.ricwatch("doctor", cwd=tmp_path, COLUMNS="200", RICWATCH_DKIM_KEY="absent.pem")
    assert done.returncode == 1
    assert "RICWATCH_DKIM_KEY: cannot read" in done.stdout
    assert "mend this first" in done.stdout


def test_debug_shows_the_trace(tmp_path: Path) -> None:
    done = ricwatch("--debug", "classify", "none.jsonl", "-o", "out.jsonl", cwd=tmp_path)
    assert "Traceback" in done.stderr


def test_metrics_are_printed_as_a_collector_reads_them(tmp_path: Path) -> None:
    done = ricwatch("metrics", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "# TYPE ricwatch_feeds gauge" in done.stdout
    assert "ricwatch_articles 0.0" in done.stdout


def test_log_lines_are_json_where_that_is_set(tmp_path: Path, prefect_database: Path) -> None:
    place(prefect_database, tmp_path / "var")
    done = ricwatch("seeds", cwd=tmp_path, RICWATCH_LOG_JSON="true")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert any("Beginning flow run" in line["message"] for line in lines), done.stderr


def test_what_only_some_commands_need_is_not_loaded_by_all() -> None:
    heavy = {"prefect", "sqlalchemy", "numpy", "httpx", "jinja2", "feedparser"}
    code = f"import sys, flows.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", "`ricwatch --help` takes three times as long with these"


def test_commands_that_run_no_flow_do_without_prefect(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"id": "a", "title": "India and China sign a border agreement"}\n')
    commands = [
        "shifts", "feeds list", "subscribers list", "silence list", "narratives", "claims", "doctor",
        f"classify {tmp_path}/items.jsonl -o {tmp_path}/readings.jsonl", "report",
        f"export series -o {tmp_path}/series.csv",
    ]  # fmt: skip
    code = f"""
import sys
from flows import cli
for words in {commands}:
    sys.argv = ["ricwatch", *words.split()]
    try:
        cli.main()
    except SystemExit as ended:
        assert not ended.code or words == "doctor", (words, ended.code)
    assert "prefect" not in sys.modules, words
"""
    done = run([sys.executable, "-c", code], cwd=tmp_path, RICWATCH_MAIL_TO="reader@example.org")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "readings.jsonl").exists()
