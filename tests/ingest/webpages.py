"""Pages of articles as sites write them, made of words of our own."""

from __future__ import annotations

TITLE = "India and Russia sign a rail treaty in Delhi"
LEAD = "The two countries signed a treaty on Monday."
_SENTENCES = (
    "India and Russia signed a rail treaty in Delhi on Monday after two years of talks between their ministries.",
    "The treaty covers freight wagons, signals and the training of drivers, and runs for fifteen years from March.",
    "Officials of both countries said that the first trains would carry grain and machine parts to the northern ports.",
    "A clause on prices was left open, since the central banks have not agreed on how accounts are to be settled.",
    "Analysts in the capital called the deal modest, yet the largest of its kind since the corridor was first drawn.",
)
STORY = "".join(f"<p>{sentence}</p>" for sentence in _SENTENCES)


def page(body: str = STORY, *, title: str = TITLE, head: str = "", before: str = "", after: str = "") -> bytes:
    """A page with a menu, an article and a foot."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{head}</head><body>{before}'
        '<header><nav><ul><li><a href="/">Home</a></li><li><a href="/w">World</a></li></ul></nav></header>'
        f"<main><article><h1>{title}</h1>{body}</article></main>{after}"
        '<footer><p>Copyright. <a href="/terms">Terms of use</a></p></footer></body></html>'
    ).encode()
