"""The HTML of whole digests against what mail programs leave out, and against what makes them hard to read."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser

from alerts.draft import render
from alerts.facts import ClaimFact, Outage
from alerts.model import BlocMove, Direction, Kind, Part, Verdict
from alerts.narrativenews import NarrativeStoryView, NarrativeView
from alerts.press import PressCell
from alerts.render import MAX_HTML, data_url, html_size, render_html
from alerts.view import DigestView, compose
from ingest.ties import ties
from store.settings import Settings
from tests.alerts.helpers_browser import MEASURE, chromium
from tests.alerts.helpers_digest import evidence, facts, quiet_facts, shift, story
from tests.alerts.helpers_mailprograms import (
    HARMLESS_PROPERTIES,
    SUPPORTED_PROPERTIES,
    UNSUPPORTED_ELEMENTS,
    UNSUPPORTED_PROPERTIES,
    UNSUPPORTED_VALUES,
)
from tests.alerts.test_render import CHARTS, TEMPLATES, Page

__all__ = ["chromium"]

DIGESTS = ["full", "shift", "quiet replay"]


def everything() -> DigestView:
    """A view in which no section of the template is empty, and every kind of shift is told."""
    moves = [
        BlocMove("russia", Verdict.MOVED, 40, 0.45, 0.2, 0.7),
        BlocMove("india", Verdict.STILL, 30, 0.0, -0.1, 0.1),
        BlocMove("china", Verdict.OPPOSITE, 9, -0.3, -0.5, -0.1),
    ]
    split = replace(evidence(), bloc_moves=moves, fragile="Demo Herald")
    shifts = (
        shift(),
        shift(id=8, kind=Kind.BLOC, bloc="russia", evidence=split),
        shift(id=9, kind=Kind.THEME, dyad="", theme="border", direction=Direction.RISE, before=0.1, after=0.2),
        shift(id=10, dyad="IN-RU", direction=Direction.DIVERGENCE, magnitude=-0.4, low=-0.6, high=-0.2),
    )
    press = tuple(
        PressCell(bloc, dyad, score, 0.1, 9)
        for bloc in ("india", "china")
        for dyad, score in (("IN-RU", 0.2), ("RU-CN", None), ("IN-CN", -0.3))
    )
    told = compose(
        facts(
            shifts=shifts,
            replay=True,
            public_url="https://watch.example",
            report_url="https://watch.example/report",
            press=press,
            outages={7: Outage(0.2, ("Demo Gazette",))},
            earlier=(shift(id=11), shift(id=12)),
            held={11: "silenced until 5 November 2024 by Ann: summit"},
        )
    )
    first = replace(told.shifts[0], caution="Handle with care.", fragile=True, more_stories="and 4 more")
    title = "Индия и Китай объявили о разведении войск"
    linked = NarrativeStoryView(title, "https://demo.example/1", "ru", "Demo")
    narrative = NarrativeView("A narrative", "Nine stories.", "Rarely by chance.", (linked, replace(linked, url=None)))
    return replace(
        told,
        shifts=(first, *told.shifts[1:]),
        doubt="Few feeds answered.",
        cold="Only 40 days of history.",
        quiet="Nothing moved.",
        smallest="0.2 points.",
        narratives=(narrative,),
        more_narratives="and 2 more",
        advice="Look at the stories first.",
        more_feeds="and 3 more",
        more_shifts="and 2 more shifts",
        earlier=("India–Russia, confirmed.",),
        pattern="All three ties converge.",
        triangle="The triangle draws together.",
    )


@pytest.fixture(params=DIGESTS)
def html(request: pytest.FixtureRequest, settings: Settings) -> str:
    if request.param not in _drawn:
        _drawn[request.param] = draw(request.param, settings)
    return _drawn[request.param]


def draw(which: str, settings: Settings) -> str:
    if which == "full":
        return render_html(TEMPLATES, everything(), CHARTS)
    given = facts() if which == "shift" else quiet_facts(replay=True)
    return render(settings, given, "shift-2024-10-27-0").html


_drawn: dict[str, str] = {}
"""Drawn once each, for it takes a second."""


def styles(html: str) -> list[tuple[str, str]]:
    """Tag and style of every element that has one."""
    return [(tag, attrs["style"]) for tag, attrs in Page(html).tags if attrs.get("style")]


def properties(style: str) -> list[str]:
    return [part.partition(":")[0].strip().lower() for part in style.split(";") if part.strip()]


def test_every_section_of_the_template_is_in_the_full_digest() -> None:
    shown = Page(render_html(TEMPLATES, everything(), CHARTS)).text
    for field in ("doubt", "cold", "quiet", "smallest", "more_shifts", "advice", "pattern", "triangle", "more_feeds"):
        assert getattr(everything(), field) in shown
    template = (TEMPLATES / "digest.html").read_text(encoding="utf-8")
    assert [word for word in re.findall(r"<h2[^>]*>([^<{]+)", template) if word not in shown] == []


def test_it_has_no_element_that_a_mail_program_leaves_out(html: str) -> None:
    assert {tag: UNSUPPORTED_ELEMENTS[tag] for tag, _ in Page(html).tags if tag in UNSUPPORTED_ELEMENTS} == {}


def test_every_property_is_one_that_gmail_and_outlook_take(html: str) -> None:
    used = {name for _, style in styles(html) for name in properties(style)}
    assert {name: UNSUPPORTED_PROPERTIES[name] for name in used if name in UNSUPPORTED_PROPERTIES} == {}
    assert used - SUPPORTED_PROPERTIES - set(HARMLESS_PROPERTIES) == set()


@pytest.mark.parametrize("pattern", UNSUPPORTED_VALUES)
def test_no_value_is_one_that_they_do_not_know(html: str, pattern: str) -> None:
    everywhere = [style for _, style in styles(html)] + re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL)
    sources = [attrs.get("src", "") for _, attrs in Page(html).tags]
    assert [text for text in [*everywhere, *sources] if re.search(pattern, text)] == []


def test_space_between_paragraphs_does_not_hang_on_padding_which_outlook_knows_on_cells_alone(html: str) -> None:
    # Beside a border it is the distance from it, which may be small in Outlook.
    padded = [style for tag, style in styles(html) if tag == "p" and "padding-top" in properties(style)]
    assert [style for style in padded if "border-top" not in properties(style)] == []


def test_what_is_not_inline_is_for_phones_and_dark_mode_alone(html: str) -> None:
    (sheet,) = re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL)
    conditions = []
    while (at := sheet.find("@media")) >= 0:
        opened = sheet.index("{", at)
        conditions.append(sheet[at:opened].strip())
        depth, end = 1, opened + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(sheet[end], 0)
            end += 1
        sheet = sheet[:at] + sheet[end:]
    assert conditions == ["@media (max-width: 520px)", "@media (prefers-color-scheme: dark)"]
    assert sheet.strip() == ""


def test_a_digest_of_many_shifts_stays_below_what_gmail_shows(settings: Settings) -> None:
    assert html_size(render_html(TEMPLATES, everything(), CHARTS)) > MAX_HTML  # as it would be if nothing were left out
    many = facts(shifts=tuple(shift(id=number) for number in range(6)), replay=True)
    assert html_size(render(settings, many, "k").html) < MAX_HTML == 90_000


def test_a_digest_of_the_longest_that_feeds_and_seeds_can_bring_still_goes(settings: Settings) -> None:
    long = "<&\"'>" * 100 + "中俄印关系新动向" * 100
    link = "https://demo.example/?" + "&" * 1_900
    told = [
        story(
            number, title=long, sentence=long, outlet=long, url=link, claim_id=f"c{number}", claim_relation="supports"
        )
        for number in range(5)
    ]
    vast = replace(evidence(), stories=told, counter=told[0], outlets=[Part(long, 9, 0.3)] * 3)
    claims = {f"c{number}": ClaimFact(f"c{number}", "IN-CN", 1, long, long, long, "2021") for number in range(5)}
    cells = tuple(PressCell(f"bloc-{n}", dyad, 0.1, 0.2, 9_999) for n in range(40) for dyad in ties().dyads)
    shifts = tuple(shift(id=number, evidence=vast) for number in range(30))
    held = dict.fromkeys(range(100, 300), long)
    earlier = tuple(shift(id=number) for number in held)
    given = facts(shifts=shifts, claims=claims, press=cells, earlier=earlier, held=held, replay=True)
    made = render(settings, given, "k")
    assert html_size(made.html) < MAX_HTML
    for left in (made.view.more_shifts, made.view.more_earlier, made.view.more_press):
        assert left.startswith("and ")
        assert left in " ".join(Page(made.html).text.split())
    assert all(item.url is None for shown in made.view.shifts for item in shown.stories)


def test_tables_say_whether_they_are_data(html: str) -> None:
    page = Page(html)
    for attrs in page.all("table"):
        assert attrs.get("role", "data") in ("presentation", "data")
    data = [attrs for attrs in page.all("table") if "role" not in attrs]
    assert len(data) == 1 + ("side by side" in page.text)
    assert all(attrs.get("scope") in ("col", "row") for attrs in page.all("th"))
    assert html.count("<caption") == len(data)


def test_each_picture_has_words_for_those_who_do_not_see_it(html: str) -> None:
    pictures = Page(html).all("img")
    assert len(pictures) >= 3
    for attrs in pictures:
        assert len(attrs["alt"].split()) >= 6
        assert re.search(r"\d", attrs["alt"])
        assert attrs["width"].isdigit()


def test_titles_and_quotations_say_their_language_and_may_run_from_right_to_left(html: str) -> None:
    foreign = re.compile(r"[\u0400-\u04ff\u0900-\u097f\u4e00-\u9fff]{2}")
    text_of = re.findall(r"<(a|span|p)\b([^>]*)>([^<]*)</\1>", html)
    told = [(attrs, text) for _, attrs, text in text_of if 'class="title"' in attrs or 'class="quote"' in attrs]
    if "Stories that carry it" in html:
        assert len(told) >= 10
        assert any(foreign.search(text) for _, text in told)
    for attrs, text in told:
        lang = re.search(r'lang="([a-z-]+)"', attrs)
        assert lang is not None, text
        assert 'dir="auto"' in attrs
        assert (lang[1] == "en") != bool(foreign.search(text)), text


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700])
def test_every_text_of_the_full_digest_stands_out_from_its_ground(
    chromium: Browser, settings: Settings, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    pictures = render(settings, facts(), "k").charts
    file = tmp_path / "mail.html"
    shown = {name: data_url(png) for name, png in pictures.items()}
    file.write_text(render_html(TEMPLATES, everything(), shown), encoding="utf-8")
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(file.as_uri())
    found: dict[str, Any] = page.evaluate(MEASURE)
    page.close()
    assert found == {"low": [], "small": [], "width": width, "broken": 0}
