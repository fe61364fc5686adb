"""Log lines as JSON, one object a line: what a log collector asks for, and nothing that it would have to take apart."""

from __future__ import annotations

import datetime as dt
import json
import logging

FROM_RUN = ("flow_run_name", "flow_run_id", "task_run_name")
"""What Prefect adds to the records of a run."""


class JsonLines(logging.Formatter):
    """Prefect's own JSON has the words and their arguments apart, and no message.

    >>> record = logging.LogRecord("ricwatch", logging.INFO, "", 0, "%d of %d feeds", (3, 4), None)
    >>> json.loads(JsonLines().format(record))["message"]
    '3 of 4 feeds'
    """

    def __init__(self, *_given: object, **_more: object) -> None:
        # Prefect's configuration hands its own formatter's layout over, which no other formatter takes.
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: str(value) for name in FROM_RUN if (value := getattr(record, name, None))}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
