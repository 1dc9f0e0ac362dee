"""A fake AI provider: an HTTP server with OpenAI's wire format, which fails on request the ways providers fail.

A program that is run by itself; PROVIDER_KEY is an environment variable. Requests are checked against the types of
OpenAI's client, which come from the published description of the API. There is no model: a summary is the first
sentences of the text, and a transcript has the time in each segment. `control.json` is read again for each request:
`{"mode": …, "times": how many requests, "on": "chat" | "audio", "seconds": s, "speech": words of each segment}`.
Each request is recorded in `requests.jsonl`. Both files are in its folder.
"""

import argparse
import hmac
import io
import json
import logging
import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from mutagen.mp3 import MP3, HeaderNotFoundError
from openai.types.audio.transcription_create_params import TranscriptionCreateParamsNonStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter, ValidationError
from werkzeug.serving import WSGIRequestHandler, make_server

log = logging.getLogger("provider")

# bytes; as OpenAI documents it for files of sound.
_LARGEST_FILE = 25 * 1024**2
# s of sound in one segment of a transcript.
_SEGMENT = 10.0
_TRANSCRIPTION_FIELDS = TranscriptionCreateParamsNonStreaming.__annotations__.keys()
_CHAT: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsNonStreaming)


# Mode → status and code of an error.
_ERRORS = {
    "limited": (429, "rate_limit_exceeded"),
    "no-credit": (429, "insufficient_quota"),
    "broken": (500, None),
    "overloaded": (503, None),
    "unauthorized": (401, "invalid_api_key"),
    "unknown-model": (404, "model_not_found"),
}
# Mode → an invalid body with status 200.
_BODIES = {
    "garbage": ("<html><body>Welcome to the login page</body></html>", "text/html"),
    "not-json": ('{"choices": [', "application/json"),
    "empty": ("{}", "application/json"),
    "list": ("[]", "application/json"),
}


@dataclass
class Control:
    """The present fault, and how many more requests it concerns."""

    path: Path
    _seen: int = -1
    _left: float = 0

    def fault(self, kind: str) -> dict[str, Any]:
        """The fault for a request of this kind; empty when there is none, or none is left."""
        try:
            content: dict[str, Any] = json.loads(self.path.read_text())
            changed = self.path.stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if changed != self._seen:
            self._seen, self._left = changed, content.get("times", float("inf"))
        if content.get("on", kind) != kind or self._left <= 0:
            return {"speech": content["speech"]} if "speech" in content else {}
        self._left -= 1
        return content


class Server:
    """The two routes, with faults on request."""

    def __init__(self, folder: Path, key: str) -> None:
        self._control = Control(folder / "control.json")
        self._requests = folder / "requests.jsonl"
        self._key = key
        self._lock = threading.Lock()

    def app(self) -> Flask:
        app = Flask(__name__, static_folder=None)
        app.add_url_rule("/healthz", "healthz", lambda: "ok")
        app.add_url_rule("/v1/chat/completions", "chat", self.chat, methods=["POST"])
        app.add_url_rule("/v1/audio/transcriptions", "audio", self.audio, methods=["POST"])
        return app

    def chat(self) -> Response:
        body = request.get_json()
        fault, refusal = self._begin("chat", messages=body.get("messages"), model=body.get("model"))
        if refusal is not None:
            return refusal
        try:
            _check(body)
            content = _content(body, fault)
        except (ValueError, KeyError) as error:
            return _error(400, f"Invalid request: {error}")
        message = {"role": "assistant", "content": content, "refusal": None}
        if fault.get("mode") == "decline":
            message |= {"content": None, "refusal": "I can't help with that."}
        choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
        return _answer(
            {
                "id": "chatcmpl-1", "object": "chat.completion", "created": int(time.time()), "model": body["model"],
                "choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }, fault,
        )  # fmt: skip

    def audio(self) -> Response:
        file = request.files.get("file")
        data = file.read() if file else b""
        noted = {"bytes": len(data), "model": request.form.get("model"), "filename": file.filename if file else None}
        fault, refusal = self._begin("audio", **noted)
        if refusal is not None:
            return refusal
        unknown = {name.removesuffix("[]") for name in request.form} - _TRANSCRIPTION_FIELDS
        if unknown or "model" not in request.form:
            return _error(400, f"Invalid request: {unknown or 'model is missing'}")
        if len(data) > _LARGEST_FILE:
            return _error(413, "Maximum content size limit exceeded.")
        try:
            seconds = float(MP3(io.BytesIO(data)).info.length)  # type: ignore[no-untyped-call,attr-defined]
        except HeaderNotFoundError:
            return _error(400, "The audio file could not be decoded or its format is not supported.")
        words = fault.get("speech", "These are the words at second {}.")
        segments = [
            _segment(number, start, min(start + _SEGMENT, seconds), words.format(round(start)))
            for number, start in enumerate(_steps(seconds))
            if words
        ]
        answer: dict[str, Any] = {"text": " ".join(segment["text"].strip() for segment in segments)}
        if request.form.get("response_format") == "verbose_json":
            answer |= {"task": "transcribe", "language": "english", "duration": seconds, "segments": segments}
        return _answer(answer, fault)

    def _begin(self, kind: str, **noted: Any) -> tuple[dict[str, Any], Response | None]:
        with self._lock:
            with self._requests.open("a") as file:
                file.write(json.dumps({"kind": kind, "at": time.time(), **noted}) + "\n")
            fault = self._control.fault(kind)
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._key}".encode()):
            return fault, _error(401, "Incorrect API key provided.", code="invalid_api_key")
        return fault, _refusal(fault)


