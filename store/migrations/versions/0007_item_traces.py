"""why an item was left out, what a poll did not look at, when a remembered item was last seen; merges of stories"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_REASON = "Why it is not an article of this feed: off_topic, or elsewhere (another feed had brought the article)."
_POLL = "Number of the poll that first brought it; empty for imports."
_TITLE = "Hash of the words of its title, by which it can be asked for."
_LAST_SEEN = (
    "Day on which it was last found in the feed, give or take a week; long after that it is forgotten. Empty: kept."
)
_DAY = "Day of publication, or of first sight."
_DAY_BEFORE = "Day of publication, or of first sight; old rows are removed."
_LEFT = "Items beyond the cap of one response, not looked at."
_MERGED = "The older story that it turned out to be a part of; its articles are there. Empty for all others."
_LAST_MERGE = "Newest merge of stories that is in the series."
_LIKENESS = "How surely it belongs to the one of which it is less sure, 0 to 1."
_LAST_DAY = "Its last day; the votes of these days are counted again."


def upgrade() -> None:
    # Without a batch: SQLite would make the tables anew for one, and they may be large.
    for column in (
        sa.Column("reason", sa.String(20), nullable=False, server_default="off_topic", comment=_REASON),
        sa.Column("poll_id", sa.Integer(), nullable=True, comment=_POLL),
        sa.Column("title_hash", sa.String(16), nullable=False, server_default="", comment=_TITLE),
        sa.Column("last_seen", sa.Date(), nullable=True, comment=_LAST_SEEN),
    ):
        op.add_column("seen_item", column)
    op.add_column("poll", sa.Column("left", sa.Integer(), nullable=False, server_default="0", comment=_LEFT))
    feeds = sa.table("feed", sa.column("key"), sa.column("kind"))
    items = sa.table("seen_item", sa.column("feed_key"), sa.column("last_seen"))
    polled = sa.select(feeds.c.key).where(feeds.c.kind != "import")
    op.execute(items.update().where(items.c.feed_key.in_(polled)).values(last_seen=sa.func.current_date()))
    op.create_index("ix_seen_item_last_seen", "seen_item", ["last_seen"])
    op.drop_index("ix_seen_item_day", "seen_item")
    _explain_day(_DAY_BEFORE, _DAY)
    op.add_column("story", sa.Column("merged_into", sa.Integer(), nullable=True, comment=_MERGED))
    op.add_column(
        "series_state",
        sa.Column("last_merge_id", sa.Integer(), nullable=False, server_default="0", comment=_LAST_MERGE),
    )
    op.create_table(
        "story_merge",
        sa.Column("id", sa.Integer(), nullable=False, comment="Running number."),
        sa.Column("kept_id", sa.Integer(), nullable=False, comment="The older story, which lives on."),
        sa.Column("gone_id", sa.Integer(), nullable=False, comment="The story that became a part of it."),
        sa.Column("gone_title", sa.Text(), nullable=False, comment="Title of that story."),
        sa.Column("article_id", sa.Integer(), nullable=False, comment="The article that belongs to both."),
        sa.Column("likeness", sa.Float(), nullable=False, comment=_LIKENESS),
        sa.Column("first_day", sa.Date(), nullable=False, comment="First day of the story that is gone."),
        sa.Column("last_day", sa.Date(), nullable=False, comment=_LAST_DAY),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False, comment="When it was seen."),
        sa.ForeignKeyConstraint(["kept_id"], ["story.id"], name=op.f("fk_story_merge_kept_id")),
        sa.ForeignKeyConstraint(["gone_id"], ["story.id"], name=op.f("fk_story_merge_gone_id")),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_story_merge_article_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_story_merge")),
    )
    op.create_index("ix_story_merge_kept_id", "story_merge", ["kept_id"])


def downgrade() -> None:
    op.drop_index("ix_story_merge_kept_id", "story_merge")
    op.drop_table("story_merge")
    op.drop_column("series_state", "last_merge_id")
    op.drop_column("story", "merged_into")
    _explain_day(_DAY, _DAY_BEFORE)
    op.create_index("ix_seen_item_day", "seen_item", ["day"])
    op.drop_index("ix_seen_item_last_seen", "seen_item")
    op.drop_column("poll", "left")
    for name in ("last_seen", "title_hash", "poll_id", "reason"):
        op.drop_column("seen_item", name)


def _explain_day(before: str, since: str) -> None:
    if op.get_context().dialect.name == "sqlite":
        return  # keeps no comments
    op.alter_column(
        "seen_item",
        "day",
        existing_type=sa.Date(),
        existing_nullable=False,
        existing_comment=before,
        comment=since,
    )
