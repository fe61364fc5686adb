"""The HTML, text and Markdown forms: what is in them, and that nothing from outside is ever interpreted."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
from markdown_it import MarkdownIt

from alerts.approval import Decided, Waiting
from alerts.approval import Verdict as Decision
from alerts.articlewhy import ArticleWhy, Counted, DyadWhy, ReadWhy, Sibling
from alerts.digestreport import DigestReport
from alerts.draft import Rendered, render
from alerts.facts import DigestFacts, Outage
from alerts.model import BlocMove, Direction, Found, Kind, Verdict
from alerts.newest import ArticleRow
from alerts.notify import DigestKind, Reason
from alerts.outbox import DeliverReport
from alerts.palette import CHART, DARK, LIGHT
from alerts.press import PressCell
from alerts.readers import Reader
from alerts.render import MAX_HTML, html_size, md, render_artifact, render_html, render_text
from alerts.series import SeriesReport
from alerts.shifts import DetectReport
from alerts.tiecharts import TieChart
from alerts.view import LIMITS, compose
from classify.outcome import UnreadCount, Usage, Why
from ingest.articles import LeftOut
from ingest.dossier import SeedProblem
from ingest.importer import BadLine, ImportReport
from ingest.policy import Health
from ingest.poll import PollReport, PollRow
from ingest.seeds import Change, ClaimCounts, DocumentRow, SeedReport
from ingest.trace import ArticleTrace, LeftOutTrace, MergeTrace, PollTrace, ReadingTrace
from store.settings import ROOT, Settings
from tests.alerts.helpers_digest import evidence, facts, feeds, quiet_facts, shift, states, steady_states, story

TEMPLATES = ROOT / "templates"
VOID = {"meta", "img", "br", "link", "input", "hr"}
HOSTILE = "</p><script>alert(1)</script>\"'{{7*7}}{% raw %}\r\nBcc: x@example.org\x00\u202e<img src=x onerror=alert(1)>"
CHARTS = {name: f"cid:{name}@x" for name in ("in-ru", "ru-cn", "in-cn", "triangle")}


class Page(HTMLParser):
    """Tags with their attributes, visible text, and a check that every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not set(self._open) & {"style", "title"}:
            self.text += data

    def all(self, name: str) -> list[dict[str, str]]:
        return [attrs for tag, attrs in self.tags if tag == name]


def page(given: DigestFacts) -> Page:
    return Page(render_html(TEMPLATES, compose(given), CHARTS))


def hostile_facts() -> DigestFacts:
    bad = story(
        title=HOSTILE, outlet=HOSTILE, sentence=HOSTILE, url="javascript:alert(1)", lang='en" onload="alert(1)',
        bloc=HOSTILE, theme=HOSTILE, claim_id="border-blocks-thaw", claim_relation="supports",
    )  # fmt: skip
    moved = replace(evidence(), stories=[bad, replace(bad, url="https://good.example@evil.example/")], counter=bad)
    moved = replace(moved, outlets=[replace(part, name=HOSTILE) for part in moved.outlets], fragile=HOSTILE)
    claim = replace(facts().claims["border-blocks-thaw"], text=HOSTILE, document=HOSTILE, publisher=HOSTILE)
    roster = replace(feeds(), feeds=tuple(replace(f, outlet=HOSTILE, error=HOSTILE) for f in feeds().feeds))
    return facts(
        shifts=(shift(evidence=moved),),
        feeds=roster,
        claims={claim.id: claim},
        public_url="javascript:alert(1)",
        model=HOSTILE,
        earlier=(shift(id=9),),
        held={9: HOSTILE},
        outages={7: Outage(0.4, (HOSTILE, HOSTILE))},
        press=(PressCell(HOSTILE, "IN-CN", 0.1, 0.2, 9),),
    )


