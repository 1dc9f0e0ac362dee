"""Converts the selected sound of a video to an MP3 and verifies it."""
