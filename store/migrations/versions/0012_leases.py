"""who polls a feed, who asks a host and who does a step just now: several workers share one store"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import store.models

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ENDS = "When that worker's hold ends by itself, should it have died."
_NEXT = "Not asked before this moment, so that requests begin apart whichever workers make them."


def _text(comment: str) -> sa.Column[str]:
    return sa.Column("leased_to", sa.String(length=200), nullable=False, server_default="", comment=comment)


def _moment(name: str, comment: str) -> sa.Column[object]:
    return sa.Column(name, store.models.UtcDateTime(timezone=True), nullable=True, comment=comment)


def upgrade() -> None:
    polls = "Counts its polls: a worker sees by it that another was first."
    op.add_column("feed", sa.Column("polls", sa.Integer(), nullable=False, server_default="0", comment=polls))
    op.add_column("feed", _text("Worker that is polling it just now; empty: none is."))
    op.add_column("feed", _moment("leased_until", _ENDS))
    op.create_table(
        "host_turn",
        sa.Column("host", sa.String(length=255), nullable=False, comment="Name or address of the host."),
        _text("Worker that asks it just now; empty: none does."),
        _moment("leased_until", _ENDS),
        _moment("next_at", _NEXT),
        _moment("rests_until", "Not asked before this moment: it said that it is asked too often."),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_host_turn")),
    )
    op.create_table(
        "step_lease",
        sa.Column("name", sa.String(length=60), nullable=False, comment="The step: deliver, series …"),
        _text("Worker that does it just now; empty: none does."),
        _moment("leased_until", _ENDS),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_step_lease")),
    )


def downgrade() -> None:
    op.drop_table("step_lease")
    op.drop_table("host_turn")
    op.drop_column("feed", "leased_until")
    op.drop_column("feed", "leased_to")
    op.drop_column("feed", "polls")