def test_hostile_text_shows_as_text_in_html() -> None:
    html = render_html(TEMPLATES, compose(hostile_facts()), CHARTS)
    made = Page(html)
    allowed = {"html", "head", "meta", "title", "style", "body", "div", "table", "caption", "thead", "tbody", "tr",
               "th", "td", "p", "span", "strong", "h1", "h2", "h3", "br", "a", "img"}  # fmt: skip
    assert {tag for tag, _ in made.tags} <= allowed
    assert not [name for _, attrs in made.tags for name in attrs if name.startswith("on")]
    assert not made.all("a")
    assert "<script>alert(1)</script>" in made.text
    assert "{{7*7}}" in made.text
    assert "\u202e" not in html
    assert "\x00" not in html


def test_hostile_text_stays_on_its_line_in_the_text_part() -> None:
    text = render_text(TEMPLATES, compose(hostile_facts()))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", text)
    assert "javascript:" not in text
    assert "evil.example" not in text
    assert "{{7*7}}" in text


def test_hostile_text_never_reaches_the_subject() -> None:
    subject = compose(hostile_facts()).subject
    assert "script" not in subject
    assert subject.isprintable()


def test_every_html_template_is_escaped_whatever_its_name(tmp_path: Path) -> None:
    for path in TEMPLATES.rglob("*.html"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "digest.html").write_text("{% include 'part.j2' %}", encoding="utf-8")
    (tmp_path / "part.j2").write_text("<p>{{ d.title }}</p>", encoding="utf-8")
    view = replace(compose(facts()), title="<b>x</b>")
    assert "&lt;b&gt;x&lt;/b&gt;" in render_html(tmp_path, view, CHARTS)


def test_a_name_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "digest.txt").write_text("{{ d.no_such_field }}", encoding="utf-8")
    with pytest.raises(jinja2.UndefinedError):
        render_text(tmp_path, compose(facts()))


def test_only_http_links_and_only_charts_by_reference() -> None:
    made = page(facts())
    assert [a["href"] for a in made.all("a")] == [f"https://demo-herald.example/asia/{n}" for n in range(1, 7)]
    assert [img["src"] for img in made.all("img")] == [
        f"cid:{name}@x" for name in ("in-cn", "triangle", "in-ru", "ru-cn")
    ]


def test_both_parts_tell_of_themes_of_presses_and_of_the_triangle(settings: Settings) -> None:
    moves = [BlocMove(HOSTILE, Verdict.MOVED, 40, 0.45, 0.2, 0.7), BlocMove("india", Verdict.STILL, 30, 0.0, -0.1, 0.1)]
    split = shift(id=8, kind=Kind.BLOC, bloc=HOSTILE, evidence=replace(evidence(), bloc_moves=moves))
    theme = shift(id=9, kind=Kind.THEME, dyad="", theme=HOSTILE, direction=Direction.RISE, before=0.1, after=0.2)
    measured = tuple(replace(one, change=0.3, change_low=0.2, change_high=0.4) for one in states())
    made = render(settings, facts(shifts=(theme, split), states=measured), "k")
    page = Page(made.html)
    unfilled = " ".join(made.text.split())
    for text in (" ".join(page.text.split()), unfilled):
        assert "Did not follow: the Indian press (0.00; 95 % range −0.10 to +0.10)." in text
        assert "Of all stories on the three ties" in text
        assert "all three ties converge: the triangle draws together" in text
        assert "{{7*7}}" in text
    assert "<script" not in made.html
    assert "\x00" not in made.html + made.text
    assert "\n" not in made.view.subject
    assert [name for name, _ in page.tags].count("script") == 0


