"""How ffmpeg is run: its command lines, limits, progress and output."""
