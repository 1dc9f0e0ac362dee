"""Reads ids and numbers from requests, with errors that say what was expected."""

from bson import ObjectId
from flask import request

from common.errors import BadRequest


def object_id(value: str, name: str = "fid") -> ObjectId:
    """The id; raises BadRequest unless it is 24 hexadecimal digits."""
    if len(value) != 24 or not ObjectId.is_valid(value):
        raise BadRequest(f"{name} must be a file id of 24 hexadecimal digits.")
    return ObjectId(value)


def query_integer(name: str, default: int, least: int, most: int) -> int:
    """An integer of the query string; raises BadRequest unless it lies in the range."""
    value = request.args.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= 9 and least <= int(value) <= most):
        raise BadRequest(f"{name} must be a number from {least} to {most}.")
    return int(value)
