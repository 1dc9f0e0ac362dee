"""The auth service: accounts and tokens."""
