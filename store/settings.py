"""Every setting of the program, read from the environment (prefix ``RICWATCH_``) and from ``.env``."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from store.errors import ConfigError
from store.zones import find_zone

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """One typed object that is passed down; no room reads the environment itself.

    >>> Settings(_env_file=None, var_dir="/tmp/x").database
    'sqlite:////tmp/x/ricwatch.db'
    """

    model_config = SettingsConfigDict(env_prefix="RICWATCH_", env_file=ROOT / ".env", extra="ignore")

    var_dir: Path = Field(ROOT / "var", description="Where the database, the Maildir and the digests' HTML lie.")
    database_url: str = Field("", description="SQLAlchemy URL; empty means SQLite at var_dir/ricwatch.db.")
    seeds_dir: Path = Field(ROOT / "seeds", description="The topic: dossiers, actors, themes, claims, feeds.")
    roster: Path | None = Field(None, description="The feed roster; empty means feeds.yaml in seeds_dir.")
    originals_dir: Path | None = Field(None, description="A folder with the seed documents' originals, if at hand.")
    templates_dir: Path = Field(ROOT / "templates", description="Digest, mail and artifact templates.")

    recipients: list[str] = Field(
        ["analyst@localhost"], description="Who gets the digests; a JSON list of mail addresses."
    )
    sender: str = Field("ricwatch <ricwatch@localhost>", description="From address of every mail.")
    smtp_host: str = Field("", description="SMTP server; empty delivers into the Maildir var_dir/mail.")
    smtp_port: int = Field(587, ge=1, le=65535, description="SMTP port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="TLS on connecting (tls), STARTTLS required (starttls), or none for a local relay."
    )
    smtp_username: str = Field("", description="SMTP user; empty sends without logging in.")
    smtp_password: SecretStr = Field(SecretStr(""), description="SMTP password; never logged, never a parameter.")
    smtp_timeout: float = Field(30.0, gt=0, description="Seconds before an SMTP connection is given up.")
    mails_per_hour: int = Field(
        0, ge=0, description="Most mails that leave within an hour; the others wait for a later run. 0 is no limit."
    )
    bounce_address: str = Field(
        "", description="Envelope sender, where undeliverable mails come back; empty takes the sender's address."
    )
    unsubscribe_url: str = Field(
        "",
        max_length=500,
        description="https address that takes one-click unsubscribing (RFC 8058), for mail programs' own button; "
        "{recipient} in it becomes the reader's address. Empty offers unsubscribing by mail alone.",
    )
    dkim_key: Path | None = Field(
        None, description="File of a private RSA key that signs every mail (extra dkim); empty leaves it to the relay."
    )
    dkim_selector: str = Field(
        "ricwatch",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="Where the public key stands in the DNS: this, then ._domainkey. and the sender's domain.",
    )

    timezone: str = Field("Asia/Kolkata", description="The readers' zone: times in mails and the weekly digest's day.")
    weekly_day: int = Field(
        0, ge=0, le=6, description="Weekday of the weekly digest, Monday = 0, in the readers' zone."
    )
    digest_hour: int = Field(
        6, ge=0, le=23, description="Hour from which the weekly digest goes out on its day, in the readers' zone."
    )
    false_alarms_per_year: float = Field(
        1.0, gt=0, le=52, description="Target for false digests a year over all series together; sets the thresholds."
    )
    model: str = Field(
        "fused", description="Which classifier backend reads the articles; linear reads the fastest, and less well."
    )

    task_runner: Literal["threads", "processes", "dask", "ray"] = Field(
        "threads",
        description="Who reads a backlog: threads or processes of this machine, or a cluster (extra dask or ray).",
    )
    task_runner_address: str = Field(
        "", description="Address of a running Dask scheduler or Ray head; empty starts workers on this machine."
    )
    task_workers: int = Field(
        0, ge=0, le=1_000, description="Workers that read a backlog on this machine; 0 is one per core."
    )
    task_batch: int = Field(2_000, ge=1, le=100_000, description="Articles that a worker is given at a time.")
    task_runner_from: int = Field(
        10_000, ge=1, description="Articles that must wait before workers are started; fewer the run reads itself."
    )

    llm_base_url: str = Field(
        "", description="Backend llm: an OpenAI-compatible endpoint up to /v1, for example http://127.0.0.1:8080/v1."
    )
    llm_api_key: SecretStr = Field(
        SecretStr(""), description="Backend llm: the endpoint's key, if it wants one; never logged, never a parameter."
    )
    llm_model: str = Field("", description="Backend llm: the model's name at the endpoint.")
    llm_timeout: float = Field(60.0, gt=0, description="Backend llm: seconds for one item in all, retries included.")
    llm_concurrency: int = Field(4, ge=1, le=64, description="Backend llm: requests at the same time.")
    llm_answer_tokens: int = Field(
        600, ge=50, description="Backend llm: most tokens of one answer; a model that thinks first needs more."
    )
    llm_max_tokens: int = Field(
        1_000_000, ge=0, description="Backend llm: most tokens, in and out, of one run; 0 is no limit. The rest waits."
    )
    llm_max_cost: float = Field(0.0, ge=0, description="Backend llm: most that one run may cost; 0 is no limit.")
    llm_price_in: float = Field(0.0, ge=0, description="Backend llm: price of a million tokens in, for the cost.")
    llm_price_out: float = Field(0.0, ge=0, description="Backend llm: price of a million tokens out.")
    llm_unsure_below: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Backend llm: ask only about pairs of which llm_first is less sure than this; 0 asks about all.",
    )
    llm_first: str = Field(
        "linear", description="Backend llm: the reader that goes first where llm_unsure_below is set."
    )
    multilingual_model: str = Field(
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
        description="Backend multilingual: a sentence-transformers model of the hub, or the folder of one.",
    )

    user_agent: str = Field(
        "ricwatch/0.1 (news feed monitor; set RICWATCH_USER_AGENT to name a contact)",
        description="Sent with every request; name a contact so that a site can reach you.",
    )
    poll_concurrency: int = Field(12, ge=1, le=64, description="Feeds polled at the same time.")
    host_spacing: float = Field(2.0, ge=0, le=60, description="Seconds between two requests that begin at one host.")
    fetch_timeout: float = Field(30.0, gt=0, description="Seconds for one feed in all, redirects included.")
    fetch_max_bytes: int = Field(15_000_000, gt=0, description="Largest feed body, after decompression.")
    feed_max_items: int = Field(2_000, gt=0, description="Items read from one response; the rest is counted and left.")
    full_text: bool = Field(
        False,
        description="Fetch the pages of new articles for their text, of feeds with full_text: true; extra fulltext.",
    )
    full_text_per_run: int = Field(200, ge=0, le=5_000, description="Most pages fetched in one run, the newest first.")
    full_text_seconds: float = Field(
        300.0, gt=0, description="Longest that pages may hold up a run; what has not had its turn keeps its lead."
    )
    page_max_bytes: int = Field(2_000_000, gt=0, description="Largest page of an article, after decompression.")
    allow_private_addresses: bool = Field(
        False, description="Let feeds lie on loopback and private addresses; for the replay and for tests."
    )
    api_auth: SecretStr = Field(
        SecretStr(""),
        description="user:password that the Prefect server asks for, its pages too; empty asks for nothing. The "
        "password has 16 or more of letters, digits, . _ ~ + = / @ % ! : , -",
    )
    public_url: str = Field(
        "",
        description="Address of the Prefect UI, for links in mails; empty leaves links out. The server answers to its "
        "name, and to loopback.",
    )
    report_url: str = Field(
        "",
        description="Address at which you publish the folder var_dir/report, for links; empty leaves them out.",
    )
    feed_authority: str = Field(
        "ricwatch.invalid",
        pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
        description="A domain of yours, for the names of the entries of shifts.atom; set it before that has readers.",
    )
    approve_from_mails: int = Field(
        0,
        ge=0,
        description="Digests of so many mails or more at once wait until a person sends or drops them; 0 never.",
    )
    approve_from_shifts: int = Field(
        0, ge=0, description="Digests that tell so many shifts or more at once wait for a person too; 0 never."
    )
    approve_within: int = Field(
        12, ge=1, le=168, description="Hours that digests wait for a person; then approve_default is done."
    )
    approve_default: Literal["send", "drop"] = Field(
        "send", description="What becomes of digests that waited for a person, and nobody decided in time."
    )
    replay: bool = Field(False, description="Set by the replay: every output is marked REPLAY.")

    operator: str = Field(
        "", description="Mail address of whoever keeps it running: told of failures and silence. Empty tells nobody."
    )
    silence_days: int = Field(
        9,
        ge=0,
        description="Days without a delivered mail after which the operator is told; 0 never. Weekly mails are due.",
    )
    disk_free_mb: int = Field(500, ge=0, description="Free space in var_dir, in MB, below which the operator is told.")
    keep_texts_days: int = Field(
        1100, ge=0, description="Days that article texts and evidence sentences are kept; titles stay. 0 keeps all."
    )
    keep_readings_days: int = Field(
        400, ge=0, description="Days that readings of earlier models are kept; those in force stay. 0 keeps all."
    )
    keep_polls_days: int = Field(
        400,
        ge=0,
        description="Days that polls which brought no article are kept, the first of a feed for ever. 0 keeps all.",
    )
    keep_seen_days: int = Field(
        90,
        ge=0,
        description="Days that an item outside the topic is known after it left its feed: 14 or more; 0 keeps all.",
    )
    keep_mails_days: int = Field(
        400, ge=0, description="Days that the bytes of delivered mails are kept; digests stay. 0 keeps all."
    )
    keep_runs_days: int = Field(
        30, ge=0, description="Days that Prefect keeps runs, logs and pages; read by ricwatch serve. 0 keeps all."
    )
    keep_events_days: int = Field(
        3, ge=0, description="Days that Prefect keeps events; read by ricwatch serve. 0 keeps all."
    )
    keep_deeds_days: int = Field(
        1100, ge=0, description="Days that it is kept who asked for which run (ricwatch deeds). 0 keeps all."
    )
    keep_logs_days: int = Field(
        60,
        ge=0,
        description="Days that pieces of the logs of server and worker are kept in var/logs. 0 keeps all.",
    )
    log_json: bool = Field(False, description="Log lines of runs, server and worker as JSON, one object a line.")
    backup_dir: Path | None = Field(
        None, description="Where backups go, best on another disk; empty means backups in var_dir."
    )
    backups_kept: int = Field(14, ge=0, description="How many backups the nightly one leaves; 0 keeps all.")

    @field_validator("keep_seen_days")
    @classmethod
    def _longer_than_sight(cls, days: int) -> int:
        # That a feed still holds an item is noted once a week; sooner, items that it holds would be forgotten.
        if 0 < days < 14:
            raise ValueError("must be 0 (keep all) or at least 14")
        return days

    @field_validator("var_dir", "seeds_dir", "roster", "originals_dir", "templates_dir", "dkim_key", "backup_dir")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        # Flows change to the project's folder before they run; a relative path means the caller's folder.
        return None if path is None else path.expanduser().absolute()

    @field_validator("unsubscribe_url")
    @classmethod
    def _safe_in_a_header(cls, url: str) -> str:
        if url and not re.fullmatch(r"https://[!-;=?-~]+", url):
            raise ValueError("write an https address without spaces, such as https://example.org/leave?who={recipient}")
        return url

    @field_validator("api_auth")
    @classmethod
    def _hard_to_guess(cls, secret: SecretStr) -> SecretStr:
        # The signs are those that the environment, .env, a header and the browser's form all take as they are: Prefect
        # compares texts of ASCII only, and .env reads # $ and quotes as its own.
        given = secret.get_secret_value()
        if not given:
            return secret
        if not re.fullmatch(r"[A-Za-z0-9._@-]{1,64}:[A-Za-z0-9._~+=/@%!:,-]{16,200}", given):
            raise ValueError(
                "write user:password, the password of 16 or more letters, digits or . _ ~ + = / @ % ! : , -"
            )
        user, _, password = given.partition(":")
        if len(set(password)) < 8 or (len(user) > 3 and user.lower() in password.lower()):
            raise ValueError(
                "this password is easy to guess; make one with "
                """python3 -c 'import secrets; print("watch:" + secrets.token_urlsafe(24))'"""
            )
        return secret

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        find_zone(name)
        return name

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.var_dir / 'ricwatch.db'}"

    @property
    def feeds_file(self) -> Path:
        """The feed roster in force."""
        return self.roster or self.seeds_dir / "feeds.yaml"

    @property
    def metrics_file(self) -> Path:
        """Where each run of the monitor leaves its numbers, for the textfile collector of a node exporter."""
        return self.var_dir / "metrics.prom"

    @property
    def backups_folder(self) -> Path:
        """Where backups go."""
        return self.backup_dir or self.var_dir / "backups"

    @property
    def logs_folder(self) -> Path:
        """Where the log files of the Prefect server and the worker lie."""
        return self.var_dir / "logs"

    @property
    def zone(self) -> ZoneInfo:
        """The readers' time zone."""
        return ZoneInfo(self.timezone)

    @property
    def mark(self) -> str:
        """``"REPLAY"`` in a replay, else empty; put before subjects, titles and summaries."""
        return "REPLAY" if self.replay else ""


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings, read once.

    A file RICWATCH_SMTP_PASSWORD (or of another variable's name) in the folder $CREDENTIALS_DIRECTORY counts where the
    environment and .env do not say otherwise; it is how systemd's LoadCredential= hands secrets over.

    Raises:
        ConfigError: a setting has a wrong value; the message names the variable, and shows no secret.
    """
    try:
        return Settings(_secrets_dir=_credentials())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = "_".join(str(part) for part in first["loc"])
        told = f"RICWATCH_{field.upper()}: {first['msg'].removeprefix('Value error, ')}"
        if is_secret(field):
            raise ConfigError(told) from None
        raise ConfigError(f"{told} (found {first['input']!r})") from None
    except SettingsError as error:
        raise ConfigError(f'{error}; a list is written as JSON, for example ["desk@example.org"]') from None


def is_secret(name: str) -> bool:
    """Whether the setting *name* is never to be shown.

    >>> is_secret("smtp_password"), is_secret("smtp_host")
    (True, False)
    """
    field = Settings.model_fields.get(name)
    return field is not None and field.annotation is SecretStr


def _credentials() -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return Path(folder) if folder and Path(folder).is_dir() else None
