"""The parts of moviepy that the converter uses work with a Pillow that moviepy itself does not allow yet."""

import os
import subprocess
import sys
from importlib.metadata import version


def test_moviepys_ffmpeg_is_found_and_runs_beside_the_locked_pillow() -> None:
    assert int(version("pillow").partition(".")[0]) >= 12, "overrides.txt"
    # In a process of its own: others have imported moviepy already.
    program = (
        "import moviepy.config, subprocess; subprocess.run([moviepy.config.FFMPEG_BINARY, '-version'], check=True)"
    )
    environment = {**os.environ, "PYTHON_DOTENV_DISABLED": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ffmpeg version ")
