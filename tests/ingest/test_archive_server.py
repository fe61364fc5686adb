"""The archive's server over real sockets: feeds as of a moment, validators, deaths and hostile characters."""

from __future__ import annotations

import datetime as dt
from calendar import timegm
from collections.abc import Iterator
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import feedparser
import httpx
import pytest

from ingest.archive import NEWEST, Archive, ArchiveServer, load_archive
from store.settings import ROOT

NOON = dt.datetime(2024, 11, 15, 12, tzinfo=dt.UTC)
END = dt.datetime(2025, 9, 30, 23, 59, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def archive() -> Archive:
    return load_archive(ROOT / "seeds" / "archive")


@pytest.fixture
def server(archive: Archive) -> Iterator[ArchiveServer]:
    with ArchiveServer(archive) as running:
        running.as_of = NOON
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


def parsed(response: httpx.Response) -> Any:
    assert response.status_code == 200
    feed = feedparser.parse(response.content, response_headers=dict(response.headers))
    assert not feed.bozo, feed.get("bozo_exception")
    return feed


def test_every_feed_gives_exactly_the_newest_items_due_and_nothing_from_the_future(
    server: ArchiveServer, archive: Archive, client: httpx.Client
) -> None:
    versions = set()
    for feed in server.roster():
        response = client.get(feed.url)
        read = parsed(response)
        versions.add(read.version)
        outlet = archive.outlets[feed.key]
        assert read.version == {"rss": "rss20", "atom": "atom10"}[outlet.format]
        assert response.headers["content-type"].startswith(f"application/{outlet.format}+xml")
        assert read.feed.title == feed.outlet
        wanted = [item for item in archive.items if item.outlet == feed.key and item.published <= NOON]
        wanted = wanted[::-1][:NEWEST]
        assert [entry.link for entry in read.entries] == [item.link for item in wanted]
        assert [entry.id for entry in read.entries] == [item.guid for item in wanted]
        assert [entry.title for entry in read.entries] == [item.title for item in wanted]
        assert [entry.summary for entry in read.entries] == [item.text for item in wanted]
        moments = [dt.datetime.fromtimestamp(timegm(entry.published_parsed), dt.UTC) for entry in read.entries]
        assert moments == [item.published for item in wanted]
        assert max(moments) <= NOON
    assert versions == {"rss20", "atom10"}


def test_dates_are_written_in_the_zone_of_the_outlet(server: ArchiveServer, client: httpx.Client) -> None:
    rss = parsed(client.get(server.feed_url("delhi-courier")))
    assert all(entry.published.endswith(" +0530") for entry in rss.entries)
    atom = parsed(client.get(server.feed_url("canton-observer")))
    assert all(entry.published.endswith("+08:00") for entry in atom.entries)


def test_no_more_than_thirty_items_are_served_and_the_oldest_drop_out(
    server: ArchiveServer, archive: Archive, client: httpx.Client
) -> None:
    server.as_of = END
    read = parsed(client.get(server.feed_url("volga-wire")))
    of_outlet = [item.link for item in archive.items if item.outlet == "volga-wire"]
    assert [entry.link for entry in read.entries] == of_outlet[: -NEWEST - 1 : -1]


def test_until_the_clock_is_set_every_feed_is_a_valid_empty_one(archive: Archive, client: httpx.Client) -> None:
    with ArchiveServer(archive) as server:
        assert server.as_of == dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
        for key in ("delhi-courier", "mumbai-ledger"):
            response = client.get(server.feed_url(key))
            assert parsed(response).entries == []
            assert "last-modified" not in response.headers
            again = client.get(server.feed_url(key), headers={"If-None-Match": response.headers["etag"]})
            assert again.status_code == 304


def test_a_day_by_day_replay_sees_every_item_once_it_is_out_and_meets_many_304(
    server: ArchiveServer, archive: Archive, client: httpx.Client
) -> None:
    days = [day for day in server.days() if day < dt.date(2024, 2, 1)]
    validators: dict[str, str] = {}
    seen: dict[str, dt.date] = {}
    unchanged = 0
    for day in days:
        server.as_of = dt.datetime.combine(day, dt.time(23, 59, 59), tzinfo=dt.UTC)
        for feed in server.roster():
            headers = {"If-None-Match": validators[feed.key]} if feed.key in validators else {}
            response = client.get(feed.url, headers=headers)
            if response.status_code == 304:
                unchanged += 1
                continue
            validators[feed.key] = response.headers["etag"]
            for entry in parsed(response).entries:
                seen.setdefault(entry.link, day)
    assert seen == {item.link: item.published.date() for item in archive.items if item.published.date() in days}
    assert unchanged > 16 * len(days) / 2


def test_nothing_new_is_answered_with_304_by_either_validator(server: ArchiveServer, client: httpx.Client) -> None:
    url = server.feed_url("delhi-courier")
    first = client.get(url)
    etag, modified = first.headers["etag"], first.headers["last-modified"]
    for headers in (
        {"If-None-Match": etag},
        {"If-None-Match": f'"other", W/{etag}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": modified},
        {"If-None-Match": etag, "If-Modified-Since": "Mon, 01 Jan 1990 00:00:00 GMT"},
    ):
        answer = client.get(url, headers=headers)
        assert answer.status_code == 304, headers
        assert answer.content == b""
        assert answer.headers["etag"] == etag


def test_something_new_is_answered_in_full(server: ArchiveServer, client: httpx.Client) -> None:
    url = server.feed_url("delhi-courier")
    first = client.get(url)
    etag, modified = first.headers["etag"], first.headers["last-modified"]
    for headers in (
        {"If-None-Match": '"other"'},
        {"If-None-Match": '"other"', "If-Modified-Since": modified},  # RFC 9110 13.1.3: the tag decides alone
        {"If-Modified-Since": "Mon, 01 Jan 1990 00:00:00 GMT"},
        {"If-Modified-Since": "yesterday"},
    ):
        assert client.get(url, headers=headers).status_code == 200, headers
    server.as_of = NOON + dt.timedelta(days=60)
    later = client.get(url, headers={"If-None-Match": etag, "If-Modified-Since": modified})
    assert later.status_code == 200
    assert later.headers["etag"] != etag
    assert parsedate_to_datetime(later.headers["last-modified"]) > parsedate_to_datetime(modified)


def test_bytes_and_tags_are_the_same_from_another_server_on_another_port(
    server: ArchiveServer, archive: Archive, client: httpx.Client
) -> None:
    with ArchiveServer(archive) as other:
        other.as_of = NOON
        assert other.url != server.url
        for key in archive.outlets:
            here, there = client.get(server.feed_url(key)), client.get(other.feed_url(key))
            assert here.content == there.content
            assert here.headers["etag"] == there.headers["etag"]


def test_the_closed_feed_answers_410_from_its_day_on(server: ArchiveServer, client: httpx.Client) -> None:
    url = server.feed_url("rhine-letter")
    server.as_of = dt.datetime(2025, 2, 14, 22, 59, tzinfo=dt.UTC)  # one minute before midnight in Berlin
    alive = client.get(url)
    assert parsed(alive).entries
    server.as_of = dt.datetime(2025, 2, 14, 23, 0, tzinfo=dt.UTC)
    assert client.get(url, headers={"If-None-Match": alive.headers["etag"]}).status_code == 410


def test_the_frozen_feed_serves_its_last_items_for_ever(server: ArchiveServer, client: httpx.Client) -> None:
    url = server.feed_url("steppe-bulletin")
    server.as_of = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
    last = client.get(url)
    server.as_of = END
    assert client.get(url).content == last.content
    assert client.get(url, headers={"If-None-Match": last.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    "path", ["/", "/feeds/", "/feeds/none.xml", "/feeds/delhi-courier", "/delhi-courier.xml", "/feeds/../feeds.xml"]
)
def test_anything_else_is_404(server: ArchiveServer, client: httpx.Client, path: str) -> None:
    assert client.get(server.url + path).status_code == 404


def test_a_query_is_ignored_and_head_gives_the_headers_of_get(server: ArchiveServer, client: httpx.Client) -> None:
    url = server.feed_url("delhi-courier")
    full, head = client.get(url + "?from=reader"), client.head(url)
    assert full.status_code == head.status_code == 200
    assert head.content == b""
    for name in ("etag", "last-modified", "content-length", "content-type"):
        assert head.headers[name] == full.headers[name]


def test_the_roster_names_every_outlet_with_an_address_on_this_server(server: ArchiveServer, archive: Archive) -> None:
    roster = server.roster()
    assert {feed.key for feed in roster} == set(archive.outlets)
    for feed in roster:
        assert feed.url == f"{server.url}/feeds/{feed.key}.xml"
        assert feed.url.startswith("http://127.0.0.1:")
        assert feed.enabled
        assert feed.bloc == archive.outlets[feed.key].bloc
        assert feed.timezone == str(archive.outlets[feed.key].zone)


def test_the_clock_wants_a_zone_and_gives_utc(server: ArchiveServer) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        server.as_of = dt.datetime(2024, 5, 1)  # noqa: DTZ001
    server.as_of = dt.datetime(2024, 5, 1, 5, 30, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30)))
    assert server.as_of.isoformat() == "2024-05-01T00:00:00+00:00"


def test_a_server_that_does_not_run_has_no_address(archive: Archive, client: httpx.Client) -> None:
    server = ArchiveServer(archive)
    with pytest.raises(RuntimeError, match="does not run"):
        _ = server.url
    with server:
        url = server.feed_url("delhi-courier")
        assert client.get(url).status_code == 200
    with pytest.raises(httpx.ConnectError), httpx.Client(trust_env=False) as fresh:
        fresh.get(url)


def test_it_is_silent(server: ArchiveServer, client: httpx.Client, capfd: pytest.CaptureFixture[str]) -> None:
    client.get(server.feed_url("delhi-courier"))
    client.get(server.url + "/none")
    assert capfd.readouterr() == ("", "")


HOSTILE = """</title><script>alert('&')</script> ]]> <!-- & < > " ' &amp; 日本 \\U0001F600 end"""


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_hostile_characters_arrive_as_they_were_written(tmp_path: Path, client: httpx.Client, form: str) -> None:
    (tmp_path / "outlets.yaml").write_text(
        f"outlets:\n  - {{key: one, outlet: 'Demo <One> & \"Two\"', bloc: other, kind: newspaper, lang: en,"
        f" timezone: Asia/Tokyo, format: {form}}}\n",
        encoding="utf-8",
    )
    quoted = HOSTILE.replace('"', '\\"')
    (tmp_path / "items-1.yaml").write_text(
        f'items:\n  - id: first\n    date: 2024-01-05T08:00:00Z\n    outlet: one\n    title: "{quoted}"\n'
        f'    text: "{quoted}"\n    expect: {{relevant: false}}\n',
        encoding="utf-8",
    )
    small = load_archive(tmp_path)
    with ArchiveServer(small) as server:
        server.as_of = dt.datetime(2024, 1, 5, 8, tzinfo=dt.UTC)
        response = client.get(server.feed_url("one"))
    root = ElementTree.fromstring(response.content)
    texts = [element.text for element in root.iter() if element.text]
    written = HOSTILE.replace("\\U0001F600", "\U0001f600")
    assert texts.count(written) == 2
    assert 'Demo <One> & "Two"' in texts
    assert b"<script>" not in response.content
    assert format_datetime(small.items[0].published).endswith("17:00:00 +0900")
