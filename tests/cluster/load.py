"""Runs in a pod of the cluster: asks the gateway without a pause until /tmp/stop exists, then tells what failed.

Each request has a connection of its own, as curl's do. GATEWAY and TOKEN are in the environment.
"""

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
_BOUNDARY = "a-boundary-that-no-file-has"


def _get(path: str) -> urllib.request.Request:
    return urllib.request.Request(os.environ["GATEWAY"] + path, headers=_AUTHORIZED)


def _upload() -> urllib.request.Request:
    body = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n'
        f"Content-Type: video/mp4\r\n\r\n{'not a video' * 1000}\r\n--{_BOUNDARY}--\r\n"
    ).encode()
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
    while not _STOP.exists():
        _ask("jobs", _get("/jobs"))
        _ask("ready", _get("/readyz"))
        if number == 0:
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
