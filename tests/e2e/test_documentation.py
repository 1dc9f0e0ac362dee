"""The examples of docs/api.md work."""

import re
import shutil
import subprocess
from pathlib import Path

from mutagen.mp3 import MP3

from gateway.openapi.document import document
from tests import media

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def test_every_example_runs(newcomer, tmp_path):
    someone = newcomer()
    shutil.copy(media.make("mp4"), tmp_path / "talk.mp4")
    script = "set -euxo pipefail\n" + "".join(re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "URL": someone.url, "EMAIL": someone.email, "PASSWORD": someone.password},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert str(MP3(tmp_path / "talk.mp3")["TIT2"]) == "My talk"


def test_every_route_has_an_example():
    text = PAGE.read_text()
    names = {
        "{key_id}": "$KEY_ID",
        "{video_fid}": "$JOB",
        "{summary_id}": "$SUMMARY",
        "{file_id}": "$MP3",
        "/files/$JOB": "$URL$UPLOAD",
    }
    for path in document()["paths"]:
        shown = path
        for name, example in names.items():
            shown = shown.replace(name, example)
        assert shown in text, path
