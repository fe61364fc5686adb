"""A person's note at the top of mails that are composed already: in the text and in the HTML part, nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from alerts.mail import MAIL_POLICY
from alerts.render import render_part
from store.errors import ConfigError

LONGEST = 600
"""Characters. All of them escaped are some 4 kB, and a digest of the largest size still stays whole in Gmail."""
PLACE = "<!--note-->"
"""Where the HTML takes the note. Texts from outside cannot hold it: autoescape turns their `<` into an entity."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a person adds to a digest, on one line, and who."""

    text: str
    author: str


def note_html(html: str, note: Note, templates: Path) -> str:
    """*html* with the note in its place.

    Raises:
        ConfigError: a template of the user's own has no place for it.
    """
    if PLACE not in html:
        raise ConfigError(
            f"these mails have no place for a note: digest.html in {templates} lacks {PLACE}; "
            "send without a note, or drop"
        )
    return html.replace(PLACE, render_part(templates, "note.html", note=note).strip(), 1)


def note_text(text: str, note: Note, templates: Path) -> str:
    """*text* below the note."""
    return render_part(templates, "note.txt", note=note).strip() + "\n\n" + text


def with_note(mime: bytes, note: Note, templates: Path) -> bytes:
    """The mail *mime*, not yet signed, with the note in each of its parts; headers, pictures and structure stay.

    Raises:
        ConfigError: as `note_html`.
    """
    message = cast("EmailMessage", message_from_bytes(mime, policy=MAIL_POLICY))  # the policy makes these
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    if isinstance(plain, EmailMessage):
        plain.set_content(note_text(plain.get_content(), note, templates))
    if isinstance(html, EmailMessage):
        html.set_content(note_html(html.get_content(), note, templates), subtype="html")
    return message.as_bytes()
