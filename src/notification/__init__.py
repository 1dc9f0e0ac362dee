"""The notification service: emails the owners of jobs that have ended."""