def test_the_first_screen_says_what_by_how_much_and_how_sure() -> None:
    text = " ".join(page(facts()).text.split())
    order = [
        "Shift · 21–27 October 2024",
        "India–China coverage turned convergent",
        "+0.73",
        "95 % range +0.55 to +0.90",
        "Average stance rose from −0.41 to +0.32",
        "about once in 3 years",
        "Stories that carry it",
        "Speaks against it",
        "2 stories undercut the claim",
        "The three ties",
        "All three sides of the triangle",
        "12 of 15 feeds answered",
        "How it was computed",
        "Why this mail",
    ]
    places = [text.index(piece, text.index(order[0])) for piece in order]
    assert places == sorted(places)


def test_it_works_without_images_since_each_states_its_numbers_twice() -> None:
    made = page(facts())
    alts = [str(img["alt"]) for img in made.all("img")]
    picture = alts.pop(1)
    assert all(re.search(r"[+−]0\.\d\d this week, usual level [+−]0\.\d\d", alt) for alt in alts)
    assert len(re.findall(r"India–Russia: |Russia–China: |India–China: ", picture)) == 3
    assert len(re.findall(r"average stance [+−]0\.\d\d", picture)) == 3
    for number in ("+0.28", "+0.42", "+0.40", "+0.19", "−0.41"):
        assert number in made.text


def test_what_the_picture_shows_is_in_the_text_part_and_said_beneath_it(settings: Settings) -> None:
    made = render(settings, facts(), "k")
    assert made.view.picture is not None
    assert made.view.picture.alt in " ".join(made.text.split())
    assert "The last two weeks, against the usual level." in Page(made.html).text


def test_without_a_baseline_nothing_is_set_beside_the_usual(settings: Settings) -> None:
    young = tuple(replace(s, baseline=None, baseline_stories=None, history_days=12) for s in steady_states())
    made = render(settings, quiet_facts(states=young), "k")
    shown = Page(made.html).text.partition("The three ties")[2].partition("Average stance runs")[0]
    assert "–" not in re.sub(r"\w–\w", "", shown)
    assert not {"Usual", "Change"} & set(shown.split())
    assert "usual" not in made.text.partition("THE THREE TIES")[2].partition("Average stance runs")[0]
    report = DigestReport(Reason.WEEKLY, DigestKind.WEEKLY, 1, view=made.view)
    markdown = render_artifact(settings, "digest", mark="", digest=report, delivery=DeliverReport())
    assert "(–)" not in markdown
    assert "Stance (usual)" not in markdown


def test_it_can_be_read_by_ear() -> None:
    made = page(facts())
    assert made.all("html")[0]["lang"] == "en"
    langs = [attrs["lang"] for tag, attrs in made.tags if tag == "a"]
    assert langs == ["en", "zh", "ru", "hi", "en", "en"]
    data_tables = [attrs for attrs in made.all("table") if attrs.get("role") != "presentation"]
    assert len(data_tables) == 1
    assert Counter(th["scope"] for th in made.all("th")) == {"col": 6, "row": 3}
    headings = [tag for tag, _ in made.tags if tag in ("h1", "h2", "h3")]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1


@pytest.mark.parametrize(
    "unsupported",
    ["display: flex", "display: grid", "var(--", "<svg", "position:", "data:", "@import", "<link", "url("],
)
def test_nothing_that_mail_programs_drop(unsupported: str) -> None:
    # From the support tables of caniemail.com: Outlook on Windows or Gmail ignores each of these.
    html = render_html(TEMPLATES, compose(facts()), CHARTS)
    assert unsupported not in html


def test_dark_mode_and_phone_width_survive_inlining() -> None:
    html = render_html(TEMPLATES, compose(facts()), CHARTS)
    assert "prefers-color-scheme" in html
    assert "max-width: 520px" in html or "max-width:520px" in html
    body = html[html.index("<body") :]
    assert 'class="sans"' in body
    assert LIGHT["page"] in body


