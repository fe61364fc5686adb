"""The tables. Every column carries a comment written for an analyst; `docs/columns.md` is made from them.

Days are calendar days in UTC. Moments are stored and given back in UTC, always with their zone.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[dt.datetime]):
    """A moment with its zone. SQLite keeps no zone, so a naive value is refused on the way in and UTC is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; every stored moment must have one")
        return value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class Base(DeclarativeBase):
    """Names for constraints, so that migrations can drop them on either database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (read by SQLAlchemy as a class attribute)
        dt.datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[dict[str, Any]]: JSON,
        list[str]: JSON,
        list[int]: JSON,
    }


class SeedDocument(Base):
    """A seed document: its dossier, and whether its original was seen."""

    __tablename__ = "seed_document"

    key: Mapped[str] = mapped_column(
        String(80), primary_key=True, comment="Short name of the dossier, its file name without suffix."
    )
    title: Mapped[str] = mapped_column(Text, comment="Title of the original.")
    publisher: Mapped[str] = mapped_column(Text, comment="Who published the original.")
    author: Mapped[str] = mapped_column(Text, comment="Who wrote the original; empty where unsigned.")
    published: Mapped[str] = mapped_column(
        String(40), comment="When, as exact as is known: 2021-03-08, 2020-11 or late 2021."
    )
    file_name: Mapped[str] = mapped_column(Text, comment="File name of the original.")
    sha256: Mapped[str] = mapped_column(
        String(64), comment="SHA-256 of the original's bytes; this is how it is recognised."
    )
    dossier_sha256: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the dossier; tells an edited dossier.")
    precis: Mapped[str] = mapped_column(Text, comment="The precis, in our own words.")
    original_status: Mapped[str] = mapped_column(
        String(20), comment="absent, matched, or inconsistent (a date or figure of the precis is not in the original)."
    )
    original_notes: Mapped[list[str]] = mapped_column(comment="What the consistency check found, one line each.")
    checked_at: Mapped[dt.datetime | None] = mapped_column(comment="When the original was last compared.")
    loaded_at: Mapped[dt.datetime] = mapped_column(comment="When this version of the dossier was loaded.")


class Claim(Base):
    """What a seed document argues, as one short statement."""

    __tablename__ = "claim"

    id: Mapped[str] = mapped_column(String(80), primary_key=True, comment="Short name of the claim.")
    document_key: Mapped[str] = mapped_column(ForeignKey("seed_document.key"), comment="The document that argues it.")
    dyad: Mapped[str] = mapped_column(String(5), comment="IN-RU, RU-CN or IN-CN.")
    theme: Mapped[str] = mapped_column(String(20), comment="Theme code of the codebook.")
    stance: Mapped[int] = mapped_column(comment="+1 the claim sees convergence, 0 neither, -1 divergence.")
    text: Mapped[str] = mapped_column(Text, comment="The claim, in our own words.")


class Feed(Base):
    """A source of articles: a feed of the roster, or the source of imported items."""

    __tablename__ = "feed"

    key: Mapped[str] = mapped_column(
        String(80), primary_key=True, comment="Short name that never changes, even when the address does."
    )
    outlet: Mapped[str] = mapped_column(Text, comment="Name of the outlet, as readers know it.")
    bloc: Mapped[str] = mapped_column(String(20), comment="Press bloc: india, russia, china, west or other.")
    kind: Mapped[str] = mapped_column(
        String(40), comment="newspaper, agency, broadcaster, think tank, government, import …"
    )
    lang: Mapped[str] = mapped_column(String(10), comment="Language of the feed (ISO 639-1).")
    url: Mapped[str] = mapped_column(Text, comment="Address that is polled; empty for imports.")
    timezone: Mapped[str] = mapped_column(String(60), comment="Zone applied to dates that name none.")
    enabled: Mapped[bool] = mapped_column(Boolean, comment="Whether it is polled.")
    status: Mapped[str] = mapped_column(
        String(40), comment="Status in the roster: ok, listed, blocked, dead …, or import."
    )
    status_date: Mapped[str] = mapped_column(
        String(10), comment="When that status was found (ISO date); empty if unknown."
    )
    status_note: Mapped[str] = mapped_column(Text, comment="Why it is disabled, or what to know of it.")
    etag: Mapped[str | None] = mapped_column(
        Text, comment="Validator of the last complete answer, sent back as If-None-Match."
    )
    last_modified: Mapped[str | None] = mapped_column(
        Text, comment="Validator of the last complete answer, sent back as If-Modified-Since."
    )
    body_sha256: Mapped[str | None] = mapped_column(
        String(64), comment="SHA-256 of the last body: the same bytes again are not parsed again."
    )
    last_success_at: Mapped[dt.datetime | None] = mapped_column(
        comment="Last time that it answered with a feed, changed or not."
    )
    last_new_at: Mapped[dt.datetime | None] = mapped_column(
        comment="Last time that it brought an item not seen before."
    )
    next_poll_at: Mapped[dt.datetime | None] = mapped_column(comment="Not polled before this moment.")
    failures: Mapped[int] = mapped_column(default=0, comment="Failed polls in a row.")
    health: Mapped[str] = mapped_column(
        String(30),
        default="unknown",
        comment="State in one word: ok, unmodified, empty, stale, http_error, parse_error, html_instead_of_feed, challenge_page, wrong_script, blocked, gone, unreachable, unknown.",
    )
    health_since: Mapped[dt.datetime | None] = mapped_column(comment="Since when it has been in that state.")
    last_error: Mapped[str] = mapped_column(Text, default="", comment="What went wrong last, in words.")
    moved_to: Mapped[str] = mapped_column(
        Text,
        default="",
        server_default="",
        comment="Address that permanent redirects lead to; polled once enough answers agreed. Empty: none does.",
    )
    moved_seen: Mapped[int] = mapped_column(
        default=0,
        server_default="0",
        comment="Answers in a row, each a feed, that came from there by permanent redirects.",
    )
    full_text: Mapped[bool] = mapped_column(
        Boolean,
        server_default=false(),
        comment="Whether the pages of its articles are fetched for their full text, where the setting full_text is on.",
    )
    polls: Mapped[int] = mapped_column(
        server_default="0", comment="Counts its polls: a worker sees by it that another was first."
    )
    leased_to: Mapped[str] = mapped_column(
        String(200), server_default="", comment="Worker that is polling it just now; empty: none is."
    )
    leased_until: Mapped[dt.datetime | None] = mapped_column(
        comment="When that worker's hold ends by itself, should it have died."
    )
    ttl_seconds: Mapped[int | None] = mapped_column(
        comment="Seconds between polls that its last complete answer asked for, a day at most; empty: it asked for none."
    )


class HostTurn(Base):
    """A host that is asked for feeds or pages: which worker is at it, and from when the next may ask."""

    __tablename__ = "host_turn"

    host: Mapped[str] = mapped_column(String(255), primary_key=True, comment="Name or address of the host.")
    leased_to: Mapped[str] = mapped_column(
        String(200), server_default="", comment="Worker that asks it just now; empty: none does."
    )
    leased_until: Mapped[dt.datetime | None] = mapped_column(
        comment="When that worker's hold ends by itself, should it have died."
    )
    next_at: Mapped[dt.datetime | None] = mapped_column(
        comment="Not asked before this moment, so that requests begin apart whichever workers make them."
    )
    rests_until: Mapped[dt.datetime | None] = mapped_column(
        comment="Not asked before this moment: it said that it is asked too often."
    )


class StepLease(Base):
    """A step that one process at a time may do, and which one does it just now."""

    __tablename__ = "step_lease"

    name: Mapped[str] = mapped_column(String(60), primary_key=True, comment="The step: deliver, series …")
    leased_to: Mapped[str] = mapped_column(
        String(200), server_default="", comment="Worker that does it just now; empty: none does."
    )
    leased_until: Mapped[dt.datetime | None] = mapped_column(
        comment="When that worker's hold ends by itself, should it have died."
    )


class Poll(Base):
    """One attempt to read a feed."""

    __tablename__ = "poll"

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    feed_key: Mapped[str] = mapped_column(ForeignKey("feed.key"), index=True, comment="Which feed.")
    started_at: Mapped[dt.datetime] = mapped_column(index=True, comment="When it began.")
    outcome: Mapped[str] = mapped_column(
        String(30), comment="fetched, same_body, not_modified, gone, refused or failed."
    )
    http_status: Mapped[int | None] = mapped_column(comment="HTTP status of the last response, if there was one.")
    reason: Mapped[str] = mapped_column(Text, default="", comment="Why it failed or was refused, in words.")
    size: Mapped[int] = mapped_column(default=0, comment="Bytes of the body after decompression.")
    seconds: Mapped[float] = mapped_column(Float, default=0.0, comment="How long it took.")
    seen: Mapped[int] = mapped_column(default=0, comment="Items in the response.")
    new: Mapped[int] = mapped_column(default=0, comment="Items stored as new articles.")
    known: Mapped[int] = mapped_column(default=0, comment="Items that were already known.")
    off_topic: Mapped[int] = mapped_column(default=0, comment="New items outside the topic: counted, not stored.")
    bad: Mapped[int] = mapped_column(default=0, comment="Items without a usable title or address.")
    left: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="Items beyond the cap of one response, not looked at."
    )
    health: Mapped[str] = mapped_column(
        String(20), default="", server_default="", comment="State in which it left the feed; empty in older polls."
    )


class FeedDay(Base):
    """The denominator: what a feed brought on a day, on the topic or not."""

    __tablename__ = "feed_day"

    feed_key: Mapped[str] = mapped_column(ForeignKey("feed.key"), primary_key=True, comment="Which feed.")
    day: Mapped[dt.date] = mapped_column(Date, primary_key=True, index=True, comment="Day of publication (UTC).")
    seen: Mapped[int] = mapped_column(default=0, comment="Items of that day, each counted once.")
    on_topic: Mapped[int] = mapped_column(
        default=0, comment="Of these, items that name at least two of the actors and were stored."
    )


class SeenItem(Base):
    """Items that are no article of their feed, remembered so that the denominator counts each once, and why."""

    __tablename__ = "seen_item"

    feed_key: Mapped[str] = mapped_column(ForeignKey("feed.key"), primary_key=True, comment="Which feed.")
    item_hash: Mapped[str] = mapped_column(String(32), primary_key=True, comment="Hash of the item's identity.")
    day: Mapped[dt.date] = mapped_column(Date, comment="Day of publication, or of first sight.")
    reason: Mapped[str] = mapped_column(
        String(20),
        default="off_topic",
        server_default="off_topic",
        comment="Why it is not an article of this feed: off_topic, or elsewhere (another feed had brought the article).",
    )
    poll_id: Mapped[int | None] = mapped_column(comment="Number of the poll that first brought it; empty for imports.")
    title_hash: Mapped[str] = mapped_column(
        String(16),
        default="",
        server_default="",
        comment="Hash of the words of its title, by which it can be asked for.",
    )
    last_seen: Mapped[dt.date | None] = mapped_column(
        Date,
        index=True,
        comment="Day on which it was last found in the feed, give or take a week; long after that it is forgotten. Empty: kept.",
    )


class ImportFile(Base):
    """How far a file was imported: a second run goes on where the first stopped."""

    __tablename__ = "import_file"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True, comment="SHA-256 of the file's bytes.")
    name: Mapped[str] = mapped_column(Text, comment="File name when it was first imported.")
    lines: Mapped[int] = mapped_column(default=0, comment="Lines stored so far.")
    finished: Mapped[bool] = mapped_column(Boolean, default=False, comment="Whether its end was reached.")
    updated_at: Mapped[dt.datetime] = mapped_column(comment="When the last batch was stored.")


class Story(Base):
    """One event in the press, as told in articles within a week: copies, and tellings in other words. The unit that is counted."""

    __tablename__ = "story"

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    day: Mapped[dt.date] = mapped_column(Date, index=True, comment="Day of its first article.")
    last_day: Mapped[dt.date] = mapped_column(Date, comment="Day of its latest article.")
    title: Mapped[str] = mapped_column(Text, comment="Title of its first article.")
    articles: Mapped[int] = mapped_column(default=1, comment="Articles in it: its reach.")
    outlets: Mapped[int] = mapped_column(default=1, comment="Different outlets among them.")
    merged_into: Mapped[int | None] = mapped_column(
        comment="The older story that it turned out to be a part of; its articles are there. Empty for all others."
    )


class StoryMerge(Base):
    """Two stories that became one, and the article that showed it."""

    __tablename__ = "story_merge"

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    kept_id: Mapped[int] = mapped_column(ForeignKey("story.id"), index=True, comment="The older story, which lives on.")
    gone_id: Mapped[int] = mapped_column(ForeignKey("story.id"), comment="The story that became a part of it.")
    gone_title: Mapped[str] = mapped_column(Text, comment="Title of that story.")
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id"), comment="The article that belongs to both.")
    likeness: Mapped[float] = mapped_column(
        Float, comment="How surely it belongs to the one of which it is less sure, 0 to 1."
    )
    first_day: Mapped[dt.date] = mapped_column(Date, comment="First day of the story that is gone.")
    last_day: Mapped[dt.date] = mapped_column(Date, comment="Its last day; the votes of these days are counted again.")
    merged_at: Mapped[dt.datetime] = mapped_column(comment="When it was seen.")


class Article(Base):
    """A stored item: it names at least two of the actors."""

    __tablename__ = "article"
    __table_args__ = (UniqueConstraint("url_key"), UniqueConstraint("feed_key", "guid"))

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    feed_key: Mapped[str] = mapped_column(ForeignKey("feed.key"), comment="The feed that brought it first.")
    poll_id: Mapped[int | None] = mapped_column(
        ForeignKey("poll.id"), comment="The poll that brought it; empty for imports."
    )
    outlet: Mapped[str] = mapped_column(Text, comment="The outlet's name at that time.")
    bloc: Mapped[str] = mapped_column(String(20), comment="The outlet's press bloc at that time.")
    lang: Mapped[str] = mapped_column(String(10), comment="Language (ISO 639-1).")
    title: Mapped[str] = mapped_column(Text, comment="Title as plain text.")
    text: Mapped[str] = mapped_column(
        Text, comment="Summary or lead as plain text; the page's text where article_page says replaced."
    )
    url: Mapped[str] = mapped_column(Text, comment="Address as the feed gave it; http and https only.")
    url_key: Mapped[str] = mapped_column(String(64), comment="Hash of the canonical address: one article per address.")
    guid: Mapped[str | None] = mapped_column(String(64), comment="Hash of the feed's own identifier of the item.")
    title_key: Mapped[str] = mapped_column(Text, comment="The title's words in plain form, for finding near-copies.")
    published_at: Mapped[dt.datetime] = mapped_column(
        comment="When it was published; the first sight where no usable date was given."
    )
    published_raw: Mapped[str] = mapped_column(Text, comment="The date as the feed wrote it.")
    date_quality: Mapped[str] = mapped_column(
        String(20), comment="given, zone_assumed, missing, future or ancient; the last three count by first sight."
    )
    first_seen_at: Mapped[dt.datetime] = mapped_column(comment="When the monitor first saw it.")
    day: Mapped[dt.date] = mapped_column(
        Date, index=True, comment="Day on which it counts: of publication or of first sight, the earlier."
    )
    story_id: Mapped[int | None] = mapped_column(ForeignKey("story.id"), index=True, comment="The story it belongs to.")


class ArticlePage(Base):
    """What came of fetching the page of an article for its full text; only of feeds for which that is switched on."""

    __tablename__ = "article_page"

    article_id: Mapped[int] = mapped_column(ForeignKey("article.id"), primary_key=True, comment="Which article.")
    outcome: Mapped[str] = mapped_column(
        String(30),
        comment="replaced (the article has the page's text), or why it has not: not_longer, other_text, no_text, read_before, robots, robots_unreachable, reserved, paywall, not_html, challenge, blocked, gone, refused, http_error, too_often, unreachable, failed, too_slow.",
    )
    detail: Mapped[str] = mapped_column(Text, comment="The same in words, where there is more to say.")
    http_status: Mapped[int | None] = mapped_column(comment="HTTP status of the last response, if there was one.")
    url: Mapped[str] = mapped_column(Text, comment="Address at which the page was, after redirects.")
    chars: Mapped[int] = mapped_column(comment="Characters of the text that was found there, as far as it is kept.")
    tries: Mapped[int] = mapped_column(comment="How often it was tried.")
    asked_at: Mapped[dt.datetime] = mapped_column(comment="When it was tried last.")
    next_try_at: Mapped[dt.datetime | None] = mapped_column(
        comment="Not tried again before this moment, and only while the article is not read yet. Empty: settled."
    )


class SiteRules(Base):
    """What the robots.txt of a site says to this program, kept for a day; a row for each site whose pages were wanted."""

    __tablename__ = "site_rules"

    origin: Mapped[str] = mapped_column(
        String(300), primary_key=True, comment="Scheme, host and port, as https://example.in."
    )
    outcome: Mapped[str] = mapped_column(
        String(20), comment="rules, none (there is no such file: all is allowed), or unreachable (nothing is allowed)."
    )
    detail: Mapped[str] = mapped_column(Text, comment="Why there are none, or why it could not be reached.")
    rules: Mapped[str] = mapped_column(Text, comment="The lines of it that concern this program.")
    token: Mapped[str] = mapped_column(
        String(80), comment="Name under which this program looked for itself there, from the setting user_agent."
    )
    asked_at: Mapped[dt.datetime] = mapped_column(comment="When it was asked for.")
    rests_until: Mapped[dt.datetime | None] = mapped_column(
        comment="No page of the site is asked for before this moment: it said that it is asked too often."
    )


class Reading(Base):
    """What one model version read in one article."""

    __tablename__ = "reading"
    __table_args__ = (UniqueConstraint("article_id", "model"), Index("ix_reading_model", "model"))

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id"), comment="Which article.")
    model: Mapped[str] = mapped_column(String(60), comment="Backend and version, as linear-1a2b3c4d.")
    relevant: Mapped[bool] = mapped_column(Boolean, comment="Whether it concerns at least one dyad.")
    p_relevant: Mapped[float] = mapped_column(Float, comment="Probability of that, 0 to 1.")
    themes: Mapped[list[dict[str, Any]]] = mapped_column(
        comment="Up to three themes, the main one first: code and probability."
    )
    claim_id: Mapped[str | None] = mapped_column(String(80), comment="Nearest seed claim, if one is near enough.")
    claim_similarity: Mapped[float | None] = mapped_column(Float, comment="Similarity to it, 0 to 1.")
    claim_relation: Mapped[str | None] = mapped_column(String(20), comment="supports, undercuts or mentions.")
    evidence: Mapped[str | None] = mapped_column(Text, comment="The sentence that carries the decision, word for word.")
    read_at: Mapped[dt.datetime] = mapped_column(comment="When it was read.")


class ReadingDyad(Base):
    """The stance on one dyad within a reading."""

    __tablename__ = "reading_dyad"

    reading_id: Mapped[int] = mapped_column(
        ForeignKey("reading.id", ondelete="CASCADE"), primary_key=True, comment="Which reading."
    )
    dyad: Mapped[str] = mapped_column(String(5), primary_key=True, comment="IN-RU, RU-CN or IN-CN.")
    stance: Mapped[int] = mapped_column(comment="The likeliest: +1 convergence, 0 neutral, -1 divergence.")
    p_minus: Mapped[float] = mapped_column(Float, comment="Probability of -1.")
    p_zero: Mapped[float] = mapped_column(Float, comment="Probability of 0.")
    p_plus: Mapped[float] = mapped_column(Float, comment="Probability of +1.")


class ReadingClaim(Base):
    """A seed claim that a reading bears on, up to three each: what the claim ledger counts."""

    __tablename__ = "reading_claim"

    reading_id: Mapped[int] = mapped_column(
        ForeignKey("reading.id", ondelete="CASCADE"), primary_key=True, comment="Which reading."
    )
    claim_id: Mapped[str] = mapped_column(String(80), primary_key=True, index=True, comment="Which claim.")
    similarity: Mapped[float] = mapped_column(Float, comment="Probability that the article bears on it, 0 to 1.")
    relation: Mapped[str] = mapped_column(String(20), comment="supports, undercuts or mentions.")


class Vote(Base):
    """One story's vote on one dyad and day: what the series are made of."""

    __tablename__ = "vote"

    model: Mapped[str] = mapped_column(String(60), primary_key=True, comment="Model version that read it.")
    day: Mapped[dt.date] = mapped_column(Date, primary_key=True, comment="Day (UTC).")
    dyad: Mapped[str] = mapped_column(String(5), primary_key=True, comment="Which dyad.")
    story_id: Mapped[int] = mapped_column(
        ForeignKey("story.id"), primary_key=True, comment="Which story: one vote per story, dyad and day."
    )
    article_id: Mapped[int] = mapped_column(
        ForeignKey("article.id"), comment="Its earliest article of that day, the one shown as evidence."
    )
    outlet: Mapped[str] = mapped_column(Text, comment="Outlet of that article.")
    bloc: Mapped[str] = mapped_column(String(20), comment="Press bloc of that article.")
    score: Mapped[float] = mapped_column(
        Float, comment="Soft stance p(+1) - p(-1), mean over the story's articles of that day; -1 to 1."
    )
    stance: Mapped[int] = mapped_column(comment="The likeliest stance of the averaged probabilities.")
    theme: Mapped[str] = mapped_column(String(20), comment="Main theme of that article.")
    themes: Mapped[list[str]] = mapped_column(comment="All theme codes of that article.")
    copies: Mapped[int] = mapped_column(
        default=1, comment="Articles of the story on that day: reach, shown but not counted."
    )


