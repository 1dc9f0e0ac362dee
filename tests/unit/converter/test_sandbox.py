"""What the converter does on machines that do not support all of the sandbox."""

import errno
import logging
import os
import subprocess
import sys

import pytest

from common.runtime.settings import EXIT_CONFIGURATION
from converter.sandbox import landlock, seccomp
from converter.sandbox.confinement import Sandbox, Unavailable


def unsupported(*_: object) -> None:
    raise OSError(errno.ENOSYS, "landlock_create_ruleset: Function not implemented")


def test_a_missing_part_is_logged_with_its_consequence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(landlock, "restrict", unsupported)

    with caplog.at_level(logging.WARNING):
        assert Sandbox.detect() == Sandbox(files=False, calls=True)
    (record,) = caplog.records
    assert "without Landlock, ffmpeg can read all files that the converter can read" in record.getMessage()


def test_a_missing_part_that_is_required_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "supported", lambda: False)

    with pytest.raises(Unavailable, match="set SANDBOX=auto"):
        Sandbox.detect(required=True)


def test_a_converter_that_requires_the_sandbox_does_not_start_without_it() -> None:
    program = (
        "import sys; from converter.__main__ import main; from converter.sandbox import seccomp;"
        "seccomp.supported = lambda: False; sys.exit(main())"
    )
    environment = {"PYTHONPATH": "src", "PATH": os.environ["PATH"], "SANDBOX": "required"}
    environment |= {"MONGO_URI": "mongodb://127.0.0.1:1/", "RABBITMQ_URI": "amqp://127.0.0.1:1/"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == EXIT_CONFIGURATION
    assert "without seccomp, ffmpeg can reach all servers" in done.stderr


def test_a_program_that_needs_more_than_the_sandbox_has_is_found_at_the_start() -> None:
    with pytest.raises(Unavailable, match="does not start in its sandbox"):
        Sandbox(files=True, calls=True).check("/bin/false")


def test_the_sandbox_does_not_confine_the_thread_that_asks(tmp_path_factory: pytest.TempPathFactory) -> None:
    Sandbox.detect()
    (tmp_path_factory.mktemp("outside") / "file").write_text("x")
