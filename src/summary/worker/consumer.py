"""Wires the worker: settings, MongoDB, the provider, and the handler of the queue `summary`."""

from collections.abc import Callable

from common.domain.summaries import Summaries
from common.domain.transcripts import Transcripts
from common.messaging.message import decode_summary
from common.messaging.publisher import Publisher
from common.runtime import worker
from common.runtime.settings import load_settings
from common.runtime.worker import Shutdown
from common.storage import mongo
from common.storage.bucket import Bucket
from summary.provider.client import Provider
from summary.settings import SummarySettings
from summary.worker.summarising import Summarising


def main() -> int:
    """Makes summaries until SIGTERM; returns the exit code."""
    settings = load_settings(SummarySettings)
    with mongo.connect(settings) as client:
        # Not the provider: asking it costs money.
        checks = {"mongodb": mongo.ping(client)}
        handler = _handler(settings, client)
        return worker.run(settings, settings.summary_queue or "", handler, checks, read=decode_summary)


def _handler(settings: SummarySettings, client: mongo.Client) -> Callable[[Publisher, Shutdown], Summarising]:
    def build(_publisher: Publisher, shutdown: Shutdown) -> Summarising:
        return Summarising(
            settings,
            summaries=Summaries(client[mongo.VIDEOS]),
            transcripts=Transcripts(client[mongo.VIDEOS]),
            mp3s=Bucket(client[mongo.MP3S]),
            provider=Provider(settings),
            # Between two requests to the provider nothing is lost: there is no reason to go on.
            must_stop=shutdown.requested.is_set,
        )

    return build
