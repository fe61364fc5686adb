"""Database: migrations on both engines, moments with their zone, transactions that hold."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import delete, insert, inspect, select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from store.db import CACHE_KIB, WIDE_CACHE_KIB, Store
from store.errors import StoreError
from store.models import (
    Article,
    Base,
    Digest,
    Outbox,
    Reading,
    ReadingClaim,
    SeenItem,
    SeriesState,
    Shift,
    ThemeDay,
    Vote,
)
from store.people import Notice
from store.schema import MIGRATIONS, newest_revision

FEED = {
    "key": "demo", "outlet": "Demo", "bloc": "other", "kind": "import", "lang": "en", "url": "", "timezone": "UTC",
    "enabled": False, "status": "import", "status_date": "", "status_note": "",
}  # fmt: skip
NOON = dt.datetime(2025, 3, 4, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30)))
ARTICLE = {
    "feed_key": "demo", "outlet": "Demo", "bloc": "other", "lang": "en", "title": "A title", "text": "",
    "url": "https://a.example", "title_key": "title", "published_at": NOON, "published_raw": "",
    "date_quality": "given", "first_seen_at": NOON, "day": NOON.date(),
}  # fmt: skip
READING = {"model": "m", "relevant": True, "p_relevant": 0.9, "themes": [], "read_at": NOON}


def add_feed_of_before(session: Session) -> None:
    """A feed in a table that lacks the columns of later versions."""
    values = {**FEED, "failures": 0, "health": "unknown", "last_error": ""}
    names = ", ".join(values)
    session.execute(text(f"INSERT INTO feed ({names}) VALUES ({', '.join(f':{name}' for name in values)})"), values)


def move(store: Store, step: Callable[[Config, str], None], revision: str) -> None:
    """Bring the schema up or down to *revision*."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = store.engine
    step(config, revision)


def test_migrating_twice_changes_nothing(any_store: Store) -> None:
    before = any_store.revision()
    any_store.migrate()
    assert any_store.revision() == before == newest_revision()


def test_the_migrations_build_exactly_the_tables_of_the_models(any_store: Store) -> None:
    with any_store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_claims_of_readings_of_before_move_into_the_ledger(any_store: Store) -> None:
    move(any_store, command.downgrade, "0001")
    with any_store.session() as session:
        add_feed_of_before(session)
        for number, claim in enumerate(("oil", None), start=1):
            session.add(Article(id=number, url_key=str(number), **ARTICLE))
            session.flush()
            relation = "undercuts" if claim else None
            reading = Reading(
                article_id=number, claim_id=claim, claim_similarity=0.4, claim_relation=relation, **READING
            )
            session.add(reading)
    move(any_store, command.upgrade, "head")
    with any_store.session() as session:
        rows = session.execute(
            select(Reading.article_id, ReadingClaim.claim_id, ReadingClaim.similarity, ReadingClaim.relation).join(
                Reading, Reading.id == ReadingClaim.reading_id
            )
        ).all()
        assert [tuple(row) for row in rows] == [(1, "oil", pytest.approx(0.4), "undercuts")]
        # A reading that goes takes its claims with it.
        session.execute(delete(Reading))
        assert session.scalars(select(ReadingClaim)).all() == []


SHIFT = {
    "model": "m", "direction": "rise", "onset": NOON.date(), "detected": NOON.date(), "magnitude": 1.0, "low": 0.5,
    "high": 1.5, "before": 1.0, "after": 2.7, "log_evidence": 7.0, "threshold": 6.0, "years": 3.0,
    "confidence": "moderate", "text": "", "evidence": {}, "found_at": NOON,
}  # fmt: skip


