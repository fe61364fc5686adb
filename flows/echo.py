"""What a run was asked for, for its first page: by the titles of its form, without secrets, and who started it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect.context import FlowRunContext

from alerts.words import plain

_USER = re.compile(r"(?<=://)[^/@\s]+@")
"""User and password of an address (RFC 3986 3.2.1)."""
_TOKEN = re.compile(r"(?i)([?&][^=&#\s]*(?:key|token|secret|passw|auth|sig)[^=&#\s]*=)[^&#\s]+")
"""A value of an address's query that looks as if it opened a door."""
_MAIL = re.compile(r"[^\s<>'\"(]+@[^\s<>'\")]+")
_echoed: set[UUID] = set()


def without_secrets(text: str) -> str:
    """*text* without what opens doors in the addresses in it.

    >>> without_secrets("https://ann:pw@example.org/feed?lang=en&api_key=1234")
    'https://***@example.org/feed?lang=en&api_key=***'
    """
    return _TOKEN.sub(r"\1***", _USER.sub("***@", text))


def masked(address: str) -> str:
    """A mail address for the name of a run, which shows in lists, events and mails to the operator.

    >>> masked("anna@example.org")
    'anna@…'
    """
    return f"{address.strip().partition('@')[0]}@…"


def without_addresses(text: str) -> str:
    """*text* with the mail addresses in it cut at the @.

    >>> without_addresses("anna@example.org, bo@example.org: moved")
    'anna@… bo@… moved'
    """
    return _MAIL.sub(lambda found: masked(found[0]), text)


def words_of(value: Any) -> str:
    """A parameter as its form shows it.

    >>> [words_of(value) for value in (True, [], ["a", "b"], "", 0)]
    ['yes', '–', 'a, b', '–', '0']
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        value = ", ".join(str(one) for one in value)
    return plain(without_secrets(str(value)), 300) or "–"


def rows_of(parameters: Mapping[str, Any], schema: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Title and value of each parameter in the form's order."""
    return [
        (str(field.get("title", name)), words_of(parameters[name]))
        for name, field in schema.items()
        if name in parameters
    ]


def rows_changed(parameters: Mapping[str, Any], schema: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """As `rows_of`, of the fields that are not as the form shows them at first, mail addresses cut."""
    chosen = {name: value for name, value in parameters.items() if value != schema.get(name, {}).get("default")}
    return [(title, without_addresses(words)) for title, words in rows_of(chosen, schema)]


def has_a_page() -> bool:
    """Whether this run has left a page already; False outside a run."""
    context = FlowRunContext.get()
    return context is not None and context.flow_run is not None and context.flow_run.id in _echoed


def first_rows() -> list[tuple[str, str]]:
    """What this run was asked for, at the first call of a run; nothing later, and outside a run."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow is None or context.flow_run.id in _echoed:
        return []
    run = context.flow_run
    _echoed.add(run.id)
    rows = rows_of(context.parameters or {}, context.flow.parameters.properties)
    by = run.created_by
    if by is not None and by.type in ("SCHEDULE", "AUTOMATION"):
        rows.append(("Started by", plain(f"{by.type.lower()} {by.display_value or ''}", 120)))
    return rows
