"""Routes `/openapi.json` and `/docs`: the description of the API, without external assets."""

from flask import Blueprint, Response, jsonify, render_template

from gateway.openapi.document import document


def blueprint() -> Blueprint:
    routes = Blueprint("docs", __name__, template_folder="templates")

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(document())

    @routes.get("/docs")
    def docs() -> Response:
        response = Response(render_template("docs.html", api=document()), mimetype="text/html")
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
        return response

    return routes
