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


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("watch", "write user:password"),
        ("watch:", "write user:password"),
        ("watch:short-One.7", "write user:password"),
        (":Zq7-hK2.mVx9_Rt4wLb8", "write user:password"),
        ("watch:Zq7-hK2 mVx9_Rt4wLb8", "write user:password"),
        ("watch:Zq7-hK2#mVx9_Rt4wLb8", "write user:password"),
        ("watch:Zq7-hK2.mVx9_Rt4wLbé", "write user:password"),
        ("watch:aaaaaaaaaaaaaaaaaaaa", "easy to guess"),
        ("watch:my-Watch-password-17", "easy to guess"),
    ],
)
def test_a_weak_or_unfit_password_of_the_api_is_refused_and_not_shown(
    given: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RICWATCH_API_AUTH", given)
    with pytest.raises(ConfigError, match=f"RICWATCH_API_AUTH: .*{complaint}") as refused:
        get_settings()
    assert "\n" not in str(refused.value)
    assert given not in str(refused.value)


@pytest.mark.parametrize("given", ["", "watch:Zq7-hK2.mVx9_Rt4wLb8", "ann@example.org:%!~+=/@:,-.abcdefgh"])
def test_a_good_password_of_the_api_is_taken_as_it_is_and_never_printed(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RICWATCH_API_AUTH", given)
    settings = get_settings()
    assert settings.api_auth.get_secret_value() == given
    assert not given or given not in repr(settings)


def test_a_password_may_come_from_systemds_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "RICWATCH_SMTP_PASSWORD").write_text("from-a-file\n", encoding="utf-8")
    (tmp_path / "something-else").write_text("x", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert get_settings().smtp_password.get_secret_value() == "from-a-file"
    get_settings.cache_clear()
    monkeypatch.setenv("RICWATCH_SMTP_PASSWORD", "from-the-environment")
    assert get_settings().smtp_password.get_secret_value() == "from-the-environment"
    get_settings.cache_clear()
    monkeypatch.delenv("RICWATCH_SMTP_PASSWORD")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "gone"))
    assert get_settings().smtp_password.get_secret_value() == ""
