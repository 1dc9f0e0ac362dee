"""`python -m converter`: connects the settings, MongoDB and the handler of the queue `video`."""

import logging
import sys

from common.domain.job_repository import Jobs
from common.domain.outbox import Outbox
from common.domain.summaries import Summaries
from common.domain.usage import UsageRepository
from common.runtime.secret_files import erase_secrets
from common.runtime.settings import EXIT_CONFIGURATION, load_settings
from common.runtime.worker import Worker
from common.storage import mongo
from common.storage.bucket import Bucket
from converter import ffmpeg
from converter.conversion import Conversion
from converter.sandbox import kernel
from converter.sandbox.confinement import Sandbox, Unavailable
from converter.settings import ConverterSettings
from converter.workspace import clear_leftovers

log = logging.getLogger(__name__)


def main() -> int:
    settings = load_settings(ConverterSettings)
    # A program of the same user, which ffmpeg is, could otherwise read secrets here.
    erase_secrets(settings)
    kernel.forbid_tracing()
    worker = Worker(settings, settings.video_queue)
    # The first call starts ffmpeg once, which should not happen in the middle of the first job.
    ffmpeg.binary()
    try:
        sandbox = _sandbox(settings)
    except Unavailable as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIGURATION
    clear_leftovers(settings.work_folder)
    with mongo.connect(settings) as client:
        jobs = Jobs(client[mongo.VIDEOS])
        usage = UsageRepository(client[mongo.VIDEOS])
        outbox = Outbox(settings, jobs, Summaries(client[mongo.VIDEOS]), worker.publisher, usage)
        conversion = Conversion(
            settings,
            jobs=jobs,
            videos=Bucket(client[mongo.VIDEOS]),
            mp3s=Bucket(client[mongo.MP3S]),
            publisher=worker.publisher,
            must_stop=worker.overdue,
            sandbox=sandbox,
            advance=outbox.publish_next,
            usage=usage,
        )
        checks = {"mongodb": mongo.ping(client)}
        # An autoscaler adds converters because jobs wait, most of them in MongoDB.
        return worker.run(conversion, checks, on_subscribe=outbox.publish_for_converters)


def _sandbox(settings: ConverterSettings) -> Sandbox | None:
    if settings.sandbox == "off":
        log.warning("SANDBOX=off: ffmpeg can read the files and reach the servers that the converter can")
        return None
    sandbox = Sandbox.detect(required=settings.sandbox == "required")
    sandbox.check(ffmpeg.binary())
    return sandbox


if __name__ == "__main__":
    raise SystemExit(main())
