"""The process that takes pages apart: real, given pages that mean ill, and ended when it does not answer."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from ingest import pageworker
from ingest.page import PageOutcome
from ingest.pageworker import PageReader, require_extra
from store.errors import ConfigError
from tests.ingest.webpages import page

HTML = {"content-type": "text/html"}


def process_of(reader: PageReader) -> int:
    assert reader._apart._process is not None
    return reader._apart._process.pid


async def test_pages_are_read_one_after_the_other_by_one_process() -> None:
    async with PageReader("ricwatch") as reader:
        found = await asyncio.gather(*(reader.read(page(title=f"Treaty {n}"), HTML) for n in range(4)))
        assert all("freight wagons" in one.text for one in found)
        first = process_of(reader)
        await reader.read(page(), HTML)
        assert process_of(reader) == first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


async def test_a_page_that_takes_too_long_is_given_up_and_the_next_is_read() -> None:
    async with PageReader("ricwatch") as reader:
        await reader.read(page(), HTML)
        first = process_of(reader)
        os.kill(first, signal.SIGSTOP)  # as one that never comes back
        reader._apart._seconds = 0.2
        found = await reader.read(page(), HTML)
        assert (found.text, found.refused) == ("", PageOutcome.TOO_SLOW)
        reader._apart._seconds = 30.0
        assert "freight wagons" in (await reader.read(page(), HTML)).text
        assert process_of(reader) != first


async def test_a_page_that_brings_the_process_down_is_named_and_the_next_is_read() -> None:
    async with PageReader("ricwatch") as reader:
        await reader.read(page(), HTML)
        os.kill(process_of(reader), signal.SIGKILL)
        found = await reader.read(page(), HTML)
        assert found.refused in (PageOutcome.FAILED, None), "found dead before the page, or with it"
        assert "freight wagons" in (await reader.read(page(), HTML)).text


async def test_the_answer_to_a_page_that_was_given_up_is_not_taken_for_the_next_one() -> None:
    async with PageReader("ricwatch") as reader:
        await reader.read(page(), HTML)
        asking = asyncio.create_task(reader.read(page(title="The first"), HTML))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        other = page("<p>Something else altogether, about a dam on a river and nothing more than that.</p>" * 4)
        assert "dam on a river" in (await reader.read(other, HTML)).text


async def test_the_process_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RICWATCH_SMTP_PASSWORD", "hunter2")
    async with PageReader("ricwatch") as reader:
        await reader.read(page(), HTML)
        with open(f"/proc/{process_of(reader)}/environ", "rb") as environment:
            assert b"hunter2" not in environment.read()


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    require_extra()
    monkeypatch.setattr(pageworker, "find_spec", lambda name: None if name == "trafilatura" else object())
    with pytest.raises(ConfigError, match=r"trafilatura is not installed; pip install 'ricwatch\[fulltext\]'"):
        require_extra()
