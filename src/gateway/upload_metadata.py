"""Reads the header `Upload-Metadata` of tus: pairs of a name and a value in base64, between commas."""

import base64
import binascii

from common.errors import BadRequest, Invalid
from gateway.receiver import MAX_NAME

# What tus clients send of their own accord, and nobody here needs.
_IGNORED = frozenset({"filetype", "name", "type", "relativePath", "contentType"})


def parse(header: str) -> tuple[str, dict[str, str]]:
    """The file's name, and the fields that are options of the conversion.

    Raises BadRequest for a header that is not well-formed, Invalid without a name.
    """
    fields: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, encoded = pair.partition(" ")
        try:
            fields[name] = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            shown = "".join(c if c.isprintable() else "?" for c in name[:50])
            raise BadRequest(f"Upload-Metadata: the value of {shown} must be UTF-8 text in base64.") from error
    filename = fields.pop("filename", "").strip()[:MAX_NAME]
    if not filename:
        raise Invalid("filename: must be in Upload-Metadata: the video's name in base64")
    return filename, {name: value for name, value in fields.items() if name not in _IGNORED}
