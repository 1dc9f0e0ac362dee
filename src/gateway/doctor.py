"""What the gateway depends on, for `python -m common.doctor`."""

from collections.abc import Iterator

from common.doctor import mongodb, network, rabbitmq
from common.doctor.checks import Check
from common.messaging.topology import dead_queue, queues
from common.runtime.settings import load_settings
from gateway.settings import GatewaySettings

# Granted by manifests/mongodb/roles.json.
_CHANGES = ("find", "insert", "update", "remove")
NEEDS = {
    "videos.jobs": (*_CHANGES, "createIndex", "changeStream"),
    **{
        f"videos.{name}": _CHANGES
        for name in ("uploads", "fs.files", "fs.chunks", "accounts", "usage", "summaries", "transcripts")
    },
    "videos.audit": ("find", "insert"),
    "mp3s.fs.files": _CHANGES,
    "mp3s.fs.chunks": _CHANGES,
}


def checks() -> tuple[GatewaySettings, Iterator[Check]]:
    settings = load_settings(GatewaySettings)
    return settings, _checks(settings)


def _checks(settings: GatewaySettings) -> Iterator[Check]:
    yield from mongodb.checks(settings, NEEDS)
    yield from rabbitmq.checks(settings, (settings.video_queue, *map(dead_queue, queues(settings))))
    yield from network.http_service("auth", settings.auth_svc_address)
    if settings.summary_svc_address is not None:
        yield from network.http_service("summary", settings.summary_svc_address)
