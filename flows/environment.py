"""Where Prefect runs and keeps its things. `prepare` must be called before Prefect is imported.

The command line uses the server that `ricwatch serve` started when that one answers; otherwise a small server runs for
the length of the command (`flows.command_server`). Either way its database lies under ``var/prefect``, not in the home
folder, so that two checkouts never share runs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import certifi
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from flows import command_server
from store.errors import ConfigError, InputError
from store.private import private_folder
from store.settings import ROOT, Settings, get_settings
from store.wholefile import write_whole

POOL = "ricwatch"


def prefect_home(settings: Settings) -> Path:
    """Prefect's folder, made where it is missing; run history and pickled results lie there, for nobody else."""
    private_folder(settings.var_dir)
    return private_folder(settings.var_dir / "prefect")


def serving_file(settings: Settings) -> Path:
    """The note in which `ricwatch serve` leaves the address of its server."""
    return settings.var_dir / "prefect" / "serving.json"


def running_api(settings: Settings) -> str | None:
    """The API address of the server that `ricwatch serve` started, if it answers now.

    Raises:
        ConfigError: it answers and wants another password than the setting's.
    """
    try:
        api = str(json.loads(serving_file(settings).read_text(encoding="utf-8"))["api"])
    except (OSError, ValueError, KeyError):
        return None
    import httpx  # half of what most commands take to load, where no server was ever started

    try:
        answer = httpx.get(f"{api}/health", timeout=2.0, trust_env=False)
        if answer.status_code != 200:
            return None
        answer = httpx.get(f"{api}/admin/version", timeout=2.0, trust_env=False, auth=login(settings))
    except (OSError, ValueError, KeyError, httpx.HTTPError):
        return None
    if answer.status_code == 401:
        raise ConfigError(
            f"the server at {api} refuses the password; set RICWATCH_API_AUTH as it was when `ricwatch serve` started, "
            "or start that again"
        )
    return api


def api_in_force(settings: Settings) -> str | None:
    """The API address that somebody told Prefect, else that of `running_api`.

    Raises:
        ConfigError: as `running_api`.
    """
    return _Told().api_url or running_api(settings)


def login(settings: Settings) -> tuple[str, str] | None:
    """User and password of the API, where it has them; None where it is open."""
    user, colon, password = settings.api_auth.get_secret_value().partition(":")
    return (user, password) if colon else None


def client_login(settings: Settings) -> dict[str, str]:
    """The variable with which Prefect's commands, workers and flows give the password. Secret."""
    secret = settings.api_auth.get_secret_value()
    return {"PREFECT_API_AUTH_STRING": secret} if secret else {}


def server_login(settings: Settings) -> dict[str, str]:
    """The variable with which a server asks for the password. Secret."""
    secret = settings.api_auth.get_secret_value()
    return {"PREFECT_SERVER_API_AUTH_STRING": secret} if secret else {}


def one_authority(api: str, home: Path) -> dict[str, str]:
    """The variable that has Prefect's clients read one certificate authority, where their *api* needs none.

    Prefect makes a TLS context for each client, over a hundred while deployments are registered, and reads all
    authorities for it: 40 ms each. Plain HTTP asks none of them; but the file that is read must not be empty.
    """
    if not api.startswith("http://") or "PREFECT_API_SSL_CERT_FILE" in os.environ:
        return {}
    end = "-----END CERTIFICATE-----\n"
    file = home / "authority.pem"
    if not file.exists():
        first = Path(certifi.where()).read_text(encoding="utf-8").partition(end)[0]
        try:
            write_whole(file, first + end)
        except InputError:
            return {}  # what cannot write here is told by whoever has to
    return {"PREFECT_API_SSL_CERT_FILE": str(file)}


def prepare(*, quiet: bool | None = None, flows: bool = False) -> str | None:
    """Point Prefect at the running server or at a small one; gives the running server's API address.

    `quiet` keeps Prefect's log lines off the terminal, where progress bars are shown instead. A command that is sure to
    run *flows* has the small server start at once; for others Prefect starts one if need be.
    """
    if "prefect" in sys.modules:
        return None if command_server.running() else os.environ.get("PREFECT_API_URL")
    settings = get_settings()
    told = _Told()
    api = api_in_force(settings)
    home = prefect_home(settings)
    os.environ.setdefault("PREFECT_HOME", str(home))
    os.environ.setdefault("DO_NOT_TRACK", "1")
    small = not api and flows and told.leaves_it_to_us and not _elsewhere(settings)
    if api:
        os.environ["PREFECT_API_URL"] = api
    else:
        os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "true"
        if not small:
            # Stopped at the command's end, Prefect's own one may print a page of traceback for a task run that it had
            # not yet recorded. What fails in it otherwise fails in the command too, and is told there.
            os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
        # The small server listens on loopback for the length of the command, where other users reach it too.
        os.environ.update(server_login(settings))
    os.environ.update(one_authority(api or "http://", home))
    for name, secret in client_login(settings).items():
        os.environ.setdefault(name, secret)
    if quiet is None:
        quiet = sys.stderr.isatty()
    if quiet:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "WARNING")
    else:
        os.environ.setdefault("PREFECT_LOGGING_COLORS", "false")
    os.environ.update(log_format(settings))
    os.chdir(ROOT)  # prefect.toml is read from the current folder when Prefect is imported
    if small:
        _start_server(settings, new=not told.database and not (home / "prefect.db").exists())
    return api


class _Told(BaseSettings):
    """What somebody told Prefect, in the environment or in `.env`, which it reads as well."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", env_prefix="PREFECT_", extra="ignore", env_ignore_empty=True
    )

    api_url: str = ""
    home: str = ""
    profile: str = ""
    api_database_connection_url: SecretStr = SecretStr("")
    server_database_connection_url: SecretStr = SecretStr("")
    server_database_host: str = ""

    @property
    def leaves_it_to_us(self) -> bool:
        """Whether no profile of theirs may name a server."""
        return not self.home and not self.profile

    @property
    def database(self) -> bool:
        """Whether Prefect's database lies elsewhere."""
        named = self.api_database_connection_url, self.server_database_connection_url
        return bool(self.server_database_host or any(one.get_secret_value() for one in named))


def _elsewhere(settings: Settings) -> bool:
    """Whether workers on other machines read: they could not reach a server on this one's loopback."""
    return settings.task_runner in ("dask", "ray") and bool(settings.task_runner_address)


def _start_server(settings: Settings, *, new: bool) -> None:
    if new:
        print("Making Prefect's database, this once …", file=sys.stderr, flush=True)
        os.environ.setdefault("PREFECT_API_REQUEST_TIMEOUT", "180")  # the first answer waits for it
    os.environ["PREFECT_UI_URL"] = ""  # it has no pages that a log line could point at
    os.environ["PREFECT_API_URL"] = command_server.start(settings.logs_folder)


def log_format(settings: Settings) -> dict[str, str]:
    """Variables that make Prefect write one JSON object a line, where the setting asks for it."""
    if not settings.log_json:
        return {}
    return {
        "PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER": "json",
        "PREFECT_LOGGING_FORMATTERS_JSON_CLASS": "flows.jsonlog.JsonLines",
        "PREFECT_LOGGING_COLORS": "false",
    }


@contextmanager
def overridden(**variables: str) -> Iterator[Settings]:
    """Settings with some variables (named without prefix, in lower case) changed for the length of the block."""
    names = {f"RICWATCH_{name.upper()}": value for name, value in variables.items()}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    get_settings.cache_clear()
    try:
        yield get_settings()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        get_settings.cache_clear()
