"""The digest in a real browser: nothing overflows, and every text is legible, on a phone and in dark mode too."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser

from alerts.draft import render
from store.settings import Settings
from tests.alerts.helpers_browser import MEASURE, chromium
from tests.alerts.helpers_digest import facts, quiet_facts

__all__ = ["chromium"]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1200])
@pytest.mark.parametrize("kind", ["shift", "replay"])
def test_every_text_is_legible_and_nothing_overflows(
    chromium: Browser, settings: Settings, tmp_path: Path, kind: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    given = facts() if kind == "shift" else quiet_facts(replay=True)
    file = tmp_path / "digest.html"
    file.write_text(render(settings, given, "shift-2024-10-27-0").page, encoding="utf-8")
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    found: dict[str, Any] = page.evaluate(MEASURE)
    page.close()
    assert found == {"low": [], "small": [], "width": width, "broken": 0}
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
