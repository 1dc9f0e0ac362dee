"""The notification service: tells people by email how their conversion ended."""
