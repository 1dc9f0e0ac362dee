"""Takes the data of a fresh stack (README.md): `dump.py STATE FOLDER`, in a checkout of the release to take them from.

It leaves the stack in the middle of its work.
"""

import base64
import hashlib
import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import MySQLdb
import pika
import psutil
from bson import json_util
from pymongo import MongoClient

from scripts.stack import Stack
from tests import media
from tests.person import Person
from tests.waiting import eventually

BOB = ("bob@example.com", "bob's plain-text password")


def video(frequency: int, seconds: float = 1.5) -> Path:
    """A small video."""
    pictures = ["-f", "lavfi", "-i", f"color=c=blue:size=64x48:rate=1:duration={seconds}"]
    sound = media.tone(frequency, seconds=seconds, rate=22050)
    codecs = ["-map", "0:v", "-map", "1:a", *media.MPEG4, "-c:a", "aac", "-b:a", "24k"]
    return media.ffmpeg([*pictures, *sound, *codecs], "mp4")


class Dump:
    def __init__(self, stack: Stack) -> None:
        self.stack, self.variables = stack, stack.environment
        mail = Path(self.variables["MAILDIR"])
        password = "alice's password of an earlier release"
        self.alice = Person(stack.url("gateway"), mail, email="alice@example.com", password=password).joins()
        self.jobs: dict[str, Any] = {}

    def take(self, folder: Path) -> None:
        self._insert_bob()
        self._ended_jobs()
        self.stack.stop("notification")
        self._completed("not_notified", video(500), "later.mp4")
        expected = {
            "upload": self._upload(folder),
            "jobs": self.jobs,
            "accounts": {self.alice.email: self.alice.password, BOB[0]: BOB[1]},
            "link_secret": self.variables["LINK_SECRET"],
        }
        self._suspend_converter()
        self._note("queued", self.alice.job(self.alice.uploads(video(700), "waiting.mp4")))
        for name in ("gateway", "housekeeping", "summary-worker"):
            self.stack.stop(name)
        expected |= {"messages": self._messages(), "dumped_at": datetime.now(UTC).isoformat()}
        (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
        (folder / "mongodb.json").write_text(self._mongodb() + "\n")
        (folder / "accounts.sql").write_text(self._accounts())

    def _insert_bob(self) -> None:
        """As an operator of the first releases did."""
        names = {"host": "MYSQL_HOST", "user": "MYSQL_USER", "password": "MYSQL_PASSWORD", "database": "MYSQL_DB"}
        options = {option: self.variables[name] for option, name in names.items()}
        with closing(MySQLdb.connect(port=int(self.variables["MYSQL_PORT"]), **options, autocommit=True)) as connection:
            connection.cursor().execute("INSERT INTO user (email, password) VALUES (%s, %s)", BOB)

    def _note(self, name: str, job: dict[str, Any], **more: Any) -> dict[str, Any]:
        self.jobs[name] = {
            "id": job["video_fid"], "filename": job["filename"], "mp3_fid": job.get("mp3_fid"), **more
        }  # fmt: skip
        return job

    def _completed(self, name: str, path: Path, filename: str, **options: str) -> dict[str, Any]:
        job = self.alice.converts(path, filename, **options)
        mp3 = self.alice.download(job["mp3_fid"]).content
        return self._note(name, job, sha256=hashlib.sha256(mp3).hexdigest(), options=job.get("options"))

    def _ended_jobs(self) -> None:
        self._completed("completed", video(300), "talk.mp4")
        job = self._completed("summarised", video(400), "song.mp4", bitrate="64", title="A title", channels="mono")
        summary = self.alice.summarises(file_id=job["mp3_fid"])
        self.jobs["summarised"] |= {"summary_id": summary["_id"], "summary": summary["summary"]}
        job = self.alice.waits_for(self.alice.uploads(media.without_audio(), "silent.mp4"))
        assert job["status"] == "failed", job
        self._note("failed", job, error=job["error"])
        job = self._note("deleted", self.alice.converts(video(300), "deleted.mp4"))
        texts = {name: self.alice.email_about(job["id"]) for name, job in self.jobs.items()}
        line = next(line for line in texts["completed"].splitlines() if "&token=" in line)
        self.jobs["completed"]["link"] = line[line.index("/download?") :]
        self.alice.request("DELETE", f"/jobs/{job['video_fid']}").raise_for_status()

    def _upload(self, folder: Path) -> dict[str, Any]:
        """Half of a resumable upload."""
        data = video(600, 3).read_bytes()
        (folder / "resumed.mp4").write_bytes(data)
        tus = {"Tus-Resumable": "1.0.0"}
        name = base64.b64encode(b"resumed.mp4").decode()
        headers = {**tus, "Upload-Length": str(len(data)), "Upload-Metadata": f"filename {name}"}
        path = self.alice.request("POST", "/files", headers=headers).headers["Location"]
        headers = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        answer = self.alice.request("PATCH", path, data=data[: len(data) // 2], headers=headers)
        assert answer.status_code == 204, answer.text
        offset = int(answer.headers["Upload-Offset"])
        return {"path": path, "offset": offset, "length": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def _suspend_converter(self) -> None:
        """In the middle of a conversion."""
        fid = self.alice.uploads(video(350, seconds=60), "working.mp4")
        eventually(lambda: self.alice.job(fid)["status"] == "converting", pause=0.005, what="the conversion")
        worker = psutil.Process(self.stack.pid("converter"))
        for process in [worker, *worker.children(recursive=True)]:
            process.suspend()
        job = self._note("converting", self.alice.job(fid))
        assert job["status"] == "converting", "It ended before: try again."

    def _messages(self) -> dict[str, Any]:
        """One message of each queue."""
        found = {}
        with pika.BlockingConnection(pika.URLParameters(self.variables["RABBITMQ_URI"])) as connection:
            for queue in ("video", "mp3"):
                _, properties, body = connection.channel().basic_get(queue)
                # The broker sets x-delivery-count.
                headers = {key: value for key, value in properties.headers.items() if key != "x-delivery-count"}
                found[queue] = {
                    "body": json.loads(body), "headers": headers,
                    "content_type": properties.content_type, "delivery_mode": properties.delivery_mode,
                }  # fmt: skip
        return found

    def _mongodb(self) -> str:
        found: dict[str, Any] = {}
        with MongoClient[dict[str, Any]](self.variables["MONGO_URI"], tz_aware=True) as client:
            for database in (client["videos"], client["mp3s"]):
                collections = found[database.name] = {}
                for name in sorted(database.list_collection_names()):
                    indexes = [
                        {key: value for key, value in index.items() if key not in {"v", "ns"}}
                        for index in database[name].list_indexes()
                    ]
                    documents = list(database[name].find().sort("_id", 1))
                    collections[name] = {"indexes": indexes, "documents": documents}
        return json_util.dumps(found, json_options=json_util.CANONICAL_JSON_OPTIONS, indent=1)

    def _accounts(self) -> str:
        command = [
            "mariadb-dump", "--protocol=tcp", f"--host={self.variables['MYSQL_HOST']}",
            f"--port={self.variables['MYSQL_PORT']}", f"--user={self.variables['MYSQL_USER']}", "--compact",
            "--databases", self.variables["MYSQL_DB"],
        ]  # fmt: skip
        password = {"MYSQL_PWD": self.variables["MYSQL_PASSWORD"]}
        done = subprocess.run(command, env=password, check=True, capture_output=True, text=True, timeout=60)
        # Other clients do not know this command.
        return done.stdout.removeprefix("/*M!999999\\- enable the sandbox mode */ \n").lstrip()


if __name__ == "__main__":
    Dump(Stack.open(sys.argv[1])).take(Path(sys.argv[2]))
