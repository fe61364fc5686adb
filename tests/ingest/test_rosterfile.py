"""Adding to the roster file, and OPML."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.model import RosterFeed
from ingest.roster import load_roster
from ingest.rosterfile import add_to_roster, as_opml, from_opml, new_key, switch_feed, switch_full_text
from store.errors import InputError, SeedError
from store.settings import ROOT
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
    return from_opml(path, bloc="other", lang="en", timezone="UTC", day="2026-11-25", taken={"a"}).feeds


def test_what_is_added_reads_back_and_the_rest_of_the_file_stays(roster: Path) -> None:
    new = feed(
        "b", url="https://b.in/rss", outlet="“B”: the: paper # 1", status_note="new: yes", status_date="2026-11-25"
    )
    assert add_to_roster(roster, [new]) == [new]
    assert load_roster(roster)[1] == new
    assert roster.read_text(encoding="utf-8").startswith(ROSTER)
    assert [path.name for path in roster.parent.iterdir()] == ["feeds.yaml"]


def test_a_roster_written_without_indents_is_added_to_and_switched_as_well(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text("".join(line[2:] if line.startswith("  ") else line for line in ROSTER.splitlines(keepends=True)))
    new = feed("b", url="https://b.in/rss", status_date="2026-11-25")
    assert add_to_roster(path, [new]) == [new]
    assert not switch_feed(path, "a", enabled=False, note="sold", day="2026-11-26").enabled
    assert [(one.key, one.enabled) for one in load_roster(path)] == [("a", False), ("b", new.enabled)]


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
        feed("b", url="https://b.in/rss", bloc="russia", lang="ru", outlet="Б", enabled=False, status_note="gone  mad"),
        feed("a", url="https://a.in/rss?x=1&y=2", bloc="russia", lang="ru", outlet="А & Б", kind="think tank"),
    ]
    on, off = take(tmp_path / "x.opml", as_opml(rows))
    assert (on.url, on.bloc, on.lang, on.outlet) == ("https://a.in/rss?x=1&y=2", "russia", "ru", "А & Б")
    assert (on.kind, on.timezone, rows[1].timezone) == ("think tank", "Asia/Kolkata", "Asia/Kolkata")
    assert (on.key, on.status, on.enabled) == ("a-2", "unverified", True)
    assert (off.key, off.enabled, off.status_note) == ("b", False, "gone mad. Taken from x.opml.")


def test_the_shipped_roster_goes_out_and_comes_back_with_all_that_opml_can_hold(tmp_path: Path) -> None:
    def kept(one: RosterFeed) -> tuple[object, ...]:
        return one.key, one.outlet, one.bloc, one.kind, one.lang, one.url, one.timezone, one.enabled

    rows = load_roster(ROOT / "seeds" / "feeds.yaml")
    path = tmp_path / "x.opml"
    path.write_bytes(as_opml(rows))
    listed = from_opml(path, bloc="other", lang="en", timezone="UTC", day="2026-11-25", taken=set())
    assert {kept(one) for one in listed.feeds} == {kept(one) for one in rows}
    assert listed.left == []
    empty = tmp_path / "feeds.yaml"
    empty.write_text("feeds:\n" + ROSTER.partition("feeds:\n")[2])
    assert len(add_to_roster(empty, listed.feeds)) == len(rows)


def test_attributes_that_lost_their_namespace_count_and_those_that_make_no_sense_do_not(tmp_path: Path) -> None:
    body = opml(
        '<outline text="X" xmlUrl="https://x.in/" timezone="Asia/Tokyo" kind="agency" bloc="china" language="zh-CN"/>'
        '<outline text="Y" xmlUrl="https://y.in/" timezone="Mars/Base" kind="import" bloc="mars" language="Hindi"/>'
    )
    one, two = take(tmp_path / "x.opml", body)
    assert (one.timezone, one.kind, one.bloc, one.lang) == ("Asia/Tokyo", "agency", "china", "zh")
    assert (two.timezone, two.kind, two.bloc, two.lang) == ("UTC", "newspaper", "other", "en")


def test_what_stands_in_a_comment_is_not_polled_and_gives_way_to_what_is(roster: Path, tmp_path: Path) -> None:
    body = opml(
        '<outline text="Old" isComment="true"><outline text="X" xmlUrl="https://x.in/"/></outline>'
        '<outline text="Y" xmlUrl="https://x.in/"/>'
    )
    listed = take(tmp_path / "x.opml", body)
    assert [(one.outlet, one.enabled) for one in listed] == [("Y", True), ("X", False)]
    assert listed[1].status_note == "Switched off there. Taken from x.opml."
    assert [one.outlet for one in add_to_roster(roster, listed)] == ["Y"]


def test_folders_of_other_names_say_nothing_of_the_bloc(tmp_path: Path) -> None:
    body = opml(
        '<outline text="China"><outline text="News"><outline text="X" xmlUrl="https://x.cn/"/></outline></outline>'
    )
    (one,) = take(tmp_path / "x.opml", body)
    assert one.bloc == "china"
    (two,) = take(
        tmp_path / "x.opml", opml('<outline text="News"><outline text="X" xmlUrl="https://x.cn/"/></outline>')
    )
    assert two.bloc == "other"


def test_an_outline_that_cannot_be_polled_is_left_out_by_name_and_costs_no_other(roster: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.opml"
    path.write_bytes(
        opml(
            '<outline type="rss" text="Mail" xmlUrl="mailto:x@y.in"/><outline type="rss" text="Blank" xmlUrl=" "/>'
            '<outline type="rss" text="Void" xmlUrl=""/><outline text="Half" xmlUrl="https://[half"/>'
            '<outline text="Login" xmlUrl="https://me:secret@x.in/"/><outline xmlUrl="https://me:secret@x.in/"/>'
            '<outline text="Folder" xmlUrl=""><outline text="Good" xmlUrl="https://x.in/rss"/></outline>'
        )
    )
    listed = from_opml(path, bloc="other", lang="en", timezone="UTC", day="2026-11-25", taken={"a"})
    assert [one.outlet for one in listed.feeds] == ["Good"]
    assert [one.split(":")[0] for one in listed.left] == [
        "Mail", "Blank", "Void", "Half", "Login", "an outline without a name",
    ]  # fmt: skip
    assert "secret" not in " ".join(listed.left)
    assert add_to_roster(roster, listed.feeds) == listed.feeds


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("feed://x.in/rss", "http://x.in/rss"),
        ("FEED://x.in/rss", "http://x.in/rss"),
        ("feed:https://x.in/rss", "https://x.in/rss"),
        (" https://x.in/rss ", "https://x.in/rss"),
    ],
)
def test_the_scheme_that_browsers_once_gave_feeds_is_read_as_the_webs(tmp_path: Path, written: str, read: str) -> None:
    (one,) = take(tmp_path / "x.opml", opml(f'<outline text="X" xmlUrl="{written}"/>'))
    assert one.url == read


def test_opml_in_a_default_namespace_is_opml(tmp_path: Path) -> None:
    body = opml('<outline text="russia"><outline text="X" xmlUrl="https://x.ru/"/></outline>')
    (one,) = take(tmp_path / "x.opml", body.replace(b"<opml ", b'<opml xmlns="http://opml.org/spec2" '))
    assert (one.url, one.bloc) == ("https://x.ru/", "russia")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (opml('<outline text="X" xmlUrl="mailto:x@y.in"/>'), "lists no feed that can be taken: X: 'mailto"),
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
        from_opml(tmp_path / "no.opml", bloc="other", lang="en", timezone="UTC", day="", taken=set())


MORE = """  # What stands above b.
  - key: b
    outlet: B
    bloc: india
    kind: newspaper
    lang: en
    url: "https://b.in/rss"
    timezone: Asia/Kolkata
    enabled: true
    status: ok
    status_date: "2026-01-01"
    status_note: >
      Folded over
      two lines.
  # What stands above c.
  - key: c
    outlet: C
    bloc: india
    kind: newspaper
    lang: en
    url: "https://c.in/rss"
    timezone: Asia/Kolkata
    enabled: true
    status: ok
