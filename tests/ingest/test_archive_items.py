"""The archive is what docs/archive.md promises, and a broken one is refused with file, entry and reason."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ingest.archive import Archive, ArchiveItem, Death, load_archive
from ingest.ties import ties
from ingest.topic import load_topic
from store.errors import SeedError
from store.settings import ROOT

SEEDS = ROOT / "seeds"
THAW = dt.date(2024, 10, 21)


@pytest.fixture(scope="module")
def archive() -> Archive:
    return load_archive(SEEDS / "archive")


@pytest.fixture(scope="module")
def stories(archive: Archive) -> list[ArchiveItem]:
    """The relevant items that repeat no other."""
    return [item for item in archive.items if item.expect.relevant and not item.copy_of]


def month(item: ArchiveItem) -> str:
    return f"{item.published:%Y-%m}"


def test_it_spans_twenty_one_months_and_every_date_lies_within(archive: Archive) -> None:
    assert archive.start == dt.date(2024, 1, 1)
    assert archive.end == dt.date(2025, 9, 30)
    assert len(archive.days()) == 639
    assert archive.days()[0] == archive.start
    assert archive.days()[-1] == archive.end
    assert list(archive.items) == sorted(archive.items, key=lambda item: item.published)


def test_it_holds_enough_stories_copies_and_noise(archive: Archive, stories: list[ArchiveItem]) -> None:
    assert len(stories) >= 480
    assert sum(bool(item.copy_of) for item in archive.items) >= 60
    irrelevant = [item for item in archive.items if not item.expect.relevant]
    assert len(irrelevant) >= 60
    assert all(not item.copy_of for item in irrelevant)


def test_every_month_has_a_steady_flow_over_many_days(stories: list[ArchiveItem]) -> None:
    per_month = Counter(month(item) for item in stories)
    assert len(per_month) == 21
    assert min(per_month.values()) >= 20
    for name in per_month:
        days = Counter(item.published.date() for item in stories if month(item) == name)
        assert len(days) >= 12, name
        assert max(days.values()) <= per_month[name] / 3, name


@pytest.mark.parametrize("dyad", ["IN-RU", "RU-CN", "IN-CN"])
def test_every_dyad_has_a_trickle_in_every_month(stories: list[ArchiveItem], dyad: str) -> None:
    per_month = Counter(month(item) for item in stories if dyad in item.expect.dyads)
    assert len(per_month) == 21
    assert min(per_month.values()) >= 4


def test_india_and_china_are_at_odds_before_the_patrol_accord_and_thaw_after_it(stories: list[ArchiveItem]) -> None:
    before = [i.expect.dyads["IN-CN"] for i in stories if "IN-CN" in i.expect.dyads and i.published.date() < THAW]
    after = [i.expect.dyads["IN-CN"] for i in stories if "IN-CN" in i.expect.dyads and i.published.date() >= THAW]
    assert len(before) >= 70
    assert len(after) >= 90
    assert sum(before) / len(before) < -0.5
    assert sum(after) / len(after) > 0.2
    assert after.count(-1) >= 20, "a thaw without setbacks would be a fairy tale"


def test_the_other_two_ties_stay_warm_with_frictions(stories: list[ArchiveItem]) -> None:
    for dyad in ("IN-RU", "RU-CN"):
        stances = Counter(item.expect.dyads[dyad] for item in stories if dyad in item.expect.dyads)
        assert stances[1] > stances[0] + stances[-1], dyad
        assert stances[-1] >= 15, dyad


def test_labels_use_the_codes_of_the_topic(archive: Archive) -> None:
    topic = load_topic(SEEDS)
    themes = {theme.code for theme in topic.themes}
    for item in archive.items:
        assert set(item.expect.dyads) <= set(topic.dyads), item.id
        assert set(item.expect.themes) <= themes, item.id
    assert {code for item in archive.items for code in item.expect.themes} == themes


def test_copies_follow_their_story_under_another_roof_with_a_slightly_other_title(archive: Archive) -> None:
    by_id = {item.id: item for item in archive.items}
    for copy in archive.items:
        if copy.copy_of:
            story = by_id[copy.copy_of]
            assert copy.title != story.title, copy.id
            assert copy.expect == story.expect, copy.id
            shared = set(copy.title.lower().split()) & set(story.title.lower().split())
            assert len(shared) >= len(set(story.title.split())) / 3, copy.id


def test_every_story_has_a_title_and_a_short_lead(archive: Archive) -> None:
    for item in archive.items:
        assert 5 <= len(item.title) <= 110, item.id
        assert 1 <= len(re.findall(r"[.!?।。](?:\s|$)|。", item.text)) <= 4, item.id
        assert len(item.text) <= 330, item.id


def test_titles_differ_so_that_only_copies_look_alike(archive: Archive) -> None:
    titles = Counter(item.title.casefold() for item in archive.items)
    assert [title for title, times in titles.items() if times > 1] == []


def test_three_more_languages_are_spoken_in_their_own_script(archive: Archive) -> None:
    scripts = {"hi": r"[\u0900-\u097f]", "ru": r"[\u0400-\u04ff]", "zh": r"[\u4e00-\u9fff]"}
    counts = Counter(item.lang for item in archive.items)
    assert sum(counts[lang] for lang in scripts) >= 20
    for item in archive.items:
        written = {lang for lang, script in scripts.items() if re.search(script, item.title + item.text)}
        assert written == ({item.lang} & set(scripts)), item.id


def test_outlets_cover_the_five_blocs_and_say_that_they_are_invented(archive: Archive) -> None:
    outlets = list(archive.outlets.values())
    assert len(outlets) >= 12
    assert {outlet.bloc for outlet in outlets} == set(ties().blocs)
    assert all(outlet.name.startswith("Demo ") for outlet in outlets)
    roster = yaml.safe_load((SEEDS / "feeds.yaml").read_text(encoding="utf-8"))
    real = {str(row["outlet"]).casefold() for row in roster["feeds"]}
    assert real
    for outlet in outlets:
        assert outlet.name.casefold() not in real
        assert outlet.name.removeprefix("Demo ").casefold() not in real
    assert {outlet.key for outlet in outlets} == {item.outlet for item in archive.items}


def test_one_feed_is_closed_and_one_freezes_in_mid_period(archive: Archive) -> None:
    deaths = {outlet.death: outlet for outlet in archive.outlets.values() if outlet.death}
    assert set(deaths) == {Death.GONE, Death.FROZEN}
    for outlet in deaths.values():
        assert outlet.dies_on
        assert dt.date(2024, 7, 1) < outlet.dies_on < dt.date(2025, 7, 1)
        assert sum(item.outlet == outlet.key for item in archive.items) >= 10


def test_links_and_guids_are_stable_unique_and_on_the_reserved_domain(archive: Archive) -> None:
    links = {item.link for item in archive.items}
    assert len(links) == len({item.guid for item in archive.items}) == len(archive.items)
    assert all(re.fullmatch(r"https://[a-z-]+\.demo\.example/[a-z0-9-]+", link) for link in links)


def test_bare_days_get_a_time_whose_utc_day_is_the_same(archive: Archive) -> None:
    assert all(item.published.date() == item.published.astimezone(dt.UTC).date() for item in archive.items)
    assert len({item.published.time() for item in archive.items}) > 200


OUTLETS = """\
outlets:
  - {key: one, outlet: Demo One, bloc: india, kind: newspaper, lang: en, timezone: Asia/Kolkata, format: rss}
  - {key: two, outlet: Demo Two, bloc: west, kind: newspaper, lang: en, timezone: Europe/London, format: atom,
     dies: {day: 2024-02-01, how: gone}}
