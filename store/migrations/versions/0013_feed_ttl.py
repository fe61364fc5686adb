"""what a feed asks for between polls is remembered, for an answer without a body does not repeat it; polls keep its state"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TTL = "Seconds between polls that its last complete answer asked for, a day at most; empty: it asked for none."
_HEALTH = "State in which it left the feed; empty in older polls."


def upgrade() -> None:
    op.add_column("feed", sa.Column("ttl_seconds", sa.Integer(), nullable=True, comment=_TTL))
    op.add_column("poll", sa.Column("health", sa.String(20), nullable=False, server_default="", comment=_HEALTH))


def downgrade() -> None:
    op.drop_column("poll", "health")
    op.drop_column("feed", "ttl_seconds")
