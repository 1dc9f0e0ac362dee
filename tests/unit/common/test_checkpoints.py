"""The points at which tests stop a worker: off by default, and reached by the environment only."""

import os
import signal
import subprocess
import sys

import pytest

from common.runtime import checkpoints
from common.runtime.checkpoints import Point, checkpoint
from common.runtime.settings import WorkerSettings
from tests.waiting import eventually

SERVERS = {"mongo_uri": "mongodb://x", "rabbitmq_uri": "amqp://x"}

PROGRAM = """
from common.runtime import checkpoints
from common.runtime.checkpoints import Point, checkpoint
checkpoints.stop_process_at(Point.CONVERTER_STORED)
checkpoint(Point.CONVERTER_LEASED)
checkpoint(Point.CONVERTER_STORED)
checkpoint(Point.CONVERTER_STORED)
"""


def test_points_do_nothing_without_a_hook():
    passed = []
    checkpoint(Point.CONVERTER_STORED)
    checkpoints.install(passed.append)
    try:
        checkpoint(Point.CONVERTER_STORED)
    finally:
        checkpoints.install(None)
    checkpoint(Point.CONVERTER_STORED)
    assert passed == [Point.CONVERTER_STORED]


def test_a_process_stops_itself_once():
    with subprocess.Popen([sys.executable, "-c", PROGRAM], env={**os.environ, "PYTHONPATH": "src"}) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        os.kill(process.pid, signal.SIGCONT)
        assert eventually(lambda: process.poll() is not None, what="its end")
    assert process.returncode == 0


def test_a_worker_has_no_point_by_default_and_rejects_an_unknown_one(monkeypatch):
    assert WorkerSettings(**SERVERS).stop_at is None
    monkeypatch.setenv("STOP_AT", "converter.stored")
    assert WorkerSettings(**SERVERS).stop_at is Point.CONVERTER_STORED
    monkeypatch.setenv("STOP_AT", "converter.nowhere")
    with pytest.raises(ValueError, match="stop_at"):
        WorkerSettings(**SERVERS)
