"""Flows `check-feeds`, `add-feed` and `switch-feed`: look after the roster of feeds by hand."""

from __future__ import annotations

from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows import artifacts, feeds
from flows.forms import BY, codes, kinds_and_languages, must_choose, param, pick
from flows.plainly import plainly
from flows.reporting import logger, rename_run, requested
from ingest.check import CheckRow, summed
from store.settings import get_settings

CODES = codes()
KINDS, LANGUAGES = kinds_and_languages()


@flow(name="check-feeds", flow_run_name="check feeds", log_prints=False)
@plainly
async def check_feeds(
    keys: Annotated[
        list[str],
        param(
            "Feeds", "Their keys, as the page polled-feeds shows them; leave empty for every one, disabled ones too."
        ),
    ] = [],
    requested_by: Annotated[str, BY] = "",
) -> State[list[CheckRow]]:
    """Asks feeds for an answer, side by side, and says what to do about those that fail. Stores nothing."""
    requested(requested_by)
    rows = await feeds.check(keys)
    found = summed(rows)
    logger().info(found.words)
    bad = found.asked - found.well
    answer = f"{bad} of {found.asked} {'is' if bad == 1 else 'are'} not well" if bad else f"all {found.asked} are well"
    await rename_run(f"check feeds: {answer}")
    await artifacts.publish(get_settings(), "checked", "checked-feeds", "What each feed answered", rows=rows)
    return (Completed if found.well else Failed)(message=found.words, data=rows)


@flow(name="add-feed", flow_run_name="add feed", log_prints=False)
@plainly
async def add_feed(
    url: Annotated[str, param("Address", "Of a feed, or of a site whose feed is to be found.")],
    press: Annotated[
        str, must_choose("Press", "The bloc whose press it belongs to; shares are taken within a bloc.", CODES.blocs)
    ],
    outlet: Annotated[str, param("Name of the outlet", "Leave empty for the feed's own title.")] = "",
    language: Annotated[str, pick("Language", "Of the texts; those that the roster has.", LANGUAGES)] = LANGUAGES[0]
    if LANGUAGES
    else "en",
    timezone: Annotated[str, param("Time zone", "For dates that leave it open, such as Asia/Kolkata.")] = "UTC",
    kind: Annotated[str, pick("Kind", "What sort of outlet it is.", KINDS)] = KINDS[0],
    full_text: Annotated[
        bool, param("Full texts", "Read the pages of its articles too; robots.txt is asked first.")
    ] = False,
    dry_run: Annotated[bool, param("Dry run", "Show what would be added, and add nothing.")] = True,
    requested_by: Annotated[str, BY] = "",
) -> State[list[str]]:
    """Finds the feed of a site, reads it once, and adds it to the roster file; the next poll takes it in."""
    requested(requested_by)
    lines = await feeds.add(
        url,
        bloc=press,
        outlet=outlet,
        lang=language,
        timezone=timezone,
        kind=kind,
        dry_run=dry_run,
        full_text=full_text,
    )
    found = lines[0].partition(":")[0] if len(lines) == 2 else f"{len(lines) - 1} feeds"
    await rename_run(f"add feed {found} ({press} press)" + (": dry run" if dry_run else ""))
    return await _told(lines)


@flow(name="switch-feed", flow_run_name="switch feed {key}", log_prints=False)
@plainly
async def switch_feed(
    key: Annotated[str, param("Feed", "Its key, as the page polled-feeds shows it.")],
    polled: Annotated[bool, param("On", "Off: poll it no more. On: poll it again.")] = False,
    what: Annotated[
        Literal["polling", "full texts"],
        param("What", "The polling of the feed, or only whether the pages of its articles are read too."),
    ] = "polling",
    because: Annotated[str, param("Why", "Kept in the roster with today's date; needed to switch a feed off.")] = "",
    requested_by: Annotated[str, BY] = "",
) -> State[list[str]]:
    """Switches a feed of the roster, or its full texts, off or on. It stays in the roster, and so do its articles."""
    requested(requested_by)
    if what == "full texts":
        lines = feeds.full_text([key], on=polled)
    else:
        lines = [feeds.switch(key, enabled=polled, note=because)]
    told = "full texts switched" if what == "full texts" else "switched"
    await rename_run(f"feed {key}: {told} {'on' if polled else 'off'}")
    return await _told(lines)


async def _told(lines: list[str]) -> State[list[str]]:
    logger().info("; ".join(lines))
    await artifacts.publish(get_settings(), "roster", "roster", "What was changed in the roster", lines=lines)
    return Completed(message=lines[-1], data=lines)
