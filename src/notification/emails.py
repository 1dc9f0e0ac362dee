"""Composes the emails about completed and failed jobs."""

from email.message import EmailMessage
from email.utils import formatdate

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from common.domain.download_links import DownloadLinks
from common.domain.jobs import Job, Status
from common.domain.results import Result
from common.errors import PermanentError

_SUBJECTS = {Status.COMPLETED: "MP3 Download", Status.FAILED: "MP3 conversion failed"}


class Emails:
    def __init__(self, sender: str, links: DownloadLinks, public_url: str) -> None:
        self._sender = sender
        self._links = links
        self._public_url = public_url.rstrip("/")
        self._templates = Environment(
            loader=PackageLoader("notification"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
        )

    def compose(self, job: Job, about: str = "") -> EmailMessage:
        """The email for a completed or failed job; `about` is a sentence about its content, if there is one.

        Raises PermanentError if the owner's name is not an email address.
        """
        until = self._links.expiry()
        values = {
            "filename": displayed(job.filename),
            "fid": str(job.mp3_fid),
            "link": self._links.url(str(job.mp3_fid)) if job.mp3_fid else "",
            "until": f"{until.day} {until:%B}",
            "url": self._public_url,
            # The job on the page: see src/web/src/main.tsx.
            "page": f"{self._public_url}/app/jobs/{job.video_fid}",
            "reason": job.error or "",
            "about": displayed(about),
            "facts": facts(job.result) if job.result else "",
            "notes": [note.text for note in job.result.notes if note.text] if job.result else [],
        }
        name = "ready" if job.status is Status.COMPLETED else "failed"
        email = EmailMessage()
        try:
            email["To"] = job.username
        except ValueError as error:
            raise PermanentError("the owner's name is not an email address") from error
        email["From"] = self._sender
        email["Subject"] = _SUBJECTS[job.status]
        email["Date"] = formatdate()
        # The same for each attempt, so that mail servers and clients recognise duplicates; different for each result.
        result = str(job.mp3_fid)
        if job.status is Status.FAILED:
            result = f"failed.{int(job.created_at.timestamp())}.{job.run}.{job.attempts}"
        email["Message-ID"] = f"<{job.video_fid}.{result}@{self._sender.rpartition('@')[2]}>"
        # Prevents vacation notices (RFC 3834).
        email["Auto-Submitted"] = "auto-generated"
        email.set_content(self._templates.get_template(f"{name}.txt").render(values))
        email.add_alternative(self._templates.get_template(f"{name}.html").render(values), subtype="html")
        return email


def facts(result: Result) -> str:
    """The length, size and quality of an MP3, in words."""
    sound = result.sound
    minutes, seconds = divmod(round(sound.duration), 60)
    rate = f"about {sound.bitrate} kbit/s, variable" if sound.variable else f"{sound.bitrate} kbit/s"
    return ", ".join(
        [
            f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if minutes >= 60 else f"{minutes}:{seconds:02}",
            f"{_bytes(sound.size)} (video: {_bytes(result.video_size)})",
            rate,
            f"{sound.sample_rate / 1000:g} kHz",
            "mono" if sound.channels == 1 else "stereo",
        ]
    )


def _bytes(count: int) -> str:
    for limit, unit in ((10**9, "GB"), (10**6, "MB")):
        if count >= limit:
            return f"{count / limit:.1f} {unit}"
    return f"{count / 1000:.1f} kB"


def displayed(filename: str) -> str:
    """The name without line breaks and characters that change the direction of the text around it."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in filename)
