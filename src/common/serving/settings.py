"""What gunicorn itself reads from the environment, for all HTTP services alike."""

from pydantic import PositiveFloat, PositiveInt

from common.settings import HealthSettings, Port, ServiceSettings


class ServerSettings(ServiceSettings, HealthSettings):
    """Where to listen, how many requests are served at the same time, and how slow a client may be."""

    host: str = "0.0.0.0"  # noqa: S104  a container's only interface
    port: Port = 5000
    # One process: replicas are Kubernetes' business, hashing and file transfers release the interpreter's lock, and
    # each process counts its own metrics and rate limits.
    web_workers: PositiveInt = 1
    # Uploads, downloads and followed jobs each hold a thread while they last.
    web_threads: PositiveInt = 64
    # s. For what is in progress at SIGTERM; Kubernetes kills after 30.
    web_grace: PositiveInt = 25
    # s. From the first byte of a request to the last one of its headers, and of its body if that is small.
    request_patience: PositiveFloat = 10.0
    # bytes/s over CLIENT_PATIENCE seconds in which we wait for the client. A body that comes more slowly, or an answer
    # that is read more slowly, is ended, or it would hold a thread for days.
    client_min_rate: PositiveInt = 4096
    client_patience: PositiveFloat = 30.0
