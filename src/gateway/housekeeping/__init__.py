"""The background passes over the databases: retention, orphaned files, forgotten messages, migrations."""