"""


@pytest.mark.parametrize("key", ["a", "b", "c"])
def test_switching_a_feed_off_and_on_changes_its_entry_alone(roster: Path, key: str) -> None:
    roster.write_text(ROSTER + MORE, encoding="utf-8")
    before = {one.key: one for one in load_roster(roster)}
    off = switch_feed(roster, key, enabled=False, note='sold: "gone"\n# no comment', day="2026-11-26")
    assert (off.enabled, off.status_date, off.status_note) == (False, "2026-11-26", 'sold: "gone" # no comment')
    after = {one.key: one for one in load_roster(roster)}
    assert {name: one for name, one in after.items() if name != key} == {
        name: one for name, one in before.items() if name != key
    }
    text = roster.read_text(encoding="utf-8")
    for comment in ("# A comment that stays.", "# What stands above b.", "# What stands above c."):
        assert comment in text
    on = switch_feed(roster, key, enabled=True, note="", day="2026-11-27")
    assert (on.enabled, on.status_note) == (True, off.status_note)


def test_full_texts_are_switched_in_the_entry_alone(roster: Path) -> None:
    roster.write_text(ROSTER + MORE, encoding="utf-8")
    assert switch_full_text(roster, "a", on=True).full_text
    assert [one.full_text for one in load_roster(roster)] == [True, False, False]
    with pytest.raises(InputError, match="switched on already"):
        switch_full_text(roster, "a", on=True)
    with pytest.raises(InputError, match="has no feed 'z'"):
        switch_full_text(roster, "z", on=True)
    assert not switch_full_text(roster, "a", on=False).full_text
    assert roster.read_text(encoding="utf-8").replace("    full_text: false\n", "") == ROSTER + MORE


@pytest.mark.parametrize(
    ("key", "enabled", "note", "words"),
    [
        ("z", False, "x", "has no feed 'z'"),
        ("a", True, "x", "switched on already"),
        ("a", False, "  ", "say why a is switched off"),
    ],
)
def test_a_switch_that_makes_no_sense_is_refused(roster: Path, key: str, enabled: bool, note: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        switch_feed(roster, key, enabled=enabled, note=note, day="2026-11-26")
    assert roster.read_text(encoding="utf-8") == ROSTER


def test_an_entry_on_one_line_is_left_to_a_person(roster: Path) -> None:
    line = (
        '  - {key: d, outlet: D, bloc: india, kind: newspaper, lang: en, url: "https://d.in", timezone: UTC, '
        "enabled: true, status: ok}\n"
    )
    roster.write_text(ROSTER + line, encoding="utf-8")
    with pytest.raises(InputError, match="change it by hand"):
        switch_feed(roster, "d", enabled=False, note="x", day="2026-11-26")


def test_switching_on_what_another_feed_polls_is_refused_and_changes_nothing(roster: Path) -> None:
    twin = MORE.replace("https://b.in/rss", "https://a.in/rss").replace("enabled: true", "enabled: false", 1)
    roster.write_text(ROSTER + twin, encoding="utf-8")
    before = roster.read_text(encoding="utf-8")
    with pytest.raises(SeedError, match=r"polls https://a\.in/rss"):
        switch_feed(roster, "b", enabled=True, note="", day="2026-11-26")
    assert roster.read_text(encoding="utf-8") == before
