"""What browsers read to install the page as an app agrees with the code, and with itself."""

import json
import re
import struct
from pathlib import Path

import pytest

_WEB = Path(__file__).resolve().parents[3] / "src" / "web"
_PUBLIC = _WEB / "public"
_MANIFEST = json.loads((_PUBLIC / "manifest.webmanifest").read_text())
_WORKER = (_PUBLIC / "sw.js").read_text()


def constant(name: str, source: str) -> str:
    found = re.search(rf'^(?:export )?const {name} = "(.+)";$', source, re.MULTILINE)
    assert found
    return found[1]


def test_the_service_worker_receives_what_the_manifest_sends() -> None:
    target = _MANIFEST["share_target"]
    assert target["action"] == constant("SHARE", _WORKER)
    # The page registers it for that address.
    assert target["action"] == constant("SHARE", (_WEB / "src" / "serviceWorker.ts").read_text())
    assert f'form.getAll("{target["params"]["files"][0]["name"]}")' in _WORKER


def test_the_page_reads_the_cache_that_the_service_worker_writes() -> None:
    assert constant("CACHE", _WORKER) == constant("CACHE", (_WEB / "src" / "uploads" / "shared.ts").read_text())


@pytest.mark.parametrize("icon", _MANIFEST["icons"], ids=lambda icon: icon["src"])
def test_an_icon_has_the_size_that_the_manifest_says(icon: dict[str, str]) -> None:
    content = (_PUBLIC / icon["src"].lstrip("/")).read_bytes()
    if icon["sizes"] == "any":
        assert b"<svg" in content
    else:
        # ISO/IEC 15948: the header of a PNG has its width and its height.
        width, height = struct.unpack(">II", content[16:24])
        assert icon["sizes"] == f"{width}x{height}"


def test_there_is_an_icon_that_each_platform_can_cut() -> None:
    assert "maskable" in {icon.get("purpose") for icon in _MANIFEST["icons"]}
