"""Video2MP3 on the command line, a client of the HTTP API."""

__version__ = "0.1.0"
