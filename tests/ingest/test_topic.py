"""Themes and claims: the shipped ones keep the codebook, malformed ones are named with file, line and entry."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingest.dossier import load_dossiers
from ingest.topic import Topic
from store.errors import SeedError
from store.settings import ROOT
from tests.ingest.helpers_seeds import ACTORS, claim, read_topic, write_topic

CODES = [
    *("arms", "military", "energy", "trade", "finance", "order", "forums", "indopacific", "border", "eurasia"),
    *("arctic", "alliance", "friction", "autonomy", "us", "ukraine", "technology", "society", "diplomacy"),
]
STATES = {"IN": "India", "RU": "Russia|Moscow", "CN": "China|Chinese|Beijing"}


@pytest.fixture
def shipped(tmp_path: Path) -> Topic:
    """The shipped themes and claims with plain actors, so that these tests stand whatever the actors say."""
    for name in ("themes.yaml", "claims.yaml"):
        (tmp_path / name).write_bytes((ROOT / "seeds" / name).read_bytes())
    (tmp_path / "actors.yaml").write_text(ACTORS, encoding="utf-8")
    return read_topic(tmp_path)


def test_every_theme_of_the_codebook_is_there_with_passages(shipped: Topic) -> None:
    assert [theme.code for theme in shipped.themes] == CODES
    assert {theme.code: len(theme.passages) for theme in shipped.themes if not 4 <= len(theme.passages) <= 8} == {}
    passages = [passage for theme in shipped.themes for passage in theme.passages]
    assert len(set(passages)) == len(passages)
    assert [passage for passage in passages if not 40 <= len(passage) <= 260] == []


def test_each_dyad_is_met_in_the_passages(shipped: Topic) -> None:
    passages = [passage for theme in shipped.themes for passage in theme.passages]
    for dyad in shipped.dyads:
        one, other = (STATES[code] for code in dyad.split("-"))
        assert sum(bool(re.search(one, p) and re.search(other, p)) for p in passages) >= 15, dyad


def test_claims_name_both_states_in_one_sentence(shipped: Topic) -> None:
    assert 25 <= len(shipped.claims) <= 40
    for each in shipped.claims:
        assert re.fullmatch(r"[A-Z].*[^.]\.", each.text), each.id
        assert [s for s in each.dyad.split("-") if not re.search(STATES[s], each.text)] == [], each.id


def test_claims_belong_to_the_dossiers_and_every_dossier_has_some(shipped: Topic) -> None:
    keys = {dossier.key for dossier in load_dossiers(ROOT / "seeds" / "corpus").dossiers}
    assert {each.document for each in shipped.claims} == keys
    assert len(keys) == 5


@pytest.mark.parametrize(
    ("document", "positions"),
    [
        ("russia-india-quad-2020", {("IN-RU", 1), ("RU-CN", -1), ("IN-CN", -1)}),
        ("russia-china-peak-2021", {("RU-CN", -1), ("IN-RU", 1)}),
        ("us-india-russia-2023", {("IN-RU", 1), ("IN-CN", -1)}),
        ("russia-china-embrace-2021", {("RU-CN", 1), ("RU-CN", -1), ("IN-RU", 1), ("IN-CN", -1)}),
        ("china-russia-alignment-2024", {("RU-CN", 1), ("RU-CN", -1), ("IN-RU", 1)}),
    ],
)
def test_the_claims_take_the_positions_that_the_codebook_gives(
    shipped: Topic, document: str, positions: set[tuple[str, int]]
) -> None:
    taken = {(each.dyad, each.stance) for each in shipped.claims if each.document == document}
    assert positions <= taken


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (claim(1, "paper", dyad="IN-US"), "line 2: claim claim-1 names dyad 'IN-US'"),
        (claim(1, "paper", theme="sport"), "line 2: claim claim-1 names theme 'sport'"),
        (claim(1, "paper", stance="2"), "line 2: claim claim-1 has stance 2"),
        (claim(1, "paper", stance="true"), "needs 'stance'"),
        (claim(1, "paper", stance="0.5"), "needs 'stance'"),
        (claim(1, "paper", text=""), "line 2: claim-1 needs 'text'"),
        (claim(1, "paper", text='" "'), "empty 'text'"),
        (claim(1, "paper", words="[oil, gas]"), "line 2: claim-1 needs 'words' (str)"),
        (claim(1, "paper", id="x" * 81), "at most 80 can be stored"),
        (claim(1, "paper") + claim(1, "paper"), "two claims share 'claim-1'"),
        ("  - text\n", "expected a list of entries under 'claims'"),
        ("  - {id: [\n", "line 3"),
        ("  - {id: !!python/object:os.system x}\n", "line 2"),
        ("  - {[a]: b}\n", "line 2"),
    ],
)
def test_a_malformed_claim_is_named(tmp_path: Path, row: str, message: str) -> None:
    write_topic(tmp_path, row)
    with pytest.raises(SeedError, match=re.escape(message)):
        read_topic(tmp_path)


def test_the_words_of_a_claim_may_be_left_out(tmp_path: Path) -> None:
    write_topic(tmp_path, claim(1, "paper", words="oil tanker"), claim(2, "paper"))
    assert [one.words for one in read_topic(tmp_path).claims] == ["oil tanker", ""]


def test_themes_without_passages_or_twice_are_refused(tmp_path: Path) -> None:
    write_topic(tmp_path)
    path = tmp_path / "themes.yaml"
    good = path.read_text(encoding="utf-8")
    path.write_text(good.replace("[Russia delivers missiles to India.]", "[]"), encoding="utf-8")
    with pytest.raises(SeedError, match="line 4: arms needs 'passages'"):
        read_topic(tmp_path)
    path.write_text(good.replace("code: arms", "code: trade"), encoding="utf-8")
    with pytest.raises(SeedError, match="two themes share 'trade'"):
        read_topic(tmp_path)


def test_a_missing_file_or_one_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    write_topic(tmp_path)
    (tmp_path / "claims.yaml").write_bytes(b"claims:\n  - {id: M\xfcller}\n")
    with pytest.raises(SeedError, match=r"claims\.yaml"):
        read_topic(tmp_path)
    (tmp_path / "claims.yaml").unlink()
    with pytest.raises(SeedError, match=r"claims\.yaml is missing"):
        read_topic(tmp_path)
