"""The feed of shifts: valid Atom, names that stay, an update when a status changes, and text that stays text."""

from __future__ import annotations

import datetime as dt
import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import feedparser
import pytest

from alerts.facts import ShiftFact
from alerts.model import Kind
from alerts.report import write_report
from alerts.shiftfeed import MOST, NAMESPACE, Entry, entry_id, feed_tree, gather_entries, write_feed
from alerts.shifts import detect_shifts
from store.settings import Settings
from tests.alerts.helpers_digest import evidence, facts, shift, story
from tests.alerts.helpers_report import FOUND, LAST, NOW, morning, own_settings, turned
from tests.alerts.helpers_store import MODEL, day

MOMENT = dt.datetime(2024, 10, 28, 1, 0, tzinfo=dt.UTC)
HOSTILE = "</content><script>alert(1)</script>]]>&amp;\x00\x0b\ufffe\ud800\u202e<b>bold</b>"


def entry(one: ShiftFact | None = None, **changes: Any) -> Entry:
    made = Entry(one or shift(), "test-1", "", MOMENT, MOMENT)
    return replace(made, **changes)


def written(settings: Settings, folder: Path, *entries: Entry) -> bytes:
    path = folder / "shifts.atom"
    write_feed(settings, path, entries, facts())
    return path.read_bytes()


