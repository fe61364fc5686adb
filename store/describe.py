"""Pages of the documentation that are made from the code: every column, every setting. ``make docs`` writes them."""

from __future__ import annotations

from pydantic_core import PydanticUndefined
from sqlalchemy import Table

import store.people  # noqa: F401  (its tables belong on the page)
from store.models import Base
from store.settings import ROOT, Settings

_DOCS = {mapper.local_table: (mapper.class_.__doc__ or "").strip() for mapper in Base.registry.mappers}


def columns_page() -> str:
    """``docs/columns.md``: each table and column in an analyst's words."""
    lines = [
        "# Every column, explained",
        "",
        "Made from `store/models.py` by `make docs`. Days are calendar days in UTC; moments are stored in UTC.",
        "",
    ]
    for table in Base.metadata.sorted_tables:
        lines += [
            f"## {table.name}",
            "",
            _meaning(table),
            "",
            "| column | type | meaning |",
            "| --- | --- | --- |",
        ]
        for column in table.columns:
            kind = str(column.type).split("(")[0].lower()
            if column.primary_key:
                kind += ", key"
            elif column.nullable:
                kind += ", may be empty"
            lines.append(f"| `{column.name}` | {kind} | {(column.comment or '').replace('|', chr(92) + '|')} |")
        lines.append("")
    return "\n".join(lines)


def _meaning(table: Table) -> str:
    return " ".join(_DOCS.get(table, "").split())


def settings_page() -> str:
    """``docs/settings.md``: each environment variable with its default."""
    lines = [
        "# Settings",
        "",
        "Made from `store/settings.py` by `make docs`. Set them in the environment, or in a file `.env` at the top of",
        "the checkout. `ricwatch doctor` shows what is in force. A variable may also be a file of its name in the",
        "folder `$CREDENTIALS_DIRECTORY`, where systemd's `LoadCredential=` puts passwords ([security](security.md)).",
        "",
        "| variable | default | meaning |",
        "| --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        default = field.default
        if default is PydanticUndefined or default is None:
            shown = "–"
        else:
            shown = str(default).replace(str(ROOT), ".") or "(empty)"
        lines.append(f"| `RICWATCH_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join([*lines, ""])


def write_pages() -> None:
    """Write both pages."""
    (ROOT / "docs" / "columns.md").write_text(columns_page(), encoding="utf-8")
    (ROOT / "docs" / "settings.md").write_text(settings_page(), encoding="utf-8")


if __name__ == "__main__":
    write_pages()
