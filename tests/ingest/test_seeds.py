"""Loading the seeds into the database, and matching originals: ordinary, edited, removed, malformed and hostile."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from ingest.originals import MAX_BYTES, MAX_FILES, OriginalStatus, Stray, check_originals
from ingest.seeds import Change, SeedReport, ingest_seeds, load_dossiers
from store.db import Store
from store.errors import SeedError
from store.models import Claim, SeedDocument
from store.settings import ROOT
from tests.ingest.helpers_seeds import ORIGINAL, claim, dossier, read_topic, sha256, write_topic

NOW = dt.datetime(2026, 1, 5, 6, 30, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=1)


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A seed folder with one dossier and two claims."""
    folder = write_topic(tmp_path / "seeds", claim(1, "paper"), claim(2, "paper", dyad="IN-CN", stance="-1"))
    (folder / "corpus" / "paper.md").write_text(dossier(), encoding="utf-8")
    return folder


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """A folder with the original of that dossier, under a name of its own."""
    folder = tmp_path / "originals"
    folder.mkdir()
    (folder / "renamed.txt").write_bytes(ORIGINAL.encode())
    return folder


def load(store: Store, seeds: Path, originals: Path | None = None, now: dt.datetime = NOW) -> SeedReport:
    return ingest_seeds(store, read_topic(seeds), seeds / "corpus", originals, now=now)


def content(store: Store, *without: str) -> dict[str, list[dict[str, object]]]:
    """All rows of both tables, without the named columns."""
    with store.session() as session:
        return {
            model.__tablename__: [
                {name: getattr(row, name) for name in model.__table__.columns.keys() if name not in without}  # noqa: SIM118
                for row in session.scalars(select(model))
            ]
            for model in (SeedDocument, Claim)
        }


def one(store: Store, key: str = "paper") -> SeedDocument:
    with store.session() as session:
        row = session.get(SeedDocument, key)
        assert row is not None
        return row


def test_a_first_load_stores_document_and_claims(store: Store, seeds: Path, originals: Path) -> None:
    steps: list[tuple[int, int | None, str]] = []

    def progress(done: int, total: int | None = None, note: str = "") -> None:
        steps.append((done, total, note))

    report = ingest_seeds(store, read_topic(seeds), seeds / "corpus", originals, now=NOW, progress=progress)
    assert steps == [(1, 1, "paper")]
    (row,) = report.rows
    assert (row.key, row.title, row.change, row.original) == (
        "paper",
        "A made-up paper",
        Change.NEW,
        OriginalStatus.MATCHED,
    )
    assert row.claims == 2
    assert (report.claims.new, report.claims.left_out) == (2, 0)
    assert report.whole
    assert report.summary == "seed documents: 1 new; originals: 1 matched; claims: 2 loaded"
    stored = one(store)
    assert stored.sha256 == sha256(ORIGINAL.encode())
    assert stored.precis.startswith("Trade passed $50 billion")
    assert (stored.loaded_at, stored.checked_at, stored.original_status) == (NOW, NOW, "matched")
    assert [each["id"] for each in content(store)["claim"]] == ["claim-1", "claim-2"]


def test_a_second_load_changes_nothing(store: Store, seeds: Path, originals: Path) -> None:
    load(store, seeds, originals)
    before = content(store, "checked_at")
    report = load(store, seeds, originals, LATER)
    assert [row.change for row in report.rows] == [Change.UNCHANGED]
    assert (report.claims.new, report.claims.changed, report.claims.unchanged) == (0, 0, 2)
    assert content(store, "checked_at") == before
    assert one(store).checked_at == LATER


def test_an_edited_dossier_and_claim_are_reported_as_changed(store: Store, seeds: Path, originals: Path) -> None:
    load(store, seeds, originals)
    (seeds / "corpus" / "paper.md").write_text(dossier(author="B. Writer"), encoding="utf-8")
    write_topic(seeds, claim(1, "paper", stance="0"), claim(2, "paper", dyad="IN-CN", stance="-1"))
    report = load(store, seeds, originals, LATER)
    assert report.rows[0].change is Change.CHANGED
    assert report.rows[0].notes == ("changed: author",)
    assert (report.claims.changed, report.claims.unchanged) == (1, 1)
    assert (one(store).author, one(store).loaded_at) == ("B. Writer", LATER)


def test_a_change_outside_the_columns_is_a_change_too(store: Store, seeds: Path) -> None:
    load(store, seeds)
    path = seeds / "corpus" / "paper.md"
    path.write_text(dossier() + "- One more note.\n", encoding="utf-8")
    report = load(store, seeds)
    assert report.rows[0].change is Change.CHANGED
    assert report.rows[0].notes[0] == "changed: facts, claims, notes or form"


