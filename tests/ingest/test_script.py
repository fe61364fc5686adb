"""Letters of the wrong script, and text read by the wrong table."""

from __future__ import annotations

import pytest

from ingest.model import FeedProblem
from ingest.parse import parse
from ingest.script import wrong_script
from tests.ingest.helpers import NOW, feed, rss

RUSSIAN = "Россия и Китай подписали договор о поставках газа"
ENGLISH = "Russia and China sign an agreement on gas supplies"
HINDI = "भारत और रूस ने रक्षा समझौते पर हस्ताक्षर किए"
CHINESE = "中国和俄罗斯签署天然气供应协议，两国关系持续发展，双方表示满意"


@pytest.mark.parametrize(("title", "lang"), [(RUSSIAN, "ru"), (ENGLISH, "en"), (HINDI, "hi"), (CHINESE, "zh")])
def test_a_text_in_its_own_script_is_right(title: str, lang: str) -> None:
    assert wrong_script([title] * 4, lang) == ""
    for other in {"ru", "en", "hi", "zh"} - {lang}:
        assert "another language" in wrong_script([title] * 4, other)
    assert wrong_script([title] * 4, "") == ""


@pytest.mark.parametrize("table", ["latin-1", "cp1252", "cp1251"])
def test_mojibake_is_found_in_every_language(table: str) -> None:
    garbled = RUSSIAN.encode().decode(table, "replace")
    assert wrong_script([garbled] * 4, "ru")
    if table != "cp1251":
        assert "wrong table" in wrong_script([garbled] * 4, "en")


def test_replacement_characters_are_found() -> None:
    assert "wrong table" in wrong_script(["\ufffd\ufffd\ufffd\ufffd agreement signed in the capital"] * 4, "en")


def test_names_accents_and_a_foreign_title_are_no_fault() -> None:
    assert wrong_script(["São Paulo, Müller and Đoković: “déjà vu” – café"] * 4, "en") == ""
    assert wrong_script([ENGLISH, ENGLISH, RUSSIAN, ENGLISH], "en") == ""
    assert wrong_script([RUSSIAN], "en") == ""


def test_a_garbled_feed_is_told_and_brings_nothing() -> None:
    parsed = parse(rss(*[RUSSIAN] * 5), {}, feed(lang="en"), now=NOW)
    assert (parsed.problem, parsed.entries) == (FeedProblem.WRONG_SCRIPT, ())
    assert "not Latin" in parsed.error
