"""How the HTTP services are served: gunicorn's threads, none of them for who makes us wait."""
