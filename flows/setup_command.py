"""The command `setup`: a database that is ready, and all that a running Prefect server must know of ricwatch."""

from __future__ import annotations

import os
import subprocess
import sys

from flows.environment import POOL, api_in_force, client_login, one_authority, prefect_home, running_api
from store.errors import RicwatchError
from store.settings import ROOT, Settings


class SetupError(RicwatchError):
    """A step of the setup failed; the message holds what it said."""


def setup() -> None:
    """Make the database, check the topic, and register pool, queues, deployments and automations with a running server.

    `ricwatch serve` does all of it by itself at each start; this is for a Prefect server that runs elsewhere, or for
    changed deployments while one runs. It can be repeated: nothing doubles, and runs under way are left alone. Without
    a server only database and topic are seen to.

    Examples:

    - `ricwatch setup` – with the server that `ricwatch serve` started
    - `PREFECT_API_URL=http://prefect.example:4200/api ricwatch setup`
    """
    from flows import tables
    from flows.watch import open_watch
    from store.settings import get_settings

    settings = get_settings()
    with open_watch(settings) as watch:
        tables.say(f"database: {watch.store.safe_url}, schema {watch.store.revision()}")
        feeds = sum(feed.enabled for feed in watch.roster)
        actors, themes = len(watch.topic.actors), len(watch.topic.themes)
        tables.say(f"topic: {actors} actors, {themes} themes, {feeds} feeds switched on")
    api = api_in_force(settings)
    if api is None:
        tables.say("no Prefect server answers: `ricwatch serve` starts one and registers all; or set PREFECT_API_URL")
        return
    register_all(settings, api)
    tables.say(f"registered with {api}: work pool {POOL}, its queues, all deployments of prefect.yaml, automations")


def register_all(settings: Settings, api: str) -> None:
    """Work pool, deployments, queues and automations.

    Raises:
        SetupError: the server does not answer, or took one of them not.
    """
    from flows.serve import job_template

    env = {
        **os.environ,
        "PWD": str(ROOT),  # `{{ $PWD }}` in prefect.yaml
        "PREFECT_API_URL": api,
        "PREFECT_HOME": os.environ.get("PREFECT_HOME", str(settings.var_dir / "prefect")),
        "DO_NOT_TRACK": "1",
        **client_login(settings),
        **one_authority(api, prefect_home(settings)),
    }
    # On another machine than the server's, nobody knows where its workers have their Python.
    near = running_api(settings) == api
    template = ["--template", str(job_template(prefect_home(settings)))] if near else []
    done = subprocess.run(  # noqa: S603 (our own interpreter and fixed words)
        [sys.executable, "-m", "flows.register", "--no-sweep", *template],
        check=False,
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise SetupError(
            f"registering with {api} failed: {said[-1] if said else 'no reason given'}. Does the server answer there "
            "(`curl` its /health), and do the versions fit (`ricwatch doctor`)?"
        )
