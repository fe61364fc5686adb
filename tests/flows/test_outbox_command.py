"""The command `outbox`: what is shown of the mails, and what a person decides about those whose fate is unknown."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from alerts.outbox import MailState, deliver
from alerts.transport import Accepted
from flows.outbox_command import SENT_SHOWN, MailRow, look_up, mail_table, record, summary
from store.db import Store
from store.models import Outbox
from store.settings import Settings
from tests.alerts.test_outbox import NOW, FakeWay, mail, queue
from tests.flows.commands import ricwatch

KOLKATA = ZoneInfo("Asia/Kolkata")


@pytest.fixture
def store(settings: Settings) -> Store:
    """The database of the settings, where the commands look."""
    settings.var_dir.mkdir(parents=True)
    made = Store(settings.database)
    made.migrate()
    return made


def put(store: Store, number: int, **changes: object) -> None:
    with store.session() as session:
        row = session.get_one(Outbox, number)
        for name, value in changes.items():
            setattr(row, name, value)


def test_what_wants_attention_is_shown_with_the_newest_that_were_sent(store: Store) -> None:
    numbers = queue(store, *(f"{n}@example.org" for n in range(SENT_SHOWN + 5)))
    for number in numbers[3:]:
        put(store, number, state="sent", sent_at=NOW, last_text="mail.example: queued")
    put(store, numbers[0], state="unknown", last_text="broke off")
    put(store, numbers[1], state="failed", last_code=550, last_text="550 no such user", attempts=1)
    rows, hidden = look_up()
    assert [row.number for row in rows] == [*numbers[:3], *numbers[-SENT_SHOWN:]]
    assert [row.state for row in rows[:4]] == ["unknown", "failed", "pending", "sent"]
    assert hidden == 2
    rows, hidden = look_up(all_mails=True)
    assert ([row.number for row in rows], hidden) == (numbers, 0)


def row(**changes: object) -> MailRow:
    fields: dict[str, object] = {
        "number": 17, "state": "pending", "recipient": "a@example.org", "subject": "[shift ↑] [red]x[/red] 印度",
        "tries": 2, "last": "451 [b]later[/b]", "next_try": NOW, "queued": NOW, "sent": None,
    }  # fmt: skip
    return MailRow(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "cells"),
    [
        ({}, ["17", "pending", "a@example.org", "2", "451 [b]later[/b]", "28 Oct 06:30"]),
        ({"next_try": None, "tries": 0, "last": "–"}, ["17", "pending", "a@example.org", "0", "–", "next run"]),
        ({"state": "sent", "next_try": None, "last": "ok"}, ["17", "sent", "a@example.org", "2", "ok", ""]),
    ],
    ids=["put off until a moment in the readers' zone", "due at once", "sent"],
)
def test_the_table_shows_each_mail_word_for_word(changes: dict[str, object], cells: list[str]) -> None:
    console = Console(width=160, record=True, highlight=False, file=StringIO())
    console.print(mail_table([row(**changes)], KOLKATA))
    lines = console.export_text().splitlines()
    shown = next(line for line in lines if "a@example.org" in line)
    assert [cell.strip() for cell in shown.strip("│").split("│")] == cells
    assert any("[shift ↑] [red]x[/red] 印度" in line for line in lines)


def test_a_record_is_json() -> None:
    told = json.loads(json.dumps(record(row())))
    assert (told["number"], told["state"], told["tries"], told["sent"]) == (17, "pending", 2, None)
    assert dt.datetime.fromisoformat(told["next_try"]) == NOW


def test_the_last_lines_say_what_to_do() -> None:
    assert summary([], 0) == ["The outbox is empty: no digest was composed yet."]
    assert summary([row()], 0) == []
    assert summary([row()], 1_200) == ["and 1,200 more that were sent; --all shows them"]
    (line,) = summary([row(state="unknown"), row(number=18, state="unknown")], 0)
    assert line.startswith("2 unknown")
    assert "ricwatch outbox arrived 17" in line
    assert "ricwatch outbox resend 17" in line


@pytest.mark.parametrize(("answer", "given"), [("arrived", []), ("resend", ["a@example.org"])])
def test_a_persons_answer_is_kept_and_followed(
    store: Store, settings: Settings, tmp_path: Path, answer: str, given: list[str]
) -> None:
    (number,) = queue(store, "a@example.org")
    put(store, number, state="unknown", last_text="broke off")
    shown = ricwatch("outbox", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert f"ricwatch outbox {answer} {number}" in shown.stdout
    done = ricwatch("outbox", answer, str(number), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Mail {number}" in done.stdout
    way = FakeWay(lambda _: Accepted("ok"))
    deliver(store, settings, now=NOW, transport=way)
    assert way.given == given
    assert mail(store, number).state == MailState.SENT


def test_a_mail_that_is_not_unknown_is_left_alone_in_one_line(store: Store, tmp_path: Path) -> None:
    (number,) = queue(store, "a@example.org")
    for answer in ("arrived", "resend"):
        done = ricwatch("outbox", answer, str(number), cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith(f"ricwatch: no mail with number {number} is in the state unknown")
        assert done.stderr.count("\n") == 1
    assert mail(store, number).state == MailState.PENDING


def test_the_outbox_as_json(store: Store, tmp_path: Path) -> None:
    (number,) = queue(store, "a@example.org")
    done = ricwatch("outbox", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)
    assert (told["number"], told["recipient"], told["subject"]) == (number, "a@example.org", "No shift this week")
