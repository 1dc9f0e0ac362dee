"""Records when API keys were used: once a minute, and in no request's way."""

import logging
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from flask import Flask

from auth.keys.api_key import ApiKey
from auth.keys.repository import USE_INTERVAL, Keys
from common.errors import TransientError

log = logging.getLogger(__name__)

# Keys whose last use is remembered.
_REMEMBERED = 4096


class LastUse:
    """Writes in a thread of its own. What cannot be written is skipped: the next use is written."""

    def __init__(self, app: Flask, keys: Keys) -> None:
        self._app = app
        self._keys = keys
        self._noted: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="last-use")
        self._write_again_at = 0.0

    def note(self, key: ApiKey, moment: datetime) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(key.id, -USE_INTERVAL) < USE_INTERVAL:
                return
            self._noted[key.id] = now
            self._noted.move_to_end(key.id)
            if len(self._noted) > _REMEMBERED:
                self._noted.popitem(last=False)
        self._writer.submit(self._write, key.id, moment)

    def _write(self, key_id: str, moment: datetime) -> None:
        # While the database fails, the tasks end without an attempt, so that they do not accumulate.
        if time.monotonic() < self._write_again_at:
            return
        try:
            with self._app.app_context():
                self._keys.mark_used(key_id, moment)
        except TransientError as error:
            self._write_again_at = time.monotonic() + USE_INTERVAL
            log.warning("The last use of API keys is not stored for %d s: %s", USE_INTERVAL, error)
