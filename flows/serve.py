"""`ricwatch serve`: server, work pool, deployments and worker in one command, all on loopback, all stopped together."""

from __future__ import annotations

import datetime as dt
import errno
import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from sqlalchemy.exc import SQLAlchemyError

from alerts.operator import Cause, Word, deliver_words, say
from flows.environment import (
    POOL,
    client_login,
    log_format,
    one_authority,
    prefect_home,
    server_login,
    serving_file,
)
from flows.processes import stop
from flows.server import LOOPBACK, host_names
from flows.watch import open_watch
from store.errors import ConfigError, RicwatchError
from store.private import private_folder
from store.settings import ROOT, Settings

START_LIMIT = 180.0
"""Seconds that the server may take to answer; a first start makes its database."""
STOP_LIMIT = 20.0
"""Seconds that a part may take to stop before it is killed."""


class ServeError(RicwatchError):
    """A part of the installation did not start."""


def environment(settings: Settings, api: str) -> dict[str, str]:
    """The environment of server, worker and deploy commands.

    `PWD` is set because ``{{ $PWD }}`` in prefect.yaml is that variable and not the current folder.
    """
    home = prefect_home(settings)
    return {
        **os.environ,
        "PWD": str(ROOT),
        "PREFECT_HOME": os.environ.get("PREFECT_HOME", str(home)),
        "PREFECT_API_URL": api,
        "RICWATCH_VAR_DIR": str(settings.var_dir),
        "DO_NOT_TRACK": "1",
        **retention(settings),
        **log_format(settings),
        **client_login(settings),
        **one_authority(api, home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def retention(settings: Settings) -> dict[str, str]:
    """How long the server keeps runs and events, in its own terms; "for ever" of runs is not to look at them at all."""
    kept = {
        # Without an end there is no duration, so for ever is a century.
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"P{settings.keep_events_days or 36_500}D",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": '["events", "flow_runs"]'
        if settings.keep_runs_days
        else '["events"]',
    }
    if settings.keep_runs_days:
        kept["PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"] = f"P{settings.keep_runs_days}D"
    return kept


def job_template(folder: Path) -> Path:
    """Write into *folder* how a run of the pool begins: this interpreter, in this checkout, and at once.

    Without a command of its own, Prefect's worker starts a process that imports Prefect, runs the pull steps and then
    starts the flow's process, which imports Prefect again; the wait between a click and the first line doubles.
    """
    template = json.loads((ROOT / "deploy" / "pools" / "process.json").read_text(encoding="utf-8"))
    variables = template["variables"]["properties"]
    variables["command"]["default"] = shlex.join([sys.executable, "-m", "prefect.engine"])
    variables["working_dir"]["default"] = str(ROOT)
    written = folder / "pool.json"
    written.write_text(json.dumps(template), encoding="utf-8")
    return written


def _restore_interrupt() -> None:
    # A child of a background shell inherits an ignored SIGINT, and a worker then hangs on SIGTERM.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _spawn(arguments: list[str], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as sink:
        return subprocess.Popen(  # noqa: S603 (our own interpreter and fixed words)
            [sys.executable, "-m", *arguments],
            env=env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_restore_interrupt,  # noqa: PLW1509 (no thread is running yet)
        )


def _begin_registering(env: dict[str, str], template: Path) -> subprocess.Popen[str]:
    """The process that registers all as soon as it is told to; until then it loads what it needs."""
    return subprocess.Popen(  # noqa: S603 (our own interpreter and fixed words)
        [sys.executable, "-m", "flows.register", "--when-told", "--template", str(template)],
        env=env,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _register(registering: subprocess.Popen[str], stopped: threading.Event) -> None:
    words: str | None = "now\n"
    while not stopped.is_set():
        try:
            said, _ = registering.communicate(words, timeout=0.5)
        except subprocess.TimeoutExpired:
            words = None  # they are on their way
            continue
        if not registering.returncode:
            return
        raise ServeError(f"registering the deployments failed:\n{said}".rstrip())


def _await_server(api: str, server: subprocess.Popen[bytes], log: Path, stopped: threading.Event) -> None:
    end = time.monotonic() + START_LIMIT
    with httpx.Client(timeout=2.0, trust_env=False) as client:  # one, for each reads all certificate authorities
        while not stopped.is_set():
            try:
                if client.get(f"{api}/health").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            if server.poll() is not None:
                raise ServeError(f"the Prefect server ended while starting; its last words are in {log}")
            if time.monotonic() > end:
                raise ServeError(f"the Prefect server did not answer within {START_LIMIT:.0f} s; see {log}")
            stopped.wait(0.2)


def check_host(host: str, settings: Settings) -> str:
    """The address at which this machine itself reaches a server bound to *host*.

    >>> check_host("127.0.0.1", Settings(_env_file=None))
    '127.0.0.1'

    Raises:
        ConfigError: others could reach it, and it would ask for no password.
    """
    if host not in LOOPBACK and not settings.api_auth.get_secret_value():
        raise ConfigError(
            f"--host {host} would let everyone who reaches this machine start runs and read stored secrets; "
            "set RICWATCH_API_AUTH first, or leave --host out (docs/security.md)"
        )
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (looked up, not bound)


def serve(settings: Settings, *, port: int = 4200, host: str = "127.0.0.1", say: Callable[[str], None] = print) -> None:
    """Run everything until Ctrl-C or SIGTERM.

    Raises:
        ConfigError: *host* is reached from elsewhere, and no password is set.
        ServeError: a part did not start, or ended by itself.
    """
    near = check_host(host, settings)
    base = f"http://[{near}]:{port}" if ":" in near else f"http://{near}:{port}"
    api = f"{base}/api"
    env = environment(settings, api)
    home = prefect_home(settings)
    logs = private_folder(settings.logs_folder)
    _check_port(host, port)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    # Other pages' scripts may not read the API; only the UI's own origin may, whatever the port.
    env["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] = f"{base},http://localhost:{port}"
    if host not in LOOPBACK:
        say(
            f"Listening on {host}, unencrypted: put a TLS proxy in front (docs/server.md), or the password can be read."
        )
    parts: list[tuple[str, subprocess.Popen[bytes], Path]] = []
    registering: subprocess.Popen[str] | None = None
    try:
        say("Starting the Prefect server …")
        log = logs / "server.log"
        names = [word for name in host_names(host, settings.public_url) for word in ("--name", name)]
        # Only the server is told to ask: what a worker starts needs to give the password and no more.
        asking = {**env, **server_login(settings)}
        server = _spawn(["flows.server", "--host", host, "--port", str(port), *names], asking, log)
        parts.append(("server", server, log))
        registering = _begin_registering(env, job_template(home))
        _await_server(api, server, log, stopped)
        if not stopped.is_set():
            say("Registering deployments …")
            _register(registering, stopped)
        if not stopped.is_set():
            log = logs / "worker.log"
            worker = _spawn(["prefect", "worker", "start", "--pool", POOL, "--name", "local", "--limit", "4"], env, log)
            parts.append(("worker", worker, log))
            note = serving_file(settings)
            note.write_text(json.dumps({"api": api, "pid": os.getpid()}), encoding="utf-8")
            say(f"Ready: {base}  (deployments: {base}/v2/deployments; logs: {logs}; Ctrl-C stops everything)")
        while not stopped.wait(0.5):
            for name, part, its_log in parts:
                if part.poll() is not None:
                    _tell_operator(settings, name, its_log)
                    raise ServeError(f"the {name} ended by itself; its last words are in {its_log}")
    finally:
        serving_file(settings).unlink(missing_ok=True)
        if registering is not None and registering.poll() is None:
            registering.kill()
            registering.communicate()
        for _name, part, _log in reversed(parts):
            stop(part, STOP_LIMIT)
        if parts:
            say("Stopped.")


def _tell_operator(settings: Settings, name: str, log: Path) -> None:
    """From here and not through a deployment: with a part gone, no deployment would run."""
    text = f"The {name} of `ricwatch serve` ended by itself, and everything stopped. Its last words are in {log}."
    now = dt.datetime.now(dt.UTC)
    try:
        with open_watch(settings) as watch:
            say(watch.store, settings, Word(Cause.PART_ENDED, name, text), now=now)
            deliver_words(watch.store, settings, now=now)
    except (RicwatchError, SQLAlchemyError, OSError) as error:
        logging.getLogger("ricwatch").warning("the operator could not be told: %s", error)


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ServeError(
                    f"port {port} of {host} is taken; is `ricwatch serve` running already? Or use --port"
                ) from None
            raise ServeError(f"cannot listen on {host}, port {port}: {error.strerror}") from None
