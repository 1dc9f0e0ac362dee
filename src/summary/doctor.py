"""What the summary service depends on, for `python -m common.doctor`."""

import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from common.doctor import mongodb, network, rabbitmq
from common.doctor.checks import Check
from common.messaging.topology import dead_queue
from common.runtime.settings import load_settings
from summary.settings import SummarySettings

# Granted by manifests/mongodb/roles.json.
_CHANGES = ("find", "insert", "update", "remove", "createIndex")
NEEDS = {
    "videos.jobs": ("find",),
    "videos.summaries": _CHANGES,
    "videos.transcripts": _CHANGES,
    "mp3s.fs.files": ("find",),
    "mp3s.fs.chunks": ("find",),
}


def checks() -> tuple[SummarySettings, Iterator[Check]]:
    settings = load_settings(SummarySettings)
    return settings, _checks(settings)


def _checks(settings: SummarySettings) -> Iterator[Check]:
    yield from mongodb.checks(settings, NEEDS)
    if settings.summary_queue is not None:
        yield from rabbitmq.checks(settings, (settings.summary_queue, dead_queue(settings.summary_queue)))
    yield from network.http_service("auth", settings.auth_svc_address)
    urls = {"provider": settings.ai_summary_url, "transcripts": settings.ai_transcription_url}
    for name, url in urls.items():
        # No request, which could cost money.
        if url is not None:
            secure = urlsplit(url).scheme == "https"
            host, port = network.address(url, 443 if secure else 80)
            yield from network.reach(name, host, port, ssl.create_default_context() if secure else None)
