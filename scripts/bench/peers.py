"""What the gateway and the auth service are compared with: Flask as its tutorial writes it, under the same server."""

import os
from typing import Any

from flask import Flask, Response, request
from gridfs import GridFS
from pymongo import MongoClient


def create_app() -> Flask:
    """A route that returns a constant, and an upload that is spooled by Flask and then put into GridFS."""
    app = Flask("peer", static_folder=None)
    client: MongoClient[dict[str, Any]] = MongoClient(os.environ["MONGO_URI"], connect=False)
    files = GridFS(client["bench"], "spooled")

    @app.get("/constant")
    def constant() -> Response:
        return Response("constant", mimetype="text/plain")

    @app.post("/upload")
    def upload() -> Response:
        file = request.files["file"]
        return Response(str(files.put(file, filename=file.filename)), mimetype="text/plain")

    return app