class SeriesDay(Base):
    """Counts of stories per day; an empty bloc or theme means all of them."""

    __tablename__ = "series_day"

    model: Mapped[str] = mapped_column(String(60), primary_key=True, comment="Model version.")
    day: Mapped[dt.date] = mapped_column(Date, primary_key=True, comment="Day (UTC).")
    dyad: Mapped[str] = mapped_column(String(5), primary_key=True, comment="Which dyad.")
    bloc: Mapped[str] = mapped_column(String(20), primary_key=True, default="", comment="Press bloc, or empty for all.")
    theme: Mapped[str] = mapped_column(
        String(20), primary_key=True, default="", comment="Main theme, or empty for all."
    )
    plus: Mapped[int] = mapped_column(default=0, comment="Stories of convergence.")
    zero: Mapped[int] = mapped_column(default=0, comment="Neutral stories.")
    minus: Mapped[int] = mapped_column(default=0, comment="Stories of divergence.")
    score: Mapped[float] = mapped_column(Float, default=0.0, comment="Sum of the soft stances of these stories.")


class ThemeDay(Base):
    """Stories per day and theme, over all dyads: each story once, whatever it says of how many dyads."""

    __tablename__ = "theme_day"

    model: Mapped[str] = mapped_column(String(60), primary_key=True, comment="Model version.")
    day: Mapped[dt.date] = mapped_column(Date, primary_key=True, comment="Day (UTC).")
    theme: Mapped[str] = mapped_column(
        String(20), primary_key=True, default="", comment="Theme, or empty for all stories."
    )
    stories: Mapped[int] = mapped_column(
        default=0, comment="Different stories that carry it, as their main theme or not."
    )


