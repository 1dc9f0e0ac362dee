"""Turns the selected sound of a video into an MP3 and checks the result."""
