"""the claims that a reading bears on, in a table of their own"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reading_claim",
        sa.Column("reading_id", sa.Integer(), nullable=False, comment="Which reading."),
        sa.Column("claim_id", sa.String(length=80), nullable=False, comment="Which claim."),
        sa.Column(
            "similarity", sa.Float(), nullable=False, comment="Probability that the article bears on it, 0 to 1."
        ),
        sa.Column("relation", sa.String(length=20), nullable=False, comment="supports, undercuts or mentions."),
        sa.ForeignKeyConstraint(
            ["reading_id"], ["reading.id"], name=op.f("fk_reading_claim_reading_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("reading_id", "claim_id", name=op.f("pk_reading_claim")),
    )
    with op.batch_alter_table("reading_claim", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reading_claim_claim_id"), ["claim_id"], unique=False)
    # Readings of before name one claim each: it is their entry in the ledger, which so does not begin empty.
    op.execute(
        "INSERT INTO reading_claim (reading_id, claim_id, similarity, relation) "
        "SELECT id, claim_id, COALESCE(claim_similarity, 0), COALESCE(claim_relation, 'mentions') "
        "FROM reading WHERE claim_id IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_table("reading_claim")
