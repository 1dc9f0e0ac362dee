"""Runs in a pod of the cluster: asks the gateway without a pause until /tmp/stop exists, then tells what failed.

Each request has a connection of its own, as curl's do. GATEWAY, TOKEN and VIDEO (base64) are in the environment.
"""

import base64
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

_STOP = Path("/tmp/stop")  # the container's own
_THREADS = 4
# s. Each makes work for the converters.
_UPLOAD_EVERY = 2.0
_BOUNDARY = "a-boundary-that-no-file-has"


def _get(path: str) -> urllib.request.Request:
    return urllib.request.Request(os.environ["GATEWAY"] + path, headers=_AUTHORIZED)


def _upload() -> urllib.request.Request:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.webm"\r\n\r\n'
    body = head.encode() + base64.b64decode(os.environ["VIDEO"]) + f"\r\n--{_BOUNDARY}--\r\n".encode()
    headers = {**_AUTHORIZED, "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    return urllib.request.Request(os.environ["GATEWAY"] + "/upload", data=body, headers=headers)


_AUTHORIZED = {"Authorization": f"Bearer {os.environ.get('TOKEN', '')}"}
_failures: list[str] = []
_counts: dict[str, int] = {}
_lock = threading.Lock()


def _ask(kind: str, request: urllib.request.Request) -> None:
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            problem = "" if answer.status == 200 else f"{answer.status}"
    except (OSError, ValueError) as error:
        body = error.read().decode(errors="replace")[:200] if isinstance(error, urllib.error.HTTPError) else ""
        problem = f"{error!r} {body}"
    with _lock:
        _counts[kind] = _counts.get(kind, 0) + 1
        if problem:
            _failures.append(f"{time.strftime('%H:%M:%S')} {kind}: {problem}")


def _work(number: int) -> None:
    next_upload = 0.0
    while not _STOP.exists():
        _ask("jobs", _get("/jobs"))
        _ask("alive", _get("/healthz"))
        if number == 0 and time.monotonic() >= next_upload:
            next_upload = time.monotonic() + _UPLOAD_EVERY
            _ask("upload", _upload())
        time.sleep(0.05)


def main() -> None:
    """Prints one line of JSON at the end."""
    threads = [threading.Thread(target=_work, args=(number,)) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps({"requests": _counts, "failures": _failures}) + "\n")


if __name__ == "__main__":
    main()
