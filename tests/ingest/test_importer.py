"""Items from files: idempotent, resumable, bad lines named."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path

import pytest
from sqlalchemy import event, func, select

from ingest.importer import BadLine, ImportReport, Outlets, import_items, import_key, outlet_name
from store.db import Store
from store.errors import InputError
from store.models import Article, Feed, FeedDay, ImportFile
from tests.ingest.helpers import NOW, about_two, feed

ROSTER = [
    feed("bbc", outlet="BBC News", bloc="west"),
    feed("tass", outlet="TASS", bloc="russia"),
    feed("nyt", outlet="The New York Times", bloc="west"),
]


def item(number: int, **changes: object) -> dict[str, object]:
    return {
        "id": str(number),
        "title": f"India meets China, part {number}",
        "source": "BBC News (RSS)",
        "date": "2024-05-06",
        "url": f"https://x.in/{number}",
        **changes,
    }


def written(folder: Path, *rows: object, name: str = "items.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{json.dumps(row)}\n" if not isinstance(row, str) else f"{row}\n" for row in rows))
    return path


def load(store: Store, *paths: Path, batch: int = 1_000) -> ImportReport:
    return import_items(store, paths, now=NOW, on_topic=about_two, roster=ROSTER, batch=batch)


def test_items_become_articles_of_a_feed_that_is_never_polled(store: Store, tmp_path: Path) -> None:
    path = written(
        tmp_path, item(1), item(2, title="Cricket"), item(3, source="TASS", date="2024-05-07T01:00:00+03:00")
    )
    assert load(store, path) == ImportReport(1, 3, 2, 0, 1, [])
    with store.session() as session:
        first, second = session.scalars(select(Article).order_by(Article.id))
        assert (first.feed_key, first.outlet, first.bloc, first.day) == (
            "import-bbc-news", "BBC News", "west", dt.date(2024, 5, 6))  # fmt: skip
        assert (second.bloc, second.day) == ("russia", dt.date(2024, 5, 6)), "days are in UTC"
        assert first.first_seen_at == NOW
        row = session.get_one(Feed, "import-bbc-news")
        assert (row.kind, row.enabled, row.url) == ("import", False, "")
        counts = session.execute(select(func.sum(FeedDay.seen), func.sum(FeedDay.on_topic))).one()
        assert tuple(counts) == (3, 2)


def test_a_second_import_changes_nothing_and_a_copy_of_the_file_finds_all_known(store: Store, tmp_path: Path) -> None:
    rows = [item(1), item(2, title="Cricket"), item(1)]
    path = written(tmp_path, *rows)
    assert load(store, path) == ImportReport(1, 3, 1, 1, 1, [])
    assert load(store, path) == ImportReport(1, 0, 0, 0, 0, [], lines_before=3)
    packed = tmp_path / "copy.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert load(store, packed) == ImportReport(1, 3, 0, 3, 0, [])


def test_bad_lines_are_named_with_file_line_and_reason(store: Store, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        item(1),
        "not json",
        item(2, title=" "),
        item(3, date=None),
        item(4, date="someday"),
        item(5, date="2031-01-01"),
        item(6, date="1895-01-01"),
        item(7, url=["x"]),
        item(8, title=5),
    )
    report = load(store, path)
    assert (report.lines, report.new, len(report.bad)) == (9, 1, 8)
    assert [(bad.file, bad.line) for bad in report.bad] == [("items.jsonl", number) for number in range(2, 10)]
    reasons = [bad.reason for bad in report.bad]
    assert "JSON" in reasons[0]
    assert reasons[1:4] == ["no title", "no date", "the date 'someday' cannot be read"]
    assert "in the future" in reasons[4]
    assert "before the year 2000" in reasons[5]
    assert reasons[6] == "'url' is not text but list"
    assert report.bad[7] == BadLine("items.jsonl", 9, "'title' is not text but int")


def test_items_without_address_are_told_apart_by_id_or_by_what_they_say(store: Store, tmp_path: Path) -> None:
    same_title = {"title": "India meets China", "url": "javascript:x"}
    path = written(tmp_path, item(1, **same_title), item(2, **same_title), item(2, **same_title))
    assert load(store, path).new == 2
    bare = item(3, title="China calls Russia", url=None, id=None)
    assert load(store, written(tmp_path, bare, bare, name="bare.jsonl")).new == 1
    with store.session() as session:
        assert set(session.scalars(select(Article.url))) == {""}


def test_an_import_that_dies_goes_on_at_its_last_batch(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, *(item(number) for number in range(50)))
    batches = 0

    def die(conn: object, cursor: object, statement: str, *rest: object) -> None:
        nonlocal batches
        if statement.startswith("INSERT INTO article"):
            batches += 1
            if batches == 4:
                raise RuntimeError("the machine goes down")

    event.listen(store.engine, "after_cursor_execute", die)
    with pytest.raises(RuntimeError, match="goes down"):
        load(store, path, batch=10)
    event.remove(store.engine, "after_cursor_execute", die)
    with store.session() as session:
        place = session.scalars(select(ImportFile)).one()
        assert (place.lines, place.finished) == (30, False)
        assert session.scalar(select(func.count()).select_from(Article)) == 30
    assert load(store, path, batch=10) == ImportReport(1, 20, 20, 0, 0, [], lines_before=30)


def test_progress_tells_lines_of_how_many(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, *(item(number) for number in range(25)))
    seen: list[tuple[int, int | None]] = []

    def progress(done: int, total: int | None = None, note: str = "") -> None:
        seen.append((done, total))

    import_items(store, [path], now=NOW, on_topic=about_two, progress=progress, batch=10)
    assert seen == [(10, 25), (20, 25), (25, 25)]


def test_a_file_that_is_no_such_file_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load(store, tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="not a file of JSON lines"):
        load(store, written(tmp_path, "<html>", "x"))


@pytest.mark.parametrize(
    ("source", "bloc"),
    [
        ("BBC News (RSS)", "west"),
        ("BBC", "west"),
        ("New York Times (world)", "west"),
        ("tass", "russia"),
        ("TASS World", "russia"),
        ("Unheard Of", "other"),
        ("", "other"),
    ],
)
def test_the_bloc_is_guessed_by_the_outlets_name(source: str, bloc: str) -> None:
    assert Outlets(ROSTER).bloc(outlet_name(source)) == bloc


def test_a_name_in_another_script_gets_a_key_of_its_own() -> None:
    assert import_key("Лента") != import_key("Газета")
    assert import_key("Лента").startswith("import-")
