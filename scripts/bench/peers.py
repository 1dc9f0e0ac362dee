"""What the gateway and the auth service are compared with: a Flask application as in its tutorial, same server."""

import os
from typing import Any

import requests
from flask import Flask, Response, jsonify, request
from gridfs import GridFS
from pymongo import MongoClient

from common.runtime import health


def create_app() -> Flask:
    """A route that returns a constant, and an upload that is spooled by Flask and then put into GridFS."""
    app = Flask("peer", static_folder=None)
    # The server needs it of every application.
    health.install(app, {})
    client: MongoClient[dict[str, Any]] = MongoClient(os.environ["MONGO_URI"], connect=False)
    files = GridFS(client["bench"], "spooled")

    @app.route("/constant", methods=["GET", "POST"])
    def constant() -> Response:
        return Response("constant", mimetype="text/plain")

    session = requests.Session()

    @app.get("/listing")
    def listing() -> Response:
        """The gateway's query for `GET /jobs`."""
        rows = client["videos"]["jobs"].find({"username": request.args["username"]}).sort("_id", -1).limit(50)
        return jsonify([str(row["_id"]) for row in rows])

    @app.get("/asking")
    def asking() -> Response:
        """Only what the gateway does for `GET /jobs`: a request to another service, and a query."""
        session.post(f"{os.environ['ASKS']}/constant", timeout=10).raise_for_status()
        return listing()

    @app.post("/upload")
    def upload() -> Response:
        file = request.files["file"]
        return Response(str(files.put(file, filename=file.filename)), mimetype="text/plain")

    return app
