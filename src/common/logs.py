"""Logging for people and machines: one event a line with time, level and job, as text or JSON."""

import json
import logging
import logging.config
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_context: ContextVar[str] = ContextVar("log_context", default="-")


@contextmanager
def bound(job: str) -> Iterator[None]:
    """Marks each line that this thread logs inside the block with the job's (or request's) id."""
    token = _context.set(job)
    try:
        yield
    finally:
        _context.reset(token)


def one_line(text: str) -> str:
    """The text with line breaks and control characters escaped: a file's name must not forge a log line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class _ContextFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.job = _context.get()
        return True


class _TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO [job] converter.conversion: Converting video to MP3...`"""

    def format(self, record: logging.LogRecord) -> str:
        line = (
            f"{_timestamp(record)} {record.levelname} [{getattr(record, 'job', '-')}] {record.name}: "
            f"{one_line(record.getMessage())}"
        )
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": _timestamp(record),
            "level": record.levelname,
            "job": getattr(record, "job", "-"),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False)


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def configuration(level: str, form: str) -> dict[str, object]:
    """The `logging.config` dictionary, which gunicorn takes as well."""
    formatter = _JsonFormatter if form == "json" else _TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"context": {"()": _ContextFilter}},
        "formatters": {"line": {"()": formatter}},
        "handlers": {
            "out": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "line",
                "filters": ["context"],
            }
        },
        "root": {"level": level, "handlers": ["out"]},
        "loggers": {
            # pika reports each reconnect at several levels of its stack; ours says it once.
            "pika": {"level": "CRITICAL"},
            "pymongo": {"level": "WARNING"},
            "gunicorn.error": {"level": level, "propagate": True, "handlers": []},
        },
    }


def configure(level: str = "INFO", form: str = "text") -> None:
    """Sends all logging to standard output; `level` is a level's name, `form` is text or json."""
    logging.config.dictConfig(configuration(level, form))
