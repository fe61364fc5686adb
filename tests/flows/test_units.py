"""The units of deploy/systemd: systemd takes them, they shut what can be shut, and the commands in them exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from flows.cli import app
from store.settings import ROOT, Settings
from tests.alerts.helpers_tls import make_certificates

UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
ANALYSE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYSE is None, reason="systemd-analyze is not on this machine")


def lines(unit: Path) -> list[str]:
    return unit.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_is_hardened_and_bounded(unit: Path) -> None:
    wanted = {
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "CapabilityBoundingSet=",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "StateDirectory=ricwatch",
        "StateDirectoryMode=0700",
        "UMask=0077",
        "User=ricwatch",
    }
    assert wanted <= set(lines(unit))
    assert any(line.startswith("MemoryMax=") for line in lines(unit))


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_commands_settings_and_pages_that_a_unit_names_exist(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    commands = re.findall(r"^ExecStart=/opt/ricwatch/\.venv/bin/ricwatch (\S+)", text, re.MULTILINE)
    assert commands
    assert set(commands) <= set(get_command(app).commands)  # type: ignore[attr-defined]
    settings = re.findall(r"RICWATCH_([A-Z_]+)", text)
    assert {name.lower() for name in settings} <= set(Settings.model_fields)
    for page in re.findall(r"file:///opt/ricwatch/(\S+)", text):
        assert (ROOT / page).is_file(), page


@needs_systemd
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in UNITS:  # their program is at its place only on a server
        text = unit.read_text(encoding="utf-8").replace("/opt/ricwatch/.venv/bin/ricwatch", shutil.which("true") or "")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [ANALYSE or "", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_systemd_finds_little_that_a_service_leaves_open(unit: Path) -> None:
    asked = [ANALYSE or "", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    if found is None:
        pytest.skip(f"this systemd-analyze cannot look at a file: {done.stderr.strip()[:100]}")
    assert float(found[1]) < 2.0, done.stdout


def test_nginx_takes_the_example(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not on this machine")
    made = make_certificates(tmp_path)
    site = (ROOT / "deploy" / "nginx" / "ricwatch.conf").read_text(encoding="utf-8")
    site = re.sub(r"(ssl_certificate +)\S+;", rf"\g<1>{made.certificate};", site)
    site = re.sub(r"(ssl_certificate_key +)\S+;", rf"\g<1>{made.key};", site)
    site = site.replace("listen 443", "listen 44399").replace("[::]:443", "[::]:44399")
    whole = f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {site} }}"
    (tmp_path / "nginx.conf").write_text(whole, encoding="utf-8")
    asked = [nginx, "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr, done.stderr
