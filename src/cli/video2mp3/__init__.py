"""Video2MP3 on the command line; it knows the service by its HTTP API only."""