def test_no_text_is_smaller_than_14_pixels() -> None:
    html = render_html(TEMPLATES, compose(facts()), CHARTS)
    sizes = {int(size) for size in re.findall(r"font-size:\s*(\d+)px", html)}
    assert min(sizes - {1}) >= 14  # 1 px is that of spacers and of the hidden preheader


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.3."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["card", "panel"])
@pytest.mark.parametrize("ink", ["ink", "soft", "link", "up", "down", "flat", "warn"])
def test_contrast(palette: dict[str, str], ground: str, ink: str) -> None:
    assert contrast(palette[ink], palette[ground]) >= 4.5


def test_contrast_of_the_banner_and_of_the_charts() -> None:
    for palette in (LIGHT, DARK):
        assert contrast(palette["warn"], palette["warn_panel"]) >= 4.5
    for ink in ("ink", "soft", "line", "up", "down", "flat"):
        assert contrast(CHART[ink], CHART["card"]) >= 4.5


def test_convergence_and_divergence_are_told_apart_without_colour() -> None:
    text = page(facts()).text
    assert "↑ convergence" in text
    assert "↓ divergence" in text


def huge_facts() -> DigestFacts:
    long = "Ж" * 2_000
    url = "https://e.example/" + "%D0" * 600
    stories = [story(n, title=f"{n} {long}", sentence=long, outlet=f"{n} {long}", url=url) for n in range(5)]
    many = tuple(
        shift(id=n, evidence=replace(evidence(), stories=stories, counter=stories[0], story_count=400))
        for n in range(40)
    )
    roster = replace(feeds(), feeds=tuple(replace(feeds().feeds[12], key=str(n), outlet=long) for n in range(300)))
    return facts(shifts=many, feeds=roster)


def made(settings: Settings, given: DigestFacts) -> Rendered:
    return render(settings, given, "shift-2024-10-27-0")


def test_a_digest_never_grows_beyond_what_gmail_shows(settings: Settings) -> None:
    assert html_size(render_html(TEMPLATES, compose(huge_facts(), LIMITS[0]), CHARTS)) > MAX_HTML
    digest = made(settings, huge_facts())
    assert html_size(digest.html) < MAX_HTML
    assert re.search(r"and \d+ more shifts", digest.view.more_shifts)
    assert re.search(r"and \d+ more feeds", digest.view.more_feeds)
    assert all(re.match(r"and \d+ more stories", s.more_stories) for s in digest.view.shifts)


def test_an_ordinary_digest_is_far_below_and_loses_nothing(settings: Settings) -> None:
    digest = made(settings, facts())
    assert html_size(digest.html) < 0.7 * MAX_HTML
    assert len(digest.view.shifts[0].stories) == 5


def test_the_page_beside_the_mail_stands_alone(settings: Settings) -> None:
    digest = made(settings, facts())
    sources = [img["src"] for img in Page(digest.page).all("img")]
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "cid:" not in digest.page
    assert "http://" not in digest.page


def test_the_replay_is_marked_in_both_parts(settings: Settings) -> None:
    digest = made(settings, quiet_facts(replay=True))
    assert digest.text.startswith("*** REPLAY: ")
    assert "REPLAY: the bundled archive" in Page(digest.html).text
    assert digest.view.subject.startswith("REPLAY: ")


def test_text_lines_fit_a_terminal() -> None:
    text = render_text(TEMPLATES, compose(facts()))
    assert max(len(line) for line in text.splitlines() if "http" not in line) <= 76
    assert "\n\n\n" not in text


def as_html(markdown: str) -> str:
    """As the UI shows it: tables on, raw HTML let through, bare addresses made into links."""
    return str(MarkdownIt("gfm-like", {"html": True, "linkify": False}).enable("table").render(markdown))


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[click](javascript:alert(1))",
        "![x](https://tracker.example/x.png)",
        "a | b | c",
        "`code` **bold** _it_ ~~no~~",
        "# heading",
        "- item",
        "1. item",
        "+ item",
        "> quote",
        "&lt;b&gt; &amp; &#60;",
        "\\*stars\\*",
        "*" * 8,
        "-" * 8,
        "$x^2$",
    ],
)
def test_markdown_shows_exactly_these_characters(text: str) -> None:
    html = as_html(f"* {md(text)}\n")
    inner = re.fullmatch(r"<ul>\n<li>(.*)</li>\n</ul>\n", html, re.DOTALL)
    assert inner is not None
    seen = inner[1]
    assert "<" not in seen
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        seen = seen.replace(entity, character)
    assert seen == text


