"""Wires the converter: settings, MongoDB, and the handler of the queue `video`."""

from collections.abc import Callable

from common.domain.job_repository import Jobs
from common.messaging.publisher import Publisher
from common.runtime import worker
from common.runtime.settings import load_settings
from common.runtime.worker import Shutdown
from common.storage import mongo
from common.storage.bucket import Bucket
from converter.conversion import Conversion
from converter.ffmpeg import moviepy_parts
from converter.settings import ConverterSettings
from converter.workspace import clear_leftovers


def main() -> int:
    """Converts until SIGTERM; returns the exit code."""
    settings = load_settings(ConverterSettings)
    # Finding ffmpeg starts it once; better now than in the middle of the first job.
    moviepy_parts.binary()
    clear_leftovers(settings.work_folder)
    with mongo.connect(settings) as client:
        return worker.run(settings, settings.video_queue, _handler(settings, client), {"mongodb": mongo.ping(client)})


def _handler(settings: ConverterSettings, client: mongo.Client) -> Callable[[Publisher, Shutdown], Conversion]:
    def build(publisher: Publisher, shutdown: Shutdown) -> Conversion:
        return Conversion(
            settings,
            jobs=Jobs(client[mongo.VIDEOS]),
            videos=Bucket(client[mongo.VIDEOS]),
            mp3s=Bucket(client[mongo.MP3S]),
            publisher=publisher,
            must_stop=shutdown.overdue,
        )

    return build
