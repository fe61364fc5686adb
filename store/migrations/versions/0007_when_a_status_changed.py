"""when the status of a shift changed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATUS_AT = "When the monitor last changed the status; empty while it is as it was found."


def upgrade() -> None:
    # Without a batch, as in 0005: SQLite would make the table anew for one.
    op.add_column("shift", sa.Column("status_at", sa.DateTime(timezone=True), nullable=True, comment=_STATUS_AT))


def downgrade() -> None:
    op.drop_column("shift", "status_at")
