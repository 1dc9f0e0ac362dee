"""What the HTTP services share: the Flask application, reading of requests, the caller's identity, internal calls."""
