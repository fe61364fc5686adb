"""digests that wait for a person"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import store.models

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COMMENTS = {
    "outbox": (
        "held (waits for a person), dropped (a person, or the end of the time, decided so), pending, sending, "
        "sent, unknown (broke off after the data; never re-sent by itself) or failed.",
        "pending, sending, sent, unknown (broke off after the data; never re-sent by itself) or failed.",
    ),
    "shift_event": (
        "found, told, confirmed, faded, returned, silenced, held, dropped or judged.",
        "found, told, confirmed, faded, returned, silenced, held or judged.",
    ),
}
"""What the columns `state` say of themselves now, and said before."""


def upgrade() -> None:
    moment = store.models.UtcDateTime(timezone=True)
    op.create_table(
        "approval",
        sa.Column("id", sa.Integer(), nullable=False, comment="Running number."),
        sa.Column("asked_at", moment, nullable=False, comment="When the digests were composed."),
        sa.Column("due_at", moment, nullable=False, comment="Until then a person may decide."),
        sa.Column("if_nobody", sa.String(10), nullable=False, comment="What is done then: send or drop."),
        sa.Column("subject", sa.Text(), nullable=False, comment="Subject of the digest with most readers."),
        sa.Column("mails", sa.Integer(), nullable=False, comment="Mails that wait."),
        sa.Column(
            "why", sa.Text(), nullable=False, comment="The size that made it wait, and the setting that says so."
        ),
        sa.Column("decision", sa.String(10), nullable=False, comment="send or drop; empty while it waits."),
        sa.Column("decided_at", moment, nullable=True, comment="When that was decided."),
        sa.Column(
            "decided_by",
            sa.String(120),
            nullable=False,
            comment="Who decided, as they named themselves; nobody where the time was up.",
        ),
        sa.Column(
            "note",
            sa.Text(),
            nullable=False,
            comment="What they added: sent, it stands at the top of the mails; dropped, it says why.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    op.create_index(op.f("ix_approval_decision"), "approval", ["decision"])
    op.add_column(
        "digest",
        sa.Column(
            "approval_id",
            sa.Integer(),
            nullable=True,
            comment="Number of the approval that its mails wait or waited for; empty where none was asked for.",
        ),
    )
    op.create_index(op.f("ix_digest_approval_id"), "digest", ["approval_id"])
    for table, (now, before) in COMMENTS.items():
        _say(table, now, before)


def downgrade() -> None:
    # The schema of before knows no mail that waits for a person, and would never send one: it fails, on record.
    op.execute(
        "UPDATE outbox SET state = 'failed', last_text = 'was not sent: ' || state || ' when the schema went back' "
        "WHERE state IN ('held', 'dropped')"
    )
    op.drop_index(op.f("ix_digest_approval_id"), table_name="digest")
    op.drop_column("digest", "approval_id")
    op.drop_index(op.f("ix_approval_decision"), table_name="approval")
    op.drop_table("approval")
    for table, (now, before) in COMMENTS.items():
        _say(table, before, now)


def _say(table: str, now: str, before: str) -> None:
    if op.get_bind().dialect.name != "sqlite":  # SQLite keeps no comments
        op.alter_column(table, "state", existing_type=sa.String(20), comment=now, existing_comment=before)
