"""Adding to the roster file, and OPML."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.model import Bloc, RosterFeed
from ingest.roster import load_roster
from ingest.rosterfile import add_to_roster, as_opml, from_opml, new_key
from store.errors import InputError, SeedError
from tests.ingest.helpers import feed

ROSTER = """# A comment that stays.
feeds:
  - key: a
    outlet: A
    bloc: india
    kind: newspaper
    lang: en
    url: "https://a.in/rss"
    timezone: Asia/Kolkata
    enabled: true
    status: ok
"""


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    path = tmp_path / "feeds.yaml"
    path.write_text(ROSTER, encoding="utf-8")
    return path


def opml(inner: str) -> bytes:
    return f'<?xml version="1.0"?><opml version="2.0"><head/><body>{inner}</body></opml>'.encode()


def take(path: Path, body: bytes) -> list[RosterFeed]:
    path.write_bytes(body)
    return from_opml(path, bloc=Bloc.OTHER, lang="en", timezone="UTC", day="2026-11-25", taken={"a"})


def test_what_is_added_reads_back_and_the_rest_of_the_file_stays(roster: Path) -> None:
    new = feed(
        "b", url="https://b.in/rss", outlet="“B”: the: paper # 1", status_note="new: yes", status_date="2026-11-25"
    )
    assert add_to_roster(roster, [new]) == [new]
    assert load_roster(roster)[1] == new
    assert roster.read_text(encoding="utf-8").startswith(ROSTER)
    assert [path.name for path in roster.parent.iterdir()] == ["feeds.yaml"]


def test_an_address_that_is_known_is_not_added_twice(roster: Path) -> None:
    twins = [
        feed("b", url="http://www.a.in/rss?utm_source=x"),
        feed("c", url="https://c.in"),
        feed("d", url="https://c.in/"),
    ]
    assert [one.key for one in add_to_roster(roster, twins)] == ["c"]
    assert add_to_roster(roster, twins) == []


def test_a_feed_that_would_spoil_the_roster_leaves_it_as_it_was(roster: Path) -> None:
    with pytest.raises(SeedError, match="timezone"):
        add_to_roster(roster, [feed("b", timezone="Mars/Base")])
    assert roster.read_text(encoding="utf-8") == ROSTER
    assert [path.name for path in roster.parent.iterdir()] == ["feeds.yaml"]


def test_keys_are_short_names_that_nobody_has() -> None:
    assert new_key("Россия", {"feed"}) == "feed-2"
    assert new_key("import x", set()) == "feed-import-x"
    assert len(new_key("x" * 500, set())) <= 80


def test_opml_goes_out_and_comes_back(tmp_path: Path) -> None:
    rows = [
        feed("a", url="https://a.in/rss?x=1&y=2", bloc=Bloc.RUSSIA, lang="ru", outlet="А & Б"),
        feed("b", url="https://b.in/rss", enabled=False),
    ]
    (back,) = take(tmp_path / "x.opml", as_opml(rows))
    assert (back.url, back.bloc, back.lang, back.outlet) == ("https://a.in/rss?x=1&y=2", Bloc.RUSSIA, "ru", "А & Б")
    assert (back.key, back.status, back.enabled) == ("a-2", "unverified", True)


def test_folders_of_other_names_say_nothing_of_the_bloc(tmp_path: Path) -> None:
    body = opml(
        '<outline text="China"><outline text="News"><outline text="X" xmlUrl="https://x.cn/"/></outline></outline>'
    )
    (one,) = take(tmp_path / "x.opml", body)
    assert one.bloc is Bloc.CHINA
    (two,) = take(
        tmp_path / "x.opml", opml('<outline text="News"><outline text="X" xmlUrl="https://x.cn/"/></outline>')
    )
    assert two.bloc is Bloc.OTHER


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "no OPML"),
        (b"<rss/>", "root is not"),
        (opml(""), "lists no feed"),
        (b'<!DOCTYPE o [<!ENTITY a "b">]><opml/>', "document type"),
        (opml("<outline>" * 90), "nested"),
        (b"\xff\xfe\x00", "no OPML"),
    ],
)
def test_what_is_no_list_of_feeds_is_named(tmp_path: Path, body: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        take(tmp_path / "x.opml", body)
    with pytest.raises(InputError, match="cannot be read"):
        from_opml(tmp_path / "no.opml", bloc=Bloc.OTHER, lang="en", timezone="UTC", day="", taken=set())
