"""API keys: long random secrets with a scope, which programs send in place of a token."""
