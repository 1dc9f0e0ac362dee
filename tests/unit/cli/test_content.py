"""The command line sends only the sound of a video, and resumes that after an interruption."""

import pytest

from tests import media, thinning
from tests.unit.cli.tus_server import error
from video2mp3.conversion.progress import Lines
from video2mp3.records import Record
from video2mp3.sound_only import extraction


@pytest.fixture
def film(tmp_path):
    return media.make("webm_vorbis", tmp_path)


def sound(film) -> bytes:
    content = film.read_bytes()
    plan = extraction.extract(thinning.reader(content), len(content)).plan
    return plan.read(thinning.reader(content), 0, plan.length)


def test_only_the_sound_is_sent_with_what_the_server_has_to_know(converter, state, film, tmp_path):
    assert converter().convert(film, tmp_path / "x.mp3").error is None

    (content,) = state.content.values()
    (metadata,) = state.metadata.values()
    assert content == sound(film)
    assert metadata == {
        "filename": b"webm_vorbis.webm",
        "sound_only": b"true",
        "original_size": str(film.stat().st_size).encode(),
        "original_start": b"0.000000",
        "original_duration": b"4.003",
    }


@pytest.mark.parametrize("more", [{"whole": True}, {"options": {"cover": "frame"}}], ids=str)
def test_the_whole_video_is_sent_if_that_is_wanted(converter, state, film, tmp_path, more):
    assert converter(**more).convert(film, tmp_path / "x.mp3").error is None

    (content,) = state.content.values()
    (metadata,) = state.metadata.values()
    assert content == film.read_bytes()
    assert "sound_only" not in metadata


def test_the_whole_video_is_sent_after_an_unexpected_error(converter, state, film, tmp_path, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("video2mp3.conversion.content.extract", fail)
    assert converter().convert(film, tmp_path / "x.mp3").error is None
    (content,) = state.content.values()
    assert content == film.read_bytes()


def interrupted(converter, state, film, tmp_path) -> str:
    """Begins an upload of the sound, of which the server gets a part; returns its id."""
    records = converter().records
    fid = "0" * 24
    content = sound(film)
    state.lengths[fid] = len(content)
    state.content[fid] = bytearray(content[:5000])
    state.metadata[fid] = {}
    name = f"sound {extraction.VERSION} {len(content)}"
    records.save(records.key(film, {}), Record(fid, content=name))
    return fid


def test_an_interrupted_upload_of_the_sound_continues(converter, state, film, tmp_path):
    fid = interrupted(converter, state, film, tmp_path)

    assert converter().convert(film, tmp_path / "x.mp3").error is None

    assert {one: bytes(content) for one, content in state.content.items()} == {fid: sound(film)}
    assert "POST" not in state.asked


@pytest.mark.parametrize("changed", ["whole", "version"])
def test_it_does_not_continue_with_other_bytes(converter, state, film, tmp_path, monkeypatch, changed):
    fid = interrupted(converter, state, film, tmp_path)
    if changed == "version":
        monkeypatch.setattr("video2mp3.conversion.content.VERSION", extraction.VERSION + 1)

    assert converter(whole=changed == "whole").convert(film, tmp_path / "x.mp3").error is None

    assert len(state.content[fid]) == 5000
    assert len(state.content) == 2


def test_a_lost_connection_continues_in_the_middle(converter, state, film, tmp_path):
    state.next_answers["PATCH"].append(error(503, "unavailable", "Try again."))
    assert converter().convert(film, tmp_path / "x.mp3").error is None
    assert bytes(next(iter(state.content.values()))) == sound(film)


def test_what_is_saved_is_shown(converter, film, tmp_path, capsys):
    one = converter()
    object.__setattr__(one, "stages", Lines())
    one.convert(film, tmp_path / "x.mp3")
    assert "sending the sound only: " in capsys.readouterr().err
