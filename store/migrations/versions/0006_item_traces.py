"""why an item was left out, what a poll did not look at, and when a remembered item was last seen"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_REASON = "Why it is not an article of this feed: off_topic, or elsewhere (another feed had brought the article)."
_POLL = "Number of the poll that first brought it; empty for imports."
_TITLE = "Hash of the words of its title, by which it can be asked for."
_LAST_SEEN = (
    "Day on which it was last found in the feed, give or take a month; 90 days later it is forgotten. Empty: kept."
)
_DAY = "Day of publication, or of first sight."
_DAY_BEFORE = "Day of publication, or of first sight; old rows are removed."
_LEFT = "Items beyond the cap of one response, not looked at."


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


def downgrade() -> None:
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
