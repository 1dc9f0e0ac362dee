"""Of a camera's MP4 only the chunks with sound are read from MongoDB, and the MP3 is the same."""

import shutil
from pathlib import Path

import pytest

from common.domain.options import ConversionOptions
from common.errors import PermanentError
from common.storage.bucket import Bucket, StoredFile
from converter.encoding.transcoder import transcode
from converter.sparse_fetch.fetch import fetch
from tests import media
from tests.integration.converter import sounds
from tests.integration.converter.conftest import limits
from tests.unit.converter.test_mp4_layout import camera


def stored(db, path: Path) -> tuple[Bucket, StoredFile]:
    bucket = Bucket(db)
    bucket.ensure_indexes()
    with bucket.create(path.name, "video/*", {}) as writer:
        writer.write(path.read_bytes())
        file = bucket.find(writer.finish())
    assert file is not None
    return bucket, file


def read_chunks(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the chunks that are read from now on."""
    numbers: list[int] = []
    original = Bucket.chunks

    def counting(self, file, wanted):
        for number, data in original(self, file, wanted):
            numbers.append(number)
            yield number, data

    monkeypatch.setattr(Bucket, "chunks", counting)
    return numbers


def test_the_chunks_with_sound_are_enough(db, tmp_path, monkeypatch):
    path = camera(seconds=40)
    bucket, file = stored(db, path)
    numbers = read_chunks(bucket, monkeypatch)
    target = tmp_path / "source"
    fetch(bucket, file, target, pictures=False, check=lambda: None)
    assert len(set(numbers)) < 0.7 * file.length / file.chunk_size
    assert target.stat().st_size == file.length
    assert target.stat().st_blocks * 512 < 0.8 * file.length
    mp3s = [converted(source, tmp_path / name) for source, name in ((target, "sparse"), (path, "whole"))]
    assert mp3s[0].read_bytes() == mp3s[1].read_bytes()


def converted(source: Path, folder: Path) -> Path:
    folder.mkdir()
    return transcode(
        Path(shutil.copy(source, folder / "source")),
        folder,
        filename="camera.mp4",
        options=ConversionOptions(),
        limits=limits(),
        on_progress=lambda _: None,
        should_stop=lambda: False,
    ).path


def test_a_video_is_fetched_whole_for_its_pictures(db, tmp_path):
    path = camera()
    bucket, file = stored(db, path)
    fetch(bucket, file, tmp_path / "source", pictures=True, check=lambda: None)
    assert (tmp_path / "source").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("kind", ["mp4", "mkv", "mp4_fragmented"])
def test_other_files_are_fetched_whole(kind, db, tmp_path):
    path = media.make(kind)
    bucket, file = stored(db, path)
    fetch(bucket, file, tmp_path / "source", pictures=False, check=lambda: None)
    assert (tmp_path / "source").read_bytes() == path.read_bytes()


def test_a_cut_file_is_refused(db, tmp_path):
    path = media.truncated(camera("-movflags", "+faststart"), 0.8, tmp_path)
    bucket, file = stored(db, path)
    fetch(bucket, file, tmp_path / "source", pictures=False, check=lambda: None)
    with pytest.raises(PermanentError, match="incomplete"):
        converted(tmp_path / "source", tmp_path / "conversion")


def test_chunks_of_several_queries_are_in_order(db, monkeypatch):
    monkeypatch.setattr("common.storage.bucket.QUERY", 3)
    content = bytes(range(256)) * 16 * 1024
    bucket = Bucket(db)
    with bucket.create("name", "video/*", {}) as writer:
        writer.write(content)
        file = bucket.find(writer.finish())
    wanted = [0, 2, 3, 5, 8, 9, 13, 16]
    found = list(bucket.chunks(file, wanted))
    assert [number for number, _ in found] == wanted
    size = file.chunk_size
    assert all(data == content[number * size : (number + 1) * size] for number, data in found)


def test_the_sound_of_a_sparse_file_is_the_videos(db, tmp_path):
    path = camera(seconds=40)
    bucket, file = stored(db, path)
    fetch(bucket, file, tmp_path / "source", pictures=False, check=lambda: None)
    assert sounds.likeness(sounds.decode(tmp_path / "source"), sounds.decode(path)) > 0.9999
