"""Composes the emails about ended jobs: about one, or about several of the same owner (the digest)."""

import hashlib
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from common.domain.download_links import DownloadLinks
from common.domain.jobs import Job, Status
from common.errors import PermanentError
from notification import formatting

_SUBJECTS = {Status.COMPLETED: "MP3 Download", Status.FAILED: "MP3 conversion failed"}
# Jobs that a digest shows; it says how many there are in addition.
MAX_ROWS = 50


class Emails:
    """Every method raises PermanentError if the owner's name is not an email address."""

    def __init__(self, sender: str, links: DownloadLinks, public_url: str) -> None:
        self._sender = sender
        self._links = links
        self._public_url = public_url.rstrip("/")
        self._templates = Environment(
            loader=PackageLoader("notification"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            trim_blocks=True,
        )

    def compose(self, job: Job, about: str = "") -> EmailMessage:
        """The email for a completed or failed job; `about` is a sentence about its content, if there is one."""
        template = "ready" if job.status is Status.COMPLETED else "failed"
        values = {**self._described(job), "about": formatting.displayed(about)}
        return self._email([job], _SUBJECTS[job.status], template, values)

    def compose_digest(self, jobs: Sequence[Job]) -> EmailMessage:
        """The email for several jobs of one owner, each completed or failed; MAX_ROWS of them are shown."""
        ready = [job for job in jobs if job.status is Status.COMPLETED]
        failed = [job for job in jobs if job.status is not Status.COMPLETED]
        # What failed needs the owner's attention.
        shown = [*failed, *ready][:MAX_ROWS]
        outcomes = formatting.outcomes(len(ready), len(failed))
        values = {
            "outcomes": outcomes,
            "ready": [self._described(job) for job in shown if job.status is Status.COMPLETED],
            "failed": [self._described(job) for job in shown if job.status is not Status.COMPLETED],
            "more": len(jobs) - len(shown),
        }
        return self._email(jobs, outcomes, "digest", values)

    def _described(self, job: Job) -> dict[str, Any]:
        return {
            "filename": formatting.name(job.filename),
            "video_fid": str(job.video_fid),
            "fid": str(job.mp3_fid),
            "link": self._links.url(str(job.mp3_fid)) if job.mp3_fid else "",
            # The job on the page: see src/web/src/main.tsx.
            "page": f"{self._public_url}/app/jobs/{job.video_fid}",
            "reason": job.error or "",
            "facts": formatting.facts(job.result, job.original) if job.result else "",
            "notes": [note.text for note in job.result.notes if note.text] if job.result else [],
        }

    def _email(self, jobs: Sequence[Job], subject: str, template: str, values: Mapping[str, Any]) -> EmailMessage:
        # Of several links, the one that stops working first.
        until = self._links.expiry(min(job.updated_at for job in jobs))
        dated = {"until": formatting.date(until), **values}
        return self.compose_about(jobs[0].username, subject, template, _name_of_results(jobs), dated)

    def compose_about(
        self, address: str, subject: str, template: str, name: str, values: Mapping[str, Any]
    ) -> EmailMessage:
        """An email of any kind; `name` identifies its content among all emails."""
        everywhere = {"subject": subject, "url": self._public_url}
        email = EmailMessage()
        try:
            email["To"] = address
        except ValueError as error:
            raise PermanentError("the owner's name is not an email address") from error
        email["From"] = self._sender
        email["Subject"] = subject
        email["Date"] = formatdate()
        email["Message-ID"] = f"<{name}@{self._sender.rpartition('@')[2]}>"
        # Prevents vacation notices (RFC 3834).
        email["Auto-Submitted"] = "auto-generated"
        for suffix, add in (("txt", email.set_content), ("html", email.add_alternative)):
            text = self._templates.get_template(f"{template}.{suffix}").render({**everywhere, **values})
            add(text, subtype="plain" if suffix == "txt" else "html")
        return email


def _name_of_results(jobs: Sequence[Job]) -> str:
    """The same for each attempt, so that mail servers and clients recognise duplicates; different for other results."""
    results = sorted(map(_name_of_result, jobs))
    if len(results) == 1:
        return results[0]
    return f"digest.{hashlib.sha256(' '.join(results).encode()).hexdigest()[:32]}"


def _name_of_result(job: Job) -> str:
    result = str(job.mp3_fid)
    if job.status is Status.FAILED:
        result = f"failed.{int(job.created_at.timestamp())}.{job.run}.{job.attempts}"
    return f"{job.video_fid}.{result}"
