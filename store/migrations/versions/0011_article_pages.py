"""full texts of articles: a switch per feed, what came of each page, and what the sites' robots.txt say"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import store.models

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_SWITCH = "Whether the pages of its articles are fetched for their full text, where the setting full_text is on."
_OUTCOME = (
    "replaced (the article has the page's text), or why it has not: not_longer, other_text, no_text, read_before, robots, "
    "robots_unreachable, reserved, paywall, not_html, challenge, blocked, gone, refused, http_error, too_often, "
    "unreachable, failed, too_slow."
)
_NEXT_TRY = "Not tried again before this moment, and only while the article is not read yet. Empty: settled."
_RULES_OUTCOME = "rules, none (there is no such file: all is allowed), or unreachable (nothing is allowed)."
_NAME = "Name under which this program looked for itself there, from the setting user_agent."
_RESTS = "No page of the site is asked for before this moment: it said that it is asked too often."
_TEXT_BEFORE = "Summary or lead as plain text."
_TEXT = "Summary or lead as plain text; the page's text where article_page says replaced."


def upgrade() -> None:
    moment = store.models.UtcDateTime(timezone=True)
    # Without a batch: SQLite would make the table anew for one, and drop the old one, which articles refer to.
    op.add_column(
        "feed", sa.Column("full_text", sa.Boolean(), nullable=False, server_default=sa.false(), comment=_SWITCH)
    )
    op.create_table(
        "article_page",
        sa.Column("article_id", sa.Integer(), nullable=False, comment="Which article."),
        sa.Column("outcome", sa.String(30), nullable=False, comment=_OUTCOME),
        sa.Column("detail", sa.Text(), nullable=False, comment="The same in words, where there is more to say."),
        sa.Column(
            "http_status", sa.Integer(), nullable=True, comment="HTTP status of the last response, if there was one."
        ),
        sa.Column("url", sa.Text(), nullable=False, comment="Address at which the page was, after redirects."),
        sa.Column(
            "chars",
            sa.Integer(),
            nullable=False,
            comment="Characters of the text that was found there, as far as it is kept.",
        ),
        sa.Column("tries", sa.Integer(), nullable=False, comment="How often it was tried."),
        sa.Column("asked_at", moment, nullable=False, comment="When it was tried last."),
        sa.Column("next_try_at", moment, nullable=True, comment=_NEXT_TRY),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_article_page_article_id")),
        sa.PrimaryKeyConstraint("article_id", name=op.f("pk_article_page")),
    )
    op.create_table(
        "site_rules",
        sa.Column("origin", sa.String(300), nullable=False, comment="Scheme, host and port, as https://example.in."),
        sa.Column("outcome", sa.String(20), nullable=False, comment=_RULES_OUTCOME),
        sa.Column("detail", sa.Text(), nullable=False, comment="Why there are none, or why it could not be reached."),
        sa.Column("rules", sa.Text(), nullable=False, comment="The lines of it that concern this program."),
        sa.Column("token", sa.String(80), nullable=False, comment=_NAME),
        sa.Column("asked_at", moment, nullable=False, comment="When it was asked for."),
        sa.Column("rests_until", moment, nullable=True, comment=_RESTS),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_site_rules")),
    )
    _explain_text(_TEXT_BEFORE, _TEXT)


def downgrade() -> None:
    _explain_text(_TEXT, _TEXT_BEFORE)
    op.drop_table("site_rules")
    op.drop_table("article_page")
    op.drop_column("feed", "full_text")


def _explain_text(before: str, since: str) -> None:
    if op.get_context().dialect.name == "sqlite":
        return  # keeps no comments
    op.alter_column(
        "article",
        "text",
        existing_type=sa.Text(),
        existing_nullable=False,
        existing_comment=before,
        comment=since,
    )
