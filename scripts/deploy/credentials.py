"""The secrets: given in `.env`, kept from the last deployment, or generated. They are never printed or in an argument.

The cluster's Secrets win over this checkout's file, so that every operator can deploy from any machine. The file is
written first: an interrupted run has not lost a password that a database was created with.
"""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from scripts.deploy import files
from scripts.deploy.cluster import MANAGED_BY, PART_OF, Cluster
from scripts.deploy.manifests import Overlay
from scripts.deploy.programs import DeployError

_MONGODB_SERVICES = ("gateway", "converter", "notification", "summary")

# Name → the Secret and key that hold it.
_KEPT: Mapping[str, tuple[str, str]] = {
    "JWT_SECRET": ("auth-secret", "JWT_SECRET"),
    "LINK_SECRET": ("gateway-secret", "LINK_SECRET"),
    "MYSQL_ROOT_PASSWORD": ("mysql-secret", "MYSQL_ROOT_PASSWORD"),
    "MYSQL_PASSWORD": ("auth-secret", "MYSQL_PASSWORD"),
    "RABBITMQ_PASSWORD": ("gateway-secret", "RABBITMQ_PASSWORD"),
    "RABBITMQ_ERLANG_COOKIE": ("rabbitmq-secret", "RABBITMQ_ERLANG_COOKIE"),
    "MONGO_INITDB_ROOT_PASSWORD": ("mongodb-secret", "MONGO_INITDB_ROOT_PASSWORD"),
    **{f"MONGODB_{name.upper()}_PASSWORD": (f"{name}-secret", "MONGO_URI") for name in _MONGODB_SERVICES},
}
# The passwords of each server.
_OF_SERVER: Mapping[str, frozenset[str]] = {
    "mysql": frozenset({"MYSQL_ROOT_PASSWORD", "MYSQL_PASSWORD"}),
    "mongodb": frozenset(name for name in _KEPT if name.startswith("MONGO")),
    "rabbitmq": frozenset({"RABBITMQ_PASSWORD"}),
}
# These read passwords from the environment only on an empty volume; MongoDB's accounts are updated at each start.
_SET_ONCE = frozenset({"mysql", "rabbitmq"})
# API keys of AI providers.
_PROVIDER = ("AI_SUMMARY_API_KEY", "AI_TRANSCRIPTION_API_KEY")
# Generated unless given.
GENERATED = _KEPT.keys()
# Accepted in .env.
GIVEN = _KEPT.keys() | {"SMTP_PASSWORD", "GMAIL_PASSWORD", *_PROVIDER, "MONGO_URI", "MONGODB_HOST", "MONGODB_PORT",
                        "MONGODB_USER", "MONGODB_PASSWORD", "MONGODB_AUTH_SOURCE", "RABBITMQ_URI"}  # fmt: skip

# 192 bits, as hexadecimal digits, which need no escaping anywhere.
_BYTES = 24
HOST = "host.minikube.internal"


def kept(namespace: str, cluster: Cluster | None = None) -> dict[str, str]:
    """The secrets of earlier deployments: from this checkout's file and, first of all, from the cluster."""
    found = {str(name): str(value) for name, value in files.read_json(files.credentials(namespace)).items()}
    return found | (_in_cluster(cluster) if cluster else {})


def save(namespace: str, settled: Mapping[str, str]) -> None:
    """Writes the generated secrets into this checkout's file."""
    generated = {name: value for name, value in settled.items() if name in GENERATED}
    files.write_json(files.credentials(namespace), generated)


def _in_cluster(cluster: Cluster) -> dict[str, str]:
    data = {item["metadata"]["name"]: item.get("data") or {} for item in cluster.ours("secrets")}
    found = {}
    for name, (secret, key) in _KEPT.items():
        if encoded := data.get(secret, {}).get(key):
            value = b64decode(encoded).decode()
            if key == "MONGO_URI":
                # An external database may have one user for all services.
                address = urlsplit(value)
                value = unquote(address.password or "") if address.username == secret.removesuffix("-secret") else ""
            if value:
                found[name] = value
    return found


