"""The secrets: given in `.env`, kept from the last deployment, or generated. They are never printed or in an argument.

The cluster's Secrets win over this checkout's file, so that every operator can deploy from any machine. The file is
written first: an interrupted run has not lost a password that a database was created with.
"""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote, urlsplit

from common.runtime.secret_files import is_secret
from scripts.deploy import dotenv_file, files
from scripts.deploy.cluster import LABELS, Cluster, Object
from scripts.deploy.manifests import Overlay
from scripts.deploy.programs import DeployError

# Each service has its own user, unless an external MongoDB is given.
MONGODB_SERVICES = ("gateway", "converter", "notification", "summary")
MONGODB_ACCOUNTS = (*MONGODB_SERVICES, "backup")
_MONGODB_USERS = frozenset(f"MONGODB_{name.upper()}_PASSWORD" for name in MONGODB_ACCOUNTS)
# A MongoDB outside of the cluster that an earlier release has prepared has no such account: backups use the gateway's.
_MONGODB_BACKUP = "MONGODB_BACKUP_PASSWORD"
# RabbitMQ's users: one of each service, and one for people.
_RABBITMQ_MANAGER = "manager"
_RABBITMQ_SERVICES = MONGODB_SERVICES
_RABBITMQ_USERS = frozenset(f"RABBITMQ_{name.upper()}_PASSWORD" for name in (*_RABBITMQ_SERVICES, _RABBITMQ_MANAGER))
# The passwords of each server.
OF_SERVER: Mapping[str, frozenset[str]] = {
    "mysql": frozenset({"MYSQL_ROOT_PASSWORD", "MYSQL_PASSWORD", "MYSQL_MIGRATIONS_PASSWORD"}),
    "mongodb": _MONGODB_USERS | {"MONGO_INITDB_ROOT_PASSWORD"},
    "rabbitmq": _RABBITMQ_USERS,
}
# MySQL reads these only on an empty volume. The users of MongoDB and RabbitMQ are updated at each start, and MySQL's
# account of the migrations at each deployment.
_SET_ONCE = OF_SERVER["mysql"] - {"MYSQL_MIGRATIONS_PASSWORD"}
# The account that changes the schema, which the auth service does not get.
MIGRATIONS = "auth-migrations"
_OF_MIGRATIONS = frozenset({"MYSQL_MIGRATIONS_USER", "MYSQL_MIGRATIONS_PASSWORD"})
MONGODB_KEY = "MONGODB_REPLICA_SET_KEY"
# Of the members of a cluster. They exist with one member too: others that are added later log in with them.
_OF_MEMBERS = {"mongodb": MONGODB_KEY, "rabbitmq": "RABBITMQ_ERLANG_COOKIE"}
# Generated unless given.
GENERATED = frozenset({"JWT_SECRET", "LINK_SECRET", *_OF_MEMBERS.values()}).union(*OF_SERVER.values())
# Where the services' MongoDB is. In the Secrets as MONGO_URI, never in a ConfigMap.
MONGODB = frozenset(
    {"MONGO_URI", "MONGODB_HOST", "MONGODB_PORT", "MONGODB_USER", "MONGODB_PASSWORD", "MONGODB_AUTH_SOURCE"}
)
# The Secrets of servers; values that do not exist are left out.
_OF_SERVERS = {
    "mysql": OF_SERVER["mysql"],
    "mongodb": OF_SERVER["mongodb"] | {_OF_MEMBERS["mongodb"]},
    "rabbitmq": OF_SERVER["rabbitmq"] | {_OF_MEMBERS["rabbitmq"]},
}
_FILE = "credentials.json"
HOST = "host.minikube.internal"


def generate() -> str:
    """192 bits, as hexadecimal digits, which need no escaping anywhere."""
    return secrets.token_hex(24)


def given_names() -> frozenset[str]:
    """The variables of `.env` that belong into Secrets."""
    return GENERATED | MONGODB | _OF_MIGRATIONS | frozenset().union(*_of_services().values())


def _of_services() -> dict[str, frozenset[str]]:
    """Only what each service needs, without its connection string for MongoDB."""
    return {
        service: frozenset(name for name, field in known.items() if is_secret(field))
        - MONGODB
        # The auth service itself must not change the schema; a restore creates it.
        - (_OF_MIGRATIONS if service == "auth" else frozenset())
        for service, known in dotenv_file.variables().items()
    }


