"""What `.env` means for an overlay: which ConfigMaps change, which secrets are given, and what is wrong or missing."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.deploy import credentials, variables
from scripts.deploy.overlay import Overlay

# Variables that belong to a server. Where the overlay brings that server, it decides about them.
_SERVERS: Mapping[str, frozenset[str]] = {
    "mysql": frozenset({"MYSQL_HOST", "MYSQL_PORT", "MYSQL_USER", "MYSQL_DB"}),
    "mongodb": frozenset(
        {"MONGO_URI", "MONGODB_HOST", "MONGODB_PORT", "MONGODB_USER", "MONGODB_PASSWORD", "MONGODB_AUTH_SOURCE"}
    ),
    "rabbitmq": frozenset({"RABBITMQ_URI", "RABBITMQ_HOST", "RABBITMQ_PORT", "RABBITMQ_USER", "RABBITMQ_VHOST"}),
}
_INGRESS = frozenset({"GATEWAY_HOST", "RABBITMQ_MANAGER_HOST"})
# RFC 7518 section 3.2, and what the auth service asks for.
_MIN_JWT_SECRET_BYTES = 32
_GMAIL = "smtp.gmail.com"


@dataclass
class Configuration:
    """What a deployment is made with; nothing is applied while there are problems."""

    # ConfigMap → variable → value.
    changes: dict[str, dict[str, str]] = field(default_factory=dict)
    # By the names in `credentials`.
    given: dict[str, str] = field(default_factory=dict)
    # A host name of the manifests → the operator's.
    hosts: dict[str, str] = field(default_factory=dict)
    # Whether emails leave the cluster, so that the mail server for trying out is not needed.
    own_mail_server: bool = False
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def configure(dotenv: Mapping[str, str], overlay: Overlay) -> Configuration:
    """Reads `.env` for an overlay. An empty value counts as none."""
    values = {name: value for name, value in dotenv.items() if value}
    services = variables.by_service()
    result = Configuration()
    _check_values(values, services, result)
    _drop_what_servers_decide(values, overlay, result)
    _choose_mail_server(values, overlay, result)
    _choose_hosts(values, overlay, result)
    result.given = {name: values[name] for name in credentials.GIVEN if name in values}
    _require(values, overlay, result)
    for service, known in services.items():
        changes = {name: values[name] for name in known if name in values and not known[name].secret}
        for name in _SERVERS["mongodb"]:  # always part of the Secret's MONGO_URI
            changes.pop(name, None)
        if changes:
            result.changes[f"{service}-configmap"] = changes
    return result


def _check_values(
    values: Mapping[str, str], services: Mapping[str, Mapping[str, variables.Variable]], result: Configuration
) -> None:
    known = {name: variable for service in services.values() for name, variable in service.items()}
    everything = known.keys() | _INGRESS | credentials.GIVEN | variables.FIXED
    for name, value in values.items():
        if name in variables.FIXED:
            result.notes.append(f"{name} in .env is not used here: the manifests decide about it.")
        elif name not in everything:
            close = difflib.get_close_matches(name, everything, n=1, cutoff=0.8)
            meant = f" Did you mean {close[0]}?" if close else ""
            result.notes.append(f"Nothing reads {name} in .env.{meant}")
        elif name in known and (problem := known[name].problem(value)):
            result.problems.append(f"{problem}.")
    if 0 < len(values.get("JWT_SECRET", "").encode()) < _MIN_JWT_SECRET_BYTES:
        result.problems.append(
            f"JWT_SECRET must have at least {_MIN_JWT_SECRET_BYTES} bytes. Leave it out, and one is generated."
        )


def _drop_what_servers_decide(values: dict[str, str], overlay: Overlay, result: Configuration) -> None:
    for server, names in _SERVERS.items():
        if server in overlay.servers:
            for name in sorted(names & values.keys()):
                del values[name]
                result.notes.append(f"{name} in .env is not used: this overlay runs its own {server}.")


def _choose_mail_server(values: dict[str, str], overlay: Overlay, result: Configuration) -> None:
    if values.get("SMTP_HOST") == "mailpit":  # as in docker-compose.yml
        for name in ("SMTP_HOST", "SMTP_PORT", "SMTP_SECURITY"):
            values.pop(name, None)
    for one, other in (("GMAIL_ADDRESS", "GMAIL_PASSWORD"), ("SMTP_USER", "SMTP_PASSWORD")):
        for name, partner in ((one, other), (other, one)):
            if name in values and partner not in values:
                result.problems.append(f"{partner} is missing: {name} is of no use without it.")
    if "SMTP_HOST" not in values and {"GMAIL_ADDRESS", "GMAIL_PASSWORD"} & values.keys():
        values["SMTP_HOST"] = _GMAIL
    if "SMTP_HOST" in values:
        values.setdefault("SMTP_PORT", "587")
        values.setdefault("SMTP_SECURITY", "starttls")
        result.own_mail_server = True
    elif {"SMTP_USER", "SMTP_PASSWORD", "SMTP_PORT", "SMTP_SECURITY"} & values.keys():
        result.problems.append("SMTP_HOST is missing: the other SMTP_ variables are of no use without it.")
    elif "mailpit" not in overlay.servers and not overlay.configured("notification-configmap", "SMTP_HOST"):
        result.problems.append(
            "SMTP_HOST, or GMAIL_ADDRESS and GMAIL_PASSWORD, must be set: emails need a mail server."
        )


def _choose_hosts(values: dict[str, str], overlay: Overlay, result: Configuration) -> None:
    for name, label in (("GATEWAY_HOST", "gateway"), ("RABBITMQ_MANAGER_HOST", "rabbitmq")):
        if name in values:
            for host in overlay.ingress_hosts(label):
                result.hosts[host] = values[name]
    if "GATEWAY_HOST" in values and "PUBLIC_URL" not in values:
        scheme = "https" if overlay.has_tls else "http"
        values["PUBLIC_URL"] = f"{scheme}://{values['GATEWAY_HOST']}"


def _require(values: Mapping[str, str], overlay: Overlay, result: Configuration) -> None:
    if "mysql" not in overlay.servers:
        for name in ("MYSQL_HOST", "MYSQL_USER"):
            if name not in values and not overlay.configured("auth-configmap", name):
                result.problems.append(f"{name} must be set: this overlay uses a MySQL outside of the cluster.")
    if "mongodb" not in overlay.servers and "MONGO_URI" not in values:
        if "MONGODB_HOST" not in values and not overlay.on_host:
            result.problems.append(
                "MONGO_URI (or MONGODB_HOST, MONGODB_USER and MONGODB_PASSWORD) must be set:"
                " this overlay uses a MongoDB outside of the cluster."
            )
        if ("MONGODB_USER" in values) != ("MONGODB_PASSWORD" in values):
            result.problems.append("MONGODB_USER and MONGODB_PASSWORD belong together: set both, or none.")
    if "rabbitmq" not in overlay.servers and "RABBITMQ_URI" not in values:
        result.problems.extend(
            f"{name} must be set: this overlay uses a RabbitMQ outside of the cluster."
            for name in ("RABBITMQ_HOST", "RABBITMQ_PASSWORD")
            if name not in values and not overlay.configured("gateway-configmap", name)
        )
