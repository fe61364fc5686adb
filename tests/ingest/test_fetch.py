"""One conditional GET against a real server that may mean ill."""

from __future__ import annotations

import gzip
import ipaddress
import logging
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from ingest.fetch import Failed, FailedReason, Fetched, Gone, NotModified, Outcome, Refused, RefusedReason, open_fetcher
from store.settings import Settings
from tests.ingest.helpers import endless
from tests.ingest.server import Answer, Asked, FeedServer, free_port, gzipped

BODY = b"<rss version='2.0'><channel/></rss>"


async def get(settings: Settings, url: str, etag: str | None = None, last_modified: str | None = None) -> Outcome:
    async with open_fetcher(settings) as fetcher:
        return await fetcher.fetch(url, etag=etag, last_modified=last_modified)


async def test_both_validators_are_sent_as_they_were_given_and_a_304_is_told(
    server: FeedServer, local: Settings
) -> None:
    url = server.set("/feed", Answer(status=304, headers={"Cache-Control": "max-age=7200"}))
    outcome = await get(local, url, 'W/"a,b"', "Wed, 25 Nov 2026 06:00:00 GMT")
    assert isinstance(outcome, NotModified)
    assert outcome.headers["cache-control"] == "max-age=7200"
    headers = server.asked[0].headers
    assert headers["if-none-match"] == 'W/"a,b"'
    assert headers["if-modified-since"] == "Wed, 25 Nov 2026 06:00:00 GMT"
    assert headers["user-agent"] == local.user_agent
    assert headers["accept-encoding"] == "gzip, deflate", "only what can be decompressed within bounds is offered"


async def test_an_unconditional_request_sends_no_validators(server: FeedServer, local: Settings) -> None:
    outcome = await get(local, server.set("/feed", Answer(BODY, headers={"ETag": '"1"', "Last-Modified": "x"})))
    assert isinstance(outcome, Fetched)
    assert (outcome.body, outcome.etag, outcome.last_modified) == (BODY, '"1"', "x")
    assert not {"if-none-match", "if-modified-since"} & server.asked[0].headers.keys()


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (gzipped(BODY), "gzip"),
        (
            Answer(gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), headers={"Content-Encoding": "gzip"}),
            "two members",
        ),
        (Answer(zlib.compress(BODY), headers={"Content-Encoding": "deflate"}), "deflate"),
        (Answer(zlib.compress(BODY)[2:-4], headers={"Content-Encoding": "deflate"}), "deflate without its wrapper"),
        (Answer(BODY, headers={"Content-Encoding": "gzip"}), "plain text that claims to be gzip"),
        (Answer(gzip.compress(BODY)), "a .gz file that does not say so"),
        (Answer(BODY, headers={"Content-Encoding": "identity"}), "identity"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_every_spelling_of_compression_is_read(
    answer: Answer, what: str, server: FeedServer, local: Settings
) -> None:
    outcome = await get(local, server.set("/feed", answer))
    assert isinstance(outcome, Fetched), what
    assert outcome.body == BODY


async def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_is_refused(
    server: FeedServer, local: Settings
) -> None:
    local = local.model_copy(update={"fetch_max_bytes": 100_000})
    assert isinstance(await get(local, server.set("/fits", gzipped(b"x" * 100_000))), Fetched)
    outcome = await get(local, server.set("/over", gzipped(b"x" * 100_001)))
    assert isinstance(outcome, Refused)
    assert outcome.reason == RefusedReason.TOO_LARGE


async def test_a_gzip_bomb_is_refused_in_little_memory(server: FeedServer, local: Settings) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b" " * 1_000_000) for _ in range(300)) + packer.flush()
    assert len(bomb) < 400_000
    url = server.set("/bomb", Answer(bomb, headers={"Content-Encoding": "gzip"}))
    async with open_fetcher(local) as fetcher:
        tracemalloc.start()
        outcome = await fetcher.fetch(url)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert isinstance(outcome, Refused)
    assert outcome.reason == RefusedReason.TOO_LARGE
    assert peak < 30_000_000, "300 MB must never be held: the cap is 15 MB"


async def test_an_endless_body_is_refused_at_the_limit(server: FeedServer, local: Settings) -> None:
    url = server.set("/endless", Answer(chunks=lambda: endless(b"x" * 65_536)))
    outcome = await get(local.model_copy(update={"fetch_max_bytes": 1_000_000}), url)
    assert isinstance(outcome, Refused)
    assert outcome.reason == RefusedReason.TOO_LARGE


async def test_a_server_that_drips_is_cut_off_by_the_total_time(server: FeedServer, local: Settings) -> None:
    def drip() -> Iterator[bytes]:
        while not server.stopping.wait(0.05):
            yield b"x"

    url = server.set("/drip", Answer(chunks=drip))
    outcome = await get(local.model_copy(update={"fetch_timeout": 0.4}), url)
    # Every read came in time, for ever: only a deadline for all of them ends it.
    assert isinstance(outcome, Failed)
    assert outcome.reason == FailedReason.TIMEOUT


async def test_a_body_that_breaks_off_before_its_length_is_broken(server: FeedServer, local: Settings) -> None:
    outcome = await get(local, server.set("/short", Answer(BODY, length=len(BODY) + 50)))
    assert isinstance(outcome, Failed)
    assert outcome.reason == FailedReason.BROKEN