def digest_report(settings: Settings, given: DigestFacts) -> DigestReport:
    digest = made(settings, given)
    return DigestReport(
        reason=Reason.SHIFT_OPENED, subject=digest.view.subject, view=digest.view, charts=digest.charts,
        html_path=Path("var/digests/x.html"),
    )  # fmt: skip


def test_the_artifact_of_a_digest_holds_nothing_hostile(settings: Settings) -> None:
    report = digest_report(settings, hostile_facts())
    html = as_html(render_artifact(settings, "digest", mark="", digest=report, delivery=DeliverReport()))
    assert "<script" not in html
    assert "<img src=x" not in html
    assert not re.search(r'href="(?!https?://)', html)
    assert not re.search(r'src="(?!data:image/png)', html)


def test_the_artifact_of_a_digest_says_what_the_mail_says(settings: Settings) -> None:
    report = digest_report(settings, facts())
    markdown = render_artifact(settings, "digest", mark="REPLAY", digest=report, delivery=DeliverReport(sent=1))
    html = as_html(markdown)
    assert markdown.startswith("**REPLAY**")
    assert "<h1>India–China coverage turned convergent</h1>" in html
    assert html.count("<table>") == 1
    assert html.count("data:image/png") == 4  # three ties and their triangle
    assert 'href="https://demo-herald.example/asia/1"' in html
    assert "1 mail sent, 0 failed" in html


def test_no_digest_has_a_page_too(settings: Settings) -> None:
    report = DigestReport(reason=Reason.NOTHING_NEW)
    markdown = render_artifact(settings, "digest", mark="", digest=report, delivery=DeliverReport())
    assert markdown.startswith("# No digest\n\nNo shift is waiting to be told")


