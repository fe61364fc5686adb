"""The commands `feeds list`, `history`, `check`, `add`, `on`, `off`, `full-text`, `import` and `export`."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.environment import prepare
from flows.exits import EXIT_NOTHING_REACHED
from store.errors import InputError


class Switch(StrEnum):
    """How a thing is switched."""

    ON = "on"
    OFF = "off"


feeds_app = typer.Typer(no_args_is_help=True, help="Look at the feed roster, and add to it.")

Language = Annotated[str, typer.Option("--lang", help="Language of the texts (ISO 639-1).")]
Zone = Annotated[str, typer.Option("--timezone", help="Zone for dates that leave it open, such as Asia/Kolkata.")]


@feeds_app.command("list")
def feeds_list(
    all_feeds: Annotated[bool, typer.Option("--all", help="Disabled feeds as well, with their reasons.")] = False,
) -> None:
    """Show the roster with the state of each feed.

    Example: `ricwatch feeds list --all`
    """
    prepare()
    from flows import tables
    from flows.feeds import health

    tables.feeds(health(), all_feeds=all_feeds)


@feeds_app.command("history")
def feeds_history(
    key: Annotated[str, typer.Argument(help="Key of the feed; `ricwatch feeds list` shows them.")],
) -> None:
    """Show since when a feed has been in which state, the newest first, as far back as its polls are kept.

    Example: `ricwatch feeds history the-hindu-national`
    """
    prepare()
    from flows import tables
    from flows.feeds import history

    tables.feed_history(key, history(key))


@feeds_app.command("check")
def feeds_check(
    keys: Annotated[
        list[str] | None, typer.Argument(help="Keys of feeds; none checks every one, disabled ones too.")
    ] = None,
) -> None:
    """Probe feeds side by side, storing nothing; propose a status, and say what to do about those that fail.

    Example: `ricwatch feeds check tass-en the-hindu-national`
    """
    prepare()
    from flows import tables
    from flows.feeds import check

    if not tables.checked(asyncio.run(check(keys or []))):
        raise typer.Exit(EXIT_NOTHING_REACHED)


def press_bloc(code: str) -> str:
    """*code*, if the topic in force has such a press; a usage error otherwise."""
    from ingest.ties import known_bloc

    try:
        return known_bloc(code)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None


@feeds_app.command("add")
def feeds_add(
    url: Annotated[str, typer.Argument(help="A feed, or a site whose feed is to be found.")],
    *,
    bloc: Annotated[
        str, typer.Option(help="Press bloc of the outlet, as in press.yaml among the seeds.", callback=press_bloc)
    ],
    outlet: Annotated[str, typer.Option(help="Name of the outlet; none takes the feed's title.")] = "",
    lang: Language = "en",
    timezone: Zone = "UTC",
    kind: Annotated[str, typer.Option(help="newspaper, agency, broadcaster, think tank, government …")] = "newspaper",
    full_text: Annotated[
        bool, typer.Option("--full-text", help="Read the pages of its articles too; see `feeds full-text --help`.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be added, and add nothing.")] = False,
) -> None:
    """Find the feed of a site, read it once, and add it to the roster file.

    Examples:

    - `ricwatch feeds add https://www.thehindu.com --bloc india --timezone Asia/Kolkata --dry-run`
    - `ricwatch feeds add https://tass.com/rss/v2.xml --bloc russia --outlet TASS --timezone Europe/Moscow`
    """
    from flows import tables
    from flows.feeds import add

    lines = add(
        url,
        bloc=bloc,
        outlet=outlet,
        lang=lang,
        timezone=timezone,
        kind=kind,
        dry_run=dry_run,
        full_text=full_text,
    )
    for line in asyncio.run(lines):
        tables.say(line)


@feeds_app.command("off")
def feeds_off(
    key: Annotated[str, typer.Argument(help="Key of the feed, as `feeds list` shows it.")],
    *,
    because: Annotated[str, typer.Option(help="Why; kept in the roster with today's date.")],
) -> None:
    """Poll a feed no more. It stays in the roster with the reason, and so do its articles.

    Example: `ricwatch feeds off demo-herald --because "sold, and prints press releases since"`
    """
    from flows import tables
    from flows.feeds import switch

    tables.say(switch(key, enabled=False, note=because))


@feeds_app.command("on")
def feeds_on(
    key: Annotated[str, typer.Argument(help="Key of the feed, as `feeds list --all` shows it.")],
    note: Annotated[str, typer.Option(help="What to know of it; none keeps the note that stands there.")] = "",
) -> None:
    """Poll a feed again that was switched off.

    Example: `ricwatch feeds on demo-herald`
    """
    from flows import tables
    from flows.feeds import switch

    tables.say(switch(key, enabled=True, note=note))


@feeds_app.command("full-text")
def feeds_full_text(
    keys: Annotated[list[str], typer.Argument(help="Keys of feeds, as `feeds list` shows them.")],
    state: Annotated[Switch, typer.Argument(help="on or off.")],
) -> None:
    """Read the articles of a feed by the text of their pages, or by what the feed gives of them again.

    It asks robots.txt first and costs a request an article. The setting RICWATCH_FULL_TEXT must be on as well, and
    `pip install 'ricwatch[fulltext]'` done; `feeds check KEY` tells whether the site allows it.

    Example: `ricwatch feeds full-text demo-herald on`
    """
    from flows import tables
    from flows.feeds import full_text

    for line in full_text(keys, on=state is Switch.ON):
        tables.say(line)


@feeds_app.command("import")
def feeds_import(
    file: Annotated[Path, typer.Argument(help="A list of feeds as OPML.", resolve_path=True)],
    *,
    bloc: Annotated[
        str, typer.Option(help="Press bloc of feeds whose folder names none.", callback=press_bloc)
    ] = "other",
    lang: Language = "en",
    timezone: Zone = "UTC",
) -> None:
    """Add the feeds of an OPML file to the roster file; addresses that it has already are left out.

    What `feeds export` wrote keeps its bloc, kind, language and zone; the options stand in where a list says nothing.

    Example: `ricwatch feeds import subscriptions.opml --bloc west`
    """
    from flows import tables
    from flows.feeds import import_opml

    for line in import_opml(file, bloc=bloc, lang=lang, timezone=timezone):
        tables.say(line)


@feeds_app.command("export")
def feeds_export(
    file: Annotated[Path, typer.Argument(help="Where the OPML goes.", resolve_path=True)],
    *,
    all_feeds: Annotated[
        bool, typer.Option("--all", help="Disabled feeds as well, as outlines that are commented out.")
    ] = False,
) -> None:
    """Write the enabled feeds as OPML, which other readers take, and which `feeds import` reads back.

    Example: `ricwatch feeds export feeds.opml --all`
    """
    from flows import tables
    from flows.feeds import export_opml

    tables.say(export_opml(file, all_feeds=all_feeds))
