"""`python -m video2mp3`."""

from video2mp3.main import run

run()