def artifact_fields() -> dict[str, dict[str, object]]:
    """Reports as the steps give them, with hostile text wherever text from outside can stand."""
    now = dt.datetime(2024, 10, 28, 1, 0, tzinfo=dt.UTC)
    day = dt.date(2024, 10, 27)
    row = PollRow("demo", HOSTILE, "india", "failed", Health.BLOCKED, 403, HOSTILE, 0, 0, 0, 0, 0, 1.25, network=False)
    found = Found(
        dyad="IN-CN", kind=Kind.STANCE, direction=Direction.CONVERGENCE, onset=day, detected=day, magnitude=0.7,
        low=0.5, high=0.9, before=-0.4, after=0.3, log_evidence=9.4, threshold=6.1, years=3, confidence="strong",
        returned=False, text=HOSTILE,
    )  # fmt: skip
    theme = replace(found, dyad="", kind=Kind.THEME, direction=Direction.RISE, theme=HOSTILE)
    split = replace(found, kind=Kind.BLOC, bloc=HOSTILE)
    reading = {
        "day": day, "outlet": HOSTILE, "bloc": "india", "lang": "en", "title": HOSTILE, "url": "javascript:alert(1)",
        "dyads": {"IN-CN": 1, "IN-RU": -1}, "themes": ["border"], "evidence": HOSTILE, "claim": HOSTILE,
        "relation": "supports",
    }  # fmt: skip
    document = DocumentRow("paper", HOSTILE, Change.NEW, None, (HOSTILE,), 3)
    left_out = LeftOutTrace(HOSTILE, HOSTILE, LeftOut.ELSEWHERE, day, day, None)
    article = ArticleTrace(
        id=3, title=HOSTILE, url="javascript:alert(1)", outlet=HOSTILE, feed=HOSTILE, imported=False, first_seen_at=now,
        day=day, published_raw=HOSTILE, date_quality=HOSTILE, poll=PollTrace(7, now, HOSTILE, 200, HOSTILE, 30, 0, 0),
        story=2, story_title=HOSTILE, story_articles=5, story_outlets=4,
        merges=(MergeTrace(9, HOSTILE, 5, HOSTILE, 0.83, now),),
        readings=(ReadingTrace(HOSTILE, now, True, 0.9, HOSTILE, (("IN-RU", 1, 0.81),), HOSTILE),) * 2,
        also=(left_out,),
    )  # fmt: skip
    why = ArticleWhy(
        trace=article,
        reading=ReadWhy(
            HOSTILE, now, True, 0.9, (DyadWhy("IN-CN", 1, 0.1, 0.1, 0.8),), ((HOSTILE, 0.5),),
            ((HOSTILE, "supports", 0.5),), HOSTILE,
        ),
        siblings=(Sibling(HOSTILE, "javascript:alert(1)", HOSTILE, day),),
        counted=(Counted("IN-CN", 1, 0.7, HOSTILE),),
        uncounted="",
        shifts=((1, HOSTILE),),
    )  # fmt: skip
    return {
        "article": {
            "asked": HOSTILE,
            "others": [HOSTILE],
            "dates": {},
            "rest": [article],
            "whys": [why, replace(why, reading=None, counted=(), uncounted=HOSTILE)],
        },
        "approval": {
            "found": Waiting(1, HOSTILE, (HOSTILE, HOSTILE), (HOSTILE,), HOSTILE, now, now, Decision.SEND),
            "text": f"{HOSTILE}\n\n{HOSTILE}",
        },
        "decided": {"done": Decided(1, Decision.DROP, 2, HOSTILE, HOSTILE, HOSTILE)},
        "polled": {"report": PollReport((row,), not_due=2), "now": now},
        "articles": {"rows": [ArticleRow(day, HOSTILE, "india", "en", HOSTILE, "javascript:alert(1)")], "since": now},
        "imported": {"report": ImportReport(1, 2, 1, 0, 0, [BadLine(HOSTILE, 2, HOSTILE)], 5), "now": now},
        "seeds": {
            "report": SeedReport((document,), (SeedProblem(HOSTILE, 3, HOSTILE),), (), ClaimCounts(new=1)),
            "now": now,
        },
        "readings": {
            "report": SimpleNamespace(
                read=3, relevant=1, model=HOSTILE, unread=(UnreadCount(Why.BUSY, 2, HOSTILE),), usage=Usage(3, cost=0.5)
            ),
            "rows": [reading],
            "now": now,
        },
        "shifts": {
            "report": DetectReport(
                day,
                "m",
                [(1, found)],
                [1],
                [(2, "faded")],
                400,
                30,
                28,
                [HOSTILE],
                usable=True,
                degraded=True,
                pattern=HOSTILE,
            ),
            "series": SeriesReport(3, 2, 5, day, day),
            "states": states(),
            "day": day,
            "now": now,
        },
        "replay": {
            "report": SimpleNamespace(
                summary=HOSTILE, shifts=(HOSTILE,), digests=("var/x.html",), mails_sent=1, mails_failed=0
            ),
            "until": day,
            "folder": Path("var/replay"),
        },
        "report": {
            "done": SimpleNamespace(day=day, path=Path("var/report"), feed=Path("var/report"), size_words=HOSTILE),
            "states": states(),
            "shifts": [shift(text=HOSTILE)],
            "link": "javascript:alert(1)",
            "now": now,
        },
        "export": {
            "done": SimpleNamespace(rows=3, what=HOSTILE, path=Path("x.csv"), model=HOSTILE),
            "asked": SimpleNamespace(first=day, last=day, dyad="IN-CN"),
            "columns": ["id", "title"],
        },
        "checked": {
            "rows": [
                SimpleNamespace(
                    key="demo",
                    outlet=HOSTILE,
                    answer=HOSTILE,
                    items=3,
                    newest=day,
                    status=HOSTILE,
                    day=HOSTILE,
                    advice=HOSTILE,
                )
            ]
        },
        "roster": {"lines": [HOSTILE], "by": HOSTILE},
        "subscribers": {"words": HOSTILE, "rows": [(Reader(HOSTILE), HOSTILE)]},
        "silences": {"words": HOSTILE, "rows": [(1, HOSTILE, HOSTILE)]},
        "shift": {
            "x": SimpleNamespace(
                row=SimpleNamespace(id=7),
                view=compose(hostile_facts()).shifts[0],
                evidence=HOSTILE,
                life=[SimpleNamespace(at=now, state="found", why=HOSTILE)],
                told=[(HOSTILE, now)],
                judgements=[(HOSTILE, "wrong", HOSTILE)],
            )
        },
        "operation": {"title": HOSTILE, "summary": HOSTILE, "rows": [(HOSTILE, HOSTILE), ("file", Path("out"))]},
        "backtest": {
            "report": SimpleNamespace(
                folder=Path("out"),
                start=day,
                end=day,
                items=9,
                articles=5,
                relevant=4,
                skipped=1,
                shifts=(found, theme, split),
                brief=(HOSTILE,),
                seconds=12.3,
                model=HOSTILE,
            )
        },
    }


