"""Templates to text: one environment for HTML, one for plain text, one for the Markdown of the UI's pages.

Each escapes by itself, whatever a template is called and whatever its author forgot: Jinja2's default,
`select_autoescape`, leaves a file named ``x.html.j2`` unescaped. A name that is not there is an error, never a blank.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import css_inline
import jinja2
from markupsafe import Markup

from alerts.palette import DARK, LIGHT
from alerts.shiftview import STANCES
from alerts.view import DigestView
from alerts.wording import dyad_name, signed, the_ties, what_moved
from alerts.words import DASH, count, day_words, plain, printable, safe_url
from store.settings import Settings

MAX_HTML = 90_000
"""Bytes. Gmail cuts a mail at about 102 kB of HTML and hides the rest behind a link."""

_INLINER = css_inline.CSSInliner(keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False)
# CommonMark lets every ASCII punctuation mark be escaped with a backslash; entities stop what renderers add to it:
# raw HTML, mail addresses and bare addresses that become links by themselves.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#!|~$^])")
_BLOCK_START = re.compile(r"^(\d*)([-+=.])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", '"': "&quot;"}


class Markdown(str):
    """Text that is Markdown already, and is not escaped again."""

    __slots__ = ()


def md(value: object, longest: int = 400) -> Markdown:
    """*value* as Markdown that shows exactly these characters, on one line.

    >>> md("[a](javascript:x) <b>")
    '\\\\[a\\\\]\\\\(javascript:x\\\\) &lt;b&gt;'
    """
    if isinstance(value, Markdown):
        return value
    text = plain(str(value), longest)
    text = "".join(_ENTITIES.get(ch, ch) for ch in text).replace("://", "&#58;//")
    text = _MARKDOWN.sub(r"\\\1", text).replace("&\\#", "&#")
    return Markdown(_BLOCK_START.sub(r"\1\\\2", text))


def md_link(text: object, url: str | None) -> Markdown:
    """A link where *url* is http or https, else the text alone."""
    target = safe_url(url or "")
    return Markdown(f"[{md(text)}](<{target}>)") if target else md(text)


def md_code(value: object) -> Markdown:
    """*value* as code: backticks cannot be escaped inside it, so they become apostrophes; a pipe would end a cell."""
    text = plain(str(value), 200).replace("`", "'").replace("|", "¦")
    return Markdown(f"`{text}`" if text else "")


def md_block(value: object) -> Markdown:
    """Laid-out text as it is, in a block of its own: indented by four, nothing in it is Markdown or HTML."""
    return Markdown("\n".join(f"    {line}" for line in printable(str(value)).splitlines()))


def md_picture(alt: object, png: bytes) -> Markdown:
    """A PNG within the page itself."""
    return Markdown(f"![{md(alt)}]({data_url(png)})")


def _score(value: float | None) -> str:
    return DASH if value is None else signed(value)


def _stance(value: int) -> str:
    return STANCES[value][1]


def _day(value: dt.date) -> str:
    return day_words(value)


def _time(value: dt.datetime | None, zone: dt.tzinfo) -> str:
    if value is None:
        return "never"
    local = value.astimezone(zone)
    return f"{day_words(local.date())}, {local:%H:%M}"


@lru_cache(maxsize=4)
def _html(folder: Path) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    made.filters["the_ties"] = the_ties
    return made


@lru_cache(maxsize=4)
def _text(folder: Path) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=False,  # noqa: S701
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_printable,
    )
    made.filters["fill"] = fill
    return made


@lru_cache(maxsize=4)
def _markdown(folder: Path) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=False,  # noqa: S701
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_escaped,
    )
    made.filters.update(
        link=md_link,
        code=md_code,
        block=md_block,
        picture=md_picture,
        day=_day,
        time=_time,
        count=count,
        score=_score,
        stance=_stance,
        dyad=dyad_name,
        moved=what_moved,
        the_ties=the_ties,
    )
    return made


def _printable(value: Any) -> Any:
    """Control and reordering characters never reach a mail, whatever field they came in."""
    if isinstance(value, Markup):  # a macro's output: its values were seen one by one
        return value
    return printable(value) if isinstance(value, str) else value


def _escaped(value: Any) -> Any:
    if isinstance(value, jinja2.Undefined):
        return value
    return md(value, 2_000)


def fill(text: str, indent: int = 0, width: int = 76) -> str:
    """*text* broken into lines of at most *width* characters where it has spaces; the first line is not indented."""
    import textwrap

    wrapped = textwrap.wrap(text, width - indent, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * indent).join(wrapped)


def render_html(folder: Path, view: DigestView, charts: Mapping[str, str]) -> str:
    """The HTML part with its style inline; *charts* gives the address of each chart by its name."""
    page = _html(folder).get_template("digest.html").render(d=view, charts=charts, light=LIGHT, dark=DARK)
    return _INLINER.inline(page)


def render_page(folder: Path, name: str, **fields: Any) -> str:
    """A page for a browser, from ``<name>.html``; every value is escaped."""
    return _html(folder).get_template(f"{name}.html").render(light=LIGHT, dark=DARK, **fields)


def render_part(folder: Path, name: str, **fields: Any) -> str:
    """A piece of a mail from ``parts/<name>``: HTML, every value escaped, or plain text, as the name ends."""
    if name.endswith(".html"):
        return _html(folder).get_template(f"parts/{name}").render(light=LIGHT, dark=DARK, **fields)
    return _text(folder).get_template(f"parts/{name}").render(**fields)


def render_text(folder: Path, view: DigestView) -> str:
    """The text part, from its own template."""
    text = _text(folder).get_template("digest.txt").render(d=view)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def render_artifact(settings: Settings, name: str, **fields: Any) -> str:
    """The Markdown of a page in the UI, from ``artifacts/<name>.md``; every value is escaped."""
    template = _markdown(settings.templates_dir).get_template(f"artifacts/{name}.md")
    text = template.render(zone=settings.zone, timezone=settings.timezone, **fields)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def data_url(png: bytes) -> str:
    """A PNG as an address of its own, for the file that must stand alone. Mail programs do not show these."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def html_size(html: str) -> int:
    """Bytes as a mail program counts them."""
    return len(html.encode("utf-8"))
