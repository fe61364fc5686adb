"""where the detector stood at the end of a day"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "detector_state",
        sa.Column("model", sa.String(length=60), nullable=False, comment="Model version whose series it watches."),
        sa.Column("day", sa.Date(), nullable=False, comment="Last day that went into it."),
        sa.Column(
            "data",
            sa.LargeBinary(),
            nullable=False,
            comment="The state, for the program alone: sums, levels and the days that later ones are measured against.",
        ),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, comment="When it was made."),
        sa.PrimaryKeyConstraint("model", "day", name=op.f("pk_detector_state")),
    )
    op.create_table(
        "coverage_change",
        sa.Column("id", sa.Integer(), nullable=False, comment="Always 1: there is one count."),
        sa.Column("changes", sa.Integer(), nullable=False, comment="Changes so far."),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coverage_change")),
    )
    # The day of all feeds is looked up every day; the primary key begins with the feed.
    op.create_index(op.f("ix_feed_day_day"), "feed_day", ["day"])


def downgrade() -> None:
    op.drop_index(op.f("ix_feed_day_day"), table_name="feed_day")
    op.drop_table("coverage_change")
    op.drop_table("detector_state")
