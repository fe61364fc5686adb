"""A process that decides and mails once, when told to.

python -m tests.flows.watchworker DATABASE FOLDER SMTP_PORT READERS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from flows.detect_shifts import decide
from flows.send_digest import compose_and_deliver
from flows.watch import Watch
from store.db import Store
from store.settings import Settings
from tests.alerts.helpers_report import NOW
from tests.alerts.helpers_store import MODEL


def main() -> None:
    """Say that everything is loaded, wait for a line, decide and mail."""
    settings = Settings(
        _env_file=None,
        var_dir=Path(sys.argv[2]),
        database_url=sys.argv[1],
        recipients=[f"reader{number}@readers.example" for number in range(int(sys.argv[4]))],
        smtp_host="127.0.0.1",
        smtp_port=int(sys.argv[3]),
        smtp_security="none",
    )
    watch = Watch(settings, Store(settings.database))
    # Nothing is read here, so no weights are loaded.
    watch.__dict__ |= {"version": MODEL, "rarity": lambda word: 1.0}
    print("ready", flush=True)
    sys.stdin.readline()
    _series, found = decide(watch, NOW)
    report = compose_and_deliver(watch, NOW)
    told = {"shifts": len(found.new), "sent": report.delivery.sent, "unknown": report.delivery.unknown}
    print(json.dumps(told | {"digest": report.digest.digest_id is not None}))
    watch.store.close()


if __name__ == "__main__":
    main()
