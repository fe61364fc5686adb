"""Dossiers: what loads, and that each malformed one is named with file, line and reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest.dossier import MAX_BYTES, Dossier, SeedProblem, load_dossiers, parse_dossier
from store.errors import SeedError
from tests.ingest.helpers_seeds import ORIGINAL, dossier, sha256


def parsed(text: str | bytes, name: str = "paper-2021.md") -> Dossier:
    found = parse_dossier(text.encode() if isinstance(text, str) else text, name)
    assert isinstance(found, Dossier), found
    return found


def problems(text: str | bytes, name: str = "paper-2021.md") -> list[SeedProblem]:
    found = parse_dossier(text.encode() if isinstance(text, str) else text, name)
    assert isinstance(found, list), found
    return found


def test_a_dossier_is_read_with_all_its_parts() -> None:
    text = dossier()
    found = parsed(text)
    assert (found.key, found.title, found.publisher, found.author) == ("paper-2021", "A made-up paper", "", "A. Writer")
    assert (found.published, found.file_name) == ("2021-03-08", "paper.txt")
    assert found.sha256 == sha256(ORIGINAL.encode())
    assert found.dossier_sha256 == sha256(text.encode())
    assert found.precis == "Trade passed $50 billion on 8 March 2021, and five batteries were to come."
    assert found.facts == ("Trade above $50 billion.",)
    assert found.claims == ("India and Russia trade more.",)
    assert found.notes == ("Written in 1066 minutes.",)


def test_what_is_checked_against_the_original_leaves_our_own_notes_out() -> None:
    assert "1066" not in parsed(dossier()).checkable
    assert "India and Russia trade more." in parsed(dossier()).checkable


def test_wrapped_lines_are_joined_and_paragraphs_kept() -> None:
    found = parsed(dossier(precis="One\n  two.\n\nThree.").replace("- Trade above", "- Trade\n  above"))
    assert found.precis == "One two.\n\nThree."
    assert found.facts == ("Trade above $50 billion.",)


def test_windows_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    found = parsed(b"\xef\xbb\xbf" + dossier().replace("\n", "\r\n").encode())
    assert found.precis.endswith("to come.")


@pytest.mark.parametrize("published", ["2021-03-08", "2021-03", "2021", '"2021"', "late 2021", "spring 2020"])
def test_a_date_may_be_as_exact_as_is_known(published: str) -> None:
    assert parsed(dossier(published=published)).published == published.strip('"')


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "must begin with front matter"),
        ("# A paper\n", 1, "must begin with front matter"),
        ("---\ntitle: x\n", 1, "no closing line"),
        ("---\n---\n## Precis\nx", 2, "must give title, publisher"),
        ("---\n- a\n---\n## Precis\nx", 2, "must give title, publisher"),
        (dossier(title='"open', publisher="P"), 2, "bad YAML"),
        (dossier(title="a: b"), 2, "bad YAML"),
        (dossier(title="!!python/object:os.system x"), 2, "must be a text"),
        (dossier(title=""), 1, "'title' is missing"),
        (dossier(author=""), 1, "'author' is missing"),
        (dossier(author="null"), 4, 'write "" where'),
        (dossier(title='""'), 2, "it must be told"),
        (dossier(title="2021"), 2, "found a int"),
        (dossier(title="[a, b]"), 2, "must be one text"),
        (dossier(title="{a: b}"), 2, "must be one text"),
        (dossier(title='"a\\0b"'), 2, "control characters"),
        (dossier(title="x" * 501), 2, "longer than 500"),
        (dossier(published=""), 1, "'published' is missing"),
        (dossier(published='""'), 5, "'published' is empty"),
        (dossier(published="unknown"), 5, "undated"),
        (dossier(published="2021-02-30"), 5, "no such day"),
        (dossier(published="2021-13"), 5, "no such day"),
        (dossier(sha256="abc"), 7, "64 lower-case hexadecimal"),
        (dossier(sha256="g" * 64), 7, "64 lower-case hexadecimal"),
        (dossier(file_name="../../etc/passwd"), 6, "without a folder"),
        (dossier(file_name='"a\\\\b.txt"'), 6, "without a folder"),
        (dossier(file_name="paper.txt\nfile_name: b.txt"), 7, "given twice"),
        (dossier(file_name="paper.txt\nurl: b"), 7, "unknown key 'url'"),
        (dossier(file_name="paper.txt\n? [a]\n: b"), 7, "unknown key"),
        (dossier(precis=""), None, "the precis is empty"),
        (dossier().replace("## Precis\n", ""), 11, "before the first heading"),
        (dossier().replace("## Claims", "## Opinions"), 18, "unknown heading '## Opinions'"),
        (dossier().replace("## Claims", "## Precis"), 18, "there twice"),
        (dossier().replace("- India", "India"), 20, "begin with '- '"),
        (dossier(precis="a\x00b"), 12, "control character U+0000"),
        (dossier(precis="a\x1b[2Jb"), 12, "control character U+001B"),
    ],
)
def test_a_malformed_dossier_is_named_with_line_and_reason(text: str, line: int | None, reason: str) -> None:
    found = problems(text)
    assert any(problem.line == line and reason in problem.reason for problem in found), [str(p) for p in found]
    assert all(problem.file == "paper-2021.md" for problem in found)


def test_all_faults_of_a_file_are_told_at_once() -> None:
    found = problems(dossier(title="2021", sha256="abc", precis=""))
    assert [problem.line for problem in found] == [2, 7, None]


def test_a_file_that_is_not_utf_8_is_refused_with_the_line_of_the_first_bad_byte() -> None:
    (problem,) = problems(dossier(author="Müller").encode("latin-1"))
    assert str(problem).startswith("paper-2021.md, line 4: is not UTF-8")


@pytest.mark.parametrize("name", ["Paper 2021.md", "-x.md", "x" * 81 + ".md", "päper.md"])
def test_a_key_must_fit_the_database_and_a_command_line(name: str) -> None:
    assert "the file name must be" in problems(dossier(), name)[0].reason


def test_deeply_nested_front_matter_is_refused_and_not_a_crash() -> None:
    (problem,) = problems(dossier(title="[" * 20_000))
    assert "bad YAML" in problem.reason


def test_an_alias_bomb_is_a_wrong_type_not_a_full_memory() -> None:
    bomb = "&a [x, x]\n" + "".join(f"k{n}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20))
    assert "must be one text" in problems(dossier(title=bomb.rstrip()))[0].reason


def test_good_dossiers_load_beside_malformed_ones(tmp_path: Path) -> None:
    (tmp_path / "a-good.md").write_text(dossier(), encoding="utf-8")
    (tmp_path / "b-bad.md").write_text(dossier(sha256="abc"), encoding="utf-8")
    (tmp_path / "c-latin.md").write_bytes(dossier(original="3", author="Müller").encode("latin-1"))
    (tmp_path / "d-good.md").write_text(dossier(original="4"), encoding="utf-8")
    (tmp_path / "e-same.md").write_text(dossier(), encoding="utf-8")
    (tmp_path / "f-huge.md").write_text(dossier(original="6") + "x" * MAX_BYTES, encoding="utf-8")
    (tmp_path / "g.txt").write_text(ORIGINAL, encoding="utf-8")
    (tmp_path / "h.md").mkdir()
    (tmp_path / "README.md").write_text("How to write a dossier", encoding="utf-8")
    (tmp_path / ".hidden.md").write_text("x", encoding="utf-8")
    found = load_dossiers(tmp_path)
    assert [good.key for good in found.dossiers] == ["a-good", "d-good"]
    assert [(problem.file, problem.line) for problem in found.problems] == [
        ("b-bad.md", 7),
        ("c-latin.md", 4),
        ("e-same.md", None),
        ("f-huge.md", None),
        ("g.txt", None),
        ("h.md", None),
    ]
    assert "same original (sha256) as a-good.md" in str(found.problems[2])
    assert "larger than 262,144 bytes" in str(found.problems[3])
    assert found.rejected == ("b-bad", "c-latin", "e-same", "f-huge", "h")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_links_out_of_the_folder_and_pipes_are_not_opened(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (tmp_path / "outside.md").write_text(dossier(), encoding="utf-8")
    (corpus / "a.md").symlink_to(tmp_path / "outside.md")
    (corpus / "b.md").symlink_to(corpus / "nowhere.md")
    (corpus / "c.md").symlink_to(corpus / "c.md")
    os.mkfifo(corpus / "d.md")
    found = load_dossiers(corpus)
    assert found.dossiers == ()
    assert "leads out of the folder" in str(found.problems[0])
    assert [problem.reason.split(":")[0] for problem in found.problems[1:]] == ["cannot be read"] * 2 + [
        "is no plain file"
    ]


@pytest.mark.parametrize("where", ["nowhere", "."])
def test_a_wrong_folder_is_an_error_not_a_topic_without_documents(tmp_path: Path, where: str) -> None:
    with pytest.raises(SeedError, match="corpus"):
        load_dossiers(tmp_path / where)
