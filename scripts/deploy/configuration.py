"""What `.env` means for an overlay: ConfigMap values, given secrets, and everything that is wrong or missing."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic.fields import FieldInfo

from scripts.deploy import credentials, dotenv_file
from scripts.deploy.manifests import Overlay
from scripts.deploy.programs import DeployError, say

# Variables that belong to a server. An overlay that runs the server sets them.
_SERVERS: Mapping[str, frozenset[str]] = {
    "mysql": frozenset({"MYSQL_HOST", "MYSQL_PORT", "MYSQL_USER", "MYSQL_DB"}),
    "mongodb": frozenset(
        {"MONGO_URI", "MONGODB_HOST", "MONGODB_PORT", "MONGODB_USER", "MONGODB_PASSWORD", "MONGODB_AUTH_SOURCE"}
    ),
    "rabbitmq": frozenset({"RABBITMQ_URI", "RABBITMQ_HOST", "RABBITMQ_PORT", "RABBITMQ_USER", "RABBITMQ_VHOST"}),
}
_INGRESS = frozenset({"GATEWAY_HOST", "RABBITMQ_MANAGER_HOST"})
# Bytes: RFC 7518 section 3.2, which the auth service enforces.
_MIN_JWT_SECRET = 32
_GMAIL = "smtp.gmail.com"


@dataclass
class Configuration:
    """The values of a deployment; nothing is applied while there are problems."""

    # ConfigMap → variable → value.
    changes: dict[str, dict[str, str]] = field(default_factory=dict)
    # Secrets from `.env`, by the names in `credentials`.
    given: dict[str, str] = field(default_factory=dict)
    # Host name in the manifests → host name from `.env`.
    hosts: dict[str, str] = field(default_factory=dict)
    # Whether a real mail server is configured, which makes Mailpit unnecessary.
    own_mail_server: bool = False
    problems: list[str] = field(default_factory=list)


def configure(dotenv: Mapping[str, str], overlay: Overlay) -> Configuration:
    """Checks `.env` for an overlay. An empty value counts as absent. Raises DeployError that names all problems."""
    values = {name: value for name, value in dotenv.items() if value}
    services = dotenv_file.variables()
    result = Configuration()
    _check_values(values, services, result)
    _drop_server_variables(values, overlay)
    _choose_mail_server(values, overlay, result)
    _choose_hosts(values, overlay, result)
    result.given = {name: values[name] for name in credentials.GIVEN if name in values}
    _check_external_servers(values, overlay, result)
    for service, known in services.items():
        # MongoDB's variables are always part of the Secret's MONGO_URI.
        names = [name for name in known if name in values.keys() - _SERVERS["mongodb"]]
        names = [name for name in names if not dotenv_file.is_secret(known[name])]
        if names:
            result.changes[f"{service}-configmap"] = {name: values[name] for name in names}
    if result.problems:
        problems = "\n".join(f"  - {line}" for line in result.problems)
        raise DeployError(f"Nothing was changed. Problems in .env:\n{problems}")
    return result


def _check_values(
    values: Mapping[str, str], services: Mapping[str, Mapping[str, FieldInfo]], result: Configuration
) -> None:
    known = {name: setting for service in services.values() for name, setting in service.items()}
    everything = known.keys() | _INGRESS | credentials.GIVEN | dotenv_file.FIXED
    for name, value in values.items():
        if name in dotenv_file.FIXED:
            say(f"note: {name} in .env is ignored: the manifests set it.")
        elif name not in everything:
            close = difflib.get_close_matches(name, everything, n=1, cutoff=0.8)
            hint = f" Did you mean {close[0]}?" if close else ""
            say(f"note: {name} in .env is unknown and ignored.{hint}")
        elif name in known and (problem := dotenv_file.problem(name, known[name], value)):
            result.problems.append(problem)
    if 0 < len(values.get("JWT_SECRET", "").encode()) < _MIN_JWT_SECRET:
        result.problems.append(
            f"JWT_SECRET must have at least {_MIN_JWT_SECRET} bytes. Remove it to have one generated."
        )


def _drop_server_variables(values: dict[str, str], overlay: Overlay) -> None:
    for server in overlay.servers & _SERVERS.keys():
        for name in sorted(_SERVERS[server] & values.keys()):
            del values[name]
            say(f"note: {name} in .env is ignored: this overlay runs its own {server}.")


def _choose_mail_server(values: dict[str, str], overlay: Overlay, result: Configuration) -> None:
    if values.get("SMTP_HOST") == "mailpit":  # as in docker-compose.yml
        for name in ("SMTP_HOST", "SMTP_PORT", "SMTP_SECURITY"):
            values.pop(name, None)
    for one, other in (("GMAIL_ADDRESS", "GMAIL_PASSWORD"), ("SMTP_USER", "SMTP_PASSWORD")):
        for name, partner in ((one, other), (other, one)):
            if name in values and partner not in values:
                result.problems.append(f"{partner} is missing: {name} needs it.")
    if "SMTP_HOST" not in values and {"GMAIL_ADDRESS", "GMAIL_PASSWORD"} & values.keys():
        values["SMTP_HOST"] = _GMAIL
    if "SMTP_HOST" in values:
        values.setdefault("SMTP_PORT", "587")
        values.setdefault("SMTP_SECURITY", "starttls")
        result.own_mail_server = True
    elif {"SMTP_USER", "SMTP_PASSWORD", "SMTP_PORT", "SMTP_SECURITY"} & values.keys():
        result.problems.append("SMTP_HOST is missing: the other SMTP_ variables need it.")
    elif "mailpit" not in overlay.servers and not overlay.configured("notification-configmap", "SMTP_HOST"):
        result.problems.append(
            "SMTP_HOST, or GMAIL_ADDRESS and GMAIL_PASSWORD, must be set: emails need a mail server."
        )


def _choose_hosts(values: dict[str, str], overlay: Overlay, result: Configuration) -> None:
    for name, service in (("GATEWAY_HOST", "gateway"), ("RABBITMQ_MANAGER_HOST", "rabbitmq")):
        if name in values:
            result.hosts |= dict.fromkeys(overlay.ingress_hosts(service), values[name])
    if "GATEWAY_HOST" in values and "PUBLIC_URL" not in values:
        scheme = "https" if overlay.has_tls else "http"
        values["PUBLIC_URL"] = f"{scheme}://{values['GATEWAY_HOST']}"


def _check_external_servers(values: Mapping[str, str], overlay: Overlay, result: Configuration) -> None:
    if "mysql" not in overlay.servers:
        for name in ("MYSQL_HOST", "MYSQL_USER"):
            if name not in values and not overlay.configured("auth-configmap", name):
                result.problems.append(f"{name} must be set: this overlay uses an external MySQL.")
    if "mongodb" not in overlay.servers and "MONGO_URI" not in values:
        if "MONGODB_HOST" not in values and not overlay.on_host:
            result.problems.append(
                "MONGO_URI (or MONGODB_HOST, MONGODB_USER and MONGODB_PASSWORD) must be set:"
                " this overlay uses an external MongoDB."
            )
        if ("MONGODB_USER" in values) != ("MONGODB_PASSWORD" in values):
            result.problems.append("MONGODB_USER and MONGODB_PASSWORD must be set together.")
    if "rabbitmq" not in overlay.servers and "RABBITMQ_URI" not in values:
        for name in ("RABBITMQ_HOST", "RABBITMQ_PASSWORD"):
            if name not in values and not overlay.configured("gateway-configmap", name):
                result.problems.append(f"{name} must be set: this overlay uses an external RabbitMQ.")
