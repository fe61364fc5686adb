"""Parameter annotations that Prefect's run form shows as a person would want them."""

from __future__ import annotations

from typing import Any

from pydantic import Field, JsonValue


def param(title: str, help_text: str = "", **constraints: Any) -> Any:
    """For ``Annotated[int, param("At most", "articles per run", ge=1)] = 100``.

    Prefect overwrites the title and description of a top-level parameter with the argument's name and its docstring;
    what `json_schema_extra` says is applied after that and wins.
    """
    extra: dict[str, JsonValue] = {"title": title}
    if help_text:
        extra["description"] = help_text
    return Field(json_schema_extra=extra, **constraints)


REQUESTED_BY = param("Requested by", "Your name, if others use this too; kept in the run's log.", max_length=200)
"""On every deployment that changes something."""
