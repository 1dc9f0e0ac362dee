"""`python -m converter`: connects the settings, MongoDB and the handler of the queue `video`."""

from common.domain.job_repository import Jobs
from common.runtime.settings import load_settings
from common.runtime.worker import Worker
from common.storage import mongo
from common.storage.bucket import Bucket
from converter import ffmpeg
from converter.conversion import Conversion
from converter.settings import ConverterSettings
from converter.workspace import clear_leftovers


def main() -> int:
    settings = load_settings(ConverterSettings)
    worker = Worker(settings, settings.video_queue)
    # The first call starts ffmpeg once, which should not happen in the middle of the first job.
    ffmpeg.binary()
    clear_leftovers(settings.work_folder)
    with mongo.connect(settings) as client:
        conversion = Conversion(
            settings,
            jobs=Jobs(client[mongo.VIDEOS]),
            videos=Bucket(client[mongo.VIDEOS]),
            mp3s=Bucket(client[mongo.MP3S]),
            publisher=worker.publisher,
            must_stop=worker.overdue,
        )
        return worker.run(conversion, {"mongodb": mongo.ping(client)})


if __name__ == "__main__":
    raise SystemExit(main())
