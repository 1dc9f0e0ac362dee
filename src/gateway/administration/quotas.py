"""Quotas of single accounts, as administrators read and write them: null is the default, and 0 is no limit."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from common.domain.quotas import Quotas
from common.errors import BadRequest, Invalid
from common.http.validation import json_object

# The names in the API, and in `common.domain.quotas.Quotas`.
NAMES = {
    "stored_bytes": "stored",
    "unfinished_uploads": "unfinished",
    "uploaded_bytes_per_day": "uploaded",
    "conversions_per_day": "conversions",
    "seconds_of_sound_per_day": "seconds",
    "emails_per_hour": "emails",
    "concurrent_jobs": "jobs",
}
# Numbers in JavaScript are exact up to here.
_MOST = 2**53 - 1
_WANTED = 'The body must be a JSON object, such as {"stored_bytes": 1000000000}.'


def wanted() -> dict[str, Any]:
    """The overrides in the body of the request, as they are stored; raises a RejectedError if they are invalid."""
    fields = json_object(wanted=_WANTED)
    if fields is None:
        raise BadRequest(_WANTED)
    for name, value in fields.items():
        if name not in NAMES:
            raise Invalid(f"There is no quota {name[:80]!r}. The quotas are {', '.join(NAMES)}.")
        if value is not None and (type(value) is not int or not 0 <= value <= _MOST):
            raise Invalid(f"{name} must be null (the default), 0 (no limit), or a positive integer.")
    given = {NAMES[name]: fields[name] for name in NAMES if fields.get(name) is not None}
    return {name: value or None for name, value in given.items()}


def shown(overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {name: (overrides[key] or 0) if key in overrides else None for name, key in NAMES.items()}


def shown_defaults(defaults: Quotas) -> dict[str, Any]:
    """0 is no limit."""
    return {name: getattr(defaults, key) or 0 for name, key in NAMES.items()}


def etag(overrides: Mapping[str, Any]) -> str:
    """Identifies the overrides, for If-Match."""
    return hashlib.sha256(json.dumps(shown(overrides)).encode()).hexdigest()[:16]
