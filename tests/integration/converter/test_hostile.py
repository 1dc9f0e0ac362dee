"""Files made to attack a converter read no other file, reach no network and hold no worker."""

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.errors import Failure, PermanentError
from tests import media
from tests.integration.converter import transport_streams
from tests.integration.converter.conftest import Convert

Attack = Callable[[str, Path], Path]
ATTACKS: list[Attack] = [media.hls_playlist, media.ffconcat, media.dash_manifest, media.avi_with_playlist]


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A TCP port of this machine that nothing may connect to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def was_reached(listener: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        return bool(selector.select(0))


def attempt(convert: Convert, source: Path) -> bytes:
    """What came out of the attack: nothing, or an MP3."""
    try:
        return convert(source, timeout=60).path.read_bytes()
    except PermanentError:
        return b""


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_playlist_reaches_no_server(attack: Attack, convert: Convert, tmp_path: Path, server: socket.socket) -> None:
    host, port = server.getsockname()

    attempt(convert, attack(f"http://{host}:{port}/segment.ts", tmp_path))

    assert not was_reached(server)


@pytest.mark.parametrize("scheme", ["file://", "", "concat:", "subfile,,start,0,end,0,,:"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_playlist_reads_no_other_file(attack: Attack, scheme: str, convert: Convert, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(media.make("wav").read_bytes())

    result = attempt(convert, attack(f"{scheme}{secret}", tmp_path))

    # The AVI contains a second of silence; the secret's four seconds would be about 96 kB.
    assert len(result) < 40_000


def test_a_session_description_opens_no_port(convert: Convert, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.setblocking(False)

        with pytest.raises(PermanentError, match="not a video"):
            convert(media.sdp(other.getsockname()[1], tmp_path))

        assert not was_reached(other)


@pytest.mark.parametrize("limit", [3600, 48 * 3600])
def test_a_wrong_duration_in_the_header_is_ignored(limit: int, convert: Convert, tmp_path: Path) -> None:
    mp3 = convert(media.long_header(24, tmp_path), max_duration=limit)

    assert mp3.duration == pytest.approx(media.SECONDS, abs=0.1)


def test_hours_of_packed_silence_are_refused(convert: Convert) -> None:
    bomb = media.bomb(20)

    assert bomb.stat().st_size < 1_000_000
    with pytest.raises(PermanentError, match="longer than the limit"):
        convert(bomb)


def test_hours_of_packed_silence_end_at_the_output_limit(convert: Convert) -> None:
    with pytest.raises(PermanentError, match="larger than the limit of 2 MB"):
        convert(media.bomb(20), max_duration=48 * 3600, max_output_mb=2)


def test_silence_does_not_become_a_thousand_times_its_size(convert: Convert) -> None:
    """18 KB of silence became 403 MB, and 108 KB would have become 1.7 GB."""
    bomb = media.bomb(4)

    assert bomb.stat().st_size < 100_000
    with pytest.raises(PermanentError, match="larger than the limit") as caught:
        convert(bomb, max_duration=48 * 3600, max_output_mb=2048)
    assert caught.value.code is Failure.OUTPUT_TOO_LARGE


def test_thousands_of_programs_end_at_the_limit_of_processor_time(convert: Convert, tmp_path: Path) -> None:
    source = tmp_path / "programs.ts"
    source.write_bytes(transport_streams.with_programs(8000, size=147_000))

    began = time.monotonic()
    with pytest.raises(PermanentError, match="processor time") as caught:
        convert(source, processor_seconds=1)
    assert caught.value.code is Failure.TIME_LIMIT
    assert time.monotonic() - began < 30


def test_tags_cannot_forge_the_listing(convert: Convert, tmp_path: Path) -> None:
    lines = ["x", "Input #0, hls, from 'y':", "  Stream #0:9: Audio: none"]
    title = "\n".join(lines) + "\u2028  Duration: 99:00:00.00\x85    Metadata:\r  Stream"
    source = media.ffmpeg([*media.BOTH, *media.MPEG4, *media.AAC, "-metadata", f"title={title}"], "mkv")

    assert convert(source).duration == pytest.approx(media.SECONDS, abs=0.1)