class SeriesState(Base):
    """How far the series of a model version were brought: only days touched by later readings are counted again."""

    __tablename__ = "series_state"

    model: Mapped[str] = mapped_column(String(60), primary_key=True, comment="Model version.")
    last_reading_id: Mapped[int] = mapped_column(default=0, comment="Newest reading that is in the series.")
    last_merge_id: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="Newest merge of stories that is in the series."
    )
    updated_at: Mapped[dt.datetime] = mapped_column(comment="When the series were last brought up to date.")


class DetectorCheckpoint(Base):
    """Where the detector stood at the end of a day, so that the next run needs that and the days since.

    It holds nothing that the stories do not: deleted, it is made anew from them.
    """

    __tablename__ = "detector_state"

    model: Mapped[str] = mapped_column(String(60), primary_key=True, comment="Model version whose series it watches.")
    day: Mapped[dt.date] = mapped_column(Date, primary_key=True, comment="Last day that went into it.")
    data: Mapped[bytes] = mapped_column(
        LargeBinary,
        comment="The state, for the program alone: sums, levels and the days that later ones are measured against.",
    )
    made_at: Mapped[dt.datetime] = mapped_column(comment="When it was made.")


class CoverageChange(Base):
    """Counts the changes of stored days; a state of the detector is kept only if none came while it was made."""

    __tablename__ = "coverage_change"

    id: Mapped[int] = mapped_column(primary_key=True, comment="Always 1: there is one count.")
    changes: Mapped[int] = mapped_column(default=0, comment="Changes so far.")


