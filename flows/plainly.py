"""An error that says what to do is told in one line: as the state of the run, in its log, in the mail to the operator.

Prefect puts *Flow run encountered an exception: InputError:* before it, and a page of traceback into the log, where an
analyst looks for what was wrong with the form. Errors that are nobody's fault but the program's keep their traceback.
"""

from __future__ import annotations

import functools
import inspect
import logging
import re
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, cast

from prefect.context import FlowRunContext
from prefect.states import Failed

from alerts.words import plain as plain_words
from flows.echo import without_addresses
from flows.reporting import logger, rename_run
from store.errors import ConfigError, InputError, RicwatchError

P = ParamSpec("P")
R = TypeVar("R")
_TASKS = "prefect.task_runs"
_TOLD = "_told_in_a_log"
_LINK = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"]+")
_FOLDERS = re.compile(r"(?<![\w.])(?:/[^/\s'\"]+)*/(?=[^/\s'\"])")


def plainly(work: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """For the function of a flow, below ``@flow``: ends the run as failed with the error's own words."""

    @functools.wraps(work)
    async def plain(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await work(*args, **kwargs)
        except Exception as error:
            if (context := FlowRunContext.get()) is not None and context.flow is not None:
                await rename_run(name_of_failure(context.flow.name, error))
            if not isinstance(error, RicwatchError):
                raise
            if not getattr(error, _TOLD, False):
                logger().error("%s", error)
            # Whoever calls the flow for its result gets the error itself: Prefect raises what such a state holds.
            failed: Any = Failed(message=str(error), data=error)
            return cast("R", failed)

    # Prefect checks parameters by the annotations, and would look up their names in this module.
    signature = inspect.signature(work, eval_str=True)
    plain.__annotations__ = {name: one.annotation for name, one in signature.parameters.items()}
    plain.__signature__ = signature  # type: ignore[attr-defined]
    return plain


def name_of_failure(flow: str, error: Exception) -> str:
    """What a run of *flow* is called that ended with *error*: the first words of it, without addresses and folders.

    Names of runs show in lists, events and mails.

    >>> name_of_failure("pause", InputError("ann@example.org is no reader; ricwatch subscribers list shows them"))
    'pause: refused – ann@… is no reader'
    >>> name_of_failure("digest", RicwatchError("/srv/var/ricwatch.db is locked"))
    'digest: failed – ricwatch.db is locked'
    >>> name_of_failure("digest", ZeroDivisionError("division by zero"))
    'digest: failed'
    """
    if not isinstance(error, RicwatchError):
        return f"{flow}: failed"
    words = _LINK.sub("an address", str(error).partition(";")[0])
    words = _FOLDERS.sub("", without_addresses(words))
    return (
        f"{flow}: {'refused' if isinstance(error, InputError | ConfigError) else 'failed'} – {plain_words(words, 60)}"
    )


class Story(logging.Filter):
    """Lets a run's log tell what happened, and no more.

    An error that says what to do loses its traceback. That a task was completed stands in the list of tasks, and its
    own last line says what it did. A run that waits for a person is no error, as which Prefect logs it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, or drop it."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, RicwatchError):
            record.msg, record.args, record.exc_info, record.exc_text = str(error), (), None, None
            setattr(error, _TOLD, True)
        ended = record.getMessage() if str(record.msg).startswith("Finished in state") else ""
        if "Suspended(" in ended or "Paused(" in ended:
            record.levelno, record.levelname = logging.INFO, "INFO"
        return not (record.name == _TASKS and ended.startswith("Finished in state Completed("))


for _name in (_TASKS, "prefect.flow_runs"):
    logging.getLogger(_name).addFilter(Story(_name))
