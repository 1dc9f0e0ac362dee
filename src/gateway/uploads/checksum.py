"""The checksum extension of tus: a part of an upload counts only when it is what its header says."""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from common.errors import BadRequest, ChecksumMismatch

ALGORITHMS = "sha1,sha256,md5"


@dataclass(frozen=True)
class Checksum:
    """What a part's digest must be."""

    algorithm: str
    digest: bytes

    def begin(self) -> "hashlib._Hash":
        """The hash to feed with the part."""
        # Not against attackers: it finds what broken networks and disks do.
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def verify(self, found: "hashlib._Hash") -> None:
        """Raises ChecksumMismatch when the part is another one."""
        if found.digest() != self.digest:
            raise ChecksumMismatch(
                "The bytes are not those of the checksum: they changed on their way. Send them again."
            )


def expected(value: str | None) -> Checksum | None:
    """Reads the header `Upload-Checksum`, None when there is none; raises BadRequest when it cannot be used."""
    if value is None:
        return None
    algorithm, _, encoded = value.strip().partition(" ")
    if algorithm not in ALGORITHMS.split(","):
        raise BadRequest(f"Upload-Checksum: the algorithms are {ALGORITHMS}.")
    try:
        digest = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise BadRequest("Upload-Checksum: send the algorithm's name, a space, and the digest in base64.")
    return Checksum(algorithm, digest)
