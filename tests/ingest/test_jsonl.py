"""Lines of JSON from files that anyone may have made."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ingest.jsonl import MAX_LINE_BYTES, Line, iter_jsonl
from store.errors import InputError


def lines(path: Path, content: bytes) -> list[Line]:
    path.write_bytes(content)
    return list(iter_jsonl(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "items.jsonl"


def test_blank_lines_are_passed_over_and_counted(path: Path) -> None:
    assert lines(path, b'{"a": 1}\r\n\n  \n{"b": "\xd0\xb8"}') == [Line(1, {"a": 1}), Line(4, {"b": "и"})]


def test_gzip_is_known_by_its_content(path: Path) -> None:
    assert lines(path, gzip.compress(b'{"a": 1}\n')) == [Line(1, {"a": 1})]


def test_a_byte_order_mark_is_no_error(path: Path) -> None:
    assert lines(path, b'\xef\xbb\xbf{"a": 1}\n') == [Line(1, {"a": 1})]


BAD = [
    ("no JSON", b"{oops", "not JSON"),
    ("an array", b"[1, 2]", "not a JSON object but [1, 2]"),
    ("null", b"null", "not a JSON object"),
    ("not a number", b'{"a": NaN}', "NaN is not a JSON number"),
    ("another encoding", '{"a": "é"}'.encode("latin-1"), "not UTF-8"),
    ("a tower of brackets", b"[" * 200_000, "nested too deeply"),
    ("a number of ten thousand digits", b'{"a": ' + b"9" * 10_000 + b"}", "not JSON"),
    ("too long", b'{"a": "' + b"x" * MAX_LINE_BYTES + b'"}', "longer than 2,000,000 bytes"),
]


@pytest.mark.parametrize(("bad", "reason"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_line_is_named_and_the_next_is_read(path: Path, bad: bytes, reason: str) -> None:
    first, second, third = lines(path, b'{"a": 1}\n' + bad + b'\n{"b": 2}\n')
    assert (first.value, third.value) == ({"a": 1}, {"b": 2})
    assert (second.number, second.value) == (2, None)
    assert reason in second.reason
    assert third.number == 3


def test_half_an_emoji_is_replaced_so_that_it_can_be_stored(path: Path) -> None:
    (line,) = lines(path, b'{"a": ["\\ud83d cut", {"b\\udc00": "\\ud83d\\ude00"}]}')
    assert line.value == {"a": ["� cut", {"b�": "😀"}]}


def test_a_download_that_broke_off_gives_what_came_before(path: Path) -> None:
    whole = gzip.compress(b"".join(b'{"number": %d}\n' % number for number in range(100_000)))
    got = lines(path, whole[: len(whole) // 2])
    assert got[0] == Line(1, {"number": 0})
    assert all(line.value is not None for line in got[:-1])
    assert "breaks off" in got[-1].reason


def test_a_few_bad_lines_at_the_start_do_not_condemn_a_file(path: Path) -> None:
    got = lines(path, b"# exported today\n" * 19 + b'{"a": 1}\n')
    assert [line.number for line in got if line.value is None] == list(range(1, 20))
    assert got[-1] == Line(20, {"a": 1})


def test_an_empty_file_has_no_lines(path: Path) -> None:
    assert lines(path, b"") == []


REFUSED = [
    ("twenty bad lines", b"prose\n" * 20 + b'{"a": 1}\n', "first 20 lines are all bad"),
    ("a short letter", b"Dear reader\n", "no line of it is good"),
    ("binary", bytes(range(1, 256)) * 50, "not a file of JSON lines"),
    ("zeros without a line end", b"\0" * 5_000_000, "not a file of JSON lines"),
]


@pytest.mark.parametrize(("content", "says"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_no_such_file_is_refused(path: Path, content: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        lines(path, content)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        next(iter_jsonl(tmp_path / "none.jsonl"))
    with pytest.raises(InputError, match="is a folder"):
        next(iter_jsonl(tmp_path))
