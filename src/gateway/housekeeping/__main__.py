"""`python -m gateway.housekeeping [--every SECONDS]`: runs the passes of housekeeping; a CronJob in Kubernetes."""

import argparse
import contextlib
import logging
import signal
import threading

from common.errors import TransientError
from common.messaging.connection import BrokerUnavailable
from common.runtime import logs
from common.runtime.settings import load_settings
from gateway.command import tools, wait_for_broker
from gateway.housekeeping.runner import Housekeeping
from gateway.settings import HousekeepingSettings

log = logging.getLogger("gateway.housekeeping")


def main(arguments: list[str] | None = None) -> int:
    """Runs all passes once, or repeatedly until SIGTERM; exits with 1 if it failed or an operator must act."""
    parser = argparse.ArgumentParser(prog="python -m gateway.housekeeping", description=main.__doc__)
    parser.add_argument("--every", type=float, metavar="SECONDS", help="run the passes repeatedly, at this interval")
    parser.add_argument(
        "--delete-held", type=int, metavar="N", help="delete up to N orphaned files that the passes hold back, and exit"
    )
    options = parser.parse_args(arguments)
    if options.delete_held is not None and options.delete_held < 1:
        parser.error("--delete-held: give the number that the log of housekeeping names.")
    settings = load_settings(HousekeepingSettings)
    logs.configure(settings.log_level, settings.log_format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with tools(settings, "housekeeping") as opened:
        # Without RabbitMQ, messages are published in a later run.
        with contextlib.suppress(BrokerUnavailable):
            wait_for_broker(opened.connection, settings.rabbitmq_timeout)
        housekeeping = Housekeeping(settings, opened.db, opened.store, opened.outbox)
        if options.delete_held is not None:
            return 0 if _delete_held(housekeeping, options.delete_held) else 1
        if options.every is None:
            return 0 if _run(housekeeping) else 1
        while not stop.is_set():
            _run(housekeeping)
            stop.wait(options.every)
    return 0


def _run(housekeeping: Housekeeping) -> bool:
    try:
        housekeeping.prepare()
        done = housekeeping.run()
    except TransientError as error:
        log.warning("Housekeeping ended early: %s", error)
        return False
    # False fails the run of the CronJob: an operator has to decide.
    return not done["held"] and not done["lost"]


def _delete_held(housekeeping: Housekeeping, confirmed: int) -> bool:
    try:
        done = housekeeping.delete_orphans(confirmed)
    except TransientError as error:
        log.warning("Not all held files were deleted: %s", error)
        return False
    log.info("Deleted %d orphaned files and the chunks of %d others", done.files, done.chunks)
    return not done.held and not done.lost


if __name__ == "__main__":
    raise SystemExit(main())