def parsed(data: bytes) -> Any:
    """As a feed reader takes it; strictly well-formed."""
    ET.fromstring(data)
    feed = feedparser.parse(io.BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    assert (feed.bozo, feed.version) == (False, "atom10")
    return feed


def must_have(element: ET.Element, *names: str) -> None:
    for name in names:
        assert len(element.findall(f"{{{NAMESPACE}}}{name}")) == 1, name


def test_it_has_what_rfc_4287_asks_of_a_feed_and_its_entries(settings: Settings) -> None:
    tree = feed_tree(settings, [entry(), entry(shift(id=8, kind=Kind.ATTENTION, magnitude=0.9))], facts())
    must_have(tree, "id", "title", "updated", "author")
    names = [one.findtext(f"{{{NAMESPACE}}}id") for one in tree.findall(f"{{{NAMESPACE}}}entry")]
    assert len(set(names)) == 2
    for one in tree.findall(f"{{{NAMESPACE}}}entry"):
        must_have(one, "id", "title", "updated", "published", "summary", "content")
    for moment in tree.iter(f"{{{NAMESPACE}}}updated"):
        assert dt.datetime.fromisoformat(moment.text or "").tzinfo is not None


def test_a_reader_gets_the_finding_its_evidence_and_its_status(settings: Settings, tmp_path: Path) -> None:
    feed = parsed(written(settings, tmp_path, entry(shift(status="confirmed"))))
    (one,) = feed.entries
    assert one.title == "India–China coverage turned convergent (+0.73), since about 21 October 2024"
    assert "rose from −0.41 to +0.32" in one.summary
    assert "confirmed by the days after it" in one.summary
    assert {tag.term for tag in one.tags} == {"IN-CN", "stance", "confirmed"}
    html = one.content[0].value
    assert one.content[0].type == "text/html"
    assert 'href="https://demo-herald.example/asia/1"' in html
    assert "Both sides said that patrolling would resume" in html
    assert "Speaks against it" in html
    assert "Demo Herald" in html


def test_whatever_comes_from_outside_stays_text_and_the_file_well_formed(settings: Settings, tmp_path: Path) -> None:
    bad = story(
        1, title=HOSTILE, sentence=f"{HOSTILE} he said", outlet=HOSTILE, url="javascript:alert(1)", lang=HOSTILE
    )
    theme = shift(kind=Kind.THEME, dyad="", theme=HOSTILE, evidence=replace(evidence(), stories=[bad], counter=bad))
    feed = parsed(written(settings, tmp_path, entry(theme, model=HOSTILE, theme_code=HOSTILE)))
    (one,) = feed.entries
    html = one.content[0].value
    assert "<script" not in html
    assert "javascript:" not in html
    assert " he said</blockquote>" in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert one.title_detail.type == "text/plain"
    assert not set("\x00\x0b\ufffe\u202e") & set(html + one.title)


def test_the_name_of_an_entry_rests_on_the_shift_and_not_on_its_number() -> None:
    name = entry_id(entry(), "press.example")
    assert name == "tag:press.example,2026:shift/2024-10-27/IN-CN/stance/test-1"
    assert entry_id(entry(shift(id=99, status="faded", magnitude=0.1)), "press.example") == name
    others = [
        entry(shift(dyad="IN-RU")),
        entry(shift(kind=Kind.ATTENTION)),
        entry(shift(kind=Kind.BLOC, bloc="russia")),
        entry(shift(detected=dt.date(2024, 10, 28))),
        entry(model="other-2"),
    ]
    assert len({name, *(entry_id(one, "press.example") for one in others)}) == 6
    assert entry_id(entry(), "press.example", replay=True) != name
    odd = entry_id(entry(theme_code="a b/ü", one=shift(dyad="", kind=Kind.THEME)), "press.example")
    assert odd.endswith("2024-10-27/a%20b%2F%C3%BC/theme/test-1")


def test_an_entry_is_updated_when_its_status_changes_and_keeps_its_name(tmp_path: Path) -> None:
    store, settings = turned(tmp_path)
    early = write_report(store, settings, MODEL, tmp_path / "page.html", day=day(FOUND), now=morning(FOUND))
    before = parsed(early.feed.read_bytes())
    again = write_report(store, settings, MODEL, tmp_path / "page.html", day=day(FOUND), now=NOW)
    assert parsed(again.feed.read_bytes()).feed.updated == before.feed.updated
    detect_shifts(store, settings, MODEL, day=LAST, now=NOW)
    late = write_report(store, settings, MODEL, tmp_path / "page.html", day=LAST, now=NOW)
    store.close()
    after = parsed(late.feed.read_bytes())
    (old,), (new,) = before.entries, after.entries
    assert (old.id, old.published) == (new.id, new.published)
    assert (old.updated, new.updated) == (morning(FOUND).isoformat(), NOW.isoformat())
    assert "Status: open" in old.summary
    assert "Status: confirmed" in new.summary
    assert after.feed.updated == new.updated


def test_links_are_there_only_where_the_page_is_published(tmp_path: Path) -> None:
    silent = ET.fromstring(written(own_settings(tmp_path), tmp_path, entry()))
    assert list(silent.iter(f"{{{NAMESPACE}}}link")) == []
    told = parsed(written(own_settings(tmp_path, report_url="https://press.example/report"), tmp_path, entry()))
    assert told.entries[0].link == "https://press.example/report/index.html#shift-7"
    assert {(one.rel, one.href) for one in told.feed.links} == {
        ("self", "https://press.example/report/shifts.atom"),
        ("alternate", "https://press.example/report/index.html"),
    }
    wrong = ET.fromstring(written(own_settings(tmp_path, report_url="javascript:alert(1)"), tmp_path, entry()))
    assert list(wrong.iter(f"{{{NAMESPACE}}}link")) == []


def test_a_feed_without_a_shift_is_a_feed(settings: Settings, tmp_path: Path) -> None:
    feed = parsed(written(settings, tmp_path))
    assert feed.entries == []
    assert feed.feed.updated == "2024-10-27T00:00:00+00:00"


def test_of_very_many_shifts_the_newest_are_in_it(tmp_path: Path) -> None:
    store, settings = turned(tmp_path)
    with store.session() as session:
        known = gather_entries(session, [shift(id=1)] * (MOST + 5), {1: MODEL})
    store.close()
    assert len(known) == MOST
    assert settings.feed_authority == "ricwatch.invalid"


@pytest.mark.parametrize("authority", ["", "press example", "https://press.example", "press.example/", "-x"])
def test_an_authority_that_is_no_domain_is_refused(authority: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="feed_authority"):
        own_settings(tmp_path, feed_authority=authority)
