"""A server of the API in memory, which answers what a test wants first."""

import json
from base64 import b64decode
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], str]


def error(status: int, code: str, message: str, **headers: str) -> Answer:
    return (
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        json.dumps({"error": message, "code": code}),
    )


@dataclass
class State:
    """What the server has, and what it was asked."""

    lengths: dict[str, int] = field(default_factory=dict)
    content: dict[str, bytearray] = field(default_factory=dict)
    metadata: dict[str, dict[str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    next_answers: dict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    """By method, for uploads only."""
    location: str = "/files/{}"

    def job(self, fid: str) -> dict[str, Any] | None:
        """An upload becomes a job with its last byte, and the job is completed at once."""
        if len(self.content.get(fid, b"")) != self.lengths.get(fid):
            return None
        return {"video_fid": fid, "filename": "talk.mp4", "status": "completed", "progress": 100, "mp3_fid": fid,
                "error": None, "error_code": None, "result": None}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    state: State

    def do_POST(self) -> None:
        if self._first():
            return
        fid = f"{len(self.state.lengths):024x}"
        self.state.lengths[fid] = int(self.headers["Upload-Length"])
        self.state.content[fid] = bytearray()
        pairs = (pair.split(" ") for pair in self.headers["Upload-Metadata"].split(","))
        self.state.metadata[fid] = {name: b64decode(value) for name, value in pairs}
        self._answer(201, {"Location": self.state.location.format(fid)})

    def do_HEAD(self) -> None:
        fid = self.path.rpartition("/")[2]
        if not self._first():
            found = fid in self.state.lengths
            self._answer(200 if found else 404, {"Upload-Offset": str(len(self.state.content[fid]))} if found else {})

    def do_PATCH(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stored = self.state.content.get(self.path.rpartition("/")[2])
        if self._first():
            return
        if stored is None:
            self._answer(*error(404, "not_found", "Upload not found."))
        elif int(self.headers["Upload-Offset"]) != len(stored):
            self._answer(*error(409, "offset_mismatch", "The upload is at another offset."))
        else:
            stored += body
            self._answer(204, {"Upload-Offset": str(len(stored))})

    def do_GET(self) -> None:
        self.state.asked.append(f"GET {self.path}")
        fid = self.path.rpartition("=" if "=" in self.path else "/")[2]
        job = self.state.job(fid)
        if job is None:
            self._answer(*error(404, "not_found", "Job not found."))
        else:
            self._answer(200, {}, "an MP3" if self.path.startswith("/download") else json.dumps(job))

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def _first(self) -> bool:
        self.state.asked.append(self.command)
        waiting = self.state.next_answers[self.command]
        if waiting:
            self._answer(*waiting.popleft())
            return True
        return False

    def _answer(self, status: int, headers: dict[str, str], body: str = "") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())


def start() -> tuple[ThreadingHTTPServer, State]:
    """A server on a free port; the caller runs and closes it."""
    state = State()
    return ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"state": state})), state
