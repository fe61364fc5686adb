"""Backups: taken while others write, checked, put back on either engine, and refused where they would do harm."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from pydantic import SecretStr
from sqlalchemy import func, select, text, update

from store.backup import DATABASE, MANIFEST, backups, fingerprint, make_backup, unpacked
from store.db import Store
from store.errors import InputError, StoreError
from store.models import Article, Base, Digest, Feed, Outbox, Poll, SeriesState
from store.restore import restore
from store.schema import newest_revision
from store.settings import ROOT, Settings
from tests.store.test_db import ARTICLE, FEED, NOON, move

NOW = dt.datetime(2026, 11, 26, 2, 40, tzinfo=dt.UTC)
WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
print("ready", flush=True)
sys.stdin.readline()
number = 0
while True:
    number += 1
    connection.execute("BEGIN IMMEDIATE")
    values = ("demo", f"{number:032d}", "2026-11-26")
    connection.execute("INSERT INTO seen_item (feed_key, item_hash, day) VALUES (?, ?, ?)", values)
    connection.execute("UPDATE feed SET failures = failures + 1")
    connection.execute("COMMIT")
    if number == 50:
        print("under way", flush=True)
"""
"""Each transaction adds one item and counts it, so a copy of one moment holds as many as were counted."""


def fill(store: Store, articles: int = 2_500) -> None:
    """Rows of every kind that is awkward to carry: moments, JSON, bytes, empty values, keys that start high."""
    with store.session() as session:
        session.add(Feed(**FEED))
        session.flush()
        session.add_all(Article(id=100 + n, url_key=str(n), **ARTICLE) for n in range(articles))
        digest = Digest(
            id=7, kind="weekly", reason="due", day=NOON.date(), period_start=NOON.date(), subject="Россия – भारत",
            html="", text="", facts={"a": [1, None, 0.1]}, shift_ids=[], model="m", composed_at=NOON,
        )  # fmt: skip
        session.add(digest)
        session.flush()
        session.add(
            Outbox(digest_id=7, recipient="a@example.org", message_id="<x>", mime=b"\x00\xff\r\n", created_at=NOON)
        )


