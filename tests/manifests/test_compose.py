"""docker-compose.yml: valid, the cluster's images and variables, started in order; and .env.example for both."""

import json
import re
from functools import cache
from typing import Any

import compose_spec
import pytest
import yaml

from common.runtime.settings import EnvironmentSettings
from scripts.deploy import dotenv_file
from tests.manifests.kustomize import ROOT, render
from tests.manifests.pods import pods
from tests.manifests.test_configuration import OPTIONAL, SETTINGS

# In the cluster, the second container of a pod.
_SECOND = {"summary-worker", "nginx"}
_SERVERS = {"mysql", "mongodb", "rabbitmq", "mailpit"}
# What ./deploy.sh or docker compose reads itself.
_SCRIPTS = {
    "CERTIFICATE_ISSUER", "GATEWAY_TLS_SECRET", "HTTPROUTE_GATEWAY", "INGRESS_CLASS", "INGRESS_NAMESPACE",
    "GATEWAY_HOST", "MONGODB_BACKUP_PASSWORD", "MONGODB_CONVERTER_PASSWORD", "MONGODB_GATEWAY_PASSWORD",
    "MONGODB_NOTIFICATION_PASSWORD", "MONGODB_REPLICA_SET_KEY", "MONGODB_SUMMARY_PASSWORD",
    "MONGO_INITDB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD", "RABBITMQ_CONVERTER_PASSWORD", "RABBITMQ_GATEWAY_PASSWORD",
    "RABBITMQ_MANAGER_HOST", "RABBITMQ_MANAGER_PASSWORD", "RABBITMQ_NOTIFICATION_PASSWORD",
    "RABBITMQ_SUMMARY_PASSWORD",
}  # fmt: skip
# What the manifests and images fix, together with ports, volumes and terminationGracePeriodSeconds.
_FIXED = {
    "AUTH_SVC_ADDRESS", "SUMMARY_SVC_ADDRESS", "HOST", "PORT", "HEALTH_HOST", "HEALTH_PORT",
    "WORK_FOLDER", "BACKUP_FOLDER", "SHUTDOWN_GRACE", "WEB_GRACE", "STOP_AT",
}  # fmt: skip


@cache
def _compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


@cache
def _services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = _compose()["services"]
    return services


def _fields(*settings: type[EnvironmentSettings]) -> set[str]:
    return {field.upper() for one in settings for field in one.model_fields}


def test_it_is_valid() -> None:
    # The library does not know "restart" of docker compose 2.32 yet.
    text = json.dumps(_compose()).replace('"action": "restart"', '"action": "rebuild"')
    compose = compose_spec.PyCompose.from_json(text)
    assert set(compose.service_names()) == {*SETTINGS, *_SERVERS, *_SECOND}


def test_the_servers_are_those_of_the_cluster() -> None:
    cluster = {pod.labels["app"]: pod.spec["containers"][0]["image"] for pod in pods(render(("minikube",)))}
    images = {
        name: service["image"].removesuffix(":dev") for name, service in _services().items() if name not in _SECOND
    }
    assert images == cluster


@pytest.mark.parametrize("name", SETTINGS)
def test_a_service_gets_settings_that_it_knows_and_every_one_that_can_be_changed(name: str) -> None:
    given = set(_services()[name]["environment"]) - {"GUNICORN_CMD_ARGS"}
    assert given - _fields(*SETTINGS[name]) == set()
    if name in {"gateway", "housekeeping", "auth-migrations", "gateway-migrations"}:
        return  # several programs of an image, each with its own share
    # Connections are fixed by the file, and Gmail is for the cluster.
    connections = r"MYSQL_|MONGO|RABBITMQ_|GMAIL_"
    missing = {field for field in _fields(*SETTINGS[name]) - _FIXED - given if not re.match(connections, field)}
    assert missing == set()


def test_each_starts_when_what_it_needs_is_healthy() -> None:
    offenders = []
    for name, service in _services().items():
        for needed, how in service.get("depends_on", {}).items():
            if needed.endswith("-migrations"):
                right = how["condition"] == "service_completed_successfully"
            else:
                right = how["condition"] == "service_healthy" and "test" in _services()[needed]["healthcheck"]
            if not right:
                offenders.append(f"{name} waits for {needed}: {how}")
    assert offenders == []
    assert set(_services()["gateway"]["depends_on"]) == {"auth", "gateway-migrations", "rabbitmq"}


def test_nothing_uses_a_database_before_its_migrations() -> None:
    for name, service in _services().items():
        for server, migrations in (("mysql", "auth-migrations"), ("mongodb", "gateway-migrations")):
            assert (server in service.get("depends_on", {})) == (name == migrations), name


def test_the_code_is_mounted_and_changes_reach_the_processes() -> None:
    for name in SETTINGS:
        service = _services()[name]
        assert "./src:/app:ro" in service["volumes"], name
        if name.endswith("-migrations"):
            continue  # they run at each start
        reloads = "--reload" in service["environment"].get("GUNICORN_CMD_ARGS", "")
        watched = {
            watch["path"] for watch in service.get("develop", {}).get("watch", []) if watch["action"] == "restart"
        }
        assert reloads or "./src/common" in watched, name


def test_nothing_reaches_the_gateway_but_by_nginx() -> None:
    nginx, gateway = _services()["nginx"], _services()["gateway"]
    assert nginx["image"] == "video2mp3/nginx:dev"
    assert nginx["network_mode"] == "service:gateway"
    assert gateway["environment"]["HOST"] == "127.0.0.1"
    start = (ROOT / "src/nginx/start.sh").read_text()
    assert f"GATEWAY_ADDRESS:=127.0.0.1:{gateway['environment']['PORT']}}}" in start
    assert gateway["ports"] == ["127.0.0.1:8080:8080"]
    assert "LISTEN:=8080}" in start
    # What nginx reads of the environment, but for what is fixed.
    assert set(nginx["environment"]) == {"CLIENT_TIMEOUT", "LOG_FORMAT", "LOG_LEVEL"}


def test_the_containers_are_confined_as_in_the_cluster() -> None:
    for name in [*SETTINGS, "nginx"]:
        service = _services()[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_ports_are_open_on_this_machine_alone() -> None:
    ports = [port for service in _services().values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_secret_comes_from_dotenv_and_is_asked_for_by_name() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", text))
    assert {name for name in asked if not re.search(r"PASSWORD|SECRET|KEY", name)} == set()
    for line in re.findall(r"^\s+[A-Z_]*(?:PASSWORD|SECRET|PASS|KEY): (.*)$", text, re.MULTILINE):
        assert line.startswith("${"), line
    assert asked <= _example()


def _example() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_the_example_of_dotenv_has_every_variable_that_an_operator_may_set() -> None:
    everything = {
        name for settings in (SETTINGS | OPTIONAL).values() for name in _fields(*settings)
    } - _FIXED | _SCRIPTS
    assert everything - _example() == set(), "not documented"
    assert _example() - everything == set(), "nothing reads it"


def test_the_deployment_hands_each_service_every_variable_that_it_reads() -> None:
    known = dotenv_file.variables()
    for service in known:
        programs = {service, "housekeeping"} if service == "gateway" else {service}
        read = {name for program in programs for name in _fields(*(SETTINGS | OPTIONAL)[program])}
        assert read - _FIXED - set(known[service]) == set(), service


def test_the_example_of_dotenv_sets_nothing() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []
