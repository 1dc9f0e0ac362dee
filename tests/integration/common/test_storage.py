"""Files of any size are stored in GridFS and read unchanged; an aborted one leaves no chunks."""

import random
from collections.abc import Generator
from contextlib import ExitStack
from itertools import islice

import gridfs
import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.monitoring import ConnectionPoolListener

from common.runtime.settings import MongoSettings
from common.storage import mongo
from common.storage.bucket import READ_BATCH, STREAMS, Bucket, DamagedFile, StoredFile
from common.storage.mongo import StorageUnavailable
from common.storage.writer import BATCH, MARKER, SECOND_INSERTS
from tests.waiting import eventually

CHUNK = gridfs.DEFAULT_CHUNK_SIZE
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 16 * CHUNK - 1, 16 * CHUNK, 33 * CHUNK + 17]


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def stored(bucket: Bucket, data: bytes, piece: int = 70_000, **metadata: object) -> ObjectId:
    with bucket.create("name", "video/mp4", metadata) as writer:
        for start in range(0, len(data), piece):
            writer.write(data[start : start + piece])
        return writer.finish()


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_read_as_it_was_written(db, size):
    data = content(size)
    bucket = Bucket(db)
    file = bucket.find(stored(bucket, data))
    assert file.length == size
    assert b"".join(bucket.read(file)) == data


def test_pymongos_own_gridfs_reads_our_files(db):
    data = content(3 * CHUNK + 5)
    fid = stored(Bucket(db), data, username="a@example.com")
    read = gridfs.GridFS(db).get(fid)
    assert read.read() == data
    assert (read.filename, read.metadata) == ("name", {"username": "a@example.com", **MARKER})


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 1), (CHUNK - 1, CHUNK + 1), (5, 5), (CHUNK, 2 * CHUNK), (2 * CHUNK, None)]
)
def test_any_part_of_a_file_can_be_read(db, start, stop):
    data = content(2 * CHUNK + 100)
    bucket = Bucket(db)
    file = bucket.find(stored(bucket, data))
    assert b"".join(bucket.read(file, start, stop)) == data[start:stop]


class Closed(ConnectionPoolListener):
    """The connections that were closed; pymongo reports some twice."""

    def __init__(self) -> None:
        self.connections = set()

    def connection_closed(self, event) -> None:
        self.connections.add(event.connection_id)

    def _ignore(self, event) -> None:
        pass

    pool_created = pool_ready = pool_cleared = pool_closed = _ignore
    connection_created = connection_ready = _ignore
    connection_check_out_started = connection_check_out_failed = _ignore
    connection_checked_out = connection_checked_in = _ignore


@pytest.fixture
def closed() -> Closed:
    return Closed()


@pytest.fixture
def few_connections(environment, db, closed):
    """The test's database, with one connection more than there are readers with an exhaust cursor."""
    options = {"maxPoolSize": STREAMS + 1, "waitQueueTimeoutMS": 2000, "event_listeners": [closed]}
    with MongoClient(environment["MONGO_URI"], tz_aware=True, **options) as client:
        yield client[db.name]


def begun(bucket: Bucket, file: StoredFile) -> tuple[bytes, Generator[bytes]]:
    """A reader that has read past its first batch, where MongoDB sends more by itself."""
    reader = bucket.read(file)
    return b"".join(islice(reader, READ_BATCH + 2)), reader


def test_paused_readers_leave_connections_for_others(few_connections):
    bucket = Bucket(few_connections)
    data = content(33 * CHUNK)
    file = bucket.find(stored(bucket, data))
    readers = [begun(bucket, file) for _ in range(STREAMS + 8)]
    assert bucket.find(file.id) == file
    assert all(first + b"".join(rest) == data for first, rest in readers)


def test_readers_that_end_early_make_room_for_the_next(few_connections, closed):
    bucket = Bucket(few_connections)
    data = content(33 * CHUNK)
    file = bucket.find(stored(bucket, data))
    for _ in range(2 * STREAMS):
        _, reader = begun(bucket, file)
        reader.close()
    # An exhaust cursor only ends with its connection.
    assert len(closed.connections) == 2 * STREAMS
    assert b"".join(bucket.read(file)) == data
    assert len(closed.connections) == 2 * STREAMS


