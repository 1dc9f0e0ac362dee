"""Login and registration, passed on to the auth service."""
