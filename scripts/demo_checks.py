"""What demo.sh checks: `python -m scripts.demo_checks token|email MAILDIR ADDRESS` and `… mp3 VIDEO MP3`."""

import email
import email.policy
import mailbox
import re
import subprocess
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import imageio_ffmpeg
from mutagen import MutagenError
from mutagen.mp3 import MP3

_EMAIL_TIMEOUT = 60.0  # s
# Seconds. Encoders pad to whole frames, and a video's audio may begin a little late.
_TOLERANCE = 0.5


def print_email(maildir: str, address: str) -> None:
    """Waits for an email about a job to `address` and prints it."""
    message = _await_email(maildir, address, lambda text: "/verify?token=" not in text)
    print(*(f"{name}: {message[name]}" for name in ("From", "To", "Subject")), sep="\n")
    print(f"\n{_text(message).rstrip()}")


def print_token(maildir: str, address: str) -> None:
    """Waits for the email with which `address` is confirmed, and prints the token of its link."""
    message = _await_email(maildir, address, lambda text: "/verify?token=" in text)
    print(_text(message).partition("/verify?token=")[2].split()[0])


def _await_email(maildir: str, address: str, wanted: Callable[[str], bool]) -> EmailMessage:
    deadline = time.monotonic() + _EMAIL_TIMEOUT
    while time.monotonic() < deadline:
        for raw in mailbox.Maildir(maildir, create=False):
            message = email.message_from_bytes(raw.as_bytes(), policy=email.policy.default)
            if address in str(message["To"]) and wanted(_text(message)):
                return message
        time.sleep(0.2)
    sys.exit(f"No email for {address} arrived within {_EMAIL_TIMEOUT:.0f} s.")


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    return str(body.get_content()) if body else ""


def check_mp3(video: str, mp3: str) -> None:
    """Checks that the MP3 is valid and as long as the video's audio, which ffmpeg reads completely."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", video, "-map", "0:a:0", "-f", "null", "-"]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600, check=False)
    times = re.findall(r"time=(\d+):(\d+):(\d+(?:\.\d+)?)", result.stderr)
    if result.returncode != 0 or not times:
        sys.exit(f"{video} has no audio that can be decoded.")
    wanted = sum(float(part) * unit for part, unit in zip(times[-1], (3600, 60, 1), strict=True))
    try:
        found: Any = MP3(mp3).info  # type: ignore[no-untyped-call]
    except MutagenError as error:
        sys.exit(f"Invalid MP3: {error}")
    print(
        f"MPEG layer {found.layer}, {found.bitrate // 1000} kbit/s, {found.sample_rate} Hz, {found.length:.2f} s; "
        f"the video's audio is {wanted:.2f} s."
    )
    if found.layer != 3 or abs(found.length - wanted) > _TOLERANCE:
        sys.exit("The MP3 does not match the video.")


if __name__ == "__main__":
    {"email": print_email, "token": print_token, "mp3": check_mp3}[sys.argv[1]](*sys.argv[2:4])
