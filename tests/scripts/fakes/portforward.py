"""`kubectl port-forward`: listens and answers, until it is ended or its pod is replaced."""

import http.server
import os
import threading
import time

from tests.scripts.fakes import world


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if world.is_set("refusing") == str(os.getpid()):
            return  # the connection ends without an answer
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(os.getpid()).encode())


def forward(words: list[str]) -> None:
    """Answers each request with its process id."""
    service, ports = words[-2].removeprefix("service/"), words[-1]
    local = int(ports.partition(":")[0])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", local), _Page)
    print(f"Forwarding from 127.0.0.1:{local}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    switch = world.FOLDER / "switches" / f"replaced-{service}"
    while not switch.exists():
        time.sleep(0.05)
    switch.unlink()
    world.fail("error: lost connection to pod")
