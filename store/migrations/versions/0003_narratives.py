"""narratives outside the seed themes, and what their threshold learns from"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import store.models

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "narrative_day",
        sa.Column("model", sa.String(length=60), nullable=False, comment="Model version."),
        sa.Column("day", sa.Date(), nullable=False, comment="Day (UTC)."),
        sa.Column(
            "top",
            sa.Float(),
            nullable=False,
            comment="Highest score of the clusters that belong to no narrative that was told.",
        ),
        sa.PrimaryKeyConstraint("model", "day", name=op.f("pk_narrative_day")),
    )
    op.create_table(
        "narrative",
        sa.Column("id", sa.Integer(), nullable=False, comment="Running number."),
        sa.Column(
            "model", sa.String(length=60), nullable=False, comment="Model version whose readings fitted no theme."
        ),
        sa.Column(
            "first", sa.Date(), nullable=False, comment="First day of a story of it, within the 21 days up to found."
        ),
        sa.Column("found", sa.Date(), nullable=False, comment="Last day of data when it was found."),
        sa.Column(
            "last",
            sa.Date(),
            nullable=False,
            comment="Day of its latest story so far; silent for 28 days, it may be told again.",
        ),
        sa.Column(
            "score",
            sa.Float(),
            nullable=False,
            comment="Persistence when found: outlets a day, two at most, over 21 days; half from a single bloc.",
        ),
        sa.Column("threshold", sa.Float(), nullable=False, comment="What the score had to reach."),
        sa.Column("terms", sa.JSON(), nullable=False, comment="Its words when found, the most telling first."),
        sa.Column(
            "profile",
            sa.JSON(),
            nullable=False,
            comment="Its words with their weight, by which it is known again; follows its stories.",
        ),
        sa.Column("days", sa.Integer(), nullable=False, comment="Days with a story of it, of the 21 up to found."),
        sa.Column("stories", sa.Integer(), nullable=False, comment="Independent stories in these days."),
        sa.Column("outlets", sa.Integer(), nullable=False, comment="Different outlets among them."),
        sa.Column("blocs", sa.JSON(), nullable=False, comment="Press blocs among them."),
        sa.Column(
            "shown", sa.JSON(), nullable=False, comment="Up to three of its stories: title, address, outlet, day."
        ),
        sa.Column(
            "status",
            sa.String(length=20),
            nullable=False,
            comment="open, or known: there already when a new model version took over, so it is no news and not told.",
        ),
        sa.Column("digest_id", sa.Integer(), nullable=True, comment="The digest that told it; empty until then."),
        sa.Column(
            "found_at", store.models.UtcDateTime(timezone=True), nullable=False, comment="When the monitor found it."
        ),
        sa.ForeignKeyConstraint(["digest_id"], ["digest.id"], name=op.f("fk_narrative_digest_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_narrative")),
    )
    op.create_index(op.f("ix_narrative_found"), "narrative", ["found"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_narrative_found"), table_name="narrative")
    op.drop_table("narrative")
    op.drop_table("narrative_day")
