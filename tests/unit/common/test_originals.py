"""What a client says about the video of which it has sent only the sound is validated, stored and shown."""

from base64 import b64encode

import pytest

from common.domain.originals import Original, require_pictures
from common.errors import Invalid
from gateway.uploads import tus_headers

FIELDS = {"sound_only": "true", "original_size": "2000000000", "original_start": "-0.021", "original_duration": "60.5"}


def test_the_fields_are_read() -> None:
    assert Original.parse(FIELDS) == Original(2_000_000_000, -0.021, 60.5)


def test_a_duration_is_optional() -> None:
    assert Original.parse({**FIELDS, "original_duration": ""}) == Original(2_000_000_000, -0.021, None)


@pytest.mark.parametrize("fields", [{}, {"sound_only": "false"}, {"original_size": "5"}], ids=str)
def test_a_whole_video_has_none(fields: dict[str, str]) -> None:
    assert Original.parse(fields) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"sound_only": "yes"},
        {"original_size": "0"},
        {"original_size": "-1"},
        {"original_size": "1e30"},
        {"original_size": "many"},
        {"original_start": "nan"},
        {"original_start": "inf"},
        {"original_start": ""},
        {"original_duration": "-1"},
        {"original_duration": "nan"},
    ],
    ids=str,
)
def test_wrong_values_are_rejected_by_name(wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid, match=next(iter(wrong))):
        Original.parse({**FIELDS, **wrong})


def test_the_header_of_an_upload_has_them() -> None:
    fields = {"filename": "talk.mp4", **FIELDS}
    header = ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in fields.items())
    assert tus_headers.original(header) == Original.parse(FIELDS)
    assert tus_headers.metadata(header) == ("talk.mp4", {})


def test_it_is_stored_and_read_again() -> None:
    original = Original(5, 1.4, None)
    assert Original.from_document(original.as_document()) == original


@pytest.mark.parametrize("document", [None, {}, {"bytes": 5}], ids=str)
def test_records_of_other_releases_have_none(document: dict[str, int] | None) -> None:
    assert Original.from_document(document) is None


def test_a_cover_needs_the_pictures() -> None:
    original = Original(5, 0.0)
    with pytest.raises(Invalid) as raised:
        require_pictures("frame", original)
    assert (raised.value.status, raised.value.code) == (422, "pictures_not_uploaded")
    require_pictures("frame", None)
    require_pictures("none", original)
