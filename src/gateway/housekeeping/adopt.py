"""`python -m gateway.housekeeping.adopt [--user EMAIL [--account ID]] [--dry-run]`: creates jobs for files without one.

For files of the first version or of other software, and for those whose jobs were lost. It is idempotent, and may run
beside the services.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from bson import ObjectId

from common.errors import TransientError
from common.runtime import logs
from common.runtime.logs import one_line
from common.runtime.settings import load_settings
from common.storage.adoption import FoundFile
from gateway.administration.audit import Act, Actor, Entry, Target
from gateway.command import tools
from gateway.jobs.store import Store
from gateway.settings import StoreSettings


@dataclass
class Counts:
    completed: int = 0
    queued: int = 0
    marked: int = 0
    without_owner: int = 0
    without_video: int = 0

    def __str__(self) -> str:
        lines = [
            f"Jobs: {self.completed} completed, {self.queued} queued.",
            f"Files with a job that had no marker: {self.marked}.",
        ]
        if self.without_owner:
            lines.append(f"Files without an owner: {self.without_owner}. Name one with --user.")
        if self.without_video:
            lines.append(f"MP3s without the id of their video: {self.without_video}. They are not changed.")
        return "\n".join(lines)


@dataclass(frozen=True)
class Adoptions:
    """Creates the jobs for the files of both databases; `user` becomes the owner of files without one.

    `account` is the id of the user's account; files that have an owner keep it.
    """

    store: Store
    user: str | None
    account: str | None = field(default=None, kw_only=True)
    dry_run: bool = field(kw_only=True)
    counts: Counts = field(default_factory=Counts)

    def run(self) -> Iterator[str]:
        """Yields a line for each job that is created, or with `dry_run` would be; raises StorageUnavailable."""
        for videos in self.store.videos.adoption.files():
            yield from self._videos(videos)
        for mp3s in self.store.mp3s.adoption.files():
            yield from self._mp3s_without_video(mp3s)

    def _videos(self, videos: Sequence[FoundFile]) -> Iterator[str]:
        fids = [video.id for video in videos]
        jobs = self.store.jobs.many(fids)
        results = self.store.mp3s.adoption.results(fids)
        self._mark([video.id for video in videos if video.id in jobs and not video.ours])
        for video in videos:
            # A file with the marker that never had a job is being uploaded, or was refused.
            if video.id not in jobs and (video.had_job or not video.ours):
                yield from self._adopt(video.id, video, results.get(video.id))

    def _mp3s_without_video(self, mp3s: Sequence[FoundFile]) -> Iterator[str]:
        self.counts.without_video += sum(mp3.video_fid is None and not mp3.ours for mp3 in mp3s)
        fids = list({mp3.video_fid for mp3 in mp3s if mp3.video_fid})
        jobs = self.store.jobs.many(fids)
        for video_fid, newest in self.store.mp3s.adoption.results([fid for fid in fids if fid not in jobs]).items():
            if self.store.videos.find(video_fid) is None:
                yield from self._adopt(video_fid, None, newest)

    def _mark(self, fids: list[ObjectId]) -> None:
        self.counts.marked += len(fids)
        if not self.dry_run and fids:
            self.store.videos.adoption.mark_videos(fids)
            self.store.mp3s.adoption.mark_mp3s([], fids)

    def _adopt(self, video_fid: ObjectId, video: FoundFile | None, mp3: FoundFile | None) -> Iterator[str]:
        files = [file for file in (video, mp3) if file is not None]
        owner = next((file.username for file in files if file.username), self.user)
        if owner is None:
            self.counts.without_owner += 1
            return
        name = next((file.filename for file in files if file.filename), "video")
        if not self.dry_run and not self._create(video_fid, owner, name, video, mp3):
            return
        self.counts.completed += mp3 is not None
        self.counts.queued += mp3 is None
        yield f"{video_fid}  {'completed' if mp3 else 'queued':<9}  {owner}  {one_line(name)}"

    def _create(
        self, video_fid: ObjectId, owner: str, name: str, video: FoundFile | None, mp3: FoundFile | None
    ) -> bool:
        found = [file for file in (video, mp3) if file is not None]
        account = next((file.account for file in found if file.account), None)
        if account is None and owner == self.user:
            account = self.account
        # The files first: after an interruption they are kept, and the next run creates the job.
        if mp3 is not None and not self.store.mp3s.adoption.take(mp3, owner, account):
            return False
        if video is not None and not self.store.videos.adoption.take(video, owner, account):
            return False
        since = min(file.uploaded_at for file in found)
        return self.store.jobs.adopt(video_fid, owner, name, mp3.id if mp3 else None, since, account=account)


def main(arguments: list[str] | None = None) -> int:
    """Creates jobs for stored files that have none, and returns the exit code."""
    parser = argparse.ArgumentParser(prog="adopt", description=main.__doc__)
    parser.add_argument("--user", metavar="EMAIL", help="the account that becomes the owner of files without one")
    parser.add_argument("--account", metavar="ID", help="the account_id of --user, if the files are older than it")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    options = parser.parse_args(arguments)
    if options.user is not None and "@" not in options.user:
        parser.error("--user: give the account's full address, such as someone@example.com.")
    if options.account is not None and options.user is None:
        parser.error("--account: name the address of the account with --user.")
    settings = load_settings(StoreSettings)
    logs.configure("ERROR", settings.log_format)
    try:
        with tools(settings, "adopt") as opened:
            opened.store.ensure_indexes()
            user = options.user and options.user.strip().lower()
            adoptions = Adoptions(opened.store, user, account=options.account, dry_run=options.dry_run)
            entry = Entry(Actor(command="adopt"), Act.ADOPT, Target(account=options.account, email=user))
            with nullcontext() if options.dry_run else opened.audit.recording(entry):
                for line in adoptions.run():
                    print(line)
    except TransientError as error:
        sys.stderr.write(f"adopt: {error}. Run it again when MongoDB is available; it continues where it stopped.\n")
        return 1
    print(adoptions.counts)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
