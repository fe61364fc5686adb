"""runs that a person asked for under their name stay on record after Prefect has forgotten them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import store.models

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


_ASKED = "Fields of its form that were changed, mail addresses cut."
_OUTCOME = "What it did, or why it was refused, in a line."


def upgrade() -> None:
    op.create_table(
        "deed",
        sa.Column("id", sa.Integer(), nullable=False, comment="Running number."),
        sa.Column(
            "at", store.models.UtcDateTime(timezone=True), nullable=False, comment="When the run ended, or began."
        ),
        sa.Column("who", sa.String(length=120), nullable=False, comment="Who asked for it, as they named themselves."),
        sa.Column("flow", sa.String(length=60), nullable=False, comment="Which flow, as re-read."),
        sa.Column(
            "run", sa.String(length=36), nullable=False, comment="Prefect's number of the run, while it keeps it."
        ),
        sa.Column("asked", sa.JSON(), nullable=False, comment=_ASKED),
        sa.Column("outcome", sa.Text(), nullable=False, comment=_OUTCOME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deed")),
        sa.UniqueConstraint("run", name=op.f("uq_deed_run")),
    )
    op.create_index(op.f("ix_deed_at"), "deed", ["at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_deed_at"), "deed")
    op.drop_table("deed")