def test_only_complete_chunks_that_are_stored_are_confirmed(db):
    bucket = Bucket(db)
    data = content(BATCH * CHUNK + CHUNK // 2)
    with bucket.create("name", "video/mp4", {}) as writer:
        writer.write(data)
        assert writer.confirmed == 0
        assert writer.confirm() == writer.confirmed == BATCH * CHUNK == db["fs.chunks"].count_documents({}) * CHUNK
        assert writer.confirm() == BATCH * CHUNK
        writer.write(data)
        fid = writer.finish()
    assert b"".join(bucket.read(bucket.find(fid))) == 2 * data


def test_nothing_is_confirmed_after_the_first_failed_batch(db):
    bucket = Bucket(db)
    bucket.ensure_indexes()
    with bucket.create("name", "video/mp4", {}) as writer:
        writer.write(content(BATCH * CHUNK))
        assert writer.confirm() == BATCH * CHUNK
        db["fs.chunks"].insert_one({"files_id": writer.id, "n": BATCH + 3, "data": b"in its way"})
        with pytest.raises(StorageUnavailable):
            writer.write(content(4 * BATCH * CHUNK))
        # Each further call fails too: nothing is written after the gap.
        for call in (writer.finish, writer.confirm, writer.suspend):
            with pytest.raises(StorageUnavailable) as raised:
                call()
            # Without the documents, which are the user's bytes.
            assert len(str(raised.value)) < 500
        assert writer.confirmed == BATCH * CHUNK
    assert db["fs.chunks"].count_documents({}) == 0


@pytest.mark.parametrize("size", [3 * BATCH * CHUNK, 3 * BATCH * CHUNK + 1])
def test_a_file_of_which_a_failover_lost_a_chunk_is_not_published(db, size):
    bucket = Bucket(db)
    with bucket.create("name", "video/mp4", {}) as writer:
        writer.write(content(size))
        eventually(lambda: db["fs.chunks"].delete_one({"files_id": writer.id, "n": 1}).deleted_count == 1)
        with pytest.raises(StorageUnavailable, match="lost 1 chunks"):
            writer.finish()
        with pytest.raises(StorageUnavailable):
            writer.finish()
        assert bucket.find(writer.id) is None


def test_a_part_of_which_a_failover_lost_a_chunk_can_be_sent_again(db):
    bucket = Bucket(db)
    data = content(3 * BATCH * CHUNK)
    first = bucket.resume(ObjectId(), 0, "name", "video/mp4", {}, turn=1)
    first.write(data[: CHUNK + 5])
    offset = first.suspend()
    second = bucket.resume(first.id, offset, "name", "video/mp4", {}, turn=2)
    second.write(data[offset:])
    eventually(lambda: db["fs.chunks"].delete_one({"files_id": first.id, "n": 2}).deleted_count == 1)
    with pytest.raises(StorageUnavailable):
        second.suspend()
    second.leave()
    assert second.confirmed == offset
    third = bucket.resume(first.id, offset, "name", "video/mp4", {}, turn=3)
    third.write(data[offset:])
    bucket.publish(first.id, third.suspend(), "name", "video/mp4", {})
    assert b"".join(bucket.read(bucket.find(first.id))) == data


def test_writers_without_a_second_insert_store_everything(db):
    bucket = Bucket(db)
    data = content(5 * BATCH * CHUNK + 7)
    with ExitStack() as writers:
        all_of_them = [writers.enter_context(bucket.create("name", "video/mp4", {})) for _ in range(SECOND_INSERTS + 4)]
        for start in range(0, len(data), BATCH * CHUNK):
            for writer in all_of_them:
                writer.write(data[start : start + BATCH * CHUNK])
        files = [bucket.find(writer.finish()) for writer in all_of_them]
    assert all(b"".join(bucket.read(file)) == data for file in files)


def test_a_file_is_invisible_until_it_is_finished(db):
    bucket = Bucket(db)
    with bucket.create("name", "video/mp4", {}) as writer:
        writer.write(content(20 * CHUNK))
        assert bucket.find(writer.id) is None
        writer.finish()
        assert bucket.find(writer.id) is not None


def test_an_abandoned_file_leaves_no_chunk(db):
    bucket = Bucket(db)
    with pytest.raises(KeyError), bucket.create("name", "video/mp4", {}) as writer:
        writer.write(content(40 * CHUNK))
        raise KeyError
    assert db["fs.chunks"].count_documents({}) == 0


def test_a_missing_chunk_is_detected(db):
    bucket = Bucket(db)
    file = bucket.find(stored(bucket, content(4 * CHUNK)))
    db["fs.chunks"].delete_one({"files_id": file.id, "n": 2})
    with pytest.raises(DamagedFile):
        b"".join(bucket.read(file))


def test_a_missing_last_chunk_is_detected(db):
    bucket = Bucket(db)
    file = bucket.find(stored(bucket, content(4 * CHUNK)))
    db["fs.chunks"].delete_one({"files_id": file.id, "n": 3})
    with pytest.raises(DamagedFile):
        b"".join(bucket.read(file))


def test_deleting_a_file_deletes_its_chunks(db):
    bucket = Bucket(db)
    fid = stored(bucket, content(3 * CHUNK))
    bucket.delete(fid)
    bucket.delete(fid)
    assert bucket.find(fid) is None
    assert db["fs.chunks"].count_documents({}) == 0


def test_an_unavailable_database_is_a_transient_failure():
    with mongo.connect(MongoSettings(mongo_uri="mongodb://127.0.0.1:9", mongodb_timeout=0.3)) as client:
        bucket = Bucket(client["x"])
        with pytest.raises(StorageUnavailable):
            bucket.find(ObjectId())
        with pytest.raises(StorageUnavailable), bucket.create("name", "video/mp4", {}) as writer:
            for _ in range(3):
                writer.write(content(16 * CHUNK))
        with pytest.raises(StorageUnavailable):
            mongo.ping(client)()
