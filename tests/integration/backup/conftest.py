"""A private MongoDB, a database of the stack's MySQL, and the command on them."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import MySQLdb
import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from auth.migrations import files, runner
from auth.settings import MigrationSettings
from common.domain.jobs import Status
from common.storage import mongo
from gateway.jobs.store import Store
from scripts.stack import mongodb, ports
from tests.integration import servers
from tests.waiting import eventually

_ROOT = Path(__file__).resolve().parents[3]
# Of a chunk, what belongs to the file.
_CHUNK = {"_id": 0, "files_id": 1, "n": 1, "data": 1, "service": 1}


@contextmanager
def mongod(folder: Path, *options: str) -> Iterator[str]:
    """Runs a server without access control; yields its address."""
    (port,) = ports.choose(1, [])
    command = [
        mongodb.executable(), "--bind_ip=127.0.0.1", f"--port={port}",
        f"--dbpath={folder}", f"--unixSocketPrefix={folder}", "--wiredTigerCacheSizeGB=0.25",
        "--setParameter=diagnosticDataCollectionEnabled=false", f"--logpath={folder / 'log'}", *options,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield f"mongodb://127.0.0.1:{port}/?directConnection=true"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A replica set of one member, whose databases the tests may replace."""
    with mongod(tmp_path_factory.mktemp("mongod"), "--replSet=backup") as uri, MongoClient(uri) as client:
        member = {"_id": 0, "host": uri.split("/")[2]}

        def is_primary() -> bool:
            with suppress(OperationFailure):  # once it has been initiated
                client.admin.command("replSetInitiate", {"_id": "backup", "members": [member]})
            return bool(client.admin.command("hello")["isWritablePrimary"])

        eventually(is_primary, pause=0.2, what="the primary")
        yield uri


@pytest.fixture
def mongo_client(mongo_uri: str) -> Iterator[mongo.Client]:
    """Without data, before and after."""
    with MongoClient(mongo_uri, tz_aware=True) as client:
        for name in (mongo.VIDEOS, mongo.MP3S):
            client.drop_database(name)
        yield client


@pytest.fixture
def store(mongo_client: mongo.Client) -> Store:
    return servers.store(mongo_client[mongo.VIDEOS], mongo_client[mongo.MP3S])


@dataclass(frozen=True)
class Accounts:
    """A database of the stack's MySQL."""

    environment: dict[str, str]

    def execute(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with MySQLdb.connect(
            host=self.environment["MYSQL_HOST"],
            port=int(self.environment["MYSQL_PORT"]),
            user=self.environment["MYSQL_USER"],
            password=self.environment["MYSQL_PASSWORD"],
            charset="utf8mb4",
            autocommit=True,
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    def add(self, email: str) -> None:
        self.execute(f"INSERT INTO {self.environment['MYSQL_DB']}.user (email, password) VALUES (%s, 'x')", email)

    def add_key(self, key_hash: str) -> None:
        """For every account."""
        self.execute(
            f"INSERT INTO {self.environment['MYSQL_DB']}.api_key"
            " (id, account_id, key_hash, prefix, name, scope, created_at)"
            f" SELECT UUID(), account_id, %s, 'v2m_', 'a key', 'read', NOW() FROM {self.environment['MYSQL_DB']}.user",
            key_hash,
        )

    def keys(self) -> list[object]:
        return [row[0] for row in self.execute(f"SELECT key_hash FROM {self.environment['MYSQL_DB']}.api_key")]

    def emails(self) -> list[object]:
        return [row[0] for row in self.execute(f"SELECT email FROM {self.environment['MYSQL_DB']}.user ORDER BY id")]

    def clear(self) -> None:
        self.execute(f"DELETE FROM {self.environment['MYSQL_DB']}.user")


@pytest.fixture
def accounts(environment: dict[str, str]) -> Iterator[Accounts]:
    """Without accounts, dropped afterwards."""
    name = f"backup_{secrets.token_hex(6)}"
    made = Accounts(
        {
            "MYSQL_HOST": environment["MYSQL_HOST"],
            "MYSQL_PORT": environment["MYSQL_PORT"],
            "MYSQL_USER": environment["MYSQL_ROOT_USER"],
            "MYSQL_PASSWORD": environment["MYSQL_ROOT_PASSWORD"],
            "MYSQL_DB": name,
        }
    )
    made.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    settings = {key.lower(): value for key, value in made.environment.items()}
    runner.run(MigrationSettings(**settings), files.load())  # type: ignore[arg-type]
    yield made
    made.execute(f"DROP DATABASE {name}")


@dataclass(frozen=True)
class Command:
    """`python -m backup` with a working folder and a repository of its own."""

    environment: dict[str, str]
    folder: Path

    def start(self, *words: str, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "backup", *words],
            env={**os.environ, "PYTHONPATH": str(_ROOT / "src"), **self.environment, **variables},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, *words: str, code: int = 0, **variables: str) -> str:
        """Returns the output of a command that ends with this exit code."""
        with self.start(*words, **variables) as process:
            output, _ = process.communicate(timeout=120)
        assert process.returncode == code, output
        return output

    def packs(self) -> list[Path]:
        """The files of the repository that hold contents."""
        return sorted(path for path in (self.folder / "repository/data").rglob("*") if path.is_file())


@pytest.fixture
def backup(tmp_path: Path, mongo_uri: str, accounts: Accounts) -> Command:
    folder = tmp_path / "backup"
    variables = {
        **accounts.environment,
        "MONGO_URI": mongo_uri,
        "RESTIC_REPOSITORY": str(folder / "repository"),
        "RESTIC_PASSWORD": "a password of the tests",
        "BACKUP_FOLDER": str(folder),
    }
    return Command(variables, folder)


@dataclass(frozen=True)
class Contents:
    """The stored files of a job."""

    video: bytes
    mp3: bytes


@pytest.fixture
def stored(store: Store, accounts: Accounts) -> Contents:
    """An account with a completed job, its video of two chunks, and its MP3."""
    accounts.add("first@example.com")
    return complete_job(store, "first@example.com")


def complete_job(store: Store, username: str) -> Contents:
    contents = Contents(video=os.urandom(300_000), mp3=os.urandom(100_000))
    with store.videos.create("video.mp4", "video/mp4", {"username": username}) as writer:
        writer.write(contents.video)
        video_fid = writer.finish()
    store.jobs.create(video_fid, username, "video.mp4", {})
    complete(store, video_fid, contents.mp3)
    return contents


def complete(store: Store, video_fid: ObjectId, mp3: bytes) -> ObjectId:
    """Stores another MP3 of the job; returns its id."""
    with store.mp3s.create("video.mp3", "audio/mpeg", {"video_fid": video_fid}) as writer:
        writer.write(mp3)
        mp3_fid = writer.finish()
    store.jobs.update(video_fid, {}, {"status": Status.COMPLETED.value, "mp3_fid": mp3_fid})
    return mp3_fid


def snapshot(client: mongo.Client) -> dict[str, object]:
    """All documents, except the ids of chunks, and all indexes."""
    found: dict[str, object] = {}
    for name in (mongo.VIDEOS, mongo.MP3S):
        for collection in sorted(client[name].list_collection_names()):
            here = client[name][collection]
            if collection == "fs.chunks":
                found[f"{name}.{collection}"] = list(here.find({}, _CHUNK).sort([("files_id", 1), ("n", 1)]))
            else:
                found[f"{name}.{collection}"] = list(here.find().sort("_id", 1))
            found[f"{name}.{collection}, indexes"] = here.index_information()
    return found
