"""`python -m summary`: the worker."""

from common.domain.summaries import Summaries
from common.domain.transcripts import Transcripts
from common.messaging.message import decode_summary
from common.runtime.settings import load_settings
from common.runtime.worker import Worker
from common.storage import mongo
from common.storage.bucket import Bucket
from summary.provider.client import Provider
from summary.settings import SummarySettings
from summary.worker.summarising import Summarising


def main() -> int:
    settings = load_settings(SummarySettings)
    worker = Worker(settings, settings.summary_queue or "")
    with mongo.connect(settings) as client:
        summarising = Summarising(
            settings,
            summaries=Summaries(client[mongo.VIDEOS]),
            transcripts=Transcripts(client[mongo.VIDEOS]),
            mp3s=Bucket(client[mongo.MP3S]),
            provider=Provider(settings),
            # Every response of the provider is stored, so stopping between two requests loses nothing.
            must_stop=worker.stopping.is_set,
        )
        # The provider is not checked: requests to it cost money.
        return worker.run(summarising, {"mongodb": mongo.ping(client)}, decode_summary)


if __name__ == "__main__":
    raise SystemExit(main())
