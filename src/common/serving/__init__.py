"""How the gateway and the auth service are served: gunicorn's threads, none of them for who makes us wait."""
