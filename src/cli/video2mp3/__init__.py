"""Video2MP3 on the command line, a client of the HTTP API."""
