"""mails to the operator"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import store.models

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = store.models.UtcDateTime(timezone=True)
    op.create_table(
        "operator_mail",
        sa.Column("id", sa.Integer(), nullable=False, comment="Running number."),
        sa.Column(
            "cause",
            sa.String(40),
            nullable=False,
            comment="run failed, run late, worker gone, part ended, feeds silent, disk full or nothing delivered.",
        ),
        sa.Column(
            "about",
            sa.String(80),
            nullable=False,
            comment="What it is about: a deployment, a press bloc, a folder; empty where the cause says all.",
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="Day in the readers' zone."),
        sa.Column("recipient", sa.String(320), nullable=False, comment="Address it goes to."),
        sa.Column(
            "message_id", sa.String(200), nullable=False, comment="Message-ID, made from cause, day and address."
        ),
        sa.Column("mime", sa.LargeBinary(), nullable=False, comment="The mail, byte for byte."),
        sa.Column(
            "state",
            sa.String(20),
            nullable=False,
            comment="pending, sending, sent, unknown (broke off after the data) or failed.",
        ),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="Tries so far."),
        sa.Column("last_text", sa.Text(), nullable=False, comment="Last answer, or where the mail lies."),
        sa.Column("created_at", moment, nullable=False, comment="When it was queued."),
        sa.Column("sent_at", moment, nullable=True, comment="When it was handed over."),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_mail")),
        sa.UniqueConstraint("cause", "about", "day", name=op.f("uq_operator_mail_cause_about_day")),
    )


def downgrade() -> None:
    op.drop_table("operator_mail")