class Shift(Base):
    """A shift that was found. Never removed: what was told to readers stays on record."""

    __tablename__ = "shift"
    __table_args__ = (UniqueConstraint("model", "dyad", "kind", "theme", "bloc", "detected"),)

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    model: Mapped[str] = mapped_column(String(60), comment="Model version whose series moved.")
    dyad: Mapped[str] = mapped_column(String(5), comment="Which dyad; empty for a theme, which is of no dyad.")
    kind: Mapped[str] = mapped_column(
        String(20),
        comment="stance (tone moved), attention (amount of coverage moved), theme (a theme's share of it moved) or bloc "
        "(the tone of one press bloc alone moved).",
    )
    theme: Mapped[str] = mapped_column(
        String(20),
        default="",
        server_default="",
        comment="The theme, where its share of the coverage moved; else empty.",
    )
    bloc: Mapped[str] = mapped_column(
        String(20),
        default="",
        server_default="",
        comment="The press bloc, where it alone changed its tone; else empty.",
    )
    direction: Mapped[str] = mapped_column(
        String(20), comment="convergence or divergence of tone; rise or fall of attention or of a theme's share."
    )
    onset: Mapped[dt.date] = mapped_column(Date, comment="Estimated first day of the new level.")
    detected: Mapped[dt.date] = mapped_column(Date, index=True, comment="Last day of data when it was found.")
    magnitude: Mapped[float] = mapped_column(
        Float, comment="Change: score points (-2 to 2) of tone; else the natural logarithm of the ratio."
    )
    low: Mapped[float] = mapped_column(Float, comment="Lower end of the 95 % range of the change.")
    high: Mapped[float] = mapped_column(Float, comment="Upper end of the 95 % range of the change.")
    before: Mapped[float] = mapped_column(
        Float, comment="Level before: mean stance score, stories a day, or share of all stories (0 to 1) for a theme."
    )
    after: Mapped[float] = mapped_column(Float, comment="Level since the onset, in the same unit.")
    log_evidence: Mapped[float] = mapped_column(Float, comment="Natural logarithm of the evidence when it was found.")
    threshold: Mapped[float] = mapped_column(Float, comment="What the evidence had to reach, in the same unit.")
    years: Mapped[float] = mapped_column(
        Float, comment="With unchanged coverage such evidence appears about once in so many years."
    )
    confidence: Mapped[str] = mapped_column(
        String(20), comment="moderate, strong or very strong, from evidence minus threshold."
    )
    status: Mapped[str] = mapped_column(
        String(20), default="open", comment="open, confirmed, faded, or returned (back to the earlier level)."
    )
    text: Mapped[str] = mapped_column(Text, comment="The finding in one sentence, as printed in the digest.")
    evidence: Mapped[dict[str, Any]] = mapped_column(
        comment="Who and what carries it: stories, outlets, blocs, themes, counter-example, fragility, and what each "
        "press bloc's own tone did."
    )
    found_at: Mapped[dt.datetime] = mapped_column(comment="When the monitor found it.")


