"""Settings: sensible defaults, errors that name the variable, secrets that stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.errors import ConfigError
from store.settings import ROOT, Settings, get_settings


def test_the_defaults_need_nothing_from_the_environment(settings: Settings) -> None:
    assert settings.smtp_host == ""
    assert settings.feeds_file == ROOT / "seeds" / "feeds.yaml"
    assert settings.database.startswith("sqlite:///")


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("TIMEZONE", "Asia/Kolkatta", "RICWATCH_TIMEZONE: .*no time zone"),
        ("SMTP_PORT", "70000", "RICWATCH_SMTP_PORT"),
        ("SMTP_SECURITY", "ssl", "RICWATCH_SMTP_SECURITY"),
        ("FALSE_ALARMS_PER_YEAR", "0", "RICWATCH_FALSE_ALARMS_PER_YEAR"),
        ("RECIPIENTS", "desk@example.org", "recipients.*JSON"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"RICWATCH_{name}", value)
    with pytest.raises(ConfigError, match=complaint):
        get_settings()


def test_a_relative_folder_means_the_callers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RICWATCH_VAR_DIR", "here")
    assert get_settings().var_dir == tmp_path / "here"


def test_the_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RICWATCH_SMTP_PASSWORD", "hunter2")
    assert "hunter2" not in repr(get_settings())


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_every_setting_is_in_the_documentation() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"RICWATCH_{name.upper()}" not in page]
    assert missing == []
