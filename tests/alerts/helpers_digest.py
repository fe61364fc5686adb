"""A week of invented coverage with everything that a digest can show; no outlet, title or address here is real."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

from alerts.facts import ClaimFact, DigestFacts, FeedFact, FeedsFact, FeedState, ShiftFact
from alerts.model import ChartPoint, Direction, DyadState, Evidence, Kind, Part, StoryEvidence
from alerts.notify import DigestKind, Reason

DAY = dt.date(2024, 10, 27)
NOW = dt.datetime(2024, 10, 28, 1, 0, tzinfo=dt.UTC)


def story(number: int = 1, **changes: object) -> StoryEvidence:
    """A story for the shift, with *changes*."""
    made = StoryEvidence(
        story_id=number,
        article_id=number,
        title="Delhi and Beijing agree on patrols along the Ladakh line",
        url=f"https://demo-herald.example/asia/{number}",
        outlet="Demo Herald",
        bloc="india",
        lang="en",
        day="2024-10-21",
        stance=1,
        score=0.86,
        theme="border",
        copies=4,
        sentence="Both sides said that patrolling would resume on the terms of early 2020.",
        claim_id=None,
        claim_relation=None,
        contribution=0.09,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def evidence() -> Evidence:
    """Five stories in four scripts, one against, two claims."""
    return Evidence(
        stories=[
            story(1, claim_id="border-blocks-thaw", claim_relation="undercuts"),
            story(
                2,
                title="习近平同莫迪在喀山会晤",
                outlet="Demo Daily (Beijing)",
                bloc="china",
                lang="zh",
                sentence="双方同意尽早举行特别代表会晤。",
                theme="diplomacy",
                day="2024-10-23",
                copies=9,
            ),
            story(
                3,
                title="Индия и Китай объявили о разведении войск",
                outlet="Демо-Вести",
                bloc="russia",
                lang="ru",
                sentence="Стороны договорились о порядке патрулирования.",
                day="2024-10-22",
                copies=2,
            ),
            story(
                4,
                title="भारत और चीन सीमा पर गश्त को लेकर समझौते पर पहुँचे",
                outlet="डेमो समाचार",
                lang="hi",
                sentence="विदेश सचिव ने इसकी पुष्टि की।",
                copies=1,
                claim_id="border-blocks-thaw",
                claim_relation="undercuts",
            ),
            story(
                5,
                title="A thaw in the high Himalaya",
                outlet="Demo Tribune",
                bloc="west",
                score=0.61,
                sentence="The deal ends a standoff of more than four years.",
                day="2024-10-24",
                copies=1,
            ),
        ],
        counter=story(
            6,
            title="Old mistrust will outlast the new patrol deal, say veterans",
            outlet="Demo Courier",
            stance=-1,
            score=-0.71,
            copies=1,
            sentence="Few of them expect the buffer zones to vanish.",
            day="2024-10-25",
        ),
        outlets=[Part("Demo Herald", 14, 0.21), Part("Demo Daily (Beijing)", 11, 0.17), Part("Демо-Вести", 8, 0.12)],
        blocs=[Part("india", 31, 0.48), Part("china", 17, 0.27), Part("russia", 9, 0.14)],
        themes=[Part("border", 38, 0.62), Part("diplomacy", 14, 0.21), Part("forums", 8, 0.1)],
        story_count=74,
        outlet_count=23,
        without_top_outlet=0.66,
        without_top_story=0.7,
        fires_without_top_outlet=True,
        fires_without_top_story=True,
    )


def shift(**changes: object) -> ShiftFact:
    """India–China turning convergent."""
    made = ShiftFact(
        id=7,
        dyad="IN-CN",
        kind=Kind.STANCE,
        direction=Direction.CONVERGENCE,
        onset=dt.date(2024, 10, 21),
        detected=DAY,
        magnitude=0.73,
        low=0.55,
        high=0.9,
        before=-0.41,
        after=0.32,
        log_evidence=9.4,
        threshold=6.1,
        years=3.0,
        confidence="very strong",
        status="open",
        text="",
        evidence=evidence(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def chart(
    level: float, change: float = 0.0, days: int = 84, at: int = 77, end: dt.date = DAY
) -> tuple[ChartPoint, ...]:
    """A wavy line around *level*, *change* higher from day number *at*; stories follow the week."""
    first = end - dt.timedelta(days=days - 1)
    return tuple(
        ChartPoint(
            day=first + dt.timedelta(days=i),
            score=level
            + 0.07 * math.sin(i / 3.1)
            + 0.04 * math.sin(i * 1.7)
            + (change * min(1, (i - at + 1) / 5) if i >= at else 0),
            stories=max(0, round(7 + 3 * math.sin(i / 1.11) + (6 if change and i >= at else 0))),
        )
        for i in range(days)
    )


def states() -> tuple[DyadState, ...]:
    """Three dyads, India–China moved."""
    made = DyadState(
        dyad="IN-RU",
        day=DAY,
        plus=19,
        zero=17,
        minus=8,
        score=0.28,
        score_low=0.14,
        score_high=0.42,
        baseline=0.19,
        stories=44,
        baseline_stories=41.0,
        smallest_shift=0.2,
        smallest_attention=0.47,
        history_days=412,
        open_shift_id=None,
        chart=chart(0.2),
    )
    return (
        made,
        replace(
            made,
            dyad="RU-CN",
            plus=24,
            zero=20,
            minus=5,
            score=0.42,
            score_low=0.31,
            score_high=0.53,
            baseline=0.33,
            stories=49,
            baseline_stories=52.0,
            smallest_shift=0.18,
            smallest_attention=0.53,
            chart=chart(0.34),
        ),
        replace(
            made,
            dyad="IN-CN",
            plus=43,
            zero=20,
            minus=11,
            score=0.40,
            score_low=0.28,
            score_high=0.52,
            baseline=-0.41,
            stories=74,
            baseline_stories=38.0,
            smallest_shift=0.22,
            smallest_attention=0.74,
            open_shift_id=7,
            chart=chart(-0.41, 0.73),
        ),
    )


def steady_states() -> tuple[DyadState, ...]:
    """Three dyads where nothing moved."""
    first, second, third = states()
    return (
        first,
        second,
        replace(
            third,
            plus=8,
            zero=12,
            minus=21,
            score=-0.37,
            score_low=-0.5,
            score_high=-0.24,
            stories=41,
            open_shift_id=None,
            chart=chart(-0.41),
        ),
    )


def feeds() -> FeedsFact:
    """Fifteen feeds: twelve answered, one is stale, two fail."""
    good = tuple(
        FeedFact(f"demo-{n}", f"Demo Outlet {n}", "india", FeedState.ANSWERED, "ok", dt.date(2024, 9, 1), DAY, "")
        for n in range(12)
    )
    return FeedsFact(
        feeds=(
            *good,
            FeedFact(
                "demo-gone",
                "Demo Gazette",
                "russia",
                FeedState.FAILING,
                "gone",
                dt.date(2024, 10, 19),
                dt.date(2024, 10, 18),
                "410 Gone",
            ),
            FeedFact(
                "demo-wall",
                "Demo Monitor",
                "west",
                FeedState.FAILING,
                "blocked",
                dt.date(2024, 10, 24),
                dt.date(2024, 10, 23),
                "403 with a challenge page",
            ),
            FeedFact(
                "demo-old", "Demo Weekly Review", "other", FeedState.STALE, "stale", dt.date(2024, 9, 30), DAY, ""
            ),
        ),
        seen=3412,
        on_topic=212,
    )


def facts(**changes: object) -> DigestFacts:
    """The facts of a shift digest, with *changes*."""
    made = DigestFacts(
        kind=DigestKind.SHIFT,
        reason=Reason.SHIFT_OPENED,
        day=DAY,
        period_start=DAY - dt.timedelta(days=6),
        now=NOW,
        timezone="Asia/Kolkata",
        model="linear-1a2b3c4d",
        false_alarms_per_year=1.0,
        replay=False,
        public_url="",
        shifts=(shift(),),
        earlier=(),
        states=states(),
        feeds=feeds(),
        stories=151,
        outlets=38,
        claims={
            "border-blocks-thaw": ClaimFact(
                "border-blocks-thaw",
                "IN-CN",
                -1,
                "An unsettled border keeps India and China from a lasting thaw.",
                "Demo seed paper on a troubled border",
                "Demo Institute",
                "2021-03",
            )
        },
        themes={"border": "India–China border", "diplomacy": "Diplomacy and the rest", "forums": "Multilateral forums"},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def quiet_facts(**changes: object) -> DigestFacts:
    """The facts of a weekly digest in which nothing moved."""
    made = facts(kind=DigestKind.WEEKLY, reason=Reason.WEEKLY, shifts=(), states=steady_states())
    return replace(made, **changes)  # type: ignore[arg-type]
