"""Settings come in; sessions on a migrated database go out (SQLite by default, PostgreSQL by one setting)."""
