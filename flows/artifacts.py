"""What every run leaves in the UI: a Markdown page per step, from the templates in ``templates/artifacts``, and links.

The first page of a run ends with what the run was asked for. Outside a flow run (a flow's plain function, called by the
command line on files) nothing is published.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect.artifacts import acreate_link_artifact, acreate_markdown_artifact

from alerts.render import render_artifact
from flows.echo import first_rows, has_a_page
from flows.reporting import in_flow_run
from store.settings import Settings, get_settings

SKIPPED = 20
"""Lines of a file that its page shows; the run's result holds them all."""


async def publish(
    settings: Settings, template: str, key: str, description: str, *, empty: bool = False, **fields: Any
) -> None:
    """Render ``templates/artifacts/<template>.md`` and keep it as artifact *key* of this run.

    An *empty* page, which tells that there is nothing, is left only where the run has no other: every hour it would
    take the place of the last one that tells something, and it costs the server as much.
    """
    if not in_flow_run() or (empty and has_a_page()):
        return
    mark = f"{settings.mark}: " if settings.mark else ""
    page = render_artifact(settings, template, mark=settings.mark, **fields)
    if rows := first_rows():
        page += "\n" + render_artifact(settings, "asked", rows=rows)
    await acreate_markdown_artifact(markdown=page, key=key, description=f"{mark}{description}")


async def publish_file_run(
    key: str, description: str, summary: str, rows: Sequence[tuple[str, str]], bad: Sequence[tuple[int, str]]
) -> None:
    """The page of a run over a file: *rows* of what came of it, then the first skipped lines, number and reason."""
    skipped = [(f"Line {number}", f"skipped: {reason}") for number, reason in bad[:SKIPPED]]
    if more := len(bad) - len(skipped):
        skipped.append((f"{more:,} more", "skipped"))
    await publish(
        get_settings(),
        "operation",
        key,
        description,
        title=description,
        summary=f"{summary}.",
        rows=[*rows, *skipped],
    )


async def publish_link(settings: Settings, key: str, text: str, link: str) -> None:
    """Keep *link*, which is http or https, as artifact *key* of this run."""
    if not in_flow_run():
        return
    mark = f"{settings.mark}: " if settings.mark else ""
    await acreate_link_artifact(link=link, link_text=f"{mark}{text}", key=key, description=f"{mark}{text}")
