"""Files that real users would send, with the expected result of each: `tests/cases/expect.json`."""

import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from common.errors import PermanentError
from tests.integration.converter import sounds
from tests.integration.converter.conftest import Convert

CASES = Path(__file__).resolve().parents[2] / "cases"
EXPECTED: list[dict[str, Any]] = json.loads((CASES / "expect.json").read_text())


@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: f"{case['file']}{case.get('options', '')}")
def test_a_real_file_has_the_expected_result(case: dict[str, Any], convert: Convert) -> None:
    source = CASES / "files" / case["file"]
    if case["outcome"] == "failed":
        with pytest.raises(PermanentError):
            convert(source)
        return

    mp3 = convert(source, filename=case.get("upload_as", case["file"]), **case.get("options", {}))

    samples = sounds.decode(mp3.path)
    assert len(samples) / sounds.RATE == pytest.approx(case["seconds"], abs=case["tolerance"])
    file = sounds.mp3(mp3.path)
    info = file.info
    if "pitch" in case:
        assert sounds.pitch(samples) == pytest.approx(case["pitch"], abs=2)
    if "channels" in case:
        assert info.channels in case["channels"]
    if case.get("steady"):
        assert sounds.quietest(samples) > 0.1
    if case.get("end_tone"):
        assert numpy.abs(samples[-2 * sounds.RATE :]).max() > 0.1
    if titles := case.get("title_any", [case["title"]] if "title" in case else []):
        assert str(file.tags["TIT2"]) in titles
