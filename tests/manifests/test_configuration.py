"""That configuration reaches the services, fits them, and leaves a job the time that it may take."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from auth.settings import AuthSettings
from auth.settings import MigrationSettings as AuthMigrationSettings
from backup.settings import BackupSettings
from common.runtime.settings import EnvironmentSettings, ServerSettings
from converter.settings import ConverterSettings
from gateway.settings import GatewaySettings, HousekeepingSettings
from gateway.settings import MigrationSettings as GatewayMigrationSettings
from notification.settings import NotificationSettings
from scripts.deploy import credentials
from summary.settings import SummarySettings
from tests.manifests.kustomize import ROOT, Object, named, render
from tests.manifests.pods import Pod, of_kind, pods
from tests.manifests.quantities import quantity

# Jobs use the ConfigMap of a service, and the last class.
SETTINGS: Mapping[str, tuple[type[EnvironmentSettings], ...]] = {
    "auth": (AuthSettings, ServerSettings),
    "gateway": (GatewaySettings, HousekeepingSettings, ServerSettings),
    "housekeeping": (GatewaySettings, ServerSettings, HousekeepingSettings),
    "auth-migrations": (AuthSettings, ServerSettings, AuthMigrationSettings),
    "gateway-migrations": (GatewaySettings, HousekeepingSettings, ServerSettings, GatewayMigrationSettings),
    "converter": (ConverterSettings,),
    "notification": (NotificationSettings,),
    "summary": (SummarySettings, ServerSettings),
}
# Of components.
OPTIONAL: Mapping[str, tuple[type[EnvironmentSettings], ...]] = {"backup": (BackupSettings,)}
_ALL = {**SETTINGS, **OPTIONAL}
# What the deployment puts into the Secrets: manifests/README.md.
_MONGO = {"MONGO_URI": "mongodb://service:secret@mongodb:27017/?authSource=admin"}
_RABBIT = {"RABBITMQ_PASSWORD": "secret"}
_LINK = {"LINK_SECRET": "x" * 32}
_SECRETS: Mapping[str, Mapping[str, str]] = {
    "auth": {"MYSQL_PASSWORD": "secret", "JWT_SECRET": "x" * 32, **_LINK},
    "gateway": {**_MONGO, **_RABBIT, **_LINK},
    "housekeeping": {**_MONGO, **_RABBIT},
    "auth-migrations": {"MYSQL_PASSWORD": "secret", "MYSQL_MIGRATIONS_PASSWORD": "another secret"},
    "gateway-migrations": _MONGO,
    "converter": {**_MONGO, **_RABBIT},
    "notification": {**_MONGO, **_RABBIT, **_LINK},
    "summary": {**_MONGO, **_RABBIT},
    "backup": {**_MONGO, "MYSQL_PASSWORD": "secret", "RESTIC_PASSWORD": "x" * 32},
}
_SERVICES_OF_JOBS = {"housekeeping": "gateway", "auth-migrations": "auth", "gateway-migrations": "gateway"}
_OF_RABBITMQ = ("gateway", "converter", "notification", "summary")
# What only the operator of the overlay knows.
_OPERATOR = {
    "minikube": {},
    "host-databases": {},
    "production": {"MYSQL_HOST": "mysql.example.com", "SMTP_HOST": "smtp.example.com"},
}


def _ours(objects: Sequence[Object]) -> list[Pod]:
    return [pod for pod in pods(objects) if pod.is_ours]


def _data(objects: Sequence[Object], name: str) -> dict[str, str]:
    found = [item for item in of_kind(objects, "ConfigMap") if item["metadata"]["name"] == name]
    assert found, f"there is no ConfigMap {name}"
    return dict(found[0]["data"])


def _config_map(pod: Pod) -> str:
    container: dict[str, Any] = pod.spec["containers"][0]
    names = [source["configMapRef"]["name"] for source in container["envFrom"] if "configMapRef" in source]
    return str(names[0])


def test_every_config_map_that_a_pod_uses_is_there_under_its_plain_name(objects: Sequence[Object]) -> None:
    there = {item["metadata"]["name"] for item in of_kind(objects, "ConfigMap")}
    offenders = []
    for pod in pods(objects):
        wanted = {
            s["configMapRef"]["name"] for c in pod.containers() for s in c.get("envFrom", []) if "configMapRef" in s
        }
        for volume in pod.spec.get("volumes", []):
            for source in (volume, *volume.get("projected", {}).get("sources", [])):
                if "configMap" in source:
                    wanted.add(source["configMap"]["name"])
        offenders += [f"{pod.name}: {name}" for name in wanted - there]
    assert offenders == []


def test_secrets_are_named_after_those_who_use_them(objects: Sequence[Object]) -> None:
    offenders = []
    for pod in pods(objects):
        app = _SERVICES_OF_JOBS.get(pod.labels["app"], pod.labels["app"])
        for container in pod.containers():
            used = {s["secretRef"]["name"] for s in container.get("envFrom", []) if "secretRef" in s}
            used |= {
                v["valueFrom"]["secretKeyRef"]["name"]
                for v in container.get("env", [])
                if "secretKeyRef" in v.get("valueFrom", {})
            }
            used |= {v["secret"]["secretName"] for v in pod.spec.get("volumes", []) if "secret" in v}
            offenders += [
                f"{pod.name}: {name}"
                for name in used - {f"{app}-secret", f"{pod.labels['app']}-secret", "certificates"}
            ]
    assert offenders == []


def test_the_component_mounts_the_certificates_into_all_pods_of_the_services() -> None:
    for pod in _ours(render(("minikube", "backup", "certificates"))):
        for container in pod.spec["containers"]:
            mounted = "/run/certificates" in {mount["mountPath"] for mount in container["volumeMounts"]}
            assert mounted == (container["name"] != "nginx"), f"{pod.name}, {container['name']}"


def test_the_converter_gets_its_secrets_as_files(objects: Sequence[Object]) -> None:
    """Its ffmpeg could read variables in /proc, if nothing else forbade that."""
    (pod,) = [each for each in _ours(objects) if each.labels["app"] == "converter"]
    (container,) = pod.spec["containers"]
    assert not [source for source in container["envFrom"] if "secretRef" in source]
    (folder,) = [one["value"] for one in container["env"] if one["name"] == "SECRETS_DIR"]
    (mount,) = [one for one in container["volumeMounts"] if one["mountPath"] == folder]
    (volume,) = [one for one in pod.spec["volumes"] if one["name"] == mount["name"]]
    assert volume["secret"]["secretName"] == "converter-secret"
    # Readable by the group, which is the pod's own, and by nobody else.
    assert volume["secret"]["defaultMode"] == 0o440
    assert pod.spec["securityContext"]["fsGroup"] == pod.spec["securityContext"]["runAsGroup"]


def test_each_service_starts_with_what_it_is_given(
    combination: tuple[str, ...], objects: Sequence[Object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for pod in _ours(objects):
        service = pod.labels["app"]
        given = {**_data(objects, _config_map(pod)), **_OPERATOR[combination[0]], **_SECRETS[service]}
        with monkeypatch.context() as patch:
            for name, value in given.items():
                patch.setenv(name, value)
            for settings in _ALL[service][-1:] if pod.runs_once else _ALL[service]:
                settings()


def test_every_name_in_a_config_map_is_a_setting(objects: Sequence[Object]) -> None:
    offenders = []
    for pod in _ours(objects):
        known = {field.upper() for settings in _ALL[pod.labels["app"]] for field in settings.model_fields}
        offenders += [f"{pod.name}: {name}" for name in _data(objects, _config_map(pod)).keys() - known]
    assert offenders == []


def test_ports_are_the_ones_that_the_services_listen_on(objects: Sequence[Object]) -> None:
    offenders = []
    for pod in _ours(objects):
        data = _data(objects, _config_map(pod))
        for container in pod.spec["containers"]:
            values = {**data, **{one["name"]: one["value"] for one in container.get("env", []) if "value" in one}}
            for port in container.get("ports", []):
                if container["name"] == "nginx":
                    listens = {"http": "8080", "nginx-health": "8083"}[port["name"]]
                else:
                    listens = values["PORT" if port["name"] == "http" else "HEALTH_PORT"]
                if listens != str(port["containerPort"]):
                    offenders.append(f"{pod.name}: {port}, it listens on {listens}")
    assert offenders == []


def test_what_is_in_progress_ends_before_the_pod_does(objects: Sequence[Object]) -> None:
    offenders = []
    for pod in _ours(objects):
        if pod.runs_once:
            continue
        data = _data(objects, _config_map(pod))
        container = pod.spec["containers"][0]
        pause = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])[1]
        grace = float(data.get("WEB_GRACE") or data["SHUTDOWN_GRACE"])
        if float(pause) + grace >= pod.spec["terminationGracePeriodSeconds"]:
            offenders.append(f"{pod.name}: {pause} s and {grace:g} s do not fit")
        if "WEB_GRACE" in data and float(pause) < 5:
            offenders.append(f"{pod.name}: requests arrive while it stops")
    assert offenders == []


def test_the_longest_conversion_ends_before_its_converter_and_its_message_do(objects: Sequence[Object]) -> None:
    data = _data(objects, "converter-configmap")
    longest = float(data["CONVERSION_TIMEOUT"])
    assert float(data["SHUTDOWN_GRACE"]) > longest
    broker = _data(objects, "rabbitmq-configmap")["rabbitmq.conf"]
    timeout = re.search(r"^consumer_timeout = (\d+)$", broker, re.MULTILINE)
    assert timeout, "RabbitMQ would take a message back after 30 minutes"
    assert int(timeout[1]) / 1000 > float(data["SHUTDOWN_GRACE"])


def test_the_converter_has_room_for_a_video_its_mp3_and_ffmpeg(objects: Sequence[Object]) -> None:
    data = _data(objects, "converter-configmap")
    upload = float(_data(objects, "gateway-configmap")["MAX_UPLOAD_MB"])
    (converter,) = (pod for pod in _ours(objects) if pod.labels["app"] == "converter")
    container = converter.spec["containers"][0]
    work = {m["mountPath"]: m["name"] for m in container["volumeMounts"]}[data["WORK_FOLDER"]]
    (volume,) = (v for v in converter.spec["volumes"] if v["name"] == work)
    assert quantity(volume["emptyDir"]["sizeLimit"]) >= (upload + float(data["MAX_OUTPUT_MB"])) * 1e6
    memory = quantity(container["resources"]["limits"]["memory"])
    assert memory >= (float(data["CONVERSION_MEMORY_MB"]) + 512) * 2**20


def test_only_nginx_reaches_gunicorn_and_it_stops_first(objects: Sequence[Object]) -> None:
    data = _data(objects, "gateway-configmap")
    start = (ROOT / "src/nginx/start.sh").read_text()
    assert f"GATEWAY_ADDRESS:={data['HOST']}:{data['PORT']}}}" in start
    assert data["HOST"] == "127.0.0.1"
    (pod,) = (pod for pod in _ours(objects) if pod.labels["app"] == "gateway")
    gateway, nginx = pod.spec["containers"]
    assert (gateway["name"], nginx["name"]) == ("gateway", "nginx")
    pauses = [int(one["lifecycle"]["preStop"]["exec"]["command"][1]) for one in (nginx, gateway)]
    assert 5 <= pauses[0] < pauses[1]
    template = (ROOT / "src/nginx/nginx.conf.template").read_text()
    (shutdown,) = re.findall(r"worker_shutdown_timeout (\d+)s;", template)
    assert float(data["WEB_GRACE"]) < int(shutdown) < pod.spec["terminationGracePeriodSeconds"] - pauses[0]


def test_the_gateway_believes_the_one_proxy_before_it(objects: Sequence[Object]) -> None:
    assert _data(objects, "gateway-configmap")["TRUSTED_PROXIES"] == "1"


def test_emails_and_housekeeping_agree_on_how_long_files_stay(objects: Sequence[Object]) -> None:
    services = ("gateway", "notification")
    assert len({_data(objects, f"{service}-configmap")["RETENTION_DAYS"] for service in services}) == 1


def test_queues_and_the_broker_are_the_same_for_all(objects: Sequence[Object]) -> None:
    names = ("RABBITMQ_HOST", "RABBITMQ_PORT", "VIDEO_QUEUE", "MP3_QUEUE")
    found = {tuple(_data(objects, f"{service}-configmap")[name] for name in names) for service in _OF_RABBITMQ}
    assert len(found) == 1
    services = {named(item) for item in of_kind(objects, "Service")}
    assert f"Service/{found.pop()[0]}" in services


def test_each_service_has_a_user_of_rabbitmq_without_a_tag_whose_queues_are_those_of_the_gateway(
    objects: Sequence[Object],
) -> None:
    definitions = json.loads(_data(objects, "rabbitmq-configmap")["definitions.json"])
    tags = {user["name"]: user["tags"] for user in definitions["users"]}
    # For people.
    assert tags.pop("manager") == ["monitoring"]
    assert tags == {_data(objects, f"{service}-configmap")["RABBITMQ_USER"]: [] for service in _OF_RABBITMQ}
    gateway = _data(objects, "gateway-configmap")
    queues = _data(objects, "rabbitmq-queues")
    assert {name: gateway[name] for name in queues} == queues
    (broker,) = (pod for pod in pods(objects) if pod.labels["app"] == "rabbitmq")
    (container,) = broker.spec["containers"]
    placeholders = set(re.findall(r"\$\{(\w+)\}", json.dumps(definitions)))
    assert placeholders == queues.keys() | {
        one["name"] for one in container["env"] if one["name"].endswith("_PASSWORD")
    }


def test_each_service_has_an_account_of_mongodb_with_rights_and_a_password(objects: Sequence[Object]) -> None:
    if not any(item["metadata"]["name"] == "mongodb-accounts" for item in of_kind(objects, "ConfigMap")):
        return  # an external MongoDB
    scripts = _data(objects, "mongodb-accounts")
    assert set(json.loads(scripts["roles.json"])) == set(_OF_RABBITMQ)
    assert {f"MONGODB_{name.upper()}_PASSWORD" for name in (*_OF_RABBITMQ, "backup")} <= credentials.OF_SERVER[
        "mongodb"
    ]
