"""Wires the worker: settings, MongoDB, the provider, and the handler of the queue `summary`."""

from collections.abc import Callable

from common import startup, worker
from common.messaging.message import decode_summary
from common.messaging.publisher import Publisher
from common.storage import mongo
from common.storage.bucket import Bucket
from common.summaries import Summaries
from common.transcripts import Transcripts
from common.worker import Shutdown
from summary.provider import Provider
from summary.settings import SummarySettings
from summary.work import Summarising


def main() -> int:
    """Makes summaries until SIGTERM; returns the exit code."""
    settings = startup.load(SummarySettings)
    with mongo.connect(settings) as client:
        # Not the provider: asking it costs money.
        checks = {"mongodb": mongo.ping(client)}
        return worker.run(settings, settings.summary_queue or "", _handler(settings, client), checks, decode_summary)


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
