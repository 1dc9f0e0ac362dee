"""Reads the header `Upload-Metadata` of tus: pairs of a name and a value in base64, between commas."""

import base64
import binascii

from common.domain import filenames
from common.domain.options import ConversionOptions
from common.errors import BadRequest, Invalid
from gateway.uploads.multipart import MAX_NAME


def parse(header: str) -> tuple[str, dict[str, str]]:
    """The file's name, and the fields that are options of the conversion; all others are the client's own.

    Raises BadRequest for a header that is not well-formed, Invalid without a name.
    """
    values: dict[str, bytes] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, encoded = pair.partition(" ")
        try:
            values[name] = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError) as error:
            shown = "".join(c if c.isprintable() else "?" for c in name[:50])
            raise BadRequest(f"Upload-Metadata: the value of {shown} must be in base64.") from error
    # Some clients call it so.
    named = values.get("filename") or values.get("name") or b""
    filename = filenames.base_name(filenames.decode(named).strip()).strip()[:MAX_NAME]
    if not filename:
        raise Invalid("filename: must be in Upload-Metadata: the video's name in base64")
    options = {name: value for name, value in values.items() if name in ConversionOptions.model_fields}
    return filename, {name: filenames.decode(value) for name, value in options.items()}
