"""What a form or a command cannot mean is refused in one line, before anything is done."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.backtest import backtest
from flows.classify_articles import classify, re_read
from flows.detect_shifts import detect
from flows.export import export
from flows.people import pause
from flows.report import report
from flows.send_digest import digest
from flows.verdicts import end_silence_flow, silence
from store.settings import ROOT, Settings
from tests.flows.commands import ricwatch
from tests.flows.inprocess import IN_PROCESS
from tests.flows.test_flows import run

pytestmark = IN_PROCESS


def refusal(flow: Any, **parameters: Any) -> str:
    """The one line with which a run fails."""
    state = run(flow, **parameters)
    assert state.is_failed()
    assert "\n" not in str(state.message)
    return str(state.message)


@pytest.mark.parametrize("flow", [detect, digest, report])
def test_no_run_is_as_of_a_day_to_come(flow: Any, settings: Settings) -> None:
    assert "2099-03-04 is not over yet" in refusal(flow, as_of="2099-03-04")
    assert not (settings.var_dir / "mail").exists()


@pytest.mark.parametrize("command", [("report",), ("narratives",), ("digest", "preview")])
def test_no_command_is_as_of_a_day_to_come(command: tuple[str, ...], tmp_path: Path) -> None:
    done = ricwatch(*command, "--as-of", "2099-03-04", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("ricwatch: 2099-03-04 is not over yet")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("flow", "fields", "words"),
    [
        (classify, {"readings": "out.jsonl"}, "the readings file is where those of an items file go"),
        (classify, {"items": "in.jsonl", "readings": "out.jsonl", "at_most": 5}, "at most counts stored articles"),
        (detect, {"shifts": "out.jsonl"}, "the shifts file is where those of a series file go"),
        (detect, {"false_alarms_per_year": 2.0}, "false alarms a year is for a series file"),
        (detect, {"series": "in.csv", "shifts": "out.jsonl", "as_of": "2024-03-04"}, "as of is for stored articles"),
    ],
)
def test_no_field_of_a_form_is_ignored_in_silence(flow: Any, fields: dict[str, Any], words: str) -> None:
    assert refusal(flow, **fields).startswith(words)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("classify", "-o", "out.jsonl"), "--output"),
        (("detect", "-o", "out.jsonl"), "--output"),
        (("detect", "--false-alarms-per-year", "2"), "--false-alarms-per-year"),
    ],
)
def test_no_option_of_a_command_is_ignored_in_silence(command: tuple[str, ...], option: str, tmp_path: Path) -> None:
    done = ricwatch(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert f"Invalid value for {option}" in done.stderr


@pytest.mark.parametrize(
    ("flow", "field", "others"),
    [
        (re_read, "since", {}),
        (pause, "until", {"address": "ann@example.org"}),
        (silence, "until", {"comment": "summit", "requested_by": "Ann"}),
    ],
)
@pytest.mark.parametrize(("day", "words"), [("", "is empty; give a day"), ("soon", "'soon' is no day")])
def test_a_day_that_must_be_given_is_asked_for(
    flow: Any, field: str, others: dict[str, str], day: str, words: str
) -> None:
    assert refusal(flow, **others, **{field: day}).startswith(f"{field.capitalize()} {words}")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"items": ""}, "no items file is named"),
        ({"items": "none.jsonl"}, "none.jsonl is no file; give a .jsonl"),
        ({"items": "x", "start": "soon"}, "From 'soon' is no day"),
        ({"items": "x", "start": "2024-02-01", "end": "2024-01-01"}, "the first day, 2024-02-01, lies after the last"),
    ],
)
def test_a_form_of_days_and_files_is_answered_without_options(fields: dict[str, str], words: str) -> None:
    told = refusal(backtest, **fields)
    assert told.startswith(words)
    assert "--" not in told


def test_an_export_of_days_in_the_wrong_order_is_refused_without_options() -> None:
    assert refusal(export, start="2024-02-01", end="2024-01-01").startswith("the first day, 2024-02-01, lies after")


def test_a_quick_run_ends_no_silence() -> None:
    deployed = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    (form,) = (one["parameters"] for one in deployed if one["name"] == "end-silence")
    until = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=9)
    assert run(silence, until=f"{until}", comment="summit", requested_by="Ann").is_completed()
    assert refusal(end_silence_flow, **form).startswith("say which silence by its number; the page silences")
    assert run(end_silence_flow, number=1).is_completed(), "the silence stood until now"