async def test_compressed_data_that_breaks_off_is_broken(server: FeedServer, local: Settings) -> None:
    data = gzip.compress(bytes(range(256)) * 50)[:-20]
    outcome = await get(local, server.set("/cut", Answer(data, headers={"Content-Encoding": "gzip"})))
    assert isinstance(outcome, Failed)
    assert outcome.reason == FailedReason.BROKEN


async def test_an_encoding_that_was_not_offered_is_refused(server: FeedServer, local: Settings) -> None:
    outcome = await get(local, server.set("/br", Answer(b"\x0b\x02", headers={"Content-Encoding": "br"})))
    assert isinstance(outcome, Refused)
    assert outcome.reason == RefusedReason.ENCODING


@pytest.mark.parametrize(("status", "permanent"), [(301, True), (308, True), (302, False), (303, False), (307, False)])
async def test_redirects_are_followed_and_only_permanent_ones_are_reported_as_such(
    status: int, permanent: bool, server: FeedServer, local: Settings
) -> None:
    target = server.set("/new", Answer(BODY))
    outcome = await get(local, server.set("/old", Answer(status=status, headers={"Location": "/new"})))
    assert isinstance(outcome, Fetched)
    assert outcome.url == target
    assert outcome.permanent_url == (target if permanent else None)


async def test_the_validators_go_along_a_redirect(server: FeedServer, local: Settings) -> None:
    server.set("/new", Answer(status=304))
    url = server.set("/old", Answer(status=302, headers={"Location": "/new"}))
    assert isinstance(await get(local, url, '"1"'), NotModified)
    assert server.asked[-1].headers["if-none-match"] == '"1"'


async def test_a_redirect_loop_ends_after_five_hops(server: FeedServer, local: Settings) -> None:
    outcome = await get(local, server.set("/loop", Answer(status=302, headers={"Location": "/loop"})))
    assert isinstance(outcome, Refused)
    assert outcome.reason == RefusedReason.TOO_MANY_REDIRECTS
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.2:1/x", "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]:1/", "//0/"],
)
async def test_a_redirect_to_an_address_that_is_not_public_is_refused(
    target: str, server: FeedServer, local: Settings
) -> None:
    url = server.set("/out", Answer(status=302, headers={"Location": target}))
    async with open_fetcher(local, allowed=[ipaddress.ip_network("127.0.0.1/32")]) as fetcher:
        outcome = await fetcher.fetch(url)
    assert isinstance(outcome, Refused)
    assert outcome.reason == RefusedReason.ADDRESS


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.in/", "gopher://x/", "http://[bad/"])
async def test_a_redirect_to_what_is_no_web_address_is_refused(
    target: str, server: FeedServer, local: Settings
) -> None:
    outcome = await get(local, server.set("/out", Answer(status=302, headers={"Location": target})))
    assert isinstance(outcome, Refused)
    assert outcome.reason == RefusedReason.SCHEME


async def test_without_permission_loopback_is_refused_and_nothing_is_sent(
    server: FeedServer, settings: Settings
) -> None:
    outcome = await get(settings, server.set("/feed", Answer(BODY)))
    assert isinstance(outcome, Refused)
    assert outcome.reason == RefusedReason.ADDRESS
    assert server.asked == []


async def test_410_is_gone(server: FeedServer, local: Settings) -> None:
    assert isinstance(await get(local, server.set("/gone", Answer(status=410))), Gone)


async def test_an_error_keeps_its_status_and_when_to_come_back(server: FeedServer, local: Settings) -> None:
    outcome = await get(local, server.set("/busy", Answer(status=503, headers={"Retry-After": "120"})))
    assert outcome == Failed(FailedReason.HTTP, "HTTP 503 Service Unavailable", 503, "120")
    assert not outcome.network


async def test_no_one_listening_and_no_such_name_are_failures_of_the_network(local: Settings) -> None:
    refused = await get(local, f"http://127.0.0.1:{free_port()}/")
    unknown = await get(local, "http://nowhere.invalid/")
    assert isinstance(refused, Failed)
    assert isinstance(unknown, Failed)
    assert (refused.reason, unknown.reason) == (FailedReason.CONNECT, FailedReason.NAME)
    assert refused.network
    assert unknown.network


async def test_plain_http_where_tls_is_expected_is_named(server: FeedServer, local: Settings) -> None:
    outcome = await get(local, server.set("/feed", Answer(BODY)).replace("http:", "https:"))
    assert isinstance(outcome, Failed)
    assert outcome.reason == FailedReason.TLS


async def test_headers_without_end_are_broken_and_not_held(server: FeedServer, local: Settings) -> None:
    outcome = await get(local, server.set("/heads", Answer(BODY, headers={"X": "y" * 300_000})))
    assert isinstance(outcome, Failed)
    assert outcome.reason == FailedReason.BROKEN


async def test_no_cookie_is_sent_back(server: FeedServer, local: Settings) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(BODY, headers={"Set-Cookie": "id=1; Path=/"})

    url = server.set("/feed", answer)
    async with open_fetcher(local) as fetcher:
        await fetcher.fetch(url)
        await fetcher.fetch(url)
    assert all("cookie" not in asked.headers for asked in server.asked)


async def test_requests_leave_no_line_in_the_log(
    server: FeedServer, local: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await get(local, server.set("/feed", Answer(BODY)))
    assert [record for record in caplog.records if record.name.startswith("http")] == []