def _steps(seconds: float) -> list[float]:
    return [number * _SEGMENT for number in range(int(seconds // _SEGMENT) + 1)]


def _segment(number: int, start: float, end: float, text: str) -> dict[str, Any]:
    return {
        "id": number, "seek": 0, "start": start, "end": end, "text": f" {text}", "tokens": [1], "temperature": 0.0,
        "avg_logprob": -0.2, "compression_ratio": 1.2, "no_speech_prob": 0.01,
    }  # fmt: skip


def _check(body: dict[str, Any]) -> None:
    if unknown := body.keys() - CompletionCreateParamsNonStreaming.__annotations__.keys():
        raise ValueError(f"unknown fields {sorted(unknown)}")
    try:
        # Messages are checked as they are read.
        list(_CHAT.validate_python(body)["messages"])
    except ValidationError as error:
        raise ValueError(str(error)) from None


def _content(body: dict[str, Any], fault: dict[str, Any]) -> str:
    """An answer of the requested schema, made of the text between the marks."""
    wanted = body["response_format"]["json_schema"]
    if not wanted["strict"] or wanted["schema"]["additionalProperties"]:
        raise ValueError("response_format is not strict")
    data = body["messages"][1]["content"]
    mark, _, rest = data.partition("\n")
    text, end, _ = rest.rpartition(f"\n{mark}")
    if not end or mark not in body["messages"][0]["content"]:
        raise ValueError("the text is not between marks")
    if fault.get("mode") == "obedient":
        # A model that follows instructions in the text.
        return text.partition("ANSWER:")[2].strip() or "I follow the instructions in the text."
    if fault.get("mode") == "wrong":
        return json.dumps(
            dict.fromkeys(wanted["schema"]["required"], "one two three four five six seven!" * 3) | {"x": 1}
        )
    if fault.get("mode") == "prose":
        return "Here is the summary that you asked for: it is about something."
    sentences = re.findall(r"[^.!?]+[.!?]", text) or [text[:200] + "."]
    chosen = " ".join(sentence.strip() for sentence in sentences[:5])
    words = re.findall(r"[^\W\d_]{4,}", text) or ["Nothing"]
    values = {
        "summary": chosen[:1500],
        "category": max(sorted(set(words), key=str.casefold), key=words.count).capitalize(),
        "notes": chosen[:800],
    }
    return json.dumps({name: values[name] for name in wanted["schema"]["required"]})


def _refusal(fault: dict[str, Any]) -> Response | None:
    mode = fault.get("mode", "ok")
    if mode == "slow":
        time.sleep(float(fault.get("seconds", 5)))
    if mode in _ERRORS:
        status, code = _ERRORS[mode]
        answer = _error(status, f"The server is {mode}.", code=code)
        if mode == "limited":
            answer.headers["Retry-After"] = str(fault.get("seconds", 1))
        return answer
    if mode in _BODIES:
        content, kind = _BODIES[mode]
        return Response(content, content_type=kind)
    return None


def _answer(body: dict[str, Any], fault: dict[str, Any]) -> Response:
    text = json.dumps(body).encode()
    if fault.get("mode") == "truncated":
        return Response(
            text[: len(text) // 2], headers={"Content-Length": str(len(text))}, content_type="application/json"
        )
    return Response(text, content_type="application/json")


def _error(status: int, message: str, code: str | None = None) -> Response:
    answer = jsonify(error={"message": message, "type": "invalid_request_error", "param": None, "code": code})
    answer.status_code = status
    return answer


class _Handler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del size
        log.info("%s %s %s", self.command, self.path, code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app = Server(arguments.folder, os.environ["PROVIDER_KEY"]).app()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    make_server("127.0.0.1", arguments.port, app, threaded=True, request_handler=_Handler).serve_forever()


if __name__ == "__main__":
    main()
