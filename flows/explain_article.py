"""Flow `explain-article`: why an article was read so, why it is in its story, and why it counts or does not."""

from __future__ import annotations

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from alerts.articlewhy import ArticleWhy, explain_article
from alerts.words import count
from flows import artifacts
from flows.forms import param
from flows.plainly import plainly
from flows.reporting import logger, rename_run
from flows.trace_command import DATES, lines
from flows.watch import Watch, moment, open_watch
from ingest.trace import Trace, trace
from store.errors import InputError

IN_FULL = 3
"""Articles that are explained in full where words of a title fit several; the others are listed."""


def explain(watch: Watch, what: str) -> tuple[Trace, list[ArticleWhy]]:
    """What is known of *what*, and the first articles of it in full.

    Raises:
        InputError: nothing was asked for.
    """
    if not what.strip():
        raise InputError("name an article: its address, words of its title, or its number")
    with watch.store.session() as session:
        found = trace(session, what, now=moment(""))
        whys = [explain_article(session, watch.settings, watch.version, one) for one in found.articles[:IN_FULL]]
    return found, whys


@flow(name="explain-article", flow_run_name="explain article", log_prints=False)
@plainly
async def explain_article_flow(
    article: Annotated[
        str,
        param(
            "Article",
            "Its address, its title or eight letters and more of it in a row (such as: border talks), or its number.",
        ),
    ],
) -> State[str]:
    """Shows why an article was read so, why it is in its story, and why it counts. Changes nothing."""
    with open_watch() as watch:
        found, whys = explain(watch, article)
        rest = found.articles[IN_FULL:]
        others = list(lines(Trace((), found.left_out, found.suspects), article)) if not found.articles else []
        message = f"{count(len(found.articles), 'article')} found"
        if whys:
            message = f"{whys[0].trace.title} ({whys[0].trace.outlet})"
            message += f", and {len(found.articles) - 1} more" if len(found.articles) > 1 else ""
        elif found.left_out:
            message = "an item that was left out"
        logger().info(message)
        await artifacts.publish(
            watch.settings,
            "article",
            "article",
            "The article, explained",
            asked=article,
            whys=whys,
            rest=rest,
            others=others,
            dates=DATES,
        )
    await rename_run(f"explain article: {message}")
    return Completed(message=message, data=message)
