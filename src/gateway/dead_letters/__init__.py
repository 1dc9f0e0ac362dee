"""The command that lists, replays and drops dead letters."""
