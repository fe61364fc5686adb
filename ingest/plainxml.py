"""A reader for small XML formats of our own choosing: no document type, so no entities that multiply or name files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.parsers import expat


class Refused(ValueError):
    """The document is not read on, and why."""


def read_xml(
    body: bytes,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    characters: Callable[[str], None] | None = None,
) -> None:
    """Call *start*, *end* and *characters* for what is in *body*; a name in a namespace comes as ``address local``.

    Raises:
        Refused: it has a document type, or a handler refused it.
        ValueError: it is not well-formed.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    if characters is not None:
        parser.CharacterDataHandler = characters

    def doctype(*_about: Any) -> None:
        raise Refused("it has a document type, which this format does not need")

    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from None
