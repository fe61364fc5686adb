"""What a run was asked for, at the end of its first page."""

from __future__ import annotations

import datetime as dt

import pytest

from flows.echo import masked, rows_of, without_secrets, words_of
from flows.export import export
from flows.send_digest import send_test_digest
from tests.flows.inprocess import IN_PROCESS
from tests.flows.test_flows import name_of, pages, run

pytestmark = IN_PROCESS


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ann:pw@feeds.example/x", "https://***@feeds.example/x"),
        ("https://feeds.example/x?lang=en&api_key=1234#top", "https://feeds.example/x?lang=en&api_key=***#top"),
        ("https://feeds.example/x?Token=a%20b&p=1", "https://feeds.example/x?Token=***&p=1"),
        ("ann@example.org", "ann@example.org"),
        ("a key=word of no address", "a key=word of no address"),
    ],
)
def test_what_opens_doors_in_an_address_is_not_shown(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (False, "no"),
        (["https://u:p@a.example", "b"], "https://***@a.example, b"),
        (dt.date(2026, 11, 22), "2026-11-22"),
        ("a\nb | c", "a b | c"),
        (None, "None"),
        ("  ", "–"),
    ],
)
def test_values_are_shown_as_in_the_form(value: object, shown: str) -> None:
    assert words_of(value) == shown


def test_rows_have_the_titles_and_the_order_of_the_form() -> None:
    schema = {"b": {"title": "Second"}, "a": {"title": "First"}, "c": {}}
    assert rows_of({"a": 1, "b": True}, schema) == [("Second", "yes"), ("First", "1")]


def test_a_name_of_a_run_has_no_whole_address() -> None:
    assert masked(" anna@example.org ") == "anna@…"


@pytest.mark.usefixtures("prefect_server")
def test_only_the_first_page_of_a_run_ends_with_what_was_asked_for() -> None:
    state = run(send_test_digest, recipients=["ann@example.org"], dry_run=True, requested_by="Ann | <b>")
    asked = pages(state)["digest"].partition("## What was asked for")[2]
    assert "| Send to | ann&#64;example.org |" in asked
    assert "| Dry run | yes |" in asked
    assert r"| Asked by | Ann \| &lt;b&gt; |" in asked
    assert name_of(state) == "test digest for 1 reader: dry run"


@pytest.mark.usefixtures("prefect_server")
def test_the_name_of_a_run_says_what_it_did() -> None:
    state = run(export, what="series", requested_by="Ann")
    assert name_of(state) == "export series: 0 rows"
    assert "| What | series |" in pages(state)["export"]
