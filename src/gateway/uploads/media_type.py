"""Refuses files whose first bytes show that they are not videos; ffmpeg decides about all others."""

from common.errors import UnsupportedType

# Common mistakes, by their first bytes (PRONOM's file-format registry and each format's specification).
_MAGIC = {
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or office document",
    b"\x89PNG\r\n": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x7fELF": "a program",
    b"MZ": "a program",
}
# Bytes that are inspected.
HEAD = 4096
_TEXT_CONTROL = {0x08, 0x09, 0x0A, 0x0C, 0x0D, 0x1B}


class TypeCheck:
    """Inspects the beginning of a file, which may arrive in any number of pieces."""

    def __init__(self, head: bytes | None = b"") -> None:
        """`head` is what an earlier request has stored; None when that was inspected already."""
        self._head = None if head is None else bytearray(head)

    def feed(self, data: bytes) -> None:
        """Raises UnsupportedType as soon as HEAD bytes have arrived and are not those of a video."""
        if self._head is not None:
            self._head += data[: HEAD - len(self._head)]
            if len(self._head) == HEAD:
                self.finish()

    def finish(self) -> None:
        """Raises UnsupportedType for a file that has ended before HEAD bytes and is not a video."""
        head, self._head = self._head, None
        if head and (kind := not_a_video(bytes(head))):
            raise UnsupportedType(f"This is {kind}, not a video.")


def not_a_video(head: bytes) -> str | None:
    """The kind of file that these first bytes show; None when it may be a video."""
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if all(byte >= 0x20 or byte in _TEXT_CONTROL for byte in head) and _is_utf8(head):
        return "a text file"
    return None


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The last character may have been cut in two.
        return len(head) - error.start < 4
    return True