def kept(namespace: str, cluster: Cluster | None = None) -> dict[str, str]:
    """The secrets of earlier deployments: from this checkout's file and, first of all, from the cluster."""
    found = {str(name): str(value) for name, value in files.read_json(files.deployment(namespace) / _FILE).items()}
    for item in cluster.get("secrets") if cluster else []:
        service = item["metadata"]["name"].removesuffix("-secret")
        if service not in {*_of_services(), *OF_SERVER, MIGRATIONS}:  # such as an operator's copy of a Secret
            continue
        for name, encoded in (item.get("data") or {}).items():
            if name in GENERATED:
                found[name] = b64decode(encoded).decode()
            elif name == "MONGO_URI":
                address = urlsplit(b64decode(encoded).decode())
                # An external database may have one user for all services.
                if address.username == service and address.password:
                    found[f"MONGODB_{service.upper()}_PASSWORD"] = unquote(address.password)
    return found


def save(namespace: str, settled: Mapping[str, str]) -> None:
    generated = {name: value for name, value in settled.items() if name in GENERATED}
    files.write_json(files.deployment(namespace) / _FILE, generated)


def settle(
    given: Mapping[str, str], kept: Mapping[str, str], overlay: Overlay, *, with_data: Iterable[str]
) -> dict[str, str]:
    """One value for each secret that the overlay needs. `with_data` names the servers that already have a volume.

    Raises DeployError when a value would not match such a server's data.
    """
    settled = dict(given)
    for name in sorted(_needed(overlay, given, kept)):
        server = next((server for server, names in OF_SERVER.items() if name in names), None)
        has_data = name in _SET_ONCE and server in overlay.servers and server in with_data
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
            settled[name] = generate()
    return settled


def _needed(overlay: Overlay, given: Mapping[str, str], kept: Mapping[str, str]) -> set[str]:
    needed = {"JWT_SECRET", "LINK_SECRET", "MYSQL_PASSWORD"}
    if overlay.on_host:
        needed.add("MYSQL_MIGRATIONS_PASSWORD")
    for server in OF_SERVER.keys() & overlay.servers:
        needed |= OF_SERVER[server]
    needed |= {name for server, name in _OF_MEMBERS.items() if server in overlay.servers}
    if "rabbitmq" not in overlay.servers and not {"RABBITMQ_URI", "RABBITMQ_PASSWORD"} & given.keys():
        needed |= _RABBITMQ_USERS - {f"RABBITMQ_{_RABBITMQ_MANAGER.upper()}_PASSWORD"}
    if "mongodb" not in overlay.servers and not {"MONGO_URI", "MONGODB_PASSWORD"} & given.keys():
        needed |= _MONGODB_USERS - ({_MONGODB_BACKUP} - kept.keys())
    return needed


def contents(settled: Mapping[str, str], overlay: Overlay) -> dict[str, dict[str, str]]:
    """The values of each service's and server's Secret."""
    found = {}
    servers = {server: names for server, names in _OF_SERVERS.items() if server in overlay.servers}
    services = {service: names for service, names in _of_services().items() if service in overlay.services}
    for owner, names in {**services, MIGRATIONS: _OF_MIGRATIONS, **servers}.items():
        found[owner] = {name: settled[name] for name in sorted(names & settled.keys())}
        account = "gateway" if owner == "backup" and _MONGODB_BACKUP not in settled else owner
        if account in MONGODB_ACCOUNTS and (uri := _mongo_uri(account, settled, overlay)):
            found[owner]["MONGO_URI"] = uri
        if owner in _RABBITMQ_SERVICES and not {"RABBITMQ_URI", "RABBITMQ_PASSWORD"} & settled.keys():
            found[owner]["RABBITMQ_PASSWORD"] = settled[f"RABBITMQ_{owner.upper()}_PASSWORD"]
    return found


def objects(settled: Mapping[str, str], overlay: Overlay, namespace: str) -> list[Object]:
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {
                "name": f"{owner}-secret",
                "namespace": namespace,
                "labels": {"app": owner, "app.kubernetes.io/name": owner, **LABELS},
            },
            "data": {name: b64encode(value.encode()).decode() for name, value in values.items()},
        }
        for owner, values in contents(settled, overlay).items()
    ]


def _mongo_uri(service: str, settled: Mapping[str, str], overlay: Overlay) -> str | None:
    host = "mongodb" if "mongodb" in overlay.servers else settled.get("MONGODB_HOST", HOST if overlay.on_host else None)
    if "MONGO_URI" in settled or host is None:
        return settled.get("MONGO_URI")
    port = settled.get("MONGODB_PORT", "27017")
    user = settled.get("MONGODB_USER", service)
    password = settled.get("MONGODB_PASSWORD") or settled[f"MONGODB_{service.upper()}_PASSWORD"]
    source = settled.get("MONGODB_AUTH_SOURCE", "admin")
    # Not by the address in the configuration of the host's replica set, which is that of the loopback interface.
    direct = "&directConnection=true" if overlay.on_host and host == HOST else ""
    return f"mongodb://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/?authSource={source}{direct}"
