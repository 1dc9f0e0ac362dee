"""Reads ids, numbers and JSON from requests, with errors that say what was expected."""

import json
from typing import Any

from bson import ObjectId
from flask import request

from common.errors import BadRequest, LengthRequired, TooLarge, UnsupportedType

# bytes. The same as for conversion options in a form.
_MAX_JSON = 16 * 1024
_OPTIONS = 'The body must be a JSON object, such as {"bitrate": 128}.'


def object_id(value: str, name: str = "fid") -> ObjectId:
    """Raises BadRequest unless the value is 24 hexadecimal digits."""
    if len(value) != 24 or not ObjectId.is_valid(value):
        raise BadRequest(f"{name} must be a file id of 24 hexadecimal digits.")
    return ObjectId(value)


def query_integer(name: str, default: int, least: int, most: int) -> int:
    """Raises BadRequest unless the parameter is missing or an integer from `least` to `most`."""
    value = request.args.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= 9 and least <= int(value) <= most):
        raise BadRequest(f"{name} must be a number from {least} to {most}.")
    return int(value)


def body(most: int) -> bytes:
    """The body of the request; raises LengthRequired without its length, and TooLarge above `most` bytes."""
    if request.content_length is None:
        raise LengthRequired("Send the body with a Content-Length.")
    if request.content_length > most:
        raise TooLarge(f"The body must not be longer than {most} bytes.")
    return request.get_data()


def json_object(most: int = _MAX_JSON, wanted: str = _OPTIONS) -> dict[str, Any] | None:
    """The JSON object in the request's body of at most `most` bytes, None without a body.

    Raises a RejectedError for anything else; `wanted` is the sentence that says what is expected.
    """
    if not request.content_length and "Transfer-Encoding" not in request.headers:
        return None
    if request.content_length and request.mimetype != "application/json":
        raise UnsupportedType(f"Send JSON, with Content-Type: application/json. {wanted}")
    data = body(most)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadRequest(wanted)
    return found
