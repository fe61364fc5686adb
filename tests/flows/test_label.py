"""The command `label` on a real terminal, and what it says where there is none."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from classify.labelling import Label, Skipped, load_decisions
from flows.label import agreement_of, sit
from flows.labelpage import Page, make_form
from ingest.topic import load_topic
from store.errors import InputError
from store.settings import ROOT
from tests.classify.helpers import synthetic
from tests.flows.commands import ricwatch

ITEMS = [
    {"id": "1", "title": "India and China agree on patrols", "source": "Demo", "date": "2024-10-21"},
    {"id": "2", "title": "Rain delays the cricket final", "source": "Demo", "date": "2024-10-22"},
    {"id": "3", "title": "Russia halts oil deliveries to India", "source": "Demo", "date": "2024-10-23"},
]


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "news.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in ITEMS), encoding="utf-8")
    return path


# Standard input becomes the terminal whose Ctrl-C reaches the command, which may have been told to ignore it.
LAUNCH = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, "-m", "flows.cli", "label", *sys.argv[1:]])
"""


class Terminal:
    """A command on a pseudo-terminal of 80 by 24, and a person who waits for what she wants to see."""

    def __init__(self, cwd: Path, *arguments: str) -> None:
        self.side, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        env = {name: value for name, value in os.environ.items() if not name.startswith("RICWATCH_")}
        env |= {"RICWATCH_VAR_DIR": str(cwd / "var"), "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
        command = [sys.executable, "-c", LAUNCH, *arguments]
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.seen = ""

    def wait_for(self, text: str, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self.side], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"{text!r} never came; seen: {self.seen[-2000:]!r}"
            self.seen += os.read(self.side, 65536).decode("utf-8", "replace")
        self.seen = self.seen.rpartition(text)[2]

    def rest(self) -> str:
        """What is left to see."""
        while select.select([self.side], [], [], 0)[0]:
            self.seen += os.read(self.side, 65536).decode("utf-8", "replace")
        return self.seen

    def press(self, keys: str) -> None:
        os.write(self.side, keys.encode())

    def close(self) -> int:
        status = self.process.wait(timeout=30)
        assert termios.tcgetattr(self.theirs)[3] == self.before[3], "the terminal was not put back"
        return status

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.side)
        os.close(self.theirs)


def test_a_sitting_on_a_real_terminal_is_saved_key_by_key_and_goes_on(items: Path, tmp_path: Path) -> None:
    labels = tmp_path / "news.labels.jsonl"
    with Terminal(tmp_path, "news.jsonl") as terminal:
        terminal.wait_for("1 of 3")
        terminal.press("333b\x1b[AN")
        terminal.wait_for("Note:")
        terminal.press("wörd\r\r")
        terminal.wait_for("2 of 3")
        assert load_decisions(labels) == {"1": Label({"IN-CN": 1}, ("border",), note="wörd")}
        terminal.press("S")
        terminal.wait_for("3 of 3")
        terminal.press("Q")
        terminal.wait_for("1 items labelled now, 1 in all")
        assert terminal.close() == 0

    with Terminal(tmp_path, "news.jsonl") as terminal:
        terminal.wait_for("halts oil")
        terminal.press("1e\r")
        terminal.wait_for("Rain delays")
        terminal.press("\x03")  # Ctrl-C loses nothing
        terminal.wait_for("run it again to go on")
        assert terminal.close() == 130
    first = {"1": Label({"IN-CN": 1}, ("border",), note="wörd"), "2": Skipped(), "3": Label({"IN-RU": -1}, ("energy",))}
    assert load_decisions(labels) == first

    with Terminal(tmp_path, "news.jsonl", "--second", "ann", "--every", "2") as terminal:
        terminal.wait_for("1 of 1")  # of two labels every second is one
        terminal.press("33b\r")
        terminal.wait_for("Nothing is left")
        terminal.press("Q")
        terminal.wait_for("first and ann, 1 items in common")
        terminal.wait_for("IN-CN: +1 / 0")
        assert terminal.close() == 0

    with Terminal(tmp_path, "news.jsonl", "--second", "ann") as terminal:
        terminal.wait_for("halts oil")
        terminal.wait_for("Q quit")
        terminal.press("Q")
        terminal.wait_for("first and ann, 1 items in common")
        terminal.wait_for("main theme")
        assert terminal.close() == 0
        assert "IN-CN" not in terminal.rest()  # who is not through yet is not told how the first read


def test_without_a_terminal_it_says_what_to_do(items: Path, tmp_path: Path) -> None:
    done = ricwatch("label", "news.jsonl", cwd=tmp_path)
    assert done.returncode == 1
    assert "this is no terminal" in done.stderr
    assert "--agreement" in done.stderr
    assert not (tmp_path / "news.labels.jsonl").exists()


def test_a_second_reader_is_not_offered_suggestions(items: Path, tmp_path: Path) -> None:
    done = ricwatch("label", "news.jsonl", "--second", "ann", "--suggest", "5", cwd=tmp_path)
    assert done.returncode == 2


def test_agreement_needs_two_readers_and_says_how_to_get_the_second(items: Path) -> None:
    with pytest.raises(InputError, match="--second NAME"):
        agreement_of(items)


class OnATerminal:
    """Keys from a list, pages into a list: a sitting without a screen."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.written: list[Any] = []

    def show(self, page: Page) -> None:
        self.shown.append(page.item.id if page.item else "end")

    def write(self, page: Page) -> None:
        if page.entry:
            self.written.append((page.entry[0].id, len(self.shown)))


def test_what_a_key_decides_is_written_before_the_next_page_is_shown() -> None:
    from classify.model import Item

    queue = tuple(Item(str(one["id"]), str(one["title"])) for one in ITEMS)
    there = OnATerminal()
    page = sit(Page(make_form(load_topic(ROOT / "seeds")), queue), "0S0", there.write, there.show)
    assert there.written == [("1", 1), ("2", 2), ("3", 3)]
    assert there.shown == ["1", "2", "3", "end"]
    assert not page.left  # the terminal went away


def test_training_takes_several_files_and_labels_joined_to_their_texts(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="training needs the extra 'train'")
    records = [json.loads(line) for line in synthetic(tmp_path / "all.jsonl").read_text().splitlines()]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records[:120]))
    wanted = ("id", "date", "source", "dyads", "themes")
    labels = [{name: one[name] for name in wanted} for one in [*records[120:], records[0] | {"id": "lost"}]]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(one) + "\n" for one in labels))
    for name, half in (("one", records[:150]), ("two", records[150:])):
        texts = [{key: one[key] for key in ("id", "title", "text", "date", "source")} for one in half]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in texts))
    arguments = ["--items", "items.jsonl", "--labels", "labels.jsonl", "--texts", "one.jsonl", "--texts", "two.jsonl"]
    done = ricwatch("train", *arguments, "-o", "weights", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        f"{len(records) - 120} of {len(records) - 119} labels joined to their texts; without text: lost" in done.stdout
    )
    assert f"on {len(records)} items" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--labels", "l.jsonl"), "--labels and --texts go together"),
        ((), "nothing to train on"),
        (("--labels", "l.jsonl", "--texts", "news.jsonl"), "are these the texts that were labelled?"),
    ],
)
def test_training_says_what_is_missing(arguments: tuple[str, ...], says: str, items: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="training needs the extra 'train'")
    (tmp_path / "l.jsonl").write_text('{"id": "x", "dyads": {}, "themes": []}\n')
    done = ricwatch("train", *arguments, "-o", "weights", cwd=tmp_path)
    assert done.returncode == 1
    assert says in done.stderr
    assert not (tmp_path / "weights").exists()
