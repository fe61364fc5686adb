"""An error that says what to do is told in one line: as the state of the run, in its log, in the mail to the operator.

Prefect puts *Flow run encountered an exception: InputError:* before it, and a page of traceback into the log, where an
analyst looks for what was wrong with the form. Errors that are nobody's fault but the program's keep their traceback.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, cast

from prefect.states import Failed

from flows.reporting import logger
from store.errors import RicwatchError

P = ParamSpec("P")
R = TypeVar("R")
_TASKS = "prefect.task_runs"
_TOLD = "_told_in_a_log"


def plainly(work: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """For the function of a flow, below ``@flow``: ends the run as failed with the error's own words."""

    @functools.wraps(work)
    async def plain(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await work(*args, **kwargs)
        except RicwatchError as error:
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
