"""The full report, from a real store: complete, escaped, readable without a script, legible in a real browser."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser

from alerts.facts import ShiftFact
from alerts.model import Direction, Kind
from alerts.render import render_page
from alerts.report import write_report
from alerts.reportfacts import ReportFacts, all_shifts, gather_report
from alerts.reportview import FULL, brief, report_fields
from alerts.shifts import detect_shifts
from alerts.words import day_short
from store.db import Store
from store.errors import InputError
from store.models import Shift
from store.settings import Settings
from tests.alerts.helpers_browser import MEASURE, chromium
from tests.alerts.helpers_digest import evidence, feeds, shift, story
from tests.alerts.helpers_report import FOUND, LAST, NOW, morning, turned
from tests.alerts.helpers_store import MODEL, day
from tests.alerts.test_backtestreport import Outline

__all__ = ["chromium"]

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e\"'&\x07{{ 7 * 7 }}"


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Settings]]:
    store, settings = turned(tmp_path_factory.mktemp("report"))
    yield store, settings
    store.close()


@pytest.fixture(scope="module")
def real(monitor: tuple[Store, Settings]) -> ReportFacts:
    store, settings = monitor
    with store.session() as session:
        return gather_report(session, settings, MODEL, day=LAST, now=NOW)


def hostile(text: str, number: int = 1) -> ShiftFact:
    """A shift whose every text from outside is *text*."""
    bad = story(
        1,
        title=text,
        sentence=f"{text} he said",
        outlet=text,
        url="javascript:alert(1)",
        bloc=text,
        lang=text,
        theme=text,
    )
    given = replace(evidence(), stories=[bad], counter=replace(bad, url=f"https://x.example/{text}"))
    return shift(id=number, evidence=given)


def many(real: ReportFacts, text: str = "Patrols agreed") -> ReportFacts:
    """The facts with shifts of every kind and fate, feeds in trouble, and *text* wherever text comes from outside."""
    found = day(120)
    later = {"onset": day(110), "detected": found}
    shifts = (
        hostile(text, 1),
        shift(id=2, kind=Kind.ATTENTION, direction=Direction.RISE, magnitude=0.9, low=0.5, high=1.3, **later),
        shift(id=3, kind=Kind.THEME, dyad="", theme=text, direction=Direction.FALL, magnitude=-1.1, **later),
        shift(id=4, kind=Kind.BLOC, bloc="russia", dyad="IN-CN", status="faded", told_on=day(121), **later),
        shift(id=5, status="returned", onset=day(60), detected=day(70), told_on=day(71)),
        shift(id=6, status="confirmed", direction=Direction.DIVERGENCE, magnitude=-0.4, **later),
    )
    named = feeds()
    bad = replace(named.feeds[12], outlet=text, error=text, bloc=text)
    digest = replace(
        real.digest,
        shifts=shifts,
        model=text,
        feeds=replace(named, feeds=(*named.feeds[:12], bad, *named.feeds[13:])),
        themes={"trade": text},
    )
    return replace(real, digest=digest, models=dict.fromkeys(range(1, 7), text))


def page_of(settings: Settings, facts: ReportFacts) -> str:
    return render_page(settings.templates_dir, "report", r=report_fields(facts), feed_name="shifts.atom")


def test_the_report_of_a_real_store_tells_the_turn(monitor: tuple[Store, Settings], tmp_path: Path) -> None:
    store, settings = monitor
    done = write_report(store, settings, MODEL, tmp_path / "deep" / "page.html", day=LAST, now=NOW)
    page = done.path.read_text(encoding="utf-8")
    assert (done.shifts, done.size) == (1, len(page.encode()))
    assert done.feed == tmp_path / "deep" / "shifts.atom"
    assert [path.name for path in done.path.parent.iterdir() if path.name.startswith(".")] == []
    for part in (
        "coverage up to 29 May 2024",
        "1 shift in the 22 weeks shown, 1 told in digests: 1 open",
        "India–China coverage turned divergent",
        "in the digest of 15 April 2024",
        "Tone of a tie",
        "What Alpha says of",
        "https://example.org/",
        "Speaks against it",
        "Indian press",
        "Western press",
        "India–China border",
        "model test-1",
        "1 January – 29 May 2024",
        "about 1 false digest a year",
        "All 5 feeds",
    ):
        assert part in page, part
    assert str(tmp_path) not in page


def test_a_status_that_changed_and_a_digest_that_waits_are_told(tmp_path: Path) -> None:
    store, settings = turned(tmp_path)
    early = write_report(store, settings, MODEL, tmp_path / "a.html", day=day(FOUND), now=morning(FOUND))
    detect_shifts(store, settings, MODEL, day=LAST, now=NOW)
    late = write_report(store, settings, MODEL, tmp_path / "a.html", day=LAST, now=NOW)
    store.close()
    assert "1 open" in " ".join(brief(early.facts))
    assert "1 confirmed" in " ".join(brief(late.facts))
    assert "confirmed by the days after it; still in force" in late.path.read_text(encoding="utf-8")


def test_the_shifts_of_an_earlier_model_stay_in_the_report(tmp_path: Path) -> None:
    store, settings = turned(tmp_path)
    with store.session() as session:
        shifts, models = all_shifts(session, settings, LAST)
        facts = gather_report(session, settings, "newer-2", day=LAST, now=NOW)
    store.close()
    assert [one.id for one in facts.digest.shifts] == [one.id for one in shifts]
    assert set(models.values()) == {MODEL}
    assert "test-1; shifts that they found stay on record" in page_of(settings, facts)


def test_a_shift_of_the_future_is_not_in_the_report_of_a_day(monitor: tuple[Store, Settings]) -> None:
    store, settings = monitor
    with store.session() as session:
        found = session.query(Shift).one().detected
        early = gather_report(session, settings, MODEL, day=found - dt.timedelta(days=1), now=NOW)
    assert early.digest.shifts == ()
    assert "No shift was found in the" in " ".join(brief(early))


def test_marks_tell_told_untold_faded_and_returned(settings: Settings, real: ReportFacts) -> None:
    page = page_of(settings, many(real))
    found = {text: classes for classes, text in re.findall(r'<a class="(badge[^"]*)" href="#sh[^>]*>([^<]+)</a>', page)}
    assert set(found) == {"2", "4×", "5↩", "6✓"}
    assert "untold" in found["2"]
    assert "untold" not in found["4×"]
    assert "down" in found["6✓"]
    table = page[page.index("Table of shifts") :]
    for part in ("↩ returned", "× faded", "✓ confirmed", "not told", day_short(day(71))):
        assert part in table, part


def test_whatever_comes_from_outside_stays_text(settings: Settings, real: ReportFacts) -> None:
    page = page_of(settings, many(real, HOSTILE))
    outline = Outline(page)
    assert (outline.scripts, outline.handlers, outline.alts) == (0, 0, [])
    assert all(link.startswith(("#", "https://", "http://")) for link in outline.links)
    assert "&lt;script&gt;alert(1)" in page
    assert " he said</blockquote>" in page
    assert "{{ 7 * 7 }}" in page
    assert "\u202e" not in page
    assert "\x07" not in page
    assert "default-src 'none'" in page.replace("&#39;", "'")


def test_the_page_is_one_file_that_a_screen_reader_can_walk(settings: Settings, real: ReportFacts) -> None:
    page = page_of(settings, many(real))
    outline = Outline(page)
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(outline.headings))
    assert outline.unscoped == 0
    assert len(outline.ids) == len(set(outline.ids))
    assert {link[1:] for link in outline.links if link.startswith("#")} <= set(outline.ids)
    assert outline.links[0] == "#now"
    assert page.count("<caption>") == page.count("<table")
    pictures = re.findall(r"<svg[^>]*>", page)
    assert len(pictures) > 10
    assert all("aria-hidden" in one or re.search(r'role="img" aria-label="[^"]{20,}"', one) for one in pictures)
    assert not re.search(r'(src|href)="(?!#|https?://|shifts\.atom)', page)


def test_the_words_for_a_picture_state_its_figures(real: ReportFacts) -> None:
    fields = report_fields(many(real))
    alt = next(tie["alt"] for tie in fields["ties"] if tie["name"] == "India–China")
    assert "weekly mean stance over 22 weeks" in alt
    assert "Shift 6" in alt
    assert "no story in these 22 weeks" in next(tie["alt"] for tie in fields["ties"] if tie["name"] == "India–Russia")


def test_shares_of_themes_sum_to_all_stories(real: ReportFacts) -> None:
    rows = report_fields(real)["themes"]
    assert {row["name"] for row in rows} == {
        "India–China border",
        "Trade and investment",
        "World order and multipolarity",
    }
    assert sum(int(row["stories"].replace(",", "")) for row in rows) == real.amounts.stories


def test_many_shifts_stay_in_the_table_and_the_newest_in_full(settings: Settings, real: ReportFacts) -> None:
    shifts = tuple(shift(id=number) for number in range(FULL + 15, 0, -1))
    facts = replace(real, digest=replace(real.digest, shifts=shifts), models={one.id: MODEL for one in shifts})
    page = page_of(settings, facts)
    assert page.count("<article") == FULL
    assert f"The newest {FULL} are told in full below; 15 older ones stand in the table alone." in page
    assert len(page.encode()) < 3_000_000
    outline = Outline(page)
    assert {link[1:] for link in outline.links if link.startswith("#")} <= set(outline.ids)


def test_an_empty_store_gives_a_page_that_says_so(store: Store, settings: Settings, tmp_path: Path) -> None:
    page = write_report(store, settings, MODEL, tmp_path / "page.html", day=LAST, now=NOW).path.read_text("utf-8")
    for part in ("Warming up", "No shift was found", "None so far.", "nothing has been read yet", "No story."):
        assert part in page, part


def test_a_replay_is_marked(monitor: tuple[Store, Settings], tmp_path: Path) -> None:
    store, settings = monitor
    own = settings.model_copy(update={"replay": True})
    done = write_report(store, own, MODEL, tmp_path / "page.html", day=LAST, now=NOW)
    assert "REPLAY" in done.path.read_text(encoding="utf-8")
    assert done.feed.read_text(encoding="utf-8").count("REPLAY") >= 2


def test_a_place_that_cannot_be_written_is_named_and_leaves_nothing(
    monitor: tuple[Store, Settings], tmp_path: Path
) -> None:
    store, settings = monitor
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"cannot write .*page\.html"):
        write_report(store, settings, MODEL, tmp_path / "file" / "page.html", day=LAST, now=NOW)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        write_report(store, settings, MODEL, tmp_path / "folder", day=LAST, now=NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1600])
def test_every_text_is_legible_and_nothing_overflows(
    chromium: Browser,
    settings: Settings,
    real: ReportFacts,
    tmp_path: Path,
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    file = tmp_path / "report.html"
    file.write_text(page_of(settings, many(real, HOSTILE * 3)), encoding="utf-8")
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(file.as_uri())
    found: dict[str, Any] = page.evaluate(MEASURE)
    page.keyboard.press("Tab")
    first = page.evaluate("[document.activeElement.hash, document.activeElement.getBoundingClientRect().left > 0]")
    page.emulate_media(media="print")
    printed = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert found == {"low": [], "small": [], "width": width, "broken": 0}
    assert first == ["#now", True]
    assert printed == width or width < 700  # a sheet of paper is wider than a phone
    assert said == []


def test_the_page_names_the_feed_only_where_it_lies_beside_it(monitor: tuple[Store, Settings], tmp_path: Path) -> None:
    store, settings = monitor
    place = tmp_path / "page.html"
    for feed, named in ((tmp_path / 'a "b"?.atom', "a%20%22b%22%3F.atom"), (tmp_path / "other" / "x.atom", "")):
        write_report(store, settings, MODEL, place, feed=feed, day=LAST, now=NOW)
        found = re.findall(r'<link rel="alternate"[^>]* href="([^"]*)"', place.read_text(encoding="utf-8"))
        assert found == ([named] if named else [])
        assert feed.is_file()