def test_votes_of_before_are_counted_by_theme(any_store: Store) -> None:
    move(any_store, command.downgrade, "0003")
    with any_store.session() as session:
        add_feed_of_before(session)
        for number, themes in enumerate((["trade", "border"], ["trade"], []), start=1):
            story = {"id": number, "day": NOON.date(), "last_day": NOON.date(), "title": ""}
            session.execute(insert(Base.metadata.tables["story"]), story)  # a table without the columns of later ones
            session.add(Article(id=number, url_key=str(number), **ARTICLE))
            session.flush()
            for dyad in ("IN-CN", "IN-RU"):
                session.add(
                    Vote(
                        model="m",
                        day=NOON.date(),
                        dyad=dyad,
                        story_id=number,
                        article_id=number,
                        outlet="Demo",
                        bloc="other",
                        score=0.5,
                        stance=1,
                        theme="".join(themes[:1]),
                        themes=themes,
                    )
                )
        session.flush()
        columns = ", ".join(name for name in SHIFT if name != "evidence")
        session.execute(
            text(
                f"INSERT INTO shift (dyad, kind, status, evidence, {columns}) "
                f"VALUES ('IN-CN', 'stance', 'open', '{{}}', {', '.join(':' + name for name in columns.split(', '))})"
            ),
            {name: value for name, value in SHIFT.items() if name != "evidence"},
        )
    move(any_store, command.upgrade, "head")
    with any_store.session() as session:
        rows = session.execute(select(ThemeDay.model, ThemeDay.day, ThemeDay.theme, ThemeDay.stories))
        assert sorted(tuple(row) for row in rows) == [
            ("m", NOON.date(), theme, stories) for theme, stories in (("", 3), ("border", 1), ("trade", 2))
        ]
        assert [(shift.theme, shift.bloc) for shift in session.scalars(select(Shift))] == [("", "")]


def test_who_was_told_before_is_known_after(any_store: Store) -> None:
    """Else a new version would tell every shift again."""
    move(any_store, command.downgrade, "0005")
    digest = {
        "sequence": 0, "reason": "shift_opened", "period_start": NOON.date(), "subject": "s", "html": "", "text": "",
        "facts": {}, "model": "m", "composed_at": NOON,
    }  # fmt: skip
    with any_store.session() as session:
        for number, kind in enumerate(("shift", "weekly", "manual"), start=1):
            # The columns of that schema, and none that the model has today.
            told = {"id": number, "kind": kind, "day": NOON.date(), "shift_ids": [{"id": number, "dyad": "IN-CN"}]}
            session.execute(insert(Digest).values(**told, **digest))
            for who in ("Ann@example.org", "bo@example.org"):
                session.add(
                    Outbox(
                        digest_id=number, recipient=who, message_id=f"{number}-{who}", mime=b"", created_at=NOON
                    )
                )  # fmt: skip
    move(any_store, command.upgrade, "head")
    with any_store.session() as session:
        rows = [
            (row.address, row.kind, row.shift_ids, row.digest_id, row.at)
            for row in session.scalars(select(Notice).order_by(Notice.id))
        ]
    assert rows == [
        (who, kind, [number], number, NOON)
        for number, kind in ((1, "shift"), (2, "weekly"))
        for who in ("ann@example.org", "bo@example.org")
    ]


def test_two_themes_may_shift_on_a_day_and_an_older_version_has_no_place_for_them(any_store: Store) -> None:
    with any_store.session() as session:
        session.add_all(Shift(dyad="", kind="theme", theme=theme, **SHIFT) for theme in ("border", "trade"))
        session.add(Shift(dyad="IN-CN", kind="attention", **SHIFT))
    move(any_store, command.downgrade, "0003")
    with any_store.engine.connect() as connection:
        rows = connection.execute(text("SELECT dyad, kind FROM shift"))
        assert [tuple(row) for row in rows] == [("IN-CN", "attention")]
    move(any_store, command.upgrade, "head")


def test_a_moment_comes_back_in_utc_with_its_zone(any_store: Store) -> None:
    with any_store.session() as session:
        session.add(SeriesState(model="m", last_reading_id=0, updated_at=NOON))
    with any_store.session() as session:
        back = session.scalars(select(SeriesState)).one().updated_at
    assert back == NOON
    assert back.utcoffset() == dt.timedelta(0)


def test_a_moment_without_zone_is_refused(any_store: Store) -> None:
    with pytest.raises(StatementError, match="no time zone"), any_store.session() as session:
        session.add(SeriesState(model="m", last_reading_id=0, updated_at=NOON.replace(tzinfo=None)))


