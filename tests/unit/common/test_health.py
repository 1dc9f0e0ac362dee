"""A dependency that is down is reported and makes nothing unready; a process that is stuck is unready."""

import threading

import pytest
from prometheus_client import REGISTRY

from common.errors import TransientError
from common.runtime import health
from common.runtime.dependencies import Dependencies


def down():
    raise TransientError("refused")


def client(checks, alive=True, **times):
    return health.application(Dependencies(checks, **times), lambda: alive).test_client()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_process_is_alive_and_ready_while_its_dependencies_are_down(path):
    answer = client({"mongodb": down, "rabbitmq": down}).get(path)
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_blocked_process_is_neither_alive_nor_ready(path):
    answer = client({}, alive=False).get(path)
    assert (answer.status_code, answer.json) == (503, {"status": "stuck"})


def test_probes_check_no_dependency():
    asked = []
    probed = client({"mongodb": lambda: asked.append(1)})
    for _ in range(3):
        probed.get("/healthz")
        probed.get("/readyz")
    assert asked == []


def test_the_status_page_and_the_metric_say_which_dependency_is_down():
    page = client({"mongodb": lambda: None, "rabbitmq": down})
    assert page.get("/status").json == {"status": "degraded", "dependencies": {"mongodb": "up", "rabbitmq": "down"}}
    metrics = page.get("/metrics").text
    assert 'video2mp3_dependency_up{dependency="mongodb"} 1.0' in metrics
    assert 'video2mp3_dependency_up{dependency="rabbitmq"} 0.0' in metrics


def test_metrics_refresh_the_state_by_themselves():
    client({"mysql": down}).get("/metrics")
    assert REGISTRY.get_sample_value("video2mp3_dependency_up", {"dependency": "mysql"}) == 0
    assert client({"mysql": lambda: None}).get("/status").json["status"] == "ok"
    assert REGISTRY.get_sample_value("video2mp3_dependency_up", {"dependency": "mysql"}) == 1


def test_a_dependency_that_hangs_is_down_after_the_timeout_and_is_checked_once_at_a_time():
    asked, answers = [], threading.Event()

    def hang():
        asked.append(1)
        assert answers.wait(60)

    dependencies = Dependencies({"mongodb": lambda: None, "auth": hang}, timeout=0.05)
    assert dependencies.report() == {"mongodb": True, "auth": False}
    assert dependencies.report() == {"mongodb": True, "auth": False}
    assert asked == [1]
    answers.set()
    unhurried = Dependencies({"auth": hang})
    assert unhurried.report() == {"auth": True}


def test_an_answer_is_used_again_while_it_is_fresh():
    asked = []
    dependencies = Dependencies({"mongodb": lambda: asked.append(1)}, fresh=3600)
    for _ in range(3):
        assert dependencies.report() == {"mongodb": True}
    assert asked == [1]
    always = Dependencies({"mongodb": lambda: asked.append(1)}, fresh=-1)
    always.report()
    always.report()
    assert asked == [1, 1, 1]


def test_only_changes_are_logged(caplog):
    up = []

    def check():
        if not up:
            raise TransientError("refused")

    caplog.set_level("INFO")
    dependencies = Dependencies({"mongodb": check}, fresh=-1)
    dependencies.report()
    dependencies.report()
    up.append(1)
    dependencies.report()
    dependencies.report()
    assert caplog.messages == ["Dependency unavailable: mongodb: refused", "Dependency available again: mongodb"]


def test_a_check_with_a_bug_counts_as_down(caplog):
    def broken():
        raise KeyError("host")

    assert Dependencies({"mongodb": broken}).report() == {"mongodb": False}
    assert "failed unexpectedly" in caplog.text
