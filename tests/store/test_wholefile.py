"""Files appear whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from store.days import need_day, parse_day
from store.errors import InputError
from store.wholefile import whole_file, write_whole


def test_what_is_written_takes_the_place_of_what_was_there_with_its_rights(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    target.write_text("old", encoding="utf-8")
    target.chmod(0o640)
    write_whole(target, "neu – नया\r\n")
    assert target.read_bytes() == "neu – नया\r\n".encode()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_block_that_breaks_off_or_a_check_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    target.write_text("old", encoding="utf-8")

    def refuse(draft: Path) -> None:
        assert draft.read_text(encoding="utf-8") == "new"
        raise ValueError("not this")

    with pytest.raises(ValueError, match="not this"), whole_file(target, check=refuse) as file:
        file.write("new")
    with pytest.raises(UnicodeEncodeError), whole_file(target) as file:
        file.write("half \ud800")
    assert target.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_folder_is_made_only_where_the_program_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        write_whole(tmp_path / "typo" / "page.html", "x")
    write_whole(tmp_path / "made" / "page.html", "x", folder=True)
    assert (tmp_path / "made" / "page.html").read_text() == "x"
    with pytest.raises(InputError, match="it is a folder"):
        write_whole(tmp_path / "made", "x")


def test_a_day_is_read_or_refused_by_the_name_of_its_field() -> None:
    assert parse_day("  ", "--from") is None
    assert str(parse_day(" 2024-02-29 ", "--from")) == "2024-02-29"
    with pytest.raises(InputError, match=r"--from '2023-02-29' is no day"):
        parse_day("2023-02-29", "--from")


def test_a_day_that_must_be_given_is_asked_for() -> None:
    assert str(need_day("2024-02-29", "Until")) == "2024-02-29"
    with pytest.raises(InputError, match="Until is empty; give a day such as"):
        need_day(" ", "Until")
