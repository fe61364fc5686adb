"""What Prefect's own processes are started with."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from flows.environment import one_authority


def test_clients_of_a_plain_api_read_a_single_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_SSL_CERT_FILE", raising=False)
    given = one_authority("http://127.0.0.1:4200/api", tmp_path)
    assert one_authority("http://127.0.0.1:4200/api", tmp_path) == given
    context = ssl.create_default_context(cafile=given["PREFECT_API_SSL_CERT_FILE"])
    assert len(context.get_ca_certs()) == 1


def test_an_api_behind_tls_or_with_an_authority_of_its_own_is_asked_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_SSL_CERT_FILE", raising=False)
    assert one_authority("https://watch.example.org/api", tmp_path) == {}
    assert one_authority("http://127.0.0.1:4200/api", tmp_path / "not there") == {}
    monkeypatch.setenv("PREFECT_API_SSL_CERT_FILE", "own.pem")
    assert one_authority("http://127.0.0.1:4200/api", tmp_path) == {}
    assert list(tmp_path.iterdir()) == []
