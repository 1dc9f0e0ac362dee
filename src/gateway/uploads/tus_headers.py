"""Parses the request headers of the tus protocol."""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from flask import request

from common.domain import filenames
from common.domain.options import ConversionOptions
from common.domain.originals import NAMES, Original
from common.errors import BadRequest, ChecksumMismatch, Invalid, TooLarge, UnsupportedType
from gateway.uploads.multipart import MAX_NAME

CHECKSUM_ALGORITHMS = "sha1,sha256,md5"
BODY_TYPE = "application/offset+octet-stream"


@dataclass(frozen=True)
class Checksum:
    """The digest that the body of a request must have."""

    algorithm: str
    digest: bytes

    def new_hash(self) -> "hashlib._Hash":
        """An empty hash of the algorithm; feed it with the body."""
        # It finds transmission errors and is no protection against attackers.
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def verify(self, found: "hashlib._Hash") -> None:
        """Raises ChecksumMismatch when the digests differ."""
        if found.digest() != self.digest:
            raise ChecksumMismatch("The bytes do not match their checksum: they changed in transit. Send them again.")


def checksum() -> Checksum | None:
    """`Upload-Checksum`; None without the header. Raises BadRequest when it is invalid."""
    value = request.headers.get("Upload-Checksum")
    if value is None:
        return None
    algorithm, _, encoded = value.strip().partition(" ")
    if algorithm not in CHECKSUM_ALGORITHMS.split(","):
        raise BadRequest(f"Upload-Checksum: the algorithms are {CHECKSUM_ALGORITHMS}.")
    try:
        digest = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise BadRequest("Upload-Checksum: send the algorithm's name, a space, and the digest in base64.")
    return Checksum(algorithm, digest)


def metadata(header: str) -> tuple[str, dict[str, str]]:
    """The file's name and the conversion options of `Upload-Metadata`; other fields are the client's own.

    Raises BadRequest for a malformed header, Invalid without a name.
    """
    values = _values(header)
    # Some clients send `name` instead.
    raw = values.get("filename") or values.get("name") or b""
    filename = filenames.base_name(filenames.decode(raw).strip()).strip()[:MAX_NAME]
    if not filename:
        raise Invalid("filename: must be in Upload-Metadata: the video's name in base64")
    options = {name: value for name, value in values.items() if name in ConversionOptions.model_fields}
    return filename, {name: filenames.decode(value) for name, value in options.items()}


def original(header: str) -> Original | None:
    """The video of which only the sound is uploaded, by `Upload-Metadata`; None for a whole one.

    Raises BadRequest or Invalid.
    """
    return Original.parse({name: filenames.decode(value) for name, value in _values(header).items() if name in NAMES})


def _values(header: str) -> dict[str, bytes]:
    values: dict[str, bytes] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, encoded = pair.partition(" ")
        try:
            values[name] = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError) as error:
            shown = "".join(c if c.isprintable() else "?" for c in name[:50])
            raise BadRequest(f"Upload-Metadata: the value of {shown} must be in base64.") from error
    return values


def number_of_bytes(name: str) -> int:
    """The header's value; raises BadRequest when it is missing or invalid."""
    value = request.headers.get(name, "")
    if not (value.isascii() and value.isdigit() and len(value) <= 15):
        raise BadRequest(f"Send the header {name} with a number of bytes.")
    return int(value)


def check_body_type() -> None:
    if request.mimetype != BODY_TYPE:
        raise UnsupportedType(f"Send the bytes with Content-Type: {BODY_TYPE}.")


def check_body_length(limit: int) -> None:
    if (request.content_length or 0) > limit:
        raise TooLarge(f"The body is longer than the rest of the upload (Upload-Length): {limit} bytes.")
