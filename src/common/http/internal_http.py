"""Calls of one of our services to another, inside the cluster."""

import requests
from requests.adapters import HTTPAdapter

# As many idle connections as a gunicorn worker has threads.
_POOL = 64


def session() -> requests.Session:
    """Keeps its connections, and repeats nothing by itself: who calls knows what a repeat means."""
    found = requests.Session()
    # Proxies and .netrc of the machine are not for calls inside the cluster.
    found.trust_env = False
    found.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=_POOL, max_retries=0))
    return found
