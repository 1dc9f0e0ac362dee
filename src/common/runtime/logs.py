"""Logging: one event per line with time, level, job and request, as text or JSON."""

import json
import logging
import logging.config
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TypeVar

from common.runtime.clock import iso

_T = TypeVar("_T")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# The id of the job or the summary that this thread works on, and that of the request that caused it.
JOB: ContextVar[str] = ContextVar("job", default="-")
REQUEST: ContextVar[str | None] = ContextVar("request", default=None)


@contextmanager
def bound(variable: ContextVar[_T], value: _T) -> Iterator[None]:
    """Marks each line that this thread logs inside the block with the JOB or the REQUEST."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


class Sparse:
    """Logs a failure that repeats: the first time, and then every `every` seconds with the number of times."""

    def __init__(self, log: logging.Logger, every: float = 60.0) -> None:
        self._log = log
        self._every = every
        self._last: float | None = None
        self._unlogged = 0

    def warning(self, message: str, *values: object) -> None:
        if self._last is not None and time.monotonic() - self._last < self._every:
            self._unlogged += 1
            return
        if self._unlogged:
            message, values = f"{message} (%d times before)", (*values, self._unlogged)
        self._log.warning(message, *values)
        self._last, self._unlogged = time.monotonic(), 0


def is_request_id(text: str) -> bool:
    """Whether a client's text is accepted as a request id, which goes into log lines and headers."""
    return _REQUEST_ID.fullmatch(text) is not None


def one_line(text: str) -> str:
    """Escapes line breaks and control characters: a file's name must not forge a log line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class _TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO [job] converter.conversion: Converting video to MP3... request=4f1c`"""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_timestamp(record)} {record.levelname} [{JOB.get()}] {record.name}: {one_line(record.getMessage())}"
        if request := REQUEST.get():
            line += f" request={request}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": _timestamp(record),
            "level": record.levelname,
            "job": JOB.get(),
            "request": REQUEST.get(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False)


class _WithoutQueries(logging.Filter):
    """For gunicorn, which logs the address of a request that it could not handle: a query can contain a token."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(each.partition("?")[0] if isinstance(each, str) else each for each in record.args)
        return True


def _timestamp(record: logging.LogRecord) -> str:
    return iso(datetime.fromtimestamp(record.created, UTC))


def configuration(level: str, form: str) -> dict[str, object]:
    """The dictionary for `logging.config`, also used by gunicorn."""
    formatter = _JsonFormatter if form == "json" else _TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "filters": {"without queries": {"()": _WithoutQueries}},
        "handlers": {
            "out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"},
        },
        "root": {"level": level, "handlers": ["out"]},
        "loggers": {
            # pika logs each reconnect at several levels of its stack; `common.messaging.connection` logs it once.
            "pika": {"level": "CRITICAL"},
            "pymongo": {"level": "WARNING"},
            "gunicorn.error": {
                "level": level,
                "propagate": True,
                "handlers": [],
                "filters": ["without queries"],
            },
        },
    }


def configure(level: str = "INFO", form: str = "text") -> None:
    """Sends all logging to standard output; `level` is a level's name, `form` is text or json."""
    logging.config.dictConfig(configuration(level, form))
