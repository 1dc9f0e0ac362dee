"""Measures the system against what the machine's own tools can do: ffmpeg, nginx, plain GridFS, a Flask route."""
