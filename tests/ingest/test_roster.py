"""The feed roster: what is refused, and how it comes into the database."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ingest.roster import GONE_FROM_ROSTER, RosterReport, load_roster, sync_roster
from ingest.ties import ties
from store.db import Store
from store.errors import SeedError
from store.models import Feed
from store.settings import ROOT
from tests.ingest.helpers import NOW, feed

ROW: dict[str, object] = {
    "key": "a-b",
    "outlet": "A",
    "bloc": "india",
    "kind": "newspaper",
    "lang": "en",
    "url": "https://a.example/rss",
    "timezone": "Asia/Kolkata",
    "enabled": True,
    "status": "ok",
    "status_date": "2026-03-25",
    "status_note": "",
}


def written(folder: Path, *rows: object) -> Path:
    path = folder / "feeds.yaml"
    path.write_text(yaml.safe_dump({"feeds": list(rows)}), encoding="utf-8")
    return path


def test_the_rosters_own_file_is_sound() -> None:
    feeds = load_roster(ROOT / "seeds" / "feeds.yaml")
    enabled = [row for row in feeds if row.enabled]
    assert len(feeds) == 187
    assert {row.bloc for row in enabled} == set(ties().blocs)
    assert {"en", "hi", "ru", "zh"} <= {row.lang for row in enabled}
    assert all(row.status_note and row.status_date for row in feeds if not row.enabled), "disabled needs a dated reason"
    assert all(row.status in ("ok", "listed") for row in enabled)


def test_an_unquoted_date_is_a_date_too(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    text = yaml.safe_dump({"feeds": [ROW]}).replace("'2026-03-25'", "2026-03-25")
    path.write_text(text, encoding="utf-8")
    assert load_roster(path)[0].status_date == "2026-03-25"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": "A B"}, "entry 1, key"),
        ({"key": None}, "entry 1, key"),
        ({"key": "import-x"}, "import-x, key"),
        ({"outlet": ""}, "a-b, outlet"),
        ({"outlet": None}, "a-b, outlet"),
        ({"bloc": "mars"}, "a-b, bloc: 'mars' is none of india"),
        ({"kind": "import"}, "a-b, kind"),
        ({"lang": "English"}, "a-b, lang"),
        ({"url": "ftp://a.example/"}, "a-b, url"),
        ({"url": "https://"}, "a-b, url"),
        ({"url": "https://[x/"}, "a-b, url"),
        ({"url": "https://me:secret@a.example/"}, "a-b, url: holds a user name"),
        ({"timezone": "Asia/Atlantis"}, "a-b, timezone: no time zone is called 'Asia/Atlantis'"),
        ({"timezone": "../etc"}, "a-b, timezone"),
        ({"enabled": "yes"}, "a-b, enabled"),
        ({"enabled": False}, "a-b, status_note: a disabled feed needs the reason"),
        ({"status_date": "last week"}, "a-b, status_date"),
        ({"stauts": "ok"}, "a-b has the unknown field 'stauts'"),
    ],
)
def test_a_malformed_entry_is_named_with_its_field(change: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(SeedError) as error:
        load_roster(written(tmp_path, {**ROW, **change}))
    assert said in str(error.value)
    assert "feeds.yaml" in str(error.value)


def test_a_key_or_an_enabled_address_used_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="'a-b' is used twice"):
        load_roster(written(tmp_path, ROW, {**ROW, "url": "https://b.example/"}))
    with pytest.raises(SeedError, match="a-b already polls"):
        load_roster(written(tmp_path, ROW, {**ROW, "key": "c"}))
    assert len(load_roster(written(tmp_path, ROW, {**ROW, "key": "c", "enabled": False, "status_note": "twin"}))) == 2


@pytest.mark.parametrize(("text", "said"), [("feeds: {", "line"), ("[]", "expected a list"), ("feeds: [3]", "entry 1")])
def test_a_file_that_is_no_roster_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SeedError, match=said):
        load_roster(path)
    with pytest.raises(SeedError, match="is missing"):
        load_roster(tmp_path / "none.yaml")


def test_a_roster_is_added_changed_and_disabled_but_never_deleted(store: Store) -> None:
    with store.session() as session:
        assert sync_roster(session, [feed("a"), feed("b")]) == RosterReport(("a", "b"), (), ())
    with store.session() as session:
        assert sync_roster(session, [feed("a"), feed("b")]) == RosterReport((), (), ())
    with store.session() as session:
        assert sync_roster(session, [feed("a", outlet="New name")]) == RosterReport((), ("a",), ("b",))
    with store.session() as session:
        gone = session.get_one(Feed, "b")
        assert (gone.enabled, gone.status_note) == (False, GONE_FROM_ROSTER)
        assert sync_roster(session, [feed("a", outlet="New name")]) == RosterReport((), (), ()), "told once"
        assert sync_roster(session, [feed("a", outlet="New name"), feed("b")]).changed == ("b",), "and it may come back"
        assert session.get_one(Feed, "b").enabled


def test_validators_survive_a_change_of_name_and_fall_with_the_address(store: Store) -> None:
    with store.session() as session:
        sync_roster(session, [feed("a")])
        row = session.get_one(Feed, "a")
        row.etag, row.body_sha256, row.next_poll_at, row.ttl_seconds = '"1"', "0", NOW, 3_600
    with store.session() as session:
        sync_roster(session, [feed("a", outlet="New")])
        assert session.get_one(Feed, "a").etag == '"1"'
        sync_roster(session, [feed("a", outlet="New", url="https://moved.example/")])
        row = session.get_one(Feed, "a")
        assert (row.etag, row.body_sha256, row.next_poll_at, row.ttl_seconds) == (None, None, None, None)


def test_imports_are_left_alone(store: Store) -> None:
    with store.session() as session:
        session.add(
            Feed(key="import-x", outlet="X", bloc="other", kind="import", lang="en", url="", timezone="UTC",
                 enabled=False, status="import", status_date="", status_note="")
        )  # fmt: skip
    with store.session() as session:
        assert sync_roster(session, []).removed == ()
