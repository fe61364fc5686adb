"""How a long step tells how far it is."""

from __future__ import annotations

import asyncio

import pytest
from prefect import flow, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows import reporting
from tests.flows.inprocess import IN_PROCESS

pytestmark = IN_PROCESS


def bars(key: str) -> list[tuple[object, str | None]]:
    async def found() -> list[tuple[object, str | None]]:
        async with get_client() as client:
            rows = await client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
        return [(row.data, row.description) for row in rows]

    return asyncio.run(found())


@flow
async def counting(label: str, in_thread: bool) -> None:
    def step() -> None:
        with reporting.progress(label) as report:
            for done in range(1, 5):
                report(done, 4, "an item")

    await asyncio.to_thread(step) if in_thread else step()


@pytest.mark.parametrize("in_thread", [True, False])
def test_a_long_step_has_one_bar_on_the_page_and_it_ends_full(in_thread: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "LINE_EVERY", 0.0)
    monkeypatch.setattr(reporting, "PAGE_AFTER", 0.0)
    asyncio.run(counting(f"Counting: {in_thread}", in_thread))
    assert bars(f"progress-counting-{in_thread}".lower()) == [(100.0, f"Counting: {in_thread}: 4 of 4")]


def test_a_short_step_has_none() -> None:
    asyncio.run(counting("Briefly", True))
    assert bars("progress-briefly") == []
