"""`python -m auth.migrations`: brings the database of accounts to the schema of this release."""

import logging

from auth.migrations import files, runner
from auth.migrations.settings import MigrationSettings
from common.errors import Video2MP3Error
from common.runtime import logs
from common.runtime.settings import load_settings

log = logging.getLogger("auth.migrations")


def main() -> int:
    """Returns 0 if the schema is up to date or newer, and otherwise 1."""
    settings = load_settings(MigrationSettings)
    logs.configure(settings.log_level, settings.log_format)
    try:
        runner.run(settings, files.load())
    except Video2MP3Error as error:
        log.error("The schema was not changed completely: %s", error)  # noqa: TRY400  the text says everything
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