"""
ITEM = """\
  - id: first
    date: 2024-01-05
    outlet: one
    title: India and China agree
    text: They agree.
    expect: {relevant: true, dyads: {IN-CN: 1}, themes: [border]}
"""
COPY = """\
  - id: second
    date: 2024-01-06
    outlet: two
    title: China and India agree
    text: They agree.
    copy_of: first
    expect: {relevant: true, dyads: {IN-CN: 1}, themes: [border]}
"""


def write(folder: Path, outlets: str = OUTLETS, items: str = ITEM + COPY) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "outlets.yaml").write_text(outlets, encoding="utf-8")
    (folder / "items-2024.yaml").write_text("items:\n" + items, encoding="utf-8")
    return folder


def test_the_sound_example_of_these_tests_loads(tmp_path: Path) -> None:
    small = load_archive(write(tmp_path))
    assert [item.id for item in small.items] == ["first", "second"]
    assert small.outlets["two"].dies_on == dt.date(2024, 2, 1)


def swap(old: str, new: str) -> Callable[[str, str], tuple[str, str]]:
    def change(outlets: str, items: str) -> tuple[str, str]:
        assert old in outlets + items
        return outlets.replace(old, new), items.replace(old, new)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swap("bloc: west", "bloc: south"), r"outlets.yaml: entry 2 \(two\): 'bloc' is 'south'; use one of india"),
        (swap("format: atom", "format: html"), r"entry 2 \(two\): 'format' is 'html'"),
        (swap("Europe/London", "Europe/Atlantis"), r"entry 2 \(two\): no time zone is called 'Europe/Atlantis'"),
        (swap("{day: 2024-02-01", "{day: soon"), r"entry 2 \(two\): 'dies' is"),
        (swap("how: gone", "how: sleepy"), r"entry 2 \(two\): 'how' is 'sleepy'"),
        (swap("key: two", "key: one"), r"entry 2 \(one\): the key is taken"),
        (swap("key: two", "key: Two!"), r"'key' is 'Two!'; use small letters"),
        (swap("outlet: one\n", "outlet: none\n"), r"items-2024.yaml: entry 1 \(first\): 'outlet' is 'none'"),
        (swap("id: second", "id: first"), r"entry 2 \(first\): the id is taken"),
        (swap("date: 2024-01-05", "date: last week"), r"entry 1 \(first\): 'date' is 'last week'"),
        (swap("date: 2024-01-06", "date: 2024-02-01"), r"entry 2 \(second\): two is dead from 2024-02-01 on"),
        (swap("date: 2024-01-06", "date: 2024-01-09"), r"entry 2 \(second\): a copy is dated on the day"),
        (swap("outlet: two\n", "outlet: one\n"), r"entry 2 \(second\): a copy appears in another outlet"),
        (swap("copy_of: first", "copy_of: third"), r"copy_of names 'third', which no file holds"),
        (swap("title: India and China agree", "title: ''"), r"entry 1 \(first\): needs 'title', a text"),
        (swap("title: India and", 'title: "\\a"  # '), r"'title' holds a control character"),
        (swap("text: They", "lead: They"), r"unknown field 'lead'"),
        (swap("{IN-CN: 1}", "{IN-CN: 2}"), r"the stance expected of IN-CN is 2; use -1, 0 or 1"),
        (swap("{IN-CN: 1}", "{India: 1}"), r"'expect.dyads' is"),
        (swap("[border]", "border"), r"'expect.themes' is 'border'"),
        (swap("relevant: true", "relevant: false"), r"one that is not has neither"),
        (swap("relevant: true", "relevant: maybe"), r"needs 'expect' with 'relevant'"),
        (swap("outlet: two\n", "outlet: two\n    outlet: one\n"), r"line \d+: key 'outlet' is given twice"),
        (swap("  - id: first", " - - id: first"), r"items-2024.yaml"),
    ],
)
def test_a_malformed_archive_is_refused_with_file_entry_and_reason(
    tmp_path: Path, change: Callable[[str, str], tuple[str, str]], message: str
) -> None:
    outlets, items = change(OUTLETS, ITEM + COPY)
    with pytest.raises(SeedError, match=message):
        load_archive(write(tmp_path, outlets, items))


def test_a_folder_without_outlets_or_items_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match=r"outlets\.yaml is missing"):
        load_archive(tmp_path)
    (tmp_path / "outlets.yaml").write_text(OUTLETS, encoding="utf-8")
    with pytest.raises(SeedError, match="no items"):
        load_archive(tmp_path)
