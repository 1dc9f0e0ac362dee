"""Says at the door what is certainly no video; whether the rest is one, ffmpeg decides."""

# What people upload by mistake, by the first bytes (file-format registry of PRONOM and each format's specification).
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
# Bytes that are looked at.
HEAD = 4096
_TEXT_CONTROL = {0x08, 0x09, 0x0A, 0x0C, 0x0D, 0x1B}


def not_a_video(head: bytes) -> str | None:
    """What the file is, when its first bytes show that it is no video; None otherwise."""
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
        # A character that was cut at the end of what we look at is no fault.
        return len(head) - error.start < 4
    return True
