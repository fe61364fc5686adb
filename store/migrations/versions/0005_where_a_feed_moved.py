"""where a feed moved for good, and more states of a feed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BEFORE = (
    "State in one word: ok, unmodified, empty, stale, http_error, parse_error, blocked, gone, unreachable, unknown."
)
_SINCE = (
    "State in one word: ok, unmodified, empty, stale, http_error, parse_error, html_instead_of_feed, challenge_page, "
    "wrong_script, blocked, gone, unreachable, unknown."
)
_MOVED_TO = "Address that permanent redirects lead to; polled once enough answers agreed. Empty: none does."
_MOVED_SEEN = "Answers in a row, each a feed, that came from there by permanent redirects."


def upgrade() -> None:
    # Without a batch: SQLite would make the table anew for one, and drop the old one, which articles refer to.
    op.add_column("feed", sa.Column("moved_to", sa.Text(), nullable=False, server_default="", comment=_MOVED_TO))
    op.add_column(
        "feed", sa.Column("moved_seen", sa.Integer(), nullable=False, server_default="0", comment=_MOVED_SEEN)
    )
    _explain_health(_BEFORE, _SINCE)


def downgrade() -> None:
    _explain_health(_SINCE, _BEFORE)
    op.drop_column("feed", "moved_seen")
    op.drop_column("feed", "moved_to")


def _explain_health(before: str, since: str) -> None:
    if op.get_context().dialect.name == "sqlite":
        return  # keeps no comments
    op.alter_column(
        "feed",
        "health",
        existing_type=sa.String(30),
        existing_nullable=False,
        existing_comment=before,
        comment=since,
    )
