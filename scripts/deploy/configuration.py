"""Applies `.env` to an overlay, and finds everything that is wrong or missing in it."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from common.runtime.settings import configuration_errors
from scripts.deploy import credentials, dotenv_file, ingress
from scripts.deploy.manifests import Overlay
from scripts.deploy.programs import DeployError, say

# Variables that belong to a server. An overlay that runs the server sets them.
_SERVERS: Mapping[str, frozenset[str]] = {
    "mysql": frozenset({"MYSQL_HOST", "MYSQL_PORT", "MYSQL_USER", "MYSQL_DB", "MYSQL_MIGRATIONS_USER"}),
    "mongodb": credentials.MONGODB,
    "rabbitmq": frozenset(
        {"RABBITMQ_URI", "RABBITMQ_HOST", "RABBITMQ_PORT", "RABBITMQ_USER", "RABBITMQ_PASSWORD", "RABBITMQ_VHOST"}
    ),
}
_GMAIL = "smtp.gmail.com"


def configure(dotenv: Mapping[str, str], overlay: Overlay) -> dict[str, str]:
    """Writes the values of `.env` into the overlay's objects, and returns the secrets among them.

    An empty value counts as absent. Raises DeployError that names all problems.
    """
    values = {name: value for name, value in dotenv.items() if value}
    services = dotenv_file.variables()
    given_names = credentials.given_names()
    _drop_ignored(values, {name for known in services.values() for name in known} | given_names, overlay)
    problems = {*_choose_mail_server(values, overlay), *_incomplete_pairs(values), *ingress.problems(values)}
    ingress.apply(values, overlay)
    for service, known in services.items():
        data = overlay.data(f"{service}-configmap")
        data.update({name: values[name] for name in values if name in known and name not in given_names})
    queues = overlay.data("rabbitmq-queues")
    queues.update({name: values[name] for name in queues if name in values})
    given = {name: value for name, value in values.items() if name in given_names}
    if problems := problems | set(_rejected(overlay, given)):
        lines = "\n".join(f"  - {line}" for line in sorted(problems))
        raise DeployError(f"Nothing was changed. Problems in .env:\n{lines}")
    return given


def _drop_ignored(values: dict[str, str], read: set[str], overlay: Overlay) -> None:
    known = read | ingress.VARIABLES
    own = {name: server for server in overlay.servers & _SERVERS.keys() for name in _SERVERS[server]}
    for name in list(values):
        if name in dotenv_file.FIXED:
            reason = "is ignored: the manifests set it."
        elif name in own:
            reason = f"is ignored: this overlay runs its own {own[name]}."
        elif name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            reason = f"is unknown and ignored.{f' Did you mean {close[0]}?' if close else ''}"
        else:
            continue
        say(f"note: {name} in .env {reason}")
        del values[name]


def _choose_mail_server(values: dict[str, str], overlay: Overlay) -> Iterator[str]:
    if values.get("SMTP_HOST") == "mailpit":  # as in docker-compose.yml
        for name in ("SMTP_HOST", "SMTP_PORT", "SMTP_SECURITY"):
            values.pop(name, None)
    if {"GMAIL_ADDRESS", "GMAIL_PASSWORD"} & values.keys():
        values.setdefault("SMTP_HOST", _GMAIL)
    if "SMTP_HOST" in values:
        values.setdefault("SMTP_PORT", "587")
        values.setdefault("SMTP_SECURITY", "starttls")
        overlay.objects[:] = [item for item in overlay.objects if item["metadata"]["labels"].get("app") != "mailpit"]
    elif {"SMTP_USER", "SMTP_PASSWORD", "SMTP_PORT", "SMTP_SECURITY"} & values.keys():
        yield "SMTP_HOST is missing: the other SMTP_ variables need it."


def _incomplete_pairs(values: Mapping[str, str]) -> Iterator[str]:
    for prefix in ("SMTP", "MONGODB"):
        pair = {f"{prefix}_USER", f"{prefix}_PASSWORD"}
        if len(missing := pair - values.keys()) == 1:
            yield f"{missing.pop()} is missing: {prefix}_USER and {prefix}_PASSWORD must be set together."


def _rejected(overlay: Overlay, given: Mapping[str, str]) -> Iterator[str]:
    """What the services would reject at their start, if the secrets that are not given exist."""
    secrets = credentials.contents({**dict.fromkeys(credentials.GENERATED, 32 * "x"), **given}, overlay)
    for service, classes in dotenv_file.settings().items():
        if service not in overlay.services:
            continue
        values = {**given, **overlay.data(f"{service}-configmap"), **secrets[service]}
        arguments: dict[str, Any] = {name.lower(): value for name, value in values.items() if value}
        for settings in classes:
            try:
                settings(**arguments)
            except ValidationError as error:
                yield from configuration_errors(error)
