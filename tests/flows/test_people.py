"""Readers, verdicts and silences by hand: the flows behind the forms, and the same by command."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from alerts.subscribers import readers
from flows.people import pause, subscribe, unsubscribe
from flows.verdicts import end_silence_flow, explain_shift_flow, judge_shift, silence
from flows.watch import open_watch
from store.settings import Settings
from tests.alerts.test_digest import add_shift
from tests.flows.commands import ricwatch
from tests.flows.inprocess import IN_PROCESS
from tests.flows.test_flows import name_of, pages, run

pytestmark = IN_PROCESS


def found() -> int:
    """A shift in the database in force, of the model in force."""
    with open_watch() as watch:
        return add_shift(watch.store, model=watch.model.version)


def addresses() -> list[str]:
    with open_watch() as watch, watch.store.session() as session:
        return [reader.address for reader in readers(session, watch.settings)]


def test_a_form_subscribes_and_its_page_shows_everyone() -> None:
    state = run(
        subscribe, address="ann@example.org", dyads=["IN-CN"], cadence="weekdays", mute_hours="22-7", text_only=True
    )
    assert "ann@example.org is subscribed. Shifts of IN-CN: once a day from Monday to Friday" in str(state.message)
    page = pages(state)["subscribers"]
    assert "ann&#64;example.org" in page
    assert name_of(state) == "subscribe ann@…: IN-CN, weekdays"
    assert addresses() == ["ann@example.org"]
    assert "gets no digest before 2030-01-01" in str(run(pause, address="ann@example.org", until="2030-01-01").message)
    assert "gets digests again" in str(run(pause, address="ann@example.org", until="2020-01-01").message)
    assert "gets no more digests" in str(run(unsubscribe, address="ann@example.org").message)
    assert addresses() == []


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"address": "nobody"}, "is not one mail address"),
        ({"address": "ann@example.org", "timezone": "Delhi"}, "no time zone is called 'Delhi'"),
        ({"address": "ann@example.org", "mute_hours": "late"}, "'late' is no hour"),
        ({"address": "ann@example.org", "mute_hours": "22"}, "mute hours need both ends"),
    ],
)
def test_a_wrong_value_fails_the_run_with_one_clear_line(parameters: dict[str, object], words: str) -> None:
    state = run(subscribe, **parameters)
    assert state.is_failed()
    assert words in str(state.message)


def test_a_verdict_is_kept_and_shown_with_the_shift() -> None:
    number = found()
    state = run(judge_shift, number=number, verdict="wrong", requested_by="Ann", comment="satire <b>")
    assert f"Shift {number} judged wrong by Ann." in str(state.message)
    assert name_of(state) == f"judge shift {number}: wrong"
    page = pages(state)["shift"]
    assert "Ann: **wrong** satire &lt;b&gt;" in page
    assert "judged" in page
    explained = run(explain_shift_flow, number=number)
    assert "India–China coverage turned convergent, +0.73; open" in str(explained.message)
    assert run(judge_shift, number=number + 1, verdict="right", requested_by="Ann").is_failed()


def test_a_silence_is_made_and_listed() -> None:
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(days=9)).date()
    state = run(silence, until=f"{until}", comment="summit", requested_by="Ann", dyad="IN-CN")
    assert "Silence 1: India–China, silenced until" in str(state.message)
    assert "by Ann: summit" in pages(state)["silences"]
    ended = run(end_silence_flow, number=1)
    assert str(ended.message).startswith("Silence 1 is over: India–China.")
    assert "No silence is in force." in pages(ended)["silences"]
    assert run(end_silence_flow, number=1).is_failed()
    late = run(silence, until="2099-01-01", comment="summit", requested_by="Ann")
    assert late.is_failed()
    assert "180 days at most" in str(late.message)


def test_the_commands_do_the_same(tmp_path: Path, settings: Settings) -> None:
    assert settings.var_dir == tmp_path / "var"
    number = found()

    def say(*arguments: str) -> str:
        done = ricwatch(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(*arguments: str) -> str:
        done = ricwatch(*arguments, cwd=tmp_path)
        assert done.returncode == 1
        return done.stderr

    ann = "ann@example.org"
    told = say("subscribers", "add", ann, "--tie", "IN-CN", "--tie", "IN-RU", "--least", "strong")
    assert f"{ann} is subscribed. Shifts of IN-CN and IN-RU of at least strong evidence" in told
    told = say("subscribers", "add", ann, "--hour", "7")
    assert f"{ann} is changed. Shifts of IN-CN and IN-RU" in told
    assert "from 07:00 on" in told
    out = tmp_path / "readers.csv"
    assert "1 readers in" in say("subscribers", "export", str(out))
    names, line = out.read_text(encoding="utf-8").splitlines()
    out.write_text(f"{names}\n{line}\nbo@example.org{',' * names.count(',')}\n", encoding="utf-8")
    assert "1 readers added, 1 changed" in say("subscribers", "import", str(out))
    assert "bo@example.org" in say("subscribers", "list")
    told = say("subscribers", "pause", "bo@example.org", "--until", "2030-05-01")
    assert "gets no digest before 2030-05-01" in told
    assert "gets no more digests" in say("subscribers", "end", "bo@example.org")
    assert "1 shift;" in say("shifts")
    assert "judged right by Ann" in say("judge", str(number), "right", "--by", "Ann")
    told = say("shifts", str(number))
    assert "Ann: right" in told
    assert "Who carries it" in told
    assert "'soon' is no day" in refused("silence", "add", "--until", "soon", "--by", "Ann", "--comment", "x")
    assert "No silence is in force." in say("silence", "list")
    assert "no silence with number 4" in refused("silence", "end", "4")
