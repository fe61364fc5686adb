"""Exports from a real store: read back as they were, filtered, defused, whole or not at all, and flat in memory."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from alerts.export import COLUMNS, Asked, What, export
from alerts.series import update_series
from alerts.seriescsv import detect_file, read_series
from alerts.tablefile import Form, defused, write_table
from store.db import Store
from store.errors import InputError
from store.models import Article, Reading, ReadingDyad, SeriesDay, Shift, Story, Vote
from store.settings import ROOT, Settings
from tests.alerts.helpers_report import DAYS, LAST, NOW, turned
from tests.alerts.helpers_store import MINUS, MODEL, PLUS, Item, add, day, feed_days

FORMULAS = ['=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", "\x00=1"]


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Settings]]:
    store, settings = turned(tmp_path_factory.mktemp("export"))
    yield store, settings
    store.close()


def rows_of(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def exported(monitor: tuple[Store, Settings], what: What, path: Path, **asked: Any) -> list[dict[str, Any]]:
    store, settings = monitor
    done = export(store, settings, MODEL, Asked(what, path, **asked), day=LAST)
    rows = rows_of(path)
    assert done.rows == len(rows)
    return rows


def test_the_exported_series_is_read_again_by_detect(monitor: tuple[Store, Settings], tmp_path: Path) -> None:
    path = tmp_path / "series.csv"
    exported(monitor, What.SERIES, path)
    series = read_series(path)
    assert (series.lines, series.bad) == (DAYS * 3, [])
    store, _settings = monitor
    with store.session() as session:
        stored = session.execute(
            select(func.sum(SeriesDay.plus), func.sum(SeriesDay.zero), func.sum(SeriesDay.minus)).where(
                SeriesDay.dyad == "IN-CN", SeriesDay.bloc == "", SeriesDay.theme == ""
            )
        ).one()
        (known,) = session.scalars(select(Shift))
    read = series.counts["IN-CN"].values()
    assert tuple(stored) == (sum(c.plus for c in read), sum(c.zero for c in read), sum(c.minus for c in read))
    assert {counts.total for counts in read} == {200}
    done = detect_file(path, tmp_path / "shifts.jsonl")
    (found,) = [one for one in done.found if str(one.kind) == "stance"]
    assert (found.dyad, str(found.direction)) == (known.dyad, known.direction)
    assert abs((found.onset - known.onset).days) <= 7


def test_a_total_that_is_smaller_than_the_counts_is_left_out(store: Store, settings: Settings, tmp_path: Path) -> None:
    add(store, [Item(day(0), name, dyads=[("IN-RU", PLUS)]) for name in "abc"])
    feed_days(store, 2, seen=2)
    update_series(store, MODEL, now=NOW)
    rows = exported((store, settings), What.SERIES, tmp_path / "series.csv")
    assert [row["total"] for row in rows] == ["", "2", "2", "2", "2", "2"]
    assert read_series(tmp_path / "series.csv").bad == []


@pytest.mark.parametrize("what", list(What))
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_every_record_has_its_columns_and_iso_days(
    monitor: tuple[Store, Settings], tmp_path: Path, what: What, ending: str
) -> None:
    rows = exported(monitor, what, tmp_path / f"x.{ending}")
    assert rows
    extra = ["evidence"] if what is What.SHIFTS and ending == "jsonl" else []
    assert all(list(row) == [*COLUMNS[what], *extra] for row in rows)
    days = [row[name] for row in rows for name in ("date", "onset", "detected", "first", "last") if name in row]
    assert days
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", one) for one in days)


def test_shifts_say_what_was_told_and_json_carries_the_evidence(
    monitor: tuple[Store, Settings], tmp_path: Path
) -> None:
    (row,) = exported(monitor, What.SHIFTS, tmp_path / "x.jsonl")
    assert (row["dyad"], row["kind"], row["direction"], row["status"]) == ("IN-CN", "stance", "divergence", "open")
    assert (row["told_on"], row["model"]) == ("2024-04-15", MODEL)
    assert row["evidence"]["stories"][0]["title"]
    assert row["stories"] == row["evidence"]["story_count"] > 0


@pytest.mark.parametrize("what", [What.READINGS, What.STORIES, What.SERIES])
def test_days_and_tie_are_filtered_with_both_ends(monitor: tuple[Store, Settings], tmp_path: Path, what: What) -> None:
    asked = {"first": day(10), "last": day(12), "dyad": "IN-CN"}
    rows = exported(monitor, what, tmp_path / "x.csv", **asked)
    assert {row["date"] for row in rows} == {day(at).isoformat() for at in (10, 11, 12)}
    assert {row["dyad"] for row in rows} == {"IN-CN"}
    other = exported(monitor, what, tmp_path / "y.csv", **{**asked, "dyad": "IN-RU"})
    assert all(row["dyad"] == "IN-RU" and row.get("plus", "0") == "0" for row in other)
    assert len(other) == (3 if what is What.SERIES else 0)


def test_an_article_on_no_tie_has_a_reading_without_one(store: Store, settings: Settings, tmp_path: Path) -> None:
    add(store, [Item(day(0), "a"), Item(day(0), "b", dyads=[("IN-RU", PLUS), ("IN-CN", MINUS)])])
    rows = exported((store, settings), What.READINGS, tmp_path / "x.jsonl")
    assert [(row["title"][0], row["relevant"], row["dyad"]) for row in rows] == [
        ("a", False, None),
        ("b", True, "IN-CN"),
        ("b", True, "IN-RU"),
    ]
    assert [
        row["title"][0] for row in exported((store, settings), What.READINGS, tmp_path / "y.csv", dyad="IN-RU")
    ] == ["b"]


def test_a_day_that_is_not_closed_is_left_out(monitor: tuple[Store, Settings], tmp_path: Path) -> None:
    store, settings = monitor
    done = export(store, settings, MODEL, Asked(What.STORIES, tmp_path / "x.csv"), day=day(20))
    assert {row["date"] for row in rows_of(done.path)} <= {day(at).isoformat() for at in range(21)}


def test_a_spreadsheet_finds_no_formula(store: Store, settings: Settings, tmp_path: Path) -> None:
    add(store, [Item(day(0), f"s{n}", dyads=[("IN-RU", PLUS)]) for n in range(len(FORMULAS))])
    with store.session() as session:
        for article, text in zip(session.scalars(select(Article)), FORMULAS, strict=True):
            article.title = article.outlet = text
        for reading, text in zip(session.scalars(select(Reading)), FORMULAS, strict=True):
            reading.evidence = text
    update_series(store, MODEL, now=NOW)
    for what in (What.READINGS, What.STORIES):
        rows = exported((store, settings), what, tmp_path / f"{what}.csv")
        assert len(rows) == len(FORMULAS)
        for row in rows:
            for name in {"title", "outlet", "evidence"} & set(row):
                assert row[name].startswith("'"), (name, row[name])
        raw = exported((store, settings), what, tmp_path / f"{what}.jsonl")
        assert {row["title"] for row in raw} == set(FORMULAS)


def test_harmless_text_and_numbers_stay_as_they_are(tmp_path: Path) -> None:
    assert [defused(text) for text in ("India – China", "5 = 5", "", "a\nb")] == ["India – China", "5 = 5", "", "a\nb"]
    row = {"a": -0.5, "b": -1, "c": None, "d": True, "e": ["x", "y"], "f": dt.date(2024, 1, 2), "g": 'भारत, "चीन"'}
    write_table(tmp_path / "x.csv", Form.CSV, list(row), [row])
    assert rows_of(tmp_path / "x.csv") == [
        {"a": "-0.5", "b": "-1", "c": "", "d": "true", "e": "x y", "f": "2024-01-02", "g": 'भारत, "चीन"'}
    ]
    assert (tmp_path / "x.csv").read_bytes().startswith(b"a,b,c")


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"path": "x.xlsx"}, "ends neither in .csv nor in .jsonl; say which with --format"),
        ({"path": "x"}, "--format"),
        ({"form": "xml"}, "there is no format 'xml'"),
        ({"dyad": "US-CN"}, "there is no tie 'US-CN'; write IN-RU, RU-CN or IN-CN"),
        ({"first": day(2), "last": day(1)}, "the first day, 2024-01-03, lies after the last day, 2024-01-02"),
    ],
)
def test_a_wrong_wish_is_named_and_nothing_is_written(
    monitor: tuple[Store, Settings], tmp_path: Path, asked: dict[str, Any], complaint: str
) -> None:
    store, settings = monitor
    given = {"path": "x.csv", **asked}
    given["path"] = tmp_path / str(given["path"])
    with pytest.raises(InputError, match=re.escape(complaint)):
        export(store, settings, MODEL, Asked(What.SERIES, **given), day=LAST)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_breaks_off_never_takes_the_name(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("mine\n")

    def broken() -> Iterator[dict[str, Any]]:
        yield {"a": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_table(path, Form.CSV, ["a"], broken())
    assert path.read_text() == "mine\n"
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_store_gives_a_header_alone(store: Store, settings: Settings, tmp_path: Path) -> None:
    for what in What:
        assert exported((store, settings), what, tmp_path / f"{what}.csv") == []
        assert (tmp_path / f"{what}.csv").read_text() == ",".join(COLUMNS[what]) + "\n"


def test_progress_ends_at_the_number_of_rows(monitor: tuple[Store, Settings], tmp_path: Path) -> None:
    store, settings = monitor
    said: list[tuple[int, int | None]] = []

    def progress(done: int, total: int | None = None, note: str = "") -> None:
        said.append((done, total))

    asked = Asked(What.STORIES, tmp_path / "x.csv")
    done = export(store, settings, MODEL, asked, day=LAST, progress=progress)
    assert said[-1] == (done.rows, done.rows)
    assert len(said) >= 2


def crowd(store: Store, first: int, number: int) -> None:
    """So many articles of one day, each a story of its own that was read."""
    add(store, [Item(day(0), "seed", dyads=[("IN-RU", PLUS)])]) if first == 0 else None
    ids = range(1_000 + first, 1_000 + first + number)
    with store.session() as session:
        article = {c.name: getattr(session.query(Article).first(), c.name) for c in Article.__table__.columns}
        session.execute(insert(Story), [{"id": n, "day": day(0), "last_day": day(0), "title": f"{n}"} for n in ids])
        rows = [{**article, "id": n, "url_key": f"{n}", "guid": None, "story_id": n, "title": "t" * 200} for n in ids]
        session.execute(insert(Article), rows)
        reading = {"model": MODEL, "relevant": True, "p_relevant": 0.9, "themes": [], "read_at": NOW}
        session.execute(insert(Reading), [{**reading, "id": n, "article_id": n} for n in ids])
        tie = {"dyad": "IN-RU", "stance": 1, "p_minus": 0.1, "p_zero": 0.1, "p_plus": 0.8}
        session.execute(insert(ReadingDyad), [{**tie, "reading_id": n} for n in ids])
        vote = {
            **{"model": MODEL, "day": day(0), "dyad": "IN-RU", "outlet": "Alpha", "bloc": "india", "score": 0.7},
            **{"stance": 1, "theme": "", "themes": [], "copies": 1},
        }
        session.execute(insert(Vote), [{**vote, "story_id": n, "article_id": n} for n in ids])


@pytest.mark.parametrize("what", [What.READINGS, What.STORIES])
def test_the_memory_does_not_grow_with_the_file(store: Store, settings: Settings, tmp_path: Path, what: What) -> None:
    def peak() -> tuple[int, int]:
        tracemalloc.start()
        done = export(store, settings, MODEL, Asked(what, tmp_path / "x.csv"), day=LAST)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return done.rows, held

    crowd(store, 0, 3_000)  # more than two of the thousands that are held at a time
    export(store, settings, MODEL, Asked(what, tmp_path / "x.csv"), day=LAST)  # what is loaded once is loaded now
    few, before = peak()
    crowd(store, 3_000, 7_000)
    many, after = peak()
    assert many > 3 * few
    assert after < 1.25 * before


def test_the_columns_are_explained_in_the_documentation() -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    for what in What:
        part = page[page.index(f"## Exported {what}") :]
        part = part[: part.index("\n## ", 3)]
        for name in COLUMNS[what]:
            assert f"`{name}`" in part, f"{what}: {name}"