class Narrative(Base):
    """A narrative outside the seed themes, proposed as a new theme. Never removed: it is told once."""

    __tablename__ = "narrative"

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    model: Mapped[str] = mapped_column(String(60), comment="Model version whose readings fitted no theme.")
    first: Mapped[dt.date] = mapped_column(Date, comment="First day of a story of it, within the 21 days up to found.")
    found: Mapped[dt.date] = mapped_column(Date, index=True, comment="Last day of data when it was found.")
    last: Mapped[dt.date] = mapped_column(
        Date, comment="Day of its latest story so far; silent for 28 days, it may be told again."
    )
    score: Mapped[float] = mapped_column(
        Float, comment="Persistence when found: outlets a day, two at most, over 21 days; half from a single bloc."
    )
    threshold: Mapped[float] = mapped_column(Float, comment="What the score had to reach.")
    terms: Mapped[list[str]] = mapped_column(comment="Its words when found, the most telling first.")
    profile: Mapped[dict[str, Any]] = mapped_column(
        comment="Its words with their weight, by which it is known again; follows its stories."
    )
    days: Mapped[int] = mapped_column(comment="Days with a story of it, of the 21 up to found.")
    stories: Mapped[int] = mapped_column(comment="Independent stories in these days.")
    outlets: Mapped[int] = mapped_column(comment="Different outlets among them.")
    blocs: Mapped[list[str]] = mapped_column(comment="Press blocs among them.")
    shown: Mapped[list[dict[str, Any]]] = mapped_column(
        comment="Up to three of its stories: title, address, outlet, day."
    )
    status: Mapped[str] = mapped_column(
        String(20),
        comment="open, or known: there already when a new model version took over, so it is no news and not told.",
    )
    digest_id: Mapped[int | None] = mapped_column(
        ForeignKey("digest.id"), comment="The digest that told it; empty until then."
    )
    found_at: Mapped[dt.datetime] = mapped_column(comment="When the monitor found it.")


