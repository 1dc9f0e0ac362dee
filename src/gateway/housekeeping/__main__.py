"""`python -m gateway.housekeeping [--every SECONDS]`: keeps the databases in order; a CronJob in Kubernetes."""

import argparse
import contextlib
import logging
import signal
import threading
from types import FrameType

from common.errors import TransientError
from common.messaging.connection import BrokerUnavailable
from common.runtime import logs
from common.runtime.settings import load_settings
from gateway.command import Tools, tools, wait_for_broker
from gateway.housekeeping import migrations
from gateway.housekeeping.orphans import OrphanCleanup
from gateway.housekeeping.report import UpkeepReport
from gateway.housekeeping.retention import Housekeeping
from gateway.housekeeping.summaries import SummaryUpkeep
from gateway.settings import HousekeepingSettings
from gateway.uploads.resumable import Uploads

log = logging.getLogger("gateway.housekeeping")


def main(arguments: list[str] | None = None) -> int:
    """Runs all passes once, or every so often until SIGTERM; exits with 1 if it failed or an operator must act."""
    parser = argparse.ArgumentParser(prog="python -m gateway.housekeeping", description=main.__doc__)
    parser.add_argument("--every", type=float, metavar="SECONDS", help="go on and run the passes every so often")
    parser.add_argument(
        "--delete-held", type=int, metavar="N", help="delete up to N orphaned files that the passes hold back, and exit"
    )
    options = parser.parse_args(arguments)
    if options.delete_held is not None and options.delete_held < 1:
        parser.error("--delete-held: give the number that the log of housekeeping names.")
    settings = load_settings(HousekeepingSettings)
    logs.configure(settings.log_level, settings.log_format)
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    with tools(settings, "housekeeping") as opened:
        # Without RabbitMQ the passes that publish leave their work to the next time.
        with contextlib.suppress(BrokerUnavailable):
            wait_for_broker(opened.connection, settings.rabbitmq_timeout)
        if options.delete_held is not None:
            return 0 if _delete_held(settings, opened, options.delete_held) else 1
        if options.every is None:
            return 0 if _once(settings, opened) else 1
        while not stop.is_set():
            _once(settings, opened)
            stop.wait(options.every)
    return 0


def _once(settings: HousekeepingSettings, opened: Tools) -> bool:
    try:
        opened.store.ensure_indexes()
        migrations.run(opened.store)
        done = Housekeeping(settings, opened.store, opened.outbox).run()
        done |= SummaryUpkeep(settings, opened.store, opened.publisher).run()
        UpkeepReport(opened.store).write(held=done["held"], lost=done["lost"])
    except TransientError as error:
        log.warning("Housekeeping ended early: %s", error)
        return False
    level = logging.INFO if any(done.values()) else logging.DEBUG
    log.log(level, "Housekeeping: %s", ", ".join(f"{name} {count}" for name, count in done.items()))
    # So that the CronJob's run counts as failed: an operator has to decide.
    return not done["held"] and not done["lost"]


def _delete_held(settings: HousekeepingSettings, opened: Tools, most: int) -> bool:
    uploads = Uploads(opened.store.jobs.collection.database, settings.upload_lifetime)
    try:
        done = OrphanCleanup(settings, opened.store, uploads).run(confirmed=most)
        UpkeepReport(opened.store).write(held=done.held, lost=done.lost)
    except TransientError as error:
        log.warning("Not all held files were deleted: %s", error)
        return False
    log.info("Deleted %d orphaned files and the chunks of %d others", done.files, done.chunks)
    return not done.held and not done.lost


if __name__ == "__main__":
    raise SystemExit(main())
