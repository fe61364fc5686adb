"""The command `parse`: what the monitor makes of a feed's body, without network and database."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.exits import EXIT_FAILED

if TYPE_CHECKING:
    from ingest.parse import Source


def parse(
    files: Annotated[list[Path], typer.Argument(help="Bodies of feeds, as a server sent them.", resolve_path=False)],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the lines go; none prints them.", resolve_path=True)
    ] = None,
    zone: Annotated[str, typer.Option(help="The source's zone, for dates that leave it open.")] = "UTC",
    lang: Annotated[str, typer.Option(help="The source's language (ISO 639-1); none takes any script.")] = "",
    url: Annotated[str, typer.Option(help="The feed's address, against which links are resolved.")] = "",
    content_type: Annotated[str, typer.Option(help="The Content-Type header that came with it.")] = "",
) -> None:
    """Read feeds from files: RSS, RDF, Atom, JSON Feed and news sitemaps; one JSON line for each file, in their order.

    A line holds `file`, `format`, `entries` (`title`, `url`, `id`, `published` in UTC or null, `date_quality`), `bad`
    and `left` (items without a usable title or address, items beyond the cap) and `error`, which is empty for a feed.
    Exit status 1 when none of the files is a feed.

    Examples:

    - `ricwatch parse feed.xml`
    - `ricwatch parse --zone Asia/Kolkata --lang hi feeds/*.xml -o parsed.jsonl`
    """
    from store.zones import find_zone

    try:
        find_zone(zone)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--zone") from None
    from flows import tables
    from ingest.parse import Source

    about = Source(url, zone, lang)
    headers = {"content-type": content_type} if content_type else {}
    lines = [_line(path, about, headers) for path in files]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    if output is None:
        print(text, end="")
    else:
        output.write_text(text, encoding="utf-8")
        read = sum(not line["error"] for line in lines)
        tables.say(f"{read:,} of {len(lines):,} files are feeds; {output}")
    if all(line["error"] for line in lines):
        raise typer.Exit(EXIT_FAILED)


def _line(path: Path, about: Source, headers: dict[str, str]) -> dict[str, Any]:
    from ingest.capped import read_plain_file
    from ingest.parse import parse as parse_body
    from store.errors import InputError
    from store.settings import get_settings

    settings = get_settings()
    empty: dict[str, Any] = {"file": str(path), "format": "", "entries": [], "bad": 0, "left": 0}
    try:
        body = read_plain_file(path, settings.fetch_max_bytes)
    except InputError as error:
        return {**empty, "error": str(error)}
    now = dt.datetime.now(dt.UTC)
    parsed = parse_body(body, headers, about, now=now, max_items=settings.feed_max_items)
    return {
        "file": str(path),
        "format": parsed.format,
        "entries": [
            {
                "title": entry.title,
                "url": entry.url,
                "id": entry.guid,
                "published": entry.published_at.isoformat() if entry.published_at else None,
                "date_quality": str(entry.date_quality),
            }
            for entry in parsed.entries
        ],
        "bad": parsed.bad,
        "left": parsed.left,
        "error": f"{parsed.problem}: {parsed.error}" if parsed.problem else "",
    }