class NarrativeDay(Base):
    """How high chance went on a day: what the threshold for narratives learns from."""

    __tablename__ = "narrative_day"

    model: Mapped[str] = mapped_column(String(60), primary_key=True, comment="Model version.")
    day: Mapped[dt.date] = mapped_column(Date, primary_key=True, comment="Day (UTC).")
    top: Mapped[float] = mapped_column(
        Float, comment="Highest score of the clusters that belong to no narrative that was told."
    )


class Digest(Base):
    """A composed digest; the bytes that were mailed lie in the outbox."""

    __tablename__ = "digest"
    __table_args__ = (UniqueConstraint("kind", "day", "sequence"),)

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    kind: Mapped[str] = mapped_column(String(20), comment="shift, weekly, manual or test.")
    sequence: Mapped[int] = mapped_column(default=0, comment="0, or 1, 2 … for further ones of the same kind and day.")
    reason: Mapped[str] = mapped_column(
        String(40), comment="Named reason why it went out, as decided by alerts.notify."
    )
    day: Mapped[dt.date] = mapped_column(Date, index=True, comment="Last day of data that it reports on.")
    period_start: Mapped[dt.date] = mapped_column(Date, comment="First day of the period that it reports on.")
    subject: Mapped[str] = mapped_column(Text, comment="Subject line: it carries the finding.")
    html: Mapped[str] = mapped_column(Text, comment="HTML part, charts by reference.")
    text: Mapped[str] = mapped_column(Text, comment="Text part.")
    facts: Mapped[dict[str, Any]] = mapped_column(comment="The fields from which every sentence was made.")
    shift_ids: Mapped[list[dict[str, Any]]] = mapped_column(comment="The shifts that it tells: id and dyad.")
    model: Mapped[str] = mapped_column(String(60), comment="Model version.")
    composed_at: Mapped[dt.datetime] = mapped_column(comment="When it was composed.")
    approval_id: Mapped[int | None] = mapped_column(
        index=True, comment="Number of the approval that its mails wait or waited for; empty where none was asked for."
    )


