"""What the rooms share: settings in, sessions on a migrated database out (SQLite by default, PostgreSQL by one setting)."""
