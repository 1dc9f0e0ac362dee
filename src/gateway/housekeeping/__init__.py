"""Background passes over the databases: retention, recovery of lost messages, orphaned files, migrations, adoption."""
