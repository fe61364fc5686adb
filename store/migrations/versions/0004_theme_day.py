"""themes by day, and the theme or press bloc that a shift is of"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OLD, _NEW = "uq_shift_model_dyad_kind_detected", "uq_shift_model_dyad_kind_theme_bloc_detected"
_THEME = "The theme, where its share of the coverage moved; else empty."
_BLOC = "The press bloc, where it alone changed its tone; else empty."
_ROWS = 5_000
_COMMENTS: tuple[tuple[str, sa.types.TypeEngine[Any], str, str], ...] = (
    ("dyad", sa.String(5), "Which dyad.", "Which dyad; empty for a theme, which is of no dyad."),
    (
        "kind",
        sa.String(20),
        "stance (tone moved) or attention (amount of coverage moved).",
        "stance (tone moved), attention (amount of coverage moved), theme (a theme's share of it moved) or bloc "
        "(the tone of one press bloc alone moved).",
    ),
    (
        "direction",
        sa.String(20),
        "convergence or divergence; rise or fall for attention.",
        "convergence or divergence of tone; rise or fall of attention or of a theme's share.",
    ),
    (
        "magnitude",
        sa.Float(),
        "Change: score points (-2 to 2), or the natural logarithm of the ratio for attention.",
        "Change: score points (-2 to 2) of tone; else the natural logarithm of the ratio.",
    ),
    (
        "before",
        sa.Float(),
        "Level before: mean stance score, or stories a day.",
        "Level before: mean stance score, stories a day, or share of all stories (0 to 1) for a theme.",
    ),
    (
        "evidence",
        sa.JSON(),
        "Who and what carries it: stories, outlets, blocs, themes, counter-example, fragility.",
        "Who and what carries it: stories, outlets, blocs, themes, counter-example, fragility, and what each press "
        "bloc's own tone did.",
    ),
)
"""What an analyst reads of a column: before and since."""


def upgrade() -> None:
    op.create_table(
        "theme_day",
        sa.Column("model", sa.String(length=60), nullable=False, comment="Model version."),
        sa.Column("day", sa.Date(), nullable=False, comment="Day (UTC)."),
        sa.Column("theme", sa.String(length=20), nullable=False, comment="Theme, or empty for all stories."),
        sa.Column(
            "stories",
            sa.Integer(),
            nullable=False,
            comment="Different stories that carry it, as their main theme or not.",
        ),
        sa.PrimaryKeyConstraint("model", "day", "theme", name=op.f("pk_theme_day")),
    )
    with op.batch_alter_table("shift", schema=None) as batch_op:
        batch_op.add_column(sa.Column("theme", sa.String(length=20), nullable=False, server_default="", comment=_THEME))
        batch_op.add_column(sa.Column("bloc", sa.String(length=20), nullable=False, server_default="", comment=_BLOC))
        batch_op.drop_constraint(_OLD, type_="unique")
        batch_op.create_unique_constraint(_NEW, ["model", "dyad", "kind", "theme", "bloc", "detected"])
        for name, type_, before, since in _COMMENTS:
            batch_op.alter_column(
                name, existing_type=type_, existing_nullable=False, existing_comment=before, comment=since
            )
    _count_themes()


def _count_themes() -> None:
    """The themes of the votes of before: without them every theme would seem to set in on the day of the upgrade."""
    vote = sa.table(
        "vote", sa.column("model"), sa.column("day", sa.Date()), sa.column("story_id"), sa.column("themes", sa.JSON())
    )
    theme_day = sa.table(
        "theme_day", sa.column("model"), sa.column("day", sa.Date()), sa.column("theme"), sa.column("stories")
    )
    bind = op.get_bind()
    days = bind.execute(sa.select(vote.c.model, vote.c.day).distinct().order_by(vote.c.model, vote.c.day)).all()
    for model, group in groupby(days, key=lambda row: row.model):
        made = []
        for row in group:
            stories: dict[str, set[int]] = defaultdict(set)
            query = sa.select(vote.c.story_id, vote.c.themes).where(vote.c.model == model, vote.c.day == row.day)
            for story, themes in bind.execute(query):
                for theme in {"", *(themes or ())}:
                    stories[theme].add(story)
            made += [
                {"model": model, "day": row.day, "theme": theme, "stories": len(ids)} for theme, ids in stories.items()
            ]
        for start in range(0, len(made), _ROWS):
            bind.execute(sa.insert(theme_day), made[start : start + _ROWS])


def downgrade() -> None:
    # Shifts of themes and blocs have no place in the older table.
    op.execute("DELETE FROM shift WHERE kind IN ('theme', 'bloc')")
    with op.batch_alter_table("shift", schema=None) as batch_op:
        batch_op.drop_constraint(_NEW, type_="unique")
        batch_op.create_unique_constraint(_OLD, ["model", "dyad", "kind", "detected"])
        for name, type_, before, since in _COMMENTS:
            batch_op.alter_column(
                name, existing_type=type_, existing_nullable=False, existing_comment=since, comment=before
            )
        batch_op.drop_column("bloc")
        batch_op.drop_column("theme")
    op.drop_table("theme_day")