def test_what_left_the_folder_is_kept_and_reported(store: Store, seeds: Path) -> None:
    (seeds / "corpus" / "other.md").write_text(dossier(original="other"), encoding="utf-8")
    write_topic(seeds, claim(1, "paper"), claim(2, "paper"), claim(3, "other"))
    load(store, seeds)
    (seeds / "corpus" / "other.md").unlink()
    write_topic(seeds, claim(1, "paper"))
    report = load(store, seeds)
    assert {row.key: row.change for row in report.rows} == {"paper": Change.UNCHANGED, "other": Change.REMOVED}
    assert report.claims.removed == 2
    assert report.whole
    assert len(content(store)["claim"]) == 3
    assert one(store, "other").title == "A made-up paper"


def test_claims_of_a_malformed_dossier_are_left_out_and_the_rest_loads(store: Store, seeds: Path) -> None:
    (seeds / "corpus" / "broken.md").write_text(dossier(original="b", sha256="abc"), encoding="utf-8")
    write_topic(seeds, claim(1, "paper"), claim(2, "broken"), claim(3, "broken"), claim(4, "typo"))
    report = load(store, seeds)
    assert {row.key: (row.change, row.original) for row in report.rows} == {
        "broken": (Change.REJECTED, None),
        "paper": (Change.NEW, OriginalStatus.ABSENT),
    }
    assert [str(problem) for problem in report.problems] == [
        "broken.md, line 7: 'sha256' must be 64 lower-case hexadecimal digits",
        "claims.yaml, line 3: 2 claims of document 'broken' left out: its dossier is malformed",
        "claims.yaml, line 5: 1 claim of document 'typo' left out: the corpus has no such dossier",
    ]
    assert (report.claims.new, report.claims.left_out) == (1, 3)
    assert not report.whole
    assert report.summary.endswith("claims: 1 loaded, 3 left out; problems: 3")
    assert [each["id"] for each in content(store)["claim"]] == ["claim-1"]


def test_a_dossier_that_broke_leaves_its_earlier_version_alone(store: Store, seeds: Path, originals: Path) -> None:
    (seeds / "corpus" / "other.md").write_text(dossier(original="other"), encoding="utf-8")
    load(store, seeds, originals)
    before = content(store)
    (seeds / "corpus" / "paper.md").write_text("no front matter", encoding="utf-8")
    report = load(store, seeds)
    (row,) = [row for row in report.rows if row.key == "paper"]
    assert (row.change, row.original) == (Change.REJECTED, OriginalStatus.MATCHED)
    assert row.notes == ("malformed; the version loaded earlier stays",)
    assert content(store) == before


def test_without_originals_the_last_comparison_stands_for_the_same_dossier_only(
    store: Store, seeds: Path, originals: Path
) -> None:
    load(store, seeds, originals)
    assert load(store, seeds, None, LATER).rows[0].original is OriginalStatus.MATCHED
    assert one(store).checked_at == NOW
    (seeds / "corpus" / "paper.md").write_text(dossier(precis="Trade fell by 7 percent."), encoding="utf-8")
    report = load(store, seeds, None, LATER)
    assert report.rows[0].original is OriginalStatus.ABSENT
    assert "no folder of originals was given" in report.rows[0].notes[-1]
    assert one(store).checked_at is None


def test_a_figure_that_is_not_in_the_original_makes_it_inconsistent(store: Store, seeds: Path, originals: Path) -> None:
    (seeds / "corpus" / "paper.md").write_text(
        dossier(precis="Trade passed $60 billion on 9 March 2021; five batteries."), encoding="utf-8"
    )
    report = load(store, seeds, originals)
    assert report.rows[0].original is OriginalStatus.INCONSISTENT
    assert report.rows[0].notes == ("not in the original: $60 billion", "not in the original: 9 March 2021")
    assert not report.whole
    assert one(store).original_notes == list(report.rows[0].notes)


def test_an_original_that_is_not_there_is_absent(store: Store, seeds: Path, originals: Path) -> None:
    (originals / "renamed.txt").unlink()
    report = load(store, seeds, originals)
    assert report.rows[0].original is OriginalStatus.ABSENT
    assert report.rows[0].notes == ("no file there has the bytes of paper.txt",)
    assert one(store).checked_at == NOW


HTML = (
    b"<html><head><script>var x = 2021;</script><style>p{margin:45%}</style></head><body>"
    b"<p>On <b>March 8</b>, 2021 trade crossed US&#36;&nbsp;50&nbsp;<i>billion</i>; 5 batteries</p></body></html>"
)


