"""`python -m gateway.administration`: the numbers of queues and jobs as JSON, for ./deploy.sh --status."""

import json
import sys

from common.messaging.connection import BrokerUnavailable
from common.runtime import logs
from common.runtime.settings import load_settings
from gateway.administration.status import SystemStatus
from gateway.command import tools, wait_for_broker
from gateway.housekeeping.repository import HousekeepingRepository
from gateway.settings import StoreSettings


def main() -> int:
    settings = load_settings(StoreSettings)
    logs.configure("CRITICAL", settings.log_format)
    with tools(settings, "status") as opened:
        try:
            wait_for_broker(opened.connection, settings.rabbitmq_timeout)
        except BrokerUnavailable as error:
            sys.stderr.write(f"{error}\n")
        status = SystemStatus(settings, opened.publisher, opened.store.jobs, HousekeepingRepository(opened.db))
        sys.stdout.write(json.dumps(status.counts()) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
