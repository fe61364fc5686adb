"""The pages that are made from the code are as fresh as the code."""

from __future__ import annotations

from store.describe import columns_page, settings_page
from store.settings import ROOT


def test_the_page_of_columns_is_up_to_date() -> None:
    assert (ROOT / "docs" / "columns.md").read_text(encoding="utf-8") == columns_page(), "run: make docs"


def test_the_page_of_settings_is_up_to_date() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page(), "run: make docs"
