"""`python -m gateway.migrations`: brings MongoDB to what this release stores."""

import logging

import pymongo

from common.errors import TransientError
from common.runtime import logs
from common.runtime.settings import load_settings
from common.storage import mongo
from gateway.administration.audit import AuditLog
from gateway.jobs.store import Store
from gateway.migrations import runner
from gateway.migrations.records import MigrationRecords
from gateway.settings import MigrationSettings
from gateway.uploads.repository import UploadRepository

log = logging.getLogger("gateway.migrations")


def main() -> int:
    """Creates the indexes and applies the steps; returns 0 if nothing is left to do, or a newer release runs."""
    settings = load_settings(MigrationSettings)
    logs.configure(settings.log_level, settings.log_format)
    try:
        with mongo.connect(settings) as client:
            db = client[mongo.VIDEOS]
            store = Store.in_databases(db, client[mongo.MP3S])
            # An index of a large collection is built for longer than a query may take.
            with pymongo.timeout(settings.migration_timeout):
                store.ensure_indexes()
                UploadRepository(db, lifetime=0).ensure_indexes()
                AuditLog(db).ensure_indexes()
            if not runner.run(store, MigrationRecords(db), timeout=settings.migration_timeout):
                log.info("MongoDB is up to date")
    except TransientError as error:
        log.error("MongoDB was not migrated completely: %s", error)  # noqa: TRY400  the text says everything
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