def test_an_error_inside_a_session_leaves_nothing_behind(any_store: Store) -> None:
    def breaks_off() -> None:
        with any_store.session() as session:
            session.add(SeriesState(model="m", last_reading_id=0, updated_at=NOON))
            session.flush()
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        breaks_off()
    with any_store.session() as session:
        assert session.scalars(select(SeriesState)).all() == []


def test_sqlite_lets_a_reader_in_while_a_writer_writes(store: Store) -> None:
    with store.session() as writer:
        writer.add(SeriesState(model="m", last_reading_id=0, updated_at=NOON))
        writer.flush()
        with store.session() as reader:
            assert reader.scalars(select(SeriesState)).all() == []


def test_an_unmigrated_database_has_no_revision(tmp_path: Path) -> None:
    fresh = Store(f"sqlite:///{tmp_path / 'fresh.db'}")
    assert fresh.revision() is None
    fresh.close()


def test_a_file_that_is_no_database_is_named_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear reader, this is no database at all. " * 100)
    broken = Store(f"sqlite:///{path}")
    with pytest.raises(StoreError, match=r"letter\.db"):
        broken.revision()
    broken.close()


def test_a_password_never_shows_in_a_message() -> None:
    store = Store("postgresql+psycopg://ric:secret@127.0.0.1:1/ric")
    with pytest.raises(StoreError) as error:
        store.revision()
    assert "secret" not in str(error.value)
    store.close()


def test_every_column_is_explained_to_an_analyst() -> None:
    silent = [f"{t.name}.{c.name}" for t in Base.metadata.sorted_tables for c in t.columns if not c.comment]
    assert silent == []


def test_the_store_makes_the_folder_of_its_database(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a' / 'b' / 'c.db'}")
    store.migrate()
    assert "article" in inspect(store.engine).get_table_names()
    store.close()


def test_items_remembered_before_are_kept_and_dated_where_their_feed_is_polled(any_store: Store) -> None:
    move(any_store, command.downgrade, "0005")
    with any_store.session() as session:
        session.execute(insert(Base.metadata.tables["feed"]), {**FEED, "key": "polled", "kind": "newspaper"})
        session.execute(insert(Base.metadata.tables["feed"]), {**FEED, "key": "import-x", "kind": "import"})
        for key in ("polled", "import-x"):
            session.execute(
                text("INSERT INTO seen_item (feed_key, item_hash, day) VALUES (:key, 'h', '2024-05-06')"), {"key": key}
            )
    move(any_store, command.upgrade, "head")
    with any_store.session() as session:
        kept = {item.feed_key: item for item in session.scalars(select(SeenItem))}
    assert {item.reason for item in kept.values()} == {"off_topic"}
    assert kept["import-x"].last_seen is None
    assert kept["polled"].last_seen is not None


def test_sqlite_keeps_more_in_memory_for_who_goes_through_all_of_it(tmp_path: Path) -> None:
    def kept(store: Store) -> int:
        with store.session() as session:
            return -int(session.execute(text("PRAGMA cache_size")).scalar_one())

    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    assert kept(store) == CACHE_KIB
    store.widen()
    store.widen()
    assert kept(store) == WIDE_CACHE_KIB
    store.close()
    memory = Store("sqlite://")
    memory.migrate()
    memory.widen()
    assert memory.revision() == newest_revision(), "a database in memory is not lost"
    memory.close()


def test_who_reads_before_writing_keeps_others_from_writing_meanwhile(store: Store) -> None:
    """Else what it writes is refused: on SQLite nobody may build upon what is old by then."""
    with closing(sqlite3.connect(store.engine.url.database or "", timeout=0, isolation_level=None)) as other:
        with store.session() as session:
            session.execute(select(SeriesState)).all()
            other.execute("BEGIN IMMEDIATE")  # beside one who only reads
            other.execute("ROLLBACK")
        with store.writing() as session:
            session.execute(select(SeriesState)).all()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
            session.add(SeriesState(model="m", last_reading_id=0, updated_at=NOON))
        assert other.execute("SELECT model FROM series_state").fetchall() == [("m",)]