class Outbox(Base):
    """One mail to one recipient, stored as bytes before anything is sent."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    digest_id: Mapped[int] = mapped_column(ForeignKey("digest.id"), index=True, comment="Which digest.")
    recipient: Mapped[str] = mapped_column(String(320), comment="Address it goes to.")
    message_id: Mapped[str] = mapped_column(
        String(200), unique=True, comment="Message-ID, made from digest and recipient: a repeat is recognised."
    )
    mime: Mapped[bytes] = mapped_column(LargeBinary, comment="The mail, byte for byte.")
    state: Mapped[str] = mapped_column(
        String(20),
        index=True,
        default="pending",
        comment="held (waits for a person), dropped (a person, or the end of the time, decided so), pending, sending, "
        "sent, unknown (broke off after the data; never re-sent by itself) or failed.",
    )
    attempts: Mapped[int] = mapped_column(default=0, comment="Tries so far.")
    last_code: Mapped[int | None] = mapped_column(Integer, comment="Last SMTP reply code.")
    last_text: Mapped[str] = mapped_column(Text, default="", comment="Last SMTP reply, or where the mail lies.")
    next_try_at: Mapped[dt.datetime | None] = mapped_column(comment="Not tried before this moment.")
    created_at: Mapped[dt.datetime] = mapped_column(comment="When it was queued.")
    sent_at: Mapped[dt.datetime | None] = mapped_column(comment="When it was handed over.")


class OperatorMail(Base):
    """One plain mail to whoever keeps the monitor running, stored before it is sent; at most one per cause and day."""

    __tablename__ = "operator_mail"
    __table_args__ = (UniqueConstraint("cause", "about", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True, comment="Running number.")
    cause: Mapped[str] = mapped_column(
        String(40),
        comment="run failed, run late, worker gone, part ended, feeds silent, disk full or nothing delivered.",
    )
    about: Mapped[str] = mapped_column(
        String(80), comment="What it is about: a deployment, a press bloc, a folder; empty where the cause says all."
    )
    day: Mapped[dt.date] = mapped_column(Date, comment="Day in the readers' zone.")
    recipient: Mapped[str] = mapped_column(String(320), comment="Address it goes to.")
    message_id: Mapped[str] = mapped_column(String(200), comment="Message-ID, made from cause, day and address.")
    mime: Mapped[bytes] = mapped_column(LargeBinary, comment="The mail, byte for byte.")
    state: Mapped[str] = mapped_column(
        String(20), comment="pending, sending, sent, unknown (broke off after the data) or failed."
    )
    attempts: Mapped[int] = mapped_column(default=0, comment="Tries so far.")
    last_text: Mapped[str] = mapped_column(Text, default="", comment="Last answer, or where the mail lies.")
    created_at: Mapped[dt.datetime] = mapped_column(comment="When it was queued.")
    sent_at: Mapped[dt.datetime | None] = mapped_column(comment="When it was handed over.")