def content(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Everything, table by table, as Python values."""
    with store.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in Base.metadata.sorted_tables
        }


@pytest.fixture
def target(tmp_path: Path) -> Settings:
    """Settings of an installation of its own, without a database yet."""
    return Settings(var_dir=tmp_path / "elsewhere", sender="x <x@example.org>")


def empty(store: Store) -> None:
    with store.engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


def test_a_backup_of_either_engine_comes_back_on_sqlite_as_it_was(
    any_store: Store, settings: Settings, target: Settings, tmp_path: Path
) -> None:
    fill(any_store)
    made = make_backup(any_store, settings, tmp_path / "backups", now=NOW)
    report = restore(target, made.path, now=NOW)
    assert report.schema == newest_revision()
    assert report.same_seeds
    back = Store(target.database)
    assert content(back) == content(any_store)
    back.close()


def test_a_backup_comes_back_on_the_engine_that_made_it_and_new_rows_get_new_numbers(
    any_store: Store, settings: Settings, tmp_path: Path
) -> None:
    fill(any_store)
    before = content(any_store)
    made = make_backup(any_store, settings, tmp_path / "backups", now=NOW)
    with any_store.session() as session:
        session.execute(update(Feed).values(outlet="Changed"))
        session.add(Poll(feed_key="demo", started_at=NOON, outcome="fetched"))
    there = settings.model_copy(update={"database_url": any_store.url})
    with pytest.raises(StoreError, match=r"holds 2,5\d\d rows.*--force"):
        restore(there, made.path, now=NOW)
    restore(there, made.path, now=NOW, force=True)
    assert content(any_store) == before
    with any_store.session() as session:
        session.add(Article(url_key="new", **ARTICLE))
        session.flush()
        assert session.scalar(select(func.max(Article.id))) == 100 + 2_500


def test_a_backup_while_another_process_writes_shows_one_moment(
    store: Store, settings: Settings, target: Settings, tmp_path: Path
) -> None:
    fill(store, articles=10)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "test.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdin
    assert writer.stdout
    try:
        assert writer.stdout.readline() == "ready\n"
        writer.stdin.write("go\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "under way\n"
        made = [make_backup(store, settings, tmp_path / "backups", now=NOW) for _ in range(3)]
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.communicate()
    counted = []
    for report in made:
        with unpacked(report.path) as (copy, manifest), closing(sqlite3.connect(copy)) as connection:
            failures, items = connection.execute(
                "SELECT (SELECT failures FROM feed), (SELECT count(*) FROM seen_item)"
            ).fetchone()
            assert failures == items == manifest.rows["seen_item"] >= 50
            counted.append(items)
    assert counted == sorted(counted)
    assert counted[0] < counted[-1], "the writer was held up"


def test_nothing_secret_is_in_a_backup_and_only_its_owner_may_read_it(store: Store, tmp_path: Path) -> None:
    settings = Settings(
        smtp_password=SecretStr("hunter2"),
        llm_api_key=SecretStr("hunter2"),
        llm_base_url="http://me:hunter2@127.0.0.1/v1",
        database_url="postgresql+psycopg://ric:hunter2@127.0.0.1/ric",
    )
    made = make_backup(store, settings, tmp_path / "backups", now=NOW)
    with zipfile.ZipFile(made.path) as archive:
        manifest = archive.read(MANIFEST).decode()
    assert "hunter2" not in manifest
    assert json.loads(manifest)["settings"]["timezone"] == "Asia/Kolkata"
    assert made.path.stat().st_mode & 0o077 == 0


def test_only_the_newest_backups_are_kept_and_nothing_else_is_touched(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "ricwatch-thesis.zip").write_text("years of work")
    made = [
        make_backup(store, settings, folder, now=NOW + dt.timedelta(days=day), keep=2 if day else 0) for day in range(4)
    ]
    assert backups(folder) == [report.path for report in made[-2:]]
    assert made[-1].removed == (made[1].path,)
    assert {path.name for path in folder.iterdir()} == {"ricwatch-thesis.zip", *(r.path.name for r in made[-2:])}


def changed(path: Path, target: Path, change: str) -> Path:
    """A backup that was damaged in a way that ZIP's own checks do not see."""
    with zipfile.ZipFile(path) as archive:
        database, manifest = bytearray(archive.read(DATABASE)), json.loads(archive.read(MANIFEST))
    if change == "checksum":
        database[-1] ^= 1
    elif change == "rows":
        manifest["rows"]["feed"] += 1
    elif change == "schema":
        manifest["schema"] = "0001"
    elif change == "larger than the manifest":
        manifest["bytes"] -= 1
    elif change == "format 99":
        manifest["format"] = 99
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(DATABASE, bytes(database))
        archive.writestr(MANIFEST, json.dumps(manifest))
    return target


@pytest.mark.parametrize("change", ["checksum", "rows", "schema", "larger than the manifest", "format 99"])
def test_a_backup_that_is_not_what_its_manifest_says_is_refused_and_nothing_is_touched(
    change: str, store: Store, settings: Settings, tmp_path: Path
) -> None:
    fill(store, articles=3)
    made = make_backup(store, settings, tmp_path / "backups", now=NOW)
    here = settings.model_copy(update={"database_url": store.url})
    before = content(store)
    with pytest.raises(InputError, match=change):
        restore(here, changed(made.path, tmp_path / "changed.zip", change), now=NOW, force=True)
    assert content(store) == before


@pytest.mark.parametrize("size", [0, 100, -100])
def test_half_a_file_is_no_backup(size: int, store: Store, settings: Settings, tmp_path: Path) -> None:
    made = make_backup(store, settings, tmp_path / "backups", now=NOW)
    made.path.write_bytes(made.path.read_bytes()[:size])
    with pytest.raises(InputError, match="not a whole backup"):
        restore(settings, made.path, now=NOW)


def test_a_backup_of_an_older_schema_is_migrated(
    store: Store, settings: Settings, target: Settings, tmp_path: Path
) -> None:
    move(store, command.downgrade, "0002")
    made = make_backup(store, settings, tmp_path / "backups", now=NOW)
    assert made.manifest.schema == "0002"
    assert "0002 migrated" in restore(target, made.path, now=NOW).summary
    back = Store(target.database)
    assert back.revision() == newest_revision()
    back.close()


def test_a_backup_of_a_newer_version_is_refused(
    store: Store, settings: Settings, target: Settings, tmp_path: Path
) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    made = make_backup(store, settings, tmp_path / "backups", now=NOW)
    with pytest.raises(StoreError, match=r"9999.*newer.*update ricwatch"):
        restore(target, made.path, now=NOW)
    assert not (target.var_dir / "ricwatch.db").exists()


@pytest.fixture
def open_elsewhere(target: Settings) -> Iterator[None]:
    """Another process that has the empty target database open."""
    store = Store(target.database)
    store.migrate()
    store.close()
    hold = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM feed').fetchall(); "
        "print('ready', flush=True); sys.stdin.readline()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", hold, str(target.var_dir / "ricwatch.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    yield
    process.communicate("done\n")


@pytest.mark.usefixtures("open_elsewhere")
def test_a_database_that_another_process_has_open_is_left_alone(
    store: Store, settings: Settings, target: Settings, tmp_path: Path
) -> None:
    fill(store, articles=3)
    made = make_backup(store, settings, tmp_path / "backups", now=NOW)
    with pytest.raises(StoreError, match="open in another process"):
        restore(target, made.path, now=NOW)
    restore(target, made.path, now=NOW, force=True)
    back = Store(target.database)
    assert content(back) == content(store)
    back.close()


def test_a_database_that_cannot_be_read_is_moved_aside_only_when_asked(
    store: Store, settings: Settings, target: Settings, tmp_path: Path
) -> None:
    made = make_backup(store, settings, tmp_path / "backups", now=NOW)
    target.var_dir.mkdir()
    broken = target.var_dir / "ricwatch.db"
    broken.write_text("Dear reader, this is no database at all. " * 100)
    with pytest.raises(StoreError, match="--force moves it aside"):
        restore(target, made.path, now=NOW)
    report = restore(target, made.path, now=NOW, force=True)
    assert report.aside
    assert report.aside.read_text().startswith("Dear reader")
    back = Store(target.database)
    assert content(back) == content(store)
    back.close()


def test_a_database_that_a_writer_holds_stays_as_it_is(store: Store, settings: Settings, tmp_path: Path) -> None:
    fill(store, articles=3)
    made = make_backup(store, settings, tmp_path / "backups", now=NOW)
    here = settings.model_copy(update={"database_url": store.url})
    with closing(sqlite3.connect(tmp_path / "test.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE feed SET outlet = 'Changed'")
        with pytest.raises(StoreError, match="another process is writing"):
            restore(here, made.path, now=NOW, force=True)
        writer.execute("COMMIT")
    with store.session() as session:
        assert session.scalars(select(Feed.outlet)).all() == ["Changed"]


def test_a_full_disk_leaves_no_half_backup(store: Store, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "blocked").write_text("")
    with pytest.raises(StoreError, match="cannot write a backup into"):
        make_backup(store, settings, folder / "blocked", now=NOW)
    assert backups(folder) == []


def test_the_fingerprint_changes_with_a_name_and_with_a_byte(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    shutil.copytree(ROOT / "seeds", seeds)
    whole = fingerprint(seeds)
    assert whole == fingerprint(ROOT / "seeds")
    with (seeds / "themes.yaml").open("a") as themes:
        themes.write("#")
    second = fingerprint(seeds)
    (seeds / "themes.yaml").rename(seeds / "other.yaml")
    assert len({whole, second, fingerprint(seeds)}) == 3


def test_without_a_database_there_is_nothing_to_back_up(settings: Settings, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'none.db'}")
    with pytest.raises(StoreError, match=r"no database at .*none\.db"):
        make_backup(store, settings, tmp_path / "backups", now=NOW)
    assert not (tmp_path / "none.db").exists()
    store.close()


def test_postgres_rows_are_of_one_moment(
    postgres_url: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import store.snapshot as snapshot

    source = Store(postgres_url)
    source.migrate()
    fill(source, articles=3)
    copied: list[object] = []
    original = snapshot.copy_table

    def slowly(*args: object) -> int:
        rows = original(*args)  # type: ignore[arg-type]
        # After the first table somebody else adds to the others.
        if not copied:
            with source.session() as session:
                session.add(SeriesState(model="late", last_reading_id=0, updated_at=NOON))
        copied.append(args)
        return rows

    try:
        first = make_backup(source, settings, tmp_path / "backups", now=NOW)
        monkeypatch.setattr(snapshot, "copy_table", slowly)
        second = make_backup(source, settings, tmp_path / "backups", now=NOW)
        assert second.manifest.rows["series_state"] == first.manifest.rows["series_state"] == 0
        assert content(source)["series_state"]
    finally:
        Base.metadata.drop_all(source.engine)
        with source.engine.begin() as connection:
            connection.execute(text("DROP TABLE alembic_version"))
        source.close()