@pytest.mark.parametrize("name", sorted(artifact_fields()))
def test_artifacts_show_hostile_text_as_text(settings: Settings, name: str) -> None:
    markdown = render_artifact(settings, name, mark="REPLAY", **artifact_fields()[name])
    assert markdown.startswith("**REPLAY**")
    html = as_html(markdown)
    assert "<h1>" in html
    assert "<script" not in html
    assert "<img" not in html
    assert 'javascript:alert(1)"' not in html
    assert not re.search(r'href="(?!https?://)', html)
    assert "alert(1)" in html
    assert "\u202e" not in html


def test_tables_of_artifacts_keep_their_columns_whatever_is_in_them(settings: Settings) -> None:
    fields = artifact_fields()["readings"]
    rows = [{**reading, "title": "a | b", "evidence": "c | d"} for reading in fields["rows"]]  # type: ignore[attr-defined]
    html = as_html(render_artifact(settings, "readings", mark="", **(fields | {"rows": rows})))
    body = html[html.index("<tbody>") :]
    assert body.count("<td") == 7
    assert "a | b" in body
    assert "India–China ↑ convergence, India–Russia ↓ divergence" in body


def test_what_a_run_was_asked_for_is_shown_as_text(settings: Settings) -> None:
    html = as_html(render_artifact(settings, "asked", rows=[(HOSTILE, HOSTILE), ("a | b", "c | d")]))
    assert "<script" not in html
    assert "<img" not in html
    assert "<td>a | b</td>\n<td>c | d</td>" in html


def test_every_artifact_template_is_tested() -> None:
    names = {path.stem for path in (TEMPLATES / "artifacts").glob("*.md")}
    assert names == {*artifact_fields(), "digest", "asked", "ties"}


def test_the_ties_charts_are_the_only_pictures_of_their_page_and_hostile_words_are_text(settings: Settings) -> None:
    charts = [TieChart(HOSTILE, b"\x89PNG"), TieChart("Plain words.", b"\x89PNG")]
    html = as_html(render_artifact(settings, "ties", mark="REPLAY", charts=charts, day=dt.date(2024, 11, 1)))
    assert "<h1>Twelve weeks, tie by tie</h1>" in html
    assert re.findall(r'<img src="([^,"]*),', html) == ["data:image/png;base64"] * 2
    assert "<script" not in html
    assert "alert(1)" in html
    assert "<p>Plain words.</p>" in html
