"""The way in that users have: the cluster's Ingress, with the largest upload that is allowed."""

import struct
import subprocess
from pathlib import Path

import pytest

from tests import media
from tests.cluster.mailpit import person
from tests.cluster.operations import Operator, report

pytestmark = pytest.mark.timeout(1800)

# Bytes: MAX_UPLOAD_MB.
_LIMIT = 2048 * 2**20
# For the other parts of the request's body.
_MARGIN = 2**20
_TIMEOUT = 1200


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A short video with a box of free space behind it, which takes no space on this disk."""
    path = tmp_path / "large.mp4"
    video = media.make("mp4").read_bytes()
    size = _LIMIT - _MARGIN - len(video)
    path.write_bytes(video + struct.pack(">I4sQ", 1, b"free", size))
    with path.open("r+b") as file:
        file.truncate(len(video) + size)
    return path


def test_two_gibibytes_go_through_the_ingress(system: Operator, large: Path) -> None:
    (ingress,) = (item for item in system.objects("ingresses") if item["metadata"]["name"] == "gateway")
    host = ingress["spec"]["rules"][0]["host"]
    addresses = [each.get("ip") or each["hostname"] for each in ingress["status"]["loadBalancer"].get("ingress", [])]
    assert addresses, "no Ingress controller serves the Ingress"
    someone = person(system)

    report(f"$ curl --resolve {host}:80:{addresses[0]} -F file=@large.mp4 http://{host}/upload")
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail-with-body", "--resolve", f"{host}:80:{addresses[0]}",
         "--header", "@-", "--form", f"file=@{large}", f"http://{host}/upload"],
        input=f"Authorization: Bearer {someone.token}\n", capture_output=True, text=True, timeout=_TIMEOUT, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    (job,) = someone.request("GET", "/jobs").json()["jobs"]
    finished = someone.waits_for(job["video_fid"], seconds=600)
    assert finished["status"] == "completed", finished
    assert len(someone.download(finished["mp3_fid"]).content) > 1000