def settle(
    given: Mapping[str, str], kept: Mapping[str, str], overlay: Overlay, *, with_data: Iterable[str]
) -> dict[str, str]:
    """One value for each secret that the overlay needs. `with_data` names the servers that already have a volume.

    Raises DeployError when a value would not match such a server's data.
    """
    settled = dict(given)
    for name in sorted(_needed(overlay, given)):
        server = next((server for server, names in _OF_SERVER.items() if name in names), None)
        has_data = server in _SET_ONCE & overlay.servers and server in with_data
        if name in given:
            if has_data and kept.get(name, given[name]) != given[name]:
                raise DeployError(
                    f"{name} in .env differs from the password that {server}'s data were created with, so the services"
                    f" could not log in. Change it in {server} first, or remove it from .env, or start without data:"
                    " ./undeploy.sh --purge."
                )
        elif name in kept:
            settled[name] = kept[name]
        elif has_data:
            raise DeployError(
                f"{server} has data from an earlier deployment, but its {name} is lost: neither the cluster's Secrets"
                " nor this checkout has it. Set it in .env, or start without data: ./undeploy.sh --purge."
            )
        elif server is not None and server not in overlay.servers:
            hint = "Run ./setup-host.sh first, or set it in .env." if overlay.on_host else "Set it in .env."
            raise DeployError(f"{name} is missing: {server} is outside of the cluster. {hint}")
        else:
            settled[name] = secrets.token_hex(_BYTES)
    return settled


def _needed(overlay: Overlay, given: Mapping[str, str]) -> set[str]:
    needed = {"JWT_SECRET", "LINK_SECRET", "MYSQL_PASSWORD"}
    if "mysql" in overlay.servers:
        needed.add("MYSQL_ROOT_PASSWORD")
    if "mongodb" in overlay.servers:
        needed |= _OF_SERVER["mongodb"]
    elif not {"MONGO_URI", "MONGODB_PASSWORD"} & given.keys():
        needed |= {f"MONGODB_{name.upper()}_PASSWORD" for name in _MONGODB_SERVICES}
    if "rabbitmq" in overlay.servers:
        needed |= {"RABBITMQ_PASSWORD", "RABBITMQ_ERLANG_COOKIE"}
    elif "RABBITMQ_URI" not in given:
        needed.add("RABBITMQ_PASSWORD")
    return needed


def objects(settled: Mapping[str, str], overlay: Overlay, namespace: str) -> list[dict[str, Any]]:
    """The Secrets of an overlay, each with what its service needs and no more."""
    rabbitmq = {name: settled[name] for name in ("RABBITMQ_PASSWORD", "RABBITMQ_URI") if name in settled}
    link = {"LINK_SECRET": settled["LINK_SECRET"]}
    mail = {name: settled[name] for name in ("SMTP_PASSWORD", "GMAIL_PASSWORD") if name in settled}
    provider = {name: settled[name] for name in _PROVIDER if name in settled}
    contents = {
        "auth": {name: settled[name] for name in ("MYSQL_PASSWORD", "JWT_SECRET")},
        "gateway": {"MONGO_URI": mongo_uri("gateway", settled, overlay), **rabbitmq, **link},
        "converter": {"MONGO_URI": mongo_uri("converter", settled, overlay), **rabbitmq},
        "notification": {"MONGO_URI": mongo_uri("notification", settled, overlay), **rabbitmq, **link, **mail},
        "summary": {"MONGO_URI": mongo_uri("summary", settled, overlay), **rabbitmq, **provider},
    }
    if "mysql" in overlay.servers:
        contents["mysql"] = {name: settled[name] for name in sorted(_OF_SERVER["mysql"])}
    if "mongodb" in overlay.servers:
        contents["mongodb"] = {name: settled[name] for name in sorted(_OF_SERVER["mongodb"])}
    if "rabbitmq" in overlay.servers:
        contents["rabbitmq"] = {
            "RABBITMQ_DEFAULT_PASS": settled["RABBITMQ_PASSWORD"],
            # With one node too: others that are added later log in to it.
            "RABBITMQ_ERLANG_COOKIE": settled["RABBITMQ_ERLANG_COOKIE"],
        }
    return [_secret(service, data, namespace) for service, data in contents.items()]


def mongo_uri(service: str, settled: Mapping[str, str], overlay: Overlay) -> str:
    """The connection string of a service, which has a user of its own unless an external database is given."""
    if "MONGO_URI" in settled:
        return settled["MONGO_URI"]
    host = "mongodb" if "mongodb" in overlay.servers else settled.get("MONGODB_HOST", HOST)
    port = settled.get("MONGODB_PORT", "27017")
    user = settled.get("MONGODB_USER", service)
    password = settled.get("MONGODB_PASSWORD") or settled[f"MONGODB_{service.upper()}_PASSWORD"]
    source = settled.get("MONGODB_AUTH_SOURCE", "admin")
    return f"mongodb://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/?authSource={source}"


def _secret(service: str, data: Mapping[str, str], namespace: str) -> dict[str, Any]:
    labels = {"app": service, "app.kubernetes.io/name": service, **dict((PART_OF, MANAGED_BY))}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": f"{service}-secret", "namespace": namespace, "labels": labels},
        "data": {name: b64encode(value.encode()).decode() for name, value in data.items()},
    }