@pytest.mark.parametrize(
    ("name", "data", "status", "notes"),
    [
        ("a.txt", ORIGINAL.encode("utf-16"), "matched", ()),
        ("a.txt", (ORIGINAL + "Müller").encode("latin-1"), "matched", ()),
        ("a.MD", b"\xef\xbb\xbf" + ORIGINAL.encode(), "matched", ()),
        ("a.html", HTML, "matched", ()),
        ("a.htm", HTML.replace(b"<b>March 8</b>, 2021", b""), "inconsistent", ("not in the original: 8 March 2021",)),
        ("a.pdf", b"%PDF-1.7\n\x00\xff", "matched", ("text not checked: a PDF is recognised, not read",)),
        ("a.txt", b"%PDF-1.7\n\x00\xff", "matched", ("text not checked: a PDF is recognised, not read",)),
        ("a.txt", b"x" * 2_000_001, "matched", ("text not checked: longer than 2,000,000 characters",)),
    ],
)
def test_originals_of_every_kind_are_recognised_by_their_bytes(
    store: Store, seeds: Path, originals: Path, name: str, data: bytes, status: str, notes: tuple[str, ...]
) -> None:
    (originals / "renamed.txt").unlink()
    (originals / name).write_bytes(data)
    (seeds / "corpus" / "paper.md").write_text(dossier(sha256=sha256(data)), encoding="utf-8")
    report = load(store, seeds, originals)
    assert (report.rows[0].original, report.rows[0].notes) == (status, notes)
    assert report.strays == ()


def test_files_that_are_no_known_original_are_named_with_what_to_do(
    store: Store, seeds: Path, originals: Path, tmp_path: Path
) -> None:
    (originals / "paper.txt").write_bytes(ORIGINAL.encode() + b"edited")
    (originals / "renamed-copy.txt").write_bytes(ORIGINAL.encode())
    (originals / "new.html").write_bytes(b"<p>new")
    (originals / "table.xlsx").write_bytes(b"PK")
    (originals / "large.pdf").write_bytes(b"x" * (MAX_BYTES + 1))
    (tmp_path / "secret.txt").write_bytes(ORIGINAL.encode())
    (originals / "link.txt").symlink_to(tmp_path / "secret.txt")
    (originals / ".hidden.txt").write_bytes(b"x")
    (originals / "folder.txt").mkdir()
    report = load(store, seeds, originals)
    assert {stray.file: stray.kind for stray in report.strays} == {
        "large.pdf": Stray.UNREADABLE,
        "link.txt": Stray.UNREADABLE,
        "new.html": Stray.UNKNOWN,
        "paper.txt": Stray.OTHER_BYTES,
        "renamed.txt": Stray.COPY,
        "table.xlsx": Stray.SUFFIX,
    }
    told = {stray.file: str(stray) for stray in report.strays}
    assert f"write one in the corpus folder with sha256: {sha256(b'<p>new')}" in told["new.html"]
    assert "bring paper.md up to date" in told["paper.txt"]
    assert "leads out of the folder" in told["link.txt"]
    assert "same bytes as renamed-copy.txt" in told["renamed.txt"]
    assert report.summary.endswith("files that are no known original: 6")
    assert report.rows[0].original is OriginalStatus.MATCHED


def test_a_wrong_folder_is_refused_before_anything_is_written(store: Store, seeds: Path, tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="does not exist"):
        load(store, seeds, tmp_path / "nowhere")
    crowded = tmp_path / "crowded"
    crowded.mkdir()
    for number in range(MAX_FILES + 1):
        (crowded / f"{number}.txt").touch()
    with pytest.raises(SeedError, match="501 files"):
        load(store, seeds, crowded)
    assert content(store) == {"seed_document": [], "claim": []}


def test_the_shipped_dossiers_load_without_a_problem() -> None:
    found = load_dossiers(ROOT / "seeds" / "corpus")
    assert found.problems == ()
    assert [each.key for each in found.dossiers] == [
        "china-russia-alignment-2024",
        "russia-china-embrace-2021",
        "russia-china-peak-2021",
        "russia-india-quad-2020",
        "us-india-russia-2023",
    ]
    assert {
        each.key: len(each.precis.split()) for each in found.dossiers if not 200 <= len(each.precis.split()) <= 450
    } == {}
    assert all(each.facts and each.claims and each.notes for each in found.dossiers)


@pytest.mark.data
def test_every_shipped_dossier_matches_its_original(data: Path) -> None:
    found = load_dossiers(ROOT / "seeds" / "corpus")
    checks = check_originals(data / "seeds", found.dossiers)
    assert {key: (check.status, check.notes) for key, check in checks.checked.items()} == {
        each.key: (OriginalStatus.MATCHED, ()) for each in found.dossiers
    }
    assert checks.strays == ()


@pytest.mark.data
def test_the_seeds_repeat_no_run_of_eight_words_of_an_original(data: Path) -> None:
    def runs(path: Path) -> set[tuple[str, ...]]:
        words = re.sub(r"[^\w\s]", "", path.read_text(encoding="utf-8").lower()).split()
        return {tuple(words[at : at + 8]) for at in range(len(words) - 7)}

    theirs = set().union(*(runs(path) for path in (data / "seeds").glob("*.txt")))
    ours = [*(ROOT / "seeds" / "corpus").glob("*.md"), ROOT / "seeds" / "themes.yaml", ROOT / "seeds" / "claims.yaml"]
    assert theirs
    assert {path.name: runs(path) & theirs for path in ours if runs(path) & theirs} == {}
