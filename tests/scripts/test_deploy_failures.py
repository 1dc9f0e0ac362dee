"""./deploy.sh when something is wrong: it says what is wrong and what to do, and can be run again."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.scripts.conftest import Machine
from tests.waiting import eventually


def test_without_a_cluster_the_error_says_how_to_start_one(machine: Machine) -> None:
    machine.switch("no-context")
    assert "minikube start" in machine.fails("deploy.sh")

    machine.unswitch("no-context")
    machine.switch("cluster-down")
    assert "minikube start" in machine.fails("deploy.sh")
    assert not machine.objects("Deployment")


def test_everything_that_is_missing_is_named_at_once(machine: Machine) -> None:
    machine.switch("kubectl-minor", "20")
    machine.switch("docker-down")

    said = machine.fails("deploy.sh")

    assert "kubectl 1.27 or newer" in said
    assert "https://kubernetes.io/docs/tasks/tools/" in said
    assert "Cannot connect to the Docker daemon" in said


def test_a_cluster_that_is_not_minikube_asks_for_a_registry(machine: Machine) -> None:
    machine.switch("minikube-ip", "192.0.2.99")

    assert "--registry HOST/PATH" in machine.fails("deploy.sh")
    assert not [call for call in machine.calls if call[:2] == ["docker", "build"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\nwhat is this\n", "line 2"),
        ("GMAIL_PASSWORD='s3cret\n", "line 1: not NAME=value, or a quote that is not closed"),
        ("MAX_UPLOAD_MB=1\nMAX_UPLOAD_MB=2\n", "already set in line 1"),
        ("MAX_UPLOAD_MB=much\n", "MAX_UPLOAD_MB: Input should be a valid integer"),
        ("SMTP_HOST=mail.example.com\nSMTP_SECURITY=s3cret\n", "SMTP_SECURITY: Input should be 'starttls', 'tls' or"),
        ("GMAIL_ADDRESS=shop@example.com\n", "SMTP_HOST, or GMAIL_ADDRESS and GMAIL_PASSWORD, must be set"),
        ("SMTP_USER=me\nSMTP_PASSWORD=s3cret\n", "SMTP_HOST is missing"),
        ("JWT_SECRET=s3cret\n", "JWT_SECRET: must have at least 32 bytes"),
        ("LINK_SECRET=s3cret\n", "LINK_SECRET: Value should have at least 32 items"),
        ("PUBLIC_URL=example.com\n", "PUBLIC_URL: String should match pattern"),
    ],
)
def test_an_invalid_dotenv_is_refused_before_anything_is_applied(machine: Machine, text: str, message: str) -> None:
    machine.dotenv(text)

    said = machine.fails("deploy.sh")

    assert message in said
    assert "s3cret" not in said
    assert not [call for call in machine.calls if "apply" in call or call[:2] == ["docker", "build"]]


def test_all_problems_of_a_dotenv_are_named_together(machine: Machine) -> None:
    machine.dotenv("MAX_UPLOAD_MB=-1\nGMAIL_PASSWORD=x\nRETENTION_DAY=3\n")

    said = machine.fails("deploy.sh")

    assert "MAX_UPLOAD_MB" in said
    assert "GMAIL_ADDRESS and GMAIL_PASSWORD, must be set" in said
    assert "Did you mean RETENTION_DAYS?" in said


def test_a_failed_build_stops_before_anything_is_applied(machine: Machine) -> None:
    machine.switch("broken-build")

    assert "cannot be built" in machine.fails("deploy.sh")
    assert not machine.objects("Deployment")


def test_a_failed_rollout_shows_events_and_last_lines(machine: Machine) -> None:
    machine.switch("broken", "converter")

    said = machine.fails("deploy.sh")

    assert "error: timed out" in said
    assert "the event that explains it" in said
    assert "the last line of converter-0" in said

    machine.unswitch("broken")
    machine.changes_code("converter")
    machine.succeeds("deploy.sh")


def test_failed_migrations_stop_the_deployment_before_the_services_and_can_be_repeated(deployed: Machine) -> None:
    before = deployed.generations()
    deployed.changes_code("auth")
    deployed.switch("broken", "auth-migrations")

    said = deployed.fails("deploy.sh")

    assert "auth-migrations failed. No service was updated" in said
    assert deployed.generations() == before

    deployed.unswitch("broken")
    deployed.succeeds("deploy.sh")
    assert {name for name, count in deployed.generations().items() if count > before[name]} == {"auth"}


def test_services_that_do_not_reach_their_servers_fail_the_deployment(machine: Machine) -> None:
    machine.switch("unreachable", "converter")
    machine.replace_constant("rollout.py", "_DEPENDENCIES_TIMEOUT", "0")

    assert "converter does not reach mongodb" in machine.fails("deploy.sh")

    machine.unswitch("unreachable")
    machine.succeeds("deploy.sh")


def test_an_error_of_the_cluster_shows_no_secret(deployed: Machine) -> None:
    deployed.succeeds("undeploy.sh")
    secrets = [item["data"] for item in deployed.objects("Secret").values()]
    deployed.switch("apply-fails")

    said = deployed.fails("deploy.sh")

    assert "Forbidden" in said
    assert not [value for data in secrets for value in data.values() if value in said]


@pytest.mark.parametrize("step", ["0", "5", "13"])
def test_an_interrupted_run_is_continued_by_the_next(machine: Machine, step: str) -> None:
    machine.switch("interrupted-apply", step)
    machine.fails("deploy.sh")
    kept = json.loads((machine.project / ".local/deploy/video2mp3/credentials.json").read_text())
    machine.unswitch("interrupted-apply")

    machine.succeeds("deploy.sh")

    assert json.loads((machine.project / ".local/deploy/video2mp3/credentials.json").read_text()) == kept
    assert set(machine.generations().values()) == {1}


def test_an_interrupt_ends_the_run_and_a_concurrent_run_is_refused(machine: Machine) -> None:
    os.mkfifo(machine.world / "gate")
    fake = Path(machine.environment["PATH"].partition(":")[0]) / "docker"
    held = fake.with_name("docker-after")
    fake.rename(held)
    fake.write_text(f'#!/bin/sh\n[ "$1" != build ] || read -r _ <"{machine.world}/gate"\nexec {held} "$@"\n')
    fake.chmod(0o755)

    with machine.popen("deploy.sh") as process:
        eventually(lambda: ["docker", "version", "--format", "{{.Server.Version}}"] in machine.calls)
        eventually(lambda: "Another run" in machine.run("deploy.sh", "--dry-run").stderr)
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Run the command again" in error
    assert "Traceback" not in error

    fake.unlink()
    held.rename(fake)
    machine.succeeds("deploy.sh")


def test_a_password_that_the_data_were_not_made_with_is_refused(deployed: Machine) -> None:
    deployed.dotenv("MYSQL_PASSWORD=another-one-s3cret\n")

    said = deployed.fails("deploy.sh")

    assert "MYSQL_PASSWORD in .env differs" in said
    assert "s3cret" not in said


def test_data_whose_password_is_lost_are_not_deployed_with_another(deployed: Machine) -> None:
    state = deployed.state
    state["objects"] = {key: value for key, value in state["objects"].items() if "/Secret/" not in key}
    (deployed.world / "state.json").write_text(json.dumps(state))
    (deployed.project / ".local/deploy/video2mp3/credentials.json").unlink()

    assert re.search(r"has data from an earlier deployment, but its \w+ is lost", deployed.fails("deploy.sh"))


def test_an_unknown_overlay_or_component_is_refused_with_the_known_ones(machine: Machine) -> None:
    for option, value, known in (("--overlay", "moon", "host-databases"), ("--with", "../minikube", "monitoring")):
        done = machine.run("deploy.sh", option, value)
        assert done.returncode == 2
        assert known in done.stderr.rpartition("invalid choice")[2]
