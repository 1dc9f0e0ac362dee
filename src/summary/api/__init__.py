"""The HTTP routes of the summary service."""
