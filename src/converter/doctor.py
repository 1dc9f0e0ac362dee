"""What the converter depends on, for `python -m common.doctor`."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator

from common.doctor import mongodb, rabbitmq
from common.doctor.checks import Check
from common.messaging.topology import dead_queue
from common.runtime.settings import load_settings
from converter import ffmpeg
from converter.sandbox.confinement import Sandbox
from converter.settings import ConverterSettings

# Granted by manifests/mongodb/roles.json.
_CHANGES = ("find", "insert", "update", "remove")
NEEDS = {
    "videos.jobs": ("find", "update"),
    "videos.usage": ("find", "insert", "update"),
    "videos.fs.files": ("find",),
    "videos.fs.chunks": ("find",),
    "mp3s.fs.files": _CHANGES,
    "mp3s.fs.chunks": _CHANGES,
}


def checks() -> tuple[ConverterSettings, Iterator[Check]]:
    settings = load_settings(ConverterSettings)
    return settings, _checks(settings)


def _checks(settings: ConverterSettings) -> Iterator[Check]:
    yield from mongodb.checks(settings, NEEDS)
    yield from rabbitmq.checks(settings, (settings.video_queue, dead_queue(settings.video_queue)))
    yield Check("ffmpeg", "version", _version)
    yield Check("ffmpeg", "sandbox", lambda _: _sandbox(settings))
    yield Check("disk", "work folder", lambda _: _work_folder(settings))


def _version(timeout: float) -> str:
    first = _output("-version", timeout).partition("\n")[0]
    if " libmp3lame " not in _output("-encoders", timeout):
        raise RuntimeError(f"{first}: it has no encoder libmp3lame")
    return first.partition(" Copyright")[0]


def _output(option: str, timeout: float) -> str:
    command = [ffmpeg.binary(), "-hide_banner", option]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True).stdout


def _sandbox(settings: ConverterSettings) -> str:
    if settings.sandbox == "off":
        return "disabled (SANDBOX=off)"
    sandbox = Sandbox.detect(required=settings.sandbox == "required")
    return "complete" if sandbox.files and sandbox.calls else "incomplete: see the converter's log"


def _work_folder(settings: ConverterSettings) -> str:
    with tempfile.TemporaryDirectory(dir=settings.work_folder) as folder:
        return f"{folder} can be written, {shutil.disk_usage(folder).free / 1e9:.1f} GB are free"
