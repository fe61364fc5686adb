"""What mail programs do with HTML, as far as a digest could be harmed by it.

Our own table, written from the tests that caniemail.com publishes (state of 2026) and from what the makers document.
Only programs that the readers of a desk use: Gmail in a browser and on Android, and Outlook for Windows, whose engine
is Word's.
A property or an element that is not here was not looked up yet: look, then add it to the right table.
"""

from __future__ import annotations

GMAIL, OUTLOOK = "Gmail", "Outlook for Windows"

UNSUPPORTED_ELEMENTS = {
    "svg": (GMAIL, OUTLOOK),
    "form": (GMAIL, OUTLOOK),
    "input": (GMAIL, OUTLOOK),
    "button": (OUTLOOK,),
    "select": (GMAIL, OUTLOOK),
    "textarea": (GMAIL, OUTLOOK),
    "meter": (GMAIL, OUTLOOK),
    "progress": (GMAIL, OUTLOOK),
    "video": (GMAIL, OUTLOOK),
    "audio": (GMAIL, OUTLOOK),
    "iframe": (GMAIL, OUTLOOK),
    "object": (GMAIL, OUTLOOK),
    "script": (GMAIL, OUTLOOK),
    "link": (GMAIL, OUTLOOK),
    "base": (GMAIL, OUTLOOK),
    "picture": (OUTLOOK,),
    "details": (OUTLOOK,),
}

UNSUPPORTED_PROPERTIES = {
    "position": (GMAIL, OUTLOOK),
    "float": (OUTLOOK,),
    "flex": (OUTLOOK,),
    "grid": (OUTLOOK,),
    "gap": (OUTLOOK,),
    "columns": (OUTLOOK,),
    "background-image": (OUTLOOK,),
    "background-size": (OUTLOOK,),
    "border-radius": (OUTLOOK,),
    "box-shadow": (GMAIL, OUTLOOK),
    "text-shadow": (GMAIL, OUTLOOK),
    "transform": (GMAIL, OUTLOOK),
    "transition": (GMAIL, OUTLOOK),
    "animation": (GMAIL, OUTLOOK),
    "filter": (GMAIL, OUTLOOK),
    "clip-path": (GMAIL, OUTLOOK),
    "object-fit": (OUTLOOK,),
    "inset": (GMAIL, OUTLOOK),
    "aspect-ratio": (OUTLOOK,),
    "accent-color": (GMAIL, OUTLOOK),
    "color-scheme": (GMAIL, OUTLOOK),
    "writing-mode": (OUTLOOK,),
}

SUPPORTED_PROPERTIES = frozenset(
    {
        "background-color", "border", "border-bottom", "border-collapse", "border-left", "border-top", "color",
        "display", "font-family", "font-size", "font-weight", "height", "letter-spacing", "line-height", "margin",
        "margin-top", "padding", "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align",
        "text-decoration", "text-transform", "vertical-align", "white-space", "width",
    }
)  # fmt: skip
"""Both take these, `padding` on table cells alone in Outlook."""

HARMLESS_PROPERTIES = {
    "-webkit-text-size-adjust": "for phones, which alone would change the size",
    "max-width": "an attribute width stands beside it",
    "max-height": "hides the preheader further; display: none does it everywhere",
    "opacity": "hides the preheader further; display: none does it everywhere",
    "overflow": "hides the preheader further; display: none does it everywhere",
}
"""Outlook leaves these out, and nothing is lost; the reason."""

UNSUPPORTED_VALUES = {
    r"display\s*:\s*(inline-)?(flex|grid)": (OUTLOOK,),
    r"\bvar\(": (GMAIL, OUTLOOK),
    r"\bcalc\(": (OUTLOOK,),
    r"\b(rgba|hsla?|oklch|color-mix)\(": (OUTLOOK,),
    r"[\d.](rem|vw|vh|ch)\b": (OUTLOOK,),
    r"linear-gradient": (OUTLOOK,),
    r"\burl\(": (GMAIL, OUTLOOK),
    r"@import": (GMAIL, OUTLOOK),
    r"@font-face": (GMAIL, OUTLOOK),
    r"data:": (GMAIL,),
    r"\bmargin(-(top|right|bottom|left))?\s*:[^;\"]*-\d": (GMAIL, OUTLOOK),
}
"""Patterns over a style."""
