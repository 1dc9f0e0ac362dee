"""Named points between two writes, at which tests stop a worker while another one continues (docs/decisions/0018).

A point costs one comparison while no hook is installed, as in production. Only the process's own environment (STOP_AT)
or code in the process can install one, and nothing that a user sends.
"""

import logging
import os
import signal
from collections.abc import Callable
from enum import StrEnum

log = logging.getLogger(__name__)


class Point(StrEnum):
    """What was done last, or is done next: one point between each two steps that other processes can see."""

    CONVERTER_LEASED = "converter.leased"
    CONVERTER_CONVERTED = "converter.converted"
    CONVERTER_STORED = "converter.stored"
    CONVERTER_COMPLETED = "converter.completed"
    CONVERTER_PUBLISHED = "converter.published"
    CONVERTER_CONFIRMED = "converter.confirmed"
    CONVERTER_LEASE_LOST = "converter.lease_lost"
    CONVERTER_BEFORE_FAIL = "converter.before_fail"
    CONVERTER_FAILED = "converter.failed"
    CONVERTER_BEFORE_RELEASE = "converter.before_release"
    CONVERTER_BEFORE_GIVE_UP = "converter.before_give_up"
    CONVERTER_BEFORE_SETTLE = "converter.before_settle"
    SUMMARY_LEASED = "summary.leased"
    SUMMARY_HEARD = "summary.heard"
    SUMMARY_APPENDED = "summary.appended"
    SUMMARY_NOTED = "summary.noted"
    SUMMARY_SUMMARISED = "summary.summarised"
    SUMMARY_BEFORE_FAIL = "summary.before_fail"
    SUMMARY_BEFORE_RELEASE = "summary.before_release"
    SUMMARY_BEFORE_GIVE_UP = "summary.before_give_up"
    NOTIFICATION_READ = "notification.read"
    NOTIFICATION_WINDOW_OPENED = "notification.window_opened"
    NOTIFICATION_RESERVED = "notification.reserved"
    NOTIFICATION_CONNECTED = "notification.connected"
    NOTIFICATION_SENT = "notification.sent"
    NOTIFICATION_BEFORE_RELEASE = "notification.before_release"
    NOTIFICATION_BEFORE_GIVE_UP = "notification.before_give_up"
    # In the thread that renews leases.
    LEASE_BEFORE_RENEWAL = "lease.before_renewal"


Hook = Callable[[Point], None]
_hook: Hook | None = None


def checkpoint(point: Point) -> None:
    """Calls the hook, if a test has installed one."""
    if _hook is not None:
        _hook(point)


def install(hook: Hook | None) -> None:
    """Has `hook` called at each point from now on, in the thread that reaches it; None removes the hook."""
    global _hook  # noqa: PLW0603  one switch for the process, like a signal handler
    _hook = hook


def stop_process_at(wanted: Point) -> None:
    """Has this process stop itself (SIGSTOP, until SIGCONT) when it first reaches that point."""
    log.warning("STOP_AT is set, which is for tests only: this process will stop itself at %s", wanted.value)

    def stop(point: Point) -> None:
        if point is wanted:
            install(None)
            os.kill(os.getpid(), signal.SIGSTOP)

    install(stop)
