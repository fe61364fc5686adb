"""Who is told of what: scope fails closed, silences and outages hold, weak evidence waits until it is confirmed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.readers import Reader
from alerts.scope import Held, News, Quiet, sift, why_held

ALL = Reader("ann@example.org")
SHIFT = News(1, "IN-CN", "stance", (("border", 0.6), ("trade", 0.2)), confidence="moderate")
THEME = News(2, "", "theme", (("trade", 1.0),))
BARE = News(3, "IN-CN", "attention")


@pytest.mark.parametrize(
    ("news", "reader", "held"),
    [
        pytest.param(SHIFT, ALL, None, id="who asks for all gets all"),
        pytest.param(THEME, ALL, None, id="also what belongs to no tie"),
        pytest.param(SHIFT, replace(ALL, dyads=("IN-CN",)), None, id="the tie asked for"),
        pytest.param(SHIFT, replace(ALL, dyads=("IN-RU",)), Held.OUT_OF_SCOPE, id="another tie"),
        pytest.param(
            THEME, replace(ALL, dyads=("IN-RU", "IN-CN")), Held.OUT_OF_SCOPE, id="no tie goes to no such reader"
        ),
        pytest.param(SHIFT, replace(ALL, themes=("border",)), None, id="a theme that carries it"),
        pytest.param(SHIFT, replace(ALL, themes=("trade",)), Held.OUT_OF_SCOPE, id="a theme that is only touched"),
        pytest.param(BARE, replace(ALL, themes=("border",)), Held.OUT_OF_SCOPE, id="no theme is known of it"),
        pytest.param(SHIFT, replace(ALL, least="strong"), Held.TOO_WEAK, id="weaker than asked for"),
        pytest.param(replace(SHIFT, status="confirmed"), replace(ALL, least="very strong"), None, id="but confirmed"),
        pytest.param(
            replace(SHIFT, confidence="odd"), replace(ALL, least="strong"), Held.TOO_WEAK, id="unknown is weak"
        ),
        pytest.param(replace(SHIFT, outage=True), ALL, Held.FEED_OUTAGE, id="its feeds are out"),
    ],
)
def test_why_a_shift_is_held(news: News, reader: Reader, held: Held | None) -> None:
    assert why_held(news, reader) == held


@pytest.mark.parametrize(
    ("silence", "covers"),
    [
        (Quiet(1), (True, True, True)),
        (Quiet(1, dyad="IN-CN"), (True, False, True)),
        (Quiet(1, kind="attention"), (False, False, True)),
        (Quiet(1, theme="trade"), (False, True, False)),
        (Quiet(1, bloc="russia"), (False, False, False)),
    ],
)
def test_a_silence_covers_what_fits_all_of_its_fields(silence: Quiet, covers: tuple[bool, ...]) -> None:
    assert tuple(silence.covers(news) for news in (SHIFT, THEME, BARE)) == covers
    held = {news.id: reason for news, reason in sift((SHIFT, THEME, BARE), ALL, (silence,)).held}
    assert held == {news.id: Held.SILENCED for news, hit in zip((SHIFT, THEME, BARE), covers, strict=True) if hit}


def test_that_a_shift_is_none_of_a_readers_business_comes_before_all_other_reasons() -> None:
    silenced = sift((replace(SHIFT, outage=True),), replace(ALL, dyads=("IN-RU",)), (Quiet(1),))
    assert silenced.held[0][1] is Held.OUT_OF_SCOPE
    assert silenced.told == ()
